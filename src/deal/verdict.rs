//! What can be done in a negotiation, and the reasons why a statement that tries has no effect. May not know
//! the rules themselves: `judge` applies them.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::handover::Round;

/// What an officer may do in a negotiation, without the words that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Say something.
    Note,
    /// Make an offer.
    Offer {
        /// The version it would replace.
        base: u32,
        /// Whether it is about the dead alone.
        remains_only: bool,
    },
    /// Take back this own offer.
    Withdraw(Digest),
    /// Turn down this offer.
    Reject(Digest),
    /// Accept this offer.
    Accept(Digest),
    /// Confirm this acceptance.
    Confirm(Digest),
    /// Take back this own acceptance.
    Lapse(Digest),
    /// Ask for time.
    Standby,
    /// Ask a question.
    Query,
    /// Answer this query.
    Answer(Digest),
    /// Freeze the lists of a version.
    Lock {
        /// The version.
        version: u32,
        /// The digest of its lists.
        lists: Digest,
    },
    /// Say how persons are moved for a version.
    Transport(u32),
    /// Acknowledge this transport notice of the other.
    AcknowledgeTransport(Digest),
    /// Be ready.
    Ready {
        /// The version.
        version: u32,
        /// The round.
        round: Round,
    },
    /// Go.
    Go {
        /// The version.
        version: u32,
        /// The round.
        round: Round,
    },
    /// Break a round off.
    Suspend {
        /// The version.
        version: u32,
        /// The round.
        round: Round,
    },
    /// Say what became of whom.
    Lines {
        /// The version.
        version: u32,
        /// The legs the lines are about: bit `n` for leg `n`, from 0.
        legs: u128,
    },
    /// Close the handover of this version.
    Close(u32),
    /// Tell of persons in this offer taken to a third country.
    TransferNotice(Digest),
    /// Say that a condition of this sealed offer was broken.
    Breach(Digest),
    /// Answer this breach.
    AnswerBreach(Digest),
}

impl Act {
    /// What `content` does.
    #[must_use]
    pub fn of(content: &Content) -> Self {
        match content {
            Content::Note(_) => Self::Note,
            Content::Offer(offer) => {
                let body = offer.body();
                Self::Offer { base: body.base, remains_only: body.terms.is_remains_only() }
            }
            Content::Withdraw(it) => Self::Withdraw(it.offer),
            Content::Reject(it) => Self::Reject(it.offer),
            Content::Accept(it) => Self::Accept(it.offer),
            Content::Confirm(it) => Self::Confirm(it.acceptance),
            Content::Lapse(it) => Self::Lapse(it.acceptance),
            Content::Standby(_) => Self::Standby,
            Content::Query(_) => Self::Query,
            Content::Answer(it) => Self::Answer(it.query),
            Content::Lock(it) => Self::Lock { version: it.version, lists: it.lists },
            Content::Transport(it) => Self::Transport(it.version),
            Content::TransportAcknowledged(it) => Self::AcknowledgeTransport(it.notice),
            Content::Ready(it) => Self::Ready { version: it.version, round: it.round },
            Content::Go(it) => Self::Go { version: it.version, round: it.round },
            Content::Suspend(it) => Self::Suspend { version: it.version, round: it.round },
            Content::Lines(it) => Self::Lines { version: it.body().version, legs: it.legs() },
            Content::Closed(it) => Self::Close(it.version),
            Content::TransferNotice(it) => Self::TransferNotice(it.offer),
            Content::Breach(it) => Self::Breach(it.offer),
            Content::BreachAnswered(it) => Self::AnswerBreach(it.breach),
        }
    }
}

