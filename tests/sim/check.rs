//! What must hold of vaults, looked at from outside the engines: what became durable, what was sent and shown, and
//! what comes back after a restart. Shares no code with the engines: rows are read by [`super::layout`].

use super::disk::OfficerDisk;
use super::layout::{self, Hash, Header};
use super::secrets::Needles;
use std::collections::{BTreeMap, BTreeSet};
use truceline::crypto::digest::Digest;
use truceline::officer::engine::{Notice, Officer};
use truceline::officer::link::{LinkKey, Purpose};
use truceline::party::relay::RelayPlace;
use truceline::party::role::Role;
use truceline::step::Record;
use truceline::wire::deposit::key_digest;

/// The place of a cell in a frame that carries none.
static EMPTY: [u8; truceline::codec::CELL_BYTES] = [0; truceline::codec::CELL_BYTES];

const THREAD: u8 = 3;
const STATEMENT: u8 = 4;
const MARK: u8 = 5;
const CELL: u8 = 6;
const OPENED: u8 = 9;
const UNREAD: u8 = 16;
/// The kind of a note.
const NOTE: u16 = 4;

/// What a commit changes of a vault, as far as it is checked: rows written, and whether a statement went.
pub struct Changes {
    rows: Vec<(u8, Vec<u8>, Vec<u8>)>,
    statement_deleted: bool,
}

impl Changes {
    pub fn of(records: &[Record]) -> Self {
        let checked = |table: u8| [THREAD, STATEMENT, CELL, OPENED].contains(&table);
        let last: BTreeMap<_, _> = records.iter().map(|it| ((it.table.0, &it.key), &it.value)).collect();
        let rows = last.into_iter().filter(|((table, _), _)| checked(*table));
        let rows =
            rows.filter_map(|((table, key), value)| Some((table, key.clone(), value.as_ref()?.to_vec())));
        let rows = rows.collect();
        let statement_deleted = records.iter().any(|it| it.table.0 == STATEMENT && it.value.is_none());
        Self { rows, statement_deleted }
    }
}

/// What is known of a stored statement.
#[derive(Clone, Copy)]
struct Stored {
    id: Hash,
    peer_count: u64,
    cells: u64,
}

/// A place in a channel: the channel, whose chain, the sequence number.
pub type Place = (Hash, u8, u64);

/// A cell that is a part of a statement.
pub struct Part {
    pub place: Place,
    /// The statement's id.
    pub id: Hash,
    /// Whether whoever sealed it was the only one who could.
    pub sure: bool,
}

/// What is durable in one vault.
#[derive(Default)]
struct Vault {
    statements: BTreeMap<(u32, u8), Vec<Stored>>,
    /// Cells sealed for each own statement.
    cells: BTreeMap<(u32, u64), u64>,
    sealed: BTreeSet<Hash>,
    opened: BTreeSet<Hash>,
    roles: BTreeMap<u32, u8>,
    channels: BTreeMap<u32, Hash>,
    cursors: BTreeMap<(u32, u8), u64>,
    /// Header keys of each thread's sending chains, the newest last.
    header_keys: BTreeMap<u32, Vec<Hash>>,
    /// The cell at each place of the ratchet.
    places: BTreeMap<(Hash, u32), Hash>,
}

#[derive(Default)]
pub struct Checks {
    vaults: BTreeMap<usize, Vault>,
    /// Each channel's parties: which vault and thread.
    parties: BTreeMap<(Hash, u8), (usize, u32)>,
    /// Vaults that are copies, or whose keys somebody else uses: nothing is concluded from one to another.
    doubtful: BTreeSet<usize>,
    shown: BTreeSet<(usize, u32, Hash)>,
    nonces: BTreeMap<Vec<u8>, Hash>,
    deposits: BTreeSet<(usize, u32, u64, u8)>,
    /// Cells that are parts of statements.
    parts: BTreeMap<Hash, Part>,
    /// Cells whose bytes were looked through.
    seen: BTreeSet<Hash>,
}

