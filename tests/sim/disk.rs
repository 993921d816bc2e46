//! Disks: each keeps exactly what was made durable, fills up, fails to write, and rots. What is damaged is said, as
//! the real stores say it: rows of a vault are sealed, rows of a relay have checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use truceline::host::store::{Store, StoreError};
use truceline::officer::engine::Officer;
use truceline::officer::restore::RestoreError;
use truceline::officer::table::MUTABLE;
use truceline::service::disk::Disk;
use truceline::step::{Record, Span, Table};
use zeroize::Zeroizing;

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is no room: nothing is written.
    Full,
    /// The disk failed, and nothing was written.
    FailedLost,
    /// The disk failed, though all was written.
    FailedKept,
}

type RowKey = (Table, Vec<u8>);
type Value = Zeroizing<Vec<u8>>;

/// A row, and the how manieth it was to be written.
#[derive(Clone)]
struct Written(u64, Value);

/// Rows in memory. A clone is what a disk would hold after a crash at that moment.
#[derive(Clone, Default)]
pub struct SimStore {
    rows: BTreeMap<RowKey, Written>,
    /// How many rows were written.
    written: u64,
    /// Damaged rows, and what was written there.
    rotten: BTreeMap<RowKey, Written>,
    /// Tables of a vault from which a damaged row was deleted: their sums hold no more.
    unsound: BTreeSet<Table>,
    /// A vault's rule: of all other tables a row is written once.
    rewritable: Option<&'static [Table]>,
    failure: Option<Failure>,
}

fn corrupt(table: Table, how: &str) -> StoreError {
    StoreError::Corrupt { what: format!("table {}: {how}", table.0) }
}

impl SimStore {
    /// An empty vault.
    pub fn vault() -> Self {
        Self { rewritable: Some(MUTABLE), ..Self::default() }
    }

    /// Makes the next commit fail, and only that one.
    pub fn fail_next(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// The rows as they lie there, damaged or not.
    pub fn rows(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.rows.iter().map(|((table, key), Written(_, value))| (*table, key.as_slice(), value.as_slice()))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Turns over one bit of the row with this number, if it has any. Rows are counted as they were written: some keys
    /// are ids, which differ from run to run.
    pub fn rot(&mut self, number: usize, bit: u64) -> Option<Table> {
        let mut rows: Vec<_> = self.rows.iter_mut().collect();
        rows.sort_unstable_by_key(|(_, Written(at, _))| *at);
        let (key, row) = rows.into_iter().nth(number)?;
        let bits = row.1.len() as u64 * 8;
        if bits == 0 || self.rotten.contains_key(key) {
            return None;
        }
        let at = bit % bits;
        self.rotten.insert(key.clone(), row.clone());
        row.1[(at / 8) as usize] ^= 1 << (at % 8);
        Some(key.0)
    }

    /// How many rows of these tables are damaged.
    pub fn rotten(&self, tables: &[Table]) -> u64 {
        self.rotten.keys().filter(|(table, _)| tables.contains(table)).count() as u64
    }

    /// Whether this row is.
    pub fn is_rotten(&self, table: Table, key: &[u8]) -> bool {
        self.rotten.contains_key(&(table, key.to_vec()))
    }

    /// Whether any damage is left.
    pub fn is_damaged(&self) -> bool {
        !self.rotten.is_empty() || !self.unsound.is_empty()
    }

    /// Brings back what was written, as from a copy made just before the damage.
    pub fn heal(&mut self) {
        self.rows.append(&mut self.rotten);
        self.unsound.clear();
    }

    fn whole(&self, key: &RowKey) -> Result<(), StoreError> {
        if self.rotten.contains_key(key) {
            return Err(corrupt(key.0, "a row is not what was written"));
        }
        Ok(())
    }

    /// What a vault checks when it is opened.
    fn check_mutable(&self) -> Result<(), StoreError> {
        match self.rotten.keys().find(|(table, _)| MUTABLE.contains(table)) {
            Some((table, _)) => Err(corrupt(*table, "a row is not the newest that was written")),
            None => Ok(()),
        }
    }
}

impl Store for SimStore {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Value)) -> Result<(), StoreError> {
        for (key, value) in self.rows.range((table, Vec::new())..).take_while(|((of, _), _)| *of == table) {
            self.whole(key)?;
            visit(&key.1, value.1.clone());
        }
        if self.unsound.contains(&table) {
            return Err(corrupt(table, "rows are missing, or were put back"));
        }
        Ok(())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let key = (table, key.to_vec());
        self.whole(&key)?;
        Ok(self.rows.get(&key).map(|Written(_, value)| value.clone()))
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Value) -> bool,
    ) -> Result<(), StoreError> {
        let (from, to) = ((table, span.from.to_vec()), (table, span.to.to_vec()));
        let mut rows: Vec<_> = (from < to).then(|| self.rows.range(from..to)).into_iter().flatten().collect();
        if span.backward {
            rows.reverse();
        }
        for (key, value) in rows {
            self.whole(key)?;
            if !visit(&key.1, value.1.clone()) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        let failed = || StoreError::Failed { cause: "told to fail".to_owned(), fatal: true };
        let failure = self.failure.take();
        match failure {
            Some(Failure::Full) => return Err(StoreError::Full),
            Some(Failure::FailedLost) => return Err(failed()),
            Some(Failure::FailedKept) | None => {}
        }
        // Of several records for one row the last counts; the row that was there before them may not be rewritten.
        let mut touched = BTreeSet::new();
        for Record { table, key, value } in records {
            let key = (table, key);
            let again = !touched.insert(key.clone());
            let once = !again && self.rewritable.is_some_and(|tables| !tables.contains(&table));
            if value.is_none() && once && self.rotten.contains_key(&key) {
                self.unsound.insert(table);
            }
            self.rotten.remove(&key);
            match value {
                Some(value) => {
                    self.written += 1;
                    let before = self.rows.insert(key, Written(self.written, value));
                    assert!(!once || before.is_none(), "a row of table {} was written again", table.0);
                }
                None => drop(self.rows.remove(&key)),
            }
        }
        failure.map_or(Ok(()), |_| Err(failed()))
    }
}

/// An officer's disk, which the engine reads while it runs. A clone is what it would hold after a crash.
pub struct OfficerDisk(Arc<Disk<SimStore>>);

impl Clone for OfficerDisk {
    fn clone(&self) -> Self {
        Self::new(self.store(|store| store.clone()))
    }
}

impl OfficerDisk {
    pub fn new(store: SimStore) -> Self {
        Self(Arc::new(Disk::new(store)))
    }

    /// The store itself.
    pub fn store<T>(&self, act: impl FnOnce(&mut SimStore) -> T) -> T {
        act(&mut self.0.store())
    }

    pub fn read(&self, table: Table, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.store(|store| store.read(table, key))
    }

    pub fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Value)) -> Result<(), StoreError> {
        self.store(|store| store.scan(table, visit))
    }

    pub fn commit(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.0.commit(records)
    }

    /// Why a read failed since this was last asked.
    pub fn failure(&self) -> Option<StoreError> {
        self.0.failure().take()
    }

    /// The engine that the disk's rows make, as the service starts it.
    pub fn start(&self) -> Result<Officer, StoreError> {
        self.store(|store| store.check_mutable())?;
        let restored = Officer::restore(self.0.clone());
        if let Some(error) = self.failure() {
            return Err(error);
        }
        Ok(restored.unwrap_or_else(|error: RestoreError| panic!("a sound vault makes no engine: {error}")))
    }

    /// The engine that a sound disk makes.
    pub fn restored(&self) -> Officer {
        self.start().unwrap()
    }
}
