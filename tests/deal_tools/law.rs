//! Warnings from the law.

use crate::build::{bags, leg, named, notice, offer, offer_of, persons, soldiers, text};
use truceline::deal::body::Offer;
use truceline::deal::handover::{Cause, HandoverLine, Outcome, Remedy, Subject, TransferNotice};
use truceline::deal::law::{Rule, unannounced, warnings};
use truceline::deal::pledge::{Condition, End, Obligation};
use truceline::deal::terms::{Category, Leg, Quantity, Rounding, Terms};
use truceline::party::role::Role;

const US: Role = Role::Inviter;
const THEM: Role = Role::Joiner;

fn rules(offer: &Offer) -> Vec<(Rule, usize, Vec<usize>)> {
    warnings(offer, &[]).into_iter().map(|it| (it.rule, it.leg, it.lines)).collect()
}

/// What one person touches, in a leg of `category` given for soldiers.
fn touched(category: Category, head: &str, row: &str) -> Vec<Rule> {
    let list = persons(&format!("surname,{head}\nA,{row}\n"));
    let legs = vec![named(US, category, 0), leg(THEM, Category::PrisonerOfWar, Quantity::Count(1))];
    rules(&offer(legs, &[list]))
        .into_iter()
        .map(|(rule, leg, _)| (leg == 0).then_some(rule).unwrap())
        .collect()
}

#[test]
fn soldiers_for_soldiers_touch_nothing() {
    let legs = vec![named(US, Category::PrisonerOfWar, 0), named(THEM, Category::Person, 1)];
    assert_eq!(rules(&offer(legs, &[soldiers("A", 40), soldiers("B", 40)])), []);
}

#[test]
fn each_rule_is_touched_by_what_it_is_about() {
    use Category::{CivilianInternee, Person, PrisonerOfWar};
    let head = "status,health,judicial,commission,consent";
    for (category, row, expected) in [
        (Person, "prisoner of war,good,,,wishes", vec![]),
        (Person, "prisoner of war,seriously wounded,,,wishes", vec![Rule::SeriouslyWoundedTied]),
        (Person, "prisoner of war,sick,,A direct,wishes", vec![Rule::SeriouslyWoundedTied]),
        (Person, "prisoner of war,sick,,,refuses", vec![Rule::SickAgainstWill]),
        (Person, "prisoner of war,slightly wounded,,,", vec![Rule::WishNotKnown]),
        (Person, "prisoner of war,sick,,,undecided", vec![Rule::WishNotKnown]),
        (Person, "prisoner of war,good,,,refuses", vec![Rule::ReturnRefused]),
        (
            PrisonerOfWar,
            "civilian internee,good,,,wishes",
            vec![Rule::CivilianAsPrisoner, Rule::CivilianPricedInSoldiers],
        ),
        (Person, "civilian unclassified,good,,,wishes", vec![Rule::CivilianPricedInSoldiers]),
        (CivilianInternee, "unknown,good,,,wishes", vec![Rule::CivilianPricedInSoldiers]),
        (Person, "child,good,,,wishes", vec![Rule::ChildWithoutGuardian]),
        (Person, "prisoner of war,good,sentenced to death,,wishes", vec![Rule::SentencedToDeath]),
        (Person, "retained medical,good,,,wishes", vec![Rule::RetainedPriced]),
        (Person, "retained religious,good,,,wishes", vec![Rule::RetainedPriced]),
    ] {
        assert_eq!(touched(category, head, row), expected, "{category}: {row}");
    }
    // Born less than eighteen years before the offer's last day, which is 2031-05-01.
    assert_eq!(touched(Person, "birth_date,marks", "2013-05-02,x"), [Rule::ChildWithoutGuardian]);
    assert_eq!(touched(Person, "birth_date,marks", "2013-05-01,x"), []);
    assert_eq!(touched(Person, "birth_date,marks", "2013,x"), []);
}

