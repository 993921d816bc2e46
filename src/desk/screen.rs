//! Text for a terminal of 80 columns: foreign text made harmless, widths counted as they are shown, tables,
//! times, and colour only where it is wanted. Pure.

use crate::crypto::digest::Digest;
use crate::time::{Millis, UnixMillis};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use std::io::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the terminal that all text is made for.
pub const COLUMNS: usize = 80;
/// Hexadecimal digits of an id in text.
const SHORT_DIGITS: usize = 8;

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// For people, on standard output.
    pub text: String,
    /// For machines, on standard output, one line.
    pub json: Value,
    /// For people, on standard error: guidance that is no part of the answer.
    pub aside: String,
}

impl Answer {
    /// An answer without guidance.
    #[must_use]
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, aside: String::new() }
    }

    /// The same with guidance.
    #[must_use]
    pub fn aside(mut self, aside: impl Into<String>) -> Self {
        self.aside = aside.into();
        self
    }
}

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences may be used.
    pub colour: bool,
}

impl Style {
    /// Nothing but text.
    pub const PLAIN: Self = Self { colour: false };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// What matters most.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters least.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is wrong.
    #[must_use]
    pub fn wrong(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What waits for the officer.
    #[must_use]
    pub fn waits(self, text: &str) -> String {
        self.paint("33", text)
    }
}

/// Whether a character could steer a terminal, reorder a line, or hide: controls of both blocks, what turns the
/// direction of writing, separators of lines, characters without a shape. Joiners stay: some scripts need them.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Foreign text on one line: what could do harm is shown by its number.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// JSON on one line, in which no character could steer a terminal either.
#[must_use]
pub fn json_line(value: &Value) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and what is written is text.
    let _ = write_json(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Writes JSON as [`json_line`] has it.
///
/// # Errors
/// Those of `out`.
pub fn write_json(value: &Value, out: impl Write) -> std::io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, Harmless))?)
}

