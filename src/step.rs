//! What an engine answers to one input: records to make durable, then sends, then notices. The law is
//! that order. May not know what a record, a send or a notice means.

use zeroize::Zeroizing;

/// A kind of record; each room that keeps records numbers its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table(pub u8);

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
