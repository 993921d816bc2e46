//! Sudden death of each command that writes: afterwards what it was to change is as before or as after, nothing that it
//! told is lost, and the same command given again does the job, or says that it was done or what is in the way.

use crate::officer::{Answer, Officer, PASSPHRASE, chmod, example};
use crate::relay::{Relay, copy, operator, port, put_back};
use crate::scene::Scene;
use crate::strike::{seeds, strike};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rusqlite::Connection;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// A folder, and a copy of what it was.
struct Kept {
    folder: PathBuf,
    copy: TempDir,
}

impl Kept {
    fn of(folder: &Path) -> Self {
        let kept = tempfile::tempdir().unwrap();
        copy(folder, kept.path());
        Self { folder: folder.to_owned(), copy: kept }
    }

    fn put_back(&self) {
        put_back(self.copy.path(), &self.folder);
    }
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    assert!(removed.is_ok() || !path.exists(), "{}: {removed:?}", path.display());
}

/// Whether it said, by its exit code or in words, that its work was done.
fn is_done(answer: &Answer) -> bool {
    answer.code == Some(0) || !answer.out.is_empty()
}

/// All in the vault is as it was written, whatever it is.
fn is_sound(officer: &Officer) {
    officer.ok(&["vault", "check"]);
}

#[test]
fn an_init_killed_at_any_moment_leaves_a_whole_vault_or_none() {
    let officer = Officer::without_vault();
    let init = ["init", "--name", "Velmara", "--fast-passphrase"];
    let mut begin = || {
        remove(&officer.vault);
        officer.command(&init)
    };
    strike("an_init_killed", &mut begin, &mut |killed| {
        let again = officer.json(&init);
        if again.code != Some(0) {
            again.fails(4, "vault already", "Use it");
        } else {
            assert!(!is_done(killed), "the vault that was made is gone");
        }
        assert_eq!(officer.ok(&["status"])["party"]["name"], "Velmara");
        is_sound(&officer);
    });
}

