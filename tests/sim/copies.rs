//! Copies of a vault, looked at from outside: no two different statements of one party at one place lie at relays,
//! unless nothing that the later sender had heard could tell it of the earlier.

use super::check::{Checks, Place};
use super::layout::{self, Hash};
use std::collections::BTreeMap;

struct Sent {
    node: usize,
    place: Place,
    id: Hash,
    at: u64,
}

struct Stored {
    node: usize,
    id: Hash,
    relay: usize,
    at: u64,
}

#[derive(Default)]
pub struct Copies {
    sent: BTreeMap<Hash, Sent>,
    stored: BTreeMap<Place, Vec<Stored>>,
    /// What a relay said first on a connection, and when.
    serving: BTreeMap<u64, (usize, u64)>,
    /// By node: which relay, when it spoke, when it was heard.
    told: BTreeMap<usize, Vec<(usize, u64, u64)>>,
    /// Places at which two different statements lie at relays.
    pub forked: u64,
}

impl Copies {
    pub fn forget(&mut self, node: usize) {
        self.told.remove(&node);
    }

    pub fn sent(&mut self, node: usize, cell: Option<&[u8; 16_128]>, checks: &Checks, at: u64) {
        let Some(hash) = cell.map(|cell| layout::cell_hash(cell)) else { return };
        if let Some(part) = checks.part(&hash) {
            self.sent.insert(hash, Sent { node, place: part.place, id: part.id, at });
        }
    }

    pub fn serving(&mut self, conn: u64, relay: usize, at: u64) {
        self.serving.insert(conn, (relay, at));
    }

    pub fn told(&mut self, node: usize, conn: u64, at: u64) {
        if let Some((relay, spoke)) = self.serving.remove(&conn) {
            self.told.entry(node).or_default().push((relay, spoke, at));
        }
    }

    pub fn stored(&mut self, relay: usize, cell: Option<&[u8]>, at: u64) {
        let Some(sent) = cell.and_then(|cell| self.sent.get(&layout::cell_hash(cell))) else { return };
        let there = self.stored.entry(sent.place).or_default();
        let told = self.told.get(&sent.node).map_or(&[][..], Vec::as_slice);
        for other in there.iter().filter(|other| other.id != sent.id) {
            let knew = told
                .iter()
                .any(|(by, spoke, heard)| *by == other.relay && *spoke > other.at && *heard < sent.at);
            assert!(
                !knew,
                "node {} sent another #{} than node {} had, though relay {} had shown it",
                sent.node, sent.place.2, other.node, other.relay
            );
            self.forked += 1;
        }
        there.push(Stored { node: sent.node, id: sent.id, relay, at });
    }
}
