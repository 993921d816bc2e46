//! The engine built again from the rows of its vault. Rows were sealed by us: what does not fit is damage,
//! and is said, not guessed at.

use crate::codec::{self, CELL_BYTES, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::crypto::sign::SignError;
use crate::officer::cell::{Carries, OutCell, Placement};
use crate::officer::deposits::HeldDeposit;
use crate::officer::draft::{Approval, ApprovalError, Draft, DraftError};
use crate::officer::drafts::{HeldDraft, PART_APPROVAL, PART_DRAFT, PART_SENT};
use crate::officer::engine::{Channel, Officer, Pace};
use crate::officer::held::ChainRow;
use crate::officer::mandate::{SignedMandate, SignedMandateError};
use crate::officer::own::OwnRecord;
use crate::officer::past::{Past, Unreadable};
use crate::officer::retire;
use crate::officer::settings::Settings;
use crate::officer::table;
use crate::officer::thread::Thread;
use crate::party::card::{Identity, IdentitySeeds};
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::receipt::ForkNotice;
use crate::statement::transcript::Transcript;
use crate::step::{Record, Table};
use crate::wire::queue::CellHash;
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A table's rows, with their keys.
type Rows = Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>;

/// Rows that do not make an engine.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no identity.
    #[error("the vault holds no identity")]
    IdentityMissing,
    /// A row is not of its table's form.
    #[error("a row of table {table} is malformed: {error}")]
    RowMalformed {
        /// The table.
        table: u8,
        /// Why.
        error: CodecError,
    },
    /// A row belongs to a thread that is not there, or is not in its place.
    #[error("a row of table {0} is out of place")]
    RowMisplaced(u8),
    /// A channel stands, and the ends of its chains are not kept; or a chain does not end as is kept.
    #[error("the stored statements do not end as the vault counts them")]
    ChainBroken,
    /// See [`Unreadable`].
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A stored mandate is not one that could have been set.
    #[error("a stored mandate does not hold: {0}")]
    MandateBroken(#[from] SignedMandateError),
    /// A stored draft is none.
    #[error("a stored draft does not hold: {0}")]
    DraftBroken(#[from] DraftError),
    /// A stored approval is none.
    #[error("a stored approval does not hold: {0}")]
    ApprovalBroken(#[from] ApprovalError),
    /// The keys cannot be used.
    #[error(transparent)]
    Key(#[from] SignError),
}

/// The rows of a new vault.
///
/// # Errors
/// Never for a name that was parsed.
pub fn first_rows(seeds: &IdentitySeeds) -> Result<Vec<Record>, CodecError> {
    let settings = codec::encode(&Settings::default(), usize::MAX)?;
    Ok(vec![
        Record::put(table::IDENTITY, Vec::new(), codec::encode(seeds, usize::MAX)?),
        Record::put(table::SETTINGS, Vec::new(), settings),
    ])
}

fn read<T: bincode::Encode + bincode::Decode<()>>(table: Table, bytes: &[u8]) -> Result<T, RestoreError> {
    codec::decode(bytes, usize::MAX).map_err(|error| RestoreError::RowMalformed { table: table.0, error })
}

impl Officer {
    /// The engine of the vault that `past` reads. Statements stay there: what is read here does not grow with them.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(past: Arc<dyn Past>) -> Result<Self, RestoreError> {
        let take = |table: Table| {
            let mut rows = Rows::new();
            past.scan(table, &mut |key, value| rows.push((key.to_vec(), value)))?;
            Ok::<_, Unreadable>(rows)
        };
        let (identity, retired) = match (take(table::IDENTITY)?.pop(), take(table::RETIRED)?.pop()) {
            (Some((_, seeds)), None) => {
                (Identity::expand(&read::<IdentitySeeds>(table::IDENTITY, &seeds)?)?, None)
            }
            (None, Some((_, row))) => {
                let (at, card) = retire::read(&row)?;
                (Identity::erased(card), Some(at))
            }
            _ => return Err(RestoreError::IdentityMissing),
        };
        let settings = match take(table::SETTINGS)?.pop() {
            Some((_, settings)) => read(table::SETTINGS, &settings)?,
            None => Settings::default(),
        };
        let mut channels = BTreeMap::new();
        for (key, row) in take(table::THREAD)? {
            let misplaced = RestoreError::RowMisplaced(table::THREAD.0);
            let number = u32::from_be_bytes(key.as_slice().try_into().map_err(|_| misplaced)?);
            let thread: Thread = read(table::THREAD, &row)?;
            channels.insert(number, Channel::new(number, thread, past.clone()));
        }
        let (own, drafts) = (BTreeMap::new(), BTreeMap::new());
        let (mandate, pace) = (None, Pace::Once);
        let mut officer =
            Self { identity, settings, channels, own, mandate, drafts, pace, retired, past: past.clone() };
        officer.restore_chains(take(table::CHAIN)?)?;
        officer.restore_cells(take(table::CELL)?, take(table::PLACES)?)?;
        officer.restore_deposits(take(table::DEPOSIT)?)?;
        officer.restore_inbox(take(table::FRAGMENT)?, take(table::OPENED)?)?;
        officer.restore_forks(take(table::FORK)?)?;
        officer.restore_mandates(take(table::MANDATE)?)?;
        officer.restore_drafts(take(table::DRAFT)?)?;
        officer.restore_own(take(table::OWN)?)?;
        Ok(officer)
    }

    fn channel_at(
        &mut self,
        table: Table,
        key: &[u8],
        skip: usize,
    ) -> Result<(&mut Channel, u64), RestoreError> {
        let misplaced = || RestoreError::RowMisplaced(table.0);
        let (thread, number) = table::split_key(key, skip).ok_or_else(misplaced)?;
        Ok((self.channels.get_mut(&thread).ok_or_else(misplaced)?, number))
    }

    fn restore_own(&mut self, rows: Rows) -> Result<(), RestoreError> {
        for (key, row) in rows {
            let misplaced = || RestoreError::RowMisplaced(table::OWN.0);
            let number = u64::from_be_bytes(key.as_slice().try_into().map_err(|_| misplaced())?);
            let malformed = |error| RestoreError::RowMalformed { table: table::OWN.0, error };
            let record = OwnRecord::decode(&row).map_err(malformed)?;
            if !self.channels.contains_key(&record.thread) {
                return Err(misplaced());
            }
            self.own.insert(number, record);
        }
        Ok(())
    }

    fn restore_chains(&mut self, rows: Rows) -> Result<(), RestoreError> {
        let stand = self.channels.values().filter(|channel| channel.session().is_some()).count();
        if rows.len() != stand {
            return Err(RestoreError::ChainBroken);
        }
        for (key, row) in rows {
            let misplaced = || RestoreError::RowMisplaced(table::CHAIN.0);
            let thread = u32::from_be_bytes(key.as_slice().try_into().map_err(|_| misplaced())?);
            let channel = self.channels.get_mut(&thread).ok_or_else(misplaced)?;
            let ChainRow { ends, counts } = read(table::CHAIN, &row)?;
            let id = channel.session().ok_or_else(misplaced)?.channel;
            channel.transcript = Transcript::resume(id, ends);
            channel.counts = counts;
            for role in Role::BOTH {
                let chain = channel.transcript.chain(role);
                let (count, head) = (chain.count(), chain.head(chain.count()));
                let last = count.checked_sub(1).map(|last| channel.header_at(role, last));
                if last.is_some_and(|last| last.is_none_or(|last| last.id() != head)) {
                    return Err(RestoreError::ChainBroken);
                }
            }
        }
        Ok(())
    }

    fn restore_cells(&mut self, cells: Rows, places: Rows) -> Result<(), RestoreError> {
        let mut places: BTreeMap<_, _> = places.into_iter().collect();
        for (key, row) in cells {
            let misplaced = || RestoreError::RowMisplaced(table::CELL.0);
            let (carries, bytes, key_shown): (Carries, Vec<u8>, Option<Secret<44>>) =
                read(table::CELL, &row)?;
            let places = places.remove(&key).ok_or_else(misplaced)?;
            let places: Vec<Placement> = read(table::PLACES, &places)?;
            let (channel, number) = self.channel_at(table::CELL, &key, 0)?;
            let bytes: Box<[u8; CELL_BYTES]> =
                bytes.into_boxed_slice().try_into().map_err(|_| misplaced())?;
            let hash = CellHash::of(&bytes);
            let cell = OutCell { carries, bytes, hash, key: key_shown, places, deposits: BTreeMap::new() };
            channel.outbox.cells.insert(number, cell);
        }
        Ok(())
    }

    /// Each of a cell that is there.
    fn restore_deposits(&mut self, rows: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>) -> Result<(), RestoreError> {
        for (key, row) in rows {
            let misplaced = || RestoreError::RowMisplaced(table::DEPOSIT.0);
            let held: HeldDeposit = read(table::DEPOSIT, &row)?;
            let relay = key.get(12).copied().ok_or_else(misplaced)?;
            let (channel, number) = self.channel_at(table::DEPOSIT, &key, 0)?;
            let cell = channel.outbox.cells.get_mut(&number).ok_or_else(misplaced)?;
            cell.deposits.insert(relay, held);
        }
        Ok(())
    }

    fn restore_inbox(&mut self, fragments: Rows, opened: Rows) -> Result<(), RestoreError> {
        for (key, row) in fragments {
            let (count, bytes): (u32, Vec<u8>) = read(table::FRAGMENT, &row)?;
            let index = key.get(12..).and_then(|index| index.try_into().ok()).map(u32::from_be_bytes);
            let index = index.ok_or(RestoreError::RowMisplaced(table::FRAGMENT.0))?;
            let (channel, sequence) = self.channel_at(table::FRAGMENT, &key, 0)?;
            let assembly = channel.inbox.assemblies.entry(sequence).or_default();
            assembly.count = count;
            assembly.pieces.insert(index, bytes);
        }
        for (key, row) in opened {
            let hash: CellHash = read(table::OPENED, &row)?;
            let bit = key.last().and_then(|at| 1u8.checked_shl(u32::from(*at))).unwrap_or_default();
            let (channel, number) = self.channel_at(table::OPENED, &key, 0)?;
            channel.inbox.opened.entry(hash).or_insert((number, 0)).1 |= bit;
        }
        Ok(())
    }
}

impl Officer {
    /// Each in the order of their numbers, held to what it was held to when it was set.
    fn restore_mandates(&mut self, rows: Rows) -> Result<(), RestoreError> {
        for (key, row) in rows {
            let signed = SignedMandate::verify(&row)?;
            if key != table::mandate_key(signed.mandate().number) {
                return Err(RestoreError::RowMisplaced(table::MANDATE.0));
            }
            // The first row is what pinned its principal.
            self.check_mandate(&signed, Some(signed.principal()))?;
            self.mandate = Some(signed);
        }
        Ok(())
    }

    fn restore_forks(&mut self, rows: Rows) -> Result<(), RestoreError> {
        let misplaced = || RestoreError::RowMisplaced(table::FORK.0);
        for (key, row) in rows {
            let (thread, author) = key.split_first_chunk::<4>().ok_or_else(misplaced)?;
            let notice: ForkNotice = read(table::FORK, &row)?;
            if *author != [notice.stored.0.author.number()] {
                return Err(misplaced());
            }
            let channel = self.channels.get_mut(&u32::from_be_bytes(*thread)).ok_or_else(misplaced)?;
            channel.forks.push(notice);
        }
        Ok(())
    }

    fn restore_drafts(&mut self, rows: Rows) -> Result<(), RestoreError> {
        let misplaced = || RestoreError::RowMisplaced(table::DRAFT.0);
        for (key, row) in rows {
            let (thread, rest) = key.split_first_chunk::<4>().ok_or_else(misplaced)?;
            let (id, part) = rest.split_first_chunk::<32>().ok_or_else(misplaced)?;
            let (thread, id) = (u32::from_be_bytes(*thread), Digest(*id));
            // A draft's own row is the first of its rows.
            match (part, self.drafts.get_mut(&id)) {
                ([PART_DRAFT], None) => {
                    let draft = Draft::decode(&row)?;
                    let of_channel = self.channels.get(&thread).and_then(Channel::session);
                    if draft.id() != id || of_channel.is_none_or(|it| it.channel != draft.channel()) {
                        return Err(misplaced());
                    }
                    self.drafts.insert(id, HeldDraft { thread, draft, approval: None, sent: None });
                }
                ([PART_APPROVAL], Some(held)) => held.approval = Some(Approval::verify(&row)?),
                ([PART_SENT], Some(held)) => {
                    held.sent = Some(StatementId(read::<Digest>(table::DRAFT, &row)?));
                }
                _ => return Err(misplaced()),
            }
        }
        Ok(())
    }
}
