//! `truceline interest`: whom the other side asks for, how often, and whether it was answered.

use crate::deal::delay::waits;
use crate::deal::identity::title;
use crate::deal::interest::{Interest, interest};
use crate::deal::person::Line;
use crate::desk::failure::Failure;
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::own::history;
use crate::desk::screen::{Answer, day_and_time, json_time_if, plain, table};
use serde_json::{Value, json};

/// Columns: name, number, how often, first, last, answered.
const WIDTHS: [usize; 6] = [24, 12, 5, 10, 10, 8];

fn number(who: &Line) -> Option<&str> {
    who.person()?.service_number.as_ref().map(crate::deal::word::Text::as_str)
}

fn row(interest: &Interest<'_>) -> Vec<String> {
    let day = |at| day_and_time(at).0;
    let (first, last) = interest.span().map(|(first, last)| (day(first), day(last))).unwrap_or_default();
    vec![
        plain(&title(interest.who)),
        plain(number(interest.who).unwrap_or_default()),
        interest.asked.len().to_string(),
        first,
        last,
        format!("{} of {}", interest.answered, interest.asked.len()),
    ]
}

fn json_of(interest: &Interest<'_>, label: &str) -> Value {
    let span = interest.span();
    let asked: Vec<String> = interest.asked.iter().map(|(id, _)| id.hex()).collect();
    json!({
        "channel": label,
        "name": title(interest.who),
        "service_number": number(interest.who),
        "asked": asked,
        "first": json_time_if(span.map(|(first, _)| first)),
        "last": json_time_if(span.map(|(_, last)| last)),
        "answered": interest.answered,
    })
}

/// `truceline interest`.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &Desk, asked: &grammar::Interest) -> Result<Answer, Failure> {
    let heads = ["name", "number", "asked", "first", "last", "answered"].map(str::to_owned).to_vec();
    let (mut rows, mut all) = (vec![heads], Vec::new());
    let least = if asked.all { 1 } else { 2 };
    for thread in desk.chosen()? {
        let channel = desk.channel(thread)?;
        let ledger = channel.ledger();
        let history = history(channel, &ledger);
        for interest in interest(&history, &waits(&history)) {
            if interest.asked.len() >= least {
                rows.push(row(&interest));
                all.push(json_of(&interest, &channel.thread.label));
            }
        }
    }
    let text = match (all.is_empty(), asked.all) {
        (true, true) => "Nobody was asked for.\n".to_owned(),
        (true, false) => "Nobody was asked for more than once. All: truceline interest --all\n".to_owned(),
        (false, _) => table(&WIDTHS, &rows),
    };
    Ok(Answer::new(text, json!({"interest": all})))
}
