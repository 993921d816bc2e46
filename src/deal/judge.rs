//! The pure function from the statements of a transcript to the state of all cases, with a verdict on each
//! statement. Reads no clock and no order of arrival: a statement is valid or void by its causal past alone.
//!
//! The past of statement `s` of a party is its first `s` statements, and as many of the other's as the largest
//! peer count in its header or an earlier one of its own. That is transitive already: what the other had
//! seen by then is this party's own, and earlier, for nobody can acknowledge an id that does not exist yet.

use crate::crypto::digest::Digest;
use crate::deal::body::Content;
use crate::deal::case::{Acceptance, Case, Cut, OfferRecord, QueryRecord, Seen, View};
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
    words: [Option<u64>; 2],
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
    const fn new() -> Self {
        Self {
            cases: BTreeMap::new(),
            seen: Seen::EMPTY,
            held: Cut::new(Role::Inviter, 0, 0),
            verdicts: BTreeMap::new(),
            words: [None, None],
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
        self.weigh(self.held, author, case, act)
    }

    fn words_in(&self, cut: Cut) -> bool {
        let [inviter, joiner] = self.words;
        inviter.is_some_and(|at| cut.has(Role::Inviter, at))
            && joiner.is_some_and(|at| cut.has(Role::Joiner, at))
    }

    /// Takes the next statement of a chain, all of whose past has been taken.
    fn take(&mut self, entry: &Entry<'_>, peer: u64) {
        let cut = Cut::new(entry.author, entry.sequence, peer);
        let verdict = match (Kind::from_number(entry.kind), entry.said) {
            (None, _) => Err(VoidReason::UnknownKind(entry.kind)),
            (Some(kind), Said::Deal(content)) if content.kind() == kind => {
                let act = Act::of(content);
                let verdict = self.weigh(cut, entry.author, entry.case.as_ref(), &act);
                if verdict.is_ok() {
                    self.enter(entry, peer, content);
                }
                verdict
            }
            (Some(kind), Said::Other) if !is_of_a_deal(kind) => {
                if kind == Kind::WordsConfirmed {
                    let [inviter, joiner] = &mut self.words;
                    let words = if entry.author == Role::Inviter { inviter } else { joiner };
                    words.get_or_insert(entry.sequence);
                }
                Ok(())
            }
            (Some(_), _) => Err(VoidReason::Malformed),
        };
        self.verdicts.insert(entry.id, verdict);
        self.seen.chain_mut(entry.author).push(peer);
        self.held =
            Cut::new(entry.author, entry.sequence.saturating_add(1), self.held.of(entry.author.other()));
    }

    /// The rules: whether `act` by `author` with exactly `cut` as its past is valid.
    fn weigh(&self, cut: Cut, author: Role, case: Option<&Digest>, act: &Act) -> Verdict {
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
        View::at(case.ok_or(VoidReason::CaseUnknown)?, &self.seen, cut).weigh(author, act)
    }

    /// Enters a valid statement into its case.
    fn enter(&mut self, entry: &Entry<'_>, peer: u64, content: &Content) {
        let Entry { id, author, sequence, .. } = *entry;
        if let (Content::Offer(_), None) = (content, entry.case) {
            self.cases.insert(id, Case::new(id, author, sequence));
        }
        let Some(case) = self.cases.get_mut(&entry.case.unwrap_or(id)) else { return };
        match content {
            Content::Offer(offer) => {
                let (base, parent) = (offer.body().base, offer.body().parent);
                let record = OfferRecord {
                    id,
                    author,
                    sequence,
                    base,
                    parent,
                    peer_count: peer,
                    withdrawn: None,
                    rejected: None,
                };
                case.offers.insert(id, record);
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
                let Some(base) = case.offers.get(&it.offer).map(|offer| offer.base) else { return };
                let record =
                    Acceptance { id, author, sequence, offer: it.offer, base, lapsed: None, confirmed: None };
                case.acceptance_bases.insert(id, base);
                case.acceptances.insert((base, id), record);
            }
            Content::Confirm(it) => {
                if let Some(acceptance) = case.acceptance_mut(&it.acceptance) {
                    acceptance.confirmed = Some((id, sequence));
                }
            }
            Content::Lapse(it) => {
                if let Some(acceptance) = case.acceptance_mut(&it.acceptance) {
                    acceptance.lapsed = Some(sequence);
                }
            }
            Content::Query(_) => {
                case.queries.insert(id, QueryRecord { author, sequence, answered: None });
            }
            Content::Answer(it) => {
                if let Some(query) = case.queries.get_mut(&it.query).filter(|query| query.author != author) {
                    query.answered.get_or_insert(id);
                }
            }
            _ => {}
        }
    }
}

