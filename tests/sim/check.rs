//! What must hold whatever happens, looked at from outside the engines: on the wire, on the disks, on the screen.

use std::collections::{BTreeMap, BTreeSet};
use truceline::crypto::digest::Digest;
use truceline::officer::engine::{Notice, Officer};
use truceline::officer::outbox::UNACKNOWLEDGED_MAX;
use truceline::party::relay::RelayPlace;
use truceline::party::role::Role;
use truceline::statement::header::StatementId;
use truceline::wire::deposit::key_digest;
use truceline::wire::queue::CellHash;

/// Words that no frame may show: names of parties, and what the tests let them say.
const SECRET_WORDS: [&[u8]; 4] = [b"Velmara", b"Tarrun", b"statement ", b"truceline"];

/// Counts and heads of both chains, by thread.
pub type Heads = BTreeMap<u32, [(u64, Digest); 2]>;

#[derive(Default)]
pub struct Checks {
    shown: BTreeSet<(usize, u32, StatementId)>,
    nonces: BTreeMap<Vec<u8>, CellHash>,
    cells: BTreeMap<usize, BTreeSet<CellHash>>,
    durable: BTreeMap<usize, Heads>,
    deposits: BTreeSet<(usize, u32, u64, u8)>,
}

pub fn heads_of(officer: &Officer) -> Heads {
    let heads = officer.channels().map(|channel| {
        let of = |role| {
            let chain = channel.transcript.chain(role);
            (chain.count(), chain.head(chain.count()).0)
        };
        (channel.number, Role::BOTH.map(of))
    });
    heads.collect()
}

fn shows(frame: &[u8], word: &[u8]) -> bool {
    let mut at = frame.iter().enumerate().filter(|(_, byte)| **byte == word[0]);
    at.any(|(at, _)| frame[at..].starts_with(word))
}

impl Checks {
    /// A statement is shown once.
    pub fn shown(&mut self, node: usize, notices: &[Notice]) {
        for notice in notices {
            if let Notice::Received { thread, id } = notice {
                assert!(self.shown.insert((node, *thread, *id)), "a statement is shown twice");
            }
        }
    }

    /// A frame shows nothing, a nonce belongs to one cell, and a cell is never sealed a second time.
    pub fn put(&mut self, node: usize, frame: &[u8], cell: Option<&[u8; 16_128]>, officer: &Officer) {
        assert!(!SECRET_WORDS.iter().any(|word| shows(frame, word)), "a frame shows what is said");
        let Some(cell) = cell else { return };
        let hash = CellHash::of(cell);
        let before = self.nonces.insert(cell[..24].to_vec(), hash);
        assert!(before.is_none_or(|before| before == hash), "two cells have one nonce");
        self.cells.entry(node).or_default().insert(hash);
        let sealed: u64 = officer.channels().map(|channel| channel.thread.next_cell).sum();
        // An offer is a cell of its own, one a thread.
        let offers = officer.channels().count() as u64;
        assert!(self.cells[&node].len() as u64 <= sealed + offers, "a cell was sealed again");
    }

    /// What was durable is there after a restart.
    pub fn committed(&mut self, node: usize, officer: &Officer) {
        self.durable.insert(node, heads_of(officer));
    }

    /// What is kept as a relay's signature is one, by the key of the relay that it is kept for.
    pub fn deposits(&mut self, node: usize, officer: &Officer, keys: &BTreeMap<&RelayPlace, Digest>) {
        for channel in officer.channels() {
            let Some(session) = channel.session() else { continue };
            for (number, cell) in &channel.outbox.cells {
                for (at, held) in &cell.deposits {
                    if !self.deposits.insert((node, channel.number, *number, *at)) {
                        continue;
                    }
                    let outbound = &session.outbound[usize::from(*at)];
                    let key = outbound.deposit.key.as_ref().unwrap();
                    assert_eq!(keys[&outbound.place], key_digest(key), "another key is believed");
                    held.verify(key, cell.hash).expect("a proof that does not hold was kept");
                }
            }
        }
    }

    /// How many deposits were seen.
    pub fn deposits_seen(&self) -> usize {
        self.deposits.len()
    }

    pub fn restarted(&mut self, node: usize, officer: &Officer) {
        if let Some(before) = self.durable.get(&node) {
            assert_eq!(*before, heads_of(officer), "a restart lost or invented statements");
        }
    }

    pub fn forget_durable(&mut self, node: usize) {
        self.durable.remove(&node);
        self.cells.remove(&node);
    }

    /// Nothing grows without bound.
    pub fn bounds(officer: &Officer) {
        for channel in officer.channels() {
            assert!(channel.outbox.cells.len() <= UNACKNOWLEDGED_MAX + 2, "the outbox is over its bound");
            assert!(channel.inbox.pieces() <= UNACKNOWLEDGED_MAX + 1, "the inbox is over its bound");
            assert!(channel.inbox.opened.len() <= 4_097, "too many cells are remembered");
        }
    }
}
