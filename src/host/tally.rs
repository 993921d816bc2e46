//! What a whole table should hold: how many rows, and the exclusive or of their digests (the XOR multiset
//! hash of Clarke et al., 2003). It follows each write at the cost of one addition, and a scan that lost,
//! doubled or took back a row does not agree with it. Against an adversary only where the digests are keyed.

use crate::crypto::derive::same_code;
use crate::crypto::digest::Digest;
use crate::step::Table;
use bincode::{Decode, Encode};

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Sum {
    table: u8,
    rows: u64,
    digests: [u8; 32],
}

/// The sums of all tables that hold rows, in order of table.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Tally(Vec<Sum>);

impl Tally {
    fn position(&self, table: Table) -> Result<usize, usize> {
        self.0.binary_search_by_key(&table.0, |sum| sum.table)
    }

    fn of(&self, table: Table) -> Sum {
        let found = self.position(table).ok().and_then(|at| self.0.get(at)).copied();
        found.unwrap_or(Sum { table: table.0, rows: 0, digests: [0; 32] })
    }

    fn set(&mut self, sum: Sum) {
        match self.position(Table(sum.table)) {
            Ok(at) if sum.rows == 0 => drop(self.0.remove(at)),
            Ok(at) => {
                if let Some(old) = self.0.get_mut(at) {
                    *old = sum;
                }
            }
            Err(at) => self.0.insert(at, sum),
        }
    }

    /// Counts a row in.
    pub fn add(&mut self, table: Table, digest: &Digest) {
        let sum = self.of(table);
        self.set(Sum { rows: sum.rows.saturating_add(1), digests: xor(sum.digests, digest), ..sum });
    }

    /// Counts a row out.
    ///
    /// # Errors
    /// There is no row to count out, or the last one out leaves digests behind.
    pub fn remove(&mut self, table: Table, digest: &Digest) -> Result<(), &'static str> {
        let sum = self.of(table);
        let rows = sum.rows.checked_sub(1).ok_or("there are more rows than were written")?;
        let digests = xor(sum.digests, digest);
        if rows == 0 && !same_code(&digests, &[0; 32]) {
            return Err("the last row is not one that was written");
        }
        self.set(Sum { rows, digests, ..sum });
        Ok(())
    }

    /// Rows of a table.
    pub fn count(&self, table: Table) -> u64 {
        self.of(table).rows
    }

    /// Whether both have the same of one table.
    pub fn agrees(&self, other: &Self, table: Table) -> bool {
        let (one, other) = (self.of(table), other.of(table));
        one.rows == other.rows && same_code(&one.digests, &other.digests)
    }
}

fn xor(mut digests: [u8; 32], digest: &Digest) -> [u8; 32] {
    digests.iter_mut().zip(digest.0).for_each(|(to, from)| *to ^= from);
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_a_doubled_and_an_older_row_are_noticed() {
        let (one, two, three) = (Digest([1; 32]), Digest([2; 32]), Digest([3; 32]));
        let mut tally = Tally::default();
        tally.add(Table(4), &one);
        tally.add(Table(4), &two);
        tally.add(Table(2), &three);
        let found = |digests: &[Digest]| {
            let mut found = Tally::default();
            digests.iter().for_each(|digest| found.add(Table(4), digest));
            found.agrees(&tally, Table(4))
        };
        assert!(found(&[two, one]));
        assert!(!found(&[one]));
        assert!(!found(&[one, two, two]));
        // One and two make three: the count tells them apart.
        assert!(!found(&[three]));
        assert!(!found(&[three, one]));
        tally.remove(Table(2), &three).unwrap();
        assert_eq!(tally.count(Table(2)), 0);
        assert!(tally.remove(Table(2), &three).is_err());
        tally.remove(Table(4), &one).unwrap();
        assert!(tally.remove(Table(4), &one).is_err());
    }
}
