//! What is in the relay's journal and not yet in SQLite's file: the last change of each row. Values that are long stay where
//! they are.

use crate::host::journal::{Entered, Waiting};
use crate::step::Table;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

type Row = (Table, Vec<u8>);

/// The changes, by row and by age.
#[derive(Default)]
pub(super) struct Pending {
    changes: BTreeMap<Row, (u64, Waiting)>,
    /// Every change in its order, those too that were followed by another of the same row.
    order: VecDeque<(u64, Row)>,
    /// What [`disk_bytes`] says of them.
    disk_bytes: u64,
}

/// What a row takes in SQLite's file, with its share of an index: hardly ever more.
pub(super) const fn disk_bytes(row: usize, page: u64) -> u64 {
    let bytes = row as u64;
    if bytes > page / 8 {
        bytes.div_ceil(page).saturating_add(2).saturating_mul(page)
    } else {
        512 + 2 * bytes
    }
}

const fn waiting_bytes(row: &Waiting) -> usize {
    match row {
        Waiting::Gone => 0,
        // Short, whatever it is.
        Waiting::Held(..) => 1_024,
        Waiting::Lies(_, spot) => spot.bytes(),
    }
}

impl Pending {
    /// Takes in changes, in their order.
    pub fn take(&mut self, entered: Vec<Entered>, page: u64) {
        for Entered { number, table, key, row } in entered {
            let place = (table, key);
            self.disk_bytes += disk_bytes(waiting_bytes(&row), page);
            self.order.push_back((number, place.clone()));
            if let Some((_, old)) = self.changes.insert(place, (number, row)) {
                self.disk_bytes -= disk_bytes(waiting_bytes(&old), page);
            }
        }
    }

    /// What they will take in SQLite's file.
    pub const fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }

    /// How many changes it has, those too that no longer count.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The change of a row; none where it is as SQLite's file has it.
    pub fn of(&self, table: Table, key: &[u8]) -> Option<&Waiting> {
        self.changes.get(&(table, key.to_vec())).map(|(_, row)| row)
    }

    /// How many of the oldest changes, none of them after batch `last`, have so many bytes of values that still count; and
    /// whether they are all up to `last`.
    pub fn oldest(&self, last: u64, bytes: u64) -> (usize, bool) {
        let (mut count, mut found) = (0, 0);
        for (number, row) in &self.order {
            if *number > last {
                return (count, true);
            }
            if found >= bytes {
                return (count, false);
            }
            count += 1;
            found += self.counts(*number, row).map_or(0, waiting_bytes) as u64;
        }
        (count, true)
    }

    fn counts(&self, number: u64, row: &Row) -> Option<&Waiting> {
        self.changes.get(row).filter(|(of, _)| *of == number).map(|(_, row)| row)
    }

    /// Of so many of the oldest changes those that still count.
    pub fn first(&self, count: usize) -> impl Iterator<Item = (Table, &[u8], &Waiting)> {
        self.order.iter().take(count).filter_map(|(number, row)| {
            let waiting = self.counts(*number, row)?;
            Some((row.0, row.1.as_slice(), waiting))
        })
    }

    /// Forgets so many of the oldest changes.
    pub fn forget(&mut self, count: usize, page: u64) {
        for (number, row) in self.order.drain(..count.min(self.order.len())) {
            if self.changes.get(&row).is_some_and(|(of, _)| *of == number)
                && let Some((_, old)) = self.changes.remove(&row)
            {
                self.disk_bytes -= disk_bytes(waiting_bytes(&old), page);
            }
        }
    }

    /// The changes of a table's rows from `from` up to `to`, in the order of keys, or the other way round.
    pub fn range<'a>(
        &'a self,
        table: Table,
        (from, to): (&[u8], Option<&[u8]>),
        backward: bool,
    ) -> Box<dyn Iterator<Item = (&'a [u8], &'a Waiting)> + 'a> {
        if to.is_some_and(|to| to <= from) {
            return Box::new(std::iter::empty());
        }
        let next =
            || table.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded((Table(next), vec![])));
        let to = to.map_or_else(next, |to| Bound::Excluded((table, to.to_vec())));
        let found = self.changes.range((Bound::Included((table, from.to_vec())), to));
        let found = found.map(|((_, key), (_, row))| (key.as_slice(), row));
        if backward { Box::new(found.rev()) } else { Box::new(found) }
    }
}