const fn is_of_a_deal(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Acknowledgement | Kind::Read | Kind::WordsConfirmed | Kind::Relays | Kind::ForkNotice
    )
}

impl View<'_> {
    /// The table of the life of a proposal, for the acts that need a case.
    fn weigh(&self, author: Role, act: &Act) -> Verdict {
        match act {
            Act::Offer { base, .. } if *base != self.version() => {
                Err(VoidReason::NotOnCurrentVersion { base: *base, current: self.version() })
            }
            Act::Offer { .. } => self.free(author),
            Act::Withdraw(id) => {
                let offer = self.offer(id)?;
                if offer.author != author {
                    return Err(VoidReason::OfferNotOwn);
                }
                self.open(offer)?;
                self.free(author)
            }
            Act::Reject(id) => {
                let offer = self.offer_of_other(id, author)?;
                if self.live(author).is_some_and(|own| own.offer == *id) {
                    return Err(VoidReason::RejectsOwnAcceptance);
                }
                self.open(offer)
            }
            Act::Accept(id) => {
                self.open(self.offer_of_other(id, author)?)?;
                self.free(author)?;
                if self.live(author.other()).is_some() {
                    return Err(VoidReason::OtherHasAccepted);
                }
                Ok(())
            }
            Act::Confirm(id) => {
                let acceptance = self.acceptance(id)?;
                if acceptance.author == author {
                    return Err(VoidReason::AcceptanceOwn);
                }
                self.living(acceptance)?;
                self.free(author)?;
                self.lapses_acknowledged(author)
            }
            Act::Lapse(id) => {
                let acceptance = self.acceptance(id)?;
                if acceptance.author != author {
                    return Err(VoidReason::AcceptanceNotOwn);
                }
                self.living(acceptance)?;
                if self.is_confirmed(acceptance) {
                    return Err(VoidReason::AlreadyConfirmed);
                }
                if self.live(author.other()).is_some() {
                    return Err(VoidReason::AlreadyCrossed);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Not hanging. *Gone*, once somebody can go, is refused here too.
    fn free(&self, author: Role) -> Verdict {
        if self.is_hanging(author) { Err(VoidReason::AuthorHanging) } else { Ok(()) }
    }

    fn offer(&self, id: &Digest) -> Result<&OfferRecord, VoidReason> {
        let offer = self.case.offers.get(id).filter(|offer| self.cut.has(offer.author, offer.sequence));
        offer.ok_or(VoidReason::OfferUnknown)
    }

    fn offer_of_other(&self, id: &Digest, author: Role) -> Result<&OfferRecord, VoidReason> {
        let offer = self.offer(id)?;
        if offer.author == author { Err(VoidReason::OfferOwn) } else { Ok(offer) }
    }

    fn open(&self, offer: &OfferRecord) -> Verdict {
        if offer.base != self.version() {
            Err(VoidReason::OfferSuperseded)
        } else if self.is_withdrawn(offer) {
            Err(VoidReason::OfferWithdrawn)
        } else if self.is_rejected(offer) {
            Err(VoidReason::OfferRejected)
        } else {
            Ok(())
        }
    }

    fn acceptance(&self, id: &Digest) -> Result<&Acceptance, VoidReason> {
        let acceptance = self.case.acceptance(id).filter(|it| self.cut.has(it.author, it.sequence));
        acceptance.ok_or(VoidReason::AcceptanceUnknown)
    }

    fn living(&self, acceptance: &Acceptance) -> Verdict {
        if self.is_live(acceptance) {
            Ok(())
        } else if acceptance.base != self.version() {
            Err(VoidReason::OfferSuperseded)
        } else if self.is_lapsed(acceptance) {
            Err(VoidReason::AcceptanceLapsed)
        } else {
            Err(VoidReason::OfferWithdrawn)
        }
    }

    /// Whether the other's chain, as far as it is held, has seen every lapse of `author` on this version. Were it
    /// not asked, a lapse kept back could turn a crossing that the other already saw into a confirm.
    fn lapses_acknowledged(&self, author: Role) -> Verdict {
        let seen = self.seen.by(author.other(), self.cut);
        let own = self.accepted().filter(|it| it.author == author && self.is_lapsed(it));
        let unseen = own.filter_map(|it| it.lapsed).any(|at| at >= seen);
        if unseen { Err(VoidReason::LapseUnacknowledged) } else { Ok(()) }
    }
}
