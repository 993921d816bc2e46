//! Renewing a channel: a fresh introduction between the same parties, in which each says what it holds of the old
//! channel. May not say more of a chain than its party can vouch for.

use crate::crypto::digest::Digest;
use crate::officer::command::CommandError;
use crate::officer::engine::{Channel, Officer, OfficerStep};
use crate::officer::introduce::RelayLeave;
use crate::officer::thread::{Halt, Renews};
use crate::party::role::Role;
use crate::session::invite::{Invite, SignedOffer};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::renewal::{CitationError, Cited, Renewal};
use crate::time::UnixMillis;
use rand_core::CryptoRng;

/// A channel to be renewed.
#[derive(Debug, Clone, Copy)]
pub struct Old {
    /// Its thread.
    pub thread: u32,
    /// Whether the counterpart may have another identity than it had.
    pub new_identity: bool,
}

/// What the counterpart has said of the old channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counterpart {
    /// Nothing yet.
    Silent,
    /// It names another channel.
    OtherChannel(Digest),
    /// What it cites does not fit what is held here.
    Differs(CitationError),
    /// What it cites is held here.
    Agrees(Renewal),
}

impl Officer {
    fn renews(&self, old: Old) -> Result<Renews, CommandError> {
        let channel = self.channel(old.thread).ok_or(CommandError::ThreadUnknown)?;
        let session = channel.session().ok_or(CommandError::NotRenewable)?;
        if session.halt == Some(Halt::WordsDiffer) {
            return Err(CommandError::NotRenewable);
        }
        if channel.thread.renewed_as.is_some() {
            return Err(CommandError::AlreadyRenewed);
        }
        let party = session.card(channel.thread.role.other()).fingerprint()?;
        let party = (!old.new_identity).then_some(party);
        Ok(Renews { thread: old.thread, channel: session.channel, party, said: false })
    }

    fn renewing(
        &mut self,
        number: u32,
        renews: Renews,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> OfficerStep {
        self.turn(number, now, rng, |channel, _| {
            channel.thread.renews = Some(renews);
            channel.changed = true;
        })
    }

    /// Prepares an invite to a channel that takes the place of another.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn renew(
        &mut self,
        old: Old,
        label: String,
        relays: &[RelayLeave],
        expires: UnixMillis,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(u32, OfficerStep), CommandError> {
        let renews = self.renews(old)?;
        let (number, mut step) = self.invite(label, relays, expires, now, rng)?;
        step.append(self.renewing(number, renews, now, rng));
        Ok((number, step))
    }

    /// Joins by an invite to a channel that takes the place of another.
    ///
    /// # Errors
    /// [`CommandError::OtherParty`] where somebody else made the invite; [`CommandError`].
    #[expect(clippy::too_many_arguments, reason = "what a join takes, and which channel it renews")]
    pub fn join_renewal(
        &mut self,
        old: Old,
        label: String,
        invite: &Invite,
        offer: &SignedOffer,
        relays: &[RelayLeave],
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<(u32, OfficerStep), CommandError> {
        let renews = self.renews(old)?;
        let found = offer.card().fingerprint()?;
        if let Some(expected) = renews.party.filter(|party| *party != found) {
            return Err(CommandError::OtherParty { found: found.hex(), expected: expected.hex() });
        }
        let (number, mut step) = self.join(label, invite, offer, relays, now, rng)?;
        step.append(self.renewing(number, renews, now, rng));
        Ok((number, step))
    }

    /// Says our renewal, once both have confirmed the words of the channel that renews another. From then on nothing
    /// is said in the old one: one transaction.
    pub(super) fn say_renewal(
        &mut self,
        number: u32,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> OfficerStep {
        let mut step = OfficerStep::new();
        let Some(channel) = self.channels.get(&number) else { return step };
        let Some(renews) = channel.thread.renews.filter(|renews| !renews.said) else { return step };
        let may_say = channel.session().is_some_and(|session| session.heard && session.halt.is_none());
        if !may_say || !Role::BOTH.into_iter().all(|role| channel.words_confirmed_by(role)) {
            return step;
        }
        let Some(body) = self.channel(renews.thread).and_then(|old| old.cites()?.encode().ok()) else {
            return step;
        };
        let mut said = false;
        step = self.turn(number, now, rng, |channel, turn| {
            said = channel.compose(Kind::Renewal, StatementId::NONE, body, Vec::new(), turn).is_ok();
            channel.thread.renews = Some(Renews { said, ..renews });
            channel.pump(turn);
        });
        if said {
            step.append(self.turn(renews.thread, now, rng, |old, _| {
                old.thread.renewed_as = Some(number);
                old.changed = true;
            }));
        }
        step
    }

    /// What the counterpart of a channel that renews another has said of the old one.
    #[must_use]
    pub fn counterpart_renews(&self, number: u32) -> Option<Counterpart> {
        let channel = self.channel(number)?;
        let renews = channel.thread.renews?;
        let (own, peer) = (channel.thread.role, channel.thread.role.other());
        // As a transcript's check does: what was said before both had confirmed the words counts for nothing.
        let (Some(ours), Some(theirs)) = (channel.counts.words_of(own), channel.counts.words_of(peer)) else {
            return Some(Counterpart::Silent);
        };
        let said = channel.statements_of(peer).filter(|shown| {
            let header = &shown.header;
            let counts = header.sequence > theirs && header.peer_count > ours;
            counts && header.kind == Kind::Renewal.number()
        });
        let mut said = said.filter_map(|shown| {
            let statement = shown.statement().ok()?;
            Renewal::of(&statement.header, &statement.said)
        });
        let Some(renewal) = said.next() else { return Some(Counterpart::Silent) };
        if renewal.channel != renews.channel {
            return Some(Counterpart::OtherChannel(renewal.channel));
        }
        let old = self.channel(renews.thread)?;
        Some(match renewal.check(|role, count| old.cited(role, count)) {
            Ok(()) => Counterpart::Agrees(renewal),
            Err(error) => Counterpart::Differs(error),
        })
    }
}

impl Channel {
    /// A chain with so many statements; nothing where fewer are held.
    #[must_use]
    pub fn cited(&self, role: Role, count: u64) -> Option<Cited> {
        let earlier = |header: Header| Cited { count, head: header.previous, root: header.own_root };
        Cited::of(self.transcript.chain(role), count).or_else(|| self.header_at(role, count).map(earlier))
    }

    /// What we vouch for of both chains. Of our own, in a vault that is or may be an older copy, no more than the
    /// counterpart has acknowledged: we may have signed something else there. Of a chain that forked, no more than
    /// came before.
    #[must_use]
    pub fn cites(&self) -> Option<Renewal> {
        let session = self.session()?;
        let own = self.thread.role;
        let doubted = session.halt.is_some_and(|halt| halt.is_doubt() || halt == Halt::RolledBack);
        let chain = |role: Role| {
            let held = self.transcript.chain(role).count();
            let acknowledged = self.transcript.chain(role.other()).acknowledged();
            let held = if role == own && doubted { held.min(acknowledged) } else { held };
            self.cited(role, self.fork_of(role).map_or(held, |fork| held.min(fork.sequence())))
        };
        Some(Renewal::new(session.channel, [chain(Role::Inviter)?, chain(Role::Joiner)?]))
    }
}
