//! A body of which only single lines of the lists are shown: what it says, with nothing of the other lines. May not
//! know how the lines are tied to the body (`statement` holds that).

use crate::deal::body::{BodyError, Offer, OfferBody, read};
use crate::deal::handover::{HandoverLine, LinesBody};
use crate::deal::person::Line;
use crate::deal::terms::{Category, LEGS_MAX, Leg, Quantity};
use crate::statement::evidence::{PartList, PartSaid};
use crate::statement::kind::Kind;
use crate::statement::list::{ListRoot, ShownLine};

/// What such a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// An offer without its lists, and lines of them.
    Offer(Box<Offer>, Vec<ShownRecord>),
    /// Handover lines: the body, and some of them by their places in the list, from 0.
    Lines(LinesBody, Vec<(u32, HandoverLine)>),
}

/// A line of an offer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRecord {
    /// The leg, from 0.
    pub leg: u16,
    /// The line of its list, from 0.
    pub line: u32,
    /// Whether it is on the list of those who are not part of the leg.
    pub excepted: bool,
    /// Who or what.
    pub record: Line,
}

impl Shown {
    /// What a body of `kind` says with the lines that are shown of it.
    ///
    /// # Errors
    /// [`BodyError`], as of the same body with its lists, as far as that can be told.
    pub fn parse(kind: Kind, said: &PartSaid) -> Result<Self, BodyError> {
        match kind {
            Kind::Offer => {
                let offer = Offer::without_lists(read::<OfferBody>(&said.body)?)?;
                same(&said.lists, &offer.body().lists)?;
                let mut records = Vec::new();
                for (list, at) in said.lists.iter().zip(0..) {
                    records.extend(offer_lines(&offer, list, at)?);
                }
                Ok(Self::Offer(Box::new(offer), records))
            }
            Kind::Lines => {
                let body: LinesBody = read(&said.body)?;
                same(&said.lists, &[body.lines])?;
                let lines = said.lists.iter().flat_map(|list| &list.lines);
                let record = |line: &ShownLine| -> Result<_, BodyError> {
                    let read = HandoverLine::decode_line(&line.line).ok();
                    let read = read.filter(|it| usize::from(it.subject.leg()) < LEGS_MAX);
                    Ok((line.index, read.ok_or_else(|| malformed(0, line.index))?))
                };
                Ok(Self::Lines(body, lines.map(record).collect::<Result<_, _>>()?))
            }
            other => Err(BodyError::NotOfADeal(other)),
        }
    }
}

/// That the lists are those the body commits to.
fn same(lists: &[PartList], named: &[ListRoot]) -> Result<(), BodyError> {
    if lists.len() != named.len() {
        return Err(BodyError::ListCount { found: lists.len(), named: named.len() });
    }
    let other = lists.iter().zip(named).position(|(list, named)| list.root != *named);
    other.map_or(Ok(()), |at| Err(BodyError::ListMismatch(at + 1)))
}

fn malformed(list: usize, line: u32) -> BodyError {
    BodyError::LineMalformed {
        list: list + 1,
        line: usize::try_from(line).unwrap_or(usize::MAX).saturating_add(1),
    }
}

fn offer_lines(offer: &Offer, list: &PartList, at: usize) -> Result<Vec<ShownRecord>, BodyError> {
    // Terms that were checked name every list by one leg.
    let Some((leg, number, excepted)) = leg_of(offer.legs(), at) else { return Ok(Vec::new()) };
    let record = |line: &ShownLine| {
        let fits = |record: &Line| record.remains().is_some() == (leg.category == Category::Remains);
        let record = Line::decode_line(&line.line).ok().filter(fits);
        let record = record.ok_or_else(|| malformed(at, line.index))?;
        Ok(ShownRecord { leg: number, line: line.index, excepted, record })
    };
    list.lines.iter().map(record).collect()
}

/// The leg that names a list, its number from 0, and whether as those who are not part of it.
fn leg_of(legs: &[Leg], list: usize) -> Option<(&Leg, u16, bool)> {
    legs.iter().zip(0u16..).find_map(|(leg, number)| {
        let by_quantity = matches!(leg.quantity, Quantity::List(at) if usize::from(at) == list);
        let by_except = leg.except.is_some_and(|at| usize::from(at) == list);
        (by_quantity || by_except).then_some((leg, number, by_except))
    })
}
