//! Handover lines from the table an officer filled in. All or nothing: what is wrong is named by line and column, with
//! what to do. Opens no file and reads no clock.

use crate::codec::{CodecError, encode};
use crate::deal::body::Offer;
use crate::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject};
use crate::deal::import::ImportError;
use crate::deal::import::list::{Faults, check_header, unreadable};
use crate::deal::import::value::{moment, span};
use crate::deal::lines::{COLUMNS, CUSTODY_EVIDENCE, record_columns};
use crate::deal::person::Line;
use crate::deal::row::Row;
use crate::deal::terms::{Category, Leg, Quantity};
use crate::deal::word::Text;
use crate::party::role::Role;
use crate::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX};
use crate::time::UnixMillis;
use std::collections::BTreeMap;

/// Reads the handover lines of the side `me` on `offer`. Legs and lines are counted from 1 in the file.
///
/// # Errors
/// [`ImportError`], every bad row in it; nothing is kept of a file with a fault.
pub fn lines_from_csv(
    text: &str,
    file: &str,
    offer: &Offer,
    me: Role,
    now: UnixMillis,
) -> Result<Vec<HandoverLine>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| unreadable(file, &error))?.clone();
    let header: Vec<&str> = header.iter().map(str::trim).collect();
    let known: Vec<&str> =
        COLUMNS.into_iter().chain(record_columns(false)).chain(record_columns(true)).collect();
    check_header(file, &header, &known)?;
    let row_fault = |line, fault| ImportError::Row { file: file.to_owned(), line, fault };
    let cell_fault = |line, column: &str, fault| ImportError::Cell {
        file: file.to_owned(),
        line,
        column: column.to_owned(),
        fault,
    };
    if let Some(missing) = ["leg", "outcome"].into_iter().find(|column| !header.contains(column)) {
        let fault = "is missing: every line needs it; begin with a template".to_owned();
        return Err(cell_fault(1, missing, fault));
    }
    let (mut lines, mut faults) = (Vec::new(), Faults::default());
    let mut places: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut record = csv::StringRecord::new();
    let mut read = 0;
    while reader.read_record(&mut record).map_err(|error| unreadable(file, &error))? {
        let at = record.position().map_or(0, csv::Position::line);
        if read == LIST_LINES_MAX {
            let fault =
                format!("is past the {LIST_LINES_MAX} lines of one statement: divide the file in two");
            faults.add(row_fault(at, fault));
            break;
        }
        read += 1;
        if record.len() != header.len() {
            let fault = format!(
                "has {} columns where the header has {}: quote a value that contains a comma, or add the missing \
                 columns",
                record.len(),
                header.len()
            );
            faults.add(row_fault(at, fault));
            continue;
        }
        let cells = header.iter().copied().zip(record.iter());
        let row = cells.filter(|(_, cell)| !cell.trim().is_empty()).collect();
        match (Reader { row, offer, me, now }).line() {
            Ok(line) => {
                if let Err(fault) = check_once(&line, at, &mut places) {
                    faults.add(row_fault(at, fault));
                }
                lines.push(line);
            }
            Err(cells) => cells.into_iter().for_each(|(column, fault)| {
                faults.add(match column {
                    Some(column) => cell_fault(at, column, fault),
                    None => row_fault(at, fault),
                });
            }),
        }
    }
    faults.verdict()?;
    if lines.is_empty() {
        let fault = "has no line below its header: say what became of somebody".to_owned();
        return Err(ImportError::List { file: file.to_owned(), fault });
    }
    Ok(lines)
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

/// What is wrong with a row: the column, where one is to blame, and the fault with what to do.
type Wrong = Vec<(Option<&'static str>, String)>;

fn wrong(column: &'static str, fault: impl Into<String>) -> Wrong {
    vec![(Some(column), fault.into())]
}

/// One row being read, by column; no cell is empty.
struct Reader<'a> {
    row: BTreeMap<&'a str, &'a str>,
    offer: &'a Offer,
    me: Role,
    now: UnixMillis,
}

