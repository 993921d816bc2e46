//! What an officer should be warned of before signing: what the law says against it, who does not belong on a list or
//! is listed twice, what does not fit what was said before, what of that was not true. Shown at the own desk alone, and
//! never sent.

use crate::crypto::digest::Digest;
use crate::deal::body::{Content, Offer};
use crate::deal::consistent::{Contradiction, Fit, Untruth, compares, fit, reads};
use crate::deal::criteria::misfits_in_short;
use crate::deal::handover::{TransferNotice, Transport};
use crate::deal::history::History;
use crate::deal::judge::Ledger;
use crate::deal::law::{self, Warning};
use crate::deal::repeat::repeats;
use crate::deal::stage::Window;
use crate::desk::held;
use crate::desk::open::Desk;
use crate::desk::own::history_of;
use crate::desk::screen::{count, list_of, plain, short, time};
use crate::desk::terms::window_text;
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;

/// Contradictions that are shown one by one, at most; the rest are counted.
const SHOWN_MAX: usize = 12;

/// The warnings on a draft in `case`, harmless to show; none for one that can be signed as it is.
#[must_use]
pub fn warnings_in(desk: &Desk, thread: u32, case: Option<Digest>, content: &Content) -> Vec<String> {
    let Some(channel) = desk.service.officer().channel(thread) else { return Vec::new() };
    let mut all = outside(channel, case, content, desk.service.now());
    let untruths = desk.service.officer().untruths(thread);
    let answered = match content {
        Content::Accept(accept) => Some(accept.offer),
        Content::Confirm(_) => None,
        _ if compares(content) || !untruths.is_empty() => None,
        _ => return all,
    };
    // What it is compared with may be in any case.
    let ledger = channel.ledger();
    let reads = reads(&ledger, channel.thread.role);
    let history = history_of(channel, &ledger, |shown| {
        let (id, header) = (shown.id.0, &shown.header);
        Some(id) == answered || reads(&id, header.author, Kind::from_number(header.kind))
    });
    all.extend(match content {
        Content::Lines(lines) => {
            let notices = sealed(&ledger, case).map(|id| history.notices(&id).collect::<Vec<_>>());
            in_words(&law::unannounced(lines.lines(), &notices.unwrap_or_default()))
        }
        _ => of_terms(&history, content),
    });
    all.extend(told(&history, &untruths, &fit(&history, &untruths, case, content)));
    all
}

/// That what is said of a handover's times lies outside those agreed for its stages, or for its corridors.
fn outside(channel: &Channel, case: Option<Digest>, content: &Content, now: UnixMillis) -> Vec<String> {
    let at = |moment| Window { from: moment, to: moment };
    let (version, said, by) = match content {
        Content::Transport(Transport { version, window: Some(window), corridor, .. }) => {
            (*version, *window, *corridor)
        }
        // Of a go it counts until when it is to be answered.
        Content::Go(it) => (it.version, at(it.window.map_or(now, |window| window.to)), None),
        _ => return Vec::new(),
    };
    let Some(id) = case else { return Vec::new() };
    let ledger = channel.ledger_of(&id);
    let case = ledger.case(&id);
    let Some(offer) = case.and_then(|case| held::version(channel, &case, version)) else { return Vec::new() };
    let terms = &offer.body().terms;
    let stages = terms.stages.iter().zip(1..).filter_map(|(stage, number)| Some((number, stage.window?)));
    let corridors = terms
        .corridors
        .iter()
        .zip(1..)
        .filter(|(_, number)| by.is_none_or(|by| usize::from(by) + 1 == *number))
        .filter_map(|(corridor, number)| Some((number, corridor.window?)));
    let all: [(&str, Vec<(usize, Window)>); 2] =
        [("stage", stages.collect()), ("corridor", corridors.collect())];
    all.into_iter().filter_map(|(what, agreed)| not_within(said, what, &agreed)).collect()
}

/// That a time lies outside all that was agreed, from the first begin to the last end.
fn not_within(said: Window, what: &str, agreed: &[(usize, Window)]) -> Option<String> {
    let from = agreed.iter().map(|(_, window)| window.from).min()?;
    let to = agreed.iter().map(|(_, window)| window.to).max()?;
    if from <= said.from && said.to <= to {
        return None;
    }
    let told = if said.from == said.to { time(said.to) } else { window_text(said) };
    let agreed: Vec<String> =
        agreed.iter().map(|(number, window)| format!("{what} {number}: {}", window_text(*window))).collect();
    Some(format!("{told} is outside the time agreed ({}).", agreed.join("; ")))
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
    all.extend(groups_without_effect(offer));
    all.extend(misfits_in_short(offer));
    all.extend(repeats(offer).iter().map(|repeat| plain(&repeat.to_string())));
    all
}

/// Some legs have a group and others none, and then no part of the offer can be accepted.
fn groups_without_effect(offer: &Offer) -> Option<String> {
    let (none, grouped): (Vec<_>, Vec<_>) = offer.legs().iter().zip(1..).partition(|(leg, _)| leg.group == 0);
    let numbers: Vec<String> = none.iter().map(|(_, number): &(_, usize)| number.to_string()).collect();
    let legs = match numbers.as_slice() {
        [] => return None,
        _ if grouped.is_empty() => return None,
        [one] => format!("leg {one} is"),
        _ => format!("legs {} are", list_of(&numbers)),
    };
    Some(format!("The groups have no effect while {legs} in none: the offer can only be accepted whole."))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deal::import::{Sources, proposal_from_toml};
    use crate::party::role::Role;

    const HOUR: u64 = 3_600_000;

    fn window(from: u64, to: u64) -> Window {
        Window { from: UnixMillis(from * HOUR), to: UnixMillis(to * HOUR) }
    }

    #[test]
    fn a_time_outside_what_was_agreed_is_told_with_what_was() {
        let agreed = [(1, window(7, 12)), (3, window(14, 18))];
        assert_eq!(not_within(window(8, 17), "stage", &agreed), None);
        assert_eq!(not_within(window(8, 17), "stage", &[]), None);
        let late = not_within(window(19, 19), "stage", &agreed).unwrap();
        assert!(late.starts_with("1970-01-01 19:00Z is outside the time agreed (stage 1: "), "{late}");
        assert!(late.contains("stage 3: 1970-01-01 14:00Z to 1970-01-01 18:00Z"), "{late}");
        assert!(not_within(window(6, 9), "corridor", &agreed).is_some());
    }

    #[test]
    fn a_leg_in_no_group_is_named_where_others_have_one() {
        let offer = |groups: [&str; 3]| {
            let legs: String =
                groups.map(|it| format!("[[leg]]\ngiver = \"me\"\ncount = 1\n{it}\n")).concat();
            let mut sources = Sources {
                me: Role::Inviter,
                now: UnixMillis(0),
                list: &mut |_| Err(String::new()),
                seed: &mut || [0; 32],
            };
            let draft = proposal_from_toml(&legs, &mut sources).unwrap();
            match draft.offer(0, None).unwrap() {
                Content::Offer(offer) => offer,
                _ => unreachable!(),
            }
        };
        assert_eq!(groups_without_effect(&offer(["", "", ""])), None);
        assert_eq!(groups_without_effect(&offer(["group = 1", "group = 2", "group = 1"])), None);
        let told = groups_without_effect(&offer(["group = 1", "", ""])).unwrap();
        assert!(told.starts_with("The groups have no effect while legs 2 and 3 are in none"), "{told}");
    }
}
