//! Several channels in one vault: each command says which it means, or is told that it must.

use crate::officer::{Officer, id};
use crate::relay::Relay;
use crate::scene::{Desk, introduce, run};
use serde_json::json;

/// Velmara with a channel to Tarrun and one to Osra.
fn three(relay: &Relay) -> [Officer; 3] {
    let [velmara, tarrun, osra] = [(); 3].map(|()| Officer::without_vault());
    run(async {
        let mut one = Desk::create(&velmara, "Velmara");
        introduce(&mut one, &mut Desk::create(&tarrun, "Tarrun"), &[relay], ["tarrun", "velmara"]).await;
        introduce(&mut one, &mut Desk::create(&osra, "Osra"), &[relay], ["osra", "velmara"]).await;
    });
    [velmara, tarrun, osra]
}

#[test]
fn what_is_said_on_one_channel_reaches_its_counterpart_and_no_other() {
    let relay = Relay::new();
    let [velmara, tarrun, osra] = three(&relay);
    velmara.refused(&["say", "To whom?"], 2, "several channels", "--channel");
    velmara.refused(&["say", "To whom?", "--channel", "nobody"], 2, "'nobody'", "tarrun, osra");
    let to_tarrun = id(&velmara.ok(&["say", "To Tarrun.", "--channel", "tarrun"]));
    velmara.ok(&["say", "To Osra.", "--channel", "osra"]);
    velmara.ok(&["sync", "--channel", "osra"]);
    assert_eq!(velmara.channel("tarrun")["unsent"], json!([to_tarrun]));
    assert_eq!(velmara.channel("osra")["unsent"], json!([]));
    velmara.sync();
    for officer in [&tarrun, &osra] {
        officer.sync();
    }
    assert_eq!(tarrun.notes_heard("velmara"), ["To Tarrun."]);
    assert_eq!(osra.notes_heard("velmara"), ["To Osra."]);
    // An id says by itself which channel is meant.
    assert_eq!(velmara.ok(&["show", &to_tarrun])["statement"]["channel"], "tarrun");
    osra.refused(&["show", &to_tarrun], 2, "no statement's id", "truceline sync");
    let log = velmara.text(&["log"]);
    assert!(log.contains("Channel tarrun") && log.contains("Channel osra"), "{log}");
    let pass = relay.pass();
    let again = ["invite", "--relay", &relay.place, "--pass", &pass, "--label", "osra"];
    velmara.refused(&again, 2, "osra", "--label");
    velmara.refused(&["transcript", "verify"], 2, "several channels", "--channel");
    velmara.ok(&["transcript", "verify", "--channel", "osra"]);
}
