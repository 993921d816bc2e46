//! What must hold of an honest relay whose disk does not rot, looked at on its wire: what it answered `Stored` for it hands
//! out, byte for byte, until it is dropped or has been kept for the whole retention. Frames are read by [`super::layout`].

use super::check::Checks;
use super::layout::{self, Hash};
use std::collections::{BTreeMap, BTreeSet};

const RETENTION_MS: u64 = 21 * 86_400_000;

/// A queue, by its reader id.
#[derive(Default)]
struct Queue {
    /// Cells that were acknowledged and are to be handed out, and when they were stored by the relay's clock.
    held: BTreeMap<u64, (Hash, u64)>,
}

/// A connection: its queue, and what was asked on it.
#[derive(Default)]
struct Conn {
    queue: Option<(usize, Hash)>,
    reads: bool,
    writes: bool,
    node: usize,
    put: BTreeMap<u64, Hash>,
    /// From where the last get reads on.
    from: u64,
}

#[derive(Default)]
pub struct Wire {
    queues: BTreeMap<(usize, Hash), Queue>,
    /// The queue that a writer id puts into.
    writers: BTreeMap<(usize, Hash), Hash>,
    /// Ids by which queues are read.
    readers: BTreeSet<Hash>,
    conns: BTreeMap<u64, Conn>,
    /// Cells handed out that were acknowledged before.
    pub handed_out: u64,
}

impl Wire {
    /// A frame comes to a relay.
    pub fn asked(&mut self, relay: usize, (node, conn): (usize, u64), frame: &[u8], checks: &Checks) {
        let (variant, mut at) = layout::said(frame);
        let state = self.conns.entry(conn).or_default();
        state.node = node;
        match variant {
            0 => {
                let writes = at.u32() == 1;
                let id = at.hash();
                let reader = if writes { self.writers.get(&(relay, id)).copied() } else { Some(id) };
                (state.reads, state.writes) = (!writes, writes);
                state.queue = reader.map(|reader| (relay, reader));
            }
            1 => {
                at.take(32);
                let (reader, writer) = (at.hash(), at.hash());
                state.reads = true;
                state.queue = Some((relay, reader));
                self.writers.insert((relay, writer), reader);
                self.readers.insert(reader);
            }
            2 => drop(state.put.insert(at.u64(), layout::cell_hash(&frame[256..]))),
            3 => state.from = at.u64(),
            4 => self.dropped(conn, at.u64(), checks),
            5 => {
                if let Some((_, reader)) = state.queue {
                    self.writers.insert((relay, at.hash()), reader);
                }
            }
            _ => {}
        }
        let shown = |id: &Hash| frame[..256].windows(32).any(|window| window == id);
        assert!(!self.conns[&conn].writes || !self.readers.iter().any(shown), "a writer shows a reader's id");
    }

    /// What is dropped is durable with its reader.
    fn dropped(&mut self, conn: u64, below: u64, checks: &Checks) {
        let Conn { queue: Some(queue), node, .. } = &self.conns[&conn] else { return };
        let Some(queue) = self.queues.get_mut(queue) else { return };
        let kept = queue.held.split_off(&below);
        for (index, (hash, _)) in std::mem::replace(&mut queue.held, kept) {
            let sure = checks.part(&hash).is_some_and(|part| part.sure);
            assert!(!sure || checks.has_opened(*node, &hash), "cell {index} is dropped and was not taken in");
        }
    }

    /// An honest relay's frame goes out.
    pub fn answered(&mut self, conn: u64, frame: &[u8], clock: u64) {
        let (variant, mut at) = layout::said(frame);
        let Some(Conn { queue: Some(name), reads, put, from, .. }) = self.conns.get_mut(&conn) else {
            return;
        };
        let queue = self.queues.entry(*name).or_default();
        // What was kept for the whole retention may go.
        queue.held.retain(|_, (_, stored)| clock.saturating_sub(*stored) < RETENTION_MS);
        match variant {
            0 => {
                at.u64();
                let (low, next) = (at.u64(), at.u64());
                assert!(
                    queue.held.keys().all(|index| (low..next).contains(index)),
                    "a relay lost what it stored"
                );
            }
            3 => {
                let (first, count, stored) = (at.u64(), u64::from(at.u32()), at.u64());
                for index in first..first + count {
                    let hash = put.remove(&index).expect("what was stored had been put");
                    queue.held.insert(index, (hash, stored));
                }
            }
            6 if *reads => assert!(!queue.held.contains_key(&at.u64()), "a stored cell is gone"),
            7 => {
                let index = at.u64();
                let hash = layout::cell_hash(&frame[256..]);
                let passed = queue.held.range(*from..index.max(*from)).next();
                assert!(passed.is_none(), "a stored cell is passed over");
                if let Some((held, _)) = queue.held.get(&index) {
                    assert_eq!(*held, hash, "another cell is handed out than was stored");
                    self.handed_out += 1;
                }
                *from = (*from).max(index + 1);
            }
            8 => assert!(queue.held.range(*from..).next().is_none(), "a stored cell is not handed out"),
            _ => {}
        }
    }

    /// What this relay holds is not concluded on any more: its disk is damaged, or its clock jumps.
    pub fn forget(&mut self, relay: usize) {
        let of_it = self.queues.iter_mut().filter(|((of, _), _)| *of == relay);
        of_it.for_each(|(_, queue)| queue.held.clear());
    }
}
