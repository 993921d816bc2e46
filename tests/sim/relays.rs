//! Relays: their programs, run as the relay's service runs them. A batch of inputs, one commit, then the answers.

use super::disk::{Failure, SimStore};
use super::network::{Event, To};
use super::world::World;
use rand_core::Rng;
use std::collections::BTreeMap;
use truceline::codec::CellBytes;
use truceline::crypto::digest::Digest;
use truceline::crypto::secret::Secret;
use truceline::crypto::sign::{SigningKey, SigningSeeds};
use truceline::host::store::{Store, StoreError};
use truceline::officer::link::LinkEvent;
use truceline::party::relay::{Pin, RelayPlace};
use truceline::relay::deposit::{Answer, Depositor};
use truceline::relay::engine::Relay;
use truceline::relay::merge::merge_stored;
use truceline::relay::message::{Input, Limits};
use truceline::relay::table::{self, RESTORED, Row};
use truceline::step::{Record, Step};
use truceline::time::UnixMillis;
use truceline::wire::deposit::key_digest;
use truceline::wire::frame::Framed;
use truceline::wire::pass::TokenHash;
use truceline::wire::reply::{Bound, Reply};
use truceline::wire::request::Request;

pub struct RelayNode {
    pub place: RelayPlace,
    pub relay: Relay,
    pub store: SimStore,
    pub limits: Limits,
    pub up: bool,
    pub lies: bool,
    /// What it signs deposits with, and the digest of that key.
    pub depositor: Depositor,
    pub deposit: Digest,
    /// Whether its line names the key.
    pub names_key: bool,
    /// How far its clock is ahead.
    pub clock_ahead: i64,
    /// Until when its program does not run, its network is apart, its disk has no room.
    pub down_until: u64,
    pub apart_until: u64,
    pub full_until: u64,
    /// The passes that its operator issued, for a relay that begins anew.
    pub issued: Vec<(Vec<TokenHash>, UnixMillis)>,
    /// What has come and is not handled yet.
    pub inbox: Vec<Input>,
    /// What a relay that lies has of earlier answers: its last proof, and the answer that it holds back.
    pub last_proof: Option<Box<CellBytes>>,
    pub held_back: BTreeMap<u64, Framed<Reply>>,
}

/// A relay's deposit key, and its digest.
pub fn depositor(seed: u8) -> (Depositor, Digest) {
    let seeds = SigningSeeds::from_seeds(Secret::take(&mut [seed; 32]), Secret::take(&mut [!seed; 32]));
    let key = SigningKey::expand(&seeds).unwrap();
    let digest = key_digest(key.public());
    (Depositor::new(key).unwrap(), digest)
}

impl RelayNode {
    /// The relay with this number, empty and honest.
    pub fn new(at: usize) -> Self {
        let pin = Pin(Digest([at as u8 + 1; 32]));
        let place = RelayPlace::new(&format!("relay{at}.example:4433"), pin).unwrap();
        let limits = Limits::default();
        let (depositor, deposit) = depositor(at as u8 + 1);
        Self {
            place,
            relay: Relay::new(limits),
            store: SimStore::default(),
            limits,
            up: true,
            lies: false,
            depositor,
            deposit,
            names_key: true,
            clock_ahead: 0,
            down_until: 0,
            apart_until: 0,
            full_until: 0,
            issued: Vec::new(),
            inbox: Vec::new(),
            last_proof: None,
            held_back: BTreeMap::new(),
        }
    }
}

/// The answer to a request when the disk has no room for what its batch would write.
fn refusal(request: &Request) -> Reply {
    match request {
        Request::Put { index, .. } => Reply::Full { index: *index, bound: Bound::Disk },
        Request::Open(_) => Reply::Full { index: 0, bound: Bound::Disk },
        _ => Reply::Busy { after_secs: 10 },
    }
}

impl World {
    pub fn relay_clock(&self, at: usize) -> UnixMillis {
        UnixMillis(self.now.saturating_add_signed(self.relays[at].clock_ahead))
    }

    /// Something comes to a relay, which handles it with what else comes meanwhile.
    pub fn relay_gets(&mut self, at: usize, input: Input) {
        self.relays[at].inbox.push(input);
        if self.relays[at].inbox.len() == 1 {
            let busy = u64::from(self.rng.next_u32() % 20);
            self.at(busy, Event::Work(at));
        }
    }

    pub fn relay_works(&mut self, at: usize) {
        let inputs = std::mem::take(&mut self.relays[at].inbox);
        self.relay_batch(at, inputs);
    }

