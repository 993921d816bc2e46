//! Eleven of forty do not come: they were moved to a third country, and nobody had been told.

use crate::cases::story::{
    agree, exchange, exports_agree, go, legs, names_are, one_says, pass, people, ready, same_discrepancy,
    say, sentences, surname, table,
};
use crate::officer::Officer;
use crate::scene::Scene;
use serde_json::json;

const MOVED: std::ops::Range<usize> = 20..31;
const TERMS: &str = "[[leg]]\ngiver = \"them\"\ncategory = \"prisoner of war\"\npersons = \"forty.csv\"\n\
                     [[leg]]\ngiver = \"me\"\ncategory = \"prisoner of war\"\ncount = 40\n";
const SOURCE: &str = "Third Geneva Convention, articles 12 and 122";

/// Whoever was not moved came; what is said of the others.
fn came(officer: &Officer, outcome: [&str; 2]) -> String {
    let row = |line: usize| {
        let [outcome, cause] = if MOVED.contains(&line) { outcome } else { ["delivered as listed", ""] };
        vec!["1".to_owned(), (line + 1).to_string(), String::new(), outcome.to_owned(), cause.to_owned()]
    };
    let counted = ["2", "", "40", "delivered as listed", ""].map(str::to_owned).to_vec();
    let rows = (0..40).map(row).chain([counted]);
    officer.write("came.csv", table(&["leg", "line", "number", "outcome", "cause"], rows))
}

#[test]
fn persons_moved_to_a_third_country_with_no_notice_are_named_until_the_notice_is_given() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    velmara.write("forty.csv", people(0..40, ["status"], |_| ["prisoner of war".to_owned()]));
    let offer = say(velmara, &["propose", &velmara.write("terms.toml", TERMS)]);
    let on = offer.as_str();
    agree(velmara, tarrun, on);
    names_are(&legs(tarrun, on)[0]["list"], 0..40);
    let bus = ["--mode", "bus"].as_slice();
    ready(velmara, tarrun, on, [bus, bus]);
    tarrun.refused(&["lines", on, "--all-delivered", "--yes"], 3, "have not said go", "Wait for both goes.");
    go(velmara, tarrun, on);

    let theirs = came(tarrun, ["not delivered", "moved to a third country"]);
    let said = tarrun.ok(&["lines", on, &theirs, "--yes"]);
    one_says(
        &sentences(&said["warnings"]),
        &["leg 1, lines 21-31", "third country", "transfer notice", SOURCE],
    );
    say(velmara, &["lines", on, &came(velmara, ["not delivered", ""])]);
    exchange(tarrun, velmara);
    let found = same_discrepancy(velmara, tarrun, on);
    let leg = &found["legs"][0];
    assert_eq!(
        leg["summary"],
        "the giver says: 11 not delivered, moved to a third country; the receiver says: 11 not delivered, cause unknown"
    );
    assert_eq!(
        [&leg["own"]["delivered"], &leg["peer"]["delivered"], &leg["own"]["fulfilled"]],
        [&29.into(), &29.into(), &json!(false)],
        "{leg}"
    );
    let findings = sentences(&leg["findings"]);
    let unannounced = ["lines 21-31: moved to a third country with no notice", "give the home side", SOURCE];
    one_says(&findings, &unannounced);
    one_says(&findings, &["the receiver: 29 delivered, and the leg asks for 40"]);

    // Their families are told nothing: nobody has signed that they crossed.
    let told = velmara.ok(&["family", "ТА-000020"])["persons"].clone();
    assert_eq!(
        (&told[0]["may_tell"], &told[0]["outcome"]),
        (&"nothing".into(), &"not delivered".into()),
        "{told}"
    );

    // The notice, at last, and by mistake of ten only.
    let notice = ["transfer-notice", on, "--leg", "1", "--country", "Острава", "--on", "2031-06", "--lines"];
    let notice = |lines: &'static str| [notice.as_slice(), &[lines]].concat();
    tarrun.refused(
        &[notice("41").as_slice(), &["--yes"]].concat(),
        2,
        "40 lines, and no line 41",
        "See its lines",
    );
    let ten = say(tarrun, &notice("21,22,23,24,25,26,27,28,29,30"));
    pass(tarrun, velmara);
    let shown = velmara.text(&["show", &ten]);
    assert!(shown.contains(&format!("21 ({}", surname(20))) && shown.contains("Острава"), "{shown}");
    let findings = sentences(&same_discrepancy(velmara, tarrun, on)["legs"][0]["findings"]);
    one_says(&findings, &["line 31: moved to a third country with no notice", SOURCE]);
    say(tarrun, &notice("31"));
    exchange(tarrun, velmara);
    let found = same_discrepancy(velmara, tarrun, on);
    let findings = sentences(&found["legs"][0]["findings"]);
    assert!(!findings.iter().any(|it| it.contains("no notice")), "{findings:?}");
    // A notice brings nobody home.
    assert_eq!(found["none"], false, "{found}");
    one_says(&findings, &["the giver: 29 delivered, and the leg asks for 40"]);
    exports_agree(velmara, tarrun, on);
}
