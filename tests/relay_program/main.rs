//! The program `truceline-relay` as an operator runs it, signals and sudden death included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod confined;
mod operation;
mod passes;

#[path = "../relay_client/mod.rs"]
mod relay_client;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use relay_client::{Client, Queue, cell, tokens};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use tempfile::TempDir;
use truceline::crypto::digest::hex;
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::wire::limit::WINDOW_FRAMES;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;

const PROGRAM: &str = env!("CARGO_BIN_EXE_truceline-relay");

fn relay(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A relay's folder, and the relay when it serves.
struct Operator {
    _place: TempDir,
    dir: PathBuf,
}

/// A relay that serves, killed when dropped.
struct Serving {
    child: Child,
    place: RelayPlace,
    /// What it logged before it listened.
    before: String,
    errors: BufReader<ChildStderr>,
}

impl Operator {
    fn init() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("relay");
        let operator = Self { _place: place, dir };
        let made = relay(&["init", operator.dir(), "--listen", "127.0.0.1:0"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        operator
    }

    fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    fn serve(&self) -> Serving {
        self.serve_with(&[])
    }

    /// Serves with these variables in its environment.
    fn serve_with(&self, env: &[(&str, &str)]) -> Serving {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", self.dir()]).stdin(Stdio::null()).stderr(Stdio::piped());
        command.envs(env.iter().copied());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let nowhere = RelayPlace::parse(&format!("nowhere:1#{}", "0".repeat(64))).unwrap();
        let mut serving = Serving { child, place: nowhere, before: String::new(), errors };
        loop {
            let mut line = String::new();
            assert_ne!(serving.errors.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            if let Some(rest) = line.strip_prefix("listening on ") {
                let place = rest.split_once('(').unwrap().1.split_once(' ').unwrap().0;
                serving.place = RelayLine::parse(place).unwrap().place;
                break serving;
            }
            serving.before.push_str(&line);
        }
    }

    fn pass(&self) -> Vec<truceline::wire::pass::Token> {
        let pass = relay(&["pass", self.dir()]);
        assert!(pass.status.success(), "{}", text(&pass.stderr));
        tokens(&text(&pass.stdout))
    }
}

impl Serving {
    fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Reads its log up to a line that holds this; that line.
    fn logged(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.errors.read_line(&mut line).unwrap(), 0, "it ended and never said: {wanted}");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// The exit code, and what was logged since it listened.
    fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.errors.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts cells until the connection breaks, with a full window under way; tells after how many
/// acknowledgements `strike` is to be called. Gives the index after the last acknowledged one.
async fn put_until_broken(
    place: &RelayPlace,
    queue: &Queue,
    seed: u64,
    after: u64,
    strike: &mut dyn FnMut(),
) -> u64 {
    let (mut writer, reply) = Client::prove(place, queue, QueueRole::Writer).await;
    let Reply::Serving { next, .. } = reply else { panic!("a proof was answered {reply:?}") };
    let (mut sent, mut acknowledged, begin) = (next, next, next);
    let mut struck = false;
    loop {
        while sent < acknowledged + WINDOW_FRAMES as u64 {
            if writer.send_put(queue, sent, cell(seed, sent)).await.is_err() {
                break;
            }
            sent += 1;
        }
        match writer.reply().await {
            Ok(Some(framed)) => match framed.said {
                Reply::Stored { first, count, .. } => {
                    assert_eq!(first, acknowledged, "answers come in order");
                    acknowledged += u64::from(count);
                }
                other => panic!("a put was answered {other:?}"),
            },
            Ok(None) | Err(_) => return acknowledged,
        }
        if !struck && acknowledged - begin >= after {
            strike();
            struck = true;
        }
    }
}

async fn all_there(place: &RelayPlace, queue: &Queue, seed: u64, acknowledged: u64) {
    let (mut reader, _) = Client::prove(place, queue, QueueRole::Reader).await;
    let held = reader.fetch(0).await;
    assert!(held.len() as u64 >= acknowledged, "{} held of {acknowledged} acknowledged", held.len());
    for (at, (index, bytes)) in held.iter().enumerate() {
        assert_eq!((*index, bytes), (at as u64, &cell(seed, *index)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_relays_sudden_death() {
    let seeds = std::env::var("TRUCELINE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(5);
    for seed in 0..seeds {
        println!("seed {seed}; again: TRUCELINE_SEEDS={} cargo test --test relay_program", seed + 1);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let operator = Operator::init();
        let mut serving = operator.serve();
        let queue = Queue::seeded(seed);
        let (_, reply) = Client::open(&serving.place, &queue, operator.pass()[0]).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        for _ in 0..3 {
            let after = 1 + rng.next_u64() % 80;
            let place = serving.place.clone();
            let mut kill = || serving.child.kill().unwrap();
            let acknowledged = put_until_broken(&place, &queue, seed, after, &mut kill).await;
            drop(serving);
            serving = operator.serve();
            all_there(&serving.place, &queue, seed, acknowledged).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_told_to_end_under_load_loses_nothing_acknowledged_and_ends_well() {
    let operator = Operator::init();
    let serving = operator.serve();
    let queue = Queue::seeded(1);
    Client::open(&serving.place, &queue, operator.pass()[0]).await;
    let place = serving.place.clone();
    let acknowledged = put_until_broken(&place, &queue, 1, 20, &mut || serving.terminate()).await;
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    let serving = operator.serve();
    all_there(&serving.place, &queue, 1, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_and_the_status_work_beside_a_serving_relay() {
    let operator = Operator::init();
    let count = |name: &str| {
        let status = relay(&["status", operator.dir(), "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        status[name].clone()
    };
    assert_eq!((count("queues"), count("serving")), (0.into(), false.into()));
    let serving = operator.serve();
    let queue = Queue::seeded(1);
    let (_client, reply) = Client::open(&serving.place, &queue, operator.pass()[0]).await;
    assert!(matches!(reply, Reply::Serving { .. }));
    let begin = tokio::time::Instant::now();
    while (count("queues"), count("serving"), count("tokens")) != (1.into(), true.into(), 3.into()) {
        assert!(begin.elapsed() < relay_client::DEADLINE, "the totals follow");
    }
    drop(serving);
    assert_eq!((count("queues"), count("serving"), count("tokens")), (1.into(), false.into(), 3.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_pass_and_no_id_or_address_is_left_in_folder_or_log() {
    let operator = Operator::init();
    let config = operator.dir.join("relay.toml");
    let told = std::fs::read_to_string(&config).unwrap().replace("\"info\"", "\"debug\"");
    std::fs::write(&config, told).unwrap();
    let serving = operator.serve();
    let line = text(&relay(&["pass", operator.dir()]).stdout);
    let tokens = tokens(&line);
    let queue = Queue::seeded(1);
    let (_client, reply) = Client::open(&serving.place, &queue, tokens[0]).await;
    assert!(matches!(reply, Reply::Serving { .. }));
    let (mut writer, _) = Client::prove(&serving.place, &queue, QueueRole::Writer).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    Client::open(&serving.place, &Queue::seeded(2), tokens[0]).await;
    Client::prove(&serving.place, &Queue::seeded(3), QueueRole::Reader).await;
    drop(writer);
    serving.terminate();
    let (_, log) = serving.end();
    assert!(log.contains("stored=1"), "{log}");
    assert!(!log.contains("127.0.0.1"), "{log}");
    let longest_hex = log.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
    assert!(longest_hex < Some(16), "{log}");
    for id in [queue.reader.0, queue.writer.0] {
        assert!(!log.contains(&hex(&id.0.0)[..12]));
    }
    for entry in walk(operator.dir.clone()) {
        let bytes = std::fs::read(&entry).unwrap();
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!holds(line.trim().as_bytes()), "{}", entry.display());
        assert!(!tokens.iter().any(|token| holds(&token.0)), "{}", entry.display());
        assert!(!holds(&tokens[0].hash().0.0), "a spent token's hash is in {}", entry.display());
    }
}

fn walk(dir: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(path) } else { vec![path] }).collect()
}

#[test]
fn a_fresh_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let operator = Operator::init();
    let mode = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&operator.dir), 0o700);
    assert_eq!(mode(&operator.dir.join("passes")), 0o700);
    drop(operator.serve());
    for file in walk(operator.dir.clone()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn what_goes_wrong_is_told_with_a_remedy_and_its_own_exit_code() {
    let operator = Operator::init();
    let fails = |args: &[&str], code: i32, told: &str| {
        let output = relay(args);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(told), "{args:?}: {errors}");
        assert!(output.stdout.is_empty());
    };
    let dir = operator.dir();
    fails(&["init", dir], 3, "already");
    fails(&["serve", "/nonexistent/relay"], 3, "truceline-relay init");
    fails(&["pass", dir, "--queues", "0"], 2, "1..=1000");
    fails(&["pass", dir, "--expires", "soon"], 2, "30d, 12h or 90m");
    fails(&["serve", dir, "--listen", "192.0.2.1:1"], 6, "--listen");
    let serving = operator.serve();
    fails(&["serve", dir], 4, "another process");
    drop(serving);
    let config = operator.dir.join("relay.toml");
    std::fs::write(&config, "retention = 3\n").unwrap();
    fails(&["serve", dir], 3, "unknown field");
    fails(&["--json", "serve", dir], 3, "\"exit\":3");
    std::fs::remove_file(&config).unwrap();
    std::fs::remove_file(operator.dir.join("key.pem")).unwrap();
    fails(&["serve", dir], 3, "no relay");
}

#[test]
fn init_prints_the_place_and_every_command_explains_itself() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("relay");
    let dir = dir.to_str().unwrap();
    let made = relay(&["init", dir, "--listen", "0.0.0.0:4433", "--public", "relay.example:4433"]);
    let printed = text(&made.stdout);
    let line = RelayLine::parse(&printed).unwrap();
    assert_eq!(line.place.address(), "relay.example:4433");
    assert!(line.deposit.is_some());
    for command in ["init", "serve", "pass", "revoke", "check", "status"] {
        let help = relay(&[command, "--help"]);
        assert!(help.status.success() && text(&help.stdout).contains("Example:"), "{command}");
    }
    assert!(text(&relay(&["--help"]).stdout).contains("Exit codes:"));
}
