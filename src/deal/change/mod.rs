//! What differs between two offers: legs, persons, totals and the rest of the terms. May not know which of them was
//! made first, nor who likes it.

mod text;

use crate::deal::body::Offer;
use crate::deal::cells::cells;
use crate::deal::date::moment_text;
use crate::deal::person::{IdentityKey, Line, identity_key, name_key};
use crate::deal::terms::{Category, Leg, Quantity};
use crate::deal::word::Text;
use crate::party::role::Role;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The legs that differ: those of the new offer in its order, then those that it leaves out.
    pub legs: Vec<LegChange>,
    /// What each side gives, by category, where that differs.
    pub totals: Vec<TotalChange>,
    /// Everything else, such as `stage 2: changed`.
    pub terms: Vec<String>,
}

/// A leg that differs. Legs are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegChange {
    /// Only the new offer has it.
    Added(usize),
    /// Only the old offer has it.
    Removed(usize),
    /// Both have it.
    Changed {
        /// Where it stands in the old offer.
        old: usize,
        /// Where it stands in the new one.
        new: usize,
        /// Its own fields.
        fields: Vec<FieldChange>,
        /// Those on its list.
        persons: ListChange,
        /// Those named as not part of it.
        except: ListChange,
    },
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name.
    pub field: &'static str,
    /// Before; none where it was not given.
    pub old: Option<String>,
    /// After; none where it is not given.
    pub new: Option<String>,
}

/// What differs between two lists. Lines are counted from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Lines of the new list.
    pub added: Vec<usize>,
    /// Lines of the old list.
    pub removed: Vec<usize>,
    /// The same person or bag, with other particulars.
    pub changed: Vec<RecordChange>,
}

/// A person or bag that is on both lists with other particulars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// The line of the old list.
    pub old: usize,
    /// The line of the new list.
    pub new: usize,
    /// What differs.
    pub fields: Vec<FieldChange>,
}

/// How many of a category a side gives: from, and up to; `u64::MAX` where it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalChange {
    /// Who gives.
    pub giver: Role,
    /// Of whom.
    pub category: Category,
    /// Before.
    pub old: (u64, u64),
    /// After.
    pub new: (u64, u64),
}

impl ListChange {
    /// Whether the lists name the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.legs.is_empty() && self.totals.is_empty() && self.terms.is_empty()
    }
}

/// What differs in `new` against `old`. A leg is the same where giver and category are: the one at the same place
/// before the first that is left, and after them the first that is left of the same giver. A record is the same where
/// it is equal, else by service number or bag number, else by name and birth date.
#[must_use]
pub fn changes(old: &Offer, new: &Offer) -> Changes {
    let pairs = pairs(old.legs(), new.legs());
    let mut legs = Vec::new();
    for (at, leg) in new.legs().iter().enumerate() {
        let before = pairs.get(&at).and_then(|was| Some((*was, old.legs().get(*was)?)));
        let Some((was, before)) = before else {
            legs.push(LegChange::Added(at));
            continue;
        };
        let fields = fields_between(leg_fields(old, before), leg_fields(new, leg));
        let persons = list_change(old.lines(before), new.lines(leg));
        let except = list_change(old.exceptions(before), new.exceptions(leg));
        if !(fields.is_empty() && persons.is_empty() && except.is_empty()) {
            legs.push(LegChange::Changed { old: was, new: at, fields, persons, except });
        }
    }
    let kept: BTreeSet<usize> = pairs.into_values().collect();
    legs.extend((0..old.legs().len()).filter(|at| !kept.contains(at)).map(LegChange::Removed));
    Changes { legs, totals: totals(old, new), terms: terms(old, new) }
}

/// Whether an old leg at its place and a new one at its place are the same.
type Same = fn(usize, &Leg, usize, &Leg) -> bool;

