//! The inbox: cells become content, fragments become statements, statements continue the transcript. A cell
//! that does not open changes nothing; once one opens, the ratchet moves whatever its content.

use crate::codec::CellBytes;
use crate::officer::compose::SignedHeader;
use crate::officer::engine::{Channel, Notice, Turn};
use crate::officer::inbound::Taken;
use crate::officer::outbox::{BOOTSTRAP_CELLS_MAX, UNACKNOWLEDGED_MAX};
use crate::officer::table;
use crate::officer::thread::{Halt, Stage};
use crate::session::content::{Content, Fragment};
use crate::session::ratchet::RatchetError;
use crate::statement::kind::Kind;
use crate::statement::receipt::ForkNotice;
use crate::statement::signed::{Statement, decode_signed_header, verify_header};
use crate::statement::transcript::TranscriptError;
use crate::wire::queue::CellHash;
use std::collections::BTreeMap;

/// Hashes of cells taken in that are remembered, to tell a copy from a second put.
const OPENED_MAX: usize = 4_096;

/// Pieces of one statement.
#[derive(Default)]
pub struct Assembly {
    /// How many there are.
    pub count: u32,
    /// Those that came, by index.
    pub pieces: BTreeMap<u32, Vec<u8>>,
}

/// What came and is not yet whole.
#[derive(Default)]
pub struct Inbox {
    /// By sequence number.
    pub assemblies: BTreeMap<u64, Assembly>,
    /// Cells taken in: their number, and at which relays they were seen, as bits.
    pub opened: BTreeMap<CellHash, (u64, u8)>,
}

impl Inbox {
    /// Pieces kept.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.assemblies.values().map(|assembly| assembly.pieces.len()).sum()
    }
}

impl Channel {
    /// Takes in a cell from our queue at one relay.
    pub(super) fn take_in(&mut self, at: u8, index: u64, cell: &CellBytes, turn: &mut Turn<'_>) -> Taken {
        let hash = CellHash::of(cell);
        let bit = 1u8.checked_shl(u32::from(at)).unwrap_or_default();
        if let Some((number, relays)) = self.inbox.opened.get_mut(&hash) {
            if *relays & bit != 0 {
                self.counterpart_put_again(turn);
            } else {
                *relays |= bit;
                turn.put(table::OPENED, table::opened_key(self.number, *number, at), &hash);
            }
            return Taken::Done;
        }
        let taken = match &self.thread.stage {
            Stage::Inviting(_) if index < BOOTSTRAP_CELLS_MAX => self.take_hello(cell, turn),
            Stage::Inviting(_) | Stage::Moving => return Taken::Done,
            Stage::Greeting(_) => self.take_welcome(cell, turn),
            Stage::Open(_) => match self.take_cell(cell, turn) {
                Some(opened) => opened,
                None => return Taken::Later,
            },
        };
        if taken {
            self.remember(hash, at, turn);
        }
        Taken::Done
    }

    fn remember(&mut self, hash: CellHash, at: u8, turn: &mut Turn<'_>) {
        let relays = 1u8.checked_shl(u32::from(at)).unwrap_or_default();
        let number = self.thread.next_opened;
        self.thread.next_opened = number.saturating_add(1);
        self.changed = true;
        self.inbox.opened.insert(hash, (number, relays));
        turn.put(table::OPENED, table::opened_key(self.number, number, at), &hash);
        if let Some(oldest) = number.checked_sub(OPENED_MAX as u64) {
            let thread = self.number;
            self.inbox.opened.retain(|_, (number, relays)| {
                if *number <= oldest {
                    for at in (0..8u8).filter(|at| *relays >> at & 1 == 1) {
                        turn.delete(table::OPENED, table::opened_key(thread, *number, at));
                    }
                }
                *number > oldest
            });
        }
    }

