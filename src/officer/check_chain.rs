//! Both chains of every channel, checked from the rows: each statement follows its author's last one, names the root
//! of all before it, acknowledges what the counterpart's chain holds, and is signed. May not know what else a vault
//! keeps.

use crate::crypto::digest::Digest;
use crate::crypto::merkle::Frontier;
use crate::crypto::sign::VerifyingKey;
use crate::officer::check::{Checked, Source, Threads, Verify, decoded, each, side, thread_of};
use crate::officer::held::{ChainRow, rows_of};
use crate::officer::table;
use crate::party::role::Role;
use crate::statement::header::{HEADER_BYTES, Header, StatementId, VERSION};
use crate::statement::signed::Statement;
use crate::statement::transcript::Transcript;
use crate::step::Table;
use crate::time::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};

/// A statement whose commitment and signature are to be verified.
pub struct Job {
    /// The statement.
    pub statement: Statement,
    /// Its author's key.
    pub author: VerifyingKey,
    key: Vec<u8>,
}

/// Statements that are verified together: enough for several cores to share.
const JOBS_MAX: usize = 256;
/// Bytes of statements that wait to be verified.
const JOB_BYTES_MAX: usize = 16 << 20;
/// The mark of a statement that was read.
const READ_MARK: u8 = 4;

/// How long a chain is, how it ends, and what it acknowledges.
#[derive(Default, Clone, Copy)]
struct Length {
    count: u64,
    head: StatementId,
    /// None where a statement is missing.
    root: Option<Digest>,
    acknowledged: u64,
}

/// The chains of all channels.
#[derive(Default)]
pub(super) struct Chains {
    lengths: BTreeMap<(u32, u8), Length>,
    /// How many rows there should be by which statements are found again.
    indexed: BTreeMap<Table, u64>,
}

/// A chain as far as it was walked. The tree is lost where a statement is.
struct Walk {
    place: (u32, Role),
    next: u64,
    head: StatementId,
    tree: Option<Frontier>,
    acknowledged: u64,
    peer: Peer,
}

/// The counterpart's chain as far as it is acknowledged.
struct Peer {
    count: u64,
    head: StatementId,
    tree: Option<Frontier>,
}

impl Peer {
    const fn new(tree: Frontier) -> Self {
        Self { count: 0, head: StatementId::NONE, tree: Some(tree) }
    }

    /// Walks on until `count` statements are behind. The tree is lost where one cannot be read.
    fn walk_to(&mut self, count: u64, place: (u32, Role), source: &dyn Source) {
        let (thread, role) = place;
        while self.count < count && self.tree.is_some() {
            let row = source.read(table::STATEMENT, &table::statement_key(thread, role, self.count));
            let header = row.and_then(|row| Header::decode(row.get(..HEADER_BYTES)?).ok());
            match (header, &mut self.tree) {
                (Some(header), Some(tree)) => {
                    self.head = header.id();
                    tree.push(self.head.0);
                }
                _ => self.tree = None,
            }
            self.count = self.count.saturating_add(1);
        }
    }
}

impl Walk {
    fn new(place: (u32, Role)) -> Self {
        let (next, head, acknowledged) = (0, StatementId::NONE, 0);
        Self {
            place,
            next,
            head,
            tree: Some(Frontier::new()),
            acknowledged,
            peer: Peer::new(Frontier::new()),
        }
    }

    /// Goes past statements that are missing. A single one's id is named by the next one.
    fn skip_to(&mut self, header: &Header) -> Option<String> {
        let missing = header.sequence.checked_sub(self.next).filter(|missing| *missing > 0)?;
        let (first, last) = (self.next, header.sequence.saturating_sub(1));
        self.head = header.previous;
        self.next = header.sequence;
        self.tree = self.tree.take().filter(|_| missing == 1).map(|mut tree| {
            tree.push(header.previous.0);
            tree
        });
        let who = side(self.place.1);
        Some(if missing == 1 {
            format!("statement #{first} of the {who} is missing or cannot be read")
        } else {
            format!(
                "statements #{first} to #{last} of the {who} are missing or cannot be read, and no root after them \
                 can be checked"
            )
        })
    }

