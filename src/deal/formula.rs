//! Formulas: what legs and their company come to, in the words of the practice. Derived, never said; they compose.
//! May not know how an offer is answered.

use crate::deal::body::Offer;
use crate::deal::terms::{Category, Leg, Quantity};
use crate::deal::word::words;
use crate::party::role::Role;

words! {
    /// A formula of exchange.
    Formula {
        /// Persons by name.
        NamedPersons = 0 "named persons";
        /// So many of a category, exactly or estimated.
        Counts = 1 "counts by category";
        /// Each side gives all that it holds.
        AllForAll = 2 "all for all";
        /// So many for every so many.
        Ratio = 3 "ratio";
        /// Unequal numbers, or named persons left out.
        Package = 4 "package";
        /// Only one side gives.
        Unilateral = 5 "unilateral";
        /// The dead.
        Remains = 6 "remains";
        /// Persons and remains.
        Mixed = 7 "persons and remains";
        /// Accommodation in a third country.
        ThirdCountry = 8 "third-country accommodation";
        /// In stages.
        Staged = 9 "staged";
        /// Terms for exchanges to come.
        Frame = 10 "standing frame";
    }
}

/// The formulas that an offer is made of, in the order of their numbers; none for one that cancels.
#[must_use]
pub fn formulas(offer: &Offer) -> Vec<Formula> {
    let (legs, terms) = (offer.legs(), &offer.body().terms);
    let any = |is: &dyn Fn(&Leg) -> bool| legs.iter().any(is);
    let of_remains = |leg: &Leg| leg.category == Category::Remains;
    let gives = |giver: Role| any(&|leg| leg.giver == giver);
    let gives_all = |giver| any(&|leg| leg.giver == giver && matches!(leg.quantity, Quantity::All { .. }));
    let both_give = Role::BOTH.into_iter().all(gives);
    let all_for_all = Role::BOTH.into_iter().all(gives_all);
    let ratio = any(&|leg| matches!(leg.quantity, Quantity::Ratio { .. }));
    let holds = |formula: &Formula| match formula {
        Formula::NamedPersons => any(&|leg| !of_remains(leg) && matches!(leg.quantity, Quantity::List(_))),
        Formula::Counts => any(&|leg| matches!(leg.quantity, Quantity::Count(_) | Quantity::Estimate { .. })),
        Formula::AllForAll => all_for_all,
        Formula::Ratio => ratio,
        Formula::Package => {
            let unequal = !ratio && !all_for_all && total(offer, Role::Inviter) != total(offer, Role::Joiner);
            both_give && (unequal || any(&|leg| leg.except.is_some()))
        }
        Formula::Unilateral => !legs.is_empty() && !both_give,
        Formula::Remains => any(&of_remains),
        Formula::Mixed => any(&of_remains) && any(&|leg| !of_remains(leg)),
        Formula::ThirdCountry => any(&|leg| leg.third_country.is_some()),
        Formula::Staged => !terms.stages.is_empty(),
        Formula::Frame => terms.frame.is_some(),
    };
    Formula::ALL.iter().copied().filter(holds).collect()
}

/// How many `giver` gives, persons and remains apart: at least, and at most.
fn total(offer: &Offer, giver: Role) -> [[u64; 2]; 2] {
    let mut total = [[0; 2]; 2];
    for leg in offer.legs().iter().filter(|leg| leg.giver == giver) {
        let range = offer.range(leg);
        let [persons, remains] = &mut total;
        let [least, most] = if leg.category == Category::Remains { remains } else { persons };
        *least += u64::from(*range.start());
        *most += u64::from(*range.end());
    }
    total
}
