//! What a relay sends once its records are durable, and what a relay that lies makes of it.

use super::relays::depositor;
use super::world::World;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use truceline::codec::CellBytes;
use truceline::crypto::digest::Digest;
use truceline::crypto::sign::QueueSignature;
use truceline::host::store::Store;
use truceline::relay::deposit::Answer;
use truceline::relay::message::{CellKey, ConnId, HeldCell, Input, Send};
use truceline::relay::table;
use truceline::time::UnixMillis;
use truceline::wire::frame::Framed;
use truceline::wire::queue::CellHash;
use truceline::wire::reply::{Bound, PutProof, Reply};

impl World {
    fn lies(&mut self, at: usize, how: &'static str, in_a_thousand: u32) -> bool {
        self.relays[at].lies && self.strikes(how, in_a_thousand)
    }

    /// An answer goes out, or what the relay makes of it.
    pub fn relay_answers(&mut self, at: usize, conn: u64, honest: Framed<Reply>) {
        if matches!(honest.said, Reply::Full { bound: Bound::Queue, .. }) {
            self.count("queue full");
        }
        if matches!(honest.said, Reply::Serving { .. }) {
            self.copies.serving(conn, at, self.now);
        }
        let reply = if self.lies(at, "make_up", self.faults.make_up) {
            made_up(&mut self.rng)
        } else if self.lies(at, "forge_deposit", self.faults.forge_deposit) {
            forged(&mut self.rng, &honest, self.relays[at].last_proof.clone())
        } else {
            honest.clone()
        };
        if matches!(honest.said, Reply::Stored { .. }) {
            self.relays[at].last_proof = honest.cell;
        }
        if self.lies(at, "reorder", self.faults.reorder) {
            // It goes out after the next one, or never.
            let before = self.relays[at].held_back.insert(conn, reply);
            return before.into_iter().for_each(|before| self.relay_says(at, conn, before));
        }
        if self.lies(at, "repeat", self.faults.repeat) {
            self.relay_says(at, conn, reply.clone());
        }
        self.relay_says(at, conn, reply);
        if let Some(before) = self.relays[at].held_back.remove(&conn) {
            self.relay_says(at, conn, before);
        }
    }

    /// Cells go out, up to the first that cannot be read, which is given.
    pub fn relay_hands_out(&mut self, at: usize, conn: u64, cells: &[HeldCell]) -> Option<CellKey> {
        if self.lies(at, "withhold", self.faults.withhold) {
            let empty = Reply::Empty { low: cells[0].low, next: cells[0].key.index };
            self.relay_says(at, conn, Framed::<Reply>::new(empty, None));
            return None;
        }
        let swaps = self.lies(at, "swap_cells", self.faults.swap_cells);
        for (place, cell) in cells.iter().enumerate() {
            let mut read = if swaps { cells[cells.len() - 1 - place].key } else { cell.key };
            if self.lies(at, "other_queue", self.faults.other_queue) {
                read = self.any_cell(at).unwrap_or(read);
            }
            let bytes = self.relays[at].store.read(table::CELL, &read.bytes()).ok().flatten();
            let bytes =
                bytes.and_then(|bytes| <Box<CellBytes>>::try_from(bytes.to_vec().into_boxed_slice()).ok());
            let Some(bytes) = bytes else {
                self.count("lost cell met");
                self.relay_says(at, conn, Framed::<Reply>::new(cell.gone(), None));
                return Some(cell.key);
            };
            let reply = Framed::<Reply>::new(cell.reply(), Some(bytes));
            if self.lies(at, "replay_cell", self.faults.replay_cell) {
                self.relay_says(at, conn, reply.clone());
            }
            self.relay_says(at, conn, reply);
        }
        None
    }

    /// Some cell that the relay holds, of whichever queue.
    fn any_cell(&mut self, at: usize) -> Option<CellKey> {
        let rows = self.relays[at].store.rows().filter(|(table, ..)| *table == table::CELL);
        let keys: Vec<CellKey> = rows.map(|(_, key, _)| cell_key(key)).collect();
        let number = self.rng.next_u32() as usize;
        (!keys.is_empty()).then(|| keys[number % keys.len()])
    }

