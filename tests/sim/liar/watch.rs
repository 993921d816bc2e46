//! What must hold at a party whose counterpart lies, beside what holds of every vault: read from its rows, and by
//! signatures that the published crates verify.

use super::Liar;
use crate::sim::layout;
use crate::sim::world::World;
use aws_lc_rs::signature::{ML_DSA_65, UnparsedPublicKey};
use std::collections::{BTreeMap, BTreeSet};
use truceline::officer::check::{Source, check};
use truceline::officer::engine::{Channel, Notice};
use truceline::officer::link::Trouble;
use truceline::officer::table;
use truceline::officer::thread::Halt;
use truceline::officer::view::check_export;
use truceline::party::role::Role;
use truceline::step::Table;
use zeroize::Zeroizing;

const HEADER: usize = 252;
const SIGNED: usize = HEADER + 64 + 3_309;

/// Whether the header that a statement begins with is signed by both keys, `Ed25519 32 ‖ ML-DSA-65 1,952`.
fn is_signed(statement: &[u8], key: &[u8]) -> bool {
    let label = b"truceline/1/statement/sign";
    let message = [&[label.len() as u8], label.as_slice(), &statement[..HEADER]].concat();
    let (ed25519, mldsa) = key.split_at(32);
    let (one, other) = statement[HEADER..SIGNED].split_at(64);
    let (one, ed25519) = (ed25519_dalek::Signature::from_slice(one).unwrap(), ed25519.try_into().unwrap());
    let ed25519 = ed25519_dalek::VerifyingKey::from_bytes(ed25519).unwrap();
    ed25519.verify_strict(&message, &one).is_ok()
        && UnparsedPublicKey::new(&ML_DSA_65, mldsa).verify(&message, other).is_ok()
}

/// One party and its channels, the one with the liar first.
pub struct Watch {
    node: usize,
    threads: [u32; 2],
    noticed: usize,
    /// Why statements and cells were refused, and what halted the channel.
    pub told: BTreeSet<String>,
}

impl Watch {
    pub const fn new(node: usize, threads: [u32; 2]) -> Self {
        Self { node, threads, noticed: 0, told: BTreeSet::new() }
    }

    /// The channel with the liar.
    pub const fn thread(&self) -> u32 {
        self.threads[0]
    }

