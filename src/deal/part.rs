//! A part of an offer as an offer of its own: the counter-offer over some of its separable groups, with legs, lists,
//! stages and corridors numbered anew. May not decide which part is worth having.

use crate::deal::body::{BodyError, Offer};
use crate::deal::import::Draft;
use crate::deal::numbers::listed;
use crate::deal::pledge::Condition;
use crate::deal::stage::{Corridor, Stage};
use crate::deal::terms::{Firmness, Leg, Quantity, Terms};
use crate::statement::list::List;
use std::collections::{BTreeMap, BTreeSet};

/// Why there is no such part. Legs are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// No group chosen.
    #[error("no group is chosen: name the groups to accept, of {}", groups(.0))]
    NothingChosen(BTreeSet<u8>),
    /// Every group chosen.
    #[error("these are all the groups of the offer: accept it as it stands")]
    Everything,
    /// A group that no leg has.
    #[error("no leg is in group {group}: name groups of {}", groups(.known))]
    UnknownGroup {
        /// The group.
        group: u8,
        /// Those there are.
        known: BTreeSet<u8>,
    },
    /// A leg that is not separable from the others.
    #[error(
        "leg {0} is in no group, and so the offer can only be accepted whole: accept it, or make a counter-offer \
         of your own"
    )]
    Inseparable(usize),
    /// A ratio to a leg that is left out.
    #[error(
        "leg {leg} is a ratio of leg {other}, which is in group {group}: choose group {group} too, or make a \
         counter-offer with a number in leg {leg}"
    )]
    RatioBroken {
        /// The ratio.
        leg: usize,
        /// The leg it needs.
        other: usize,
        /// That leg's group.
        group: u8,
    },
    /// Lists that are not those of the offer.
    #[error("{0}")]
    Lists(#[from] BodyError),
}

fn groups(groups: &BTreeSet<u8>) -> String {
    listed(&groups.iter().map(u8::to_string).collect::<Vec<_>>())
}

/// The part of `offer` that is in `groups`, firm and with no last day, its lists salted anew with `seed`. `lists` are
/// those of the offer's statement. The other's remarks are left out, as they may speak of the rest.
///
/// # Errors
/// [`PartError`]; an offer with a leg in no group has no parts.
pub fn part(
    offer: &Offer,
    lists: &[List],
    groups: &BTreeSet<u8>,
    seed: &mut dyn FnMut() -> [u8; 32],
) -> Result<Draft, PartError> {
    check(offer, groups)?;
    let (found, named) = (lists.len(), offer.body().lists.len());
    if found != named {
        return Err(BodyError::ListCount { found, named }.into());
    }
    let mut same = lists.iter().zip(&offer.body().lists).map(|(list, root)| list.root() == *root);
    if let Some(at) = same.position(|same| !same) {
        return Err(BodyError::ListMismatch(at + 1).into());
    }
    let terms = &offer.body().terms;
    let (legs, leg_numbers) = kept(&terms.legs, |_, leg| groups.contains(&leg.group));
    let used: BTreeSet<usize> = legs.iter().filter_map(|leg| leg.stage).map(usize::from).collect();
    let (mut stages, stage_numbers) = kept(&terms.stages, |at, _| used.contains(&at));
    let (corridors, corridor_numbers) = kept_corridors(terms, &stages);
    for stage in &mut stages {
        stage.after = kept_before(terms, &stage.after, &stage_numbers);
        stage.corridor = stage.corridor.and_then(|at| renumbered(&corridor_numbers, at));
    }
    let mut draft = Draft {
        firmness: Firmness::Firm,
        valid_until: None,
        terms: Terms {
            legs: Vec::with_capacity(legs.len()),
            stages,
            corridors,
            conditions: Vec::new(),
            guarantors: terms.guarantors.clone(),
            frame: terms.frame.clone(),
            remarks: None,
        },
        lists: Vec::new(),
    };
    for condition in &terms.conditions {
        if let Some(leg) = renumbered(&leg_numbers, condition.leg) {
            draft.terms.conditions.push(Condition { leg, ..condition.clone() });
        }
    }
    for mut leg in legs {
        match &mut leg.quantity {
            Quantity::List(index) => *index = take(lists, *index, &mut draft.lists, seed)?,
            Quantity::Ratio { leg, .. } => *leg = renumbered(&leg_numbers, *leg).unwrap_or(*leg),
            _ => {}
        }
        if let Some(index) = &mut leg.except {
            *index = take(lists, *index, &mut draft.lists, seed)?;
        }
        leg.stage = leg.stage.and_then(|at| renumbered(&stage_numbers, at));
        draft.terms.legs.push(leg);
    }
    Ok(draft)
}

