//! What both sides' lines come to.

use crate::build::{NOW, bags, leg, named, notice, offer, record, soldiers, text};
use truceline::deal::body::Offer;
use truceline::deal::discrepancy::{Discrepancy, Finding, discrepancy};
use truceline::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject};
use truceline::deal::person::Line;
use truceline::deal::terms::{Category, Leg, Quantity, Rounding, Substitution};
use truceline::party::role::Role;
use truceline::time::UnixMillis;

const US: Role = Role::Inviter;
const THEM: Role = Role::Joiner;

fn said(subject: Subject, outcome: Outcome) -> HandoverLine {
    HandoverLine {
        subject,
        outcome,
        cause: Cause::Unknown,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    }
}

fn listed(line: u32, outcome: Outcome) -> HandoverLine {
    said(Subject::Listed { leg: 0, line }, outcome)
}

fn counted(leg: u16, number: u32, outcome: Outcome) -> HandoverLine {
    said(Subject::Counted { leg, number }, outcome)
}

fn computed(offer: &Offer, ours: &[HandoverLine], theirs: &[HandoverLine]) -> Discrepancy {
    let [ours, theirs] = [ours, theirs].map(|lines| lines.iter().collect::<Vec<_>>());
    discrepancy(offer, [&ours, &theirs], &[])
}

fn ten() -> Offer {
    offer(vec![named(US, Category::SeriouslyWounded, 0)], &[soldiers("A", 10)])
}

/// Five of ten came, and five others.
fn five_and_five() -> Vec<HandoverLine> {
    let others = soldiers("X", 5);
    let came = (0..5).map(|line| listed(line, Outcome::Delivered));
    let missing = (5..10).map(|line| listed(line, Outcome::NotDelivered));
    let surplus =
        (0..5).map(|line| said(Subject::Unlisted { leg: 0, who: record(&others, line) }, Outcome::Surplus));
    came.chain(missing).chain(surplus).collect()
}

#[test]
fn ten_agreed_five_of_them_and_five_others_came() {
    let lines = five_and_five();
    let found = computed(&ten(), &lines, &lines);
    assert_eq!(found.legs[0].to_string(), "5 not delivered, 5 surplus, cause unknown");
    let account = found.legs[0].account(THEM);
    assert_eq!((account.delivered, account.not_reported, account.fulfilled), (5, 0, false));
    assert_eq!(found.totals(US)[&Outcome::Surplus], 5);
    let asked = 10..=10;
    let not = |by| Finding::NotFulfilled { by, delivered: 5, asked: asked.clone(), ratio: false };
    assert_eq!(found.legs[0].findings, [not(US), not(THEM)]);

    // The giver says that all went well.
    let all: Vec<_> = (0..10).map(|line| listed(line, Outcome::Delivered)).collect();
    let found = computed(&ten(), &all, &lines);
    assert_eq!(
        found.legs[0].to_string(),
        "the giver says: as agreed; the receiver says: 5 not delivered, 5 surplus, cause unknown"
    );
    let sentences: Vec<String> =
        found.legs[0].findings.iter().map(|finding| found.legs[0].finding(finding)).collect();
    assert_eq!(
        sentences,
        [
            "5 on no list: the giver says nothing, the receiver surplus: compare what shows it",
            "lines 6-10: the giver says delivered as listed, the receiver not delivered: compare what shows it",
            "the receiver: 5 delivered, and the leg asks for 10: agree on what makes it good",
        ]
    );
    assert!(!found.is_none());
    assert!(computed(&ten(), &all, &all).is_none());
}

#[test]
fn what_a_side_did_not_say_is_not_reported_and_never_guessed() {
    let some: Vec<_> = (0..7).map(|line| listed(line, Outcome::Delivered)).collect();
    let found = computed(&ten(), &some, &[]);
    assert_eq!(found.legs[0].sentence(US), "3 not reported");
    assert_eq!(found.legs[0].sentence(THEM), "nothing reported");
    assert_eq!(found.legs[0].findings[0], Finding::Silent(THEM));
    let nothing = computed(&ten(), &[], &[]);
    assert!(nothing.legs[0].findings.is_empty() && !nothing.is_none());
    assert_eq!(nothing.legs[0].account(US).not_reported, 10);
}