impl Reader<'_> {
    fn line(&self) -> Result<HandoverLine, Wrong> {
        let legs = self.offer.legs();
        let Some(number) = self.number("leg", 1)? else {
            return Err(wrong("leg", format!("is empty: write a number from 1 to {}", legs.len())));
        };
        let at = u16::try_from(number - 1).unwrap_or(u16::MAX);
        let Some(leg) = legs.get(usize::from(at)) else {
            return Err(wrong(
                "leg",
                format!("there is no leg {number}: write one from 1 to {}", legs.len()),
            ));
        };
        let subject = self.subject(leg, at)?;
        let Some(outcome) = self.read("outcome", Outcome::read)? else {
            let known: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.text()).collect();
            return Err(wrong("outcome", format!("is empty: write one of {}", known.join(", "))));
        };
        let line = HandoverLine {
            subject,
            outcome,
            cause: self.read("cause", Cause::read)?.unwrap_or(Cause::Unknown),
            detail: self.text("detail")?,
            evidence: self.text("evidence")?,
            remedy: self.read("remedy", Remedy::read)?.unwrap_or(Remedy::None),
            deadline: self.read("deadline", |cell| self.deadline(cell))?,
        };
        check_outcome(leg, &line)?;
        Ok(line)
    }

    /// Whom the row is about: a line, a number, or a record of its own.
    fn subject(&self, leg: &Leg, at: u16) -> Result<Subject, Wrong> {
        let of_remains = leg.category == Category::Remains;
        let column = |of_remains| record_columns(of_remains).find(|it| self.row.contains_key(it));
        if let Some(stray) = column(!of_remains) {
            let right = if of_remains { "a leg of remains has bags" } else { "this leg has persons" };
            return Err(wrong(stray, format!("does not fit the leg: {right}; leave the column empty")));
        }
        // A count of nobody takes back the count before.
        let (line, number) = (self.number("line", 1)?, self.number("number", 0)?);
        let lines = self.offer.lines(leg).len();
        match (line, number, column(of_remains)) {
            (Some(line), None, None) if usize::try_from(line).is_ok_and(|line| line <= lines) => {
                Ok(Subject::Listed { leg: at, line: line - 1 })
            }
            (Some(_), None, None) if lines == 0 => {
                let fault = format!("leg {} has no list: give a number, or say who came", at + 1);
                Err(wrong("line", fault))
            }
            (Some(line), None, None) => {
                let fault = format!("leg {} has no line {line}: write one from 1 to {lines}", at + 1);
                Err(wrong("line", fault))
            }
            (None, Some(number), None) => Ok(Subject::Counted { leg: at, number }),
            (None, None, Some(_)) => Ok(Subject::Unlisted { leg: at, who: self.record(of_remains)? }),
            (None, None, None) if self.is_open(leg) => {
                let fault = format!(
                    "is empty, and the offer gives no exact number for leg {}: write how many there were",
                    at + 1
                );
                Err(wrong("number", fault))
            }
            (None, None, None) => {
                let fault =
                    "says of nobody: give the line of the list, a number, or who came that is on no list";
                Err(vec![(None, fault.to_owned())])
            }
            _ => {
                let fault =
                    "says more than one of line, number, and the record of somebody on no list: keep one";
                Err(vec![(None, fault.to_owned())])
            }
        }
    }

    /// Whether how many a leg is of was left open: an estimate, all there are, a ratio of such.
    fn is_open(&self, leg: &Leg) -> bool {
        let range = self.offer.range(leg);
        range.start() != range.end()
    }

    fn record(&self, of_remains: bool) -> Result<Line, Wrong> {
        let cell = |column| self.row.get(column).map(|cell| (column, *cell));
        let own = |(column, cell)| (if column == CUSTODY_EVIDENCE { "evidence" } else { column }, cell);
        let mut row = Row::new(record_columns(of_remains).filter_map(cell).map(own));
        let read = if of_remains { row.remains(self.me) } else { row.person() };
        let here = |column| if column == "evidence" { CUSTODY_EVIDENCE } else { column };
        read.map_err(|faults| faults.into_iter().map(|it| (Some(here(it.column)), it.fault)).collect())
    }

    fn read<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Wrong> {
        self.row.get(column).map(|cell| read(cell)).transpose().map_err(|fault| wrong(column, fault))
    }

    fn number(&self, column: &'static str, least: u32) -> Result<Option<u32>, Wrong> {
        self.read(column, |cell| {
            let number = cell.trim().parse().ok().filter(|number| *number >= least);
            number.ok_or_else(|| format!("{cell:?} is no such number: write a whole number from {least}"))
        })
    }

    fn text(&self, column: &'static str) -> Result<Option<Text>, Wrong> {
        self.read(column, |cell| Text::new(cell).map_err(|error| error.to_string()))
    }

    fn deadline(&self, cell: &str) -> Result<UnixMillis, String> {
        let found = moment(cell).or_else(|| Some(self.now.plus(span(cell.trim())?)));
        found.ok_or_else(|| {
            format!(
                "{cell:?} is neither a moment nor a duration: write such as 2031-05-01T12:00:00Z, 2031-05-01 for its \
                 begin in UTC, or a time from now such as 14 days"
            )
        })
    }
}

/// Refuses an outcome that cannot be of its subject.
fn check_outcome(leg: &Leg, line: &HandoverLine) -> Result<(), Wrong> {
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
            return Err(wrong("detail", "is empty: name the line or the bag that this one doubles"));
        }
        (Outcome::Substituted, Subject::Listed { .. }) if line.detail.is_none() => {
            return Err(wrong("detail", "is empty: name who came in the place"));
        }
        _ => return Ok(()),
    };
    Err(wrong("outcome", format!("{:?} {fault}", line.outcome.text())))
}
