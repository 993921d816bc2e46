//! A bus was announced, and an aircraft comes: by a changed notice, which begins a new round; and without one, which
//! the receiver answers by breaking the round off.

use crate::cases::story::{
    agree, exchange, exports_agree, go, legs, names_are, pass, people, ready, same_case, say,
};
use crate::scene::Scene;
use serde_json::{Value, json};

const TERMS: &str = "[[leg]]\ngiver = \"me\"\npersons = \"ours.csv\"\n\
                     [[leg]]\ngiver = \"them\"\ncategory = \"prisoner of war\"\ncount = 9\n";

/// Round, who is ready, who has gone: of the handover that both sides see.
fn stands(case: &Value) -> [Value; 4] {
    ["round", "ready", "go", "effective"].map(|part| case["handover"][part].clone())
}

#[test]
fn another_vehicle_than_announced_stops_everything_until_it_is_acknowledged_and_both_are_ready_again() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    velmara.write("ours.csv", people(0..8, [], |_| []));
    let offer = say(velmara, &["propose", &velmara.write("terms.toml", TERMS)]);
    let on = offer.as_str();
    agree(velmara, tarrun, on);
    names_are(&legs(tarrun, on)[0]["list"], 0..8);
    let bus = ["--mode", "bus", "--vehicle", "КА-2201"].as_slice();
    let [announced, _] = ready(velmara, tarrun, on, [bus, bus]);
    pass(velmara, tarrun);
    let (both, none) = (json!({"own": true, "peer": true}), json!({"own": false, "peer": false}));
    let case = same_case(velmara, tarrun, on);
    assert_eq!(stands(&case), [json!({"opener": 0, "other": 0}), both, none.clone(), json!(false)]);

    // Both are ready for the bus, and Velmara sends an aircraft: it says so, and the round begins anew.
    let aircraft =
        ["--mode", "aircraft", "--vehicle", "VL-77", "--airspace-from", "2h", "--airspace-to", "5h"];
    let changed = say(velmara, &[["transport", on].as_slice(), &aircraft].concat());
    velmara.refused(
        &["go", on, "--yes"],
        3,
        "you have not said in this round that you are ready",
        "Say that first.",
    );
    velmara.refused(&["ready", on, "--yes"], 3, "other side has not acknowledged", "Wait for that.");
    pass(velmara, tarrun);
    let case = same_case(tarrun, velmara, on);
    assert_eq!(stands(&case), [json!({"opener": 1, "other": 0}), none.clone(), none.clone(), json!(false)]);
    let waits = &case["handover"]["transport"]["peer"];
    assert_eq!(waits, &json!({"notice": changed, "acknowledged": null}), "{case}");
    // Everything that the go of Tarrun lacks is said, one thing after the other.
    tarrun.refused(
        &["go", on, "--yes"],
        3,
        "you have not said in this round that you are ready",
        "Say that first.",
    );
    tarrun.refused(&["ready", on, "--yes"], 3, "you have not acknowledged", "Acknowledge it first.");
    tarrun.refused(
        &["acknowledge", &announced, "--yes"],
        3,
        "has changed that transport notice",
        "took its place",
    );
    let shown = tarrun.text(&["show", &changed]);
    assert!(shown.contains("aircraft") && shown.contains("VL-77") && shown.contains("airspace"), "{shown}");
    say(tarrun, &["acknowledge", &changed]);
    say(tarrun, &["ready", on]);
    tarrun.refused(&["go", on, "--yes"], 3, "other side has not said in this round", "Wait for that.");
    pass(tarrun, velmara);
    say(velmara, &["ready", on]);
    pass(velmara, tarrun);

    // Now Velmara sees an aircraft of Tarrun's over the field, and Tarrun had announced a bus. It breaks the round
    // off; Tarrun has said go at the same time, and that go is of a round that is no more.
    say(velmara, &["suspend", on, "--reason", "Над полем самолёт, а обещан автобус."]);
    say(tarrun, &["go", on, "--until", "2h"]);
    velmara.refused(&["go", on, "--yes"], 3, "you have not said in this round that you are ready", "");
    exchange(velmara, tarrun);
    let case = same_case(velmara, tarrun, on);
    assert_eq!(stands(&case), [json!({"opener": 2, "other": 0}), none.clone(), none, json!(false)]);
    for officer in [velmara, tarrun] {
        officer.refused(
            &["go", on, "--yes"],
            3,
            "you have not said in this round that you are ready",
            "Say that first.",
        );
    }
    tarrun.refused(
        &["lines", on, "--all-delivered", "--yes"],
        3,
        "so nobody has moved",
        "Wait for both goes.",
    );

    // Tarrun says what it flies, Velmara acknowledges it, and both go.
    let theirs = say(tarrun, &["transport", on, "--mode", "aircraft", "--vehicle", "ТР-5"]);
    pass(tarrun, velmara);
    velmara.refused(&["ready", on, "--yes"], 3, "you have not acknowledged", "Acknowledge it first.");
    say(velmara, &["acknowledge", &theirs]);
    say(velmara, &["ready", on]);
    pass(velmara, tarrun);
    say(tarrun, &["ready", on]);
    pass(tarrun, velmara);
    go(velmara, tarrun, on);
    let case = exports_agree(velmara, tarrun, on);
    let both = json!({"own": true, "peer": true});
    assert_eq!(stands(&case), [json!({"opener": 2, "other": 1}), both.clone(), both, json!(true)]);
    velmara.refused(
        &["suspend", on, "--yes"],
        3,
        "both sides have said go, and nothing undoes that",
        "handover lines",
    );
}
