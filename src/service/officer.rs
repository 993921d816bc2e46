//! The officer's service: a vault, the engine built from it, and what keeps the law between them: make the
//! records durable, then send, then show.

use crate::host::clock;
use crate::host::entropy::OsEntropy;
use crate::host::store::{Store, StoreError};
use crate::host::vault::{BackupError, PassphraseCost, Vault, VaultError};
use crate::officer::command::CommandError;
use crate::officer::engine::{Notice, Officer, OfficerStep};
use crate::officer::link::LinkSend;
use crate::officer::restore::{RestoreError, first_rows};
use crate::officer::table;
use crate::party::card::{IdentitySeeds, PartyName};
use crate::service::disk::{Disk, Failure};
use crate::step::Record;
use crate::time::UnixMillis;
use rand_core::{CryptoRng, Rng};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Why the service could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// See [`VaultError`].
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// See [`BackupError`].
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The vault could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault opened, and what it holds does not fit together.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// See [`CommandError`].
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A write failed before: what is in memory is ahead of the disk and is not used any more.
    #[error("an earlier write to the vault failed, so nothing more is done with it")]
    Stopped,
    /// None of the invite's relays gave the offer.
    #[error("the offer could not be fetched: {0}")]
    OfferNotFetched(String),
    /// The program could not set itself up.
    #[error("the program could not start its work: {0}")]
    Runtime(String),
}

/// What is left of a step once its records are durable.
pub(super) struct Durable {
    /// To be sent.
    pub sends: Vec<LinkSend>,
    /// To be shown.
    pub notices: Vec<Notice>,
}

/// A vault that is open, and its engine.
pub struct OfficerService {
    disk: Arc<Disk<Box<dyn Store>>>,
    officer: Officer,
    entropy: OsEntropy,
    stopped: bool,
}

impl OfficerService {
    /// Makes a vault in `dir` with a fresh identity.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn create(
        dir: &Path,
        passphrase: &str,
        name: PartyName,
        cost: PassphraseCost,
    ) -> Result<Self, ServiceError> {
        let mut entropy = OsEntropy;
        let seeds = IdentitySeeds::random(name, &mut entropy);
        let rows = first_rows(&seeds).map_err(|error| RestoreError::RowMalformed { table: 1, error })?;
        let vault = Vault::create_with(dir, passphrase, cost, table::MUTABLE, Box::new(OsEntropy), rows)?;
        Self::with_store(Box::new(vault))
    }

    /// Opens the vault in `dir`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn open(dir: &Path, passphrase: &str) -> Result<Self, ServiceError> {
        Self::with_store(Box::new(Vault::open(dir, passphrase, table::MUTABLE, Box::new(OsEntropy))?))
    }

    /// The engine of whatever `store` holds.
    ///
    /// # Errors
    /// [`ServiceError::Store`], [`ServiceError::Restore`].
    pub fn with_store(store: Box<dyn Store>) -> Result<Self, ServiceError> {
        let disk = Arc::new(Disk::new(store));
        let restored = Officer::restore(disk.clone());
        if let Some(error) = disk.failure().take() {
            return Err(error.into());
        }
        Ok(Self { disk, officer: restored?, entropy: OsEntropy, stopped: false })
    }

    /// Where a read that failed is told: what was read after it is not to be believed.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.disk.failure()
    }

    /// The engine, to look at.
    #[must_use]
    pub const fn officer(&self) -> &Officer {
        &self.officer
    }

    /// Does what other processes asked of this one, which holds the vault: a backup.
    pub(super) fn answer_requests(&mut self) {
        if !self.stopped {
            self.disk.store().answer_requests();
        }
    }

    /// Moves the log of the vault's file into the file.
    pub(super) fn tidy(&mut self) -> Result<(), ServiceError> {
        Ok(self.disk.store().checkpoint()?)
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        clock::now()
    }

    /// 32 fresh random bytes: the seed of a list's salts.
    pub fn random_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.entropy.fill_bytes(&mut seed);
        seed
    }

    /// Runs a command and makes it durable.
    ///
    /// # Errors
    /// [`ServiceError`]; nothing has changed unless it is [`ServiceError::Store`], after which nothing more is done.
    pub fn command<T>(
        &mut self,
        act: impl FnOnce(&mut Officer, UnixMillis, &mut dyn CryptoRng) -> Result<(T, OfficerStep), CommandError>,
    ) -> Result<T, ServiceError> {
        let (value, _) = self.act(|officer, now, rng| Ok(act(officer, now, rng)?))?;
        Ok(value)
    }

    /// Runs the engine and makes durable what it answers; gives what is to be sent and shown.
    pub(super) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut Officer, UnixMillis, &mut dyn CryptoRng) -> Result<(T, OfficerStep), ServiceError>,
    ) -> Result<(T, Durable), ServiceError> {
        if self.stopped {
            return Err(ServiceError::Stopped);
        }
        let acted = act(&mut self.officer, clock::now(), &mut self.entropy);
        if let Some(error) = self.disk.failure().take() {
            self.stopped = true;
            return Err(error.into());
        }
        let (value, step) = acted?;
        if !step.records.is_empty() {
            if let Err(error) = self.disk.commit(last_of_each_row(step.records)) {
                self.stopped = true;
                return Err(error.into());
            }
            self.officer.committed();
        }
        Ok((value, Durable { sends: step.sends, notices: step.notices }))
    }
}

/// Of several records for one row only the last counts. Where the row went before it came anew it goes first: one that
/// may not be rewritten may be there.
fn last_of_each_row(records: Vec<Record>) -> Vec<Record> {
    let mut rows: BTreeMap<_, (bool, Record)> = BTreeMap::new();
    for record in records {
        let row = (record.table, record.key.clone());
        let went = record.value.is_none() || rows.get(&row).is_some_and(|(went, _)| *went);
        rows.insert(row, (went, record));
    }
    let both = |(went, record): (bool, Record)| {
        let anew = went && record.value.is_some();
        let first = anew.then(|| Record::delete(record.table, record.key.clone()));
        first.into_iter().chain([record])
    };
    rows.into_values().flat_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_went_and_came_anew_goes_first_and_of_any_other_the_last_record_counts() {
        let put = |key: u8, value: u8| Record::put(table::FRAGMENT, vec![key], vec![value]);
        let delete = |key: u8| Record::delete(table::FRAGMENT, vec![key]);
        let records =
            vec![put(1, 1), put(1, 2), delete(2), put(2, 3), put(3, 4), delete(3), put(3, 5), delete(4)];
        let last = last_of_each_row(records);
        let told: Vec<_> =
            last.iter().map(|it| (it.key[0], it.value.as_ref().map(|value| value[0]))).collect();
        let expected = [(1, Some(2)), (2, None), (2, Some(3)), (3, None), (3, Some(5)), (4, None)];
        assert_eq!(told, expected);
    }
}
