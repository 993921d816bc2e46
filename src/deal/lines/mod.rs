//! Handover lines as a table (CSV): a template of all that was agreed, and lines that were said; `read` takes what an
//! officer filled in. Opens no file, and may not say what became of anybody that nobody said.

mod read;

pub use read::lines_from_csv;

use crate::deal::body::Offer;
use crate::deal::cells::{cells, is_formula};
use crate::deal::date::moment_text;
use crate::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject};
use crate::deal::person::Line;
use crate::deal::row::{PERSON_COLUMNS, REMAINS_COLUMNS};
use crate::deal::terms::{Category, Leg, Quantity};
use crate::party::role::Role;

/// The columns of every line. `name` only helps whoever fills it in, and is not read: an apostrophe stands before what
/// a program for tables would take as a formula, for names may be the counterpart's choice. Who is on no list has the columns
/// of a list of persons or of remains beside them.
const COLUMNS: [&str; 10] =
    ["leg", "line", "number", "outcome", "cause", "detail", "evidence", "remedy", "deadline", "name"];
/// A person's own `evidence` of custody, beside the line's.
const CUSTODY_EVIDENCE: &str = "custody_evidence";
/// Columns of the template for persons and for bags that are on no list: what is known of them on arrival.
const TEMPLATE_PERSON: [&str; 6] =
    ["surname", "first_names", "birth_date", "service_number", "status", "health"];
const TEMPLATE_REMAINS: [&str; 2] = ["bag", "claimed_side"];

/// Every line and every number that was agreed exactly, delivered as listed. A leg of an estimate, or of all, has none:
/// how many came is to be counted.
#[must_use]
pub fn all_delivered(offer: &Offer) -> Vec<HandoverLine> {
    subjects(offer).filter_map(|(subject, _)| Some(delivered(subject?))).collect()
}

/// The lines to fill in, as [`lines_from_csv`] reads them: everything agreed, `delivered as listed`, with the names
/// beside it; a number that was not agreed exactly is left open. Then columns for who is on no list. Only of legs to `keep`.
#[must_use]
pub fn template_of(offer: &Offer, keep: impl Fn(&Leg) -> bool) -> String {
    let mut header: Vec<&str> = COLUMNS.to_vec();
    let of_remains = |leg: &Leg| leg.category == Category::Remains;
    if !offer.legs().iter().all(of_remains) {
        header.extend(TEMPLATE_PERSON);
    }
    if offer.legs().iter().any(of_remains) {
        header.extend(TEMPLATE_REMAINS);
    }
    let kept = |leg: usize| leg.checked_sub(1).and_then(|at| offer.legs().get(at)).is_some_and(&keep);
    let rows = subjects(offer).filter(|(_, leg)| kept(*leg)).map(|(subject, open)| {
        let mut cells = subject.map_or_else(
            || vec![("leg", open.to_string()), ("outcome", Outcome::Delivered.to_string())],
            |subject| line_cells(&delivered(subject), offer, Role::Inviter),
        );
        // What is only prefilled says nothing of a cause or a remedy.
        cells.retain(|(column, _)| !matches!(*column, "cause" | "remedy"));
        cells
    });
    table(&header, rows)
}

/// Lines that were said, with every column that one of them fills, in a file of the side `me`.
#[must_use]
pub fn lines_to_csv<'a>(
    lines: impl IntoIterator<Item = &'a HandoverLine>,
    offer: &Offer,
    me: Role,
) -> String {
    let rows: Vec<_> = lines.into_iter().map(|line| line_cells(line, offer, me)).collect();
    let mut header: Vec<&str> = COLUMNS.to_vec();
    let filled = |column: &str| rows.iter().flatten().any(|(it, _)| *it == column);
    header.extend(record_columns(false).chain(record_columns(true)).filter(|column| filled(column)));
    table(&header, rows.into_iter())
}

