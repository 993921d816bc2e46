//! A statement as machines read it (`docs/JSON.md`), and the log.

use crate::deal::judge::Ledger;
use crate::desk::failure::{Cause, Failure};
use crate::desk::grammar;
use crate::desk::open::Desk;
use crate::desk::screen::{
    Answer, COLUMNS, Style, cut, day_and_time, json_time, json_time_if, moment, pad, plain, short, width,
};
use crate::desk::tell::{kind_word, line};
use crate::officer::engine::Channel;
use crate::officer::held::asks_to_be_read;
use crate::officer::receipt::Marks;
use crate::officer::view::Shown;
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::kind::Kind;
use crate::time::UnixMillis;
use serde_json::{Value, json};

/// `own` or `peer`.
#[must_use]
pub fn side(role: Role, me: Role) -> &'static str {
    if role == me { "own" } else { "peer" }
}

/// How far an own statement has come.
#[must_use]
pub const fn progress(marks: &Marks) -> &'static str {
    match marks {
        Marks { read: Some(_), .. } => "read",
        Marks { delivered: Some(_), .. } => "delivered",
        Marks { deposited: Some(_), .. } => "deposited",
        _ => "waiting",
    }
}

/// The counterpart's statements that ask for being read and were not opened yet: not receipts, and not the words
/// it confirmed, which the channel's state tells.
#[must_use]
pub fn is_unread(shown: &Shown<'_>) -> bool {
    !shown.own && shown.item.marks.read.is_none() && asks_to_be_read(shown.header.kind)
}

/// Whether it is a statement that nothing acknowledges by itself.
#[must_use]
pub fn is_receipt(shown: &Shown<'_>) -> bool {
    Kind::from_number(shown.header.kind).is_some_and(Kind::is_receipt)
}

/// Why a statement has no effect; none for a valid one.
#[must_use]
pub fn void(ledger: &Ledger, shown: &Shown<'_>) -> Option<String> {
    ledger.verdict(&shown.id.0)?.err().map(|reason| reason.to_string())
}

/// The case it belongs to: the one its header names, or itself where it opens one.
#[must_use]
pub fn case_of(ledger: &Ledger, shown: &Shown<'_>) -> Option<StatementId> {
    if shown.header.case != StatementId::NONE {
        return Some(shown.header.case);
    }
    ledger.case(&shown.id.0).map(|case| StatementId(case.id()))
}

/// A statement with its times.
#[must_use]
pub fn json_of(channel: &Channel, ledger: &Ledger, shown: &Shown<'_>) -> Value {
    let marks = &shown.item.marks;
    json!({
        "id": shown.id.0.hex(),
        "channel": channel.thread.label,
        "author": side(shown.header.author, channel.thread.role),
        "sequence": shown.header.sequence,
        "kind": Kind::from_number(shown.header.kind).map_or("unknown", Kind::name),
        "case": case_of(ledger, shown).map(|case| case.0.hex()),
        "said": json_time(shown.header.clock),
        "stored": json_time(marks.stored),
        "deposited": json_time_if(marks.deposited),
        "delivered": json_time_if(marks.delivered),
        "read": json_time_if(marks.read),
        "void": void(ledger, shown),
        "summary": line(shown),
    })
}

/// A line of the log.
struct Entry {
    stored: UnixMillis,
    own: bool,
    unread: bool,
    receipt: bool,
    kind: &'static str,
    id: String,
    sequence: u64,
    summary: String,
    progress: &'static str,
}

impl Entry {
    fn of(ledger: &Ledger, shown: &Shown<'_>) -> Self {
        let void = if void(ledger, shown).is_some() { "VOID: " } else { "" };
        Self {
            stored: shown.item.marks.stored,
            own: shown.own,
            unread: is_unread(shown),
            receipt: is_receipt(shown),
            kind: kind_word(shown.header.kind),
            id: short(&shown.id.0),
            sequence: shown.header.sequence,
            summary: format!("{void}{}", line(shown)),
            progress: if shown.own { progress(&shown.item.marks) } else { "" },
        }
    }

