//! The whole life of a case by commands: frame, amendment, groups, questions, handover, discrepancy, breach.

use crate::officer::{Officer, example, id};
use crate::scene::Scene;
use serde_json::Value;

/// Two named by Velmara for three counted by Tarrun, with a condition on Velmara's.
const PROPOSAL: &str = r#"
[[leg]]
giver = "me"
[[leg.person]]
surname = "Вельгин"
first_names = "Андрей"
[[leg.person]]
surname = "Сорока"
first_names = "Олесь"

[[leg]]
giver = "them"
count = 3
category = "prisoner of war"
"#;

fn say(officer: &Officer, args: &[&str]) -> String {
    id(&officer.ok(&[args, &["--yes"]].concat()))
}

fn case(officer: &Officer, id: &str) -> Value {
    officer.ok(&["case", "show", id])["case"].clone()
}

impl Scene {
    /// Whatever was said is known to both, and acknowledged.
    fn settle(&self) {
        for officer in [&self.velmara, &self.tarrun, &self.velmara, &self.tarrun] {
            officer.sync();
        }
    }

    /// Velmara proposes, Tarrun accepts, Velmara confirms, and the seal has come to both.
    fn sealed(&self, proposal: &str) -> String {
        let file = self.velmara.write("proposal.toml", proposal);
        let offer = say(&self.velmara, &["propose", &file]);
        self.agree(&self.velmara, &self.tarrun, &offer);
        assert_eq!(case(&self.velmara, &offer)["version"], 1);
        assert_eq!(case(&self.tarrun, &offer)["version"], 1);
        offer
    }

    /// The other side accepts an offer of `author`, who confirms.
    fn agree(&self, author: &Officer, other: &Officer, offer: &str) {
        self.settle();
        say(other, &["accept", offer]);
        self.settle();
        say(author, &["confirm", offer]);
        self.settle();
    }

    /// From the seal to both goes.
    fn gone(&self, case: &str) {
        let (velmara, tarrun) = (&self.velmara, &self.tarrun);
        say(velmara, &["lock", case]);
        self.settle();
        say(tarrun, &["lock", case]);
        self.settle();
        let notices = [velmara, tarrun].map(|officer| say(officer, &["transport", case, "--mode", "bus"]));
        self.settle();
        say(velmara, &["acknowledge", &notices[1]]);
        say(tarrun, &["acknowledge", &notices[0]]);
        for act in ["ready", "go"] {
            self.settle();
            say(velmara, &[act, case]);
            say(tarrun, &[act, case]);
        }
        self.settle();
    }
}

#[test]
fn a_handover_is_refused_until_each_thing_it_needs_has_been_said_and_then_carried_out() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let unsealed = velmara.write("unsealed.toml", PROPOSAL);
    let other = say(velmara, &["propose", &unsealed]);
    velmara.refused(&["lock", &other, "--yes"], 3, "nothing is sealed", "truceline cases");
    let case_id = scene.sealed(PROPOSAL);
    let on = case_id.as_str();

    // Who accepted locks second; nobody moves before both have locked.
    tarrun.refused(&["lock", on, "--yes"], 3, "Velmara locks first", "sync");
    velmara.refused(&["transport", on, "--mode", "bus", "--yes"], 3, "has not locked", "");
    say(velmara, &["lock", on]);
    velmara.refused(&["lock", on, "--yes"], 3, "already", "");
    velmara.refused(&["transport", on, "--mode", "bus", "--yes"], 3, "other side has not locked", "");
    scene.settle();
    say(tarrun, &["lock", on]);
    scene.settle();
    velmara.refused(&["ready", on, "--yes"], 3, "not said how it moves", "transport notice");
    velmara.refused(&["transport", on, "--mode", "broom", "--yes"], 2, "broom", "ambulance");
    let route = ["--vehicle", "KA-2201", "--persons", "2", "--from", "6h", "--to", "9h", "--route", "Мост"];
    let ours = say(velmara, &[&["transport", on, "--mode", "bus"], route.as_slice()].concat());
    let theirs = say(tarrun, &["transport", on, "--mode", "on foot"]);
    scene.settle();
    velmara.refused(&["acknowledge", &ours, "--yes"], 3, "own transport notice", "");
    velmara.refused(&["ready", on, "--yes"], 3, "has not acknowledged", "");
    say(velmara, &["acknowledge", &theirs]);
    velmara.refused(&["ready", on, "--yes"], 3, "other side has not acknowledged", "wait");
    say(tarrun, &["acknowledge", &ours]);
    scene.settle();
    velmara.refused(&["go", on, "--yes"], 3, "ready", "");
    say(velmara, &["ready", on]);
    velmara.refused(&["go", on, "--yes"], 3, "other side has not said", "wait");
    say(tarrun, &["ready", on]);
    scene.settle();

    // A round that is broken off is begun again.
    say(tarrun, &["suspend", on, "--reason", "Обстрел у моста."]);
    scene.settle();
    velmara.refused(&["go", on, "--yes"], 3, "ready", "");
    for officer in [velmara, tarrun] {
        say(officer, &["ready", on]);
    }
    scene.settle();
    velmara.refused(&["lines", on, "--all-delivered", "--yes"], 3, "have not said go", "wait");
    say(velmara, &["go", on, "--until", "2h"]);
    velmara.refused(&["suspend", on, "--yes"], 3, "", "");
    scene.settle();
    let waiting = case(tarrun, on);
    assert_eq!(waiting["handover"]["go"]["peer"], true, "{waiting}");
    assert_eq!(waiting["handover"]["effective"], false, "{waiting}");
    say(tarrun, &["go", on]);
    scene.settle();
    assert_eq!(case(velmara, on)["handover"]["effective"], true);

    // One of two did not come, and somebody else did.
    velmara.refused(&["discrepancy", on], 3, "nobody has said", "lines");
    say(velmara, &["lines", on, "--all-delivered"]);
    let outcomes = "leg,line,number,outcome,surname\n1,1,,delivered as listed,\n1,2,,not delivered,\n\
                    1,,,surplus,Чужой\n2,,3,delivered as listed,\n";
    let file = tarrun.write("outcomes.csv", outcomes);
    say(tarrun, &["lines", on, &file]);
    scene.settle();
    for officer in [velmara, tarrun] {
        let told = officer.text(&["discrepancy", on]);
        assert!(told.contains("1 not delivered") && told.contains("1 surplus"), "{told}");
        say(officer, &["close", on]);
    }
    scene.settle();
    for officer in [velmara, tarrun] {
        let shown = case(officer, on);
        assert_eq!(shown["handover"]["closed"], serde_json::json!({"own": true, "peer": true}), "{shown}");
        let told = officer.text(&["case", "show", on]);
        for word in ["└─ ", "sealed as version 1", "round 0-1", "Velmara: 3 lines", "closed by both"] {
            assert!(told.contains(word), "no '{word}': {told}");
        }
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
    velmara.refused(&["lines", on, "--all-delivered", "--yes"], 3, "closed", "");
}