/// Ids of the officer's own statements.
fn said(officer: &Officer) -> Vec<String> {
    let log = officer.ok(&["log"]);
    let all = log["statements"].as_array().unwrap().iter();
    let own = all
        .filter(|it| it["author"] == "own" && it["kind"] != "words-confirmed" && it["kind"] != "delivered");
    own.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// A command that says one thing.
fn says_once_or_not_at_all(test: &str, args: &[&str]) {
    let Scene { relay: _relay, velmara, tarrun } = Scene::new();
    let kept = Kept::of(&velmara.vault);
    let before = said(&velmara);
    let mut begin = || {
        kept.put_back();
        velmara.command(&[&["--json"], args].concat())
    };
    strike(test, &mut begin, &mut |killed| {
        let now = said(&velmara);
        assert!(now.starts_with(&before) && now.len() <= before.len() + 1, "{now:?}");
        if !killed.out.is_empty() {
            assert_eq!(now.last(), Some(&crate::officer::id(&serde_json::from_str(&killed.out).unwrap())));
        }
        velmara.ok(args);
        assert_eq!(said(&velmara).len(), now.len() + 1);
        is_sound(&velmara);
    });
    let all = said(&velmara);
    velmara.sync();
    tarrun.sync();
    let log = tarrun.ok(&["log"]);
    let heard: Vec<_> =
        log["statements"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(all.iter().all(|id| heard.contains(&id.as_str())), "{all:?} of {heard:?}");
}

#[test]
fn a_say_killed_at_any_moment_says_it_once_or_not_at_all() {
    says_once_or_not_at_all("a_say_killed", &["say", "Our list follows within the hour."]);
}

#[test]
fn a_proposal_killed_at_any_moment_is_made_once_or_not_at_all() {
    let file = example("exchange.toml");
    says_once_or_not_at_all("a_proposal_killed", &["propose", file.to_str().unwrap(), "--yes"]);
}

#[test]
fn a_backup_killed_at_any_moment_is_whole_or_not_there() {
    let Scene { relay: _relay, velmara, .. } = Scene::new();
    let file = velmara.dir.join("backup");
    let backup = ["vault", "backup", "backup"];
    let mut begin = || {
        remove(&file);
        velmara.command(&backup)
    };
    strike("a_backup_killed", &mut begin, &mut |killed| {
        let again = velmara.json(&backup);
        if again.code != Some(0) {
            again.fails(6, "exists already", "Name another");
        } else {
            assert!(!is_done(killed), "the backup that was made is gone");
        }
        let restored = Officer::without_vault();
        restored.ok(&["vault", "restore", file.to_str().unwrap()]);
        is_sound(&velmara);
    });
}

#[test]
fn a_change_of_passphrase_killed_at_any_moment_leaves_a_vault_that_one_of_the_two_opens() {
    let officer = Officer::new("Velmara");
    let kept = Kept::of(&officer.vault);
    let new = "eight words that are quite new";
    let file = officer.write("new", new);
    chmod(Path::new(&file), 0o600);
    let change = ["vault", "passphrase", "--fast-passphrase", "--new-passphrase-file", &file];
    let mut begin = || {
        kept.put_back();
        officer.write("passphrase", PASSPHRASE);
        officer.command(&change)
    };
    strike("a_change_of_passphrase_killed", &mut begin, &mut |killed| {
        let again = officer.json(&change);
        if again.code != Some(0) {
            again.fails(4, "passphrase is wrong", "");
        } else {
            assert!(!is_done(killed), "the old passphrase opens what has a new one");
        }
        officer.run(&["status"]).fails(4, "passphrase is wrong", "");
        officer.write("passphrase", new);
        is_sound(&officer);
    });
}

#[test]
fn a_restore_killed_at_any_moment_leaves_a_vault_that_waits_or_none_and_tells_what_to_remove() {
    let Scene { relay: _relay, velmara, .. } = Scene::new();
    velmara.ok(&["vault", "backup", "backup"]);
    let file = velmara.dir.join("backup");
    let restore = ["vault", "restore", file.to_str().unwrap()];
    let officer = Officer::without_vault();
    let making = officer.dir.join("vault.restoring");
    let mut begin = || {
        remove(&officer.vault);
        remove(&making);
        officer.command(&restore)
    };
    strike("a_restore_killed", &mut begin, &mut |killed| {
        let (was_there, was_made) = (officer.vault.exists(), making.exists());
        assert!(was_there || !is_done(killed), "the vault that was restored is gone");
        let again = officer.json(&restore);
        if was_there {
            again.fails(4, "exists already", "not there");
        } else if was_made {
            again.fails(6, making.to_str().unwrap(), "Remove it");
            remove(&making);
            officer.ok(&restore);
        } else {
            again.json();
        }
        assert_eq!(officer.channel("tarrun")["halt"]["code"], "restored");
        is_sound(&officer);
    });
}

/// A command that makes an invite in the file `invite`, as channel `new`; `join` are the arguments of the other side.
fn invites_or_can_be_taken_back(test: &str, scene: &Scene, command: &[&str], join: &[&str]) {
    let Scene { relay, velmara, tarrun } = scene;
    let kept = Kept::of(&velmara.vault);
    let file = velmara.dir.join("invite");
    let pass = RefCell::new(String::new());
    let invite = |pass: &str| {
        let more = ["--label", "new", "--out", "invite", "--relay", &relay.place, "--pass", pass];
        velmara.command(&[&["--json"], command, &more].concat())
    };
    let mut begin = || {
        kept.put_back();
        remove(&file);
        *pass.borrow_mut() = relay.pass();
        invite(&pass.borrow())
    };
    strike(test, &mut begin, &mut |killed| {
        assert!(file.exists() || !is_done(killed), "the invite that was made is gone");
        let was_there = file.exists();
        let again = || Answer::of(invite(&pass.borrow()).output().unwrap());
        let answer = again();
        if was_there {
            answer.fails(6, "exists already", "new file");
        } else if answer.code != Some(0) {
            answer.fails(2, "a channel is called 'new' already", "truceline channel discard");
            velmara.ok(&["channel", "discard", "new"]);
            again().json();
        }
        assert_eq!(velmara.channel("new")["stage"], "inviting");
        is_sound(velmara);
    });
    // The last one leads to a channel.
    let line = std::fs::read_to_string(&file).unwrap();
    let pass = relay.pass();
    let more = ["--relay", &relay.place, "--pass", &pass, "--yes", "--allow-private", "--label", "new"];
    tarrun.ok(&[&["join", line.trim()], join, &more].concat());
    for officer in [velmara, tarrun, velmara] {
        officer.sync();
    }
    assert_eq!(velmara.words("new"), tarrun.words("new"));
}

#[test]
fn an_invite_killed_at_any_moment_is_there_or_can_be_taken_back_and_made_again() {
    invites_or_can_be_taken_back("an_invite_killed", &Scene::new(), &["invite"], &[]);
}

#[test]
fn a_renewal_killed_at_any_moment_is_there_or_can_be_taken_back_and_made_again() {
    let renew = ["channel", "renew", "tarrun"];
    invites_or_can_be_taken_back("a_renewal_killed", &Scene::new(), &renew, &["--renews", "velmara"]);
}

#[test]
fn a_join_killed_at_any_moment_can_be_given_again_and_leads_to_the_channel() {
    let relay = RefCell::new(Relay::new());
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&relay.borrow()], "tarrun");
    let (place, pass) = (relay.borrow().place.clone(), relay.borrow().pass());
    let join =
        ["join", &line, "--label", "velmara", "--yes", "--allow-private", "--relay", &place, "--pass", &pass];
    relay.borrow_mut().kill();
    let kept = [&velmara.vault, &tarrun.vault, &relay.borrow().dir].map(|folder| Kept::of(folder));
    relay.borrow_mut().start();
    let mut begin = || {
        relay.borrow_mut().kill();
        kept.iter().for_each(Kept::put_back);
        relay.borrow_mut().start();
        tarrun.command(&join)
    };
    strike("a_join_killed", &mut begin, &mut |killed| {
        let again = tarrun.json(&join);
        if again.code != Some(0) {
            again.fails(3, "already joined by that invite", "truceline status");
        } else {
            assert!(!is_done(killed), "the join that was made is gone");
        }
        is_sound(&tarrun);
        for officer in [&tarrun, &velmara, &tarrun, &velmara] {
            officer.sync();
        }
        assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
    });
}

