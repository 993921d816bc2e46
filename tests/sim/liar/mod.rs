//! A counterpart that lies. It has a real engine and real keys and mostly does what it should; between, its disk is
//! changed while its program is down, so that its own engine puts what no engine of ours would seal or say.

mod lies;
mod seeds;
mod watch;

use crate::sim::world::World;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use truceline::codec::{CellBytes, decode, encode};
use truceline::crypto::label;
use truceline::crypto::secret::Secret;
use truceline::officer::cell::{Carries, Placement};
use truceline::officer::engine::Channel;
use truceline::officer::held::{ChainRow, rows_of};
use truceline::officer::table;
use truceline::officer::thread::{Stage, Thread};
use truceline::party::role::Role;
use truceline::session::content::{Content, fragments};
use truceline::statement::header::{Header, StatementId};
use truceline::statement::list::List;
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::Heading;
use truceline::step::Record;
use truceline::time::UnixMillis;

/// A cell that its engine is made to put.
pub enum Forged {
    /// Content, which the ratchet seals.
    Content(Vec<u8>),
    /// A cell's bytes.
    Cell(Box<CellBytes>),
    /// Content that is sealed and thrown away.
    Lost,
}

/// Who lies, and what it has signed.
pub struct Liar {
    pub node: usize,
    pub thread: u32,
    /// Statements of its own in this channel that it signed beside its chain, by place.
    pub signed: BTreeMap<u64, BTreeSet<StatementId>>,
    /// How many of the honest party's statements it claimed to hold in a statement that names another chain.
    pub claims: BTreeSet<u64>,
    /// Whether it showed two statements of the honest party's at one place, signed with its stolen keys.
    pub stole: bool,
    /// Cells of its own that were put before.
    old: Vec<Box<CellBytes>>,
    rng: ChaCha20Rng,
}

impl Liar {
    pub fn new(node: usize, thread: u32, seed: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(!seed);
        Self {
            node,
            thread,
            signed: BTreeMap::new(),
            claims: BTreeSet::new(),
            stole: false,
            old: Vec::new(),
            rng,
        }
    }

