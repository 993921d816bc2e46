//! Causal pasts: a *cut* is so many first statements of each party that all they acknowledge is among them.
//! May not know what the statements say.

use crate::party::role::Role;

/// One of something for each party.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Both<T> {
    inviter: T,
    joiner: T,
}

impl<T> Both<T> {
    pub(crate) const fn new(inviter: T, joiner: T) -> Self {
        Self { inviter, joiner }
    }

    pub(crate) const fn of(&self, role: Role) -> &T {
        match role {
            Role::Inviter => &self.inviter,
            Role::Joiner => &self.joiner,
        }
    }

    pub(crate) const fn of_mut(&mut self, role: Role) -> &mut T {
        match role {
            Role::Inviter => &mut self.inviter,
            Role::Joiner => &mut self.joiner,
        }
    }
}

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

    /// How many of `places` in the chain of `role`, rising, are in the cut.
    pub(crate) fn count<T>(self, role: Role, items: &[T], place: impl Fn(&T) -> u64) -> usize {
        items.partition_point(|item| self.has(role, place(item)))
    }

    /// The last of `items` in the chain of `role`, rising by place, that is in the cut.
    pub(crate) fn last<T>(self, role: Role, items: &[T], place: impl Fn(&T) -> u64) -> Option<&T> {
        items.get(self.count(role, items, place).checked_sub(1)?)
    }
}

/// How much of the other's chain each party acknowledges, and from which statement of its own on: of the whole
/// transcript, or of the places that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// By place, rising, where the count grows.
    chains: Both<Vec<(u64, u64)>>,
}

impl Seen {
    /// Adds that the statement of `author` at `place`, later than all so far, acknowledges `peer` of the other's.
    pub(crate) fn push(&mut self, author: Role, place: u64, peer: u64) {
        let chain = self.chains.of_mut(author);
        if chain.last().map_or(0, |(_, before)| *before) < peer {
            chain.push((place, peer));
        }
    }

    /// How much of the other's chain `role` had acknowledged by its last statement in `cut`.
    pub(crate) fn by(&self, role: Role, cut: Cut) -> u64 {
        cut.last(role, self.chains.of(role), |(place, _)| *place).map_or(0, |(_, peer)| *peer)
    }
}
