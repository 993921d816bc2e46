//! One bit flipped, in every file that a relay and an officer keep, as a crash left them: whoever opens the folder either
//! says so, naming what is wrong and what to do, or finds all that was written. By default a seeded sample of places;
//! `TRUCELINE_BITS=COUNT` tries so many in each file, `TRUCELINE_BITS=all` every byte.

use crate::disk::{Fate, Tree, lay};
use crate::look;
use crate::officer::{Answer, chmod};
use crate::replay::scratch;
use crate::world::{PASSPHRASES, RELAY, Recording, VAULT};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use truceline::host::sqlite::SqliteStore;
use truceline::host::store::Store;
use truceline::relay::table::CELL;
use truceline::service::officer::OfficerService;
use truceline::service::relay::RelayService;
use truceline::service::relay_folder::RelayFolder;
use truceline::step::Record;

const SEED: u64 = 30;

/// Where bits are flipped in a file of so many bytes: `sample` places by default, or every byte of a file no longer than that.
fn places(bytes: usize, sample: usize) -> Vec<(usize, u8)> {
    let count = match std::env::var("TRUCELINE_BITS").as_deref() {
        Err(_) => sample,
        Ok("all") => usize::MAX,
        Ok(count) => count.parse().expect("TRUCELINE_BITS is a number, or all"),
    };
    let mut rng = ChaCha20Rng::seed_from_u64(SEED + bytes as u64);
    let mut bit = || 1u8 << (rng.next_u32() % 8);
    if bytes <= count {
        return (0..bytes).map(|at| (at, bit())).collect();
    }
    let bits: Vec<u8> = (0..count).map(|_| bit()).collect();
    bits.into_iter().map(|bit| (rng.next_u64() as usize % bytes, bit)).collect()
}

fn flipped(tree: &Tree, file: &Path, (at, bit): (usize, u8)) -> Tree {
    let mut tree = tree.clone();
    let (_, bytes) = tree.get_mut(file).unwrap();
    bytes.as_mut().unwrap()[at] ^= bit;
    tree
}

/// What flips in one file came to.
#[derive(Default)]
struct Tally {
    noticed: usize,
    harmless: usize,
    /// What was said, and where first.
    said: BTreeMap<String, usize>,
}

/// Flips bits in a file; `look` gives what is found, or what was said. What is found has to be what is found without.
fn flip<T: PartialEq + std::fmt::Debug>(
    tree: &Tree,
    file: &str,
    sample: usize,
    look: &dyn Fn(&Path) -> Result<T, String>,
    harmless: &dyn Fn(usize, &T) -> bool,
) -> Tally {
    let path = PathBuf::from(file);
    let seen = |tree: &Tree| {
        let place = scratch();
        lay(tree, place.path());
        look(place.path())
    };
    let whole = seen(tree).unwrap_or_else(|error| panic!("{file} as it was: {error}"));
    let bytes = tree[&path].1.as_ref().unwrap().len();
    let mut tally = Tally::default();
    for (at, bit) in places(bytes, sample) {
        match seen(&flipped(tree, &path, (at, bit))) {
            Ok(found) => {
                let same = found == whole || harmless(at, &found);
                assert!(same, "bit {bit:#x} of byte {at} of {file} was flipped, and nothing says so");
                tally.harmless += 1;
            }
            Err(said) => {
                assert!(!said.trim().is_empty(), "byte {at} of {file}: an error that says nothing");
                tally.noticed += 1;
                tally.said.entry(said).or_insert(at);
            }
        }
    }
    println!("{file}: {bytes} bytes; {} noticed, {} harmless", tally.noticed, tally.harmless);
    tally
}

/// A machine at the last moment at which these files lie on it, a log with commits in it among them.
fn crashed(recording: &Recording, machine: &str, files: &[&str]) -> Tree {
    crashed_after(recording, machine, files, &|_, _| true)
}

/// The relay when a batch of its journal has just been synced, with as much of the journal as was ever written.
fn committed(recording: &Recording) -> Tree {
    let journal = Path::new(RELAY).join("relay.journal");
    let mut tree = crashed_after(recording, "relay", &["relay.journal"], &|synced, tree| {
        synced.ends_with("relay.journal") && tree[&journal].1.as_ref().unwrap().starts_with(b"trljrnl")
    });
    let bytes = tree.get_mut(&journal).unwrap().1.as_mut().unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(used.next_multiple_of(4_096));
    tree
}

