//! Channels that are renewed: after an older copy of a vault was used, through new words, to transcripts that are one.

use crate::officer::{Answer, Officer, example};
use crate::relay::{Relay, copy, put_back};
use crate::scene::Scene;
use serde_json::Value;

fn at(relay: &Relay) -> [String; 4] {
    ["--relay".to_owned(), relay.place.clone(), "--pass".to_owned(), relay.pass()]
}

fn with(officer: &Officer, args: &[&str], relay: &Relay) -> Answer {
    let at = at(relay);
    officer.json(&[args, &at.iter().map(String::as_str).collect::<Vec<_>>()].concat())
}

/// Renews Velmara's channel `tarrun`, and Tarrun joins; up to words that neither has confirmed.
fn renewed(relay: &Relay, velmara: &Officer, tarrun: &Officer) {
    let made = with(velmara, &["channel", "renew", "tarrun"], relay).json();
    assert_eq!(made["channel"], "tarrun-2");
    let line = made["invite"].as_str().unwrap();
    let join = ["join", line, "--renews", "velmara", "--yes", "--allow-private"];
    assert_eq!(with(tarrun, &join, relay).json()["channel"], "velmara-2");
    for officer in [velmara, tarrun, velmara] {
        officer.sync();
    }
    assert_eq!(velmara.words("tarrun-2"), tarrun.words("velmara-2"));
}

fn confirm(officer: &Officer, label: &str) {
    officer.ok(&["words", "--channel", label, "--confirm", &officer.words(label)]);
    officer.sync();
}

fn export(officer: &Officer, label: &str, name: &str) -> String {
    let file = officer.dir.join(name).to_str().unwrap().to_owned();
    officer.ok(&["transcript", "export", &file, "--channel", label]);
    file
}

