//! Restored, cloned and doubted vaults: what recognises them before they speak, what does not, and no false alarm.

use crate::sim::forge::Forger;
use crate::sim::plan::{Seed, for_seeds};
use crate::sim::world::{Faults, World};
use rand_core::Rng;
use truceline::crypto::digest::Digest;
use truceline::deal::body::{Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::officer::engine::Notice;
use truceline::officer::link::{LinkEvent, LinkKey, Purpose, Trouble};
use truceline::officer::thread::Halt;
use truceline::party::role::Role;
use truceline::statement::kind::Kind;
use truceline::time::{Millis, UnixMillis};
use truceline::wire::frame::Framed;
use truceline::wire::queue::{CellHash, sign_put};
use truceline::wire::reply::{PutProof, Reply};

fn pair(relays: usize) -> (World, u32, u32) {
    let mut world = World::new(5, &["Velmara", "Tarrun"], relays);
    let all: Vec<usize> = (0..relays).collect();
    let (a, b) = world.introduce(0, 1, &all, &all);
    world.run_for(Millis::minutes(5));
    (world, a, b)
}

fn say(world: &mut World, node: usize, thread: u32, text: &str) {
    let note = Deal::Note(Note { text: Text::new(text).unwrap() });
    world.command(node, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng)).unwrap();
}

/// Says it, unless the channel is halted.
fn try_to_say(world: &mut World, node: usize, thread: u32, text: &str) {
    let note = Deal::Note(Note { text: Text::new(text).unwrap() });
    let _ = world.command(node, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng));
}

fn halt(world: &World, node: usize, thread: u32) -> Option<Halt> {
    world.nodes[node].officer.channel(thread).unwrap().session().unwrap().halt
}

fn count(world: &World, node: usize, thread: u32, role: Role) -> u64 {
    world.nodes[node].officer.channel(thread).unwrap().transcript.chain(role).count()
}

#[test]
fn one_relay_that_knows_stops_an_older_copy_before_another_that_does_not_is_put_to() {
    let (mut world, a, b) = pair(2);
    let old = world.nodes[0].store.clone();
    // What was said after the copy was made lies at the first relay alone.
    world.relays[1].up = false;
    world.kill_relay(1);
    say(&mut world, 0, a, "said after the copy was made");
    world.run_for(Millis::minutes(5));
    world.set_connected(0, false);
    world.set_connected(1, false);
    world.restore_disk(0, old);
    say(&mut world, 0, a, "said by the older copy");
    world.relays[1].up = true;
    let puts = world.puts_on_the_wire;
    world.set_connected(0, true);
    world.run_for(Millis::minutes(30));
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
    assert_eq!(world.puts_on_the_wire, puts, "it sent something");
    assert_eq!(halt(&world, 1, b), None);
}

#[test]
fn a_relay_that_is_not_reached_holds_nothing_up_for_long() {
    let (mut world, a, b) = pair(2);
    world.relays[0].up = false;
    world.kill_relay(0);
    world.kill_officer(0);
    say(&mut world, 0, a, "by the other");
    world.run_for(Millis::secs(8));
    assert_eq!(count(&world, 1, b, Role::Inviter), count(&world, 0, a, Role::Inviter) - 1, "it did not wait");
    world.run_for(Millis::secs(8));
    assert_eq!(count(&world, 1, b, Role::Inviter), count(&world, 0, a, Role::Inviter));
}