/// The legs of `part` in the numbers of `whole`, each old and new from 0, where it consists of some of its groups;
/// none where it does not.
#[must_use]
pub fn renumbered_legs(whole: &Offer, part: &Offer) -> Vec<(usize, usize)> {
    let groups: BTreeSet<u8> = part.legs().iter().map(|leg| leg.group).collect();
    let (legs, numbers) = kept(whole.legs(), |_, leg| groups.contains(&leg.group));
    let same = |(old, new): (&Leg, &Leg)| {
        (old.group, old.giver, old.category) == (new.group, new.giver, new.category)
    };
    let is_part = legs.len() == part.legs().len()
        && legs.len() < whole.legs().len()
        && !groups.contains(&0)
        && legs.iter().zip(part.legs()).all(same);
    if is_part { numbers.into_iter().collect() } else { Vec::new() }
}

fn check(offer: &Offer, groups: &BTreeSet<u8>) -> Result<(), PartError> {
    let legs = offer.legs();
    if let Some(at) = legs.iter().position(|leg| leg.group == 0) {
        return Err(PartError::Inseparable(at + 1));
    }
    let known: BTreeSet<u8> = legs.iter().map(|leg| leg.group).collect();
    if let Some(group) = groups.difference(&known).next() {
        return Err(PartError::UnknownGroup { group: *group, known });
    }
    if groups.is_empty() {
        return Err(PartError::NothingChosen(known));
    }
    if *groups == known {
        return Err(PartError::Everything);
    }
    let chosen = |leg: &&Leg| groups.contains(&leg.group);
    for (leg, number) in legs.iter().zip(1..).filter(|(leg, _)| chosen(leg)) {
        if let Quantity::Ratio { leg: other, .. } = leg.quantity {
            let needed = legs.get(usize::from(other)).filter(|other| !groups.contains(&other.group));
            if let Some(needed) = needed {
                let (other, group) = (usize::from(other) + 1, needed.group);
                return Err(PartError::RatioBroken { leg: number, other, group });
            }
        }
    }
    Ok(())
}

/// The items that are kept, and the new index of each by its old one.
fn kept<T: Clone>(items: &[T], keep: impl Fn(usize, &T) -> bool) -> (Vec<T>, BTreeMap<usize, usize>) {
    let (mut left, mut numbers) = (Vec::new(), BTreeMap::new());
    for (at, item) in items.iter().enumerate().filter(|(at, item)| keep(*at, item)) {
        numbers.insert(at, left.len());
        left.push(item.clone());
    }
    (left, numbers)
}

/// The new numbers of the stages that must come before one that is `after` these: in the place of a stage left out
/// stand those that it is after.
fn kept_before(terms: &Terms, after: &[u8], numbers: &BTreeMap<usize, usize>) -> Vec<u8> {
    let (mut open, mut met, mut before) = (after.to_vec(), BTreeSet::new(), BTreeSet::new());
    while let Some(at) = open.pop() {
        if !met.insert(at) {
            continue;
        }
        match renumbered(numbers, at) {
            Some(new) => drop(before.insert(new)),
            None => open.extend(terms.stages.get(usize::from(at)).into_iter().flat_map(|it| &it.after)),
        }
    }
    before.into_iter().collect()
}

/// All corridors but those that only stages left out run through: a transport may name one that no stage does.
fn kept_corridors(terms: &Terms, stages: &[Stage]) -> (Vec<Corridor>, BTreeMap<usize, usize>) {
    let through = |stages: &[Stage]| -> BTreeSet<usize> {
        stages.iter().filter_map(|stage| stage.corridor).map(usize::from).collect()
    };
    let (before, now) = (through(&terms.stages), through(stages));
    kept(&terms.corridors, |at, _| now.contains(&at) || !before.contains(&at))
}

/// The new index of what is kept; never larger than the old.
fn renumbered<N: Copy + Into<usize> + TryFrom<usize>>(numbers: &BTreeMap<usize, usize>, old: N) -> Option<N> {
    numbers.get(&old.into()).and_then(|new| N::try_from(*new).ok())
}

/// Adds the lines of list `index` under fresh salts; where they stand now.
fn take(
    lists: &[List],
    index: u16,
    out: &mut Vec<List>,
    seed: &mut dyn FnMut() -> [u8; 32],
) -> Result<u16, BodyError> {
    let mismatch = BodyError::ListMismatch(usize::from(index) + 1);
    let list = lists.get(usize::from(index)).ok_or(mismatch)?;
    let at = u16::try_from(out.len()).unwrap_or(u16::MAX);
    out.push(List::new(seed(), list.lines().to_vec())?);
    Ok(at)
}
