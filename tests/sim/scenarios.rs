//! What can go wrong between two officers, each as a story of its own, through the real engines.

use crate::sim::forge::Forger;
use crate::sim::world::{Faults, World};
use truceline::codec::{decode, encode};
use truceline::crypto::secret::Secret;
use truceline::deal::body::{Accept, Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::host::store::StoreError;
use truceline::officer::cell::{Carries, Placement};
use truceline::officer::command::CommandError;
use truceline::officer::engine::Notice;
use truceline::officer::receipt::Marks;
use truceline::officer::table;
use truceline::officer::thread::{Halt, Stage, Thread};
use truceline::party::role::Role;
use truceline::session::content::{Content, FRAGMENT_BYTES, FRAGMENTS_MAX, Fragment, fragments};
use truceline::statement::kind::Kind;
use truceline::statement::receipt::{ForkNotice, Read};
use truceline::step::Record;
use truceline::time::{Millis, UnixMillis};

const NOTE: u16 = Kind::Note as u16;

fn pair() -> (World, u32, u32) {
    let mut world = World::new(5, &["Velmara", "Tarrun"], 1);
    let (a, b) = world.introduce(0, 1, &[0], &[0]);
    world.run_for(Millis::minutes(5));
    (world, a, b)
}

fn say(world: &mut World, node: usize, thread: u32, text: &str) {
    let note = Deal::Note(Note { text: Text::new(text).unwrap() });
    world.command(node, |officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng)).unwrap();
}

fn halt(world: &World, node: usize, thread: u32) -> Option<Halt> {
    world.nodes[node].officer.channel(thread).unwrap().session().unwrap().halt
}

fn count(world: &World, node: usize, thread: u32, role: Role) -> u64 {
    world.nodes[node].officer.channel(thread).unwrap().transcript.chain(role).count()
}

fn refused(world: &World, node: usize) -> usize {
    world.nodes[node].notices.iter().filter(|notice| matches!(notice, Notice::Refused { .. })).count()
}

#[test]
fn a_forked_statement_freezes_the_channel_and_is_kept_as_evidence() {
    let (mut world, a, b) = pair();
    let mut forger = Forger::of(&mut world, 1, b);
    let one = forger.statement(NOTE, b"one".to_vec(), |_| ());
    let other = forger.statement(NOTE, b"other".to_vec(), |_| ());
    forger.put_statement(&mut world, 0, &one);
    forger.put_statement(&mut world, 0, &other);
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::Forked { sequence: one.header.sequence }));
    let evidence =
        world.nodes[0].store.read(table::FORK, &table::fork_key(a, Role::Joiner)).unwrap().unwrap();
    let (session, key) = {
        let channel = world.nodes[0].officer.channel(a).unwrap();
        let session = channel.session().unwrap();
        (session.channel, session.card(Role::Joiner).key().clone())
    };
    assert!(ForkNotice::proves(&evidence, &session, Role::Joiner, &key));
    assert!(!ForkNotice::proves(&evidence, &session, Role::Inviter, &key));
    // Our last statement is the notice, and nothing can be said after it.
    let last = world.nodes[0].officer.channel(a).unwrap().statements_of(Role::Inviter).next_back();
    assert_eq!(last.unwrap().header.kind, Kind::ForkNotice.number());
    let note = Deal::Note(Note { text: Text::new("more").unwrap() });
    let more = world.command(0, |officer, now, rng| officer.say(a, None, &note, Vec::new(), now, rng));
    assert!(matches!(more, Err(CommandError::Compose(_))));
    // What the counterpart says from now on has no place.
    let before = count(&world, 0, a, Role::Joiner);
    forger.transcript.append_verified(&one.header).unwrap();
    let next = forger.statement(NOTE, b"next".to_vec(), |_| ());
    forger.put_statement(&mut world, 0, &next);
    world.run_for(Millis::minutes(2));
    world.kill_officer(0);
    world.run_for(Millis::minutes(2));
    assert_eq!(count(&world, 0, a, Role::Joiner), before);
    assert!(matches!(halt(&world, 0, a), Some(Halt::Forked { .. })));
}

