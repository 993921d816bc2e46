//! The world: what may go wrong in it, its clock, and what happens next.

use super::check::Checks;
use super::copies::Copies;
use super::disk::Failure;
use super::network::{Conn, Event};
use super::officers::Node;
use super::relays::RelayNode;
use super::secrets::Needles;
use super::wire::Wire;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use truceline::officer::engine::Pace;
use truceline::officer::link::{LinkEvent, Purpose};
use truceline::relay::message::{ConnId, Input};
use truceline::time::{Millis, UnixMillis};
use truceline::wire::frame::Framed;
use truceline::wire::request::Request;

/// How many hours it takes at most, once nothing goes wrong any more, until both hold the same. A cell that a relay lost after
/// it had stored it is put again after 96 hours at the latest, 6 more where the clock was so far ahead when it was put. A
/// lost receipt waits for such a cell of the counterpart's; it lets the first pass where it was put again itself in
/// the 68 hours before it, and goes with the second.
pub const QUIET_HOURS: u64 = 2 * (96 + 6);

/// What may go wrong, each in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A connection breaks when a frame is sent on it.
    pub cut: u32,
    /// From a frame on, nothing arrives any more in its direction, and nobody is told.
    pub one_way: u32,
    /// At a tick, an officer or a relay is cut off for up to five minutes, and nobody is told.
    pub partition: u32,
    /// A new connection is slow: seconds under way, up to a second for a frame.
    pub slow: u32,
    /// An officer's program is killed at a point of a step: before its records are durable, before its notices are
    /// shown, before each send, after the last.
    pub kill_officer: u32,
    /// A relay is killed likewise: before its records are durable, before its answers, after each.
    pub kill_relay: u32,
    /// An officer's clock jumps, by up to ten days either way.
    pub clock_jump: u32,
    /// A relay's clock jumps, by up to thirty days either way.
    pub relay_clock_jump: u32,
    /// An officer's disk has no room for what is to be written; the program ends.
    pub full_officer: u32,
    /// A relay's likewise: it refuses, and begins again from what is durable; or it knows beforehand.
    pub full_relay: u32,
    /// An officer's disk fails; the program ends, and what was to be written is there or not.
    pub fsync_officer: u32,
    /// A relay's likewise.
    pub fsync_relay: u32,
    /// At a tick, a bit of a row of a vault turns over.
    pub rot_vault: u32,
    /// Of a relay's store likewise.
    pub rot_relay: u32,
    /// A relay, which lies, forgets a cell it has acknowledged.
    pub forget_cell: u32,
    /// A lying relay hands a cell out twice.
    pub replay_cell: u32,
    /// A lying relay hands out one cell in another's place.
    pub swap_cells: u32,
    /// A lying relay hands out a cell of whichever queue.
    pub other_queue: u32,
    /// A lying relay says that there is no cell.
    pub withhold: u32,
    /// A lying relay gives an answer after a later one, or never.
    pub reorder: u32,
    /// A lying relay answers twice.
    pub repeat: u32,
    /// A lying relay answers what it makes up.
    pub make_up: u32,
    /// A lying relay forges what it signs of a deposit, repeats another proof, or shows another key.
    pub forge_deposit: u32,
    /// How many cells a queue of a relay holds at most; as many as ever where that is 0.
    pub queue_cells: u32,
}

pub struct World {
    pub now: u64,
    pub faults: Faults,
    /// How often each thing went wrong.
    pub struck: BTreeMap<&'static str, u64>,
    /// A checksum of all that happened. Signatures are random, so it has no bytes that follow from one.
    pub history: u64,
    /// Points at which a program could die, so far; and one at which it does.
    pub points: u64,
    /// How many there were of each kind of program.
    pub points_of: BTreeMap<&'static str, u64>,
    pub crash_at: Option<u64>,
    /// Commits of officers that could fail, so far; and one that does.
    pub commits: u64,
    pub fail_commit_at: Option<(u64, Failure)>,
    pub rng: ChaCha20Rng,
    pub nodes: Vec<Node>,
    pub relays: Vec<RelayNode>,
    pub conns: BTreeMap<u64, Conn>,
    pub next_conn: u64,
    next_event: u64,
    events: BTreeMap<(u64, u64), Event>,
    pub puts_on_the_wire: u64,
    /// Virtual milliseconds between two ticks.
    pub tick_every: u64,
    /// Tokens of each pass.
    pub tokens: u32,
    pub checks: Checks,
    pub copies: Copies,
    pub wire: Wire,
    pub needles: Needles,
}

