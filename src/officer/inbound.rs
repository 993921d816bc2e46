//! The queues that we open and read: an offer's, and our own of a channel. What came is durable before the
//! relay may drop it, because the drop is a send of the step that holds the record.

use crate::codec::CellBytes;
use crate::crypto::sign::QueueSecret;
use crate::officer::engine::{Channel, Notice, Pace, Turn};
use crate::officer::link::{LinkSend, Purpose, Trouble};
use crate::officer::thread::{Inbound, Stage};
use crate::time::{Millis, UnixMillis};
use crate::wire::frame::Framed;
use crate::wire::limit::GET_COUNT_MAX;
use crate::wire::pass::Token;
use crate::wire::queue::{QueueId, QueueRole, prove, sign_put, sign_rekey};
use crate::wire::reply::Reply;
use crate::wire::request::{Open, Request};

/// How long a get waits while the client stays connected.
pub(super) const GET_WAIT_MS: u32 = 25_000;
/// A relay that was asked to wait and answers sooner is asked again at the next tick only.
const ANSWERED_AT_ONCE: Millis = Millis::secs(1);

/// What became of a cell that a relay handed us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is dealt with: the relay may drop it.
    Done,
    /// It cannot be kept now: it stays where it is.
    Later,
}

impl Channel {
    pub(super) fn send(&self, purpose: Purpose, request: Request, turn: &mut Turn<'_>) {
        let request = Some(Framed::<Request>::new(request, None));
        turn.step.sends.push(LinkSend { link: self.link(purpose), request });
    }

    /// Hangs up, so that the link is connected anew.
    pub(super) fn hang_up(&mut self, purpose: Purpose, turn: &mut Turn<'_>) {
        self.links.remove(&purpose);
        self.troubles.remove(&purpose);
        turn.step.sends.push(LinkSend { link: self.link(purpose), request: None });
    }

    pub(super) fn inbound(&mut self, at: u8) -> Option<&mut Inbound> {
        self.thread.inbound.get_mut(usize::from(at))
    }

    /// Says the first word on a link that has just connected.
    pub(super) fn begin(&mut self, purpose: Purpose, turn: &mut Turn<'_>) {
        match purpose {
            Purpose::OfferOpen(_) => self.open(purpose, turn),
            Purpose::Inbound(at) => {
                // With no token left the queue may still be there: that tokens were refused is but a claim.
                if self.inbound(at).is_some_and(|inbound| !inbound.opened && !inbound.tokens.is_empty()) {
                    self.open(purpose, turn);
                } else if let Some(inbound) = self.thread.inbound.get(usize::from(at)) {
                    self.prove(purpose, QueueRole::Reader, inbound.reader, &inbound.secret, turn);
                }
            }
            Purpose::OfferPut(at) => {
                if let Stage::Inviting(inviting) = &self.thread.stage
                    && let Some(offer) = inviting.offers.get(usize::from(at))
                {
                    self.prove(purpose, QueueRole::Writer, offer.writer, &offer.writer_secret, turn);
                }
            }
            Purpose::Outbound(at) => {
                if let Some(outbound) = self.outbounds().get(usize::from(at)) {
                    self.prove(purpose, QueueRole::Writer, outbound.writer, &outbound.secret, turn);
                }
            }
        }
    }

    fn prove(&self, purpose: Purpose, role: QueueRole, id: QueueId, key: &QueueSecret, turn: &mut Turn<'_>) {
        if let Some(link) = self.links.get(&purpose) {
            let signature = prove(key, &link.exporter, role, &id);
            self.send(purpose, Request::Prove { role, id, signature }, turn);
        }
    }

