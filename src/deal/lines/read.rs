//! Handover lines from the table an officer filled in. All or nothing: what is wrong is named by line and column, with
//! what to do. Opens no file and reads no clock.

use crate::codec::{CodecError, encode};
use crate::deal::body::Offer;
use crate::deal::date::Date;
use crate::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject};
use crate::deal::import::ImportError;
use crate::deal::lines::{COLUMNS, CUSTODY_EVIDENCE, record_columns};
use crate::deal::person::Line;
use crate::deal::row::{Row, known};
use crate::deal::terms::{Category, Leg, Quantity};
use crate::deal::word::Text;
use crate::party::role::Role;
use crate::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX};
use crate::time::{Millis, UnixMillis};
use std::collections::BTreeMap;

/// Faults of one file that are told, at most; of the rest, how many there are.
pub const LINE_FAULTS_MAX: usize = 20;

/// What is wrong with a file of handover lines, and what to do: each on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesError {
    /// The first, at most [`LINE_FAULTS_MAX`].
    pub faults: Vec<ImportError>,
    /// How many more there are.
    pub more: usize,
}

impl std::error::Error for LinesError {}

impl std::fmt::Display for LinesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "\n" })?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more: correct these first", self.more)?;
        }
        Ok(())
    }
}

/// Reads the handover lines of the side `me` on `offer`. Legs and lines are counted from 1 in the file.
///
/// # Errors
/// [`LinesError`]: nothing is kept of a file with a fault.
pub fn lines_from_csv(
    text: &str,
    file: &str,
    offer: &Offer,
    me: Role,
    now: UnixMillis,
) -> Result<Vec<HandoverLine>, LinesError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let mut faults = Faults { file, found: LinesError { faults: Vec::new(), more: 0 } };
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|column| column.trim().to_owned()).collect(),
        Err(error) => return Err(faults.stop(1, &unreadable(&error))),
    };
    check_header(&header, &mut faults);
    if !faults.found.faults.is_empty() {
        return Err(faults.found);
    }
    let mut lines = Vec::new();
    let mut places: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut record = csv::StringRecord::new();
    for read in 0.. {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                return Err(faults.stop(line, &unreadable(&error)));
            }
        }
        let at = record.position().map_or(0, csv::Position::line);
        if read == LIST_LINES_MAX {
            let fault =
                format!("is past the {LIST_LINES_MAX} lines of one statement: divide the file, and say each");
            return Err(faults.stop(at, &fault));
        }
        if record.len() != header.len() {
            faults.row(
                at,
                format!(
                    "has {} columns where the header has {}: quote a value that contains a comma, or add the missing \
                     columns",
                    record.len(),
                    header.len()
                ),
            );
            continue;
        }
        let said = header.iter().map(String::as_str).zip(record.iter());
        let row: BTreeMap<&str, &str> = said.filter(|(_, cell)| !cell.trim().is_empty()).collect();
        match (Reader { row, offer, me, now }).line() {
            Err((None, fault)) => faults.row(at, fault),
            Err((Some(column), fault)) => faults.cell(at, column, fault),
            Ok(line) => {
                if let Err(fault) = check_once(&line, at, &mut places) {
                    faults.row(at, fault);
                }
                lines.push(line);
            }
        }
    }
    if lines.is_empty() && faults.found.faults.is_empty() {
        return Err(faults.stop(1, "has no line below it: say what became of somebody"));
    }
    if faults.found.faults.is_empty() { Ok(lines) } else { Err(faults.found) }
}

fn unreadable(error: &csv::Error) -> String {
    format!("cannot be read as CSV ({error}): check its quotes")
}

struct Faults<'a> {
    file: &'a str,
    found: LinesError,
}

impl Faults<'_> {
    fn add(&mut self, fault: ImportError) {
        if self.found.faults.len() < LINE_FAULTS_MAX {
            self.found.faults.push(fault);
        } else {
            self.found.more += 1;
        }
    }

    fn row(&mut self, line: u64, fault: String) {
        self.add(ImportError::Row { file: self.file.to_owned(), line, fault });
    }

    fn cell(&mut self, line: u64, column: &str, fault: String) {
        self.add(ImportError::Cell { file: self.file.to_owned(), line, column: column.to_owned(), fault });
    }

    /// A fault past which nothing can be read.
    fn stop(mut self, line: u64, fault: &str) -> LinesError {
        self.row(line, fault.to_owned());
        self.found
    }
}

