//! Links: one connection to one relay for one queue in one role. What is here lives as long as the
//! connection; nothing of it is kept.

use crate::crypto::digest::Digest;
use crate::time::UnixMillis;
use crate::wire::frame::Framed;
use crate::wire::limit::WINDOW_FRAMES;
use crate::wire::queue::Exporter;
use crate::wire::reply::{Bound, Reply};
use crate::wire::request::Request;
use std::collections::BTreeSet;

/// What a link is for. The number is the relay's place in the thread's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Opens the offer's queue, as its reader.
    OfferOpen(u8),
    /// Puts the offer.
    OfferPut(u8),
    /// Reads our queue.
    Inbound(u8),
    /// Writes the counterpart's queue.
    Outbound(u8),
}

/// Names a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkKey {
    /// The thread.
    pub thread: u32,
    /// What for.
    pub purpose: Purpose,
}

/// What a link is to do.
#[derive(Debug)]
pub struct LinkSend {
    /// The link.
    pub link: LinkKey,
    /// The request to send; none to hang up: the link's queue has another id or key now, and where the link is
    /// still wanted it is connected anew.
    pub request: Option<Framed<Request>>,
}

/// What a link has to say.
#[derive(Debug)]
pub enum LinkEvent {
    /// It is connected.
    Up(Exporter),
    /// A reply came; none where the frame was no reply.
    Reply(Option<Framed<Reply>>),
    /// It is not connected, or no longer. What the host knows of why.
    Down(String),
}

/// Why a link does not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Not connected. What the host knows of why.
    Unreachable(String),
    /// The relay knows no such queue, or not this key.
    Refused,
    /// No token of the pass was taken.
    PassRefused,
    /// The relay has no room.
    Full(Bound),
    /// The relay asks to come back later.
    Busy {
        /// In so many seconds.
        after_secs: u32,
    },
    /// The relay said something that makes no sense here.
    Nonsense,
    /// The relay of a queue that we write presents another deposit key than the queue's owner named: nothing is put there.
    DepositKeyOther,
    /// The relay of a queue that we write presents another deposit key than it did first, and the owner named none:
    /// what it stores is deposited by its bare word.
    DepositKeyChanged,
    /// The relay of our own queue presents another deposit key than our counterpart was told: it puts nothing there.
    DepositKeyOwn,
    /// A relay's proof of deposit does not hold: the cell counts as not stored there.
    DepositBroken,
    /// The counterpart has sent more than can be kept until what is missing comes; we take nothing more in.
    Flooded,
}

/// A link's state while it is connected.
pub struct LinkState {
    /// Of this connection.
    pub exporter: Exporter,
    /// Whether the relay serves the queue.
    pub serving: bool,
    /// Whether a get waits for its answer.
    pub getting: bool,
    /// Whether the last get found nothing.
    pub caught_up: bool,
    /// Of a queue that we read: the index up to which it was filled when the relay began to serve it.
    pub filled: u64,
    /// Of a queue that we write: whether the relay has shown that nothing was put since our own last put.
    pub unmoved: bool,
    /// Puts without an answer.
    pub unanswered: usize,
    /// Whether the relay presented the deposit key by which its proofs are checked.
    pub signs: bool,
    /// Whether the first of them was stored: a run of puts begins with one alone, so that of two copies of a vault
    /// the later learns of the other before it has put more.
    pub run_stored: bool,
    /// Cells put on this connection, by number.
    pub sent: BTreeSet<u64>,
    /// The relay's next index, where cells must be placed anew once no put is unanswered.
    pub replace_from: Option<u64>,
    /// How often that was so on this connection.
    pub replaced: u32,
    /// When the last get was sent.
    pub asked: UnixMillis,
    /// Whether nothing more is put or got on this connection.
    pub blocked: bool,
    /// Since when it is blocked, or awaits an answer and none comes; after a while it is connected anew.
    pub stuck_since: Option<UnixMillis>,
}

impl LinkState {
    /// A link that has just connected.
    #[must_use]
    pub const fn new(exporter: Exporter) -> Self {
        Self {
            exporter,
            serving: false,
            getting: false,
            caught_up: false,
            filled: 0,
            unmoved: false,
            unanswered: 0,
            signs: false,
            run_stored: false,
            sent: BTreeSet::new(),
            replace_from: None,
            replaced: 0,
            asked: UnixMillis(0),
            blocked: false,
            stuck_since: None,
        }
    }

    /// Whether another put may be sent.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        let window = if self.run_stored { WINDOW_FRAMES } else { 1 };
        self.serving && !self.blocked && self.replace_from.is_none() && self.unanswered < window
    }
}

/// A queue's id as it is on the wire.
#[must_use]
pub const fn queue(id: Digest) -> crate::wire::queue::QueueId {
    crate::wire::queue::QueueId(id)
}
