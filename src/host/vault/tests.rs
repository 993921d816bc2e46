//! Vaults on a real disk.

use super::*;
use crate::host::entropy::OsEntropy;
use crate::host::folder::Folder;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

type Content = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

const MUTABLE: &[Table] = &[Table(1)];
const WORDS: &str = "пароль correct horse";

fn rng() -> Box<dyn CryptoRng + Send> {
    Box::new(OsEntropy)
}

fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("vault");
    (place, dir)
}

fn create(dir: &Path) -> Result<Vault, VaultError> {
    Vault::create(dir, WORDS, PassphraseCost::LEAST, MUTABLE, Vec::new(), rng())
}

fn open(dir: &Path) -> Result<Vault, VaultError> {
    Vault::open(dir, WORDS, MUTABLE, rng())
}

/// The vault in `dir` by its key, past the passphrase: tests that open a vault a thousand times would spend
/// minutes in Argon2 otherwise. Checks all that [`Vault::open`] checks after the passphrase.
fn open_by_key(dir: &Path, vault_key: &Secret<32>) -> Result<Vault, VaultError> {
    let rows = Rows::open(dir, FORMAT)?;
    let header = rows.read(HEADER, &[])?;
    let (clear, _) = header.ok_or_else(|| VaultError::Damaged { what: String::new() })?;
    let id = Clear::parse(&clear)?.id();
    Vault::unlocked(rows, vault_key.copy(), id, MUTABLE, rng())
}

fn put(table: u8, key: &[u8], value: &[u8]) -> Record {
    Record::put(Table(table), key.to_vec(), value.to_vec())
}

fn delete(table: u8, key: &[u8]) -> Record {
    Record::delete(Table(table), key.to_vec())
}

fn content(vault: &mut Vault, known: &Content) -> Result<Content, StoreError> {
    let mut found = Content::new();
    for table in [1, 2] {
        vault.scan(Table(table), &mut |key, value| {
            found.insert((table, key.to_vec()), value.to_vec());
        })?;
    }
    for (table, key) in known.keys().chain(&found.keys().cloned().collect::<Vec<_>>()) {
        let read = vault.read(Table(*table), key)?.map(|value| value.to_vec());
        assert_eq!(read, found.get(&(*table, key.clone())).cloned(), "a read and a scan differ");
    }
    Ok(found)
}

/// A vault with a mutable row that changed and immutable rows of which some went; its key; what it holds.
fn filled(dir: &Path) -> (Secret<32>, Content) {
    let mut vault = create(dir).unwrap();
    let mut expected = Content::new();
    for at in 0..20u8 {
        let value = vec![at; usize::from(at) * 60];
        vault.commit(vec![put(1, b"channel", &[at; 300]), put(2, &[at], &value)]).unwrap();
        expected.insert((2, vec![at]), value);
    }
    vault.commit(vec![delete(2, &[7]), put(1, b"other", b"1")]).unwrap();
    expected.remove(&(2, vec![7]));
    expected.insert((1, b"channel".to_vec()), vec![19; 300]);
    expected.insert((1, b"other".to_vec()), b"1".to_vec());
    assert_eq!(content(&mut vault, &expected).unwrap(), expected);
    assert_eq!(vault.step(), 21);
    (vault.vault_key.copy(), expected)
}

fn copy_of(dir: &Path) -> (TempDir, PathBuf) {
    let (other, copy) = place();
    drop(Folder::create(&copy).unwrap());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    (other, copy)
}

