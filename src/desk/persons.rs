//! Lists of persons and of remains: tables of 80 columns with names in both scripts, every field of each, JSON.

use crate::deal::body::Offer;
use crate::deal::person::{Line, Person};
use crate::deal::remains::Remains;
use crate::deal::word::Text;
use crate::desk::names::Names;
use crate::desk::screen::{field, list_of, pad, plain, table};
use serde_json::{Map, Value};

/// Columns of the names of fields.
const FIELD: usize = 22;

fn text(text: Option<&Text>) -> String {
    text.map(|text| plain(text.as_str())).unwrap_or_default()
}

fn name_of(person: &Person) -> String {
    if person.name.is_empty() {
        return person
            .aliases
            .first()
            .map(|alias| format!("“{}”", plain(alias.as_str())))
            .unwrap_or_default();
    }
    plain(&person.name.to_string())
}

/// What a record is called: a person's name, or a bag's number.
#[must_use]
pub fn name(line: &Line) -> String {
    match line {
        Line::Person(person) => name_of(person),
        Line::Remains(bag) => format!("bag {}", plain(bag.bag.as_str())),
    }
}

/// Who stands at a line of a leg's list; both count from 0.
#[must_use]
pub fn listed(offer: &Offer, leg: u16, line: u32) -> Option<String> {
    let leg = offer.legs().get(usize::from(leg))?;
    offer.lines(leg).get(usize::try_from(line).ok()?).map(name)
}

/// One or two lines a person: number, both names, birth date, service number. Or a bag, what is known of it.
#[must_use]
pub fn in_table(lines: &[Line]) -> String {
    let digits = lines.len().to_string().len().max(2);
    let mut out = String::new();
    let persons: Vec<Vec<String>> = lines
        .iter()
        .zip(1..)
        .filter_map(|(line, number)| Some((line.person()?, number)))
        .map(|(person, number): (&Person, usize)| {
            let romanised = person.romanised.as_ref().map(|it| plain(&it.name.to_string()));
            let birth = person.birth_date.map(|date| date.to_string()).unwrap_or_default();
            vec![
                format!("{number:>digits$}"),
                name_of(person),
                romanised.unwrap_or_default(),
                birth.replace("..", ".. "),
                text(person.service_number.as_ref()),
            ]
        })
        .collect();
    if !persons.is_empty() {
        let names = (80 - digits - 8 - 10 - 10) / 2;
        out.push_str(&headed(
            &[digits, names, names, 10, 10],
            &["", "name", "romanised", "born", "number"],
            &persons,
        ));
    }
    let bags: Vec<Vec<String>> = lines
        .iter()
        .zip(1..)
        .filter_map(|(line, number)| Some((line.remains()?, number)))
        .map(|(bag, number): (&Remains, usize)| {
            let date = bag.date.map(|date| date.to_string()).unwrap_or_default();
            vec![
                format!("{number:>digits$}"),
                plain(bag.bag.as_str()),
                text(bag.place.as_ref()),
                date.replace("..", ".. "),
                bag.extent.text().to_owned(),
                text(bag.claimed_identity.as_ref()),
            ]
        })
        .collect();
    if !bags.is_empty() {
        let widths = [digits, 12, 18, 10, 10, 80 - digits - 60];
        out.push_str(&headed(&widths, &["", "bag", "recovered at", "on", "extent", "said to be"], &bags));
    }
    out
}

/// Rows under their heads.
pub(crate) fn headed(widths: &[usize], heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let rule: String = widths.iter().map(|wide| pad("", *wide).replace(' ', "─") + "  ").collect();
    format!("{}{}\n{}", table(widths, &[heads]), rule.trim_end(), table(widths, rows))
}

