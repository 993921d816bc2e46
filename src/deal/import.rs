//! A proposal from the file an officer wrote: TOML, with persons inline or in a CSV beside it. All or nothing:
//! the first thing wrong is named by file, line and column, with what to do. Opens no file, reads no clock
//! and draws no randomness: all three are handed in.

use crate::codec::CodecError;
use crate::crypto::digest::Digest;
use crate::deal::body::{BodyError, Content, Offer, OfferBody};
use crate::deal::person::Line;
use crate::deal::row::{PERSON_COLUMNS, REMAINS_COLUMNS, Row, known, side};
use crate::deal::terms::{Category, Firmness, Leg, Quantity, Selection, Substitution, Terms};
use crate::deal::word::Text;
use crate::party::role::Role;
use crate::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX, List};
use crate::time::{Millis, UnixMillis};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is wrong with a proposal file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The TOML itself, or a key in it. Lines are counted from 1.
    #[error("the proposal, line {line}: {fault}: correct it; examples/exchange.toml shows every part")]
    Toml {
        /// The line.
        line: usize,
        /// What is wrong.
        fault: String,
    },
    /// A value of a key.
    #[error("the proposal, {place}: {fault}")]
    Value {
        /// The key, and in which leg.
        place: String,
        /// What is wrong, and what it must look like.
        fault: String,
    },
    /// A list that could not be read.
    #[error("{file}: {fault}: put the list beside the proposal, and name it as it is")]
    Unreadable {
        /// The list.
        file: String,
        /// Why.
        fault: String,
    },
    /// A list as a whole.
    #[error("{file}: {fault}")]
    List {
        /// The list.
        file: String,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A line of a list, counted from 1, the header row included.
    #[error("{file}, line {line}: {fault}")]
    Row {
        /// The list.
        file: String,
        /// The line.
        line: u64,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// A cell of a list.
    #[error("{file}, line {line}, column {column}: {fault}")]
    Cell {
        /// The list.
        file: String,
        /// The line, counted from 1, the header row included.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong, and what it must look like.
        fault: String,
    },
    /// Terms that cannot be offered.
    #[error("the proposal: {0}")]
    Body(#[from] BodyError),
}

/// What a proposal file needs from outside.
pub struct Sources<'a> {
    /// The side whose file it is: `me` in it.
    pub me: Role,
    /// The moment from which a duration counts.
    pub now: UnixMillis,
    /// The bytes of the list that the file names, or why there are none.
    pub list: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    /// 32 fresh random bytes, for the salts of one list.
    pub seed: &'a mut dyn FnMut() -> [u8; 32],
}

/// A proposal that was read, and not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Firm or exploratory.
    pub firmness: Firmness,
    /// Until when it stands.
    pub valid_until: Option<UnixMillis>,
    /// Its legs.
    pub terms: Terms,
    /// Its lists, in the order of the legs that name them.
    pub lists: Vec<List>,
}

