//! The table of the life of a proposal: whether an act is valid over what stands in its case at a cut. May not know
//! of other cases, nor change anything.

use crate::crypto::digest::Digest;
use crate::deal::case::{Acceptance, OfferRecord, View};
use crate::deal::handover::Round;
use crate::deal::progress::Handover;
use crate::deal::verdict::{Act, Verdict, VoidReason};
use crate::party::role::Role;

impl<'a> View<'a> {
    /// The table, for the acts that need a case.
    pub(crate) fn weigh(&self, author: Role, act: &Act) -> Verdict {
        match act {
            Act::Note | Act::Standby | Act::Query | Act::Answer(_) => Ok(()),
            Act::Offer { base, .. } if *base != self.version => {
                Err(VoidReason::NotOnCurrentVersion { base: *base, current: self.version })
            }
            Act::Offer { .. } => self.free(author),
            Act::Withdraw(id) => {
                let offer = self.offer(id)?;
                if offer.author != author {
                    return Err(VoidReason::OfferNotOwn);
                }
                self.open(offer)?;
                self.not_hanging(author)
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
            Act::Lock { version, .. } => {
                let handover = self.current(*version)?;
                self.not_hanging(author)?;
                if handover.has_locked(author) { Err(VoidReason::AlreadyLocked) } else { Ok(()) }
            }
            Act::Transport(version) => {
                let handover = self.current(*version)?;
                handover.not_gone(author)?;
                handover.locked(author)
            }
            Act::AcknowledgeTransport(notice) => self.acknowledgeable(author, notice),
            Act::Ready { version, round } => {
                let handover = self.current(*version)?;
                handover.in_round(*round)?;
                self.not_hanging(author)?;
                if handover.is_ready(author) {
                    return Err(VoidReason::AlreadyReady);
                }
                handover.locked(author)?;
                handover.settled(author)
            }
            Act::Go { version, round } => {
                let handover = self.current(*version)?;
                handover.in_round(*round)?;
                self.not_hanging(author)?;
                handover.not_gone(author)?;
                if !handover.is_ready(author) {
                    Err(VoidReason::NotReady)
                } else if !handover.is_ready(author.other()) {
                    Err(VoidReason::OtherNotReady)
                } else {
                    Ok(())
                }
            }
            Act::Suspend { version, round } => {
                let handover = self.current(*version)?;
                handover.in_round(*round)?;
                handover.not_gone(author)
            }
            Act::Lines { version, legs } => {
                let handover = self.effective(*version)?;
                let record = handover.record();
                let beyond = u32::try_from(record.legs).ok().and_then(|count| legs.checked_shr(count));
                if beyond.is_some_and(|legs| legs != 0) {
                    Err(VoidReason::LegUnknown { legs: record.legs })
                } else if handover.closed(author).is_some() && legs & !record.remains != 0 {
                    Err(VoidReason::LinesClosed)
                } else {
                    Ok(())
                }
            }
            Act::Close(version) => match self.effective(*version)?.closed(author) {
                Some(_) => Err(VoidReason::AlreadyClosed),
                None => Ok(()),
            },
            Act::TransferNotice(id) => self.offer(id).map(|_| ()),
            Act::Breach(id) => {
                let offer = self.offer(id)?;
                let sealed = self.sealed_on(offer.base).is_some_and(|sealed| sealed.id == *id);
                if sealed { Ok(()) } else { Err(VoidReason::OfferNotSealed) }
            }
            Act::AnswerBreach(id) => {
                let breach = self.case.breaches.get(id).filter(|it| self.cut.has(it.author, it.sequence));
                match breach {
                    None => Err(VoidReason::BreachUnknown),
                    Some(breach) if breach.author == author => Err(VoidReason::BreachOwn),
                    Some(_) => Ok(()),
                }
            }
        }
    }

    fn not_hanging(&self, author: Role) -> Verdict {
        if self.is_hanging(author) { Err(VoidReason::AuthorHanging) } else { Ok(()) }
    }

    /// Neither hanging nor gone.
    fn free(&self, author: Role) -> Verdict {
        self.not_hanging(author)?;
        self.handover().map_or(Ok(()), |handover| handover.not_gone(author))
    }

    fn offer(&self, id: &Digest) -> Result<&'a OfferRecord, VoidReason> {
        let offer = self.case.offers.get(id).filter(|offer| self.cut.has(offer.author, offer.sequence));
        offer.ok_or(VoidReason::OfferUnknown)
    }

