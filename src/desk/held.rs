//! What a channel holds, looked up by id: offers, what was agreed, handover lines. May not change anything.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::handover::HandoverLine;
use crate::deal::progress::Handover;
use crate::deal::state::CaseState;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;

/// What statements can be looked up in: a channel, or what a page is made from.
pub trait Holds {
    /// What the statement with this id says, where it says something well-formed in a negotiation.
    fn content(&self, id: &Digest) -> Option<Content>;
}

impl Holds for Channel {
    fn content(&self, id: &Digest) -> Option<Content> {
        statement(self, id)?.content()?.ok()
    }
}

/// The statement with this id.
#[must_use]
pub fn statement<'a>(channel: &'a Channel, id: &Digest) -> Option<Shown<'a>> {
    channel.statement(id)
}

/// What it says, where it says something well-formed in a negotiation.
#[must_use]
pub fn content(held: &dyn Holds, id: &Digest) -> Option<Content> {
    held.content(id)
}

/// The offer with this id.
#[must_use]
pub fn offer(held: &dyn Holds, id: &Digest) -> Option<Box<Offer>> {
    match content(held, id)? {
        Content::Offer(offer) => Some(offer),
        _ => None,
    }
}

/// The offer sealed as this version of a case.
#[must_use]
pub fn version(held: &dyn Holds, case: &CaseState<'_>, version: u32) -> Option<Box<Offer>> {
    let at = usize::try_from(version.checked_sub(1)?).ok()?;
    offer(held, &case.sealed().get(at)?.offer)
}

/// The offer whose persons a statement is about, where it names them by their places.
#[must_use]
pub fn agreed(held: &dyn Holds, case: Option<&CaseState<'_>>, said: &Content) -> Option<Box<Offer>> {
    match said {
        Content::Lines(it) => version(held, case?, it.body().version),
        Content::TransferNotice(it) => offer(held, &it.offer),
        Content::Breach(it) => offer(held, &it.offer),
        _ => None,
    }
}

/// Every line of a party on a handover, in the order said.
#[must_use]
pub fn lines(held: &dyn Holds, handover: &Handover<'_>, role: Role) -> Vec<HandoverLine> {
    let said = handover.lines(role).iter().filter_map(|id| match content(held, id)? {
        Content::Lines(lines) => Some(lines),
        _ => None,
    });
    said.flat_map(|lines| lines.lines().to_vec()).collect()
}
