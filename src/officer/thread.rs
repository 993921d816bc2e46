//! A thread: one introduction and the channel that comes of it. Its mutable state is one row.

use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueKey, QueueSecret};
use crate::officer::deposits::RelayKey;
use crate::party::card::Card;
use crate::party::relay::RelayPlace;
use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::session::introduction::{Greeting, OneTimeKeys, RoleSignature};
use crate::session::ratchet::Ratchet;
use crate::time::UnixMillis;
use crate::wire::pass::Token;
use crate::wire::queue::{CellHash, QueueId, check_put};
use crate::wire::reply::PutProof;
use bincode::{Decode, Encode};

/// An invite, a greeting or a channel.
#[derive(Encode, Decode)]
pub struct Thread {
    /// What the officer calls it.
    pub label: String,
    /// Which side we are.
    pub role: Role,
    /// Our queues, one a relay.
    pub inbound: Vec<Inbound>,
    /// How far it has come.
    pub stage: Stage,
    /// The number of the next sealed cell.
    pub next_cell: u64,
    /// The number of the next cell taken in.
    pub next_opened: u64,
    /// Which channel this one renews.
    pub renews: Option<Renews>,
    /// The thread that renews this one: since our renewal was said there, nothing more is said here.
    pub renewed_as: Option<u32>,
}

impl Thread {
    /// A thread in which nothing has happened.
    #[must_use]
    pub const fn new(label: String, role: Role, inbound: Vec<Inbound>, stage: Stage) -> Self {
        Self { label, role, inbound, stage, next_cell: 0, next_opened: 0, renews: None, renewed_as: None }
    }
}

/// What a thread knows of the channel that it renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Renews {
    /// The old thread.
    pub thread: u32,
    /// The old channel's id.
    pub channel: Digest,
    /// The fingerprint that the counterpart must have: its old one, unless it has a new identity on purpose.
    pub party: Option<Digest>,
    /// Whether our renewal was said.
    pub said: bool,
}

/// How far a thread has come.
#[derive(Encode, Decode)]
pub enum Stage {
    /// We made an invite; no hello has opened.
    Inviting(Box<Inviting>),
    /// We put a hello; no welcome has verified.
    Greeting(Box<Greeted>),
    /// The channel stands.
    Open(Box<Session>),
    /// Only while one stage gives way to the next; never stored.
    Moving,
}

/// What an inviter keeps until a hello opens.
#[derive(Encode, Decode)]
pub struct Inviting {
    /// The invite's secret.
    pub secret: Secret<32>,
    /// Opens the hello; erased with it.
    pub keys: OneTimeKeys,
    /// The printed invite.
    pub line: String,
    /// When the invite ends.
    pub expires: UnixMillis,
    /// The sealed offer: what the offer's queues hold.
    pub offer_cell: Vec<u8>,
    /// The offer's queues, one a relay.
    pub offers: Vec<OfferQueue>,
    /// Hellos that did not open.
    pub refused_hellos: u32,
}

/// The queue in which an offer lies.
#[derive(Encode, Decode)]
pub struct OfferQueue {
    /// The relay.
    pub place: RelayPlace,
    /// The reader id.
    pub reader: QueueId,
    /// The reader's key.
    pub reader_secret: QueueSecret,
    /// The writer id.
    pub writer: QueueId,
    /// The writer's key.
    pub writer_secret: QueueSecret,
    /// Tokens still to be tried.
    pub tokens: Vec<Token>,
    /// Whether the relay opened it.
    pub opened: bool,
    /// Whether the offer lies in it.
    pub stored: bool,
}

/// What a joiner keeps until the welcome verifies.
#[derive(Encode, Decode)]
pub struct Greeted {
    /// The introduction's state.
    pub greeting: Greeting,
    /// The inviter's queues with their bootstrap keys.
    pub outbound: Vec<Outbound>,
}

/// A queue that we read.
#[derive(Encode, Decode)]
pub struct Inbound {
    /// The relay.
    pub place: RelayPlace,
    /// The digest of its deposit key, as the counterpart was told; none where none was named.
    pub deposit: Option<Digest>,
    /// The reader id.
    pub reader: QueueId,
    /// The reader's key.
    pub secret: QueueSecret,
    /// The current writer id.
    pub writer: QueueId,
    /// The current writer's key.
    pub writer_key: QueueKey,
    /// Tokens still to be tried, and left to open the queue again where the relay lost it.
    pub tokens: Vec<Token>,
    /// Whether the relay opened it.
    pub opened: bool,
    /// The next index to take in.
    pub cursor: u64,
    /// The writer's new id and key, until the relay has taken them.
    pub rekey: Option<(QueueId, QueueKey)>,
    /// Cells that the relay let expire before we took them in.
    pub lost: u64,
}

/// A queue of the counterpart's that we write.
#[derive(Encode, Decode)]
pub struct Outbound {
    /// The relay.
    pub place: RelayPlace,
    /// Our writer id.
    pub writer: QueueId,
    /// Our writer key.
    pub secret: QueueSecret,
    /// The next index to assign.
    pub next: u64,
    /// One past the highest index ever assigned under this writer id.
    pub high: u64,
    /// Indexes below it may have been assigned twice under this writer id, because the relay had lost cells.
    pub doubted: u64,
    /// The highest index ever assigned under this writer id, and the cell it was last assigned to.
    pub last: Option<(u64, CellHash)>,
    /// Whether id and key came with the invite, for the introduction alone; then our own key, for after it.
    pub bootstrap: Option<QueueSecret>,
    /// What is known of the relay's deposit key.
    pub deposit: RelayKey,
}

