//! What differs between two offers.

use crate::build::{bags, leg, named, offer, offer_of, persons, soldiers, text};
use truceline::deal::body::Offer;
use truceline::deal::change::{Changes, LegChange, changes};
use truceline::deal::stage::{Abort, Order, Stage};
use truceline::deal::terms::{Category, Leg, Quantity, Terms};
use truceline::party::role::Role;

const US: Role = Role::Inviter;
const THEM: Role = Role::Joiner;

fn lines(old: &Offer, new: &Offer) -> Vec<String> {
    let side = |role: Role| if role == US { "Velmara" } else { "Tarrun" }.to_owned();
    changes(old, new).lines(old, new, &side)
}

#[test]
fn the_same_offer_differs_in_nothing() {
    let make = || offer(vec![named(US, Category::Person, 0)], &[soldiers("A", 5)]);
    assert_eq!(changes(&make(), &make()), Changes::default());
    assert!(changes(&make(), &make()).is_empty());
}

#[test]
fn persons_who_come_go_and_change_are_told_apart() {
    let head = "surname,birth_date,service_number,health\n";
    let old =
        persons(&format!("{head}Adam,1990,7,good\nBrandt,1991,,good\nČermák,1992,9,good\nDahl,1993,,\n"));
    let new = persons(&format!("{head}Dahl,1993,,\nBrandt,1991,8,good\nEide,1994,,\nADAM,1990,7,sick\n"));
    let (old, new) = (
        offer(vec![named(US, Category::Person, 0)], &[old]),
        offer(vec![named(US, Category::Person, 0)], &[new]),
    );
    let found = changes(&old, &new);
    let [LegChange::Changed { persons, fields, .. }] = &found.legs[..] else { panic!("{found:?}") };
    assert!(fields.is_empty(), "{fields:?}");
    assert_eq!((&persons.added[..], &persons.removed[..]), (&[2][..], &[2][..]));
    let pairs: Vec<_> = persons.changed.iter().map(|it| (it.old, it.new)).collect();
    assert_eq!(pairs, [(1, 1), (0, 3)]);
    assert_eq!(
        lines(&old, &new),
        [
            "leg 1: removed: Čermák",
            "leg 1: added as line 3: Eide",
            "leg 1, line 2, Brandt: service number: not given -> 8",
            "leg 1, line 4, ADAM: surname: Adam -> ADAM; health: good -> sick",
        ]
    );
}

#[test]
fn a_leg_that_moves_to_another_stage_is_told_by_the_stages_number() {
    let stage = Stage {
        name: None,
        after: Vec::new(),
        place: None,
        window: None,
        corridor: None,
        order: Order::Simultaneous,
        abort: Abort::Stop,
    };
    let of = |at: u8| {
        let on =
            |giver, at| Leg { stage: Some(at), ..leg(giver, Category::PrisonerOfWar, Quantity::Count(2)) };
        let legs = vec![on(US, at), on(THEM, 1 - at)];
        offer_of(Terms { legs, stages: vec![stage.clone(), stage.clone()], ..Terms::default() }, &[])
    };
    let told = lines(&of(0), &of(1));
    assert!(told.contains(&"leg 1: stage: 1 -> 2".to_owned()), "{told:?}");
}

#[test]
fn legs_are_found_by_place_then_by_giver_and_category() {
    let counted = |giver, category, count| leg(giver, category, Quantity::Count(count));
    let old = offer(
        vec![
            counted(US, Category::PrisonerOfWar, 10),
            counted(THEM, Category::CivilianInternee, 4),
            counted(THEM, Category::PrisonerOfWar, 10),
        ],
        &[],
    );
    let new = offer(
        vec![
            counted(US, Category::PrisonerOfWar, 12),
            Leg { tolerance: 2, ..counted(THEM, Category::PrisonerOfWar, 10) },
            leg(US, Category::WoundedOrSick, Quantity::Estimate { least: 5, most: 8 }),
        ],
        &[],
    );
    assert_eq!(
        lines(&old, &new),
        [
            "Velmara gives prisoner of war: 10 -> 12",
            "Velmara gives wounded or sick: 0 -> 5 to 8",
            "Tarrun gives civilian internee: 4 -> 0",
            "leg 1: number: 10 -> 12",
            "leg 2 (before: leg 3): tolerance: 0 -> 2",
            "leg 3: added: Velmara gives an estimate of 5 to 8, wounded or sick",
            "leg 2 before: removed: Tarrun gives 4, civilian internee",
        ]
    );
    // All of a category is open above, and never shown as a number.
    let all = offer(vec![leg(US, Category::PrisonerOfWar, Quantity::All { least: 3 })], &[]);
    assert!(lines(&old, &all).contains(&"Velmara gives prisoner of war: 10 -> at least 3".to_owned()));
}