impl Draft {
    /// The offer it makes on version `base` of a case, in answer to `parent`.
    ///
    /// # Errors
    /// [`BodyError`] where it cannot be made there: an empty one on version 0.
    pub fn offer(&self, base: u32, parent: Option<Digest>) -> Result<Content, BodyError> {
        let body = OfferBody {
            base,
            parent,
            frame: None,
            firmness: self.firmness,
            valid_until: self.valid_until,
            terms: self.terms.clone(),
            lists: self.lists.iter().map(List::root).collect(),
        };
        Ok(Content::Offer(Box::new(Offer::join(body, &self.lists)?)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposalFile {
    firmness: Option<String>,
    valid_until: Option<toml::Value>,
    remarks: Option<String>,
    #[serde(default)]
    leg: Vec<LegFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegFile {
    giver: String,
    category: Option<String>,
    count: Option<i64>,
    persons: Option<String>,
    remains: Option<String>,
    #[serde(default)]
    person: Vec<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    bag: Vec<BTreeMap<String, toml::Value>>,
    selection: Option<String>,
    substitution: Option<String>,
    tolerance: Option<i64>,
}

/// Reads a proposal.
///
/// # Errors
/// [`ImportError`], the first one; nothing is kept of what was read before it.
pub fn proposal_from_toml(text: &str, sources: &mut Sources<'_>) -> Result<Draft, ImportError> {
    let file: ProposalFile = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        ImportError::Toml { line: 1 + before.matches('\n').count(), fault: error.message().to_owned() }
    })?;
    let top = |key: &str, fault: String| ImportError::Value { place: key.to_owned(), fault };
    let firmness = word(file.firmness.as_deref(), Firmness::Firm, Firmness::from_text, || {
        known(Firmness::ALL, Firmness::text)
    });
    let remarks = file.remarks.as_deref().map(Text::new).transpose();
    let mut draft = Draft {
        firmness: firmness.map_err(|fault| top("firmness", fault))?,
        valid_until: file.valid_until.map(|value| valid_until(&value, sources.now)).transpose()?,
        terms: Terms {
            legs: Vec::new(),
            remarks: remarks.map_err(|error| top("remarks", error.to_string()))?,
            ..Terms::default()
        },
        lists: Vec::new(),
    };
    for (leg, number) in file.leg.iter().zip(1..) {
        let leg = read_leg(leg, number, &mut draft.lists, sources)?;
        draft.terms.legs.push(leg);
    }
    draft.terms.fault(draft.lists.len()).map_or(Ok(draft), |fault| Err(BodyError::from(fault).into()))
}

fn word<T>(
    given: Option<&str>,
    default: T,
    read: impl Fn(&str) -> Option<T>,
    words: impl Fn() -> Vec<&'static str>,
) -> Result<T, String> {
    match given {
        None => Ok(default),
        Some(text) => {
            read(text).ok_or_else(|| format!("{text:?} is not known: write one of {}", words().join(", ")))
        }
    }
}

/// A moment as RFC 3339 has it, or a duration from now with days of 24 hours.
fn valid_until(value: &toml::Value, now: UnixMillis) -> Result<UnixMillis, ImportError> {
    let text = cell_text(value).unwrap_or_default();
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => u64::try_from(moment.as_millisecond()).ok().map(UnixMillis),
        Err(_) => text.parse::<jiff::Span>().ok().and_then(|span| {
            let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
            Some(now.plus(Millis(u64::try_from(span.as_millis()).ok()?)))
        }),
    };
    let fault = |fault: &str| ImportError::Value {
        place: "valid_until".to_owned(),
        fault: format!(
            "{text:?} {fault}: write such as 2031-05-01T12:00:00Z, or a time from now such as 14 days"
        ),
    };
    match moment {
        None => Err(fault("is neither a moment nor a duration")),
        Some(moment) if moment <= now => Err(fault("is not in the future")),
        Some(moment) => Ok(moment),
    }
}

fn read_leg(
    leg: &LegFile,
    number: usize,
    lists: &mut Vec<List>,
    sources: &mut Sources<'_>,
) -> Result<Leg, ImportError> {
    let wrong =
        |key: &str, fault: String| ImportError::Value { place: format!("leg {number}, {key}"), fault };
    let giver = word(Some(&leg.giver), sources.me, |text| side(text, sources.me), || vec!["me", "them"])
        .map_err(|fault| wrong("giver", fault))?;
    let of_remains = leg.remains.is_some() || !leg.bag.is_empty();
    let default = if of_remains { Category::Remains } else { Category::Person };
    let category =
        word(leg.category.as_deref(), default, Category::from_text, || known(Category::ALL, Category::text))
            .map_err(|fault| wrong("category", fault))?;
    let given = [
        leg.count.is_some(),
        leg.persons.is_some(),
        leg.remains.is_some(),
        !leg.person.is_empty(),
        !leg.bag.is_empty(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        let fault = "says not exactly one of: count, persons (a list file), [[leg.person]], remains (a list file), \
                     [[leg.bag]]: keep one";
        return Err(ImportError::Value { place: format!("leg {number}"), fault: fault.to_owned() });
    }
    if leg.count.is_none() && of_remains != (category == Category::Remains) {
        let fault = "does not fit the list: remains have bags, every other category has persons".to_owned();
        return Err(wrong("category", fault));
    }
    let whole = |key: &str, value: i64| {
        u32::try_from(value)
            .map_err(|_| wrong(key, format!("{value} is no such number: write a whole number")))
    };
    let quantity = match leg.count {
        Some(count) => Quantity::Count(whole("count", count)?),
        None => {
            lists.push(read_list(leg, number, of_remains, sources)?);
            Quantity::List(u16::try_from(lists.len() - 1).unwrap_or(u16::MAX))
        }
    };
    Ok(Leg {
        giver,
        receiver: giver.other(),
        category,
        quantity,
        selection: word(leg.selection.as_deref(), Selection::Holder, Selection::from_text, || {
            known(Selection::ALL, Selection::text)
        })
        .map_err(|fault| wrong("selection", fault))?,
        substitution: word(leg.substitution.as_deref(), Substitution::None, Substitution::from_text, || {
            known(Substitution::ALL, Substitution::text)
        })
        .map_err(|fault| wrong("substitution", fault))?,
        tolerance: whole("tolerance", leg.tolerance.unwrap_or(0))?,
        except: None,
        criteria: None,
        third_country: None,
        stage: None,
        group: 0,
    })
}

/// The list of a leg that does not only count.
fn read_list(
    leg: &LegFile,
    number: usize,
    of_remains: bool,
    sources: &mut Sources<'_>,
) -> Result<List, ImportError> {
    let named = leg.persons.as_deref().or(leg.remains.as_deref());
    let lines = match named {
        Some(file) => lines_of_csv(file, of_remains, sources)?,
        None => inline_lines(leg, number, of_remains, sources.me)?,
    };
    List::new((sources.seed)(), lines).map_err(|error| ImportError::List {
        file: named.map_or_else(|| format!("the proposal, leg {number}"), str::to_owned),
        fault: format!("{error}: divide it into several legs"),
    })
}

/// What a cell of TOML says, as a cell of a CSV would.
fn cell_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Datetime(moment) => Some(moment.to_string()),
        _ => None,
    }
}

fn inline_lines(
    leg: &LegFile,
    number: usize,
    of_remains: bool,
    me: Role,
) -> Result<Vec<Vec<u8>>, ImportError> {
    let (tables, key, columns) =
        if of_remains { (&leg.bag, "bag", REMAINS_COLUMNS) } else { (&leg.person, "person", PERSON_COLUMNS) };
    let mut lines = Lines::new(key);
    for (table, at) in tables.iter().zip(1u64..) {
        let wrong = |field: &str, fault: String| ImportError::Value {
            place: format!("leg {number}, {key} {at}, {field}"),
            fault,
        };
        let mut cells = Vec::with_capacity(table.len());
        for (field, value) in table {
            if !columns.contains(&field.as_str()) {
                return Err(wrong(field, unknown_column(columns)));
            }
            let cell = cell_text(value);
            cells.push((
                field.as_str(),
                cell.ok_or_else(|| wrong(field, "is not text: write it in quotes".to_owned()))?,
            ));
        }
        let row = Row::new(cells.iter().map(|(field, cell)| (*field, cell.as_str())));
        let line = if of_remains { row.remains(me) } else { row.person() };
        let line = line.map_err(|fault| wrong(fault.column, fault.fault))?;
        lines.add(&line, at).map_err(|fault| wrong("the record", fault))?;
    }
    Ok(lines.lines)
}

fn unknown_column(columns: &[&str]) -> String {
    format!("is not a known column: rename or remove it; known are {}", columns.join(", "))
}

/// The encoded lines of one list, none twice.
struct Lines {
    /// What a place is called: line, person or bag.
    unit: &'static str,
    lines: Vec<Vec<u8>>,
    places: BTreeMap<Vec<u8>, u64>,
}

impl Lines {
    const fn new(unit: &'static str) -> Self {
        Self { unit, lines: Vec::new(), places: BTreeMap::new() }
    }