#[test]
fn what_is_given_in_a_group_of_its_own_is_not_priced() {
    let wounded = "surname,status,health,consent\nA,prisoner of war,seriously wounded,wishes\n";
    let lists = [persons(wounded), soldiers("B", 1)];
    let grouped = |ours, theirs| {
        let ours = Leg { group: ours, ..named(US, Category::Person, 0) };
        let theirs = Leg { group: theirs, ..named(THEM, Category::PrisonerOfWar, 1) };
        rules(&offer(vec![ours, theirs], &lists))
    };
    assert_eq!(grouped(1, 2), []);
    for (ours, theirs) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
        assert_eq!(grouped(ours, theirs), [(Rule::SeriouslyWoundedTied, 0, vec![0])]);
    }
    // A ratio ties even what one side gives alone.
    let ratio = Quantity::Ratio { give: 2, per: 1, leg: 0, rounding: Rounding::Down };
    let ours = Leg { group: 1, ..named(US, Category::Person, 0) };
    let more = Leg { group: 2, ..leg(US, Category::PrisonerOfWar, ratio) };
    let tied = offer(vec![ours, more], &lists[..1]);
    assert_eq!(rules(&tied), [(Rule::SeriouslyWoundedTied, 0, vec![0])]);
}

#[test]
fn legs_without_names_are_judged_by_their_category() {
    let for_soldiers = |category| {
        let count = Quantity::Count(10);
        let legs = vec![leg(US, category, count), leg(THEM, Category::PrisonerOfWar, count)];
        rules(&offer(legs, &[]))
    };
    let whole = |rule| vec![(rule, 0, vec![])];
    assert_eq!(for_soldiers(Category::SeriouslyWounded), whole(Rule::SeriouslyWoundedTied));
    assert_eq!(for_soldiers(Category::CivilianInternee), whole(Rule::CivilianPricedInSoldiers));
    assert_eq!(for_soldiers(Category::Child), whole(Rule::ChildWithoutGuardian));
    assert_eq!(for_soldiers(Category::RetainedMedical), whole(Rule::RetainedPriced));
    assert_eq!(for_soldiers(Category::Remains), whole(Rule::RemainsPricedInLiving));
    assert_eq!(for_soldiers(Category::WoundedOrSick), []);
    for category in [Category::SeriouslyWounded, Category::CivilianInternee, Category::RetainedMedical] {
        let count = Quantity::Count(10);
        assert_eq!(rules(&offer(vec![leg(US, category, count)], &[])), [], "for nothing in return");
    }
    let civilians = vec![leg(US, Category::CivilianInternee, Quantity::Count(1)); 1];
    let for_civilians = [civilians, vec![leg(THEM, Category::CivilianInternee, Quantity::Count(1))]].concat();
    assert_eq!(rules(&offer(for_civilians, &[])), [], "for no soldier");
    let listed = vec![
        leg(US, Category::CivilianInternee, Quantity::Count(1)),
        named(THEM, Category::CivilianInternee, 0),
    ];
    let civilian = persons("surname,status\nA,civilian internee\n");
    assert_eq!(rules(&offer(listed, &[civilian])), [], "for no soldier on the list");
    let dead = vec![named(US, Category::Remains, 0), leg(THEM, Category::Remains, Quantity::Count(3))];
    assert_eq!(rules(&offer(dead, &[bags("bag\nK-1\n")])), []);
}

