//! The lists of a proposal: tables in the file itself, or a CSV beside it. Every bad cell is found, not only the
//! first. May not know what a leg does with its list.

use crate::codec::CodecError;
use crate::deal::import::file::Record;
use crate::deal::import::value::cell_text;
use crate::deal::import::{FAULTS_MAX, ImportError, Sources, THE_PROPOSAL};
use crate::deal::person::Line;
use crate::deal::row::{CellFault, PERSON_COLUMNS, REMAINS_COLUMNS, Row, joined};
use crate::party::role::Role;
use crate::statement::list::{LINE_BYTES_MAX, LIST_LINES_MAX, List};
use std::collections::BTreeMap;
use toml::Value;

/// Where the records of one list stand.
pub(super) struct Rows<'a> {
    /// The leg's number, from 1.
    pub(super) leg: usize,
    /// The CSV, where there is one.
    pub(super) file: Option<&'a str>,
    /// What a table in the proposal is called.
    pub(super) key: &'static str,
    /// The tables, where there is no CSV.
    pub(super) tables: &'a [Record],
    /// Whether they are bags; persons otherwise.
    pub(super) bags: bool,
}

impl Rows<'_> {
    const fn columns(&self) -> &'static [&'static str] {
        if self.bags { REMAINS_COLUMNS } else { PERSON_COLUMNS }
    }

    fn record(&self, row: &mut Row<'_>, me: Role) -> Result<Line, Vec<CellFault>> {
        if self.bags { row.remains(me) } else { row.person() }
    }
}

/// Reads one list.
pub(super) fn read_list(rows: &Rows<'_>, sources: &mut Sources<'_>) -> Result<List, ImportError> {
    let lines = match rows.file {
        Some(file) => from_csv(rows, file, sources)?,
        None => from_tables(rows, sources.me)?,
    };
    List::new((sources.seed)(), lines).map_err(|error| ImportError::List {
        file: rows.file.map_or_else(|| format!("{THE_PROPOSAL}, leg {}", rows.leg), str::to_owned),
        fault: format!("{error}: divide it into several legs"),
    })
}

/// What is wrong with a table, as far as it was read.
#[derive(Default)]
pub(crate) struct Faults {
    told: Vec<ImportError>,
    more: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: ImportError) {
        if self.told.len() < FAULTS_MAX { self.told.push(fault) } else { self.more += 1 }
    }

    pub(crate) fn verdict(mut self) -> Result<(), ImportError> {
        match self.told.pop() {
            None => Ok(()),
            Some(one) if self.told.is_empty() => Err(one),
            Some(last) => {
                self.told.push(last);
                Err(ImportError::Several { faults: self.told, more: self.more })
            }
        }
    }
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

fn unknown_column(columns: &[&str]) -> String {
    format!("is not a known column: rename or remove it; known are {}", columns.join(", "))
}

fn from_tables(rows: &Rows<'_>, me: Role) -> Result<Vec<Vec<u8>>, ImportError> {
    let (mut lines, mut faults) = (Lines::new(rows.key), Faults::default());
    for (table, number) in rows.tables.iter().zip(1u64..) {
        let wrong = |field: &str, fault: String| ImportError::Value {
            file: THE_PROPOSAL.to_owned(),
            place: format!("leg {}, {} {number}, {field}", rows.leg, rows.key),
            fault,
        };
        let mut cells = Vec::with_capacity(table.len());
        for (field, value) in table {
            match table_cell(field, value, rows.columns()) {
                Ok(cell) => cells.push((field.as_str(), cell)),
                Err(fault) => faults.add(wrong(field, fault)),
            }
        }
        let mut row = Row::new(cells.iter().map(|(field, cell)| (*field, cell.as_str())));
        match rows.record(&mut row, me) {
            Ok(line) => {
                if let Err(fault) = lines.add(&line, number) {
                    faults.add(wrong("the record", fault));
                }
            }
            Err(cells) => cells.into_iter().for_each(|cell| faults.add(wrong(cell.column, cell.fault))),
        }
    }
    faults.verdict().map(|()| lines.lines)
}

