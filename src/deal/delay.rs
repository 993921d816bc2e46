//! The delay ledger: what each side was asked, when it answered, what is unanswered and overdue. Times are those of
//! [`Spoken::at`]: what this side saw, not what the other claims. Decides nothing.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::history::{History, Spoken};
use crate::deal::state::OfferState;
use crate::party::role::Role;
use crate::time::{Millis, UnixMillis};
use std::collections::BTreeMap;

/// What waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// An offer: for an acceptance, a rejection or another offer made after it was seen.
    Offer,
    /// An acceptance: for its confirm.
    Acceptance,
    /// A query: for its answer.
    Query,
    /// A transport notice: for its acknowledgement.
    Transport,
    /// A breach: for an answer.
    Breach,
}

impl Asked {
    /// The name in text and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Acceptance => "acceptance",
            Self::Query => "query",
            Self::Transport => "transport notice",
            Self::Breach => "breach",
        }
    }
}

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Waits,
    /// By this statement.
    Answered(Digest, UnixMillis),
    /// It was taken back, or something else came in its place: no answer is owed.
    Moot,
}

/// One thing that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The statement that asks.
    pub id: Digest,
    /// What it is.
    pub asked: Asked,
    /// Who is to answer.
    pub whose: Role,
    /// Its case.
    pub case: Option<Digest>,
    /// Since when.
    pub since: UnixMillis,
    /// By when an answer is expected: the offer's validity, the acceptance's hold, the deadline of the question.
    pub until: Option<UnixMillis>,
    /// How it ended.
    pub end: End,
}

impl Wait {
    /// Whether it waits and its time is over.
    #[must_use]
    pub fn is_overdue(&self, now: UnixMillis) -> bool {
        self.end == End::Waits && self.until.is_some_and(|until| until < now)
    }

    /// How long the answer took.
    #[must_use]
    pub fn took(&self) -> Option<Millis> {
        match self.end {
            End::Answered(_, at) => Some(at.since(self.since)),
            End::Waits | End::Moot => None,
        }
    }
}

fn asked(content: &Content) -> Option<(Asked, Option<UnixMillis>)> {
    match content {
        Content::Offer(offer) => Some((Asked::Offer, offer.body().valid_until)),
        Content::Accept(it) => Some((Asked::Acceptance, Some(it.hold_until))),
        Content::Query(it) => Some((Asked::Query, it.answer_by)),
        Content::Transport(_) => Some((Asked::Transport, None)),
        Content::Breach(it) => Some((Asked::Breach, it.answer_by)),
        _ => None,
    }
}

/// All that was asked, in the order of the history.
#[must_use]
pub fn waits(history: &History<'_>) -> Vec<Wait> {
    let mut book = Book::default();
    for spoken in history.spoken() {
        book.read(spoken);
    }
    book.end_what_time_has_passed(history);
    book.waits
}

#[derive(Default)]
struct Book {
    waits: Vec<Wait>,
    /// The place of each statement that asks, in its author's chain and in `waits`.
    places: BTreeMap<Digest, (u64, usize)>,
    /// How much of the other's chain each party has seen.
    seen: BTreeMap<Role, u64>,
}

impl Book {
    fn end(&mut self, id: &Digest, end: End) {
        let wait = self.places.get(id).and_then(|(_, at)| self.waits.get_mut(*at));
        if let Some(wait) = wait.filter(|wait| wait.end == End::Waits) {
            wait.end = end;
        }
    }

    fn read(&mut self, spoken: &Spoken) {
        let seen = self.seen.entry(spoken.author).or_default();
        *seen = (*seen).max(spoken.peer_count);
        let seen = *seen;
        let Some(content) = &spoken.content else { return };
        let answered = End::Answered(spoken.id, spoken.at);
        match content {
            Content::Accept(it) => self.end(&it.offer, answered),
            Content::Reject(it) => self.end(&it.offer, answered),
            Content::Confirm(it) => self.end(&it.acceptance, answered),
            Content::Answer(it) => self.end(&it.query, answered),
            Content::TransportAcknowledged(it) => self.end(&it.notice, answered),
            Content::BreachAnswered(it) => self.end(&it.breach, answered),
            Content::Withdraw(it) => self.end(&it.offer, End::Moot),
            Content::Lapse(it) => self.end(&it.acceptance, End::Moot),
            Content::Offer(_) => self.counter(spoken, seen, answered),
            Content::Transport(_) => self.changed_transport(spoken),
            _ => {}
        }
        if let Some((asked, until)) = asked(content) {
            self.places.insert(spoken.id, (spoken.sequence, self.waits.len()));
            self.waits.push(Wait {
                id: spoken.id,
                asked,
                whose: spoken.author.other(),
                case: spoken.case,
                since: spoken.at,
                until,
                end: End::Waits,
            });
        }
    }

