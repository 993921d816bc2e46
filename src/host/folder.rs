//! A program's folder: its owner's alone, and used by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file whose lock says that a process uses the folder.
const LOCK: &str = "lock";
/// A lock is tried so often: a command that is about to end is waited for, a program that stays is not.
const LOCK_ATTEMPTS: u32 = 15;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// What nobody but the owner may do: any of read, write, enter.
const OTHERS: u32 = 0o077;

/// A folder or file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Others than the owner can read or write it.
    #[error("others can read or write {path} (its permissions are {mode:o})")]
    PermissionsOpen {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process holds the folder's lock.
    #[error("another process uses {path}")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// There is a file or folder where one should be made.
    #[error("{path} exists already")]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path} cannot be used: {cause}")]
    Failed {
        /// The folder or file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
}

impl FolderError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::PermissionsOpen { path, .. } => {
                format!("Take the permissions of others away: chmod -R go-rwx '{}'", path.display())
            }
            Self::Locked { .. } => "Wait until the other process ends, or end it.".to_owned(),
            Self::Exists { .. } => "Name another one: nothing is written over.".to_owned(),
            Self::Failed { .. } => {
                "Check that the path is right, that you own it and that its disk works.".to_owned()
            }
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    move |cause| FolderError::Failed { path, cause }
}

/// A folder held by this process until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The lock goes with the open file, so it ends with the process however that ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is missing (mode 0700), and takes it.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        make(path).map_err(failed(path))?;
        Self::take(path)
    }

    /// Takes an existing folder.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn take(path: &Path) -> Result<Self, FolderError> {
        check_private(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(failed(path))?;
        for attempt in 1..=LOCK_ATTEMPTS {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(cause)) => return Err(failed(path)(cause)),
            }
        }
        Err(FolderError::Locked { path: path.to_owned() })
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes new, renamed and removed names in the folder durable.
    ///
    /// # Errors
    /// [`FolderError::Failed`].
    pub fn sync(&self) -> Result<(), FolderError> {
        sync(&self.path).map_err(failed(&self.path))
    }
}

/// Makes a folder and those that it lies in, where they are missing; their names, too, are to outlive a crash.
fn make(path: &Path) -> io::Result<()> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made = path.ancestors().take_while(missing).count().max(1);
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    path.ancestors().take(made).try_for_each(|made| sync(parent(made)))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a new, renamed or removed name durable.
///
/// # Errors
/// [`FolderError::Failed`].
pub fn sync_parent(path: &Path) -> Result<(), FolderError> {
    let parent = parent(path);
    sync(parent).map_err(failed(parent))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path with `suffix` at the end of its name.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Refuses a folder or file that others than its owner can read or write.
///
/// # Errors
/// [`FolderError`].
pub fn check_private(path: &Path) -> Result<(), FolderError> {
    let mode = std::fs::metadata(path).map_err(failed(path))?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(FolderError::PermissionsOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Makes a folder that only its owner can enter, and those above it where they are missing; these are durable, its own
/// name is not yet.
///
/// # Errors
/// The system's, also when the folder exists.
pub fn new_folder(path: &Path) -> io::Result<()> {
    if !parent(path).exists() {
        make(parent(path))?;
    }
    DirBuilder::new().mode(0o700).create(path)
}

/// Makes a file that only its owner can read. It is written beside its place under a name of its own, and has its name
/// once it is whole and durable. What has that name already is left alone, and this fails, unless `over` says otherwise.
///
/// # Errors
/// What `fill` fails with, [`FolderError::Exists`] and [`FolderError::Failed`]; nothing is left behind.
pub fn write_whole<T, E: From<FolderError>>(
    path: &Path,
    over: bool,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let mut making = tempfile::Builder::new()
        .prefix(&beside(path, ".making-").file_name().unwrap_or_default())
        .make_in(parent(path), private_file)
        .map_err(failed(path))?;
    let filled = fill(making.as_file_mut())?;
    making.as_file().sync_all().map_err(failed(path))?;
    // Its first name goes with this, where it is still there.
    let making = making.into_temp_path();
    let named = if over {
        std::fs::rename(&making, path)
    } else {
        // The system refuses to give a name that is taken: no other program can come between a look and the naming.
        std::fs::hard_link(&making, path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A disk that knows but one name for a file may still move it.
            _ => making.persist_noclobber(path).map_err(|refused| refused.error),
        })
    };
    named.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => FolderError::Exists { path: path.to_owned() },
        _ => failed(path)(error),
    })?;
    sync_parent(path)?;
    Ok(filled)
}

