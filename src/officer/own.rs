//! What the own side keeps to itself: notes on statements and persons, what was said that was not true, what is
//! known of the counterpart. Rows of the vault and nothing else: may not reach a statement, an export or a log.

use crate::codec::{CodecError, decode, encode};
use crate::deal::consistent::{Place, Untruth};
use crate::deal::word::Text;
use crate::officer::command::CommandError;
use crate::officer::engine::{Officer, OfficerStep};
use crate::officer::table;
use crate::step::Record;
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// The version number every row begins with.
const VERSION: u8 = 1;

/// One thing that the own side keeps.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Own {
    /// A note.
    Note {
        /// What it is about.
        about: Place,
        /// The note.
        text: Text,
    },
    /// Something said that was not true.
    Untruth(Untruth),
    /// Something known of the counterpart.
    Profile {
        /// What it is about, such as `authority`; one record for each.
        key: Text,
        /// What is known.
        text: Text,
    },
}

/// A record with its time and its thread: `version u8 = 1 ‖ time ‖ thread u32 ‖ what`.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnRecord {
    /// When it was made.
    pub at: UnixMillis,
    /// The channel it belongs to.
    pub thread: u32,
    /// What it says.
    pub what: Own,
}

impl OwnRecord {
    /// The row.
    ///
    /// # Errors
    /// Never: texts are bounded.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        encode(&(VERSION, self.at, self.thread, &self.what), usize::MAX)
    }

    /// The record in a row.
    ///
    /// # Errors
    /// Every form but the one encoding of this version.
    pub fn decode(row: &[u8]) -> Result<Self, CodecError> {
        match decode::<(u8, UnixMillis, u32, Own)>(row, usize::MAX)? {
            (VERSION, at, thread, what) => Ok(Self { at, thread, what }),
            _ => Err(CodecError::Malformed),
        }
    }
}

impl Officer {
    /// The own side's records of a thread with their numbers, the oldest first.
    pub fn own_of(&self, thread: u32) -> impl Iterator<Item = (u64, &OwnRecord)> {
        let all = self.own.iter().filter(move |(_, record)| record.thread == thread);
        all.map(|(number, record)| (*number, record))
    }

    /// Whether a record has this number.
    #[must_use]
    pub fn keeps(&self, number: u64) -> bool {
        self.own.contains_key(&number)
    }

    /// What was said in a thread that was not true.
    #[must_use]
    pub fn untruths(&self, thread: u32) -> Vec<Untruth> {
        let of = |record: &OwnRecord| match &record.what {
            Own::Untruth(untruth) => Some(untruth.clone()),
            _ => None,
        };
        self.own_of(thread).filter_map(|(_, record)| of(record)).collect()
    }

    /// Keeps a record; what is known of the counterpart takes the place of what was known before.
    ///
    /// # Errors
    /// [`CommandError::ThreadUnknown`].
    pub fn keep(
        &mut self,
        thread: u32,
        what: Own,
        now: UnixMillis,
    ) -> Result<(u64, OfficerStep), CommandError> {
        if self.channel(thread).is_none() {
            return Err(CommandError::ThreadUnknown);
        }
        let number = self.own.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        let record = OwnRecord { at: now, thread, what };
        let row = record.encode()?;
        let replaced: Vec<u64> = self
            .own_of(thread)
            .filter(|(_, held)| match (&held.what, &record.what) {
                (Own::Profile { key: held, .. }, Own::Profile { key, .. }) => held == key,
                _ => false,
            })
            .map(|(number, _)| number)
            .collect();
        let mut step = OfficerStep::new();
        for old in replaced {
            step.append(self.drop_own(old));
        }
        step.records.push(Record::put(table::OWN, number.to_be_bytes().to_vec(), row));
        self.own.insert(number, record);
        Ok((number, step))
    }

    /// Deletes a record; nothing where there is none of this number.
    pub fn drop_own(&mut self, number: u64) -> OfficerStep {
        let mut step = OfficerStep::new();
        if self.own.remove(&number).is_some() {
            step.records.push(Record::delete(table::OWN, number.to_be_bytes().to_vec()));
        }
        step
    }
}
