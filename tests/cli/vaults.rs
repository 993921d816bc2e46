//! Vaults that are locked, damaged, open to others, older than they should be, or on a full disk.

use crate::officer::{Officer, chmod};
use crate::relay::{copy, put_back};
use crate::scene::Scene;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let officer = Officer::new("Velmara");
    officer.write("passphrase", "another\n");
    officer.refused(&["status"], 4, "passphrase is wrong", "Type it again");
    officer.refused(&["say", "x"], 4, "passphrase is wrong", "Type it again");
    for (written, what) in [("", "1 to 4,096 bytes"), ("two\nlines\n", "one line")] {
        officer.write("passphrase", written);
        officer.refused(&["status"], 6, what, "");
    }
}

#[test]
fn a_vault_is_made_once_and_found_only_where_it_is() {
    let officer = Officer::new("Velmara");
    officer.refused(&["init", "--name", "Tarrun", "--fast-passphrase"], 4, "vault already", "another folder");
    let elsewhere = Officer::without_vault();
    elsewhere.refused(&["status"], 4, "no vault", "init");
    assert!(!elsewhere.vault.exists(), "looking for a vault made one");
}

#[test]
fn a_truncated_and_a_bit_flipped_vault_are_refused_and_left_as_they_are() {
    let officer = Officer::new("Velmara");
    let file = officer.vault.join("vault.sqlite");
    let whole = std::fs::read(&file).unwrap();
    let mut refused = 0;
    for at in (0..16).map(|part| whole.len() * part / 16 + 100) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&file, &flipped).unwrap();
        let answer = officer.json(&["status"]);
        // A bit in a page's unused space changes nothing that was written.
        if answer.code != Some(0) {
            answer.fails(4, "", "");
            refused += 1;
        }
    }
    assert!(refused >= 1, "no flipped bit was noticed");
    for length in [0, 100, whole.len() / 2, whole.len() - 4096] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let answer = officer.json(&["status"]);
        answer.fails(4, "", "");
        assert_eq!(std::fs::read(&file).unwrap(), &whole[..length]);
    }
    std::fs::write(&file, &whole).unwrap();
    officer.ok(&["status"]);
}

#[test]
fn every_bit_that_matters_of_what_was_sealed_is_guarded() {
    let Scene { velmara, relay: _relay, .. } = Scene::new();
    velmara.ok(&["say", "A sentence to be looked for in the vault's file."]);
    let file = velmara.vault.join("vault.sqlite");
    let whole = std::fs::read(&file).unwrap();
    let in_clear = b"A sentence to be looked for";
    assert!(!whole.windows(in_clear.len()).any(|window| window == in_clear));
    // The last rows of the file's fullest pages: sealed bytes, all of them.
    let mut refused = 0;
    for page in 2..whole.len() / 4096 {
        let at = page * 4096 + 4000;
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        let answer = velmara.json(&["log"]);
        if answer.code != Some(0) {
            answer.fails(4, "", "copy");
            refused += 1;
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "flipped bits went unnoticed");
}

#[test]
fn a_vault_that_others_can_read_is_refused() {
    let officer = Officer::new("Velmara");
    for (mode, path) in [(0o750, officer.vault.clone()), (0o640, officer.vault.join("vault.sqlite"))] {
        let before = std::fs::metadata(&path).unwrap().permissions();
        chmod(&path, mode);
        officer.refused(&["status"], 4, "others can read", "chmod -R go-rwx");
        std::fs::set_permissions(&path, before).unwrap();
    }
    officer.ok(&["status"]);
}

#[test]
fn two_processes_do_not_share_a_vault() {
    let Scene { relay: _relay, velmara, tarrun } = Scene::new();
    tarrun.ok(&["say", "Are you there?"]);
    tarrun.sync();
    let mut watching = velmara.command(&["--json", "sync", "--watch"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.contains("Are you there?"), "{told}");
    velmara.json(&["status"]).fails(4, "another process uses", "Wait until");
    velmara.run(&["say", "x"]).fails(4, "another process uses", "Wait until");
    let pid = watching.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    assert_eq!(velmara.notes_heard("tarrun"), ["Are you there?"]);
    velmara.ok(&["say", "Free again."]);
}

#[test]
fn a_restored_older_vault_is_recognised_and_sends_nothing_new() {
    let Scene { relay: _relay, velmara, tarrun } = Scene::new();
    let older = velmara.dir.join("older");
    copy(&velmara.vault, &older);
    for text in ["First.", "Second."] {
        velmara.ok(&["say", text]);
    }
    velmara.sync();
    tarrun.sync();
    let newest = velmara.dir.join("newest");
    copy(&velmara.vault, &newest);
    put_back(&older, &velmara.vault);
    velmara.ok(&["say", "What the older vault would say in place of the first."]);
    let synced = velmara.json(&["sync"]);
    assert!(format!("{synced:?}").contains("older copy"), "{synced:?}");
    let channel = velmara.channel("tarrun");
    assert!(["rolled-back", "peer-ahead"].iter().any(|code| channel["halt"]["code"] == *code), "{channel}");
    velmara.refused(&["say", "More."], 3, "sends nothing more", "newest");
    tarrun.sync();
    assert_eq!(tarrun.notes_heard("velmara"), ["First.", "Second."]);
    assert_eq!(tarrun.channel("velmara")["halt"], serde_json::Value::Null);
    // The newest copy goes on as if nothing had been.
    put_back(&newest, &velmara.vault);
    velmara.ok(&["say", "Third."]);
    velmara.sync();
    tarrun.sync();
    assert_eq!(tarrun.notes_heard("velmara"), ["First.", "Second.", "Third."]);
}

/// A small disk, where the system lets one be mounted.
pub struct SmallDisk {
    pub place: tempfile::TempDir,
}

impl SmallDisk {
    pub fn new(size: &str) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self { place })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted stays until the machine is restarted.
        let _ = Command::new("umount").arg("-l").arg(self.place.path()).output();
    }
}

#[test]
fn on_a_full_disk_a_vault_changes_nothing_and_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::new("4m") else {
        println!("not tried: no small disk can be mounted here");
        return;
    };
    let mut officer = Officer::without_vault();
    officer.vault = disk.place.path().join("vault");
    officer.ok(&["init", "--name", "Velmara", "--fast-passphrase"]);
    let filler = disk.place.path().join("filler");
    // All that is left, to the last block.
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    drop(file);
    let answer = officer.json(&["settings", "--read-receipts", "off"]);
    answer.fails(4, "disk is full", "Free space");
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(officer.ok(&["settings"])["read_receipts"], true, "a setting that was not written holds");
    officer.ok(&["settings", "--read-receipts", "off"]);
    assert_eq!(officer.ok(&["settings"])["read_receipts"], false);
}
