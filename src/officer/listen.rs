//! Hearing before speaking. A vault cannot know by itself that it is an older copy, or one of two: the
//! counterpart's relays show it, by our own signature on a put that this vault never made, and the counterpart,
//! by what it acknowledges. So all are heard before anything is put. May not put anything itself.
//!
//! What nobody tells remains unknown: a relay that is not reached, that hides what it holds, or that was never
//! put to by the other copy.

use crate::officer::engine::{Channel, Notice, Turn};
use crate::officer::link::{LinkState, Purpose};
use crate::officer::thread::{Halt, Stage};
use crate::time::{Millis, UnixMillis};
use crate::wire::reply::PutProof;

/// A relay that is silent for longer is not waited for.
const LISTEN_WITHIN: Millis = Millis::secs(10);

/// Whether the relays of a channel have been heard since the sync began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listening {
    since: Option<UnixMillis>,
    over: bool,
}

impl Listening {
    /// Whether all were heard, or time is up.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }
}

/// What a relay shows of one of our outbound queues, when it begins to serve it or another cell lies in our way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Our own signature on a put that this vault never made.
    MadeElsewhere,
    /// Nothing was put since our own last put.
    Unmoved,
    /// A put of ours that we know of, or knew of.
    Known,
    /// No signature of ours.
    Nothing,
}

impl Channel {
    /// What the put below `next` shows.
    pub(super) fn shown_at_start(&self, relay: usize, next: u64, last: Option<&PutProof>) -> Shown {
        let Some(queue) = self.outbounds().get(relay) else { return Shown::Nothing };
        if queue.bootstrap.is_some() {
            // Others may hold these keys.
            return Shown::Nothing;
        }
        let Some(proof) = last.filter(|proof| queue.has_signed(proof)) else {
            // A writer id under which nothing was put is shown to be so by the lack of a proof.
            return if queue.is_fresh() { Shown::Unmoved } else { Shown::Nothing };
        };
        let given = |index: u64| {
            let number = self.outbox.at_index(relay, index)?;
            self.outbox.cells.get(&number)
        };
        let ours = queue.last.filter(|(index, _)| *index == proof.index).map(|(_, cell)| cell);
        let ours = given(proof.index).map(|cell| cell.hash).or(ours);
        let other = ours.is_some_and(|ours| ours != proof.cell);
        if proof.index >= queue.high || (other && proof.index >= queue.doubted) {
            return Shown::MadeElsewhere;
        }
        // What was given the next index and is not stored would have been put there before anything else.
        let resumes =
            given(next).and_then(|cell| cell.places.get(relay)).is_some_and(|place| !place.is_stored());
        let at_end = proof.index.checked_add(1) == Some(next) && next <= queue.next;
        let is_last = ours == Some(proof.cell) && next == queue.high;
        if at_end && (is_last || (resumes && next >= queue.doubted)) { Shown::Unmoved } else { Shown::Known }
    }

    /// Whether the relays have been heard; the introduction puts without that.
    pub(super) const fn has_listened(&self) -> bool {
        self.listening.over || !matches!(self.thread.stage, Stage::Open(_))
    }

    /// Whether what halts the channel is but a doubt.
    pub(super) const fn is_in_doubt(&self) -> bool {
        matches!(&self.thread.stage, Stage::Open(session) if matches!(session.halt, Some(halt) if halt.is_doubt()))
    }

    /// Notes whether all relays have been heard: the counterpart's have said where their queues stand, and ours have
    /// handed over what they held, or do not work, or are silent for too long.
    pub(super) fn listen(&mut self, now: UnixMillis) {
        if self.listening.over || !matches!(self.thread.stage, Stage::Open(_)) {
            return;
        }
        // A time ahead of the clock was given by a clock that was wrong.
        let since = self.listening.since.map_or(now, |since| since.min(now));
        self.listening.since = Some(since);
        let heard = |purpose: Purpose, says: &dyn Fn(&LinkState) -> bool| {
            self.troubles.contains_key(&purpose)
                || self.links.get(&purpose).is_some_and(|link| link.blocked || (link.serving && says(link)))
        };
        let outbound = (0u8..).zip(self.outbounds()).all(|(at, _)| heard(Purpose::Outbound(at), &|_| true));
        let inbound = (0u8..).zip(&self.thread.inbound).all(|(at, inbound)| {
            heard(Purpose::Inbound(at), &|link| link.caught_up || inbound.cursor >= link.filled)
        });
        self.listening.over = (outbound && inbound) || now.since(since) >= LISTEN_WITHIN;
    }

    /// Lets the channel go on, once every relay of the counterpart's has shown that this vault made the last put.
    pub(super) fn end_doubt(&mut self, turn: &mut Turn<'_>) {
        let shows =
            |at: u8| self.links.get(&Purpose::Outbound(at)).is_some_and(|link| link.serving && link.unmoved);
        let all = !self.outbounds().is_empty() && (0u8..).zip(self.outbounds()).all(|(at, _)| shows(at));
        let Stage::Open(session) = &mut self.thread.stage else { return };
        if all && session.halt.is_some_and(Halt::is_doubt) {
            session.halt = None;
            self.changed = true;
            turn.notice(Notice::Resumed { thread: self.number });
            self.tell_fork(turn);
        }
    }

    /// A run of puts is under way, and its first is stored.
    pub(super) fn run_stored(&mut self, purpose: Purpose) {
        if let Some(link) = self.links.get_mut(&purpose) {
            link.run_stored = true;
        }
    }
}
