//! The pure function from the statements of a transcript to the state of all cases, with a verdict on each
//! statement. Reads no clock and no order of arrival: a statement is valid or void by its causal past alone.
//!
//! The past of statement `s` of a party is its first `s` statements, and as many of the other's as the largest
//! peer count in its header or an earlier one of its own. That is transitive already: what the other had
//! seen by then is this party's own, and earlier, for nobody can acknowledge an id that does not exist yet.
//!
//! No rule looks from one case at another. Of the rest of the transcript a case depends on nothing but where the safety
//! words were confirmed and on how much each party had acknowledged when: so a case can be judged alone.

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

impl Entry<'_> {
    /// Whether it confirms the safety words.
    #[must_use]
    pub fn confirms_words(&self) -> bool {
        self.kind == Kind::WordsConfirmed.number() && matches!(self.said, Said::Other)
    }

    /// Whether it belongs to this case: names it, or opens it if it is an offer.
    fn is_of(&self, case: &Digest) -> bool {
        self.case.as_ref().unwrap_or(&self.id) == case
    }
}

/// The state of cases: of all, or of one that was judged alone.
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
    let mut chains = chains(entries.iter());
    for role in Role::BOTH {
        let chain = chains.of_mut(role);
        let whole = chain.iter().zip(0..).take_while(|(entry, at)| entry.sequence == *at).count();
        chain.truncate(whole);
    }
    let end = |entry: &&Entry<'_>| entry.sequence.saturating_add(1);
    let counts = Role::BOTH.map(|role| chains.of(role).last().map_or(0, end));
    let mut ledger = Ledger::of_words([None; 2], counts);
    ledger.take_all(&chains);
    ledger
}

/// The state of one case, as [`judge`] finds it, from its own statements alone.
///
/// What is required: a transcript that was checked, so each party's peer counts never fall, and none is above what the
/// other had said by then. Of it, or of a beginning of it that holds all that it acknowledges:
///
/// - `entries`: every statement whose header names `case`, and the one whose id it is, in any order, repeated or not.
///   Others among them are passed over;
/// - `words`: the first statement of the inviter and of the joiner that [confirms the words](Entry::confirms_words), by
///   its place;
/// - `counts`: how many statements the inviter and the joiner have made. Entries past them count as not yet said;
/// - `acknowledged`: how many of the other's a party acknowledges within so many first statements of its own. That is
///   the peer count of the last of them, and 0 of none. It is asked twice for each entry and twice more, and never
///   after the return.
///
/// The ledger knows no other case and no verdict but on these entries. A statement that names no case is judged
/// as the one that may open a case: `case` is its id, and no other entry is needed for its verdict.
#[must_use]
pub fn judge_case(
    case: &Digest,
    entries: &[Entry<'_>],
    words: [Option<u64>; 2],
    counts: [u64; 2],
    acknowledged: impl Fn(Role, u64) -> u64,
) -> Ledger {
    let mut ledger = Ledger::of_words(words, counts);
    let end = ledger.held;
    let chains = chains(entries.iter().filter(|it| it.is_of(case) && end.has(it.author, it.sequence)));
    let mut asked = Both::new(vec![end.of(Role::Inviter)], vec![end.of(Role::Joiner)]);
    for entry in Role::BOTH.into_iter().flat_map(|role| chains.of(role)) {
        asked.of_mut(entry.author).push(entry.sequence);
        asked.of_mut(entry.author.other()).push(entry.peer_count);
    }
    for role in Role::BOTH {
        let asked = asked.of_mut(role);
        asked.sort_unstable();
        asked.dedup();
        for first in asked {
            if let Some(last) = first.checked_sub(1) {
                ledger.seen.push(role, last, acknowledged(role, *first));
            }
        }
    }
    ledger.take_all(&chains);
    ledger
}

/// The statements of each party in the order of its chain, one at each place.
fn chains<'e, 'a>(entries: impl Iterator<Item = &'e Entry<'a>>) -> Both<Vec<&'e Entry<'a>>> {
    let mut chains: Both<Vec<&Entry<'_>>> = Both::default();
    entries.for_each(|entry| chains.of_mut(entry.author).push(entry));
    for role in Role::BOTH {
        let chain = chains.of_mut(role);
        chain.sort_by_key(|entry| (entry.sequence, entry.id));
        chain.dedup_by_key(|entry| entry.sequence);
    }
    chains
}

impl Ledger {
    /// No case, and the words confirmed at these places, where the inviter and the joiner have made so many statements:
    /// all there is to know to [say](Self::would_be) what opens a case, or names none.
    #[must_use]
    pub fn of_words(words: [Option<u64>; 2], counts: [u64; 2]) -> Self {
        let ([inviter, joiner], [inviters, joiners]) = (words, counts);
        Self {
            cases: BTreeMap::new(),
            seen: Seen::default(),
            held: Cut::new(Role::Inviter, inviters, joiners),
            verdicts: BTreeMap::new(),
            words: Both::new(inviter, joiner),
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

    /// Takes all of `chains` whose past is whole. A chain is held up to its first that was not taken.
    fn take_all(&mut self, chains: &Both<Vec<&Entry<'_>>>) {
        let ends = self.held;
        let mut rest = Both::new(chains.of(Role::Inviter).as_slice(), chains.of(Role::Joiner).as_slice());
        let place = |rest: &[&Entry<'_>], role| rest.first().map_or(ends.of(role), |next| next.sequence);
        let [inviters, joiners] = Role::BOTH.map(|role| place(rest.of(role), role));
        self.held = Cut::new(Role::Inviter, inviters, joiners);
        // Any order that keeps causes before effects gives the same verdicts; this one follows each chain while it can.
        loop {
            let before = self.held;
            for role in Role::BOTH {
                while let Some((entry, later)) = rest.of(role).split_first() {
                    let peer = entry.peer_count.max(self.seen.by(role, self.held));
                    if peer > self.held.of(role.other()) {
                        break;
                    }
                    self.take(entry, peer);
                    self.held = Cut::new(role, place(later, role), self.held.of(role.other()));
                    *rest.of_mut(role) = later;
                }
            }
            if self.held == before {
                return;
            }
        }
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
                if entry.confirms_words() {
                    self.words.of_mut(entry.author).get_or_insert(entry.sequence);
                }
                Ok(())
            }
            (Some(_), _) => Err(VoidReason::Malformed),
        };
        self.verdicts.insert(entry.id, verdict);
        self.seen.push(entry.author, entry.sequence, peer);
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
            Content::TransferNotice(_) => {
                case.transfers.insert(id, author);
            }
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

/// Whether a statement of this kind is part of a negotiation.
#[must_use]
pub const fn is_of_a_deal(kind: Kind) -> bool {
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
