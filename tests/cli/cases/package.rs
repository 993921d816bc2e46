//! 215 for 55 and one civilian by name: five of the 215 stay in a third country, on a condition that is then broken.

use crate::cases::story::{
    agree, exchange, exports_agree, go, legs, names_are, one_says, pass, people, ready, same_case,
    same_discrepancy, say, sentences, surname,
};
use crate::scene::Scene;

const PACKAGE: &str = r#"
[[leg]]
giver = "them"
category = "prisoner of war"
persons = "many.csv"

[[leg]]
giver = "them"
category = "prisoner of war"
persons = "five.csv"
third_country = "Острава"

[[leg]]
giver = "me"
category = "prisoner of war"
persons = "fifty-five.csv"

[[leg]]
giver = "me"
category = "civilian internee"
[[leg.person]]
surname = "Медвідь-Ґалаґан"
first_names = "Віктор"
status = "civilian internee"

[[condition]]
leg = 2
obligation = "stay in the country"
event = "the end of active hostilities"
monitor = "The protecting power in Ostrava"
consequence = "They are interned again."
"#;

#[test]
fn an_unequal_package_is_handed_over_and_its_condition_is_broken_admitted_and_made_good() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let prisoners = |numbers| people(numbers, ["status"], |_| ["prisoner of war".to_owned()]);
    velmara.write("many.csv", prisoners(0..210));
    velmara.write("five.csv", prisoners(300..305));
    velmara.write("fifty-five.csv", prisoners(400..455));
    let file = velmara.write("package.toml", PACKAGE);

    // What the law says of it is told before it is signed, by leg, line and article.
    let proposed = velmara.ok(&["propose", &file, "--yes"]);
    let title = "215 prisoners of war for 55 prisoners of war and 1 civilian internee";
    assert_eq!(proposed["summary"], title, "{proposed}");
    let warned = sentences(&proposed["warnings"]);
    one_says(&warned, &["leg 4, line 1", "hostages", "Fourth Geneva Convention, articles 34 and 132"]);
    one_says(&warned, &["leg 2, lines 1-5", "third country", "Third Geneva Convention, articles 12 and 122"]);
    let offer = proposed["id"].as_str().unwrap().to_owned();
    let on = offer.as_str();
    agree(velmara, tarrun, on);

    // Every name as it was written, at the other end.
    let arrived = legs(tarrun, on);
    for (leg, numbers) in [(0, 0..210), (1, 300..305), (2, 400..455)] {
        names_are(&arrived[leg]["list"], numbers);
    }
    assert_eq!(arrived[3]["list"][0]["surname"], "Медвідь-Ґалаґан");
    assert_eq!((&arrived[1]["third_country"], &arrived[1]["giver"]), (&"Острава".into(), &"own".into()));

    // The home side is told where the five are, and nothing is left to warn of.
    let notice = ["transfer-notice", on, "--leg", "2", "--country", "Острава"];
    tarrun.refused(&[&notice, ["--lines", "6"].as_slice(), &["--yes"]].concat(), 2, "no line 6", "show");
    say(tarrun, &[&notice, ["--accommodation", "Дом у озера, под охраной."].as_slice()].concat());
    pass(tarrun, velmara);
    let law = sentences(&velmara.ok(&["show", on])["statement"]["law"]);
    assert!(!law.iter().any(|it| it.contains("third country")), "{law:?}");

    ready(velmara, tarrun, on, [&["--mode", "bus", "--persons", "56"], &["--mode", "aircraft"]]);
    go(velmara, tarrun, on);
    for officer in [velmara, tarrun] {
        say(officer, &["lines", on, "--all-delivered"]);
        say(officer, &["close", on]);
    }
    exchange(velmara, tarrun);
    assert_eq!(same_discrepancy(velmara, tarrun, on)["none"], true);

    // Two of the five are seen at home. Only what was agreed can be broken, by whom it binds.
    let facts = ["--facts", "Их видели на параде.", "--remedy", "return", "--answer-by", "7 days"];
    let breach = |rest: &[&'static str]| [&["breach", on], rest, facts.as_slice()].concat();
    let refused = |rest: &[&'static str], what, help| {
        tarrun.refused(&[breach(rest).as_slice(), &["--yes"]].concat(), 2, what, help);
    };
    refused(&["--condition", "2"], "no condition 2", "truceline show");
    refused(&["--condition", "1", "--lines", "2,6"], "5 lines, and no line 6", "See its lines");
    let broken = say(tarrun, &breach(&["--condition", "1", "--lines", "2,4", "--on", "2031-07"]));
    tarrun.refused(
        &["answer", &broken, "--reply", "denied", "--yes"],
        3,
        "own breach",
        "Only the other side",
    );
    pass(tarrun, velmara);
    let shown = velmara.text(&["show", &broken]);
    let by = format!("line 2 ({}", surname(301));
    for words in
        [by.as_str(), "stay in the country", "They are interned again.", "Их видели на параде.", "return"]
    {
        assert!(shown.contains(words), "no '{words}': {shown}");
    }
    let owed = same_case(velmara, tarrun, on)["turns"].clone();
    assert_eq!(owed[0]["whose"], "own", "{owed}");
    assert_eq!(owed[0]["duties"][0]["duty"], "answer-breach", "{owed}");

    velmara.refused(&["answer", &broken, "Это не они.", "--yes"], 2, "fixed set", "admitted");
    say(velmara, &["answer", &broken, "--reply", "admitted", "Двое уехали сами."]);
    say(velmara, &["answer", &broken, "--reply", "remedied"]);
    exchange(velmara, tarrun);
    let case = exports_agree(velmara, tarrun, on);
    let answers: Vec<_> =
        case["statements"].as_array().unwrap().iter().filter(|it| it["kind"] == "breach-answered").collect();
    assert_eq!(answers.len(), 2, "{case}");
    assert!(answers.iter().all(|it| it["on"] == broken.as_str() && it["void"].is_null()), "{case}");
    // What was sealed and handed over stands, whatever was broken since.
    assert_eq!(
        (&case["version"], &case["state"], &case["turns"]),
        (&1.into(), &"sealed".into(), &serde_json::json!([]))
    );
}
