//! Two officers, relays, their disks and the network in one process, under one virtual clock and one seed.
//! The engines are the real ones; a disk keeps exactly what was committed; a connection delivers in order or
//! breaks, and what it carried is gone.

#![allow(dead_code, clippy::missing_panics_doc, missing_docs)]

pub mod check;
pub mod copies;
pub mod forge;
pub mod lie;

use check::Checks;
use copies::Copies;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use truceline::codec::CellBytes;
use truceline::crypto::digest::Digest;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{SigningKey, SigningSeeds};
use truceline::host::memory::{Failure, MemoryStore};
use truceline::host::store::{Store, StoreError};
use truceline::officer::engine::{Notice, Officer, OfficerStep, Pace};
use truceline::officer::introduce::RelayLeave;
use truceline::officer::link::{LinkEvent, LinkKey, LinkSend, Purpose};
use truceline::officer::restore::first_rows;
use truceline::officer::{command::CommandError, fetch};
use truceline::party::card::{IdentitySeeds, PartyName};
use truceline::party::relay::{Pin, RelayPlace};
use truceline::party::role::Role;
use truceline::relay::deposit::{Answer, Depositor};
use truceline::relay::engine::Relay;
use truceline::relay::message::{CellKey, ConnId, Input, Limits, Send};
use truceline::relay::table as relay_table;
use truceline::service::disk::Disk;
use truceline::session::invite::{Invite, UntrustedInvite};
use truceline::step::{Record, Table};
use truceline::time::{Millis, UnixMillis};
use truceline::wire::deposit::key_digest;
use truceline::wire::frame::{FrameBytes, Framed};
use truceline::wire::pass::Pass;
use truceline::wire::queue::Exporter;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;
use zeroize::Zeroizing;

/// What may go wrong, each in a thousand.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// A connection breaks when a frame is sent on it.
    pub cut: u32,
    /// An officer's program is killed at one of the three points of a step.
    pub kill_officer: u32,
    /// A relay is killed likewise.
    pub kill_relay: u32,
    /// A relay, which lies, forgets a cell it has acknowledged.
    pub forget_cell: u32,
    /// A lying relay hands a cell out twice.
    pub replay_cell: u32,
    /// A lying relay hands out one cell in another's place.
    pub swap_cells: u32,
    /// A lying relay answers what it makes up.
    pub make_up: u32,
    /// A lying relay forges what it signs of a deposit, repeats another proof, or shows another key.
    pub forge_deposit: u32,
    /// An officer's clock jumps, by up to ten days either way.
    pub clock_jump: u32,
    /// An officer's disk does not take what is to be written; the program ends.
    pub fail_commit: u32,
}

pub struct Node {
    pub officer: Officer,
    pub store: OfficerDisk,
    pub notices: Vec<Notice>,
    rng: ChaCha20Rng,
    /// How far the officer's clock is ahead.
    pub clock_ahead: i64,
    running: BTreeMap<LinkKey, u64>,
    retry_at: BTreeMap<LinkKey, u64>,
    pub connected: bool,
}

pub struct RelayNode {
    pub place: RelayPlace,
    pub relay: Relay,
    pub store: MemoryStore,
    pub limits: Limits,
    pub up: bool,
    pub lies: bool,
    /// What it signs deposits with, and the digest of that key.
    pub depositor: Depositor,
    pub deposit: Digest,
    /// Whether its line names the key.
    pub names_key: bool,
    last_proof: Option<Box<CellBytes>>,
}

/// A relay's deposit key, and its digest.
pub fn depositor(seed: u8) -> (Depositor, Digest) {
    let seeds = SigningSeeds::from_seeds(Secret::take(&mut [seed; 32]), Secret::take(&mut [!seed; 32]));
    let key = SigningKey::expand(&seeds).unwrap();
    let digest = key_digest(key.public());
    (Depositor::new(key).unwrap(), digest)
}

struct Conn {
    node: usize,
    key: LinkKey,
    relay: usize,
}

enum Event {
    ToRelay(u64, Option<FrameBytes>),
    ToOfficer(u64, LinkEvent),
    Tick,
}

pub struct World {
    pub now: u64,
    pub faults: Faults,
    pub rng: ChaCha20Rng,
    pub nodes: Vec<Node>,
    pub relays: Vec<RelayNode>,
    conns: BTreeMap<u64, Conn>,
    next_conn: u64,
    next_event: u64,
    events: BTreeMap<(u64, u64), Event>,
    last_arrival: BTreeMap<(u64, bool), u64>,
    pub puts_on_the_wire: u64,
    /// Virtual milliseconds between two ticks.
    pub tick_every: u64,
    pub checks: Checks,
    pub copies: Copies,
}

