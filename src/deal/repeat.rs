//! Who is listed more than once. A list may say one person twice, under one number or one name, so that a side seems to
//! give more than it does. May not strike a line: two records may be of namesakes.

use crate::deal::body::Offer;
use crate::deal::numbers::numbered;
use crate::deal::person::{IdentityKey, Line, folded, name_key};
use crate::deal::word::Text;
use crate::party::role::Role;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Where a record stands: leg and line, from 0.
pub type Place = (usize, usize);

/// Whether an earlier record is of the same person or bag, and where the first of them stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// None is.
    New,
    /// It may be: the same number with another name or birth date; or the same name, and neither a number nor a day of
    /// birth tells the two apart.
    Perhaps(Place),
    /// It is: the same bag; the same number, name and birth date; the same name and day of birth; all the same.
    Surely(Place),
}

/// The first record of a name.
struct Named<'a> {
    place: Place,
    line: &'a Line,
    /// Whether a record of it has a service number.
    numbered: bool,
}

/// Records taken in one by one. Those of one giver belong together: numbers of two Powers may be equal.
#[derive(Default)]
pub struct Listed<'a> {
    numbers: BTreeMap<String, (Place, IdentityKey)>,
    names: BTreeMap<IdentityKey, Named<'a>>,
    bags: BTreeMap<String, Place>,
}

impl<'a> Listed<'a> {
    /// Takes in the record at `place`.
    pub fn add(&mut self, line: &'a Line, place: Place) -> Again {
        let person = match line {
            Line::Person(person) => person,
            Line::Remains(bag) => match self.bags.entry(number(&bag.bag)) {
                Entry::Occupied(first) => return Again::Surely(*first.get()),
                Entry::Vacant(none) => {
                    none.insert(place);
                    return Again::New;
                }
            },
        };
        let (number, name) = (person.service_number.as_ref().map(number), name_key(person));
        let by_number = number.as_ref().and_then(|number| self.numbers.get(number)).map(|(first, other)| {
            if *other == name { Again::Surely(*first) } else { Again::Perhaps(*first) }
        });
        let dated = person.birth_date.is_some_and(|it| it.from().day().is_some() && it.to().is_none());
        // Two numbers that differ are two persons, whatever they are called.
        let namesake = self.names.get(&name).filter(|known| !(known.numbered && number.is_some()));
        let by_name = namesake.map(|known| {
            if dated || known.line == line { Again::Surely(known.place) } else { Again::Perhaps(known.place) }
        });
        let again = by_number.or(by_name).unwrap_or(Again::New);
        let first = if let Again::Surely(first) = again { first } else { place };
        let has_number = number.is_some();
        if let Some(number) = number {
            self.numbers.entry(number).or_insert((first, name.clone()));
        }
        self.names.entry(name).or_insert(Named { place: first, line, numbered: false }).numbered |=
            has_number;
        again
    }
}

/// The letters and digits of a number; all of it where it has none.
fn number(text: &Text) -> String {
    Some(folded(text.as_str(), ""))
        .filter(|folded| !folded.is_empty())
        .unwrap_or_else(|| text.as_str().to_owned())
}

/// The lines of a leg's list that are, or may be, of one person or bag with another line that the same side gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The leg, from 0.
    pub leg: usize,
    /// The lines, from 0, rising.
    pub lines: Vec<usize>,
    /// Whether all of them surely are.
    pub surely: bool,
}

impl std::fmt::Display for Repeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let perhaps = if self.surely { "" } else { "perhaps " };
        let lines = numbered("line", self.lines.iter().copied());
        let leg = self.leg + 1;
        write!(
            f,
            "{perhaps}listed twice: leg {leg}, {lines}: strike all but one line of each person or bag, or complete \
             the records until they differ"
        )
    }
}

/// Who stands more than once among those that one side gives, by leg.
#[must_use]
pub fn repeats(offer: &Offer) -> Vec<Repeat> {
    let mut listed = [Listed::default(), Listed::default()];
    let mut legs: BTreeMap<usize, (BTreeSet<usize>, bool)> = BTreeMap::new();
    for (at, leg) in offer.legs().iter().enumerate() {
        let [inviters, joiners] = &mut listed;
        let listed = if leg.giver == Role::Inviter { inviters } else { joiners };
        for (line, record) in offer.lines(leg).iter().enumerate() {
            let (first, surely) = match listed.add(record, (at, line)) {
                Again::New => continue,
                Again::Perhaps(first) => (first, false),
                Again::Surely(first) => (first, true),
            };
            for (leg, line) in [first, (at, line)] {
                let (lines, all_surely) = legs.entry(leg).or_insert_with(|| (BTreeSet::new(), true));
                lines.insert(line);
                *all_surely &= surely;
            }
        }
    }
    let repeat = |(leg, (lines, surely)): (usize, (BTreeSet<usize>, bool))| Repeat {
        leg,
        lines: lines.into_iter().collect(),
        surely,
    };
    legs.into_iter().map(repeat).collect()
}
