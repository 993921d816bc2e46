//! An acceptance that arrives when the time of the offer is over: no clock decides, and no client confirms by itself.

use super::tale::{Sides, came_to_the_byte, case, not_signed, say, state_of};
use crate::officer::Officer;
use crate::scene::Scene;
use std::time::Duration;

const NAMED: &str = "surname,first_names,birth_date\nЇжакевич,Юрій,1990-05\nАхтер\u{301}фельд,Ἀλέξιος,\n";
const SHORT: &str = "valid_until = \"1 second\"\n[[leg]]\ngiver = \"them\"\npersons = \"named.csv\"\n\
    [[leg]]\ngiver = \"me\"\ncount = 2\n";

fn propose(officer: &Officer) -> String {
    officer.write("named.csv", NAMED);
    say(officer, &["propose", &officer.write("short.toml", SHORT)])
}

/// Longer than the offers are valid and the acceptances are held.
fn wait() {
    std::thread::sleep(Duration::from_millis(2_100));
}

#[test]
fn an_acceptance_that_arrives_after_expiry_waits_for_its_officer_and_decides_nothing_by_itself() {
    let scene = Scene::new();
    let sides = Sides::of(&scene);
    let Sides { velmara, tarrun } = sides;
    let (insisted, let_go) = (propose(velmara), propose(tarrun));
    sides.settle();
    came_to_the_byte(&tarrun.ok(&["show", &insisted])["statement"]["body"]["legs"][0]["list"], NAMED);
    wait();
    // Both acceptors are told before they sign, and may: the other side alone promised something.
    let told = tarrun.run(&["accept", &insisted, "--hold", "24h", "--yes"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let warned = told.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        warned.contains("Velmara promised to confirm until") && warned.contains("and that is over"),
        "{warned}"
    );
    let lapsing = say(velmara, &["accept", &let_go, "--hold", "2s"]);
    sides.settle();
    sides.settle();

    // Nothing was confirmed by either client, however often it synced; both show the same.
    let cases = sides.same_cases();
    for (officer, offer) in [(velmara, &insisted), (tarrun, &let_go)] {
        let shown = &cases[offer];
        assert_eq!((&shown["state"], &shown["version"]), (&"accepted".into(), &0.into()), "{shown}");
        assert!(shown["acceptances"][0]["confirm"].is_null(), "{shown}");
        assert_eq!(state_of(shown, offer), "open");
        let status = officer.ok(&["status"])["channels"][0]["overdue"].clone();
        let overdue = status.as_array().unwrap().iter().any(|it| it["id"] == offer.as_str());
        assert!(overdue, "{status}");
        officer.refused(
            &["confirm", offer, "--yes"],
            3,
            "your offer was valid until",
            "confirm all the same with --late",
        );
    }

    // One officer insists; in the other case the acceptor's hold is over too, and it goes.
    say(velmara, &["confirm", &insisted, "--late"]);
    not_signed(tarrun, &["lapse", &insisted], "you promised to hold to your acceptance until", "--late");
    wait();
    say(velmara, &["lapse", &lapsing]);
    sides.settle();
    not_signed(tarrun, &["confirm", &lapsing, "--late"], "that acceptance has lapsed", "Wait for another");
    let cases = sides.same_cases();
    assert_eq!(state_of(&cases[&insisted], &insisted), "sealed as version 1");
    assert_eq!((&cases[&let_go]["version"], state_of(&cases[&let_go], &let_go)), (&0.into(), "open"));
    assert_eq!(case(tarrun, &let_go)["acceptances"][0]["lapsed"], true);
    sides.same_case(&insisted);
    sides.exports_say(&cases);
}
