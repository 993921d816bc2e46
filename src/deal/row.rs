//! Records read from the cells of a table, by column name: a line of a CSV, or a table of TOML. May not know
//! where the cells came from: what is wrong with each is said by column, and the caller names the place.

use crate::deal::date::{DATE_FORMS, PartialDate};
use crate::deal::person::{
    Commission, Consent, Evidence, Health, Judicial, Line, Name, Person, Romanised, Sex, Source, Status, Wish,
};
use crate::deal::remains::{Extent, Remains};
use crate::deal::word::Text;
use crate::party::role::Role;
use std::collections::BTreeMap;

/// The columns of a list of persons.
pub(crate) const PERSON_COLUMNS: &[&str] = &[
    "surname",
    "first_names",
    "patronymic",
    "aliases",
    "surname_romanised",
    "first_names_romanised",
    "patronymic_romanised",
    "romanisation",
    "birth_date",
    "birth_place",
    "sex",
    "nationality",
    "power",
    "service_number",
    "rank",
    "unit",
    "occupation",
    "father_first_name",
    "mother_maiden_name",
    "marks",
    "status",
    "judicial",
    "health",
    "commission",
    "evidence",
    "consent",
    "consent_asked_by",
];

/// The columns of a list of remains.
pub(crate) const REMAINS_COLUMNS: &[&str] = &[
    "bag",
    "place",
    "date",
    "extent",
    "claimed_identity",
    "disc",
    "dna_reference",
    "laboratory",
    "parent_bag",
    "claimed_side",
];

/// What is wrong with one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellFault {
    pub(crate) column: &'static str,
    /// What is wrong, and what it must look like.
    pub(crate) fault: String,
}