    /// Something happens to a relay at once, after all that came before.
    pub fn relay_input(&mut self, at: usize, input: Input) {
        let mut inputs = std::mem::take(&mut self.relays[at].inbox);
        inputs.push(input);
        self.relay_batch(at, inputs);
    }

    fn relay_batch(&mut self, at: usize, inputs: Vec<Input>) {
        let now = self.relay_clock(at);
        let (mut step, mut refusals) = (Step::new(), Vec::new());
        for input in inputs {
            if let Input::Frame { conn, frame } = &input
                && let Ok(framed) = frame.as_ref()
            {
                refusals.push((*conn, refusal(&framed.said)));
            }
            step.append(self.relays[at].relay.handle(input, now));
        }
        if step.records.is_empty() && step.sends.is_empty() {
            return;
        }
        if self.crashes("kill_relay", self.faults.kill_relay) {
            return self.crash_relay(at);
        }
        match self.relay_commits(at, step.records) {
            Ok(()) => {}
            Err(StoreError::Full) => {
                for (conn, reply) in refusals {
                    self.relay_says(at, conn.0, Framed::<Reply>::new(reply, None));
                }
                return self.kill_relay(at);
            }
            Err(_) => return self.crash_relay(at),
        }
        if self.crashes("kill_relay", self.faults.kill_relay) {
            return self.crash_relay(at);
        }
        let answers = self.relays[at].depositor.answer(merge_stored(step.sends)).unwrap();
        let mut lost = Vec::new();
        for (conn, answer) in answers {
            match answer {
                Answer::Reply(reply) => self.relay_answers(at, conn.0, reply),
                Answer::Stored(stored) => self.relay_answers(at, conn.0, stored.framed().unwrap()),
                Answer::Close => self.hang_up(conn.0),
                Answer::Cells(cells) => lost.extend(self.relay_hands_out(at, conn.0, &cells)),
            }
            if self.crashes("kill_relay", self.faults.kill_relay) {
                return self.crash_relay(at);
            }
        }
        for cell in lost {
            self.relay_input(at, Input::Lost { cell });
        }
    }