fn crashed_after(
    recording: &Recording,
    machine: &str,
    files: &[&str],
    is: &dyn Fn(&Path, &Tree) -> bool,
) -> Tree {
    let mut disk = crate::disk::Disk::new(&crate::world::MACHINES);
    let mut found = None;
    for recorded in &recording.log {
        disk.apply(recorded);
        if recorded.path.starts_with(machine) && matches!(recorded.op, crate::record::Op::Sync) {
            let tree = disk.after(machine, Fate::Kept);
            let has = |file: &str| {
                tree.iter().any(|(path, (_, bytes))| {
                    path.to_str().unwrap().ends_with(file) && bytes.as_ref().is_some_and(|it| it.len() > 100)
                })
            };
            if files.iter().all(|file| has(file)) && is(&recorded.path, &tree) {
                found = Some(tree);
            }
        }
    }
    found.unwrap_or_else(|| panic!("{machine} never had {files:?}"))
}

fn files(tree: &Tree) -> Vec<String> {
    let files = tree.iter().filter(|(_, (_, bytes))| bytes.as_ref().is_some_and(|bytes| !bytes.is_empty()));
    files.map(|(path, _)| path.to_str().unwrap().to_owned()).collect()
}

/// What a relay finds in its store, and still finds after it has written and erased there.
fn relay_used(place: &Path) -> Result<Vec<look::RelaySeen>, String> {
    let dir = place.join(RELAY);
    let before = look::relay(&dir)?;
    let mut store = SqliteStore::open(&dir).map_err(|error| error.to_string())?;
    let cells = before.rows.keys().filter(|(table, _)| *table == CELL.0).map(|(_, key)| key.clone());
    let erased = cells.take(3).map(|key| Record::delete(CELL, key));
    let written =
        (0..8u64).map(|at| Record::put(CELL, [u64::MAX, at].map(u64::to_be_bytes).concat(), vec![7; 16_128]));
    store.commit(erased.chain(written).collect()).map_err(|error| error.to_string())?;
    drop(store);
    let after = look::relay(&dir)?;
    Ok(vec![before, after])
}

/// What a relay holds once it has served: a pass that was issued before is taken in.
fn relay_served(place: &Path) -> Result<look::RelaySeen, String> {
    let dir = place.join(RELAY);
    let folder = RelayFolder::at(&dir);
    let mut config = folder.config().map_err(|error| error.to_string())?;
    config.listen = "127.0.0.1:0".parse().unwrap();
    crate::scene::run(async {
        let relay = RelayService::start(folder, config).await.map_err(|error| error.to_string())?;
        relay.shutdown().await.map_err(|error| error.to_string())
    })?;
    let seen = look::relay(&dir)?;
    // A file that was not taken in is still there: the log tells of it once a second.
    if seen.files.is_empty() { Ok(seen) } else { Err("a file among the issued passes is damaged".to_owned()) }
}

