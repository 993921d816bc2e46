//! One case as data: every valid statement in it, and what stands at a *cut*, a causally closed part of the
//! transcript. Pure: may not decide what is valid (`judge` does), nor read a clock.
//!
//! An offer is withdrawn only by its author and rejected only by the other; an acceptance is lapsed only by its
//! author. Each of these can be valid once, so a sequence number in one known chain is all there is to keep, and
//! whether it counts at a cut is one comparison. What a party can say more than once is kept in the order of its
//! chain, so that what counts at a cut is found by halving.

use crate::crypto::digest::Digest;
use crate::deal::cut::{Both, Cut, Seen};
use crate::deal::handover::Round;
use crate::party::role::Role;
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// A valid offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRecord {
    /// Its id.
    pub id: Digest,
    /// Who made it.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
    /// The version it would replace.
    pub base: u32,
    /// The offer it says it answers.
    pub parent: Option<Digest>,
    /// Statements of the other that its author had seen.
    pub peer_count: u64,
    /// Where its author withdrew it, in the author's chain.
    pub withdrawn: Option<u64>,
    /// Where the other rejected it, in the other's chain.
    pub rejected: Option<u64>,
    /// Whether each party gives somebody in it.
    pub(crate) gives: Both<bool>,
    /// How many legs it has; none cancels the version it is sealed on.
    pub(crate) legs: usize,
    /// Its legs of remains: bit `n` for leg `n`.
    pub(crate) remains: u128,
    /// Whether it asks anything of persons after the handover.
    pub(crate) has_conditions: bool,
    /// What locks of it name, once it is the version after its base.
    pub(crate) lists: Digest,
}

/// A valid acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Its id.
    pub id: Digest,
    /// Who accepted.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
    /// The offer accepted.
    pub offer: Digest,
    /// The base of that offer.
    pub base: u32,
    /// Where its author lapsed it, in the author's chain.
    pub lapsed: Option<u64>,
    /// The other's confirm of it, and its place in the other's chain.
    pub confirmed: Option<(Digest, u64)>,
}

/// A valid query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRecord {
    /// Who asks.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
    /// By when its author expects an answer: a promise, not a rule.
    pub answer_by: Option<UnixMillis>,
    /// The other's first answer.
    pub answered: Option<Digest>,
}

/// A valid breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreachRecord {
    /// Its id.
    pub id: Digest,
    /// Who says it.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
    /// The sealed offer that holds the condition.
    pub offer: Digest,
    /// By when its author expects an answer: a promise, not a rule.
    pub answer_by: Option<UnixMillis>,
    /// The other's last answer.
    pub answered: Option<Digest>,
}

/// What one party has accepted on one base, in the order of its chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Its acceptances: place, id.
    pub(crate) made: Vec<(u64, Digest)>,
    /// The places where it lapsed one.
    pub(crate) lapsed: Vec<u64>,
}

/// What one party has said of the handover of one version, in the order of its chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moves {
    /// Its locks: place, id, and the lists named.
    pub(crate) locks: Vec<(u64, Digest, Digest)>,
    /// Its transport notices: place, id.
    pub(crate) notices: Vec<(u64, Digest)>,
    /// Its acknowledgements of the other's notices: by notice, place and id.
    pub(crate) acknowledged: BTreeMap<Digest, (u64, Digest)>,
    /// The places where it broke a round off.
    pub(crate) breaks: Vec<u64>,
    /// Where it said that it was ready, by round.
    pub(crate) ready: BTreeMap<Round, u64>,
    /// Where it said go, by round.
    pub(crate) went: BTreeMap<Round, u64>,
    /// Its statements of handover lines.
    pub(crate) lines: Vec<Digest>,
    /// Where it closed, and the statement.
    pub(crate) closed: Option<(u64, Digest)>,
    /// Its last statement of all these.
    pub(crate) last: Option<Digest>,
}

/// How an offer was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// By a confirm of an acceptance.
    Confirm {
        /// The acceptance.
        acceptance: Digest,
        /// The confirm.
        confirm: Digest,
    },
    /// By both parties' acceptances, made at once: the opener's offer is agreed.
    Crossing {
        /// The opener's acceptance, of the offer that gave way.
        openers: Digest,
        /// The other's acceptance, of the opener's offer.
        others: Digest,
    },
}

/// An agreement on one version of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The offer that is agreed.
    pub offer: Digest,
    /// The version it replaces.
    pub base: u32,
    /// How it came about.
    pub means: Means,
    /// Whether each party that has to acknowledge it (inviter, joiner) still owes that; none once sealed.
    pub unacknowledged: Vec<Role>,
}

impl Agreement {
    /// Whether it is sealed: it is the next version, for ever.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.unacknowledged.is_empty()
    }
}

/// All valid statements of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub(crate) id: Digest,
    pub(crate) opener: Role,
    pub(crate) opened: u64,
    pub(crate) offers: BTreeMap<Digest, OfferRecord>,
    pub(crate) acceptances: BTreeMap<Digest, Acceptance>,
    /// By base version: a version is settled by its own acceptances alone.
    pub(crate) accepted: BTreeMap<u32, Both<Accepted>>,
    pub(crate) queries: BTreeMap<Digest, QueryRecord>,
    /// By version.
    pub(crate) moves: BTreeMap<u32, Both<Moves>>,
    pub(crate) transfers: BTreeMap<Digest, Role>,
    pub(crate) breaches: BTreeMap<Digest, BreachRecord>,
    /// The version that each party had reached by its last valid statement here. What is sealed stays sealed, so
    /// the search for the current version begins there.
    pub(crate) reached: Both<u32>,
}

