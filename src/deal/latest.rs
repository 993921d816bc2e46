//! Which handover lines of one author count: of those on one subject, the last; of those that fit nothing that was
//! agreed, none. May not know what they come to.

use crate::deal::body::Offer;
use crate::deal::handover::{HandoverLine, Outcome, Subject};
use crate::deal::person::Line;
use crate::deal::terms::Category;
use std::collections::BTreeMap;

/// What a later line takes the place of an earlier one on.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// Leg and line of its list.
    Listed(u16, u32),
    /// How many of one outcome in a leg.
    Counted(u16, Outcome),
    /// In a leg, a record by its bytes: a record that was decoded encodes again.
    Unlisted(u16, Vec<u8>),
}

/// One author's lines on a handover, as far as they count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latest<'l> {
    /// The last on each subject: by leg those on its list, then numbers, then who is on no list.
    pub lines: Vec<&'l HandoverLine>,
    /// How many do not count: of no leg or line of the offer, a bag among persons, a person among remains.
    pub strays: usize,
}

/// Of the lines of one author on a handover of `offer`, in the order said, those that count.
#[must_use]
pub fn latest<'l>(offer: &Offer, said: impl IntoIterator<Item = &'l HandoverLine>) -> Latest<'l> {
    let mut last = BTreeMap::new();
    let mut strays = 0;
    for line in said {
        if !fits(offer, &line.subject) {
            strays += 1;
            continue;
        }
        let leg = line.subject.leg();
        let about = match &line.subject {
            Subject::Listed { line, .. } => About::Listed(leg, *line),
            Subject::Counted { .. } => About::Counted(leg, line.outcome),
            Subject::Unlisted { who, .. } => About::Unlisted(leg, who.encode_line().unwrap_or_default()),
        };
        last.insert(about, line);
    }
    Latest { lines: last.into_values().collect(), strays }
}

/// Whether the offer has the leg and line, and the leg is about records of that sort.
fn fits(offer: &Offer, subject: &Subject) -> bool {
    let Some(leg) = offer.legs().get(usize::from(subject.leg())) else { return false };
    match subject {
        Subject::Listed { line, .. } => usize::try_from(*line).is_ok_and(|at| at < offer.lines(leg).len()),
        Subject::Counted { .. } => true,
        Subject::Unlisted { who, .. } => {
            matches!(who, Line::Remains(_)) == (leg.category == Category::Remains)
        }
    }
}
