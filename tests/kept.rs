//! What an earlier release left on a disk, opened by this one: a vault, a backup of it, a relay's store, frozen under
//! `tests/vectors/`. A format that changes takes a step (`host/vault/migrate.rs`, `host/sqlite.rs`), and these files stay as they are.
//! Only before a first release are they made anew: `cargo test --test kept -- --ignored --exact freeze`, `freeze_relay_2`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "the scene of the other tests is more than is needed here")]

#[path = "cli/officer.rs"]
mod officer;
#[path = "cli/relay.rs"]
mod relay;
#[path = "relay_client/mod.rs"]
mod relay_client;
#[path = "cli/scene.rs"]
mod scene;

use officer::{Officer, chmod};
use relay::copy;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use truceline::host::sqlite::SqliteStore;
use truceline::relay::engine::Relay as Engine;
use truceline::relay::message::Limits;
use truceline::relay::table::Row;
use truceline::step::Table;

fn frozen(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// What was frozen, as it was then.
fn then() -> Value {
    serde_json::from_str(&std::fs::read_to_string(frozen("kept.json")).unwrap()).unwrap()
}

/// What an officer sees of a vault: all that a format could change.
fn seen(officer: &Officer) -> Value {
    let transcript = officer.ok(&["transcript", "verify"]);
    let check = officer.ok(&["vault", "check"]);
    let cases = officer.ok(&["cases"])["cases"].clone();
    let cases: Vec<Value> = cases.as_array().unwrap().iter().map(|case| case["state"].clone()).collect();
    let of = |args: &[&str], list: &str, field: &str| -> Vec<Value> {
        let answer = officer.ok(args);
        answer[list]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .iter()
            .map(|it| it[field].clone())
            .collect()
    };
    json!({
        "party": officer.ok(&["status"])["party"],
        "channel": transcript["channel"],
        "parties": transcript["parties"],
        "statements": of(&["log"], "statements", "id"),
        "stored": of(&["log"], "statements", "stored"),
        "delivered": of(&["log"], "statements", "delivered"),
        "cases": cases,
        "records": of(&["private", "list"], "records", "text"),
        "drafts": of(&["draft", "list"], "drafts", "draft"),
        "mandate": officer.ok(&["mandate", "show"])["number"],
        "settings": officer.ok(&["settings"]),
        "rows": check["rows"],
    })
}

/// A frozen folder as its owner would have it: a checkout knows no private files.
fn thawed(name: &str) -> Officer {
    let officer = Officer::without_vault();
    copy(&frozen(name), &officer.vault);
    chmod(&officer.vault, 0o700);
    for entry in std::fs::read_dir(&officer.vault).unwrap() {
        chmod(&entry.unwrap().path(), 0o600);
    }
    officer
}

#[test]
fn a_vault_of_the_first_format_is_opened_checked_and_exported() {
    let officer = thawed("vault-1");
    assert_eq!(seen(&officer), then()["vault"]);
    officer.ok(&["transcript", "export", "export.bin"]);
    let verified = officer.ok(&["verify", "export.bin"]);
    assert_eq!(verified["parties"], then()["vault"]["parties"]);
    // It is in use as ever: what is said continues its chain.
    officer.ok(&["say", "Said by a later release."]);
    officer.ok(&["vault", "check"]);
    let later = officer.ok(&["transcript", "verify"]);
    assert_ne!(later["parties"], then()["vault"]["parties"]);
}

#[test]
fn a_backup_of_the_first_format_is_restored() {
    let officer = Officer::without_vault();
    officer.ok(&["vault", "restore", frozen("vault-1.backup").to_str().unwrap()]);
    assert_eq!(seen(&officer), then()["vault"]);
}

/// A frozen store as its operator would have it.
fn thawed_relay(name: &str) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("relay");
    copy(&frozen(name), &dir);
    chmod(&dir, 0o700);
    std::fs::read_dir(&dir).unwrap().for_each(|entry| chmod(&entry.unwrap().path(), 0o600));
    (place, dir)
}

#[test]
fn a_relays_store_of_the_first_format_is_served() {
    let (_place, dir) = thawed_relay("relay-1");
    // What only reads does not change it, and says what does.
    let older = SqliteStore::open_to_read(&dir).err().unwrap();
    assert!(older.remedy().contains("Start the relay"), "{older}: {}", older.remedy());
    assert_eq!(relay_seen(&dir), then()["relay"]);
    SqliteStore::open_to_read(&dir).unwrap();
}

#[test]
fn a_relays_store_of_the_second_format_is_served_with_what_its_journal_has() {
    let (_place, dir) = thawed_relay("relay-2");
    assert_eq!(relay_seen(&dir), then()["relay-2"]);
    // Again, now from the file.
    assert_eq!(relay_seen(&dir), then()["relay-2"]);
}

/// How many rows of each table, and that an engine comes of them.
fn relay_seen(dir: &Path) -> Value {
    use truceline::host::store::Store;
    let store = SqliteStore::open(dir).unwrap();
    let (mut rows, mut counts) = (Vec::new(), Vec::new());
    for table in [1, 2, 3, 4].map(Table) {
        let before = rows.len();
        store
            .scan(table, &mut |key, value| {
                let value = (table != Table(3)).then(|| value.to_vec());
                rows.push(Row { table, key: key.to_vec(), value });
            })
            .unwrap();
        counts.push(rows.len() - before);
    }
    rows.retain(|row| row.table != Table(3));
    let restored = Engine::restore(Limits::default(), rows);
    json!({"queues": counts[0], "records": counts[1], "cells": counts[2], "tokens": counts[3], "damaged": restored.damaged})
}

