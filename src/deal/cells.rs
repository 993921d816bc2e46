//! Records as the cells of a table, by column name: the way back from `row`. What is not known has no cell.
//! May not know what the table is for.

use crate::deal::person::{Line, Name, Person};
use crate::deal::remains::Remains;
use crate::deal::word::Text;
use crate::party::role::Role;

/// A column of `row::PERSON_COLUMNS` or `row::REMAINS_COLUMNS`, and what stands in it.
pub(crate) type Cell = (&'static str, String);

/// The cells of a record in a file of the side `me`. An alias that contains a semicolon cannot be read back as one.
pub(crate) fn cells(line: &Line, me: Role) -> Vec<Cell> {
    match line {
        Line::Person(person) => person_cells(person),
        Line::Remains(bag) => remains_cells(bag, me),
    }
}

fn text(column: &'static str, text: Option<&Text>) -> Option<Cell> {
    text.map(|text| (column, text.as_str().to_owned()))
}

/// A word of a vocabulary; its first stands for an empty cell.
fn word(column: &'static str, number: u8, text: &str) -> Option<Cell> {
    (number != 0).then(|| (column, text.to_owned()))
}

fn joined(column: &'static str, parts: &[String]) -> Option<Cell> {
    (!parts.is_empty()).then(|| (column, parts.join("; ")))
}

fn person_cells(person: &Person) -> Vec<Cell> {
    let romanised = person.romanised.as_ref();
    let roman = |of: fn(&Name) -> Option<&Text>| romanised.and_then(|it| of(&it.name));
    let aliases: Vec<String> = person.aliases.iter().map(Text::to_string).collect();
    let evidence: Vec<String> =
        person.evidence.iter().map(|it| format!("{} {}", it.source, it.date)).collect();
    let cells = [
        text("surname", person.name.surname.as_ref()),
        text("first_names", person.name.first_names.as_ref()),
        text("patronymic", person.name.patronymic.as_ref()),
        joined("aliases", &aliases),
        text("surname_romanised", roman(|name| name.surname.as_ref())),
        text("first_names_romanised", roman(|name| name.first_names.as_ref())),
        text("patronymic_romanised", roman(|name| name.patronymic.as_ref())),
        text("romanisation", romanised.map(|it| &it.system)),
        person.birth_date.map(|date| ("birth_date", date.to_string())),
        text("birth_place", person.birth_place.as_ref()),
        word("sex", person.sex.number(), person.sex.text()),
        text("nationality", person.nationality.as_ref()),
        text("power", person.power.as_ref()),
        text("service_number", person.service_number.as_ref()),
        text("rank", person.rank.as_ref()),
        text("unit", person.unit.as_ref()),
        text("occupation", person.occupation.as_ref()),
        text("father_first_name", person.father_first_name.as_ref()),
        text("mother_maiden_name", person.mother_maiden_name.as_ref()),
        text("marks", person.marks.as_ref()),
        word("status", person.status.number(), person.status.text()),
        word("judicial", person.judicial.number(), person.judicial.text()),
        word("health", person.health.number(), person.health.text()),
        word("commission", person.commission.number(), person.commission.text()),
        joined("evidence", &evidence),
        word("consent", person.consent.wish.number(), person.consent.wish.text()),
        text("consent_asked_by", person.consent.asked_by.as_ref()),
    ];
    cells.into_iter().flatten().collect()
}

fn remains_cells(bag: &Remains, me: Role) -> Vec<Cell> {
    let side = |side: Role| if side == me { "me" } else { "them" };
    let cells = [
        text("bag", Some(&bag.bag)),
        text("place", bag.place.as_ref()),
        bag.date.map(|date| ("date", date.to_string())),
        word("extent", bag.extent.number(), bag.extent.text()),
        text("claimed_identity", bag.claimed_identity.as_ref()),
        text("disc", bag.disc.as_ref()),
        text("dna_reference", bag.dna_reference.as_ref()),
        text("laboratory", bag.laboratory.as_ref()),
        text("parent_bag", bag.parent_bag.as_ref()),
        bag.claimed_side.map(|of| ("claimed_side", side(of).to_owned())),
    ];
    cells.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deal::row::{PERSON_COLUMNS, REMAINS_COLUMNS, Row};

    /// Reads a record from a cell in every column, and writes it.
    fn there_and_back(columns: &[&'static str], cell: impl Fn(&str) -> &'static str) {
        let given: Vec<Cell> = columns.iter().map(|column| (*column, cell(column).to_owned())).collect();
        let row = Row::new(given.iter().map(|(column, cell)| (*column, cell.as_str())));
        let of_remains = columns == REMAINS_COLUMNS;
        let line = if of_remains { row.remains(Role::Joiner) } else { row.person() };
        assert_eq!(cells(&line.unwrap(), Role::Joiner), given);
    }

    #[test]
    fn what_is_read_from_a_row_is_written_as_it_was_in_the_order_of_the_columns() {
        there_and_back(PERSON_COLUMNS, |column| match column {
            "birth_date" => "1990-05..1991",
            "sex" => "female",
            "status" => "retained medical",
            "judicial" => "sentenced to death",
            "health" => "seriously wounded",
            "commission" => "A direct",
            "evidence" => "family 2031-02; ICRC-confirmed 2031-03-17",
            "consent" => "wishes",
            "aliases" => "Їжак; Fox",
            _ => " Їжа\u{301}кевич ",
        });
        there_and_back(REMAINS_COLUMNS, |column| match column {
            "date" => "2030-10",
            "extent" => "commingled",
            "claimed_side" => "them",
            _ => "К-0117",
        });
    }
}
