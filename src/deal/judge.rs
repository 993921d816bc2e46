//! The pure function from the statements of a transcript to the state of all cases, with a verdict on each
//! statement. Reads no clock and no order of arrival: a statement is valid or void by its causal past alone.
//!
//! The past of statement `s` of a party is its first `s` statements, and as many of the other's as the largest
//! peer count in its header or an earlier one of its own. That is transitive already: what the other had
//! seen by then is this party's own, and earlier, for nobody can acknowledge an id that does not exist yet.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::case::{Acceptance, BreachRecord, Case, OfferRecord, QueryRecord, View};
use crate::deal::cut::{Both, Cut, Seen};
use crate::deal::handover::lists_digest;
use crate::deal::terms::Category;
use crate::deal::verdict::{Act, Verdict, VoidReason};
use crate::party::role::Role;
use crate::statement::kind::Kind;
use std::collections::BTreeMap;

/// What the body of a statement holds.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// Part of a negotiation.
    Deal(&'a Content),
    /// Something well-formed that is no part of a negotiation.
    Other,
    /// A body that its kind does not allow.
    Malformed,
}

/// A statement of the transcript, as far as cases depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its id.
    pub id: Digest,
    /// Its author.
    pub author: Role,
    /// Its place in its author's chain, from 0.
    pub sequence: u64,
    /// Statements of the counterpart that it acknowledges.
    pub peer_count: u64,
    /// The case its header names; none where that is zeros.
    pub case: Option<Digest>,
    /// The kind's number in its header.
    pub kind: u16,
    /// Its body.
    pub said: Said<'a>,
}

/// The state of all cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) cases: BTreeMap<Digest, Case>,
    pub(crate) seen: Seen,
    pub(crate) held: Cut,
    verdicts: BTreeMap<Digest, Verdict>,
    /// Where each party (inviter, joiner) first confirmed the safety words, in its own chain.
    words: Both<Option<u64>>,
}

