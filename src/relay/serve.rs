//! What a proved connection may ask: put, get, drop, rekey, close.

use crate::codec::CELL_BYTES;
use crate::crypto::sign::{QueueKey, QueueSignature};
use crate::relay::checked::{CheckedPut, Writer};
use crate::relay::engine::{Relay, RelayStep, Waiting};
use crate::relay::message::{CellKey, ConnId, Notice, Send};
use crate::relay::queue::Place;
use crate::relay::table::{self, CELL, CELL_META, Held, QUEUE};
use crate::step::Record;
use crate::time::{Millis, UnixMillis};
use crate::wire::deposit::Deposit;
use crate::wire::frame::Framed;
use crate::wire::limit::{GET_COUNT_MAX, GET_WAIT_MAX};
use crate::wire::queue::{QueueId, QueueRole, check_rekey};
use crate::wire::reply::{Bound, Reply};
use crate::wire::request::Request;

/// Bytes a stored cell may take on disk: its two rows, their keys and the store's own share.
pub(super) const CELL_DISK_BYTES: u64 = CELL_BYTES as u64 + 1_024;

impl Relay {
    pub(super) fn put(
        &mut self,
        conn: ConnId,
        number: u64,
        mut framed: Framed<Request>,
        now: UnixMillis,
        step: &mut RelayStep,
    ) {
        let checked = self.writer(conn).and_then(|by| CheckedPut::of(by, &mut framed));
        match checked {
            Some(put) => self.store(conn, number, put, now, step),
            None => self.malformed(conn, step),
        }
    }

    /// A put that was checked by the key that was the connection's when it came.
    pub(super) fn checked_put(
        &mut self,
        conn: ConnId,
        put: CheckedPut,
        now: UnixMillis,
        step: &mut RelayStep,
    ) {
        let serving = self.conns.get(&conn).and_then(|conn| conn.serving);
        match (self.writer(conn), serving) {
            (Some(by), Some((number, _))) if by == put.by => self.store(conn, number, put, now, step),
            _ => self.malformed(conn, step),
        }
    }

    fn store(&mut self, conn: ConnId, number: u64, put: CheckedPut, now: UnixMillis, step: &mut RelayStep) {
        let Some(queue) = self.queues.get_mut(&number) else { return };
        let CheckedPut { by: Writer { id: writer, .. }, index, signature, hash, cell } = put;
        let stored = |clock| {
            let leaves = vec![Deposit { writer, index, cell: hash, clock }.leaf()];
            Send::Stored { conn, first: index, clock, leaves }
        };
        let refused = |reply| Send::Reply { conn, reply };
        let send = match queue.place(index, &hash) {
            Place::Same(clock) => stored(clock),
            Place::Other(proof) => refused(Reply::Conflict(proof)),
            Place::Gone => refused(Reply::Gone { index, low: queue.low() }),
            Place::Ahead => refused(Reply::Expected { next: queue.next() }),
            Place::Free if queue.span() >= self.limits.queue_cells_max => {
                step.notices.push(Notice::QueueFull);
                refused(Reply::Full { index, bound: Bound::Queue })
            }
            Place::Free if self.room < CELL_DISK_BYTES => {
                step.notices.push(Notice::DiskFull);
                refused(Reply::Full { index, bound: Bound::Disk })
            }
            Place::Free => {
                let held = Held { hash, signature, clock: now };
                let key = CellKey { queue: number, index }.bytes();
                step.records.push(Record::put(CELL_META, key.clone(), table::row(&held)));
                let cell: Box<[u8]> = cell;
                step.records.push(Record::put(CELL, key, cell.into_vec()));
                step.notices.push(Notice::CellStored);
                queue.store(held);
                self.room -= CELL_DISK_BYTES;
                self.cells = self.cells.saturating_add(1);
                stored(now)
            }
        };
        step.sends.push(send);
        self.wake(number, step);
    }

    /// Answers the waiting gets of a queue for which there is now a cell.
    pub(super) fn wake(&mut self, number: u64, step: &mut RelayStep) {
        let Some(queue) = self.queues.get(&number) else { return };
        for (id, _) in &queue.conns {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let Some(waiting) = conn.waiting else { continue };
            let cells = queue.from(number, waiting.from, waiting.count);
            if !cells.is_empty() {
                conn.waiting = None;
                self.waits.remove(&(waiting.until, *id));
                step.sends.push(Send::Cells { conn: *id, cells });
            }
        }
    }