impl Checks {
    /// What a commit made durable.
    pub fn durable(&mut self, node: usize, changes: Changes, needles: &mut Needles) {
        assert!(!changes.statement_deleted, "a statement is deleted");
        let rows = |table: u8| changes.rows.iter().filter(move |row| row.0 == table);
        for (_, key, value) in rows(THREAD) {
            self.thread(node, thread_of(key), value);
        }
        let said = rows(STATEMENT).map(|(_, key, value)| (thread_of(key), key, layout::header(value)));
        let mut said: Vec<_> = said.collect();
        while !said.is_empty() {
            // One that acknowledges another of the same commit comes after it.
            let due = |(thread, _, header): &(u32, &Vec<u8>, Header)| {
                self.count(node, *thread, 1 - header.author) >= header.peer_count
            };
            let (thread, key, header) = said.remove(said.iter().position(due).unwrap_or(0));
            needles.add(&header.id);
            needles.add(&header.salt);
            self.statement(node, thread, key, &header);
        }
        for (_, key, value) in rows(CELL) {
            self.sealed(node, thread_of(key), value);
        }
        let vault = self.vaults.entry(node).or_default();
        vault.opened.extend(rows(OPENED).map(|(_, _, value)| <Hash>::try_from(&value[..]).unwrap()));
    }

    fn thread(&mut self, node: usize, thread: u32, value: &[u8]) {
        let row = layout::thread_row(value);
        let vault = self.vaults.entry(node).or_default();
        vault.roles.insert(thread, row.role);
        let cursors = (0..).zip(&row.cursors).map(|(at, cursor)| ((thread, at), *cursor));
        vault.cursors.extend(cursors);
        if let Some(channel) = row.channel {
            vault.channels.insert(thread, channel);
            self.parties.insert((channel, row.role), (node, thread));
        }
        let keys = vault.header_keys.entry(thread).or_default();
        keys.extend(row.header_key.filter(|key| keys.last() != Some(key)));
    }

    fn count(&self, node: usize, thread: u32, author: u8) -> u64 {
        let vault = self.vaults.get(&node);
        vault.and_then(|vault| vault.statements.get(&(thread, author))).map_or(0, Vec::len) as u64
    }

    fn statement(&mut self, node: usize, thread: u32, key: &[u8], header: &Header) {
        let (author, sequence) = (key[4], u64::from_be_bytes(key[5..13].try_into().unwrap()));
        let vault = &self.vaults[&node];
        let ids = |author: u8| -> Vec<Hash> {
            let chain = vault.statements.get(&(thread, author)).into_iter().flatten();
            chain.map(|stored| stored.id).collect()
        };
        let (own, peers) = (ids(author), ids(1 - author));
        assert_eq!((header.author, header.sequence), (author, sequence), "a statement is in another's place");
        assert_eq!(sequence, own.len() as u64, "a statement leaves a gap, or is written again");
        assert_eq!(Some(&header.channel), vault.channels.get(&thread), "a statement of another channel");
        assert_eq!(header.previous, own.last().copied().unwrap_or_default(), "another statement came before");
        assert_eq!(header.own_root, layout::root(&own), "the root of the chain is another");
        let before = vault.statements.get(&(thread, author)).and_then(|chain| chain.last());
        let heard = header.peer_count as usize;
        assert!(
            before.is_none_or(|before| before.peer_count <= header.peer_count),
            "it had heard more before"
        );
        assert!(heard <= peers.len(), "it acknowledges what nobody said");
        let head = heard.checked_sub(1).map(|last| peers[last]).unwrap_or_default();
        assert_eq!((header.peer_head, header.peer_root), (head, layout::root(&peers[..heard])), "a head");
        if vault.roles[&thread] != author {
            self.received(node, author, sequence, header);
        }
        let (id, peer_count, cells) = (header.id, header.peer_count, header.cells);
        let chain = self.vaults.entry(node).or_default().statements.entry((thread, author)).or_default();
        chain.push(Stored { id, peer_count, cells });
    }

    /// A statement of the counterpart's is what the counterpart said. What that acknowledges lay with it for good: it was
    /// held to that when it was written there.
    fn received(&self, node: usize, author: u8, sequence: u64, header: &Header) {
        let Some(&(peer, thread)) = self.parties.get(&(header.channel, author)) else { return };
        if self.doubtful.contains(&peer) || self.doubtful.contains(&node) {
            return;
        }
        let theirs = &self.vaults[&peer].statements;
        let said = theirs.get(&(thread, author)).and_then(|chain| chain.get(sequence as usize));
        assert_eq!(said.map(|said| said.id), Some(header.id), "the two transcripts differ");
    }

