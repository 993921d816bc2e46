//! What goes into the relay's engine and what comes out. Notices carry counts, never an id.

use crate::codec::CELL_BYTES;
use crate::crypto::digest::Digest;
use crate::crypto::sign::QueueSignature;
use crate::relay::checked::CheckedPut;
use crate::time::{Millis, UnixMillis};
use crate::wire::frame::{FrameError, Framed};
use crate::wire::limit::{QUEUE_CELLS_DEFAULT, RETENTION_DEFAULT};
use crate::wire::pass::TokenHash;
use crate::wire::queue::{CellHash, Exporter};
use crate::wire::reply::Reply;
use crate::wire::request::Request;

/// Connections that may serve one queue in one role: a client's new one beside its dead ones.
pub const SERVING_MAX: usize = 4;

/// A connection, by a number its host never gives twice while the engine lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// Where a cell lies in the store: see [`crate::relay::table::CELL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// The queue's number in this store; it never leaves the relay.
    pub queue: u64,
    /// The cell's index.
    pub index: u64,
}

/// Bounds that the operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Cells one queue may hold.
    pub queue_cells_max: u64,
    /// How long a cell is kept that nobody drops.
    pub retention: Millis,
    /// Bytes of disk that stay free: below, nothing new is stored or opened.
    pub reserve_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue_cells_max: QUEUE_CELLS_DEFAULT, retention: RETENTION_DEFAULT, reserve_bytes: 256 << 20 }
    }
}

/// What happens to a relay.
#[derive(Debug)]
pub enum Input {
    /// A connection stands.
    Connected {
        /// Its number.
        conn: ConnId,
        /// What its TLS session exports.
        exporter: Exporter,
    },
    /// A frame came.
    Frame {
        /// On this connection.
        conn: ConnId,
        /// The request, or why it is none.
        frame: Box<Result<Framed<Request>, FrameError>>,
    },
    /// A frame came that is a put, and its signature holds.
    Put {
        /// On this connection.
        conn: ConnId,
        /// The put.
        put: Box<CheckedPut>,
    },
    /// A connection ended.
    Gone {
        /// Its number.
        conn: ConnId,
    },
    /// Time passed.
    Tick,
    /// The disk has this much room.
    Space {
        /// Bytes free.
        free_bytes: u64,
    },
    /// The operator issued a pass.
    Tokens {
        /// The hashes of its tokens.
        hashes: Vec<TokenHash>,
        /// When they cease to open queues.
        expires: UnixMillis,
    },
    /// The operator takes tokens back that have opened no queue.
    Revoked(Revoked),
    /// A stored cell could not be read back.
    Lost {
        /// Where it lay.
        cell: CellKey,
    },
}

/// Which tokens are taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// All.
    All,
    /// Those with these hashes.
    These(Vec<TokenHash>),
}

/// A stored cell on its way to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCell {
    /// Where the host reads it.
    pub key: CellKey,
    /// What its bytes hash to, for a host whose store keeps no checksum.
    pub hash: CellHash,
    /// The writer's signature on its put.
    pub signature: QueueSignature,
    /// When it was stored.
    pub clock: UnixMillis,
    /// Cells that follow for the same get.
    pub more: u16,
    /// The queue's low-water mark.
    pub low: u64,
}

impl HeldCell {
    /// The reply in whose frame the cell goes.
    #[must_use]
    pub const fn reply(&self) -> Reply {
        Reply::Cell { index: self.key.index, signature: self.signature, clock: self.clock, more: self.more }
    }

    /// The reply when the cell cannot be read: it ends the get, and the host gives [`Input::Lost`].
    #[must_use]
    pub const fn gone(&self) -> Reply {
        Reply::Gone { index: self.key.index, low: self.low }
    }
}

/// What the host does once a step's records are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Send {
    /// Sends a reply without a cell.
    Reply {
        /// To this connection.
        conn: ConnId,
        /// The reply.
        reply: Reply,
    },
    /// Answers puts of cells that are stored, once the deposit is signed: see [`crate::relay::deposit`].
    Stored {
        /// To this connection.
        conn: ConnId,
        /// The first cell's index; those of the others follow.
        first: u64,
        /// When they were stored.
        clock: UnixMillis,
        /// The leaf of each cell, at most a window of them.
        leaves: Vec<Digest>,
    },
    /// Answers one get: each cell read from the store and sent in its own frame, in order, up to the
    /// first that cannot be read.
    Cells {
        /// To this connection.
        conn: ConnId,
        /// The cells, at least one.
        cells: Vec<HeldCell>,
    },
    /// Ends a connection after what was sent before. The engine has forgotten it.
    Close {
        /// Its number.
        conn: ConnId,
    },
}

impl Send {
    /// The connection it concerns.
    #[must_use]
    pub const fn conn(&self) -> ConnId {
        match self {
            Self::Reply { conn, .. }
            | Self::Stored { conn, .. }
            | Self::Cells { conn, .. }
            | Self::Close { conn } => *conn,
        }
    }

    /// How many requests it answers.
    #[must_use]
    pub const fn answers(&self) -> usize {
        match self {
            Self::Stored { leaves, .. } => leaves.len(),
            Self::Reply { .. } | Self::Cells { .. } => 1,
            Self::Close { .. } => 0,
        }
    }
}

/// What an operator may be shown: that something happened, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A queue was opened.
    QueueOpened,
    /// A queue was closed.
    QueueClosed,
    /// A cell was stored.
    CellStored,
    /// So many cells were dropped by a reader.
    CellsDropped(u64),
    /// So many cells were kept for the whole retention and forgotten.
    CellsExpired(u64),
    /// A cell could not be read back.
    CellLost,
    /// So many tokens of a pass were taken in.
    TokensIssued(u64),
    /// So many tokens expired unspent.
    TokensExpired(u64),
    /// So many tokens were taken back unspent.
    TokensRevoked(u64),
    /// A proof, an opening or a rekey was refused.
    Refused,
    /// An opening had no valid token.
    PassRefused,
    /// A queue is full.
    QueueFull,
    /// The disk is at its reserve.
    DiskFull,
    /// A peer sent what is no request, or one out of place.
    Malformed,
}

/// What a relay holds, in total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Queues.
    pub queues: u64,
    /// Cells.
    pub cells: u64,
    /// Tokens not yet spent.
    pub tokens: u64,
    /// Connections.
    pub connections: u64,
    /// When the oldest cell was stored.
    pub oldest: Option<UnixMillis>,
}

impl Totals {
    /// Bytes of all cells.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.cells.saturating_mul(CELL_BYTES as u64)
    }
}
