//! Promises of time, which bind their author's own client and are no rule of the state: a confirm within the
//! offer's time, an acceptance held as long as was promised, a go answered within its window, results on remains
//! within 24 months, stages in their order, no lock before that of who confirmed, no closing with persons untold. All but stages and locks yield
//! to an officer who insists.

use crate::deal::body::Content;
use crate::deal::body::Lines;
use crate::deal::staging::too_early;
use crate::deal::state::CaseState;
use crate::deal::terms::Category;
use crate::deal::verdict::Act;
use crate::desk::failure::{Cause, Failure};
use crate::desk::held;
use crate::desk::names::Names;
use crate::desk::progress::Progress;
use crate::desk::screen::{short, time};
use crate::officer::engine::Channel;
use crate::party::role::Role;
use crate::time::UnixMillis;

/// Months after the closing in which results on remains may still change.
const REMAINS_MONTHS: i64 = 24;

/// Whether what is about to be said keeps the own side's promises.
///
/// # Errors
/// [`Cause::Refused`], with the promise.
pub fn kept(
    channel: &Channel,
    case: Option<&CaseState<'_>>,
    content: &Content,
    late: bool,
    now: UnixMillis,
) -> Result<(), Failure> {
    let Some(case) = case else { return Ok(()) };
    match content {
        Content::Lines(lines) => in_order(channel, case, lines)?,
        Content::Lock(_) => after_the_offeror(channel, case)?,
        _ => {}
    }
    if late {
        return Ok(());
    }
    match content {
        Content::Confirm(it) => match held::content(channel, &it.acceptance) {
            Some(Content::Accept(accept)) => within_offer(channel, &accept.offer, now),
            _ => Ok(()),
        },
        Content::Lapse(it) => match held::content(channel, &it.acceptance) {
            Some(Content::Accept(accept)) if accept.hold_until > now => Err(broken(
                &format!("you promised to hold to your acceptance until {}", time(accept.hold_until)),
                "Wait until then, or break the promise with --late.",
            )),
            _ => Ok(()),
        },
        Content::Go(_) => within_window(channel, case, now),
        Content::Lines(lines) => within_months(channel, case, lines, now),
        Content::Closed(_) => all_told(channel, case),
        _ => Ok(()),
    }
}

fn broken(promise: &str, help: &str) -> Failure {
    Failure::new(Cause::Refused, format!("not signed: {promise}"), help)
}

fn within_offer(
    channel: &Channel,
    offer: &crate::crypto::digest::Digest,
    now: UnixMillis,
) -> Result<(), Failure> {
    let until = held::offer(channel, offer).and_then(|offer| offer.body().valid_until);
    match until.filter(|until| *until <= now) {
        None => Ok(()),
        Some(until) => Err(broken(
            &format!("your offer was valid until {}, and that is over", time(until)),
            "Make the offer again, or confirm all the same with --late.",
        )),
    }
}

/// Who closes says that its lines are complete.
fn all_told(channel: &Channel, case: &CaseState<'_>) -> Result<(), Failure> {
    let Some(progress) = Progress::of(channel, case) else { return Ok(()) };
    let (told, of) = progress.told(channel.thread.role);
    if told >= of {
        return Ok(());
    }
    let id = short(&case.id());
    let after = if progress.is_of_remains() {
        "Results on remains can still be said after it."
    } else {
        "After it only results on remains can still be said."
    };
    Err(broken(
        &format!(
            "you have said of {told} of the {of} agreed what became of them, and closing says that your lines are \
             complete"
        ),
        &format!(
            "Say the rest: truceline lines {id} --all-delivered, or lines {id} --template FILE to correct first. To \
             close although lines are untold: --untold. {after}"
        ),
    ))
}