#[test]
fn a_vault_opens_with_its_passphrase_alone_and_holds_nothing_in_clear() {
    let (_place, dir) = place();
    assert!(matches!(open(&dir), Err(VaultError::NotAVault { .. })));
    let mut vault = create(&dir).unwrap();
    vault
        .commit(vec![put(2, b"k", b"Velmara's secret words"), put(1, b"k", b"Velmara's other words")])
        .unwrap();
    assert!(matches!(open(&dir), Err(VaultError::Locked)));
    drop(vault);
    assert!(matches!(create(&dir), Err(VaultError::Exists { .. })));
    let wrong = Vault::open(&dir, "пароль correct hors", MUTABLE, rng());
    assert!(matches!(wrong, Err(VaultError::PassphraseWrong)));
    let bytes = std::fs::read(dir.join("vault.sqlite")).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"Velmara"));
    let mut vault = open(&dir).unwrap();
    assert_eq!(vault.read(Table(2), b"k").unwrap().unwrap().as_slice(), b"Velmara's secret words");
    // The key is held by another passphrase, composed in another way than it is typed later.
    vault.change_passphrase("caf\u{e9} au lait", PassphraseCost::LEAST).unwrap();
    drop(vault);
    assert!(matches!(open(&dir), Err(VaultError::PassphraseWrong)));
    let vault = Vault::open(&dir, "cafe\u{301} au lait", MUTABLE, rng()).unwrap();
    assert_eq!(vault.read(Table(1), b"k").unwrap().unwrap().as_slice(), b"Velmara's other words");
}

#[test]
fn a_cost_out_of_bounds_is_refused_and_makes_nothing() {
    let (_place, dir) = place();
    for (memory_mib, passes, lanes) in
        [(0, 1, 1), (4097, 1, 1), (64, 0, 1), (64, 65, 1), (64, 1, 0), (64, 1, 17)]
    {
        let cost = PassphraseCost { memory_mib, passes, lanes };
        let made = Vault::create(&dir, WORDS, cost, MUTABLE, Vec::new(), rng());
        assert!(matches!(made, Err(VaultError::CostOutOfBounds)));
        assert!(!dir.exists());
    }
}

#[test]
fn a_row_of_a_table_that_is_written_once_is_not_rewritten() {
    let (_place, dir) = place();
    let (key, mut expected) = filled(&dir);
    let mut vault = open_by_key(&dir, &key).unwrap();
    let twice = vault.commit(vec![put(1, b"channel", b"x"), put(2, &[3], b"x")]);
    assert!(matches!(twice, Err(StoreError::Misused(_))));
    assert!(matches!(vault.commit(vec![put(255, b"", b"")]), Err(StoreError::Misused(_))));
    assert_eq!(content(&mut vault, &expected).unwrap(), expected);
    vault.commit(vec![delete(2, &[3]), put(2, &[3], b"x"), delete(1, b"other"), delete(1, b"none")]).unwrap();
    expected.insert((2, vec![3]), b"x".to_vec());
    expected.remove(&(1, b"other".to_vec()));
    assert_eq!(content(&mut vault, &expected).unwrap(), expected);
}

#[test]
fn a_crash_leaves_exactly_what_was_committed() {
    let (_place, dir) = place();
    let (key, mut expected) = filled(&dir);
    let mut vault = open_by_key(&dir, &key).unwrap();
    for at in 0..5u8 {
        vault.commit(vec![put(1, b"channel", &[at; 9]), put(2, &[100 + at], &[at; 9_000])]).unwrap();
        expected.insert((1, b"channel".to_vec()), vec![at; 9]);
        expected.insert((2, vec![100 + at]), vec![at; 9_000]);
        let (_other, crashed) = copy_of(&dir);
        assert_eq!(content(&mut open_by_key(&crashed, &key).unwrap(), &expected).unwrap(), expected);
    }
}

