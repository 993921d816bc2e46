//! A vault's backup: one sealed file that holds every row as it lies in the vault, and opens with the same
//! passphrase. The rows keep their own seals, and the root row theirs: a restored vault has the same rows, step and
//! root. Both ways the file streams through memory.
//!
//! ```text
//! backup = head 210 ‖ stream of chunks (crypto/stream.rs) over the records
//! head   = "truceline vault backup 1\n" 25 ‖ the rows' format u32 ‖ header's clear part 77 ‖ wrapped key 72 ‖ salt 32
//! key    = HKDF-Expand(vault key, label "vault/backup" ‖ head, 32)
//! record = kind u16 ‖ key (list of u8) ‖ head (list of u8) ‖ body (list of u8)
//! ```
//! Records rise by kind and key, and the root row (kind 255) is the last of them. The salt is random, so each
//! backup has a key of its own; the key covers the head, so no part of it can be another backup's.

use super::wrap::{CLEAR_BYTES, Clear, WRAPPED_BYTES};
use super::{FORMAT, HEADER, ROOT, Vault, VaultError};
use crate::crypto::derive::expand;
use crate::crypto::label;
use crate::crypto::secret::Secret;
use crate::crypto::stream::{CHUNK_BYTES, CHUNK_TEXT_BYTES, StreamKey};
use crate::host::folder::{FolderError, write_whole};
use crate::host::rows::{Format, Rows};
use crate::host::store::{StoreError, TABLE_RESERVED};
use crate::step::Table;
use rand_core::CryptoRng;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 25] = b"truceline vault backup 1\n";
const SALT_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 4 + CLEAR_BYTES + WRAPPED_BYTES + SALT_BYTES;
/// Keys and heads of rows are far shorter, bodies too: the longest is a draft of three long lists.
const PART_BYTES_MAX: u64 = 64 << 20;

/// A backup that cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Does not begin as a backup does.
    #[error("{path} is not a backup of a vault")]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// Altered, cut short, or put together from several.
    #[error("the backup is damaged: {what}")]
    Damaged {
        /// Where and how.
        what: &'static str,
    },
    /// There is a file or folder where one should be made.
    #[error("{path} exists already")]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// A restore was interrupted, and left what may be a vault that was never marked as restored.
    #[error("{path} is left of a restore that was interrupted")]
    Interrupted {
        /// The folder.
        path: PathBuf,
    },
    /// The backup's file cannot be read or written.
    #[error("{path} cannot be used: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// See [`VaultError`].
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Vault(error.into())
    }
}

impl From<FolderError> for BackupError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Exists { path } => Self::Exists { path },
            FolderError::Failed { path, cause } => Self::File { path, cause },
            other => Self::Vault(StoreError::from(other).into()),
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |cause| BackupError::File { path: path.clone(), cause }
}

const fn damaged(what: &'static str) -> BackupError {
    BackupError::Damaged { what }
}

/// What a backup holds, as the vault counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of the file.
    pub bytes: u64,
    /// Steps made durable in the vault since it was made.
    pub step: u64,
}

/// Writes records as chunks.
struct Sealer<W> {
    out: W,
    key: StreamKey,
    text: Vec<u8>,
    bytes: u64,
}

