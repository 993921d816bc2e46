//! What stands after the seal of a version: locks, transport, rounds, ready, go, lines and closing. Counts what was
//! said, at a cut; may not decide what is valid (`rules` does), nor read a clock.
//!
//! Each party's count of broken rounds is in its own chain, so the round at a cut is two numbers. A go is effective
//! when both carry one version and round. From then on neither author can break that round off, and no offer is
//! accepted, so both stay at the current version and round for ever.

use crate::crypto::digest::Digest;
use crate::deal::case::{BreachRecord, Moves, OfferRecord, View};
use crate::deal::cut::{Both, Cut};
use crate::deal::handover::Round;
use crate::deal::state::CaseState;
use crate::party::role::Role;

/// The handover of a version, as it stands at a cut.
#[derive(Debug, Clone, Copy)]
pub struct Handover<'a> {
    version: u32,
    record: &'a OfferRecord,
    opener: Role,
    moves: Option<&'a Both<Moves>>,
    cut: Cut,
}

impl<'a> View<'a> {
    /// The offer that was sealed as the version after `base`.
    pub(crate) fn sealed_on(&self, base: u32) -> Option<&'a OfferRecord> {
        let agreement = self.agreement(base).filter(|_| base < self.version)?;
        self.case.offers.get(&agreement.offer)
    }

    /// The handover of the current version.
    pub(crate) fn handover(&self) -> Option<Handover<'a>> {
        let version = self.version;
        let record = self.sealed_on(version.checked_sub(1)?)?;
        let moves = self.case.moves.get(&version);
        Some(Handover { version, record, opener: self.case.opener, moves, cut: self.cut })
    }
}

impl<'a> CaseState<'a> {
    /// The handover of the current version; none at version 0.
    #[must_use]
    pub fn handover(&self) -> Option<Handover<'a>> {
        self.view.handover()
    }

    /// All valid breaches, in the order of their ids.
    #[must_use]
    pub fn breaches(&self) -> Vec<BreachRecord> {
        self.view.case.breaches.values().copied().collect()
    }

    /// All valid transfer notices, each with its author, in the order of their ids.
    #[must_use]
    pub fn transfer_notices(&self) -> Vec<(Digest, Role)> {
        self.view.case.transfers.iter().map(|(id, author)| (*id, *author)).collect()
    }
}

impl<'a> Handover<'a> {
    /// The version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The offer that was sealed as this version.
    #[must_use]
    pub const fn offer(&self) -> Digest {
        self.record.id
    }

    pub(crate) const fn record(&self) -> &'a OfferRecord {
        self.record
    }

    /// Whether the version is empty: what was agreed before is cancelled, and there is nothing to hand over.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        self.record.legs == 0
    }

    /// The round: how often each party has broken one off.
    #[must_use]
    pub fn round(&self) -> Round {
        let broken = |role| {
            let count = self.of(role).map_or(0, |it| self.cut.count(role, &it.breaks, |at| *at));
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        Round { opener: broken(self.opener), other: broken(self.opener.other()) }
    }

    /// The digest of the version's offer and lists, which a lock must name to lock.
    #[must_use]
    pub const fn lists(&self) -> Digest {
        self.record.lists
    }

    /// The last lock of a party: the statement, and the digest it names.
    #[must_use]
    pub fn lock(&self, role: Role) -> Option<(Digest, Digest)> {
        let locks = &self.of(role)?.locks;
        self.cut.last(role, locks, |(at, ..)| *at).map(|(_, id, lists)| (*id, *lists))
    }

    /// Whether a party has locked the lists of this version, and no others.
    #[must_use]
    pub fn has_locked(&self, role: Role) -> bool {
        self.lock(role).is_some_and(|(_, lists)| lists == self.lists())
    }

    /// Whether both have.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        Role::BOTH.into_iter().all(|role| self.has_locked(role))
    }

    /// The current transport notice of a party, and the other's acknowledgement of it.
    #[must_use]
    pub fn transport(&self, role: Role) -> Option<(Digest, Option<Digest>)> {
        let (_, notice) = self.cut.last(role, &self.of(role)?.notices, |(at, _)| *at)?;
        let other = role.other();
        let acknowledged = self.of(other).and_then(|it| it.acknowledged.get(notice));
        let held = acknowledged.filter(|(at, _)| self.cut.has(other, *at));
        Some((*notice, held.map(|(_, id)| *id)))
    }

    /// Whether a party has made this notice, current or not.
    pub(crate) fn has_noticed(&self, role: Role, notice: &Digest) -> bool {
        let notices = self.of(role).map_or(&[][..], |it| &it.notices);
        notices.iter().any(|(at, id)| id == notice && self.cut.has(role, *at))
    }

    /// Whether a party gives somebody, and so must say how they are moved.
    #[must_use]
    pub const fn needs_transport(&self, role: Role) -> bool {
        *self.record.gives.of(role)
    }

    /// Whether everyone who gives has said how, and each current notice is acknowledged by the other.
    #[must_use]
    pub fn transport_settled(&self) -> bool {
        Role::BOTH.into_iter().all(|role| match self.transport(role) {
            Some((_, acknowledged)) => acknowledged.is_some(),
            None => !self.needs_transport(role),
        })
    }

    /// Whether a party is ready in the current round.
    #[must_use]
    pub fn is_ready(&self, role: Role) -> bool {
        let said = self.of(role).and_then(|it| it.ready.get(&self.round()));
        said.is_some_and(|at| self.cut.has(role, *at))
    }

    /// Whether a party has said go in the current round.
    #[must_use]
    pub fn is_gone(&self, role: Role) -> bool {
        self.went(role).is_some()
    }

    /// Where in its chain a party has said go in the current round. Another go of it in that round is void.
    #[must_use]
    pub fn went(&self, role: Role) -> Option<u64> {
        let said = self.of(role).and_then(|it| it.went.get(&self.round()));
        said.copied().filter(|at| self.cut.has(role, *at))
    }

    /// Whether both have: persons move, and this version and round stay.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        Role::BOTH.into_iter().all(|role| self.is_gone(role))
    }

    /// A party's statements of handover lines, in the order of its chain.
    #[must_use]
    pub fn lines(&self, role: Role) -> &'a [Digest] {
        self.of(role).map_or(&[], |it| &it.lines)
    }

    /// The statement in which a party said that its lines are complete.
    #[must_use]
    pub fn closed(&self, role: Role) -> Option<Digest> {
        self.of(role)?.closed.filter(|(at, _)| self.cut.has(role, *at)).map(|(_, id)| id)
    }

    /// Whether both have.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        Role::BOTH.into_iter().all(|role| self.closed(role).is_some())
    }

    /// A party's last valid statement on this handover, of whatever kind.
    #[must_use]
    pub fn last(&self, role: Role) -> Option<Digest> {
        self.of(role)?.last
    }

    /// Whether a transport notice by `role` breaks the round off: it changes an earlier one, or what its author
    /// has said it is ready for.
    pub(crate) fn breaks_round(&self, role: Role) -> bool {
        self.transport(role).is_some() || self.is_ready(role)
    }

    fn of(&self, role: Role) -> Option<&'a Moves> {
        self.moves.map(|moves| moves.of(role))
    }
}
