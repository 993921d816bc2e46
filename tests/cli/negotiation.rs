//! The whole life of a case by commands: frame, amendment, groups, questions, handover, discrepancy, breach.

use crate::officer::{Officer, id};
use crate::scene::Scene;
use serde_json::Value;
use std::time::Duration;

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
    velmara.refused(&["transport", on, "--mode", "bus", "--yes"], 3, "you have not locked", "");
    say(velmara, &["lock", on]);
    velmara.refused(&["lock", on, "--yes"], 3, "already", "");
    velmara.refused(&["transport", on, "--mode", "bus", "--yes"], 3, "other side has not locked", "");
    scene.settle();
    say(tarrun, &["lock", on]);
    scene.settle();
    velmara.refused(&["ready", on, "--yes"], 3, "not said how you move", "transport notice");
    velmara.refused(&["transport", on, "--mode", "broom", "--yes"], 2, "broom", "ambulance");
    let route = ["--vehicle", "KA-2201", "--persons", "2", "--from", "6h", "--to", "9h", "--route", "Мост"];
    let ours = say(velmara, &[&["transport", on, "--mode", "bus"], route.as_slice()].concat());
    let theirs = say(tarrun, &["transport", on, "--mode", "on foot"]);
    scene.settle();
    velmara.refused(&["acknowledge", &ours, "--yes"], 3, "own transport notice", "");
    velmara.refused(&["ready", on, "--yes"], 3, "you have not acknowledged", "");
    say(velmara, &["acknowledge", &theirs]);
    velmara.refused(&["ready", on, "--yes"], 3, "other side has not acknowledged", "Wait");
    say(tarrun, &["acknowledge", &ours]);
    scene.settle();
    velmara.refused(&["go", on, "--yes"], 3, "ready", "");
    say(velmara, &["ready", on]);
    velmara.refused(&["go", on, "--yes"], 3, "other side has not said", "Wait");
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
    velmara.refused(&["lines", on, "--all-delivered", "--yes"], 3, "have not said go", "Wait");
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
    velmara.refused(&["close", on, "--yes"], 3, "of 0 of the 5 agreed", "--untold");
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
        for word in
            ["└─ ", "sealed as version 1", "broken off before: once", "Velmara: 3 lines", "closed by both"]
        {
            assert!(told.contains(word), "no '{word}': {told}");
        }
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
    velmara.refused(&["lines", on, "--all-delivered", "--yes"], 3, "closed", "");
}

#[test]
fn what_is_sealed_is_amended_with_persons_in_two_groups_accepted_in_part_and_then_cancelled() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let first = scene.sealed(PROPOSAL);
    let second =
        "\n[[leg]]\ngroup = 2\ngiver = \"them\"\ncount = \"10 to 15\"\ncategory = \"wounded or sick\"\n";
    let grouped = PROPOSAL.replace("[[leg]]", "[[leg]]\ngroup = 1") + second;
    let file = velmara.write("amended.toml", grouped);
    let amended = say(velmara, &["amend", &first, &file]);
    scene.settle();
    let shown = tarrun.text(&["show", &amended]);
    assert!(shown.contains("10 to 15 wounded or sick (estimate)"), "{shown}");
    assert!(shown.contains(&format!("Differs from offer {}", &first[..8])), "{shown}");

    tarrun.refused(&["accept", &amended, "--groups", "1,2", "--yes"], 3, "all the groups", "as it stands");
    tarrun.refused(&["accept", &amended, "--groups", "7", "--yes"], 3, "no leg is in group 7", "");
    let part = say(tarrun, &["accept", &amended, "--groups", "1"]);
    scene.agree(tarrun, velmara, &part);
    let sealed = case(velmara, &part);
    assert_eq!((&sealed["version"], &sealed["id"]), (&2.into(), &first.clone().into()), "{sealed}");
    let body = velmara.ok(&["show", &part])["statement"]["body"].clone();
    assert_eq!(body["legs"].as_array().unwrap().len(), 2, "{body}");
    for shown in [velmara.text(&["cases"]), velmara.text(&["case", "show", &first])] {
        assert!(shown.contains(&format!("(offer {})", &part[..8])), "{shown}");
    }
    assert_eq!(body["legs"][0]["list"][0]["surname"], "Вельгин", "{body}");

    let cancelled = say(velmara, &["amend", &first, "--cancel"]);
    scene.agree(velmara, tarrun, &cancelled);
    let told = tarrun.text(&["cases"]);
    assert!(told.contains("sealed, version 3; cancelled"), "{told}");
    velmara.refused(&["lock", &first, "--yes"], 3, "", "");
}

