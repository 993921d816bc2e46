//! What is said from the seal to the last person: list lock, transport, ready, go, lines, closed, and what follows.
//! Bodies only; may not know what they do to a case, nor what the two sides' lines come to.

use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::deal::date::PartialDate;
use crate::deal::person::Line;
use crate::deal::stage::Window;
use crate::deal::word::{Text, words};
use crate::statement::list::{LINE_BYTES_MAX, ListRoot};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// Vehicles of one transport notice, at most.
pub const VEHICLES_MAX: usize = 64;

/// A round of a version: how often each party has broken it off. Compared as a pair, never added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Round {
    /// By the opener.
    pub opener: u32,
    /// By the other.
    pub other: u32,
}

/// Says that its author has frozen the lists of a sealed version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Lock {
    /// The version.
    pub version: u32,
    /// The digest of the version's offer and lists, computed by the author's own client.
    pub lists: Digest,
}

/// The digest that a lock of `version` names: `SHA-256(label ‖ version u32 ‖ offer ‖ (root ‖ lines u32) of each list)`.
#[must_use]
pub fn lists_digest(version: u32, offer: &Digest, lists: &[ListRoot]) -> Digest {
    let version = version.to_le_bytes();
    let lines: Vec<_> = lists.iter().map(|list| list.lines.to_le_bytes()).collect();
    let mut parts: Vec<&[u8]> = vec![&version, &offer.0];
    for (list, lines) in lists.iter().zip(&lines) {
        parts.push(&list.root.0);
        parts.push(lines);
    }
    digest(label::LOCK, &parts)
}

words! {
    /// How persons are moved.
    Mode {
        /// On foot.
        OnFoot = 0 "on foot";
        /// By car.
        Car = 1 "car";
        /// By bus.
        Bus = 2 "bus";
        /// By lorry.
        Lorry = 3 "lorry";
        /// By ambulance.
        Ambulance = 4 "ambulance";
        /// By train.
        Train = 5 "train";
        /// By ship.
        Ship = 6 "ship";
        /// By aircraft.
        Aircraft = 7 "aircraft";
        /// By helicopter.
        Helicopter = 8 "helicopter";
        /// By the receiver's own means.
        Collected = 9 "collected by the receiver";
    }
}

/// One vehicle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vehicle {
    /// Its plate, tail number or name.
    pub mark: Text,
    /// What it looks like.
    pub description: Option<Text>,
}

/// Says how its author's persons are moved. A changed one takes the place of the one before, and starts a new round.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Transport {
    /// The version.
    pub version: u32,
    /// By what.
    pub mode: Mode,
    /// The vehicles, at most [`VEHICLES_MAX`].
    pub vehicles: Vec<Vehicle>,
    /// How many persons or bags.
    pub persons: Option<u32>,
    /// The agreed corridor, by its index.
    pub corridor: Option<u8>,
    /// The route in words.
    pub route: Option<Text>,
    /// When it moves.
    pub window: Option<Window>,
    /// When the airspace must be free.
    pub airspace: Option<Window>,
    /// Words beside it.
    pub remark: Option<Text>,
}

/// Says that its author has told its own forces of the other's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TransportAcknowledged {
    /// The transport notice.
    pub notice: Digest,
}

/// Says that its author is ready to move, once both have said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ready {
    /// The version.
    pub version: u32,
    /// The round.
    pub round: Round,
}

/// Says that its author moves once both have said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Go {
    /// The version.
    pub version: u32,
    /// The round.
    pub round: Round,
    /// Until when its author waits for the other's. A promise, not a rule.
    pub window: Option<Window>,
}

/// Breaks a round off: ready and go of it no longer count.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Suspend {
    /// The version.
    pub version: u32,
    /// The round that is broken off.
    pub round: Round,
    /// Why.
    pub reason: Option<Text>,
}

words! {
    /// What became of somebody or something that was agreed, as one side saw it.
    Outcome {
        /// Came as listed.
        Delivered = 0 "delivered as listed";
        /// Did not come.
        NotDelivered = 1 "not delivered";
        /// Somebody else came in the place.
        Substituted = 2 "substituted";
        /// Came, and is not of the category agreed.
        CategoryMismatch = 3 "category mismatch";
        /// Came, and is not who the list says.
        IdentityMismatch = 4 "identity mismatch";
        /// Did not want to cross.
        Refused = 5 "refused";
        /// Died before.
        Died = 6 "died";
        /// Came without having been agreed.
        Surplus = 7 "surplus";
        /// Remains of the receiver's enemy: the giver's own.
        OwnSide = 8 "own-side remains";
        /// Remains of more than one.
        Commingled = 9 "commingled";
        /// The same as another line.
        Duplicate = 10 "duplicate";
    }
}

words! {
    /// What an outcome is claimed to come from.
    Cause {
        /// Not known.
        Unknown = 0 "unknown";
        /// A mistake in a list.
        ListError = 1 "error in the list";
        /// Too ill to be moved.
        Unfit = 2 "not fit to travel";
        /// Held by others, or not found.
        NotHeld = 3 "not held";
        /// The person's own will.
        OwnWill = 4 "own will";
        /// Taken to a third country.
        ThirdCountry = 5 "moved to a third country";
        /// Fighting, weather or means of transport.
        Obstacle = 6 "hindered on the way";
        /// Withheld by the giver.
        Withheld = 7 "withheld";
    }
}

