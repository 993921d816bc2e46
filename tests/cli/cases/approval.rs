//! A mandate that forbids soldiers for civilians, and an approval that one changed number voids.

use crate::cases::story::{exchange, exports_agree, legs, names_are, pass, people, say};
use crate::officer::{Officer, id};
use crate::scene::Scene;

const MANDATE: &str = r#"
number = 1
valid_until = 2099-01-01T00:00:00Z

[[rule]]
name = "not more than ten"
issue = "give"
class = "negotiable"
bottom = 10

[[rule]]
name = "everyone home"
issue = "get"
class = "negotiable"

[[rule]]
name = "no soldiers for civilians"
issue = "swap"
class = "non-negotiable"
who.category = ["prisoner of war"]
against.category = ["civilian internee", "civilian unclassified", "child"]
"#;

/// Puts the principal's mandate in force: the principal, in a vault of its own, and its fingerprint.
fn under_mandate(officer: &Officer) -> (Officer, String) {
    let principal = Officer::new("Міністерство Ґеди");
    let signed = principal.dir.join("mandate.signed");
    let signed = signed.to_str().unwrap();
    let file = principal.write("mandate.toml", MANDATE);
    let put = principal.ok(&["mandate", "sign", &file, "--out", signed, "--yes"]);
    let fingerprint = put["principal"]["fingerprint"].as_str().unwrap().to_owned();
    officer.ok(&["mandate", "set", signed, "--principal", &fingerprint]);
    (principal, fingerprint)
}

/// Whom Tarrun holds: one of six is a soldier.
fn hidden(number: usize) -> [String; 1] {
    [if number == 3 { "prisoner of war" } else { "civilian internee" }.to_owned()]
}

#[test]
fn what_the_mandate_forbids_is_not_signed_though_approved_and_an_approval_holds_for_one_number_alone() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = under_mandate(velmara);
    let path = |name: &str| velmara.dir.join(name).to_str().unwrap().to_owned();

    // Tarrun asks for six persons, among them a soldier, and offers civilians for them.
    tarrun.write("asked.csv", people(0..6, ["status"], hidden));
    let swap = "[[leg]]\ngiver = \"them\"\npersons = \"asked.csv\"\n\
                [[leg]]\ngiver = \"me\"\ncategory = \"civilian internee\"\ncount = 6\n";
    let swap = say(tarrun, &["propose", &tarrun.write("swap.toml", swap)]);
    pass(tarrun, velmara);
    names_are(&legs(velmara, &swap)[0]["list"], 0..6);
    let rule = "rule 'no soldiers for civilians': gives prisoner of war (leg 1, line 4) for civilian internee or \
                civilian unclassified or child (leg 2), never";
    let help = "only a new mandate can allow it";
    velmara.refused(&["accept", &swap, "--yes"], 3, rule, help);
    // There is nothing to hand to the principal, either.
    let (draft_file, approval) = (path("swap.draft"), path("swap.approval"));
    velmara.refused(&["draft", "accept", &swap, "--out", &draft_file], 3, rule, help);
    assert!(!std::path::Path::new(&draft_file).exists());
    velmara.ok(&["reject", &swap, "--yes"]);

    // Eleven for eleven is past the bottom line: the principal decides.
    let terms = |name: &str, give: usize| {
        velmara.write("ours.csv", people(0..give, ["status"], |_| ["prisoner of war".to_owned()]));
        let text = "[[leg]]\ngiver = \"me\"\npersons = \"ours.csv\"\n\
                     [[leg]]\ngiver = \"them\"\ncategory = \"prisoner of war\"\ncount = 11\n";
        velmara.write(name, text)
    };
    let eleven = terms("eleven.toml", 11);
    let past =
        "rule 'not more than ten': gives 11 (anyone) (leg 1, line 1), at most 10; past the bottom line";
    velmara.refused(&["propose", &eleven, "--yes"], 3, past, "have the principal approve it");
    let draft = velmara.ok(&["draft", "propose", &eleven, "--out", &draft_file])["draft"].clone();
    let draft = draft.as_str().unwrap();
    let read = ministry.run(&["approve", &draft_file, "--out", &approval, "--yes"]);
    assert!(read.code == Some(0) && read.err.contains("gives 11"), "{read:?}");

    // One more, and it is not what was approved.
    let twelve = terms("twelve.toml", 12);
    let changed = velmara.ok(&["draft", "propose", &twelve])["draft"].as_str().unwrap().to_owned();
    let what = format!("for draft {draft}, and this is draft {changed}");
    let send = |draft: &str| velmara.json(&["draft", "send", draft, "--approval", &approval, "--yes"]);
    velmara.refused(
        &["draft", "send", &changed, "--approval", &approval, "--yes"],
        3,
        &what,
        "approve this one",
    );
    let sent = send(draft).json();
    assert_eq!(sent["approved_by"], fingerprint.as_str(), "{sent}");
    let offer = id(&sent);

    // The confirm is approved by itself, and what was approved is what both sides hold.
    pass(velmara, tarrun);
    names_are(&legs(tarrun, &offer)[0]["list"], 0..11);
    say(tarrun, &["accept", &offer]);
    pass(tarrun, velmara);
    velmara.refused(&["confirm", &offer, "--yes"], 3, past, "have the principal approve it");
    let (draft_file, approval) = (path("confirm.draft"), path("confirm.approval"));
    let draft = velmara.ok(&["draft", "confirm", &offer, "--out", &draft_file])["draft"].clone();
    ministry.ok(&["approve", &draft_file, "--out", &approval, "--yes"]);
    velmara.ok(&["draft", "send", draft.as_str().unwrap(), "--approval", &approval, "--yes"]);
    exchange(velmara, tarrun);
    let case = exports_agree(velmara, tarrun, &offer);
    assert_eq!(case["version"], 1, "{case}");
    // Nothing of the mandate or the principal is in what the other side holds.
    let export =
        String::from_utf8_lossy(&std::fs::read(tarrun.dir.join("transcript.bin")).unwrap()).into_owned();
    for secret in ["not more than ten", "no soldiers", "Міністерство", &fingerprint] {
        assert!(!export.contains(secret), "{secret}");
    }
}