#[test]
fn a_full_disk_changes_nothing_and_the_vault_works_on() {
    let (_place, dir) = place();
    let (key, mut expected) = filled(&dir);
    let mut vault = open_by_key(&dir, &key).unwrap();
    vault.limit_bytes(0).unwrap();
    let step = vault.step();
    let full = vault.commit(vec![put(1, b"channel", b"x"), put(2, b"big", &[1; 200_000])]);
    assert!(matches!(full, Err(StoreError::Full)));
    assert_eq!((content(&mut vault, &expected).unwrap(), vault.step()), (expected.clone(), step));
    vault.limit_bytes(1 << 30).unwrap();
    vault.commit(vec![put(1, b"channel", b"x"), put(2, b"big", &[1; 200_000])]).unwrap();
    expected.insert((1, b"channel".to_vec()), b"x".to_vec());
    expected.insert((2, b"big".to_vec()), vec![1; 200_000]);
    drop(vault);
    assert_eq!(content(&mut open_by_key(&dir, &key).unwrap(), &expected).unwrap(), expected);
}

#[test]
fn a_flipped_bit_is_noticed_or_changes_nothing_that_is_read() {
    let (_place, dir) = place();
    let (key, expected) = filled(&dir);
    let path = dir.join("vault.sqlite");
    let whole = std::fs::read(&path).unwrap();
    let (mut noticed, mut tried) = (0, 0);
    for at in (0..whole.len()).filter(|at| (at % 4096 < 120 && at % 5 == 0) || at % 197 == 0) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, &flipped).unwrap();
        tried += 1;
        match open_by_key(&dir, &key).map(|mut vault| content(&mut vault, &expected)) {
            Ok(Ok(found)) => assert_eq!(found, expected, "bit {} of byte {at} changed what is read", at % 8),
            Ok(Err(_)) | Err(_) => noticed += 1,
        }
        let _ = std::fs::remove_file(dir.join("vault.sqlite-wal"));
    }
    assert!(noticed * 3 > tried, "{noticed} of {tried}");
}

