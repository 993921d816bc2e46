//! The real engines under a virtual clock and a seeded network: cut connections, killed programs, lost time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod sim;

use rand_core::Rng;
use sim::{Faults, World};
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::time::Millis;

fn note(text: &str) -> Content {
    Content::Note(Note { text: Text::new(text).unwrap() })
}

fn say(world: &mut World, node: usize, thread: u32, text: &str) {
    world
        .command(node, |officer, now, rng| officer.say(thread, None, &note(text), Vec::new(), now, rng))
        .unwrap();
}

fn seeds(default: u64) -> u64 {
    std::env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

/// Lets faults stop and time pass until both transcripts agree.
fn converge(world: &mut World, threads: (u32, u32), said: [u64; 2], seed: u64) {
    world.faults = Faults::default();
    for node in &mut world.nodes {
        node.clock_ahead = 0;
    }
    world.run_for(Millis::minutes(10));
    world.tick_every = 60_000;
    for _ in 0..400 {
        world.run_for(Millis::minutes(60));
        let (a, b) = (world.heads(0, threads.0), world.heads(1, threads.1));
        if a == b {
            break;
        }
    }
    for (node, thread) in [(0, threads.0), (1, threads.1)] {
        let halt = world.nodes[node].officer.channel(thread).unwrap().session().unwrap().halt;
        assert_eq!(halt, None, "seed {seed}: a false alarm");
    }
    let (a, b) = (world.heads(0, threads.0), world.heads(1, threads.1));
    for node in &world.nodes {
        for channel in node.officer.channels().filter(|_| a != b) {
            println!("{}: links in trouble: {:?}", channel.thread.label, channel.troubles);
            let unstored = channel.outbox.cells.values().map(|cell| (cell.carries, &cell.places));
            println!("waiting: {:?}", unstored.collect::<Vec<_>>());
            let cursors = channel.thread.inbound.iter().map(|inbound| (inbound.opened, inbound.cursor));
            println!("reading from: {:?}", cursors.collect::<Vec<_>>());
        }
    }
    assert_eq!(a, b, "seed {seed}: run it again with FIRST_SEED={seed} SEEDS=1");
    for role in [0, 1] {
        assert!(a[role].0 >= said[role], "seed {seed}: {} statements of {}", a[role].0, said[role]);
    }
}

fn exchange(seed: u64, faults: Faults, relays: usize, statements: u64) {
    println!("seed {seed}: run it again with FIRST_SEED={seed} SEEDS=1");
    let mut world = World::new(seed, &["Velmara", "Tarrun"], relays);
    let all: Vec<usize> = (0..relays).collect();
    world.faults = Faults { clock_jump: 0, ..faults };
    let threads = world.introduce(0, 1, &all, &all);
    world.faults = faults;
    // The first relay lies where relays lie; a single one too.
    world.relays[0].lies = true;
    let mut said = [0; 2];
    for at in 0..statements {
        let node = (world.rng.next_u32() % 2) as usize;
        let thread = if node == 0 { threads.0 } else { threads.1 };
        say(&mut world, node, thread, &format!("statement {at}"));
        said[node] += 1;
        let pause = u64::from(world.rng.next_u32() % 3000);
        world.run_for(Millis(pause));
    }
    assert!(world.checks.deposits_seen() > 0, "seed {seed}: no relay signed anything");
    converge(&mut world, threads, said, seed);
    let texts = |node: usize, thread: u32| -> Vec<String> {
        let channel = world.nodes[node].officer.channel(thread).unwrap();
        let said = channel.statements().into_iter().filter_map(|shown| match shown.content() {
            Some(Ok(Content::Note(note))) => Some(note.text.as_str().to_owned()),
            _ => None,
        });
        said.collect()
    };
    for (node, thread) in [(0, threads.0), (1, threads.1)] {
        let mut numbers: Vec<u64> = texts(node, thread)
            .iter()
            .map(|text| text.trim_start_matches("statement ").parse().unwrap())
            .collect();
        numbers.sort_unstable();
        assert_eq!(
            numbers,
            (0..statements).collect::<Vec<_>>(),
            "seed {seed}: nothing twice, nothing missing"
        );
    }
}

#[test]
fn a_quiet_network_carries_an_exchange() {
    exchange(1, Faults::default(), 1, 20);
}

fn for_seeds(default: u64, run: impl Fn(u64)) {
    let first: u64 = std::env::var("FIRST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    (first..first + seeds(default)).for_each(run);
}

#[test]
fn an_exchange_survives_cut_connections_and_killed_programs() {
    for_seeds(5, |seed| {
        let faults = Faults { cut: 15, kill_officer: 15, kill_relay: 5, ..Faults::default() };
        exchange(seed, faults, 1 + (seed % 3) as usize, 25);
    });
}

#[test]
fn an_exchange_survives_wrong_clocks_and_full_disks() {
    for_seeds(4, |seed| {
        let faults = Faults { cut: 5, clock_jump: 20, fail_commit: 20, ..Faults::default() };
        exchange(seed, faults, 1 + (seed % 2) as usize, 25);
    });
}

#[test]
fn an_exchange_survives_a_relay_that_forgets_replays_and_swaps_cells() {
    for_seeds(5, |seed| {
        let faults =
            Faults { forget_cell: 300, replay_cell: 200, swap_cells: 300, cut: 10, ..Faults::default() };
        exchange(seed, faults, 1 + (seed % 2) as usize, 25);
    });
}

#[test]
fn an_exchange_survives_a_relay_that_makes_up_its_answers() {
    for_seeds(5, |seed| {
        let faults = Faults { make_up: 100, forget_cell: 50, kill_officer: 5, ..Faults::default() };
        exchange(seed, faults, 1 + (seed % 2) as usize, 25);
    });
}

#[test]
fn an_exchange_survives_a_relay_that_forges_and_repeats_proofs_of_deposit() {
    for_seeds(4, |seed| {
        let faults = Faults { forge_deposit: 150, kill_officer: 5, cut: 5, ..Faults::default() };
        exchange(seed, faults, 1 + (seed % 2) as usize, 25);
    });
}