fn check_header(header: &[String], faults: &mut Faults<'_>) {
    for (at, column) in header.iter().enumerate() {
        let known =
            COLUMNS.into_iter().chain(record_columns(false)).chain(record_columns(true)).collect::<Vec<_>>();
        if !known.contains(&column.as_str()) {
            let fault = format!("is not a known column: rename or remove it; known are {}", known.join(", "));
            faults.cell(1, column, fault);
        } else if header.iter().take(at).any(|earlier| earlier == column) {
            faults.cell(1, column, "stands twice in the header: keep one".to_owned());
        }
    }
    for column in ["leg", "outcome"] {
        if !header.iter().any(|it| it == column) {
            faults.cell(1, column, "is missing: every line needs it; begin with a template".to_owned());
        }
    }
}

/// Refuses what one statement may say once only, and a line that does not fit into it.
fn check_once(line: &HandoverLine, at: u64, places: &mut BTreeMap<Vec<u8>, u64>) -> Result<(), String> {
    let long =
        |found| format!("takes {found} bytes; at most {LINE_BYTES_MAX} are allowed: shorten its texts");
    line.encode_line().map_err(|error| match error {
        CodecError::TooLong { found, .. } => long(found),
        other => other.to_string(),
    })?;
    // Numbers of different outcomes in one leg stand beside each other.
    let key = match &line.subject {
        Subject::Counted { leg, .. } => (u32::from(*leg), Some(line.outcome), None),
        subject => (u32::from(subject.leg()), None, Some(subject)),
    };
    let key = encode(&key, 2 * LINE_BYTES_MAX).map_err(|error| error.to_string())?;
    match places.insert(key, at) {
        Some(first) => Err(format!("is about the same as line {first}: keep one of them")),
        None => Ok(()),
    }
}

/// The column, where one is to blame, and what is wrong, with what to do.
type Fault = (Option<&'static str>, String);

/// One row being read.
struct Reader<'a> {
    row: BTreeMap<&'a str, &'a str>,
    offer: &'a Offer,
    me: Role,
    now: UnixMillis,
}

impl<'a> Reader<'a> {
    fn line(&self) -> Result<HandoverLine, Fault> {
        let legs = self.offer.legs();
        let number = self.number("leg")?.ok_or_else(|| self.empty("leg", legs.len()))?;
        let leg = usize::try_from(number - 1).ok().and_then(|at| legs.get(at));
        let leg = leg.ok_or_else(|| {
            let fault = format!("there is no leg {number}: write one from 1 to {}", legs.len());
            (Some("leg"), fault)
        })?;
        let subject = self.subject(leg, u16::try_from(number - 1).unwrap_or(u16::MAX))?;
        let outcomes = known(Outcome::ALL, Outcome::text);
        let outcome = self.word("outcome", Outcome::from_text, &outcomes)?;
        let outcome = outcome
            .ok_or_else(|| (Some("outcome"), format!("is empty: write one of {}", outcomes.join(", "))))?;
        let cause = self.word("cause", Cause::from_text, &known(Cause::ALL, Cause::text))?;
        let remedy = self.word("remedy", Remedy::from_text, &known(Remedy::ALL, Remedy::text))?;
        let line = HandoverLine {
            subject,
            outcome,
            cause: cause.unwrap_or(Cause::Unknown),
            detail: self.text("detail")?,
            evidence: self.text("evidence")?,
            remedy: remedy.unwrap_or(Remedy::None),
            deadline: self.deadline()?,
        };
        check_outcome(leg, &line)?;
        Ok(line)
    }

    /// Whom the row is about: a line, a number, or a record of its own.
    fn subject(&self, leg: &Leg, at: u16) -> Result<Subject, Fault> {
        let of_remains = leg.category == Category::Remains;
        let column = |of_remains| record_columns(of_remains).filter(|it| self.row.contains_key(it));
        if let Some(stray) = column(!of_remains).next() {
            let right = if of_remains { "a leg of remains has bags" } else { "this leg has persons" };
            return Err((Some(stray), format!("does not fit the leg: {right}; leave the column empty")));
        }
        let recorded = column(of_remains).next();
        let (line, number) = (self.number("line")?, self.number("number")?);
        let lines = self.offer.lines(leg).len();
        match (line, number, recorded) {
            (Some(line), None, None) => {
                if usize::try_from(line).is_ok_and(|line| line <= lines) {
                    return Ok(Subject::Listed { leg: at, line: line - 1 });
                }
                let fault = match lines {
                    0 => format!("leg {} has no list: give a number, or say who came", at + 1),
                    _ => format!("leg {} has no line {line}: write one from 1 to {lines}", at + 1),
                };
                Err((Some("line"), fault))
            }
            (None, Some(number), None) => Ok(Subject::Counted { leg: at, number }),
            (None, None, Some(_)) => Ok(Subject::Unlisted { leg: at, who: self.record(of_remains)? }),
            (None, None, None) => {
                let fault =
                    "says of nobody: give the line of the list, a number, or who came that is on no list";
                Err((None, fault.to_owned()))
            }
            _ => {
                let fault =
                    "says more than one of line, number, and the record of somebody on no list: keep one";
                Err((None, fault.to_owned()))
            }
        }
    }