/// Writes a new file that only its owner can read, whole and durable when this returns; never over another.
///
/// # Errors
/// [`FolderError::Exists`], [`FolderError::Failed`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    use std::io::Write;
    write_whole(path, false, |file| file.write_all(bytes).map_err(failed(path)))
}

/// Makes a new file that only its owner can read, to be written; never over another.
///
/// # Errors
/// The system's, also when the file exists.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)
}

/// Whose a folder or file is, by the system's number.
///
/// # Errors
/// [`FolderError::Failed`].
pub fn owner(path: &Path) -> Result<u32, FolderError> {
    Ok(std::fs::metadata(path).map_err(failed(path))?.uid())
}

/// What holds a folder, where that is not a disk of this machine's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lodging {
    /// A disk, as far as the system says.
    Disk,
    /// Memory: gone with the next start of the machine.
    Memory,
    /// Another machine, which says of its own what is on a disk.
    Network,
    /// A layer of a container, gone with it.
    Layer,
}

/// What holds the folder (statfs(2), Linux).
///
/// # Errors
/// [`FolderError::Failed`].
pub fn lodging(path: &Path) -> Result<Lodging, FolderError> {
    let held = rustix::fs::statfs(path).map_err(|error| failed(path)(error.into()))?;
    Ok(match u32::try_from(held.f_type).unwrap_or(0) {
        // tmpfs, ramfs
        0x0102_1994 | 0x8584_58f6 => Lodging::Memory,
        // NFS, SMB, CIFS, SMB2, Ceph, 9P
        0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x00c3_6400 | 0x0102_1997 => Lodging::Network,
        // overlayfs
        0x794c_7630 => Lodging::Layer,
        _ => Lodging::Disk,
    })
}

/// Bytes that this process may still write on the disk that holds `path`.
///
/// # Errors
/// [`FolderError::Failed`].
pub fn free_bytes(path: &Path) -> Result<u64, FolderError> {
    let disk = rustix::fs::statvfs(path).map_err(|error| failed(path)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_folder_is_its_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let folder = Folder::create(&path).unwrap();
        folder.sync().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(free_bytes(&path).unwrap() > 0);
        drop(folder);
        for mode in [0o701, 0o710, 0o720, 0o777] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Folder::take(&path), Err(FolderError::PermissionsOpen { .. })), "{mode:o}");
        }
        assert!(matches!(Folder::take(&place.path().join("none")), Err(FolderError::Failed { .. })));
    }

    #[test]
    fn a_second_process_does_not_get_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let first = Folder::create(&path).unwrap();
        // The lock belongs to the open file, so a second one in this process meets what another would.
        assert!(matches!(Folder::take(&path), Err(FolderError::Locked { .. })));
        drop(first);
        assert!(Folder::take(&path).is_ok());
    }

    #[test]
    fn a_private_file_is_never_written_over_another() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        write_private(&path, b"one").unwrap();
        assert!(write_private(&path, b"two").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "what was written beside it is left");
    }

    #[test]
    fn a_file_that_is_made_while_another_is_written_is_not_written_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("backup");
        let made = |over| {
            write_whole(&path, over, |_| {
                std::fs::write(&path, b"mine").unwrap();
                Ok(())
            })
        };
        let refused: Result<(), FolderError> = made(false);
        assert!(matches!(&refused, Err(FolderError::Exists { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        made(true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "what was written beside it is left");
    }
}
