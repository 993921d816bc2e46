//! A store in memory, for tests and simulation: keeps exactly what was committed, and fails when told to.

use crate::host::store::{Store, StoreError, check_tables};
use crate::step::{Record, Span, Table};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// How the next commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// As on a full disk.
    Full,
    /// As on a disk whose fsync failed.
    Failed,
}

/// Rows in memory. A clone is what a disk would hold after a crash at that moment.
#[derive(Clone, Default)]
pub struct MemoryStore {
    rows: BTreeMap<(Table, Vec<u8>), Zeroizing<Vec<u8>>>,
    failure: Option<Failure>,
    commits: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next commit fail, and only that one.
    pub fn fail_next(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// Commits that were made durable.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits
    }
}

impl Store for MemoryStore {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        let rows = self.rows.range((table, Vec::new())..).take_while(|((of, _), _)| *of == table);
        rows.for_each(|((_, key), value)| visit(key, value.clone()));
        Ok(())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        let (from, to) = ((table, span.from.to_vec()), (table, span.to.to_vec()));
        let rows = (from < to).then(|| self.rows.range(from..to)).into_iter().flatten();
        let mut visit =
            |((_, key), value): (&(Table, Vec<u8>), &Zeroizing<Vec<u8>>)| visit(key, value.clone());
        // Whether the last one seen ended it does not matter.
        let _ = if span.backward { rows.rev().all(&mut visit) } else { { rows }.all(&mut visit) };
        Ok(())
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        check_tables(&records)?;
        match self.failure.take() {
            Some(Failure::Full) => return Err(StoreError::Full),
            Some(Failure::Failed) => {
                return Err(StoreError::Failed { cause: "told to fail".to_owned(), fatal: true });
            }
            None => {}
        }
        for Record { table, key, value } in records {
            match value {
                Some(value) => self.rows.insert((table, key), value),
                None => self.rows.remove(&(table, key)),
            };
        }
        self.commits += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_commit_changes_nothing_and_the_next_one_works() {
        let mut store = MemoryStore::new();
        store.commit(vec![Record::put(Table(1), b"a".to_vec(), b"1".to_vec())]).unwrap();
        for failure in [Failure::Full, Failure::Failed] {
            store.fail_next(failure);
            let error = store.commit(vec![Record::delete(Table(1), b"a".to_vec())]).unwrap_err();
            assert_eq!(error.is_fatal(), failure == Failure::Failed);
            assert_eq!(store.read(Table(1), b"a").unwrap().unwrap().as_slice(), b"1");
        }
        store.commit(vec![Record::delete(Table(1), b"a".to_vec())]).unwrap();
        assert!(store.read(Table(1), b"a").unwrap().is_none());
        assert_eq!(store.commits(), 2);
    }
}