#[test]
fn a_bit_flipped_in_any_file_of_a_relay_is_noticed_or_changes_nothing() {
    let Some(recording) = crate::world::RECORDING.as_ref() else {
        println!("not tried: nothing can be recorded here");
        return;
    };
    let tree = crashed(recording, "relay", &[".pass", "totals.json", "relay.journal"]);
    let logged = crashed(recording, "relay", &["relay.sqlite-wal"]);
    let same = |_: usize, _: &_| false;
    let mut tried = Vec::new();
    for file in files(&tree).into_iter().chain(files(&logged).into_iter().filter(|it| it.ends_with("-wal"))) {
        let name = file.strip_prefix(RELAY).unwrap().trim_start_matches('/');
        tried.push(name.split('/').next().unwrap().to_owned());
        match name {
            // As the relay left it when it ended: beside a log, most of the file is not read.
            "relay.sqlite" => {
                let tally = flip(&recording.lies["relay"], &file, 30, &relay_used, &|_, _| false);
                assert!(tally.noticed > 5, "{:?}", tally.said);
            }
            "relay.sqlite-wal" => {
                let tally = flip(&logged, &file, 12, &relay_used, &|_, _| false);
                assert_eq!(tally.harmless, 0);
                assert!(
                    tally.said.keys().all(|said| said.contains("relay.sqlite-wal was flipped")),
                    "{:?}",
                    tally.said
                );
            }
            // Beside batches whose rows are not in the store it has older ones.
            "relay.journal" => {
                let tally = flip(&committed(recording), &file, 60, &relay_used, &|_, _| false);
                assert!(tally.noticed > 5, "{:?}", tally.said);
                assert!(tally.said.keys().all(|said| said.contains("relay.journal")), "{:?}", tally.said);
            }
            "certificate.pem" | "key.pem" | "deposit.key" => {
                let tally = flip(&tree, &file, 60, &|place| look::relay(&place.join(RELAY)), &same);
                assert!(tally.noticed > 20, "{:?}", tally.said);
            }
            // Text that its operator writes: a change that leaves it right is followed, as any edit is, and the start
            // tells address and place.
            "relay.toml" => {
                let edited = |place: &Path| {
                    let mut seen = look::relay(&place.join(RELAY))?;
                    seen.keys.pop();
                    Ok(seen)
                };
                let tally = flip(&tree, &file, 60, &edited, &same);
                assert!(tally.noticed > 20, "{:?}", tally.said);
            }
            // Written anew every few seconds, and read by `status` alone.
            "totals.json" => {
                let tally = flip(&tree, &file, 20, &|place| look::relay(&place.join(RELAY)), &same);
                assert_eq!(tally.noticed, 0);
            }
            _ if name.ends_with(".pass") => {
                let tally = flip(&tree, &file, 12, &relay_served, &same);
                assert_eq!(tally.harmless, 0);
            }
            other => panic!("{other} is a file of a relay that nothing is known of"),
        }
    }
    tried.sort_unstable();
    tried.dedup();
    let expected = [
        "certificate.pem",
        "deposit.key",
        "key.pem",
        "passes",
        "relay.journal",
        "relay.sqlite",
        "relay.sqlite-wal",
        "relay.toml",
        "totals.json",
    ];
    assert_eq!(tried, expected);
    told_by_the_relay(&tree, &logged, &committed(recording));
}

/// The program itself tells each, with what to do.
fn told_by_the_relay(tree: &Tree, logged: &Tree, committed: &Tree) {
    for (tree, file, at, told) in [
        (logged, "relay.sqlite-wal", 5_000, "relay.sqlite-wal"),
        (committed, "relay.journal", 20, "relay.journal"),
        // Without the log, which holds newer pages than the file.
        (logged, "relay.sqlite", 100, "relay.sqlite"),
        (tree, "certificate.pem", 200, "certificate"),
        (tree, "key.pem", 60, "key.pem"),
        (tree, "deposit.key", 50, "deposit.key"),
        (tree, "relay.toml", 100, "relay.toml"),
    ] {
        let place = scratch();
        let dir = Path::new(RELAY);
        let mut tree = flipped(tree, &dir.join(file), (at, 0x80));
        if file == "relay.sqlite" {
            tree.remove(&dir.join("relay.sqlite-wal"));
        }
        lay(&tree, place.path());
        let mut serve = Command::new(env!("CARGO_BIN_EXE_truceline-relay"));
        let serve =
            serve.arg("serve").arg(place.path().join(dir)).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut said: Vec<String> = lines.take_while(|line| !line.starts_with("listening")).collect();
        // One that listens would do so for ever.
        let _ = child.kill();
        let to_do = said.pop().unwrap();
        let error = said.pop().unwrap_or_else(|| panic!("{file}: {to_do}"));
        assert!(error.starts_with("error: ") && to_do.len() > 20, "{file}: {error}, {to_do}");
        assert!(error.contains(told) || to_do.contains(told), "{file}: {error}, {to_do}");
        assert!([Some(3), Some(5)].contains(&child.wait().unwrap().code()), "{file}: {error}");
    }
}

/// What an officer finds in a vault, which opens with its second passphrase by then, and still finds after one thing more
/// was said.
fn vault_used(place: &Path) -> Result<Vec<look::VaultSeen>, String> {
    use truceline::deal::body::{Content, Note};
    use truceline::deal::word::Text;
    let dir = place.join("velmara").join(VAULT);
    let before = look::vault(&dir, 1, false)?;
    let mut service = OfficerService::open(&dir, PASSPHRASES[1]).map_err(|error| error.to_string())?;
    let thread = service.officer().channels().next().ok_or("no channel")?.number;
    let content = Content::Note(Note { text: Text::new("One thing more.").unwrap() });
    service
        .command(|officer, now, rng| officer.say(thread, None, &content, Vec::new(), now, rng))
        .map_err(|error| error.to_string())?;
    drop(service);
    let after = look::vault(&dir, 1, true)?;
    Ok(vec![before, after])
}

