//! Whether two records are of one: each rule where it begins to hold, and every fact by which records differ.

use crate::build::{bags, named, offer, persons, record};
use truceline::deal::identity::Likeness::{self, Maybe, Other, Same};
use truceline::deal::identity::{Register, likeness, title};
use truceline::deal::person::Line;
use truceline::deal::repeat::repeats;
use truceline::deal::terms::Category;
use truceline::party::role::Role;

fn two_persons(columns: &str, one: &str, other: &str) -> Likeness {
    let list = persons(&format!("{columns}\n{one}\n{other}\n"));
    likeness(&record(&list, 0), &record(&list, 1))
}

#[test]
fn persons_are_one_by_number_or_by_name_and_day_of_birth_and_else_may_be() {
    let numbered = |one: &str, other: &str| two_persons("surname,rank,service_number", one, other);
    assert_eq!(numbered("Velgin,private,1", "Velgin,major,1"), Same);
    assert_eq!(numbered("Velgin,private,1", "Velgin,private,2"), Other);
    let dated = |one: &str, other: &str| two_persons("surname,rank,birth_date", one, other);
    assert_eq!(dated("Velgin,private,1994-03-17", "Velgin,major,1994-03-17"), Same);
    for date in ["", "1994", "1994-03-17..1994-03-18"] {
        assert_eq!(
            dated(&format!("Velgin,private,{date}"), &format!("Velgin,major,{date}")),
            Maybe,
            "{date}"
        );
    }
    let list = persons("surname,rank\nVelgin,private\n");
    assert_eq!(likeness(&record(&list, 0), &record(&list, 0)), Same, "all the same");
}

#[test]
fn names_are_shared_where_both_know_one_part_or_where_one_is_only_called_so() {
    let named = |one: &str, other: &str| two_persons("surname,first_names,aliases", one, other);
    assert_eq!(named("Velgin,Andrei,", "Velgin,,"), Maybe);
    assert_eq!(named("Velgin,,", ",Andrei,"), Other, "nothing that both know");
    assert_eq!(named("Velgin,,", ",,Velgin"), Maybe);
    assert_eq!(named("Velgin,,", ",,Kadoshev"), Other);
    assert_eq!(named("Velgin,,Falcon", ",,Falcon"), Other, "an alias is not what one with a name is called");
    let list = persons("surname,aliases\nVelgin,Falcon\n,Falcon\n");
    assert_eq!([0, 1].map(|line| title(&record(&list, line))), ["Velgin", "“Falcon”"]);
}

#[test]
fn bags_of_one_number_may_be_two_by_each_fact_alone() {
    let columns =
        ["place", "date", "disc", "dna_reference", "claimed_identity", "parent_bag", "claimed_side"];
    for column in columns {
        let (one, other) = match column {
            "date" => ("2031-01-01", "2031-01-02"),
            "claimed_side" => ("me", "them"),
            _ => ("north", "south"),
        };
        let list = bags(&format!("bag,extent,{column}\n1,whole,{one}\n1,whole,{other}\n1,partial,{one}\n"));
        let of_first = |line| likeness(&record(&list, 0), &record(&list, line));
        assert_eq!([of_first(1), of_first(2)], [Maybe, Same], "{column}");
    }
}

/// Which of `lines` is the first of the same person or bag, for each.
fn firsts(lines: &[Line]) -> Vec<usize> {
    let mut register = Register::default();
    let mut first = |(at, line)| *register.entry(Role::Inviter, line, || at).unwrap();
    lines.iter().enumerate().map(|(at, line)| first((at, line))).collect()
}

#[test]
fn one_number_is_of_two_where_two_facts_of_a_person_differ_and_one_slip_is_forgiven() {
    let list = persons(
        "surname,first_names,service_number\nVelgin,Andrei,1\nKadoshev,Igor,1\nVelgin,Andrey,1\nKadoshev,,1\n",
    );
    let lines: Vec<Line> = (0..4).map(|at| record(&list, at)).collect();
    assert_eq!(firsts(&lines), [0, 1, 0, 0]);
}

#[test]
fn of_more_than_sixteen_bags_that_clash_each_further_one_stands_alone() {
    let places: String = (1..=17).map(|place| format!("1,whole,place {place}\n")).collect();
    let list = bags(&format!("bag,extent,place\n{places}1,partial,place 16\n1,partial,place 17\n"));
    let lines: Vec<Line> = (0..19).map(|at| record(&list, at)).collect();
    assert_eq!(firsts(&lines)[15..], [15, 16, 15, 18]);
}

#[test]
fn namesakes_of_one_year_are_perhaps_listed_twice_and_of_one_day_surely() {
    for (born, surely) in [("1994", false), ("1994-03-17..1994-03-18", false), ("1994-03-17", true)] {
        let list = persons(&format!("surname,rank,birth_date\nVelgin,private,{born}\nVelgin,major,{born}\n"));
        let offer = offer(vec![named(Role::Inviter, Category::Person, 0)], &[list]);
        let found: Vec<_> = repeats(&offer).into_iter().map(|it| (it.leg, it.lines, it.surely)).collect();
        assert_eq!(found, [(0, vec![0, 1], surely)], "{born}");
    }
}
