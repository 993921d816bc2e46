//! The relay's store: records in SQLite, each with a checksum, each table with a sum over its rows, so that
//! neither a changed nor a vanished row is ever taken for what was written. Against accidents of a disk:
//! whoever can write to the file can also write the checksums.
//!
//! ```text
//! head of a row = SHA-256(label ‖ table u8 ‖ key length u64 ‖ key ‖ value)        body = value
//! root row      = per table: rows u64 ‖ exclusive or of the rows' heads, 32       rewritten with each commit
//! ```

use crate::codec;
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::host::rows::{Format, Rows, Writer};
use crate::host::store::{Store, StoreError, TABLE_RESERVED, check_tables};
use crate::host::tally::Tally;
use crate::step::{Record, Span, Table};
use std::collections::BTreeMap;
use std::path::Path;
use zeroize::Zeroizing;

const FORMAT: Format = Format {
    file: "relay.sqlite",
    application: 0x7472_6c79,
    version: 1 + STEPS.len() as i32,
    // A cell's row takes two pages with nothing lost. With 4,096 a full commit writes more, with 16,384 a small one.
    page_bytes: 8_192,
    // More than a relay's largest commit changes, which is 4 MiB of cells.
    cache_kib: 16_384,
};
/// How a store of an older format becomes one of the next: the first is from format 1 to 2.
const STEPS: &[Migration] = &[];
const ROOT: u16 = TABLE_RESERVED.0 as u16;
/// 255 tables of 41 bytes and a count fit.
const ROOT_BYTES_MAX: usize = 16_384;

/// From one format to the next. What it writes goes through [`apply`], which keeps the sums.
type Migration = fn(&Writer<'_>, &mut Tally) -> Result<(), StoreError>;

/// Records in a SQLite file.
pub struct SqliteStore {
    rows: Rows,
    tally: Tally,
}

fn checksum(table: Table, key: &[u8], value: &[u8]) -> Digest {
    digest(label::RELAY_RECORD, &[&[table.0], &(key.len() as u64).to_le_bytes(), key, value])
}

fn corrupt(table: Table, how: &str) -> StoreError {
    StoreError::corrupt(format!("table {}: {how}", table.0))
}

fn checked(table: Table, key: &[u8], head: &[u8], body: &[u8]) -> Result<Digest, StoreError> {
    let sum = checksum(table, key, body);
    if head != sum.0 {
        return Err(corrupt(table, "a row's checksum does not match"));
    }
    Ok(sum)
}

fn put_root(writer: &Writer<'_>, tally: &Tally) -> Result<(), StoreError> {
    let root = codec::encode(tally, ROOT_BYTES_MAX)
        .map_err(|_| StoreError::Misused("more tables than a store keeps"))?;
    writer.put(ROOT, &[], &checksum(TABLE_RESERVED, &[], &root).0, &root)
}

fn read_root(rows: &Rows) -> Result<Tally, StoreError> {
    let (head, body) = rows.read(ROOT, &[])?.ok_or_else(|| StoreError::corrupt("the root row is missing"))?;
    checked(TABLE_RESERVED, &[], &head, &body)?;
    codec::decode(&body, ROOT_BYTES_MAX)
        .map_err(|error| StoreError::corrupt(format!("the root row: {error}")))
}

fn apply(writer: &Writer<'_>, tally: &mut Tally, record: &Record) -> Result<(), StoreError> {
    let (table, kind) = (record.table, u16::from(record.table.0));
    if let Some(old) = writer.head(kind, &record.key)? {
        let old = old.try_into().map_err(|_| corrupt(table, "a row's checksum is cut short"))?;
        tally.remove(table, &Digest(old)).map_err(|how| corrupt(table, how))?;
    }
    match &record.value {
        Some(value) => {
            let sum = checksum(table, &record.key, value);
            tally.add(table, &sum);
            writer.put(kind, &record.key, &sum.0, value)
        }
        None => writer.delete(kind, &record.key),
    }
}

/// What is left to be done: of several records for a row the last. Rows that go come first, so that what comes takes
/// their pages: what was deleted is then overwritten by it, and not by zeros before. A table's rows lie together.
fn in_order(records: Vec<Record>) -> impl Iterator<Item = Record> {
    let mut last = BTreeMap::new();
    for record in records {
        last.insert((record.table, record.key.clone()), record);
    }
    let (written, gone): (Vec<_>, Vec<_>) = last.into_values().partition(|record| record.value.is_some());
    gone.into_iter().chain(written)
}

impl SqliteStore {
    /// Makes an empty store in `dir`, which is made where missing.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Locked`], [`StoreError::Folder`] and failures of the disk.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        let tally = Tally::default();
        let rows = Rows::create(dir, FORMAT, |writer| put_root(writer, &tally))?;
        Ok(Self { rows, tally })
    }

    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Locked`], [`StoreError::Corrupt`],
    /// [`StoreError::VersionUnknown`], [`StoreError::Folder`] and failures of the disk.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, FORMAT, STEPS)
    }

    /// Opens the store in `dir` to be read alone: nothing there is changed, and commits fail.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; [`StoreError::VersionUnknown`] also for an older format.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let rows = Rows::open_to_read(dir, FORMAT)?;
        Ok(Self { tally: read_root(&rows)?, rows })
    }

    fn open_with(dir: &Path, format: Format, steps: &[Migration]) -> Result<Self, StoreError> {
        let mut rows = Rows::open(dir, format)?;
        let mut tally = read_root(&rows)?;
        rows.migrate(steps, |writer, step| {
            step(writer, &mut tally)?;
            put_root(writer, &tally)
        })?;
        Ok(Self { rows, tally })
    }

    /// Whether there is a store in `dir`.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FORMAT.file).exists()
    }

    /// The most the store's file may grow to, beside its log; commits past it fail with
    /// [`StoreError::Full`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn limit_bytes(&mut self, max: u64) -> Result<(), StoreError> {
        self.rows.limit_bytes(max)
    }

    /// Rows of a table.
    #[must_use]
    pub fn count(&self, table: Table) -> u64 {
        self.tally.count(table)
    }
}

impl Store for SqliteStore {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        let mut found = Tally::default();
        self.rows.scan(u16::from(table.0), &mut |key, head, body| {
            found.add(table, &checked(table, key, head, body)?);
            visit(key, Zeroizing::new(body.to_vec()));
            Ok(())
        })?;
        if !found.agrees(&self.tally, table) {
            return Err(corrupt(table, "rows are missing, or older than they should be"));
        }
        Ok(())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some((head, body)) = self.rows.read(u16::from(table.0), key)? else { return Ok(None) };
        let body = Zeroizing::new(body);
        checked(table, key, &head, &body)?;
        Ok(Some(body))
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        self.rows.range(u16::from(table.0), span, &mut |key, head, body| {
            checked(table, key, head, body)?;
            Ok(visit(key, Zeroizing::new(body.to_vec())))
        })
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        check_tables(&records)?;
        if records.is_empty() {
            return Ok(());
        }
        let mut tally = self.tally.clone();
        self.rows.write(|writer| {
            in_order(records).try_for_each(|record| apply(writer, &mut tally, &record))?;
            put_root(writer, &tally)
        })?;
        self.tally = tally;
        Ok(())
    }

    fn backlog_bytes(&self) -> u64 {
        self.rows.wal_bytes()
    }

    fn room_bytes(&mut self, free: u64) -> u64 {
        self.rows.room_bytes(free)
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.rows.checkpoint()
    }
}

#[cfg(test)]
mod tests;
