//! A case as an officer's side holds it: what is open, accepted, agreed and sealed, who owes what, and what
//! each may do. Reads the ledger; decides nothing by itself.

use crate::crypto::digest::Digest;
use crate::deal::case::{Acceptance, Agreement, Case, OfferRecord, QueryRecord, View};
use crate::deal::judge::{Act, Ledger, Verdict};
use crate::party::role::Role;

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferState {
    /// It can be accepted.
    Open,
    /// Its author took it back.
    Withdrawn,
    /// The other turned it down.
    Rejected,
    /// Another offer was sealed on its base.
    Superseded,
    /// It was sealed as this version.
    Sealed(u32),
}

impl std::fmt::Display for OfferState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Withdrawn => f.write_str("withdrawn"),
            Self::Rejected => f.write_str("rejected"),
            Self::Superseded => f.write_str("superseded"),
            Self::Sealed(version) => write!(f, "sealed as version {version}"),
        }
    }
}

/// What a party is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Acknowledge the agreement on this offer, which seals it.
    Acknowledge(Digest),
    /// Confirm this acceptance.
    Confirm(Digest),
    /// Accept, reject or counter this offer.
    Answer(Digest),
    /// Answer this query.
    Reply(Digest),
}

/// One case at all that is held.
pub struct CaseState<'a> {
    ledger: &'a Ledger,
    view: View<'a>,
}

impl Ledger {
    /// The case with this id.
    #[must_use]
    pub fn case(&self, id: &Digest) -> Option<CaseState<'_>> {
        self.cases.get(id).map(|case| CaseState::of(self, case))
    }

    /// All cases, in the order of their ids.
    pub fn cases(&self) -> impl Iterator<Item = CaseState<'_>> {
        self.cases.values().map(|case| CaseState::of(self, case))
    }
}

impl<'a> CaseState<'a> {
    fn of(ledger: &'a Ledger, case: &'a Case) -> Self {
        Self { ledger, view: View::at(case, &ledger.seen, ledger.held) }
    }

    /// The case's id: that of the offer that opened it.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.view.case.id
    }

    /// Who opened it, and has precedence where acceptances cross.
    #[must_use]
    pub const fn opener(&self) -> Role {
        self.view.case.opener
    }

    /// The current version; 0 until one is sealed.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.view.version()
    }

    /// The sealed agreements, version 1 first.
    #[must_use]
    pub fn sealed(&self) -> &[Agreement] {
        &self.view.sealed
    }

    /// The agreement on the current version that waits for its seal.
    #[must_use]
    pub const fn pending(&self) -> Option<&Agreement> {
        self.view.pending.as_ref()
    }

    /// All valid offers, in the order of their ids.
    pub fn offers(&self) -> impl Iterator<Item = &'a OfferRecord> {
        self.view.case.offers.values()
    }

    /// All valid acceptances, in the order of the versions they are on.
    pub fn acceptances(&self) -> impl Iterator<Item = &'a Acceptance> {
        self.view.case.acceptances.values()
    }

    /// All valid queries.
    pub fn queries(&self) -> impl Iterator<Item = (&'a Digest, &'a QueryRecord)> {
        self.view.case.queries.iter()
    }

    /// What became of an offer.
    #[must_use]
    pub fn offer_state(&self, offer: &OfferRecord) -> OfferState {
        let sealed = self.view.sealed.iter().find(|agreement| agreement.offer == offer.id);
        if let Some(agreement) = sealed {
            OfferState::Sealed(agreement.base.saturating_add(1))
        } else if self.view.is_withdrawn(offer) {
            OfferState::Withdrawn
        } else if self.view.is_rejected(offer) {
            OfferState::Rejected
        } else if self.view.is_open(offer) {
            OfferState::Open
        } else {
            OfferState::Superseded
        }
    }

    /// The offers that can be accepted, in the order of their ids.
    pub fn open_offers(&self) -> impl Iterator<Item = &'a OfferRecord> {
        self.view.case.offers.values().filter(|offer| self.view.is_open(offer))
    }

    /// The live acceptance of a party.
    #[must_use]
    pub fn live(&self, role: Role) -> Option<&'a Acceptance> {
        self.view.live(role)
    }

    /// Whether a party has bound itself and waits for what comes of it.
    #[must_use]
    pub fn is_hanging(&self, role: Role) -> bool {
        self.view.is_hanging(role)
    }

    /// Whether a statement that `role` made now in this case would be valid.
    ///
    /// # Errors
    /// Why it would be void.
    pub fn would_be(&self, role: Role, act: &Act) -> Verdict {
        self.ledger.would_be(role, Some(&self.id()), act)
    }

    /// What `role` may do now besides note, standby and query: each with the id it takes.
    #[must_use]
    pub fn may(&self, role: Role) -> Vec<Act> {
        let mut acts = vec![Act::Offer { base: self.version(), remains_only: false }];
        if !self.ledger.words_confirmed() {
            acts = vec![Act::Offer { base: self.version(), remains_only: true }];
        }
        for offer in self.offers() {
            acts.extend([Act::Accept(offer.id), Act::Reject(offer.id), Act::Withdraw(offer.id)]);
        }
        for acceptance in self.view.accepted() {
            acts.extend([Act::Confirm(acceptance.id), Act::Lapse(acceptance.id)]);
        }
        acts.extend(self.unanswered(role).map(Act::Answer));
        acts.retain(|act| self.would_be(role, act).is_ok());
        acts
    }

    /// What `role` is to do next; it is the turn of whoever owes something.
    #[must_use]
    pub fn owes(&self, role: Role) -> Vec<Duty> {
        let mut duties = Vec::new();
        if let Some(agreement) = self.pending() {
            if agreement.unacknowledged.contains(&role) {
                duties.push(Duty::Acknowledge(agreement.offer));
            }
        } else if let Some(acceptance) = self.live(role.other()) {
            duties.push(Duty::Confirm(acceptance.id));
        } else if self.live(role).is_none() {
            // An own open offer, made after the other's was seen, is the answer to it.
            let own = self.open_offers().filter(|offer| offer.author == role);
            let answered = own.map(|offer| offer.peer_count).max().unwrap_or(0);
            let others = self.open_offers().filter(|offer| offer.author != role);
            duties.extend(
                others.filter(|offer| offer.sequence >= answered).map(|offer| Duty::Answer(offer.id)),
            );
        }
        duties.extend(self.unanswered(role).map(Duty::Reply));
        duties
    }

    fn unanswered(&self, role: Role) -> impl Iterator<Item = Digest> {
        let asked = self.queries().filter(move |(_, query)| query.author != role && query.answered.is_none());
        asked.map(|(id, _)| *id)
    }
}