/// The lines of a template, counted from 1 with its header, in which a number is still to be filled in.
#[must_use]
pub fn to_fill_in(template: &str) -> Vec<usize> {
    let mut reader = csv::Reader::from_reader(template.as_bytes());
    let [line, number] = ["line", "number"].map(|name| COLUMNS.iter().position(|column| *column == name));
    let is_empty =
        |row: &csv::StringRecord, at: Option<usize>| at.and_then(|at| row.get(at)).is_some_and(str::is_empty);
    let open = reader.records().flatten().filter(|row| is_empty(row, line) && is_empty(row, number));
    open.filter_map(|row| usize::try_from(row.position()?.line()).ok()).collect()
}

/// Everything that was agreed, each with its leg from 1; no subject where a number was not agreed exactly.
fn subjects(offer: &Offer) -> impl Iterator<Item = (Option<Subject>, usize)> {
    offer.legs().iter().zip(0u16..).flat_map(move |(leg, at)| {
        let range = offer.range(leg);
        let exact = range.start() == range.end() && *range.start() > 0;
        let counted = !matches!(leg.quantity, Quantity::List(_));
        let number = counted.then(|| {
            let subject = exact.then(|| Subject::Counted { leg: at, number: *range.start() });
            (subject, usize::from(at) + 1)
        });
        let listed = offer.lines(leg).iter().zip(0u32..);
        let listed =
            listed.map(move |(_, line)| (Some(Subject::Listed { leg: at, line }), usize::from(at) + 1));
        listed.chain(number)
    })
}

const fn delivered(subject: Subject) -> HandoverLine {
    HandoverLine {
        subject,
        outcome: Outcome::Delivered,
        cause: Cause::Unknown,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    }
}

fn record_columns(of_remains: bool) -> impl Iterator<Item = &'static str> {
    let columns = if of_remains { REMAINS_COLUMNS } else { PERSON_COLUMNS };
    columns.iter().map(|column| if *column == "evidence" { CUSTODY_EVIDENCE } else { *column })
}

fn line_cells(line: &HandoverLine, offer: &Offer, me: Role) -> Vec<(&'static str, String)> {
    let leg = usize::from(line.subject.leg());
    let mut row = vec![("leg", (leg + 1).to_string())];
    match &line.subject {
        Subject::Listed { line: of, .. } => {
            row.push(("line", (u64::from(*of) + 1).to_string()));
            let records = offer.legs().get(leg).map_or(&[][..], |leg| offer.lines(leg));
            row.extend(records.get(*of as usize).map(|record| ("name", named(record))));
        }
        Subject::Counted { number, .. } => row.push(("number", number.to_string())),
        Subject::Unlisted { who, .. } => {
            row.push(("name", named(who)));
            let renamed = |column| if column == "evidence" { CUSTODY_EVIDENCE } else { column };
            row.extend(cells(who, me).into_iter().map(|(column, cell)| (renamed(column), cell)));
        }
    }
    row.push(("outcome", line.outcome.to_string()));
    row.push(("cause", line.cause.to_string()));
    row.extend(line.detail.as_ref().map(|text| ("detail", text.to_string())));
    row.extend(line.evidence.as_ref().map(|text| ("evidence", text.to_string())));
    row.push(("remedy", line.remedy.to_string()));
    row.extend(line.deadline.and_then(moment_text).map(|text| ("deadline", text)));
    row
}

fn named(record: &Line) -> String {
    let label = record.label();
    if is_formula(&label) { format!("'{label}") } else { label }
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<(&'static str, String)>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut put = |row: Vec<&str>| writer.write_record(row).is_ok();
    put(header.to_vec());
    for row in rows {
        let cell =
            |column: &&str| row.iter().find(|(it, _)| it == column).map_or("", |(_, cell)| cell.as_str());
        put(header.iter().map(cell).collect());
    }
    // Rows of one length, written to memory, do not fail; cells were text.
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