    /// A cell is sealed once, under a place of the ratchet that no other has, and under a nonce of its own.
    fn sealed(&mut self, node: usize, thread: u32, value: &[u8]) {
        let row = layout::cell_row(value);
        let hash = layout::cell_hash(row.cell);
        let vault = self.vaults.entry(node).or_default();
        vault.sealed.insert(hash);
        assert!(self.nonces.insert(row.cell[..24].to_vec(), hash).is_none(), "two cells have one nonce");
        if row.hello {
            return;
        }
        let (channel, role) = (vault.channels[&thread], vault.roles[&thread]);
        let keys = vault.header_keys[&thread].iter().rev();
        let place = keys.filter_map(|key| layout::place_in_ratchet(row.cell, key, &channel, role)).next();
        let place = place.expect("a cell's header opens with a key that is durable");
        assert!(vault.places.insert(place, hash).is_none(), "a key of the ratchet is used twice");
        if let Some(sequence) = row.sequence {
            let said = &vault.statements[&(thread, role)][sequence as usize];
            let cells = vault.cells.entry((thread, sequence)).or_default();
            *cells += 1;
            assert!(*cells <= said.cells, "a statement was sealed again");
            let sure = !self.doubtful.contains(&node);
            self.parts.insert(hash, Part { place: (channel, role, sequence), id: said.id, sure });
        }
    }

    /// What is sent was made durable before.
    pub fn sent(&self, node: usize, link: LinkKey, frame: &[u8]) {
        let (variant, mut fields) = layout::said(frame);
        let vault = self.vaults.get(&node);
        match (variant, link.purpose) {
            (2, Purpose::Outbound(_)) => {
                let hash = layout::cell_hash(&frame[256..]);
                assert!(
                    vault.is_some_and(|vault| vault.sealed.contains(&hash)),
                    "a cell is sent that is not durable"
                );
            }
            (4, Purpose::Inbound(at)) => {
                let cursor = vault.and_then(|vault| vault.cursors.get(&(link.thread, at)));
                assert!(cursor >= Some(&fields.u64()), "what is dropped was not taken in durably");
            }
            _ => {}
        }
    }

    /// What is known of a cell that is a part of a statement.
    pub fn part(&self, hash: &Hash) -> Option<&Part> {
        self.parts.get(hash)
    }

    /// Whether a vault has taken in a cell, for good; or sealed it itself, and was handed it back.
    pub fn has_opened(&self, node: usize, hash: &Hash) -> bool {
        let knows = |vault: &Vault| vault.opened.contains(hash) || vault.sealed.contains(hash);
        let opened = self.vaults.get(&node).is_some_and(knows);
        opened || self.doubtful.contains(&node)
    }

    /// A statement is shown once, and when it is durable.
    pub fn shown(&mut self, node: usize, notices: &[Notice]) {
        for notice in notices {
            if let Notice::Received { thread, id } = notice {
                assert!(self.shown.insert((node, *thread, id.0.0)), "a statement is shown twice");
                let chains = self.vaults.get(&node).into_iter().flat_map(|vault| &vault.statements);
                let mut durable = chains.filter(|((of, _), _)| of == thread).flat_map(|(_, chain)| chain);
                assert!(
                    durable.any(|stored| stored.id == id.0.0),
                    "a statement is shown that is not durable"
                );
            }
        }
    }

    /// Neither network nor relay sees who speaks, or what is said; nor does its disk show it, for all that it has are frames.
    pub fn frame(&mut self, frame: &[u8], needles: &Needles) {
        let (envelope, area) = frame.split_at(256);
        assert!(!needles.shown_in(envelope), "a frame shows what is said, or by whom");
        if area != &EMPTY[..] && self.seen.insert(layout::sha256(&[area])) {
            assert!(!needles.shown_in(area), "a cell shows what is said, or by whom");
        }
    }

    /// What is kept as a relay's signature is one, by the key of the relay that it is kept for.
    pub fn deposits(&mut self, node: usize, officer: &Officer, keys: &BTreeMap<&RelayPlace, Digest>) {
        for channel in officer.channels() {
            let Some(session) = channel.session() else { continue };
            for outbound in session.outbound.iter().filter(|it| it.deposit.named.is_some()) {
                let key = outbound.deposit.key.as_ref().map(key_digest);
                assert!(key.is_none_or(|key| keys[&outbound.place] == key), "another key is believed");
            }
            for (number, cell) in &channel.outbox.cells {
                for (at, held) in &cell.deposits {
                    if !self.deposits.insert((node, channel.number, *number, *at)) {
                        continue;
                    }
                    let outbound = &session.outbound[usize::from(*at)];
                    let key = outbound.deposit.key.as_ref().unwrap();
                    held.verify(key, cell.hash).expect("a proof that does not hold was kept");
                }
            }
        }
    }

