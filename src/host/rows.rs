//! Rows in one SQLite file: transactions, durability and format; the layer under the relay's store and the
//! vault. SQLite gives back a flipped bit without a word, so whoever uses this layer keeps its own seal or
//! checksum with each row. May not know what a row holds.
//!
//! ```text
//! row = kind (0 to 254: a record's table; 255: the user's root; 256: the user's header)
//!     ‖ key ‖ head (what is needed without the body) ‖ body
//! ```

use crate::host::folder::{self, Folder, FolderError};
use crate::host::store::StoreError;
use crate::host::wal;
use crate::step::Span;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A rowid table with an index beside it: three to four times faster here than one without rowids.
const SCHEMA: [(&str, &str); 2] = [
    (
        "rows",
        "CREATE TABLE rows(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key BLOB NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL)",
    ),
    ("rows_key", "CREATE UNIQUE INDEX rows_key ON rows(kind, key)"),
];
const HEAD: &str = "SELECT head FROM rows WHERE kind = ?1 AND key = ?2";
const READ: &str = "SELECT head, body FROM rows WHERE kind = ?1 AND key = ?2";
const SCAN: &str = "SELECT key, head, body FROM rows WHERE kind = ?1 ORDER BY key";
const FORWARD: &str =
    "SELECT key, head, body FROM rows WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key";
const BACKWARD: &str =
    "SELECT key, head, body FROM rows WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC";
const DELETE: &str = "DELETE FROM rows WHERE kind = ?1 AND key = ?2";
const PUT: &str = "INSERT INTO rows(kind, key, head, body) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT(kind, key) DO UPDATE SET head = excluded.head, body = excluded.body";

/// Bytes of the write-ahead log at which SQLite checkpoints by itself: a backstop for a user who never calls
/// [`Rows::checkpoint`].
const WAL_BYTES_MAX: i64 = 256 << 20;

/// The smallest page there is (SQLite file format, section 1.3.2); SQLite would take a file cut below it for
/// a new one.
const FILE_BYTES_MIN: u64 = 512;

/// What the file says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    /// The file's name in its folder.
    pub file: &'static str,
    /// SQLite's `application_id`.
    pub application: i32,
    /// SQLite's `user_version`, as this program writes it. Every one from 1 on is read: see [`Rows::migrate`].
    pub version: i32,
    /// Bytes of a page, in a file that is made here; a file keeps its own.
    pub page_bytes: i64,
    /// KiB of pages held in memory, at most: a transaction that changes more of them writes some twice.
    pub cache_kib: i64,
}

/// A row's head and body, as they lie on the disk.
pub(super) type Stored = (Vec<u8>, Vec<u8>);

/// What a scan shows rows to: key, head, body.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// The same; false ends it.
pub(super) type VisitUntil<'a> = dyn FnMut(&[u8], &[u8], &[u8]) -> Result<bool, StoreError> + 'a;

fn show(mut rows: rusqlite::Rows<'_>, visit: &mut VisitUntil<'_>) -> Result<(), StoreError> {
    while let Some(row) = rows.next()? {
        let column = |at| {
            row.get_ref(at)?
                .as_blob()
                .map_err(|_| StoreError::corrupt("a row has another form than any that was written"))
        };
        if !visit(column(0)?, column(1)?, column(2)?)? {
            break;
        }
    }
    Ok(())
}

/// An open file of rows.
pub(super) struct Rows {
    db: Connection,
    wal: PathBuf,
    /// Set once a write failed so that what is durable is unknown.
    broken: bool,
    /// The file's `user_version`.
    version: i32,
    folder: Folder,
}

/// SQLite's error as ours.
pub(super) fn told(error: &rusqlite::Error) -> StoreError {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::corrupt(format!("SQLite says: {error}"))
            }
            // The file ends where a page should be.
            ErrorCode::SystemIoFailure if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ => {
                StoreError::corrupt("the file is cut short")
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked,
            code => StoreError::Failed {
                cause: error.to_string(),
                fatal: matches!(code, ErrorCode::SystemIoFailure),
            },
        },
        Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::QueryReturnedNoRows => {
            StoreError::corrupt("a row has another form than any that was written")
        }
        _ => StoreError::Failed { cause: error.to_string(), fatal: false },
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        told(&error)
    }
}