    fn text(&self, style: Style) -> String {
        let (_, time) = day_and_time(self.stored);
        let mark = if self.unread { "*" } else { " " };
        let who = if self.own { "own" } else { "their" };
        let place = format!("#{}", self.sequence);
        let head =
            format!("{time} {mark}{} {} {} {}  ", pad(who, 5), pad(&place, 4), pad(self.kind, 8), self.id);
        let tail = if self.unread { "unread" } else { self.progress };
        let room = COLUMNS.saturating_sub(width(&head) + 11);
        let summary = pad(&cut(&self.summary, room), room);
        if self.receipt {
            return style.dim(format!("{head}{summary}  {tail}").trim_end());
        }
        let tail = if self.unread { style.waits(tail) } else { tail.to_owned() };
        format!("{head}{summary}  {tail}").trim_end().to_owned()
    }
}

fn render(entries: &[Entry], style: Style) -> String {
    let mut out = String::new();
    let mut today = String::new();
    for entry in entries {
        let (day, _) = day_and_time(entry.stored);
        if day != today {
            out.push_str(&style.bold(&format!("{day} (UTC)")));
            out.push('\n');
            today = day;
        }
        out.push_str(&entry.text(style));
        out.push('\n');
    }
    out
}

/// `truceline log`.
///
/// # Errors
/// [`Failure`].
pub fn log(desk: &Desk, asked: &grammar::Log) -> Result<Answer, Failure> {
    let since = match &asked.since {
        None => UnixMillis(0),
        Some(text) => moment(text, desk.service.now()).ok_or_else(|| {
            let what = format!("'{}' is no time", plain(text));
            Failure::new(Cause::Usage, what, "Write 2h, '3 days', 2026-11-22 or '2026-11-22 14:05Z'.")
        })?,
    };
    let chosen = desk.chosen()?;
    let (mut out, mut all) = (String::new(), Vec::new());
    for number in &chosen {
        let channel = desk.channel(*number)?;
        let ledger = channel.ledger();
        let mut statements = channel.statements();
        statements.retain(|shown| shown.item.marks.stored >= since);
        let entries: Vec<Entry> = statements.iter().map(|shown| Entry::of(&ledger, shown)).collect();
        if chosen.len() > 1 {
            let gap = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}Channel {}\n", plain(&channel.thread.label)));
        }
        out.push_str(&render(&entries, desk.place.style));
        if entries.is_empty() {
            out.push_str("No statement.\n");
        }
        all.extend(statements.iter().map(|shown| json_of(channel, &ledger, shown)));
    }
    if chosen.is_empty() {
        out.push_str("No channel yet: begin one with 'truceline invite' or 'truceline join'.\n");
    }
    Ok(Answer::new(out, json!({"statements": all})))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(summary: &str) -> Entry {
        Entry {
            stored: UnixMillis(1_795_356_309_123),
            own: true,
            unread: false,
            receipt: false,
            kind: "offer",
            id: "3f2a91c0".to_owned(),
            sequence: 4,
            summary: summary.to_owned(),
            progress: "delivered",
        }
    }

    #[test]
    fn a_line_of_the_log_fills_eighty_columns_and_no_more() {
        let entries = [
            entry("40 persons for 40 persons"),
            Entry { own: false, unread: true, progress: "", ..entry(&"Долгая речь ".repeat(20)) },
            Entry {
                stored: UnixMillis(1_795_456_309_123),
                receipt: true,
                kind: "receipt",
                ..entry("has all up to #3")
            },
        ];
        let shown = render(&entries, Style::PLAIN);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "2026-11-22 (UTC)");
        assert_eq!(
            lines[1],
            "14:05Z  own   #4   offer    3f2a91c0  40 persons for 40 persons        delivered"
        );
        assert!(lines[2].starts_with("14:05Z *their #4   offer    3f2a91c0  Долгая речь"), "{}", lines[2]);
        assert!(lines[2].ends_with("…  unread"), "{}", lines[2]);
        assert_eq!(lines[3], "2026-11-23 (UTC)");
        assert!(lines.iter().all(|line| width(line) <= COLUMNS), "{shown}");
        assert!(render(&entries, Style { colour: true }).contains("\u{1b}[33munread\u{1b}[0m"));
    }

    #[test]
    fn progress_is_the_furthest_that_is_known() {
        let mut marks = Marks::stored(UnixMillis(1));
        assert_eq!(progress(&marks), "waiting");
        marks.deposited = Some(UnixMillis(2));
        assert_eq!(progress(&marks), "deposited");
        marks.read = Some(UnixMillis(4));
        assert_eq!(progress(&marks), "read");
    }
}
