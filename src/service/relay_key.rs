//! The file in which a relay keeps its deposit key. May not use the key.
//!
//! ```text
//! deposit.key 97 = version u8 = 1 ‖ Ed25519 private key 32 ‖ ML-DSA-65 seed 32 ‖ digest of the public key 32
//! ```

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{SignError, SigningKey, SigningSeeds};
use crate::host::folder::{self, FolderError};
use crate::wire::deposit::key_digest;
use rand_core::CryptoRng;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const BYTES: usize = 97;

/// A deposit key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("the relay has no deposit key")]
    Missing,
    /// Not as it was written.
    #[error("{0} is damaged, or not a deposit key of version 1")]
    Damaged(PathBuf),
    /// Others than its owner can do something with it.
    #[error("{0} can be used by others than its owner")]
    NotPrivate(PathBuf),
    /// See [`FolderError`].
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// See [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// See [`CodecError`].
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Reads the key at `path`.
pub(super) fn read(path: &Path) -> Result<SigningKey, KeyFileError> {
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => KeyFileError::Missing,
        _ => FolderError::Failed { path: path.to_owned(), cause }.into(),
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::NotPrivate(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES + 1));
    file.by_ref().take(BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let damaged = || KeyFileError::Damaged(path.to_owned());
    let (version, seeds, digest): (u8, SigningSeeds, Digest) =
        codec::decode(&bytes, BYTES).map_err(|_| damaged())?;
    let key = SigningKey::expand(&seeds)?;
    if version == VERSION && key_digest(key.public()) == digest { Ok(key) } else { Err(damaged()) }
}

/// Makes a key and keeps it at `path`, durably.
pub(super) fn make(path: &Path, rng: &mut dyn CryptoRng) -> Result<SigningKey, KeyFileError> {
    let seeds = SigningSeeds::random(rng);
    let key = SigningKey::expand(&seeds)?;
    let bytes = Zeroizing::new(codec::encode(&(VERSION, seeds, key_digest(key.public())), BYTES)?);
    folder::write_private(path, &bytes)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::entropy::OsEntropy;
    use std::fs::Permissions;

    #[test]
    fn a_key_is_kept_and_any_other_file_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deposit.key");
        assert!(matches!(read(&path), Err(KeyFileError::Missing)));
        let key = make(&path, &mut OsEntropy).unwrap();
        assert_eq!(read(&path).unwrap().public(), key.public());
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len(), BYTES);
        for at in 0..BYTES {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Damaged(_))), "byte {at}");
        }
        for wrong in [&whole[..BYTES - 1], &[&whole[..], &[0]].concat(), &[]] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Damaged(_))));
        }
        std::fs::write(&path, &whole).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(KeyFileError::NotPrivate(_))));
    }
}
