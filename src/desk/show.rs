//! `truceline show`: one statement in full. Showing the counterpart's to an officer is what `read` means.

use crate::deal::judge::Ledger;
use crate::desk::content::content_json;
use crate::desk::failure::Failure;
use crate::desk::grammar;
use crate::desk::names::Names;
use crate::desk::open::{Desk, Found};
use crate::desk::record::{case_of, json_of, void};
use crate::desk::screen::{Answer, Style, field, plain, short, time};
use crate::desk::tell::{FIELD, content_text, kind_word, line};
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::statement::kind::Kind;
use serde_json::{Value, json};

/// Shows a statement, and notes that it was opened.
///
/// # Errors
/// [`Failure`].
pub fn run(desk: &mut Desk, asked: &grammar::Show) -> Result<Answer, Failure> {
    let found = desk.find(&asked.id)?;
    let Found { thread, sequence, author, .. } = found;
    if author != desk.channel(thread)?.thread.role {
        desk.service
            .command(|officer, now, rng| Ok(((), officer.open_statement(thread, sequence, now, rng))))?;
    }
    let channel = desk.channel(thread)?;
    let ledger = channel.ledger();
    let shown = channel.statements_of(author).find(|shown| shown.id == found.id);
    Ok(shown.map_or_else(Answer::default, |shown| {
        let text = text(channel, &ledger, &shown, asked.full, desk.place.style);
        Answer::new(text, json(channel, &ledger, &shown))
    }))
}

fn json(channel: &Channel, ledger: &Ledger, shown: &Shown<'_>) -> Value {
    let mut statement = json_of(channel, ledger, shown);
    let names = Names::of(channel);
    let content = shown.content().and_then(Result::ok);
    if let Value::Object(fields) = &mut statement {
        let header = shown.header;
        fields.insert("acknowledges".to_owned(), Value::from(header.peer_count));
        fields.insert("author_name".to_owned(), Value::from(author_name(channel, shown)));
        fields
            .insert("body".to_owned(), content.map_or(Value::Null, |content| content_json(&content, &names)));
    }
    json!({ "statement": statement })
}

fn author_name(channel: &Channel, shown: &Shown<'_>) -> Option<String> {
    Some(channel.session()?.card(shown.header.author).name().as_str().to_owned())
}

fn text(channel: &Channel, ledger: &Ledger, shown: &Shown<'_>, full: bool, style: Style) -> String {
    let names = Names::of(channel);
    let header = shown.header;
    let kind = Kind::from_number(header.kind).map_or_else(|| kind_word(header.kind), Kind::name);
    let title =
        format!("{kind} {}, #{} of {}", short(&shown.id.0), header.sequence, names.name(header.author));
    let mut out = format!("{}\n\n", style.bold(&title));
    let mut fact = |name: &str, text: &str| out.push_str(&field(name, FIELD, text));
    fact("id", &shown.id.0.hex());
    fact("channel", &plain(&channel.thread.label));
    if let Some(case) = case_of(ledger, shown) {
        fact("case", &short(&case.0));
    }
    fact("said", &format!("{} by its author's clock", time(header.clock)));
    let marks = &shown.item.marks;
    let not_yet = || "not yet".to_owned();
    if shown.own {
        fact("deposited", &marks.deposited.map_or_else(not_yet, time));
        fact("delivered", &marks.delivered.map_or_else(not_yet, time));
        fact("read", &marks.read.map_or_else(not_yet, time));
    } else {
        fact("received", &time(marks.stored));
        fact("opened", &marks.read.map_or_else(not_yet, time));
    }
    let seen = match header.peer_count.checked_sub(1) {
        Some(last) => format!("{}'s statements up to #{last}", names.name(header.author.other())),
        None => format!("nothing of {}'s yet", names.name(header.author.other())),
    };
    fact("acknowledges", &seen);
    match void(ledger, shown) {
        None => fact("verdict", "valid"),
        Some(reason) => {
            let mut lines = field("verdict", FIELD, &format!("VOID: {reason}"));
            if style.colour {
                lines = lines.replacen("VOID", &style.wrong("VOID"), 1);
            }
            out.push_str(&lines);
        }
    }
    if let Some(state) = offer_state(ledger, shown) {
        out.push_str(&field("state", FIELD, &state));
    }
    out.push('\n');
    match shown.content() {
        Some(Ok(content)) => out.push_str(&content_text(&content, &names, None, full)),
        Some(Err(error)) => {
            out.push_str(&format!("Its body cannot be read: {}\n", plain(&error.to_string())))
        }
        None => out.push_str(&format!("  {}\n", line(shown))),
    }
    out
}

/// What became of it, where it is an offer.
fn offer_state(ledger: &Ledger, shown: &Shown<'_>) -> Option<String> {
    let case = ledger.case(&case_of(ledger, shown)?.0)?;
    let offer = case.offers().find(|offer| offer.id == shown.id.0)?;
    let agreed = case.pending().is_some_and(|agreement| agreement.offer == offer.id);
    let state = case.offer_state(offer).to_string();
    Some(if agreed { "agreed; waits for its seal".to_owned() } else { state })
}
