//! Invites, pins and passes that are wrong: each refused for what it is, with nothing kept of the attempt.

use crate::officer::{Answer, Officer};
use crate::relay::Relay;
use serde_json::Value;

/// A pin that no relay has.
fn wrong_pin(place: &str) -> String {
    format!("{}#{}", place.split_once('#').unwrap().0, "ab".repeat(32))
}

/// Nothing was begun that would stand in the vault.
#[track_caller]
fn has_no_channel(officer: &Officer) {
    assert_eq!(officer.ok(&["status"])["channels"], Value::Array(Vec::new()));
}

#[test]
fn an_invite_that_was_cut_altered_or_is_none_joins_nothing() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&relay], "tarrun");
    let mut altered = line.clone().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let before = tarrun.bytes();
    for (wrong, what) in [(altered.as_str(), "cut or altered"), (&line[..line.len() - 9], "cut or altered")] {
        tarrun.try_join(wrong, &[&relay], "velmara").fails(6, what, "Copy the whole line again");
    }
    tarrun.try_join(&relay.pass(), &[&relay], "velmara").fails(6, "", "");
    tarrun.try_join("no-such-file", &[&relay], "velmara").fails(6, "no-such-file", "");
    let binary = tarrun.write("binary", [0xff, 0xfe, 0x00]);
    tarrun.try_join(&binary, &[&relay], "velmara").fails(6, "", "");
    assert_eq!(tarrun.bytes(), before);
    // Afterwards the right one still does.
    tarrun.join(&line, &[&relay], "velmara");
    velmara.sync();
    tarrun.sync();
    assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
}

#[test]
fn an_expired_invite_joins_nothing() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let pass = relay.pass();
    let made = velmara.ok(&["invite", "--relay", &relay.place, "--pass", &pass, "--expires", "1s"]);
    let line = made["invite"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let before = tarrun.bytes();
    tarrun.try_join(&line, &[&relay], "velmara").fails(3, "has expired", "new invite");
    assert_eq!(tarrun.bytes(), before);
}

#[test]
fn a_relay_with_another_pin_is_not_spoken_to() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let (pass, pin) = (relay.pass(), wrong_pin(&relay.place));
    let answer = velmara.json(&["invite", "--relay", &pin, "--pass", &pass, "--label", "tarrun"]);
    answer.fails(5, "pin", "operator");
    has_no_channel(&velmara);
    // The pass went nowhere: with the right pin it still opens queues.
    velmara.ok(&["invite", "--relay", &relay.place, "--pass", &pass, "--label", "tarrun"]);
    for wrong in ["127.0.0.1:4433", "127.0.0.1#00", "no address#00"] {
        tarrun.refused(&["invite", "--relay", wrong, "--pass", &pass], 2, "", "");
    }
}

#[test]
fn without_a_pass_or_with_a_spent_one_no_queue_is_opened() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let none = Answer::of(velmara.command(&["invite", "--relay", &relay.place]).output().unwrap());
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("--pass"), "{none:?}");
    velmara.refused(&["invite", "--relay", &relay.place, "--pass", "truceline-pass:nonsense"], 2, "", "pass");
    // One queue: leave for a joiner, and not for an inviter, who needs two.
    let pass = relay.pass_for(&["--queues", "2"]);
    velmara.ok(&["invite", "--relay", &relay.place, "--pass", &pass, "--label", "tarrun"]);
    let spent = tarrun.json(&["invite", "--relay", &relay.place, "--pass", &pass, "--label", "velmara"]);
    spent.fails(5, "pass", "new pass");
    has_no_channel(&tarrun);
    let other = Relay::new();
    let foreign = tarrun.json(&["invite", "--relay", &other.place, "--pass", &pass, "--label", "velmara"]);
    foreign.fails(5, "pass", "new pass");
    has_no_channel(&tarrun);
}

#[test]
fn a_private_address_in_an_invite_is_contacted_only_by_leave() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&relay], "tarrun");
    let pass = relay.pass();
    let join = ["join", line.as_str(), "--relay", relay.place.as_str(), "--pass", pass.as_str()];
    tarrun.refused(&[&join[..], &["--yes"]].concat(), 3, "private", "--allow-private");
    tarrun.refused(&[&join[..], &["--allow-private"]].concat(), 2, "no terminal", "--yes");
    tarrun.ok(&[&join[..], &["--yes", "--allow-private"]].concat());
}
