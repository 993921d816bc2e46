//! What an engine answers to one input: records to make durable, then sends, then notices. The law is
//! that order. May not know what a record, a send or a notice means.

use zeroize::Zeroizing;

/// A kind of record; each room that keeps records numbers its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table(pub u8);

/// A stretch of a table's keys, and which way it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// The first key.
    pub from: &'a [u8],
    /// The first key that is no longer in it.
    pub to: &'a [u8],
    /// Whether the last key comes first.
    pub backward: bool,
}

/// The first key after all that begin with `prefix`.
#[must_use]
pub fn after(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if let Some(more) = last.checked_add(1) {
            next.push(more);
            return next;
        }
    }
    // No key is as long, so none comes after it.
    vec![u8::MAX; KEY_BYTES_MAX + 1]
}

/// Bytes of a record's key, at most.
pub const KEY_BYTES_MAX: usize = 128;

/// One row to write or to delete. Within one step a later record for a row replaces an earlier one.
pub struct Record {
    /// The kind of row.
    pub table: Table,
    /// The row's key, ordered as bytes.
    pub key: Vec<u8>,
    /// The row's new value; `None` deletes it.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

impl Record {
    /// A row written.
    #[must_use]
    pub fn put(table: Table, key: Vec<u8>, value: Vec<u8>) -> Self {
        Self { table, key, value: Some(Zeroizing::new(value)) }
    }

    /// A row deleted.
    #[must_use]
    pub fn delete(table: Table, key: Vec<u8>) -> Self {
        Self { table, key, value: None }
    }
}

/// An engine's answer to one input, or to several in a row.
pub struct Step<Send, Notice> {
    /// To be made durable, all or none, before any send.
    pub records: Vec<Record>,
    /// To be sent once the records are durable.
    pub sends: Vec<Send>,
    /// To be shown once the records are durable.
    pub notices: Vec<Notice>,
}

impl<S, N> Step<S, N> {
    /// A step in which nothing happens.
    #[must_use]
    pub const fn new() -> Self {
        Self { records: Vec::new(), sends: Vec::new(), notices: Vec::new() }
    }

    /// Adds what a later input gave, so that both become durable together.
    pub fn append(&mut self, mut later: Self) {
        self.records.append(&mut later.records);
        self.sends.append(&mut later.sends);
        self.notices.append(&mut later.notices);
    }
}

impl<S, N> Default for Step<S, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_prefix_comes_before_what_comes_after_it() {
        for prefix in [&[1u8, 2][..], &[1, 255], &[255, 255], &[]] {
            let end = after(prefix);
            let with = |more: &[u8]| [prefix, more].concat();
            assert!([with(&[]), with(&[0]), with(&[255; 60])].iter().all(|key| *key < end), "{prefix:?}");
        }
        assert_eq!(after(&[1, 255]), [2]);
    }
}