    fn offer_of_other(&self, id: &Digest, author: Role) -> Result<&'a OfferRecord, VoidReason> {
        let offer = self.offer(id)?;
        if offer.author == author { Err(VoidReason::OfferOwn) } else { Ok(offer) }
    }

    fn open(&self, offer: &OfferRecord) -> Verdict {
        if offer.base != self.version {
            Err(VoidReason::OfferSuperseded)
        } else if self.is_withdrawn(offer) {
            Err(VoidReason::OfferWithdrawn)
        } else if self.is_rejected(offer) {
            Err(VoidReason::OfferRejected)
        } else {
            Ok(())
        }
    }

    fn acceptance(&self, id: &Digest) -> Result<&'a Acceptance, VoidReason> {
        let acceptance = self.case.acceptances.get(id).filter(|it| self.cut.has(it.author, it.sequence));
        acceptance.ok_or(VoidReason::AcceptanceUnknown)
    }

    fn living(&self, acceptance: &Acceptance) -> Verdict {
        if acceptance.base != self.version {
            Err(VoidReason::OfferSuperseded)
        } else if self.stands(acceptance) {
            Ok(())
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
        let accepted = self.case.accepted.get(&self.version).map(|it| it.of(author));
        let last = accepted.and_then(|it| self.cut.last(author, &it.lapsed, |at| *at));
        match last {
            Some(at) if *at >= seen => Err(VoidReason::LapseUnacknowledged),
            _ => Ok(()),
        }
    }

    /// The handover of `version`, where that is current and there is somebody to hand over.
    fn current(&self, version: u32) -> Result<Handover<'a>, VoidReason> {
        let handover = self.handover().ok_or(VoidReason::NothingSealed)?;
        if version != handover.version() {
            Err(VoidReason::VersionNotCurrent { version, current: handover.version() })
        } else if handover.is_cancelled() {
            Err(VoidReason::Cancelled)
        } else {
            Ok(handover)
        }
    }

    fn effective(&self, version: u32) -> Result<Handover<'a>, VoidReason> {
        let handover = self.current(version)?;
        if handover.is_effective() { Ok(handover) } else { Err(VoidReason::NoEffectiveGo) }
    }

    /// Whether `author` may acknowledge this transport notice: the other's current one, once.
    fn acknowledgeable(&self, author: Role, notice: &Digest) -> Verdict {
        let handover = self.handover().ok_or(VoidReason::NothingSealed)?;
        match handover.transport(author.other()) {
            Some((current, None)) if current == *notice => Ok(()),
            Some((current, Some(_))) if current == *notice => Err(VoidReason::AlreadyAcknowledged),
            _ if handover.has_noticed(author, notice) => Err(VoidReason::NoticeOwn),
            _ if handover.has_noticed(author.other(), notice) => Err(VoidReason::NoticeReplaced),
            _ => Err(VoidReason::NoticeUnknown),
        }
    }
}

impl Handover<'_> {
    fn in_round(&self, round: Round) -> Verdict {
        let current = self.round();
        if round == current { Ok(()) } else { Err(VoidReason::RoundNotCurrent { round, current }) }
    }

    fn not_gone(&self, author: Role) -> Verdict {
        if !self.is_gone(author) {
            Ok(())
        } else if self.is_effective() {
            Err(VoidReason::GoEffective)
        } else {
            Err(VoidReason::AuthorGone)
        }
    }

    fn locked(&self, author: Role) -> Verdict {
        let other = author.other();
        if self.is_locked() {
            Ok(())
        } else if self.lock(author).is_none() {
            Err(VoidReason::NotLocked)
        } else if !self.has_locked(author) {
            Err(VoidReason::LockedOtherLists)
        } else if self.lock(other).is_none() {
            Err(VoidReason::OtherNotLocked)
        } else {
            Err(VoidReason::OtherLockedOtherLists)
        }
    }

    fn settled(&self, author: Role) -> Verdict {
        let other = author.other();
        match (self.transport(author), self.transport(other)) {
            (None, _) if self.needs_transport(author) => Err(VoidReason::TransportMissing),
            (_, Some((_, None))) => Err(VoidReason::TransportUnacknowledged),
            (_, None) if self.needs_transport(other) => Err(VoidReason::OtherTransportMissing),
            (Some((_, None)), _) => Err(VoidReason::OtherNotAcknowledged),
            _ => Ok(()),
        }
    }
}