    /// Opens a queue with the next token of its pass.
    fn open(&mut self, purpose: Purpose, turn: &mut Turn<'_>) {
        let Some(link) = self.links.get(&purpose) else { return };
        let open = match (purpose, &self.thread.stage) {
            (Purpose::OfferOpen(at), Stage::Inviting(inviting)) => {
                inviting.offers.get(usize::from(at)).and_then(|offer| {
                    let reader = (offer.reader, &offer.reader_secret);
                    let writer = (offer.writer, offer.writer_secret.public());
                    Some(Open::new(*offer.tokens.first()?, reader, writer, &link.exporter))
                })
            }
            (Purpose::Inbound(at), _) => self.thread.inbound.get(usize::from(at)).and_then(|inbound| {
                let reader = (inbound.reader, &inbound.secret);
                let writer = (inbound.writer, inbound.writer_key);
                Some(Open::new(*inbound.tokens.first()?, reader, writer, &link.exporter))
            }),
            _ => None,
        };
        match open {
            Some(open) => self.send(purpose, Request::Open(open), turn),
            None => self.trouble(purpose, Trouble::PassRefused),
        }
    }

    fn tokens(&mut self, purpose: Purpose) -> Option<&mut Vec<Token>> {
        match (purpose, &mut self.thread.stage) {
            (Purpose::OfferOpen(at), Stage::Inviting(inviting)) => {
                inviting.offers.get_mut(usize::from(at)).map(|offer| &mut offer.tokens)
            }
            (Purpose::Inbound(at), _) => {
                self.thread.inbound.get_mut(usize::from(at)).map(|inbound| &mut inbound.tokens)
            }
            _ => None,
        }
    }

    /// Handles a reply on any link.
    pub(super) fn reply(
        &mut self,
        purpose: Purpose,
        reply: Reply,
        cell: Option<Box<CellBytes>>,
        turn: &mut Turn<'_>,
    ) {
        match (purpose, reply) {
            (_, Reply::Busy { after_secs }) => self.trouble(purpose, Trouble::Busy { after_secs }),
            (_, Reply::Malformed) => self.trouble(purpose, Trouble::Nonsense),
            (_, Reply::PassRefused) => self.pass_refused(purpose, turn),
            (Purpose::Inbound(at), Reply::Refused) if !self.is_serving(purpose) => {
                self.queue_unknown(purpose, at, turn);
            }
            (_, Reply::Refused) => self.trouble(purpose, Trouble::Refused),
            (_, Reply::Full { bound, .. }) if !matches!(purpose, Purpose::Outbound(_)) => {
                self.trouble(purpose, Trouble::Full(bound));
            }
            (Purpose::OfferOpen(at), Reply::Serving { .. }) => self.offer_opened(at),
            (Purpose::OfferPut(_), reply) => self.offer_reply(purpose, &reply, turn),
            (Purpose::Inbound(at), reply) => self.inbound_reply(at, reply, cell, turn),
            (Purpose::Outbound(at), reply) => self.outbound_reply(at, reply, cell.as_deref(), turn),
            (Purpose::OfferOpen(_), _) => self.trouble(purpose, Trouble::Nonsense),
        }
    }

    fn is_serving(&self, purpose: Purpose) -> bool {
        self.links.get(&purpose).is_some_and(|link| link.serving)
    }

    /// The relay does not take a token. It ends the connection; the next one tries the next token.
    fn pass_refused(&mut self, purpose: Purpose, turn: &mut Turn<'_>) {
        let opening = match purpose {
            Purpose::OfferOpen(_) => true,
            Purpose::Inbound(at) => self.inbound(at).is_some_and(|inbound| !inbound.opened),
            Purpose::OfferPut(_) | Purpose::Outbound(_) => false,
        };
        let Some(tokens) = self.tokens(purpose).filter(|_| opening) else {
            return self.trouble(purpose, Trouble::Nonsense);
        };
        if !tokens.is_empty() {
            tokens.remove(0);
        }
        let spent = tokens.is_empty();
        self.changed = true;
        if spent {
            self.trouble(purpose, Trouble::PassRefused);
        } else {
            self.hang_up(purpose, turn);
        }
    }

    /// The relay does not know a queue that it had opened: opens the same ids and keys again, where a token is left.
    fn queue_unknown(&mut self, purpose: Purpose, at: u8, turn: &mut Turn<'_>) {
        let reopen = self.inbound(at).is_some_and(|inbound| inbound.opened && !inbound.tokens.is_empty());
        if reopen {
            if let Some(inbound) = self.inbound(at) {
                inbound.opened = false;
                inbound.cursor = 0;
            }
            self.changed = true;
            self.hang_up(purpose, turn);
        } else {
            let opened = self.inbound(at).is_some_and(|inbound| inbound.opened);
            self.trouble(purpose, if opened { Trouble::Refused } else { Trouble::PassRefused });
        }
    }

