//! Crashes drawn from a seed: whatever a kill, a power failure or a flipped bit leaves of the store's files, beside a model
//! of what was committed.

use super::tests::{delete, place, put};
use super::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// A few commits fill it.
const HALF: u64 = 64 << 10;
const SECTOR: usize = 512;
const CELL: usize = 16_128;
const TABLES: [u8; 4] = [1, 2, 3, 4];
const FILE: &str = "relay.sqlite";
const LOG: &str = "relay.sqlite-wal";
const STEPS_EACH: usize = 40;
const LOG_BYTES: u64 = 100_000;

type Content = BTreeMap<(u8, Vec<u8>), Vec<u8>>;
type Files = BTreeMap<String, Vec<u8>>;

/// A store, and what it should have.
struct Held {
    _place: TempDir,
    dir: PathBuf,
    store: Option<SqliteStore>,
    content: Content,
    limit: Option<u64>,
}

fn below(rng: &mut ChaCha20Rng, most: usize) -> usize {
    rng.next_u32() as usize % most.max(1)
}

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_rows(Rows::open(dir, FORMAT)?, STEPS, HALF)
}

fn files(dir: &Path) -> Files {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let entries =
        entries.map(|it| (it.file_name().into_string().unwrap(), std::fs::read(it.path()).unwrap()));
    entries.collect()
}

fn lay(files: &Files) -> (TempDir, PathBuf) {
    let (place, dir) = place();
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    (place, dir)
}

fn some_key(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let key = [0, 1, 7, 41, 128][below(rng, 5)];
    vec![below(rng, 4) as u8; key]
}

/// All that a store shows: scans, and reads and ranges that agree with them.
fn seen(rng: &mut ChaCha20Rng, store: &SqliteStore) -> Result<Content, StoreError> {
    let mut found = Content::new();
    for table in TABLES {
        store.scan(Table(table), &mut |key, value| {
            assert!(found.insert((table, key.to_vec()), value.to_vec()).is_none(), "shown twice");
        })?;
        let keys = [some_key(rng), some_key(rng)].into_iter();
        let shown = found.keys().filter(|(of, _)| *of == table).map(|(_, key)| key.clone());
        for key in keys.chain(shown.collect::<Vec<_>>()) {
            let read = store.read(Table(table), &key)?.map(|value| value.to_vec());
            assert!(read.as_ref() == found.get(&(table, key)), "a read and a scan differ");
        }
        let (from, to, backward) = (some_key(rng), some_key(rng), below(rng, 2) == 0);
        let (span, stop) = (Span { from: &from, to: &to, backward }, below(rng, 8));
        let mut shown = Vec::new();
        store.range(Table(table), &span, &mut |key, value| {
            shown.push((key.to_vec(), value.to_vec()));
            shown.len() <= stop
        })?;
        let within = found.iter().filter(|((of, key), _)| *of == table && *key >= from && *key < to);
        let mut within: Vec<_> = within.map(|((_, key), value)| (key.clone(), value.clone())).collect();
        if backward {
            within.reverse();
        }
        within.truncate(stop + 1);
        assert!(shown == within, "a range and a scan differ");
        let count = found.keys().filter(|(of, _)| *of == table).count();
        assert_eq!(store.count(Table(table))?, count as u64);
    }
    Ok(found)
}

fn value(rng: &mut ChaCha20Rng, journal: &Path) -> Vec<u8> {
    let bytes = match below(rng, 8) {
        0 => 0,
        1..=3 => below(rng, 300),
        4 => 1_000 + below(rng, 50),
        5 => below(rng, 9_000),
        _ => CELL,
    };
    let mut value = vec![0; bytes];
    match below(rng, 4) {
        0 => {}
        // What lies in the journal already.
        1 => {
            let lies = std::fs::read(journal).unwrap();
            let from = below(rng, lies.len()) / SECTOR * SECTOR;
            value.iter_mut().zip(lies.iter().skip(from)).for_each(|(to, from)| *to = *from);
        }
        _ => rng.fill_bytes(&mut value),
    }
    value
}

fn batch(rng: &mut ChaCha20Rng, held: &Held) -> Vec<Record> {
    let count = if below(rng, 25) == 0 { 60 } else { 1 + below(rng, 5) };
    let journal = held.dir.join(JOURNAL);
    let record = |_| {
        let table = TABLES[below(rng, 4)];
        let held: Vec<_> = held.content.keys().collect();
        match below(rng, 5) {
            0 if !held.is_empty() => {
                let (table, key) = held[below(rng, held.len())];
                delete(*table, key)
            }
            1 => delete(table, &some_key(rng)),
            _ => put(table, &some_key(rng), &value(rng, &journal)),
        }
    };
    (0..count).map(record).collect()
}