    pub fn channel<'a>(&self, world: &'a World) -> &'a Channel {
        world.nodes[self.node].officer.channel(self.thread).unwrap()
    }

    pub fn role(&self, world: &World) -> Role {
        self.channel(world).thread.role
    }

    /// How many statements its own chain has.
    fn next(&self, world: &World) -> u64 {
        self.channel(world).transcript.chain(self.role(world)).count()
    }

    fn below(&mut self, end: u64) -> u64 {
        self.rng.next_u64() % end.max(1)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn said(&mut self, body: Vec<u8>, lists: Vec<List>) -> Said {
        Said { salt: self.bytes(), body, lists }
    }

    /// A statement at its next place after `change` was made to the header; signed, whatever it says.
    fn forge(&mut self, world: &World, kind: u16, said: Said, change: impl FnOnce(&mut Header)) -> Statement {
        let heading = Heading { kind, case: StatementId::NONE, clock: UnixMillis(world.now) };
        let role = self.role(world);
        let mut header = self.channel(world).transcript.next_header(role, heading, said.commitment());
        change(&mut header);
        self.sign(world, header, said)
    }

    fn sign(&mut self, world: &World, header: Header, said: Said) -> Statement {
        let key = world.nodes[self.node].officer.identity().key();
        let signature = key.sign(label::STATEMENT_SIGN, &[&header.encode()]).unwrap();
        let channel = *self.channel(world).transcript.channel();
        if (header.author, header.channel) == (self.role(world), channel) {
            self.signed.entry(header.sequence).or_default().insert(header.id());
        }
        Statement { header, signature, said }
    }

    /// Has its engine put these cells, in this order.
    pub fn put(&mut self, world: &mut World, cells: Vec<Forged>) {
        let store = &world.nodes[self.node].store;
        let key = table::thread_key(self.thread);
        let row = store.read(table::THREAD, &key).unwrap().unwrap();
        let mut thread: Thread = decode(&row, usize::MAX).unwrap();
        let sequence = self.next(world).saturating_sub(1);
        let carries = Carries::Fragment { sequence, receipt: true };
        let mut records = Vec::new();
        for forged in cells {
            let Stage::Open(session) = &mut thread.stage else { panic!("the channel does not stand") };
            let ratchet = session.ratchet.as_mut().unwrap();
            let cell = match forged {
                Forged::Content(content) => ratchet.seal(&content, &mut self.rng).unwrap(),
                Forged::Cell(cell) => cell,
                Forged::Lost => {
                    ratchet.seal(&[], &mut self.rng).unwrap();
                    continue;
                }
            };
            let places = vec![Placement::default(); session.outbound.len()];
            let at = table::number_key(self.thread, thread.next_cell);
            thread.next_cell += 1;
            let held = (carries, cell.to_vec(), None::<Secret<44>>);
            records.push(Record::put(table::CELL, at.clone(), encode(&held, usize::MAX).unwrap()));
            records.push(Record::put(table::PLACES, at, encode(&places, usize::MAX).unwrap()));
        }
        records.push(Record::put(table::THREAD, key, encode(&thread, usize::MAX).unwrap()));
        store.commit(records).unwrap();
        self.begin_again(world);
    }

    /// Its program goes on with the disk as it is now.
    fn begin_again(&self, world: &mut World) {
        world.checks.adopt(self.node, &world.nodes[self.node].store);
        world.nodes[self.node].is_durable = false;
        world.kill_officer(self.node);
    }

    fn put_statement(&mut self, world: &mut World, statement: &Statement) {
        let bytes = statement.encode().unwrap();
        self.put_bytes(world, statement.header.sequence, &bytes);
    }

    fn put_bytes(&mut self, world: &mut World, sequence: u64, bytes: &[u8]) {
        let pieces = fragments(sequence, bytes).map(|piece| Forged::Content(piece.encode().unwrap()));
        self.put(world, pieces.collect());
    }

    fn put_contents(&mut self, world: &mut World, contents: impl IntoIterator<Item = Content>) {
        let cells = contents.into_iter().map(|content| Forged::Content(content.encode().unwrap()));
        self.put(world, cells.collect());
    }

    /// Goes on with its own chain by a statement that its engine would not make; the engine puts it as its own.
    pub fn say(&mut self, world: &mut World, kind: u16, case: StatementId, body: Vec<u8>, lists: Vec<List>) {
        let said = self.said(body, lists);
        let statement = self.forge(world, kind, said, |header| header.case = case);
        let (header, bytes) = (&statement.header, statement.encode().unwrap());
        let (channel, role) = (self.channel(world), self.role(world));
        let mut transcript = channel.transcript.clone();
        transcript.append_verified(header).unwrap();
        let ends = Role::BOTH.map(|role| transcript.chain(role).end().clone());
        let chain = ChainRow { ends, counts: channel.counts };
        let mark = table::mark_key(self.thread, role, header.sequence, 1);
        let mut records = rows_of(self.thread, role, header, bytes);
        records.push(Record::put(table::MARK, mark, encode(&header.clock, usize::MAX).unwrap()));
        let key = table::thread_key(self.thread);
        records.push(Record::put(table::CHAIN, key, encode(&chain, usize::MAX).unwrap()));
        world.nodes[self.node].store.commit(records).unwrap();
        self.begin_again(world);
    }

    /// Keeps some of the cells that wait for an acknowledgement, to put them again later.
    pub fn keep_cells(&mut self, world: &World) {
        let waiting = self.channel(world).outbox.cells.values().map(|cell| cell.bytes.clone());
        let known = self.old.len();
        self.old.extend(waiting.take(4));
        if known > 40 {
            self.old.drain(..20);
        }
    }
}