fn table_cell(field: &str, value: &Value, columns: &[&str]) -> Result<String, String> {
    if !columns.contains(&field) {
        return Err(unknown_column(columns));
    }
    let cell = match value {
        Value::Array(several) if matches!(field, "aliases" | "evidence") => {
            several.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(joined)
        }
        value => cell_text(value),
    };
    cell.ok_or_else(|| "is not text: write it in quotes".to_owned())
}

fn from_csv(rows: &Rows<'_>, name: &str, sources: &mut Sources<'_>) -> Result<Vec<Vec<u8>>, ImportError> {
    let file = || name.to_owned();
    let bytes = (sources.list)(name).map_err(|fault| ImportError::Unreadable { file: file(), fault })?;
    let text = utf8(name, &bytes)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(true).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| unreadable(name, &error))?.clone();
    let header: Vec<&str> = header.iter().map(str::trim).collect();
    check_header(name, &header, rows.columns())?;
    let (mut lines, mut faults) = (Lines::new("line"), Faults::default());
    let mut record = csv::StringRecord::new();
    let mut read = 0;
    while reader.read_record(&mut record).map_err(|error| unreadable(name, &error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |fault| ImportError::Row { file: file(), line, fault };
        if read == LIST_LINES_MAX {
            faults.add(wrong(format!(
                "is line {} of the list; at most {LIST_LINES_MAX} are allowed: divide it into several legs",
                LIST_LINES_MAX + 1
            )));
            break;
        }
        read += 1;
        if record.len() != header.len() {
            faults.add(wrong(format!(
                "has {} columns where the header has {}: quote a value that contains a comma, or add the missing \
                 columns",
                record.len(),
                header.len()
            )));
            continue;
        }
        match rows.record(&mut Row::new(header.iter().copied().zip(record.iter())), sources.me) {
            Ok(person) => {
                if let Err(fault) = lines.add(&person, line) {
                    faults.add(wrong(fault));
                }
            }
            Err(cells) => cells.into_iter().for_each(|CellFault { column, fault }| {
                faults.add(ImportError::Cell { file: file(), line, column: column.to_owned(), fault });
            }),
        }
    }
    faults.verdict()?;
    if lines.lines.is_empty() {
        let fault = "has no line below its header: name somebody, or leave the leg out".to_owned();
        return Err(ImportError::List { file: file(), fault });
    }
    Ok(lines.lines)
}

/// The text of a file, without the mark that spreadsheets put before it.
fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let line = before.iter().fold(1, |line, byte| line + u64::from(*byte == b'\n'));
        let fault = "is not UTF-8: save the list as UTF-8, from a spreadsheet as \"CSV UTF-8\"".to_owned();
        ImportError::Row { file: name.to_owned(), line, fault }
    })
}

/// Refuses columns that are not known, or there twice.
pub(crate) fn check_header(name: &str, header: &[&str], columns: &[&str]) -> Result<(), ImportError> {
    if let [one] = header
        && let Some(sign) = [';', '\t'].into_iter().find(|sign| one.contains(*sign))
    {
        let sign = if sign == ';' { "semicolons" } else { "tabs" };
        let fault = format!("separates its columns by {sign}: save it with commas between them");
        return Err(ImportError::Row { file: name.to_owned(), line: 1, fault });
    }
    let mut faults = Faults::default();
    for (column, at) in header.iter().zip(0..) {
        let wrong =
            |fault| ImportError::Cell { file: name.to_owned(), line: 1, column: (*column).to_owned(), fault };
        if !columns.contains(column) {
            faults.add(wrong(unknown_column(columns)));
        } else if header.iter().take(at).any(|earlier| earlier == column) {
            faults.add(wrong("stands twice in the header: keep one".to_owned()));
        }
    }
    faults.verdict()
}

/// A row that is no CSV.
pub(crate) fn unreadable(name: &str, error: &csv::Error) -> ImportError {
    let line = error.position().map_or(1, csv::Position::line);
    let fault = format!("cannot be read as CSV ({error}): check its quotes");
    ImportError::Row { file: name.to_owned(), line, fault }
}