    /// Opens a cell of the channel. True if it opened; none if its content could not be kept, and nothing changed.
    fn take_cell(&mut self, cell: &CellBytes, turn: &mut Turn<'_>) -> Option<bool> {
        let number = self.number;
        let Stage::Open(session) = &mut self.thread.stage else { return Some(false) };
        let Some(ratchet) = &mut session.ratchet else { return Some(false) };
        let opened = match ratchet.open(cell, turn.rng) {
            Ok(opened) => opened,
            Err(error) => {
                turn.notice(Notice::CellRefused { thread: number, why: error.to_string() });
                if error == RatchetError::Replayed {
                    self.counterpart_put_again(turn);
                }
                return Some(false);
            }
        };
        let content = Content::decode(&opened.content);
        if let Ok(Content::Fragment(fragment)) = &content
            && self.inbox.pieces() >= UNACKNOWLEDGED_MAX
            && !self.completes(fragment)
        {
            return None;
        }
        let Stage::Open(session) = &mut self.thread.stage else { return Some(false) };
        let Some(ratchet) = &mut session.ratchet else { return Some(false) };
        ratchet.take(opened, turn.now);
        self.changed = true;
        self.heard(turn);
        match content {
            Ok(Content::Fragment(fragment)) if fragment.is_sound() => self.take_fragment(fragment, turn),
            Ok(Content::Moved(writers)) => self.take_moved(&writers, turn),
            Ok(Content::Welcome(_)) => {}
            Ok(Content::Fragment(_)) => self.refuse("a fragment claims a statement over 8 MiB", turn),
            Err(error) => self.refuse(&error.to_string(), turn),
        }
        Some(true)
    }

    /// Whether a fragment is the last that the next statement lacks: it frees more than it takes.
    fn completes(&self, fragment: &Fragment) -> bool {
        let next = self.transcript.chain(self.thread.role.other()).count();
        let held = self.inbox.assemblies.get(&next).map_or(0, |assembly| assembly.pieces.len());
        fragment.sequence <= next && held.saturating_add(1) >= fragment.count as usize
    }

    pub(super) fn refuse(&mut self, why: &str, turn: &mut Turn<'_>) {
        if let Stage::Open(session) = &mut self.thread.stage {
            session.refused = session.refused.saturating_add(1);
            self.changed = true;
        }
        turn.notice(Notice::Refused { thread: self.number, why: why.to_owned() });
    }

    fn take_fragment(&mut self, fragment: Fragment, turn: &mut Turn<'_>) {
        let next = self.transcript.chain(self.thread.role.other()).count();
        if fragment.index == 0 {
            self.look_for_fork(&fragment, turn);
        }
        if fragment.sequence < next {
            return;
        }
        if fragment.sequence >= next.saturating_add(UNACKNOWLEDGED_MAX as u64) {
            self.refuse("a statement lies too far ahead", turn);
            return;
        }
        let Fragment { sequence, index, count, bytes } = fragment;
        let assembly = self.inbox.assemblies.entry(sequence).or_default();
        if assembly.count != 0 && assembly.count != count {
            self.refuse("two fragments of one statement disagree about their number", turn);
            return;
        }
        assembly.count = count;
        if assembly.pieces.contains_key(&index) {
            return;
        }
        turn.put(table::FRAGMENT, table::fragment_key(self.number, sequence, index), &(count, bytes.clone()));
        assembly.pieces.insert(index, bytes);
        self.assemble(turn);
    }

    /// Makes statements of what is whole and due.
    fn assemble(&mut self, turn: &mut Turn<'_>) {
        loop {
            let next = self.transcript.chain(self.thread.role.other()).count();
            let whole = self
                .inbox
                .assemblies
                .get(&next)
                .is_some_and(|assembly| assembly.pieces.len() == assembly.count as usize);
            if !whole || (self.is_frozen() && self.pending_kind(next) != Some(Kind::ForkNotice)) {
                return;
            }
            let Some(assembly) = self.inbox.assemblies.remove(&next) else { return };
            for index in assembly.pieces.keys() {
                turn.delete(table::FRAGMENT, table::fragment_key(self.number, next, *index));
            }
            let bytes = assembly.pieces.into_values().collect::<Vec<_>>().concat();
            let stored = self.take_statement(next, bytes, turn);
            self.unblock_flooded(turn);
            if !stored {
                return;
            }
        }
    }

