//! Counter-offers cross, and each is accepted by the other side: the opener's offer is agreed, and nobody confirms.

use super::tale::{Sides, came_to_the_byte, not_signed, say, state_of};
use crate::officer::Officer;
use crate::scene::Scene;
use serde_json::{Value, json};

const NAMED: &str = "surname,first_names,surname_romanised,romanisation,service_number\n\
    Ґорпинич,Ївга,Gorpynych,passport (ICAO 9303),ТА-200101\nმაისურაძე,ნინო,Maisuradze,ISO 9984,ТА-200102\n";

/// So many of ours for two of theirs, by name.
fn offered(officer: &Officer, count: u32) -> String {
    officer.write("named.csv", NAMED);
    let text = format!(
        "[[leg]]\ngiver = \"me\"\ncount = {count}\ncategory = \"prisoner of war\"\n[[leg]]\ngiver = \"them\"\n\
         persons = \"named.csv\"\n"
    );
    officer.write(&format!("{count}.toml"), text)
}

fn propose(officer: &Officer, count: u32) -> String {
    say(officer, &["propose", &offered(officer, count)])
}

fn counter(officer: &Officer, offer: &str, count: u32) -> String {
    say(officer, &["counter", offer, &offered(officer, count)])
}

#[track_caller]
fn sealed_by_crossing(case: &Value, offer: &str, given_way: &[&str]) {
    assert_eq!((&case["state"], &case["version"]), (&"sealed".into(), &1.into()), "{case}");
    assert_eq!(state_of(case, offer), "sealed as version 1");
    for other in given_way {
        assert_eq!(state_of(case, other), "superseded");
    }
    let acceptances = case["acceptances"].as_array().unwrap();
    assert!(acceptances.len() == 2 && acceptances.iter().all(|it| it["confirm"].is_null()), "{case}");
}

#[test]
fn counters_that_are_both_accepted_come_to_the_openers_offer_at_both_ends_without_a_confirm() {
    let scene = Scene::new();
    let sides = Sides::of(&scene);
    let Sides { velmara, tarrun } = sides;
    let opened = [propose(velmara, 10), propose(tarrun, 11), propose(velmara, 12)];
    sides.settle();
    // In each case a counter-offer of either side, made before it saw the other's.
    let ours = opened.each_ref().map(|offer| counter(velmara, offer, 20));
    let theirs = opened.each_ref().map(|offer| counter(tarrun, offer, 30));
    sides.settle();
    came_to_the_byte(&tarrun.ok(&["show", &ours[0]])["statement"]["body"]["legs"][1]["list"], NAMED);

    // Each accepts the other's counter; in the third case Tarrun returns to what Velmara offered first.
    let accepted = theirs.each_ref().map(|offer| say(velmara, &["accept", offer]));
    let crossing = [&ours[0], &ours[1], &opened[2]].map(|offer| say(tarrun, &["accept", offer]));
    sides.tarrun.sync();
    sides.velmara.sync();
    // Velmara holds both acceptances, Tarrun only its own.
    let own = "your own acceptance or confirm still stands";
    for (offer, acceptance) in [&opened[0], &opened[1]].into_iter().zip(&crossing) {
        let case = super::tale::case(velmara, offer);
        assert_eq!((&case["state"], &case["version"]), (&"agreed".into(), &0.into()), "{case}");
        assert_eq!(super::tale::case(tarrun, offer)["state"], "accepted");
        not_signed(velmara, &["confirm", acceptance], own, "Wait for the seal");
    }
    let agreed = "both sides have accepted, and so the opener's offer is agreed";
    not_signed(velmara, &["lapse", &accepted[0], "--late"], agreed, "Only an amendment can change it.");
    sides.settle_from_tarrun();
    let cases = sides.same_cases();
    sealed_by_crossing(&cases[&opened[0]], &ours[0], &[&opened[0], &theirs[0]]);
    sealed_by_crossing(&cases[&opened[1]], &theirs[1], &[&opened[1], &ours[1]]);
    sealed_by_crossing(&cases[&opened[2]], &opened[2], &[&ours[2], &theirs[2]]);
    for (officer, acceptance) in [(velmara, &crossing[0]), (tarrun, &accepted[0])] {
        not_signed(officer, &["confirm", acceptance], "another version was sealed", "Make an amendment");
    }
    let case = sides.same_case(&opened[0]);
    assert_eq!(case["versions"], json!([{"version": 1, "offer": ours[0]}]));
    let told = tarrun.text(&["case", "show", &opened[0]]);
    assert!(told.contains("the crossing of"), "{told}");
    sides.exports_say(&cases);
}

#[test]
fn a_third_word_that_crosses_two_acceptances_takes_one_away_and_the_other_is_confirmed() {
    let scene = Scene::new();
    let sides = Sides::of(&scene);
    let Sides { velmara, tarrun } = sides;
    let [lapsed, withdrawn] = [propose(velmara, 10), propose(velmara, 12)];
    sides.settle();
    let counters = [&lapsed, &withdrawn].map(|offer| counter(tarrun, offer, 30));
    sides.settle();
    let own = counters.each_ref().map(|offer| say(velmara, &["accept", offer]));
    // While both acceptances are under way, Velmara takes one of its own back, and Tarrun the counter-offer of the other.
    say(velmara, &["lapse", &own[0], "--late", "--reason", "Помилка у списку."]);
    say(tarrun, &["withdraw", &counters[1]]);
    let theirs = [&lapsed, &withdrawn].map(|offer| say(tarrun, &["accept", offer]));
    tarrun.sync();
    velmara.sync();
    let unseen = "the other side has not yet acknowledged that your own acceptance lapsed";
    not_signed(velmara, &["confirm", &theirs[0]], unseen, "Wait for its next statement, then confirm.");
    // The other needs no such thing: it is free, for what it had accepted is gone.
    say(velmara, &["confirm", &theirs[1]]);
    sides.settle_from_tarrun();
    let case = &sides.same_cases()[&lapsed];
    assert_eq!((&case["state"], &case["version"]), (&"accepted".into(), &0.into()), "{case}");
    say(velmara, &["confirm", &theirs[0]]);
    sides.settle();
    let cases = sides.same_cases();
    for ((case, counter), state) in
        [&lapsed, &withdrawn].into_iter().zip(&counters).zip(["superseded", "withdrawn"])
    {
        assert_eq!(
            (&cases[case]["state"], state_of(&cases[case], case)),
            (&"sealed".into(), "sealed as version 1")
        );
        assert_eq!(state_of(&cases[case], counter), state);
        sides.same_case(case);
    }
    sides.exports_say(&cases);
}