#[test]
fn a_later_line_takes_the_place_of_an_earlier_one_on_the_same_subject() {
    let who = record(&soldiers("X", 1), 0);
    let unlisted = |outcome| said(Subject::Unlisted { leg: 0, who: who.clone() }, outcome);
    let mut lines: Vec<_> = (0..10).map(|line| listed(line, Outcome::NotDelivered)).collect();
    lines.extend((0..10).map(|line| listed(line, Outcome::Delivered)));
    lines.extend([unlisted(Outcome::Surplus), unlisted(Outcome::Duplicate)]);
    let found = computed(&ten(), &lines, &lines);
    assert_eq!(found.legs[0].to_string(), "1 duplicate, cause unknown");
    assert_eq!(found.legs[0].findings, [Finding::DuplicateOfWhat(US, 1), Finding::DuplicateOfWhat(THEM, 1)]);
    assert_eq!(found.totals(US)[&Outcome::Delivered], 10);

    let count = offer(vec![leg(US, Category::Person, Quantity::Count(10))], &[]);
    let lines = [
        counted(0, 6, Outcome::Delivered),
        counted(0, 4, Outcome::Refused),
        counted(0, 10, Outcome::Delivered),
    ];
    let totals = computed(&count, &lines, &[]).totals(US);
    assert_eq!((totals[&Outcome::Delivered], totals[&Outcome::Refused]), (10, 4));
}

#[test]
fn twenty_of_1212_bags_hold_the_receivers_enemys_own_and_two_hold_one_person() {
    let mut csv = "bag\n".to_owned();
    (1..=1_212).for_each(|n| csv.push_str(&format!("K-{n}\n")));
    let offer = offer(vec![named(US, Category::Remains, 0)], &[bags(&csv)]);
    let mut theirs: Vec<_> = (0..1_192).map(|line| listed(line, Outcome::Delivered)).collect();
    theirs.extend((1_192..1_212).map(|line| listed(line, Outcome::OwnSide)));
    let own: Vec<_> = (0..1_212).map(|line| listed(line, Outcome::Delivered)).collect();
    let found = computed(&offer, &own, &theirs);
    assert_eq!(found.legs[0].sentence(THEM), "20 own-side remains, cause unknown");
    let differ = Finding::Differ {
        giver: Some(Outcome::Delivered),
        receiver: Some(Outcome::OwnSide),
        lines: (1_192..1_212).collect(),
        unlisted: 0,
    };
    assert_eq!(found.legs[0].findings[0], differ);

    let double = HandoverLine { detail: Some(text("K-1")), ..listed(1, Outcome::Duplicate) };
    let commingled = HandoverLine { remedy: Remedy::Examine, ..listed(2, Outcome::Commingled) };
    theirs.extend([double, commingled]);
    let found = computed(&offer, &own, &theirs);
    assert_eq!(found.legs[0].sentence(THEM), "20 own-side remains, 1 commingled, 1 duplicate, cause unknown");
    assert_eq!(found.remedies[0].to_string(), "leg 1: examine of 1");
    assert!(!found.legs[0].findings.iter().any(|it| matches!(it, Finding::DuplicateOfWhat(..))));
}

#[test]
fn counts_are_compared_by_number_and_held_within_the_tolerance() {
    let make = |tolerance| {
        offer(vec![Leg { tolerance, ..leg(THEM, Category::PrisonerOfWar, Quantity::Count(38)) }], &[])
    };
    let (ours, theirs) = ([counted(0, 36, Outcome::Delivered)], [counted(0, 38, Outcome::Delivered)]);
    let found = computed(&make(2), &ours, &theirs);
    let differ = Finding::CountsDiffer { outcome: Outcome::Delivered, giver: 38, receiver: 36 };
    assert_eq!(found.legs[0].findings, [differ]);
    assert!(found.legs[0].account(US).fulfilled);
    assert_eq!(found.legs[0].sentence(US), "2 not reported");
    assert!(!computed(&make(1), &ours, &theirs).legs[0].account(US).fulfilled);
    // More than was agreed is not as agreed either.
    let more = computed(&make(1), &[counted(0, 40, Outcome::Delivered)], &[]);
    assert_eq!(more.legs[0].sentence(US), "40 delivered, which is not what was agreed");
    let all = offer(vec![leg(THEM, Category::PrisonerOfWar, Quantity::All { least: 10 })], &[]);
    assert!(computed(&all, &[counted(0, 4_000, Outcome::Delivered)], &[]).legs[0].account(US).fulfilled);
}

