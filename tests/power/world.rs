//! What is recorded: a relay and two officers, each on a machine of its own, run as the programs they are, from their first
//! command on; and, kept beside the log, what each was told is done, and when.

use crate::disk::{Tree, read};
use crate::record::{Recorded, Recorder};
use crate::relay::{DEADLINE, port};
use crate::relay_client::{Client, Queue, cell, tokens};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;
use truceline::party::relay::RelayLine;
use truceline::wire::pass::Token;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// The machines: a relay's, two officers', and one where a backup of the first officer's is restored.
pub const MACHINES: [&str; 4] = ["relay", "velmara", "tarrun", "spare"];
/// Where the folders lie on each: below two folders that the programs have to make.
pub const RELAY: &str = "relay/srv/relay";
pub const VAULT: &str = "home/vault";
pub const PASSPHRASES: [&str; 2] =
    ["seven words that nobody says to strangers", "eight words that are quite new"];
pub const SEED: u64 = 7;

/// When something was asked for, and when it was told to be done, as places in the log.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub begun: u64,
    pub done: u64,
}

/// Something said, put or made, and when.
pub type Told<T> = Vec<(T, Span)>;

#[derive(Default)]
pub struct OfficerLedger {
    pub made: Option<Span>,
    pub said: Told<String>,
    /// How many of the counterpart's notes had been told at the end of a sync.
    pub heard: Told<usize>,
    /// From when on the words are confirmed by both.
    pub open: Option<Span>,
    pub passphrase: Option<Span>,
}

/// What was told to be done, by whoever would be wronged if it were not.
#[derive(Default)]
pub struct Ledger {
    pub relay: Option<Span>,
    pub officers: [OfficerLedger; 2],
    /// Tokens that were handed out, to no officer.
    pub issued: Told<Token>,
    /// And those that opened a queue.
    pub spent: Told<Token>,
    /// Cells put into the queue of [`SEED`], from index 0.
    pub puts: Told<()>,
    /// Indexes below which they were dropped.
    pub drops: Told<u64>,
    /// Files that a command was asked for: path, bytes.
    pub files: Told<(PathBuf, Vec<u8>)>,
    pub restored: Option<Span>,
}

impl Ledger {
    /// When anything was told to be done: machine, place in the log.
    pub fn told(&self) -> Vec<(&'static str, u64)> {
        let [relay, velmara, tarrun, spare] = MACHINES;
        let mut told = Vec::new();
        for (machine, officer) in [velmara, tarrun].into_iter().zip(&self.officers) {
            let once = officer.made.iter().chain(&officer.passphrase);
            let said = officer.said.iter().map(|(_, span)| span);
            let heard = officer.heard.iter().map(|(_, span)| span);
            told.extend(once.chain(said).chain(heard).map(|span| (machine, span.done)));
        }
        let tokens = self.issued.iter().chain(&self.spent).map(|(_, span)| span);
        let cells = self.puts.iter().map(|(_, span)| span).chain(self.drops.iter().map(|(_, span)| span));
        told.extend(self.relay.iter().chain(tokens).chain(cells).map(|span| (relay, span.done)));
        told.extend(self.restored.iter().map(|span| (spare, span.done)));
        told
    }
}

/// What was recorded, once for all tests of this program.
pub struct Recording {
    pub log: Vec<Recorded>,
    pub ledger: Ledger,
    /// What lay on each machine at the end.
    pub lies: BTreeMap<&'static str, Tree>,
}

/// None where nothing can be recorded.
pub static RECORDING: LazyLock<Option<Recording>> = LazyLock::new(|| {
    if !cfg!(target_os = "linux") {
        println!("what programs write is recorded on Linux alone");
        return None;
    }
    let mut world = World::run()?;
    let lies = MACHINES.map(|machine| (machine, read(&world.root, machine)));
    Some(Recording {
        log: world.recorder.read(),
        lies: lies.into(),
        ledger: std::mem::take(&mut world.ledger),
    })
});

struct World {
    place: TempDir,
    root: PathBuf,
    recorder: Recorder,
    port: u16,
    ledger: Ledger,
    serving: Option<Child>,
    line: String,
}