#[test]
fn a_bit_flipped_in_any_file_of_a_vault_is_noticed_or_changes_nothing() {
    let Some(recording) = crate::world::RECORDING.as_ref() else {
        println!("not tried: nothing can be recorded here");
        return;
    };
    let (ended, crashed) = (&recording.lies["velmara"], crashed(recording, "velmara", &["vault.sqlite-wal"]));
    let mut tried = Vec::new();
    for file in files(ended).into_iter().chain(files(&crashed).into_iter().filter(|it| it.ends_with("-wal")))
    {
        tried.push(file.clone());
        match file.strip_prefix("velmara/").unwrap() {
            "home/vault/vault.sqlite" => {
                let tally = flip(ended, &file, 6, &vault_used, &|_, _| false);
                assert!(tally.noticed > 0, "{:?}", tally.said);
            }
            "home/vault/vault.sqlite-wal" => {
                let tally = flip(&crashed, &file, 6, &vault_used, &|_, _| false);
                assert_eq!(tally.harmless, 0);
                assert!(
                    tally.said.keys().all(|said| said.contains("vault.sqlite-wal was flipped")),
                    "{:?}",
                    tally.said
                );
            }
            "backup" => {
                let tally = flip(ended, &file, 8, &restored, &|_, _| false);
                assert_eq!(tally.harmless, 0);
            }
            "export" => {
                let tally = flip(ended, &file, 20, &exported, &|_, ()| false);
                assert_eq!(tally.harmless, 0);
            }
            // A line that carries its own check: whoever reads it refuses it.
            "invite" => {
                let tally = flip(ended, &file, 60, &invited, &|_, _| false);
                assert!(tally.noticed > 20, "{:?}", tally.said);
            }
            other => panic!("{other} is a file of an officer that nothing is known of"),
        }
    }
    assert_eq!(tried.len(), 5, "{tried:?}");
    told_by_the_officer(&crashed);
}

fn restored(place: &Path) -> Result<look::VaultSeen, String> {
    let dir = place.join("restored");
    let file = truceline::host::vault::BackupFile::open(&place.join("velmara/backup"))
        .map_err(|error| error.to_string())?;
    truceline::service::keep::restore(file, &dir, PASSPHRASES[0]).map_err(|error| error.to_string())?;
    look::vault(&dir, 0, true)
}

fn exported(place: &Path) -> Result<(), String> {
    let bytes = std::fs::read(place.join("velmara/export")).unwrap();
    truceline::officer::view::check_export(&bytes).map(drop).map_err(|error| error.to_string())
}

fn invited(place: &Path) -> Result<Vec<u8>, String> {
    use truceline::session::invite::UntrustedInvite;
    let line = std::fs::read_to_string(place.join("velmara/invite")).map_err(|error| error.to_string())?;
    let invite = UntrustedInvite::parse(line.trim()).map_err(|error| error.to_string())?;
    let now = truceline::host::clock::now();
    invite.verify(now).map(|it| it.secret().expose().to_vec()).map_err(|error| error.to_string())
}

/// The program itself tells each, with what to do.
fn told_by_the_officer(tree: &Tree) {
    for (file, at, told) in [("vault.sqlite", 100, "vault"), ("vault.sqlite-wal", 5_000, "vault.sqlite-wal")]
    {
        let place = scratch();
        let vault = Path::new("velmara").join(VAULT);
        let mut tree = flipped(tree, &vault.join(file), (at, 0x80));
        if file == "vault.sqlite" {
            tree.remove(&vault.join("vault.sqlite-wal"));
        }
        lay(&tree, place.path());
        let passphrase = place.path().join("passphrase");
        std::fs::write(&passphrase, PASSPHRASES[1]).unwrap();
        chmod(&passphrase, 0o600);
        let mut log = crate::officer::program();
        log.arg("--vault")
            .arg(place.path().join(&vault))
            .arg("--passphrase-file")
            .arg(&passphrase)
            .arg("log");
        Answer::of(log.output().unwrap()).fails(4, told, "Restore a copy");
    }
}
