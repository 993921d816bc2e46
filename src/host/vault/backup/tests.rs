//! Backups on a real disk: what comes back, and what is refused.

use super::*;
use crate::host::entropy::OsEntropy;
use crate::host::store::Store;
use crate::host::vault::PassphraseCost;
use crate::step::Record;
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const MUTABLE: &[Table] = &[Table(1)];
const WORDS: &str = "seven words";
/// The beginning of the first chunk.
const FIRST: usize = HEAD_BYTES;

fn rng() -> Box<dyn CryptoRng + Send> {
    Box::new(OsEntropy)
}

struct Scene {
    _place: TempDir,
    dir: PathBuf,
    vault: Vault,
    tried: usize,
}

impl Scene {
    /// A vault with rows of every kind and size, over several chunks.
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().to_owned();
        let mut vault =
            Vault::create(&dir.join("vault"), WORDS, PassphraseCost::LEAST, MUTABLE, Vec::new(), rng())
                .unwrap();
        for at in 0..40u8 {
            let value = vec![at; usize::from(at) * 150];
            let records = vec![
                Record::put(Table(1), b"row-key-to-look-for".to_vec(), vec![at; 300]),
                Record::put(Table(2), vec![at], value),
            ];
            vault.commit(records).unwrap();
        }
        vault.commit(vec![Record::put(Table(9), b"long".to_vec(), vec![5; 200_000])]).unwrap();
        Self { _place: place, dir, vault, tried: 0 }
    }

    fn back_up(&mut self, name: &str) -> Vec<u8> {
        let path = self.dir.join(name);
        let made = self.vault.back_up(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((made.bytes, made.step), (bytes.len() as u64, self.vault.step()));
        bytes
    }

    /// Restores these bytes by the vault's key: a thousand tries would spend minutes in Argon2 otherwise.
    fn restore(&mut self, bytes: &[u8]) -> Result<Vault, BackupError> {
        self.tried += 1;
        let path = self.dir.join("tried");
        std::fs::write(&path, bytes).unwrap();
        let dir = self.dir.join(format!("restored-{}", self.tried));
        let key = self.vault.vault_key.copy();
        let restored =
            BackupFile::open(&path).and_then(|file| file.restore_by_key(&dir, key, MUTABLE, rng()));
        if restored.is_err() {
            let _ = std::fs::remove_dir_all(&dir);
        }
        restored
    }

    #[track_caller]
    fn refused(&mut self, bytes: &[u8], what: &str) {
        match self.restore(bytes) {
            Err(
                BackupError::Damaged { .. }
                | BackupError::NotABackup { .. }
                | BackupError::Vault(
                    VaultError::Damaged { .. } | VaultError::Altered { .. } | VaultError::Store(_),
                ),
            ) => {}
            Err(other) => panic!("{what}: {other}"),
            Ok(_) => panic!("{what}: restored"),
        }
    }
}

