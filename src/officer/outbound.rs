//! The counterpart's queues, which we write. Indexes are our own business with each relay: what a relay
//! says of them concerns that relay alone, unless it shows our own signature on a put that we never made.

use crate::codec::CellBytes;
use crate::officer::engine::{Channel, Turn};
use crate::officer::inbound::plausible;
use crate::officer::link::{Purpose, Trouble};
use crate::officer::listen::Shown;
use crate::officer::thread::Halt;
use crate::time::UnixMillis;
use crate::wire::limit::WINDOW_FRAMES;
use crate::wire::reply::{PutProof, Reply};

/// How often a relay may tell on one connection that our next index is another: a relay that loses cells
/// tells so once or twice, one that lies could go on for ever.
const REPLACED_MAX: u32 = 8;

impl Channel {
    pub(super) fn outbound_reply(
        &mut self,
        at: u8,
        reply: Reply,
        area: Option<&CellBytes>,
        turn: &mut Turn<'_>,
    ) {
        let purpose = Purpose::Outbound(at);
        let relay = usize::from(at);
        match reply {
            Reply::Serving { next, last, .. } => {
                if self.relay_key(at, area) {
                    self.outbound_serving(at, next, last, turn);
                }
            }
            Reply::Stored { first, count, clock } => {
                self.outbound_stored(at, (first, count, clock), area, turn);
            }
            Reply::Gone { index, .. } => {
                self.answered(purpose);
                self.stored(relay, index, turn.now, turn);
            }
            Reply::Full { bound, .. } => {
                self.answered(purpose);
                self.trouble(purpose, Trouble::Full(bound));
            }
            Reply::Expected { next } => {
                self.answered(purpose);
                if let Some(link) = self.links.get_mut(&purpose) {
                    link.replace_from = Some(next);
                }
            }
            Reply::Conflict(proof) => {
                self.answered(purpose);
                self.conflict(at, &proof, turn);
            }
            _ => self.trouble(purpose, Trouble::Nonsense),
        }
        self.replace_when_quiet(at, turn);
    }

    fn answered(&mut self, purpose: Purpose) {
        if let Some(link) = self.links.get_mut(&purpose) {
            link.unanswered = link.unanswered.saturating_sub(1);
            link.run_stored &= link.unanswered > 0;
        }
    }

    /// Cells were stored. Where the relay signs, what it signed is verified before they count.
    fn outbound_stored(
        &mut self,
        at: u8,
        (first, count, clock): (u64, u32, UnixMillis),
        area: Option<&CellBytes>,
        turn: &mut Turn<'_>,
    ) {
        let (purpose, relay) = (Purpose::Outbound(at), usize::from(at));
        // A relay that claims more than we asked for is not believed past our window.
        let count_believed = u64::from(count).min(WINDOW_FRAMES as u64);
        (0..count_believed).for_each(|_| {
            self.run_stored(purpose);
            self.answered(purpose);
        });
        let signs = self.links.get(&purpose).is_some_and(|link| link.signs);
        let proof = match signs.then(|| self.signed_tree(at, area, count)) {
            None => None,
            Some(Ok(proof)) => Some(proof),
            Some(Err(_)) => return self.deposit_broken(at),
        };
        for (place, index) in (first..first.saturating_add(count_believed)).enumerate() {
            let proof = proof.as_ref().and_then(|proof| proof.of(place));
            if let Some(proof) = proof
                && self.keep_deposit(at, index, clock, proof, turn).is_err()
            {
                return self.deposit_broken(at);
            }
            self.stored(relay, index, plausible(clock, turn.now), turn);
        }
    }

    fn stored(&mut self, relay: usize, index: u64, clock: UnixMillis, turn: &mut Turn<'_>) {
        let Some(number) = self.outbox.at_index(relay, index) else { return };
        let Some(cell) = self.outbox.cells.get_mut(&number) else { return };
        let Some(place) = cell.places.get_mut(relay) else { return };
        if place.stored.is_none() {
            place.stored = Some(clock);
            let carries = cell.carries;
            self.write_places(number, turn);
            self.mark_deposited(carries, turn);
        }
    }