/// The sealed bodies of the rows that hold keys.
fn keys(officer: &Officer) -> Vec<Vec<u8>> {
    let db = Connection::open(officer.vault.join("vault.sqlite")).unwrap();
    let mut rows = db.prepare("SELECT body FROM rows WHERE kind IN (1, 3)").unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_retirement_killed_at_any_moment_erases_every_key_or_none_and_ends_when_given_again() {
    let Scene { relay: _relay, velmara, .. } = Scene::new();
    velmara.ok(&["say", "Never sent."]);
    let kept = Kept::of(&velmara.vault);
    let keys = keys(&velmara);
    assert!(keys.len() >= 2);
    let retire = ["vault", "retire", "--yes"];
    let mut begin = || {
        kept.put_back();
        velmara.command(&retire)
    };
    strike("a_retirement_killed", &mut begin, &mut |killed| {
        let again = velmara.json(&retire);
        if again.code != Some(0) {
            again.fails(3, "this vault was retired", "new vault");
        } else {
            assert!(!is_done(killed), "the vault that was retired is not");
        }
        for bytes in velmara.bytes().values() {
            let is_left = |key: &Vec<u8>| bytes.windows(64).any(|window| window == &key[..64]);
            assert!(!keys.iter().any(is_left), "an erased row is left");
        }
        assert!(velmara.ok(&["status"])["retired"].is_string());
        is_sound(&velmara);
    });
}

#[test]
fn a_relays_init_killed_at_any_moment_is_ended_by_the_next_one() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("relay");
    let port = port();
    let listen = format!("127.0.0.1:{port}");
    let init = ["init", dir.to_str().unwrap(), "--listen", &listen];
    let mut begin = || {
        remove(&dir);
        operator(&init)
    };
    strike("a_relays_init_killed", &mut begin, &mut |killed| {
        let again = Answer::of(operator(&init).output().unwrap());
        let printed = [&killed.out, &again.out].into_iter().find(|out| !out.is_empty());
        if again.code != Some(0) {
            assert_eq!(again.code, Some(3), "{again:?}");
            assert!(again.err.contains("a relay in") && again.err.contains("Serve it"), "{again:?}");
        } else {
            assert!(!is_done(killed), "the relay that was made is gone");
        }
        let relay = Relay::found(dir.clone(), port);
        let said = relay.said.lock().unwrap().clone();
        assert!(said.contains(&format!("listening on {listen} ")), "{said}");
        // What was printed is the place of what serves.
        assert!(printed.is_none_or(|place| said.contains(place.trim())), "{printed:?} is not in {said}");
    });
}

