//! That a bundle about a case holds all of it: every header from its opening to the heads, and of the case every
//! body. May not know what these come to.
//!
//! A chain's headers begin no later than the opening, in its author's chain, or than what the opening acknowledges,
//! in the other's: nothing said before could name the case. Where they begin later than the chain does, a
//! confirmation of the words from before is shown, so that no hidden one can change what counts.

use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::statement::evidence::checked::{CheckedBundle, Gap, Proven};
use crate::statement::evidence::{Disclosure, of};
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::WordsConfirmed;
use std::collections::BTreeSet;

/// Holds that the case of a bundle's scope is whole, where it has one.
pub(super) fn check(bundle: &CheckedBundle) -> Result<(), Gap> {
    let Some(case) = bundle.scope.case() else { return Ok(()) };
    let opening = &bundle.statement(&case).ok_or(Gap::Opening)?.header;
    if opening.kind != Kind::Offer.number() || opening.case != StatementId::NONE {
        return Err(Gap::Opening);
    }
    let cards = bundle.preamble.cards.each_ref().map(|card| card.fingerprint().unwrap_or_default());
    let [inviter, joiner] = &cards;
    let words = SafetyWords::of(&bundle.preamble.channel, inviter, joiner);
    let confirms = |it: &Proven| {
        let whole = matches!(&it.disclosure, Disclosure::Whole(said)
            if said.lists.is_empty() && WordsConfirmed::confirms(&said.body, &words));
        it.header.kind == Kind::WordsConfirmed.number() && whole
    };
    let whole: BTreeSet<(Role, u64)> = bundle
        .statements
        .iter()
        .filter(|it| matches!(it.disclosure, Disclosure::Whole(_)))
        .map(|it| (it.header.author, it.header.sequence))
        .collect();
    let is_needed = |header: &Header| {
        header.case == case
            || header.kind == Kind::WordsConfirmed.number()
            || (header.author, header.sequence) == (opening.author, opening.sequence)
    };
    for role in Role::BOTH {
        let Some(head) = of(&bundle.heads, role) else { continue };
        let last = if role == opening.author { opening.sequence } else { opening.peer_count };
        let headers = of(&bundle.runs, role).as_ref().ok_or(Gap::Run(role))?;
        let first = headers.first().unwrap_or(head).sequence;
        let is_before = |it: &&Proven| it.header.author == role && it.header.sequence < first;
        let confirmed = || bundle.statements.iter().filter(is_before).any(confirms);
        // A chain that goes no further than what the opening acknowledges holds its head alone.
        if first > last.min(head.sequence) || (first > 0 && !confirmed()) {
            return Err(Gap::Run(role));
        }
        for header in bundle.shown(role).filter(|header| is_needed(header)) {
            let sequence = header.sequence;
            if !whole.contains(&(role, sequence)) {
                return Err(Gap::Withheld { role, sequence });
            }
        }
    }
    Ok(())
}
