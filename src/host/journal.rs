//! The relay's journal: what was committed and is not yet in SQLite's file, one batch after the other, each durable by
//! one sync of bytes that are there already. It has two halves. While one is written, what the other has and nobody has
//! changed since goes into SQLite's file; then that half is written over. Of a cell that is dropped before, the file never
//! hears.
//!
//! ```text
//! file   = half of 64 MiB ‖ half of 64 MiB, as much of them as was needed; zeros where nothing was written
//! half   = batches, each from a multiple of 4,096 on
//! batch  = header 48 ‖ body                                       numbers little-endian
//! header = "trljrnl" 7 ‖ version u8 = 1 ‖ salt 16 ‖ CRC of the 24 before and the 20 after u32 ‖ number u64
//!          ‖ body's bytes u32 ‖ CRC of the body u32 ‖ zero u32
//! body   = records, each: table u8 ‖ put u8 (0: deleted) ‖ key's bytes u16 ‖ value's bytes u32 ‖ key ‖ head 32 and value, where put
//!          exclusive or with the mask: byte i of the file with byte i mod 512 of it
//! mask   = H(truceline/1/relay/journal ‖ salt ‖ number ‖ i u8) for i from 0 to 15
//! CRC    = CRC-32 (ISO 3309), of the body as it lies there
//! ```
//!
//! Numbers count up by one; SQLite has the last number up to which it has the rows. The batch after that lies at the beginning
//! of a half. A batch is followed by the next one in its half, or at the beginning of the other. **The end** is where no batch
//! with the next number lies. Only the last may be torn by a power failure, for each is synced before the next is written: a
//! batch after one that does not hold says that the disk changed it, and so does a batch that but for one bit holds. A sector
//! that was lost is never one bit away from the one that belongs there: under another mask all its bits are others. Nor is one
//! that was torn: the number, which may be a bit away from an older one's, has a CRC before it and one after it. Nobody who
//! puts cells knows the salt, so none can write what is taken for a batch.

use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::host::folder;
use crate::host::store::StoreError;
use crate::step::{KEY_BYTES_MAX, Table};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use zeroize::Zeroizing;

const MAGIC: [u8; 8] = *b"trljrnl\x01";
const HEADER: usize = 48;
/// Batches begin at its multiples: so writing one touches no sector of another.
const BLOCK: u64 = 4_096;
const MASK: usize = 512;
/// A half begins so large, and doubles, up to this. A relay that many use at once has some 40 MiB of cells under way.
const HALF_BYTES_MIN: u64 = 256 << 10;
pub(super) const HALF_BYTES: u64 = 64 << 20;
/// Values from this on are not held in memory: they are read back.
const VALUE_BYTES: usize = 1_024;
/// A batch is never larger.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Such a share of a half is erased at a time, from the end on.
const ERASED_SHARE: u64 = 16;
/// CRC-32's polynomial, its lowest power in the highest bit.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What ties a journal to its store.
pub(super) type Salt = [u8; 16];

/// A row's head and value.
pub(super) type Written = (Digest, Zeroizing<Vec<u8>>);

/// One row changed: written, or deleted.
pub(super) struct Change {
    pub table: Table,
    pub key: Vec<u8>,
    pub row: Option<Written>,
}

/// Where a value lies in the journal.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    at: u64,
    bytes: usize,
    number: u64,
}

