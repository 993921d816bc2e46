//! Whether two records are of one person or one bag. Careful: where it cannot be told, they are not.

use crate::deal::date::PartialDate;
use crate::deal::person::{IdentityKey, Line, Person, folded, identity_key, name_key};
use crate::deal::remains::Remains;
use crate::deal::word::Text;
use crate::party::role::Role;
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
    /// The bag's number, and who gives it: each side numbers its own.
    Bag(Role, String),
}

/// Whether two records are of one person or bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Of one: the same number, or the same name and birth date to the day, and nothing that differs.
    Same,
    /// They may be: what both know neither shows it nor excludes it.
    Maybe,
    /// Of two.
    Other,
}

/// Compares two records.
#[must_use]
pub fn likeness(one: &Line, other: &Line) -> Likeness {
    match (one, other) {
        _ if one == other => Likeness::Same,
        (Line::Person(one), Line::Person(other)) => of_persons(one, other),
        (Line::Remains(one), Line::Remains(other)) => {
            let same = folded(one.bag.as_str(), "") == folded(other.bag.as_str(), "");
            match (same, differing_bag(one, other)) {
                (false, _) => Likeness::Other,
                (true, 0) => Likeness::Same,
                (true, _) => Likeness::Maybe,
            }
        }
        _ => Likeness::Other,
    }
}

fn of_persons(one: &Person, other: &Person) -> Likeness {
    let differing = differing(one, other);
    match (identity_key(one), identity_key(other)) {
        (IdentityKey::ServiceNumber(a), IdentityKey::ServiceNumber(b)) if a != b => Likeness::Other,
        (IdentityKey::ServiceNumber(_), IdentityKey::ServiceNumber(_)) => {
            if differing == 0 && shares_name(one, other) { Likeness::Same } else { Likeness::Maybe }
        }
        _ if differing > 0 || !shares_name(one, other) => Likeness::Other,
        _ if certain_name(one).is_some() && certain_name(one) == certain_name(other) => Likeness::Same,
        _ => Likeness::Maybe,
    }
}

/// Whether both have a text and it is not the same.
fn differ(one: Option<&Text>, other: Option<&Text>) -> bool {
    one.zip(other).is_some_and(|(one, other)| folded(one.as_str(), " ") != folded(other.as_str(), " "))
}

fn dates_differ(one: Option<PartialDate>, other: Option<PartialDate>) -> bool {
    one.zip(other).is_some_and(|(one, other)| !one.may_be(other))
}

/// The parts of the name, which stay the same through a person's captivity.
fn names(person: &Person) -> [Option<&Text>; 3] {
    let name = &person.name;
    [name.surname.as_ref(), name.first_names.as_ref(), name.patronymic.as_ref()]
}

/// Whether a part of the name is the same, or where one record has none, what the person is called.
fn shares_name(one: &Person, other: &Person) -> bool {
    if one.name.is_empty() || other.name.is_empty() {
        return folded(&one.called(), " ") == folded(&other.called(), " ");
    }
    let known = |(a, b): &(Option<&Text>, Option<&Text>)| a.is_some() && b.is_some();
    names(one).into_iter().zip(names(other)).filter(known).any(|(a, b)| !differ(a, b))
}

/// How many of the facts by which persons are told apart both records know, and differ on.
fn differing(one: &Person, other: &Person) -> usize {
    let fathers = (one.father_first_name.as_ref(), other.father_first_name.as_ref());
    let powers = (one.power.as_ref(), other.power.as_ref());
    let texts = names(one).into_iter().zip(names(other)).chain([fathers, powers]);
    texts.filter(|(a, b)| differ(*a, *b)).count()
        + usize::from(dates_differ(one.birth_date, other.birth_date))
}

/// The same of bags.
fn differing_bag(one: &Remains, other: &Remains) -> usize {
    let texts = [
        (&one.place, &other.place),
        (&one.disc, &other.disc),
        (&one.dna_reference, &other.dna_reference),
        (&one.claimed_identity, &other.claimed_identity),
        (&one.parent_bag, &other.parent_bag),
    ];
    let sides = one.claimed_side.zip(other.claimed_side).is_some_and(|(one, other)| one != other);
    texts.into_iter().filter(|(a, b)| differ(a.as_ref(), b.as_ref())).count()
        + usize::from(dates_differ(one.date, other.date))
        + usize::from(sides)
}

/// Whether records with one key are all the same of two: a number that was given twice. One slip of the pen in a
/// person's record is none.
fn clash(one: &Line, other: &Line) -> bool {
    match (one, other) {
        (Line::Person(one), Line::Person(other)) => differing(one, other) > 1,
        (Line::Remains(one), Line::Remains(other)) => differing_bag(one, other) > 0,
        _ => true,
    }
}

/// Name and birth date, where the date is known to the day: namesakes of one year are common.
fn certain_name(person: &Person) -> Option<IdentityKey> {
    let born = person.birth_date.filter(|date| date.from().day().is_some() && date.to().is_none());
    born.filter(|_| !person.name.is_empty()).map(|_| name_key(person))
}

