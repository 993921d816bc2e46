//! A channel's statements in its vault: written when they are made or arrive, read when they are asked for. Of them
//! the engine keeps in memory the ends of both chains, what it counts, and what is not yet durable.

use crate::codec;
use crate::crypto::digest::Digest;
use crate::officer::engine::{Channel, Officer, Turn};
use crate::officer::receipt::Marks;
use crate::officer::table;
use crate::officer::thread::Session;
use crate::party::role::Role;
use crate::statement::header::{HEADER_BYTES, Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::WordsConfirmed;
use crate::statement::signed::Statement;
use crate::statement::transcript::ChainEnd;
use crate::step::{Record, Span, after};
use crate::time::UnixMillis;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is counted of a channel's statements, so that it need not be counted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Counts {
    /// Where the inviter and the joiner first confirmed the words.
    pub words: [Option<u64>; 2],
    /// Own statements of which a relay or the counterpart has said that it has them.
    pub sent: u64,
    /// Own statements that the counterpart says it has read.
    pub read: u64,
    /// The counterpart's that ask for being read and were not opened.
    pub unread: u64,
}

impl Counts {
    /// Where a party first confirmed the words.
    #[must_use]
    pub const fn words_of(&self, role: Role) -> Option<u64> {
        let [inviter, joiner] = self.words;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    const fn words_of_mut(&mut self, role: Role) -> &mut Option<u64> {
        let [inviter, joiner] = &mut self.words;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }
}

/// The row of [`table::CHAIN`]: the inviter's chain and the joiner's, and what is counted of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct ChainRow {
    /// The ends of both chains.
    pub ends: [ChainEnd; 2],
    /// What is counted.
    pub counts: Counts,
}

/// The row of [`table::PLACE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PlaceRow {
    /// The thread.
    pub thread: u32,
    /// Who said it.
    pub author: Role,
    /// Its place in its author's chain.
    pub sequence: u64,
}

/// What was said or marked and is not yet known to be durable.
#[derive(Default)]
pub struct Fresh {
    statements: BTreeMap<(Role, u64), Arc<[u8]>>,
    marks: BTreeMap<(Role, u64), Marks>,
}

impl Fresh {
    /// All of it is durable.
    pub fn clear(&mut self) {
        self.statements.clear();
        self.marks.clear();
    }
}

/// Whether a statement of this kind asks the counterpart's officer to read it: no receipt does, and the words that
/// were confirmed are told by the channel's state.
#[must_use]
pub fn asks_to_be_read(kind: u16) -> bool {
    let kind = Kind::from_number(kind);
    !kind.is_some_and(Kind::is_receipt) && kind != Some(Kind::WordsConfirmed)
}

/// The case whose statement this is: the one it names, or itself where it opens one.
#[must_use]
pub fn case_of(header: &Header) -> Option<Digest> {
    let opens = || (header.kind == Kind::Offer.number()).then(|| header.id().0);
    Some(header.case.0).filter(|case| *case != StatementId::NONE.0).or_else(opens)
}

/// Whether a statement confirms the safety words of a channel.
fn confirms_words(session: &Session, statement: &Statement) -> bool {
    statement.header.kind == Kind::WordsConfirmed.number()
        && statement.said.lists.is_empty()
        && WordsConfirmed::confirms(&statement.said.body, &session.words())
}

/// The rows of a statement but for its times: itself, and all by which it is found again. `own` is our role.
#[must_use]
pub fn rows_of(thread: u32, own: Role, header: &Header, bytes: Vec<u8>) -> Vec<Record> {
    let (author, sequence) = (header.author, header.sequence);
    let mut rows = vec![Record::put(table::STATEMENT, table::statement_key(thread, author, sequence), bytes)];
    // Three numbers of fixed width always have an encoding.
    let place = codec::encode(&PlaceRow { thread, author, sequence }, usize::MAX).unwrap_or_default();
    rows.push(Record::put(table::PLACE, header.id().0.0.to_vec(), place));
    if let Some(case) = case_of(header) {
        rows.push(Record::put(table::CASE, table::case_key(thread, &case, author, sequence), Vec::new()));
    }
    if author != own && asks_to_be_read(header.kind) {
        rows.push(Record::put(table::UNREAD, table::number_key(thread, sequence), Vec::new()));
    }
    rows
}