#[test]
fn two_statements_at_a_place_that_is_not_yet_due_are_a_fork_too() {
    let (mut world, a, b) = pair();
    let mut forger = Forger::of(&mut world, 1, b);
    let at = forger.transcript.chain(Role::Joiner).count() + 3;
    for body in [b"one".to_vec(), b"other".to_vec()] {
        let statement = forger.statement(NOTE, body, |header| header.sequence = at);
        forger.put_statement(&mut world, 0, &statement);
    }
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::Forked { sequence: at }));
}

#[test]
fn a_restored_older_vault_is_recognised_before_it_sends_anything_new() {
    let (mut world, a, b) = pair();
    let old = world.nodes[0].store.clone();
    say(&mut world, 0, a, "said after the copy was made");
    world.run_for(Millis::minutes(5));
    world.set_connected(0, false);
    world.restore_disk(0, old);
    say(&mut world, 0, a, "said by the older copy");
    let (puts, held) = (world.puts_on_the_wire, count(&world, 1, b, Role::Inviter));
    world.set_connected(1, false);
    world.set_connected(0, true);
    world.run_for(Millis::minutes(60));
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
    assert_eq!(world.puts_on_the_wire, puts, "it sent something");
    world.set_connected(1, true);
    world.run_for(Millis::minutes(60));
    assert_eq!((halt(&world, 1, b), count(&world, 1, b, Role::Inviter)), (None, held));
}

#[test]
fn a_claim_about_our_own_statements_pauses_us_and_a_fork_notice_that_holds_stops_us() {
    let (mut world, a, b) = pair();
    // The counterpart shows two statements of ours at one place, both signed by us: this vault made neither.
    let ours = Forger::of(&mut world, 0, a);
    let signed = |body: &[u8]| {
        let statement = ours.statement(NOTE, body.to_vec(), |_| ());
        (statement.header, statement.signature)
    };
    let notice = ForkNotice::new(signed(b"one"), signed(b"other")).encode().unwrap();
    world.set_connected(0, true);
    let mut peer = Forger::of(&mut world, 1, b);
    let claim = peer.statement(NOTE, b"claim".to_vec(), |header| header.peer_count += 3);
    let claimed = claim.header.peer_count;
    peer.put_statement(&mut world, 0, &claim);
    world.run_for(Millis::minutes(2));
    let halted = Notice::Halted { thread: a, halt: Halt::PeerAhead { claimed } };
    assert!(world.nodes[0].notices.contains(&halted));
    // Every relay of the counterpart's shows that this vault made the last put: the claim was no truth.
    assert!(world.nodes[0].notices.contains(&Notice::Resumed { thread: a }));
    assert_eq!(halt(&world, 0, a), None);
    let shown = peer.statement(Kind::ForkNotice.number(), notice, |header| header.peer_count += 3);
    peer.put_statement(&mut world, 0, &shown);
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::RolledBack));
}

#[test]
fn a_claim_that_is_not_signed_is_refused_and_pauses_nothing() {
    let (mut world, a, b) = pair();
    let mut peer = Forger::of(&mut world, 1, b);
    let mut claim = peer.statement(NOTE, b"claim".to_vec(), |_| ());
    claim.header.peer_count += 3;
    peer.put_statement(&mut world, 0, &claim);
    world.run_for(Millis::minutes(2));
    assert_eq!((halt(&world, 0, a), refused(&world, 0)), (None, 1));
}