#[test]
fn a_number_hides_no_difference_by_name() {
    let all: Vec<_> = (0..10).map(|line| listed(line, Outcome::Delivered)).collect();
    let mut theirs = all.clone();
    theirs[3].outcome = Outcome::NotDelivered;
    theirs[4].outcome = Outcome::Died;
    let one = [counted(0, 1, Outcome::Surplus)];
    let differ = |receiver, line| Finding::Differ {
        giver: Some(Outcome::Delivered),
        receiver: Some(receiver),
        lines: vec![line],
        unlisted: 0,
    };
    for (ours, theirs) in [
        ([&all[..], &one].concat(), [&theirs[..], &one].concat()),
        ([&all[..], &one].concat(), theirs.clone()),
    ] {
        let found = computed(&ten(), &ours, &theirs);
        for expected in [differ(Outcome::NotDelivered, 3), differ(Outcome::Died, 4)] {
            assert!(found.legs[0].findings.contains(&expected), "{:?}", found.legs[0].findings);
        }
        let counts = Finding::CountsDiffer { outcome: Outcome::Delivered, giver: 10, receiver: 8 };
        assert!(found.legs[0].findings.contains(&counts), "{:?}", found.legs[0].findings);
    }
}

#[test]
fn a_bag_among_persons_and_a_person_among_remains_do_not_count() {
    let bag = record(&bags("bag\nK-1\n"), 0);
    let person = record(&soldiers("X", 1), 0);
    let unlisted = |leg, who: &Line| said(Subject::Unlisted { leg, who: who.clone() }, Outcome::Delivered);
    let legs =
        vec![leg(US, Category::Person, Quantity::Count(1)), leg(US, Category::Remains, Quantity::Count(1))];
    let offer = offer(legs, &[]);
    let wrong = [unlisted(0, &bag), unlisted(1, &person)];
    let found = computed(&offer, &wrong, &wrong);
    assert_eq!(found.strays, [2, 2]);
    assert!(found.legs.iter().all(|leg| !leg.account(US).fulfilled && leg.account(US).delivered == 0));
    assert!(
        found
            .to_string()
            .contains("4 lines are of a leg or a line that was not agreed, of a bag among persons")
    );
    let right = [unlisted(0, &person), unlisted(1, &bag)];
    assert!(computed(&offer, &right, &right).is_none());
}

#[test]
fn a_ratio_is_held_by_what_each_side_says_of_both_legs() {
    let ratio = Quantity::Ratio { give: 3, per: 2, leg: 0, rounding: Rounding::Down };
    let legs = vec![leg(US, Category::Person, Quantity::Count(10)), leg(THEM, Category::Person, ratio)];
    let offer = offer(legs, &[]);
    let lines =
        |first, second| [counted(0, first, Outcome::Delivered), counted(1, second, Outcome::Delivered)];
    let found = computed(&offer, &lines(8, 12), &lines(10, 12));
    assert!(found.legs[1].account(US).fulfilled);
    assert!(!found.legs[0].account(US).fulfilled);
    let broken = Finding::NotFulfilled { by: THEM, delivered: 12, asked: 15..=15, ratio: true };
    assert_eq!(found.legs[1].findings, [broken]);
    assert!(computed(&offer, &lines(10, 15), &lines(10, 15)).is_none());
}