impl Spot {
    /// How long the value is.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A row as its last change left it.
pub(super) enum Waiting {
    Gone,
    /// In memory.
    Held(Digest, Zeroizing<Vec<u8>>),
    /// Its head, and where its value is.
    Lies(Digest, Spot),
}

/// One row changed, in a batch of the journal.
pub(super) struct Entered {
    pub number: u64,
    pub table: Table,
    pub key: Vec<u8>,
    pub row: Waiting,
}

impl Entered {
    fn of(number: u64, Change { table, key, row }: Change, at: u64) -> Self {
        let row = match row {
            None => Waiting::Gone,
            Some((head, value)) if value.len() < VALUE_BYTES => Waiting::Held(head, value),
            Some((head, value)) => Waiting::Lies(head, Spot { at, bytes: value.len(), number }),
        };
        Self { number, table, key, row }
    }
}

/// What a journal has that SQLite's file has not.
pub(super) struct Left {
    /// In their order.
    pub entered: Vec<Entered>,
    /// A number that no batch has but one that was begun and never acknowledged.
    pub beyond: u64,
    /// Bytes from the beginning that are not all zeros.
    pub used: u64,
}

/// An open journal.
pub(super) struct Journal {
    file: File,
    salt: Salt,
    /// The number of the next batch.
    number: u64,
    /// Bytes of a half at most.
    half_bytes: u64,
    /// Where the half begins that is written now, and there the next batch.
    begin: u64,
    at: u64,
    /// The last number in the other half, while SQLite's file has not all of it.
    older: Option<u64>,
    bytes: u64,
    used: u64,
    batch: Vec<u8>,
}

fn failed(cause: &io::Error) -> StoreError {
    if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::Full;
    }
    StoreError::Failed { cause: format!("relay.journal: {cause}"), fatal: true }
}

fn corrupt(how: &str) -> StoreError {
    StoreError::corrupt(format!("relay.journal {how}"))
}

/// Makes an empty journal, where there is none. Its name is durable: a store that has one is not opened without it.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(there) if there.len() > 0 => Err(corrupt("is there, and the store knows of none")),
        Ok(_) => Ok(folder::sync_parent(path)?),
        Err(_) => {
            folder::private_file(path).map_err(|cause| failed(&cause))?;
            Ok(folder::sync_parent(path)?)
        }
    }
}

/// What the journal has after batch `last`.
pub(super) fn read(path: &Path, half: u64, salt: &Salt, last: u64) -> Result<Left, StoreError> {
    let file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(corrupt("is missing")),
        opened => opened.map_err(|cause| failed(&cause))?,
    };
    let at = |at: u64| header_at(&file, at).map_err(|cause| failed(&cause));
    let first = at(0)?;
    if let Some(other) = first.get(MAGIC.len()..).and_then(<[u8]>::first_chunk)
        && other != salt
        && Header::of(&first, other).is_some()
    {
        return Err(corrupt("is another store's"));
    }
    let (mut entered, mut number) = (Vec::new(), last.saturating_add(1));
    // Where the next batch would be, were there one.
    let mut ends = [0, half];
    let mut next = |ends: &mut [u64; 2], number: u64| -> Result<bool, StoreError> {
        for end in ends.iter_mut() {
            if let Some((changes, length)) = batch(&file, *end, salt, number)? {
                entered.extend(changes);
                *end += (length as u64).next_multiple_of(BLOCK);
                return Ok(true);
            }
        }
        Ok(false)
    };
    while next(&mut ends, number)? {
        number = number.saturating_add(1);
    }
    let bytes = file.metadata().map_err(|cause| failed(&cause))?.len();
    let mut used = 0;
    for block in (0..bytes).step_by(BLOCK as usize) {
        let mut bytes = [0; BLOCK as usize];
        let filled = fill_at(&file, &mut bytes, block).map_err(|cause| failed(&cause))?;
        if bytes.iter().any(|byte| *byte != 0) {
            used = block + filled as u64;
        }
        // What lies at an end itself may be the next batch, torn.
        let lost = |it: &Header| it.number > number || it.number == number && !ends.contains(&block);
        if Header::of(bytes.get(..HEADER).unwrap_or_default(), salt).is_some_and(|it| lost(&it)) {
            return Err(corrupt("and the store are not of one moment: batches between them are lost"));
        }
    }
    Ok(Left { entered, beyond: number, used })
}

/// Fills `bytes` as far as the file reaches.
fn fill_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn header_at(file: &File, at: u64) -> io::Result<[u8; HEADER]> {
    let mut head = [0; HEADER];
    fill_at(file, &mut head, at)?;
    Ok(head)
}

struct Header {
    number: u64,
    bytes: usize,
    crc: u32,
}