    fn record(&self, of_remains: bool) -> Result<Line, Fault> {
        let cell = |column| self.row.get(column).map(|cell| (column, *cell));
        let cells = record_columns(of_remains).filter_map(cell);
        let renamed = |(column, cell)| (if column == CUSTODY_EVIDENCE { "evidence" } else { column }, cell);
        let row = Row::new(cells.map(renamed));
        let read = if of_remains { row.remains(self.me) } else { row.person() };
        read.map_err(|fault| {
            let column = if fault.column == "evidence" { CUSTODY_EVIDENCE } else { fault.column };
            (Some(column), fault.fault)
        })
    }

    fn empty(&self, column: &'static str, most: usize) -> Fault {
        (Some(column), format!("is empty: write a number from 1 to {most}"))
    }

    fn number(&self, column: &'static str) -> Result<Option<u32>, Fault> {
        let Some(cell) = self.row.get(column) else { return Ok(None) };
        let number = cell.trim().parse().ok().filter(|number| *number > 0);
        number
            .map(Some)
            .ok_or_else(|| (Some(column), format!("{cell:?} is no such number: write a whole number from 1")))
    }

    fn text(&self, column: &'static str) -> Result<Option<Text>, Fault> {
        let text = self.row.get(column).map(|cell| Text::new(cell)).transpose();
        text.map_err(|error| (Some(column), error.to_string()))
    }

    fn word<T>(
        &self,
        column: &'static str,
        read: impl Fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Result<Option<T>, Fault> {
        let Some(cell) = self.row.get(column) else { return Ok(None) };
        read(cell).map(Some).ok_or_else(|| {
            (Some(column), format!("{cell:?} is not known: write one of {}", known.join(", ")))
        })
    }

    fn deadline(&self) -> Result<Option<UnixMillis>, Fault> {
        let Some(cell) = self.row.get("deadline") else { return Ok(None) };
        moment(cell.trim(), self.now).map(Some).ok_or_else(|| {
            let fault = format!(
                "{cell:?} is neither a moment nor a duration: write such as 2031-05-01T12:00:00Z, 2031-05-01 for its \
                 begin in UTC, or a time from now such as 14 days"
            );
            (Some("deadline"), fault)
        })
    }
}

/// A moment as RFC 3339 has it, the begin of a day in UTC, or a duration from now with days of 24 hours.
fn moment(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    let day = Date::parse(text).filter(|date| date.day().is_some());
    let text = day.map_or_else(|| text.to_owned(), |day| format!("{day}T00:00:00Z"));
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(moment.as_millisecond()).ok().map(UnixMillis);
    }
    let span =
        text.parse::<jiff::Span>().ok()?.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(now.plus(Millis(u64::try_from(span.as_millis()).ok()?)))
}

/// Refuses an outcome that cannot be of its subject.
fn check_outcome(leg: &Leg, line: &HandoverLine) -> Result<(), Fault> {
    let by_name = matches!(leg.quantity, Quantity::List(_));
    let of_remains = leg.category == Category::Remains;
    let fault = match (line.outcome, &line.subject) {
        (Outcome::Surplus, Subject::Listed { .. }) => {
            "is for who is on no list: leave the line empty, and say who came"
        }
        (
            Outcome::Delivered | Outcome::NotDelivered | Outcome::Refused | Outcome::Died,
            Subject::Unlisted { .. },
        ) if by_name => "is for who is on the list: give the line, or write surplus or substituted",
        (Outcome::OwnSide | Outcome::Commingled, _) if !of_remains => {
            "is for remains, and this leg has persons: write another outcome"
        }
        (Outcome::Refused | Outcome::Died, _) if of_remains => {
            "is for persons, and this is a leg of remains: write another outcome"
        }
        (Outcome::Duplicate, _) if line.detail.is_none() => {
            return Err((
                Some("detail"),
                "is empty: name the line or the bag that this one doubles".to_owned(),
            ));
        }
        (Outcome::Substituted, Subject::Listed { .. }) if line.detail.is_none() => {
            return Err((Some("detail"), "is empty: name who came in the place".to_owned()));
        }
        _ => return Ok(()),
    };
    Err((Some("outcome"), format!("{:?} {fault}", line.outcome.text())))
}