    /// Stores a whole statement that is due. True if it continues the transcript.
    fn take_statement(&mut self, sequence: u64, bytes: Vec<u8>, turn: &mut Turn<'_>) -> bool {
        let peer = self.thread.role.other();
        let statement = match Statement::decode(&bytes) {
            Ok(statement) if statement.header.author == peer && statement.header.sequence == sequence => {
                statement
            }
            Ok(_) => {
                self.refuse("a statement is not what its fragments said", turn);
                return false;
            }
            Err(error) => {
                self.refuse(&error.to_string(), turn);
                return false;
            }
        };
        let had = self.transcript.chain(peer).acknowledged();
        self.recall(peer.other(), statement.header.peer_count);
        let Stage::Open(session) = &self.thread.stage else { return false };
        match self.transcript.append(&statement, session.card(peer).key()) {
            Ok(()) => {}
            Err(error) => {
                let of_ours = matches!(
                    error,
                    TranscriptError::AcknowledgesUnknown { .. } | TranscriptError::PeerMismatch
                );
                let signed = of_ours && statement.verify(session.card(peer).key()).is_ok();
                self.refuse(&error.to_string(), turn);
                if signed {
                    self.shown_our_own(&statement, turn);
                    self.halt(Halt::PeerAhead { claimed: statement.header.peer_count }, turn);
                }
                return false;
            }
        }
        self.shown_our_own(&statement, turn);
        let id = statement.id();
        self.store(&statement, bytes, turn);
        self.changed = true;
        turn.notice(Notice::Received { thread: self.number, id });
        self.acknowledged(&statement, had, turn);
        self.owe_receipt(statement.header.kind, turn);
        true
    }

    /// A fork notice that holds proves that our identity signed what this vault does not know.
    fn shown_our_own(&mut self, statement: &Statement, turn: &mut Turn<'_>) {
        let own = self.thread.role;
        let Stage::Open(session) = &self.thread.stage else { return };
        if statement.header.kind == Kind::ForkNotice.number()
            && ForkNotice::proves(&statement.said.body, &session.channel, own, session.card(own).key())
            && let Ok(notice) = ForkNotice::decode(&statement.said.body)
        {
            self.keep_notice(own, notice, turn);
            self.halt(Halt::RolledBack, turn);
        }
    }

    /// Whether the counterpart forked, also where that is not told yet.
    fn is_frozen(&self) -> bool {
        self.fork_of(self.thread.role.other()).is_some()
    }

    /// The header that a piece 0 which is not yet due begins with.
    fn pending_header(&self, sequence: u64) -> Option<SignedHeader> {
        let piece = self.inbox.assemblies.get(&sequence)?.pieces.get(&0)?;
        decode_signed_header(piece).ok()
    }

    fn pending_kind(&self, sequence: u64) -> Option<Kind> {
        Kind::from_number(self.pending_header(sequence)?.0.kind)
    }

    /// A statement at a sequence number that another has: a copy, or evidence.
    fn look_for_fork(&mut self, fragment: &Fragment, turn: &mut Turn<'_>) {
        let peer = self.thread.role.other();
        let first = if fragment.sequence < self.transcript.chain(peer).count() {
            self.bytes_at(peer, fragment.sequence).and_then(|bytes| decode_signed_header(&bytes).ok())
        } else {
            self.pending_header(fragment.sequence)
        };
        let Stage::Open(session) = &self.thread.stage else { return };
        let (Some(first), Ok(other)) = (first, decode_signed_header(&fragment.bytes)) else { return };
        let key = session.card(peer).key();
        let holds = |(header, signature): &SignedHeader| {
            header.author == peer
                && header.channel == session.channel
                && header.sequence == fragment.sequence
                && verify_header(header, signature, key).is_ok()
        };
        if first.0.id() == other.0.id() || self.is_frozen() {
            return;
        }
        if holds(&first) && holds(&other) {
            self.keep_fork(first, other, turn);
        } else {
            self.refuse("a statement at a place that another has is not signed by the counterpart", turn);
        }
    }
}
