//! `truceline family`: what may be told now about a person. Nothing, until the receiver has signed that they crossed;
//! and never how they are, where they are, or what was asked for them.

use crate::deal::embargo::{MayTell, may_tell};
use crate::deal::handover::Outcome;
use crate::deal::identity::{Register, is_named_in, title};
use crate::deal::person::{Line, folded};
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::Desk;
use crate::desk::own::{history, named, record_at};
use crate::desk::screen::{Answer, json_time_if, paragraphs, plain, short, time};
use serde_json::{Value, json};

/// Persons that one name may find, at most: more is no answer about anybody.
const FOUND_MAX: usize = 10;

/// `truceline family`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk, asked: &grammar::Family) -> Result<Answer, Failure> {
    let mut found = Vec::new();
    if asked.who.contains('#') {
        let place = named(desk, &asked.who)?;
        let line = record_at(desk.channel(place.thread)?, &place.place);
        found.extend(line.map(|line| (place.thread, line)));
    } else {
        for thread in desk.chosen()? {
            found.extend(look_up(desk, thread, &asked.who)?.into_iter().map(|line| (thread, line)));
        }
    }
    if found.is_empty() || found.len() > FOUND_MAX {
        let number = if found.is_empty() { "nobody".to_owned() } else { format!("{} persons", found.len()) };
        let what = format!("{number} on the lists can be meant by '{}'", plain(&asked.who));
        let help =
            "Give surname and first names, a service number, or ID#LEG.LINE. Tell the family nothing yet.";
        return Err(Failure::new(Cause::Usage, what, help));
    }
    let (mut out, mut all) = (String::new(), Vec::new());
    for (thread, line) in &found {
        let (text, json) = answer(desk, *thread, line)?;
        out.push_str(&text);
        all.push(json);
    }
    Ok(Answer::new(out, json!({"persons": all})))
}

/// Everyone on a list of the channel whom `text` names.
fn look_up(desk: &Desk, thread: u32, text: &str) -> Result<Vec<Line>, Failure> {
    let channel = desk.channel(thread)?;
    let ledger = channel.ledger();
    let history = history(channel, &ledger);
    let mut found: Register<'_, ()> = Register::default();
    for (_, offer) in history.offers() {
        for (giver, line) in
            offer.legs().iter().flat_map(|leg| offer.lines(leg).iter().map(move |line| (leg.giver, line)))
        {
            let whole = |line: &Line| folded(&title(line), " ") == folded(text, " ");
            if line.person().is_some_and(|person| is_named_in(text, person)) || whole(line) {
                found.entry(giver, line, || ());
            }
        }
    }
    Ok(found.entries().map(|(line, ())| line.clone()).collect())
}

fn answer(desk: &Desk, thread: u32, line: &Line) -> Result<(String, Value), Failure> {
    let channel = desk.channel(thread)?;
    let (names, ledger) = (Names::of(channel), channel.ledger());
    let tell = may_tell(&history(channel, &ledger), line);
    let name = plain(&title(line));
    let nothing = |why: &str| format!("{name}: nothing may be told yet. {why}");
    let (code, text) = match tell {
        MayTell::Crossed(signed) => {
            let (receiver, at) = (names.name(signed.receiver), time(signed.at));
            let line = short(&signed.statement);
            let said = format!(
                "{name}: it may be told that they crossed, and no more. {receiver} signed so in {line}"
            );
            ("crossed", format!("{said} of {at}."))
        }
        MayTell::NotAgreed => ("nothing", nothing("No sealed agreement lists them.")),
        MayTell::Unclear => (
            "nothing",
            nothing(
                "The agreements list several whom this may be, with one number or one name, or given by either side: \
                 correct the lists first, and ask again.",
            ),
        ),
        MayTell::NoLine => ("nothing", nothing("The receiver has signed no line that they crossed.")),
        MayTell::Not(signed, Outcome::Died) => {
            let line = short(&signed.statement);
            let why = format!(
                "The receiver's line in {line} says that they died. A death is told by those whose office it is, \
                 once it is officially notified (Third Convention, article 120; Fourth, article 129): not from here."
            );
            ("nothing", nothing(&why))
        }
        MayTell::Not(signed, outcome) => {
            let line = short(&signed.statement);
            let why = format!(
                "The receiver's line in {line} does not say that they crossed as listed, but: {outcome}."
            );
            ("nothing", nothing(&why))
        }
    };
    let (signed, outcome) = match tell {
        MayTell::Crossed(signed) => (Some(signed), Some(Outcome::Delivered)),
        MayTell::Not(signed, outcome) => (Some(signed), Some(outcome)),
        MayTell::NotAgreed | MayTell::NoLine | MayTell::Unclear => (None, None),
    };
    let json = json!({
        "channel": channel.thread.label,
        "name": title(line),
        "may_tell": code,
        "outcome": outcome.map(Outcome::text),
        "line": signed.map(|signed| signed.statement.hex()),
        "at": json_time_if(signed.map(|signed| signed.at)),
        "text": text,
    });
    Ok((paragraphs(&text, 0), json))
}
