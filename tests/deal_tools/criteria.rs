//! Who fits a leg.

use crate::build::{named, offer, person, persons};
use truceline::deal::body::Offer;
use truceline::deal::criteria::{FitRule, Misfit, misfits, misfits_in_short};
use truceline::deal::date::{Date, PartialDate};
use truceline::deal::person::{Health, Sex, Status, identity_key, name_key};
use truceline::deal::terms::{Ages, Category, Criteria, Leg};
use truceline::party::role::Role;
use truceline::statement::list::List;

fn asking(category: Category, criteria: Option<Criteria>) -> Leg {
    Leg { criteria, ..named(Role::Inviter, category, 0) }
}

fn ages(from: u8, to: u8) -> Criteria {
    let on = Date::parse("2031-05-01").unwrap();
    Criteria { ages: Some(Ages { from, to, on }), health: Vec::new(), status: Vec::new(), sex: None }
}

fn found(category: Category, criteria: Option<Criteria>, list: &List) -> Vec<Misfit> {
    let offer: Offer = offer(vec![asking(category, criteria)], std::slice::from_ref(list));
    misfits(&offer, &offer.legs()[0])
}

/// Whether a person in a leg does not belong (true), may not (false), or belongs.
fn verdict(category: Category, criteria: Option<Criteria>, head: &str, row: &str) -> Option<bool> {
    let list = persons(&format!("surname,{head}\nA,{row}\n"));
    found(category, criteria, &list).first().map(Misfit::is_certain)
}

#[test]
fn an_age_is_told_as_far_as_the_birth_date_allows() {
    let on = Date::parse("2031-05-01").unwrap();
    let years = |birth: &str| PartialDate::parse(birth).unwrap().ages_on(on);
    assert_eq!(years("1991-05-01"), 40..=40);
    assert_eq!(years("1991-05-02"), 39..=39);
    assert_eq!(years("1991-05"), 39..=40);
    assert_eq!(years("1991"), 39..=40);
    assert_eq!(years("1985..1990-02"), 41..=46);
    assert_eq!(years("2031"), 0..=0);
    assert_eq!(years("2032-01-01"), 0..=0);
    let leap = PartialDate::parse("2012-02-29").unwrap();
    assert_eq!(leap.ages_on(Date::parse("2030-02-28").unwrap()), 17..=17);
    assert_eq!(leap.ages_on(Date::parse("2030-03-01").unwrap()), 18..=18);

    for (birth, expected) in [
        ("1971-05-01", None),
        ("1971-05-02", Some(true)),
        ("1971", Some(false)),
        ("1960", None),
        ("1965..1980", Some(false)),
        ("1972..1990", Some(true)),
        ("", Some(false)),
    ] {
        let head = "birth_date,marks";
        let row = format!("{birth},x");
        assert_eq!(verdict(Category::Person, Some(ages(60, 120)), head, &row), expected, "{birth}");
    }
}

#[test]
fn of_all_sick_and_over_sixty_the_forty_two_who_do_not_belong_are_listed() {
    let mut csv = "surname,birth_date,health\n".to_owned();
    for n in 0..200 {
        // Every fifth is too young, and of the others two are well.
        let year = if n % 5 == 0 { 1990 } else { 1960 };
        let health = if n == 7 || n == 13 { "good" } else { "sick" };
        csv.push_str(&format!("N{n},{year},{health}\n"));
    }
    let criteria = Criteria { health: vec![Health::Sick, Health::SeriouslyWounded], ..ages(60, 120) };
    let found = found(Category::Person, Some(criteria), &persons(&csv));
    assert_eq!(found.len(), 42);
    assert!(found.iter().all(Misfit::is_certain));
    assert_eq!(found[2].line, 7);
    assert_eq!(
        found[2].to_string(),
        "line 8 does not belong to its leg: health good, and the leg is for: sick, seriously wounded: take the line \
         out, or correct the record or the leg"
    );
    assert_eq!(
        found[0].to_string(),
        "line 1 does not belong to its leg: 40 to 41 years old on 2031-05-01, and the leg is for ages 60 to 120: take \
         the line out, or correct the record or the leg"
    );
}

#[test]
fn what_is_not_known_is_told_apart_from_what_does_not_fit() {
    let criteria = Criteria {
        ages: None,
        health: vec![Health::Sick],
        status: vec![Status::PrisonerOfWar],
        sex: Some(Sex::Female),
    };
    let of = |row| verdict(Category::Person, Some(criteria.clone()), "health,status,sex", row);
    assert_eq!(of("sick,prisoner of war,female"), None);
    assert_eq!(of("sick,prisoner of war,male"), Some(true));
    assert_eq!(of("sick,prisoner of war,"), Some(false));
    assert_eq!(of(",prisoner of war,female"), Some(false));
    assert_eq!(of("sick,,female"), Some(false));
    let list = persons("surname,health,status,sex\nA,,prisoner of war,male\n");
    let found = found(Category::Person, Some(criteria), &list);
    assert_eq!(found[0].why.len(), 2);
    assert!(matches!(found[0].why[0].rule, FitRule::Health(Health::Unknown, _)));
    assert!(found[0].to_string().contains("(cannot be told)"), "{}", found[0]);
}

