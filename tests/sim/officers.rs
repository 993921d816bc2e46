//! Officers: their programs, run as the officer's service runs them, killed, and started again from their disks.

use super::check::Changes;
use super::disk::{Failure, OfficerDisk, SimStore};
use super::network::{Event, To};
use super::restart;
use super::world::World;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use std::collections::BTreeMap;
use truceline::host::store::Store;
use truceline::officer::command::CommandError;
use truceline::officer::engine::{Notice, Officer, OfficerStep, Pace};
use truceline::officer::link::{LinkEvent, LinkKey, LinkSend};
use truceline::officer::restore::first_rows;
use truceline::party::card::{IdentitySeeds, PartyName};
use truceline::step::Record;
use truceline::time::UnixMillis;
use truceline::wire::request::Request;

pub struct Node {
    pub officer: Officer,
    pub store: OfficerDisk,
    pub notices: Vec<Notice>,
    pub rng: ChaCha20Rng,
    /// How far the officer's clock is ahead.
    pub clock_ahead: i64,
    pub running: BTreeMap<LinkKey, u64>,
    pub retry_at: BTreeMap<LinkKey, u64>,
    pub connected: bool,
    /// Until when its program does not run, and its network is apart.
    pub asleep_until: u64,
    pub apart_until: u64,
    /// Whether all that the engine holds was made durable.
    pub is_durable: bool,
}

/// What became of a command.
pub enum Outcome<T> {
    /// It was done, and the officer was told so.
    Done(T),
    /// The program ended before it said anything; whether it was done shows later.
    Unknown,
}

impl Node {
    /// An officer of this name, with a fresh vault.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let seeds = IdentitySeeds::random(PartyName::parse(name).unwrap(), &mut rng);
        let mut store = SimStore::vault();
        store.commit(first_rows(&seeds).unwrap()).unwrap();
        Self { connected: true, ..Self::with_disk(OfficerDisk::new(store), rng) }
    }

    /// The program that a disk makes, as yet without a network.
    pub fn with_disk(store: OfficerDisk, rng: ChaCha20Rng) -> Self {
        Self {
            officer: store.restored(),
            store,
            notices: Vec::new(),
            rng,
            clock_ahead: 0,
            running: BTreeMap::new(),
            retry_at: BTreeMap::new(),
            connected: false,
            asleep_until: 0,
            apart_until: 0,
            is_durable: true,
        }
    }
}

impl World {
    pub fn officer_clock(&self, node: usize) -> UnixMillis {
        UnixMillis(self.now.saturating_add_signed(self.nodes[node].clock_ahead))
    }

    /// Runs a command of an officer and makes it durable, whatever else goes wrong.
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