/// The fields of a person that are known, by their names in JSON.
fn person_fields(person: &Person) -> Vec<(&'static str, String)> {
    let name = &person.name;
    let romanised = person.romanised.as_ref();
    let roman = |of: fn(&crate::deal::person::Name) -> Option<&Text>| romanised.and_then(|it| of(&it.name));
    let texts: [(&'static str, Option<&Text>); 18] = [
        ("surname", name.surname.as_ref()),
        ("first_names", name.first_names.as_ref()),
        ("patronymic", name.patronymic.as_ref()),
        ("surname_romanised", roman(|name| name.surname.as_ref())),
        ("first_names_romanised", roman(|name| name.first_names.as_ref())),
        ("patronymic_romanised", roman(|name| name.patronymic.as_ref())),
        ("romanisation", romanised.map(|it| &it.system)),
        ("birth_place", person.birth_place.as_ref()),
        ("nationality", person.nationality.as_ref()),
        ("power", person.power.as_ref()),
        ("service_number", person.service_number.as_ref()),
        ("rank", person.rank.as_ref()),
        ("unit", person.unit.as_ref()),
        ("occupation", person.occupation.as_ref()),
        ("father_first_name", person.father_first_name.as_ref()),
        ("mother_maiden_name", person.mother_maiden_name.as_ref()),
        ("marks", person.marks.as_ref()),
        ("consent_asked_by", person.consent.asked_by.as_ref()),
    ];
    let mut fields: Vec<(&'static str, String)> =
        texts.into_iter().filter_map(|(key, text)| Some((key, text?.as_str().to_owned()))).collect();
    if let Some(date) = person.birth_date {
        fields.push(("birth_date", date.to_string()));
    }
    fields.extend([
        ("sex", person.sex.text().to_owned()),
        ("status", person.status.text().to_owned()),
        ("judicial", person.judicial.text().to_owned()),
        ("health", person.health.text().to_owned()),
        ("commission", person.commission.text().to_owned()),
        ("consent", person.consent.wish.text().to_owned()),
    ]);
    fields
}

fn remains_fields(bag: &Remains) -> Vec<(&'static str, String)> {
    let texts: [(&'static str, Option<&Text>); 7] = [
        ("bag", Some(&bag.bag)),
        ("place", bag.place.as_ref()),
        ("claimed_identity", bag.claimed_identity.as_ref()),
        ("disc", bag.disc.as_ref()),
        ("dna_reference", bag.dna_reference.as_ref()),
        ("laboratory", bag.laboratory.as_ref()),
        ("parent_bag", bag.parent_bag.as_ref()),
    ];
    let mut fields: Vec<(&'static str, String)> =
        texts.into_iter().filter_map(|(key, text)| Some((key, text?.as_str().to_owned()))).collect();
    if let Some(date) = bag.date {
        fields.push(("date", date.to_string()));
    }
    fields.push(("extent", bag.extent.text().to_owned()));
    fields
}

fn aliases(person: &Person) -> Vec<String> {
    person.aliases.iter().map(|alias| alias.as_str().to_owned()).collect()
}

fn evidence(person: &Person) -> Vec<String> {
    person.evidence.iter().map(|it| format!("{} {}", it.source, it.date)).collect()
}

/// Every field that is known of each.
#[must_use]
pub fn in_full(lines: &[Line], names: &Names) -> String {
    let mut out = String::new();
    for (line, number) in lines.iter().zip(1..) {
        let mut fields = match line {
            Line::Person(person) => person_fields(person),
            Line::Remains(bag) => remains_fields(bag),
        };
        fields.retain(|(_, value)| !matches!(value.as_str(), "unknown" | "none"));
        if let Line::Person(person) = line {
            let several = [("aliases", aliases(person)), ("evidence", evidence(person))];
            fields.extend(several.map(|(key, values)| (key, list_of(&values))));
        }
        if let Line::Remains(Remains { claimed_side: Some(side), .. }) = line {
            fields.push(("claimed_side", names.name(*side).to_owned()));
        }
        out.push_str(&format!("\n{number}.\n"));
        for (key, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            out.push_str(&field(&format!("  {}", key.replace('_', " ")), FIELD + 2, &plain(&value)));
        }
    }
    out
}

/// A record with every field that is known.
#[must_use]
pub fn json(line: &Line, names: &Names) -> Value {
    let fields = match line {
        Line::Person(person) => person_fields(person),
        Line::Remains(bag) => remains_fields(bag),
    };
    let mut object: Map<String, Value> =
        fields.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    match line {
        Line::Person(person) => {
            object.insert("aliases".to_owned(), Value::from(aliases(person)));
            object.insert("evidence".to_owned(), Value::from(evidence(person)));
        }
        Line::Remains(bag) => {
            let side = bag.claimed_side.map(|side| if side == names.me { "own" } else { "peer" });
            object.insert("claimed_side".to_owned(), Value::from(side));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deal::import::{Sources, proposal_from_toml};
    use crate::desk::screen::width;
    use crate::party::role::Role;
    use crate::time::UnixMillis;

    fn person(cells: &[(&str, &str)]) -> Line {
        let cells: String = cells.iter().map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
        let text = format!("[[leg]]\ngiver = \"me\"\n[[leg.person]]\n{cells}");
        let (mut list, mut seed) = (|_: &str| Err(String::new()), || [7; 32]);
        let mut sources = Sources { me: Role::Inviter, now: UnixMillis(0), list: &mut list, seed: &mut seed };
        let draft = proposal_from_toml(&text, &mut sources).unwrap();
        Line::decode_line(&draft.lists[0].lines()[0]).unwrap()
    }

    #[test]
    fn a_table_is_eighty_columns_wide_with_names_in_both_scripts_in_line() {
        let lines = [
            person(&[
                ("surname", "Вельгин"),
                ("first_names", "Андрей"),
                ("patronymic", "Андреевич"),
                ("surname_romanised", "Velʹgin"),
                ("first_names_romanised", "Andrej"),
                ("romanisation", "ISO 9"),
                ("birth_date", "2006-07-10"),
                ("service_number", "ТА-918452"),
            ]),
            person(&[("surname", "Very-Long-Double-Surname"), ("first_names", "With Several First Names")]),
        ];
        let shown = in_table(&lines);
        assert!(shown.lines().all(|line| width(line) <= 80), "{shown}");
        let rows: Vec<&str> = shown.lines().collect();
        assert!(rows[2].starts_with(" 1  Вельгин Андрей Андреевич"), "{shown}");
        let at = |row: &str, text: &str| width(&row[..row.find(text).unwrap()]);
        assert_eq!(at(rows[0], "romanised"), at(rows[2], "Velʹgin"));
        assert_eq!(at(rows[0], "born"), at(rows[2], "2006-07-10"));
        assert_eq!(rows.len(), 5, "{shown}");
    }

    #[test]
    fn a_name_that_would_steer_the_terminal_is_harmless_in_every_form() {
        let names = Names { me: Role::Inviter, own: "A".into(), peer: "B".into() };
        let mut evil = person(&[("surname", "Evil"), ("first_names", "X")]);
        if let Line::Person(person) = &mut evil {
            person.name.surname = Some(Text::new("Evil\u{1b}[1A\u{202e}").unwrap());
        }
        let lines = [evil];
        for shown in [in_table(&lines), in_full(&lines, &names)] {
            assert!(shown.contains("Evil\\u{1b}[1A\\u{202e}"), "{shown}");
            assert!(!shown.replace('\n', "").chars().any(crate::desk::screen::is_hostile));
        }
        assert_eq!(json(&lines[0], &names)["surname"], "Evil\u{1b}[1A\u{202e}");
    }
}
