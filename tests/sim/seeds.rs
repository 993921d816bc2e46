//! Runs from a seed: it says how many relays there are, what goes wrong, and how often. Each run ends with both transcripts
//! equal, nothing lost, nothing twice, and no false alarm.

use crate::sim::disk::SimStore;
use crate::sim::officers::Outcome;
use crate::sim::plan::{self, Seed};
use crate::sim::world::{Faults, QUIET_HOURS, World};
use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};
use truceline::deal::body::{Content, Note};
use truceline::deal::word::Text;
use truceline::party::role::Role;
use truceline::time::Millis;

fn note(text: &str) -> Content {
    Content::Note(Note { text: Text::new(text).unwrap() })
}

/// What was said, and of what it is not known whether it was: by number, and who said it.
#[derive(Default)]
struct Said {
    surely: BTreeSet<(usize, u64)>,
    perhaps: BTreeSet<(usize, u64)>,
}

/// The parties talk for a while, come and go, open what they got, and whatever goes wrong goes wrong.
fn talk(world: &mut World, threads: [u32; 2], statements: u64) -> Said {
    let mut said = Said::default();
    for at in 0..statements {
        let node = (world.rng.next_u32() % 2) as usize;
        let thread = threads[node];
        // Every fourth is of two cells.
        let more = "\u{10348}".repeat(if at % 4 == 3 { 3_900 } else { 0 });
        let text = note(&format!("statement {at} is said {more}"));
        let outcome = world
            .attempt(node, |officer, now, rng| officer.say(thread, None, &text, Vec::new(), now, rng))
            .unwrap();
        match outcome {
            Outcome::Done(_) => said.surely.insert((node, at)),
            Outcome::Unknown => said.perhaps.insert((node, at)),
        };
        if world.rng.next_u32().is_multiple_of(3) {
            let role = world.nodes[node].officer.channel(thread).unwrap().thread.role.other();
            let count = world.heads(node, thread)[usize::from(role.number())].0;
            let sequence = world.rng.next_u64() % count.max(1);
            let _ = world.attempt(node, |officer, now, rng| {
                Ok(((), officer.open_statement(thread, sequence, now, rng)))
            });
        }
        // Officers come and go: what is said to one who is away waits at the relays.
        if world.rng.next_u32().is_multiple_of(3) {
            let away = (world.rng.next_u32() % 2) as usize;
            let connected = world.nodes[away].connected;
            world.set_connected(away, !connected);
        }
        let longest = if world.rng.next_u32().is_multiple_of(4) { 90_000 } else { 3_000 };
        let pause = u64::from(world.rng.next_u32() % longest);
        world.run_for(Millis(pause));
    }
    said
}

/// Faults stop, and time passes until both transcripts agree.
fn converge(world: &mut World, threads: [u32; 2]) {
    world.calm();
    (0..2).for_each(|node| world.set_connected(node, true));
    let equal = |world: &World| world.heads(0, threads[0]) == world.heads(1, threads[1]);
    for minute in 0..30 {
        if minute > 2 && equal(world) {
            break;
        }
        world.run_for(Millis::minutes(1));
    }
    world.tick_every = 60_000;
    for _ in 0..QUIET_HOURS {
        if equal(world) {
            break;
        }
        world.run_for(Millis::minutes(60));
    }
    for (node, thread) in threads.into_iter().enumerate() {
        let halt = world.nodes[node].officer.channel(thread).unwrap().session().unwrap().halt;
        assert_eq!(halt, None, "a false alarm");
    }
    let (a, b) = (world.heads(0, threads[0]), world.heads(1, threads[1]));
    if a != b {
        world.tell();
    }
    assert_eq!(a, b, "the two transcripts do not become equal");
}

/// What a vault holds of what was said: all that surely was, nothing else, nothing twice, in the order of its author.
fn holds(world: &World, node: usize, thread: u32, said: &Said) {
    let channel = world.nodes[node].officer.channel(thread).unwrap();
    let mut found: BTreeMap<Role, Vec<u64>> = BTreeMap::new();
    for shown in channel.statements() {
        if let Some(Ok(Content::Note(note))) = shown.content() {
            let number = note.text.as_str().split(' ').nth(1).unwrap().parse().unwrap();
            found.entry(shown.header.author).or_default().push(number);
        }
    }
    for by in 0..2 {
        let role = if by == node { channel.thread.role } else { channel.thread.role.other() };
        let found = found.remove(&role).unwrap_or_default();
        assert!(found.is_sorted_by(|one, next| one < next), "twice, or in another order: {found:?}");
        let found: BTreeSet<(usize, u64)> = found.into_iter().map(|number| (by, number)).collect();
        let surely = said.surely.iter().filter(|(of, _)| *of == by).copied().collect::<BTreeSet<_>>();
        assert!(surely.is_subset(&found), "something that was said is lost");
        let extra: Vec<_> = found.difference(&surely).filter(|it| !said.perhaps.contains(it)).collect();
        assert!(extra.is_empty(), "what nobody said: {extra:?}");
    }
}

fn exchange(seed: u64, faults: Faults, relays: usize, statements: u64) -> World {
    let _told = Seed(seed, "seeds");
    let mut world = World::new(seed, &["Velmara", "Tarrun"], relays);
    world.tokens = 40;
    let all: Vec<usize> = (0..relays).collect();
    all.iter().for_each(|at| world.bound_queues(*at, faults.queue_cells));
    world.faults = plan::of_an_introduction(faults);
    let (a, b) = world.introduce(0, 1, &all, &all);
    world.faults = faults;
    // The first relay lies where relays lie; a single one too.
    world.relays[0].lies = faults.lies();
    let threads = [a, b];
    let said = talk(&mut world, threads, statements);
    converge(&mut world, threads);
    for (node, thread) in threads.into_iter().enumerate() {
        world.nodes[node].store.store(SimStore::heal);
        holds(&world, node, thread, &said);
        world.checks.unread_or_read(node, &world.nodes[node].store);
        world.kill_officer(node);
        holds(&world, node, thread, &said);
    }
    world
}

#[test]
fn a_quiet_network_carries_an_exchange() {
    let world = exchange(1, Faults::default(), 1, 20);
    assert!(world.struck.is_empty(), "something went wrong: {:?}", world.struck);
    assert!(world.checks.deposits_seen() > 0 && world.wire.handed_out > 0);
}

#[test]
fn an_exchange_survives_whatever_goes_wrong() {
    let runs = plan::for_seeds(200, |seed| {
        let (faults, relays) = plan::of_a_seed(seed);
        exchange(seed, faults, relays, 8).struck
    });
    let mut struck: BTreeMap<&str, u64> = BTreeMap::new();
    runs.iter().flatten().for_each(|(what, count)| *struck.entry(what).or_default() += count);
    println!("{struck:?}");
    if runs.len() >= 200 {
        let never: Vec<_> = plan::KINDS.iter().filter(|what| !struck.contains_key(**what)).collect();
        assert!(never.is_empty(), "never tried: {never:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in 0..3 {
        let (faults, relays) = plan::of_a_seed(seed);
        let [one, other] = [0, 1].map(|_| exchange(seed, faults, relays, 6));
        assert_eq!((one.history, one.struck), (other.history, other.struck), "seed {seed}");
    }
}