impl World {
    /// Officers of these names, and so many relays, all from one seed.
    pub fn new(seed: u64, names: &[&str], relays: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let nodes: Vec<_> = names.iter().map(|name| Node::new(name, rng.next_u64())).collect();
        let mut needles = Needles::default();
        names.iter().zip(&nodes).for_each(|(name, node)| needles.party(name, node.officer.identity()));
        let relays = (0..relays).map(RelayNode::new).collect();
        let mut world = Self {
            now: 1_700_000_000_000,
            faults: Faults::default(),
            struck: BTreeMap::new(),
            history: 0,
            points: 0,
            points_of: BTreeMap::new(),
            crash_at: None,
            commits: 0,
            fail_commit_at: None,
            rng,
            nodes,
            relays,
            conns: BTreeMap::new(),
            next_conn: 1,
            next_event: 0,
            events: BTreeMap::new(),
            puts_on_the_wire: 0,
            tick_every: 500,
            tokens: 4,
            checks: Checks::default(),
            copies: Copies::default(),
            wire: Wire::default(),
            needles,
        };
        for node in &mut world.nodes {
            node.officer.begin_sync(Pace::Watch);
        }
        world.at(0, Event::Tick);
        world
    }

    /// Whether something that may go wrong so often goes wrong now.
    pub fn strikes(&mut self, what: &'static str, in_a_thousand: u32) -> bool {
        let strikes = in_a_thousand > 0 && self.rng.next_u32() % 1000 < in_a_thousand;
        if strikes {
            self.count(what);
        }
        strikes
    }

    /// Whether the program that comes to a point at which it can die does so.
    pub fn crashes(&mut self, what: &'static str, in_a_thousand: u32) -> bool {
        self.points += 1;
        *self.points_of.entry(what).or_default() += 1;
        self.crash_at == Some(self.points) || self.strikes(what, in_a_thousand)
    }

    pub fn count(&mut self, what: &'static str) {
        *self.struck.entry(what).or_default() += 1;
    }

    /// A span of time up to so many days either way.
    pub fn any_jump(&mut self, days: u64) -> i64 {
        let span = days * 86_400_000;
        (self.rng.next_u64() % (2 * span)) as i64 - span as i64
    }

    pub fn at(&mut self, delay: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now + delay, self.next_event), event);
    }

    pub fn clock(&self) -> UnixMillis {
        UnixMillis(self.now)
    }

    /// Nothing goes wrong any more: clocks are right, disks have room, whoever was away is back.
    pub fn calm(&mut self) {
        self.faults = Faults::default();
        for node in &mut self.nodes {
            node.clock_ahead = 0;
            node.apart_until = 0;
        }
        for (at, relay) in self.relays.iter_mut().enumerate() {
            self.wire.forget(at);
            relay.clock_ahead = 0;
            relay.apart_until = 0;
            relay.full_until = 0;
        }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, span: Millis) {
        let end = self.now + span.0;
        while let Some((&(at, number), _)) = self.events.first_key_value() {
            if at > end {
                break;
            }
            let event = self.events.remove(&(at, number)).unwrap();
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        let (kind, conn, bytes) = match &event {
            Event::Tick => (0, 0, &[][..]),
            Event::Work(relay) => (1, *relay as u64, &[][..]),
            Event::ToRelay(conn, frame) => (2, *conn, &frame[..17]),
            Event::Ended(conn) => (3, *conn, &[][..]),
            Event::Unreachable(node, _) => (4, *node as u64, &[][..]),
            Event::ToOfficer(conn, _) => (5, *conn, &[][..]),
        };
        let numbers = [self.now, kind, conn].map(u64::to_le_bytes).concat();
        for byte in numbers.iter().chain(bytes) {
            self.history = (self.history ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        match event {
            Event::Tick => self.tick(),
            Event::Work(relay) => self.relay_works(relay),
            Event::ToRelay(conn, frame) => {
                if let Some((relay, node)) = self.relay_hears(conn) {
                    self.wire.asked(relay, (node, conn), &frame[..], &self.checks);
                    let frame = Box::new(Framed::<Request>::decode(&frame));
                    self.relay_gets(relay, Input::Frame { conn: ConnId(conn), frame });
                }
            }
            Event::Ended(conn) => self.ends_at_relay(conn),
            Event::Unreachable(node, key) => self.unreachable(node, key),
            Event::ToOfficer(conn, event) => self.officer_hears(conn, event),
        }
    }

    fn officer_hears(&mut self, conn: u64, event: LinkEvent) {
        let Some(&Conn { node, key, .. }) = self.conns.get(&conn) else { return };
        if self.nodes[node].running.get(&key) != Some(&conn) {
            return;
        }
        if matches!(event, LinkEvent::Down(_)) {
            return self.ends_at_officer(conn);
        }
        if matches!(&event, LinkEvent::Reply(_)) && matches!(key.purpose, Purpose::Outbound(_)) {
            self.copies.told(node, conn, self.now);
        }
        self.officer_event(node, key, event);
        self.reconcile(node);
    }

    fn tick(&mut self) {
        self.at(self.tick_every, Event::Tick);
        self.part_somebody();
        self.end_idle();
        for at in 0..self.relays.len() {
            self.forget_some_cell(at);
            self.trouble_relay(at);
            self.relay_input(at, Input::Tick);
            self.relay_checks(at);
        }
        for node in 0..self.nodes.len() {
            self.reconcile(node);
            self.trouble_officer(node);
            Checks::bounds(&self.nodes[node].officer);
            if self.now >= self.nodes[node].asleep_until {
                self.officer_tick(node);
            }
        }
    }
}
