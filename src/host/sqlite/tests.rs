//! The relay's store on a real disk.

use super::*;
use crate::host::folder::Folder;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;

type Content = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

pub(super) fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("relay");
    (place, dir)
}

pub(super) fn put(table: u8, key: &[u8], value: &[u8]) -> Record {
    Record::put(Table(table), key.to_vec(), value.to_vec())
}

pub(super) fn delete(table: u8, key: &[u8]) -> Record {
    Record::delete(Table(table), key.to_vec())
}

/// All that a user of the store can see: every scan, and every read of what the scans showed and `known`.
fn content(store: &mut SqliteStore, known: &Content) -> Result<Content, StoreError> {
    let mut found = Content::new();
    for table in [1, 2] {
        store.scan(Table(table), &mut |key, value| {
            found.insert((table, key.to_vec()), value.to_vec());
        })?;
    }
    for (table, key) in known.keys().chain(&found.keys().cloned().collect::<Vec<_>>()) {
        let read = store.read(Table(*table), key)?.map(|value| value.to_vec());
        let scanned = found.get(&(*table, key.clone())).cloned();
        if read.is_none() && scanned.is_some() {
            // A damaged index: who fetches the row is told that it is lost.
            return Err(StoreError::corrupt("a row that is scanned is not found"));
        }
        assert!(read == scanned, "a read and a scan of {table} {key:?} differ");
    }
    Ok(found)
}

#[test]
fn rows_come_back_in_key_order_and_only_those_committed() {
    let (_place, dir) = place();
    let mut store = SqliteStore::create(&dir).unwrap();
    store
        .commit(vec![put(2, b"b", b"2"), put(2, b"a", b"1"), put(1, b"", b""), put(2, b"ab", b"3")])
        .unwrap();
    // Within one commit the later record wins.
    store.commit(vec![put(2, b"b", b"x"), delete(2, b"b"), put(2, b"a", b"4"), put(2, b"a", b"5")]).unwrap();
    store.commit(vec![]).unwrap();
    let mut seen = Vec::new();
    store.scan(Table(2), &mut |key, value| seen.push((key.to_vec(), value.to_vec()))).unwrap();
    assert_eq!(seen, [(b"a".to_vec(), b"5".to_vec()), (b"ab".to_vec(), b"3".to_vec())]);
    assert_eq!(store.read(Table(1), b"").unwrap().unwrap().len(), 0);
    assert!(store.read(Table(2), b"b").unwrap().is_none());
    assert_eq!([1, 2, 3].map(|table| store.count(Table(table)).unwrap()), [1, 2, 0]);
    assert!(matches!(store.commit(vec![put(255, b"", b"")]), Err(StoreError::Misused(_))));
    drop(store);
    let mut store = SqliteStore::open(&dir).unwrap();
    assert_eq!(content(&mut store, &Content::new()).unwrap().len(), 3);
}