#[test]
fn an_altered_header_is_a_wrong_passphrase_or_damage() {
    let (_place, dir) = place();
    drop(create(&dir).unwrap());
    let whole = std::fs::read(dir.join("vault.sqlite")).unwrap();
    let db = Connection::open(dir.join("vault.sqlite")).unwrap();
    let (clear, wrapped): (Vec<u8>, Vec<u8>) = db
        .query_row("SELECT head, body FROM rows WHERE kind = 256", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    drop(db);
    // Version, memory, passes, lanes, id, salt; then nonce and wrapped key.
    for at in [0, 1, 2, 5, 6, 9, 12, 13, 44, 45, 76] {
        let mut flipped = clear.clone();
        flipped[at] ^= 1;
        std::fs::write(dir.join("vault.sqlite"), replaced(&whole, &clear, &flipped)).unwrap();
        let error = open(&dir).err();
        let refused = matches!(error, Some(VaultError::PassphraseWrong | VaultError::Damaged { .. }));
        assert!(refused, "{at}: {error:?}");
    }
    for at in [0, 23, 24, 71] {
        let mut flipped = wrapped.clone();
        flipped[at] ^= 1;
        std::fs::write(dir.join("vault.sqlite"), replaced(&whole, &wrapped, &flipped)).unwrap();
        assert!(matches!(open(&dir), Err(VaultError::PassphraseWrong)), "{at}");
    }
}

fn replaced(whole: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = whole.windows(from.len()).position(|window| window == from).unwrap();
    [&whole[..at], to, &whole[at + from.len()..]].concat()
}

/// Alters the file as a thief with SQLite would, and gives what the vault says to it.
fn meddled(dir: &Path, key: &Secret<32>, known: &Content, sql: &str) -> String {
    let (_other, copy) = copy_of(dir);
    let db = Connection::open(copy.join("vault.sqlite")).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
    drop(db);
    match open_by_key(&copy, key) {
        Err(VaultError::Altered { what }) => format!("open: {what}"),
        Err(other) => panic!("{other}"),
        Ok(mut vault) => content(&mut vault, known).unwrap_err().to_string(),
    }
}

#[test]
fn each_meddling_with_rows_is_noticed() {
    let (_place, dir) = place();
    let (key, expected) = filled(&dir);
    for (sql, said) in [
        (
            "UPDATE rows SET body = zeroblob(316) WHERE kind = 1 AND key = CAST('channel' AS BLOB)",
            "open: table 1",
        ),
        ("DELETE FROM rows WHERE kind = 1 AND key = CAST('other' AS BLOB)", "open: table 1"),
        ("UPDATE rows SET kind = 2 WHERE kind = 1 AND key = CAST('other' AS BLOB)", "open: table 1"),
        ("DELETE FROM rows WHERE kind = 255", "open: its root row is missing"),
        ("UPDATE rows SET head = zeroblob(32) WHERE kind = 255", "open: its root row does not open"),
        ("DELETE FROM rows WHERE kind = 2 AND key = x'05'", "rows are missing"),
        ("DELETE FROM rows WHERE kind = 2", "rows are missing"),
        ("UPDATE rows SET key = x'40' WHERE kind = 2 AND key = x'05'", "does not open"),
        ("UPDATE rows SET body = x'00' WHERE kind = 2 AND key = x'05'", "does not open"),
        ("UPDATE rows SET head = x'ff' WHERE kind = 2 AND key = x'05'", "cut short"),
        ("UPDATE rows SET body = 'text' WHERE kind = 2 AND key = x'05'", "another form"),
    ] {
        let answer = meddled(&dir, &key, &expected, sql);
        assert!(answer.contains(said), "{sql}: {answer}");
    }
}

#[test]
fn rows_of_an_older_copy_are_noticed() {
    let (_place, dir) = place();
    let (key, mut expected) = filled(&dir);
    let (_older, older) = copy_of(&dir);
    let mut vault = open_by_key(&dir, &key).unwrap();
    vault.commit(vec![put(1, b"channel", b"newer"), delete(2, &[5]), put(2, &[50], b"new")]).unwrap();
    expected.remove(&(2, vec![5]));
    drop(vault);
    let taken_back = |what: &str| {
        let (_other, copy) = copy_of(&dir);
        let db = Connection::open(copy.join("vault.sqlite")).unwrap();
        let older = older.join("vault.sqlite");
        db.execute("ATTACH ?1 AS older", [older.to_str().unwrap()]).unwrap();
        let sql = format!(
            "INSERT OR REPLACE INTO rows(kind, key, head, body) SELECT kind, key, head, body FROM older.rows WHERE {what}"
        );
        db.execute(&sql, []).unwrap();
        drop(db);
        let opened = open_by_key(&copy, &key).map(|mut vault| content(&mut vault, &expected));
        match opened {
            Err(VaultError::Altered { what }) | Ok(Err(StoreError::Corrupt { what })) => what,
            other => panic!("{what}: {:?}", other.map(|found| found.is_ok())),
        }
    };
    // A mutable row, a deleted row put back, and the root alone.
    assert!(taken_back("kind = 1 AND key = CAST('channel' AS BLOB)").contains("not the newest"));
    assert!(taken_back("kind = 2 AND key = x'05'").contains("put back"));
    assert!(taken_back("kind = 255").contains("not the newest"));
    // A whole older copy opens: nothing within it could tell.
    assert!(open_by_key(&older, &key).is_ok());
}

#[test]
fn a_truncated_file_and_what_is_no_vault_are_told() {
    let (_place, dir) = place();
    let (key, expected) = filled(&dir);
    let path = dir.join("vault.sqlite");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 50, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let noticed = match open_by_key(&dir, &key) {
            Err(VaultError::Damaged { .. } | VaultError::Altered { .. }) => true,
            Err(other) => panic!("{length}: {other}"),
            Ok(mut vault) => content(&mut vault, &expected).is_err(),
        };
        assert!(noticed, "{length}");
    }
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute("CREATE TABLE theirs(x)", []).unwrap();
    let allow = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    allow(0o600);
    assert!(matches!(open(&dir), Err(VaultError::NotAVault { .. })));
    allow(0o644);
    assert!(matches!(open(&dir), Err(VaultError::PermissionsOpen(_))));
}
