//! Who may: proofs of a queue's key, openings with a token. An unknown queue and a signature that does
//! not hold get the same answer after the same work.

use crate::crypto::sign::QueueSignature;
use crate::relay::engine::{Relay, RelayStep};
use crate::relay::message::{ConnId, Notice, SERVING_MAX};
use crate::relay::queue::Queue;
use crate::relay::table::{self, QUEUE, TOKEN};
use crate::step::Record;
use crate::time::UnixMillis;
use crate::wire::queue::{QueueId, QueueRole, check_proof};
use crate::wire::reply::{Bound, Reply};
use crate::wire::request::Open;

/// Bytes an opening may take on disk, generously.
const OPEN_BYTES: u64 = 4_096;

impl Relay {
    pub(super) fn prove(
        &mut self,
        conn: ConnId,
        role: QueueRole,
        id: QueueId,
        signature: &QueueSignature,
        now: UnixMillis,
        step: &mut RelayStep,
    ) {
        let Some(exporter) = self.conns.get(&conn).map(|conn| conn.exporter) else { return };
        let number = self.ids.get(&id).filter(|(_, of)| *of == role).map(|(number, _)| *number);
        let key = number.and_then(|number| self.queues.get(&number)).map(|queue| match role {
            QueueRole::Reader => queue.reader_key,
            QueueRole::Writer => queue.writer_key,
        });
        let proved = check_proof(&key.unwrap_or(self.nobody), &exporter, role, &id, signature).is_ok();
        match number {
            Some(number) if key.is_some() && proved => self.serve(conn, number, role, now, step),
            _ => self.refuse(conn, step),
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId, step: &mut RelayStep) {
        step.notices.push(Notice::Refused);
        self.end(conn, Reply::Refused, step);
    }

    pub(super) fn open(&mut self, conn: ConnId, open: &Open, now: UnixMillis, step: &mut RelayStep) {
        let Some(exporter) = self.conns.get(&conn).map(|conn| conn.exporter) else { return };
        if open.check(&exporter).is_err() {
            return self.refuse(conn, step);
        }
        if let Some(number) = self.opened(open) {
            return self.serve(conn, number, QueueRole::Reader, now, step);
        }
        let hash = open.token.hash();
        let taken = open.reader == open.writer
            || self.ids.contains_key(&open.reader)
            || self.ids.contains_key(&open.writer);
        // Asked before the token is: on a full disk a new pass waits, and is not yet known.
        if !taken && self.room < OPEN_BYTES {
            step.notices.push(Notice::DiskFull);
            return self.end(conn, Reply::Full { index: 0, bound: Bound::Disk }, step);
        }
        let leave = self.tokens.get(&hash).is_some_and(|expires| now < *expires);
        if taken || !leave {
            step.notices.push(Notice::PassRefused);
            return self.end(conn, Reply::PassRefused, step);
        }
        self.room -= OPEN_BYTES;
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        let queue = Queue::new((open.reader, open.reader_key), (open.writer, open.writer_key));
        self.tokens.remove(&hash);
        step.records.push(Record::delete(TOKEN, table::token_key(&hash)));
        step.records.push(Record::put(QUEUE, table::queue_key(number), table::row(&queue.row())));
        self.ids.insert(open.reader, (number, QueueRole::Reader));
        self.ids.insert(open.writer, (number, QueueRole::Writer));
        self.queues.insert(number, queue);
        step.notices.push(Notice::QueueOpened);
        self.serve(conn, number, QueueRole::Reader, now, step);
    }

    /// The queue that has the very ids and keys of `open`.
    fn opened(&self, open: &Open) -> Option<u64> {
        let (number, _) = self.ids.get(&open.reader)?;
        let queue = self.queues.get(number)?;
        let same = queue.reader == open.reader
            && queue.writer == open.writer
            && queue.reader_key == open.reader_key
            && queue.writer_key == open.writer_key;
        same.then_some(*number)
    }

    fn serve(&mut self, conn: ConnId, number: u64, role: QueueRole, now: UnixMillis, step: &mut RelayStep) {
        let Some(queue) = self.queues.get_mut(&number) else { return };
        let of_role = |(_, of): &&(ConnId, QueueRole)| *of == role;
        let full = queue.conns.iter().filter(of_role).count() >= SERVING_MAX;
        let oldest = queue.conns.iter().find(of_role).map(|(conn, _)| *conn).filter(|_| full);
        queue.conns.push((conn, role));
        let last = if role == QueueRole::Writer { queue.last() } else { None };
        let reply = Reply::Serving { clock: now, low: queue.low(), next: queue.next(), last };
        step.sends.push(crate::relay::message::Send::Reply { conn, reply });
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.serving = Some((number, role));
        }
        if let Some(oldest) = oldest {
            self.disconnect(oldest, step);
        }
    }
}