    /// Runs a command of an officer, whose program may end at any point of it.
    pub fn attempt<T>(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Officer, UnixMillis, &mut dyn CryptoRng) -> Result<(T, OfficerStep), CommandError>,
    ) -> Result<Outcome<T>, CommandError> {
        let now = self.officer_clock(node);
        let Node { officer, rng, .. } = &mut self.nodes[node];
        let acted = act(officer, now, rng);
        if self.stops_at_damage(node) {
            return Ok(Outcome::Unknown);
        }
        let (value, step) = acted?;
        let told = self.officer_step(node, step, true);
        Ok(if told { Outcome::Done(value) } else { Outcome::Unknown })
    }

    pub fn officer_event(&mut self, node: usize, key: LinkKey, event: LinkEvent) {
        let now = self.officer_clock(node);
        let Node { officer, rng, .. } = &mut self.nodes[node];
        let step = officer.handle(key, event, now, rng);
        self.officer_step(node, step, true);
    }

    pub fn officer_tick(&mut self, node: usize) {
        let now = self.officer_clock(node);
        let Node { officer, rng, .. } = &mut self.nodes[node];
        let step = officer.tick(now, rng);
        self.officer_step(node, step, true);
    }

    /// A program that met a damaged row stops: nothing that followed from it is written, sent or shown.
    fn stops_at_damage(&mut self, node: usize) -> bool {
        let stops = self.nodes[node].store.failure().is_some();
        if stops {
            self.count("vault's damage met");
            self.nodes[node].is_durable = false;
            self.nodes[node].store.store(SimStore::heal);
            self.crash_officer(node);
        }
        stops
    }

    /// Records, then sends, then notices. False where the program ended before it could tell its officer anything.
    pub fn officer_step(&mut self, node: usize, step: OfficerStep, may_die: bool) -> bool {
        let kill = if may_die { self.faults.kill_officer } else { 0 };
        if self.stops_at_damage(node) {
            return false;
        }
        if step.records.is_empty() && step.sends.is_empty() && step.notices.is_empty() {
            return true;
        }
        self.nodes[node].is_durable = step.records.is_empty();
        if may_die && self.crashes("kill_officer", kill) {
            self.crash_officer(node);
            return false;
        }
        if !self.officer_commits(node, step.records, may_die) {
            self.crash_officer(node);
            return false;
        }
        if may_die && self.crashes("kill_officer", kill) {
            self.crash_officer(node);
            return false;
        }
        self.checks.shown(node, &step.notices);
        self.nodes[node].notices.extend(step.notices);
        for send in step.sends {
            if may_die && self.crashes("kill_officer", kill) {
                self.crash_officer(node);
                return true;
            }
            self.officer_sends(node, send);
        }
        if may_die && self.crashes("kill_officer", kill) {
            self.crash_officer(node);
        }
        true
    }

    fn officer_commits(&mut self, node: usize, records: Vec<Record>, may_fail: bool) -> bool {
        if records.is_empty() {
            return true;
        }
        let changes = Changes::of(&records);
        let failure = if may_fail { self.fails_to_commit() } else { None };
        if let Some(failure) = failure {
            self.nodes[node].store.store(|store| store.fail_next(failure));
        }
        let committed = self.nodes[node].store.commit(records).is_ok();
        assert_eq!(committed, failure.is_none());
        if committed || failure == Some(Failure::FailedKept) {
            self.checks.durable(node, changes, &mut self.needles);
        }
        if committed {
            self.nodes[node].officer.committed();
            self.nodes[node].is_durable = true;
            let keys = self.relays.iter().map(|relay| (&relay.place, relay.deposit));
            self.checks.deposits(node, &self.nodes[node].officer, &keys.collect());
            if self.commits.is_multiple_of(64)
                && let Ok(restored) = self.nodes[node].store.start()
            {
                restart::changes_nothing(&self.nodes[node].officer, &restored);
            }
        }
        committed
    }

    /// How the next commit of an officer fails, if it does.
    fn fails_to_commit(&mut self) -> Option<Failure> {
        self.commits += 1;
        if let Some((at, failure)) = self.fail_commit_at
            && at == self.commits
        {
            return Some(failure);
        }
        if self.strikes("full_officer", self.faults.full_officer) {
            return Some(Failure::Full);
        }
        self.strikes("fsync_officer", self.faults.fsync_officer).then(|| self.lost_or_kept())
    }

    fn officer_sends(&mut self, node: usize, send: LinkSend) {
        let Some(&conn) = self.nodes[node].running.get(&send.link) else { return };
        match send.request {
            None => {
                self.nodes[node].retry_at.remove(&send.link);
                self.let_go(conn);
            }
            Some(request) => {
                if matches!(request.said, Request::Put { .. }) {
                    self.puts_on_the_wire += 1;
                }
                let frame = request.encode().unwrap();
                self.checks.frame(&frame[..], &self.needles);
                self.checks.sent(node, send.link, &frame[..]);
                self.copies.sent(node, request.cell.as_deref(), &self.checks, self.now);
                self.carry(conn, To::Relay, Event::ToRelay(conn, frame));
            }
        }
    }

    /// An officer's program dies, and is started again after a while.
    pub fn crash_officer(&mut self, node: usize) {
        self.kill_officer(node);
        self.nodes[node].asleep_until = self.now + u64::from(self.rng.next_u32() % 10_000);
    }

    /// Kills an officer's program and starts it again from its disk.
    pub fn kill_officer(&mut self, node: usize) {
        let conns: Vec<u64> = self.nodes[node].running.values().copied().collect();
        conns.into_iter().for_each(|conn| self.let_go(conn));
        self.nodes[node].retry_at.clear();
        let officer = loop {
            let store = &self.nodes[node].store;
            match store.start() {
                Ok(officer) => break officer,
                Err(error) => {
                    assert!(store.store(|store| store.is_damaged()), "a sound vault does not open: {error}");
                    store.store(SimStore::heal);
                    self.count("vault's damage met at a start");
                }
            }
        };
        let before = std::mem::replace(&mut self.nodes[node].officer, officer);
        if std::mem::replace(&mut self.nodes[node].is_durable, true) {
            restart::changes_nothing(&before, &self.nodes[node].officer);
        }
        self.nodes[node].officer.begin_sync(Pace::Watch);
        self.checks.restarted(node, &self.nodes[node].officer);
    }

    /// What may befall an officer by itself.
    pub fn trouble_officer(&mut self, node: usize) {
        if self.strikes("clock_jump", self.faults.clock_jump) {
            self.nodes[node].clock_ahead = self.any_jump(10);
        }
        if self.strikes("rot_vault", self.faults.rot_vault) {
            let (number, bit) = (self.rng.next_u32() as usize, self.rng.next_u64());
            let rotten = self.nodes[node].store.store(|store| store.rot(number % store.len().max(1), bit));
            if rotten.is_some() {
                self.count("vault's row rotten");
            }
        }
    }

    /// Another officer's program with a copy of a disk of this one's, as yet without a network.
    pub fn start_copy(&mut self, store: OfficerDisk) -> usize {
        let rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let mut copy = Node::with_disk(store, rng);
        copy.officer.begin_sync(Pace::Watch);
        self.nodes.push(copy);
        let node = self.nodes.len() - 1;
        (0..node).for_each(|other| self.checks.doubt(other));
        self.checks.adopt(node, &self.nodes[node].store);
        node
    }

    /// Puts an older copy of an officer's disk in place of its disk.
    pub fn restore_disk(&mut self, node: usize, store: OfficerDisk) {
        self.nodes[node].store = store;
        self.nodes[node].is_durable = false;
        self.checks.adopt(node, &self.nodes[node].store);
        self.copies.forget(node);
        self.kill_officer(node);
    }
}