#[test]
fn a_child_with_a_monitored_condition_and_a_noticed_third_country_are_in_order() {
    let list = persons("surname,status\nA,child\nB,child\n");
    let guarded = |lines: Vec<u32>, monitor: Option<&str>| {
        let condition = Condition {
            leg: 0,
            lines,
            obligation: Obligation::Other,
            text: Some(text("in the care of the aunt")),
            end: End::Seconds(86_400),
            monitor: monitor.map(text),
            consequence: text("return to the care of the ICRC"),
        };
        let legs = vec![named(US, Category::Person, 0)];
        let terms = Terms { legs, conditions: vec![condition], ..Terms::default() };
        rules(&offer_of(terms, std::slice::from_ref(&list)))
    };
    assert_eq!(guarded(vec![], Some("ICRC delegate")), []);
    assert_eq!(guarded(vec![0], Some("ICRC delegate")), [(Rule::ChildWithoutGuardian, 0, vec![1])]);
    assert_eq!(guarded(vec![], None), [(Rule::ChildWithoutGuardian, 0, vec![0, 1])]);

    let away = |quantity, lists: &[_]| {
        let away = Leg { third_country: Some(text("Norland")), ..leg(US, Category::PrisonerOfWar, quantity) };
        offer(vec![away], lists)
    };
    let by_name = away(Quantity::List(0), &[soldiers("A", 3)]);
    let open = |offer: &Offer, leg, lines: &[u32]| {
        let notice = notice(leg, lines);
        warnings(offer, &[&notice]).into_iter().map(|it| (it.rule, it.lines)).collect::<Vec<_>>()
    };
    let rule = Rule::ThirdCountryWithoutNotice;
    let told = |me| warnings(&by_name, &[])[0].told_to(me, &by_name);
    assert!(told(US).contains("the giver is to give the home side a transfer notice"), "{}", told(US));
    assert!(told(THEM).contains("ask the giver for its transfer notice"), "{}", told(THEM));
    assert!(told(THEM).contains(rule.source()), "{}", told(THEM));
    assert_eq!(rules(&by_name), [(rule, 0, vec![0, 1, 2])]);
    assert_eq!(open(&by_name, 0, &[0, 2]), [(rule, vec![1])]);
    assert_eq!(open(&by_name, 1, &[]), [(rule, vec![0, 1, 2])]);
    assert_eq!(open(&by_name, 0, &[]), []);
    let counted = away(Quantity::Count(3), &[]);
    assert_eq!(rules(&counted), [(rule, 0, vec![])]);
    assert_eq!(open(&counted, 0, &[]), []);
}

#[test]
fn a_warning_names_leg_lines_remedy_and_source() {
    let list = persons("surname,judicial\nA,\nB,sentenced to death\nC,sentenced to death\n");
    let found = warnings(&offer(vec![named(US, Category::Person, 0)], &[list]), &[]);
    assert_eq!(
        found[0].to_string(),
        "leg 1, lines 2-3: a person sentenced to death is listed: agree first that the sentence is not carried out, \
         and in what state they return (Third Geneva Convention, articles 100 and 101; Fourth Geneva Convention, \
         article 75)"
    );
    for rule in Rule::ALL {
        let (what, remedy, source) = (rule.text(), rule.remedy(), rule.source());
        assert!(!what.is_empty() && !remedy.is_empty(), "{rule:?}");
        assert!(["Convention", "Protocol"].iter().any(|it| source.contains(it)), "{rule:?}: {source}");
    }
}

#[test]
fn lines_that_tell_of_a_third_country_are_named_unless_a_notice_was_given() {
    let line = |subject, cause| HandoverLine {
        subject,
        outcome: Outcome::NotDelivered,
        cause,
        detail: None,
        evidence: None,
        remedy: Remedy::None,
        deadline: None,
    };
    let listed = |leg, at| line(Subject::Listed { leg, line: at }, Cause::ThirdCountry);
    let counted = line(Subject::Counted { leg: 1, number: 4 }, Cause::ThirdCountry);
    let unfit = line(Subject::Listed { leg: 0, line: 5 }, Cause::Unfit);
    let lines = [listed(0, 3), counted, unfit, listed(0, 2)];
    let found = |notices: &[&TransferNotice]| -> Vec<_> {
        unannounced(&lines, notices).into_iter().map(|it| (it.rule, it.leg, it.lines)).collect()
    };
    let rule = Rule::ThirdCountryWithoutNotice;
    assert_eq!(found(&[]), [(rule, 0, vec![2, 3]), (rule, 1, vec![])]);
    assert_eq!(found(&[&notice(0, &[2])]), [(rule, 0, vec![3]), (rule, 1, vec![])]);
    // Of somebody who is on no list, a notice of the whole leg alone can tell.
    assert_eq!(found(&[&notice(0, &[]), &notice(1, &[0])]), [(rule, 1, vec![])]);
    assert_eq!(found(&[&notice(0, &[2, 3]), &notice(1, &[])]), []);
}
