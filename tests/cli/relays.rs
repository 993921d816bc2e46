//! Relays that are full, flooded, dead or behind a proxy: the honest channel works, or says why not.

use crate::officer::{Officer, id};
use crate::relay::{DEADLINE, Relay};
use crate::relay_client::{self, Client, Queue, cell, tokens};
use crate::scene::{Desk, Scene, run};
use crate::vaults::SmallDisk;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::service::sync::fetch_offer;
use truceline::session::invite::{SignedOffer, UntrustedInvite};
use truceline::time::UnixMillis;
use truceline::wire::queue::{CellHash, QueueId, QueueRole, prove, sign_put};
use truceline::wire::reply::{Bound, Reply};
use truceline::wire::request::Request;

/// Says notes without a process for each.
fn say_all(officer: &Officer, texts: &[String]) {
    let mut desk = Desk::open(officer);
    let thread = desk.thread;
    for text in texts {
        let content = Content::Note(Note { text: Text::new(text).unwrap() });
        desk.service
            .command(|officer, now, rng| officer.say(thread, None, &content, Vec::new(), now, rng))
            .unwrap();
    }
}

fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|at| format!("Note {at}.")).collect()
}

/// The codes of what a sync says of relays.
fn codes(synced: &Value) -> Vec<&str> {
    synced["troubles"].as_array().unwrap().iter().filter_map(|it| it["code"].as_str()).collect()
}

#[test]
fn a_full_queue_holds_back_what_it_cannot_take_and_loses_none_of_it() {
    let Scene { relay: _relay, velmara, tarrun } = Scene::on(Relay::with("queue_cells_max = 8\n"));
    let notes = numbered(20);
    say_all(&velmara, &notes);
    let synced = velmara.sync();
    assert_eq!(codes(&synced), ["full"], "{synced}");
    assert!(synced["troubles"][0]["help"].as_str().unwrap().contains("Nothing is lost"), "{synced}");
    let waiting = velmara.channel("tarrun")["unsent"].as_array().unwrap().len();
    assert!((1..20).contains(&waiting), "{waiting} wait");
    for _ in 0..4 {
        tarrun.sync();
        velmara.sync();
    }
    assert_eq!(tarrun.notes_heard("velmara"), notes);
    assert_eq!(velmara.channel("tarrun")["unsent"], json!([]));
}

#[test]
fn a_relay_with_a_full_disk_takes_nothing_new_says_so_and_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::new("24m") else {
        println!("not tried: no small disk can be mounted here");
        return;
    };
    let relay = Relay::at(disk.place.path().join("relay"), None, "reserve_bytes = 2097152\n");
    let Scene { relay, velmara, tarrun } = Scene::on(relay);
    let filler = disk.place.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    // What its journal has room for is taken until the relay has looked at its disk, as it does once a second.
    std::thread::sleep(Duration::from_secs(3));
    velmara.ok(&["say", "Said while the relay's disk is full."]);
    let synced = velmara.sync();
    assert!(codes(&synced).contains(&"full"), "{synced}");
    assert!(codes(&synced).iter().all(|code| ["full", "busy"].contains(code)), "{synced}");
    let told = synced["troubles"].as_array().unwrap().iter().find(|it| it["code"] == "full").unwrap();
    assert!(told["message"].as_str().unwrap().contains("disk"), "{synced}");
    assert_eq!(velmara.channel("tarrun")["unsent"].as_array().unwrap().len(), 1);
    std::fs::remove_file(&filler).unwrap();
    let begin = tokio::time::Instant::now();
    while velmara.sync()["waiting"] != 0 {
        assert!(begin.elapsed() < DEADLINE, "it takes nothing though there is room again");
    }
    tarrun.sync();
    assert_eq!(tarrun.notes_heard("velmara"), ["Said while the relay's disk is full."]);
    drop(relay);
}

#[test]
fn a_relay_that_is_not_there_is_named_and_what_was_said_waits() {
    let Scene { mut relay, velmara, tarrun } = Scene::new();
    velmara.ok(&["say", "Said while no relay is there."]);
    assert_eq!(relay.terminate(), Some(0));
    let held = relay.cells();
    let address = format!("127.0.0.1:{}", relay.port);
    velmara.run(&["sync"]).fails(5, &address, "--via");
    velmara.json(&["sync"]).fails(5, "no relay was reached", "sync again");
    assert_eq!(velmara.channel("tarrun")["unsent"].as_array().unwrap().len(), 1);
    assert_eq!(relay.cells(), held);
    relay.start();
    velmara.sync();
    tarrun.sync();
    assert_eq!(tarrun.notes_heard("velmara"), ["Said while no relay is there."]);
}

