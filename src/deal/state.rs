//! A case as an officer's side holds it: what is open, accepted, agreed and sealed, who owes what, and what
//! each may do. Reads the ledger; decides nothing by itself.

use crate::crypto::digest::Digest;
use crate::deal::case::{Acceptance, Agreement, Case, Means, OfferRecord, QueryRecord, View};
use crate::deal::judge::Ledger;
use crate::deal::progress::Handover;
use crate::deal::verdict::{Act, Verdict};
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
    /// Lock the lists of this version.
    Lock(u32),
    /// Say how those it gives in this version are moved.
    Transport(u32),
    /// Acknowledge this transport notice.
    AcknowledgeTransport(Digest),
    /// Be ready for the handover of this version.
    Ready(u32),
    /// Go.
    Go(u32),
    /// Say in handover lines what came of this version.
    Lines(u32),
    /// Close the handover of this version.
    Close(u32),
    /// Answer this breach.
    AnswerBreach(Digest),
}

/// One case at all that is held.
pub struct CaseState<'a> {
    ledger: &'a Ledger,
    pub(crate) view: View<'a>,
    sealed: Vec<Agreement>,
    pending: Option<Agreement>,
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
        let view = View::at(case, &ledger.seen, ledger.held, &Role::BOTH);
        let sealed = (0..view.version).filter_map(|base| view.agreement(base)).collect();
        let pending = view.agreement(view.version);
        Self { ledger, view, sealed, pending }
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
    pub const fn version(&self) -> u32 {
        self.view.version
    }

    /// The sealed agreements, version 1 first.
    #[must_use]
    pub fn sealed(&self) -> &[Agreement] {
        &self.sealed
    }

    /// The agreement on the current version that waits for its seal.
    #[must_use]
    pub const fn pending(&self) -> Option<&Agreement> {
        self.pending.as_ref()
    }

    /// All valid offers, in the order of their ids.
    pub fn offers(&self) -> impl Iterator<Item = &'a OfferRecord> {
        self.view.case.offers.values()
    }

    /// All valid acceptances, in the order of their ids.
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
        let sealed = self.sealed.iter().find(|agreement| agreement.offer == offer.id);
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

    /// What `role` may do now besides note, standby and query: each with the id it takes. Of what follows the seal
    /// only what is its turn in good order: who accepted locks after the other, whose lock shows that it holds the
    /// seal too.
    #[must_use]
    pub fn may(&self, role: Role) -> Vec<Act> {
        let mut acts = vec![Act::Offer { base: self.version(), remains_only: false }];
        if !self.ledger.words_confirmed() {
            acts = vec![Act::Offer { base: self.version(), remains_only: true }];
        }
        for offer in self.offers() {
            acts.extend([Act::Accept(offer.id), Act::Reject(offer.id), Act::Withdraw(offer.id)]);
        }
        for acceptance in Role::BOTH.into_iter().filter_map(|role| self.live(role)) {
            acts.extend([Act::Confirm(acceptance.id), Act::Lapse(acceptance.id)]);
        }
        acts.extend(self.unanswered(role).map(Act::Answer));
        if let Some(handover) = self.handover() {
            acts.extend(self.moves(role, &handover));
        }
        let bound = self.sealed.iter().filter_map(|agreement| self.view.case.offers.get(&agreement.offer));
        acts.extend(bound.filter(|offer| offer.has_conditions).map(|offer| Act::Breach(offer.id)));
        acts.extend(self.accused(role).map(Act::AnswerBreach));
        acts.retain(|act| self.would_be(role, act).is_ok());
        acts
    }

    /// What there is to do in a handover, valid or not.
    fn moves(&self, role: Role, handover: &Handover<'_>) -> Vec<Act> {
        let (version, round, record) = (handover.version(), handover.round(), handover.record());
        let all = u32::try_from(record.legs).ok().and_then(|legs| 1u128.checked_shl(legs));
        let all = all.map_or(u128::MAX, |end| end.wrapping_sub(1));
        let legs = if handover.closed(role).is_some() { record.remains } else { all };
        let mut acts = vec![Act::Transport(version)];
        if self.locks_next(role, handover) {
            acts.push(Act::Lock { version, lists: handover.lists() });
        }
        acts.extend(handover.transport(role.other()).map(|(notice, _)| Act::AcknowledgeTransport(notice)));
        acts.extend([
            Act::Ready { version, round },
            Act::Go { version, round },
            Act::Suspend { version, round },
        ]);
        if legs != 0 {
            acts.push(Act::Lines { version, legs });
        }
        acts.extend([Act::Close(version), Act::TransferNotice(handover.offer())]);
        acts
    }

    /// Whether it is for `role` to lock now. Who accepted waits for the other's lock, as only that shows that the
    /// other holds the acknowledgement that sealed the agreement.
    fn locks_next(&self, role: Role, handover: &Handover<'_>) -> bool {
        let means = self.sealed.last().map(|agreement| &agreement.means);
        let accepted = match means {
            Some(Means::Confirm { acceptance, .. }) => {
                self.view.case.acceptances.get(acceptance).is_some_and(|it| it.author == role)
            }
            _ => false,
        };
        !handover.has_locked(role) && (!accepted || handover.has_locked(role.other()))
    }

    /// What `role` is to do next; it is the turn of whoever owes something.
    #[must_use]
    pub fn owes(&self, role: Role) -> Vec<Duty> {
        let mut duties = Vec::new();
        if let Some(agreement) = self.pending() {
            if agreement.unacknowledged.contains(&role) {
                duties.push(Duty::Acknowledge(agreement.offer));
            }
        } else {
            let gone = self.handover().is_some_and(|handover| handover.is_gone(role));
            match self.live(role.other()) {
                Some(acceptance) if !gone => duties.push(Duty::Confirm(acceptance.id)),
                None if !gone && self.live(role).is_none() => duties.extend(self.to_answer(role)),
                _ => {}
            }
            let handover = self.handover().filter(|_| !self.is_hanging(role));
            duties.extend(handover.iter().flat_map(|handover| self.next_moves(role, handover)));
        }
        duties.extend(self.unanswered(role).map(Duty::Reply));
        let open = self
            .accused(role)
            .filter(|id| self.view.case.breaches.get(id).is_some_and(|breach| breach.answered.is_none()));
        duties.extend(open.map(Duty::AnswerBreach));
        duties
    }

    /// The other's open offers. An own one, made after the other's was seen, is the answer to it.
    fn to_answer(&self, role: Role) -> impl Iterator<Item = Duty> {
        let own = self.open_offers().filter(|offer| offer.author == role);
        let answered = own.map(|offer| offer.peer_count).max().unwrap_or(0);
        let others = self.open_offers().filter(move |offer| offer.author != role);
        others.filter(move |offer| offer.sequence >= answered).map(|offer| Duty::Answer(offer.id))
    }

    /// The next steps of a handover: lock, transport, acknowledge, ready, go, lines, close.
    fn next_moves(&self, role: Role, handover: &Handover<'_>) -> Vec<Duty> {
        let version = handover.version();
        if handover.is_cancelled() {
            return Vec::new();
        }
        if handover.is_effective() {
            return match handover.closed(role) {
                None if handover.lines(role).is_empty() => vec![Duty::Lines(version)],
                None => vec![Duty::Close(version)],
                Some(_) => Vec::new(),
            };
        }
        if !handover.is_locked() {
            return self.locks_next(role, handover).then_some(Duty::Lock(version)).into_iter().collect();
        }
        let mut duties = Vec::new();
        if handover.needs_transport(role) && handover.transport(role).is_none() {
            duties.push(Duty::Transport(version));
        }
        if let Some((notice, None)) = handover.transport(role.other()) {
            duties.push(Duty::AcknowledgeTransport(notice));
        }
        if handover.transport_settled() {
            if !handover.is_ready(role) {
                duties.push(Duty::Ready(version));
            } else if handover.is_ready(role.other()) && !handover.is_gone(role) {
                duties.push(Duty::Go(version));
            }
        }
        duties
    }

    fn unanswered(&self, role: Role) -> impl Iterator<Item = Digest> {
        let asked = self.queries().filter(move |(_, query)| query.author != role && query.answered.is_none());
        asked.map(|(id, _)| *id)
    }

    /// The breaches that the other says happened on the side of `role`.
    fn accused(&self, role: Role) -> impl Iterator<Item = Digest> {
        self.view.case.breaches.values().filter(move |breach| breach.author != role).map(|breach| breach.id)
    }
}