#[test]
fn substitutes_count_only_where_the_leg_allows_them() {
    let make = |substitution| {
        offer(vec![Leg { substitution, ..named(US, Category::Person, 0) }], &[soldiers("A", 2)])
    };
    let lines = [listed(0, Outcome::Delivered), listed(1, Outcome::Substituted)];
    let allowed = computed(&make(Substitution::SameCategory), &lines, &lines);
    assert!(allowed.legs[0].account(US).fulfilled && allowed.legs[0].findings.is_empty());
    let refused = computed(&make(Substitution::None), &lines, &lines);
    assert!(!refused.legs[0].account(US).fulfilled);
    assert!(refused.legs[0].findings.contains(&Finding::SubstitutionNotAllowed(THEM, 1)));
    // Who is on no list fulfils nothing by being called delivered.
    let who = record(&soldiers("X", 1), 0);
    let slipped =
        [listed(0, Outcome::Delivered), said(Subject::Unlisted { leg: 0, who }, Outcome::Delivered)];
    let found = computed(&make(Substitution::None), &slipped, &[]);
    assert_eq!(found.legs[0].account(US).delivered, 1);
    assert!(found.legs[0].findings.contains(&Finding::DeliveredUnlisted(US, 1)));
}

#[test]
fn a_third_country_needs_a_notice_that_covers_the_line() {
    let offer = ten();
    let moved = |line| HandoverLine { cause: Cause::ThirdCountry, ..listed(line, Outcome::NotDelivered) };
    let lines = [moved(2), moved(5), listed(0, Outcome::Delivered)];
    let lines: Vec<&HandoverLine> = lines.iter().collect();
    let with = |notice: Option<(u16, &[u32])>| {
        let notice = notice.map(|(leg, lines)| notice_of(leg, lines));
        let found = discrepancy(&offer, [&lines, &[]], &notice.iter().collect::<Vec<_>>());
        found.legs[0].findings.iter().find_map(|it| match it {
            Finding::ThirdCountryWithoutNotice(lines, others) => Some((lines.clone(), *others)),
            _ => None,
        })
    };
    assert_eq!(with(None), Some((vec![2, 5], 0)));
    assert_eq!(with(Some((0, &[2]))), Some((vec![5], 0)));
    assert_eq!(with(Some((0, &[]))), None);
    assert_eq!(with(Some((1, &[]))), Some((vec![2, 5], 0)));
}

#[test]
fn who_is_on_no_list_and_was_moved_is_counted_and_said_in_words() {
    let moved = |number, outcome| HandoverLine { cause: Cause::ThirdCountry, ..counted(0, number, outcome) };
    let some = |third_country: Option<&str>| {
        let count = leg(US, Category::PrisonerOfWar, Quantity::Count(10));
        offer(vec![Leg { third_country: third_country.map(text), ..count }], &[])
    };
    let of = |offer: &Offer, lines: &[HandoverLine]| {
        let found = computed(offer, lines, &[]);
        let leg = &found.legs[0];
        let about = |it: &&Finding| matches!(it, Finding::ThirdCountryWithoutNotice(..));
        leg.findings.iter().find(about).map(|it| leg.finding(it))
    };
    let both = [moved(3, Outcome::NotDelivered), moved(2, Outcome::Refused)];
    assert!(of(&some(None), &both).unwrap().contains("5 on no list"));
    assert!(of(&some(Some("Norland")), &[]).unwrap().contains("10 on no list"));
    assert_eq!(of(&some(None), &[counted(0, 3, Outcome::NotDelivered)]), None);
    let named = Leg { third_country: Some(text("Norland")), ..named(US, Category::PrisonerOfWar, 0) };
    let said = of(&offer(vec![named], &[soldiers("A", 2)]), &[]).unwrap();
    assert!(said.contains("lines 1-2") && !said.contains("on no list"), "{said}");
}

