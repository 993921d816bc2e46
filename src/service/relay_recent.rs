//! The cells that were stored last, in memory: most are asked for at once, and need not be read from the disk, behind the
//! commit that is under way there. Holds no cell that is not durable, and none that was dropped.

use crate::codec::{CELL_BYTES, CellBytes};
use crate::relay::message::HeldCell;
use crate::relay::table::CELL;
use crate::step::Record;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cells that are kept, 48 MiB: more than many connections at once have under way.
const CELLS_MAX: usize = 3_072;

/// A cell's row.
type Key = Vec<u8>;

/// What a commit will have changed.
pub(super) struct Change {
    stored: Vec<(Key, Box<CellBytes>)>,
    dropped: Vec<Key>,
}

#[derive(Default)]
struct Cells {
    held: BTreeMap<Key, Box<CellBytes>>,
    /// Keys in the order in which they came, of which some may have gone.
    order: VecDeque<Key>,
}

/// The cells, shared between those who store and those who read.
#[derive(Clone, Default)]
pub(super) struct Recent(Arc<Mutex<Cells>>);

impl Recent {
    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What records will change once they are durable.
    pub(super) fn change(records: &[Record]) -> Change {
        let mut change = Change { stored: Vec::new(), dropped: Vec::new() };
        for record in records.iter().filter(|record| record.table == CELL) {
            let cell = record.value.as_ref().and_then(|value| value.as_slice().try_into().ok());
            match cell {
                Some(cell) => change.stored.push((record.key.clone(), boxed(cell))),
                None => change.dropped.push(record.key.clone()),
            }
        }
        change
    }

    /// Takes in a change that is durable.
    pub(super) fn take(&self, change: Change) {
        let mut cells = self.cells();
        let Cells { held, order } = &mut *cells;
        for (key, cell) in change.stored {
            order.push_back(key.clone());
            held.insert(key, cell);
        }
        // A cell that was stored and dropped in one commit is dropped.
        for key in change.dropped {
            held.remove(&key);
        }
        while order.len() > CELLS_MAX
            && let Some(oldest) = order.pop_front()
        {
            held.remove(&oldest);
        }
    }

    /// These cells, if all of them are here.
    pub(super) fn all(&self, wanted: &[HeldCell]) -> Option<Vec<Box<CellBytes>>> {
        let cells = self.cells();
        wanted.iter().map(|cell| cells.held.get(&cell.key.bytes()).cloned()).collect()
    }
}

fn boxed(cell: &CellBytes) -> Box<CellBytes> {
    let mut boxed = Box::new([0; CELL_BYTES]);
    boxed.copy_from_slice(cell);
    boxed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::Digest;
    use crate::crypto::sign::QueueSignature;
    use crate::relay::message::CellKey;
    use crate::time::UnixMillis;
    use crate::wire::queue::CellHash;

    fn held(index: u64) -> HeldCell {
        let (hash, signature) = (CellHash(Digest([0; 32])), QueueSignature([0; 64]));
        HeldCell { key: CellKey { queue: 1, index }, hash, signature, clock: UnixMillis(0), more: 0, low: 0 }
    }

    fn stored(index: u64) -> Record {
        Record::put(CELL, held(index).key.bytes(), vec![index as u8; CELL_BYTES])
    }

    #[test]
    fn what_was_dropped_is_gone_and_the_oldest_make_room() {
        let recent = Recent::default();
        recent.take(Recent::change(&[stored(0), stored(1)]));
        assert_eq!(recent.all(&[held(1), held(0)]).unwrap()[0][0], 1);
        assert!(recent.all(&[held(0), held(2)]).is_none(), "one is not here");
        recent.take(Recent::change(&[Record::delete(CELL, held(0).key.bytes())]));
        assert!(recent.all(&[held(0)]).is_none() && recent.all(&[held(1)]).is_some());
        let many: Vec<Record> = (2..2 + CELLS_MAX as u64).map(stored).collect();
        recent.take(Recent::change(&many));
        assert!(recent.all(&[held(1)]).is_none() && recent.all(&[held(2)]).is_some());
        assert!(recent.cells().held.len() <= CELLS_MAX && recent.cells().order.len() <= CELLS_MAX);
    }

    #[test]
    fn a_cell_stored_and_dropped_in_one_commit_is_not_here() {
        let recent = Recent::default();
        recent.take(Recent::change(&[stored(0), Record::delete(CELL, held(0).key.bytes())]));
        assert!(recent.all(&[held(0)]).is_none());
    }
}
