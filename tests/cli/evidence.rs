//! Evidence by commands: made from a vault, checked with none.

use crate::officer::{Answer, Officer, example, id, program};
use crate::scene::Scene;
use serde_json::Value;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

fn check(args: &[&str]) -> Answer {
    Answer::of(program().args(["--json", "evidence", "check"]).args(args).output().unwrap())
}

/// Makes evidence with these arguments; gives the file.
fn make(officer: &Officer, about: &[&str], name: &str) -> String {
    let file = officer.dir.join(name).to_str().unwrap().to_owned();
    let made = officer.ok(&[&["evidence", "make"], about, &["--out", &file]].concat());
    assert_eq!(made["bytes"], std::fs::metadata(&file).unwrap().len());
    file
}

/// The check for people: plain words within the columns of a terminal.
fn told(file: &str) -> String {
    let answer = Answer::of(program().args(["evidence", "check", file]).output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.lines().all(|line| line.width() <= 80), "{}", answer.out);
    answer.out
}

fn kinds(checked: &Value) -> Vec<&str> {
    checked["statements"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect()
}

#[test]
fn evidence_of_every_kind_is_made_and_checked_by_anyone() {
    let Scene { velmara, tarrun, relay: _relay } = Scene::new();
    let aside = id(&velmara.ok(&["say", "Kyanite: we have the doctor's report."]));
    let offer = id(&velmara.ok(&["propose", example("exchange.toml").to_str().unwrap(), "--yes"]));
    for officer in [&velmara, &tarrun, &velmara] {
        officer.sync();
    }
    let acceptance = id(&tarrun.ok(&["accept", &offer, "--yes"]));
    tarrun.sync();
    velmara.sync();
    let early = velmara.dir.join("early").to_str().unwrap().to_owned();
    let unsealed = ["evidence", "make", "--agreement", &offer, "--out", &early];
    velmara.refused(&unsealed, 3, "no part of an agreement that is sealed", "truceline case show");
    let confirm = id(&velmara.ok(&["confirm", &acceptance, "--yes"]));
    for officer in [&velmara, &tarrun, &velmara] {
        officer.sync();
    }
    let status = velmara.ok(&["status"]);
    let fingerprints = [&status["party"]["fingerprint"], &status["channels"][0]["peer"]["fingerprint"]];
    let [own, peer] = fingerprints.map(|it| it.as_str().unwrap());

    let case = make(&velmara, &["--case", &offer], "case.evidence");
    let checked = check(&[&case, "--party", own, "--party", peer]).json();
    assert_eq!((&checked["holds"], &checked["parties_identified"]), (&true.into(), &true.into()));
    assert_eq!(checked["about"], serde_json::json!({"kind": "case", "case": offer}));
    assert!(checked["state"].as_str().unwrap().starts_with("sealed, version 1"), "{checked}");
    assert_eq!(checked["parties"][1]["words_confirmed"], true);
    assert!(kinds(&checked).contains(&"accept") && !kinds(&checked).contains(&"note"));
    // The other side's file, of the same case up to other heads perhaps, comes to the same.
    let theirs = check(&[&make(&tarrun, &["--case", &offer], "case.evidence")]).json();
    assert_eq!((&theirs["state"], &theirs["parties_identified"]), (&checked["state"], &false.into()));
    let text = told(&case);
    for part in ["parties not identified", "Proven:", "Not proven:", "sealed, version 1", "signed that it"] {
        assert!(text.contains(part), "no '{part}': {text}");
    }

    for id in [&offer, &acceptance, &confirm] {
        let file = make(&tarrun, &["--agreement", &id[..10]], &format!("{}.agreed", &id[..8]));
        let checked = check(&[&file]).json();
        assert_eq!(checked["about"]["offer"], offer.as_str());
        told(&file);
    }

    let person = make(&velmara, &["--person", &format!("{offer}#1.2")], "person.evidence");
    let bytes = std::fs::read(&person).unwrap();
    assert!(bytes.len() < 64 << 10, "{}", bytes.len());
    let checked = check(&[&person]).json();
    assert_eq!(checked["about"]["who"]["surname"], "Кадошев");
    assert!(!String::from_utf8_lossy(&bytes).contains("Вельгин") && !checked.to_string().contains("Вельгин"));
    let of_offer = checked["statements"].as_array().unwrap().iter().find(|it| it["id"] == offer).unwrap();
    assert_eq!((&of_offer["shown"], &of_offer["lines"][0]["line"]), (&"part".into(), &2.into()));
    assert!(of_offer["delivered"]["sequence"].is_u64(), "{of_offer}");
    let text = told(&person);
    assert!(text.contains("Кадошев") && text.contains("its body, and 1 of 80 lines"), "{text}");

    let said = make(&velmara, &["--statements", &format!("{},{acceptance}", &aside[..8])], "said.evidence");
    let checked = check(&[&said]).json();
    assert!(checked["statements"][0]["body"]["text"].as_str().unwrap().starts_with("Kyanite"));
    assert!(!String::from_utf8_lossy(&std::fs::read(&case).unwrap()).contains("Kyanite"));

    pages(&velmara, &offer, &person);
    refused(&velmara, &offer, &case, own);
}

/// The page beside the file, and the page of a check.
fn pages(velmara: &Officer, offer: &str, person: &str) {
    let [page, checked] = ["made.html", "checked.html"].map(|name| velmara.dir.join(name));
    let [made, checked] = [&page, &checked].map(|path| path.to_str().unwrap());
    let file = velmara.dir.join("again.evidence");
    velmara.ok(&["evidence", "make", "--case", offer, "--out", file.to_str().unwrap(), "--html", made]);
    check(&[person, "--html", checked]).json();
    for (page, has) in [(made, "Вельгин"), (checked, "Кадошев")] {
        let html = std::fs::read_to_string(page).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>") && html.contains(has), "{page}");
        assert!(html.contains("not identified"), "{page}");
    }
    assert!(!std::fs::read_to_string(checked).unwrap().contains("Вельгин"));
    check(&[person, "--html", checked]).fails(6, "exists", "--force");
}

fn refused(velmara: &Officer, offer: &str, case: &str, own: &str) {
    check(&[case, "--party", own, "--party", &"0".repeat(64)]).fails(7, "is no party of this evidence", "");
    check(&[case, "--party", "abc"]).fails(2, "is no fingerprint", "64");
    let bytes = std::fs::read(case).unwrap();
    for at in [40, bytes.len() / 3, bytes.len() / 2, bytes.len() - 5] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let flipped = velmara.write(&format!("flipped-{at}"), flipped);
        check(&[&flipped]).fails(7, "does not hold", "Do not rely on it");
    }
    let cut = velmara.write("cut", &bytes[..bytes.len() - 1]);
    check(&[&cut]).fails(7, "does not hold", "");
    let other = velmara.write("other", "truceline transcript 1\n");
    check(&[&other]).fails(6, "not an evidence bundle", "truceline evidence make");
    check(&["/nonexistent/file"]).fails(6, "cannot be read", "path");
    let make = |about: &[&str]| {
        let out = velmara.dir.join("never");
        let args = [&["evidence", "make"], about, &["--out", out.to_str().unwrap()]].concat();
        let answer = velmara.json(&args);
        assert!(!Path::new(&out).exists(), "{about:?}");
        answer
    };
    make(&["--person", &format!("{offer}#1.41")]).fails(2, "lists nobody", "truceline show");
    make(&["--person", offer]).fails(2, "no line of a list", "ID#LEG.LINE");
    make(&["--case", "ffff"]).fails(2, "", "truceline log");
    make(&[]).fails(2, "", "");
    make(&["--case", offer, "--agreement", offer]).fails(2, "", "");
    velmara.refused(&["evidence", "make", "--case", offer, "--out", case], 6, "exists", "--force");
    assert_eq!(std::fs::read(case).unwrap(), bytes);
}