/// Queues, cells and tokens of a relay that does not serve.
fn totals(dir: &Path) -> [u64; 3] {
    let status = Answer::of(operator(&["status", dir.to_str().unwrap(), "--json"]).output().unwrap()).json();
    ["queues", "cells", "tokens"].map(|name| status[name].as_u64().unwrap())
}

#[test]
fn a_pass_killed_at_any_moment_is_whole_or_was_never_printed() {
    let mut relay = Relay::new();
    relay.kill();
    let kept = Kept::of(&relay.dir);
    let dir = relay.dir.clone();
    let args = ["pass", dir.to_str().unwrap(), "--queues", "7"];
    let mut begin = || {
        kept.put_back();
        operator(&args)
    };
    strike("a_pass_killed", &mut begin, &mut |killed| {
        let [.., now] = totals(&dir);
        assert!(now == 7 || (now == 0 && !is_done(killed)), "{now} tokens, {killed:?}");
        assert_eq!(Answer::of(operator(&args).output().unwrap()).code, Some(0));
        assert_eq!(totals(&dir), [0, 0, now + 7]);
    });
}

#[test]
fn a_relay_killed_while_it_starts_has_all_it_had() {
    let Scene { mut relay, velmara, .. } = Scene::new();
    velmara.ok(&["say", "Held by the relay."]);
    velmara.sync();
    relay.kill();
    // To be taken in by the start.
    relay.pass();
    let kept = Kept::of(&relay.dir);
    let had = totals(&relay.dir);
    assert!(had.iter().all(|count| *count > 0), "{had:?}");
    kept.put_back();
    let begin = Instant::now();
    relay.start();
    let span = u64::try_from(begin.elapsed().as_micros()).unwrap();
    relay.kill();
    for seed in 0..seeds(1) {
        let moment = Duration::from_micros(ChaCha20Rng::seed_from_u64(seed).next_u64() % span);
        println!(
            "seed {seed}, at {moment:?} of {span} µs; again: TRUCELINE_SEEDS={} cargo test --test cli killed_while_it_starts",
            seed + 1
        );
        kept.put_back();
        let mut serve =
            operator(&["serve", relay.dir.to_str().unwrap()]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        serve.kill().unwrap();
        serve.wait().unwrap();
        assert_eq!(totals(&relay.dir), had);
        relay.start();
        relay.kill();
        assert_eq!(totals(&relay.dir), had);
    }
}
