//! The commands that keep a vault: back up, restore, change the passphrase, check, retire.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See [`super::Command::Vault`].
#[derive(Debug, Subcommand)]
pub enum Vault {
    /// Writes one sealed file that holds the whole vault, also while 'sync --watch' uses it
    #[command(
        after_help = "It opens with the passphrase the vault has now, also after a new one is set. What is said after it
was made is not in it: back up again, and keep the newest alone.

Example:
  truceline vault backup /media/stick/velmara.backup"
    )]
    Backup(VaultBackup),
    /// Makes a vault of a backup, in the folder of --vault, where nothing may be
    #[command(
        after_help = "Asks for the passphrase of the backup. Nothing is sent until every relay has shown that nothing was
said after the backup was made; if something was, 'truceline channel renew' leads on.

Example:
  truceline --vault ~/velmara vault restore /media/stick/velmara.backup"
    )]
    Restore(VaultRestore),
    /// Sets a new passphrase; older copies and backups still open with the old one
    #[command(after_help = "Example:
  truceline vault passphrase")]
    Passphrase(VaultPassphrase),
    /// Checks every seal, chain, tree and signature in the vault
    #[command(after_help = "Tells all damage there is, not the first alone. Changes nothing.

Example:
  truceline vault check")]
    Check,
    /// Erases all keys for good; what was said stays readable, checkable and exportable
    #[command(
        after_help = "Nothing can be signed, sent or fetched with the vault after it, and nobody can undo it. Backups and
copies still hold the keys: destroy them too.

Example:
  truceline vault backup /media/stick/velmara.backup
  truceline vault retire"
    )]
    Retire(VaultRetire),
}

/// See [`Vault::Backup`].
#[derive(Debug, Args)]
pub struct VaultBackup {
    /// The file to write; one that exists is left alone
    pub file: PathBuf,
}

/// See [`Vault::Restore`].
#[derive(Debug, Args)]
pub struct VaultRestore {
    /// The backup
    pub file: PathBuf,
}

/// See [`Vault::Passphrase`].
#[derive(Debug, Args)]
pub struct VaultPassphrase {
    /// A file that holds the new passphrase; without it, it is asked for twice
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
    /// Makes the new passphrase cheap to check, and so to guess: for tests and demonstrations alone
    #[arg(long, hide = true)]
    pub fast_passphrase: bool,
}

/// See [`Vault::Retire`].
#[derive(Debug, Args)]
pub struct VaultRetire {
    /// Retires without asking
    #[arg(long)]
    pub yes: bool,
}
