//! The outbox: sealed cells until the counterpart acknowledges them. Each is put in all of the
//! counterpart's queues, byte for byte, at indexes given in the transaction before it is sent.

use crate::codec::CellBytes;
use crate::crypto::secret::Secret;
use crate::officer::cell::{ANSWER_PAUSE, Carries, OutCell, Placement};
use crate::officer::engine::{Channel, Turn};
use crate::officer::link::{LinkSend, Purpose, Trouble};
use crate::officer::table;
use crate::officer::thread::{Outbound, Stage};
use crate::session::content::{self, Content};
use crate::session::ratchet::Ratchet;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use crate::wire::frame::Framed;
use crate::wire::queue::{CellHash, sign_put};
use crate::wire::reply::Bound;
use crate::wire::request::Request;
use std::collections::BTreeMap;

/// Cells without an acknowledgement, at most; further statements wait unsealed.
pub const UNACKNOWLEDGED_MAX: usize = 1_024;
/// Cells of an introduction one queue takes, copies included.
pub const BOOTSTRAP_CELLS_MAX: u64 = 8;

/// Sealed cells by number.
#[derive(Default)]
pub struct Outbox {
    /// The cells, in the order they were sealed.
    pub cells: BTreeMap<u64, OutCell>,
}

impl Outbox {
    /// Whether a cell is still to be stored at this relay; in an introduction no others count than its own.
    #[must_use]
    pub fn has_unstored(&self, relay: usize, bootstrap: bool) -> bool {
        let unstored = |cell: &OutCell| cell.places.get(relay).is_some_and(|place| !place.is_stored());
        self.cells.values().any(|cell| (!bootstrap || cell.carries.introduces()) && unstored(cell))
    }

    /// The number of the cell that was given this index at this relay.
    #[must_use]
    pub fn at_index(&self, relay: usize, index: u64) -> Option<u64> {
        let given = |cell: &OutCell| cell.places.get(relay).is_some_and(|place| place.index == Some(index));
        self.cells.iter().find(|(_, cell)| given(cell)).map(|(number, _)| *number)
    }
}

impl Channel {
    /// The counterpart's queues as far as we know them.
    pub(super) fn outbounds(&self) -> &[Outbound] {
        match &self.thread.stage {
            Stage::Inviting(_) | Stage::Moving => &[],
            Stage::Greeting(greeted) => &greeted.outbound,
            Stage::Open(session) => &session.outbound,
        }
    }

    pub(super) fn outbounds_mut(&mut self) -> &mut [Outbound] {
        match &mut self.thread.stage {
            Stage::Inviting(_) | Stage::Moving => &mut [],
            Stage::Greeting(greeted) => &mut greeted.outbound,
            Stage::Open(session) => &mut session.outbound,
        }
    }

    /// Whether anything may still be sent.
    pub(super) const fn may_send(&self) -> bool {
        match &self.thread.stage {
            Stage::Inviting(_) | Stage::Moving => false,
            Stage::Greeting(_) => true,
            Stage::Open(session) => match session.halt {
                None => true,
                Some(crate::officer::thread::Halt::Forked { .. }) => true,
                Some(_) => false,
            },
        }
    }

    /// Puts a sealed cell into the outbox.
    pub(super) fn enqueue(
        &mut self,
        carries: Carries,
        bytes: Box<CellBytes>,
        key: Option<Secret<44>>,
        turn: &mut Turn<'_>,
    ) {
        let number = self.thread.next_cell;
        self.thread.next_cell = number.saturating_add(1);
        self.changed = true;
        let places = vec![Placement::default(); self.outbounds().len()];
        let row = table::number_key(self.number, number);
        let held = (carries, bytes.to_vec(), key);
        turn.put(table::CELL, row.clone(), &held);
        turn.put(table::PLACES, row, &places);
        let (hash, (.., key), deposits) = (CellHash::of(&bytes), held, BTreeMap::new());
        self.outbox.cells.insert(number, OutCell { carries, bytes, hash, key, places, deposits });
    }

    /// Removes cells that are no longer needed.
    pub(super) fn settle(&mut self, done: impl Fn(Carries) -> bool, turn: &mut Turn<'_>) {
        let settled: Vec<u64> =
            self.outbox.cells.iter().filter(|(_, cell)| done(cell.carries)).map(|(at, _)| *at).collect();
        for number in settled {
            let cell = self.outbox.cells.remove(&number);
            for (table, key) in cell.iter().flat_map(|cell| cell.rows(self.number, number)) {
                turn.delete(table, key);
            }
        }
    }

