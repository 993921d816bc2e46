//! Copies of a vault, looked at from outside: no two different statements of one party at one place lie at relays,
//! unless nothing that the later sender had heard could tell it of the earlier.

use std::collections::BTreeMap;
use truceline::crypto::digest::Digest;
use truceline::officer::cell::Carries;
use truceline::officer::engine::Officer;
use truceline::party::role::Role;
use truceline::statement::header::StatementId;
use truceline::wire::queue::CellHash;

/// A place in a channel: the channel, whose chain, the sequence number.
type Place = (Digest, Role, u64);

struct Sent {
    node: usize,
    place: Place,
    id: StatementId,
    at: u64,
}

struct Stored {
    node: usize,
    id: StatementId,
    relay: usize,
    at: u64,
}

#[derive(Default)]
pub struct Copies {
    sent: BTreeMap<CellHash, Sent>,
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

    pub fn sent(&mut self, node: usize, cell: Option<&[u8; 16_128]>, officer: &Officer, at: u64) {
        let Some(hash) = cell.map(CellHash::of) else { return };
        for channel in officer.channels() {
            let carries =
                channel.outbox.cells.values().find(|cell| cell.hash == hash).map(|cell| cell.carries);
            let (Some(Carries::Fragment { sequence, .. }), Some(session)) = (carries, channel.session())
            else {
                continue;
            };
            let role = channel.thread.role;
            let id = channel.header_at(role, sequence).unwrap().id();
            self.sent.insert(hash, Sent { node, place: (session.channel, role, sequence), id, at });
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
        let cell = cell.and_then(|cell| <&[u8; 16_128]>::try_from(cell).ok());
        let Some(sent) = cell.and_then(|cell| self.sent.get(&CellHash::of(cell))) else { return };
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
