//! What lies in a relay's folder beside its store: configuration, certificate, issued passes, totals.
//!
//! ```text
//! relay.toml         configuration; may be missing
//! certificate.pem    shown to whoever connects
//! key.pem            its key
//! deposit.key        what it signs deposits with: `relay_key.rs`
//! relay.sqlite       the store
//! relay.journal      what was stored last
//! passes/            passes issued and not yet taken in, or taken back (`relay_revoked.rs`): the hashes of their tokens,
//!                    never a pass
//! totals.json        written while the relay serves
//! lock               held by the one process that uses the store
//! ```

use crate::crypto::digest::{Digest, digest, hex, unhex};
use crate::crypto::label;
use crate::crypto::sign::SigningKey;
use crate::host::entropy::OsEntropy;
use crate::host::folder::{self, FolderError};
use crate::host::postgres::{Postgres, PostgresError};
use crate::host::process;
use crate::host::sqlite::SqliteStore;
use crate::host::store::{Store, StoreError};
use crate::host::tls::{self, CertificateInvalid};
use crate::party::relay::Pin;
use crate::relay::message::{Input, Totals};
use crate::relay::table::RESTORED;
use crate::service::relay_config::{CONFIG_BYTES_MAX, ConfigError, RelayConfig};
use crate::service::relay_key::{self, KeyFileError};
use crate::service::relay_shared;
use crate::time::UnixMillis;
use crate::wire::deposit::key_digest;
use crate::wire::pass::{Pass, TokenHash};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const CONFIG: &str = "relay.toml";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const DEPOSIT_KEY: &str = "deposit.key";
const PASSES: &str = "passes";
const TOTALS: &str = "totals.json";
const PASS_ENDING: &str = "pass";
/// An expiry and 1,000 hashes of 65 bytes a line fit.
const PASS_FILE_BYTES_MAX: u64 = 80_000;

/// A folder that cannot be used as a relay's.
#[derive(Debug, thiserror::Error)]
pub enum RelayFolderError {
    /// There is a relay already where one should be made.
    #[error("there is a relay in {0} already")]
    Exists(PathBuf),
    /// There is no relay.
    #[error("there is no relay in {0}")]
    Missing(PathBuf),
    /// There is a store, and no key: a crash ended its making, or the key was taken away.
    #[error("there is no relay in {0} yet: key.pem is missing")]
    Unfinished(PathBuf),
    /// There is a key, and no store.
    #[error("the store is gone: relay.sqlite is missing in {0}")]
    StoreGone(PathBuf),
    /// It is another user's: what this one made there the relay could not read, or the other way about.
    #[error("{path} belongs to user {owner}, and this is user {me}")]
    NotOwner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        me: u32,
    },
    /// See [`ConfigError`].
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// See [`CertificateInvalid`].
    #[error(transparent)]
    Certificate(#[from] CertificateInvalid),
    /// The file of its deposit key is none.
    #[error(transparent)]
    DepositKey(#[from] KeyFileError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// See [`PostgresError`].
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// See [`FolderError`].
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// What of a relay's store concerns an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether a relay serves the folder.
    pub serving: bool,
    /// Queues.
    pub queues: u64,
    /// Cells.
    pub cells: u64,
    /// Bytes of all cells.
    pub bytes: u64,
    /// When the oldest cell was stored, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
    /// Tokens of passes that have opened no queue.
    pub tokens: u64,
    /// Connections.
    pub connections: u64,
    /// When this was so, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Status {
    pub(super) fn of(totals: &Totals, now: UnixMillis) -> Self {
        Self {
            serving: true,
            queues: totals.queues,
            cells: totals.cells,
            bytes: totals.bytes(),
            oldest_ms: totals.oldest.map(|oldest| oldest.0),
            tokens: totals.tokens,
            connections: totals.connections,
            at_ms: now.0,
        }
    }
}

/// The path of a relay's folder.
#[derive(Debug, Clone)]
pub struct RelayFolder(PathBuf);

pub(super) fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    move |cause| FolderError::Failed { path, cause }
}

fn sync(folder: &Path) -> Result<(), FolderError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

