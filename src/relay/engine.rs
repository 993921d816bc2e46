//! The engine: one input in, one step out. What a frame asks is decided in `admit.rs` (who may) and
//! `serve.rs` (what then); here are the state, start, time and endings.

use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueKey, QueueSecret};
use crate::relay::checked::Writer;
use crate::relay::message::{CellKey, ConnId, Input, Limits, Notice, Revoked, Send, Totals};
use crate::relay::queue::Queue;
use crate::relay::table::{self, CELL, CELL_META, Held, QUEUE, QueueRow, Row, TOKEN};
use crate::step::{Record, Step};
use crate::time::{Millis, UnixMillis};
use crate::wire::frame::Framed;
use crate::wire::pass::TokenHash;
use crate::wire::queue::{Exporter, QueueId, QueueRole};
use crate::wire::reply::Reply;
use crate::wire::request::Request;
use std::collections::{BTreeMap, BTreeSet};

/// What one token takes of the disk, at most, with its place in the store's tree.
const TOKEN_DISK_BYTES: u64 = 256;

/// What the engine answers.
pub type RelayStep = Step<Send, Notice>;

/// Time between two looks at retention.
const SWEEP_EVERY: Millis = Millis::secs(1);
/// Queues one sweep looks at, and cells it forgets: a bound on one commit.
const SWEEP_QUEUES: usize = 1_024;
const SWEEP_CELLS: usize = 1_024;

/// A get that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) from: u64,
    pub(super) count: u16,
    pub(super) until: UnixMillis,
}

/// A connection the engine knows.
pub(super) struct Conn {
    pub(super) exporter: Exporter,
    pub(super) serving: Option<(u64, QueueRole)>,
    pub(super) waiting: Option<Waiting>,
}

/// A relay: all its queues, without their cells' bytes.
pub struct Relay {
    pub(super) limits: Limits,
    pub(super) queues: BTreeMap<u64, Queue>,
    pub(super) ids: BTreeMap<QueueId, (u64, QueueRole)>,
    pub(super) tokens: BTreeMap<TokenHash, UnixMillis>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    pub(super) waits: BTreeSet<(UnixMillis, ConnId)>,
    pub(super) next_number: u64,
    /// Bytes that may still be written before the reserve is reached.
    pub(super) room: u64,
    pub(super) cells: u64,
    /// Checked in place of the key of a queue that does not exist, so that both take as long.
    pub(super) nobody: QueueKey,
    sweep_from: u64,
    swept: UnixMillis,
    /// Whether other relays write the same store: see [`crate::relay::shared`].
    shared: bool,
}

/// A relay as its store had it.
pub struct Restored {
    /// The engine.
    pub relay: Relay,
    /// Rows that could not be read or understood. A cell's is then a cell that is lost; a queue's, a
    /// queue that is unknown until its reader opens it again; a token's, one that opens nothing.
    pub damaged: u64,
}