#[test]
fn a_store_is_neither_made_twice_nor_opened_where_there_is_none() {
    let (_place, dir) = place();
    assert!(matches!(SqliteStore::open(&dir), Err(StoreError::Missing { .. })));
    assert!(!SqliteStore::exists(&dir));
    // What a crash in the middle of making one leaves behind.
    drop(Folder::create(&dir).unwrap());
    std::fs::write(dir.join("relay.sqlite.making"), b"half").unwrap();
    let store = SqliteStore::create(&dir).unwrap();
    assert!(SqliteStore::exists(&dir));
    assert!(matches!(SqliteStore::open(&dir), Err(StoreError::Locked)));
    drop(store);
    assert!(matches!(SqliteStore::create(&dir), Err(StoreError::Exists { .. })));
    let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn a_crash_leaves_exactly_what_was_committed() {
    let (_place, dir) = place();
    let mut store = SqliteStore::create(&dir).unwrap();
    let mut expected = Content::new();
    for at in 0..20u8 {
        store.commit(vec![put(1, &[at], &[at; 3_000]), delete(1, &[at.wrapping_sub(7)])]).unwrap();
        expected.insert((1, vec![at]), vec![at; 3_000]);
        expected.remove(&(1, vec![at.wrapping_sub(7)]));
        if at == 9 {
            store.checkpoint().unwrap();
            assert_eq!(store.backlog_bytes(), 0);
        }
        // The files as they lie there at this moment, while the store is open.
        let (_other, crashed) = place_of(&dir);
        let mut after = SqliteStore::open(&crashed).unwrap();
        assert_eq!(content(&mut after, &expected).unwrap(), expected);
    }
    assert!(store.backlog_bytes() > 0);
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_store_that_is_opened_to_be_read_shows_what_a_crash_left_and_nothing_of_it_changes() {
    let place = tempfile::tempdir().unwrap();
    // SQLite reads its name as a URI.
    let dir = place.path().join("a?b#c%20 d&vfs=none");
    let mut store = SqliteStore::create(&dir).unwrap();
    let mut expected = Content::new();
    let read = |dir: &Path, expected: &Content| {
        let before = files(dir);
        let mut store = SqliteStore::open_to_read(dir).unwrap();
        assert_eq!(content(&mut store, expected).unwrap(), *expected);
        assert!(store.commit(vec![put(1, b"new", b"")]).is_err());
        assert_eq!(content(&mut store, expected).unwrap(), *expected);
        drop(store);
        assert!(files(dir) == before, "{:?} and then {:?}", before.keys(), files(dir).keys());
    };
    for at in 0..20u8 {
        store.commit(vec![put(1, &[at], &[at; 3_000])]).unwrap();
        expected.insert((1, vec![at]), vec![at; 3_000]);
        if at == 9 {
            store.checkpoint().unwrap();
        }
        let (_other, crashed) = place_of(&dir);
        read(&crashed, &expected);
        assert_eq!(content(&mut SqliteStore::open(&crashed).unwrap(), &expected).unwrap(), expected);
    }
    assert!(matches!(SqliteStore::open_to_read(&dir), Err(StoreError::Locked)));
    drop(store);
    // After a good end there is no log.
    assert_eq!(files(&dir).len(), 3);
    read(&dir, &expected);
}

fn place_of(dir: &Path) -> (TempDir, PathBuf) {
    let (other, copy) = place();
    drop(Folder::create(&copy).unwrap());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    (other, copy)
}

#[test]
fn a_full_disk_changes_nothing_and_the_store_works_on() {
    let (_place, dir) = place();
    let mut store = SqliteStore::create(&dir).unwrap();
    store.limit_bytes(200_000).unwrap();
    let mut expected = Content::new();
    let full = (0..100u8).find_map(|at| {
        // The row deleted first is still there when the write after it fails.
        let result = store.commit(vec![delete(1, &[0]), put(1, &[at], &[7; 16_000])]);
        if result.is_ok() {
            expected.remove(&(1, vec![0]));
            expected.insert((1, vec![at]), vec![7; 16_000]);
        }
        result.err()
    });
    assert!(full.is_some_and(|full| matches!(full, StoreError::Full) && !full.is_fatal()));
    assert_eq!(content(&mut store, &expected).unwrap(), expected);
    // Space that is given back can be used.
    store.commit(vec![delete(1, &[3])]).unwrap();
    store.commit(vec![put(1, &[3], &[8; 15_000])]).unwrap();
    expected.insert((1, vec![3]), vec![8; 15_000]);
    assert_eq!(content(&mut store, &expected).unwrap(), expected);
    drop(store);
    assert_eq!(content(&mut SqliteStore::open(&dir).unwrap(), &expected).unwrap(), expected);
}

fn filled() -> (TempDir, PathBuf, Content) {
    let (place, dir) = place();
    let mut store = SqliteStore::create(&dir).unwrap();
    let mut expected = Content::new();
    for at in 0..40u8 {
        let value = vec![at; usize::from(at) * 150];
        store.commit(vec![put(1 + at % 2, &[at, 9, at], &value)]).unwrap();
        expected.insert((1 + at % 2, vec![at, 9, at]), value);
    }
    for at in [4u8, 5, 30] {
        store.commit(vec![delete(1 + at % 2, &[at, 9, at])]).unwrap();
        expected.remove(&(1 + at % 2, vec![at, 9, at]));
    }
    store.checkpoint().unwrap();
    (place, dir, expected)
}

#[test]
fn a_flipped_bit_is_noticed_or_changes_nothing_that_is_read() {
    let (_place, dir, expected) = filled();
    let path = dir.join("relay.sqlite");
    let whole = std::fs::read(&path).unwrap();
    let (mut noticed, mut tried) = (0, 0);
    // The first bytes of each page hold its structure and are tried more densely.
    let places = (0..whole.len()).filter(|at| (at % 4096 < 120 && at % 5 == 0) || at % 397 == 0);
    for at in places {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, &flipped).unwrap();
        tried += 1;
        match SqliteStore::open(&dir).and_then(|mut store| content(&mut store, &expected)) {
            Ok(found) => assert_eq!(found, expected, "bit {} of byte {at} changed what is read", at % 8),
            Err(_) => noticed += 1,
        }
        let _ = std::fs::remove_file(dir.join("relay.sqlite-wal"));
    }
    assert!(noticed * 3 > tried, "{noticed} of {tried}");
}

#[test]
fn a_truncated_file_is_noticed() {
    let (_place, dir, expected) = filled();
    let path = dir.join("relay.sqlite");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 1, 99, 100, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let opened = SqliteStore::open(&dir).and_then(|mut store| content(&mut store, &expected));
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{length}: {:?}", opened.err());
    }
}