words! {
    /// What makes it good.
    Remedy {
        /// Nothing is asked.
        None = 0 "none";
        /// Delivery afterwards.
        Deliver = 1 "deliver later";
        /// Somebody else in the place.
        Replace = 2 "replace";
        /// Return of who or what came.
        Return = 3 "return";
        /// Examination, such as of DNA.
        Examine = 4 "examine";
        /// An explanation.
        Explain = 5 "explain";
    }
}

/// Whom or what a handover line is about.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Subject {
    /// A line of the list of a leg: both from 0.
    Listed {
        /// The leg.
        leg: u16,
        /// The line of its list.
        line: u32,
    },
    /// So many of a leg, without names.
    Counted {
        /// The leg.
        leg: u16,
        /// How many; 0 takes back what was counted of this outcome before.
        number: u32,
    },
    /// Somebody or something that is on no list of the leg.
    Unlisted {
        /// The leg.
        leg: u16,
        /// Who or what.
        who: Line,
    },
}

impl Subject {
    /// The leg it is about.
    #[must_use]
    pub const fn leg(&self) -> u16 {
        match self {
            Self::Listed { leg, .. } | Self::Counted { leg, .. } | Self::Unlisted { leg, .. } => *leg,
        }
    }
}

/// One line of a handover, as it enters the statement's list: `record`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandoverLine {
    /// Whom it is about.
    pub subject: Subject,
    /// What became of them.
    pub outcome: Outcome,
    /// What it is claimed to come from.
    pub cause: Cause,
    /// Who came instead, for a substitution; which other line of the list it doubles or belongs to, in words.
    pub detail: Option<Text>,
    /// What shows it.
    pub evidence: Option<Text>,
    /// What makes it good.
    pub remedy: Remedy,
    /// By when.
    pub deadline: Option<UnixMillis>,
}

impl HandoverLine {
    /// The line's bytes.
    ///
    /// # Errors
    /// [`crate::codec::CodecError::TooLong`] past [`LINE_BYTES_MAX`].
    pub fn encode_line(&self) -> Result<Vec<u8>, crate::codec::CodecError> {
        crate::codec::encode(self, LINE_BYTES_MAX)
    }

    /// The record in a line's bytes.
    ///
    /// # Errors
    /// Every form but the one encoding of a line; a record in it must be sound.
    pub fn decode_line(bytes: &[u8]) -> Result<Self, crate::codec::CodecError> {
        let line: Self = crate::codec::decode(bytes, LINE_BYTES_MAX)?;
        let sound = match &line.subject {
            Subject::Listed { .. } | Subject::Counted { .. } => true,
            Subject::Unlisted { who, .. } => who.is_sound(),
        };
        if sound { Ok(line) } else { Err(crate::codec::CodecError::Malformed) }
    }
}

/// The body of a statement of handover lines; the lines travel beside it as one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LinesBody {
    /// The version whose handover it is.
    pub version: u32,
    /// What the body holds of the lines.
    pub lines: ListRoot,
}

/// Says that its author's lines are complete.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Closed {
    /// The version.
    pub version: u32,
    /// Words beside it.
    pub remark: Option<Text>,
}

/// Tells the home side that persons were or are to be taken to a third country.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TransferNotice {
    /// The offer in which they are listed.
    pub offer: Digest,
    /// The leg, from 0.
    pub leg: u16,
    /// The lines of its list, from 0, rising; none: all of the leg.
    pub lines: Vec<u32>,
    /// The country.
    pub country: Text,
    /// When.
    pub on: Option<PartialDate>,
    /// Where they are accommodated, and by whom.
    pub accommodation: Option<Text>,
    /// Why.
    pub reason: Option<Text>,
}

/// Says that a condition was broken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Breach {
    /// The sealed offer that holds the condition.
    pub offer: Digest,
    /// The condition, from 0.
    pub condition: u16,
    /// By whom: lines of the condition's list, from 0, rising; none: not known by whom.
    pub lines: Vec<u32>,
    /// When.
    pub on: Option<PartialDate>,
    /// What happened, and what shows it.
    pub facts: Text,
    /// What is asked.
    pub remedy: Remedy,
    /// By when an answer is expected.
    pub answer_by: Option<UnixMillis>,
}

words! {
    /// The answers to a breach.
    BreachAnswer {
        /// It is so.
        Admitted = 0 "admitted";
        /// It is not so.
        Denied = 1 "denied";
        /// It is being looked into.
        UnderInquiry = 2 "under inquiry";
        /// It has been made good.
        Remedied = 3 "remedied";
    }
}

/// Answers a breach. The last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BreachAnswered {
    /// The breach.
    pub breach: Digest,
    /// The answer.
    pub answer: BreachAnswer,
    /// In words.
    pub text: Option<Text>,
}