/// The other side's go of this round, where its window is over.
fn within_window(channel: &Channel, case: &CaseState<'_>, now: UnixMillis) -> Result<(), Failure> {
    let names = Names::of(channel);
    let theirs = names.me.other();
    let went = case.handover().and_then(|handover| handover.went(theirs));
    let said = went.and_then(|at| channel.statement_at(theirs, at)?.content());
    let until = match said {
        Some(Ok(Content::Go(go))) => go.window.map(|window| window.to),
        _ => None,
    };
    match until.filter(|until| *until < now) {
        None => Ok(()),
        Some(until) => Err(broken(
            &format!("{}'s go waited for yours until {}, and that is over", names.peer, time(until)),
            "Break the round off (truceline suspend CASE) and be ready again, or go all the same with --late.",
        )),
    }
}

/// Who accepted locks second: only the other's lock shows that it holds the acknowledgement that sealed it.
fn after_the_offeror(channel: &Channel, case: &CaseState<'_>) -> Result<(), Failure> {
    let names = Names::of(channel);
    if case.may(names.me).iter().any(|act| matches!(act, Act::Lock { .. })) {
        return Ok(());
    }
    Err(Failure::new(
        Cause::Refused,
        format!(
            "not signed: you accepted, so {} locks first, which shows that it holds the seal",
            names.peer
        ),
        "Wait for its lock: truceline sync",
    ))
}

fn in_order(channel: &Channel, case: &CaseState<'_>, lines: &Lines) -> Result<(), Failure> {
    let (Some(handover), Some(offer)) = (case.handover(), held::version(channel, case, lines.body().version))
    else {
        return Ok(());
    };
    let said = Role::BOTH.map(|role| held::lines(channel, &handover, role));
    let said = said.each_ref().map(|lines| lines.iter().collect::<Vec<_>>());
    let [inviters, joiners] = &said;
    match too_early(&offer, [inviters, joiners], lines.lines()) {
        None => Ok(()),
        Some(early) => {
            let message = format!("not signed: {early}");
            let (what, _) = message.rsplit_once(": ").unwrap_or((&message, ""));
            let (id, before) = (short(&case.id()), early.waits_for);
            let help = format!(
                "Say those first: truceline lines {id} --stage {before} --all-delivered, or --stage {before} \
                 --template FILE to correct first. Then wait for the other side's: truceline sync"
            );
            Err(Failure::new(Cause::Refused, what, help))
        }
    }
}

/// Corrections on remains come within 24 months of the closing.
fn within_months(
    channel: &Channel,
    case: &CaseState<'_>,
    lines: &Lines,
    now: UnixMillis,
) -> Result<(), Failure> {
    let closed = Role::BOTH.map(|role| {
        let id = case.handover().and_then(|handover| handover.closed(role))?;
        Some(held::statement(channel, &id)?.item.marks.stored)
    });
    let [Some(inviters), Some(joiners)] = closed else { return Ok(()) };
    let offer = held::version(channel, case, lines.body().version);
    let of_remains = |leg: u16| {
        let leg = offer.as_ref().and_then(|offer| offer.legs().get(usize::from(leg)));
        leg.is_some_and(|leg| leg.category == Category::Remains)
    };
    let until = months_after(inviters.max(joiners), REMAINS_MONTHS);
    if until > now || !lines.lines().iter().any(|line| of_remains(line.subject.leg())) {
        return Ok(());
    }
    Err(broken(
        &format!("results on remains could change for 24 months, until {}", time(until)),
        "Open a case of its own for them, or say it all the same with --late.",
    ))
}

fn months_after(at: UnixMillis, months: i64) -> UnixMillis {
    let after = || {
        let stamp = jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
        let zoned = stamp.to_zoned(jiff::tz::TimeZone::UTC);
        let after = zoned.checked_add(jiff::Span::new().months(months)).ok()?;
        u64::try_from(after.timestamp().as_millisecond()).ok()
    };
    after().map_or(UnixMillis(u64::MAX), UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_four_months_end_on_the_same_day_of_the_month() {
        let closed = UnixMillis(1_795_356_309_123);
        assert_eq!(time(closed), "2026-11-22 14:05Z");
        assert_eq!(time(months_after(closed, REMAINS_MONTHS)), "2028-11-22 14:05Z");
    }
}