#[test]
fn another_program_s_file_and_a_newer_format_are_refused() {
    let (_place, dir, _) = filled();
    let path = dir.join("relay.sqlite");
    let whole = std::fs::read(&path).unwrap();
    // user_version is at byte 60, application_id at byte 68 (SQLite file format, section 1.3).
    let mut newer = whole.clone();
    newer[63] = 3;
    std::fs::write(&path, &newer).unwrap();
    assert!(matches!(SqliteStore::open(&dir), Err(StoreError::VersionUnknown { found: 3, known: 2 })));
    let mut other = whole;
    other[68] = 0;
    std::fs::write(&path, &other).unwrap();
    assert!(matches!(SqliteStore::open(&dir), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_place, dir, _) = filled();
    let path = dir.join("relay.sqlite");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = SqliteStore::open(&dir).err().unwrap();
    assert!(matches!(error, StoreError::Folder(_)) && error.remedy().contains("chmod"), "{error}");
}

#[test]
fn an_older_store_takes_the_step_to_this_format_and_a_newer_one_is_refused() {
    fn renamed(writer: &Writer<'_>, tally: &mut Tally) -> Result<(), StoreError> {
        for key in writer.keys(1)? {
            let (_, value) = writer.read(1, &key)?.unwrap();
            for change in
                changes(vec![Record::delete(Table(1), key.clone()), Record::put(Table(4), key, value)])
            {
                let row = change.row.as_ref().map(|(head, value)| (head, value.as_slice()));
                apply(writer, tally, (change.table, &change.key, row))?;
            }
        }
        Ok(())
    }
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("store");
    let mut store = SqliteStore::create(&dir).unwrap();
    store.commit(vec![Record::put(Table(1), b"k".to_vec(), b"v".to_vec())]).unwrap();
    drop(store);
    let later = Format { version: FORMAT.version + 1, ..FORMAT };
    let steps: Vec<_> = STEPS.iter().copied().chain([renamed as Migration]).collect();
    for _ in 0..2 {
        let store = SqliteStore::open_rows(Rows::open(&dir, later).unwrap(), &steps, HALF_BYTES).unwrap();
        assert_eq!(store.read(Table(4), b"k").unwrap().unwrap().as_slice(), b"v");
        assert_eq!([1, 4].map(|table| store.count(Table(table)).unwrap()), [0, 1]);
        store.scan(Table(4), &mut |_, _| {}).unwrap();
    }
    let newer = SqliteStore::open(&dir).err();
    assert!(matches!(newer, Some(StoreError::VersionUnknown { found: 3, known: 2 })), "{newer:?}");
}

const HALF: u64 = 256 << 10;

fn with_small_halves(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_rows(Rows::open(dir, FORMAT)?, STEPS, HALF)
}

#[test]
fn a_batch_for_which_the_disk_had_no_room_is_followed_by_none_before_the_file_has_its_number() {
    let (_place, dir) = place();
    drop(SqliteStore::create(&dir).unwrap());
    let mut store = with_small_halves(&dir).unwrap();
    store.commit(vec![put(1, b"before", &[1; 2_000])]).unwrap();
    // A disk that copies on writing may have no room for bytes that are there.
    let full = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let file = std::mem::replace(store.journal.file(), full);
    assert!(matches!(store.commit(vec![put(1, b"full", b"")]), Err(StoreError::Full)));
    *store.journal.file() = file;
    store.commit(vec![put(1, b"after", &[2; 2_000])]).unwrap();
    let (_other, crashed) = place_of(&dir);
    for store in [store, with_small_halves(&crashed).unwrap()] {
        let read = |key: &[u8]| store.read(Table(1), key).unwrap().map(|value| value.len());
        assert_eq!([read(b"before"), read(b"full"), read(b"after")], [Some(2_000), None, Some(2_000)]);
    }
}

#[test]
fn a_header_that_is_torn_after_its_number_is_not_one_that_was_flipped() {
    let (_place, dir) = place();
    drop(SqliteStore::create(&dir).unwrap());
    let mut store = with_small_halves(&dir).unwrap();
    for at in 0..4u8 {
        let (_before, crashed) = place_of(&dir);
        let old = std::fs::read(dir.join(JOURNAL)).unwrap();
        store.commit(vec![put(1, &[at], &[at; 100])]).unwrap();
        let new = std::fs::read(dir.join(JOURNAL)).unwrap();
        // A disk that tears a sector tears it between words.
        for torn in (4..48).step_by(4).filter(|torn| old.len() > *torn) {
            for [one, other] in [[&old, &new], [&new, &old]] {
                let (_place, crashed) = place_of(&crashed);
                std::fs::write(crashed.join(JOURNAL), [&one[..torn], &other[torn..]].concat()).unwrap();
                let opened = with_small_halves(&crashed).map(|store| store.count(Table(1)).unwrap());
                let known = [u64::from(at), u64::from(at) + 1];
                assert!(opened.as_ref().is_ok_and(|count| known.contains(count)), "{at}, {torn}: {opened:?}");
            }
        }
        // The next one is written over it.
        store.tidy().unwrap();
    }
}

#[test]
fn where_the_file_has_no_room_for_what_is_pending_the_log_is_moved_into_it() {
    let (_place, dir) = place();
    drop(SqliteStore::create(&dir).unwrap());
    let mut store = with_small_halves(&dir).unwrap();
    for at in 0..12u8 {
        store.commit(vec![put(1, &[at], &[at; 16_000])]).unwrap();
    }
    store.tidy().unwrap();
    assert!(store.rows.wal_bytes() > 0 && !store.pending.is_empty());
    store.limit_bytes(1).unwrap();
    // Told each time, so whoever tidies does not go on at once.
    assert!(matches!(store.tidy(), Err(StoreError::Full)));
    assert_eq!(store.rows.wal_bytes(), 0);
    assert!(matches!(store.checkpoint(), Err(StoreError::Full)));
    store.limit_bytes(1 << 20).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(store.count(Table(1)).unwrap(), 12);
}

#[test]
fn what_was_acknowledged_fits_into_the_file_also_where_pages_are_split() {
    for (pages, bytes) in (12..16).flat_map(|pages| [(pages, 300), (pages, 900)]) {
        let (_place, dir) = place();
        drop(SqliteStore::create(&dir).unwrap());
        let mut store = with_small_halves(&dir).unwrap();
        store.limit_bytes(8_192 * pages).unwrap();
        let mut rows = (0..u32::MAX).map(|at| {
            let mut key = checksum(Table(1), &at.to_le_bytes(), &[]).0.to_vec();
            key.resize(128, 0);
            put(1, &key, &vec![1; bytes])
        });
        let mut taken = 0;
        let full = (1..).flat_map(|each| std::iter::repeat_n(each, each)).find_map(|each| {
            let done = store.commit(vec![rows.next().unwrap()]);
            taken += usize::from(done.is_ok());
            if taken.is_multiple_of(each) {
                store.checkpoint().unwrap();
            }
            done.err()
        });
        assert!(matches!(full, Some(StoreError::Full)));
        store.checkpoint().unwrap();
        assert_eq!(store.count(Table(1)).unwrap(), taken as u64);
    }
}

#[test]
fn after_a_failed_write_of_the_journal_nothing_more_is_answered() {
    let (_place, dir) = place();
    drop(SqliteStore::create(&dir).unwrap());
    let mut store = with_small_halves(&dir).unwrap();
    store.commit(vec![put(1, b"before", &[1; 2_000])]).unwrap();
    *store.journal.file() = std::fs::File::open(dir.join(JOURNAL)).unwrap();
    assert!(store.commit(vec![put(1, b"failed", b"")]).unwrap_err().is_fatal());
    assert!(store.read(Table(1), b"before").unwrap_err().is_fatal());
    assert!(store.scan(Table(1), &mut |_, _| {}).unwrap_err().is_fatal());
    assert!(store.commit(vec![put(1, b"after", b"")]).unwrap_err().is_fatal());
    assert!(store.tidy().unwrap_err().is_fatal());
    drop(store);
    assert_eq!(with_small_halves(&dir).unwrap().count(Table(1)).unwrap(), 1);
}