    pub(super) fn write_places(&self, number: u64, turn: &mut Turn<'_>) {
        if let Some(cell) = self.outbox.cells.get(&number) {
            turn.put(table::PLACES, table::number_key(self.number, number), &cell.places);
        }
    }

    /// Seals what waits and sends what may be sent.
    pub(super) fn pump(&mut self, turn: &mut Turn<'_>) {
        if !self.may_send() {
            return;
        }
        self.seal_waiting(turn);
        for relay in 0..self.outbounds().len() {
            self.put_waiting(relay, turn);
        }
    }

    /// Seals statements, in order, while the window has room.
    fn seal_waiting(&mut self, turn: &mut Turn<'_>) {
        let role = self.thread.role;
        loop {
            let mut room = UNACKNOWLEDGED_MAX.saturating_sub(self.outbox.cells.len());
            let next = match &self.thread.stage {
                Stage::Open(session) if session.heard && room > 0 => session.sealed,
                _ => return,
            };
            let Some(bytes) = self.bytes_at(role, next) else { return };
            let Some(header) = self.header_of(&bytes) else { return };
            let receipt = Kind::from_number(header.kind).is_some_and(Kind::is_receipt);
            let Stage::Open(session) = &mut self.thread.stage else { return };
            let carries = Carries::Fragment { sequence: session.sealed, receipt };
            let mut sealed = Vec::new();
            let mut whole = true;
            let skip = session.sealed_fragments as usize;
            for fragment in content::fragments(session.sealed, &bytes).skip(skip) {
                if room == 0 {
                    whole = false;
                    break;
                }
                let Some(ratchet) = session.ratchet.as_mut() else { return };
                let Ok(content) = fragment.encode() else { return };
                let Ok(cell) = ratchet.seal_shown(&content, turn.rng) else { return };
                sealed.push(cell);
                room = room.saturating_sub(1);
            }
            if whole {
                session.sealed = session.sealed.saturating_add(1);
                session.sealed_fragments = 0;
            } else {
                let count = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
                session.sealed_fragments = session.sealed_fragments.saturating_add(count);
            }
            self.changed = true;
            sealed.into_iter().for_each(|it| self.enqueue(carries, it.cell, Some(it.key), turn));
            if !whole {
                return;
            }
        }
    }

    /// Sends puts to one relay: first what was given an index before, in its order, then what has none.
    fn put_waiting(&mut self, relay: usize, turn: &mut Turn<'_>) {
        let Ok(at) = u8::try_from(relay) else { return };
        let purpose = Purpose::Outbound(at);
        if !self.has_listened()
            || !self.links.get(&purpose).is_some_and(crate::officer::link::LinkState::has_room)
        {
            return;
        }
        let waiting = self.waiting(relay, purpose);
        for number in waiting {
            if !self.links.get(&purpose).is_some_and(crate::officer::link::LinkState::has_room) {
                return;
            }
            let Some(index) = self.give_index(relay, number, turn) else {
                // An introduction's eight places are used up, or the relay claims that all of its are.
                return self.trouble(purpose, Trouble::Full(Bound::Queue));
            };
            let Some(outbound) = self.outbounds().get(relay) else { return };
            let Some(cell) = self.outbox.cells.get(&number) else { continue };
            let signature = sign_put(&outbound.secret, &outbound.writer, index, &cell.hash);
            let put = Framed::<Request>::new(Request::Put { index, signature }, Some(cell.bytes.clone()));
            turn.step.sends.push(LinkSend { link: self.link(purpose), request: Some(put) });
            if let Some(link) = self.links.get_mut(&purpose) {
                link.unanswered = link.unanswered.saturating_add(1);
                link.sent.insert(number);
            }
        }
    }

