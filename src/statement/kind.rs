//! The kinds of statements and their numbers in the header.

/// A kind of statement: `u16` in the header. A number that is not here is stored, chained, acknowledged and void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Kind {
    /// Says nothing but what its header acknowledges.
    Acknowledgement = 1,
    /// Which of the counterpart's statements an officer has opened.
    Read = 2,
    /// The officer compared the safety words and they agree.
    WordsConfirmed = 3,
    /// Free text that never binds.
    Note = 4,
    /// New addresses, pins and writer ids of the author's relays.
    Relays = 5,
    /// Two statements of the counterpart at one sequence number.
    ForkNotice = 6,
    /// The channel takes the place of another.
    Renewal = 7,
    /// A proposal: opens a case, or the next version's candidate in one.
    Offer = 16,
    /// Takes back an own open offer.
    Withdraw = 17,
    /// Closes an open offer of the other.
    Reject = 18,
    /// Accepts an open offer of the other.
    Accept = 19,
    /// Confirms the other's live acceptance of an own offer.
    Confirm = 20,
    /// Takes back an own live acceptance.
    Lapse = 21,
    /// Asks for time.
    Standby = 22,
    /// Asks a question in a case.
    Query = 23,
    /// Answers a question in a case.
    Answer = 24,
    /// Freezes the lists of a sealed version.
    Lock = 32,
    /// Says how persons are moved.
    Transport = 33,
    /// Acknowledges the other's transport.
    TransportAcknowledged = 34,
    /// Says that its author is ready to move.
    Ready = 35,
    /// Says that its author moves once both have said it.
    Go = 36,
    /// Breaks a round off.
    Suspend = 37,
    /// What became of whom, at the handover.
    Lines = 38,
    /// Says that its author's lines are complete.
    Closed = 39,
    /// Tells of persons taken to a third country.
    TransferNotice = 40,
    /// Says that a condition was broken.
    Breach = 41,
    /// Answers a breach.
    BreachAnswered = 42,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 27] = [
        Self::Acknowledgement,
        Self::Read,
        Self::WordsConfirmed,
        Self::Note,
        Self::Relays,
        Self::ForkNotice,
        Self::Renewal,
        Self::Offer,
        Self::Withdraw,
        Self::Reject,
        Self::Accept,
        Self::Confirm,
        Self::Lapse,
        Self::Standby,
        Self::Query,
        Self::Answer,
        Self::Lock,
        Self::Transport,
        Self::TransportAcknowledged,
        Self::Ready,
        Self::Go,
        Self::Suspend,
        Self::Lines,
        Self::Closed,
        Self::TransferNotice,
        Self::Breach,
        Self::BreachAnswered,
    ];

    /// The number in the header.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether it is a receipt: a statement that by itself asks for no acknowledgement.
    #[must_use]
    pub const fn is_receipt(self) -> bool {
        matches!(self, Self::Acknowledgement | Self::Read)
    }

    /// The kind's name as officers and machines read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledgement => "acknowledgement",
            Self::Read => "read",
            Self::WordsConfirmed => "words-confirmed",
            Self::Note => "note",
            Self::Relays => "relays",
            Self::ForkNotice => "fork-notice",
            Self::Renewal => "renewal",
            Self::Offer => "offer",
            Self::Withdraw => "withdraw",
            Self::Reject => "reject",
            Self::Accept => "accept",
            Self::Confirm => "confirm",
            Self::Lapse => "lapse",
            Self::Standby => "standby",
            Self::Query => "query",
            Self::Answer => "answer",
            Self::Lock => "lock",
            Self::Transport => "transport",
            Self::TransportAcknowledged => "transport-acknowledged",
            Self::Ready => "ready",
            Self::Go => "go",
            Self::Suspend => "suspend",
            Self::Lines => "lines",
            Self::Closed => "closed",
            Self::TransferNotice => "transfer-notice",
            Self::Breach => "breach",
            Self::BreachAnswered => "breach-answered",
        }
    }
}
