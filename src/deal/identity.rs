//! Whether two records are of one person or one bag. Careful: where it cannot be told, they are not.

use crate::deal::person::{IdentityKey, Line, Person, folded, identity_key, name_key};
use crate::deal::word::Text;
use std::collections::BTreeMap;

/// What records of one person share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The service number, or name and birth date.
    Person(IdentityKey),
    /// Name and birth date of a record with no service number.
    Unnumbered(IdentityKey),
    /// Nothing but all of it.
    Whole(Vec<u8>),
    /// The bag's number.
    Bag(String),
}

/// Name and birth date, where the date is known to the day: namesakes of one year are common.
fn certain_name(person: &Person) -> Option<IdentityKey> {
    let born = person.birth_date.filter(|date| date.from().day().is_some() && date.to().is_none());
    born.filter(|_| !person.name.is_empty()).map(|_| name_key(person))
}

/// The keys under which a record is sought, and those under which it is found.
fn keys(line: &Line) -> (Vec<Key>, Vec<Key>) {
    let both = |key: Key| (vec![key.clone()], vec![key]);
    let person = match line {
        Line::Remains(bag) => return both(Key::Bag(folded(bag.bag.as_str(), ""))),
        Line::Person(person) => person,
    };
    let key = identity_key(person);
    match (key, certain_name(person)) {
        (number @ IdentityKey::ServiceNumber(_), None) => both(Key::Person(number)),
        // Two numbers that differ are two persons, whatever they are called.
        (number @ IdentityKey::ServiceNumber(_), Some(name)) => {
            let number = Key::Person(number);
            (vec![number.clone(), Key::Unnumbered(name.clone())], vec![number, Key::Person(name)])
        }
        (IdentityKey::Name(..), Some(name)) => {
            (vec![Key::Person(name.clone())], vec![Key::Person(name.clone()), Key::Unnumbered(name)])
        }
        (IdentityKey::Name(..), None) => both(Key::Whole(line.encode_line().unwrap_or_default())),
    }
}

/// Records by whom they are of, with something kept for each: of one person are those with the same service number;
/// or, where one has none, the same name and the same birth date to the day; or all the same. Of one bag, those with
/// its number.
pub struct Register<'a, T> {
    entries: Vec<(&'a Line, T)>,
    places: BTreeMap<Key, usize>,
}

impl<T> Default for Register<'_, T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: BTreeMap::new() }
    }
}

impl<'a, T> Register<'a, T> {
    /// What is kept of the person or bag in `line`.
    #[must_use]
    pub fn get(&self, line: &Line) -> Option<&T> {
        let at = keys(line).0.iter().find_map(|key| self.places.get(key))?;
        self.entries.get(*at).map(|(_, kept)| kept)
    }

    /// The same, made where there is nothing yet, to change.
    pub fn entry(&mut self, line: &'a Line, new: impl FnOnce() -> T) -> Option<&mut T> {
        let (sought, found) = keys(line);
        let at = sought.iter().find_map(|key| self.places.get(key)).copied().unwrap_or_else(|| {
            self.entries.push((line, new()));
            self.entries.len() - 1
        });
        for key in found {
            self.places.entry(key).or_insert(at);
        }
        self.entries.get_mut(at).map(|(_, kept)| kept)
    }

    /// All, in the order they came in, each with the first record of it.
    pub fn entries(&self) -> impl Iterator<Item = (&'a Line, &T)> {
        self.entries.iter().map(|(line, kept)| (*line, kept))
    }
}

/// What a record is called: the full name in the original script, else an alias; or the bag's number.
#[must_use]
pub fn title(line: &Line) -> String {
    match line {
        Line::Remains(bag) => format!("bag {}", bag.bag),
        Line::Person(person) if person.name.is_empty() => {
            person.aliases.first().map(|alias| format!("“{alias}”")).unwrap_or_default()
        }
        Line::Person(person) => person.name.full(),
    }
}

/// Whether free text names a person: by service number, or by surname and first names in either script. Words may have
/// endings, as names are declined in many languages; numbers may not.
#[must_use]
pub fn is_named_in(text: &str, person: &Person) -> bool {
    let text = format!(" {} ", folded(text, " "));
    let has = |part: &Text, end: &str| {
        let part = folded(part.as_str(), " ");
        !part.is_empty() && text.contains(&format!(" {part}{end}"))
    };
    let names = [Some(&person.name), person.romanised.as_ref().map(|it| &it.name)];
    person.service_number.as_ref().is_some_and(|number| has(number, " "))
        || names.into_iter().flatten().any(|name| match (&name.surname, &name.first_names) {
            (Some(surname), Some(first)) => has(surname, "") && has(first, ""),
            _ => false,
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::deal::import::{Sources, proposal_from_toml};
    use crate::party::role::Role;
    use crate::time::UnixMillis;

    pub(crate) fn person(cells: &[(&str, &str)]) -> Line {
        let cells: String = cells.iter().map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
        let text = format!("[[leg]]\ngiver = \"me\"\n[[leg.person]]\n{cells}");
        let (mut list, mut seed) = (|_: &str| Err(String::new()), || [7; 32]);
        let mut sources = Sources { me: Role::Inviter, now: UnixMillis(0), list: &mut list, seed: &mut seed };
        let draft = proposal_from_toml(&text, &mut sources).unwrap();
        Line::decode_line(&draft.lists[0].lines()[0]).unwrap()
    }

    #[test]
    fn a_service_number_decides_and_without_one_name_and_birth_date_do() {
        let born = ("birth_date", "1994-03-17");
        let numbered = person(&[("surname", "Вельгин"), born, ("service_number", "ТА-1")]);
        let namesake = person(&[("surname", "Вельгин"), born, ("service_number", "ТА-2")]);
        let spelled = person(&[("surname", "Велгин"), ("service_number", " та-1")]);
        let plain = person(&[("surname", "вельгин"), born]);
        let undated = person(&[("surname", "Вельгин")]);
        let of_a_year = person(&[("surname", "Вельгин"), ("birth_date", "1994")]);
        let mut register = Register::default();
        for line in [&numbered, &namesake, &spelled, &plain, &undated, &undated, &of_a_year] {
            *register.entry(line, || 0).unwrap() += 1;
        }
        let counts: Vec<i32> = register.entries().map(|(_, count)| *count).collect();
        assert_eq!(counts, [3, 1, 2, 1]);
        assert_eq!(register.get(&plain), Some(&3));
        assert_eq!(register.get(&person(&[("surname", "Вельгин"), ("birth_date", "1995")])), None);
    }

    #[test]
    fn text_names_a_person_by_number_or_by_both_names() {
        let line = person(&[("surname", "Вельгин"), ("first_names", "Андрей"), ("service_number", "ТА-1")]);
        let person = line.person().unwrap();
        assert!(is_named_in("Где андрей  ВЕЛЬГИН?", person) && is_named_in("number та-1, please", person));
        assert!(is_named_in("Что с Вельгиным? Андрей жив?", person));
        assert!(!is_named_in("Где Вельгин?", person) && !is_named_in("number ТА-12", person));
    }
}
