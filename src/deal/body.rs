//! Bodies of the statements of a negotiation: `format u8 = 1 ‖ fields`, one encoding each. Parsed once, at
//! the edge; inside only valid content exists. May not know what a statement does to a case.

use crate::codec::{CodecError, decode, encode};
use crate::crypto::digest::Digest;
use crate::deal::handover::{
    Breach, BreachAnswered, Closed, Go, HandoverLine, LinesBody, Lock, Ready, Suspend, TransferNotice,
    Transport, TransportAcknowledged, VEHICLES_MAX,
};
use crate::deal::person::Line;
use crate::deal::terms::{CONDITIONS_MAX, Category, Firmness, LEGS_MAX, Leg, Quantity, Terms};
use crate::deal::terms_rules::{StageFault, TermsError, check_moment, check_window, rising};
use crate::deal::word::{Text, words};
use crate::statement::kind::Kind;
use crate::statement::list::{List, ListError, ListRoot};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// The format number every body begins with.
pub const BODY_FORMAT: u8 = 1;
/// Bytes of a body without its lists, at most: the most legs, stages and conditions, each with some lines of text.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// Bytes that are not the body of a statement of the kind its header names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A kind that is no part of a negotiation.
    #[error("a statement of kind {} carries no part of a negotiation", .0.name())]
    NotOfADeal(Kind),
    /// Another format number than [`BODY_FORMAT`].
    #[error(
        "the body has format {0}; this program reads format {BODY_FORMAT}: update it to read the statement"
    )]
    UnknownFormat(u8),
    /// Not the one encoding of a body of this kind.
    #[error("the body is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// Over [`BODY_BYTES_MAX`].
    #[error(
        "the body takes {0} bytes; at most {BODY_BYTES_MAX} are allowed: shorten its texts, or divide it"
    )]
    TooLong(usize),
    /// Over [`VEHICLES_MAX`].
    #[error(
        "the notice names {0} vehicles; at most {VEHICLES_MAX} are allowed: name the others in the remark"
    )]
    TooManyVehicles(usize),
    /// A window that is over before it begins, or past the calendar.
    #[error("the statement {0}")]
    Window(#[from] StageFault),
    /// Lines twice or out of order.
    #[error("lines are named twice or out of order: name each once, rising")]
    LinesOutOfOrder,
    /// A leg or a condition that no offer can have, counted from 1.
    #[error("there is no {0} {1} in any offer: correct its number")]
    Nowhere(&'static str, usize),
    /// Lists beside a body that names none, or not as many as it names.
    #[error("{found} lists came with a body that names {named}")]
    ListCount {
        /// Lists that came.
        found: usize,
        /// Lists the body names.
        named: usize,
    },
    /// A list that is not the one the body commits to. Lists are counted from 1.
    #[error("list {0} is not the list the body commits to")]
    ListMismatch(usize),
    /// A list over a limit.
    #[error("a list is too large: {0}")]
    ListLimit(#[from] ListError),
    /// A list with no line. Lists are counted from 1.
    #[error("list {0} has no line: leave out its leg, or name somebody")]
    ListEmpty(usize),
    /// A line that is no record, or not of its leg's category. Lists and lines are counted from 1.
    #[error("line {line} of list {list} is not a record of the kind its leg needs")]
    LineMalformed {
        /// The list.
        list: usize,
        /// The line.
        line: usize,
    },
    /// Terms that contradict themselves.
    #[error("{0}")]
    Terms(#[from] TermsError),
    /// An offer of nothing where there is nothing to cancel.
    #[error("the offer has no leg: only the amendment of a sealed version may be empty, which cancels it")]
    OffersNothing,
}

/// Free text.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Note {
    /// What is said.
    pub text: Text,
}

/// The body of an offer; the lines of its lists travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferBody {
    /// The version of the case it would replace; 0 where none is sealed.
    pub base: u32,
    /// The offer it answers. Informative: no rule reads it.
    pub parent: Option<Digest>,
    /// The sealed offer of another case in whose frame it is made. Informative: no rule reads it.
    pub frame: Option<Digest>,
    /// Firm or exploratory.
    pub firmness: Firmness,
    /// Until when its author's client will confirm by itself. A promise, not a rule.
    pub valid_until: Option<UnixMillis>,
    /// What is promised and asked.
    pub terms: Terms,
    /// What the body holds of each list, in the order of the legs that name them.
    pub lists: Vec<ListRoot>,
}

/// An offer with its lists' records: checked against each other, so never one without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    body: OfferBody,
    records: Vec<Vec<Line>>,
}

/// Takes back an own offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Withdraw {
    /// The offer.
    pub offer: Digest,
    /// Why.
    pub reason: Option<Text>,
}

/// Turns down the other's offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reject {
    /// The offer.
    pub offer: Digest,
    /// Why.
    pub reason: Option<Text>,
}