impl Rows {
    /// Makes the file, in a folder made where missing, with its first rows. It gets its name once it is
    /// whole: a crash leaves no half-made file under it.
    pub fn create(
        dir: &Path,
        format: Format,
        first: impl FnOnce(&Writer<'_>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let folder = Folder::create(dir)?;
        let path = folder.join(format.file);
        if path.exists() {
            return Err(StoreError::Exists { path });
        }
        let failed = |cause: std::io::Error| StoreError::Failed { cause: cause.to_string(), fatal: false };
        let making = folder.join(&format!("{}.making", format.file));
        for left in [making.clone(), folder.join(&format!("{}.making-journal", format.file))] {
            if let Err(cause) = std::fs::remove_file(&left)
                && cause.kind() != std::io::ErrorKind::NotFound
            {
                return Err(failed(cause));
            }
        }
        folder::private_file(&making).map_err(|cause| FolderError::Failed { path: making.clone(), cause })?;
        let mut db = connect(&making, format)?;
        db.pragma_update(None, "page_size", format.page_bytes)?;
        db.pragma_update(None, "synchronous", "EXTRA")?;
        transact(&mut db, |writer| {
            writer.0.pragma_update(None, "application_id", format.application)?;
            writer.0.pragma_update(None, "user_version", format.version)?;
            SCHEMA.iter().try_for_each(|(_, sql)| writer.0.execute_batch(sql))?;
            first(writer)
        })?;
        db.close().map_err(|(_, error)| told(&error))?;
        std::fs::rename(&making, &path).map_err(failed)?;
        folder.sync()?;
        Self::open_in(folder, format)
    }

    /// Opens an existing file.
    pub fn open(dir: &Path, format: Format) -> Result<Self, StoreError> {
        Self::open_in(take(dir, format)?, format)
    }

    /// Opens an existing file to be read alone: nothing in the folder is changed, also where a crash left commits that are in
    /// the log alone. A file of an older format is not read.
    pub fn open_to_read(dir: &Path, format: Format) -> Result<Self, StoreError> {
        let folder = take(dir, format)?;
        let (path, wal) = files(&folder, format)?;
        let db = connect_to_read(&path, wal.exists())?;
        let version = version(&db, &path, format)?;
        if version != format.version {
            return Err(StoreError::VersionUnknown { found: version.into(), known: format.version.into() });
        }
        check_schema(&db)?;
        Ok(Self { db, wal, broken: false, version, folder })
    }

    fn open_in(folder: Folder, format: Format) -> Result<Self, StoreError> {
        let (path, wal) = files(&folder, format)?;
        let db = connect(&path, format)?;
        let version = version(&db, &path, format)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        // The log is synced on every commit; without this, only on checkpoints.
        db.pragma_update(None, "synchronous", "FULL")?;
        let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        db.pragma_update(None, "wal_autocheckpoint", WAL_BYTES_MAX / page.max(1))?;
        check_schema(&db)?;
        Ok(Self { db, wal, broken: false, version, folder })
    }

    /// Does `work` in one transaction: all of it is durable when this returns, or none of it is there.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&Writer<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check()?;
        let result = transact(&mut self.db, work);
        // A transaction that could be neither ended nor undone, or a write that failed on its way to the disk.
        let stuck = !self.db.is_autocommit();
        if stuck || result.as_ref().is_err_and(StoreError::is_fatal) {
            self.broken = true;
        }
        result
    }

