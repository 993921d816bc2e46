//! A sealed cell until the counterpart acknowledges it, and where it lies.

use crate::codec::CellBytes;
use crate::crypto::secret::Secret;
use crate::officer::deposits::HeldDeposit;
use crate::officer::table;
use crate::step::Table;
use crate::time::{Millis, UnixMillis};
use crate::wire::queue::CellHash;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// A stored cell is put again, at a new index, when it was not acknowledged for so long; twice that the next time.
pub const PUT_AGAIN_AFTER: Millis = Millis::minutes(360);
const PUT_AGAIN_DOUBLINGS: u32 = 4;
/// A second put of the counterpart's makes us put ours again at most so often; twice that the next time.
pub const ANSWER_PAUSE: Millis = Millis::minutes(1);
const ANSWER_DOUBLINGS: u32 = 12;

/// What a sealed cell carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Carries {
    /// The joiner's hello.
    Hello,
    /// The inviter's welcome.
    Welcome,
    /// The joiner's first cell.
    Moved,
    /// A piece of the statement with this sequence number.
    Fragment {
        /// The sequence number.
        sequence: u64,
        /// Whether the statement is but a receipt, which nothing acknowledges by itself.
        receipt: bool,
    },
}

impl Carries {
    /// The sequence number of a statement that the counterpart will acknowledge.
    #[must_use]
    pub const fn awaits_acknowledgement(self) -> Option<u64> {
        match self {
            Self::Fragment { sequence, receipt: false } => Some(sequence),
            _ => None,
        }
    }

    /// Whether the cell belongs to the introduction, under its bootstrap ids and keys.
    #[must_use]
    pub const fn introduces(self) -> bool {
        matches!(self, Self::Hello | Self::Welcome)
    }
}

/// Where a cell lies at one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Placement {
    /// The index it was given; none where it is still to be given one.
    pub index: Option<u64>,
    /// When it was given, by our clock.
    pub given: UnixMillis,
    /// When the relay said it stored it, by the relay's clock.
    pub stored: Option<UnixMillis>,
    /// How often it was put again.
    pub tries: u32,
}

impl Placement {
    /// Whether the relay holds it as far as we know.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// When it is to be put again.
    #[must_use]
    pub fn again_at(&self) -> UnixMillis {
        let doublings = self.tries.min(PUT_AGAIN_DOUBLINGS);
        self.given.plus(Millis(PUT_AGAIN_AFTER.0.saturating_mul(1 << doublings)))
    }

    /// Whether it is to be put again. A time far ahead was given by a clock that was wrong.
    #[must_use]
    pub fn is_overdue(&self, now: UnixMillis) -> bool {
        now >= self.again_at() || self.given.since(now) > PUT_AGAIN_AFTER
    }

    /// Whether it may be put again because the counterpart put something again: ever more rarely, so that two
    /// who only answer each other come to rest.
    #[must_use]
    pub fn may_answer(&self, now: UnixMillis) -> bool {
        let pause = Millis(ANSWER_PAUSE.0.saturating_mul(1 << self.tries.min(ANSWER_DOUBLINGS)));
        now.since(self.given) >= pause || self.given.since(now) > PUT_AGAIN_AFTER
    }

    /// Takes its index back: it will be put at another.
    pub const fn take_back(&mut self) {
        self.index = None;
        self.stored = None;
    }
}

/// A sealed cell, put byte for byte until it is acknowledged, never sealed again.
pub struct OutCell {
    /// What it carries.
    pub carries: Carries,
    /// The cell.
    pub bytes: Box<CellBytes>,
    /// Its hash.
    pub hash: CellHash,
    /// Key and nonce of its body, to show later what is in it; of a statement's cells alone.
    pub key: Option<Secret<44>>,
    /// Where it lies, one a relay of the counterpart's.
    pub places: Vec<Placement>,
    /// What relays signed of it, by their place in the list: the first that each signed.
    pub deposits: BTreeMap<u8, HeldDeposit>,
}

impl OutCell {
    /// The rows in which it is kept, as the cell with this number.
    #[must_use]
    pub fn rows(&self, thread: u32, number: u64) -> Vec<(Table, Vec<u8>)> {
        let key = table::number_key(thread, number);
        let deposits =
            self.deposits.keys().map(|at| (table::DEPOSIT, table::opened_key(thread, number, *at)));
        [(table::CELL, key.clone()), (table::PLACES, key)].into_iter().chain(deposits).collect()
    }

    /// When it was first stored anywhere.
    #[must_use]
    pub fn deposited(&self) -> Option<UnixMillis> {
        self.places.iter().filter_map(|place| place.stored).min()
    }
}