#[test]
fn of_two_relays_in_an_invite_either_may_die() {
    let (mut one, mut two) = (Relay::new(), Relay::new());
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let both = [&one, &two];
    tarrun.join(&velmara.invite(&both, "tarrun"), &both, "velmara");
    velmara.sync();
    tarrun.sync();
    velmara.sync();
    velmara.ok(&["say", "Both stand."]);
    velmara.sync();
    one.kill();
    velmara.ok(&["say", "The first is dead."]);
    let synced = velmara.sync();
    assert_eq!(synced["reached"], true);
    assert!(
        codes(&synced).iter().all(|code| *code == "unreachable") && !codes(&synced).is_empty(),
        "{synced}"
    );
    tarrun.sync();
    assert_eq!(tarrun.notes_heard("velmara"), ["Both stand.", "The first is dead."]);
    // Who invited with one of two dead would be joined by the other: here what is written to both is read from
    // the one that lives.
    one.start();
    two.kill();
    velmara.ok(&["say", "Now the second is dead."]);
    velmara.sync();
    tarrun.ok(&["say", "Heard."]);
    tarrun.sync();
    velmara.sync();
    let heard = ["Both stand.", "The first is dead.", "Now the second is dead."];
    assert_eq!(tarrun.notes_heard("velmara"), heard);
    assert_eq!(velmara.notes_heard("tarrun"), ["Heard."]);
    // Both again: nothing comes twice.
    two.start();
    for officer in [&velmara, &tarrun, &velmara, &tarrun] {
        officer.sync();
    }
    assert_eq!(tarrun.notes_heard("velmara"), heard);
    for (officer, label) in [(&velmara, "tarrun"), (&tarrun, "velmara")] {
        assert_eq!(officer.channel(label)["unsent"], json!([]));
    }
}

#[test]
fn an_invite_with_one_of_its_relays_dead_is_still_joined() {
    let (one, mut two) = (Relay::new(), Relay::new());
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&two, &one], "tarrun");
    two.kill();
    tarrun.join(&line, &[&one], "velmara");
    velmara.sync();
    tarrun.sync();
    assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
}

/// What anyone who has read an invite can fetch.
async fn offer_of(line: &str) -> SignedOffer {
    let now = UnixMillis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap());
    let invite = UntrustedInvite::parse(line).unwrap().verify(now).unwrap();
    fetch_offer(&invite, None, DEADLINE).await.unwrap()
}

/// Puts cells under a writer's id and key until the queue takes no more. Gives how many it took.
async fn flood(
    place: &RelayPlace,
    writer: QueueId,
    secret: &truceline::crypto::sign::QueueSecret,
    most: u64,
) -> u64 {
    let mut client = Client::connect(place).await.unwrap();
    let signature = prove(secret, &client.link.exporter, QueueRole::Writer, &writer);
    let reply = client.ask(Request::Prove { role: QueueRole::Writer, id: writer, signature }, None).await;
    let Reply::Serving { next, .. } = reply else { return 0 };
    for index in next..next + most {
        let junk = cell(0xbad, index);
        let signature = sign_put(secret, &writer, index, &CellHash::of(&junk));
        match client.ask(Request::Put { index, signature }, Some(junk)).await {
            Reply::Stored { .. } => {}
            Reply::Full { bound: Bound::Queue, .. } => return index - next,
            other => panic!("a put was answered {other:?}"),
        }
    }
    most
}

#[test]
fn whoever_floods_an_inviters_queue_with_what_the_invite_gave_does_not_keep_the_joiner_out() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&relay], "tarrun");
    let (stored, again) = run(async {
        let offer = offer_of(&line).await;
        let leave = &offer.relays()[0];
        let stored = flood(&leave.place, QueueId(leave.writer), &leave.secret, 5).await;
        tarrun.join(&line, &[&relay], "velmara");
        let heard = velmara.sync();
        assert!(heard["events"].as_array().unwrap().iter().any(|it| it["event"] == "joined"), "{heard}");
        (stored, flood(&leave.place, QueueId(leave.writer), &leave.secret, 5).await)
    });
    assert_eq!(stored, 5);
    assert_eq!(again, 0, "the capability of the invite still writes after the introduction");
    for officer in [&tarrun, &velmara, &tarrun] {
        officer.sync();
    }
    assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
    tarrun.ok(&["say", "Through the flood."]);
    tarrun.sync();
    velmara.sync();
    assert_eq!(velmara.notes_heard("tarrun"), ["Through the flood."]);
}

#[test]
fn an_invite_whose_places_somebody_else_has_filled_is_said_to_be_spoilt_and_a_new_one_serves() {
    let relay = Relay::new();
    let [velmara, tarrun] = ["Velmara", "Tarrun"].map(Officer::new);
    let line = velmara.invite(&[&relay], "spoilt");
    run(async {
        let offer = offer_of(&line).await;
        let leave = &offer.relays()[0];
        assert_eq!(flood(&leave.place, QueueId(leave.writer), &leave.secret, 40).await, 40);
    });
    tarrun.try_join(&line, &[&relay], "velmara").fails(3, "somebody else who knows the invite", "new invite");
    assert_eq!(tarrun.ok(&["status"])["channels"], json!([]));
    let line = velmara.invite(&[&relay], "tarrun");
    tarrun.join(&line, &[&relay], "velmara");
    velmara.sync();
    tarrun.sync();
    assert_eq!(velmara.words("tarrun"), tarrun.words("velmara"));
}

