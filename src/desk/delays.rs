//! `truceline delays`: who holds the turn, how long each side takes to answer, what is unanswered and overdue.

use crate::deal::delay::{Asked, Delays, End, Wait, delays, waits};
use crate::desk::cases::{in_order, times, turns, turns_json, turns_text};
use crate::desk::failure::Failure;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::own::history;
use crate::desk::record::side;
use crate::desk::screen::{Answer, count, field, json_time, json_time_if, plain, short, span, time};
use crate::party::role::Role;
use crate::time::UnixMillis;
use serde_json::{Value, json};

const FIELD: usize = 12;

/// How a side answers, in words.
#[must_use]
pub fn delays_text(delays: &Delays) -> String {
    let mut parts = vec![count(u64::from(delays.answers), "answer", "answers")];
    if let (Some(median), Some((longest, id))) = (delays.median, delays.longest) {
        let longest = format!("longest {} (to {})", span(longest), short(&id));
        parts.extend([format!("half within {}", span(median)), longest]);
    }
    parts.push(format!("{} late", delays.late));
    parts.push(format!("{} waited for, {} overdue", delays.waiting, delays.overdue));
    parts.join("; ")
}

/// The same for machines.
#[must_use]
pub fn delays_json(delays: &Delays) -> Value {
    json!({
        "answers": delays.answers,
        "median_ms": delays.median.map(|median| median.0),
        "longest_ms": delays.longest.map(|(longest, _)| longest.0),
        "longest": delays.longest.map(|(_, id)| id.hex()),
        "late": delays.late,
        "waiting": delays.waiting,
        "overdue": delays.overdue,
    })
}

fn wait_text(wait: &Wait, names: &Names, now: UnixMillis) -> String {
    let until = match wait.until {
        Some(until) if wait.is_overdue(now) => format!(", OVERDUE since {}", time(until)),
        Some(until) => format!(", until {}", time(until)),
        None => String::new(),
    };
    let (what, whose) = (wait.asked.name(), names.name(wait.whose));
    let since = span(now.since(wait.since));
    format!("{what} {}: for {whose} to {}, for {since}{until}", short(&wait.id), verb(wait.asked))
}

const fn verb(asked: Asked) -> &'static str {
    match asked {
        Asked::Offer | Asked::Query | Asked::Breach => "answer",
        Asked::Acceptance => "confirm",
        Asked::Transport => "acknowledge",
    }
}

fn wait_json(wait: &Wait, me: Role, now: UnixMillis) -> Value {
    let answered = match wait.end {
        End::Answered(id, at) => Some((id.hex(), at)),
        End::Waits | End::Moot => None,
    };
    json!({
        "id": wait.id.hex(),
        "kind": wait.asked.name(),
        "whose": side(wait.whose, me),
        "case": wait.case.map(|case| case.hex()),
        "since": json_time(wait.since),
        "until": json_time_if(wait.until),
        "answer": answered.as_ref().map(|(id, _)| id.clone()),
        "answered": json_time_if(answered.map(|(_, at)| at)),
        "moot": wait.end == End::Moot,
        "overdue": wait.is_overdue(now),
    })
}

/// `truceline delays`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk) -> Result<Answer, Failure> {
    let now = desk.service.now();
    let (mut blocks, mut all) = (Vec::new(), Vec::new());
    for number in desk.chosen()? {
        let channel = desk.channel(number)?;
        let (names, ledger) = (Names::of(channel), channel.ledger());
        let times = times(channel, &ledger);
        let waits = waits(&history(channel, &ledger));
        let mut block = format!("Channel {}\n", plain(&channel.thread.label));
        let mut cases = Vec::new();
        for case in in_order(&ledger, &times) {
            let turns = turns(&case, &times);
            let text = format!("{}: {}", short(&case.id()), turns_text(&turns, &names, now));
            block.push_str(&field("turn", FIELD, &text));
            cases.push(json!({"id": case.id().hex(), "turns": turns_json(&turns, names.me)}));
        }
        let mut sides = serde_json::Map::new();
        for role in [names.me, names.me.other()] {
            let delays = delays(&waits, role, now);
            block.push_str(&field(
                &crate::desk::screen::cut(names.name(role), FIELD - 1),
                FIELD,
                &delays_text(&delays),
            ));
            sides.insert(side(role, names.me).to_owned(), delays_json(&delays));
        }
        for wait in waits.iter().filter(|wait| wait.end == End::Waits) {
            let text = wait_text(wait, &names, now);
            let lines = field("waits", FIELD, &text);
            block.push_str(&lines.replacen("OVERDUE", &desk.place.style.wrong("OVERDUE"), 1));
        }
        blocks.push(block);
        let waits: Vec<Value> = waits.iter().map(|wait| wait_json(wait, names.me, now)).collect();
        all.push(json!({"channel": channel.thread.label, "cases": cases, "sides": sides, "waits": waits}));
    }
    let none = "No channel yet: begin one with 'truceline invite' or 'truceline join'.\n".to_owned();
    let text = if blocks.is_empty() { none } else { blocks.join("\n") };
    Ok(Answer::new(text, json!({"channels": all})))
}