impl Case {
    pub(crate) fn new(id: Digest, opener: Role, opened: u64) -> Self {
        Self {
            id,
            opener,
            opened,
            offers: BTreeMap::new(),
            acceptances: BTreeMap::new(),
            accepted: BTreeMap::new(),
            queries: BTreeMap::new(),
            moves: BTreeMap::new(),
            transfers: BTreeMap::new(),
            breaches: BTreeMap::new(),
            reached: Both::default(),
        }
    }

    /// What `role` has said of the handover of `version`, to add its statement `id` to.
    pub(crate) fn moves(&mut self, version: u32, role: Role, id: Digest) -> &mut Moves {
        let moves = self.moves.entry(version).or_default().of_mut(role);
        moves.last = Some(id);
        moves
    }
}

/// What stands in a case at a cut.
pub(crate) struct View<'a> {
    pub(crate) case: &'a Case,
    pub(crate) seen: &'a Seen,
    pub(crate) cut: Cut,
    /// The current version: how many agreements are sealed.
    pub(crate) version: u32,
}

impl<'a> View<'a> {
    /// At a cut that holds all that each of `known` has said in the case so far.
    pub(crate) fn at(case: &'a Case, seen: &'a Seen, cut: Cut, known: &[Role]) -> Self {
        let reached = known.iter().map(|role| *case.reached.of(*role)).max().unwrap_or(0);
        let mut view = Self { case, seen, cut, version: reached };
        while view.agreement(view.version).is_some_and(|agreement| agreement.is_sealed()) {
            view.version = view.version.saturating_add(1);
        }
        view
    }

    pub(crate) fn is_withdrawn(&self, offer: &OfferRecord) -> bool {
        offer.withdrawn.is_some_and(|at| self.cut.has(offer.author, at))
    }

    pub(crate) fn is_rejected(&self, offer: &OfferRecord) -> bool {
        offer.rejected.is_some_and(|at| self.cut.has(offer.author.other(), at))
    }

    pub(crate) fn is_lapsed(&self, acceptance: &Acceptance) -> bool {
        acceptance.lapsed.is_some_and(|at| self.cut.has(acceptance.author, at))
    }

    pub(crate) fn is_confirmed(&self, acceptance: &Acceptance) -> bool {
        acceptance.confirmed.is_some_and(|(_, at)| self.cut.has(acceptance.author.other(), at))
    }

    pub(crate) fn is_open(&self, offer: &OfferRecord) -> bool {
        self.cut.has(offer.author, offer.sequence)
            && offer.base == self.version
            && !self.is_withdrawn(offer)
            && !self.is_rejected(offer)
    }

    /// Whether an acceptance in the cut stands, be its base the current version or one before.
    pub(crate) fn stands(&self, acceptance: &Acceptance) -> bool {
        let offer = self.case.offers.get(&acceptance.offer);
        !self.is_lapsed(acceptance) && offer.is_some_and(|offer| !self.is_withdrawn(offer))
    }

    /// The acceptance of `role` on `base` that stands. While one does its author cannot accept again, and what
    /// has fallen stays down: so it is the last or none.
    fn standing(&self, base: u32, role: Role) -> Option<&'a Acceptance> {
        let made = &self.case.accepted.get(&base)?.of(role).made;
        let (_, id) = self.cut.last(role, made, |(at, _)| *at)?;
        self.case.acceptances.get(id).filter(|it| self.stands(it))
    }

    /// The live acceptance of `role`.
    pub(crate) fn live(&self, role: Role) -> Option<&'a Acceptance> {
        self.standing(self.version, role)
    }

    /// Whether `role` has bound itself and does not know yet what comes of it.
    pub(crate) fn is_hanging(&self, role: Role) -> bool {
        // What is live is on the current version, so a confirm of it is not sealed.
        self.live(role).is_some() || self.live(role.other()).is_some_and(|it| self.is_confirmed(it))
    }

    /// The agreement on `base`, sealed or not.
    pub(crate) fn agreement(&self, base: u32) -> Option<Agreement> {
        let opener = self.case.opener;
        let (openers, others) = (self.standing(base, opener), self.standing(base, opener.other()));
        if let (Some(openers), Some(others)) = (openers, others) {
            let owing = |role: &Role| {
                let owed = if *role == opener { others.sequence } else { openers.sequence };
                self.seen.by(*role, self.cut) <= owed
            };
            let unacknowledged = Role::BOTH.into_iter().filter(owing).collect();
            let means = Means::Crossing { openers: openers.id, others: others.id };
            return Some(Agreement { offer: others.offer, base, means, unacknowledged });
        }
        let acceptance = openers.or(others).filter(|it| self.is_confirmed(it))?;
        let (confirm, at) = acceptance.confirmed?;
        let owes = self.seen.by(acceptance.author, self.cut) <= at;
        let unacknowledged = if owes { vec![acceptance.author] } else { Vec::new() };
        let means = Means::Confirm { acceptance: acceptance.id, confirm };
        Some(Agreement { offer: acceptance.offer, base, means, unacknowledged })
    }
}