#[test]
fn a_category_is_held_against_status_and_health_where_that_is_plain() {
    for (category, status, expected) in [
        (Category::PrisonerOfWar, "prisoner of war", None),
        (Category::PrisonerOfWar, "civilian internee", Some(true)),
        (Category::PrisonerOfWar, "retained medical", Some(true)),
        (Category::PrisonerOfWar, "child", Some(false)),
        (Category::PrisonerOfWar, "unknown", Some(false)),
        (Category::CivilianInternee, "civilian unclassified", Some(false)),
        (Category::CivilianInternee, "prisoner of war", Some(true)),
        (Category::RetainedReligious, "retained medical", Some(true)),
        (Category::Person, "civilian internee", None),
        (Category::Person, "deceased", Some(true)),
        (Category::Child, "child", None),
        (Category::Child, "prisoner of war", Some(false)),
    ] {
        assert_eq!(verdict(category, None, "status", status), expected, "{category} {status}");
    }
    for (category, health, expected) in [
        (Category::SeriouslyWounded, "seriously wounded,", None),
        (Category::SeriouslyWounded, "sick,A direct", None),
        (Category::SeriouslyWounded, "sick,", Some(false)),
        (Category::SeriouslyWounded, "slightly wounded,", Some(true)),
        (Category::WoundedOrSick, "slightly wounded,", None),
        (Category::WoundedOrSick, "convalescent,", Some(false)),
        (Category::WoundedOrSick, "good,", Some(true)),
        (Category::WoundedOrSick, "unknown,", Some(false)),
    ] {
        assert_eq!(verdict(category, None, "health,commission", health), expected, "{category} {health}");
    }
    // Ages count on the offer's last day where no criteria name another.
    assert_eq!(verdict(Category::Child, None, "birth_date", "2013-05-01"), Some(true));
    assert_eq!(verdict(Category::Child, None, "birth_date", "2013-05-02"), None);
}

#[test]
fn a_person_is_known_by_service_number_else_by_name_and_birth_date() {
    let one = |row: &str| person(&format!("surname,first_names,birth_date,service_number\n{row}\n"));
    let same = |a: &str, b: &str| identity_key(&one(a)) == identity_key(&one(b));
    assert!(same("Вельгин,Андрей,1990,ТА-918452", "ВЕЛЬГИН,А.,,та 918 452"));
    assert!(!same("Вельгин,Андрей,1990,ТА-918452", "Вельгин,Андрей,1990,ТА-918453"));
    assert!(same("Álvaro-Prats,Pål,1982,", "Álvaro Prats,PÅL,1982,"));
    assert!(same("Álvaro,,1982,", "A\u{301}lvaro,,1982,"));
    assert!(!same("Álvaro,,1982,", "Álvaro,,1983,"));
    assert!(!same("Álvaro,,1982,", "Alvaro,,1982,"));
    assert!(!same("?,,,", "!,,,"));
    let (with, without) = (one("A,B,1990,7"), one("A,B,1990,"));
    assert_ne!(identity_key(&with), identity_key(&without));
    assert_eq!(name_key(&with), name_key(&without));
}

#[test]
fn lines_that_do_not_fit_are_told_in_a_sentence_for_each_leg() {
    let list = persons("surname,status\nA,prisoner of war\nB,civilian internee\nC,\nD,retained medical\n");
    let offer = offer(
        vec![named(Role::Inviter, Category::Person, 0), named(Role::Inviter, Category::PrisonerOfWar, 1)],
        &[list.clone(), list],
    );
    assert_eq!(
        misfits_in_short(&offer),
        [
            "leg 2, lines 2 and 4 (2 of 4): not whom the leg is for: take them out, or correct the records or the leg",
            "leg 2, line 3 (1 of 4): perhaps not whom the leg is for: find it out and complete the records, or take \
             them out",
        ]
    );
}

#[test]
fn one_possible_age_is_told_as_one_and_ages_on_both_sides_of_the_leg_exclude_nobody() {
    let child = ages(15, 17);
    assert_eq!(verdict(Category::Person, Some(child.clone()), "birth_date", "2001..2025"), Some(false));
    assert_eq!(verdict(Category::Person, Some(child), "birth_date", "2021..2025"), Some(true));
    let on = Date::parse("2031-05-01");
    let rule = |found| FitRule::Age { found: Some(found), asked: 15..=17, on }.to_string();
    assert!(rule(30..=30).starts_with("30 years old") && rule(30..=31).starts_with("30 to 31 years old"));
}
