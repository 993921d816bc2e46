//! The vault as the service shares it with its engine: the service writes, the engine reads. A read that fails
//! stops both: nothing that follows from it is made durable or told.

use crate::host::store::{Store, StoreError};
use crate::officer::past::{Past, Unreadable};
use crate::step::{Record, Span, Table};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Why a read failed, where one did: the first counts.
#[derive(Debug, Clone, Default)]
pub struct Failure(Arc<Mutex<Option<StoreError>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Failure {
    /// Takes why a read failed; none where none did.
    #[must_use]
    pub fn take(&self) -> Option<StoreError> {
        lock(&self.0).take()
    }

    fn keep(&self, error: StoreError) -> Unreadable {
        lock(&self.0).get_or_insert(error);
        Unreadable
    }
}

/// A store that one writes and several read.
pub struct Disk<S> {
    store: Mutex<S>,
    failure: Failure,
}

impl<S: Store> Disk<S> {
    /// Shares a store.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store: Mutex::new(store), failure: Failure::default() }
    }

    /// Where a failed read is told.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// Writes all records or none, unless a read failed before.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written.
    pub fn commit(&self, records: Vec<Record>) -> Result<(), StoreError> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => lock(&self.store).commit(records),
        }
    }

    /// The store itself. Nothing else reads or writes until the guard is dropped.
    pub fn store(&self) -> MutexGuard<'_, S> {
        lock(&self.store)
    }
}

impl<S: Store> Past for Disk<S> {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), Unreadable> {
        self.store().scan(table, visit).map_err(|error| self.failure.keep(error))
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
        self.store().read(table, key).map_err(|error| self.failure.keep(error))
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), Unreadable> {
        self.store().range(table, span, visit).map_err(|error| self.failure.keep(error))
    }

    fn damaged(&self, table: Table, how: &'static str) -> Unreadable {
        self.failure.keep(StoreError::Corrupt { what: format!("table {}: {how}", table.0) })
    }
}
