//! Keeping a vault: backed up while in use, restored, checked, given another passphrase, retired.

use crate::officer::{Answer, Officer, PASSPHRASE, chmod};
use crate::scene::Scene;
use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What must not be readable in a backup.
const MARKS: [&str; 4] = ["A sentence to look for", "Velmara", "Tarrun", "A note of our own"];

/// A scene in which both have spoken, and Velmara keeps a note and a draft.
fn spoken() -> Scene {
    let scene = Scene::new();
    scene.velmara.ok(&["say", "A sentence to look for."]);
    scene.velmara.sync();
    scene.tarrun.sync();
    scene.tarrun.ok(&["say", "And its answer."]);
    scene.tarrun.sync();
    scene.velmara.sync();
    let id = scene.velmara.ok(&["log"])["statements"][0]["id"].as_str().unwrap().to_owned();
    scene.velmara.ok(&["private", "note", &id, "A note of our own."]);
    scene
}

/// An officer on another machine, with the same passphrase.
fn elsewhere(passphrase: &str) -> Officer {
    let officer = Officer::without_vault();
    officer.write("passphrase", format!("{passphrase}\n"));
    officer
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A `sync --watch` that has told its first event.
fn watching(officer: &Officer, told: &str) -> Child {
    let mut child = officer.command(&["--json", "sync", "--watch"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.contains(told), "{line}");
    // What it tells later is read by nobody, and does not stop it.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    child
}

fn stop(mut child: Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Alters the vault's file as somebody with SQLite would.
fn meddle(officer: &Officer, sql: &str) {
    let db = Connection::open(officer.vault.join("vault.sqlite")).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
}

/// The sealed bodies of a table's rows.
fn bodies(officer: &Officer, table: u8) -> Vec<Vec<u8>> {
    let db = Connection::open(officer.vault.join("vault.sqlite")).unwrap();
    let mut rows = db.prepare("SELECT body FROM rows WHERE kind = ?1").unwrap();
    let rows = rows.query_map([table], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn damaged(officer: &Officer, what: &[&str]) {
    for answer in [officer.run(&["vault", "check"]), officer.json(&["vault", "check"])] {
        answer.fails(4, "the vault is damaged", "restore the newest backup");
        for what in what {
            assert!(answer.err.contains(what), "no '{what}': {answer:?}");
        }
    }
}

#[test]
fn a_vault_is_backed_up_while_a_sync_uses_it_and_the_backup_waits_for_the_relays() {
    let scene = spoken();
    scene.tarrun.ok(&["say", "Are you there?"]);
    scene.tarrun.sync();
    let watch = watching(&scene.velmara, "Are you there?");
    let file = scene.velmara.dir.join("backup");
    // Nothing is asked: the one who uses the vault has its key.
    scene.velmara.write("passphrase", "not asked\n");
    let made = scene.velmara.ok(&["vault", "backup", "backup"]);
    scene.velmara.write("passphrase", format!("{PASSPHRASE}\n"));
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(made["bytes"], bytes.len());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for mark in MARKS {
        assert!(!bytes.windows(mark.len()).any(|window| window == mark.as_bytes()), "{mark}");
    }
    scene.velmara.json(&["vault", "backup", "backup"]).fails(6, "exists already", "another");
    let none = text_of(&scene.velmara.dir.join("none/backup"));
    scene.velmara.json(&["vault", "backup", &none]).fails(6, "cannot be used", "path");
    stop(watch);
    let left = std::fs::read_dir(&scene.velmara.vault).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("backup")), "{left:?}");

    let restored = elsewhere(PASSPHRASE);
    let answer = restored.ok(&["vault", "restore", &text_of(&file)]);
    assert_eq!((&answer["check"]["sound"], &answer["step"]), (&true.into(), &made["step"]));
    assert_eq!(restored.ok(&["log"])["statements"], scene.velmara.ok(&["log"])["statements"]);
    assert_eq!(restored.ok(&["private", "list"])["records"].as_array().unwrap().len(), 1);
    // It does not speak before it has heard; then it goes on, for nothing was said since.
    assert_eq!(restored.channel("tarrun")["halt"]["code"], "restored");
    restored.refused(&["say", "Before."], 3, "restored from a backup", "truceline sync");
    restored.sync();
    assert_eq!(restored.channel("tarrun")["halt"], serde_json::Value::Null);
    restored.ok(&["say", "From the restored vault."]);
    restored.sync();
    scene.tarrun.sync();
    let heard = scene.tarrun.notes_heard("velmara");
    assert_eq!(heard.last().map(String::as_str), Some("From the restored vault."));
    restored.ok(&["vault", "check"]);
}

#[test]
fn a_backup_that_is_behind_sends_nothing_and_says_so() {
    let scene = spoken();
    scene.velmara.ok(&["vault", "backup", "backup"]);
    scene.velmara.ok(&["say", "Said after the backup."]);
    scene.velmara.sync();
    scene.tarrun.sync();
    let restored = elsewhere(PASSPHRASE);
    let answer = restored.run(&["vault", "restore", &text_of(&scene.velmara.dir.join("backup"))]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.err.contains("truceline channel renew"), "{answer:?}");
    restored.sync();
    let halt = restored.channel("tarrun")["halt"]["code"].clone();
    assert!(["rolled-back", "peer-ahead"].iter().any(|code| halt == *code), "{halt}");
    restored.refused(&["say", "In place of it."], 3, "sends nothing more", "renew");
    scene.tarrun.sync();
    assert_eq!(scene.tarrun.channel("velmara")["halt"], serde_json::Value::Null);
}

#[test]
fn what_is_no_sound_backup_and_what_is_in_the_way_is_refused_and_nothing_is_left() {
    let officer = Officer::new("Velmara");
    officer.ok(&["vault", "backup", "backup"]);
    let file = text_of(&officer.dir.join("backup"));
    officer.refused(&["vault", "restore", &file], 4, "exists already", "not there");
    let other = elsewhere("not the passphrase");
    other.json(&["vault", "restore", &file]).fails(4, "passphrase is wrong", "again");
    other.write("passphrase", format!("{PASSPHRASE}\n"));
    let whole = std::fs::read(&file).unwrap();
    for (name, bytes, code, what) in [
        ("none", b"not a backup".to_vec(), 6, "not a backup"),
        ("short", whole[..100].to_vec(), 6, "cut short"),
        ("cut", whole[..whole.len() - 1].to_vec(), 6, "altered, moved or cut off"),
        ("long", [&whole[..], b"x"].concat(), 6, "altered, moved or cut off"),
    ] {
        let name = other.write(name, bytes);
        other.run(&["vault", "restore", &name]).fails(code, what, "");
    }
    other.json(&["vault", "restore", "missing"]).fails(6, "cannot be used", "path");
    let left: Vec<_> =
        std::fs::read_dir(&other.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("vault")), "{left:?}");
    other.ok(&["vault", "restore", &file]);
    assert_eq!(other.ok(&["status"])["party"], officer.ok(&["status"])["party"]);
}

#[test]
fn a_new_passphrase_opens_the_vault_and_the_old_one_its_old_backup() {
    let officer = Officer::new("Velmara");
    officer.ok(&["vault", "backup", "older"]);
    let new = officer.write("new", "eight words that are quite new\n");
    chmod(Path::new(&new), 0o600);
    let change = ["vault", "passphrase", "--fast-passphrase", "--new-passphrase-file", &new];
    let answer = officer.run(&change);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.err.contains("old one"), "{answer:?}");
    officer.refused(&["status"], 4, "passphrase is wrong", "again");
    officer.json(&change).fails(4, "passphrase is wrong", "again");
    officer.write("passphrase", "eight words that are quite new\n");
    officer.ok(&["vault", "backup", "newer"]);
    officer.ok(&["vault", "check"]);
    for (backup, opens, refused) in [
        ("older", PASSPHRASE, "eight words that are quite new"),
        ("newer", "eight words that are quite new", PASSPHRASE),
    ] {
        let file = text_of(&officer.dir.join(backup));
        elsewhere(refused).json(&["vault", "restore", &file]).fails(4, "passphrase is wrong", "");
        elsewhere(opens).ok(&["vault", "restore", &file]);
    }
    // Without a terminal nobody can be asked for a new one.
    officer.json(&["vault", "passphrase"]).fails(2, "no terminal", "");
}

#[test]
fn a_sound_vault_is_told_to_be_sound_and_is_not_changed() {
    let scene = spoken();
    let before = scene.velmara.bytes();
    let answer = scene.velmara.ok(&["vault", "check"]);
    assert_eq!(answer["sound"], true);
    assert_eq!(answer["channels"], 1);
    let statements = scene.velmara.ok(&["log"])["statements"].as_array().unwrap().len();
    assert_eq!(answer["rows"]["statement"], statements);
    assert!(answer["signatures"].as_u64().unwrap() >= statements as u64 + 2);
    assert_eq!(before, scene.velmara.bytes());
    let text = scene.velmara.text(&["vault", "check"]);
    assert!(text.contains("all is as it was written"), "{text}");
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn all_damage_is_found_at_once_also_where_no_engine_can_be_built() {
    let scene = spoken();
    let whole = scene.velmara.bytes();
    let put_back = || whole.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    for (sql, what) in [
        ("DELETE FROM rows WHERE kind = 1", "the identity is missing"),
        ("DELETE FROM rows WHERE kind = 255", "its root row is missing"),
        ("UPDATE rows SET body = zeroblob(100) WHERE kind = 255", "its root row does not open"),
        ("DELETE FROM rows WHERE kind = 3", "table 3 (thread), key 00000001: the row is missing"),
        ("UPDATE rows SET body = zeroblob(20) WHERE kind = 3", "table 3 (thread)"),
        (
            "DELETE FROM rows WHERE kind = 5 AND id = (SELECT min(id) FROM rows WHERE kind = 5)",
            "table 5 (mark)",
        ),
        ("DELETE FROM rows WHERE kind = 13", "0 rows are there, and 1 were written"),
        (
            "UPDATE rows SET kind = 77 WHERE kind = 13",
            "table 77 (unknown): 1 rows are in a table that there is not",
        ),
        ("UPDATE rows SET body = 'text' WHERE kind = 13", "its rows cannot all be read"),
        ("UPDATE rows SET key = x'00' WHERE kind = 13", "a row's seal does not open"),
        (
            "DELETE FROM rows WHERE kind = 4 AND key = x'00000001000000000000000000'",
            "#0 of the inviter is missing",
        ),
        (
            "DELETE FROM rows WHERE kind = 4 AND key = (SELECT max(key) FROM rows WHERE kind = 4)",
            "the newest are missing",
        ),
    ] {
        put_back();
        meddle(&scene.velmara, sql);
        damaged(&scene.velmara, &[what]);
    }
    // Three things at once, in three tables.
    put_back();
    meddle(&scene.velmara, "UPDATE rows SET body = zeroblob(9) WHERE kind = 2");
    meddle(&scene.velmara, "UPDATE rows SET body = zeroblob(9) WHERE kind = 13");
    meddle(&scene.velmara, "DELETE FROM rows WHERE kind = 4 AND key = x'00000001010000000000000000'");
    scene.velmara.json(&["status"]).fails(4, "altered", "");
    damaged(&scene.velmara, &["table 2 (settings)", "table 13 (own)", "#0 of the joiner is missing"]);
    put_back();
    scene.velmara.ok(&["vault", "check"]);
    // And what is no vault, or opens with another passphrase.
    scene.velmara.write("passphrase", "another\n");
    scene.velmara.json(&["vault", "check"]).fails(4, "passphrase is wrong", "");
    Officer::without_vault().json(&["vault", "check"]).fails(4, "no vault", "init");
}

#[test]
fn a_retired_vault_holds_no_key_and_all_that_was_said() {
    let scene = spoken();
    let Officer { vault, .. } = &scene.velmara;
    scene.velmara.ok(&["vault", "backup", "backup"]);
    scene.velmara.ok(&["say", "Never sent."]);
    let log = scene.velmara.ok(&["log"]);
    let id = log["statements"][0]["id"].as_str().unwrap().to_owned();
    let erased: Vec<Vec<u8>> = [1, 3].into_iter().flat_map(|table| bodies(&scene.velmara, table)).collect();
    assert!(erased.len() >= 2);
    scene.velmara.refused(&["vault", "retire"], 2, "no terminal", "--yes");
    let answer = scene.velmara.run(&["vault", "retire", "--yes"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        answer.out.contains("1 statement never sent") && answer.err.contains("destroy them"),
        "{answer:?}"
    );

    // Not one sealed row with a key is left in the file or its log.
    for entry in std::fs::read_dir(vault).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for body in &erased {
            let sample = &body[..body.len().min(64)];
            assert!(!bytes.windows(sample.len()).any(|window| window == sample), "an erased row is left");
        }
    }
    let rows = scene.velmara.ok(&["vault", "check"])["rows"].clone();
    // A cell stays where a relay signed that it has it: that is evidence.
    assert_eq!(rows.get("cell"), rows.get("deposit"), "{rows}");
    assert_eq!(rows.get("cell"), rows.get("places"), "{rows}");
    for table in ["identity", "fragment", "opened"] {
        assert!(rows.get(table).is_none(), "{table}: {rows}");
    }
    let status = scene.velmara.ok(&["status"]);
    assert!(status["retired"].is_string(), "{status}");
    assert_eq!(scene.velmara.ok(&["log"])["statements"], log["statements"]);
    scene.velmara.ok(&["show", &id]);
    scene.velmara.ok(&["words"]);
    scene.velmara.ok(&["cases"]);
    scene.velmara.ok(&["report"]);
    scene.velmara.ok(&["private", "list"]);
    scene.velmara.ok(&["transcript", "verify"]);
    scene.velmara.ok(&["transcript", "export", "export.bin"]);
    scene.velmara.ok(&["verify", "export.bin"]);
    for refused in [
        &["sync"][..],
        &["say", "More."],
        &["vault", "retire", "--yes"],
        &["words", "--differ", "--yes"],
        &["invite", "--relay", "relay.example:1#x", "--pass", "y"],
        &["propose", "missing.toml"],
        &["draft", "accept", &id, "--out", "draft"],
    ] {
        scene.velmara.refused(refused, 3, "this vault was retired", "new vault");
    }
    // A backup of it is as retired; one made before is not.
    scene.velmara.ok(&["vault", "backup", "later"]);
    let (later, before) = (elsewhere(PASSPHRASE), elsewhere(PASSPHRASE));
    let file = |name: &str| -> String { text_of(&PathBuf::from(&scene.velmara.dir).join(name)) };
    let answer: Answer = later.run(&["vault", "restore", &file("later")]);
    assert!(answer.code == Some(0) && answer.err.contains("retired"), "{answer:?}");
    later.refused(&["say", "x"], 3, "this vault was retired", "");
    before.ok(&["vault", "restore", &file("backup")]);
    assert_eq!(before.ok(&["status"])["retired"], serde_json::Value::Null);
}
