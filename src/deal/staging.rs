//! How far the stages of an exchange have come, by both sides' handover lines, and which lines come too early. Binds
//! the author's own client alone: no rule of the state reads it.

use crate::deal::body::Offer;
use crate::deal::handover::{HandoverLine, Outcome, Subject};
use crate::deal::latest::latest;
use crate::deal::terms::{Leg, Quantity};
use crate::party::role::Role;
use std::collections::BTreeSet;

/// How far one stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageProgress {
    /// The stage, from 0.
    pub stage: u8,
    /// How many persons or bags its legs are about, at least.
    pub expected: u32,
    /// Of how many of them the inviter and the joiner have said what became.
    pub said: [u32; 2],
}

impl StageProgress {
    /// Whether both sides have said of everybody what became of them.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let [inviter, joiner] = self.said;
        inviter >= self.expected && joiner >= self.expected
    }

    /// Whether one side has.
    #[must_use]
    pub const fn is_told(&self, role: Role) -> bool {
        let [inviter, joiner] = self.said;
        match role {
            Role::Inviter => inviter >= self.expected,
            Role::Joiner => joiner >= self.expected,
        }
    }
}

/// Lines about a stage that others must come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a line is about stage {stage}, which begins only after stage {waits_for} is complete by both sides' lines: \
     say those lines first, and wait for the other side's"
)]
pub struct TooEarly {
    /// The stage, from 1.
    pub stage: u32,
    /// The one that must be complete before, from 1.
    pub waits_for: u32,
}

/// The stages of an offer, by what the inviter and the joiner have said.
#[must_use]
pub fn progress(offer: &Offer, said: [&[&HandoverLine]; 2]) -> Vec<StageProgress> {
    let legs = || offer.legs().iter().zip(0u16..);
    let said = said.map(|lines| latest(offer, lines.iter().copied()).lines);
    (0u8..)
        .zip(&offer.body().terms.stages)
        .map(|(stage, _)| {
            let of = || legs().filter(|(leg, _)| leg.stage == Some(stage));
            let expected = of().map(|(leg, _)| expected(offer, leg)).fold(0, u32::saturating_add);
            let told = |lines: &Vec<&HandoverLine>| {
                of().map(|(leg, at)| told(leg, at, lines)).fold(0, u32::saturating_add)
            };
            StageProgress { stage, expected, said: said.each_ref().map(told) }
        })
        .collect()
}

/// The first line that comes too early: its stage is to begin after one that is not complete.
#[must_use]
pub fn too_early(offer: &Offer, said: [&[&HandoverLine]; 2], lines: &[HandoverLine]) -> Option<TooEarly> {
    let progress = progress(offer, said);
    let about: BTreeSet<u8> =
        lines.iter().filter_map(|line| offer.legs().get(usize::from(line.subject.leg()))?.stage).collect();
    about.into_iter().find_map(|stage| {
        let after = &offer.body().terms.stages.get(usize::from(stage))?.after;
        let open = |before: &&u8| progress.get(usize::from(**before)).is_some_and(|it| !it.is_complete());
        let waits_for = after.iter().find(open)?;
        Some(TooEarly { stage: u32::from(stage) + 1, waits_for: u32::from(*waits_for) + 1 })
    })
}

/// The stages that `me` may tell of, and has not told of in full: all that must come before them is complete.
#[must_use]
pub fn to_tell(offer: &Offer, said: [&[&HandoverLine]; 2], me: Role) -> BTreeSet<u8> {
    let progress = progress(offer, said);
    let complete = |stage: &u8| progress.get(usize::from(*stage)).is_none_or(StageProgress::is_complete);
    let begun = offer.body().terms.stages.iter().map(|stage| stage.after.iter().all(complete));
    let open = progress.iter().zip(begun).filter(|(stage, begun)| *begun && !stage.is_told(me));
    open.map(|(stage, _)| stage.stage).collect()
}