impl Held {
    fn on(place: (TempDir, PathBuf), store: SqliteStore, content: Content) -> Self {
        Self { _place: place.0, dir: place.1, store: Some(store), content, limit: None }
    }

    fn store(&mut self) -> &mut SqliteStore {
        self.store.as_mut().unwrap()
    }

    fn commit(&mut self, records: Vec<Record>) {
        let mut after = self.content.clone();
        for record in &records {
            let place = (record.table.0, record.key.clone());
            match &record.value {
                Some(value) => drop(after.insert(place, value.to_vec())),
                None => drop(after.remove(&place)),
            }
        }
        let deletes = records.iter().all(|record| record.value.is_none());
        match self.store().commit(records) {
            Ok(()) => self.content = after,
            Err(StoreError::Full) if self.limit.is_some() && !deletes => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Does something, and says whether it was a commit.
    fn act(&mut self, rng: &mut ChaCha20Rng) -> bool {
        // A long log is read again by each store that is opened.
        if self.store().rows.wal_bytes() > LOG_BYTES {
            self.store().rows.checkpoint().unwrap();
        }
        match below(rng, 24) {
            0 => self.store().checkpoint().unwrap(),
            1..=3 => (0..=below(rng, 4)).for_each(|_| self.store().tidy().unwrap()),
            4 => {
                self.store = None;
                self.store = Some(open(&self.dir).unwrap());
                if let Some(limit) = self.limit {
                    self.store().limit_bytes(limit).unwrap();
                }
            }
            _ => {
                let records = batch(rng, self);
                self.commit(records);
                return true;
            }
        }
        false
    }
}

/// Some sectors of what was written, or parts of them.
fn mix(rng: &mut ChaCha20Rng, before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut out = before.to_vec();
    out.resize(before.len().max(after.len()), 0);
    let share = [16, 128, 240, 252, 256][below(rng, 5)];
    for (old, new) in out.chunks_mut(SECTOR).zip(after.chunks(SECTOR)) {
        let (begin, end) = match below(rng, 256) {
            drawn if drawn >= share => continue,
            drawn if drawn % 16 == 0 => {
                let torn = below(rng, SECTOR);
                if below(rng, 2) == 0 { (0, torn) } else { (torn, SECTOR) }
            }
            _ => (0, SECTOR),
        };
        let places = old.iter_mut().zip(new).enumerate().filter(|(at, _)| (begin..end).contains(at));
        places.for_each(|(_, (old, new))| *old = *new);
    }
    out
}

/// What a store shows that is opened on these files, first without a change to them.
fn opened(rng: &mut ChaCha20Rng, files_left: &Files) -> Result<(Held, Content), StoreError> {
    let place = lay(files_left);
    let read = SqliteStore::with_journal(Rows::open_to_read(&place.1, FORMAT)?, true, HALF)?;
    let found = seen(rng, &read)?;
    drop(read);
    assert!(files(&place.1) == *files_left, "who only reads changes nothing");
    let store = open(&place.1)?;
    let again = seen(rng, &store)?;
    assert!(again == found, "who only reads sees what is there");
    Ok((Held::on(place, store, again.clone()), again))
}

/// The power fails while `old` becomes what `held` has: then the store goes on, and it fails again.
fn power_fails(rng: &mut ChaCha20Rng, held: &Held, before: &Files, old: &Content, again: usize) {
    let mut left = files(&held.dir);
    match below(rng, 8) {
        // It was SQLite's turn.
        0 if before[FILE] == left[FILE] => {
            let log = |files: &Files| files.get(LOG).cloned().unwrap_or_default();
            let log = mix(rng, &log(before), &log(&left));
            left.insert(LOG.to_owned(), log);
            left.insert(JOURNAL.to_owned(), before[JOURNAL].clone());
        }
        // The file was about to grow.
        1 => {
            let mut journal = before[JOURNAL].clone();
            let grown = journal.len().max(left[JOURNAL].len());
            journal.resize(grown, [0, 0xa5][below(rng, 2)]);
            journal.truncate(before[JOURNAL].len() + below(rng, grown + 1 - before[JOURNAL].len()));
            left.insert(JOURNAL.to_owned(), journal);
        }
        _ => {
            let journal = mix(rng, &before[JOURNAL], &left[JOURNAL]);
            left.insert(JOURNAL.to_owned(), journal);
        }
    }
    let (mut after, found) = opened(rng, &left).unwrap_or_else(|error| panic!("{error}"));
    assert!(found == *old || found == held.content, "neither what was before nor what came after");
    if again > 0 {
        for _ in 0..=below(rng, 2) {
            after.act(rng);
        }
        let (old, before) = (after.content.clone(), files(&after.dir));
        after.act(rng);
        assert!(seen(rng, after.store()).unwrap() == after.content);
        power_fails(rng, &after, &before, &old, again - 1);
    }
}

/// Where the batches lie that SQLite's file has not.
fn live(journal: &[u8], store: &SqliteStore) -> Vec<std::ops::Range<usize>> {
    let live = |at: usize| {
        let header = journal.get(at..at + 48).filter(|it| it[8..24] == store.place.salt)?;
        let number = u64::from_le_bytes(header[28..36].try_into().unwrap());
        let bytes = u32::from_le_bytes(header[36..40].try_into().unwrap()) as usize;
        (store.place.last + 1..=store.journal.last()).contains(&number).then_some(at..at + 48 + bytes)
    };
    (0..journal.len()).step_by(4_096).filter_map(live).collect()
}

fn a_bit_flips(rng: &mut ChaCha20Rng, held: &Held) {
    let whole = files(&held.dir);
    let live = live(&whole[JOURNAL], held.store.as_ref().unwrap());
    for _ in 0..2 {
        let (mut left, at) = (whole.clone(), rng.next_u32() as usize);
        let name = [JOURNAL, JOURNAL, JOURNAL, FILE, LOG][below(rng, 5)];
        let Some(bytes) = left.get_mut(name).filter(|bytes| !bytes.is_empty()) else { continue };
        let mut at = at % bytes.len();
        if name == JOURNAL && !live.is_empty() && below(rng, 4) > 0 {
            let batch = live[below(rng, live.len())].clone();
            let most = if below(rng, 4) == 0 { 48 } else { batch.len() };
            at = batch.start + below(rng, most);
        }
        bytes[at] ^= 1 << below(rng, 8);
        match opened(rng, &left) {
            Ok((_, found)) => {
                let is_live = name == JOURNAL && live.iter().any(|batch| batch.contains(&at));
                assert!(!is_live, "byte {at} of what only the journal has");
                assert!(found == held.content, "byte {at} of {name} changed what is read");
            }
            Err(error) => assert!(name != JOURNAL || matches!(error, StoreError::Corrupt { .. }), "{error}"),
        }
    }
}

fn crashes_of(rng: &mut ChaCha20Rng) {
    let place = place();
    drop(SqliteStore::create(&place.1).unwrap());
    let store = open(&place.1).unwrap();
    let mut held = Held::on(place, store, Content::new());
    if below(rng, 3) == 0 {
        let limit = 80_000 + 8_192 * below(rng, 80) as u64;
        held.limit = Some(limit);
        held.store().limit_bytes(limit).unwrap();
    }
    for _ in 0..STEPS_EACH {
        if below(rng, 3) > 0 {
            held.act(rng);
            continue;
        }
        let (before, old) = (files(&held.dir), held.content.clone());
        let commits = held.act(rng);
        assert!(seen(rng, held.store()).unwrap() == held.content);
        match below(rng, 4) {
            0 => a_bit_flips(rng, &held),
            _ if commits => power_fails(rng, &held, &before, &old, 2),
            // Of the journal all was erased, a part, or nothing yet; and whatever SQLite wrote is there.
            drawn => {
                let mut left = files(&held.dir);
                let journal = if drawn == 1 {
                    before[JOURNAL].clone()
                } else {
                    mix(rng, &before[JOURNAL], &left[JOURNAL])
                };
                left.insert(JOURNAL.to_owned(), journal);
                for left in [&left, &before] {
                    assert!(opened(rng, left).unwrap().1 == held.content);
                }
            }
        }
        // What a kill leaves.
        let left = files(&held.dir);
        assert!(opened(rng, &left).unwrap().1 == held.content);
    }
    held.store().checkpoint().unwrap();
    // Whoever is full can drop.
    let keys: Vec<_> = held.content.keys().cloned().collect();
    keys.iter().for_each(|(table, key)| held.commit(vec![delete(*table, key)]));
    assert!(seen(rng, held.store()).unwrap().is_empty());
}

#[test]
fn whatever_a_crash_leaves_has_all_that_was_committed_and_nothing_else() {
    let seeds = std::env::var("TRUCELINE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(6);
    for seed in 0..seeds {
        println!("seed {seed}; again: TRUCELINE_SEEDS={} cargo test --lib whatever_a_crash_leaves", seed + 1);
        crashes_of(&mut ChaCha20Rng::seed_from_u64(seed));
    }
}