/// The old leg of each new one that has one.
fn pairs(old: &[Leg], new: &[Leg]) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    let mut free: BTreeSet<usize> = (0..old.len()).collect();
    let passes: [Same; 3] = [
        |was, old, at, new| was == at && old.giver == new.giver && old.category == new.category,
        |_, old, _, new| old.giver == new.giver && old.category == new.category,
        |_, old, _, new| old.giver == new.giver,
    ];
    for same in passes {
        for (at, leg) in new.iter().enumerate() {
            if pairs.contains_key(&at) {
                continue;
            }
            let found =
                free.iter().copied().find(|was| old.get(*was).is_some_and(|it| same(*was, it, at, leg)));
            if let Some(was) = found {
                free.remove(&was);
                pairs.insert(at, was);
            }
        }
    }
    pairs
}

type Fields = Vec<(&'static str, String)>;

fn fields_between(old: Fields, new: Fields) -> Vec<FieldChange> {
    let mut order: Vec<&'static str> = old.iter().map(|(field, _)| *field).collect();
    order.extend(new.iter().map(|(field, _)| *field).filter(|field| !old.iter().any(|(it, _)| it == field)));
    let (mut old, mut new): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (old.into_iter().collect(), new.into_iter().collect());
    order
        .into_iter()
        .map(|field| FieldChange { field, old: old.remove(field), new: new.remove(field) })
        .filter(|change| change.old != change.new)
        .collect()
}

fn leg_fields(offer: &Offer, leg: &Leg) -> Fields {
    let mut fields = vec![
        ("category", leg.category.to_string()),
        ("number", quantity_text(offer, leg)),
        ("selection", leg.selection.to_string()),
        ("substitution", leg.substitution.to_string()),
        ("tolerance", leg.tolerance.to_string()),
    ];
    if let Some(criteria) = &leg.criteria {
        let ages = criteria.ages.map(|ages| format!("ages {} to {} on {}", ages.from, ages.to, ages.on));
        let words = criteria.health.iter().map(|it| it.text());
        let words = words.chain(criteria.status.iter().map(|it| it.text()));
        let words = words.chain(criteria.sex.iter().map(|it| it.text())).map(str::to_owned);
        fields.push(("criteria", ages.into_iter().chain(words).collect::<Vec<_>>().join(", ")));
    }
    if let Some(country) = &leg.third_country {
        fields.push(("third country", country.to_string()));
    }
    if let Some(stage) = leg.stage {
        fields.push(("stage", (u16::from(stage) + 1).to_string()));
    }
    if leg.group > 0 {
        fields.push(("group", leg.group.to_string()));
    }
    fields
}

/// How many, in words: an estimate as a range, never as one number.
fn quantity_text(offer: &Offer, leg: &Leg) -> String {
    match leg.quantity {
        Quantity::Count(count) => count.to_string(),
        Quantity::List(_) => format!("{} by name", offer.lines(leg).len()),
        Quantity::Estimate { least, most } => format!("an estimate of {least} to {most}"),
        Quantity::All { least: 0 } => "all".to_owned(),
        Quantity::All { least } => format!("all, at least {least}"),
        Quantity::Ratio { give, per, leg, rounding } => {
            format!("{give} for every {per} of leg {}, rounded {rounding}", u32::from(leg) + 1)
        }
    }
}

/// What a record of the same person or bag is found by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Bytes(Vec<u8>),
    Person(IdentityKey),
    Bag(Text),
}

fn by_bytes(line: &Line) -> Key {
    // A record that was decoded encodes again.
    Key::Bytes(line.encode_line().unwrap_or_default())
}

fn by_number(line: &Line) -> Key {
    match line {
        Line::Person(person) => Key::Person(identity_key(person)),
        Line::Remains(bag) => Key::Bag(bag.bag.clone()),
    }
}

fn by_name(line: &Line) -> Key {
    match line {
        Line::Person(person) => Key::Person(name_key(person)),
        Line::Remains(bag) => Key::Bag(bag.bag.clone()),
    }
}

