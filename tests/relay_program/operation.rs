//! What an operator does with a relay that is there: looks whether it can serve, changes its settings while it does, has a
//! supervisor watch it.

use super::relay_client::{self, Client, Queue, cell};
use super::{Operator, relay, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use truceline::party::relay::RelayPlace;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;

/// The verdict of each subject, what was found, what to do, and the exit code.
pub(super) fn checked(dir: &Path) -> (impl Fn(&str) -> [String; 3], Option<i32>) {
    let told = relay(&["check", dir.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(found["ok"], told.status.success());
    let of = move |subject: &str| {
        let mut findings = found["findings"].as_array().unwrap().iter();
        let finding =
            findings.find(|it| it["subject"] == subject).unwrap_or_else(|| panic!("{subject}: {found}"));
        ["verdict", "what", "remedy"].map(|key| finding[key].as_str().unwrap_or_default().to_owned())
    };
    (of, told.status.code())
}

/// Sets a key of relay.toml, whether it stands there or not.
fn set(operator: &Operator, key: &str, value: &str) {
    let file = operator.dir.join("relay.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    let others: Vec<&str> = written.lines().filter(|line| !line.starts_with(key)).collect();
    std::fs::write(&file, format!("{}\n{key} = {value}\n", others.join("\n"))).unwrap();
}

#[test]
fn a_check_finds_what_keeps_a_relay_from_serving_and_says_what_to_do() {
    let operator = Operator::init();
    let fails = |subject: &str, told: &str, remedy: &str, code: i32| {
        let (of, exit) = checked(&operator.dir);
        let [verdict, what, to_do] = of(subject);
        assert_eq!((verdict.as_str(), exit), ("fail", Some(code)), "{subject}: {what}");
        assert!(what.contains(told), "{subject}: {what}");
        assert!(to_do.contains(remedy), "{subject}: {to_do}");
    };
    let (of, exit) = checked(&operator.dir);
    assert_eq!(exit, Some(0));
    for subject in
        ["folder", "relay.toml", "certificate", "deposit.key", "store", "clock", "room", "open files", "port"]
    {
        assert_eq!(of(subject)[0], "ok", "{subject}: {:?}", of(subject));
    }
    // How much depends on the kernel.
    assert!(of("confinement")[1].contains("landlock"), "{:?}", of("confinement"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    set(&operator, "listen", &format!("\"{}\"", taken.local_addr().unwrap()));
    fails("port", "cannot be listened on", "listen in relay.toml", 6);
    drop(taken);
    set(&operator, "reserve_bytes", "9000000000000000000");
    fails("room", "nothing new is stored", "reserve_bytes", 5);
    set(&operator, "reserve_bytes", "1");
    set(&operator, "retention_days", "0");
    fails("relay.toml", "1 to 3650", "Correct the file", 3);
    set(&operator, "retention_days", "21");
    set(&operator, "confine", "false");
    let (of, exit) = checked(&operator.dir);
    assert_eq!((of("confinement")[1].as_str(), exit), ("switched off (confine)", Some(0)));
    set(&operator, "confine", "true");

    let key = operator.dir.join("key.pem");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    fails("folder", "key.pem", "chmod", 3);
    fails("certificate", "key.pem", "permissions 600", 3);
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let file = std::fs::File::options().write(true).open(&key).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written + Duration::from_secs(7_200)).unwrap();
    fails("clock", "behind", "chrony", 1);
    file.set_modified(written).unwrap();

    std::fs::write(operator.dir.join("passes/torn.pass"), "7\n").unwrap();
    let (of, exit) = checked(&operator.dir);
    assert_eq!((of("passes")[0].as_str(), exit), ("warn", Some(0)));
    std::fs::remove_file(operator.dir.join("passes/torn.pass")).unwrap();
    let config = operator.dir.join("relay.toml");
    std::fs::set_permissions(&config, Permissions::from_mode(0o644)).unwrap();
    let (of, exit) = checked(&operator.dir);
    assert_eq!((of("folder")[0].as_str(), exit), ("warn", Some(0)), "it serves all the same");
    std::fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();

    let deposit = operator.dir.join("deposit.key");
    std::fs::remove_file(&deposit).unwrap();
    let (of, exit) = checked(&operator.dir);
    assert_eq!((of("deposit.key")[0].as_str(), exit), ("warn", Some(0)));
    assert!(!deposit.exists(), "a check changes nothing");
    // Another user's folder: nothing found in it would be what its owner finds. Only root can give one away.
    if chown(&operator.dir, Some(65_534), None).is_ok() {
        fails("folder", "belongs to user 65534", "owner", 3);
        for command in ["pass", "status", "serve"] {
            let refused = relay(&[command, operator.dir()]);
            assert_eq!(refused.status.code(), Some(3), "{command}: what one makes the other cannot read");
        }
        chown(&operator.dir, Some(0), None).unwrap();
    }
    std::fs::remove_file(&key).unwrap();
    fails("folder", "key.pem is missing", "truceline-relay init", 3);
}

#[test]
fn a_folder_in_memory_is_found() {
    if let Ok(place) = tempfile::tempdir_in("/dev/shm") {
        let dir = place.path().join("relay");
        assert!(relay(&["init", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"]).status.success());
        let (of, exit) = checked(&dir);
        assert_eq!((of("disk")[0].as_str(), exit), ("fail", Some(5)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_and_the_status_change_nothing_that_a_killed_relay_left() {
    let operator = Operator::init();
    let serving = operator.serve();
    let queue = Queue::seeded(1);
    Client::open(&serving.place, &queue, operator.pass()[0]).await;
    let (mut writer, _) = Client::prove(&serving.place, &queue, QueueRole::Writer).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    drop(serving);
    let left = || {
        let files = super::walk(operator.dir.clone()).into_iter();
        files.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = left();
    assert!(
        !before[&operator.dir.join("relay.journal")].is_empty(),
        "what it stored is in the journal alone"
    );
    let told = text(&relay(&["status", operator.dir()]).stdout);
    assert!(told.contains("cells        1"), "{told}");
    assert_eq!(checked(&operator.dir).0("store")[1], "1 queues, 1 cells");
    assert!(left() == before);
}

#[test]
fn a_check_beside_a_serving_relay_asks_it() {
    let operator = Operator::init();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    set(&operator, "listen", &format!("\"0.0.0.0:{port}\""));
    let _serving = operator.serve();
    let (of, exit) = checked(&operator.dir);
    assert_eq!(exit, Some(0), "{:?}", of("port"));
    assert!(of("port")[1].contains("answers with its pin"));
    // As if it had been started with another address than the one that is set now.
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    set(&operator, "listen", &format!("\"{other}\""));
    let (of, exit) = checked(&operator.dir);
    assert_eq!((of("port")[0].as_str(), exit), ("fail", Some(6)), "{:?}", of("port"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_certificate_change_while_it_serves_and_no_connection_ends() {
    let operator = Operator::init();
    let mut serving = operator.serve();
    let (queue, tokens) = (Queue::seeded(1), operator.pass());
    Client::open(&serving.place, &queue, tokens[0]).await;
    let (mut writer, _) = Client::prove(&serving.place, &queue, QueueRole::Writer).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));

    // What cannot be used changes nothing.
    set(&operator, "queue_cells_max", "0");
    serving.signal("-HUP");
    assert!(serving.logged("nothing was changed").contains("queue_cells_max must be 1 to 1000000"));
    assert!(matches!(writer.put(&queue, 1, cell(1, 1)).await, Reply::Stored { .. }));

    let config = std::fs::read(operator.dir.join("relay.toml")).unwrap();
    std::fs::remove_file(operator.dir.join("relay.toml")).unwrap();
    serving.signal("-HUP");
    assert!(serving.logged("nothing was changed").contains("relay.toml is gone"), "no defaults instead");
    std::fs::write(operator.dir.join("relay.toml"), config).unwrap();

    // Limits: of the store, which the connection that stands meets, and of connections.
    set(&operator, "queue_cells_max", "3");
    set(&operator, "connections_per_address_max", "1");
    set(&operator, "public", "\"relay.example:4433\"");
    serving.signal("-HUP");
    assert!(serving.logged("at the next start").contains("public"));
    let mut index = 2;
    let refused = loop {
        match writer.put(&queue, index, cell(1, index)).await {
            Reply::Stored { .. } => index += 1,
            other => break other,
        }
        assert!(index < 2_000, "the new limit is never met");
    };
    assert!(matches!(refused, Reply::Full { .. }), "{refused:?}");
    assert!(Client::connect(&serving.place).await.is_err(), "a second connection from one address");

    // Another certificate: for new connections, with its own pin.
    set(&operator, "connections_per_address_max", "8");
    let other = Operator::init();
    for file in ["certificate.pem", "key.pem"] {
        std::fs::copy(other.dir.join(file), operator.dir.join(file)).unwrap();
    }
    serving.signal("-HUP");
    let told = serving.logged("another pin");
    let (of, _) = checked(&operator.dir);
    assert!(of("port")[1].contains("chose"), "{:?}", of("port"));
    let pin = told.split("pin=").nth(1).unwrap().trim().trim_matches('"');
    let place = RelayPlace::parse(&format!("{}#{pin}", serving.place.address())).unwrap();
    let (mut reader, _) = Client::prove(&place, &queue, QueueRole::Reader).await;
    assert_eq!(reader.fetch(0).await.len() as u64, index);
    assert!(Client::connect(&serving.place).await.is_err(), "the old pin is shown no more");
    assert!(
        matches!(writer.put(&queue, index, cell(1, index)).await, Reply::Full { .. }),
        "the first goes on"
    );
}

#[test]
fn a_supervisor_is_told_when_it_serves_reads_again_and_stops() {
    let operator = Operator::init();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(relay_client::DEADLINE)).unwrap();
    let told = || {
        let mut bytes = [0; 256];
        let count = supervisor.recv(&mut bytes).unwrap();
        text(&bytes[..count])
    };
    let serving = operator.serve_with(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(told(), "READY=1\n");
    serving.signal("-HUP");
    let again = told();
    assert!(again.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{again}");
    assert_eq!(told(), "READY=1\n");
    serving.terminate();
    assert_eq!(told(), "STOPPING=1\n");
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
}

/// What the relay answers at its port for monitors.
fn asked(port: u16, request: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(relay_client::DEADLINE)).unwrap();
    tcp.write_all(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The names of all series, and the values of some.
fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_gets_totals_and_none_of_its_series_tells_queues_or_peers_apart() {
    let operator = Operator::init();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    set(&operator, "metrics", &format!("\"127.0.0.1:{port}\""));
    let serving = operator.serve();
    let scraped = || series(&asked(port, "GET /metrics").1);
    let before = scraped();
    let tokens = [operator.pass(), operator.pass(), operator.pass()].concat();
    let queues: Vec<Queue> = (0..tokens.len() as u64).map(Queue::seeded).collect();
    let mut clients = Vec::new();
    for (queue, token) in queues.iter().zip(&tokens) {
        let (reader, reply) = Client::open(&serving.place, queue, *token).await;
        assert!(matches!(reply, Reply::Serving { .. }));
        let (mut writer, _) = Client::prove(&serving.place, queue, QueueRole::Writer).await;
        assert!(matches!(writer.put(queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
        clients.push((reader, writer));
    }
    Client::prove(&serving.place, &Queue::seeded(99), QueueRole::Reader).await;
    let count = |series: &BTreeMap<String, f64>, name: &str| series[&format!("truceline_relay_{name}")];
    let held = queues.len() as f64;
    let begin = tokio::time::Instant::now();
    let after = loop {
        let after = scraped();
        if count(&after, "cells") == held && count(&after, "connections") >= 2.0 * held {
            break after;
        }
        assert!(begin.elapsed() < relay_client::DEADLINE, "the totals follow: {after:?}");
    };
    let names = |series: &BTreeMap<String, f64>| series.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "series that come with a queue or a peer");
    assert_eq!(count(&after, "queues"), held);
    assert_eq!(count(&after, "cells_bytes"), held * 16_128.0);
    assert_eq!(count(&after, "events_total{event=\"stored\"}"), held);
    assert_eq!(count(&after, "events_total{event=\"refused\"}"), 1.0);
    assert!(count(&after, "commit_seconds_count") >= held);
    assert!(count(&after, "room_bytes") > 0.0);
    let (head, text) = asked(port, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("127.0.0.1"), "{text}");
    for other in ["GET /", "GET /metricss", "POST /metrics"] {
        assert!(asked(port, other).0.starts_with("HTTP/1.1 404"), "{other}");
    }
    // Who has seen nothing but this learns nothing more with another path.
    assert!(asked(port, "GET /metrics?x=1").0.starts_with("HTTP/1.1 200"));
    // What never asks, and what asks without end, keeps nobody else from an answer for long.
    let _silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut endless = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _ = endless.write_all(&[b'a'; 20_000]);
    assert!(asked(port, "GET /metrics").0.starts_with("HTTP/1.1 200 OK"));
}