impl Outbound {
    /// A queue under a fresh writer id.
    #[must_use]
    pub const fn new(
        place: RelayPlace,
        deposit: RelayKey,
        writer: QueueId,
        secret: QueueSecret,
        bootstrap: Option<QueueSecret>,
    ) -> Self {
        Self { place, writer, secret, next: 0, high: 0, doubted: 0, last: None, bootstrap, deposit }
    }

    /// Whether this writer id has never put anything.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.high == 0
    }

    /// Whether a put that a relay shows was signed by this queue's writer key under its writer id.
    #[must_use]
    pub fn has_signed(&self, proof: &PutProof) -> bool {
        let key = self.secret.public();
        check_put(&key, &self.writer, proof.index, &proof.cell, &proof.signature).is_ok()
    }

    /// Leaves the bootstrap id and key behind.
    pub fn move_to(&mut self, writer: QueueId) {
        if let Some(secret) = self.bootstrap.take() {
            self.writer = writer;
            self.secret = secret;
            self.next = 0;
            self.high = 0;
            self.doubted = 0;
            self.last = None;
        }
    }
}

/// Why a channel sends nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Halt {
    /// The officer found that the words differ: someone stands between the parties.
    WordsDiffer,
    /// The counterpart signed two statements at this sequence number.
    Forked {
        /// The sequence number.
        sequence: u64,
    },
    /// A relay holds a put that this vault signed and does not know: the vault is an older copy.
    RolledBack,
    /// A statement that the counterpart signed acknowledges statements of ours that this vault does not hold. A
    /// claim: it pauses sending, until a relay or the counterpart shows our own signature.
    PeerAhead {
        /// How many it acknowledges.
        claimed: u64,
    },
    /// The vault was restored from a backup: nothing is sent until every relay of the counterpart's has shown that
    /// nothing was put since the backup was made.
    Restored,
}

/// A channel that stands.
#[derive(Encode, Decode)]
pub struct Session {
    /// The channel's id.
    pub channel: Digest,
    /// The inviter's card and the joiner's.
    pub cards: [Card; 2],
    /// What the inviter signed in the introduction, and the joiner.
    pub introduced: [RoleSignature; 2],
    /// The ratchet; none once the vault is retired.
    pub ratchet: Option<Ratchet>,
    /// The counterpart's queues.
    pub outbound: Vec<Outbound>,
    /// Whether we may seal: the inviter, once a cell of the joiner has opened.
    pub heard: bool,
    /// The sequence number of the first statement that is not wholly sealed.
    pub sealed: u64,
    /// How many of its fragments are.
    pub sealed_fragments: u32,
    /// Why nothing more is sent.
    pub halt: Option<Halt>,
    /// When a `delivered` receipt is due.
    pub delivered_due: Option<UnixMillis>,
    /// When a `read` receipt is due.
    pub read_due: Option<UnixMillis>,
    /// What it will name.
    pub read: Vec<u64>,
    /// When the counterpart's second put of a cell last made us put ours again.
    pub put_again_at: UnixMillis,
    /// Statements of the counterpart that were refused.
    pub refused: u32,
}

impl Halt {
    /// How much it forbids: of two the graver one stays.
    #[must_use]
    pub const fn gravity(self) -> u8 {
        match self {
            Self::Restored => 0,
            Self::PeerAhead { .. } => 1,
            Self::Forked { .. } => 2,
            Self::RolledBack => 3,
            Self::WordsDiffer => 4,
        }
    }

    /// Whether it is but a doubt, which the counterpart's relays can take away.
    #[must_use]
    pub const fn is_doubt(self) -> bool {
        matches!(self, Self::Restored | Self::PeerAhead { .. })
    }
}

impl Session {
    /// A session as the introduction leaves it.
    #[must_use]
    pub fn new(
        channel: Digest,
        cards: [Card; 2],
        introduced: [RoleSignature; 2],
        ratchet: Ratchet,
        outbound: Vec<Outbound>,
    ) -> Self {
        Self {
            channel,
            cards,
            introduced,
            ratchet: Some(ratchet),
            outbound,
            heard: false,
            sealed: 0,
            sealed_fragments: 0,
            halt: None,
            delivered_due: None,
            read_due: None,
            read: Vec::new(),
            put_again_at: UnixMillis(0),
            refused: 0,
        }
    }

    /// A party's card.
    #[must_use]
    pub const fn card(&self, role: Role) -> &Card {
        let [inviter, joiner] = &self.cards;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    /// The channel's safety words.
    #[must_use]
    pub fn words(&self) -> SafetyWords {
        // A card that was checked has a fingerprint.
        let [inviter, joiner] = &self.cards;
        let inviter = inviter.fingerprint().unwrap_or_default();
        let joiner = joiner.fingerprint().unwrap_or_default();
        SafetyWords::of(&self.channel, &inviter, &joiner)
    }
}