fn list_change(old: &[Line], new: &[Line]) -> ListChange {
    let (mut removed, mut added): (BTreeSet<usize>, BTreeSet<usize>) =
        ((0..old.len()).collect(), (0..new.len()).collect());
    let mut changed = Vec::new();
    for key in [by_bytes, by_number, by_name] {
        // Each key with the lines of the old list that it finds, in their order.
        let mut known: BTreeMap<Key, VecDeque<usize>> = BTreeMap::new();
        for (at, line) in removed.iter().filter_map(|at| Some((*at, old.get(*at)?))) {
            known.entry(key(line)).or_default().push_back(at);
        }
        for (at, line) in new.iter().enumerate() {
            if !added.contains(&at) {
                continue;
            }
            let Some(was) = known.get_mut(&key(line)).and_then(VecDeque::pop_front) else { continue };
            removed.remove(&was);
            added.remove(&at);
            let Some(before) = old.get(was) else { continue };
            // Which side a file calls its own makes no difference to what differs.
            let fields = fields_between(cells(before, Role::Inviter), cells(line, Role::Inviter));
            if before != line {
                changed.push(RecordChange { old: was, new: at, fields });
            }
        }
    }
    changed.sort_by_key(|change| change.new);
    ListChange { added: added.into_iter().collect(), removed: removed.into_iter().collect(), changed }
}

fn given(offer: &Offer) -> BTreeMap<(Role, Category), (u64, u64)> {
    let mut given = BTreeMap::new();
    for leg in offer.legs() {
        let range = offer.range(leg);
        let most = if *range.end() == u32::MAX { u64::MAX } else { u64::from(*range.end()) };
        let total: &mut (u64, u64) = given.entry((leg.giver, leg.category)).or_default();
        *total = (total.0 + u64::from(*range.start()), total.1.saturating_add(most));
    }
    given
}

fn totals(old: &Offer, new: &Offer) -> Vec<TotalChange> {
    let (old, new) = (given(old), given(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let of = |totals: &BTreeMap<_, (u64, u64)>, key| totals.get(key).copied().unwrap_or_default();
    keys.iter()
        .map(|key| TotalChange { giver: key.0, category: key.1, old: of(&old, key), new: of(&new, key) })
        .filter(|change| change.old != change.new)
        .collect()
}

/// The rest of the terms, a line each.
fn terms(old: &Offer, new: &Offer) -> Vec<String> {
    let mut lines = Vec::new();
    let (before, after) = (old.body(), new.body());
    let until = |moment: Option<crate::time::UnixMillis>| {
        moment.map_or_else(|| "not said".to_owned(), |at| moment_text(at).unwrap_or_else(|| at.0.to_string()))
    };
    if before.firmness != after.firmness {
        lines.push(format!("firmness: {} -> {}", before.firmness, after.firmness));
    }
    if before.valid_until != after.valid_until {
        lines.push(format!("valid until: {} -> {}", until(before.valid_until), until(after.valid_until)));
    }
    if before.frame != after.frame {
        lines.push("frame it is made under: changed".to_owned());
    }
    let (before, after) = (&before.terms, &after.terms);
    one_by_one("stage", &before.stages, &after.stages, &mut lines);
    one_by_one("corridor", &before.corridors, &after.corridors, &mut lines);
    one_by_one("condition", &before.conditions, &after.conditions, &mut lines);
    one_by_one("guarantor or witness", &before.guarantors, &after.guarantors, &mut lines);
    one_by_one("standing frame", before.frame.as_slice(), after.frame.as_slice(), &mut lines);
    one_by_one("remarks", before.remarks.as_slice(), after.remarks.as_slice(), &mut lines);
    lines
}

fn one_by_one<T: PartialEq>(what: &str, old: &[T], new: &[T], lines: &mut Vec<String>) {
    for at in 0..old.len().max(new.len()) {
        let change = match (old.get(at), new.get(at)) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            (old, new) if old != new => "changed",
            _ => continue,
        };
        let number = if old.len().max(new.len()) > 1 { format!(" {}", at + 1) } else { String::new() };
        lines.push(format!("{what}{number}: {change}"));
    }
}
