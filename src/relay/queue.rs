//! One queue: which indexes it holds and what a put, a get, a drop or time does to them. May not know
//! connections or rows.

use crate::crypto::sign::QueueKey;
use crate::relay::message::{CellKey, ConnId, HeldCell};
use crate::relay::table::{Held, QueueRow};
use crate::time::{Millis, UnixMillis};
use crate::wire::limit::QUEUE_CELLS_MAX;
use crate::wire::queue::{CellHash, QueueId, QueueRole};
use crate::wire::reply::PutProof;
use std::collections::VecDeque;

/// A queue. It holds `low .. next`; a `None` within is a cell that could not be read back.
pub(super) struct Queue {
    pub(super) reader: QueueId,
    pub(super) writer: QueueId,
    pub(super) reader_key: QueueKey,
    pub(super) writer_key: QueueKey,
    low: u64,
    writer_since: u64,
    held: VecDeque<Option<Held>>,
    last: Option<PutProof>,
    /// Connections that serve it, the oldest first.
    pub(super) conns: Vec<(ConnId, QueueRole)>,
}

/// What lies where a put would go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing: the put is next.
    Free,
    /// The same cell, stored then.
    Same(UnixMillis),
    /// Another cell.
    Other(PutProof),
    /// Nothing any more.
    Gone,
    /// Nothing, and not next.
    Ahead,
}

impl Queue {
    pub(super) fn new(
        (reader, reader_key): (QueueId, QueueKey),
        (writer, writer_key): (QueueId, QueueKey),
    ) -> Self {
        let (held, conns) = (VecDeque::new(), Vec::new());
        Self { reader, writer, reader_key, writer_key, low: 0, writer_since: 0, held, last: None, conns }
    }

    /// Without its cells: [`Queue::restore_cell`] brings them.
    pub(super) fn from_row(row: &QueueRow) -> Self {
        let mut queue = Self::new((row.reader, row.reader_key), (row.writer, row.writer_key));
        queue.low = row.low;
        queue.writer_since = row.writer_since;
        queue.last = row.last;
        queue.extend_to(row.next);
        queue
    }

    pub(super) fn row(&self) -> QueueRow {
        QueueRow {
            reader: self.reader,
            writer: self.writer,
            reader_key: self.reader_key,
            writer_key: self.writer_key,
            low: self.low,
            next: self.next(),
            writer_since: self.writer_since,
            last: self.last,
        }
    }

    /// Makes every index below `next` one that was given out.
    fn extend_to(&mut self, next: u64) {
        let missing = next.saturating_sub(self.next());
        // A row that was damaged in a way its checksum missed must not take all memory.
        if self.span().saturating_add(missing) <= QUEUE_CELLS_MAX {
            self.held.reserve_exact(missing as usize);
            self.held.resize_with(self.held.len() + missing as usize, || None);
        }
    }

    /// What another relay made of it. Cells it put come by [`Queue::restore_cell`].
    pub(super) fn learn(&mut self, row: &QueueRow) {
        let known = (self.writer, self.writer_key, self.writer_since);
        if known != (row.writer, row.writer_key, row.writer_since) {
            self.writer = row.writer;
            self.writer_key = row.writer_key;
            self.writer_since = row.writer_since;
            self.last = row.last;
        }
        if row.low >= self.next() {
            self.held.clear();
            self.low = self.low.max(row.low);
        }
        self.drop_below(row.low);
        self.extend_to(row.next);
        // The last put's proof outlives its cell, which may have come and gone meanwhile.
        if let Some(last) = row.last.filter(|last| last.index >= self.writer_since)
            && self.last.is_none_or(|known| known.index < last.index)
        {
            self.last = Some(last);
        }
    }

    /// A cell's row as it was read at start; `None` when it was unreadable.
    pub(super) fn restore_cell(&mut self, index: u64, held: Option<Held>) {
        if index < self.low {
            return;
        }
        self.extend_to(index.saturating_add(1));
        let at = self.at(index);
        if let Some(slot) = at.and_then(|at| self.held.get_mut(at)) {
            *slot = held;
        }
        if let Some(held) = held
            && index >= self.writer_since
            && self.last.is_none_or(|last| last.index < index)
        {
            self.last = Some(PutProof { index, cell: held.hash, signature: held.signature });
        }
    }

    pub(super) const fn low(&self) -> u64 {
        self.low
    }

    pub(super) fn next(&self) -> u64 {
        self.low.saturating_add(self.held.len() as u64)
    }

    /// Cells held, unreadable ones included: they count against the quota until they are dropped.
    pub(super) fn span(&self) -> u64 {
        self.held.len() as u64
    }