impl Channel {
    /// The row of both chains' ends, as it is to be written.
    #[must_use]
    pub fn chain_row(&self) -> ChainRow {
        let ends = Role::BOTH.map(|role| self.transcript.chain(role).end().clone());
        ChainRow { ends, counts: self.counts }
    }

    /// A statement's bytes, as they were signed or arrived.
    #[must_use]
    pub fn bytes_at(&self, role: Role, sequence: u64) -> Option<Arc<[u8]>> {
        if sequence >= self.transcript.chain(role).count() {
            return None;
        }
        if let Some(fresh) = self.fresh.statements.get(&(role, sequence)) {
            return Some(fresh.clone());
        }
        let row = self.past.read(table::STATEMENT, &table::statement_key(self.number, role, sequence));
        match row.ok()? {
            Some(row) => Some(row.as_slice().into()),
            None => {
                self.past.damaged(table::STATEMENT, "a statement is missing that its chain counts");
                None
            }
        }
    }

    /// A statement's header.
    #[must_use]
    pub fn header_at(&self, role: Role, sequence: u64) -> Option<Header> {
        self.header_of(&self.bytes_at(role, sequence)?)
    }

    /// The header that stored bytes begin with.
    pub(super) fn header_of(&self, bytes: &[u8]) -> Option<Header> {
        let header = Header::decode(bytes.get(..HEADER_BYTES).unwrap_or_default()).ok();
        if header.is_none() {
            self.past.damaged(table::STATEMENT, "a statement is none");
        }
        header
    }

    /// A statement's times.
    #[must_use]
    pub fn marks_at(&self, role: Role, sequence: u64) -> Marks {
        if let Some(marks) = self.fresh.marks.get(&(role, sequence)) {
            return *marks;
        }
        let from = table::statement_key(self.number, role, sequence);
        let (mut marks, mut whole) = (Marks::default(), true);
        let span = Span { from: &from, to: &after(&from), backward: false };
        let _ = self.past.range(table::MARK, &span, &mut |key, time| {
            let time = codec::decode::<UnixMillis>(&time, usize::MAX).ok();
            whole &= time.zip(key.last()).is_some_and(|(time, mark)| marks.set(*mark, time));
            true
        });
        if !whole {
            self.past.damaged(table::MARK, "a row is malformed");
        }
        marks
    }

    /// The author and the place of the statement with this id.
    #[must_use]
    pub fn place_of(&self, id: &Digest) -> Option<(Role, u64)> {
        let row = self.past.read(table::PLACE, &id.0).ok()??;
        match codec::decode::<PlaceRow>(&row, usize::MAX) {
            Ok(place) => (place.thread == self.number).then_some((place.author, place.sequence)),
            Err(_) => {
                self.past.damaged(table::PLACE, "a row is malformed");
                None
            }
        }
    }

    /// The statements of a case, the inviter's first, each party's in their order; of any kind, valid or not.
    #[must_use]
    pub fn places_in_case(&self, case: &Digest) -> Vec<(Role, u64)> {
        let prefix = [self.number.to_be_bytes().as_slice(), &case.0].concat();
        let mut places = Vec::new();
        let span = Span { from: &prefix, to: &after(&prefix), backward: false };
        let _ = self.past.range(table::CASE, &span, &mut |key, _| {
            places.extend(table::place_at_end(key));
            true
        });
        places
    }

    /// The cases that any statement names or opens, in the order of their ids; not all of them need be cases.
    #[must_use]
    pub fn case_ids(&self) -> Vec<Digest> {
        let prefix = table::thread_key(self.number);
        let (mut from, to) = (prefix.clone(), after(&prefix));
        let mut cases = Vec::new();
        loop {
            let mut next = None;
            let span = Span { from: &from, to: &to, backward: false };
            let _ = self.past.range(table::CASE, &span, &mut |key, _| {
                next = key.get(prefix.len()..).and_then(|rest| rest.first_chunk::<32>()).copied();
                false
            });
            let Some(case) = next else { return cases };
            cases.push(Digest(case));
            from = after(&[prefix.as_slice(), &case].concat());
        }
    }

    /// The counterpart's statements that ask for being read and were not opened, the oldest first, so many at most.
    #[must_use]
    pub fn unread_places(&self, most: usize) -> Vec<u64> {
        let prefix = table::thread_key(self.number);
        let mut unread = Vec::new();
        let span = Span { from: &prefix, to: &after(&prefix), backward: false };
        let _ = self.past.range(table::UNREAD, &span, &mut |key, _| {
            unread.extend(table::split_key(key, 0).map(|(_, sequence)| sequence));
            unread.len() < most
        });
        unread
    }

