//! Receipts: what the counterpart has stored and read, and what we tell it of the same.

use crate::officer::cell::Carries;
use crate::officer::engine::{Channel, Pace, Turn};
use crate::officer::table;
use crate::officer::thread::Stage;
use crate::statement::kind::Kind;
use crate::statement::receipt::{READ_MAX, Read};
use crate::statement::signed::Statement;
use crate::time::{Millis, UnixMillis};
use bincode::{Decode, Encode};

/// A statement's times: of our own what became of it, of the counterpart's what we did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Marks {
    /// When it was signed here, or stored here.
    pub stored: UnixMillis,
    /// When a relay had stored all its cells, by the relay's clock.
    pub deposited: Option<UnixMillis>,
    /// When a header of the counterpart that acknowledges it was stored here.
    pub delivered: Option<UnixMillis>,
    /// When the counterpart's `read` receipt for it was stored here; of the counterpart's, when an officer opened it.
    pub read: Option<UnixMillis>,
}

impl Marks {
    /// Of a statement that has just been stored.
    #[must_use]
    pub fn stored(now: UnixMillis) -> Self {
        Self { stored: now, ..Self::default() }
    }

    /// The times with their numbers in the rows' keys: each is written once.
    #[must_use]
    pub fn times(&self) -> [(u8, Option<UnixMillis>); 4] {
        [(1, Some(self.stored)), (2, self.deposited), (3, self.delivered), (4, self.read)]
    }

    /// Sets the time with this number. False where there is none.
    pub const fn set(&mut self, mark: u8, time: UnixMillis) -> bool {
        match mark {
            1 => self.stored = time,
            2 => self.deposited = Some(time),
            3 => self.delivered = Some(time),
            4 => self.read = Some(time),
            _ => return false,
        }
        true
    }
}

impl Turn<'_> {
    /// Writes the times that were not there before.
    pub(super) fn put_marks(
        &mut self,
        thread: u32,
        (role, sequence): (crate::party::role::Role, u64),
        before: Option<&Marks>,
        after: &Marks,
    ) {
        let before = before.map_or([(0, None); 4], Marks::times);
        for ((_, old), (mark, new)) in before.into_iter().zip(after.times()) {
            if let (None, Some(time)) = (old, new) {
                self.put(table::MARK, table::mark_key(thread, role, sequence, mark), &time);
            }
        }
    }
}

impl Channel {
    /// Notes a deposit, once every cell of the statement lies at some relay.
    pub(super) fn mark_deposited(&mut self, carries: Carries, turn: &mut Turn<'_>) {
        let Carries::Fragment { sequence, .. } = carries else { return };
        let sealed = match &self.thread.stage {
            Stage::Open(session) => session.sealed,
            _ => return,
        };
        if sequence < sealed
            && let Some(at) = self.deposited(sequence)
        {
            self.mark(self.thread.role, sequence, turn, |marks| {
                marks.deposited.get_or_insert(at);
            });
        }
    }

    /// A statement of the counterpart is stored: what it acknowledges beyond the `had` that the one before did is
    /// delivered, what it says was read is read.
    pub(super) fn acknowledged(&mut self, statement: &Statement, had: u64, turn: &mut Turn<'_>) {
        let own = self.thread.role;
        let now = turn.now;
        let count = statement.header.peer_count;
        for sequence in had..count {
            self.mark(own, sequence, turn, |marks| {
                marks.delivered.get_or_insert(now);
            });
        }
        self.settle(
            |carries| matches!(carries, Carries::Fragment { sequence, .. } if sequence < count),
            turn,
        );
        if statement.header.kind == Kind::Read.number()
            && let Ok(read) = Read::decode(&statement.said.body, count)
        {
            for sequence in read.sequences {
                self.mark(own, sequence, turn, |marks| {
                    marks.read.get_or_insert(now);
                });
            }
        }
    }

    /// A statement came that asks for a receipt, unless it is one.
    pub(super) fn owe_receipt(&mut self, kind: u16, turn: &mut Turn<'_>) {
        if Kind::from_number(kind).is_some_and(Kind::is_receipt) {
            return;
        }
        let delay = match turn.pace {
            Pace::Once => Millis(0),
            Pace::Watch => turn.random_span(turn.settings.delivered_within),
        };
        if let Stage::Open(session) = &mut self.thread.stage
            && session.delivered_due.is_none()
        {
            session.delivered_due = Some(turn.now.plus(delay));
            self.changed = true;
        }
    }

    /// An officer opened a statement of the counterpart.
    pub(super) fn opened_by_officer(&mut self, sequence: u64, turn: &mut Turn<'_>) {
        let peer = self.thread.role.other();
        let Some(header) = self.header_at(peer, sequence) else { return };
        if self.marks_at(peer, sequence).read.is_some() {
            return;
        }
        let now = turn.now;
        self.mark(peer, sequence, turn, |marks| marks.read = Some(now));
        self.no_longer_unread(&header, turn);
        let receipt = Kind::from_number(header.kind).is_some_and(Kind::is_receipt);
        let retired = self.session().is_none_or(|session| session.ratchet.is_none());
        if receipt || retired || !turn.settings.read_receipts {
            return;
        }
        let span = Millis(turn.settings.read_within.0.saturating_sub(turn.settings.read_after.0));
        let due = now.plus(turn.settings.read_after).plus(turn.random_span(span));
        if let Stage::Open(session) = &mut self.thread.stage {
            session.read.push(sequence);
            session.read_due.get_or_insert(due);
            self.changed = true;
        }
    }

    /// Whether all links that read have taken in what there was, so that one receipt covers it.
    fn has_caught_up(&self) -> bool {
        self.links.iter().all(|(purpose, link)| {
            !matches!(purpose, crate::officer::link::Purpose::Inbound(_))
                || link.blocked
                || (link.serving && link.caught_up)
        })
    }

    /// Makes the receipts that are due: `read` where it is time, otherwise an empty statement where something
    /// is not acknowledged yet.
    pub(super) fn make_due_receipts(&mut self, turn: &mut Turn<'_>) {
        let (now, once) = (turn.now, turn.pace == Pace::Once);
        let caught_up = !once || self.has_caught_up();
        // A time far ahead was given by a clock that was wrong.
        let is_due = |due: Option<UnixMillis>, within: Millis| {
            due.is_some_and(|due| due <= now || due.since(now) > within)
        };
        let Stage::Open(session) = &mut self.thread.stage else { return };
        if !session.heard || session.halt.is_some() || !caught_up || !self.listening.is_over() {
            return;
        }
        if !turn.settings.read_receipts && session.read_due.is_some() {
            // They were turned off since.
            session.read_due = None;
            session.read.clear();
            self.changed = true;
        }
        if is_due(session.read_due, turn.settings.read_within) {
            session.read.sort_unstable();
            session.read.dedup();
            let first = session.read.len().min(READ_MAX);
            let sequences: Vec<u64> = session.read.drain(..first).collect();
            // What one receipt cannot name waits for the next.
            session.read_due = session.read_due.filter(|_| !session.read.is_empty());
            self.changed = true;
            if let Ok(body) = Read::new(sequences).encode() {
                self.compose_quietly(Kind::Read, body, turn);
            }
        }
        let Stage::Open(session) = &self.thread.stage else { return };
        let at_once = once && session.delivered_due.is_some();
        if at_once || is_due(session.delivered_due, turn.settings.delivered_within) {
            self.compose_quietly(Kind::Acknowledgement, Vec::new(), turn);
        }
    }
}