    fn offer_opened(&mut self, at: u8) {
        if let Stage::Inviting(inviting) = &mut self.thread.stage
            && let Some(offer) = inviting.offers.get_mut(usize::from(at))
        {
            offer.opened = true;
            offer.tokens.clear();
            self.changed = true;
        }
    }

    fn offer_reply(&mut self, purpose: Purpose, reply: &Reply, turn: &mut Turn<'_>) {
        let Purpose::OfferPut(at) = purpose else { return };
        let Stage::Inviting(inviting) = &mut self.thread.stage else { return };
        let Ok(cell) = <Box<CellBytes>>::try_from(inviting.offer_cell.clone().into_boxed_slice()) else {
            return;
        };
        let Some(offer) = inviting.offers.get_mut(usize::from(at)) else { return };
        match reply {
            Reply::Serving { .. } => {
                let hash = crate::wire::queue::CellHash::of(&cell);
                let signature = sign_put(&offer.writer_secret, &offer.writer, 0, &hash);
                let put = Framed::<Request>::new(Request::Put { index: 0, signature }, Some(cell));
                turn.step.sends.push(LinkSend { link: self.link(purpose), request: Some(put) });
            }
            Reply::Stored { first: 0, .. } => {
                offer.stored = true;
                self.changed = true;
                turn.notice(Notice::InviteReady { thread: self.number });
            }
            _ => self.trouble(purpose, Trouble::Nonsense),
        }
    }

    fn inbound_reply(&mut self, at: u8, reply: Reply, cell: Option<Box<CellBytes>>, turn: &mut Turn<'_>) {
        let purpose = Purpose::Inbound(at);
        match (reply, cell) {
            (Reply::Serving { low, next, .. }, key) => {
                self.own_relay_key(at, key.as_deref());
                self.serving(at, low, next, turn);
            }
            (Reply::Rekeyed, _) => {
                if let Some(inbound) = self.inbound(at)
                    && let Some((writer, key)) = inbound.rekey.take()
                {
                    (inbound.writer, inbound.writer_key) = (writer, key);
                    self.changed = true;
                }
            }
            (Reply::Cell { index, more, .. }, Some(cell)) => self.cell(at, index, more, &cell, turn),
            (Reply::Empty { low, next }, _) => self.nothing_came(at, low, next, turn),
            (Reply::Gone { index, .. }, _) => self.cell_gone(at, index, turn),
            (Reply::Dropped { .. }, _) => {}
            _ => self.trouble(purpose, Trouble::Nonsense),
        }
    }

    fn nothing_came(&mut self, at: u8, low: u64, next: u64, turn: &mut Turn<'_>) {
        if let Some(inbound) = self.inbound(at).filter(|inbound| inbound.cursor > next) {
            inbound.cursor = low;
            self.changed = true;
        }
        let Some(link) = self.links.get_mut(&Purpose::Inbound(at)) else { return };
        link.getting = false;
        link.caught_up = true;
        if turn.pace == Pace::Watch && turn.now.since(link.asked) >= ANSWERED_AT_ONCE {
            self.get(at, turn);
        }
    }

    /// The relay cannot give a cell that it had: it is lost there, and the get has ended.
    fn cell_gone(&mut self, at: u8, index: u64, turn: &mut Turn<'_>) {
        if let Some(link) = self.links.get_mut(&Purpose::Inbound(at)) {
            link.getting = false;
        }
        if let Some(inbound) = self.inbound(at).filter(|inbound| inbound.cursor <= index) {
            inbound.cursor = index.saturating_add(1);
            inbound.lost = inbound.lost.saturating_add(1);
            self.changed = true;
            turn.notice(Notice::CellsLost { thread: self.number, count: 1 });
        }
        self.get(at, turn);
    }