/// Accepts the other's offer as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Accept {
    /// The offer.
    pub offer: Digest,
    /// Until when its author's client will not lapse it by itself. A promise, not a rule.
    pub hold_until: UnixMillis,
    /// Words beside it.
    pub remark: Option<Text>,
}

/// Confirms the other's acceptance of an own offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Confirm {
    /// The acceptance.
    pub acceptance: Digest,
}

/// Takes back an own acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Lapse {
    /// The acceptance.
    pub acceptance: Digest,
    /// Why.
    pub reason: Option<Text>,
}

/// Asks for time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Standby {
    /// When an answer is to be expected.
    pub until: Option<UnixMillis>,
    /// Why.
    pub reason: Option<Text>,
}

/// Asks a question.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Query {
    /// The statement it is about.
    pub about: Option<Digest>,
    /// The question.
    pub text: Text,
    /// By when an answer is expected.
    pub answer_by: Option<UnixMillis>,
}

words! {
    /// The answers to a question.
    Reply {
        /// As the text says.
        Told = 0 "told";
        /// Yes.
        Yes = 1 "yes";
        /// No.
        No = 2 "no";
        /// It is not known.
        NotKnown = 3 "not known";
        /// It will not be said.
        NotSaid = 4 "not said";
        /// Later.
        Later = 5 "later";
    }
}

/// Answers a question.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// The query.
    pub query: Digest,
    /// The answer.
    pub reply: Reply,
    /// In words.
    pub text: Option<Text>,
}

/// What became of whom, with the lines that the body commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    body: LinesBody,
    lines: Vec<HandoverLine>,
}

/// What a statement of a negotiation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Free text.
    Note(Note),
    /// A proposal, boxed as it is far larger than the rest.
    Offer(Box<Offer>),
    /// An own offer taken back.
    Withdraw(Withdraw),
    /// The other's offer turned down.
    Reject(Reject),
    /// The other's offer accepted.
    Accept(Accept),
    /// The other's acceptance confirmed.
    Confirm(Confirm),
    /// An own acceptance taken back.
    Lapse(Lapse),
    /// Time asked for.
    Standby(Standby),
    /// A question.
    Query(Query),
    /// An answer.
    Answer(Answer),
    /// Lists frozen.
    Lock(Lock),
    /// How persons are moved.
    Transport(Transport),
    /// The other's transport acknowledged.
    TransportAcknowledged(TransportAcknowledged),
    /// Ready to move.
    Ready(Ready),
    /// Go.
    Go(Go),
    /// A round broken off.
    Suspend(Suspend),
    /// What became of whom.
    Lines(Lines),
    /// Lines complete.
    Closed(Closed),
    /// Persons taken to a third country.
    TransferNotice(TransferNotice),
    /// A condition broken.
    Breach(Breach),
    /// A breach answered.
    BreachAnswered(BreachAnswered),
}

/// How bodies become content, and back.
#[derive(Debug, Clone, Copy)]
pub struct Body;

impl Body {
    /// The content of a body of `kind` with the lists that came beside it.
    ///
    /// # Errors
    /// [`BodyError`]; such a statement is stored, chained, acknowledged and void.
    pub fn parse(kind: Kind, bytes: &[u8], lists: &[List]) -> Result<Content, BodyError> {
        if !matches!(kind, Kind::Offer | Kind::Lines) && !lists.is_empty() {
            return Err(BodyError::ListCount { found: lists.len(), named: 0 });
        }
        let content = Self::read(kind, bytes, lists)?;
        content.check()?;
        Ok(content)
    }

    fn read(kind: Kind, bytes: &[u8], lists: &[List]) -> Result<Content, BodyError> {
        match kind {
            Kind::Note => read(bytes).map(Content::Note),
            Kind::Offer => Offer::join(read(bytes)?, lists).map(|offer| Content::Offer(Box::new(offer))),
            Kind::Withdraw => read(bytes).map(Content::Withdraw),
            Kind::Reject => read(bytes).map(Content::Reject),
            Kind::Accept => read(bytes).map(Content::Accept),
            Kind::Confirm => read(bytes).map(Content::Confirm),
            Kind::Lapse => read(bytes).map(Content::Lapse),
            Kind::Standby => read(bytes).map(Content::Standby),
            Kind::Query => read(bytes).map(Content::Query),
            Kind::Answer => read(bytes).map(Content::Answer),
            Kind::Lock => read(bytes).map(Content::Lock),
            Kind::Transport => read(bytes).map(Content::Transport),
            Kind::TransportAcknowledged => read(bytes).map(Content::TransportAcknowledged),
            Kind::Ready => read(bytes).map(Content::Ready),
            Kind::Go => read(bytes).map(Content::Go),
            Kind::Suspend => read(bytes).map(Content::Suspend),
            Kind::Lines => Lines::join(read(bytes)?, lists).map(Content::Lines),
            Kind::Closed => read(bytes).map(Content::Closed),
            Kind::TransferNotice => read(bytes).map(Content::TransferNotice),
            Kind::Breach => read(bytes).map(Content::Breach),
            Kind::BreachAnswered => read(bytes).map(Content::BreachAnswered),
            Kind::Acknowledgement
            | Kind::Read
            | Kind::WordsConfirmed
            | Kind::Relays
            | Kind::ForkNotice
            | Kind::Renewal => Err(BodyError::NotOfADeal(kind)),
        }
    }
}