impl World {
    /// Runs it all.
    fn run() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap().join("machines");
        for machine in MACHINES {
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join(machine)).unwrap();
        }
        for (name, passphrase) in ["old", "new"].into_iter().zip(PASSPHRASES) {
            let file = place.path().join(name);
            std::fs::write(&file, format!("{passphrase}\n")).unwrap();
            crate::officer::chmod(&file, 0o600);
        }
        let recorder = Recorder::new(&root, place.path())?;
        let mut world = Self {
            place,
            root,
            recorder,
            port: port(),
            ledger: Ledger::default(),
            serving: None,
            line: String::new(),
        };
        world.meet();
        crate::scene::run(world.talk());
        world.watch();
        world.keep();
        Some(world)
    }

    fn span<T>(&self, act: impl FnOnce() -> T) -> (T, Span) {
        let begun = self.recorder.now();
        let value = act();
        (value, Span { begun, done: self.recorder.now() })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("HOME", "/nonexistent").current_dir(&self.root).stdin(Stdio::null());
        self.recorder.watch(&mut command);
        command
    }

    fn output(&self, program: &str, args: &[&str]) -> (String, Span) {
        let (output, span) = self.span(|| self.command(program, args).output().unwrap());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap().trim().to_owned(), span)
    }

    fn operate(&self, args: &[&str]) -> (String, Span) {
        self.output(env!("CARGO_BIN_EXE_truceline-relay"), args)
    }

    fn officer(&self, machine: &str, args: &[&str]) -> (Value, Span) {
        let at = MACHINES.iter().position(|name| *name == machine).unwrap();
        let changed = self.ledger.officers.get(at - 1).is_some_and(|it| it.passphrase.is_some());
        let passphrase = self.place.path().join(if changed { "new" } else { "old" });
        let vault = self.root.join(machine).join(VAULT);
        let first =
            ["--json", "--vault", vault.to_str().unwrap(), "--passphrase-file", passphrase.to_str().unwrap()];
        let (out, span) = self.output(env!("CARGO_BIN_EXE_truceline"), &[&first[..], args].concat());
        (serde_json::from_str(&out).unwrap(), span)
    }

    fn pass(&self) -> (String, Span) {
        let dir = self.root.join(RELAY);
        self.operate(&["pass", dir.to_str().unwrap()])
    }

    /// A pass that no officer gets: which of its tokens are spent is known here.
    fn own_pass(&mut self) -> Vec<Token> {
        let (pass, span) = self.pass();
        let tokens = tokens(&pass);
        self.ledger.issued.extend(tokens.iter().map(|token| (*token, span)));
        tokens
    }

    fn serve(&mut self) {
        let dir = self.root.join(RELAY);
        let mut command =
            self.command(env!("CARGO_BIN_EXE_truceline-relay"), &["serve", dir.to_str().unwrap()]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        self.serving = Some(child);
        let mut said = String::new();
        while !said.lines().any(|line| line.starts_with("listening on ")) {
            assert_ne!(errors.read_line(&mut said).unwrap(), 0, "it does not listen: {said}");
        }
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    }

    fn sync(&mut self, who: usize) {
        let (told, span) = self.officer(MACHINES[who + 1], &["sync"]);
        assert_eq!(told["troubles"], Value::Array(Vec::new()), "{told}");
        let notes = told["events"].as_array().unwrap().iter();
        let notes = notes.filter(|it| it["event"] == "received" && it["statement"]["kind"] == "note").count();
        let heard = &mut self.ledger.officers[who].heard;
        let before = heard.last().map_or(0, |(count, _)| *count);
        heard.push((before + notes, span));
    }

    fn say(&mut self, who: usize) {
        let ledger = &self.ledger.officers[who];
        let text = format!("{}, road report {}", MACHINES[who + 1], ledger.said.len());
        let (_, span) = self.officer(MACHINES[who + 1], &["say", &text]);
        self.ledger.officers[who].said.push((text, span));
    }

    /// Relay, vaults, introduction.
    fn meet(&mut self) {
        let dir = self.root.join(RELAY);
        let listen = format!("127.0.0.1:{}", self.port);
        let (line, span) = self.operate(&["init", dir.to_str().unwrap(), "--listen", &listen]);
        (self.line, self.ledger.relay) = (line, Some(span));
        self.serve();
        for (who, name) in ["Velmara", "Tarrun"].into_iter().enumerate() {
            let machine = MACHINES[who + 1];
            let (_, span) = self.officer(machine, &["init", "--name", name, "--fast-passphrase"]);
            self.ledger.officers[who].made = Some(span);
            self.officer(machine, &["settings", "--receipts-at-once"]);
        }
        let (pass, invite) = (self.pass().0, self.root.join("velmara/invite"));
        let out = invite.to_str().unwrap();
        let (line, at) =
            (self.line.clone(), ["--relay", &self.line.clone(), "--pass", &pass].map(str::to_owned));
        let at = at.each_ref().map(String::as_str);
        let (_, span) =
            self.officer("velmara", &[&["invite", "--label", "tarrun", "--out", out], &at[..]].concat());
        self.keep_file(&invite, span);
        let (pass, _) = self.pass();
        let at = ["--relay", &line, "--pass", &pass];
        self.officer(
            "tarrun",
            &[&["join", out, "--label", "velmara", "--yes", "--allow-private"], &at[..]].concat(),
        );
        for who in [0, 1, 0] {
            self.sync(who);
        }
        let words = self.officer("velmara", &["words"]).0["safety_words"].clone();
        let words: Vec<&str> = words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let words = words.join(" ");
        for who in [0, 1] {
            self.officer(MACHINES[who + 1], &["words", "--confirm", &words]);
            self.sync(who);
        }
        self.sync(0);
        let now = self.recorder.now();
        for officer in &mut self.ledger.officers {
            officer.open = Some(Span { begun: now, done: now });
        }
    }

    fn keep_file(&mut self, path: &Path, span: Span) {
        let below = path.strip_prefix(&self.root).unwrap().to_owned();
        self.ledger.files.push(((below, std::fs::read(path).unwrap()), span));
    }

    /// Both officers speak, and a third client puts, fetches and drops.
    async fn talk(&mut self) {
        let place = RelayLine::parse(&self.line).unwrap().place;
        let (queue, token) = (Queue::seeded(SEED), self.own_pass()[0]);
        let begun = self.recorder.now();
        let (mut reader, reply) = Client::open(&place, &queue, token).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        self.ledger.spent.push((token, Span { begun, done: self.recorder.now() }));
        let (mut writer, _) = Client::prove(&place, &queue, QueueRole::Writer).await;
        for round in 0..3 {
            for who in [0, 1] {
                self.say(who);
                self.put(&mut writer, &queue, 14).await;
                self.sync(who);
            }
            let held = reader.fetch(0).await;
            let below = held[held.len() / 2].0;
            let begun = self.recorder.now();
            assert_eq!(reader.ask(Request::Drop { below }, None).await, Reply::Dropped { low: below });
            self.ledger.drops.push((below, Span { begun, done: self.recorder.now() }));
            // Left alone for a moment, a relay tidies its log.
            if round == 1 {
                tokio::time::sleep(std::time::Duration::from_millis(600)).await;
            }
        }
    }

    /// Puts cells, a few under way at once.
    async fn put(&mut self, writer: &mut Client, queue: &Queue, count: u64) {
        let first = self.ledger.puts.len() as u64;
        for index in first..first + count {
            let begun = self.recorder.now();
            writer.send_put(queue, index, cell(SEED, index)).await.unwrap();
            self.ledger.puts.push(((), Span { begun, done: u64::MAX }));
        }
        let mut stored = first;
        while stored < first + count {
            let reply = tokio::time::timeout(DEADLINE, writer.reply()).await.unwrap().unwrap().unwrap().said;
            let Reply::Stored { first, count, .. } = reply else { panic!("a put was answered {reply:?}") };
            let done = self.recorder.now();
            for index in first..first + u64::from(count) {
                self.ledger.puts[index as usize].1.done = done;
            }
            stored = first + u64::from(count);
        }
    }

    /// One officer stays connected, as most do, and is told at once what comes.
    fn watch(&mut self) {
        let vault = self.root.join("velmara").join(VAULT);
        let passphrase = self.place.path().join("old");
        let args = ["--json", "--vault", vault.to_str().unwrap(), "--passphrase-file"];
        let args = [&args[..], &[passphrase.to_str().unwrap(), "sync", "--watch"]].concat();
        let mut command = self.command(env!("CARGO_BIN_EXE_truceline"), &args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..4 {
            self.say(1);
            let begun = self.recorder.now();
            self.sync(1);
            let said = &self.ledger.officers[1].said;
            let (all, note) = (said.len(), &said.last().unwrap().0);
            assert!(lines.any(|line| line.unwrap().contains(note)), "it is not told: {note}");
            // And with it all that was said before it.
            let span = Span { begun, done: self.recorder.now() };
            self.ledger.officers[0].heard.push((all, span));
        }
        end(&mut child);
    }

    /// A backup and its restoration, another passphrase, more talk; the relay ends.
    fn keep(&mut self) {
        let backup = self.root.join("velmara/backup");
        let (_, span) = self.officer("velmara", &["vault", "backup", backup.to_str().unwrap()]);
        self.keep_file(&backup, span);
        let export = self.root.join("velmara/export");
        let (_, span) = self.officer("velmara", &["transcript", "export", export.to_str().unwrap()]);
        self.keep_file(&export, span);
        let (_, span) = self.officer("spare", &["vault", "restore", backup.to_str().unwrap()]);
        self.ledger.restored = Some(span);
        let new = self.place.path().join("new");
        let change =
            ["vault", "passphrase", "--fast-passphrase", "--new-passphrase-file", new.to_str().unwrap()];
        let (_, span) = self.officer("velmara", &change);
        self.ledger.officers[0].passphrase = Some(span);
        for who in [0, 1] {
            self.say(who);
            self.sync(who);
        }
        self.sync(0);
        self.own_pass();
        end(&mut self.serving.take().unwrap());
    }
}

fn end(child: &mut Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(child) = &mut self.serving {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