/// Compact JSON with what is hostile in a string escaped.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_hostile(*c)) {
            let (clean, from) = rest.split_at(at);
            out.write_all(clean.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Columns that text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Text of at most `columns`, with a dot for what was left out.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide >= columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

/// Text filled up with spaces to `columns`.
#[must_use]
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Lines of at most `columns`, broken between words; a word that is too long is broken inside.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns {
        return vec![text.to_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(&word) <= columns {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(&word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > columns {
            let (head, tail) = break_at(&word, columns);
            lines.push(head);
            word = tail;
        }
        line = word;
    }
    lines.push(line);
    lines
}

fn break_at(word: &str, columns: usize) -> (String, String) {
    let mut used = 0;
    for (at, c) in word.char_indices() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns.max(1) && at > 0 {
            let (head, tail) = word.split_at(at);
            return (head.to_owned(), tail.to_owned());
        }
        used += wide;
    }
    (word.to_owned(), String::new())
}

/// Foreign text of several lines, wrapped and indented.
#[must_use]
pub fn paragraphs(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let wrapped = lines.flat_map(|line| wrap(&plain(line), COLUMNS.saturating_sub(indent)));
    wrapped.map(|line| format!("{margin}{line}").trim_end().to_owned() + "\n").collect()
}

/// A name in a column of `name` columns, then what it stands for, wrapped beside it.
#[must_use]
pub fn field(name: &str, columns: usize, text: &str) -> String {
    let mut out = String::new();
    for (at, line) in wrap(text, COLUMNS.saturating_sub(columns)).into_iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        out.push_str(pad(name, columns).as_str());
        out.push_str(&line);
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// Rows in columns of fixed width with two spaces between; a cell that is too long goes on below.
#[must_use]
pub fn table(widths: &[usize], rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, wide)| wrap(cell, *wide)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let mut line = String::new();
            for (cell, wide) in cells.iter().zip(widths) {
                line.push_str(&pad(cell.get(at).map_or("", String::as_str), *wide));
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// An id as people read it.
#[must_use]
pub fn short(id: &Digest) -> String {
    id.hex().chars().take(SHORT_DIGITS).collect()
}

fn zoned(at: UnixMillis) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

/// A moment as people read it: `2026-11-22 14:05Z`.
#[must_use]
pub fn time(at: UnixMillis) -> String {
    zoned(at).map_or_else(
        || "a time past all calendars".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%MZ").to_string(),
    )
}

/// A moment's day and its time of day, in UTC.
#[must_use]
pub fn day_and_time(at: UnixMillis) -> (String, String) {
    let text = time(at);
    text.split_once(' ')
        .map_or((text.clone(), String::new()), |(day, time)| (day.to_owned(), time.to_owned()))
}

/// A moment for machines: RFC 3339 with milliseconds; null for one past all calendars.
#[must_use]
pub fn json_time(at: UnixMillis) -> Value {
    zoned(at).map_or(Value::Null, |at| Value::from(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()))
}

/// A moment that may not have come.
#[must_use]
pub fn json_time_if(at: Option<UnixMillis>) -> Value {
    at.map_or(Value::Null, json_time)
}

/// A span in words: `2 h 5 min`.
#[must_use]
pub fn span(span: Millis) -> String {
    let minutes = span.0 / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..60 => format!("{minutes} min"),
        60..1_440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => match (minutes / 1_440, minutes % 1_440 / 60) {
            (days, 0) => count(days, "day", "days"),
            (days, hours) => format!("{days} d {hours} h"),
        },
    }
}

/// A number with its noun.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Several things as a sentence has them.
#[must_use]
pub fn list_of(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

/// A duration as an officer writes it, with days of 24 hours; nothing where it is none, or not positive.
#[must_use]
pub fn duration(text: &str) -> Option<Millis> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    u64::try_from(span.as_millis()).ok().filter(|millis| *millis > 0).map(Millis)
}

/// A moment as an officer writes it: RFC 3339, a date, a date and time in UTC, or how long ago.
#[must_use]
pub fn moment(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    if let Some(ago) = duration(text.trim().trim_end_matches("ago")) {
        return Some(UnixMillis(now.0.saturating_sub(ago.0)));
    }
    let text = text.trim();
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    u64::try_from(stamp.as_millisecond()).ok().map(UnixMillis)
}

/// A moment to come as an officer writes it: in how long, RFC 3339, a date, or a date and time in UTC.
#[must_use]
pub fn future(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    let at = match duration(text) {
        Some(ahead) => Some(now.plus(ahead)),
        None => moment(text, now),
    };
    at.filter(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixMillis = UnixMillis(1_795_356_309_123);

    #[test]
    fn what_could_steer_a_terminal_or_reorder_a_line_is_shown_by_its_number() {
        let foreign = "a\u{1b}[2Jb\u{7}\u{9b}c\u{202e}d\u{2066}e\u{200f}\n\u{2028}";
        let shown = plain(foreign);
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{7}\\u{9b}c\\u{202e}d\\u{2066}e\\u{200f}\\n\\u{2028}");
        assert!(!shown.chars().any(is_hostile));
        assert_eq!(plain("Вельгин Андрей Velʹgin می\u{200c}خواهم"), "Вельгин Андрей Velʹgin می\u{200c}خواهم");
        let line = json_line(&Value::from(foreign));
        assert!(!line.chars().any(is_hostile), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), Value::from(foreign));
        let tag = json_line(&Value::from("\u{e0041}"));
        assert_eq!(tag, "\"\\udb40\\udc41\"");
        assert_eq!(serde_json::from_str::<String>(&tag).unwrap(), "\u{e0041}");
    }

    #[test]
    fn paragraphs_keep_their_lines_and_nothing_else_that_controls() {
        let text = format!("one\r\ntwo \u{1b}]0;x\u{7}\n{}", "word ".repeat(30));
        let shown = paragraphs(&text, 2);
        assert!(shown.starts_with("  one\n  two \\u{1b}]0;x\\u{7}\n  word word"));
        assert!(shown.lines().all(|line| width(line) <= COLUMNS), "{shown}");
    }

    #[test]
    fn columns_are_counted_as_they_are_shown() {
        assert_eq!(cut("Вельгин Андрей", 8), "Вельгин…");
        assert_eq!(cut("東京都庁", 5), "東京…");
        assert_eq!(pad("東京", 6), "東京  ");
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        let rows = [vec!["1".to_owned(), "Длинное имя".to_owned(), "x".to_owned()]];
        assert_eq!(table(&[2, 7, 3], &rows), "1   Длинное  x\n    имя\n");
        assert_eq!(field("id", 6, "abc"), "id    abc\n");
    }

    #[test]
    fn times_are_utc_and_named_so() {
        assert_eq!(time(AT), "2026-11-22 14:05Z");
        assert_eq!(json_time(AT), "2026-11-22T14:05:09.123Z");
        assert_eq!(time(UnixMillis(u64::MAX)), "a time past all calendars");
        assert_eq!(json_time(UnixMillis(u64::MAX)), Value::Null);
        assert_eq!(span(Millis::minutes(125)), "2 h 5 min");
        assert_eq!(span(Millis::days(3)), "3 days");
        assert_eq!(span(Millis::minutes(1_500)), "1 d 1 h");
    }

    #[test]
    fn moments_and_durations_are_read_as_officers_write_them() {
        assert_eq!(duration("48h"), Some(Millis::minutes(2_880)));
        assert_eq!(duration("3 days"), Some(Millis::days(3)));
        assert_eq!(duration("0s"), None);
        assert_eq!(duration("soon"), None);
        assert_eq!(moment("2h", AT), Some(UnixMillis(AT.0 - 7_200_000)));
        assert_eq!(moment("2 days ago", AT), Some(UnixMillis(AT.0 - 172_800_000)));
        assert_eq!(moment("2026-11-22T14:05:09.123Z", UnixMillis(0)), Some(AT));
        assert_eq!(moment("2026-11-22 14:05Z", AT), Some(UnixMillis(AT.0 - 9_123)));
        assert_eq!(moment("2026-11-22", AT).map(time), Some("2026-11-22 00:00Z".to_owned()));
        assert_eq!(moment("yesterday", AT), None);
        assert_eq!(future("2h", AT), Some(UnixMillis(AT.0 + 7_200_000)));
        assert_eq!(future("2026-11-23", AT).map(time), Some("2026-11-23 00:00Z".to_owned()));
        assert_eq!(future("2026-11-22", AT), None);
    }
}
