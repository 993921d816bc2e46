//! Sudden death: an officer or the relay killed with -9 while 200 statements pass, at moments drawn from a seed.
//! Afterwards both sides hold the same transcript, nothing twice, nothing missing.

use crate::officer::Officer;
use crate::relay::{copy, put_back};
use crate::scene::{Desk, Scene};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::party::role::Role;

/// Statements that each side has said and not sent when a trial begins.
const EACH: u64 = 100;
/// Rounds of syncs within which two sides that are let alone must agree.
const ROUNDS_MAX: u32 = 4;

fn seeds() -> u64 {
    std::env::var("TRUCELINE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(20)
}

fn note(name: &str, at: u64) -> String {
    format!("{name}, road report {at} of {EACH}")
}

/// Two officers with all said and nothing sent, and what takes them back there for each seed.
struct Trial {
    scene: Scene,
    kept: TempDir,
    /// How long the syncs take that nobody disturbs.
    undisturbed: Duration,
}

impl Trial {
    fn new() -> Self {
        let mut scene = Scene::new();
        for (officer, name) in [(&scene.velmara, "Velmara"), (&scene.tarrun, "Tarrun")] {
            let mut desk = Desk::open(officer);
            let thread = desk.thread;
            for at in 0..EACH {
                let content = Content::Note(Note { text: Text::new(&note(name, at)).unwrap() });
                let say = desk
                    .service
                    .command(|officer, now, rng| officer.say(thread, None, &content, Vec::new(), now, rng));
                say.unwrap();
            }
        }
        scene.relay.kill();
        let kept = tempfile::tempdir().unwrap();
        let mut trial = Self { scene, kept, undisturbed: Duration::ZERO };
        for (folder, name) in trial.folders() {
            copy(&folder, &trial.kept.path().join(name));
        }
        trial.scene.relay.start();
        let begin = Instant::now();
        trial.sync_both(None);
        trial.undisturbed = begin.elapsed();
        trial
    }

    fn folders(&self) -> [(PathBuf, &'static str); 3] {
        [
            (self.scene.velmara.vault.clone(), "velmara"),
            (self.scene.tarrun.vault.clone(), "tarrun"),
            (self.scene.relay.dir.clone(), "relay"),
        ]
    }

    /// Back to where nothing was sent.
    fn begin(&mut self) {
        self.scene.relay.kill();
        for (folder, name) in self.folders() {
            put_back(&self.kept.path().join(name), &folder);
        }
        self.scene.relay.start();
    }

    fn officers(&self) -> [&Officer; 2] {
        [&self.scene.velmara, &self.scene.tarrun]
    }

    /// Both sync at once. With a victim and a moment, it is killed then. Tells whether it was alive.
    fn sync_both(&mut self, victim: Option<(Victim, Duration)>) -> bool {
        let mut syncs = self.officers().map(|officer| officer.spawn(&["sync"]));
        let mut alive = false;
        if let Some((victim, moment)) = victim {
            std::thread::sleep(moment);
            match victim {
                Victim::Officer(at) => {
                    alive = syncs[at].try_wait().unwrap().is_none();
                    // It may have ended by itself.
                    let _ = syncs[at].kill();
                }
                Victim::Relay => {
                    alive = syncs.iter_mut().any(|sync| sync.try_wait().unwrap().is_none());
                    self.scene.relay.kill();
                    self.scene.relay.start();
                }
            }
        }
        for sync in &mut syncs {
            sync.wait().unwrap();
        }
        alive
    }

    /// Of each side's notes, how many the relay has acknowledged as far as the side knows.
    fn deposited(&self) -> [u64; 2] {
        self.officers().map(|officer| {
            let desk = Desk::open(officer);
            let channel = desk.channel();
            let items = channel.items(channel.thread.role).iter();
            let deposited = items.rev().filter(|item| item.marks.deposited.is_some());
            deposited.count() as u64
        })
    }

    /// Lets both sync in peace until they agree; holds that all is there, once.
    fn end(&mut self, told: &str) {
        for _ in 0..ROUNDS_MAX {
            for officer in self.officers() {
                officer.sync();
            }
            let [velmara, tarrun] = self.officers().map(held);
            if velmara == tarrun {
                let expected: Vec<String> = (0..EACH).map(|at| note("Velmara", at)).collect();
                assert_eq!(velmara[0].1, expected, "{told}: what Velmara said");
                let expected: Vec<String> = (0..EACH).map(|at| note("Tarrun", at)).collect();
                assert_eq!(velmara[1].1, expected, "{told}: what Tarrun said");
                return;
            }
        }
        panic!("{told}: the transcripts differ: {:?}", self.officers().map(held));
    }
}

#[derive(Clone, Copy)]
enum Victim {
    Officer(usize),
    Relay,
}

/// Of the inviter's chain and the joiner's: the ids of all statements, and the texts of the notes.
fn held(officer: &Officer) -> [(Vec<String>, Vec<String>); 2] {
    let desk = Desk::open(officer);
    Role::BOTH.map(|role| {
        let shown: Vec<_> = desk.channel().statements_of(role).collect();
        let ids = shown.iter().map(|shown| shown.id.0.hex()).collect();
        let notes = shown.iter().filter_map(|shown| match shown.content() {
            Some(Ok(Content::Note(note))) => Some(note.text.as_str().to_owned()),
            _ => None,
        });
        (ids, notes.collect())
    })
}

/// Runs each seed: strikes at moments drawn from it, then peace, then the comparison.
fn strike(test: &str, strikes: u64, victim: impl Fn(&mut ChaCha20Rng) -> Victim) {
    let mut trial = Trial::new();
    let window = u64::try_from(trial.undisturbed.as_millis()).unwrap().max(2);
    let (mut alive, mut amid) = (0, 0);
    for seed in 0..seeds() {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let told = format!("seed {seed}; again: TRUCELINE_SEEDS={} cargo test --test cli {test}", seed + 1);
        trial.begin();
        for _ in 0..strikes {
            let moment = Duration::from_millis(rng.next_u64() % window);
            alive += u64::from(trial.sync_both(Some((victim(&mut rng), moment))));
        }
        if alive > 0 {
            amid += u64::from(trial.deposited().iter().any(|count| *count > 0));
        }
        trial.end(&told);
    }
    println!("{test}: window {window} ms, {alive} strikes hit a sync under way, {amid}");
    assert!(alive > 0, "every strike came too late to try anything");
}

#[test]
fn an_officer_killed_at_any_moment_of_two_hundred_statements_loses_and_doubles_nothing() {
    strike("an_officer_killed", 2, |rng| Victim::Officer((rng.next_u64() % 2) as usize));
}

#[test]
fn a_relay_killed_at_any_moment_of_two_hundred_statements_loses_and_doubles_nothing() {
    strike("a_relay_killed", 1, |_| Victim::Relay);
}