/// The state that follows from `entries`: all statements of a transcript, of every kind, in any order,
/// repeated or not. One whose past is not whole among them is left unjudged, as if it had not come. Of two at
/// one place, which no transcript holds, the lower id counts.
#[must_use]
pub fn judge(entries: &[Entry<'_>]) -> Ledger {
    let mut chains: BTreeMap<(Role, u64), &Entry<'_>> = BTreeMap::new();
    for entry in entries {
        let place = chains.entry((entry.author, entry.sequence)).or_insert(entry);
        if entry.id < place.id {
            *place = entry;
        }
    }
    let mut ledger = Ledger::new();
    // Any order that keeps causes before effects gives the same verdicts; this one follows each chain while it can.
    loop {
        let before = ledger.held;
        for role in Role::BOTH {
            while let Some(entry) = chains.get(&(role, ledger.held.of(role))) {
                let peer = entry.peer_count.max(ledger.seen.by(role, ledger.held));
                if peer > ledger.held.of(role.other()) {
                    break;
                }
                ledger.take(entry, peer);
            }
        }
        if ledger.held == before {
            return ledger;
        }
    }
}

impl Ledger {
    fn new() -> Self {
        Self {
            cases: BTreeMap::new(),
            seen: Seen::default(),
            held: Cut::new(Role::Inviter, 0, 0),
            verdicts: BTreeMap::new(),
            words: Both::default(),
        }
    }

    /// The verdict on a statement; none on one that is not held, or whose past is not.
    #[must_use]
    pub fn verdict(&self, id: &Digest) -> Option<Verdict> {
        self.verdicts.get(id).copied()
    }

    /// Every verdict, in the order of ids.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Digest, Verdict)> {
        self.verdicts.iter().map(|(id, verdict)| (id, *verdict))
    }

    /// Whether both parties have confirmed the safety words.
    #[must_use]
    pub fn words_confirmed(&self) -> bool {
        self.words_in(self.held)
    }

    /// Whether a statement that `author` made now, having seen all that is held, would be valid.
    ///
    /// # Errors
    /// Why it would be void.
    pub fn would_be(&self, author: Role, case: Option<&Digest>, act: &Act) -> Verdict {
        self.weigh(self.held, author, &Role::BOTH, case, act)
    }

    fn words_in(&self, cut: Cut) -> bool {
        Role::BOTH.into_iter().all(|role| self.words.of(role).is_some_and(|at| cut.has(role, at)))
    }

    /// Takes the next statement of a chain, all of whose past has been taken.
    fn take(&mut self, entry: &Entry<'_>, peer: u64) {
        let cut = Cut::new(entry.author, entry.sequence, peer);
        let verdict = match (Kind::from_number(entry.kind), entry.said) {
            (None, _) => Err(VoidReason::UnknownKind(entry.kind)),
            (Some(kind), Said::Deal(content)) if content.kind() == kind => {
                let act = Act::of(content);
                let verdict = self.weigh(cut, entry.author, &[entry.author], entry.case.as_ref(), &act);
                if verdict.is_ok() {
                    self.enter(entry, cut, content);
                }
                verdict
            }
            (Some(kind), Said::Other) if !is_of_a_deal(kind) => {
                if kind == Kind::WordsConfirmed {
                    self.words.of_mut(entry.author).get_or_insert(entry.sequence);
                }
                Ok(())
            }
            (Some(_), _) => Err(VoidReason::Malformed),
        };
        self.verdicts.insert(entry.id, verdict);
        self.seen.push(entry.author, peer);
        self.held =
            Cut::new(entry.author, entry.sequence.saturating_add(1), self.held.of(entry.author.other()));
    }

    /// Whether `act` by `author` with exactly `cut` as its past, which holds all that `known` have said, is valid.
    fn weigh(&self, cut: Cut, author: Role, known: &[Role], case: Option<&Digest>, act: &Act) -> Verdict {
        let early = matches!(act, Act::Note | Act::Offer { remains_only: true, .. });
        if !early && !self.words_in(cut) {
            return Err(VoidReason::WordsNotConfirmed);
        }
        if matches!(act, Act::Note | Act::Standby | Act::Query | Act::Answer(_)) {
            return Ok(());
        }
        let Some(id) = case else {
            return match act {
                Act::Offer { base: 0, .. } => Ok(()),
                Act::Offer { base, .. } => Err(VoidReason::NotOnCurrentVersion { base: *base, current: 0 }),
                _ => Err(VoidReason::NoCase),
            };
        };
        let case = self.cases.get(id).filter(|case| cut.has(case.opener, case.opened));
        let case = case.ok_or(VoidReason::CaseUnknown)?;
        View::at(case, &self.seen, cut, known).weigh(author, act)
    }

    /// Enters a valid statement into its case; `cut` is its past.
    fn enter(&mut self, entry: &Entry<'_>, cut: Cut, content: &Content) {
        let Entry { id, author, sequence, .. } = *entry;
        let peer = cut.of(author.other());
        if let (Content::Offer(_), None) = (content, entry.case) {
            self.cases.insert(id, Case::new(id, author, sequence));
        }
        let Some(case) = self.cases.get_mut(&entry.case.unwrap_or(id)) else { return };
        // A question or note may name a case that its author has not seen.
        if entry.case.is_some() && !cut.has(case.opener, case.opened) {
            return;
        }
        let view = View::at(case, &self.seen, cut, &[author]);
        let version = view.version;
        let breaks = view.handover().is_some_and(|handover| handover.breaks_round(author));
        *case.reached.of_mut(author) = version;
        match content {
            Content::Note(_) | Content::Standby(_) => {}
            Content::Offer(offer) => {
                case.offers.insert(id, offer_record(entry, peer, offer));
            }
            Content::Withdraw(it) => {
                if let Some(offer) = case.offers.get_mut(&it.offer) {
                    offer.withdrawn = Some(sequence);
                }
            }
            Content::Reject(it) => {
                if let Some(offer) = case.offers.get_mut(&it.offer) {
                    offer.rejected = Some(sequence);
                }
            }
            Content::Accept(it) => {
                // What can be accepted is on the current version.
                let (offer, base) = (it.offer, version);
                let record = Acceptance { id, author, sequence, offer, base, lapsed: None, confirmed: None };
                case.acceptances.insert(id, record);
                case.accepted.entry(base).or_default().of_mut(author).made.push((sequence, id));
            }
            Content::Confirm(it) => {
                if let Some(acceptance) = case.acceptances.get_mut(&it.acceptance) {
                    acceptance.confirmed = Some((id, sequence));
                }
            }
            Content::Lapse(it) => {
                if let Some(acceptance) = case.acceptances.get_mut(&it.acceptance) {
                    acceptance.lapsed = Some(sequence);
                    case.accepted.entry(version).or_default().of_mut(author).lapsed.push(sequence);
                }
            }
            Content::Query(it) => {
                let record = QueryRecord { author, sequence, answer_by: it.answer_by, answered: None };
                case.queries.insert(id, record);
            }
            Content::Answer(it) => {
                let others = |query: &&mut QueryRecord| query.author != author && query.sequence < peer;
                if let Some(query) = case.queries.get_mut(&it.query).filter(others) {
                    query.answered.get_or_insert(id);
                }
            }
            Content::Lock(it) => case.moves(version, author, id).locks.push((sequence, id, it.lists)),
            Content::Transport(_) => {
                let moves = case.moves(version, author, id);
                moves.notices.push((sequence, id));
                if breaks {
                    moves.breaks.push(sequence);
                }
            }
            Content::TransportAcknowledged(it) => {
                case.moves(version, author, id).acknowledged.insert(it.notice, (sequence, id));
            }
            Content::Ready(it) => {
                case.moves(version, author, id).ready.insert(it.round, sequence);
            }
            Content::Go(it) => {
                case.moves(version, author, id).went.insert(it.round, sequence);
            }
            Content::Suspend(_) => case.moves(version, author, id).breaks.push(sequence),
            Content::Lines(_) => case.moves(version, author, id).lines.push(id),
            Content::Closed(_) => case.moves(version, author, id).closed = Some((sequence, id)),
            Content::TransferNotice(_) => case.transfers.push((id, author)),
            Content::Breach(it) => {
                let (offer, answer_by) = (it.offer, it.answer_by);
                let record = BreachRecord { id, author, sequence, offer, answer_by, answered: None };
                case.breaches.insert(id, record);
            }
            Content::BreachAnswered(it) => {
                if let Some(breach) = case.breaches.get_mut(&it.breach) {
                    breach.answered = Some(id);
                }
            }
        }
    }
}

fn offer_record(entry: &Entry<'_>, peer_count: u64, offer: &Offer) -> OfferRecord {
    let (body, legs) = (offer.body(), offer.legs());
    let gives = |role| legs.iter().any(|leg| leg.giver == role);
    let dead = legs.iter().enumerate().filter(|(_, leg)| leg.category == Category::Remains);
    let bit = |leg: usize| u32::try_from(leg).ok().and_then(|leg| 1u128.checked_shl(leg)).unwrap_or(0);
    OfferRecord {
        id: entry.id,
        author: entry.author,
        sequence: entry.sequence,
        base: body.base,
        parent: body.parent,
        peer_count,
        withdrawn: None,
        rejected: None,
        gives: Both::new(gives(Role::Inviter), gives(Role::Joiner)),
        legs: legs.len(),
        remains: dead.fold(0, |bits, (leg, _)| bits | bit(leg)),
        has_conditions: !body.terms.conditions.is_empty(),
        lists: lists_digest(body.base.saturating_add(1), &entry.id, &body.lists),
    }
}

const fn is_of_a_deal(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Acknowledgement
            | Kind::Read
            | Kind::WordsConfirmed
            | Kind::Relays
            | Kind::ForkNotice
            | Kind::Renewal
    )
}