    /// An offer answers those of the other in its case that its author had seen.
    fn counter(&mut self, spoken: &Spoken, seen: u64, answered: End) {
        let of_case = |wait: &&mut Wait| {
            wait.asked == Asked::Offer && wait.whose == spoken.author && wait.case == spoken.case
        };
        for wait in self.waits.iter_mut().filter(of_case).filter(|wait| wait.end == End::Waits) {
            if self.places.get(&wait.id).is_some_and(|(sequence, _)| *sequence < seen) {
                wait.end = answered;
            }
        }
    }

    /// A transport notice takes the place of the one before.
    fn changed_transport(&mut self, spoken: &Spoken) {
        let before = |wait: &&mut Wait| {
            wait.asked == Asked::Transport && wait.whose != spoken.author && wait.case == spoken.case
        };
        for wait in self.waits.iter_mut().filter(before).filter(|wait| wait.end == End::Waits) {
            wait.end = End::Moot;
        }
    }

    /// What another offer's seal, or a crossing, has left behind.
    fn end_what_time_has_passed(&mut self, history: &History<'_>) {
        for wait in self.waits.iter_mut().filter(|wait| wait.end == End::Waits) {
            let Some(case) = wait.case.and_then(|case| history.ledger.case(&case)) else { continue };
            let stands = match wait.asked {
                Asked::Offer => {
                    let offer = case.offers().find(|offer| offer.id == wait.id);
                    offer.is_some_and(|offer| case.offer_state(offer) == OfferState::Open)
                }
                Asked::Acceptance => {
                    let live = case.live(wait.whose.other()).is_some_and(|live| live.id == wait.id);
                    live && case.live(wait.whose).is_none()
                }
                Asked::Query | Asked::Transport | Asked::Breach => true,
            };
            if !stands {
                wait.end = End::Moot;
            }
        }
    }
}

/// How one side answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delays {
    /// Answers it has given.
    pub answers: u32,
    /// Half of them took no longer.
    pub median: Option<Millis>,
    /// The longest, and what it answered.
    pub longest: Option<(Millis, Digest)>,
    /// Answers that came after their time.
    pub late: u32,
    /// What it has not answered.
    pub waiting: u32,
    /// What of that is overdue.
    pub overdue: u32,
}

/// How `role` answers what it is asked.
#[must_use]
pub fn delays(waits: &[Wait], role: Role, now: UnixMillis) -> Delays {
    let own: Vec<&Wait> = waits.iter().filter(|wait| wait.whose == role).collect();
    let took: Vec<(Millis, Digest)> = own.iter().filter_map(|wait| Some((wait.took()?, wait.id))).collect();
    let late = |wait: &&&Wait| match (wait.end, wait.until) {
        (End::Answered(_, at), Some(until)) => at > until,
        _ => false,
    };
    let counted = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Delays {
        answers: counted(took.len()),
        median: median(took.iter().map(|(took, _)| *took).collect()),
        longest: took.into_iter().max_by_key(|(took, _)| *took),
        late: counted(own.iter().filter(late).count()),
        waiting: counted(own.iter().filter(|wait| wait.end == End::Waits).count()),
        overdue: counted(own.iter().filter(|wait| wait.is_overdue(now)).count()),
    }
}

/// The middle one; of two in the middle, the shorter.
#[must_use]
pub fn median(mut spans: Vec<Millis>) -> Option<Millis> {
    spans.sort_unstable();
    spans.get(spans.len().checked_sub(1)? / 2).copied()
}