/// The keys under which a record is sought, and those under which it is found.
fn keys(giver: Role, line: &Line) -> (Vec<Key>, Vec<Key>) {
    let both = |key: Key| (vec![key.clone()], vec![key]);
    let person = match line {
        Line::Remains(bag) => return both(Key::Bag(giver, folded(bag.bag.as_str(), ""))),
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

/// Records that share a key and clash, at most, as each is compared with all; of more, each stands alone.
const CLASHING_MAX: usize = 16;

/// Records by whom they are of, with something kept for each: of one person are those with the same service number;
/// or, where one has none, the same name and the same birth date to the day; or all the same. Of one bag, those with
/// its number from the same giver. Not of one are those that share that and clash in the rest.
pub struct Register<'a, T> {
    entries: Vec<(&'a Line, T)>,
    places: BTreeMap<Key, Vec<usize>>,
}

impl<T> Default for Register<'_, T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: BTreeMap::new() }
    }
}

impl<'a, T> Register<'a, T> {
    fn find(&self, sought: &[Key], line: &Line) -> Option<usize> {
        let mut places = sought.iter().filter_map(|key| self.places.get(key)).flatten().copied();
        places.find(|at| self.entries.get(*at).is_some_and(|(first, _)| !clash(first, line)))
    }

    /// What is kept of the person or bag in `line`, whom `giver` gives.
    #[must_use]
    pub fn get(&self, giver: Role, line: &Line) -> Option<&T> {
        let at = self.find(&keys(giver, line).0, line)?;
        self.entries.get(at).map(|(_, kept)| kept)
    }

    /// The same, made where there is nothing yet, to change.
    pub fn entry(&mut self, giver: Role, line: &'a Line, new: impl FnOnce() -> T) -> Option<&mut T> {
        let (sought, found) = keys(giver, line);
        let at = self.find(&sought, line).unwrap_or_else(|| {
            self.entries.push((line, new()));
            self.entries.len() - 1
        });
        for key in found {
            let places = self.places.entry(key).or_default();
            if !places.contains(&at) && places.len() < CLASHING_MAX {
                places.push(at);
            }
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
    use crate::time::UnixMillis;

    pub(crate) fn person(cells: &[(&str, &str)]) -> Line {
        record("person", cells)
    }

    fn record(what: &str, cells: &[(&str, &str)]) -> Line {
        let cells: String = cells.iter().map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
        let text = format!("[[leg]]\ngiver = \"me\"\n[[leg.{what}]]\n{cells}");
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
            *register.entry(Role::Inviter, line, || 0).unwrap() += 1;
        }
        let counts: Vec<i32> = register.entries().map(|(_, count)| *count).collect();
        assert_eq!(counts, [3, 1, 2, 1]);
        assert_eq!(register.get(Role::Inviter, &plain), Some(&3));
        assert_eq!(
            register.get(Role::Inviter, &person(&[("surname", "Вельгин"), ("birth_date", "1995")])),
            None
        );
    }

    #[test]
    fn a_number_given_twice_is_of_two() {
        let velgin = person(&[("surname", "Вельгин"), ("first_names", "Андрей"), ("service_number", "1")]);
        let other = person(&[("surname", "Кадошев"), ("first_names", "Игорь"), ("service_number", "1")]);
        let older = person(&[("surname", "Вельгин"), ("birth_date", "1960"), ("service_number", "1")]);
        let dated = person(&[("surname", "Вельгин"), ("birth_date", "1994-03-17"), ("service_number", "1")]);
        let slip = person(&[("surname", "Велгин"), ("service_number", "1")]);
        assert_eq!(likeness(&velgin, &dated), Likeness::Same);
        for line in [&other, &slip] {
            assert_eq!(likeness(&velgin, line), Likeness::Maybe);
        }
        assert_eq!(likeness(&older, &dated), Likeness::Maybe);
        let unnumbered = person(&[("surname", "Вельгин"), ("birth_date", "1994")]);
        assert_eq!(likeness(&velgin, &unnumbered), Likeness::Maybe);
        assert_eq!(likeness(&older, &unnumbered), Likeness::Other);

        let mut register = Register::default();
        for line in [&velgin, &other, &slip, &older, &dated] {
            *register.entry(Role::Inviter, line, || 0).unwrap() += 1;
        }
        let counts: Vec<i32> = register.entries().map(|(_, count)| *count).collect();
        assert_eq!(counts, [4, 1]);

        let bag = |place: &str| record("bag", &[("bag", "1"), ("place", place)]);
        let (north, south) = (bag("north"), bag("south"));
        assert_eq!(likeness(&north, &south), Likeness::Maybe);
        let mut register = Register::default();
        for (giver, line) in [
            (Role::Inviter, &north),
            (Role::Inviter, &south),
            (Role::Joiner, &north),
            (Role::Inviter, &north),
        ] {
            *register.entry(giver, line, || 0).unwrap() += 1;
        }
        let counts: Vec<i32> = register.entries().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 1]);
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
