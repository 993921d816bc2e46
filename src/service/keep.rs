//! Keeping a vault: made of a backup, checked whole, retired. What the engine cannot do by itself, for it takes the
//! vault as a whole.

use crate::host::entropy::OsEntropy;
use crate::host::folder::{beside, new_folder, sync_parent};
use crate::host::vault::{BackupError, BackupFile, Damage, Inspection, VaultError};
use crate::officer::check::{Checked, Job, Source, check};
use crate::officer::table;
use crate::service::officer::{OfficerService, ServiceError};
use crate::statement::signed::StatementError;
use crate::step::Table;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::Path;
use zeroize::Zeroizing;

/// What a check of a vault came to.
pub struct VaultCheck {
    /// Steps made durable since the vault was made; none where the root row is damaged.
    pub step: Option<u64>,
    /// What the rows that open say.
    pub checked: Checked,
    /// What is wrong with the file, with seals and with tables.
    pub damage: Vec<Damage>,
}

impl VaultCheck {
    /// Whether all is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.checked.findings.is_empty()
    }
}

/// The rows of an inspection that open; what is wrong with the others is gathered.
struct Looked<'a> {
    inspection: &'a Inspection,
    damage: RefCell<Vec<Damage>>,
}

impl Source for Looked<'_> {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) {
        let damage = self.inspection.scan(table, visit);
        self.damage.borrow_mut().extend(damage);
    }

    fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.inspection.read(table, key)
    }
}

/// Verifies on all cores.
fn verify(jobs: &[Job]) -> Vec<Result<(), StatementError>> {
    let one = |job: &Job| job.statement.verify(&job.author);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = jobs.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = jobs
            .chunks(share)
            .map(|jobs| (jobs, scope.spawn(move || jobs.iter().map(one).collect::<Vec<_>>())))
            .collect();
        // A thread that ended early has verified nothing: its share is done here.
        let done = running
            .into_iter()
            .flat_map(|(jobs, share)| share.join().unwrap_or_else(|_| jobs.iter().map(one).collect()));
        done.collect()
    })
}

/// Checks the vault in `dir` from its file to its signatures, whatever is wrong with it.
///
/// # Errors
/// [`VaultError`] where nothing can be looked at.
pub fn check_vault(dir: &Path, passphrase: &str) -> Result<VaultCheck, VaultError> {
    let inspection = Inspection::open(dir, passphrase, table::MUTABLE, Box::new(OsEntropy))?;
    let looked = Looked { inspection: &inspection, damage: RefCell::new(inspection.damage(&table::ALL)) };
    let checked = check(&looked, &mut |jobs| verify(jobs));
    Ok(VaultCheck { step: inspection.step(), checked, damage: looked.damage.into_inner() })
}

/// Makes a vault in `dir`, where nothing may be, of a backup. It has its name only once it waits for the relays to
/// show that it is the newest.
///
/// # Errors
/// [`ServiceError`]; nothing is left behind.
pub fn restore(file: BackupFile, dir: &Path, passphrase: &str) -> Result<u64, ServiceError> {
    let making = beside(dir, ".restoring");
    if dir.exists() {
        return Err(BackupError::Exists { path: dir.to_owned() }.into());
    }
    // Made here or not at all: what is there already is not this one's to remove.
    new_folder(&making).map_err(|cause| match cause.kind() {
        ErrorKind::AlreadyExists => BackupError::Interrupted { path: making.clone() },
        _ => BackupError::File { path: making.clone(), cause },
    })?;
    let restored = restore_in(file, &making, passphrase).and_then(|step| {
        let failed = |cause| BackupError::File { path: dir.to_owned(), cause };
        std::fs::rename(&making, dir).map_err(failed)?;
        sync_parent(dir).map_err(BackupError::from)?;
        Ok(step)
    });
    if restored.is_err() {
        // It was made here, a moment ago.
        let _ = std::fs::remove_dir_all(&making);
    }
    restored
}

fn restore_in(file: BackupFile, dir: &Path, passphrase: &str) -> Result<u64, ServiceError> {
    let vault = file.restore(dir, passphrase, table::MUTABLE, Box::new(OsEntropy))?;
    let step = vault.step();
    let mut service = OfficerService::with_store(Box::new(vault))?;
    if service.officer().retired().is_none() {
        service.command(|officer, _, _| Ok(((), officer.mark_restored()?)))?;
    }
    service.tidy()?;
    Ok(step)
}

impl OfficerService {
    /// Erases every key for good, from the log of the file too.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn retire(&mut self) -> Result<(), ServiceError> {
        self.command(|officer, now, rng| officer.retire(now, rng))?;
        self.tidy()
    }
}