    /// A lying relay loses a cell that it has acknowledged.
    pub fn forget_some_cell(&mut self, at: usize) {
        if self.lies(at, "forget_cell", self.faults.forget_cell)
            && let Some(cell) = self.any_cell(at)
        {
            self.relay_input(at, Input::Lost { cell });
        }
    }
}

/// Queue and index of a cell's row.
pub fn cell_key(key: &[u8]) -> CellKey {
    let number = |at: usize| u64::from_be_bytes(key[at..at + 8].try_into().unwrap());
    CellKey { queue: number(0), index: number(8) }
}

fn number(rng: &mut ChaCha20Rng) -> u64 {
    match rng.next_u32() % 4 {
        0 => u64::from(rng.next_u32() % 8),
        1 => u64::from(rng.next_u32() % 64),
        2 => rng.next_u64(),
        _ => u64::MAX,
    }
}

/// What a relay makes of an honest answer that shows its key or proves deposits; any other as it is.
pub fn forged(
    rng: &mut ChaCha20Rng,
    honest: &Framed<Reply>,
    before: Option<Box<CellBytes>>,
) -> Framed<Reply> {
    let (other, _) = depositor(99);
    let mut reply = honest.clone();
    match (&mut reply.said, rng.next_u32() % 6) {
        (Reply::Serving { .. }, kind) => {
            let conn = ConnId(0);
            let shown =
                other.answer(vec![Send::Reply { conn, reply: honest.said.clone() }]).unwrap().remove(0);
            let Answer::Reply(shown) = shown.1 else { panic!("no reply") };
            reply.cell = shown.cell.filter(|_| kind != 0);
        }
        (Reply::Stored { .. }, 0) => reply.cell = None,
        (Reply::Stored { .. }, 1) => reply.cell = before,
        (Reply::Stored { clock, .. }, 2) => *clock = UnixMillis(clock.0 - 1),
        (Reply::Stored { first, .. }, 3) => *first = first.saturating_sub(1),
        (Reply::Stored { first, count, clock }, 4) => {
            // The very cells, as far as can be told without their writer, by a key of its own.
            let leaves = vec![Digest([7; 32]); *count as usize];
            let sends = vec![Send::Stored { conn: ConnId(0), first: *first, clock: *clock, leaves }];
            let Answer::Stored(signed) = other.answer(sends).unwrap().remove(0).1 else { panic!("no reply") };
            let signed = signed.framed().unwrap();
            reply.cell = signed.cell;
        }
        (Reply::Stored { .. }, _) => {
            let area = reply.cell.as_mut().unwrap();
            let at = 4 + rng.next_u32() as usize % 3_400;
            area[at] ^= 1 << (rng.next_u32() % 8);
        }
        _ => {}
    }
    reply
}

/// An answer that the relay made up.
pub fn made_up(rng: &mut ChaCha20Rng) -> Framed<Reply> {
    let clock = UnixMillis(rng.next_u64());
    let (low, next, index) = (number(rng), number(rng), number(rng));
    let signature = QueueSignature([rng.next_u32() as u8; 64]);
    let proof = PutProof { index, cell: CellHash(Digest([7; 32])), signature };
    let reply = match rng.next_u32() % 13 {
        0 => Reply::Serving { clock, low, next, last: None },
        1 => Reply::Serving { clock, low, next, last: Some(proof) },
        2 => Reply::Stored { first: index, count: rng.next_u32(), clock },
        3 => Reply::Conflict(proof),
        4 => Reply::Expected { next },
        5 => Reply::Gone { index, low },
        6 => {
            let mut cell = Box::new([0; 16_128]);
            rng.fill_bytes(cell.as_mut_slice());
            let more = rng.next_u32() as u16 % 3;
            return Framed::<Reply>::new(Reply::Cell { index, signature, clock, more }, Some(cell));
        }
        7 => Reply::Empty { low, next },
        8 => Reply::Dropped { low },
        9 => Reply::Full { index, bound: Bound::Queue },
        10 => Reply::PassRefused,
        11 => Reply::Refused,
        _ => Reply::Malformed,
    };
    Framed::<Reply>::new(reply, None)
}