/// Why a statement has no effect, now and for ever. What its author had not seen by then does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum VoidReason {
    /// A kind this program does not know.
    #[error("this program does not know statements of kind {0}: update it to read them")]
    UnknownKind(u16),
    /// A body that its kind does not allow.
    #[error("its body is malformed: its author has to say it again")]
    Malformed,
    /// Made before both parties had confirmed the safety words.
    #[error(
        "both sides must confirm the safety words first; until then only notes and proposals about remains \
         have effect: confirm the words, then say it again"
    )]
    WordsNotConfirmed,
    /// Names no case.
    #[error("it names no case: name the case it belongs to")]
    NoCase,
    /// Names a case that no valid offer had opened.
    #[error("no valid offer has opened the case it names: check the id")]
    CaseUnknown,
    /// An offer on another version than the current one.
    #[error(
        "it builds on version {base}, and the current version is {current}: make it again on version {current}"
    )]
    NotOnCurrentVersion {
        /// The version it builds on.
        base: u32,
        /// The version that was current.
        current: u32,
    },
    /// Its author's own acceptance or confirm still stands.
    #[error(
        "its author's own acceptance or confirm still stands: wait for the seal, or lapse the acceptance \
         where that is still possible"
    )]
    AuthorHanging,
    /// Names no valid offer of this case.
    #[error("it names no valid offer of this case: check the id")]
    OfferUnknown,
    /// Needs an offer of the counterpart and names an own one.
    #[error("it names its author's own offer: only the other side's can be accepted or rejected")]
    OfferOwn,
    /// Needs an own offer and names one of the counterpart.
    #[error("it names the other side's offer: only one's own can be withdrawn")]
    OfferNotOwn,
    /// The offer is on an earlier version.
    #[error("another version was sealed since that offer: make an amendment of the current version instead")]
    OfferSuperseded,
    /// The offer was withdrawn.
    #[error("that offer was withdrawn: ask for it to be made again")]
    OfferWithdrawn,
    /// The offer was rejected.
    #[error("that offer was rejected: it takes a new offer to return to it")]
    OfferRejected,
    /// An acceptance while the other's stands.
    #[error("the other side has already accepted: confirm that acceptance, or withdraw the offer it accepts")]
    OtherHasAccepted,
    /// A rejection of what its author has accepted.
    #[error("its author has accepted that offer: lapse the acceptance before rejecting")]
    RejectsOwnAcceptance,
    /// Names no valid acceptance of this case.
    #[error("it names no valid acceptance of this case: check the id")]
    AcceptanceUnknown,
    /// A confirm of an own acceptance.
    #[error("it names its author's own acceptance: only the other side's can be confirmed")]
    AcceptanceOwn,
    /// A lapse of the other's acceptance.
    #[error("it names the other side's acceptance: only one's own can lapse")]
    AcceptanceNotOwn,
    /// The acceptance was lapsed.
    #[error("that acceptance has lapsed: wait for another, or make a new offer")]
    AcceptanceLapsed,
    /// A lapse of a confirmed acceptance.
    #[error("that acceptance is confirmed: the agreement stands, and only an amendment can change it")]
    AlreadyConfirmed,
    /// A lapse where both sides have accepted.
    #[error("both sides have accepted, and so the opener's offer is agreed: only an amendment can change it")]
    AlreadyCrossed,
    /// A confirm although the other had not acknowledged all its author's lapses.
    #[error(
        "the other side has not yet acknowledged that its author's own acceptance lapsed: wait for \
         its next statement, then confirm"
    )]
    LapseUnacknowledged,
    /// On the handover of a case in which no version is sealed.
    #[error("no version of this case is sealed: agree on an offer first, and let both sides acknowledge it")]
    NothingSealed,
    /// On a handover of another version than the current one.
    #[error(
        "it is about version {version}, and the current version is {current}: say it for version {current}"
    )]
    VersionNotCurrent {
        /// The version it is about.
        version: u32,
        /// The version that was current.
        current: u32,
    },
    /// On the handover of an empty version.
    #[error(
        "the current version is empty, so what was agreed is cancelled and nobody is handed over: agree on an \
         amendment of it first"
    )]
    Cancelled,
    /// Of another round than the current one.
    #[error(
        "it is of round {}-{}, and the current round is {}-{}, as a round was broken off: say it again in the \
         current round", .round.opener, .round.other, .current.opener, .current.other
    )]
    RoundNotCurrent {
        /// The round it is of.
        round: Round,
        /// The round that was current.
        current: Round,
    },
    /// Its author's go stands in the current round.
    #[error(
        "its author has said go in this round, which binds it: wait for the other side's go, or for it to \
         suspend the round"
    )]
    AuthorGone,
    /// Both parties' goes stand.
    #[error("both sides have said go, and nothing undoes that: say in handover lines what comes of it")]
    GoEffective,
    /// A second lock of the lists of the version.
    #[error("its author has locked the lists of this version already: nothing more is needed")]
    AlreadyLocked,
    /// Needs both locks, and its author has made none.
    #[error("its author has not locked the lists of this version: lock them first")]
    NotLocked,
    /// Needs both locks, and its author's is of other lists.
    #[error(
        "its author has locked other lists than those of this version: compare them, then lock those of \
         this version"
    )]
    LockedOtherLists,
    /// Needs both locks, and the other has made none.
    #[error("the other side has not locked the lists of this version: wait for its lock")]
    OtherNotLocked,
    /// Needs both locks, and the other's is of other lists.
    #[error(
        "the other side has locked other lists than those of this version: ask it to compare them, and wait \
         for its lock"
    )]
    OtherLockedOtherLists,
    /// Names nothing that is a transport notice for the current version.
    #[error("it names no transport notice of the other side for the current version: check the id")]
    NoticeUnknown,
    /// An acknowledgement of an own transport notice.
    #[error("it names its author's own transport notice: only the other side's can be acknowledged")]
    NoticeOwn,
    /// An acknowledgement of a transport notice that was changed.
    #[error("the other side has changed that transport notice: acknowledge the one that took its place")]
    NoticeReplaced,
    /// A second acknowledgement of one notice.
    #[error("its author has acknowledged that transport notice already: nothing more is needed")]
    AlreadyAcknowledged,
    /// A ready although its author gives somebody and has not said how they are moved.
    #[error("its author has not said how it moves those it gives: send the transport notice first")]
    TransportMissing,
    /// A ready although the other gives somebody and has not said how they are moved.
    #[error("the other side has not said how it moves those it gives: wait for its transport notice")]
    OtherTransportMissing,
    /// A ready although its author has not acknowledged the other's current transport notice.
    #[error("its author has not acknowledged the other side's transport notice: acknowledge it first")]
    TransportUnacknowledged,
    /// A ready although the other has not acknowledged its author's current transport notice.
    #[error("the other side has not acknowledged its author's transport notice: wait for that")]
    OtherNotAcknowledged,
    /// A second ready in one round.
    #[error("its author has said in this round that it is ready: nothing more is needed")]
    AlreadyReady,
    /// A go without its author's ready in the round.
    #[error("its author has not said in this round that it is ready: say that first")]
    NotReady,
    /// A go without the other's ready in the round.
    #[error("the other side has not said in this round that it is ready: wait for that")]
    OtherNotReady,
    /// Lines or a closing before both goes.
    #[error("both sides have not said go in one round, so nobody has moved: wait for both goes")]
    NoEffectiveGo,
    /// Lines about a leg that the version does not have.
    #[error("it is about a leg past the last, and the version has {legs}: check the numbers of the legs")]
    LegUnknown {
        /// How many there are.
        legs: usize,
    },
    /// Lines about persons after their author had closed.
    #[error(
        "its author has closed this handover, after which only lines on remains may change: ask in a query"
    )]
    LinesClosed,
    /// A second closing.
    #[error("its author has closed this handover already: nothing more is needed")]
    AlreadyClosed,
    /// A breach of an offer that was never sealed.
    #[error("that offer is not sealed, so its conditions bind nobody: name the sealed offer")]
    OfferNotSealed,
    /// An answer to no valid breach of this case.
    #[error("it names no valid breach of this case: check the id")]
    BreachUnknown,
    /// An answer to an own breach.
    #[error("it names its author's own breach: only the other side can answer it")]
    BreachOwn,
}

/// Valid, or void and why.
pub type Verdict = Result<(), VoidReason>;