    /// Cells that can be served.
    pub(super) fn cells(&self) -> u64 {
        self.held.iter().flatten().count() as u64
    }

    pub(super) fn oldest(&self) -> Option<UnixMillis> {
        self.held.iter().flatten().next().map(|held| held.clock)
    }

    /// The put below `next`, if the present writer made it.
    pub(super) fn last(&self) -> Option<PutProof> {
        self.last.filter(|last| last.index.checked_add(1) == Some(self.next()))
    }

    fn at(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.low)?).ok()
    }

    pub(super) fn place(&self, index: u64, hash: &CellHash) -> Place {
        if index > self.next() {
            return Place::Ahead;
        }
        if index == self.next() {
            return Place::Free;
        }
        match self.at(index).and_then(|at| self.held.get(at)) {
            Some(Some(held)) if held.hash == *hash => Place::Same(held.clock),
            Some(Some(held)) => Place::Other(PutProof { index, cell: held.hash, signature: held.signature }),
            Some(None) | None => Place::Gone,
        }
    }

    /// Holds a cell at `next`.
    pub(super) fn store(&mut self, held: Held) {
        self.last = Some(PutProof { index: self.next(), cell: held.hash, signature: held.signature });
        self.held.push_back(Some(held));
    }

    /// The first cells held from `from` on, at most `count`.
    pub(super) fn from(&self, number: u64, from: u64, count: u16) -> Vec<HeldCell> {
        let skip = self.at(from.max(self.low)).unwrap_or(usize::MAX);
        let found = self.held.iter().zip(self.low..).skip(skip);
        let mut cells: Vec<_> = found
            .filter_map(|(held, index)| held.as_ref().map(|held| (held, index)))
            .take(usize::from(count))
            .map(|(held, index)| HeldCell {
                key: CellKey { queue: number, index },
                hash: held.hash,
                signature: held.signature,
                clock: held.clock,
                more: 0,
                low: self.low,
            })
            .collect();
        for (cell, more) in cells.iter_mut().rev().zip(0..) {
            cell.more = more;
        }
        cells
    }

    /// Forgets what lies below `below`; the indexes whose rows go, and how many cells those were.
    pub(super) fn drop_below(&mut self, below: u64) -> (std::ops::Range<u64>, u64) {
        let from = self.low;
        let below = below.clamp(from, self.next());
        let count = usize::try_from(below - from).unwrap_or(usize::MAX).min(self.held.len());
        let cells = self.held.drain(..count).flatten().count() as u64;
        self.low = below;
        (from..below, cells)
    }

    /// The lowest index that must stay at `now`, looking at no more than `most` cells.
    pub(super) fn expired_below(&self, now: UnixMillis, retention: Millis, most: usize) -> u64 {
        let old = |held: &Option<Held>| held.is_none_or(|held| now.since(held.clock) >= retention);
        let held = self.held.iter().take(most);
        // An unreadable cell keeps nothing waiting.
        let count = held.take_while(|held| old(held)).count();
        self.low.saturating_add(count as u64)
    }

    /// Forgets one cell that cannot be read; whether it was held.
    pub(super) fn lose(&mut self, index: u64) -> bool {
        let at = self.at(index);
        at.and_then(|at| self.held.get_mut(at)).and_then(Option::take).is_some()
    }

    /// Gives the queue to another writer. The old one's last put proves nothing to the new.
    pub(super) fn rekey(&mut self, writer: QueueId, key: QueueKey) {
        self.writer = writer;
        self.writer_key = key;
        self.writer_since = self.next();
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::Digest;

    /// `fuzz/regressions/relay_rows/row-of-sixteen-million-cells`.
    #[test]
    fn damaged_rows_make_no_queue_longer_than_a_full_one() {
        let (id, key) = (QueueId(Digest([1; 32])), QueueKey([2; 32]));
        let row = |next| {
            let (low, writer_since, last) = (5, 0, None);
            QueueRow {
                reader: id,
                writer: id,
                reader_key: key,
                writer_key: key,
                low,
                next,
                writer_since,
                last,
            }
        };
        assert_eq!(
            Queue::from_row(&row(5 + QUEUE_CELLS_MAX)).span(),
            QUEUE_CELLS_MAX,
            "a full queue comes back whole"
        );
        let mut queue = Queue::from_row(&row(1 << 24));
        assert_eq!(queue.span(), 0);
        for index in [600_000, 900_000, 1_400_000, 1 << 24, u64::MAX] {
            queue.restore_cell(index, None);
            assert!(queue.span() <= QUEUE_CELLS_MAX, "{index}");
        }
        assert_eq!(queue.next(), 900_001);
    }
}