/// Kind, key, head and body of every row.
fn rows_of(dir: &Path) -> Vec<(i64, Vec<u8>, Vec<u8>, Vec<u8>)> {
    let db = Connection::open(dir.join("vault.sqlite")).unwrap();
    let mut rows = db.prepare("SELECT kind, key, head, body FROM rows ORDER BY kind, key").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_restored_vault_has_the_same_rows_step_and_passphrase() {
    let mut scene = Scene::new();
    let bytes = scene.back_up("backup");
    let mode = std::fs::metadata(scene.dir.join("backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let restored = scene.dir.join("restored");
    let file = || BackupFile::open(&scene.dir.join("backup")).unwrap();
    let wrong = file().restore(&restored, "eight words", MUTABLE, rng());
    assert!(matches!(wrong, Err(BackupError::Vault(VaultError::PassphraseWrong))));
    assert!(!restored.exists());
    let vault = file().restore(&restored, WORDS, MUTABLE, rng()).unwrap();
    assert_eq!(vault.step(), scene.vault.step());
    drop(vault);
    drop(scene.vault);
    assert_eq!(rows_of(&restored), rows_of(&scene.dir.join("vault")));
    drop(Vault::open(&restored, WORDS, MUTABLE, rng()).unwrap());
    // Over several chunks, of which the last is not full.
    assert!((bytes.len() - FIRST) / CHUNK_BYTES >= 4 && !(bytes.len() - FIRST).is_multiple_of(CHUNK_BYTES));
}

#[test]
fn nothing_but_its_size_and_the_header_is_in_clear() {
    let mut scene = Scene::new();
    let (one, two) = (scene.back_up("one"), scene.back_up("two"));
    for bytes in [&one, &two] {
        for mark in [b"row-key-to-look-for".as_slice(), b"long", &[5; 16], &[39; 16]] {
            assert!(!bytes.windows(mark.len()).any(|window| window == mark));
        }
    }
    // No sealed row of the vault is there as it lies in the file, and two backups have nothing in common but the
    // header.
    drop(scene.vault);
    for (_, _, head, _) in rows_of(&scene.dir.join("vault")).iter().filter(|row| row.0 < 256) {
        assert!(!one.windows(head.len()).any(|window| window == head.as_slice()));
    }
    let salt = HEAD_BYTES - SALT_BYTES;
    assert_eq!((one.len(), &one[..salt]), (two.len(), &two[..salt]));
    assert!(one[salt..].chunks(16).zip(two[salt..].chunks(16)).all(|(one, two)| one != two));
}

#[test]
fn an_altered_cut_or_reordered_backup_is_refused() {
    let mut scene = Scene::new();
    let whole = scene.back_up("backup");
    let other = scene.back_up("other");
    assert!(scene.restore(&whole).is_ok());
    // Every byte of the head, and then some of each chunk.
    for at in (0..HEAD_BYTES).chain((HEAD_BYTES..whole.len()).step_by(4_099)).chain([whole.len() - 1]) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        scene.refused(&flipped, &format!("byte {at}"));
    }
    let chunk = |bytes: &[u8], at: usize| {
        let from = FIRST + at * CHUNK_BYTES;
        bytes[from..(from + CHUNK_BYTES).min(bytes.len())].to_vec()
    };
    let put_together = |chunks: &[Vec<u8>]| [&whole[..FIRST], &chunks.concat()].concat();
    let chunks: Vec<Vec<u8>> =
        (0..=(whole.len() - FIRST) / CHUNK_BYTES).map(|at| chunk(&whole, at)).collect();
    let last = chunks.len() - 1;
    for at in 0..=last {
        let mut dropped = chunks.clone();
        dropped.remove(at);
        scene.refused(&put_together(&dropped), &format!("chunk {at} dropped"));
        let mut repeated = chunks.clone();
        repeated.insert(at, chunks[at].clone());
        scene.refused(&put_together(&repeated), &format!("chunk {at} repeated"));
        let mut swapped = chunks.clone();
        swapped.swap(at, (at + 1) % chunks.len());
        scene.refused(&put_together(&swapped), &format!("chunk {at} moved"));
        let mut foreign = chunks.clone();
        foreign[at] = chunk(&other, at);
        scene.refused(&put_together(&foreign), &format!("chunk {at} of another backup"));
        scene.refused(&put_together(&chunks[..at]), &format!("cut before chunk {at}"));
    }
    for length in [0, 1, MAGIC.len(), FIRST - 1, FIRST, FIRST + 1, whole.len() - 1] {
        scene.refused(&whole[..length], &format!("cut to {length}"));
    }
    scene.refused(&[&whole[..], b"\0"].concat(), "a byte more");
    scene.refused(&[&other[..FIRST], &whole[FIRST..]].concat(), "another backup's head");
}

#[test]
fn records_that_no_vault_wrote_are_refused() {
    let mut scene = Scene::new();
    let whole = scene.back_up("backup");
    let head = &whole[..FIRST];
    let key = scene.vault.vault_key.copy();
    let written = |records: &[(u16, &[u8])], more: &[u8]| {
        let stream = StreamKey::new(backup_key(&key, head));
        let mut sealer = Sealer { out: Vec::new(), key: stream, text: Vec::new(), bytes: 0 };
        for (kind, key) in records {
            sealer.record(*kind, [key, &[0; 32], &[0; 16]]).unwrap();
        }
        sealer.write(more).unwrap();
        sealer.chunk(true).unwrap();
        [head, &sealer.out].concat()
    };
    for (what, records, more) in [
        ("none", vec![], [].as_slice()),
        ("no root", vec![(1, b"a".as_slice())], &[]),
        ("a row after the root", vec![(255, b"".as_slice()), (255, b"a")], &[]),
        ("a header of its own", vec![(255, b"".as_slice()), (256, b"")], &[]),
        ("a row twice", vec![(1, b"a".as_slice()), (1, b"a"), (255, b"")], &[]),
        ("rows that fall", vec![(2, b"a".as_slice()), (1, b"a"), (255, b"")], &[]),
        ("half a row", vec![(1, b"a".as_slice())], &[255, 0, 1]),
        ("a row without end", vec![], &[1, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ("a root that does not open", vec![(255, b"".as_slice())], &[]),
    ] {
        scene.refused(&written(&records, more), what);
    }
}

#[test]
fn a_backup_is_never_written_over_another_file_and_never_half_there() {
    let mut scene = Scene::new();
    let path = scene.dir.join("backup");
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(scene.vault.back_up(&path), Err(BackupError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    assert!(matches!(scene.vault.back_up(&scene.dir.join("none/backup")), Err(BackupError::File { .. })));
    std::fs::remove_file(&path).unwrap();
    // Nor over what no look before the work has seen: here a link that leads nowhere.
    std::os::unix::fs::symlink(scene.dir.join("nowhere"), &path).unwrap();
    assert!(matches!(scene.vault.back_up(&path), Err(BackupError::Exists { .. })));
    assert!(path.is_symlink() && !scene.dir.join("nowhere").exists());
    std::fs::remove_file(&path).unwrap();
    scene.back_up("backup");
    // A damaged row is told, not kept as if it were sound.
    drop(scene.vault);
    let file = scene.dir.join("vault/vault.sqlite");
    let db = Connection::open(&file).unwrap();
    db.execute("UPDATE rows SET body = zeroblob(1516) WHERE kind = 2 AND key = x'0a'", []).unwrap();
    drop(db);
    scene.vault = Vault::open(&scene.dir.join("vault"), WORDS, MUTABLE, rng()).unwrap();
    let path = scene.dir.join("later");
    let refused = scene.vault.back_up(&path).unwrap_err();
    assert!(refused.to_string().contains("table 2"), "{refused}");
    assert!(!path.exists());
    let left: Vec<_> =
        std::fs::read_dir(&scene.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("making")), "{left:?}");
}

#[test]
fn who_holds_the_vault_makes_the_backup_that_another_asks_for() {
    let mut scene = Scene::new();
    let (dir, path) = (scene.dir.join("vault"), scene.dir.join("asked"));
    assert!(super::super::is_in_use(&dir).unwrap());
    let ask = |path: &Path| {
        let (dir, path) = (dir.clone(), path.to_owned());
        std::thread::spawn(move || super::super::ask_for_backup(&dir, &path, &mut OsEntropy).unwrap())
    };
    let mut answered = |asking: std::thread::JoinHandle<super::super::Asked>| {
        while !asking.is_finished() {
            scene.vault.answer_requests();
            std::thread::yield_now();
        }
        asking.join().unwrap()
    };
    let made = answered(ask(&path));
    assert!(matches!(made, super::super::Asked::Made(Backup { step: 41, .. })));
    let again = answered(ask(&path));
    assert!(matches!(again, super::super::Asked::Failed { what, .. } if what.contains("exists already")));
    let bytes = std::fs::read(&path).unwrap();
    assert!(scene.restore(&bytes).is_ok());
    // Nobody holds it any more: who asked is told to open it.
    let asking = ask(&scene.dir.join("free"));
    drop(scene.vault);
    assert!(matches!(asking.join().unwrap(), super::super::Asked::Free));
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("backup")), "{left:?}");
}
