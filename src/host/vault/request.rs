//! How a process asks the one that uses a vault for a backup: SQLite lets one process in, and a long `sync --watch`
//! is not to be ended for it. Two small files in the vault's folder, which is its owner's alone:
//!
//! ```text
//! backup.request  = number 16, random ‖ asked at u64 (ms) ‖ path (list of u8)      removed once it is taken
//! backup.answer   = number 16 ‖ outcome: u32 0 ‖ bytes u64 ‖ step u64, or u32 1 ‖ what (string) ‖ help (string)
//! ```
//! Who asks waits: for the answer, or for the lock, which it then takes itself.

use super::Vault;
use super::backup::{Backup, BackupError};
use crate::codec;
use crate::host::clock;
use crate::host::folder::{Folder, FolderError, write_whole};
use crate::time::{Millis, UnixMillis};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const REQUEST: &str = "backup.request";
const ANSWER: &str = "backup.answer";
/// A path and what is told of a failure fit.
const FILE_BYTES_MAX: usize = 65_536;
/// A request is taken within this or never: who asked has given up, and wants no file later.
const TAKEN_WITHIN: Millis = Millis::secs(60);
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Encode, Decode)]
struct Request {
    number: [u8; 16],
    at: UnixMillis,
    path: Vec<u8>,
}

#[derive(Encode, Decode)]
enum Outcome {
    Made { bytes: u64, step: u64 },
    Failed { what: String, help: String },
}

#[derive(Encode, Decode)]
struct Answer {
    number: [u8; 16],
    outcome: Outcome,
}

/// What asking came to.
pub enum Asked {
    /// The backup is there.
    Made(Backup),
    /// It could not be made.
    Failed {
        /// What happened.
        what: String,
        /// What to do.
        help: String,
    },
    /// Nobody uses the vault any more: who asked can open it.
    Free,
    /// Whoever uses the vault did not take the request.
    Unheard,
}

fn put(path: &Path, value: &impl Encode) -> Result<(), FolderError> {
    let failed = |cause| FolderError::Failed { path: path.to_owned(), cause };
    let bytes = codec::encode(value, FILE_BYTES_MAX)
        .map_err(|_| failed(std::io::Error::from(std::io::ErrorKind::InvalidFilename)))?;
    write_whole(path, true, |file| file.write_all(&bytes).map_err(failed))
}

fn get<T: Encode + Decode<()>>(path: &Path) -> Option<T> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).ok()?;
    codec::decode(&bytes, FILE_BYTES_MAX).ok()
}

/// Whether another process uses the vault in `dir`.
///
/// # Errors
/// [`FolderError`] where the folder cannot be used at all.
pub fn is_in_use(dir: &Path) -> Result<bool, FolderError> {
    match Folder::take(dir) {
        Ok(_) => Ok(false),
        Err(FolderError::Locked { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Asks whoever uses the vault in `dir` for a backup at `to`, an absolute path, and waits until it is made, or
/// nobody uses the vault.
///
/// # Errors
/// [`FolderError`] where nothing can be asked.
pub fn ask_for_backup(dir: &Path, to: &Path, rng: &mut dyn CryptoRng) -> Result<Asked, FolderError> {
    let (request, answer) = (dir.join(REQUEST), dir.join(ANSWER));
    let mut number = [0; 16];
    rng.fill_bytes(&mut number);
    let at = clock::now();
    put(&request, &Request { number, at, path: to.as_os_str().as_bytes().to_vec() })?;
    loop {
        std::thread::sleep(PAUSE);
        if let Some(Answer { number: of, outcome }) = get(&answer)
            && of == number
        {
            let _ = std::fs::remove_file(&answer);
            return Ok(match outcome {
                Outcome::Made { bytes, step } => Asked::Made(Backup { bytes, step }),
                Outcome::Failed { what, help } => Asked::Failed { what, help },
            });
        }
        let outcome = match is_in_use(dir)? {
            false if get::<Answer>(&answer).is_some_and(|answer| answer.number == number) => continue,
            false => Asked::Free,
            true if request.exists() && clock::now().since(at) > TAKEN_WITHIN => Asked::Unheard,
            true => continue,
        };
        let _ = std::fs::remove_file(&request);
        return Ok(outcome);
    }
}

impl Vault {
    /// Makes the backup that another process asked for, if one did. What comes of it is told to who asked.
    pub(super) fn answer_request(&mut self) {
        let request = self.rows.file_beside(REQUEST);
        if !request.exists() {
            return;
        }
        let asked = get::<Request>(&request);
        // Removed before the backup is made: a request that ends this process is not met again at each start.
        if std::fs::remove_file(&request).is_err() {
            return;
        }
        let Some(Request { number, at, path }) = asked else { return };
        let now = clock::now();
        if now.since(at) > TAKEN_WITHIN || at.since(now) > TAKEN_WITHIN {
            return;
        }
        let outcome = match self.back_up(&PathBuf::from(OsString::from_vec(path))) {
            Ok(Backup { bytes, step }) => Outcome::Made { bytes, step },
            Err(error) => Outcome::Failed { what: error.to_string(), help: error.remedy() },
        };
        let _ = put(&self.rows.file_beside(ANSWER), &Answer { number, outcome });
    }
}

impl BackupError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NotABackup { .. } => "Give the file that 'truceline vault backup' wrote.".to_owned(),
            Self::Damaged { .. } => "Use another backup: nothing of this one was restored.".to_owned(),
            Self::Exists { .. } => "Name another one: nothing is written over.".to_owned(),
            Self::Interrupted { .. } => {
                "Remove it: never open it, for it may not know that it is an older copy.".to_owned()
            }
            Self::File { .. } => "Check the path, its permissions and the space on its disk.".to_owned(),
            Self::Vault(error) => error.remedy(),
        }
    }
}
