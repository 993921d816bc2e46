//! Who holds a party's keys, or a queue's, and does with them what no engine of ours does.

use super::lie::cell_key;
use super::world::World;
use truceline::crypto::sign::QueueSecret;
use truceline::officer::engine::Officer;
use truceline::officer::table;
use truceline::officer::thread::{Session, Stage, Thread};
use truceline::relay::message::{ConnId, Input};
use truceline::relay::table as relay_table;
use truceline::session::content::{Content, fragments};
use truceline::statement::header::{Header, StatementId};
use truceline::statement::signed::{Said, Statement};
use truceline::statement::transcript::{Heading, Transcript};
use truceline::time::UnixMillis;
use truceline::wire::frame::Framed;
use truceline::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put};
use truceline::wire::request::Request;

/// A party that holds all keys of a channel and does with them what no engine of ours does.
pub struct Forger {
    officer: Officer,
    number: u32,
    pub thread: Thread,
    pub transcript: Transcript,
}

impl Forger {
    /// Takes over a node's keys; the node itself is disconnected.
    pub fn of(world: &mut World, node: usize, number: u32) -> Self {
        world.set_connected(node, false);
        world.checks.doubt(node);
        let store = world.nodes[node].store.clone();
        let row = store.read(table::THREAD, &table::thread_key(number)).unwrap().unwrap();
        let thread = truceline::codec::decode(&row, usize::MAX).unwrap();
        let officer = store.restored();
        let transcript = officer.channel(number).unwrap().transcript.clone();
        Self { officer, number, thread, transcript }
    }

    pub fn session(&mut self) -> &mut Session {
        match &mut self.thread.stage {
            Stage::Open(session) => session,
            _ => panic!("the channel does not stand"),
        }
    }

    /// A statement after `change` was made to its header, signed.
    pub fn statement(&self, kind: u16, body: Vec<u8>, change: impl FnOnce(&mut Header)) -> Statement {
        let said = Said { salt: [9; 32], body, lists: Vec::new() };
        let heading = Heading { kind, case: StatementId::NONE, clock: UnixMillis(7) };
        let mut header = self.transcript.next_header(self.thread.role, heading, said.commitment());
        change(&mut header);
        Statement::sign(header, said, self.officer.identity().key()).unwrap()
    }

    /// Seals content and puts it into the counterpart's first queue.
    pub fn put(&mut self, world: &mut World, relay: usize, content: &Content) {
        let cell = {
            let bytes = content.encode().unwrap();
            self.session().ratchet.as_mut().unwrap().seal(&bytes, &mut world.rng).unwrap()
        };
        self.put_cell(world, relay, cell);
    }

    pub fn put_cell(&mut self, world: &mut World, relay: usize, cell: Box<[u8; 16_128]>) {
        let outbound = &mut self.session().outbound[0];
        let index = outbound.next;
        outbound.next += 1;
        world.put_as(relay, (outbound.writer, &outbound.secret), index, cell);
    }

    pub fn put_statement(&mut self, world: &mut World, relay: usize, statement: &Statement) {
        let bytes = statement.encode().unwrap();
        for fragment in fragments(statement.header.sequence, &bytes) {
            self.put(world, relay, &fragment);
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }
}

impl World {
    /// Puts a cell as whoever holds a writer's key.
    pub fn put_as(
        &mut self,
        relay: usize,
        (writer, secret): (QueueId, &QueueSecret),
        index: u64,
        cell: Box<[u8; 16_128]>,
    ) {
        let conn = ConnId(u64::MAX - self.next_conn);
        self.next_conn += 1;
        let exporter = Exporter([8; 32]);
        self.relay_input(relay, Input::Connected { conn, exporter });
        let role = QueueRole::Writer;
        let signature = prove(secret, &exporter, role, &writer);
        let request = Framed::<Request>::new(Request::Prove { role, id: writer, signature }, None);
        self.relay_input(relay, Input::Frame { conn, frame: Box::new(Ok(request)) });
        let signature = sign_put(secret, &writer, index, &CellHash::of(&cell));
        let request = Framed::<Request>::new(Request::Put { index, signature }, Some(cell));
        self.relay_input(relay, Input::Frame { conn, frame: Box::new(Ok(request)) });
        self.relay_input(relay, Input::Gone { conn });
    }

    /// A relay loses every cell it holds.
    pub fn lose_cells(&mut self, at: usize) {
        self.wire.forget(at);
        let rows = self.relays[at].store.rows().filter(|(table, ..)| *table == relay_table::CELL);
        let cells: Vec<_> = rows.map(|(_, key, _)| cell_key(key)).collect();
        cells.into_iter().for_each(|cell| self.relay_input(at, Input::Lost { cell }));
    }
}
