//! Whether a flipped bit takes a commit out of SQLite's write-ahead log. SQLite follows a log up to the first frame that
//! does not hold, for the last ones may be torn by a power failure, and takes back without a word all that was committed
//! after it. A torn frame too can be one bit away from one that holds: what it lost may be one bit among zeros, and the
//! sum tells few places of a word's high bits apart. But what is torn was not synced, and its commit is hardly ever whole
//! but for that bit. More than a bit cannot be told from a log that was never written further.
//!
//! ```text
//! log    = header 32 ‖ frames                               numbers big-endian: SQLite's file format, section 4
//! header = magic u32 ‖ version u32 ‖ page's bytes u32 ‖ sequence u32 ‖ salt 8 ‖ sum of the 24 before 8
//! frame  = page's number u32 ‖ pages, of a commit u32 ‖ salt 8 ‖ sum 8 ‖ page
//! sum    = of what the sum before covers, page's number, pages and page
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The last bit says that the sum's words are big-endian.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65_536;

/// Goes on with a sum (SQLite's file format, section 4.2).
fn sum(before: [u8; 8], bytes: &[u8], big: bool) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h] = before;
    let (mut one, mut two) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    let word = if big { u32::from_be_bytes } else { u32::from_le_bytes };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks().0.iter().copied() {
        one = one.wrapping_add(word([a, b, c, d])).wrapping_add(two);
        two = two.wrapping_add(word([e, f, g, h])).wrapping_add(one);
    }
    ((u64::from(one) << 32) | u64::from(two)).to_be_bytes()
}

/// What each frame is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Log {
    big: bool,
    page_bytes: usize,
    salt: [u8; 8],
    sum: [u8; 8],
}

impl Log {
    /// None where the header does not hold.
    fn of(header: &[u8]) -> Option<Self> {
        let (magic, rest) = header.split_first_chunk()?;
        let (_version, rest) = rest.split_first_chunk::<4>()?;
        let (page_bytes, rest) = rest.split_first_chunk()?;
        let (_sequence, rest) = rest.split_first_chunk::<4>()?;
        let (salt, stored) = rest.split_first_chunk()?;
        let big = u32::from_be_bytes(*magic) == MAGIC | 1;
        let known = big || u32::from_be_bytes(*magic) == MAGIC;
        let sum = sum([0; 8], header.get(..24)?, big);
        let page_bytes = usize::try_from(u32::from_be_bytes(*page_bytes)).ok()?;
        // Two sizes are never a bit apart.
        let sized = page_bytes.is_power_of_two() && PAGE_BYTES.contains(&page_bytes);
        (known && stored == sum && sized).then_some(Self { big, page_bytes, salt: *salt, sum })
    }

    /// The log after a frame; none where the frame does not hold.
    fn after(self, frame: &[u8]) -> Option<Self> {
        let (numbers, rest) = frame.split_first_chunk::<8>()?;
        let (salt, rest) = rest.split_first_chunk::<8>()?;
        let (stored, page) = rest.split_first_chunk::<8>()?;
        // A frame of an older log, as most that do not hold are: nothing of it is summed.
        if *salt != self.salt {
            return None;
        }
        let sum = sum(sum(self.sum, numbers, self.big), page, self.big);
        (*stored == sum).then_some(Self { sum, ..self })
    }
}

/// All that `found` finds in `bytes` with one bit the other way.
fn turned<T: IntoIterator>(bytes: &mut [u8], found: impl Fn(&[u8]) -> T) -> impl Iterator<Item = T::Item> {
    (0..bytes.len() * 8).flat_map(move |bit| {
        let turn = |bytes: &mut [u8]| {
            bytes.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8))
        };
        turn(bytes);
        let found = found(bytes);
        turn(bytes);
        found
    })
}

/// The logs that a frame goes on with, after it, and whether a commit ends with it.
fn after(logs: &[Log], frame: &[u8]) -> Vec<(Log, bool)> {
    let commits = frame.iter().skip(4).take(4).any(|byte| *byte != 0);
    logs.iter().filter_map(|log| Some((log.after(frame)?, commits))).collect()
}

/// Fills `bytes`; false where the file ends before.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// Whether the log at `path` has a commit that but for one bit is whole. A log that is not there has none.
pub(super) fn is_altered(path: &Path) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => BufReader::new(opened?),
    };
    let mut header = [0; 32];
    if !fill(&mut file, &mut header)? {
        return Ok(false);
    }
    let mut logs: Vec<Log> = Log::of(&header).into_iter().collect();
    let mut altered = logs.is_empty();
    if altered {
        logs = turned(&mut header, Log::of).collect();
    }
    let Some(Log { page_bytes, .. }) = logs.first() else { return Ok(false) };
    let mut frame = vec![0; 24 + page_bytes];
    while fill(&mut file, &mut frame)? {
        let mut next = after(&logs, &frame);
        if next.is_empty() && !altered {
            altered = true;
            // Which bit it was cannot always be told: what follows may go on with any.
            next = turned(&mut frame, |frame| after(&logs, frame)).collect();
        }
        if next.is_empty() || altered && next.iter().any(|(_, commits)| *commits) {
            return Ok(!next.is_empty());
        }
        logs = next.into_iter().map(|(log, _)| log).collect();
        logs.dedup();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_flipped_bit_is_found_and_a_torn_or_lost_end_is_none() {
        let place = tempfile::tempdir().unwrap();
        let (file, copy) = (place.path().join("rows"), place.path().join("copy"));
        let db = Connection::open(&file).unwrap();
        db.execute_batch("PRAGMA page_size = 512; PRAGMA journal_mode = WAL; CREATE TABLE rows(body BLOB)")
            .unwrap();
        for _ in 0..6 {
            db.execute("INSERT INTO rows VALUES (randomblob(900))", []).unwrap();
        }
        let log = std::fs::read(place.path().join("rows-wal")).unwrap();
        let altered = |bytes: &[u8]| {
            std::fs::write(&copy, bytes).unwrap();
            is_altered(&copy).unwrap()
        };
        assert!(!altered(&log) && !is_altered(&place.path().join("none")).unwrap());
        for at in (0..log.len()).step_by(61).chain(0..32) {
            let mut flipped = log.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(altered(&flipped), "byte {at}");
            assert!(!altered(&log[..at]), "cut at {at}");
            let mut torn = log.clone();
            torn[at..].iter_mut().take(512).for_each(|byte| *byte = 0xa5);
            assert!(!altered(&torn), "torn at {at}");
        }
        // A header a bit away from one that holds, and no whole commit after it.
        let mut torn = log[..600].to_vec();
        torn[31] ^= 1;
        torn[32..].fill(0xa5);
        assert!(!altered(&torn));
        // Of a commit that is not whole nothing was told to be done, though what is left of it be a bit away from a frame.
        let begun = &log[..log.len() - 536];
        let last = begun.len() - 536;
        assert_eq!(begun[last + 4..last + 8], [0; 4], "a commit of two frames at least");
        for at in (last..begun.len()).step_by(13) {
            let mut torn = begun.to_vec();
            torn[at] ^= 1;
            assert!(!altered(&torn), "byte {at} of a commit that is not whole");
        }
    }
}
