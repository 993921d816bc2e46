//! How making or opening a vault fails.

use crate::host::folder::FolderError;
use crate::host::store::StoreError;
use std::path::PathBuf;

/// A vault that cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The wrapped key does not open.
    #[error("the passphrase is wrong, or the vault's header was altered: the two cannot be told apart")]
    PassphraseWrong,
    /// No vault there.
    #[error("there is no vault at {path}")]
    NotAVault {
        /// The folder or file.
        path: PathBuf,
    },
    /// A vault there already.
    #[error("there is a vault already: {path}")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process uses it.
    #[error("another process uses this vault")]
    Locked,
    /// The passphrase is right, and what it opens is not what was written.
    #[error("the vault was altered: {what}")]
    Altered {
        /// Where and how.
        what: String,
    },
    /// The file is damaged or cut short.
    #[error("the vault's file is damaged: {what}")]
    Damaged {
        /// How.
        what: String,
    },
    /// The disk is full.
    #[error("the disk is full: nothing was written")]
    Full,
    /// Others than the owner can read or write it.
    #[error(transparent)]
    PermissionsOpen(FolderError),
    /// A cost of the passphrase out of bounds.
    #[error("the passphrase's cost is out of bounds: 1 to 4096 MiB, 1 to 64 passes, 1 to 16 lanes")]
    CostOutOfBounds,
    /// Too little memory for the passphrase's cost.
    #[error("the passphrase's cost needs {mib} MiB of memory, and they are not to be had")]
    MemoryMissing {
        /// Memory in MiB.
        mib: u32,
    },
    /// Any other failure of the store.
    #[error(transparent)]
    Store(StoreError),
}

impl VaultError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::PassphraseWrong => {
                "Type it again; if it is surely right, restore the vault from a copy.".to_owned()
            }
            Self::NotAVault { .. } => "Check the path, or make a vault with init.".to_owned(),
            Self::Exists { .. } => "Use it, or name another folder.".to_owned(),
            Self::Locked => StoreError::Locked.remedy(),
            Self::Altered { .. } | Self::Damaged { .. } => {
                "Do not use it. Restore a copy made before, and find out who or what changed the file."
                    .to_owned()
            }
            Self::Full => StoreError::Full.remedy(),
            Self::PermissionsOpen(error) => error.remedy(),
            Self::CostOutOfBounds => "Choose a cost within the bounds.".to_owned(),
            Self::MemoryMissing { .. } => "End other programs, or use a machine with more memory.".to_owned(),
            Self::Store(error) => error.remedy(),
        }
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { path } | StoreError::Foreign { path } => Self::NotAVault { path },
            StoreError::Exists { path } => Self::Exists { path },
            StoreError::Locked => Self::Locked,
            StoreError::Full => Self::Full,
            StoreError::Corrupt { what } => Self::Damaged { what },
            StoreError::Folder(error @ FolderError::PermissionsOpen { .. }) => Self::PermissionsOpen(error),
            other => Self::Store(other),
        }
    }
}
