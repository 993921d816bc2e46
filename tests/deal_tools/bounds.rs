//! Terms at their limits: each is allowed to its last, and what is reckoned from numbers is rounded as it says.

use crate::build::{leg, named, offer, offer_of, soldiers, text};
use truceline::deal::body::{Offer, OfferBody};
use truceline::deal::date::Date;
use truceline::deal::formula::Formula::{self, Counts, Package, Remains, Unilateral};
use truceline::deal::formula::formulas;
use truceline::deal::pledge::{Condition, End, Frame, Obligation};
use truceline::deal::stage::{Abort, Order, Stage, Window};
use truceline::deal::terms::{Ages, Category, Criteria, Firmness, Leg, Quantity, Rounding, Terms};
use truceline::deal::terms_rules::{MOMENT_MAX, SPAN_SECS_MAX};
use truceline::party::role::Role::{self, Inviter, Joiner};
use truceline::time::UnixMillis;

fn counts(giver: Role, category: Category, count: u32) -> Leg {
    leg(giver, category, Quantity::Count(count))
}

fn is_allowed(terms: Terms) -> bool {
    let body = OfferBody {
        base: 0,
        parent: None,
        frame: None,
        firmness: Firmness::Firm,
        valid_until: None,
        terms,
        lists: Vec::new(),
    };
    Offer::join(body, &[]).is_ok()
}

fn one_leg() -> Terms {
    Terms { legs: vec![counts(Inviter, Category::Person, 1)], ..Terms::default() }
}

#[test]
fn the_last_moment_of_the_calendar_and_the_longest_span_are_allowed_and_nothing_past_them() {
    let past = UnixMillis(MOMENT_MAX.0 + 1);
    let stage = |to| Stage {
        name: None,
        after: Vec::new(),
        place: None,
        window: Some(Window { from: UnixMillis(1), to }),
        corridor: None,
        order: Order::Simultaneous,
        abort: Abort::Stop,
    };
    let staged = |to| {
        let mut terms = Terms { stages: vec![stage(to)], ..one_leg() };
        terms.legs[0].stage = Some(0);
        is_allowed(terms)
    };
    assert_eq!([staged(MOMENT_MAX), staged(past)], [true, false]);
    let condition = |end| {
        let lines = Vec::new();
        let condition = Condition {
            leg: 0,
            lines,
            obligation: Obligation::NoArms,
            text: None,
            end,
            monitor: None,
            consequence: text("return"),
        };
        is_allowed(Terms { conditions: vec![condition], ..one_leg() })
    };
    assert_eq!([condition(End::Until(MOMENT_MAX)), condition(End::Until(past))], [true, false]);
    assert_eq!([SPAN_SECS_MAX, SPAN_SECS_MAX + 1].map(|span| condition(End::Seconds(span))), [true, false]);
    let frame = |until, every| is_allowed(Terms { frame: Some(Frame { until, every }), ..one_leg() });
    assert_eq!([frame(MOMENT_MAX, 0), frame(past, 0)], [true, false]);
    assert_eq!([frame(MOMENT_MAX, SPAN_SECS_MAX), frame(MOMENT_MAX, SPAN_SECS_MAX + 1)], [true, false]);
    assert_eq!(SPAN_SECS_MAX, 3_155_760_000, "100 years");
}

#[test]
fn ages_may_be_one_year_alone() {
    let on = Date::parse("2031-05-01").unwrap();
    assert_eq!((on.year(), on.month(), on.day()), (2031, Some(5), Some(1)));
    let aged = |from, to| {
        let ages = Some(Ages { from, to, on });
        let mut terms = one_leg();
        terms.legs[0].criteria = Some(Criteria { ages, health: Vec::new(), status: Vec::new(), sex: None });
        is_allowed(terms)
    };
    assert_eq!([aged(60, 60), aged(61, 60)], [true, false]);
}

#[test]
fn a_ratio_is_rounded_as_it_says() {
    for (count, give, per, rounding, number) in [
        (5, 1, 2, Rounding::Nearest, 3),
        (7, 1, 3, Rounding::Nearest, 2),
        (8, 1, 3, Rounding::Nearest, 3),
        (8, 1, 3, Rounding::Down, 2),
        (7, 1, 3, Rounding::Up, 3),
        (4, 3, 2, Rounding::Nearest, 6),
    ] {
        let hangs = leg(Joiner, Category::Person, Quantity::Ratio { give, per, leg: 0, rounding });
        let offer = offer(vec![counts(Inviter, Category::Person, count), hangs], &[]);
        assert_eq!(offer.number(&offer.legs()[1]), number, "{count} * {give} / {per}, {rounding:?}");
    }
}

#[test]
fn unequal_numbers_are_a_package_by_their_least_and_by_their_most() {
    let of = |legs: Vec<Leg>| formulas(&offer(legs, &[]));
    let three = |giver| counts(giver, Category::Person, 3);
    assert_eq!(of(vec![three(Inviter), three(Joiner)]), [Counts]);
    assert_eq!(of(vec![three(Inviter)]), [Counts, Unilateral]);
    assert_eq!(of(vec![three(Inviter), counts(Joiner, Category::Person, 2)]), [Counts, Package]);
    let from = |giver, least, most| leg(giver, Category::Person, Quantity::Estimate { least, most });
    assert_eq!(of(vec![from(Inviter, 2, 5), from(Joiner, 3, 5)]), [Counts, Package]);
    assert_eq!(of(vec![from(Inviter, 2, 5), from(Joiner, 2, 4)]), [Counts, Package]);
    let dead = counts(Joiner, Category::Remains, 3);
    let found: Vec<Formula> = of(vec![three(Inviter), dead]);
    assert!(found.contains(&Package) && found.contains(&Remains), "{found:?}");
    let list = soldiers("Lys", 2);
    let named =
        offer_of(Terms { legs: vec![named(Inviter, Category::Person, 0)], ..Terms::default() }, &[list]);
    assert_eq!(formulas(&named), [Formula::NamedPersons, Unilateral]);
}

#[test]
fn a_span_is_written_in_the_largest_unit_that_it_is_a_whole_number_of() {
    let written = |every| {
        let frame = Some(Frame { until: MOMENT_MAX, every });
        let offer = offer_of(Terms { frame, ..one_leg() }, &[]);
        let toml = truceline::deal::write::proposal_to_toml(&offer, Inviter);
        let line = toml.lines().find(|line| line.starts_with("every")).map(str::to_owned);
        line.unwrap_or_default()
    };
    let spans = [0, 1, 61, 60, 3_660, 3_600, 90_000, 86_400, 172_800];
    let said =
        ["", "1 seconds", "61 seconds", "1 minutes", "61 minutes", "1 hours", "25 hours", "1 days", "2 days"];
    for (span, said) in spans.into_iter().zip(said) {
        let line = if said.is_empty() { String::new() } else { format!("every = \"{said}\"") };
        assert_eq!(written(span), line);
    }
}