#[test]
fn what_a_leg_asks_for_is_said_as_a_number_a_range_or_a_least() {
    let asked = |quantity, tolerance| {
        let legs = vec![Leg { tolerance, ..leg(US, Category::PrisonerOfWar, quantity) }];
        let found = computed(&offer(legs, &[]), &[counted(0, 1, Outcome::Delivered)], &[]);
        let leg = &found.legs[0];
        leg.findings.iter().map(|it| leg.finding(it)).collect::<Vec<_>>().join("\n")
    };
    for (quantity, tolerance, words) in [
        (Quantity::Count(10), 0, "asks for 10:"),
        (Quantity::Count(10), 1, "asks for 9 to 11:"),
        (Quantity::All { least: 80 }, 0, "asks for at least 80:"),
    ] {
        let said = asked(quantity, tolerance);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn the_tolerance_of_a_ratio_goes_both_ways() {
    let ratio = Quantity::Ratio { give: 1, per: 2, leg: 0, rounding: Rounding::Down };
    let legs = vec![
        leg(US, Category::PrisonerOfWar, Quantity::Count(10)),
        Leg { tolerance: 1, ..leg(THEM, Category::PrisonerOfWar, ratio) },
    ];
    let offer = offer(legs, &[]);
    let fulfilled = [3, 4, 5, 6, 7].map(|came| {
        let lines = [counted(0, 10, Outcome::Delivered), counted(1, came, Outcome::Delivered)];
        computed(&offer, &lines, &[]).legs[1].account(US).fulfilled
    });
    assert_eq!(fulfilled, [false, true, true, true, false]);
}

#[test]
fn surplus_is_not_reported_of_those_agreed_and_no_stray_is_told_where_there_is_none() {
    let ten = offer(vec![leg(US, Category::PrisonerOfWar, Quantity::Count(10))], &[]);
    let lines = [counted(0, 5, Outcome::Delivered), counted(0, 3, Outcome::Surplus)];
    let found = computed(&ten, &lines, &[]);
    assert_eq!(found.legs[0].account(US).not_reported, 5);
    assert!(!found.to_string().contains("do not count"), "{found}");
}

fn notice_of(leg: u16, lines: &[u32]) -> truceline::deal::handover::TransferNotice {
    notice(leg, lines)
}

#[test]
fn remedies_are_added_up_and_overdue_after_their_deadline() {
    let asked = |line, deadline| HandoverLine {
        remedy: Remedy::Deliver,
        deadline,
        ..listed(line, Outcome::NotDelivered)
    };
    let later = Some(UnixMillis(NOW.0 + 1));
    let lines = [asked(0, Some(NOW)), asked(1, Some(NOW)), asked(2, later), asked(3, None)];
    let found = computed(&ten(), &[], &lines);
    let overdue: Vec<String> = found.overdue(UnixMillis(NOW.0 + 1)).map(ToString::to_string).collect();
    assert_eq!(overdue, ["leg 1: deliver later of 2, by 2031-05-01T00:00:00Z"]);
    assert_eq!(found.overdue(NOW).count(), 0);
    assert_eq!(found.remedies.len(), 3);
}

#[test]
fn causes_that_differ_stand_with_their_numbers_and_strays_do_not_count() {
    let withheld = HandoverLine { cause: Cause::Withheld, ..listed(0, Outcome::NotDelivered) };
    let lines =
        [withheld, listed(1, Outcome::Died), listed(10, Outcome::Died), counted(1, 1, Outcome::Delivered)];
    let found = computed(&ten(), &lines, &[]);
    assert_eq!(
        found.legs[0].sentence(US),
        "1 not delivered (withheld), 1 died (cause unknown), 8 not reported"
    );
    assert_eq!(found.strays, [2, 0]);
}

#[test]
fn twenty_thousand_lines_of_each_side_are_compared() {
    let offer = offer(vec![named(US, Category::Person, 0)], &[soldiers("A", 20_000)]);
    let other = |line: u32| if line.is_multiple_of(2) { Outcome::Delivered } else { Outcome::NotDelivered };
    let lines: Vec<_> = (0..20_000).map(|line| listed(line, other(line))).collect();
    let own: Vec<_> = (0..20_000).map(|line| listed(line, Outcome::Delivered)).collect();
    let found = computed(&offer, &own, &lines);
    assert_eq!(found.legs[0].sentence(THEM), "10000 not delivered, cause unknown");
}