#[test]
fn of_two_copies_that_run_at_once_one_alone_gets_its_words_to_a_relay() {
    let (mut world, a, b) = pair(1);
    let other = world.nodes[0].store.clone();
    let copy = world.start_copy(other);
    world.set_connected(copy, true);
    world.run_for(Millis::minutes(1));
    assert_eq!((halt(&world, 0, a), halt(&world, copy, a)), (None, None), "neither has said anything");
    for text in ["one", "two", "three"] {
        say(&mut world, 0, a, text);
        say(&mut world, copy, a, &format!("not {text}"));
    }
    world.run_for(Millis::minutes(10));
    let halts = [halt(&world, 0, a), halt(&world, copy, a)];
    assert!(halts.contains(&Some(Halt::RolledBack)) && halts.contains(&None), "{halts:?}");
    assert_eq!((world.copies.forked, halt(&world, 1, b)), (0, None));
    assert_eq!(count(&world, 1, b, Role::Inviter), count(&world, 0, a, Role::Inviter));
}

#[test]
fn a_copy_made_while_cells_waited_is_recognised_once_these_were_sent() {
    let (mut world, a, b) = pair(1);
    world.set_connected(0, false);
    say(&mut world, 0, a, "sealed and waiting");
    let waiting = world.nodes[0].store.clone();
    world.set_connected(0, true);
    world.run_for(Millis::minutes(5));
    let copy = world.start_copy(waiting);
    let puts = world.puts_on_the_wire;
    world.set_connected(copy, true);
    world.run_for(Millis::minutes(5));
    assert_eq!((halt(&world, copy, a), world.puts_on_the_wire), (Some(Halt::RolledBack), puts));
    // What it was copied from goes on.
    say(&mut world, 0, a, "more");
    world.run_for(Millis::minutes(5));
    assert_eq!((halt(&world, 0, a), halt(&world, 1, b)), (None, None));
    assert_eq!((world.copies.forked, world.heads(0, a)), (0, world.heads(1, b)));
}