/// Of how many of those agreed the lines of one side tell, and how many were agreed: at least, less what a leg's
/// tolerance allows. Of a leg that may turn out to be nobody, any line tells.
#[must_use]
pub fn told_in_all(offer: &Offer, said: &[&HandoverLine]) -> (u32, u32) {
    let lines = latest(offer, said.iter().copied()).lines;
    offer.legs().iter().zip(0u16..).fold((0, 0), |(all_told, all), (leg, at)| {
        let expected = expected(offer, leg);
        let slack = if matches!(leg.quantity, Quantity::List(_)) { 0 } else { leg.tolerance };
        let enough = expected.min(*offer.range(leg).start()).saturating_sub(slack);
        let any = lines.iter().any(|line| line.subject.leg() == at);
        let told = told(leg, at, &lines);
        let told = if any && told >= enough { expected } else { told.min(expected) };
        (all_told.saturating_add(told), all.saturating_add(expected))
    })
}

/// How many a leg is about, at least; one where nobody knows, for a stage is not complete before anything is said.
fn expected(offer: &Offer, leg: &Leg) -> u32 {
    let range = offer.range(leg);
    if *range.end() == 0 { 0 } else { (*range.start()).max(1) }
}

/// Of how many of a leg something was said; `lines` are the last of one side on each subject.
fn told(leg: &Leg, at: u16, lines: &[&HandoverLine]) -> u32 {
    let of_leg = lines.iter().filter(|line| line.subject.leg() == at);
    let numbers = of_leg.map(|line| match &line.subject {
        Subject::Listed { .. } => 1,
        Subject::Counted { number, .. } => *number,
        // Somebody by name where only a number was agreed.
        Subject::Unlisted { .. } => u32::from(
            !matches!(leg.quantity, Quantity::List(_))
                && !matches!(line.outcome, Outcome::Surplus | Outcome::Duplicate),
        ),
    });
    numbers.fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deal::body::OfferBody;
    use crate::deal::handover::{Cause, Remedy};
    use crate::deal::person::Line;
    use crate::deal::remains::{Extent, Remains};
    use crate::deal::stage::{Abort, Order, Stage};
    use crate::deal::terms::{Category, Firmness, Selection, Substitution, Terms};
    use crate::deal::word::Text;

    fn leg(count: u32, stage: u8) -> Leg {
        Leg {
            giver: Role::Inviter,
            receiver: Role::Joiner,
            category: Category::Person,
            quantity: Quantity::Count(count),
            except: None,
            criteria: None,
            selection: Selection::Holder,
            substitution: Substitution::None,
            tolerance: 0,
            third_country: None,
            stage: Some(stage),
            group: 0,
        }
    }

    fn stage(after: &[u8]) -> Stage {
        Stage {
            name: None,
            after: after.to_vec(),
            place: None,
            window: None,
            corridor: None,
            order: Order::Simultaneous,
            abort: Abort::Stop,
        }
    }

    fn offer() -> Offer {
        let terms = Terms {
            legs: vec![leg(10, 0), leg(5, 1), leg(1, 2)],
            stages: vec![stage(&[]), stage(&[0]), stage(&[])],
            ..Terms::default()
        };
        let body = OfferBody {
            base: 0,
            parent: None,
            frame: None,
            firmness: Firmness::Firm,
            valid_until: None,
            terms,
            lists: Vec::new(),
        };
        Offer::join(body, &[]).unwrap()
    }

    fn line(leg: u16, number: u32) -> HandoverLine {
        HandoverLine {
            subject: Subject::Counted { leg, number },
            outcome: Outcome::Delivered,
            cause: Cause::Unknown,
            detail: None,
            evidence: None,
            remedy: Remedy::None,
            deadline: None,
        }
    }

    #[test]
    fn a_stage_waits_for_both_sides_lines_on_those_before_it() {
        let (offer, all, some) = (offer(), line(0, 10), line(0, 9));
        let second = [line(1, 5)];
        let refused = Some(TooEarly { stage: 2, waits_for: 1 });
        assert_eq!(too_early(&offer, [&[], &[]], &second), refused);
        assert_eq!(too_early(&offer, [&[&all], &[]], &second), refused);
        assert_eq!(too_early(&offer, [&[&all], &[&some]], &second), refused);
        // A later number of one outcome takes the place of an earlier one; they are not added up.
        assert_eq!(too_early(&offer, [&[&all], &[&some, &line(0, 1)]], &second), refused);
        assert_eq!(too_early(&offer, [&[&all], &[&some, &line(0, 10)]], &second), None);
        let refusal = HandoverLine { outcome: Outcome::Refused, ..line(0, 1) };
        assert_eq!(too_early(&offer, [&[&all], &[&some, &refusal]], &second), None);
    }

    #[test]
    fn a_side_may_tell_of_stages_that_have_begun_and_that_it_has_not_told_of() {
        let (offer, all) = (offer(), line(0, 10));
        let to_tell = |said: [&[&HandoverLine]; 2]| -> Vec<u8> {
            to_tell(&offer, said, Role::Inviter).into_iter().collect()
        };
        assert_eq!(to_tell([&[], &[]]), [0, 2]);
        assert_eq!(to_tell([&[&all], &[]]), [2]);
        assert_eq!(to_tell([&[], &[&all]]), [0, 2]);
        assert_eq!(to_tell([&[&all, &line(2, 1)], &[&all]]), [1]);
        let joiner = |said: [&[&HandoverLine]; 2]| -> Vec<u8> {
            super::to_tell(&offer, said, Role::Joiner).into_iter().collect()
        };
        assert_eq!(joiner([&[&all], &[]]), [0, 2]);
        assert_eq!(joiner([&[], &[&all]]), [2]);
    }

    #[test]
    fn whoever_is_told_of_is_counted_once_and_no_further_than_was_agreed() {
        let offer = offer();
        assert_eq!(told_in_all(&offer, &[]), (0, 16));
        assert_eq!(told_in_all(&offer, &[&line(0, 9), &line(1, 7)]), (14, 16));
        assert_eq!(told_in_all(&offer, &[&line(0, 9), &line(0, 10), &line(1, 5), &line(2, 1)]), (16, 16));
        let mut terms = offer.body().terms.clone();
        terms.legs[0].tolerance = 2;
        terms.legs[2].quantity = Quantity::Estimate { least: 0, most: 9 };
        let body = OfferBody { terms, ..offer.body().clone() };
        let loose = Offer::join(body, &[]).unwrap();
        assert_eq!(told_in_all(&loose, &[]), (0, 16));
        assert_eq!(told_in_all(&loose, &[&line(0, 8), &line(2, 0)]), (11, 16));
        assert_eq!(told_in_all(&loose, &[&line(0, 7)]), (7, 16));
    }

    #[test]
    fn who_is_named_where_a_number_was_agreed_is_one_of_it_unless_he_came_besides() {
        let mut body = offer().body().clone();
        body.terms.legs[2].category = Category::Remains;
        let offer = Offer::join(body, &[]).unwrap();
        let who = Line::Remains(Remains {
            bag: Text::new("K-0117").unwrap(),
            place: None,
            date: None,
            extent: Extent::Whole,
            claimed_identity: None,
            disc: None,
            dna_reference: None,
            laboratory: None,
            parent_bag: None,
            claimed_side: None,
        });
        let named = |outcome| HandoverLine {
            subject: Subject::Unlisted { leg: 2, who: who.clone() },
            outcome,
            ..line(2, 0)
        };
        assert_eq!(told_in_all(&offer, &[&named(Outcome::Delivered)]), (1, 16));
        assert_eq!(told_in_all(&offer, &[&named(Outcome::Surplus)]), (0, 16));
        assert_eq!(told_in_all(&offer, &[&named(Outcome::Duplicate)]), (0, 16));
    }

    #[test]
    fn a_stage_with_nothing_before_it_waits_for_nobody() {
        let offer = offer();
        assert_eq!(too_early(&offer, [&[], &[]], &[line(0, 3), line(2, 1)]), None);
        let progress = progress(&offer, [&[&line(2, 1)], &[&line(2, 1)]]);
        let complete: Vec<bool> = progress.iter().map(StageProgress::is_complete).collect();
        assert_eq!(complete, [false, false, true]);
    }
}