    fn waiting(&self, relay: usize, purpose: Purpose) -> Vec<u64> {
        let Some(link) = self.links.get(&purpose) else { return Vec::new() };
        let bootstrap = self.outbounds().get(relay).is_some_and(|outbound| outbound.bootstrap.is_some());
        let mut waiting: Vec<(bool, bool, u64, u64)> = Vec::new();
        for (number, cell) in &self.outbox.cells {
            let Some(place) = cell.places.get(relay) else { continue };
            // Bootstrap ids and keys serve the introduction alone: others may have read them.
            let allowed = !bootstrap || cell.carries.introduces();
            if allowed && !place.is_stored() && !link.sent.contains(number) {
                let placed = place.index.unwrap_or_default();
                // What was never stored goes before copies: a queue that fills up is filled with news.
                let copy = place.index.is_none() && place.tries > 0;
                waiting.push((place.index.is_none(), copy, placed, *number));
            }
        }
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, _, _, number)| number).collect()
    }

    /// The index of a cell at a relay: the one it has, or the next.
    fn give_index(&mut self, relay: usize, number: u64, turn: &mut Turn<'_>) -> Option<u64> {
        let cell = self.outbox.cells.get_mut(&number)?;
        let (hash, place) = (cell.hash, cell.places.get_mut(relay)?);
        if let Some(index) = place.index {
            return Some(index);
        }
        let outbound = match &mut self.thread.stage {
            Stage::Inviting(_) | Stage::Moving => return None,
            Stage::Greeting(greeted) => greeted.outbound.get_mut(relay)?,
            Stage::Open(session) => session.outbound.get_mut(relay)?,
        };
        if outbound.bootstrap.is_some() && outbound.next >= BOOTSTRAP_CELLS_MAX {
            return None;
        }
        let index = outbound.next;
        outbound.next = index.checked_add(1)?;
        if outbound.next > outbound.high {
            outbound.high = outbound.next;
            outbound.last = Some((index, hash));
        }
        place.index = Some(index);
        place.given = turn.now;
        self.changed = true;
        self.write_places(number, turn);
        Some(index)
    }

    /// Puts cells again that were stored long ago and are not acknowledged. Receipts wait for a sign that the
    /// counterpart missed them, since nothing acknowledges a receipt by itself: a duplicate of the counterpart's,
    /// or a later statement that stays unacknowledged, perhaps because the receipt before it is missing.
    pub(super) fn put_again_overdue(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let carried = self.outbox.cells.values().map(|cell| cell.carries);
        let awaited = carried.filter_map(Carries::awaits_acknowledgement).max();
        self.put_again(turn, |carries, place| {
            let due = match carries {
                Carries::Fragment { sequence, receipt: true } => awaited.is_some_and(|last| sequence < last),
                _ => true,
            };
            due && place.is_overdue(now)
        });
    }

    /// The counterpart puts again what we had: it has not heard from us. So we put ours again, too.
    pub(super) fn counterpart_put_again(&mut self, turn: &mut Turn<'_>) {
        let Stage::Open(session) = &mut self.thread.stage else { return };
        let now = turn.now;
        // A time ahead of the clock was given by a clock that was wrong.
        if session.put_again_at <= now && now.since(session.put_again_at) < ANSWER_PAUSE {
            return;
        }
        session.put_again_at = now;
        self.changed = true;
        self.put_again(turn, |_, place| place.may_answer(now));
    }

    fn put_again(&mut self, turn: &mut Turn<'_>, due: impl Fn(Carries, &Placement) -> bool) {
        if !self.may_send() {
            return;
        }
        let mut changed = Vec::new();
        for (number, cell) in &mut self.outbox.cells {
            for (relay, place) in cell.places.iter_mut().enumerate() {
                if place.is_stored() && due(cell.carries, place) {
                    place.take_back();
                    place.tries = place.tries.saturating_add(1);
                    changed.push((*number, relay));
                }
            }
        }
        for (number, relay) in changed {
            if let Some(link) =
                u8::try_from(relay).ok().and_then(|at| self.links.get_mut(&Purpose::Outbound(at)))
            {
                link.sent.remove(&number);
            }
            self.write_places(number, turn);
        }
    }

    /// When a statement was deposited: when the last of its cells was first stored. None while one is not.
    pub(super) fn deposited(&self, sequence: u64) -> Option<UnixMillis> {
        let of_it = |cell: &&OutCell| matches!(cell.carries, Carries::Fragment { sequence: of, .. } if of == sequence);
        let times: Option<Vec<_>> =
            self.outbox.cells.values().filter(of_it).map(OutCell::deposited).collect();
        times.and_then(|times| times.into_iter().max())
    }
}

/// Seals content; nothing where the ratchet cannot.
pub(super) fn seal(ratchet: &mut Ratchet, content: &Content, turn: &mut Turn<'_>) -> Option<Box<CellBytes>> {
    ratchet.seal(&content.encode().ok()?, turn.rng).ok()
}