/// The cells of one record by column; what is empty or missing is unknown.
#[derive(Debug, Default)]
pub(crate) struct Row<'a> {
    cells: BTreeMap<&'a str, &'a str>,
    faults: Vec<CellFault>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(cells: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let cells = cells.into_iter().filter(|(_, cell)| !cell.trim().is_empty()).collect();
        Self { cells, faults: Vec::new() }
    }

    fn cell(&self, column: &str) -> Option<&'a str> {
        self.cells.get(column).copied()
    }

    fn wrong(&mut self, column: &'static str, fault: impl Into<String>) {
        self.faults.push(CellFault { column, fault: fault.into() });
    }

    /// What a cell says, where it says something; what is wrong with it is kept.
    fn read<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&'a str) -> Result<T, String>,
    ) -> Option<T> {
        read(self.cell(column)?).map_err(|fault| self.wrong(column, fault)).ok()
    }

    /// The text of a cell, to the byte.
    fn text(&mut self, column: &'static str) -> Option<Text> {
        self.read(column, |cell| Text::new(cell).map_err(|error| error.to_string()))
    }

    fn word<T>(
        &mut self,
        column: &'static str,
        unknown: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let or_empty = |cell: &str| read(cell).map_err(|fault| format!("{fault}, or leave it empty"));
        self.read(column, or_empty).unwrap_or(unknown)
    }

    fn date(&mut self, column: &'static str) -> Option<PartialDate> {
        self.read(column, |cell| {
            let date = PartialDate::parse(cell.trim());
            date.ok_or_else(|| format!("{cell:?} is not a date: write {DATE_FORMS}, or leave it empty"))
        })
    }

    fn name(&mut self, columns: [&'static str; 3]) -> Name {
        let [surname, first_names, patronymic] = columns.map(|column| self.text(column));
        Name { surname, first_names, patronymic }
    }

    /// What stands in a cell of several, each read on its own.
    fn several<T>(&mut self, column: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let all = |cell| divided(cell)?.iter().map(|one| read(one)).collect();
        self.read(column, all).unwrap_or_default()
    }

    fn aliases(&mut self) -> Vec<Text> {
        self.several("aliases", |alias| {
            Text::new(alias)
                .map_err(|error| format!("an alias cannot be used: {error}; separate aliases by a semicolon"))
        })
    }

    fn romanised(&mut self) -> Option<Romanised> {
        let name = self.name(["surname_romanised", "first_names_romanised", "patronymic_romanised"]);
        match (name.is_empty(), self.text("romanisation")) {
            (true, _) => None,
            (false, Some(system)) => Some(Romanised { name, system }),
            (false, None) => {
                let fault =
                    "is empty, and there is a romanised name: name the system, such as ISO 9 or passport";
                self.wrong("romanisation", fault);
                None
            }
        }
    }

    fn evidence(&mut self) -> Vec<Evidence> {
        let read = |part: &str| {
            let (source, date) = part.rsplit_once(' ')?;
            Some(Evidence { source: Source::from_text(source)?, date: PartialDate::parse(date)? })
        };
        self.several("evidence", |part| {
            read(part).ok_or_else(|| {
                let sources: Vec<_> = Source::ALL.iter().map(|source| source.text()).collect();
                format!(
                    "{part:?} is not evidence with its date: write such as \"family 2031-02\", with one of {}, \
                     several separated by a semicolon",
                    sources.join(", ")
                )
            })
        })
    }

    /// The record, unless something was wrong.
    fn whole<T>(&mut self, record: T) -> Result<T, Vec<CellFault>> {
        if self.faults.is_empty() { Ok(record) } else { Err(std::mem::take(&mut self.faults)) }
    }

    /// The person in this row.
    pub(crate) fn person(&mut self) -> Result<Line, Vec<CellFault>> {
        let person = Person {
            name: self.name(["surname", "first_names", "patronymic"]),
            aliases: self.aliases(),
            romanised: self.romanised(),
            birth_date: self.date("birth_date"),
            birth_place: self.text("birth_place"),
            sex: self.word("sex", Sex::Unknown, Sex::read),
            nationality: self.text("nationality"),
            power: self.text("power"),
            service_number: self.text("service_number"),
            rank: self.text("rank"),
            unit: self.text("unit"),
            occupation: self.text("occupation"),
            father_first_name: self.text("father_first_name"),
            mother_maiden_name: self.text("mother_maiden_name"),
            marks: self.text("marks"),
            status: self.word("status", Status::Unknown, Status::read),
            judicial: self.word("judicial", Judicial::None, Judicial::read),
            health: self.word("health", Health::Unknown, Health::read),
            commission: self.word("commission", Commission::None, Commission::read),
            evidence: self.evidence(),
            consent: Consent {
                wish: self.word("consent", Wish::NotAsked, Wish::read),
                asked_by: self.text("consent_asked_by"),
            },
        };
        if self.faults.is_empty() && !person.is_named() {
            self.wrong("surname", "is empty, and so are the first names and the aliases: name the person");
        }
        self.whole(Line::Person(Box::new(person)))
    }

    /// The bag in this row, in a file of the side `me`.
    pub(crate) fn remains(&mut self, me: Role) -> Result<Line, Vec<CellFault>> {
        let Some(bag) = self.text("bag") else {
            if self.faults.is_empty() {
                self.wrong("bag", "is empty: give the number on the bag");
            }
            return Err(std::mem::take(&mut self.faults));
        };
        let claimed_side = |text: &str| {
            let fault = || format!("{text:?} is not known: write one of me, them");
            side(text, me).map(Some).ok_or_else(fault)
        };
        let remains = Remains {
            bag,
            place: self.text("place"),
            date: self.date("date"),
            extent: self.word("extent", Extent::Unknown, Extent::read),
            claimed_identity: self.text("claimed_identity"),
            disc: self.text("disc"),
            dna_reference: self.text("dna_reference"),
            laboratory: self.text("laboratory"),
            parent_bag: self.text("parent_bag"),
            claimed_side: self.word("claimed_side", None, claimed_side),
        };
        self.whole(Line::Remains(remains))
    }
}

/// The side that a file of the side `me` calls so.
pub(crate) fn side(text: &str, me: Role) -> Option<Role> {
    match text.trim() {
        "me" => Some(me),
        "them" => Some(me.other()),
        _ => None,
    }
}

/// What a cell of several holds: separated by semicolons, blanks around each left out. A backslash takes the
/// character behind it as it is.
fn divided(cell: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let (mut part, mut kept) = (String::new(), 0);
    let mut chars = cell.chars();
    let mut end = |part: &mut String, kept: usize| {
        let tail = part.get(kept..).map_or(0, |tail| tail.trim_end().len());
        part.truncate(kept + tail);
        parts.push(std::mem::take(part));
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let taken = chars.next();
                part.push(taken.ok_or("ends with a backslash: write two for one that is meant")?);
                kept = part.len();
            }
            ';' => {
                end(&mut part, kept);
                kept = 0;
            }
            blank if part.is_empty() && blank.is_whitespace() => {}
            other => part.push(other),
        }
    }
    end(&mut part, kept);
    Ok(parts)
}

/// The cell of several: what [`divided`] reads back.
pub(crate) fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut cell = String::new();
    for (part, at) in parts.into_iter().zip(0..) {
        if at > 0 {
            cell.push_str("; ");
        }
        let inside = part.trim_start().len();
        let (first, last) = (part.len() - inside, part.trim_end().len());
        for (at, c) in part.char_indices() {
            if matches!(c, ';' | '\\') || at < first || at >= last {
                cell.push('\\');
            }
            cell.push(c);
        }
    }
    cell
}