impl Header {
    fn bytes(&self, salt: &Salt) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let fields = [
            &self.number.to_le_bytes()[..],
            &u32::try_from(self.bytes).unwrap_or(u32::MAX).to_le_bytes(),
            &self.crc.to_le_bytes(),
            &[0; 4],
        ]
        .concat();
        let all = [&MAGIC[..], salt, &Self::sum(salt, &fields), &fields].concat();
        out.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        out
    }

    fn sum(salt: &Salt, fields: &[u8]) -> [u8; 4] {
        crc32fast::hash(&[&MAGIC[..], salt, fields].concat()).to_le_bytes()
    }

    /// None where none is whole.
    fn of(bytes: &[u8], salt: &Salt) -> Option<Self> {
        let rest = bytes.get(..HEADER)?.strip_prefix(&MAGIC)?.strip_prefix(salt)?;
        let (sum, fields) = rest.split_first_chunk()?;
        let (number, rest) = fields.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_first_chunk()?;
        let whole = rest == [0; 4] && Self::sum(salt, fields) == *sum;
        let bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        whole.then_some(Self { number: u64::from_le_bytes(*number), bytes, crc: u32::from_le_bytes(*body) })
    }
}

/// The batch with this number at a place, and how long it is; none where there is none that is whole.
fn batch(
    file: &File,
    at: u64,
    salt: &Salt,
    number: u64,
) -> Result<Option<(Vec<Entered>, usize)>, StoreError> {
    let flipped = || corrupt("was changed: a bit was flipped");
    let mut head = header_at(file, at).map_err(|cause| failed(&cause))?;
    let Some(header) = Header::of(&head, salt) else {
        let would = (0..HEADER * 8).any(|bit| {
            flip(&mut head, bit);
            let holds = Header::of(&head, salt).is_some_and(|header| header.number == number);
            flip(&mut head, bit);
            holds
        });
        return if would { Err(flipped()) } else { Ok(None) };
    };
    let begin = at + HEADER as u64;
    if header.number != number || header.bytes > BODY_BYTES_MAX {
        return Ok(None);
    }
    let mut body = vec![0; header.bytes];
    if fill_at(file, &mut body, begin).map_err(|cause| failed(&cause))? < header.bytes {
        return Ok(None);
    }
    let differs = crc32fast::hash(&body) ^ header.crc;
    if differs == 0 {
        mask(&mut body, begin, salt, number);
        return match records(&body, begin, number) {
            Some(entered) => Ok(Some((entered, HEADER + header.bytes))),
            None => Err(corrupt("was changed: what a batch has does not hold")),
        };
    }
    let Some(bit) = turned_bit(differs, body.len()) else { return Ok(None) };
    flip(&mut body, bit);
    mask(&mut body, begin, salt, number);
    if records(&body, begin, number).is_some() { Err(flipped()) } else { Ok(None) }
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
}

/// The one bit of so many bytes whose turn changes their CRC by `differs`, if there is one: a CRC is linear, and each bit
/// changes it by a power of x of its own.
fn turned_bit(differs: u32, bytes: usize) -> Option<usize> {
    let step = |sum: u32| (sum >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(sum & 1));
    let sums = std::iter::successors(Some(POLYNOMIAL), |sum| Some(step(*sum)));
    (0..bytes * 8).rev().zip(sums).find(|(_, sum)| *sum == differs).map(|(bit, _)| bit)
}