/// An officer's disk, which the engine reads while it runs. A clone is what it would hold after a crash.
pub struct OfficerDisk(Arc<Disk<MemoryStore>>);

impl Clone for OfficerDisk {
    fn clone(&self) -> Self {
        Self::new(self.0.store().clone())
    }
}

impl OfficerDisk {
    pub fn new(store: MemoryStore) -> Self {
        Self(Arc::new(Disk::new(store)))
    }

    pub fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.0.store().read(table, key)
    }

    pub fn scan(
        &self,
        table: Table,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>),
    ) -> Result<(), StoreError> {
        self.0.store().scan(table, visit)
    }

    pub fn commit(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.0.commit(records)
    }

    pub fn fail_next(&self, failure: Failure) {
        self.0.store().fail_next(failure);
    }

    /// The engine that the disk's rows make.
    pub fn restored(&self) -> Officer {
        Officer::restore(self.0.clone()).unwrap()
    }
}

impl World {
    /// Officers of these names, and so many relays, all from one seed.
    pub fn new(seed: u64, names: &[&str], relays: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut nodes = Vec::new();
        for name in names {
            let mut own = ChaCha20Rng::seed_from_u64(rng.next_u64());
            let seeds = IdentitySeeds::random(PartyName::parse(name).unwrap(), &mut own);
            let mut store = MemoryStore::new();
            store.commit(first_rows(&seeds).unwrap()).unwrap();
            let store = OfficerDisk::new(store);
            let officer = store.restored();
            nodes.push(Node {
                officer,
                store,
                notices: Vec::new(),
                clock_ahead: 0,
                rng: own,
                running: BTreeMap::new(),
                retry_at: BTreeMap::new(),
                connected: true,
            });
        }
        let relays = (0..relays).map(|at| {
            let pin = Pin(Digest([at as u8 + 1; 32]));
            let place = RelayPlace::new(&format!("relay{at}.example:4433"), pin).unwrap();
            let limits = Limits::default();
            let (depositor, deposit) = depositor(at as u8 + 1);
            RelayNode {
                place,
                relay: Relay::new(limits),
                store: MemoryStore::new(),
                limits,
                up: true,
                lies: false,
                depositor,
                deposit,
                names_key: true,
                last_proof: None,
            }
        });
        let relays = relays.collect();
        let mut world = Self {
            now: 1_700_000_000_000,
            faults: Faults::default(),
            rng,
            nodes,
            relays,
            conns: BTreeMap::new(),
            next_conn: 1,
            next_event: 0,
            events: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            puts_on_the_wire: 0,
            tick_every: 500,
            checks: Checks::default(),
            copies: Copies::default(),
        };
        world.begin_syncs();
        world.at(0, Event::Tick);
        world
    }

    fn begin_syncs(&mut self) {
        for node in &mut self.nodes {
            node.officer.begin_sync(Pace::Watch);
        }
    }

    fn chance(&mut self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.rng.next_u32() % 1000 < in_a_thousand
    }

