//! A put whose signature was checked: beside others, on any core, before the one task that drives the engine is given
//! it. The engine then asks only whether it was checked by the key that may put.

use crate::codec::CellBytes;
use crate::crypto::sign::{QueueKey, QueueSignature};
use crate::wire::frame::Framed;
use crate::wire::queue::{CellHash, QueueId, check_put};
use crate::wire::request::Request;

/// Who puts on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// The queue's writer id.
    pub id: QueueId,
    /// Its key.
    pub key: QueueKey,
}

/// A put, signed by a writer.
#[derive(Debug)]
pub struct CheckedPut {
    pub(super) by: Writer,
    pub(super) index: u64,
    pub(super) signature: QueueSignature,
    pub(super) hash: CellHash,
    pub(super) cell: Box<CellBytes>,
}

impl CheckedPut {
    /// The put that a frame asks for, whose cell is taken out of it; none, and the frame as it was, where it asks for
    /// something else or the signature does not hold.
    #[must_use]
    pub fn of(by: Writer, framed: &mut Framed<Request>) -> Option<Self> {
        let Request::Put { index, signature } = framed.said else { return None };
        let hash = CellHash::of(framed.cell.as_deref()?);
        check_put(&by.key, &by.id, index, &hash, &signature).ok()?;
        Some(Self { by, index, signature, hash, cell: framed.cell.take()? })
    }

    /// Where it is to be stored.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
}