    /// Has the transcript know how a chain stood with `count` statements, so that it can be acknowledged.
    pub(super) fn recall(&mut self, role: Role, count: u64) {
        let chain = self.transcript.chain(role);
        if count < chain.count()
            && chain.stand(count).is_none()
            && let Some(header) = self.header_at(role, count)
        {
            self.transcript.recall(&header);
        }
    }

    /// Writes a statement that the transcript has taken, with all by which it is found again.
    pub(super) fn store(&mut self, statement: &Statement, bytes: Vec<u8>, turn: &mut Turn<'_>) {
        let (author, sequence) = (statement.header.author, statement.header.sequence);
        let rows = rows_of(self.number, self.thread.role, &statement.header, bytes.clone());
        turn.step.records.extend(rows);
        let marks = Marks::stored(turn.now);
        turn.put_marks(self.number, (author, sequence), None, &marks);
        if author != self.thread.role && asks_to_be_read(statement.header.kind) {
            self.counts.unread = self.counts.unread.saturating_add(1);
        }
        if self.session().is_some_and(|session| confirms_words(session, statement)) {
            self.counts.words_of_mut(author).get_or_insert(sequence);
        }
        self.fresh.statements.insert((author, sequence), bytes.into());
        self.fresh.marks.insert((author, sequence), marks);
        self.counted = true;
    }

    /// Changes the times of a statement; each is written once, and never changed after.
    pub(super) fn mark(
        &mut self,
        role: Role,
        sequence: u64,
        turn: &mut Turn<'_>,
        change: impl FnOnce(&mut Marks),
    ) {
        if sequence >= self.transcript.chain(role).count() {
            return;
        }
        let before = self.marks_at(role, sequence);
        let mut marks = before;
        change(&mut marks);
        if marks == before {
            return;
        }
        turn.put_marks(self.number, (role, sequence), Some(&before), &marks);
        if role == self.thread.role {
            let sent = |marks: &Marks| u64::from(marks.deposited.is_some() || marks.delivered.is_some());
            let read = |marks: &Marks| u64::from(marks.read.is_some());
            let more = |now: u64, before: u64| now.saturating_sub(before);
            self.counts.sent = self.counts.sent.saturating_add(more(sent(&marks), sent(&before)));
            self.counts.read = self.counts.read.saturating_add(more(read(&marks), read(&before)));
        }
        self.fresh.marks.insert((role, sequence), marks);
        self.counted = true;
    }

    /// A statement of the counterpart is opened: it is no longer unread.
    pub(super) fn no_longer_unread(&mut self, header: &Header, turn: &mut Turn<'_>) {
        if asks_to_be_read(header.kind) {
            turn.delete(table::UNREAD, table::number_key(self.number, header.sequence));
            self.counts.unread = self.counts.unread.saturating_sub(1);
            self.counted = true;
        }
    }
}

impl Officer {
    /// All that was answered so far is durable: what can be read again from the vault is let go.
    pub fn committed(&mut self) {
        for channel in self.channels.values_mut() {
            channel.fresh.clear();
            channel.transcript.forget();
        }
    }

    /// The ids that begin with these hexadecimal digits, and where their statements are.
    #[must_use]
    pub fn ids_from(&self, digits: &str) -> Vec<(Digest, PlaceRow)> {
        let bound = |filler: &str| {
            let missing = 64usize.saturating_sub(digits.len());
            crate::crypto::digest::unhex(&format!("{digits}{}", filler.repeat(missing)))
        };
        let (Some(from), Some(mut to)) = (bound("0"), bound("f")) else { return Vec::new() };
        to.push(0);
        let (mut found, mut whole) = (Vec::new(), true);
        let _ = self.past.range(
            table::PLACE,
            &Span { from: &from, to: &to, backward: false },
            &mut |key, row| {
                let id = key.try_into().map(Digest).ok();
                let place = codec::decode::<PlaceRow>(&row, usize::MAX).ok();
                whole &= id.is_some() && place.is_some();
                found.extend(id.zip(place));
                true
            },
        );
        if !whole {
            self.past.damaged(table::PLACE, "a row is malformed");
        }
        found
    }
}
