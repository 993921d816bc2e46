//! Whom a mandate's `who` finds in a leg: in one that counts by what its category can hold, in a list line by line.

use crate::build::{bags, leg, named, offer, persons, record};
use truceline::deal::mandate::who::{Match, Way, Who};
use truceline::deal::person::{Health, Status};
use truceline::deal::terms::{Category, Criteria, Leg, Quantity, Selection};
use truceline::party::role::Role::Inviter;
use truceline::statement::list::List;

/// `y` where it finds somebody, `?` where the offer does not say, `-` where it finds nobody.
fn found(who: &Who, leg: &Leg, lists: &[List]) -> char {
    match who.count(&offer(vec![leg.clone()], lists), Way::Give, Inviter).any {
        Match::Yes => 'y',
        Match::Maybe => '?',
        Match::No => '-',
    }
}

/// Whether each category is found, in the order of their numbers.
fn by_category(leg: &Leg, lists: &[List]) -> String {
    let who = |category: &Category| Who { category: vec![*category], ..Who::default() };
    Category::ALL.iter().map(|category| found(&who(category), leg, lists)).collect()
}

fn counts(category: Category) -> Leg {
    leg(Inviter, category, Quantity::Count(3))
}

const NOTHING: Criteria = Criteria { ages: None, health: Vec::new(), status: Vec::new(), sex: None };

fn asking(criteria: Criteria) -> Leg {
    Leg { criteria: Some(criteria), ..counts(Category::Person) }
}

