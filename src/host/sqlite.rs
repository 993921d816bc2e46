//! The relay's store: records in SQLite, each with a checksum, each table with a sum over its rows, so that
//! neither a changed nor a vanished row is ever taken for what was written. Against accidents of a disk:
//! whoever can write to the file can also write the checksums.
//!
//! What is committed goes into a journal first (`journal.rs`), by one sync, and into SQLite's file later, many commits at
//! once: of a cell that was dropped by then the file never hears.
//!
//! ```text
//! head of a row = SHA-256(label ‖ table u8 ‖ key length u64 ‖ key ‖ value)        body = value
//! root row      = per table: rows u64 ‖ exclusive or of the rows' heads, 32       rewritten with each transaction
//! place row     = number of the last batch of the journal whose rows are here u64 ‖ the journal's salt 16
//! ```

use crate::codec;
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::host::entropy::OsEntropy;
use crate::host::journal::{self, Change, HALF_BYTES, Journal, Salt, Waiting, Written};
use crate::host::pending::{Pending, disk_bytes};
use crate::host::rows::{Format, Rows, Writer};
use crate::host::store::{Store, StoreError, TABLE_RESERVED, check_tables};
use crate::host::tally::Tally;
use crate::step::{Record, Span, Table};
use bincode::{Decode, Encode};
use rand_core::TryRng;
use std::collections::BTreeMap;
use std::path::Path;
use zeroize::Zeroizing;