    pub(super) fn get(
        &mut self,
        conn: ConnId,
        number: u64,
        (from, count, wait_ms): (u64, u16, u32),
        now: UnixMillis,
        step: &mut RelayStep,
    ) {
        if !(1..=GET_COUNT_MAX).contains(&count) {
            return self.malformed(conn, step);
        }
        if let Some(older) = self.conns.get(&conn).and_then(|conn| conn.waiting) {
            self.waits.remove(&(older.until, conn));
            self.answer_empty(conn, step);
        }
        let Some(queue) = self.queues.get(&number) else { return };
        let cells = queue.from(number, from, count);
        if !cells.is_empty() {
            return step.sends.push(Send::Cells { conn, cells });
        }
        // A reader that is ahead must learn it now: what it waits for may never come.
        if wait_ms == 0 || from > queue.next() {
            let reply = Reply::Empty { low: queue.low(), next: queue.next() };
            return step.sends.push(Send::Reply { conn, reply });
        }
        let until = now.plus(Millis(u64::from(wait_ms)).min(GET_WAIT_MAX));
        if let Some(state) = self.conns.get_mut(&conn) {
            state.waiting = Some(Waiting { from, count, until });
            self.waits.insert((until, conn));
        }
    }

    /// Answers a waiting get for which nothing came.
    pub(super) fn answer_empty(&mut self, id: ConnId, step: &mut RelayStep) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.waiting = None;
        let number = conn.serving.map(|(number, _)| number);
        if let Some(queue) = number.and_then(|number| self.queues.get(&number)) {
            let reply = Reply::Empty { low: queue.low(), next: queue.next() };
            step.sends.push(Send::Reply { conn: id, reply });
        }
    }

    pub(super) fn drop_below(&mut self, conn: ConnId, number: u64, below: u64, step: &mut RelayStep) {
        let cells = self.forget_cells(number, below, step);
        if cells > 0 {
            step.notices.push(Notice::CellsDropped(cells));
        }
        let Some(queue) = self.queues.get(&number) else { return };
        step.sends.push(Send::Reply { conn, reply: Reply::Dropped { low: queue.low() } });
    }

    pub(super) fn rekey(
        &mut self,
        conn: ConnId,
        number: u64,
        (writer, key): (QueueId, QueueKey),
        signature: &QueueSignature,
        step: &mut RelayStep,
    ) {
        let Some(queue) = self.queues.get_mut(&number) else { return };
        let held = check_rekey(&queue.reader_key, &queue.reader, &writer, &key, signature).is_ok();
        let same = (queue.writer, queue.writer_key) == (writer, key);
        if !held || (!same && self.ids.contains_key(&writer)) {
            return self.refuse(conn, step);
        }
        step.sends.push(Send::Reply { conn, reply: Reply::Rekeyed });
        if same {
            return;
        }
        self.ids.remove(&queue.writer);
        self.ids.insert(writer, (number, QueueRole::Writer));
        queue.rekey(writer, key);
        step.records.push(Record::put(QUEUE, table::queue_key(number), table::row(&queue.row())));
        self.end_writers(number, step);
    }

    /// Ends the connections of a queue's writer, who is no longer its writer.
    pub(super) fn end_writers(&mut self, number: u64, step: &mut RelayStep) {
        let Some(queue) = self.queues.get(&number) else { return };
        let old = queue.conns.iter().filter(|(_, role)| *role == QueueRole::Writer);
        for conn in old.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.disconnect(conn, step);
        }
    }

    pub(super) fn close(&mut self, conn: ConnId, number: u64, step: &mut RelayStep) {
        self.forget_cells(number, u64::MAX, step);
        let Some(queue) = self.queues.remove(&number) else { return };
        self.ids.remove(&queue.reader);
        self.ids.remove(&queue.writer);
        step.records.push(Record::delete(QUEUE, table::queue_key(number)));
        step.notices.push(Notice::QueueClosed);
        step.sends.push(Send::Reply { conn, reply: Reply::Closed });
        for (conn, _) in queue.conns {
            self.disconnect(conn, step);
        }
    }
}