#[test]
fn whoever_floods_the_relay_with_a_pass_of_his_own_fills_his_queue_and_no_other() {
    let Scene { relay, velmara, tarrun } = Scene::on(Relay::with("queue_cells_max = 300\n"));
    let place = RelayLine::parse(&relay.place).unwrap().place;
    let stop = Arc::new(tokio::sync::Notify::new());
    let token = tokens(&relay.pass())[0];
    run(async {
        let queue = Queue::seeded(7);
        let (_reader, reply) = Client::open(&place, &queue, token).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        let (ended, place) = (stop.clone(), place.clone());
        // Keeps a full window of puts under way, stored or refused, until the others are done.
        let flooder = tokio::spawn(async move {
            let (mut writer, _) = Client::prove(&place, &queue, QueueRole::Writer).await;
            let (mut put, mut full) = (0, 0);
            let work = async {
                loop {
                    match writer.put(&queue, put, relay_client::cell(7, put)).await {
                        Reply::Stored { .. } => put += 1,
                        Reply::Full { bound: Bound::Queue, .. } => full += 1,
                        other => panic!("a put was answered {other:?}"),
                    }
                }
            };
            tokio::select! {
                () = work => {}
                () = ended.notified() => {}
            }
            (put, full)
        });
        let honest = tokio::task::spawn_blocking(move || {
            say_all(&velmara, &numbered(40));
            velmara.sync();
            tarrun.sync();
            velmara.sync();
            assert_eq!(tarrun.notes_heard("velmara"), numbered(40));
            assert_eq!(velmara.channel("tarrun")["undelivered"], json!([]));
        });
        honest.await.unwrap();
        stop.notify_one();
        let (put, full) = flooder.await.unwrap();
        assert!(put > 0, "the flood never began");
        println!("{put} cells of the flood were stored, {full} refused");
    });
}

/// A SOCKS5 proxy (RFC 1928, no login, CONNECT to an IPv4 address or a name) that counts what it connects.
fn proxy() -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected = Arc::new(AtomicU32::new(0));
    let count = connected.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let count = count.clone();
            std::thread::spawn(move || serve_proxy(client, &count));
        }
    });
    (port, connected)
}

fn serve_proxy(mut client: TcpStream, count: &AtomicU32) -> Option<()> {
    let mut read = |bytes: &mut [u8]| client.read_exact(bytes).ok();
    let mut head = [0; 2];
    read(&mut head)?;
    let mut methods = vec![0; usize::from(head[1])];
    read(&mut methods)?;
    client.write_all(&[5, 0]).ok()?;
    let mut request = [0; 4];
    client.read_exact(&mut request).ok()?;
    assert_eq!(request[..3], [5, 1, 0], "a CONNECT");
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).ok()?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut length = [0];
            client.read_exact(&mut length).ok()?;
            let mut name = vec![0; usize::from(length[0])];
            client.read_exact(&mut name).ok()?;
            String::from_utf8(name).ok()?
        }
        other => panic!("an address of type {other}"),
    };
    let mut port = [0; 2];
    client.read_exact(&mut port).ok()?;
    let mut server = TcpStream::connect((host.as_str(), u16::from_be_bytes(port))).ok()?;
    count.fetch_add(1, Ordering::SeqCst);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Write);
    Some(())
}

#[test]
fn all_connections_go_through_the_proxy_that_is_named() {
    let Scene { relay, velmara, tarrun } = Scene::new();
    let (port, connected) = proxy();
    let via = format!("socks5://127.0.0.1:{port}");
    let said = id(&velmara.ok(&["say", "By a detour."]));
    let before = connected.load(Ordering::SeqCst);
    velmara.ok(&["sync", "--via", &via]);
    let through = connected.load(Ordering::SeqCst) - before;
    assert!(through >= 2, "{through} connections went through the proxy");
    tarrun.ok(&["sync", "--via", &via]);
    assert_eq!(tarrun.notes_heard("velmara"), ["By a detour."]);
    // Invites and joins take the same way.
    let osra = Officer::new("Osra");
    let pass = relay.pass();
    let before = connected.load(Ordering::SeqCst);
    osra.ok(&["invite", "--relay", &relay.place, "--pass", &pass, "--via", &via]);
    assert!(connected.load(Ordering::SeqCst) > before);
    // Without a proxy where one is named nothing is sent by another way.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = format!("socks5://{dead}");
    velmara.json(&["sync", "--via", &dead]).fails(5, "proxy", "");
    velmara.refused(&["sync", "--via", "http://127.0.0.1:1"], 2, "socks5://", "");
    assert_eq!(id(&json!({"id": said})), said);
}