const FORMAT: Format = Format {
    file: "relay.sqlite",
    application: 0x7472_6c79,
    version: 1 + STEPS.len() as i32,
    // A cell's row takes two pages with nothing lost. With 4,096 a full commit writes more, with 16,384 a small one.
    page_bytes: 8_192,
    // More than a piece of the journal, or a commit of the largest, changes.
    cache_kib: 16_384,
};
const JOURNAL: &str = "relay.journal";
/// How a store of an older format becomes one of the next: the first is from format 1, which had no journal, to 2.
const STEPS: &[Migration] = &[|writer, _| Place::begin().put(writer)];
const ROOT: u16 = TABLE_RESERVED.0 as u16;
/// 255 tables of 41 bytes and a count fit.
const ROOT_BYTES_MAX: usize = 16_384;
const PLACE: &[u8] = b"journal";
const PLACE_BYTES_MAX: usize = 64;
/// Changes that are in the journal alone, at most: each takes some 100 bytes of memory.
const PENDING_MAX: usize = 65_536;
/// Pages that are left free of what is pending: where a page is split, a small row takes more than its share, and what was
/// acknowledged is to have its place.
const PAGES_SPARE: u64 = 16;
/// Of the values of a half such a share goes into SQLite's file at a time, while it is not known how many more may come:
/// nothing is committed meanwhile.
const PIECE_SHARE: u64 = 8;
/// From so many 64ths of a half on, and again each time that so many more are full, a piece of the other half goes there.
const PIECES_FROM: u64 = 32;
const PIECES_EACH: u64 = 4;
/// Bytes of SQLite's log from which it is moved into the file even when busy: what a start after a crash has to read.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// From one format to the next. What it writes goes through [`apply`], which keeps the sums.
type Migration = fn(&Writer<'_>, &mut Tally) -> Result<(), StoreError>;

/// How far the journal is in the file.
#[derive(Clone, Copy, Encode, Decode)]
struct Place {
    last: u64,
    salt: Salt,
}

impl Place {
    fn begin() -> Self {
        let mut salt = Salt::default();
        let Ok(()) = OsEntropy.try_fill_bytes(&mut salt);
        Self { last: 0, salt }
    }

    fn put(self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let place = codec::encode(&self, PLACE_BYTES_MAX)
            .map_err(|_| StoreError::Misused("a place in the journal has no such form"))?;
        writer.put(ROOT, PLACE, &checksum(TABLE_RESERVED, PLACE, &place).0, &place)
    }
}

/// Records in a SQLite file and its journal.
pub struct SqliteStore {
    rows: Rows,
    tally: Tally,
    place: Place,
    journal: Journal,
    /// Pieces of the older half that had their turn.
    pieces: u64,
    only_read: bool,
    pending: Pending,
    /// Bytes that the file may still take.
    room: u64,
    page: u64,
}

pub(super) fn checksum(table: Table, key: &[u8], value: &[u8]) -> Digest {
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

fn checked_own(rows: &Rows, key: &[u8], what: &'static str) -> Result<Vec<u8>, StoreError> {
    let missing = || StoreError::corrupt(format!("the {what} row is missing"));
    let (head, body) = rows.read(ROOT, key)?.ok_or_else(missing)?;
    checked(TABLE_RESERVED, key, &head, &body)?;
    Ok(body)
}

fn put_root(writer: &Writer<'_>, tally: &Tally) -> Result<(), StoreError> {
    let root = codec::encode(tally, ROOT_BYTES_MAX)
        .map_err(|_| StoreError::Misused("more tables than a store keeps"))?;
    writer.put(ROOT, &[], &checksum(TABLE_RESERVED, &[], &root).0, &root)
}

fn read_root(rows: &Rows) -> Result<Tally, StoreError> {
    codec::decode(&checked_own(rows, &[], "root")?, ROOT_BYTES_MAX)
        .map_err(|error| StoreError::corrupt(format!("the root row: {error}")))
}

fn read_place(rows: &Rows) -> Result<Place, StoreError> {
    codec::decode(&checked_own(rows, PLACE, "journal's")?, PLACE_BYTES_MAX)
        .map_err(|error| StoreError::corrupt(format!("the journal's row: {error}")))
}

fn apply(
    writer: &Writer<'_>,
    tally: &mut Tally,
    (table, key, row): (Table, &[u8], Option<(&Digest, &[u8])>),
) -> Result<(), StoreError> {
    let kind = u16::from(table.0);
    if let Some(old) = writer.head(kind, key)? {
        let old = old.try_into().map_err(|_| corrupt(table, "a row's checksum is cut short"))?;
        tally.remove(table, &Digest(old)).map_err(|how| corrupt(table, how))?;
        if row.is_none() {
            writer.delete(kind, key)?;
        }
    }
    match row {
        Some((head, value)) => {
            tally.add(table, head);
            writer.put(kind, key, &head.0, value)
        }
        None => Ok(()),
    }
}

fn migrate(rows: &mut Rows, tally: &mut Tally, steps: &[Migration]) -> Result<(), StoreError> {
    rows.migrate(steps, |writer, step| {
        step(writer, tally)?;
        put_root(writer, tally)
    })
}

/// What records change: of several for a row the last counts. A table's rows lie together.
fn changes(records: Vec<Record>) -> Vec<Change> {
    let mut last = BTreeMap::new();
    for record in records {
        last.insert((record.table, record.key), record.value);
    }
    let change = |((table, key), value): ((Table, Vec<u8>), Option<Zeroizing<Vec<u8>>>)| {
        let row = value.map(|value| (checksum(table, &key, &value), value));
        Change { table, key, row }
    };
    last.into_iter().map(change).collect()
}

impl SqliteStore {
    /// Makes an empty store in `dir`, which is made where missing.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Locked`], [`StoreError::Folder`] and failures of the disk.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        let rows = Rows::create(dir, FORMAT, |writer| {
            journal::create(&dir.join(JOURNAL))?;
            put_root(writer, &Tally::default())?;
            Place::begin().put(writer)
        })?;
        Self::open_rows(rows, STEPS, HALF_BYTES)
    }

    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Locked`], [`StoreError::Corrupt`],
    /// [`StoreError::VersionUnknown`], [`StoreError::Folder`] and failures of the disk.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_rows(Rows::open(dir, FORMAT)?, STEPS, HALF_BYTES)
    }

    /// Opens the store in `dir` to be read alone: nothing there is changed, and commits fail.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; [`StoreError::VersionUnknown`] also for an older format.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        Self::with_journal(Rows::open_to_read(dir, FORMAT)?, true, HALF_BYTES)
    }

    /// The store as it is, with what its journal has beyond the file.
    fn with_journal(rows: Rows, only_read: bool, half: u64) -> Result<Self, StoreError> {
        let (tally, place, page) = (read_root(&rows)?, read_place(&rows)?, rows.page_bytes()?);
        let (path, room) = (rows.file_beside(JOURNAL), rows.room_bytes(u64::MAX));
        let left = journal::read(&path, half, &place.salt, place.last)?;
        // What is left of a batch that was begun may have the number `beyond`, which no other gets then.
        let last = if left.used > 0 { left.beyond } else { place.last };
        let journal = Journal::open(&path, half, !only_read, place.salt, last, left.used)?;
        let mut pending = Pending::default();
        pending.take(left.entered, page);
        Ok(Self { rows, tally, place, journal, pieces: 0, only_read, pending, room, page })
    }

    fn open_rows(mut rows: Rows, steps: &[Migration], half: u64) -> Result<Self, StoreError> {
        if rows.version() < 2 {
            journal::create(&rows.file_beside(JOURNAL))?;
            let mut tally = read_root(&rows)?;
            migrate(&mut rows, &mut tally, steps)?;
        }
        let mut store = Self::with_journal(rows, false, half)?;
        let last = store.journal.last();
        if last > store.place.last {
            match store.write(usize::MAX, &[], last) {
                // What is there can be read, and the file has it once there is room.
                Err(StoreError::Full) if store.rows.version() == FORMAT.version => store.journal.stand(),
                written => written?,
            }
        }
        // What was in the journal was of the older format, too.
        migrate(&mut store.rows, &mut store.tally, steps)?;
        Ok(store)
    }

    /// Whether there is a store in `dir`.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FORMAT.file).exists()
    }

    /// The most the store's file may grow to, beside its logs; commits past it fail with
    /// [`StoreError::Full`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn limit_bytes(&mut self, max: u64) -> Result<(), StoreError> {
        self.rows.limit_bytes(max)?;
        self.room = self.rows.room_bytes(u64::MAX);
        Ok(())
    }

    /// Rows of a table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count(&self, table: Table) -> Result<u64, StoreError> {
        let mut count = self.tally.count(table);
        for (key, row) in self.pending.range(table, (&[], None), false) {
            let (before, after) =
                (self.rows.read(u16::from(table.0), key)?.is_some(), !matches!(row, Waiting::Gone));
            count = count.saturating_sub(u64::from(before)).saturating_add(u64::from(after));
        }
        Ok(count)
    }

    /// An error after which it is not known what is durable ends all use of the store.
    fn watch<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if done.as_ref().is_err_and(StoreError::is_fatal) {
            self.rows.give_up();
        }
        done
    }

    /// Writes so many of the oldest changes that are pending, and `more`, into SQLite's file, which then has all up to batch
    /// `last`. Where there is no room, what SQLite's log takes on the disk may be it.
    fn write(&mut self, count: usize, more: &[Change], last: u64) -> Result<(), StoreError> {
        match self.write_once(count, more, last) {
            Err(StoreError::Full) if self.rows.wal_bytes() > 0 => {
                self.rows.checkpoint()?;
                self.write_once(count, more, last)
            }
            written => written,
        }
    }

    fn write_once(&mut self, count: usize, more: &[Change], last: u64) -> Result<(), StoreError> {
        enum New<'a> {
            Pending(&'a Waiting),
            Now(&'a Option<Written>),
        }
        let pending = self.pending.first(count).map(|(table, key, row)| ((table, key), New::Pending(row)));
        let now = more.iter().map(|change| ((change.table, change.key.as_slice()), New::Now(&change.row)));
        let all: BTreeMap<_, _> = pending.chain(now).collect();
        let (mut tally, place) = (self.tally.clone(), Place { last, ..self.place });
        let journal = &self.journal;
        self.rows.write(|writer| {
            // Rows that go come first, so that what comes takes their pages: what was deleted is then overwritten by it, and
            // not by zeros before.
            for goes in [true, false] {
                for ((table, key), row) in &all {
                    let read;
                    let row = match row {
                        New::Pending(Waiting::Gone) | New::Now(None) => None,
                        // Not yet its turn: nothing is read for it.
                        _ if goes => continue,
                        New::Pending(Waiting::Held(head, value)) | New::Now(Some((head, value))) => {
                            Some((head, value.as_slice()))
                        }
                        New::Pending(Waiting::Lies(head, spot)) => {
                            read = journal.value(*table, key, head, *spot)?;
                            Some((head, read.as_slice()))
                        }
                    };
                    if row.is_none() == goes {
                        apply(writer, &mut tally, (*table, key, row))?;
                    }
                }
            }
            put_root(writer, &tally)?;
            place.put(writer)
        })?;
        (self.tally, self.place) = (tally, place);
        self.pending.forget(count, self.page);
        self.room = self.rows.room_bytes(u64::MAX);
        if self.rows.wal_bytes() >= LOG_BYTES_MAX {
            // Where there is no room for it the log stays, and with it all that it has.
            return self
                .rows
                .checkpoint()
                .or_else(|error| if error.is_fatal() { Err(error) } else { Ok(()) });
        }
        Ok(())
    }

    /// Writes a piece of what is pending, up to batch `last`, into SQLite's file; whether it was the last one.
    fn write_piece(&mut self, last: u64) -> Result<bool, StoreError> {
        let (count, all) = self.pending.oldest(last, self.journal.half_bytes() / PIECE_SHARE);
        // Started again, all is read again: it does no harm to write it twice.
        let last = if all { last } else { self.place.last };
        self.write(count, &[], last)?;
        Ok(all)
    }

    /// Writes what the older half has into SQLite's file.
    fn write_older(&mut self) -> Result<(), StoreError> {
        while let Some(last) = self.journal.older() {
            if self.write_piece(last)? {
                self.journal.forget_older();
            }
        }
        Ok(())
    }

    /// Writes a piece of what the older half has, where it is time for one: so no commit has to wait for all of it.
    fn write_what_is_due(&mut self) -> Result<(), StoreError> {
        let due = PIECES_FROM + PIECES_EACH * self.pieces;
        let Some(last) = self.journal.older().filter(|_| self.journal.filled() >= due) else { return Ok(()) };
        self.pieces += 1;
        if self.write_piece(last)? {
            self.journal.forget_older();
        }
        Ok(())
    }

    /// Writes what is pending, and `more`, into SQLite's file; the journal then begins anew.
    fn settle(&mut self, more: &[Change]) -> Result<(), StoreError> {
        let last = self.journal.last();
        self.write(usize::MAX, more, last)?;
        self.journal.begin_anew();
        Ok(())
    }

    /// Makes changes durable by the journal; gives them back where it has no room for them.
    fn enter(&mut self, changes: Vec<Change>) -> Result<Option<Vec<Change>>, StoreError> {
        let entered = self.journal.append(changes);
        match self.watch(entered)? {
            Ok(entered) => {
                self.pending.take(entered, self.page);
                Ok(None)
            }
            Err(changes) => Ok(Some(changes)),
        }
    }

    /// Whether SQLite's file will have room for these changes, with those that are pending.
    fn has_room(&self, changes: &[Change]) -> bool {
        let bytes = |change: &Change| change.row.as_ref().map_or(0, |(_, value)| value.len());
        let bytes: u64 = changes.iter().map(|change| disk_bytes(bytes(change), self.page)).sum();
        let spare = PAGES_SPARE * self.page;
        self.pending.disk_bytes().saturating_add(bytes).saturating_add(spare) <= self.room
            && self.pending.len().saturating_add(changes.len()) <= PENDING_MAX
    }

    fn value(
        &self,
        table: Table,
        key: &[u8],
        row: &Waiting,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        Ok(match row {
            Waiting::Gone => None,
            Waiting::Held(_, value) => Some(value.clone()),
            Waiting::Lies(head, spot) => Some(Zeroizing::new(self.journal.value(table, key, head, *spot)?)),
        })
    }

    /// Shows the rows of a table, or of a span of it, until `visit` says false; to `seen` the head of each that is in the file.
    fn show(
        &self,
        table: Table,
        span: Option<&Span<'_>>,
        seen: &mut dyn FnMut(&Digest),
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        let bounds = span.map_or((&[][..], None), |span| (span.from, Some(span.to)));
        let backward = span.is_some_and(|span| span.backward);
        let mut waiting = self.pending.range(table, bounds, backward).peekable();
        let mut on = true;
        let mut show =
            |key: &[u8], value: Option<Zeroizing<Vec<u8>>>| value.is_none_or(|value| visit(key, value));
        let mut each = |key: &[u8], head: &[u8], body: &[u8]| {
            seen(&checked(table, key, head, body)?);
            while on
                && let Some((at, row)) =
                    waiting.next_if(|(at, _)| if backward { *at > key } else { *at < key })
            {
                on = show(at, self.value(table, at, row)?);
            }
            if on {
                on = match waiting.next_if(|(at, _)| *at == key) {
                    Some((_, row)) => show(key, self.value(table, key, row)?),
                    None => show(key, Some(Zeroizing::new(body.to_vec()))),
                };
            }
            Ok(on)
        };
        match span {
            Some(span) => self.rows.range(u16::from(table.0), span, &mut each)?,
            None => {
                self.rows.scan(u16::from(table.0), &mut |key, head, body| each(key, head, body).map(drop))?
            }
        }
        while on && let Some((key, row)) = waiting.next() {
            on = show(key, self.value(table, key, row)?);
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        let mut found = Tally::default();
        self.show(table, None, &mut |head| found.add(table, head), &mut |key, value| {
            visit(key, value);
            true
        })?;
        if !found.agrees(&self.tally, table) {
            return Err(corrupt(table, "rows are missing, or older than they should be"));
        }
        Ok(())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.rows.check()?;
        if let Some(waiting) = self.pending.of(table, key) {
            return self.value(table, key, waiting);
        }
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
        self.show(table, Some(span), &mut |_| {}, visit)
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        check_tables(&records)?;
        self.rows.check()?;
        if records.is_empty() {
            return Ok(());
        }
        if self.only_read {
            return Err(StoreError::Misused("a store that is only read takes nothing"));
        }
        match self.write_what_is_due() {
            // There is room in the journal still.
            Ok(()) | Err(StoreError::Full) => {}
            Err(error) => return Err(error),
        }
        let mut changes = changes(records);
        if self.has_room(&changes) {
            changes = match self.enter(changes)? {
                None => return Ok(()),
                Some(back) => back,
            };
            let written = if self.journal.may_turn() { self.write_older() } else { Err(StoreError::Full) };
            changes = match written {
                Ok(()) => {
                    self.journal.turn();
                    self.pieces = 0;
                    match self.enter(changes)? {
                        None => return Ok(()),
                        Some(back) => back,
                    }
                }
                // Without room for what is pending there may be some with what goes now.
                Err(StoreError::Full) => changes,
                Err(error) => return Err(error),
            };
        }
        self.settle(&changes)
    }

    fn backlog_bytes(&self) -> u64 {
        self.rows.wal_bytes().saturating_add(self.journal.used_bytes())
    }

    fn room_bytes(&mut self, free: u64) -> u64 {
        self.rows.room_bytes(free).saturating_sub(self.pending.disk_bytes())
    }

    /// Writes a piece of what is pending into SQLite's file; then moves its log into it; then erases a piece of the journal.
    fn tidy(&mut self) -> Result<(), StoreError> {
        if !self.pending.is_empty() {
            let last = self.journal.last();
            if self.write_piece(last)? {
                self.journal.begin_anew();
            }
            Ok(())
        } else if self.rows.wal_bytes() > 0 {
            self.rows.checkpoint()
        } else {
            let erased = self.journal.erase();
            self.watch(erased)
        }
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        while self.backlog_bytes() > 0 {
            self.tidy()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod tests;
