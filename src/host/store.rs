//! What a service asks of a disk: one small trait, and how a disk fails.

use crate::host::folder::FolderError;
use crate::step::{Record, Span, Table};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The table a store keeps for itself; no record may be in it.
pub const TABLE_RESERVED: Table = Table(255);

/// A store that cannot do what was asked. After any error of a commit nothing of it is in the store, unless
/// [`StoreError::is_fatal`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the space allowed to the store, is full. Nothing changed; the store stays usable.
    #[error("the disk is full: nothing was written")]
    Full,
    /// What lies on the disk is not what was written.
    #[error("the stored data is damaged: {what}")]
    Corrupt {
        /// Where and how, without keys or content.
        what: String,
    },
    /// Another process uses the store.
    #[error("another process uses this store")]
    Locked,
    /// A format that this program does not know.
    #[error("the store has format {found}; this program knows format {known}")]
    VersionUnknown {
        /// The file's format.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// There is a store already where one should be made.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no store where one should be.
    #[error("there is no store at {path}")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another program's file, or no database at all.
    #[error("{path} is not a store of this program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The folder or a file in it.
    #[error(transparent)]
    Folder(FolderError),
    /// The caller asked for what a store does not do.
    #[error("the program misused its store: {0}")]
    Misused(&'static str),
    /// The disk failed.
    #[error("the disk failed: {cause}")]
    Failed {
        /// The system's or SQLite's words.
        cause: String,
        /// Whether what is durable is now unknown.
        fatal: bool,
    },
}

impl StoreError {
    /// Whether the process must stop: a failed write or fsync leaves unknown what is durable.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Failed { fatal: true, .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Full => "Free space on the disk, then try again.",
            Self::Corrupt { .. } => {
                "Check the disk. A vault: put a copy made before the damage in its place. A relay: begin anew in an empty folder, with the same certificate and key; clients put again what was not delivered."
            }
            Self::Locked => "Wait until the other process ends, or end it.",
            // Vaults are always opened to write.
            Self::VersionUnknown { found, known } if found < known => {
                "Start the relay: that brings its store to the new format."
            }
            Self::VersionUnknown { .. } => "Use the program that made it, or a newer one.",
            Self::Exists { .. } => "Use it, or name another folder.",
            Self::Foreign { .. } => "Check the path: nothing in the file was touched.",
            Self::Missing { .. } => "Check the path, or make a store there with init.",
            Self::Folder(error) => return error.remedy(),
            Self::Misused(_) => "This is a defect of the program: please report it.",
            Self::Failed { .. } => "Check the disk and the system's log, then start again.",
        }
        .to_owned()
    }

    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

impl From<FolderError> for StoreError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Locked { .. } => Self::Locked,
            other => Self::Folder(other),
        }
    }
}

/// Rows by table and key, made durable all or none. Used from one thread at a time; calls block on the disk.
pub trait Store: Send {
    /// Shows every row of a table in key order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] also at the end, when rows are missing: what was shown before is then to be
    /// thrown away.
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError>;

    /// One row's value.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError>;

    /// Shows the rows of a table whose keys lie in `span`, until `visit` says false. Rows that are missing are not
    /// noticed here: [`Store::scan`] notices them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError>;

    /// Writes all records or none, in their order; they are durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written.
    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError>;

    /// Bytes that a [`Store::checkpoint`] would tidy away.
    fn backlog_bytes(&self) -> u64 {
        0
    }

    /// Bytes of records that may still be written when the disk has `free` for the store: with what the
    /// store can use again, and within its own bound.
    fn room_bytes(&mut self, free: u64) -> u64 {
        free
    }

    /// Tidies what commits left behind, off their path: for when nothing else is to be done, or the backlog
    /// has grown past what a restart should read.
    ///
    /// # Errors
    /// [`StoreError`]; no record is touched.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Does a piece of what [`Store::checkpoint`] does, where that can take long.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    fn tidy(&mut self) -> Result<(), StoreError> {
        self.checkpoint()
    }

    /// Does what other processes asked of the one that holds the store; what comes of it is told to them.
    fn answer_requests(&mut self) {}
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        self.as_ref().scan(table, visit)
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.as_ref().read(table, key)
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        self.as_ref().range(table, span, visit)
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.as_mut().commit(records)
    }

    fn backlog_bytes(&self) -> u64 {
        self.as_ref().backlog_bytes()
    }

    fn room_bytes(&mut self, free: u64) -> u64 {
        self.as_mut().room_bytes(free)
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.as_mut().checkpoint()
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        self.as_mut().tidy()
    }

    fn answer_requests(&mut self) {
        self.as_mut().answer_requests();
    }
}

/// Refuses records in the table a store keeps for itself.
pub(super) fn check_tables(records: &[Record]) -> Result<(), StoreError> {
    if records.iter().any(|record| record.table == TABLE_RESERVED) {
        return Err(StoreError::Misused("table 255 is the store's own"));
    }
    Ok(())
}
