//! What an officer should be warned of before signing: what the law says against it, who does not belong on a list or
//! is listed twice, what does not fit what was said before, what of that was not true. Shown at the own desk alone, and
//! never sent.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::consistent::{Contradiction, Fit, Untruth, compares, fit, reads};
use crate::deal::criteria::misfits_in_short;
use crate::deal::handover::TransferNotice;
use crate::deal::history::History;
use crate::deal::judge::Ledger;
use crate::deal::law::{self, Warning};
use crate::deal::repeat::repeats;
use crate::desk::open::Desk;
use crate::desk::own::history_of;
use crate::desk::screen::{count, plain, short, time};
use crate::party::role::Role;
use crate::statement::kind::Kind;

/// Contradictions that are shown one by one, at most; the rest are counted.
const SHOWN_MAX: usize = 12;

/// The warnings on a draft that opens a case, or whose case does not matter; harmless to show.
#[must_use]
pub fn warnings(desk: &Desk, thread: u32, content: &Content) -> Vec<String> {
    warnings_in(desk, thread, None, content)
}

/// The warnings on a draft in `case`, harmless to show; none for one that can be signed as it is.
#[must_use]
pub fn warnings_in(desk: &Desk, thread: u32, case: Option<Digest>, content: &Content) -> Vec<String> {
    let Some(channel) = desk.service.officer().channel(thread) else { return Vec::new() };
    let untruths = desk.service.officer().untruths(thread);
    let answered = match content {
        Content::Accept(accept) => Some(accept.offer),
        Content::Confirm(_) => None,
        _ if compares(content) || !untruths.is_empty() => None,
        _ => return Vec::new(),
    };
    let ledger = channel.ledger();
    let reads = reads(&ledger, channel.thread.role);
    let history = history_of(channel, &ledger, |shown| {
        let (id, header) = (shown.id.0, shown.header);
        Some(id) == answered || reads(&id, header.author, Kind::from_number(header.kind))
    });
    let mut all = match content {
        Content::Lines(lines) => {
            let notices = sealed(&ledger, case).map(|id| history.notices(&id).collect::<Vec<_>>());
            in_words(&law::unannounced(lines.lines(), &notices.unwrap_or_default()))
        }
        _ => of_terms(&history, content),
    };
    all.extend(told(&history, &untruths, &fit(&history, &untruths, case, content)));
    all
}

/// The offer sealed as the current version of a case.
fn sealed(ledger: &Ledger, case: Option<Digest>) -> Option<Digest> {
    Some(ledger.case(&case?)?.handover()?.offer())
}

/// What there is against the offer that is made, accepted or confirmed.
fn of_terms(history: &History<'_>, content: &Content) -> Vec<String> {
    let accepted = match content {
        Content::Offer(offer) => return of_offer(offer, &[], history.me),
        Content::Accept(accept) => Some(accept.offer),
        Content::Confirm(confirm) => {
            match history.get(&confirm.acceptance).and_then(|said| said.content.as_ref()) {
                Some(Content::Accept(accept)) => Some(accept.offer),
                _ => None,
            }
        }
        _ => None,
    };
    let made = accepted.and_then(|id| history.offer(&id));
    made.map_or_else(Vec::new, |(made, offer)| {
        of_offer(offer, &history.notices(&made.id).collect::<Vec<_>>(), history.me)
    })
}

fn of_offer(offer: &Offer, notices: &[&TransferNotice], me: Role) -> Vec<String> {
    let warnings = law::warnings(offer, notices);
    let mut all: Vec<String> = warnings.iter().map(|it| plain(&it.told_to(me, offer))).collect();
    all.extend(misfits_in_short(offer));
    all.extend(repeats(offer).iter().map(|repeat| plain(&repeat.to_string())));
    all
}

fn in_words(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(|warning| plain(&warning.to_string())).collect()
}

fn told(history: &History<'_>, untruths: &[Untruth], fit: &Fit) -> Vec<String> {
    let shown = fit.contradictions.iter().take(SHOWN_MAX);
    let mut all: Vec<String> = shown.map(|it| contradiction(history, it)).collect();
    let rest = fit.contradictions.len().saturating_sub(SHOWN_MAX) as u64;
    if rest > 0 {
        all.push(format!(
            "{} with what you said before.",
            count(rest, "more does not agree", "more do not agree")
        ));
    }
    for untruth in fit.touched.iter().filter_map(|number| untruths.get(*number)) {
        let said = untruth.said.as_ref().map(|said| format!("\"{}\" ", plain(said.as_str())));
        all.push(format!(
            "This touches what you said {}in {} and noted as not true: what you say now must fit what they were told.",
            said.unwrap_or_default(),
            short(&untruth.about.statement)
        ));
    }
    all
}

fn contradiction(history: &History<'_>, it: &Contradiction) -> String {
    let id = short(&it.before.statement);
    let when = history.get(&it.before.statement).map(|said| format!(" of {}", time(said.at)));
    let untrue = if it.untrue {
        " You said so, and it was not true: what you say now must fit what they were told."
    } else {
        ""
    };
    format!(
        "{}: {} is '{}' now, and was '{}' in {id}{}.{untrue}",
        plain(&it.about),
        it.field,
        plain(&it.now),
        plain(&it.said),
        when.unwrap_or_default(),
    )
}
