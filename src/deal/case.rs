//! One case as data: every valid statement in it, and what stands at a *cut*, a causally closed part of the
//! transcript. Pure: may not decide what is valid (`judge` does), nor read a clock.
//!
//! An offer is withdrawn only by its author and rejected only by the other; an acceptance is lapsed only by its
//! author. Each of these can be valid once, so a sequence number in one known chain is all there is to keep, and
//! whether it counts at a cut is one comparison. The counters of *gone*, rounds and locks join here.

use crate::crypto::digest::Digest;
use crate::party::role::Role;
use std::collections::BTreeMap;

/// A causally closed part of the transcript: so many first statements of each party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    counts: [u64; 2],
}

impl Cut {
    /// `author`'s first `own` statements, and `peer` of the other's.
    pub(crate) const fn new(author: Role, own: u64, peer: u64) -> Self {
        match author {
            Role::Inviter => Self { counts: [own, peer] },
            Role::Joiner => Self { counts: [peer, own] },
        }
    }

    pub(crate) const fn of(self, role: Role) -> u64 {
        let [inviter, joiner] = self.counts;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    pub(crate) const fn has(self, role: Role, sequence: u64) -> bool {
        sequence < self.of(role)
    }
}

/// How much of the other's chain each statement of each party acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    counts: [Vec<u64>; 2],
}

impl Seen {
    pub(crate) const EMPTY: Self = Self { counts: [Vec::new(), Vec::new()] };

    pub(crate) const fn chain(&self, role: Role) -> &Vec<u64> {
        let [inviter, joiner] = &self.counts;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    pub(crate) const fn chain_mut(&mut self, role: Role) -> &mut Vec<u64> {
        let [inviter, joiner] = &mut self.counts;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    /// How much of the other's chain `role` had acknowledged by its last statement in `cut`.
    pub(crate) fn by(&self, role: Role, cut: Cut) -> u64 {
        let last = cut.of(role).checked_sub(1).and_then(|at| usize::try_from(at).ok());
        last.and_then(|at| self.chain(role).get(at)).copied().unwrap_or(0)
    }
}

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
    /// The other's first answer.
    pub answered: Option<Digest>,
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
    /// By base version, then id: a version is settled by its own acceptances alone.
    pub(crate) acceptances: BTreeMap<(u32, Digest), Acceptance>,
    pub(crate) acceptance_bases: BTreeMap<Digest, u32>,
    pub(crate) queries: BTreeMap<Digest, QueryRecord>,
}

impl Case {
    pub(crate) const fn new(id: Digest, opener: Role, opened: u64) -> Self {
        Self {
            id,
            opener,
            opened,
            offers: BTreeMap::new(),
            acceptances: BTreeMap::new(),
            acceptance_bases: BTreeMap::new(),
            queries: BTreeMap::new(),
        }
    }

    pub(crate) fn acceptance(&self, id: &Digest) -> Option<&Acceptance> {
        self.acceptances.get(&(*self.acceptance_bases.get(id)?, *id))
    }

    pub(crate) fn acceptance_mut(&mut self, id: &Digest) -> Option<&mut Acceptance> {
        self.acceptances.get_mut(&(*self.acceptance_bases.get(id)?, *id))
    }
}

/// What stands in a case at a cut.
pub(crate) struct View<'a> {
    pub(crate) case: &'a Case,
    pub(crate) seen: &'a Seen,
    pub(crate) cut: Cut,
    /// The sealed agreements, one a version: version `n` is the `n`th, and 0 is none.
    pub(crate) sealed: Vec<Agreement>,
    /// The agreement on the current version that is not sealed yet.
    pub(crate) pending: Option<Agreement>,
}

impl<'a> View<'a> {
    pub(crate) fn at(case: &'a Case, seen: &'a Seen, cut: Cut) -> Self {
        let mut view = Self { case, seen, cut, sealed: Vec::new(), pending: None };
        while let Some(agreement) = view.agreement() {
            if !agreement.is_sealed() {
                view.pending = Some(agreement);
                break;
            }
            view.sealed.push(agreement);
        }
        view
    }

    /// The current version: how many agreements are sealed.
    pub(crate) fn version(&self) -> u32 {
        u32::try_from(self.sealed.len()).unwrap_or(u32::MAX)
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
            && offer.base == self.version()
            && !self.is_withdrawn(offer)
            && !self.is_rejected(offer)
    }

    /// The acceptances on the current version, in the cut.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &'a Acceptance> {
        let base = self.version();
        let cut = self.cut;
        let all = self.case.acceptances.range((base, Digest([0; 32]))..=(base, Digest([0xff; 32])));
        all.map(|(_, acceptance)| acceptance).filter(move |it| cut.has(it.author, it.sequence))
    }

    pub(crate) fn is_live(&self, acceptance: &Acceptance) -> bool {
        let offer = self.case.offers.get(&acceptance.offer);
        self.cut.has(acceptance.author, acceptance.sequence)
            && acceptance.base == self.version()
            && !self.is_lapsed(acceptance)
            && offer.is_some_and(|offer| !self.is_withdrawn(offer))
    }

    /// The live acceptance of `role`. While one is live its author cannot accept again, so there is at most one.
    pub(crate) fn live(&self, role: Role) -> Option<&'a Acceptance> {
        self.accepted().find(|it| it.author == role && self.is_live(it))
    }

    /// Whether `role` has bound itself and does not know yet what comes of it.
    pub(crate) fn is_hanging(&self, role: Role) -> bool {
        // What is live is on the current version, so a confirm of it is not sealed.
        self.live(role).is_some() || self.live(role.other()).is_some_and(|it| self.is_confirmed(it))
    }

    /// The agreement on the current version, sealed or not.
    fn agreement(&self) -> Option<Agreement> {
        let opener = self.case.opener;
        let base = self.version();
        let (openers, others) = (self.live(opener), self.live(opener.other()));
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