fn healthy(health: &[Health]) -> Who {
    Who { health: health.to_vec(), ..Who::default() }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_leg_that_counts_may_hold_whom_its_category_can() {
    // Wanted: person, prisoner of war, medical, chaplain, internee, unclassified, child, wounded, seriously wounded, dead.
    let expected = [
        "y????????-",
        "yy-----??-",
        "y-y----??-",
        "y--y---??-",
        "y---y-???-",
        "y----y???-",
        "y---??y??-",
        "y??????y?-",
        "y??????yy-",
        "---------y",
    ];
    for (category, expected) in Category::ALL.iter().zip(expected) {
        assert_eq!(by_category(&counts(*category), &[]), expected, "{category}");
    }
}

#[test]
fn criteria_of_status_narrow_whom_a_leg_may_hold_where_each_has_its_category() {
    use Status::{PrisonerOfWar, RetainedMedical, Unknown};
    for (status, expected) in [
        (vec![PrisonerOfWar, RetainedMedical], "y??----??-"),
        (vec![PrisonerOfWar], "yy-----??-"),
        (vec![Unknown, PrisonerOfWar], "y????????-"),
    ] {
        let leg = asking(Criteria { status, ..NOTHING });
        assert_eq!(by_category(&leg, &[]), expected);
    }
}

#[test]
fn a_line_is_of_its_legs_category_or_of_what_its_record_says() {
    for (category, person, expected) in [
        (Category::Person, "prisoner of war,good", "yy--------"),
        (Category::Person, "unknown,unknown", "y????????-"),
        (Category::Person, "child,sick", "y-----yy--"),
        (Category::Person, "deceased,seriously wounded", "y------yy-"),
        (Category::PrisonerOfWar, "unknown,unknown", "yy-----??-"),
        (Category::WoundedOrSick, "unknown,unknown", "y??????y?-"),
        (Category::SeriouslyWounded, "unknown,unknown", "y??????yy-"),
    ] {
        let list = persons(&format!("surname,status,health\nLys,{person}\n"));
        assert_eq!(by_category(&named(Inviter, category, 0), &[list]), expected, "{category}: {person}");
    }
    let bag = bags("bag\nB-1\n");
    assert_eq!(by_category(&named(Inviter, Category::Remains, 0), &[bag]), "---------y");
}

#[test]
fn states_of_health_are_those_of_the_category_or_of_the_criteria() {
    use Health::{Good, SeriouslyWounded, Sick, SlightlyWounded};
    for (category, wanted, expected) in [
        (Category::Person, vec![Sick], '?'),
        (Category::Remains, vec![Sick], '-'),
        (Category::SeriouslyWounded, vec![Sick], '-'),
        (Category::SeriouslyWounded, vec![SeriouslyWounded], 'y'),
        (Category::WoundedOrSick, vec![SeriouslyWounded], '?'),
        (Category::WoundedOrSick, vec![Sick, SlightlyWounded, SeriouslyWounded], 'y'),
        (Category::WoundedOrSick, vec![Good], '-'),
    ] {
        assert_eq!(found(&healthy(&wanted), &counts(category), &[]), expected, "{category}: {wanted:?}");
    }
    let asked = asking(Criteria { health: vec![Good, Sick], ..NOTHING });
    for (wanted, expected) in [(vec![Good], '?'), (vec![Good, Sick], 'y'), (vec![SeriouslyWounded], '-')] {
        assert_eq!(found(&healthy(&wanted), &asked, &[]), expected, "{wanted:?}");
    }
    let unsaid = persons("surname,health\nLys,unknown\nSova,good\n");
    let line = |line: usize| healthy(&[Sick]).fits_line(&counts(Category::Person), &record(&unsaid, line));
    assert_eq!([line(0), line(1)], [Match::Maybe, Match::No]);
}

#[test]
fn a_status_that_is_no_category_may_be_anyones_but_that_of_the_dead() {
    let who = Who { status: vec![Status::Unknown], ..Who::default() };
    assert_eq!(found(&who, &counts(Category::PrisonerOfWar), &[]), '?');
    assert_eq!(found(&who, &counts(Category::Remains), &[]), '-');
}

#[test]
fn a_named_person_may_be_among_those_counted_unless_all_who_are_named_are_excepted() {
    let excepted = [persons("surname,service_number\nLys,A/1\n")];
    let all = Leg { except: Some(0), ..leg(Inviter, Category::Person, Quantity::All { least: 0 }) };
    for (numbers, names, expected) in [
        (vec![], vec!["Lys"], '-'),
        (vec![], vec!["Lys", "Sova"], '?'),
        (vec!["A/1"], vec![], '-'),
        (vec!["A/1", "B/2"], vec![], '?'),
        (vec!["A/1"], vec!["Lys"], '-'),
        (vec!["A/1"], vec!["Sova"], '?'),
        (vec!["B/2"], vec!["Lys"], '?'),
    ] {
        let who = Who { service_number: strings(&numbers), name: strings(&names), ..Who::default() };
        assert_eq!(found(&who, &all, &excepted), expected, "{who}");
    }
    let lys = Who { name: strings(&["Lys"]), ..Who::default() };
    assert_eq!(found(&lys, &counts(Category::Remains), &[]), '-');
    // Whom we choose ourselves may be left out; of all there is nobody to leave out.
    let chosen = |leg: Leg| found(&lys, &Leg { selection: Selection::Holder, ..leg }, &[]);
    assert_eq!(chosen(counts(Category::Person)), '-');
    assert_eq!(chosen(leg(Inviter, Category::Person, Quantity::All { least: 0 })), '?');
}

#[test]
fn the_place_told_is_the_first_of_those_that_match_as_well() {
    let place =
        |legs: Vec<Leg>, lists: &[List]| Who::default().count(&offer(legs, lists), Way::Give, Inviter).first;
    let two = persons("surname\nLys\nSova\n");
    assert_eq!(place(vec![named(Inviter, Category::Person, 0)], &[two]), Some((1, Some(1))));
    assert_eq!(place(vec![counts(Category::Person), counts(Category::Child)], &[]), Some((1, None)));
}

#[test]
fn a_bag_is_found_by_its_category_and_by_nothing_that_only_the_living_have() {
    use truceline::deal::person::{Judicial, Wish};
    let list = [bags("bag\nK-1\n")];
    let dead = named(Inviter, Category::Remains, 0);
    let living = [
        Who { status: vec![Status::PrisonerOfWar], ..Who::default() },
        healthy(&[Health::Good]),
        Who { judicial: vec![Judicial::SentencedToDeath], ..Who::default() },
        Who { consent: vec![Wish::Wishes], ..Who::default() },
        Who { rank: strings(&["major"]), ..Who::default() },
        Who { service_number: strings(&["7"]), ..Who::default() },
        Who { name: strings(&["Velgin"]), ..Who::default() },
    ];
    assert_eq!(found(&Who::default(), &dead, &list), 'y');
    assert_eq!(living.map(|who| found(&who, &dead, &list)), ['-'; 7]);
}