    fn add(&mut self, line: &Line, place: u64) -> Result<(), String> {
        let bytes = line.encode_line().map_err(|error| match error {
            CodecError::TooLong { found, .. } => {
                format!(
                    "the record takes {found} bytes; at most {LINE_BYTES_MAX} are allowed: shorten its texts"
                )
            }
            other => other.to_string(),
        })?;
        if let Some(first) = self.places.insert(bytes.clone(), place) {
            return Err(format!("says the same as {} {first}: remove one, or tell the two apart", self.unit));
        }
        self.lines.push(bytes);
        Ok(())
    }
}

fn lines_of_csv(
    name: &str,
    of_remains: bool,
    sources: &mut Sources<'_>,
) -> Result<Vec<Vec<u8>>, ImportError> {
    let file = || name.to_owned();
    let bytes = (sources.list)(name).map_err(|fault| ImportError::Unreadable { file: file(), fault })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let line = before.iter().fold(1, |line, byte| line + u64::from(*byte == b'\n'));
        let fault = "is not UTF-8: save the list as UTF-8 (in a spreadsheet: \"CSV UTF-8\")".to_owned();
        ImportError::Row { file: file(), line, fault }
    })?;
    let columns = if of_remains { REMAINS_COLUMNS } else { PERSON_COLUMNS };
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| csv_fault(name, &error))?.clone();
    for (at, column) in header.iter().enumerate() {
        let wrong = |fault| ImportError::Cell { file: file(), line: 1, column: column.to_owned(), fault };
        if !columns.contains(&column) {
            return Err(wrong(unknown_column(columns)));
        }
        if header.iter().take(at).any(|earlier| earlier == column) {
            return Err(wrong("stands twice in the header: keep one".to_owned()));
        }
    }
    let mut lines = Lines::new("line");
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_fault(name, &error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if lines.lines.len() == LIST_LINES_MAX {
            let fault = format!(
                "is line {} of the list; at most {LIST_LINES_MAX} are allowed: divide it into several legs",
                LIST_LINES_MAX + 1
            );
            return Err(ImportError::Row { file: file(), line, fault });
        }
        let row = Row::new(header.iter().zip(record.iter()));
        let read = if of_remains { row.remains(sources.me) } else { row.person() };
        let read = read.map_err(|fault| ImportError::Cell {
            file: file(),
            line,
            column: fault.column.to_owned(),
            fault: fault.fault,
        })?;
        lines.add(&read, line).map_err(|fault| ImportError::Row { file: file(), line, fault })?;
    }
    if lines.lines.is_empty() {
        let fault = "has no line below its header: name somebody, or leave the leg out".to_owned();
        return Err(ImportError::List { file: file(), fault });
    }
    Ok(lines.lines)
}

fn csv_fault(name: &str, error: &csv::Error) -> ImportError {
    let line = error.position().map_or(1, csv::Position::line);
    let fault = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
            "has {len} columns where the header has {expected_len}: quote a value that contains a comma, or add \
             the missing columns"
        ),
        _ => format!("cannot be read as CSV ({error}): check its quotes"),
    };
    ImportError::Row { file: name.to_owned(), line, fault }
}