#[test]
fn a_relay_that_lost_what_it_stored_raises_no_alarm() {
    let (mut world, a, b) = pair(1);
    let before = world.relays[0].store.clone();
    for at in 0..5 {
        say(&mut world, 0, a, &format!("said before {at}"));
        say(&mut world, 1, b, &format!("likewise {at}"));
        world.run_for(Millis::minutes(1));
    }
    world.relays[0].store = before;
    world.wire.forget(0);
    world.kill_relay(0);
    for at in 0..5 {
        say(&mut world, 0, a, &format!("said after {at}"));
        world.run_for(Millis::minutes(1));
    }
    world.kill_officer(0);
    world.kill_officer(1);
    say(&mut world, 1, b, "and this");
    world.tick_every = 60_000;
    world.run_for(Millis::days(2));
    assert_eq!((halt(&world, 0, a), halt(&world, 1, b)), (None, None));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn a_relay_that_claims_more_than_was_put_and_shows_no_signature_harms_itself_alone() {
    let (mut world, a, b) = pair(2);
    let link = LinkKey { thread: a, purpose: Purpose::Outbound(0) };
    let claim = Reply::Serving { clock: UnixMillis(0), low: 0, next: 900, last: None };
    let event = LinkEvent::Reply(Some(Framed::<Reply>::new(claim, None)));
    world.command(0, |officer, now, rng| Ok(((), officer.handle(link, event, now, rng)))).unwrap();
    let trouble = world.nodes[0].officer.channel(a).unwrap().troubles.get(&link.purpose).cloned();
    assert_eq!((halt(&world, 0, a), trouble), (None, Some(Trouble::Nonsense)));
    say(&mut world, 0, a, "by the honest one");
    world.run_for(Millis::secs(20));
    assert_eq!(count(&world, 1, b, Role::Inviter), count(&world, 0, a, Role::Inviter));
    // It says the truth later, and is used again where it was left.
    world.run_for(Millis::minutes(5));
    say(&mut world, 0, a, "by both");
    world.run_for(Millis::minutes(5));
    let channel = world.nodes[0].officer.channel(a).unwrap();
    assert!(channel.troubles.is_empty() && channel.session().unwrap().outbound[0].next < 900);
}

fn mark_restored(world: &mut World, node: usize) {
    world.command(node, |officer, _, _| Ok(((), officer.mark_restored()?))).unwrap();
}

#[test]
fn a_vault_from_a_backup_waits_until_all_relays_have_shown_that_it_is_the_newest() {
    let (mut world, a, b) = pair(2);
    let backup = world.nodes[0].store.clone();
    world.set_connected(0, false);
    world.restore_disk(0, backup);
    mark_restored(&mut world, 0);
    world.relays[1].up = false;
    world.kill_relay(1);
    world.set_connected(0, true);
    world.run_for(Millis::minutes(10));
    assert_eq!(halt(&world, 0, a), Some(Halt::Restored), "one relay is no proof");
    world.kill_officer(0);
    assert_eq!(halt(&world, 0, a), Some(Halt::Restored));
    world.relays[1].up = true;
    world.run_for(Millis::minutes(10));
    assert_eq!(halt(&world, 0, a), None);
    assert!(world.nodes[0].notices.contains(&Notice::Resumed { thread: a }));
    say(&mut world, 0, a, "it goes on");
    world.run_for(Millis::minutes(10));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn a_vault_from_a_backup_after_which_something_was_put_is_an_older_copy() {
    let (mut world, a, b) = pair(2);
    let backup = world.nodes[0].store.clone();
    say(&mut world, 0, a, "after the backup");
    world.run_for(Millis::minutes(5));
    world.set_connected(0, false);
    world.restore_disk(0, backup);
    mark_restored(&mut world, 0);
    let puts = world.puts_on_the_wire;
    world.set_connected(1, false);
    world.set_connected(0, true);
    world.run_for(Millis::minutes(10));
    assert_eq!((halt(&world, 0, a), world.puts_on_the_wire), (Some(Halt::RolledBack), puts));
    assert_eq!(halt(&world, 1, b), None);
}

#[test]
fn a_claim_of_the_counterpart_holds_while_a_relay_is_not_heard_and_lifts_when_all_contradict_it() {
    let (mut world, a, b) = pair(2);
    world.relays[1].up = false;
    world.kill_relay(1);
    let mut peer = Forger::of(&mut world, 1, b);
    let claim = peer.statement(Kind::Note.number(), b"claim".to_vec(), |header| header.peer_count += 3);
    let claimed = claim.header.peer_count;
    peer.put_statement(&mut world, 0, &claim);
    world.run_for(Millis::minutes(10));
    assert_eq!(halt(&world, 0, a), Some(Halt::PeerAhead { claimed }));
    world.relays[1].up = true;
    world.run_for(Millis::minutes(10));
    assert_eq!(halt(&world, 0, a), None);
}

#[test]
fn an_old_put_that_a_relay_shows_again_as_a_conflict_halts_nothing() {
    let (mut world, a, b) = pair(1);
    for text in ["one", "two"] {
        say(&mut world, 0, a, text);
        world.run_for(Millis::minutes(5));
    }
    let session = world.nodes[0].officer.channel(a).unwrap().session().unwrap();
    let queue = &session.outbound[0];
    assert!(queue.high > 1);
    let shown = |index: u64| {
        let cell = CellHash(Digest([7; 32]));
        let signature = sign_put(&queue.secret, &queue.writer, index, &cell);
        let proof = PutProof { index, cell, signature };
        LinkEvent::Reply(Some(Framed::<Reply>::new(Reply::Conflict(proof), None)))
    };
    let (old, newer) = (shown(0), shown(queue.high + 64));
    let link = LinkKey { thread: a, purpose: Purpose::Outbound(0) };
    world.command(0, |officer, now, rng| Ok(((), officer.handle(link, old, now, rng)))).unwrap();
    assert_eq!(halt(&world, 0, a), None);
    say(&mut world, 0, a, "it goes on");
    world.run_for(Millis::minutes(5));
    assert_eq!(count(&world, 1, b, Role::Inviter), count(&world, 0, a, Role::Inviter));
    // One at an index that this vault never gave is another's.
    world.command(0, |officer, now, rng| Ok(((), officer.handle(link, newer, now, rng)))).unwrap();
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
}

#[test]
fn a_fork_of_the_counterpart_makes_no_restored_vault_speak_before_its_doubt_is_over() {
    let (mut world, a, b) = pair(2);
    world.relays[1].up = false;
    world.kill_relay(1);
    world.kill_officer(0);
    mark_restored(&mut world, 0);
    let mut peer = Forger::of(&mut world, 1, b);
    for body in [b"one".to_vec(), b"other".to_vec()] {
        let statement = peer.statement(Kind::Note.number(), body, |_| ());
        peer.put_statement(&mut world, 0, &statement);
    }
    let said = count(&world, 0, a, Role::Inviter);
    world.run_for(Millis::minutes(10));
    let proof = world.nodes[0].officer.channel(a).unwrap().fork_of(Role::Joiner).is_some();
    assert_eq!((halt(&world, 0, a), proof), (Some(Halt::Restored), true));
    assert_eq!(count(&world, 0, a, Role::Inviter), said, "it signed something");
    world.relays[1].up = true;
    world.run_for(Millis::minutes(10));
    assert!(matches!(halt(&world, 0, a), Some(Halt::Forked { .. })));
    assert_eq!(count(&world, 0, a, Role::Inviter), said + 1, "the notice");
}

/// A disk is copied at a random step and used later; with the one that it was copied from, or in its place.
fn copied(seed: u64, at_once: bool, faults: Faults, relays: usize) {
    let _told = Seed(seed, "older");
    let mut world = World::new(seed, &["Velmara", "Tarrun"], relays);
    let all: Vec<usize> = (0..relays).collect();
    let (a, b) = world.introduce(0, 1, &all, &all);
    world.faults = faults;
    let talk = |world: &mut World, copy: usize, from: u64| {
        for at in from..from + 12 {
            let (node, thread) = [(0, a), (1, b), (copy, a)][(world.rng.next_u32() % 3) as usize];
            try_to_say(world, node, thread, &format!("statement {at} of {node}"));
            let pause = u64::from(world.rng.next_u32() % 3000);
            world.run_for(Millis(pause));
        }
    };
    talk(&mut world, 0, 0);
    let old = world.nodes[0].store.clone();
    let between = u64::from(world.rng.next_u32() % 3);
    if between > 0 {
        talk(&mut world, 0, 100);
    }
    let copy = if at_once {
        let copy = world.start_copy(old);
        world.set_connected(copy, true);
        copy
    } else {
        world.restore_disk(0, old);
        0
    };
    talk(&mut world, copy, 200);
    world.faults = Faults::default();
    world.run_for(Millis::minutes(30));
    // One of them at least goes on, or the one there was has been recognised; the counterpart has seen no fork.
    let apart = at_once && world.heads(0, a) != world.heads(copy, a);
    if apart {
        let halts = [halt(&world, 0, a), halt(&world, copy, a)];
        assert!(halts.iter().any(Option::is_some), "seed {seed}: two copies go on: {halts:?}");
    }
    if relays == 1 {
        assert_eq!(world.copies.forked, 0, "seed {seed}: one relay sees all");
        assert_eq!(halt(&world, 1, b), None, "seed {seed}");
    }
}

#[test]
fn a_disk_copied_at_a_random_step_and_used_in_place_of_the_newest_says_nothing_twice() {
    for_seeds(12, |seed| {
        let faults = Faults { cut: 10, kill_officer: 10, ..Faults::default() };
        copied(seed, false, faults, 1 + (seed % 2) as usize);
    });
}

#[test]
fn a_disk_copied_at_a_random_step_and_used_beside_the_original_says_nothing_twice() {
    for_seeds(12, |seed| {
        let faults = Faults { cut: 10, kill_officer: 10, ..Faults::default() };
        copied(seed, true, faults, 1 + (seed % 2) as usize);
    });
}