    fn serving(&mut self, at: u8, low: u64, next: u64, turn: &mut Turn<'_>) {
        let number = self.number;
        let purpose = Purpose::Inbound(at);
        if let Some(link) = self.links.get_mut(&purpose) {
            link.serving = true;
            link.filled = next;
        }
        let Some(inbound) = self.inbound(at) else { return };
        let mut changed = !inbound.opened;
        inbound.opened = true;
        if inbound.cursor > next {
            // The relay begins anew: an unclean restart of its, which must not leave us waiting for ever.
            inbound.cursor = low;
            changed = true;
        }
        let expired = low.saturating_sub(inbound.cursor);
        if expired > 0 {
            inbound.cursor = low;
            inbound.lost = inbound.lost.saturating_add(expired);
            changed = true;
            turn.notice(Notice::CellsLost { thread: number, count: expired });
        }
        let rekey = inbound.rekey.map(|(writer, key)| {
            let signature = sign_rekey(&inbound.secret, &inbound.reader, &writer, &key);
            Request::Rekey { writer, key, signature }
        });
        self.changed |= changed;
        if let Some(rekey) = rekey {
            self.send(purpose, rekey, turn);
        }
        self.get(at, turn);
    }

    /// Asks for the next cells, unless a get already waits.
    pub(super) fn get(&mut self, at: u8, turn: &mut Turn<'_>) {
        let purpose = Purpose::Inbound(at);
        let wait_ms = if turn.pace == Pace::Watch { GET_WAIT_MS } else { 0 };
        let Some(from) = self.inbound(at).map(|inbound| inbound.cursor) else { return };
        let Some(link) = self.links.get_mut(&purpose) else { return };
        if link.serving && !link.getting && !link.blocked {
            link.getting = true;
            link.asked = turn.now;
            self.send(purpose, Request::Get { from, count: GET_COUNT_MAX, wait_ms }, turn);
        }
    }

    fn cell(&mut self, at: u8, index: u64, more: u16, cell: &CellBytes, turn: &mut Turn<'_>) {
        let purpose = Purpose::Inbound(at);
        if let Some(link) = self.links.get_mut(&purpose) {
            link.caught_up = false;
            link.getting = more > 0;
        }
        if self.links.get(&purpose).is_none_or(|link| link.blocked) {
            return;
        }
        let skipped = index.saturating_sub(self.inbound(at).map_or(index, |inbound| inbound.cursor));
        if let Some(inbound) = self.inbound(at).filter(|_| skipped > 0) {
            // They expired since the last get, or the relay cannot read them.
            inbound.lost = inbound.lost.saturating_add(skipped);
            turn.notice(Notice::CellsLost { thread: self.number, count: skipped });
        }
        match self.take_in(at, index, cell, turn) {
            Taken::Later => {
                self.trouble(purpose, Trouble::Flooded);
                let below = self.inbound(at).map_or(0, |inbound| inbound.cursor);
                return self.send(purpose, Request::Drop { below }, turn);
            }
            Taken::Done => {
                if let Some(inbound) = self.inbound(at) {
                    inbound.cursor = inbound.cursor.max(index.saturating_add(1));
                }
                self.changed = true;
            }
        }
        if more == 0 {
            let below = self.inbound(at).map_or(0, |inbound| inbound.cursor);
            self.send(purpose, Request::Drop { below }, turn);
            self.get(at, turn);
        }
    }

    /// Sends a rekey that came up while the link was already serving.
    pub(super) fn rekey_now(&mut self, turn: &mut Turn<'_>) {
        for at in 0u8..=u8::MAX {
            let Some(inbound) = self.thread.inbound.get(usize::from(at)) else { return };
            let serving = self.links.get(&Purpose::Inbound(at)).is_some_and(|link| link.serving);
            if let (true, Some((writer, key))) = (serving, inbound.rekey) {
                let signature = sign_rekey(&inbound.secret, &inbound.reader, &writer, &key);
                self.send(Purpose::Inbound(at), Request::Rekey { writer, key, signature }, turn);
            }
        }
    }
}

/// A clock that a relay claims is no more than a claim: what we keep of it is never in the future.
#[must_use]
pub fn plausible(clock: UnixMillis, now: UnixMillis) -> UnixMillis {
    clock.min(now)
}
