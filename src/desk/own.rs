//! `truceline private` and `truceline honesty`: what the own side keeps to itself. Nothing here may be called by
//! what sends, exports or logs.

use crate::deal::consistent::{Place, Untruth};
use crate::deal::history::{History, Spoken, at};
use crate::deal::identity::title;
use crate::deal::judge::Ledger;
use crate::deal::person::Line;
use crate::deal::word::Text;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar::{Honesty, HonestyAdd, Private, PrivateNote};
use crate::desk::open::Desk;
use crate::desk::screen::{Answer, json_time, paragraphs, plain, short, time};
use crate::officer::engine::Channel;
use crate::officer::own::{Own, OwnRecord};
use crate::officer::view::Shown;
use crate::statement::header::StatementId;
use serde_json::{Value, json};

/// The valid statements of a channel with their times.
#[must_use]
pub fn history<'a>(channel: &Channel, ledger: &'a Ledger) -> History<'a> {
    history_of(channel, ledger, |_| true)
}

/// The same, with the content of those alone that are `read`: a channel may hold many long lists.
#[must_use]
pub fn history_of<'a>(
    channel: &Channel,
    ledger: &'a Ledger,
    read: impl Fn(&Shown<'_>) -> bool,
) -> History<'a> {
    let spoken = |shown: &Shown<'_>| Spoken {
        id: shown.id.0,
        author: shown.header.author,
        sequence: shown.header.sequence,
        peer_count: shown.header.peer_count,
        case: (shown.header.case != StatementId::NONE).then_some(shown.header.case.0),
        at: if shown.own { shown.header.clock } else { shown.item.marks.stored },
        content: if read(shown) { shown.content().and_then(Result::ok) } else { None },
    };
    let valid = |shown: &&Shown<'_>| ledger.verdict(&shown.id.0).is_some_and(|it| it.is_ok());
    let shown = channel.statements();
    History::new(ledger, channel.thread.role, shown.iter().filter(valid).map(spoken).collect())
}

/// A statement, or a person or bag on its lists, as an officer names it.
pub struct Named {
    /// The channel.
    pub thread: u32,
    /// Whether the own side said it.
    pub is_own: bool,
    /// The place.
    pub place: Place,
}

/// What `ID` or `ID#LEG.LINE` names.
///
/// # Errors
/// [`Cause::Usage`] where it names nothing.
pub fn named(desk: &Desk, text: &str) -> Result<Named, Failure> {
    let (id, line) = match text.split_once('#') {
        None => (text, None),
        Some((id, line)) => (id, Some(line)),
    };
    let found = desk.find(id)?;
    let channel = desk.channel(found.thread)?;
    let is_own = found.author == channel.thread.role;
    let mut place = Place { statement: found.id.0, line: None };
    if let Some(line) = line {
        let none = |what: String| {
            let help = format!("Write ID#LEG.LINE; see the lists: truceline show {}", short(&found.id.0));
            Failure::new(Cause::Usage, what, help)
        };
        let malformed = || none(format!("'{}' is no leg and line, such as 1.12", plain(line)));
        let (leg, row) = line.split_once('.').ok_or_else(malformed)?;
        let leg: u16 = leg.parse().map_err(|_| malformed())?;
        let row: u32 = row.parse().map_err(|_| malformed())?;
        let counted = leg.checked_sub(1).zip(row.checked_sub(1)).ok_or_else(malformed)?;
        place.line = Some(counted);
        if record_at(channel, &place).is_none() {
            return Err(none(format!("statement {} lists nobody at {leg}.{row}", short(&found.id.0))));
        }
    }
    Ok(Named { thread: found.thread, is_own, place })
}

/// The record at a place; none for a whole statement.
#[must_use]
pub fn record_at(channel: &Channel, place: &Place) -> Option<Line> {
    let (leg, line) = place.line?;
    let shown = channel.statement(&place.statement)?;
    match shown.content()?.ok()? {
        crate::deal::body::Content::Offer(offer) => at(&offer, leg, line).cloned(),
        _ => None,
    }
}

/// A place in words: `3f2a91c0`, `3f2a91c0#1.12 (NAME)`.
fn place_text(channel: &Channel, place: &Place) -> String {
    let id = short(&place.statement);
    match (place.line, record_at(channel, place)) {
        (Some((leg, line)), Some(who)) => {
            format!("{id}#{}.{} ({})", u32::from(leg) + 1, u64::from(line) + 1, plain(&title(&who)))
        }
        _ => id,
    }
}

fn place_json(channel: &Channel, place: &Place) -> Value {
    json!({
        "statement": place.statement.hex(),
        "leg": place.line.map(|(leg, _)| u32::from(leg) + 1),
        "line": place.line.map(|(_, line)| u64::from(line) + 1),
        "name": record_at(channel, place).map(|who| title(&who)),
    })
}

/// Text as an officer gave it.
///
/// # Errors
/// [`Cause::Input`] where it is empty or too long.
pub fn text_of(text: &str) -> Result<Text, Failure> {
    Text::new(text).map_err(|error| {
        Failure::with_remedy_inside(Cause::Input, &error.to_string(), "Write it in several.")
    })
}