/// Puts the mask over bytes that lie at a place of the file, or takes it away.
fn mask(bytes: &mut [u8], at: u64, salt: &Salt, number: u64) {
    let mut mask = [0; MASK];
    for (i, part) in (0..).zip(mask.as_chunks_mut::<32>().0) {
        *part = digest(label::RELAY_JOURNAL, &[salt, &number.to_le_bytes(), &[i]]).0;
    }
    mask.rotate_left(usize::try_from(at).unwrap_or_default() % MASK);
    for part in bytes.chunks_mut(MASK) {
        part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// What a body says that lies at a place; none where it is no body, or a value is not the one that its head is of.
fn records(mut body: &[u8], at: u64, number: u64) -> Option<Vec<Entered>> {
    let (mut entered, end) = (Vec::new(), at + body.len() as u64);
    while !body.is_empty() {
        let (&[table, put, k0, k1, v0, v1, v2, v3], rest) = body.split_first_chunk()?;
        let (table, bytes) = (Table(table), usize::try_from(u32::from_le_bytes([v0, v1, v2, v3])).ok()?);
        let (key, rest) = rest.split_at_checked(u16::from_le_bytes([k0, k1]).into())?;
        let (row, rest) = match put {
            0 if bytes == 0 => (None, rest),
            1 => {
                let (head, rest) = rest.split_first_chunk()?;
                let (value, rest) = rest.split_at_checked(bytes)?;
                if super::sqlite::checksum(table, key, value).0 != *head {
                    return None;
                }
                (Some((Digest(*head), Zeroizing::new(value.to_vec()))), rest)
            }
            _ => return None,
        };
        let at = end - (rest.len() + bytes) as u64;
        entered.push(Entered::of(number, Change { table, key: key.to_vec(), row }, at));
        body = rest;
    }
    Some(entered)
}

/// Bytes of a batch of these changes; none where it has no form.
fn length(changes: &[Change]) -> Option<u64> {
    let mut bytes = HEADER as u64;
    for change in changes {
        let value = change.row.as_ref().map_or(0, |(_, value)| 32 + value.len() as u64);
        bytes += 8 + change.key.len() as u64 + value;
        if change.key.len() > KEY_BYTES_MAX {
            return None;
        }
    }
    (bytes <= BODY_BYTES_MAX as u64).then_some(bytes)
}

impl Journal {
    /// Opens the journal at `path`, of which SQLite's file has all up to `last`, and which has `used` bytes.
    pub fn open(
        path: &Path,
        half_bytes: u64,
        write: bool,
        salt: Salt,
        last: u64,
        used: u64,
    ) -> Result<Self, StoreError> {
        folder::check_private(path)?;
        let file = OpenOptions::new().read(true).write(write).open(path).map_err(|cause| failed(&cause))?;
        let bytes = file.metadata().map_err(|cause| failed(&cause))?.len();
        let number = last.saturating_add(1);
        let (begin, at, older, batch) = (0, 0, None, Vec::new());
        Ok(Self { file, salt, number, half_bytes, begin, at, older, bytes, used, batch })
    }

    /// Makes changes durable, all or none; gives them back where the half has no room for them, and nothing was written.
    ///
    /// # Errors
    /// After any, nothing more is taken before SQLite's file has all up to its number: see [`Journal::stand`].
    pub fn append(&mut self, changes: Vec<Change>) -> Result<Result<Vec<Entered>, Vec<Change>>, StoreError> {
        let Some(length) = length(&changes) else { return Ok(Err(changes)) };
        let end = self.at.saturating_add(length).next_multiple_of(BLOCK);
        if !self.reach(end)? {
            return Ok(Err(changes));
        }
        let (begin, number) = (self.begin + self.at, self.number);
        let entered = self.fill(begin, changes);
        // Not even what is left of one that failed is followed by a batch of the same number.
        self.number = number.saturating_add(1);
        let older = self.older;
        self.stand();
        self.used = self.used.max(begin + length);
        self.file.write_all_at(&self.batch, begin).map_err(|cause| failed(&cause))?;
        self.sync()?;
        (self.at, self.older) = (end, older);
        Ok(Ok(entered))
    }

    #[cfg(test)]
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// A sync that failed leaves unknown what is durable.
    fn sync(&self) -> Result<(), StoreError> {
        let fatal =
            |cause: io::Error| StoreError::Failed { cause: format!("relay.journal: {cause}"), fatal: true };
        self.file.sync_data().map_err(fatal)
    }

    fn fill(&mut self, begin: u64, changes: Vec<Change>) -> Vec<Entered> {
        let (batch, number) = (&mut self.batch, self.number);
        batch.clear();
        batch.resize(HEADER, 0);
        let entered = changes.into_iter().map(|change| {
            let (put, bytes) = change.row.as_ref().map_or((0, 0), |(_, value)| (1, value.len()));
            batch.extend_from_slice(&[change.table.0, put]);
            // What is longer has no length: see `length`.
            batch.extend_from_slice(&u16::try_from(change.key.len()).unwrap_or(u16::MAX).to_le_bytes());
            batch.extend_from_slice(&u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
            batch.extend_from_slice(&change.key);
            let at = begin + batch.len() as u64 + 32;
            if let Some((head, value)) = &change.row {
                batch.extend_from_slice(&head.0);
                batch.extend_from_slice(value);
            }
            Entered::of(number, change, at)
        });
        let entered = entered.collect();
        let (head, body) = self.batch.split_at_mut(HEADER);
        mask(body, begin + HEADER as u64, &self.salt, number);
        let header = Header { number, bytes: body.len(), crc: crc32fast::hash(body) };
        head.copy_from_slice(&header.bytes(&self.salt));
        entered
    }

    /// Makes the half at least so large, of bytes that are written: a sync then has nothing to say of its size. False where
    /// it may not grow so far, or the disk has no room.
    fn reach(&mut self, end: u64) -> Result<bool, StoreError> {
        if end > self.half_bytes || self.begin + end <= self.bytes {
            return Ok(end <= self.half_bytes);
        }
        let bytes = self.begin + end.max(HALF_BYTES_MIN).next_power_of_two().min(self.half_bytes);
        let grown = zero(&self.file, self.bytes..bytes).and_then(|()| self.file.sync_all());
        match grown.map_err(|cause| failed(&cause)) {
            Ok(()) => self.bytes = bytes,
            Err(StoreError::Full) => {
                // What is there of it serves nobody; that it cannot be taken back harms nobody.
                let _ = self.file.set_len(self.bytes);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// The value that lies at a spot, as it was written.
    pub fn value(&self, table: Table, key: &[u8], head: &Digest, spot: Spot) -> Result<Vec<u8>, StoreError> {
        let mut value = vec![0; spot.bytes];
        let filled = fill_at(&self.file, &mut value, spot.at).map_err(|cause| failed(&cause))?;
        mask(&mut value, spot.at, &self.salt, spot.number);
        if filled < spot.bytes || super::sqlite::checksum(table, key, &value) != *head {
            return Err(corrupt("was changed: a value does not hold"));
        }
        Ok(value)
    }

    /// The last number that a batch may have had: once SQLite has the rows of all up to it, durably, the journal may begin
    /// anew.
    pub const fn last(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// The last number in the half that is not written now; none where SQLite's file has all of it.
    pub const fn older(&self) -> Option<u64> {
        self.older
    }

    /// SQLite's file has what the other half has.
    pub const fn forget_older(&mut self) {
        self.older = None;
    }

    /// Bytes of a half at most.
    pub const fn half_bytes(&self) -> u64 {
        self.half_bytes
    }

    /// How much of the half that is written now is full, in 64ths.
    pub const fn filled(&self) -> u64 {
        self.at / (self.half_bytes / 64)
    }

    /// Whether there is another half to go on in: a journal that has not grown so far begins anew.
    pub const fn may_turn(&self) -> bool {
        self.bytes >= self.half_bytes
    }

    /// Goes on in the other half, of which SQLite's file has all.
    pub const fn turn(&mut self) {
        self.older = Some(self.last());
        self.begin = if self.begin == 0 { self.half_bytes } else { 0 };
        self.at = 0;
    }

    /// Takes nothing more before SQLite's file has all that it has.
    pub const fn stand(&mut self) {
        (self.at, self.older) = (self.half_bytes, Some(self.last()));
    }

    /// Begins anew at its beginning: SQLite's file has all of it.
    pub const fn begin_anew(&mut self) {
        (self.begin, self.at, self.older) = (0, 0, None);
    }

    /// Bytes that [`Journal::erase`] has still to write over.
    pub const fn used_bytes(&self) -> u64 {
        self.used
    }

    /// Writes over a part of all that was ever written, once it has begun anew.
    pub fn erase(&mut self) -> Result<(), StoreError> {
        if self.used > 0 {
            let from = self.used.saturating_sub(self.half_bytes / ERASED_SHARE);
            zero(&self.file, from..self.used).map_err(|cause| failed(&cause))?;
            self.sync()?;
            self.used = from;
        }
        Ok(())
    }
}

fn zero(file: &File, bytes: std::ops::Range<u64>) -> io::Result<()> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut at = bytes.start;
    while at < bytes.end {
        let part = usize::try_from(bytes.end - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        file.write_all_at(ZEROS.get(..part).unwrap_or_default(), at)?;
        at += part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