#[test]
fn promises_of_time_bind_the_own_client_until_its_officer_insists() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let file = velmara.write("short.toml", format!("valid_until = \"2 seconds\"\n{PROPOSAL}"));
    let offer = say(velmara, &["propose", &file]);
    scene.settle();
    let acceptance = say(tarrun, &["accept", &offer, "--hold", "48h"]);
    tarrun.refused(&["lapse", &acceptance, "--yes"], 3, "promised to hold", "--late");
    scene.settle();
    // However fast this machine is, the offer's two seconds are over then.
    std::thread::sleep(Duration::from_secs(2));
    velmara.refused(&["confirm", &offer, "--yes"], 3, "was valid until", "--late");
    say(velmara, &["confirm", &offer, "--late"]);
    scene.settle();
    assert_eq!(case(tarrun, &offer)["version"], 1);
}

#[test]
fn questions_and_breaches_are_answered_by_fixed_words_and_are_overdue_without() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let condition = "\n[[condition]]\nleg = 1\nlines = [2]\nobligation = \"bear no arms\"\nend = \"1 year\"\n\
                     consequence = \"Return to internment.\"\n";
    let on = scene.sealed(&format!("{PROPOSAL}{condition}"));
    let on = on.as_str();
    let lock = say(velmara, &["lock", on]);
    scene.settle();
    let standby = say(tarrun, &["standby", on, "--until", "3 days", "--reason", "Сверяем списки."]);
    let query = say(velmara, &["query", on, "Кто из них ранен?", "--answer-by", "1s"]);
    scene.settle();
    // The answer's second is over then.
    std::thread::sleep(Duration::from_secs(1));
    assert!(velmara.text(&["show", &standby]).contains("Сверяем списки."));
    assert!(!lock.is_empty() && velmara.text(&["cases"]).contains("(asked for time until"));
    let turns = case(velmara, on)["turns"].clone();
    assert_eq!(turns[0]["standby"]["id"], standby.as_str(), "{turns}");
    let late = case(tarrun, on)["overdue"].clone();
    assert_eq!((&late[0]["id"], &late[0]["whose"]), (&query.clone().into(), &"own".into()), "{late}");
    assert!(velmara.text(&["case", "show", on]).contains("OVERDUE"));
    tarrun.refused(&["answer", &query, "--yes"], 2, "needs words", "--reply");
    tarrun.refused(&["answer", &query, "--reply", "perhaps", "--yes"], 2, "perhaps", "not known");
    velmara.refused(&["answer", &query, "Я.", "--yes"], 3, "is your own", "Only the other side");
    say(tarrun, &["answer", &query, "--reply", "not-known"]);
    tarrun.refused(&["answer", &query, "Двое.", "--yes"], 3, "answered the question", "truceline say");
    scene.settle();
    assert_eq!(case(velmara, on)["overdue"], serde_json::json!([]));

    let facts = ["--facts", "Видели в форме.", "--lines", "2", "--remedy", "explain"];
    let breach = |n: &'static str| [&["breach", on, "--condition", n], facts.as_slice()].concat();
    velmara.refused(&[breach("2").as_slice(), &["--yes"]].concat(), 2, "no condition 2", "");
    let breach = say(velmara, &breach("1"));
    scene.settle();
    let told = tarrun.text(&["show", &breach]);
    assert!(told.contains("bear no arms") && told.contains("2 (Сорока Олесь)"), "{told}");
    tarrun.refused(&["answer", &breach, "Нет.", "--yes"], 2, "fixed set", "denied");
    say(tarrun, &["answer", &breach, "--reply", "under inquiry"]);
    scene.settle();
    let told = velmara.text(&["case", "show", on]);
    assert!(told.contains("under inquiry") && told.contains("breach"), "{told}");
    let notice = ["transfer-notice", on, "--leg", "1", "--lines", "1,2", "--country", "Гелвия"];
    let notice = say(velmara, &notice);
    let not_ours = ["transfer-notice", on, "--leg", "2", "--country", "x", "--yes"];
    velmara.refused(&not_ours, 3, "leg 2 is given by Tarrun", "truceline query");
    velmara.refused(
        &["transfer-notice", on, "--leg", "1", "--lines", "9", "--country", "x"],
        2,
        "line 9",
        "",
    );
    assert!(velmara.text(&["show", &notice]).contains("1 (Вельгин Андрей) and 2"));
}