    /// Brings a file of an older format to this one: the steps from its format on, each from one to the next, all in
    /// one transaction. `steps` holds the first at 0, from format 1 to 2.
    pub fn migrate<S>(
        &mut self,
        steps: &[S],
        mut run: impl FnMut(&Writer<'_>, &S) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = usize::try_from(self.version).unwrap_or_default().saturating_sub(1);
        let due = steps.get(done..).unwrap_or_default();
        let (Some(version), false) = (i32::try_from(steps.len() + 1).ok(), due.is_empty()) else {
            return Ok(());
        };
        self.write(|writer| {
            due.iter().try_for_each(|step| run(writer, step))?;
            Ok(writer.0.pragma_update(None, "user_version", version)?)
        })?;
        self.version = version;
        Ok(())
    }

    /// A file in the folder of this one.
    pub fn file_beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What SQLite finds wrong with the file, in its words; nothing where it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.db.prepare("PRAGMA integrity_check")?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Refuses all that follows, as after a write that failed here: one beside the file did.
    pub const fn give_up(&mut self) {
        self.broken = true;
    }

    /// Bytes of a page of the file.
    pub fn page_bytes(&self) -> Result<u64, StoreError> {
        let page: i64 = self.db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(page.unsigned_abs())
    }

    /// The file's format.
    pub const fn version(&self) -> i32 {
        self.version
    }

    /// Refuses once a write failed.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.broken {
            let cause = "an earlier write failed, and what is durable is unknown".to_owned();
            return Err(StoreError::Failed { cause, fatal: true });
        }
        Ok(())
    }

    /// A row's head and body.
    pub fn read(&self, kind: u16, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.check()?;
        let mut statement = self.db.prepare_cached(READ)?;
        Ok(statement.query_row(params![kind, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Shows `key, head, body` of every row of a kind, in key order.
    pub fn scan(&self, kind: u16, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.check()?;
        let mut statement = self.db.prepare_cached(SCAN)?;
        show(statement.query(params![kind])?, &mut |key, head, body| visit(key, head, body).map(|()| true))
    }

    /// Shows those whose keys lie in a span, until `visit` says false.
    pub fn range(&self, kind: u16, span: &Span<'_>, visit: &mut VisitUntil<'_>) -> Result<(), StoreError> {
        self.check()?;
        let mut statement = self.db.prepare_cached(if span.backward { BACKWARD } else { FORWARD })?;
        show(statement.query(params![kind, span.from, span.to])?, visit)
    }

    /// Bytes of the write-ahead log.
    pub fn wal_bytes(&self) -> u64 {
        std::fs::metadata(&self.wal).map_or(0, |wal| wal.len())
    }

    /// Moves the write-ahead log into the file and empties it.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.check()?;
        let result = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        match result.map_err(|error| told(&error)) {
            Ok(0) => Ok(()),
            Ok(_) => Err(StoreError::Locked),
            Err(error) => {
                self.broken |= error.is_fatal();
                Err(error)
            }
        }
    }

    /// Bytes that fit into free pages of the file and into what it may still grow by, `free` at most.
    pub fn room_bytes(&self, free: u64) -> u64 {
        let ask = |pragma| self.db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let ask = |pragma| ask(pragma).ok().and_then(|found| u64::try_from(found).ok()).unwrap_or(0);
        let (page, used, most) = (ask("page_size"), ask("page_count"), ask("max_page_count"));
        let growth = most.saturating_sub(used).saturating_mul(page).min(free);
        ask("freelist_count").saturating_mul(page).saturating_add(growth)
    }

    /// The most the file may grow to; commits past it fail with [`StoreError::Full`].
    pub fn limit_bytes(&mut self, max: u64) -> Result<(), StoreError> {
        let page: i64 = self.db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(max).unwrap_or(i64::MAX) / page.max(1);
        // Zero would mean no limit; SQLite never goes below what the file has already.
        self.db.pragma_update_and_check(None, "max_page_count", pages.clamp(1, 0xffff_fffe), |_| Ok(()))?;
        Ok(())
    }
}

fn take(dir: &Path, format: Format) -> Result<Folder, StoreError> {
    let path = dir.join(format.file);
    if !path.exists() {
        return Err(StoreError::Missing { path });
    }
    Ok(Folder::take(dir)?)
}

/// The file and its log, neither of them one that SQLite would take for less than it is.
fn files(folder: &Folder, format: Format) -> Result<(PathBuf, PathBuf), StoreError> {
    let path = folder.join(format.file);
    folder::check_private(&path)?;
    if std::fs::metadata(&path).is_ok_and(|file| file.len() < FILE_BYTES_MIN) {
        return Err(StoreError::corrupt("the file is cut short"));
    }
    let log = folder.join(&format!("{}-wal", format.file));
    match wal::is_altered(&log) {
        Ok(false) => Ok((path, log)),
        Ok(true) => Err(StoreError::corrupt(format!("a bit of {} was flipped", log.display()))),
        Err(cause) => Err(FolderError::Failed { path: log, cause }.into()),
    }
}

/// The file's `user_version`, one that this program knows.
fn version(db: &Connection, path: &Path, format: Format) -> Result<i32, StoreError> {
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != i64::from(format.application) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let version = i32::try_from(found).ok().filter(|found| (1..=format.version).contains(found));
    version.ok_or(StoreError::VersionUnknown { found, known: i64::from(format.version) })
}

/// A connection that writes nothing. The folder's lock keeps others out, so SQLite needs no locks (`unix-none`), which for a
/// log it would set on a file that it may write. Without a log it would make one: then the file is all there is (`immutable`).
fn connect_to_read(path: &Path, log: bool) -> Result<Connection, StoreError> {
    let path: String = path.as_os_str().as_bytes().iter().map(|byte| format!("%{byte:02x}")).collect();
    let how = if log { "vfs=unix-none" } else { "immutable=1" };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(format!("file:{path}?{how}"), flags)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    // The log stays as it is.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

fn connect(path: &Path, format: Format) -> Result<Connection, StoreError> {
    // No URI names, no creation: the file was made with its permissions before.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.set_prepared_statement_cache_capacity(16);
    // Exclusive: the folder's lock keeps others out anyway, and no shared-memory file is needed.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    // Negative: KiB, not pages.
    db.pragma_update(None, "cache_size", -format.cache_kib)?;
    Ok(db)
}

/// Refuses a file whose tables are not those made here: a damaged description would change what every
/// statement means.
fn check_schema(db: &Connection) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let found = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    if found.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).ne(SCHEMA) {
        return Err(StoreError::corrupt("the description of its tables is not the one that was written"));
    }
    Ok(())
}

fn transact<T>(
    db: &mut Connection,
    work: impl FnOnce(&Writer<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Dropped without a commit, the transaction is undone.
    let writer = Writer(db.transaction_with_behavior(TransactionBehavior::Immediate)?);
    let value = work(&writer)?;
    writer.0.commit()?;
    Ok(value)
}

/// A transaction under way.
pub(super) struct Writer<'a>(Transaction<'a>);

impl Writer<'_> {
    /// Writes a row, new or over an older one.
    pub fn put(&self, kind: u16, key: &[u8], head: &[u8], body: &[u8]) -> Result<(), StoreError> {
        self.0.prepare_cached(PUT)?.execute(params![kind, key, head, body])?;
        Ok(())
    }

    /// Deletes a row, if it is there.
    pub fn delete(&self, kind: u16, key: &[u8]) -> Result<(), StoreError> {
        self.0.prepare_cached(DELETE)?.execute(params![kind, key])?;
        Ok(())
    }

    /// The keys of a kind's rows, in their order.
    pub fn keys(&self, kind: u16) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut statement = self.0.prepare("SELECT key FROM rows WHERE kind = ?1 ORDER BY key")?;
        let keys = statement.query_map(params![kind], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// A row's head.
    pub fn head(&self, kind: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.prepare_cached(HEAD)?.query_row(params![kind, key], |row| row.get(0)).optional()?)
    }

    /// A row's head and body.
    pub fn read(&self, kind: u16, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        let mut statement = self.0.prepare_cached(READ)?;
        Ok(statement.query_row(params![kind, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format =
        Format { file: "rows.sqlite", application: 7, version: 1, page_bytes: 4_096, cache_kib: 2_000 };

    #[test]
    fn after_a_failed_write_nothing_more_is_answered() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("rows");
        let mut rows = Rows::create(&dir, FORMAT, |_| Ok(())).unwrap();
        rows.write(|writer| writer.put(1, b"a", b"", b"1")).unwrap();
        // An error that is not of the disk undoes the transaction, and that is all.
        let refused = rows.write(|writer| {
            writer.put(1, b"a", b"", b"2")?;
            Err::<(), _>(StoreError::Misused("a test"))
        });
        assert!(matches!(refused, Err(StoreError::Misused(_))));
        assert_eq!(rows.read(1, b"a").unwrap().unwrap().1, b"1");
        let failed =
            rows.write(|_| Err::<(), _>(StoreError::Failed { cause: "fsync".to_owned(), fatal: true }));
        assert!(failed.unwrap_err().is_fatal());
        assert!(rows.read(1, b"a").unwrap_err().is_fatal());
        assert!(rows.scan(1, &mut |_, _, _| Ok(())).unwrap_err().is_fatal());
        assert!(rows.write(|writer| writer.delete(1, b"a")).unwrap_err().is_fatal());
        assert!(rows.checkpoint().unwrap_err().is_fatal());
    }

    #[test]
    fn a_failed_read_of_the_disk_and_a_full_one_are_told_apart() {
        let code =
            |extended| told(&rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(extended), None));
        assert!(matches!(code(rusqlite::ffi::SQLITE_FULL), StoreError::Full));
        assert!(matches!(code(rusqlite::ffi::SQLITE_BUSY), StoreError::Locked));
        assert!(code(rusqlite::ffi::SQLITE_IOERR_FSYNC).is_fatal());
        assert!(code(rusqlite::ffi::SQLITE_IOERR_WRITE).is_fatal());
        assert!(matches!(code(rusqlite::ffi::SQLITE_IOERR_SHORT_READ), StoreError::Corrupt { .. }));
        assert!(matches!(code(rusqlite::ffi::SQLITE_CORRUPT), StoreError::Corrupt { .. }));
        assert!(matches!(code(rusqlite::ffi::SQLITE_NOTADB), StoreError::Corrupt { .. }));
    }
}