impl<W: Write> Sealer<W> {
    fn chunk(&mut self, last: bool) -> io::Result<()> {
        let text = std::mem::replace(&mut self.text, Vec::with_capacity(CHUNK_BYTES));
        let sealed = self.key.seal(text, last);
        self.bytes += sealed.len() as u64;
        self.out.write_all(&sealed)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // A full chunk waits until more comes: it may be the last.
            if self.text.len() == CHUNK_TEXT_BYTES {
                self.chunk(false)?;
            }
            let room = CHUNK_TEXT_BYTES - self.text.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.text.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn record(&mut self, kind: u16, parts: [&[u8]; 3]) -> io::Result<()> {
        self.write(&kind.to_le_bytes())?;
        for part in parts {
            self.write(&(part.len() as u64).to_le_bytes())?;
            self.write(part)?;
        }
        Ok(())
    }
}

/// Reads records out of chunks.
struct Opener<R> {
    file: R,
    key: StreamKey,
    text: Vec<u8>,
    at: usize,
    /// The chunk after the one that is open; empty after the last.
    next: Vec<u8>,
}

/// A record as it was read.
struct Row {
    kind: u16,
    key: Vec<u8>,
    head: Vec<u8>,
    body: Vec<u8>,
}

fn read_chunk(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

/// Why a record could not be read.
enum Stop {
    Damaged(&'static str),
    File(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl<R: Read> Opener<R> {
    fn new(mut file: R, key: Secret<32>) -> io::Result<Self> {
        let next = read_chunk(&mut file)?;
        Ok(Self { file, key: StreamKey::new(key), text: Vec::new(), at: 0, next })
    }

    /// False at the end of the stream.
    fn open_chunk(&mut self) -> Result<bool, Stop> {
        if self.next.is_empty() {
            return Ok(false);
        }
        let sealed = std::mem::replace(&mut self.next, read_chunk(&mut self.file)?);
        let text = self.key.open(&sealed, self.next.is_empty());
        self.text = text.map_err(|_| Stop::Damaged("a part of it was altered, moved or cut off"))?;
        self.at = 0;
        Ok(true)
    }

    fn take(&mut self, mut count: u64) -> Result<Vec<u8>, Stop> {
        let mut taken = Vec::new();
        while count > 0 {
            if self.at == self.text.len() && !self.open_chunk()? {
                return Err(Stop::Damaged("it ends inside a row"));
            }
            let left = self.text.get(self.at..).unwrap_or_default();
            let now = usize::try_from(count).unwrap_or(usize::MAX).min(left.len());
            taken.extend_from_slice(left.get(..now).unwrap_or_default());
            self.at += now;
            count -= now as u64;
        }
        Ok(taken)
    }

    fn part(&mut self) -> Result<Vec<u8>, Stop> {
        let malformed = || Stop::Damaged("a row in it is malformed");
        let count = u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| malformed())?);
        if count > PART_BYTES_MAX { Err(malformed()) } else { self.take(count) }
    }

    fn record(&mut self) -> Result<Option<Row>, Stop> {
        if self.at == self.text.len() && !self.open_chunk()? {
            return Ok(None);
        }
        let kind = self.take(2)?.try_into().map_err(|_| Stop::Damaged("a row in it is malformed"))?;
        let kind = u16::from_le_bytes(kind);
        Ok(Some(Row { kind, key: self.part()?, head: self.part()?, body: self.part()? }))
    }
}

/// The head of a backup: enough to ask for its passphrase.
pub struct BackupFile {
    path: PathBuf,
    file: BufReader<File>,
    head: Vec<u8>,
    format: u32,
}

impl BackupFile {
    /// Opens the file and reads its head.
    ///
    /// # Errors
    /// [`BackupError::NotABackup`], [`BackupError::File`], and a format that this program does not know.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = BufReader::with_capacity(CHUNK_BYTES, File::open(path).map_err(failed(path))?);
        let mut head = Vec::new();
        (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(failed(path))?;
        let format = head.get(MAGIC.len()..).and_then(<[u8]>::first_chunk::<4>).copied();
        let (true, Some(format)) = (head.starts_with(MAGIC), format) else {
            return Err(BackupError::NotABackup { path: path.to_owned() });
        };
        let format = u32::from_le_bytes(format);
        if head.len() != HEAD_BYTES {
            return Err(damaged("it is cut short"));
        }
        let (found, known) = (i64::from(format), i64::from(FORMAT.version));
        if !(1..=known).contains(&found) {
            return Err(StoreError::VersionUnknown { found, known }.into());
        }
        Ok(Self { path: path.to_owned(), file, head, format })
    }

    /// Makes a vault in `dir`, a folder for this alone, of the backup. After an error what is there is of no use.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn restore(
        self,
        dir: &Path,
        passphrase: &str,
        mutable: &'static [Table],
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Vault, BackupError> {
        let (clear, wrapped) = self.header();
        let vault_key = Clear::parse(clear)?.unwrap(passphrase, wrapped)?;
        self.restore_by_key(dir, vault_key, mutable, rng)
    }

    /// The header's clear part and the wrapped key.
    fn header(&self) -> (&[u8], &[u8]) {
        let (clear, rest) = self.head.get(MAGIC.len() + 4..).unwrap_or_default().split_at(CLEAR_BYTES);
        (clear, rest.get(..WRAPPED_BYTES).unwrap_or_default())
    }

    /// The same for whoever has the vault's key in hand: it asks for no passphrase.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn restore_by_key(
        self,
        dir: &Path,
        vault_key: Secret<32>,
        mutable: &'static [Table],
        rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Vault, BackupError> {
        let (clear, wrapped) = self.header();
        let (clear, wrapped) = (clear.to_vec(), wrapped.to_vec());
        let parsed = Clear::parse(&clear)?;
        let Self { path, file, head, format } = self;
        let mut opener = Opener::new(file, backup_key(&vault_key, &head)).map_err(failed(&path))?;
        let mut stopped = None;
        let version = i32::try_from(format).unwrap_or(i32::MAX);
        let rows = Rows::create(dir, Format { version, ..FORMAT }, |writer| {
            writer.put(HEADER, &[], &clear, &wrapped)?;
            let mut before: Option<(u16, Vec<u8>)> = None;
            loop {
                let row = match opener.record() {
                    Ok(Some(row)) => row,
                    Ok(None) if matches!(&before, Some((ROOT, _))) => return Ok(()),
                    Ok(None) => {
                        stopped = Some(Stop::Damaged("it ends before its root row"));
                        break;
                    }
                    Err(stop) => {
                        stopped = Some(stop);
                        break;
                    }
                };
                let Row { kind, key, head, body } = row;
                let place = (kind, key);
                if kind > ROOT || before.as_ref().is_some_and(|before| *before >= place) {
                    stopped = Some(Stop::Damaged("its rows are out of order"));
                    break;
                }
                writer.put(kind, &place.1, &head, &body)?;
                before = Some(place);
            }
            Err(StoreError::corrupt("the backup is damaged"))
        });
        let rows = match (rows, stopped) {
            (Err(_), Some(Stop::Damaged(what))) => return Err(damaged(what)),
            (Err(_), Some(Stop::File(cause))) => return Err(BackupError::File { path, cause }),
            (rows, _) => rows?,
        };
        Ok(Vault::unlocked(rows, vault_key, parsed.id(), mutable, rng)?)
    }
}

fn backup_key(vault_key: &Secret<32>, head: &[u8]) -> Secret<32> {
    expand(vault_key, label::VAULT_BACKUP, &[head])
}

impl Vault {
    /// Writes a backup to `path`, where nothing may be; readable for the owner alone. It is whole once it has its
    /// name. Each row's seal, and each table's sum, is checked on the way: what is damaged is not backed up.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left at `path`.
    pub fn back_up(&mut self, path: &Path) -> Result<Backup, BackupError> {
        // Before the work, where that is seen; what comes to be there meanwhile is seen when the file gets its name.
        if path.exists() {
            return Err(BackupError::Exists { path: path.to_owned() });
        }
        write_whole(path, false, |file| self.write_backup(file, path))
    }

    fn write_backup(&mut self, file: &mut File, path: &Path) -> Result<Backup, BackupError> {
        let failed = failed(path);
        let (clear, wrapped) = super::header(&self.rows)?;
        let mut salt = [0; SALT_BYTES];
        self.rng.fill_bytes(&mut salt);
        let format = u32::try_from(FORMAT.version).unwrap_or_default().to_le_bytes();
        let head = [&MAGIC[..], &format, &clear, &wrapped, &salt].concat();
        let mut out = BufWriter::with_capacity(CHUNK_BYTES, file);
        out.write_all(&head).map_err(&failed)?;
        let key = StreamKey::new(backup_key(&self.vault_key, &head));
        let mut sealer = Sealer { out, key, text: Vec::with_capacity(CHUNK_BYTES), bytes: head.len() as u64 };
        let mut stopped = None;
        let mut copy = |kind: u16, parts: [&[u8]; 3]| {
            // The scan ends with an error of its own kind; what is told is why.
            sealer.record(kind, parts).map_err(|cause| {
                stopped = Some(cause);
                StoreError::Full
            })
        };
        let copied = (0..TABLE_RESERVED.0).map(Table).try_for_each(|table| {
            self.scan_stored(table, &mut |key, head, body| {
                self.open_row(table, key, head, body)?;
                copy(u16::from(table.0), [key, head, body])
            })
        });
        let copied =
            copied.and_then(|()| self.rows.scan(ROOT, &mut |key, head, body| copy(ROOT, [key, head, body])));
        if let Some(cause) = stopped {
            return Err(failed(cause));
        }
        copied?;
        sealer.chunk(true).map_err(&failed)?;
        let bytes = sealer.bytes;
        sealer.out.flush().map_err(&failed)?;
        Ok(Backup { bytes, step: self.root.step })
    }
}

#[cfg(test)]
mod tests;