impl Relay {
    /// A relay that holds nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            ids: BTreeMap::new(),
            tokens: BTreeMap::new(),
            conns: BTreeMap::new(),
            waits: BTreeSet::new(),
            next_number: 0,
            room: u64::MAX,
            cells: 0,
            nobody: QueueSecret::from_seed(Secret::take(&mut [1; 32])).public(),
            sweep_from: 0,
            swept: UnixMillis(0),
            shared: false,
        }
    }

    /// A relay whose store others write too: it holds what it learns, and nothing expires but by [`Relay::expire`].
    #[must_use]
    pub fn sharing(limits: Limits) -> Self {
        Self { shared: true, ..Self::new(limits) }
    }

    /// Gives no number to a queue that `other`, which was here before, could have given: its connections may still read
    /// by them.
    pub fn number_after(&mut self, other: &Self) {
        self.next_number = self.next_number.max(other.next_number);
    }

    /// Whether there is room for so many tokens of a pass.
    #[must_use]
    pub const fn has_room_for(&self, tokens: usize) -> bool {
        self.room >= (tokens as u64).saturating_mul(TOKEN_DISK_BYTES)
    }

    /// Other limits from now on: what is stored stays, and is forgotten by the new retention.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The relay that wrote `rows`, all those of [`table::RESTORED`] in any order.
    pub fn restore(limits: Limits, rows: impl IntoIterator<Item = Row>) -> Restored {
        let mut relay = Self::new(limits);
        let mut cells = Vec::new();
        let mut damaged = 0;
        for row in rows {
            if !relay.restore_row(&row, &mut cells) {
                damaged += 1;
            }
        }
        cells.sort_unstable_by_key(|(key, _)| *key);
        for (key, held) in cells {
            match relay.queues.get_mut(&key.queue) {
                Some(queue) => queue.restore_cell(key.index, held),
                // One that could not be read is counted already.
                None => damaged += u64::from(held.is_some()),
            }
        }
        relay.cells = relay.queues.values().map(Queue::cells).sum();
        Restored { relay, damaged }
    }

    fn restore_row(&mut self, row: &Row, cells: &mut Vec<(CellKey, Option<Held>)>) -> bool {
        let value = row.value.as_deref();
        match row.table {
            QUEUE => {
                let Some(number) = table::queue_number(&row.key) else { return false };
                self.next_number = self.next_number.max(number.saturating_add(1));
                let Some(row) = value.and_then(|value| table::read::<QueueRow>(value).ok()) else {
                    return false;
                };
                self.ids.insert(row.reader, (number, QueueRole::Reader));
                self.ids.insert(row.writer, (number, QueueRole::Writer));
                self.queues.insert(number, Queue::from_row(&row));
                true
            }
            CELL_META => {
                let Some(key) = CellKey::parse(&row.key) else { return false };
                // Cells whose queue is damaged keep its number from being given again.
                self.next_number = self.next_number.max(key.queue.saturating_add(1));
                let held = value.and_then(|value| table::read::<Held>(value).ok());
                cells.push((key, held));
                held.is_some()
            }
            TOKEN => {
                let hash = table::token_hash(&row.key);
                let expires = value.and_then(|value| table::read::<UnixMillis>(value).ok());
                let (Some(hash), Some(expires)) = (hash, expires) else { return false };
                self.tokens.insert(hash, expires);
                true
            }
            _ => false,
        }
    }

    /// What the relay holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            queues: self.queues.len() as u64,
            cells: self.cells,
            tokens: self.tokens.len() as u64,
            connections: self.conns.len() as u64,
            oldest: self.queues.values().filter_map(Queue::oldest).min(),
        }
    }

    /// Who puts on a connection, once it serves a queue as its writer.
    #[must_use]
    pub fn writer(&self, conn: ConnId) -> Option<Writer> {
        let (number, role) = self.conns.get(&conn)?.serving?;
        let queue = self.queues.get(&number).filter(|_| role == QueueRole::Writer)?;
        Some(Writer { id: queue.writer, key: queue.writer_key })
    }

    /// When the next [`Input::Tick`] has a waiting get to answer.
    #[must_use]
    pub fn wakes_at(&self) -> Option<UnixMillis> {
        self.waits.first().map(|(until, _)| *until)
    }

    /// What `input` leads to. Inputs are handled one after the other; the steps of several may be joined
    /// by [`Step::append`] and made durable together.
    pub fn handle(&mut self, input: Input, now: UnixMillis) -> RelayStep {
        let mut step = Step::new();
        match input {
            Input::Connected { conn, exporter } => {
                self.conns.insert(conn, Conn { exporter, serving: None, waiting: None });
            }
            Input::Frame { conn, frame } => match *frame {
                Ok(framed) => self.request(conn, framed.said, framed.cell, now, &mut step),
                Err(_) => self.malformed(conn, &mut step),
            },
            Input::Put { conn, put } => self.checked_put(conn, *put, now, &mut step),
            Input::Gone { conn } => self.forget(conn),
            Input::Tick => self.tick(now, &mut step),
            Input::Space { free_bytes } => {
                self.room = free_bytes.saturating_sub(self.limits.reserve_bytes);
            }
            Input::Tokens { hashes, expires } => {
                step.notices.push(Notice::TokensIssued(hashes.len() as u64));
                self.room = self.room.saturating_sub((hashes.len() as u64).saturating_mul(TOKEN_DISK_BYTES));
                for hash in hashes {
                    let row = table::row(&expires);
                    step.records.push(Record::put(TOKEN, table::token_key(&hash), row));
                    self.tokens.insert(hash, expires);
                }
            }
            Input::Revoked(which) => self.revoke(which, &mut step),
            Input::Lost { cell } => self.lost(cell, &mut step),
        }
        step
    }

    fn request(
        &mut self,
        conn: ConnId,
        said: Request,
        cell: Option<Box<crate::codec::CellBytes>>,
        now: UnixMillis,
        step: &mut RelayStep,
    ) {
        // Frames that were under way when the connection was ended say nothing.
        let Some(serving) = self.conns.get(&conn).map(|conn| conn.serving) else { return };
        match (said, serving, cell) {
            (Request::Prove { role, id, signature }, None, _) => {
                self.prove(conn, role, id, &signature, now, step);
            }
            (Request::Open(open), None, _) => self.open(conn, &open, now, step),
            (Request::Put { index, signature }, Some((queue, QueueRole::Writer)), Some(cell)) => {
                let framed = Framed::<Request>::new(Request::Put { index, signature }, Some(cell));
                self.put(conn, queue, framed, now, step);
            }
            (Request::Get { from, count, wait_ms }, Some((queue, QueueRole::Reader)), _) => {
                self.get(conn, queue, (from, count, wait_ms), now, step);
            }
            (Request::Drop { below }, Some((queue, QueueRole::Reader)), _) => {
                self.drop_below(conn, queue, below, step);
            }
            (Request::Rekey { writer, key, signature }, Some((queue, QueueRole::Reader)), _) => {
                self.rekey(conn, queue, (writer, key), &signature, step);
            }
            (Request::Close, Some((queue, QueueRole::Reader)), _) => {
                self.close(conn, queue, step);
            }
            _ => self.malformed(conn, step),
        }
    }

    pub(super) fn malformed(&mut self, conn: ConnId, step: &mut RelayStep) {
        if self.conns.contains_key(&conn) {
            step.notices.push(Notice::Malformed);
            self.end(conn, Reply::Malformed, step);
        }
    }

    /// Answers, and ends the connection.
    pub(super) fn end(&mut self, conn: ConnId, reply: Reply, step: &mut RelayStep) {
        step.sends.push(Send::Reply { conn, reply });
        self.disconnect(conn, step);
    }

    pub(super) fn disconnect(&mut self, conn: ConnId, step: &mut RelayStep) {
        step.sends.push(Send::Close { conn });
        self.forget(conn);
    }

    pub(super) fn forget(&mut self, id: ConnId) {
        let Some(conn) = self.conns.remove(&id) else { return };
        if let Some(waiting) = conn.waiting {
            self.waits.remove(&(waiting.until, id));
        }
        if let Some(queue) = conn.serving.and_then(|(number, _)| self.queues.get_mut(&number)) {
            queue.conns.retain(|(other, _)| *other != id);
        }
    }

    /// Queues that were opened with a token stay: nothing says which.
    fn revoke(&mut self, which: Revoked, step: &mut RelayStep) {
        let hashes = match which {
            Revoked::All => self.tokens.keys().copied().collect(),
            Revoked::These(hashes) => hashes,
        };
        let before = self.tokens.len();
        for hash in hashes {
            // Where others share the store, a pass that one of them has not taken in yet is taken back too.
            if self.tokens.remove(&hash).is_some() || self.shared {
                step.records.push(Record::delete(TOKEN, table::token_key(&hash)));
            }
        }
        let gone = before - self.tokens.len();
        if gone > 0 {
            step.notices.push(Notice::TokensRevoked(gone as u64));
        }
    }

    fn lost(&mut self, cell: CellKey, step: &mut RelayStep) {
        let Some(queue) = self.queues.get_mut(&cell.queue) else { return };
        if !queue.lose(cell.index) {
            return;
        }
        self.cells = self.cells.saturating_sub(1);
        step.notices.push(Notice::CellLost);
        // The floor in the queue's row keeps the index from being given again.
        step.records.push(Record::put(QUEUE, table::queue_key(cell.queue), table::row(&queue.row())));
        step.records.push(Record::delete(CELL_META, cell.bytes()));
        step.records.push(Record::delete(CELL, cell.bytes()));
    }

    /// Forgets what lies below `below` in a queue; how many cells that were.
    pub(super) fn forget_cells(&mut self, number: u64, below: u64, step: &mut RelayStep) -> u64 {
        let Some(queue) = self.queues.get_mut(&number) else { return 0 };
        let (indexes, cells) = queue.drop_below(below);
        if indexes.is_empty() {
            return 0;
        }
        step.records.push(Record::put(QUEUE, table::queue_key(number), table::row(&queue.row())));
        for index in indexes {
            let key = CellKey { queue: number, index }.bytes();
            step.records.push(Record::delete(CELL_META, key.clone()));
            step.records.push(Record::delete(CELL, key));
        }
        self.cells = self.cells.saturating_sub(cells);
        cells
    }

    fn tick(&mut self, now: UnixMillis, step: &mut RelayStep) {
        while let Some((until, conn)) = self.waits.first().copied()
            && until <= now
        {
            self.waits.remove(&(until, conn));
            self.answer_empty(conn, step);
        }
        // A clock that was set back must not stop the sweeps until it has caught up.
        if !self.shared && (now < self.swept || now.since(self.swept) >= SWEEP_EVERY) {
            self.swept = now;
            self.sweep(now, step);
            self.expire_tokens(now, step);
        }
    }

    /// Forgets cells that were kept for the whole retention, a bounded number at a time.
    fn sweep(&mut self, now: UnixMillis, step: &mut RelayStep) {
        let retention = self.limits.retention;
        let mut cells_left = SWEEP_CELLS;
        let mut expired = Vec::new();
        let mut resume = 0;
        for (looked, (number, queue)) in self.queues.range(self.sweep_from..).enumerate() {
            if looked == SWEEP_QUEUES || cells_left == 0 {
                resume = *number;
                break;
            }
            let below = queue.expired_below(now, retention, cells_left);
            if below > queue.low() {
                let count = usize::try_from(below - queue.low()).unwrap_or(usize::MAX);
                cells_left = cells_left.saturating_sub(count);
                expired.push((*number, below));
            }
        }
        self.sweep_from = resume;
        self.forget_expired(expired, step);
    }

    /// Forgets what these queues kept for the whole retention, a bounded number of cells.
    pub fn expire(&mut self, queues: impl IntoIterator<Item = u64>, now: UnixMillis) -> RelayStep {
        let mut step = Step::new();
        let mut cells_left = SWEEP_CELLS;
        let mut expired = Vec::new();
        for number in queues {
            let Some(queue) = self.queues.get(&number) else { continue };
            let below = queue.expired_below(now, self.limits.retention, cells_left);
            cells_left -= usize::try_from(below - queue.low()).unwrap_or(usize::MAX).min(cells_left);
            expired.push((number, below));
        }
        self.forget_expired(expired, &mut step);
        step
    }

    fn forget_expired(&mut self, expired: Vec<(u64, u64)>, step: &mut RelayStep) {
        let cells: u64 =
            expired.into_iter().map(|(number, below)| self.forget_cells(number, below, step)).sum();
        if cells > 0 {
            step.notices.push(Notice::CellsExpired(cells));
        }
    }

    fn expire_tokens(&mut self, now: UnixMillis, step: &mut RelayStep) {
        let before = self.tokens.len();
        self.tokens.retain(|hash, expires| {
            let keep = now < *expires;
            if !keep {
                step.records.push(Record::delete(TOKEN, table::token_key(hash)));
            }
            keep
        });
        let gone = before - self.tokens.len();
        if gone > 0 {
            step.notices.push(Notice::TokensExpired(gone as u64));
        }
    }
}