    /// What is wrong with the place of a statement in its chain.
    fn place(&mut self, header: &Header, channel: &Digest, source: &dyn Source) -> Vec<String> {
        let (thread, role) = self.place;
        let mut wrong = Vec::new();
        let mut note = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        note(header.version == VERSION, "its version is unknown");
        note(header.author == role && header.sequence == self.next, "it is not in its place");
        note(header.channel == *channel, "it belongs to another channel");
        note(header.previous == self.head, "it does not follow its author's last one");
        let root = self.tree.as_ref().map(Frontier::root);
        note(
            root.is_none_or(|root| root == header.own_root),
            "its own root is not that of its author's chain",
        );
        note(header.peer_count >= self.acknowledged, "it takes an acknowledgement back");
        self.acknowledged = self.acknowledged.max(header.peer_count);
        self.peer.walk_to(header.peer_count, (thread, role.other()), source);
        if let (true, Some(tree)) = (self.peer.count == header.peer_count, &self.peer.tree) {
            let holds = (header.peer_head, header.peer_root) == (self.peer.head, tree.root());
            note(holds, "it acknowledges a chain that is not the counterpart's");
        } else if self.peer.tree.is_none() && self.peer.count < u64::MAX {
            note(false, "what it acknowledges cannot all be read");
            // Said once; the damage itself is said where it is.
            self.peer.count = u64::MAX;
        }
        self.head = header.id();
        if let Some(tree) = &mut self.tree {
            tree.push(self.head.0);
        }
        self.next = self.next.saturating_add(1);
        wrong
    }
}

impl Chains {
    /// Checks every statement. Of `sent` those ids are taken out that are found.
    pub fn check(
        source: &dyn Source,
        threads: &Threads,
        sent: &mut BTreeMap<Digest, Vec<u8>>,
        verify: &mut Verify<'_>,
        checked: &mut Checked,
    ) -> Self {
        let mut chains = Self::default();
        let mut walk: Option<Walk> = None;
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        source.scan(table::STATEMENT, &mut |key, row| {
            *checked.rows.entry(table::STATEMENT.0).or_default() += 1;
            let mut wrong = |what: &str| checked.found(table::STATEMENT, Some(key), what);
            let role = key.get(4).copied().and_then(Role::from_number);
            let (Some((thread, sequence)), Some(role), 13) = (table::split_key(key, 1), role, key.len())
            else {
                return wrong("its key is none");
            };
            let Some(session) = threads.session(thread) else { return wrong("its channel is not there") };
            let statement = match Statement::decode(&row) {
                Ok(statement) if statement.header.sequence == sequence => statement,
                Ok(_) => return wrong("it is not in its place"),
                Err(error) => return wrong(&error.to_string()),
            };
            let mut now = match walk.take() {
                Some(walk) if walk.place == (thread, role) => walk,
                _ => Walk::new((thread, role)),
            };
            if let Some(what) = now.skip_to(&statement.header) {
                checked.found(table::STATEMENT, None, format!("channel {}: {what}", threads.label(thread)));
            }
            for what in now.place(&statement.header, &session.channel, source) {
                checked.found(table::STATEMENT, Some(key), what);
            }
            let root = now.tree.as_ref().map(Frontier::root);
            let length = Length { count: now.next, head: now.head, root, acknowledged: now.acknowledged };
            chains.lengths.insert((thread, role.number()), length);
            if let Some(own) = threads.all.get(&thread).map(|thread| thread.role) {
                for what in chains.indexed(thread, own, &statement.header, source) {
                    checked.found(table::STATEMENT, Some(key), what);
                }
            }
            walk = Some(now);
            sent.remove(&statement.id().0);
            bytes += row.len();
            let author = session.card(role).key().clone();
            jobs.push(Job { statement, author, key: key.to_vec() });
            if jobs.len() >= JOBS_MAX || bytes >= JOB_BYTES_MAX {
                run(&mut jobs, verify, checked);
                bytes = 0;
            }
        });
        run(&mut jobs, verify, checked);
        chains.check_ends(threads, checked);
        chains
    }