    fn relay_commits(&mut self, at: usize, records: Vec<Record>) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let failure = if self.strikes("full_relay", self.faults.full_relay) {
            Some(Failure::Full)
        } else if self.strikes("fsync_relay", self.faults.fsync_relay) {
            Some(self.lost_or_kept())
        } else {
            None
        };
        let cells: Vec<_> = records.iter().filter(|record| record.table == table::CELL).collect();
        if failure.is_none_or(|failure| failure == Failure::FailedKept) {
            for record in cells {
                self.copies.stored(at, record.value.as_ref().map(|value| value.as_slice()), self.now);
            }
        }
        let store = &mut self.relays[at].store;
        if let Some(failure) = failure {
            store.fail_next(failure);
        }
        store.commit(records)
    }

    /// A program that failed to write is gone; what it was to write is there or not.
    pub fn lost_or_kept(&mut self) -> Failure {
        if self.rng.next_u32().is_multiple_of(2) {
            self.count("failed, and nothing was written");
            Failure::FailedLost
        } else {
            self.count("failed, and all was written");
            Failure::FailedKept
        }
    }

    /// Sends a reply: over the wire, as bytes.
    pub fn relay_says(&mut self, at: usize, conn: u64, reply: Framed<Reply>) {
        let frame = reply.encode().unwrap();
        self.checks.frame(&frame[..], &self.needles);
        if !self.relays[at].lies {
            self.wire.answered(conn, &frame[..], self.relay_clock(at).0);
        }
        let reply = Framed::<Reply>::decode(&frame).unwrap();
        self.carry(conn, To::Officer, Event::ToOfficer(conn, LinkEvent::Reply(Some(reply))));
    }

    /// Lets the queues of a relay hold so many cells at most.
    pub fn bound_queues(&mut self, at: usize, cells: u32) {
        if cells > 0 {
            self.relays[at].limits.queue_cells_max = cells.into();
            self.kill_relay(at);
        }
    }

    /// A relay's program dies, and comes back after a while.
    pub fn crash_relay(&mut self, at: usize) {
        self.kill_relay(at);
        self.relays[at].down_until = self.now + u64::from(self.rng.next_u32() % 10_000);
    }

    /// Kills a relay and starts it again from its disk.
    pub fn kill_relay(&mut self, at: usize) {
        self.start_relay(at);
        self.relays[at].inbox.clear();
        self.relays[at].held_back.clear();
        let of_it = self.conns.iter().filter(|(_, conn)| conn.relay == at && conn.at_relay);
        let conns: Vec<u64> = of_it.map(|(number, _)| *number).collect();
        conns.into_iter().for_each(|conn| self.hang_up(conn));
    }

    fn start_relay(&mut self, at: usize) {
        let damaged = self.relays[at].store.rotten(&RESTORED);
        let node = &mut self.relays[at];
        let mut rows = Vec::new();
        let read = RESTORED.iter().try_for_each(|table| {
            node.store.scan(*table, &mut |key, value| {
                rows.push(Row { table: *table, key: key.to_vec(), value: Some(value.to_vec()) });
            })
        });
        assert_eq!(read.is_err(), damaged > 0, "damage is noticed at a start, and nothing else is");
        if damaged == 0 {
            let restored = Relay::restore(node.limits, rows);
            assert_eq!(restored.damaged, 0);
            node.relay = restored.relay;
            return;
        }
        self.wire.forget(at);
        if self.rng.next_u32().is_multiple_of(2) {
            self.count("relay begun anew");
            self.begin_anew(at);
        } else {
            self.count("relay restored without damaged rows");
            self.start_without_damaged(at, damaged);
        }
    }

    /// A relay does not start from damaged rows: its operator begins in an empty folder, and issues the passes again.
    fn begin_anew(&mut self, at: usize) {
        let node = &mut self.relays[at];
        node.store = SimStore::default();
        node.relay = Relay::new(node.limits);
        let now = UnixMillis(self.now);
        for (hashes, expires) in node.issued.clone() {
            let step = node.relay.handle(Input::Tokens { hashes, expires }, now);
            node.store.commit(step.records).unwrap();
        }
    }

    /// The engine takes damaged rows for what is lost, and counts them.
    fn start_without_damaged(&mut self, at: usize, damaged: u64) {
        let node = &mut self.relays[at];
        let rows = node.store.rows().filter(|(table, ..)| RESTORED.contains(table));
        let rows = rows.map(|(table, key, value)| Row {
            table,
            key: key.to_vec(),
            value: (!node.store.is_rotten(table, key)).then(|| value.to_vec()),
        });
        let restored = Relay::restore(node.limits, rows.collect::<Vec<_>>());
        // Beside the rows themselves, the cells of a queue that is lost count.
        assert!(restored.damaged >= damaged, "damaged rows are not counted");
        node.relay = restored.relay;
    }

    /// What may befall a relay by itself.
    pub fn trouble_relay(&mut self, at: usize) {
        if self.strikes("relay_clock_jump", self.faults.relay_clock_jump) {
            self.relays[at].clock_ahead = self.any_jump(30);
            self.wire.forget(at);
        }
        if self.strikes("rot_relay", self.faults.rot_relay) {
            let (number, bit) = (self.rng.next_u32() as usize, self.rng.next_u64());
            let store = &mut self.relays[at].store;
            if let Some(table) = store.rot(number % store.len().max(1), bit) {
                self.count(if RESTORED.contains(&table) {
                    "relay's record rotten"
                } else {
                    "relay's cell rotten"
                });
                self.wire.forget(at);
            }
        }
        if self.strikes("no_room_relay", self.faults.full_relay) {
            self.relays[at].full_until = self.now + u64::from(self.rng.next_u32() % 60_000);
            self.relay_input(at, Input::Space { free_bytes: 0 });
        } else if self.relays[at].full_until <= self.now {
            self.relays[at].full_until = u64::MAX;
            self.relay_input(at, Input::Space { free_bytes: u64::MAX });
        }
    }

    pub fn relay_checks(&self, at: usize) {
        let RelayNode { relay, limits, .. } = &self.relays[at];
        let totals = relay.totals();
        if (1..100).contains(&limits.queue_cells_max) {
            let mut held: BTreeMap<&[u8], u64> = BTreeMap::new();
            let cells = self.relays[at].store.rows().filter(|(table, ..)| *table == table::CELL);
            cells.for_each(|(_, key, _)| *held.entry(&key[..8]).or_default() += 1);
            let over = held.values().any(|cells| *cells > limits.queue_cells_max);
            assert!(!over, "a queue is over its bound");
        }
        // Four of each role serve a queue; beside them are those that have not said what for.
        let known = self.conns.values().filter(|conn| conn.relay == at && conn.at_relay).count() as u64;
        assert!(totals.connections <= known + 1, "connections are kept that have ended");
    }
}