fn fingerprint(officer: &Officer) -> String {
    officer.ok(&["status"])["party"]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn an_older_copy_is_recognised_completed_and_renewed_and_both_transcripts_are_one() {
    let Scene { relay, velmara, tarrun } = Scene::new();
    let older = velmara.dir.join("older");
    copy(&velmara.vault, &older);
    for text in ["First.", "Second."] {
        velmara.ok(&["say", text]);
    }
    velmara.sync();
    tarrun.ok(&["say", "Both heard."]);
    for officer in [&tarrun, &velmara, &tarrun] {
        officer.sync();
    }
    put_back(&older, &velmara.vault);
    let heads = tarrun.channel("velmara")["heads"].clone();
    velmara.json(&["sync"]);
    assert_eq!(velmara.channel("tarrun")["halt"]["code"], "rolled-back");
    tarrun.sync();
    assert_eq!(tarrun.channel("velmara")["heads"], heads, "it sent something");
    velmara.refused(&["say", "More."], 3, "sends nothing more", "channel renew");

    // What it lacks, it gets from the other side's export.
    let theirs = export(&tarrun, "velmara", "old.bin");
    let adopted = velmara.ok(&["channel", "adopt", "tarrun", &theirs]);
    assert!(adopted["adopted"]["own"].as_u64().unwrap() >= 2, "{adopted}");
    assert_eq!(velmara.notes_heard("tarrun"), ["Both heard."]);
    assert_eq!(velmara.channel("tarrun")["heads"]["own"], tarrun.channel("velmara")["heads"]["peer"]);

    renewed(&relay, &velmara, &tarrun);
    confirm(&velmara, "tarrun-2");
    tarrun.sync();
    // The second to confirm says the renewal with it; the first has yet to hear of that.
    confirm(&tarrun, "velmara-2");
    let half = export(&tarrun, "velmara-2", "half.bin");
    for officer in [&velmara, &tarrun] {
        officer.sync();
    }
    for (officer, old, new) in [(&velmara, "tarrun", "tarrun-2"), (&tarrun, "velmara", "velmara-2")] {
        let (old, new) = (officer.channel(old), officer.channel(new));
        assert_eq!(old["renewed_as"], new["label"]);
        assert_eq!(new["renews"]["label"], old["label"]);
        assert_eq!(
            (&new["renews"]["own"], &new["renews"]["peer"]),
            (&Value::from(true), &Value::from("agrees"))
        );
    }
    velmara.refused(&["say", "x", "--channel", "tarrun"], 3, "renewed", "truceline status");

    // No channel need be named: the old one is over.
    velmara.ok(&["say", "We go on."]);
    tarrun.ok(&["propose", example("exchange.toml").to_str().unwrap(), "--yes"]);
    for officer in [&velmara, &tarrun, &velmara] {
        officer.sync();
    }
    assert_eq!(tarrun.notes_heard("velmara-2"), ["We go on."]);
    assert_eq!(velmara.ok(&["cases"])["cases"].as_array().unwrap().len(), 1);
    assert_eq!(velmara.ok(&["transcript", "verify"])["renews"]["label"], "tarrun");

    let new = export(&velmara, "tarrun-2", "new.bin");
    let ours = export(&velmara, "tarrun", "ours.bin");
    let both = [fingerprint(&velmara), fingerprint(&tarrun)];
    for old in [&theirs, &ours] {
        let one = velmara.ok(&["verify", old, &new, "--party", &both[0], "--party", &both[1]]);
        assert_eq!(
            (&one["one"], &one["parties_identified"]),
            (&Value::from(true), &Value::from(true)),
            "{one}"
        );
    }
    let said = velmara.text(&["verify", &theirs, &new]);
    assert!(said.contains("they are one") && said.contains("not identified"), "{said}");

    // A renewal that is missing, the two the other way round, another channel, other parties, an older export.
    velmara.refused(&["verify", &theirs, &half], 7, "has not said that it renews", "");
    velmara.refused(&["verify", &new, &theirs], 7, "not one", "");
    let other = Scene::new();
    let strangers = export(&other.tarrun, "velmara", "strangers.bin");
    velmara.refused(&["verify", &strangers, &new], 7, "no party of the old", "");
    velmara.refused(&["verify", &theirs, &new, "--party", &fingerprint(&other.velmara)], 7, "no party", "");
    put_back(&older, &velmara.vault);
    let stale = export(&velmara, "tarrun", "stale.bin");
    tarrun.refused(&["verify", &stale, &new], 7, "more than are here", "both sides");
}

#[test]
fn a_renewal_is_with_the_same_party_or_refused() {
    let Scene { relay, velmara, tarrun } = Scene::new();
    let osra = Officer::new("Osra");
    let line = osra.invite(&[&relay], "somebody");
    let join = ["join", &line, "--renews", "velmara", "--yes", "--allow-private"];
    with(&tarrun, &join, &relay).fails(3, "NOT FROM THE OTHER SIDE", "--new-identity");
    // Somebody else answers the invite of a renewal: it stays good for whom it is meant.
    let made = with(&velmara, &["channel", "renew", "tarrun", "--label", "again"], &relay).json();
    let line = made["invite"].as_str().unwrap();
    osra.join(line, &[&relay], "velmara");
    velmara.sync();
    assert_eq!(velmara.channel("again")["stage"], "inviting");
    assert_eq!(velmara.channel("again")["invite"]["refused_hellos"], 1);
    let join = ["join", line, "--renews", "velmara", "--yes", "--allow-private"];
    with(&tarrun, &join, &relay).json();
    velmara.sync();
    assert_eq!(velmara.channel("again")["stage"], "open");
}

#[test]
fn a_renewal_needs_a_channel_and_what_came_to_nothing_is_taken_back() {
    let Scene { relay, velmara, .. } = Scene::new();
    with(&velmara, &["channel", "renew", "nobody"], &relay).fails(2, "'nobody'", "status");
    velmara.invite(&[&relay], "unanswered");
    with(&velmara, &["channel", "renew", "unanswered"], &relay).fails(
        3,
        "only a channel that stands",
        "discard",
    );
    velmara.refused(&["channel", "discard", "tarrun"], 3, "cannot be discarded", "");
    assert_eq!(velmara.ok(&["channel", "discard", "unanswered"])["discarded"], true);
    let labels = velmara.ok(&["status"]);
    assert_eq!(labels["channels"].as_array().unwrap().len(), 1, "{labels}");
    let file = export(&velmara, "tarrun", "own.bin");
    velmara.refused(
        &["channel", "adopt", "tarrun", &file],
        3,
        "nothing shows that this vault lacks",
        "truceline sync",
    );
}
