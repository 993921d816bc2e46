//! What a relay answers. One reply a frame; only [`Reply::Cell`]'s frame carries a cell. A [`Reply::Serving`]'s
//! carries the relay's deposit key, a [`Reply::Stored`]'s the proof of deposit: see `deposit.rs`.

use crate::crypto::sign::QueueSignature;
use crate::time::UnixMillis;
use crate::wire::queue::CellHash;
use bincode::{Decode, Encode};

/// A writer's own signature on a cell that the relay holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PutProof {
    /// Where the cell lies.
    pub index: u64,
    /// The cell's hash.
    pub cell: CellHash,
    /// See [`crate::wire::queue::sign_put`].
    pub signature: QueueSignature,
}

/// What was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Bound {
    /// The queue holds as many cells as it may.
    Queue,
    /// The relay's disk is full, or its share of it is.
    Disk,
}

/// A reply. In the envelope a `u32` of the variant, then its fields.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// To a proof or an opening: the connection serves the queue.
    Serving {
        /// The relay's clock.
        clock: UnixMillis,
        /// The lowest index that may still be held.
        low: u64,
        /// The index the next put must name.
        next: u64,
        /// To a writer, the put below `next`, where one is held.
        last: Option<PutProof>,
    },
    /// To a proof, an opening or a rekey: no such queue, or the signature does not hold, the two answered
    /// alike; or a rekey's new id is taken. The connection ends.
    Refused,
    /// To an opening: the token is unknown, spent or expired, or an id is taken. The connection ends.
    PassRefused,
    /// The cells at `first` and the `count - 1` following indexes are on disk.
    Stored {
        /// The first index.
        first: u64,
        /// How many.
        count: u32,
        /// The relay's clock when they were stored.
        clock: UnixMillis,
    },
    /// Another cell lies at the index.
    Conflict(PutProof),
    /// The put left a gap: the next index is this.
    Expected {
        /// The next index.
        next: u64,
    },
    /// To a put: the index is below the low-water mark, stored before and dropped or expired. To a put or a
    /// get with `index` at or above `low`: that one cell was stored and is lost; a get ends with it.
    Gone {
        /// The index that was asked for.
        index: u64,
        /// The lowest index that may still be held.
        low: u64,
    },
    /// A stored cell, in this frame.
    Cell {
        /// Its index.
        index: u64,
        /// The writer's signature on its put.
        signature: QueueSignature,
        /// The relay's clock when it was stored.
        clock: UnixMillis,
        /// Cells that still follow for the same get.
        more: u16,
    },
    /// Nothing came in the time the get could wait.
    Empty {
        /// The lowest index that may still be held.
        low: u64,
        /// The index the next put must name.
        next: u64,
    },
    /// The cells below `low` are forgotten.
    Dropped {
        /// The lowest index that may still be held.
        low: u64,
    },
    /// The writer's id and key are replaced.
    Rekeyed,
    /// The queue is closed, and the connection ends.
    Closed,
    /// The cell at `index` was not stored: a bound is reached. To an opening, with index 0: the queue was
    /// not opened, no token is spent, and the connection ends.
    Full {
        /// The index that was asked for.
        index: u64,
        /// Which bound.
        bound: Bound,
    },
    /// The relay cannot serve now; the connection ends.
    Busy {
        /// When to try again.
        after_secs: u32,
    },
    /// The frame was malformed or out of place; the connection ends.
    Malformed,
}
