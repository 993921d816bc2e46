//! The rows of a relay's store, to the byte. Keys are big-endian, so that they lie in the order of their
//! numbers; values are in the one encoding (`codec.rs`). May not know how rows are kept.
//!
//! ```text
//! table       key                        value
//! QUEUE      1 number u64                 reader id 32 ‖ writer id 32 ‖ reader key 32 ‖ writer key 32
//!                                         ‖ low u64 ‖ next u64 ‖ writer since u64 ‖ last put: 0 u8, or 1 u8 ‖ index u64 ‖ cell hash 32 ‖ signature 64
//! CELL_META  2 number u64 ‖ index u64     cell hash 32 ‖ signature 64 ‖ stored at u64
//! CELL       3 number u64 ‖ index u64     the cell, 16,128
//! TOKEN      4 token hash 32              expires u64
//! ```
//!
//! A put writes its own two rows and leaves QUEUE alone: `next` there is a floor, and the greatest index
//! in CELL_META is what counts. Start-up reads all but CELL.

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{QueueKey, QueueSignature};
use crate::relay::message::CellKey;
use crate::step::Table;
use crate::time::UnixMillis;
use crate::wire::pass::TokenHash;
use crate::wire::queue::{CellHash, QueueId};
use crate::wire::reply::PutProof;
use bincode::{Decode, Encode};

/// Queues.
pub const QUEUE: Table = Table(1);
/// What is known of each stored cell.
pub const CELL_META: Table = Table(2);
/// Stored cells.
pub const CELL: Table = Table(3);
/// Tokens of passes, not yet spent.
pub const TOKEN: Table = Table(4);

/// The tables a start reads: all that [`crate::relay::engine::Relay::restore`] takes.
pub const RESTORED: [Table; 3] = [QUEUE, CELL_META, TOKEN];

/// The longest value of these rows but a cell.
const ROW_BYTES_MAX: usize = 512;

/// A row as it was read: its value is absent when the store could not vouch for it.
pub struct Row {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value, if it is what was written.
    pub value: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct QueueRow {
    pub(super) reader: QueueId,
    pub(super) writer: QueueId,
    pub(super) reader_key: QueueKey,
    pub(super) writer_key: QueueKey,
    pub(super) low: u64,
    pub(super) next: u64,
    /// The first index that the present writer could put.
    pub(super) writer_since: u64,
    pub(super) last: Option<PutProof>,
}

/// What is kept of a stored cell beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Held {
    pub(super) hash: CellHash,
    pub(super) signature: QueueSignature,
    pub(super) clock: UnixMillis,
}

pub(super) fn row<T: Encode>(value: &T) -> Vec<u8> {
    // Both rows have a largest size far below the bound, so this cannot fail; a test encodes the largest.
    codec::encode(value, ROW_BYTES_MAX).unwrap_or_default()
}

pub(super) fn read<T: Encode + Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    codec::decode(bytes, ROW_BYTES_MAX)
}

pub(super) fn queue_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(super) fn queue_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

impl CellKey {
    /// The key of the cell's rows: queue number and index, both big-endian.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.queue.to_be_bytes(), self.index.to_be_bytes()].concat()
    }

    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let (queue, index) = key.split_first_chunk::<8>()?;
        let index: [u8; 8] = index.try_into().ok()?;
        Some(Self { queue: u64::from_be_bytes(*queue), index: u64::from_be_bytes(index) })
    }
}

pub(super) fn token_key(hash: &TokenHash) -> Vec<u8> {
    hash.0.0.to_vec()
}

pub(super) fn token_hash(key: &[u8]) -> Option<TokenHash> {
    Some(TokenHash(Digest(key.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_rows_fit_and_read_back() {
        let id = QueueId(Digest([0xff; 32]));
        let key = QueueKey([0xff; 32]);
        let signature = QueueSignature([0xff; 64]);
        let cell = CellHash(Digest([0xff; 32]));
        let last = Some(PutProof { index: u64::MAX, cell, signature });
        let largest = QueueRow {
            reader: id,
            writer: id,
            reader_key: key,
            writer_key: key,
            low: u64::MAX,
            next: u64::MAX,
            writer_since: u64::MAX,
            last,
        };
        assert_eq!(row(&largest).len(), 257);
        assert_eq!(read::<QueueRow>(&row(&largest)).unwrap(), largest);
        let held = Held { hash: cell, signature, clock: UnixMillis(1) };
        assert_eq!(row(&held).len(), 104);
        assert_eq!(read::<Held>(&row(&held)).unwrap(), held);
    }

    #[test]
    fn keys_lie_in_the_order_of_their_numbers() {
        let key = |queue, index| CellKey { queue, index }.bytes();
        assert!(key(1, 255) < key(1, 256) && key(1, u64::MAX) < key(2, 0));
        assert_eq!(CellKey::parse(&key(7, 9)), Some(CellKey { queue: 7, index: 9 }));
        assert_eq!(CellKey::parse(&key(7, 9)[..15]), None);
        assert_eq!(queue_number(&queue_key(5)), Some(5));
    }
}