fn one_of() -> truceline::statement::list::List {
    bags("bag,extent\nK-1,whole\nK-2,\n")
}

#[test]
fn bags_and_the_rest_of_the_terms_are_told_too() {
    let (one, two) = (bags("bag,extent\nK-1,whole\nK-2,\n"), bags("bag,extent\nK-1,partial\nK-2,\n"));
    let legs = || vec![named(US, Category::Remains, 0)];
    let old = offer(legs(), &[one]);
    let new = offer_of(Terms { legs: legs(), remarks: Some(text("…")), ..Terms::default() }, &[two]);
    assert_eq!(lines(&old, &new), ["leg 1, line 1, K-1: extent: whole -> partial", "remarks: added"]);
    let bare = offer(legs(), &[bags("bag,extent\nK-1,whole\nK-2,\n")]);
    assert!(changes(&old, &bare).is_empty());
    let said = offer_of(Terms { legs: legs(), remarks: Some(text("…")), ..Terms::default() }, &[one_of()]);
    assert!(!changes(&old, &said).is_empty(), "terms alone");
    assert!(!changes(&old, &new).is_empty());
    let more = |count| offer(vec![leg(US, Category::PrisonerOfWar, Quantity::Count(count))], &[]);
    assert!(!changes(&more(1), &more(2)).is_empty(), "a number alone");
}

#[test]
fn twenty_thousand_lines_are_compared() {
    let many = |name| offer(vec![named(US, Category::Person, 0)], &[soldiers(name, 20_000)]);
    let (old, new) = (many("A"), many("B"));
    let found = changes(&old, &new);
    let [LegChange::Changed { persons, .. }] = &found.legs[..] else { panic!("{:?}", found.legs.len()) };
    assert_eq!((persons.added.len(), persons.removed.len()), (20_000, 20_000));
}

#[test]
fn conditions_are_told_by_their_place_and_a_group_from_1() {
    use truceline::deal::pledge::{Condition, End, Obligation};
    let condition = |obligation| Condition {
        leg: 0,
        lines: Vec::new(),
        obligation,
        text: None,
        end: End::Seconds(60),
        consequence: text("they are asked back"),
        monitor: None,
    };
    let with = |conditions: Vec<Condition>, group| {
        let one = Leg { group, ..leg(US, Category::PrisonerOfWar, Quantity::Count(2)) };
        offer_of(Terms { legs: vec![one], conditions, ..Terms::default() }, &[])
    };
    let (arms, other) = (condition(Obligation::NoArms), condition(Obligation::Report));
    let told = |old: &[&Condition], new: &[&Condition]| {
        let of = |it: &[&Condition]| with(it.iter().map(|it| (*it).clone()).collect(), 0);
        lines(&of(old), &of(new))
    };
    assert_eq!(told(&[&arms], &[&arms]), [""; 0]);
    assert_eq!(told(&[], &[&arms]), ["condition: added"]);
    assert_eq!(told(&[&arms], &[]), ["condition: removed"]);
    assert_eq!(told(&[&arms], &[&other]), ["condition: changed"]);
    assert_eq!(told(&[&arms, &arms], &[&arms, &other]), ["condition 2: changed"]);
    assert_eq!(lines(&with(Vec::new(), 0), &with(Vec::new(), 1)), ["leg 1: group: not given -> 1"]);
}

#[test]
fn legs_alike_are_compared_place_by_place_and_a_leg_of_the_other_giver_is_another() {
    let two = |legs: [(Role, u32); 2]| {
        offer(
            legs.map(|(giver, count)| leg(giver, Category::PrisonerOfWar, Quantity::Count(count))).into(),
            &[],
        )
    };
    let [same, again] = [(); 2].map(|()| two([(US, 10), (US, 20)]));
    assert!(changes(&same, &again).is_empty());
    let one = |giver, tolerance| {
        let counts = leg(giver, Category::PrisonerOfWar, Quantity::Count(10));
        offer(vec![Leg { tolerance, ..counts }], &[])
    };
    assert!(!changes(&one(US, 0), &one(US, 1)).is_empty(), "a tolerance alone");
    let [first, second] = [US, THEM].map(|giver| one(giver, 0));
    let told = lines(&first, &second);
    let ends = [
        "leg 1: added: Tarrun gives 10, prisoner of war",
        "leg 1 before: removed: Velmara gives 10, prisoner of war",
    ];
    assert!(ends.iter().all(|end| told.iter().any(|it| it == end)), "{told:?}");
    let list = |count| offer(vec![named(US, Category::Person, 0)], &[soldiers("A", count)]);
    assert!(!changes(&list(1), &list(2)).is_empty() && !changes(&list(2), &list(1)).is_empty());
    assert!(lines(&list(1), &list(2)).iter().any(|it| it.contains("A 2")));
}