pub(crate) fn read<T: Encode + Decode<()>>(bytes: &[u8]) -> Result<T, BodyError> {
    match bytes.first() {
        Some(&BODY_FORMAT) => Ok(decode::<(u8, T)>(bytes, BODY_BYTES_MAX)?.1),
        Some(&other) => Err(BodyError::UnknownFormat(other)),
        None => Err(CodecError::Malformed.into()),
    }
}

fn write<T: Encode>(fields: &T) -> Result<Vec<u8>, BodyError> {
    encode(&(BODY_FORMAT, fields), BODY_BYTES_MAX).map_err(|error| match error {
        CodecError::TooLong { found, .. } => BodyError::TooLong(found),
        other => other.into(),
    })
}

impl Content {
    /// The kind its header must name.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Note(_) => Kind::Note,
            Self::Offer(_) => Kind::Offer,
            Self::Withdraw(_) => Kind::Withdraw,
            Self::Reject(_) => Kind::Reject,
            Self::Accept(_) => Kind::Accept,
            Self::Confirm(_) => Kind::Confirm,
            Self::Lapse(_) => Kind::Lapse,
            Self::Standby(_) => Kind::Standby,
            Self::Query(_) => Kind::Query,
            Self::Answer(_) => Kind::Answer,
            Self::Lock(_) => Kind::Lock,
            Self::Transport(_) => Kind::Transport,
            Self::TransportAcknowledged(_) => Kind::TransportAcknowledged,
            Self::Ready(_) => Kind::Ready,
            Self::Go(_) => Kind::Go,
            Self::Suspend(_) => Kind::Suspend,
            Self::Lines(_) => Kind::Lines,
            Self::Closed(_) => Kind::Closed,
            Self::TransferNotice(_) => Kind::TransferNotice,
            Self::Breach(_) => Kind::Breach,
            Self::BreachAnswered(_) => Kind::BreachAnswered,
        }
    }

    /// The rules of its fields that no type holds; those of offers and of lines are held by their `join`.
    fn check(&self) -> Result<(), BodyError> {
        let known = |what, index: u16, max: usize| {
            let index = usize::from(index);
            if index < max { Ok(()) } else { Err(BodyError::Nowhere(what, index + 1)) }
        };
        let in_order = |lines: &[u32]| if rising(lines) { Ok(()) } else { Err(BodyError::LinesOutOfOrder) };
        match self {
            Self::Transport(Transport { vehicles, window, airspace, .. }) => {
                if vehicles.len() > VEHICLES_MAX {
                    return Err(BodyError::TooManyVehicles(vehicles.len()));
                }
                check_window(*window)?;
                Ok(check_window(*airspace)?)
            }
            Self::Go(Go { window, .. }) => Ok(check_window(*window)?),
            Self::TransferNotice(TransferNotice { leg, lines, .. }) => {
                known("leg", *leg, LEGS_MAX)?;
                in_order(lines)
            }
            Self::Breach(Breach { condition, lines, .. }) => {
                known("condition", *condition, CONDITIONS_MAX)?;
                in_order(lines)
            }
            _ => Ok(()),
        }
    }

    /// The same without the records of an offer's lists, for who reads terms alone: lists are checked before, and
    /// are far larger than the rest.
    #[must_use]
    pub fn without_records(mut self) -> Self {
        if let Self::Offer(offer) = &mut self {
            offer.records = Vec::new();
        }
        self
    }

    /// The body's bytes; an offer's lists are not among them.
    ///
    /// # Errors
    /// [`BodyError`] for what [`Body::parse`] would refuse.
    pub fn encode(&self) -> Result<Vec<u8>, BodyError> {
        self.check()?;
        match self {
            Self::Note(fields) => write(fields),
            Self::Offer(offer) => write(&offer.body),
            Self::Withdraw(fields) => write(fields),
            Self::Reject(fields) => write(fields),
            Self::Accept(fields) => write(fields),
            Self::Confirm(fields) => write(fields),
            Self::Lapse(fields) => write(fields),
            Self::Standby(fields) => write(fields),
            Self::Query(fields) => write(fields),
            Self::Answer(fields) => write(fields),
            Self::Lock(fields) => write(fields),
            Self::Transport(fields) => write(fields),
            Self::TransportAcknowledged(fields) => write(fields),
            Self::Ready(fields) => write(fields),
            Self::Go(fields) => write(fields),
            Self::Suspend(fields) => write(fields),
            Self::Lines(lines) => write(&lines.body),
            Self::Closed(fields) => write(fields),
            Self::TransferNotice(fields) => write(fields),
            Self::Breach(fields) => write(fields),
            Self::BreachAnswered(fields) => write(fields),
        }
    }
}