    fn channel<'a>(&self, world: &'a World, thread: u32) -> &'a Channel {
        world.nodes[self.node].officer.channel(thread).unwrap()
    }

    pub fn halt(&self, world: &World) -> Option<Halt> {
        self.channel(world, self.thread()).session().unwrap().halt
    }

    fn key(&self, world: &World, thread: u32, role: Role) -> Vec<u8> {
        let key = self.channel(world, thread).session().unwrap().card(role).key();
        [key.ed25519.as_slice(), key.mldsa.as_slice()].concat()
    }

    /// Looks at what has come since: halts are true, nothing is said of the other channel, memory is bounded.
    pub fn look(&mut self, world: &World, liar: &Liar) {
        self.bounded(world);
        let troubles = &self.channel(world, self.thread()).troubles;
        if troubles.values().any(|trouble| *trouble == Trouble::Flooded) {
            self.told.insert("flooded".into());
        }
        let notices = &world.nodes[self.node].notices;
        for notice in &notices[self.noticed..] {
            match notice {
                Notice::Refused { thread, why } | Notice::CellRefused { thread, why } => {
                    assert_eq!(*thread, self.thread(), "the other channel is disturbed: {why}");
                    self.told.insert(why.chars().filter(|letter| !letter.is_ascii_digit()).collect());
                }
                Notice::Halted { thread, halt } => {
                    assert_eq!(*thread, self.thread(), "the other channel is halted: {halt:?}");
                    self.told.insert(is_true(world, liar, *halt).into());
                }
                Notice::Resumed { .. } => _ = self.told.insert("resumed".into()),
                _ => {}
            }
        }
        self.noticed = notices.len();
    }

    /// What the liar can make the vault hold has a bound.
    fn bounded(&self, world: &World) {
        let mut rows: BTreeMap<Table, (usize, usize)> = BTreeMap::new();
        world.nodes[self.node].store.store(|store| {
            for (table, _, value) in store.rows() {
                let (count, most) = rows.entry(table).or_default();
                (*count, *most) = (*count + 1, value.len().max(*most));
            }
        });
        let of = |table: Table| rows.get(&table).copied().unwrap_or_default();
        // The last that is due may come on top.
        assert!(of(table::FRAGMENT).0 <= 1_025, "{} pieces are kept", of(table::FRAGMENT).0);
        assert!(of(table::OPENED).0 <= 2 * 2 * 4_096, "{} cells are remembered", of(table::OPENED).0);
        assert!(of(table::FORK).0 <= 2, "more than one proof of a fork of each");
        assert!(of(table::THREAD).1 <= 400_000, "a thread's row has {} bytes", of(table::THREAD).1);
    }

    /// Looks at all there is, from the first statement on.
    pub fn audit(&mut self, world: &World, liar: &Liar) {
        self.look(world, liar);
        let store = &world.nodes[self.node].store;
        world.checks.unread_or_read(self.node, store);
        for thread in self.threads {
            let channel = self.channel(world, thread);
            let export = check_export(&channel.export().unwrap().unwrap()).unwrap();
            for role in Role::BOTH {
                let (key, count) = (self.key(world, thread, role), channel.transcript.chain(role).count());
                assert_eq!(export.transcript.chain(role).count(), count);
                for sequence in 0..count {
                    let place = table::statement_key(thread, role, sequence);
                    let row = store.read(table::STATEMENT, &place).unwrap().unwrap();
                    assert!(is_signed(&row, &key), "a statement is not signed");
                }
            }
        }
        self.evidence(world, liar);
        let found = check(&Rows { world, node: self.node }, &mut |jobs| {
            jobs.iter().map(|job| job.statement.verify(&job.author)).collect()
        });
        assert!(found.findings.is_empty(), "{:?}", found.findings);
    }

    /// There is a proof where a party forked: two headers and its keys are all that it takes.
    fn evidence(&self, world: &World, liar: &Liar) {
        let (theirs, thread) = (liar.role(world), self.thread());
        let forked = matches!(self.halt(world), Some(Halt::Forked { .. }));
        let rolled_back = self.halt(world) == Some(Halt::RolledBack);
        for (role, halted) in [(theirs, forked), (theirs.other(), rolled_back)] {
            let key = table::fork_key(thread, role);
            let row = world.nodes[self.node].store.read(table::FORK, &key).unwrap();
            assert!(!halted || row.is_some(), "a halt without a proof");
            let Some(row) = row else { continue };
            assert!(forked || rolled_back, "a proof without a halt");
            assert_eq!((row[0], row.len()), (1, 1 + 2 * SIGNED));
            let halves = [&row[1..=SIGNED], &row[1 + SIGNED..]];
            let [one, other] = halves.map(|half| layout::header(&[half, &[0; 32]].concat()));
            assert_ne!(one.id, other.id);
            assert_eq!(one.sequence, other.sequence);
            let channel = self.channel(world, thread).session().unwrap().channel;
            for (header, half) in [one, other].iter().zip(halves) {
                assert_eq!((header.author, header.channel), (role.number(), channel.0));
                assert!(is_signed(half, &self.key(world, thread, role)), "a proof of a fork does not hold");
            }
        }
    }
}

/// Every halt says what the liar did: its name.
fn is_true(world: &World, liar: &Liar, halt: Halt) -> &'static str {
    match halt {
        Halt::PeerAhead { claimed } => {
            assert!(liar.claims.contains(&claimed), "nobody claimed {claimed}");
            "peer ahead"
        }
        Halt::Forked { sequence } => {
            let mut ids = liar.signed.get(&sequence).cloned().unwrap_or_default();
            let own = liar.channel(world).header_at(liar.role(world), sequence);
            ids.extend(own.map(|header| header.id()));
            assert!(ids.len() > 1, "nobody signed two statements at {sequence}");
            "forked"
        }
        Halt::RolledBack if liar.stole => "rolled back",
        halt => panic!("a false alarm: {halt:?}"),
    }
}

/// A node's rows, as a check of a vault reads them.
struct Rows<'a> {
    world: &'a World,
    node: usize,
}

impl Source for Rows<'_> {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) {
        // Rows are read while a table is shown.
        let mut rows = Vec::new();
        let store = &self.world.nodes[self.node].store;
        store.scan(table, &mut |key, row| rows.push((key.to_vec(), row))).unwrap();
        rows.into_iter().for_each(|(key, row)| visit(&key, row));
    }

    fn read(&self, table: Table, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.world.nodes[self.node].store.read(table, key).unwrap()
    }
}