    /// How many deposits were seen.
    pub fn deposits_seen(&self) -> usize {
        self.deposits.len()
    }

    /// After a restart the engine has what is durable, no more and no less.
    pub fn restarted(&self, node: usize, officer: &Officer) {
        let Some(vault) = self.vaults.get(&node) else { return };
        for channel in officer.channels() {
            for role in Role::BOTH {
                let kept =
                    vault.statements.get(&(channel.number, role.number())).map_or(&[][..], Vec::as_slice);
                let chain = channel.transcript.chain(role);
                let head = chain.head(chain.count()).0.0;
                let last = kept.last().map_or(head, |last| last.id);
                assert_eq!(
                    (chain.count(), head),
                    (kept.len() as u64, last),
                    "a restart lost or made up statements"
                );
            }
        }
    }

    /// What the counterpart said is marked as read, or waits to be: a notice that was lost in a crash loses nothing.
    pub fn unread_or_read(&self, node: usize, disk: &OfficerDisk) {
        let Some(vault) = self.vaults.get(&node) else { return };
        disk.store(|store| {
            let keys: BTreeSet<(u8, &[u8])> = store.rows().map(|(table, key, _)| (table.0, key)).collect();
            for (_, key, value) in store.rows().filter(|(table, ..)| table.0 == STATEMENT) {
                if layout::header(value).kind == NOTE && vault.roles[&thread_of(key)] != key[4] {
                    let (unread, read) = ([&key[..4], &key[5..]].concat(), [key, &[4]].concat());
                    let waits = keys.contains(&(UNREAD, &unread[..]));
                    assert_ne!(
                        waits,
                        keys.contains(&(MARK, &read[..])),
                        "a statement neither read nor unread"
                    );
                }
            }
        });
    }

    /// A vault begins, or another copy takes its place: what it holds is read from its disk.
    pub fn adopt(&mut self, node: usize, disk: &OfficerDisk) {
        self.vaults.remove(&node);
        self.shown.retain(|(of, ..)| *of != node);
        self.doubtful.insert(node);
        let rows = disk.store(|store| {
            let rows = store.rows().map(|(table, key, value)| (table.0, key.to_vec(), value.to_vec()));
            rows.filter(|(table, ..)| [THREAD, STATEMENT, OPENED].contains(table)).collect::<Vec<_>>()
        });
        let cells: Vec<Hash> = disk.store(|store| {
            let rows = store.rows().filter(|(table, ..)| table.0 == CELL);
            rows.map(|(_, _, value)| layout::cell_hash(layout::cell_row(value).cell)).collect()
        });
        self.adopt_rows(node, rows);
        self.vaults.entry(node).or_default().sealed.extend(cells);
    }

    fn adopt_rows(&mut self, node: usize, rows: Vec<(u8, Vec<u8>, Vec<u8>)>) {
        for (table, key, value) in rows {
            match table {
                THREAD => self.thread(node, thread_of(&key), &value),
                STATEMENT => {
                    let header = layout::header(&value);
                    let vault = self.vaults.entry(node).or_default();
                    let chain = vault.statements.entry((thread_of(&key), key[4])).or_default();
                    chain.push(Stored { id: header.id, peer_count: header.peer_count, cells: header.cells });
                }
                _ => drop(self.vaults.entry(node).or_default().opened.insert(value.try_into().unwrap())),
            }
        }
    }

    /// Somebody else uses this vault's keys from now on, or a copy of it.
    pub fn doubt(&mut self, node: usize) {
        self.doubtful.insert(node);
    }

    /// Nothing grows without bound.
    pub fn bounds(officer: &Officer) {
        for channel in officer.channels() {
            assert!(channel.outbox.cells.len() <= 1_024, "the outbox is over its bound");
            // The last that is due may come on top.
            assert!(channel.inbox.pieces() <= 1_025, "the inbox is over its bound");
            assert!(channel.inbox.opened.len() <= 4_096, "too many cells are remembered");
        }
    }
}

fn thread_of(key: &[u8]) -> u32 {
    u32::from_be_bytes(key[..4].try_into().unwrap())
}