    /// What is wrong with the rows by which a statement is found again.
    fn indexed(&mut self, thread: u32, own: Role, header: &Header, source: &dyn Source) -> Vec<&'static str> {
        let mut wrong = Vec::new();
        for expected in rows_of(thread, own, header, Vec::new()) {
            let found = source.read(expected.table, &expected.key);
            let there = found.is_some();
            match expected.table {
                table::STATEMENT => continue,
                table::UNREAD => {
                    let mark = table::mark_key(thread, header.author, header.sequence, READ_MARK);
                    if there == source.read(table::MARK, &mark).is_some() {
                        wrong.push("whether it was read is told in two ways");
                    }
                }
                _ if found != expected.value => wrong.push("a row by which it is found is missing or wrong"),
                _ => {}
            }
            let count = self.indexed.entry(expected.table).or_default();
            *count = count.saturating_add(u64::from(there));
        }
        wrong
    }

    /// What is kept of the chains for quick use is what they say themselves.
    pub fn check_index(&self, source: &dyn Source, threads: &Threads, checked: &mut Checked) {
        for table in [table::PLACE, table::CASE, table::UNREAD] {
            each(source, table, checked, |_, _, _| Ok(()));
            let found = checked.rows.get(&table.0).copied().unwrap_or_default();
            let expected = self.indexed.get(&table).copied().unwrap_or_default();
            if found != expected {
                checked.found(
                    table,
                    None,
                    format!("{found} rows are there, and {expected} belong to statements"),
                );
            }
        }
        let mut ended = BTreeSet::new();
        each(source, table::CHAIN, checked, |_, key, row| {
            let ChainRow { ends, .. } = decoded(row)?;
            let thread = thread_of(key).ok_or("its key is none")?;
            let session = threads.session(thread).ok_or("its channel is not there")?;
            ended.insert(thread);
            let kept = Transcript::resume(session.channel, ends);
            let agrees = Role::BOTH.iter().all(|role| {
                let (chain, length) = (kept.chain(*role), self.length(thread, *role));
                let count = chain.count();
                let stand = chain.stand(count).map(|stand| stand.root);
                let root = length.root.is_none() || length.root == stand;
                let ends = (count, chain.head(count), chain.acknowledged());
                root && ends == (length.count, length.head, length.acknowledged)
            });
            if agrees { Ok(()) } else { Err("its statements do not end as is kept here".to_owned()) }
        });
        for number in threads.all.keys().filter(|number| threads.session(**number).is_some()) {
            if !ended.contains(number) {
                let what = format!("channel {}: the ends of its chains are not kept", threads.label(*number));
                checked.found(table::CHAIN, None, what);
            }
        }
    }

    fn length(&self, thread: u32, role: Role) -> Length {
        let empty = Length { root: Some(Frontier::new().root()), ..Length::default() };
        self.lengths.get(&(thread, role.number())).copied().unwrap_or(empty)
    }

    /// What each chain acknowledges is there, and what is sealed was said.
    fn check_ends(&self, threads: &Threads, checked: &mut Checked) {
        for (&(thread, role), length) in &self.lengths {
            let Some(role) = Role::from_number(role) else { continue };
            let held = self.count(thread, role.other());
            if length.acknowledged > held {
                let (label, who) = (threads.label(thread), side(role));
                let (peer, acknowledged) = (side(role.other()), length.acknowledged);
                let what = format!(
                    "channel {label}: the {who} acknowledges {acknowledged} statements of the {peer}, and {held} are \
                     there: the newest are missing"
                );
                checked.found(table::STATEMENT, None, what);
            }
        }
        for (number, thread) in &threads.all {
            let Some(session) = threads.session(*number) else { continue };
            if session.sealed > self.count(*number, thread.role) {
                let what =
                    format!("channel {}: own statements that were sent are missing", threads.label(*number));
                checked.found(table::STATEMENT, None, what);
            }
        }
    }

    /// Statements of one party.
    pub fn count(&self, thread: u32, role: Role) -> u64 {
        self.lengths.get(&(thread, role.number())).map_or(0, |length| length.count)
    }

    /// Every mark belongs to a statement that can have it, and every statement has its first.
    pub fn check_marks(&self, source: &dyn Source, threads: &Threads, checked: &mut Checked) {
        let mut stored: BTreeMap<(u32, u8), u64> = BTreeMap::new();
        source.scan(table::MARK, &mut |key, row| {
            *checked.rows.entry(table::MARK.0).or_default() += 1;
            if let Err(what) = self.mark(key, &row, threads, &mut stored) {
                checked.found(table::MARK, Some(key), what);
            }
        });
        for (&(thread, role), length) in &self.lengths {
            let marked = stored.get(&(thread, role)).copied().unwrap_or_default();
            if marked != length.count {
                let (label, count) = (threads.label(thread), length.count);
                let who = Role::from_number(role).map_or("", side);
                let what = format!(
                    "channel {label}: {count} statements of the {who}, and {marked} moments at which they came"
                );
                checked.found(table::MARK, None, what);
            }
        }
    }

    fn mark(
        &self,
        key: &[u8],
        row: &[u8],
        threads: &Threads,
        stored: &mut BTreeMap<(u32, u8), u64>,
    ) -> Result<(), &'static str> {
        crate::codec::decode::<UnixMillis>(row, usize::MAX).map_err(|_| "it is no moment")?;
        let role = key.get(4).copied().and_then(Role::from_number);
        let (Some((thread, sequence)), Some(role), 14) = (table::split_key(key, 1), role, key.len()) else {
            return Err("its key is none");
        };
        if sequence >= self.count(thread, role) {
            return Err("its statement is not there");
        }
        let own = threads.all.get(&thread).is_some_and(|thread| thread.role == role);
        let acknowledged = self.lengths.get(&(thread, role.other().number()));
        match key.last() {
            Some(1) => {
                *stored.entry((thread, role.number())).or_default() += 1;
                Ok(())
            }
            Some(2) if own => Ok(()),
            Some(3) if own && acknowledged.is_some_and(|peer| sequence < peer.acknowledged) => Ok(()),
            Some(3) => Err("it says delivered, and nothing acknowledges the statement"),
            Some(4) => Ok(()),
            _ => Err("it is no mark of such a statement"),
        }
    }
}

impl Threads {
    /// What the officer calls a channel.
    pub(super) fn label(&self, thread: u32) -> String {
        self.all.get(&thread).map_or_else(|| thread.to_string(), |thread| thread.label.clone())
    }
}

fn run(jobs: &mut Vec<Job>, verify: &mut Verify<'_>, checked: &mut Checked) {
    let answers = verify(jobs);
    for (job, answer) in jobs.drain(..).zip(answers) {
        checked.signatures += 1;
        if let Err(error) = answer {
            checked.found(table::STATEMENT, Some(&job.key), error.to_string());
        }
    }
}

/// A row's place in words: which statement, of which channel.
#[must_use]
pub fn place(table: Table, key: &[u8]) -> String {
    let role = key.get(4).copied().and_then(Role::from_number);
    match (table, table::split_key(key, 1), role) {
        (table::STATEMENT | table::MARK, Some((thread, sequence)), Some(role)) => {
            format!("thread {thread}, {} #{sequence}", side(role))
        }
        _ => format!("key {}", crate::crypto::digest::hex(key)),
    }
}
