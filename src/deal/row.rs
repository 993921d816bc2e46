//! Records read from the cells of a table, by column name: a line of a CSV, or a table of TOML. May not know
//! where the cells came from: what is wrong with one is said by column, and the caller names the place.

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
}

impl<'a> Row<'a> {
    pub(crate) fn new(cells: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { cells: cells.into_iter().filter(|(_, cell)| !cell.trim().is_empty()).collect() }
    }

    fn cell(&self, column: &str) -> Option<&'a str> {
        self.cells.get(column).copied()
    }

    /// The text of a cell, to the byte.
    fn text(&self, column: &'static str) -> Result<Option<Text>, CellFault> {
        let text = self.cell(column).map(Text::new).transpose();
        text.map_err(|error| CellFault { column, fault: error.to_string() })
    }

    fn word<T>(
        &self,
        column: &'static str,
        unknown: T,
        read: impl Fn(&str) -> Option<T>,
        known: &[&str],
    ) -> Result<T, CellFault> {
        let Some(cell) = self.cell(column) else { return Ok(unknown) };
        let fault = || format!("{cell:?} is not known: write one of {}, or leave it empty", known.join(", "));
        read(cell).ok_or_else(|| CellFault { column, fault: fault() })
    }

    fn date(&self, column: &'static str) -> Result<Option<PartialDate>, CellFault> {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        let fault = || format!("{cell:?} is not a date: write {DATE_FORMS}, or leave it empty");
        PartialDate::parse(cell.trim()).map(Some).ok_or_else(|| CellFault { column, fault: fault() })
    }

    fn name(&self, columns: [&'static str; 3]) -> Result<Name, CellFault> {
        let [surname, first_names, patronymic] = columns;
        Ok(Name {
            surname: self.text(surname)?,
            first_names: self.text(first_names)?,
            patronymic: self.text(patronymic)?,
        })
    }

    fn aliases(&self) -> Result<Vec<Text>, CellFault> {
        let column = "aliases";
        let read = |alias: &str| {
            Text::new(alias.trim()).map_err(|error| CellFault {
                column,
                fault: format!("an alias cannot be used: {error}; separate aliases by a semicolon"),
            })
        };
        self.cell(column).map_or_else(|| Ok(Vec::new()), |cell| cell.split(';').map(read).collect())
    }

    fn romanised(&self) -> Result<Option<Romanised>, CellFault> {
        let name = self.name(["surname_romanised", "first_names_romanised", "patronymic_romanised"])?;
        match (name.is_empty(), self.text("romanisation")?) {
            (true, _) => Ok(None),
            (false, Some(system)) => Ok(Some(Romanised { name, system })),
            (false, None) => Err(CellFault {
                column: "romanisation",
                fault: "is empty, and there is a romanised name: name the system, such as ISO 9 or passport"
                    .to_owned(),
            }),
        }
    }

    fn evidence(&self) -> Result<Vec<Evidence>, CellFault> {
        let column = "evidence";
        let read = |part: &str| {
            let (source, date) = part.trim().rsplit_once(' ')?;
            Some(Evidence { source: Source::from_text(source)?, date: PartialDate::parse(date)? })
        };
        let one = |part: &str| {
            read(part).ok_or_else(|| CellFault {
                column,
                fault: format!(
                    "{part:?} is not evidence with its date: write such as \"family 2031-02\", with one of {}, \
                     several separated by a semicolon",
                    known(Source::ALL, Source::text).join(", ")
                ),
            })
        };
        self.cell(column).map_or_else(|| Ok(Vec::new()), |cell| cell.split(';').map(one).collect())
    }

    /// The person in this row.
    pub(crate) fn person(&self) -> Result<Line, CellFault> {
        let person = Person {
            name: self.name(["surname", "first_names", "patronymic"])?,
            aliases: self.aliases()?,
            romanised: self.romanised()?,
            birth_date: self.date("birth_date")?,
            birth_place: self.text("birth_place")?,
            sex: self.word("sex", Sex::Unknown, Sex::from_text, &known(Sex::ALL, Sex::text))?,
            nationality: self.text("nationality")?,
            power: self.text("power")?,
            service_number: self.text("service_number")?,
            rank: self.text("rank")?,
            unit: self.text("unit")?,
            occupation: self.text("occupation")?,
            father_first_name: self.text("father_first_name")?,
            mother_maiden_name: self.text("mother_maiden_name")?,
            marks: self.text("marks")?,
            status: self.word(
                "status",
                Status::Unknown,
                Status::from_text,
                &known(Status::ALL, Status::text),
            )?,
            judicial: self.word(
                "judicial",
                Judicial::None,
                Judicial::from_text,
                &known(Judicial::ALL, Judicial::text),
            )?,
            health: self.word(
                "health",
                Health::Unknown,
                Health::from_text,
                &known(Health::ALL, Health::text),
            )?,
            commission: self.word(
                "commission",
                Commission::None,
                Commission::from_text,
                &known(Commission::ALL, Commission::text),
            )?,
            evidence: self.evidence()?,
            consent: Consent {
                wish: self.word("consent", Wish::NotAsked, Wish::from_text, &known(Wish::ALL, Wish::text))?,
                asked_by: self.text("consent_asked_by")?,
            },
        };
        if !person.is_named() {
            let fault = "is empty, and so are the first names and the aliases: name the person".to_owned();
            return Err(CellFault { column: "surname", fault });
        }
        Ok(Line::Person(person))
    }

    /// The bag in this row, in a file of the side `me`.
    pub(crate) fn remains(&self, me: Role) -> Result<Line, CellFault> {
        let side = |text: &str| side(text, me).map(Some);
        Ok(Line::Remains(Remains {
            bag: self.text("bag")?.ok_or_else(|| CellFault {
                column: "bag",
                fault: "is empty: give the number on the bag".to_owned(),
            })?,
            place: self.text("place")?,
            date: self.date("date")?,
            extent: self.word(
                "extent",
                Extent::Unknown,
                Extent::from_text,
                &known(Extent::ALL, Extent::text),
            )?,
            claimed_identity: self.text("claimed_identity")?,
            disc: self.text("disc")?,
            dna_reference: self.text("dna_reference")?,
            laboratory: self.text("laboratory")?,
            parent_bag: self.text("parent_bag")?,
            claimed_side: self.word("claimed_side", None, side, &["me", "them"])?,
        }))
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

/// The phrases of a vocabulary.
pub(crate) fn known<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|word| text(*word)).collect()
}