fn read_bounded(path: &Path, max: u64) -> Result<String, std::io::Error> {
    let mut text = String::new();
    let read = File::open(path)?.take(max + 1).read_to_string(&mut text)?;
    if read as u64 > max {
        let cause = format!("it has more than {max} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, cause));
    }
    Ok(text)
}

impl RelayFolder {
    /// The folder at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes a relay: folder, store, certificate and key, deposit key, `relay.toml`; one that is there holds. Ends what
    /// an interrupted one began. Its pin, and the digest of its deposit key.
    ///
    /// # Errors
    /// [`RelayFolderError`].
    pub fn init(&self, config: &RelayConfig) -> Result<(Pin, Digest), RelayFolderError> {
        let exists = || RelayFolderError::Exists(self.0.clone());
        if self.0.join(KEY).exists() {
            return Err(exists());
        }
        RelayConfig::parse(&config.print())?;
        // Held to the end. An interrupted one left a store that nothing was ever in.
        let store = if SqliteStore::exists(&self.0) {
            SqliteStore::open(&self.0)
        } else {
            SqliteStore::create(&self.0)
        };
        let store = store?;
        let rows = RESTORED.iter().map(|table| store.count(*table)).sum::<Result<u64, _>>()?;
        if self.0.join(KEY).exists() || rows > 0 {
            return Err(exists());
        }
        self.make_passes()?;
        if !self.0.join(CONFIG).exists() {
            folder::write_private(&self.0.join(CONFIG), config.print().as_bytes())?;
        }
        let made = tls::make_certificate()?;
        // One whose key was never written is of no use.
        let certificate = self.0.join(CERTIFICATE);
        let write = |file: &mut File| file.write_all(made.certificate_pem.as_bytes());
        folder::write_whole(&certificate, true, |file| write(file).map_err(failed(&certificate)))?;
        let deposit = self.deposit_key()?;
        // The key comes last: a folder with a key is whole.
        folder::write_private(&self.0.join(KEY), made.key_pem.as_bytes())?;
        Ok((made.pin, key_digest(deposit.public())))
    }

    /// What is set in `relay.toml`; the defaults where there is none.
    ///
    /// # Errors
    /// [`RelayFolderError::Missing`], [`RelayFolderError::Config`].
    pub fn config(&self) -> Result<RelayConfig, RelayFolderError> {
        self.check()?;
        match read_bounded(&self.0.join(CONFIG), CONFIG_BYTES_MAX) {
            Ok(text) => Ok(RelayConfig::parse(&text)?),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(RelayConfig::default()),
            Err(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Err(ConfigError::Malformed(cause.to_string()).into())
            }
            Err(cause) => Err(failed(&self.0.join(CONFIG))(cause).into()),
        }
    }

    /// Whether there is a `relay.toml`.
    #[must_use]
    pub fn has_config(&self) -> bool {
        self.0.join(CONFIG).exists()
    }

    pub(super) fn check(&self) -> Result<(), RelayFolderError> {
        if !self.0.is_dir() {
            return Err(RelayFolderError::Missing(self.0.clone()));
        }
        // Asked first: into another's folder one may not even look.
        let (owner, me) = (folder::owner(&self.0)?, process::user());
        if owner != me {
            return Err(RelayFolderError::NotOwner { path: self.0.clone(), owner, me });
        }
        match (SqliteStore::exists(&self.0), self.0.join(KEY).exists()) {
            (false, true) => return Err(RelayFolderError::StoreGone(self.0.clone())),
            (false, false) => return Err(RelayFolderError::Missing(self.0.clone())),
            (true, _) => {}
        }
        if !self.0.join(KEY).exists() {
            return Err(RelayFolderError::Unfinished(self.0.clone()));
        }
        Ok(folder::check_private(&self.0)?)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of its certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.join(CERTIFICATE)
    }

    /// The file of its certificate's key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.0.join(KEY)
    }

    /// The key with which deposits are signed; made where there is none yet.
    ///
    /// # Errors
    /// [`RelayFolderError::Folder`], [`RelayFolderError::DepositKey`].
    pub fn deposit_key(&self) -> Result<SigningKey, RelayFolderError> {
        let path = self.0.join(DEPOSIT_KEY);
        match relay_key::read(&path) {
            Err(KeyFileError::Missing) => {
                let key = relay_key::make(&path, &mut OsEntropy)?;
                tracing::warn!("a new deposit key was made: clients that know another will say so");
                Ok(key)
            }
            read => Ok(read?),
        }
    }

    /// Whether there is a deposit key; nothing is made.
    ///
    /// # Errors
    /// [`RelayFolderError::DepositKey`].
    pub fn has_deposit_key(&self) -> Result<bool, RelayFolderError> {
        match relay_key::read(&self.0.join(DEPOSIT_KEY)) {
            Err(KeyFileError::Missing) => Ok(false),
            read => Ok(read.map(|_| true)?),
        }
    }

    /// Issues a pass: the hashes of its tokens are left, durably, for the relay to take in, whether it
    /// serves now or later.
    ///
    /// # Errors
    /// [`RelayFolderError`].
    pub fn issue(
        &self,
        tokens: u32,
        expires: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<Pass, RelayFolderError> {
        self.check()?;
        let pass = Pass::random(tokens, rng);
        let mut text = format!("{}\n", expires.0);
        for token in pass.tokens() {
            text.push_str(&token.hash().0.hex());
            text.push('\n');
        }
        let file = self.make_passes()?.join(format!("{}.{PASS_ENDING}", pass_name(&text)));
        folder::write_private(&file, text.as_bytes())?;
        Ok(pass)
    }

    fn passes(&self) -> PathBuf {
        self.0.join(PASSES)
    }

    /// The folder of passes; an empty one is easily lost in a copy.
    pub(super) fn make_passes(&self) -> Result<PathBuf, FolderError> {
        let passes = self.passes();
        let mut made = std::fs::DirBuilder::new();
        made.mode(0o700).recursive(true).create(&passes).map_err(failed(&passes))?;
        Ok(passes)
    }

    /// Passes that were issued and not yet taken in.
    pub(super) fn issued(&self) -> Result<Vec<IssuedPass>, FolderError> {
        let left = self.left(PASS_ENDING)?.into_iter();
        Ok(left.map(|(path, text)| IssuedPass::parse(path, &text)).collect())
    }

    /// What lies among the passes with this ending, and its text: none for what is no text, or cannot be read.
    pub(super) fn left(&self, wanted: &str) -> Result<Vec<(PathBuf, String)>, FolderError> {
        let passes = self.passes();
        let entries = match std::fs::read_dir(&passes) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(failed(&passes)(cause)),
        };
        let mut left = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed(&passes))?.path();
            if path.extension().is_some_and(|ending| ending == wanted) {
                use std::io::ErrorKind;
                let text = match read_bounded(&path, PASS_FILE_BYTES_MAX) {
                    // Somebody took it away meanwhile.
                    Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                    // No text, or none for this user: no pass, and no reason to leave the others.
                    Err(cause)
                        if matches!(
                            cause.kind(),
                            ErrorKind::InvalidData | ErrorKind::PermissionDenied | ErrorKind::IsADirectory
                        ) =>
                    {
                        String::new()
                    }
                    read => read.map_err(failed(&path))?,
                };
                left.push((path, text));
            }
        }
        Ok(left)
    }

    /// How many passes and revocations wait to be taken in, and how many files among them are none, or none that can be
    /// read.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn passes_waiting(&self) -> Result<(usize, usize), FolderError> {
        let (issued, revoked) = self.waiting()?;
        let none = issued.iter().filter(|it| it.tokens.is_err()).count()
            + revoked.iter().filter(|it| it.which.is_err()).count();
        Ok((issued.len() + revoked.len() - none, none))
    }

    /// Takes away a pass, or a revocation, that is in the store now. Durable when it returns: a pass that came back after a
    /// crash would let spent tokens open queues again.
    pub(super) fn forget_issued(&self, pass: &Path) -> Result<(), FolderError> {
        match std::fs::remove_file(pass) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(failed(pass)(cause)),
            _ => {}
        }
        sync(&self.passes())
    }

    pub(super) fn write_totals(&self, status: &Status) -> std::io::Result<()> {
        let making = self.0.join("totals.making");
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&making)?;
        file.write_all(&serde_json::to_vec(status)?)?;
        std::fs::rename(&making, self.0.join(TOTALS))
    }

    pub(super) fn remove_totals(&self) {
        // It is written anew at the next start, and read only while a relay serves.
        let _ = std::fs::remove_file(self.0.join(TOTALS));
    }

    /// Totals of what the relay holds: told by the relay while it serves, else counted in its store, which is not changed.
    ///
    /// # Errors
    /// [`RelayFolderError`].
    pub fn status(&self, now: UnixMillis) -> Result<Status, RelayFolderError> {
        self.check()?;
        match SqliteStore::open_to_read(&self.0) {
            Ok(mut store) => match self.config()?.postgres(&self.0)? {
                Some(postgres) => self.count_shared(postgres, false, now),
                None => self.count(&mut store, now),
            },
            Err(StoreError::Locked) => {
                let text = read_bounded(&self.0.join(TOTALS), CONFIG_BYTES_MAX);
                let status = text.ok().and_then(|text| serde_json::from_str(&text).ok());
                // Locked and without totals: a relay that has just begun or is about to end.
                Ok(status.ok_or(StoreError::Locked)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Totals of what the servers hold that keep the store, if they could store more now; whether a relay serves or not.
    ///
    /// # Errors
    /// [`RelayFolderError`]; where there are no servers, [`RelayFolderError::Missing`].
    pub fn status_of_servers(&self, now: UnixMillis) -> Result<Status, RelayFolderError> {
        let missing = || RelayFolderError::Missing(self.0.clone());
        self.count_shared(self.config()?.postgres(&self.0)?.ok_or_else(missing)?, true, now)
    }

    fn count_shared(
        &self,
        postgres: Postgres,
        can_commit: bool,
        now: UnixMillis,
    ) -> Result<Status, RelayFolderError> {
        let mut totals = relay_shared::totals_of(postgres, can_commit)?;
        let waiting = self.issued()?.into_iter().filter_map(|issued| issued.tokens.ok());
        totals.tokens += waiting.map(|(hashes, _)| hashes.len() as u64).sum::<u64>();
        Ok(Status { serving: false, ..Status::of(&totals, now) })
    }

    fn count(&self, store: &mut dyn Store, now: UnixMillis) -> Result<Status, RelayFolderError> {
        let mut relay = crate::service::relay_disk::restore(store, RelayConfig::default().limits())?.relay;
        // As a start takes them in. A pass may be in the store and its file not yet gone: it is not counted twice.
        let (issued, revoked) = self.waiting()?;
        for which in revoked.into_iter().filter_map(|revoked| revoked.which.ok()) {
            relay.handle(Input::Revoked(which), now);
        }
        for (hashes, expires) in issued.into_iter().filter_map(|issued| issued.tokens.ok()) {
            relay.handle(Input::Tokens { hashes, expires }, now);
        }
        let mut status = Status::of(&relay.totals(), now);
        status.serving = false;
        Ok(status)
    }
}

/// A pass as it lies in the folder.
pub(super) struct IssuedPass {
    /// Its file.
    pub(super) path: PathBuf,
    /// The hashes of its tokens and when they expire, or that this is no such file, or not as it was written.
    pub(super) tokens: Result<(Vec<TokenHash>, UnixMillis), NotAPass>,
}

/// A file among the passes that holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAPass;

/// What the file of a pass is called without its ending: a name that fits no other text.
pub(super) fn pass_name(text: &str) -> String {
    let digest = digest(label::RELAY_PASS, &[text.as_bytes()]);
    hex(digest.0.first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// A line of such a file.
pub(super) fn token_hash(line: &str) -> Option<TokenHash> {
    let bytes = unhex(line).and_then(|bytes| bytes.try_into().ok())?;
    Some(TokenHash(Digest(bytes)))
}

impl IssuedPass {
    fn parse(path: PathBuf, text: &str) -> Self {
        if path.file_stem().is_none_or(|stem| stem != pass_name(text).as_str()) {
            return Self { path, tokens: Err(NotAPass) };
        }
        let mut lines = text.lines();
        let expires = lines.next().and_then(|line| line.parse().ok()).map(UnixMillis);
        let hashes: Option<Vec<_>> = lines.map(token_hash).collect();
        Self { path, tokens: hashes.zip(expires).ok_or(NotAPass) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_pass_is_not_taken_in_and_the_others_are() {
        let place = tempfile::tempdir().unwrap();
        let folder = RelayFolder::at(&place.path().join("relay"));
        folder.init(&RelayConfig::default()).unwrap();
        for _ in 0..2 {
            folder.issue(3, UnixMillis(7), &mut OsEntropy).unwrap();
        }
        let counts = || {
            let issued = folder.issued().unwrap().into_iter();
            let mut counts: Vec<_> =
                issued.map(|it| it.tokens.map(|(hashes, at)| (hashes.len(), at))).collect();
            counts.sort_unstable_by_key(Result::is_ok);
            counts
        };
        let whole = Ok((3, UnixMillis(7)));
        assert_eq!(counts(), [whole, whole]);
        // What is no file at all keeps no pass out.
        let none = folder.path().join(PASSES).join("none.pass");
        std::fs::create_dir(&none).unwrap();
        assert_eq!(counts(), [Err(NotAPass), whole, whole]);
        std::fs::remove_dir(&none).unwrap();
        let path = folder.issued().unwrap().remove(0).path;
        let bytes = std::fs::read(&path).unwrap();
        // The expiry, a digit of a hash, and what is no text any more.
        for (at, bit) in [(0, 1), (10, 1), (10, 0x80)] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            std::fs::write(&path, flipped).unwrap();
            assert_eq!(counts(), [Err(NotAPass), whole], "byte {at}");
        }
    }

    #[test]
    fn a_folder_without_its_key_is_told_apart_from_one_without_a_relay() {
        let place = tempfile::tempdir().unwrap();
        let folder = RelayFolder::at(&place.path().join("relay"));
        assert!(matches!(folder.config(), Err(RelayFolderError::Missing(_))));
        folder.init(&RelayConfig::default()).unwrap();
        assert!(matches!(folder.init(&RelayConfig::default()), Err(RelayFolderError::Exists(_))));
        std::fs::remove_file(folder.key()).unwrap();
        assert!(matches!(folder.config(), Err(RelayFolderError::Unfinished(_))));
        folder.init(&RelayConfig::default()).unwrap();
        assert!(folder.config().is_ok(), "another init ends what was cut short");
    }
}
