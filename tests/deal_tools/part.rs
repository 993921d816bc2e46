//! A part of an offer.

use crate::build::{leg, named, offer, offer_of, soldiers, text};
use std::collections::BTreeSet;
use truceline::deal::body::{BodyError, Content, Offer};
use truceline::deal::import::Draft;
use truceline::deal::part::{PartError, part, renumbered_legs};
use truceline::deal::pledge::{Condition, End, Obligation};
use truceline::deal::stage::{Abort, Corridor, Order, Stage};
use truceline::deal::terms::{Category, Leg, Quantity, Rounding, Terms};
use truceline::party::role::Role;
use truceline::statement::list::List;

const US: Role = Role::Inviter;
const THEM: Role = Role::Joiner;

fn lists() -> Vec<List> {
    vec![soldiers("A", 3), soldiers("B", 2), soldiers("C", 4)]
}

fn stage(after: &[u8], corridor: Option<u8>) -> Stage {
    Stage {
        name: None,
        after: after.to_vec(),
        place: None,
        window: None,
        corridor,
        order: Order::Simultaneous,
        abort: Abort::Stop,
    }
}

fn corridor(name: &str) -> Corridor {
    Corridor { name: text(name), points: Vec::new(), width: 0, window: None }
}

fn condition(leg: u16, lines: &[u32]) -> Condition {
    Condition {
        leg,
        lines: lines.to_vec(),
        obligation: Obligation::NoArms,
        text: None,
        end: End::Seconds(60),
        monitor: None,
        consequence: text("…"),
    }
}

/// Group 1 is A for 2 by ratio, group 2 is B, group 3 is C in the last of three stages.
fn whole() -> Offer {
    let ratio = Quantity::Ratio { give: 2, per: 3, leg: 2, rounding: Rounding::Up };
    let legs = vec![
        Leg { group: 2, stage: Some(0), ..named(THEM, Category::Person, 0) },
        Leg { group: 3, stage: Some(2), ..named(US, Category::Person, 1) },
        Leg { group: 1, stage: Some(1), ..named(THEM, Category::Person, 2) },
        Leg { group: 1, stage: Some(1), ..leg(US, Category::Person, ratio) },
    ];
    let terms = Terms {
        legs,
        stages: vec![stage(&[], Some(0)), stage(&[0], None), stage(&[0, 1], Some(2))],
        corridors: vec![corridor("north"), corridor("free"), corridor("south")],
        conditions: vec![condition(0, &[1]), condition(1, &[0]), condition(2, &[3])],
        remarks: Some(text("All at once.")),
        ..Terms::default()
    };
    offer_of(terms, &lists())
}

fn of(offer: &Offer, lists: &[List], groups: &[u8]) -> Result<Draft, PartError> {
    let groups: BTreeSet<u8> = groups.iter().copied().collect();
    part(offer, lists, &groups, &mut || [9; 32])
}

#[test]
fn the_part_is_numbered_anew_and_can_be_offered() {
    let draft = of(&whole(), &lists(), &[1, 3]).unwrap();
    let terms = &draft.terms;
    let ratio = Quantity::Ratio { give: 2, per: 3, leg: 1, rounding: Rounding::Up };
    let quantities: Vec<_> = terms.legs.iter().map(|leg| leg.quantity).collect();
    assert_eq!(quantities, [Quantity::List(0), Quantity::List(1), ratio]);
    let stages: Vec<_> = terms.legs.iter().map(|leg| leg.stage).collect();
    assert_eq!(stages, [Some(1), Some(0), Some(0)]);
    assert_eq!(terms.stages, [stage(&[], None), stage(&[0], Some(1))]);
    assert_eq!(terms.corridors, [corridor("free"), corridor("south")]);
    assert_eq!(terms.conditions, [condition(0, &[0]), condition(1, &[3])]);
    assert_eq!((draft.valid_until, &terms.remarks), (None, &None));
    // The same records under other salts.
    assert_eq!(draft.lists[0].lines(), lists()[1].lines());
    assert_ne!(draft.lists[0].root(), lists()[1].root());
    let Content::Offer(made) = draft.offer(0, None).unwrap() else { panic!() };
    assert_eq!(made.given_by(US)[&Category::Person], 5);
    assert_eq!(made.given_by(THEM)[&Category::Person], 4);
    assert_eq!(renumbered_legs(&whole(), &made), [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(renumbered_legs(&whole(), &whole()), []);
    assert_eq!(
        renumbered_legs(&whole(), &offer(vec![leg(US, Category::Person, Quantity::Count(1))], &[])),
        []
    );
}

#[test]
fn a_stage_that_is_left_out_hands_on_what_comes_before_it() {
    let of_group =
        |group| Leg { group, stage: Some(group - 1), ..leg(US, Category::Person, Quantity::Count(1)) };
    let terms = Terms {
        legs: (1..=5).map(of_group).collect(),
        stages: vec![
            stage(&[], None),
            stage(&[0], None),
            stage(&[1], None),
            stage(&[2], None),
            stage(&[0, 3], None),
        ],
        ..Terms::default()
    };
    let whole = offer_of(terms, &[]);
    let after = |groups: &[u8]| -> Vec<Vec<u8>> {
        of(&whole, &[], groups).unwrap().terms.stages.into_iter().map(|stage| stage.after).collect()
    };
    assert_eq!(after(&[1, 3]), [vec![], vec![0]]);
    assert_eq!(after(&[1, 4]), [vec![], vec![0]]);
    assert_eq!(after(&[1, 2, 5]), [vec![], vec![0], vec![0, 1]]);
    assert_eq!(after(&[3, 5]), [vec![], vec![0]]);
}

#[test]
fn what_cannot_stand_alone_is_refused_with_what_to_do() {
    let refused = |groups: &[u8]| of(&whole(), &lists(), groups).unwrap_err();
    assert_eq!(refused(&[]).to_string(), "no group is chosen: name the groups to accept, of 1, 2 and 3");
    assert_eq!(refused(&[1, 2, 3]), PartError::Everything);
    assert_eq!(refused(&[1, 7]).to_string(), "no leg is in group 7: name groups of 1, 2 and 3");
    let one = Leg { group: 1, ..leg(US, Category::Person, Quantity::Count(2)) };
    let bound = Leg { group: 0, ..leg(THEM, Category::Person, Quantity::Count(2)) };
    assert_eq!(of(&offer(vec![one.clone(), bound], &[]), &[], &[1]), Err(PartError::Inseparable(2)));
    let ratio = Quantity::Ratio { give: 1, per: 1, leg: 0, rounding: Rounding::Down };
    let two = Leg { group: 2, ..leg(THEM, Category::Person, ratio) };
    let error = of(&offer(vec![one, two], &[]), &[], &[2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "leg 2 is a ratio of leg 1, which is in group 1: choose group 1 too, or make a counter-offer with a number in \
         leg 2"
    );
}

#[test]
fn lists_of_another_offer_are_refused() {
    let mut others = lists();
    assert_eq!(
        of(&whole(), &others[..2], &[1]),
        Err(PartError::Lists(BodyError::ListCount { found: 2, named: 3 }))
    );
    others[1] = soldiers("D", 2);
    assert_eq!(of(&whole(), &others, &[1]), Err(PartError::Lists(BodyError::ListMismatch(2))));
}