impl Lines {
    /// The lines of `body`, with the list it commits to.
    ///
    /// # Errors
    /// [`BodyError`] where body and list do not agree.
    pub fn join(body: LinesBody, lists: &[List]) -> Result<Self, BodyError> {
        let [list] = lists else { return Err(BodyError::ListCount { found: lists.len(), named: 1 }) };
        list.check()?;
        if list.root() != body.lines {
            return Err(BodyError::ListMismatch(1));
        }
        let record = |(bytes, line): (&Vec<u8>, usize)| {
            let read = HandoverLine::decode_line(bytes).ok();
            let read = read.filter(|it| usize::from(it.subject.leg()) < LEGS_MAX);
            read.ok_or(BodyError::LineMalformed { list: 1, line })
        };
        let lines = list.lines().iter().zip(1..).map(record).collect::<Result<_, _>>()?;
        Ok(Self { body, lines })
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &LinesBody {
        &self.body
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[HandoverLine] {
        &self.lines
    }

    /// The legs they are about: bit `n` for leg `n`; [`Lines::join`] refuses a leg past the last there can be.
    #[must_use]
    pub fn legs(&self) -> u128 {
        self.lines
            .iter()
            .fold(0, |legs, line| legs | 1u128.checked_shl(line.subject.leg().into()).unwrap_or(0))
    }
}

impl Offer {
    /// The offer of `body`, with the lists it commits to.
    ///
    /// # Errors
    /// [`BodyError`] where terms and lists do not agree.
    pub fn join(body: OfferBody, lists: &[List]) -> Result<Self, BodyError> {
        let Self { body, .. } = Self::without_lists(body)?;
        if lists.len() != body.lists.len() {
            return Err(BodyError::ListCount { found: lists.len(), named: body.lists.len() });
        }
        let mut records = Vec::with_capacity(lists.len());
        for ((list, root), number) in lists.iter().zip(&body.lists).zip(1..) {
            if list.lines().is_empty() {
                return Err(BodyError::ListEmpty(number));
            }
            list.check()?;
            if list.root() != *root {
                return Err(BodyError::ListMismatch(number));
            }
            records.push(list_records(list, number, list_category(&body.terms, number - 1))?);
        }
        Ok(Self { body, records })
    }

    /// The offer of `body` as who was not shown its lists knows it: its terms are checked, its legs have no lines.
    ///
    /// # Errors
    /// [`BodyError`] for terms that contradict themselves.
    pub fn without_lists(body: OfferBody) -> Result<Self, BodyError> {
        let lines: Vec<u32> = body.lists.iter().map(|list| list.lines).collect();
        body.terms.check(&lines)?;
        check_moment(body.valid_until).map_err(TermsError::ValidUntil)?;
        if body.base == 0 && body.terms.legs.is_empty() {
            return Err(BodyError::OffersNothing);
        }
        Ok(Self { body, records: Vec::new() })
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &OfferBody {
        &self.body
    }

    /// The legs.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.body.terms.legs
    }

    /// The records of a leg's list; none where the leg only counts.
    #[must_use]
    pub fn lines(&self, leg: &Leg) -> &[Line] {
        match leg.quantity {
            Quantity::List(index) => self.records.get(usize::from(index)).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    /// Those named as not part of a leg.
    #[must_use]
    pub fn exceptions(&self, leg: &Leg) -> &[Line] {
        leg.except.and_then(|index| self.records.get(usize::from(index))).map_or(&[], Vec::as_slice)
    }
}

fn list_category(terms: &Terms, index: usize) -> Category {
    let named = |leg: &&Leg| {
        let list = match leg.quantity {
            Quantity::List(at) => Some(at),
            _ => leg.except,
        };
        list.is_some_and(|at| usize::from(at) == index)
    };
    terms.legs.iter().find(named).map_or(Category::Person, |leg| leg.category)
}

fn list_records(list: &List, number: usize, category: Category) -> Result<Vec<Line>, BodyError> {
    let fits = |line: &Line| line.remains().is_some() == (category == Category::Remains);
    let record = |(bytes, at): (&Vec<u8>, usize)| {
        let line = Line::decode_line(bytes).ok().filter(fits);
        line.ok_or(BodyError::LineMalformed { list: number, line: at })
    };
    list.lines().iter().zip(1..).map(record).collect()
}
