//! Records as the cells of a table, by column name: what `row` reads back. May not know where the cells go.

use crate::deal::person::{Line, Name, Person};
use crate::deal::remains::Remains;
use crate::deal::row::joined;
use crate::deal::word::Text;
use crate::party::role::Role;

/// The cells of one record that say something, for a file of the side `me`, in the order of the columns.
pub(crate) fn cells(line: &Line, me: Role) -> Vec<(&'static str, String)> {
    let cells = match line {
        Line::Person(person) => person_cells(person),
        Line::Remains(remains) => remains_cells(remains, me),
    };
    cells.into_iter().filter_map(|(column, cell)| Some((column, cell?))).collect()
}

/// Whether a program for tables would take a cell as a formula, and run it. Some read wide forms, or past blanks.
pub(crate) fn is_formula(cell: &str) -> bool {
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    cell.starts_with(['\t', '\r', '\n']) || cell.trim_start().starts_with(begins)
}

/// Whether any cell of a table is one. Cells that are read again are written as they are, names to the byte.
pub(crate) fn has_formula(csv: &str) -> bool {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(csv.as_bytes());
    reader.records().flatten().any(|row| row.iter().any(is_formula))
}

fn text(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

/// The phrase of a word, where it is not the one that an empty cell means.
fn word<T: PartialEq + std::fmt::Display>(word: T, empty: T) -> Option<String> {
    (word != empty).then(|| word.to_string())
}

/// The cell of several, where there is one at all.
fn several(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| joined(parts.iter().map(String::as_str)))
}

/// What stands in the cell of aliases, and in that of evidence, one by one.
pub(crate) fn parts(person: &Person) -> [(&'static str, Vec<String>); 2] {
    let aliases = person.aliases.iter().map(|alias| alias.as_str().to_owned()).collect();
    let evidence = person.evidence.iter().map(|it| format!("{} {}", it.source, it.date)).collect();
    [("aliases", aliases), ("evidence", evidence)]
}

fn person_cells(person: &Person) -> Vec<(&'static str, Option<String>)> {
    use crate::deal::person::{Commission, Health, Judicial, Sex, Status, Wish};
    let name = &person.name;
    let roman =
        |part: fn(&Name) -> Option<&Text>| text(person.romanised.as_ref().and_then(|it| part(&it.name)));
    let [(_, aliases), (_, evidence)] = parts(person);
    vec![
        ("surname", text(name.surname.as_ref())),
        ("first_names", text(name.first_names.as_ref())),
        ("patronymic", text(name.patronymic.as_ref())),
        ("aliases", several(&aliases)),
        ("surname_romanised", roman(|name| name.surname.as_ref())),
        ("first_names_romanised", roman(|name| name.first_names.as_ref())),
        ("patronymic_romanised", roman(|name| name.patronymic.as_ref())),
        ("romanisation", text(person.romanised.as_ref().map(|it| &it.system))),
        ("birth_date", person.birth_date.map(|date| date.to_string())),
        ("birth_place", text(person.birth_place.as_ref())),
        ("sex", word(person.sex, Sex::Unknown)),
        ("nationality", text(person.nationality.as_ref())),
        ("power", text(person.power.as_ref())),
        ("service_number", text(person.service_number.as_ref())),
        ("rank", text(person.rank.as_ref())),
        ("unit", text(person.unit.as_ref())),
        ("occupation", text(person.occupation.as_ref())),
        ("father_first_name", text(person.father_first_name.as_ref())),
        ("mother_maiden_name", text(person.mother_maiden_name.as_ref())),
        ("marks", text(person.marks.as_ref())),
        ("status", word(person.status, Status::Unknown)),
        ("judicial", word(person.judicial, Judicial::None)),
        ("health", word(person.health, Health::Unknown)),
        ("commission", word(person.commission, Commission::None)),
        ("evidence", several(&evidence)),
        ("consent", word(person.consent.wish, Wish::NotAsked)),
        ("consent_asked_by", text(person.consent.asked_by.as_ref())),
    ]
}

fn remains_cells(remains: &Remains, me: Role) -> Vec<(&'static str, Option<String>)> {
    use crate::deal::remains::Extent;
    vec![
        ("bag", text(Some(&remains.bag))),
        ("place", text(remains.place.as_ref())),
        ("date", remains.date.map(|date| date.to_string())),
        ("extent", word(remains.extent, Extent::Unknown)),
        ("claimed_identity", text(remains.claimed_identity.as_ref())),
        ("disc", text(remains.disc.as_ref())),
        ("dna_reference", text(remains.dna_reference.as_ref())),
        ("laboratory", text(remains.laboratory.as_ref())),
        ("parent_bag", text(remains.parent_bag.as_ref())),
        ("claimed_side", remains.claimed_side.map(|side| side_word(side, me).to_owned())),
    ]
}

/// What a file of the side `me` calls a side.
pub(crate) fn side_word(side: Role, me: Role) -> &'static str {
    if side == me { "me" } else { "them" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_a_program_for_tables_would_run_are_found() {
        for cell in ["=1+1", "+1", "-1", "@x", "\tx", " =1", "＝1"] {
            assert!(is_formula(cell), "{cell}");
        }
        assert!(!is_formula("Ward-Smith") && !is_formula("") && !is_formula("'=1"));
        assert!(has_formula("surname\n\"=HYPERLINK(\"\"x\"\")\"\n") && !has_formula("surname,rank\nA,b=c\n"));
    }
}