    fn at(&mut self, delay: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now + delay, self.next_event), event);
    }

    fn officer_clock(&self, node: usize) -> UnixMillis {
        UnixMillis(self.now.saturating_add_signed(self.nodes[node].clock_ahead))
    }

    fn trouble_clock_and_pace(&mut self, node: usize) {
        if self.chance(self.faults.clock_jump) {
            let days10 = 864_000_000;
            self.nodes[node].clock_ahead = (self.rng.next_u64() % (2 * days10)) as i64 - days10 as i64;
        }
        Checks::bounds(&self.nodes[node].officer);
    }

    fn clock(&self) -> UnixMillis {
        UnixMillis(self.now)
    }

    /// Leave to open queues at these relays.
    pub fn leave(&mut self, relays: &[usize], tokens: u32) -> Vec<RelayLeave> {
        let mut leave = Vec::new();
        for &at in relays {
            let pass = Pass::random(tokens, &mut self.rng);
            let hashes = pass.tokens().map(|token| token.hash()).collect();
            let expires = self.clock().plus(Millis::days(7));
            self.relay_input(at, Input::Tokens { hashes, expires });
            let RelayNode { place, deposit, names_key, .. } = &self.relays[at];
            let deposit = names_key.then_some(*deposit);
            leave.push(RelayLeave { place: place.clone(), deposit, pass });
        }
        leave
    }

    /// Runs a command of an officer and makes it durable.
    pub fn command<T>(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Officer, UnixMillis, &mut dyn CryptoRng) -> Result<(T, OfficerStep), CommandError>,
    ) -> Result<T, CommandError> {
        let now = self.officer_clock(node);
        let Node { officer, rng, .. } = &mut self.nodes[node];
        let (value, step) = act(officer, now, rng)?;
        self.officer_step(node, step, false);
        Ok(value)
    }

    fn officer_step(&mut self, node: usize, step: OfficerStep, may_die: bool) {
        let dies_at =
            if may_die && self.chance(self.faults.kill_officer) { self.rng.next_u32() % 3 } else { 9 };
        if dies_at == 0 {
            return self.kill_officer(node);
        }
        if may_die && !step.records.is_empty() && self.chance(self.faults.fail_commit) {
            self.nodes[node].store.fail_next(Failure::Full);
        }
        if !step.records.is_empty() {
            if self.nodes[node].store.commit(step.records).is_err() {
                return self.kill_officer(node);
            }
            self.nodes[node].officer.committed();
            self.checks.committed(node, &self.nodes[node].officer);
            let keys = self.relays.iter().map(|relay| (&relay.place, relay.deposit));
            self.checks.deposits(node, &self.nodes[node].officer, &keys.collect());
        }
        if dies_at == 1 {
            return self.kill_officer(node);
        }
        self.checks.shown(node, &step.notices);
        self.nodes[node].notices.extend(step.notices);
        for send in step.sends {
            self.officer_sends(node, send);
        }
        if dies_at == 2 {
            self.kill_officer(node);
        }
    }

    fn officer_sends(&mut self, node: usize, send: LinkSend) {
        let Some(&conn) = self.nodes[node].running.get(&send.link) else { return };
        match send.request {
            None => {
                self.nodes[node].running.remove(&send.link);
                self.nodes[node].retry_at.remove(&send.link);
                if let Some(Conn { relay, .. }) = self.conns.remove(&conn) {
                    self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
                }
            }
            Some(request) => {
                if matches!(request.said, Request::Put { .. }) {
                    self.puts_on_the_wire += 1;
                }
                let frame = request.encode().unwrap();
                self.checks.put(node, &frame[..], request.cell.as_deref(), &self.nodes[node].officer);
                self.copies.sent(node, request.cell.as_deref(), &self.nodes[node].officer, self.now);
                self.carry(conn, true, Event::ToRelay(conn, Some(frame)));
            }
        }
    }

    /// Carries something over a connection, in order after what went before, or breaks the connection.
    fn carry(&mut self, conn: u64, to_relay: bool, event: Event) {
        if self.chance(self.faults.cut) {
            return self.cut(conn);
        }
        let delay = 1 + u64::from(self.rng.next_u32() % 80);
        let earliest = self.last_arrival.get(&(conn, to_relay)).copied().unwrap_or(0);
        let arrival = (self.now + delay).max(earliest);
        self.last_arrival.insert((conn, to_relay), arrival);
        self.at(arrival - self.now, event);
    }

    /// Breaks a connection: both sides notice.
    fn cut(&mut self, conn: u64) {
        let Some(Conn { node, key, relay }) = self.conns.remove(&conn) else { return };
        self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
        if self.nodes[node].running.get(&key) == Some(&conn) {
            self.nodes[node].running.remove(&key);
            let retry = self.now + 200 + u64::from(self.rng.next_u32() % 800);
            self.nodes[node].retry_at.insert(key, retry);
            let now = self.officer_clock(node);
            let Node { officer, rng, .. } = &mut self.nodes[node];
            let step = officer.handle(key, LinkEvent::Down("cut".into()), now, rng);
            self.officer_step(node, step, false);
        }
    }

    /// Kills an officer's program and starts it again from its disk.
    pub fn kill_officer(&mut self, node: usize) {
        let conns: Vec<u64> = self.nodes[node].running.values().copied().collect();
        let own = &mut self.nodes[node];
        own.running.clear();
        own.retry_at.clear();
        own.officer = own.store.restored();
        own.officer.begin_sync(Pace::Watch);
        self.checks.restarted(node, &self.nodes[node].officer);
        for conn in conns {
            if let Some(Conn { relay, .. }) = self.conns.remove(&conn) {
                self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
            }
        }
    }

    /// Another officer's program with a copy of a disk of this one's, as yet without a network.
    pub fn start_copy(&mut self, store: OfficerDisk) -> usize {
        let mut officer = store.restored();
        officer.begin_sync(Pace::Watch);
        let rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        self.nodes.push(Node {
            officer,
            store,
            notices: Vec::new(),
            clock_ahead: 0,
            rng,
            running: BTreeMap::new(),
            retry_at: BTreeMap::new(),
            connected: false,
        });
        self.nodes.len() - 1
    }

    /// Puts an older copy of an officer's disk in place of its disk.
    pub fn restore_disk(&mut self, node: usize, store: OfficerDisk) {
        self.nodes[node].store = store;
        self.checks.forget_durable(node);
        self.copies.forget(node);
        self.kill_officer(node);
    }

    /// Kills a relay and starts it again from its disk.
    pub fn kill_relay(&mut self, at: usize) {
        let node = &mut self.relays[at];
        let mut rows = Vec::new();
        for table in relay_table::RESTORED {
            node.store.scan(table, &mut |key, value| rows.push((table, key.to_vec(), value))).unwrap();
        }
        let rows = rows.into_iter().map(|(table, key, value)| relay_table::Row {
            table,
            key,
            value: Some(value.to_vec()),
        });
        let restored = Relay::restore(node.limits, rows.collect::<Vec<_>>());
        assert_eq!(restored.damaged, 0);
        node.relay = restored.relay;
        let conns: Vec<u64> =
            self.conns.iter().filter(|(_, conn)| conn.relay == at).map(|(number, _)| *number).collect();
        conns.into_iter().for_each(|conn| self.cut(conn));
    }

    fn relay_input(&mut self, at: usize, input: Input) {
        let now = self.clock();
        let mut queue = VecDeque::from([input]);
        while let Some(input) = queue.pop_front() {
            let step = self.relays[at].relay.handle(input, now);
            let dies_at = if self.chance(self.faults.kill_relay) { self.rng.next_u32() % 3 } else { 9 };
            if dies_at == 0 {
                return self.kill_relay(at);
            }
            for record in step.records.iter().filter(|record| record.table == relay_table::CELL) {
                self.copies.stored(at, record.value.as_ref().map(|value| value.as_slice()), self.now);
            }
            self.relays[at].store.commit(step.records).unwrap();
            if dies_at == 1 {
                return self.kill_relay(at);
            }
            let answers = self.relays[at].depositor.answer(step.sends).unwrap();
            for (conn, answer) in answers {
                queue.extend(self.relay_answers(at, conn, answer));
            }
            if dies_at == 2 {
                return self.kill_relay(at);
            }
        }
    }

    fn relay_answers(&mut self, at: usize, conn: ConnId, answer: Answer) -> Option<Input> {
        match answer {
            Answer::Reply(honest) => {
                if matches!(honest.said, Reply::Serving { .. }) {
                    self.copies.serving(conn.0, at, self.now);
                }
                let lies = self.relays[at].lies;
                let reply = if lies && self.chance(self.faults.make_up) {
                    lie::made_up(&mut self.rng)
                } else if lies && self.chance(self.faults.forge_deposit) {
                    lie::forged(&mut self.rng, &honest, self.relays[at].last_proof.clone())
                } else {
                    honest.clone()
                };
                if matches!(honest.said, Reply::Stored { .. }) {
                    self.relays[at].last_proof = honest.cell;
                }
                self.answer(conn.0, reply);
            }
            Answer::Close => {
                self.carry(conn.0, false, Event::ToOfficer(conn.0, LinkEvent::Down("closed".into())))
            }
            Answer::Cells(cells) => {
                let swaps = self.relays[at].lies && self.chance(self.faults.swap_cells);
                for (place, cell) in cells.iter().enumerate() {
                    let read = if swaps { &cells[cells.len() - 1 - place] } else { cell };
                    let key = read.key.bytes();
                    let bytes = self.relays[at].store.read(relay_table::CELL, &key).unwrap();
                    match bytes.and_then(|bytes| {
                        <Box<[u8; 16128]>>::try_from(bytes.to_vec().into_boxed_slice()).ok()
                    }) {
                        Some(bytes) => {
                            if self.relays[at].lies && self.chance(self.faults.replay_cell) {
                                let again = Framed::<Reply>::new(cell.reply(), Some(bytes.clone()));
                                self.answer(conn.0, again);
                            }
                            self.answer(conn.0, Framed::<Reply>::new(cell.reply(), Some(bytes)))
                        }
                        None => {
                            self.answer(conn.0, Framed::<Reply>::new(cell.gone(), None));
                            return Some(Input::Lost { cell: cell.key });
                        }
                    }
                }
            }
        }
        None
    }

    fn answer(&mut self, conn: u64, reply: Framed<Reply>) {
        // Over the wire, as bytes.
        let frame = reply.encode().unwrap();
        let reply = Framed::<Reply>::decode(&frame).unwrap();
        self.carry(conn, false, Event::ToOfficer(conn, LinkEvent::Reply(Some(reply))));
    }

    /// A lying relay loses a cell that it has acknowledged.
    fn forget_some_cell(&mut self, at: usize) {
        if !self.relays[at].lies || !self.chance(self.faults.forget_cell) {
            return;
        }
        let mut keys = Vec::new();
        self.relays[at].store.scan(relay_table::CELL, &mut |key, _| keys.push(key.to_vec())).unwrap();
        if keys.is_empty() {
            return;
        }
        let key = keys.swap_remove(self.rng.next_u32() as usize % keys.len());
        let number = |at: usize| u64::from_be_bytes(key[at..at + 8].try_into().unwrap());
        let cell = CellKey { queue: number(0), index: number(8) };
        self.relay_input(at, Input::Lost { cell });
    }

    fn reconcile(&mut self, node: usize) {
        if !self.nodes[node].connected {
            return;
        }
        let wanted: BTreeMap<LinkKey, RelayPlace> = self.nodes[node].officer.wanted().into_iter().collect();
        let unwanted: Vec<(LinkKey, u64)> = self.nodes[node]
            .running
            .iter()
            .filter(|(key, _)| !wanted.contains_key(key))
            .map(|(key, conn)| (*key, *conn))
            .collect();
        for (key, conn) in unwanted {
            self.nodes[node].running.remove(&key);
            if let Some(Conn { relay, .. }) = self.conns.remove(&conn) {
                self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
            }
        }
        for (key, place) in wanted {
            let waits = self.nodes[node].retry_at.get(&key).is_some_and(|at| *at > self.now);
            if self.nodes[node].running.contains_key(&key) || waits {
                continue;
            }
            let Some(relay) = self.relays.iter().position(|relay| relay.place == place && relay.up) else {
                continue;
            };
            let conn = self.next_conn;
            self.next_conn += 1;
            self.conns.insert(conn, Conn { node, key, relay });
            self.nodes[node].running.insert(key, conn);
            let mut exporter = [0; 32];
            self.rng.fill_bytes(&mut exporter);
            self.relay_input(relay, Input::Connected { conn: ConnId(conn), exporter: Exporter(exporter) });
            self.carry(conn, false, Event::ToOfficer(conn, LinkEvent::Up(Exporter(exporter))));
        }
    }

    /// Disconnects an officer, or lets it connect.
    pub fn set_connected(&mut self, node: usize, connected: bool) {
        self.nodes[node].connected = connected;
        if !connected {
            let conns: Vec<u64> = self.nodes[node].running.values().copied().collect();
            conns.into_iter().for_each(|conn| self.cut(conn));
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
        match event {
            Event::Tick => {
                self.at(self.tick_every, Event::Tick);
                for at in 0..self.relays.len() {
                    self.forget_some_cell(at);
                    self.relay_input(at, Input::Tick);
                }
                for node in 0..self.nodes.len() {
                    self.reconcile(node);
                    self.trouble_clock_and_pace(node);
                    let now = self.officer_clock(node);
                    let Node { officer, rng, .. } = &mut self.nodes[node];
                    let step = officer.tick(now, rng);
                    self.officer_step(node, step, true);
                }
            }
            Event::ToRelay(conn, frame) => {
                let Some(Conn { relay, .. }) = self.conns.get(&conn) else { return };
                let relay = *relay;
                if let Some(frame) = frame {
                    let frame = Box::new(Framed::<Request>::decode(&frame));
                    self.relay_input(relay, Input::Frame { conn: ConnId(conn), frame });
                }
            }
            Event::ToOfficer(conn, event) => {
                let Some(Conn { node, key, .. }) = self.conns.get(&conn) else { return };
                let (node, key) = (*node, *key);
                if self.nodes[node].running.get(&key) != Some(&conn) {
                    return;
                }
                if matches!(event, LinkEvent::Down(_)) {
                    return self.cut(conn);
                }
                if matches!(&event, LinkEvent::Reply(_)) && matches!(key.purpose, Purpose::Outbound(_)) {
                    self.copies.told(node, conn, self.now);
                }
                let now = self.officer_clock(node);
                let Node { officer, rng, .. } = &mut self.nodes[node];
                let step = officer.handle(key, event, now, rng);
                self.officer_step(node, step, true);
                self.reconcile(node);
            }
        }
    }

    /// Fetches an invite's offer as a joiner's program does before it has a thread.
    pub fn fetch(&mut self, invite: &Invite, relay: usize) -> Option<Box<[u8; 16128]>> {
        let conn = ConnId(u64::MAX - self.next_conn);
        self.next_conn += 1;
        let exporter = Exporter([7; 32]);
        let place = self.relays[relay].place.clone();
        let now = self.clock();
        let mut request = Box::new(fetch::first(invite, &place, &exporter));
        self.relays[relay].relay.handle(Input::Connected { conn, exporter }, now);
        loop {
            let frame = Box::new(Framed::<Request>::decode(&request.encode().unwrap()));
            let step = self.relays[relay].relay.handle(Input::Frame { conn, frame }, now);
            self.relays[relay].store.commit(step.records).unwrap();
            let reply = match step.sends.into_iter().next().unwrap() {
                Send::Reply { reply, .. } => Framed::<Reply>::new(reply, None),
                Send::Cells { cells, .. } => {
                    let key = cells[0].key.bytes();
                    let bytes = self.relays[relay].store.read(relay_table::CELL, &key).unwrap().unwrap();
                    Framed::<Reply>::new(
                        cells[0].reply(),
                        Some(bytes.to_vec().into_boxed_slice().try_into().unwrap()),
                    )
                }
                Send::Close { .. } | Send::Stored { .. } => return None,
            };
            match fetch::next(reply) {
                fetch::Fetch::Ask(next) => request = next,
                fetch::Fetch::Found(cell) => {
                    self.relays[relay].relay.handle(Input::Gone { conn }, now);
                    return Some(cell);
                }
                fetch::Fetch::Missing => return None,
            }
        }
    }

    /// Node `a` invites, node `b` joins, each with these relays; gives both thread numbers once the channel stands.
    pub fn introduce(&mut self, a: usize, b: usize, relays_a: &[usize], relays_b: &[usize]) -> (u32, u32) {
        let leave = self.leave(relays_a, 4);
        let expires = self.clock().plus(Millis::days(2));
        let ours = self
            .command(a, |officer, now, rng| officer.invite(format!("to {b}"), &leave, expires, now, rng))
            .unwrap();
        self.run_for(Millis::secs(120));
        let line = self.invite_line(a, ours);
        let theirs = self.join(b, &line, relays_b);
        for _ in 0..200 {
            self.run_for(Millis::secs(60));
            let stands = |node: usize, thread: u32| {
                self.nodes[node]
                    .officer
                    .channel(thread)
                    .unwrap()
                    .session()
                    .is_some_and(|session| session.heard)
            };
            if stands(a, ours) && stands(b, theirs) {
                return (ours, theirs);
            }
        }
        panic!("the channel does not stand");
    }

    pub fn invite_line(&self, node: usize, thread: u32) -> String {
        use truceline::officer::thread::Stage;
        match &self.nodes[node].officer.channel(thread).unwrap().thread.stage {
            Stage::Inviting(inviting) => inviting.line.clone(),
            _ => panic!("not an invite"),
        }
    }

    pub fn join(&mut self, node: usize, line: &str, relays: &[usize]) -> u32 {
        let invite = UntrustedInvite::parse(line).unwrap().verify(self.clock()).unwrap();
        let at = self.relays.iter().position(|relay| invite.relays().contains(&relay.place)).unwrap();
        let cell = self.fetch(&invite, at).expect("the offer lies there");
        let offer = invite.open_offer(&cell).unwrap();
        let leave = self.leave(relays, 4);
        self.command(node, |officer, now, rng| officer.join("peer".into(), &invite, &offer, &leave, now, rng))
            .unwrap()
    }

    /// Counts and heads of both chains as a node has them.
    pub fn heads(&self, node: usize, thread: u32) -> [(u64, Digest); 2] {
        let transcript = &self.nodes[node].officer.channel(thread).unwrap().transcript;
        Role::BOTH.map(|role| {
            let chain = transcript.chain(role);
            (chain.count(), chain.head(chain.count()).0)
        })
    }
}