#[test]
fn a_receipt_that_a_relay_lost_does_not_strand_what_is_said_after_it() {
    let (mut world, a, b) = pair();
    say(&mut world, 0, a, "please read");
    world.run_for(Millis::minutes(5));
    let sequence = count(&world, 1, b, Role::Inviter) - 1;
    // The read receipt is put while nobody fetches it, and the relay loses it.
    world.set_connected(0, false);
    world.command(1, |officer, now, rng| Ok(((), officer.open_statement(b, sequence, now, rng)))).unwrap();
    world.run_for(Millis::minutes(90));
    world.lose_cells(0);
    say(&mut world, 1, b, "and now this");
    world.set_connected(0, true);
    world.tick_every = 60_000;
    world.run_for(Millis::days(1));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn two_idle_clients_come_to_rest() {
    let (mut world, a, b) = pair();
    say(&mut world, 0, a, "one");
    say(&mut world, 1, b, "two");
    world.run_for(Millis::minutes(120));
    world.tick_every = 60_000;
    let before = (world.heads(0, a), world.puts_on_the_wire);
    world.run_for(Millis::days(1));
    assert_eq!((world.heads(0, a), world.puts_on_the_wire), before);
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn what_a_relay_let_expire_is_put_again_until_the_counterpart_has_it() {
    let (mut world, a, b) = pair();
    world.set_connected(1, false);
    say(&mut world, 0, a, "said to one who is away");
    world.run_for(Millis::minutes(10));
    world.set_connected(0, false);
    world.tick_every = 600_000;
    world.run_for(Millis::days(25));
    world.set_connected(0, true);
    world.set_connected(1, true);
    world.run_for(Millis::days(1));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn a_link_that_went_silent_is_connected_anew_though_the_clock_was_days_ahead_when_it_was_asked() {
    let (mut world, a, b) = pair();
    world.nodes[1].clock_ahead = 10 * 86_400_000;
    world.run_for(Millis::minutes(2));
    // Nothing arrives any more, and nobody is told; meanwhile the clock is put right.
    world.faults = Faults { one_way: 1_000, ..Faults::default() };
    world.run_for(Millis::secs(30));
    world.faults = Faults::default();
    world.nodes[1].clock_ahead = 0;
    say(&mut world, 0, a, "said while the line was dead");
    world.run_for(Millis::minutes(10));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

#[test]
fn a_statement_of_eight_mebibytes_arrives_though_its_reader_is_killed_in_the_middle() {
    let (mut world, a, b) = pair();
    let mut peer = Forger::of(&mut world, 1, b);
    let large = peer.statement(999, vec![5; (8 << 20) - 4_000], |_| ());
    let bytes = large.encode().unwrap();
    let pieces: Vec<Content> = fragments(large.header.sequence, &bytes).collect();
    for (at, piece) in pieces.iter().enumerate() {
        peer.put(&mut world, 0, piece);
        if at == pieces.len() / 2 {
            world.run_for(Millis::secs(10));
            world.kill_officer(0);
        }
    }
    world.run_for(Millis::minutes(5));
    assert_eq!(count(&world, 0, a, Role::Joiner), large.header.sequence + 1);
    let shown = world.nodes[0].officer.channel(a).unwrap();
    assert_eq!(shown.statements_of(Role::Joiner).next_back().unwrap().bytes().unwrap()[..], bytes[..]);
    assert_eq!(shown.inbox.pieces(), 0);
}

#[test]
fn a_statement_of_nine_mebibytes_is_refused_before_it_is_kept() {
    let (mut world, a, b) = pair();
    let mut peer = Forger::of(&mut world, 1, b);
    let sequence = peer.transcript.chain(Role::Joiner).count();
    let bytes = vec![5; FRAGMENT_BYTES];
    let count = FRAGMENTS_MAX + 70;
    peer.put(&mut world, 0, &Content::Fragment(Fragment { sequence, index: 0, count, bytes }));
    world.run_for(Millis::minutes(2));
    assert_eq!(refused(&world, 0), 1);
    assert_eq!(world.nodes[0].officer.channel(a).unwrap().inbox.pieces(), 0);
}

#[test]
fn a_flood_of_pieces_is_bounded_and_the_rest_stays_at_the_relay() {
    let (mut world, a, b) = pair();
    let mut peer = Forger::of(&mut world, 1, b);
    let first = peer.transcript.chain(Role::Joiner).count();
    for piece in 0..1_100u64 {
        let (sequence, index) = (first + 1 + piece / 600, (piece % 600) as u32);
        // Nor are more kept that would make a statement whole which is not due.
        let (sequence, index, count) =
            if piece < 1_024 { (sequence, index, 600) } else { (first + piece - 1_000, 0, 1) };
        let bytes = vec![1; FRAGMENT_BYTES];
        peer.put(&mut world, 0, &Content::Fragment(Fragment { sequence, index, count, bytes }));
    }
    let pieces = |world: &World| world.nodes[0].officer.channel(a).unwrap().inbox.pieces();
    for _ in 0..2 {
        world.run_for(Millis::minutes(10));
        assert_eq!(pieces(&world), 1_024);
        assert_eq!(world.relays[0].relay.totals().cells, 76 + 1, "the offer, and what was not taken in");
        world.kill_officer(0);
    }
}

/// Puts rows into the vault of node 0 while its program is down.
fn planted(world: &mut World, thread: &Thread, number: u32, mut records: Vec<Record>) {
    let row = encode(thread, usize::MAX).unwrap();
    records.push(Record::put(table::THREAD, table::thread_key(number), row));
    world.nodes[0].store.commit(records).unwrap();
    world.nodes[0].is_durable = false;
    world.kill_officer(0);
}

fn thread(world: &World, number: u32) -> Thread {
    let row = world.nodes[0].store.read(table::THREAD, &table::thread_key(number)).unwrap().unwrap();
    decode(&row, usize::MAX).unwrap()
}

#[test]
fn what_the_counterpart_has_not_acknowledged_is_sealed_up_to_1_024_cells() {
    let (mut world, a, _) = pair();
    world.set_connected(0, false);
    let mut thread = thread(&world, a);
    let held = world.nodes[0].officer.channel(a).unwrap().outbox.cells.len() as u64;
    let mut records = Vec::new();
    for _ in held..1_021 {
        let at = table::number_key(a, thread.next_cell);
        thread.next_cell += 1;
        let carries = Carries::Fragment { sequence: u64::MAX, receipt: true };
        let cell = encode(&(carries, vec![7u8; 16_128], None::<Secret<44>>), usize::MAX).unwrap();
        let places = encode(&vec![Placement::default()], usize::MAX).unwrap();
        records.extend([Record::put(table::CELL, at.clone(), cell), Record::put(table::PLACES, at, places)]);
    }
    planted(&mut world, &thread, a, records);
    for _ in 0..3 {
        say(&mut world, 0, a, &"\u{10348}".repeat(3_900));
    }
    let channel = world.nodes[0].officer.channel(a).unwrap();
    let session = channel.session().unwrap();
    assert_eq!((channel.outbox.cells.len(), session.sealed_fragments), (1_024, 1));
    world.run_for(Millis::secs(2));
    world.kill_officer(0);
}

#[test]
fn of_the_cells_that_were_taken_in_the_last_4_096_are_remembered() {
    let (mut world, a, b) = pair();
    let mut thread = thread(&world, a);
    let mut records = Vec::new();
    while thread.next_opened < 4_096 {
        let at = table::opened_key(a, thread.next_opened, 0);
        let mut hash = [1; 32];
        hash[..8].copy_from_slice(&thread.next_opened.to_le_bytes());
        records.push(Record::put(table::OPENED, at, hash.to_vec()));
        thread.next_opened += 1;
    }
    planted(&mut world, &thread, a, records);
    say(&mut world, 1, b, "one");
    say(&mut world, 1, b, "another");
    for _ in 0..2 {
        world.run_for(Millis::minutes(2));
        let opened = &world.nodes[0].officer.channel(a).unwrap().inbox.opened;
        let numbers: Vec<u64> = opened.values().map(|(number, _)| *number).collect();
        assert_eq!((numbers.len(), numbers.iter().min()), (4_096, Some(&2)));
        world.kill_officer(0);
    }
}

#[test]
fn a_cell_that_is_no_hello_is_passed_over_and_the_invite_stays_good() {
    let mut world = World::new(6, &["Velmara", "Tarrun"], 1);
    let leave = world.leave(&[0], 4);
    let ours = world
        .command(0, |officer, now, rng| {
            officer.invite("peer".into(), &leave, now.plus(Millis::days(2)), now, rng)
        })
        .unwrap();
    world.run_for(Millis::minutes(2));
    let line = world.invite_line(0, ours);
    let invite = truceline::session::invite::UntrustedInvite::parse(&line)
        .unwrap()
        .verify(UnixMillis(world.now))
        .unwrap();
    let offer = invite.open_offer(&world.fetch(&invite, 0).unwrap()).unwrap();
    let queue = &offer.relays()[0];
    let writer = truceline::wire::queue::QueueId(queue.writer);
    world.put_as(0, (writer, &queue.secret), 0, Box::new([3; 16_128]));
    let theirs = world.join(1, &line, &[0]);
    world.run_for(Millis::minutes(10));
    for (node, thread) in [(0, ours), (1, theirs)] {
        let stage = &world.nodes[node].officer.channel(thread).unwrap().thread.stage;
        assert!(matches!(stage, Stage::Open(_)));
    }
    let refused = |notice: &&Notice| matches!(notice, Notice::HelloRefused { .. });
    assert_eq!(world.nodes[0].notices.iter().filter(refused).count(), 1);
}

#[test]
fn words_that_differ_confirm_nothing_and_nothing_binding_is_signed_before_they_are_confirmed() {
    let (mut world, a, _) = pair();
    let before = world.heads(0, a);
    let typed = "abandon ".repeat(12);
    let wrong = world.command(0, |officer, now, rng| officer.confirm_words(a, &typed, now, rng));
    assert!(matches!(wrong, Err(CommandError::WordsMismatch)));
    let accept = Deal::Accept(Accept {
        offer: truceline::crypto::digest::Digest([1; 32]),
        hold_until: UnixMillis(0),
        remark: None,
    });
    let void = world.command(0, |officer, now, rng| officer.say(a, None, &accept, Vec::new(), now, rng));
    assert!(matches!(void, Err(CommandError::Void(_))));
    assert_eq!(world.heads(0, a), before);
}

#[test]
fn one_dead_and_one_full_relay_block_nothing() {
    let mut world = World::new(8, &["Velmara", "Tarrun"], 3);
    let (a, b) = world.introduce(0, 1, &[0, 1, 2], &[0, 1, 2]);
    world.run_for(Millis::minutes(5));
    world.relays[0].up = false;
    world.kill_relay(0);
    world.relays[1].limits.queue_cells_max = 0;
    world.kill_relay(1);
    say(&mut world, 0, a, "by the third");
    say(&mut world, 1, b, "likewise");
    world.run_for(Millis::minutes(10));
    assert_eq!(world.heads(0, a), world.heads(1, b));
    // The full relay has room again, and takes what waits.
    world.relays[1].limits.queue_cells_max = 2_048;
    world.kill_relay(1);
    say(&mut world, 0, a, "by both");
    world.run_for(Millis::minutes(10));
    assert_eq!(world.heads(0, a), world.heads(1, b));
}

fn marks(world: &World, node: usize, thread: u32, role: Role, sequence: u64) -> Marks {
    world.nodes[node].officer.channel(thread).unwrap().marks_at(role, sequence)
}

#[test]
fn a_history_is_gone_on_with_by_programs_that_are_killed_after_every_statement() {
    let (mut world, a, b) = pair();
    let before = count(&world, 0, a, Role::Inviter);
    for at in 0..12 {
        for (node, thread) in [(0, a), (1, b)] {
            say(&mut world, node, thread, &format!("note {at}"));
            world.kill_officer(node);
            world.run_for(Millis::minutes(2));
            world.kill_officer(1 - node);
        }
    }
    world.run_for(Millis::minutes(5));
    assert_eq!(world.heads(0, a), world.heads(1, b));
    let channel = world.nodes[0].officer.channel(a).unwrap();
    assert_eq!(channel.counts.unread, 12, "no note was opened");
    assert_eq!(channel.unread_places(100).len(), 12);
    let own = channel.transcript.chain(Role::Inviter).count();
    assert_eq!((channel.counts.sent, channel.counts.read), (own, 0));
    let theirs = channel.transcript.chain(Role::Joiner);
    assert!(theirs.acknowledged() >= before + 12);
    for sequence in 0..own {
        let delivered = marks(&world, 0, a, Role::Inviter, sequence).delivered.is_some();
        assert_eq!(delivered, sequence < theirs.acknowledged(), "#{sequence}");
    }
    let (oldest, found) = (channel.statement_at(Role::Inviter, 0).unwrap(), channel.statements());
    assert_eq!(found.len() as u64, own + theirs.count());
    assert_eq!(channel.statement(&oldest.id.0).unwrap().header, oldest.header);
}

#[test]
fn a_fork_at_the_first_statement_of_a_long_chain_is_kept_as_evidence() {
    let (mut world, a, b) = pair();
    for at in 0..6 {
        say(&mut world, 1, b, &format!("note {at}"));
        world.run_for(Millis::minutes(2));
    }
    world.kill_officer(0);
    world.run_for(Millis::minutes(2));
    let mut forger = Forger::of(&mut world, 1, b);
    let other = forger.statement(NOTE, b"another first".to_vec(), |header| header.sequence = 0);
    forger.put_statement(&mut world, 0, &other);
    world.run_for(Millis::minutes(2));
    assert_eq!(halt(&world, 0, a), Some(Halt::Forked { sequence: 0 }));
}

#[test]
fn a_read_receipt_that_names_the_oldest_again_changes_nothing() {
    let (mut world, a, b) = pair();
    for at in 0..3 {
        say(&mut world, 0, a, &format!("note {at}"));
    }
    world.run_for(Millis::minutes(5));
    world.kill_officer(0);
    let mut peer = Forger::of(&mut world, 1, b);
    let mut first = None;
    for again in 0..3 {
        let body = Read::new(vec![0, 1]).encode().unwrap();
        let receipt = peer.statement(Kind::Read.number(), body, |_| ());
        peer.transcript.append_verified(&receipt.header).unwrap();
        peer.put_statement(&mut world, 0, &receipt);
        world.run_for(Millis::minutes(2));
        let found = [0, 1].map(|sequence| marks(&world, 0, a, Role::Inviter, sequence));
        assert!(found.iter().all(|marks| marks.read.is_some()));
        assert_eq!(*first.get_or_insert(found), found, "receipt {again}");
        assert_eq!(world.nodes[0].officer.channel(a).unwrap().counts.read, 2);
        world.kill_officer(0);
    }
}

#[test]
fn nothing_is_written_any_more_once_a_statement_cannot_be_read() {
    let (mut world, a, _) = pair();
    say(&mut world, 0, a, "kept");
    let store = &world.nodes[0].store;
    let key = table::statement_key(a, Role::Inviter, 0);
    store.commit(vec![Record::delete(table::STATEMENT, key)]).unwrap();
    let settings = || vec![Record::put(table::SETTINGS, Vec::new(), vec![1])];
    assert!(world.nodes[0].officer.channel(a).unwrap().statement_at(Role::Inviter, 0).is_none());
    assert!(matches!(store.commit(settings()), Err(StoreError::Corrupt { .. })));
}
