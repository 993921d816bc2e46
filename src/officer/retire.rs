//! Retiring a vault: all keys are erased, and what was said stays. Of the identity the card is left, of each channel
//! what its transcript is checked with; so nothing can be signed, sealed, put, fetched or opened any more.
//!
//! ```text
//! retired = version u8 = 1 ‖ at (moment) ‖ card
//! ```

use crate::codec;
use crate::crypto::sign::QueueSecret;
use crate::officer::command::CommandError;
use crate::officer::engine::{Officer, OfficerStep};
use crate::officer::restore::RestoreError;
use crate::officer::table;
use crate::officer::thread::{Stage, Thread};
use crate::party::card::{Card, Identity};
use crate::step::Record;
use crate::time::UnixMillis;
use rand_core::CryptoRng;

/// The version of the row.
const VERSION: u8 = 1;

/// When a vault was retired, and whose it was.
pub(super) fn read(row: &[u8]) -> Result<(UnixMillis, Card), RestoreError> {
    let malformed = |error| RestoreError::RowMalformed { table: table::RETIRED.0, error };
    let (version, at, card): (u8, UnixMillis, Card) = codec::decode(row, usize::MAX).map_err(malformed)?;
    if version != VERSION || card.check().is_err() {
        return Err(malformed(codec::CodecError::Malformed));
    }
    Ok((at, card))
}

impl Officer {
    /// When the vault was retired, if it was.
    #[must_use]
    pub const fn retired(&self) -> Option<UnixMillis> {
        self.retired
    }

    pub(super) const fn check_not_retired(&self) -> Result<(), CommandError> {
        if self.retired.is_some() { Err(CommandError::Retired) } else { Ok(()) }
    }

    /// Erases every key: identity, ratchets, queues, tokens, and cells that wait. Invites and joins of which no
    /// channel came go with theirs. What was said, its marks, mandates, drafts and own records stay, and so do the
    /// cells of which a relay signed that it has them, each with the key that opens it alone: they are evidence.
    ///
    /// # Errors
    /// [`CommandError::Retired`].
    pub fn retire(
        &mut self,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> Result<((), OfficerStep), CommandError> {
        self.check_not_retired()?;
        let mut step = OfficerStep::new();
        let card = self.identity.card().clone();
        let row = codec::encode(&(VERSION, now, &card), usize::MAX)?;
        step.records.push(Record::delete(table::IDENTITY, Vec::new()));
        step.records.push(Record::put(table::RETIRED, Vec::new(), row));
        for number in self.channels.keys().copied().collect::<Vec<_>>() {
            if self.channel(number).is_some_and(|channel| channel.session().is_none()) {
                step.append(self.discard(number)?);
            } else {
                step.append(self.erase_keys(number, rng)?);
            }
        }
        self.identity = Identity::erased(card);
        self.retired = Some(now);
        Ok(((), step))
    }

    fn erase_keys(&mut self, number: u32, rng: &mut dyn CryptoRng) -> Result<OfficerStep, CommandError> {
        let mut step = OfficerStep::new();
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(step) };
        let mut delete = |table, key| step.records.push(Record::delete(table, key));
        channel.outbox.cells.retain(|cell, held| {
            if held.deposits.is_empty() {
                delete(table::CELL, table::number_key(number, *cell));
                delete(table::PLACES, table::number_key(number, *cell));
            }
            !held.deposits.is_empty()
        });
        let inbox = std::mem::take(&mut channel.inbox);
        for (opened, relays) in inbox.opened.values() {
            for at in (0..8u8).filter(|at| relays >> at & 1 == 1) {
                delete(table::OPENED, table::opened_key(number, *opened, at));
            }
        }
        for (sequence, assembly) in &inbox.assemblies {
            for index in assembly.pieces.keys() {
                delete(table::FRAGMENT, table::fragment_key(number, *sequence, *index));
            }
        }
        channel.thread.erase_keys(rng);
        let row = codec::encode(&channel.thread, usize::MAX)?;
        step.records.push(Record::put(table::THREAD, table::thread_key(number), row));
        Ok(step)
    }
}

impl Thread {
    /// Keeps of a channel only what its transcript is checked with.
    fn erase_keys(&mut self, rng: &mut dyn CryptoRng) {
        self.inbound.clear();
        if let Stage::Open(session) = &mut self.stage {
            session.ratchet = None;
            for queue in &mut session.outbound {
                // The row has a place for a key: one that no relay knows takes it.
                queue.secret = QueueSecret::random(rng);
                queue.bootstrap = None;
            }
            (session.delivered_due, session.read_due) = (None, None);
            session.read.clear();
        }
    }
}