    /// Compares where the relay stands with where we do, before anything is put.
    fn outbound_serving(&mut self, at: u8, next: u64, last: Option<PutProof>, turn: &mut Turn<'_>) {
        let purpose = Purpose::Outbound(at);
        let relay = usize::from(at);
        let shown = self.shown_at_start(relay, next, last.as_ref());
        if shown == Shown::MadeElsewhere {
            return self.halt(Halt::RolledBack, turn);
        }
        let Some(outbound) = self.outbounds_mut().get_mut(relay) else { return };
        if next > outbound.next {
            if shown == Shown::Nothing && !outbound.is_fresh() && outbound.bootstrap.is_none() {
                // Nobody but us could have put there, and a relay that holds our put can show it.
                return self.trouble(purpose, Trouble::Nonsense);
            }
            outbound.next = next;
            self.changed = true;
        }
        if let Some(link) = self.links.get_mut(&purpose) {
            link.unmoved = shown == Shown::Unmoved;
        }
        let lost = next < self.outbounds().get(relay).map_or(0, |outbound| outbound.next);
        if let Some(link) = self.links.get_mut(&purpose) {
            link.serving = true;
        }
        // What was given the relay's next index and is not stored is simply put there now.
        let resumes = self
            .outbox
            .at_index(relay, next)
            .and_then(|number| self.outbox.cells.get(&number)?.places.get(relay))
            .is_some_and(|place| !place.is_stored());
        self.end_doubt(turn);
        if lost
            && !resumes
            && let Some(link) = self.links.get_mut(&purpose)
        {
            link.replace_from = Some(next);
        }
    }

    /// Once no put is unanswered, gives new indexes to what the relay does not hold.
    fn replace_when_quiet(&mut self, at: u8, turn: &mut Turn<'_>) {
        let relay = usize::from(at);
        let Some(link) = self.links.get_mut(&Purpose::Outbound(at)) else { return };
        let (Some(next), 0) = (link.replace_from, link.unanswered) else { return };
        link.replace_from = None;
        link.replaced = link.replaced.saturating_add(1);
        let gives_way = link.replaced > REPLACED_MAX;
        let mut replaced = Vec::new();
        for (number, cell) in &mut self.outbox.cells {
            if let Some(place) = cell.places.get_mut(relay)
                && place.index.is_some_and(|index| index >= next)
            {
                place.take_back();
                link.sent.remove(number);
                replaced.push(*number);
            }
        }
        if let Some(outbound) = self.outbounds_mut().get_mut(relay) {
            if next < outbound.high {
                outbound.doubted = outbound.high;
            }
            outbound.next = next;
        }
        self.changed = true;
        replaced.into_iter().for_each(|number| self.write_places(number, turn));
        if gives_way {
            self.trouble(Purpose::Outbound(at), Trouble::Nonsense);
        }
    }

    /// Another cell lies where we put ours.
    fn conflict(&mut self, at: u8, proof: &PutProof, turn: &mut Turn<'_>) {
        let relay = usize::from(at);
        let Some(outbound) = self.outbounds().get(relay) else { return };
        if !outbound.has_signed(proof) {
            // A relay stores nothing without a signature: it makes this up.
            return self.trouble(Purpose::Outbound(at), Trouble::Nonsense);
        }
        let known = self.outbox.cells.values().any(|cell| cell.hash == proof.cell);
        // A put of ours from long ago, shown again, lies in the way of nothing, and shows nothing.
        let shown = self.shown_at_start(relay, proof.index.saturating_add(1), Some(proof));
        if shown == Shown::MadeElsewhere && !known {
            return self.halt(Halt::RolledBack, turn);
        }
        let Some(number) = self.outbox.at_index(relay, proof.index) else { return };
        if let Some(outbound) = self.outbounds_mut().get_mut(relay) {
            outbound.next = outbound.next.max(proof.index.saturating_add(1));
        }
        self.changed = true;
        if let Some(place) = self.outbox.cells.get_mut(&number).and_then(|cell| cell.places.get_mut(relay)) {
            place.take_back();
        }
        if let Some(link) = self.links.get_mut(&Purpose::Outbound(at)) {
            link.sent.remove(&number);
        }
        self.write_places(number, turn);
    }
}
