//! Relays that share a store in PostgreSQL, with real servers: what is acknowledged lasts whatever of them dies.
//! Needs the servers' programs (Debian's `postgresql`): `cargo test --test postgres -- --ignored`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cluster;
#[path = "../relay_client/mod.rs"]
mod relay_client;
mod traffic;

use cluster::Cluster;
use relay_client::{Client, Queue, cell, tokens};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use traffic::{Places, Traffic};
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::wire::pass::Token;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

const PROGRAM: &str = env!("CARGO_BIN_EXE_truceline-relay");

fn relay(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// A relay's folder; another with the same certificate and deposit key where `twin` names one.
fn folder(place: &Path, name: &str, cluster: &Cluster, twin: Option<&Path>) -> PathBuf {
    let dir = place.join(name);
    let made = relay(&["init", dir.to_str().unwrap()]);
    assert!(made.status.success(), "{}", told(&made));
    std::fs::write(dir.join("relay.toml"), cluster.relay_toml()).unwrap();
    std::fs::copy(cluster.certificate(), dir.join("servers.pem")).unwrap();
    for file in ["certificate.pem", "key.pem", "deposit.key"] {
        if let Some(twin) = twin {
            std::fs::copy(twin.join(file), dir.join(file)).unwrap();
        }
    }
    dir
}

/// A relay that serves, killed when dropped.
struct Serving {
    child: Child,
    place: RelayPlace,
}

impl Serving {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", dir.to_str().unwrap()]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let place = loop {
            let begins = log.len();
            assert_ne!(errors.read_line(&mut log).unwrap(), 0, "it ended before it listened: {log}");
            if let Some(rest) = log[begins..].strip_prefix("listening on ") {
                let place = rest.split_once('(').unwrap().1.split_once(' ').unwrap().0;
                break RelayLine::parse(place).unwrap().place;
            }
        };
        // Read on, or the relay would wait for its log to be taken.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Self { child, place }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Servers and two relays.
struct Bench {
    _place: TempDir,
    dirs: [PathBuf; 2],
    relays: [Serving; 2],
    tokens: Vec<Token>,
    cluster: Cluster,
}

impl Bench {
    fn start(standbys: usize) -> Self {
        let cluster = Cluster::start_in(&std::env::temp_dir(), standbys);
        let place = tempfile::tempdir().unwrap();
        let one = folder(place.path(), "one", &cluster, None);
        let two = folder(place.path(), "two", &cluster, Some(&one));
        let relays = [Serving::start(&one), Serving::start(&two)];
        let pass = relay(&["pass", one.to_str().unwrap(), "--queues", "64"]);
        assert!(pass.status.success(), "{}", told(&pass));
        let tokens = tokens(String::from_utf8(pass.stdout).unwrap().trim());
        Self { _place: place, dirs: [one, two], relays, tokens, cluster }
    }

    /// A queue opened at the first relay, the only one that may know its pass at first.
    async fn queue(&mut self, seed: u64) -> (Queue, Client) {
        let queue = Queue::seeded(seed);
        let (reader, reply) = Client::open(&self.relays[0].place, &queue, self.tokens.pop().unwrap()).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        (queue, reader)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL's servers"]
async fn two_relays_serve_the_same_queues() {
    let mut bench = Bench::start(1);
    let other = bench.relays[1].place.clone();
    let (mut queue, mut reader) = bench.queue(1).await;
    let (mut writer, reply) = Client::prove(&other, &queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { low: 0, next: 0, .. }), "{reply:?}");
    // A get that waits at one relay is answered by a put at the other.
    reader.send(Request::Get { from: 0, count: 4, wait_ms: 60_000 }, None).await.unwrap();
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { first: 0, count: 1, .. }));
    let framed = reader.reply().await.unwrap().unwrap();
    assert!(matches!(framed.said, Reply::Cell { index: 0, more: 0, .. }), "{:?}", framed.said);
    assert_eq!(framed.cell, Some(cell(1, 0)));
    // Writing once holds across relays, and so does doing it again.
    let (mut twin, _) = Client::prove(&bench.relays[0].place, &queue, QueueRole::Writer).await;
    assert!(matches!(twin.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    assert!(matches!(twin.put(&queue, 0, cell(2, 0)).await, Reply::Conflict(_)));
    assert!(matches!(twin.put(&queue, 2, cell(1, 2)).await, Reply::Expected { next: 1 }));
    assert_eq!(reader.ask(Request::Drop { below: 1 }, None).await, Reply::Dropped { low: 1 });
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Gone { low: 1, .. }));
    // Another token opens it once, at whichever relay.
    let again = Queue::seeded(2);
    let token = bench.tokens.pop().unwrap();
    let (_, opened) = Client::open(&other, &again, token).await;
    assert!(matches!(opened, Reply::Serving { .. }), "{opened:?}");
    let (_, refused) = Client::open(&bench.relays[0].place, &Queue::seeded(3), token).await;
    assert_eq!(refused, Reply::PassRefused);
    // A queue given to another writer here ends its old writer's connection there.
    let to = Queue::seeded(4).writer;
    assert_eq!(reader.rekey(&mut queue, to).await, Reply::Rekeyed);
    assert!(writer.reply().await.unwrap().is_none(), "the old writer is let go");
    let (mut writer, reply) = Client::prove(&other, &queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { low: 1, next: 1, last: None, .. }), "{reply:?}");
    assert!(matches!(writer.put(&queue, 1, cell(1, 1)).await, Reply::Stored { .. }));
    assert_eq!(reader.ask(Request::Close, None).await, Reply::Closed);
    assert!(writer.reply().await.unwrap().is_none());
    let (_, reply) = Client::prove(&other, &queue, QueueRole::Reader).await;
    assert_eq!(reply, Reply::Refused);
    assert!(bench.cluster.ask("SELECT 1 FROM truceline_cell").await.is_empty());
    // A pass that waits at a relay which is down is taken back at another, and opens nothing when it comes.
    bench.relays[1].kill();
    let pass = relay(&["pass", bench.dirs[1].to_str().unwrap()]);
    let mut revoke = Command::new(PROGRAM);
    revoke.arg("revoke").arg(&bench.dirs[0]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut revoke = revoke.spawn().unwrap();
    revoke.stdin.take().unwrap().write_all(&pass.stdout).unwrap();
    assert!(revoke.wait().unwrap().success());
    let waits = || std::fs::read_dir(bench.dirs[0].join("passes")).unwrap().count() > 0;
    for _ in 0..200 {
        if !waits() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!waits(), "the revocation is carried out");
    let again = Serving::start(&bench.dirs[1]);
    let token = tokens(String::from_utf8(pass.stdout).unwrap().trim()).pop().unwrap();
    let (_, refused) = Client::open(&again.place, &Queue::seeded(5), token).await;
    assert_eq!(refused, Reply::PassRefused);
    let checked = relay(&["check", bench.dirs[0].to_str().unwrap()]);
    assert!(checked.status.success(), "{}", told(&checked));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL's servers"]
async fn a_server_that_could_lose_what_it_says_is_stored_is_refused() {
    let cluster = Cluster::start_in(&std::env::temp_dir(), 0);
    let place = tempfile::tempdir().unwrap();
    let dir = folder(place.path(), "one", &cluster, None);
    let refused = |wanted: &str| {
        let ended = relay(&["serve", dir.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(5), "{}", told(&ended));
        assert!(told(&ended).contains(wanted), "{}", told(&ended));
        assert!(!told(&ended).contains("correct-horse"), "no password is told");
        let checked = relay(&["check", dir.to_str().unwrap()]);
        assert!(told(&checked).contains(wanted), "{}", told(&checked));
    };
    refused("synchronous_standby_names = ''");
    let toml = cluster.relay_toml() + "durability = \"single\"\n";
    std::fs::write(dir.join("relay.toml"), toml).unwrap();
    drop(Serving::start(&dir));
    cluster.servers[0].set("synchronous_commit = off");
    refused("synchronous_commit = 'off'");
    cluster.servers[0].set("synchronous_commit = on\nfsync = off");
    refused("fsync = 'off'");
    cluster.servers[0].set("fsync = on\nfull_page_writes = off");
    refused("full_page_writes = 'off'");
    cluster.servers[0].set("full_page_writes = on");
    // Nor does one that serves acknowledge anything once they are changed.
    let serving = Serving::start(&dir);
    let pass = relay(&["pass", dir.to_str().unwrap()]);
    let token = tokens(String::from_utf8(pass.stdout).unwrap().trim()).pop().unwrap();
    let queue = Queue::seeded(1);
    let (reader, reply) = Client::open(&serving.place, &queue, token).await;
    assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
    let (mut writer, _) = Client::prove(&serving.place, &queue, QueueRole::Writer).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    cluster.servers[0].set("fsync = off");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(matches!(writer.put(&queue, 1, cell(1, 1)).await, Reply::Busy { .. }));
    drop(reader);
}

#[test]
#[ignore = "needs PostgreSQL's servers"]
fn without_its_standby_a_relay_starts_and_check_says_what_is_missing() {
    let mut cluster = Cluster::start_in(&std::env::temp_dir(), 1);
    cluster.servers[1].kill();
    let place = tempfile::tempdir().unwrap();
    let dir = folder(place.path(), "one", &cluster, None);
    let check = || relay(&["check", dir.to_str().unwrap()]);
    // Before its tables are there, while it serves, and afterwards.
    let refused = |checked: &Output| {
        assert_eq!(checked.status.code(), Some(5), "{}", told(checked));
        assert!(told(checked).contains("none is connected"), "{}", told(checked));
    };
    refused(&check());
    let serving = Serving::start(&dir);
    refused(&check());
    drop(serving);
    refused(&check());
    cluster.servers[1].run();
    for _ in 0..200 {
        if check().status.success() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{}", told(&check()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL's servers"]
async fn a_wait_for_the_standby_that_somebody_cancels_is_no_acknowledgement() {
    let mut bench = Bench::start(1);
    let (queue, _reader) = bench.queue(1).await;
    let place = bench.relays[1].place.clone();
    let (mut writer, _) = Client::prove(&place, &queue, QueueRole::Writer).await;
    bench.cluster.servers[1].signal("-STOP");
    writer.send_put(&queue, 0, cell(1, 0)).await.unwrap();
    let waits = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let mut cancelled = false;
    for _ in 0..200 {
        cancelled = !bench.cluster.ask(waits).await.is_empty();
        if cancelled {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(cancelled, "the commit waits for the standby");
    let reply = writer.reply().await.unwrap().map(|framed| framed.said);
    assert!(matches!(reply, Some(Reply::Busy { .. }) | None), "{reply:?}");
    assert_eq!(bench.cluster.ask("SELECT 1 FROM truceline_cell").await.len(), 1, "the primary has it");
    // Nor is a writer told what only the primary has.
    let proved = Client::prove(&place, &queue, QueueRole::Writer);
    let early = tokio::time::timeout(Duration::from_millis(1_500), proved).await;
    assert!(early.is_err(), "{:?}", early.unwrap().1);
    bench.cluster.servers[1].signal("-CONT");
    let (mut writer, reply) = Client::prove(&place, &queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { next: 1, .. }), "{reply:?}");
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
}

/// A relay killed and begun again, sessions ended, the standby cut off and back, the primary killed and the standby promoted: all while
/// pairs talk across both relays.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL's servers"]
async fn nothing_acknowledged_is_lost_and_nothing_comes_twice_whatever_dies() {
    let mut bench = Bench::start(2);
    let mut queues = Vec::new();
    for seed in 0..6 {
        queues.push(bench.queue(seed).await.0);
    }
    let places: Places =
        Arc::new(Mutex::new(bench.relays.iter().map(|serving| serving.place.clone()).collect()));
    let traffic = Traffic::start(queues, &places);
    traffic.goes_on(20, "at first").await;

    bench.relays[0].kill();
    traffic.goes_on(20, "with one relay").await;
    bench.relays[0] = Serving::start(&bench.dirs[0]);
    places.lock().unwrap()[0] = bench.relays[0].place.clone();
    traffic.goes_on(20, "with both relays again").await;

    // Sessions that end in the middle of what they do.
    for _ in 0..20 {
        let sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'truceline-relay'";
        bench.cluster.ask(sessions).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    traffic.goes_on(20, "once no session is ended any more").await;

    bench.cluster.servers[1].signal("-STOP");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = traffic.acknowledged();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(traffic.acknowledged(), before, "nothing is acknowledged that no standby has");
    bench.cluster.servers[1].signal("-CONT");
    traffic.goes_on(20, "once the standby is back").await;

    bench.cluster.servers[0].kill();
    bench.cluster.promote().await;
    traffic.goes_on(20, "on the promoted standby").await;
    traffic.ends().await;
}