/// Keeps a record, and answers with its number.
///
/// # Errors
/// [`Failure`].
pub fn keep(desk: &mut Desk, thread: u32, what: Own) -> Result<Answer, Failure> {
    let number = desk.service.command(|officer, now, _| officer.keep(thread, what, now))?;
    let label = desk.channel(thread)?.thread.label.clone();
    let text = format!("Kept as number {number}, in this vault alone.\n");
    Ok(Answer::new(text, json!({"number": number, "channel": label})))
}

/// `truceline private`.
///
/// # Errors
/// [`Failure`].
pub fn private(desk: &mut Desk, asked: &Private) -> Result<Answer, Failure> {
    match asked {
        Private::Note(PrivateNote { about, text }) => {
            let text = text_of(text)?;
            let Named { thread, place, .. } = named(desk, about)?;
            keep(desk, thread, Own::Note { about: place, text })
        }
        Private::List(asked) => {
            let about = asked.id.as_ref().map(|id| named(desk, id)).transpose()?;
            list(desk, "Nothing is kept: keep a note with 'truceline private note ID TEXT'.\n", |own| {
                about.as_ref().is_none_or(|about| concerns(own, &about.place))
            })
        }
        Private::Drop(asked) => {
            let number = asked.number;
            if !desk.service.officer().keeps(number) {
                let what = format!("nothing is kept under number {number}");
                return Err(Failure::new(Cause::Usage, what, "See the numbers: truceline private list"));
            }
            desk.service.command(|officer, _, _| Ok(((), officer.drop_own(number))))?;
            Ok(Answer::new(format!("Number {number} is deleted.\n"), json!({"dropped": number})))
        }
    }
}

/// Whether a record is about a statement, or about this line of it.
fn concerns(own: &Own, place: &Place) -> bool {
    let about = match own {
        Own::Note { about, .. } | Own::Untruth(Untruth { about, .. }) => about,
        Own::Profile { .. } => return false,
    };
    about.statement == place.statement && (place.line.is_none() || about.line == place.line)
}

/// `truceline honesty`.
///
/// # Errors
/// [`Failure`].
pub fn honesty(desk: &mut Desk, asked: &Honesty) -> Result<Answer, Failure> {
    match asked {
        Honesty::Add(HonestyAdd { about, truth, said }) => {
            let truth = text_of(truth)?;
            let said = said.as_deref().map(text_of).transpose()?;
            let Named { thread, is_own, place } = named(desk, about)?;
            if !is_own {
                let what = format!("statement {} is the other side's", short(&place.statement));
                let help =
                    "Name what you said yourself; what they said goes into a note: truceline private note";
                return Err(Failure::new(Cause::Usage, what, help));
            }
            keep(desk, thread, Own::Untruth(Untruth { about: place, said, truth }))
        }
        Honesty::List => {
            list(desk, "Nothing that was said is noted as not true.\n", |own| matches!(own, Own::Untruth(_)))
        }
    }
}

fn list(desk: &Desk, none: &str, wanted: impl Fn(&Own) -> bool) -> Result<Answer, Failure> {
    let (mut blocks, mut all) = (Vec::new(), Vec::new());
    for number in desk.chosen()? {
        let channel = desk.channel(number)?;
        for (number, record) in desk.service.officer().own_of(number) {
            if wanted(&record.what) {
                blocks.push(record_text(channel, number, record));
                all.push(record_json(channel, number, record));
            }
        }
    }
    let text = if blocks.is_empty() { none.to_owned() } else { blocks.join("\n") };
    Ok(Answer::new(text, json!({"records": all})))
}

fn record_text(channel: &Channel, number: u64, record: &OwnRecord) -> String {
    let (kind, about, parts) = match &record.what {
        Own::Note { about, text } => ("note", place_text(channel, about), vec![("", text)]),
        Own::Untruth(Untruth { about, said, truth }) => {
            let said = said.as_ref().map(|said| ("Said: ", said));
            let parts = said.into_iter().chain([("What is so: ", truth)]).collect();
            ("not true", place_text(channel, about), parts)
        }
        Own::Profile { key, text } => ("profile", plain(key.as_str()), vec![("", text)]),
    };
    let label = plain(&channel.thread.label);
    let mut out = paragraphs(&format!("{number}. {kind} of {}, {label}: {about}", time(record.at)), 0);
    for (what, text) in parts {
        out.push_str(&paragraphs(&format!("{what}{text}"), 3));
    }
    out
}

fn record_json(channel: &Channel, number: u64, record: &OwnRecord) -> Value {
    let mut all = json!({
        "number": number,
        "channel": channel.thread.label,
        "at": json_time(record.at),
        "kind": "note",
        "about": null,
        "key": null,
        "text": null,
        "said": null,
        "truth": null,
    });
    let mut put = |name: &str, value: Value| {
        if let Value::Object(fields) = &mut all {
            fields.insert(name.to_owned(), value);
        }
    };
    match &record.what {
        Own::Note { about, text } => {
            put("about", place_json(channel, about));
            put("text", text.as_str().into());
        }
        Own::Untruth(Untruth { about, said, truth }) => {
            put("kind", "untruth".into());
            put("about", place_json(channel, about));
            put("said", said.as_ref().map(Text::as_str).into());
            put("truth", truth.as_str().into());
        }
        Own::Profile { key, text } => {
            put("kind", "profile".into());
            put("key", key.as_str().into());
            put("text", text.as_str().into());
        }
    }
    all
}
