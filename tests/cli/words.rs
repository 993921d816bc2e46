//! Someone between the officers, or beside them: replaced invites, a second joiner, words that differ.

use crate::officer::Officer;
use crate::relay::Relay;
use serde_json::Value;

fn events(synced: &Value) -> Vec<&str> {
    synced["events"].as_array().unwrap().iter().filter_map(|event| event["event"].as_str()).collect()
}

#[test]
fn where_an_invite_was_replaced_the_words_differ_loudly_and_the_channel_closes_for_good() {
    let relay = Relay::new();
    let [velmara, tarrun, mallory] = ["Velmara", "Tarrun", "Velmara"].map(Officer::new);
    // Mallory keeps Velmara's invite, hands Tarrun another, and stands between the two.
    mallory.join(&velmara.invite(&[&relay], "tarrun"), &[&relay], "velmara");
    tarrun.join(&mallory.invite(&[&relay], "tarrun"), &[&relay], "velmara");
    for officer in [&velmara, &mallory, &tarrun, &velmara, &mallory] {
        officer.sync();
    }
    let (read_by_velmara, read_by_tarrun) = (velmara.words("tarrun"), tarrun.words("velmara"));
    assert_ne!(read_by_velmara, read_by_tarrun);
    velmara.refused(&["words", "--confirm", &read_by_tarrun], 8, "DO NOT MATCH", "words --differ");
    let eleven = read_by_velmara.rsplit_once(' ').unwrap().0;
    velmara.refused(&["words", "--confirm", eleven], 2, "11 words were typed", "Nothing was confirmed");
    velmara.refused(
        &["words", "--confirm", &format!("{eleven} truceline")],
        2,
        "'truceline'",
        "Nothing was confirmed",
    );
    assert_eq!(velmara.channel("tarrun")["words"]["own"], false);
    velmara.refused(&["words", "--differ"], 2, "no terminal", "--yes");
    velmara.ok(&["words", "--differ", "--yes"]);
    let closed = velmara.channel("tarrun");
    assert_eq!(closed["halt"]["code"], "words-differ", "{closed}");
    velmara.refused(&["say", "Is this you?"], 3, "sends nothing more", "new invite");
    velmara.refused(&["words", "--confirm", &read_by_velmara], 3, "sends nothing more", "new invite");
    assert!(velmara.text(&["status"]).contains("HALTED"));
}

#[test]
fn a_second_joiner_by_the_same_invite_gets_no_channel_and_does_the_first_no_harm() {
    let relay = Relay::new();
    let [velmara, tarrun, eve, late] = ["Velmara", "Tarrun", "Eve", "Late"].map(Officer::new);
    let line = velmara.invite(&[&relay], "tarrun");
    tarrun.join(&line, &[&relay], "velmara");
    // The same line was read by someone else, who is quick, too.
    eve.join(&line, &[&relay], "velmara");
    let heard = velmara.sync();
    assert_eq!(events(&heard).iter().filter(|event| **event == "joined").count(), 1, "{heard}");
    for officer in [&tarrun, &eve, &velmara, &eve] {
        officer.sync();
    }
    assert_eq!(velmara.channel("tarrun")["peer"]["name"], "Tarrun");
    assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
    let refused = eve.channel("velmara");
    assert_eq!((&refused["stage"], &refused["peer"]), (&"greeting".into(), &Value::Null), "{refused}");
    let told = eve.sync();
    assert_eq!(told["troubles"][0]["code"], "refused", "{told}");
    eve.refused(&["say", "Hello?"], 3, "introduction is not over", "truceline status");
    eve.refused(&["words"], 3, "", "truceline s");
    // And whoever comes once the invite is used finds no offer.
    let late_answer = late.try_join(&line, &[&relay], "velmara");
    late_answer.fails(3, "the invite was used already", "new invite");
    assert_eq!(late.ok(&["status"])["channels"], Value::Array(Vec::new()));
    tarrun.ok(&["say", "The first channel is whole."]);
    tarrun.sync();
    velmara.sync();
    assert_eq!(velmara.notes_heard("tarrun"), ["The first channel is whole."]);
}
