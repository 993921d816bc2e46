//! How many an offer is about: leg by leg, by category, by what a list says of its persons. May not know lists but
//! by their records.

use crate::deal::body::Offer;
use crate::deal::person::{Line, Person};
use crate::deal::terms::{Category, Leg, Quantity, Rounding};
use crate::party::role::Role;
use std::ops::RangeInclusive;

impl Offer {
    /// How many a leg is about, at least.
    #[must_use]
    pub fn number(&self, leg: &Leg) -> u32 {
        *self.range(leg).start()
    }

    /// How many a leg is about: one number where it is exact, `u32::MAX` at the end where it is open.
    #[must_use]
    pub fn range(&self, leg: &Leg) -> RangeInclusive<u32> {
        match leg.quantity {
            Quantity::Count(count) => count..=count,
            Quantity::List(index) => {
                let count = self.body().lists.get(usize::from(index)).map_or(0, |list| list.lines);
                count..=count
            }
            Quantity::Estimate { least, most } => least..=most,
            Quantity::All { least } => least..=u32::MAX,
            Quantity::Ratio { .. } => self.in_ratio(leg, |other| self.range(other)),
        }
    }

    /// How many can come under a leg that still fulfil it: within its tolerance and, in a ratio, that of the other leg.
    #[must_use]
    pub fn reach(&self, leg: &Leg) -> RangeInclusive<u32> {
        let about = |range: RangeInclusive<u32>, slack: u32| {
            range.start().saturating_sub(slack)..=range.end().saturating_add(slack)
        };
        let range = match leg.quantity {
            Quantity::Ratio { .. } => self.in_ratio(leg, |other| about(self.range(other), other.tolerance)),
            _ => self.range(leg),
        };
        about(range, leg.tolerance)
    }

    /// How many a leg in a ratio is about, by how many the other leg is.
    fn in_ratio(&self, leg: &Leg, of: impl Fn(&Leg) -> RangeInclusive<u32>) -> RangeInclusive<u32> {
        let Quantity::Ratio { give, per, leg, rounding } = leg.quantity else { return 0..=0 };
        // The other leg is no ratio: terms that say so are refused.
        let other = self.legs().get(usize::from(leg));
        let other = other.filter(|it| !matches!(it.quantity, Quantity::Ratio { .. })).map_or(0..=0, of);
        let of = |count: u32| ratio(count, give, per, rounding);
        let end = if *other.end() == u32::MAX { u32::MAX } else { of(*other.end()) };
        of(*other.start())..=end
    }

    /// How many `giver` gives, by the category of the legs, in the order of their numbers.
    #[must_use]
    pub fn given_by(&self, giver: Role) -> std::collections::BTreeMap<Category, u64> {
        let mut counts = std::collections::BTreeMap::new();
        for leg in self.legs().iter().filter(|leg| leg.giver == giver) {
            *counts.entry(leg.category).or_insert(0) += u64::from(self.number(leg));
        }
        counts
    }

    /// How many persons on a leg's list share what `of` reads: by status, by health, by rank.
    #[must_use]
    pub fn tally<K: Ord>(&self, leg: &Leg, of: impl Fn(&Person) -> K) -> std::collections::BTreeMap<K, u32> {
        let mut counts = std::collections::BTreeMap::new();
        for person in self.lines(leg).iter().filter_map(Line::person) {
            *counts.entry(of(person)).or_insert(0) += 1;
        }
        counts
    }
}

/// `count * give / per`, rounded.
pub(crate) fn ratio(count: u32, give: u32, per: u32, rounding: Rounding) -> u32 {
    let (whole, per) = (u64::from(count) * u64::from(give), u64::from(per).max(1));
    let rounded = match rounding {
        Rounding::Down => whole / per,
        Rounding::Up => whole.div_ceil(per),
        Rounding::Nearest => (2 * whole + per) / (2 * per),
    };
    u32::try_from(rounded).unwrap_or(u32::MAX)
}