/// A vault with something in every table that a calm channel has, and its backup. (The relay that both sides used had the
/// first format then, which is no longer made.)
#[test]
#[ignore = "makes the frozen files anew, which is right only before a first release"]
fn freeze() {
    let mut scene = scene::Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let both = || {
        for _ in 0..2 {
            velmara.sync();
            tarrun.sync();
        }
    };
    let ministry = Officer::new("Ministry");
    let fingerprint = ministry.ok(&["status"])["party"]["fingerprint"].as_str().unwrap().to_owned();
    let rules = "number = 1\nvalid_until = 2099-01-01T00:00:00Z\n[[rule]]\nname = \"ten prisoners of war\"\n\
                 issue = \"give\"\nclass = \"negotiable\"\nwho.category = [\"prisoner of war\"]\nbottom = 10\n\
                 [[rule]]\nname = \"anyone home\"\nissue = \"get\"\nclass = \"negotiable\"\n";
    let (mandate, signed) = (ministry.write("mandate.toml", rules), ministry.dir.join("mandate.signed"));
    let signed = signed.to_str().unwrap();
    ministry.ok(&["mandate", "sign", &mandate, "--out", signed, "--yes"]);
    velmara.ok(&["mandate", "set", signed, "--principal", &fingerprint]);
    velmara.ok(&["say", "We can name two."]);
    let proposal = velmara.write(
        "proposal.toml",
        "[[leg]]\ngiver = \"me\"\ncategory = \"prisoner of war\"\ncount = 2\n\
         [[leg]]\ngiver = \"them\"\ncategory = \"prisoner of war\"\ncount = 2\n",
    );
    let offer = officer::id(&velmara.ok(&["propose", &proposal, "--yes"]));
    both();
    let accepted = officer::id(&tarrun.ok(&["accept", &offer, "--yes"]));
    tarrun.sync();
    velmara.sync();
    let drafted = velmara.ok(&["draft", "confirm", &accepted]);
    velmara.ok(&["draft", "send", drafted["draft"].as_str().unwrap(), "--yes"]);
    both();
    let larger =
        velmara.write("larger.toml", "[[leg]]\ngiver = \"me\"\ncategory = \"prisoner of war\"\ncount = 3\n");
    velmara.ok(&["draft", "propose", &larger]);
    velmara.ok(&["private", "note", &offer, "Their deputy read it out."]);
    velmara.ok(&["honesty", "add", &offer, "--truth", "There are three."]);
    velmara.ok(&["profile", "set", "authority", "Has to ask the ministry."]);
    velmara.ok(&["show", &accepted]);
    velmara.ok(&["say", "Never sent."]);
    tarrun.ok(&["say", "Sent, and never fetched."]);
    tarrun.sync();
    assert_eq!(scene.relay.terminate(), Some(0));
    let (vault, backup) = (frozen("vault-1"), frozen("vault-1.backup"));
    std::fs::create_dir_all(&vault).unwrap();
    std::fs::copy(scene.velmara.vault.join("vault.sqlite"), vault.join("vault.sqlite")).unwrap();
    let _ = std::fs::remove_file(&backup);
    scene.velmara.ok(&["vault", "backup", backup.to_str().unwrap()]);
    let mut page = then();
    page["vault"] = seen(&scene.velmara);
    std::fs::write(frozen("kept.json"), format!("{page:#}\n")).unwrap();
}

/// The relay of the first format in the second, with a cell dropped and two stored that are in the journal alone.
#[test]
#[ignore = "makes the frozen files anew, which is right only before a first release"]
fn freeze_relay_2() {
    use truceline::host::store::Store;
    use truceline::step::Record;
    let (_place, dir) = thawed_relay("relay-1");
    let mut store = SqliteStore::open(&dir).unwrap();
    let mut cells = Vec::new();
    store.scan(Table(3), &mut |key, _| cells.push(key.to_vec())).unwrap();
    let (first, last) = (cells.first().unwrap(), cells.last().unwrap());
    store.commit([2, 3].map(|table| Record::delete(Table(table), first.clone())).into()).unwrap();
    for next in 1..=2 {
        let index = u64::from_be_bytes(last[8..].try_into().unwrap()) + next;
        let key = [&last[..8], &index.to_be_bytes()].concat();
        let rows = [2, 3].map(|table| {
            let value = store.read(Table(table), last).unwrap().unwrap();
            Record::put(Table(table), key.clone(), value.to_vec())
        });
        store.commit(rows.into()).unwrap();
    }
    drop(store);
    let journal = std::fs::read(dir.join("relay.journal")).unwrap();
    let used = journal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    std::fs::create_dir_all(frozen("relay-2")).unwrap();
    std::fs::write(frozen("relay-2").join("relay.journal"), &journal[..used.next_multiple_of(4_096)])
        .unwrap();
    std::fs::copy(dir.join("relay.sqlite"), frozen("relay-2").join("relay.sqlite")).unwrap();
    let mut page = then();
    page["relay-2"] = relay_seen(&dir);
    std::fs::write(frozen("kept.json"), format!("{page:#}\n")).unwrap();
}
