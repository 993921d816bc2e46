//! Bodies of the statements that the channel itself needs: receipts, confirmed words, fork notices.

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{Signature, VerifyingKey};
use crate::party::role::Role;
use crate::statement::header::Header;
use crate::statement::signed::verify_header;
use bincode::{Decode, Encode};

/// Bytes of one of these bodies, at most.
pub const BODY_BYTES_MAX: usize = 16_384;
/// Statements one read receipt names, at most.
pub const READ_MAX: usize = 1_024;

/// Which of the counterpart's statements an officer has opened. `version u8 = 1 ‖ sequences (u64 count, each u64)`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Read {
    version: u8,
    /// Sequence numbers in the counterpart's chain, rising.
    pub sequences: Vec<u64>,
}

impl Read {
    /// A receipt for these sequence numbers.
    #[must_use]
    pub const fn new(sequences: Vec<u64>) -> Self {
        Self { version: 1, sequences }
    }

    /// Reads the body of a read receipt that follows `peer_count` acknowledged statements.
    ///
    /// # Errors
    /// [`CodecError`]; also for sequences that do not rise, are too many or were not acknowledged.
    pub fn decode(body: &[u8], peer_count: u64) -> Result<Self, CodecError> {
        let read: Self = codec::decode(body, BODY_BYTES_MAX)?;
        let rising = read.sequences.is_sorted_by(|a, b| a < b);
        let bounded = read.sequences.len() <= READ_MAX && read.sequences.iter().all(|s| *s < peer_count);
        if read.version == 1 && rising && bounded { Ok(read) } else { Err(CodecError::Malformed) }
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] over [`READ_MAX`] sequences.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_BYTES_MAX)
    }
}

/// The officer compared the words. `version u8 = 1 ‖ digest of the words' text`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WordsConfirmed {
    version: u8,
    /// `SHA-256(label ‖ the twelve words with one space between)`.
    pub words: Digest,
}

impl WordsConfirmed {
    /// The confirmation of these words.
    #[must_use]
    pub fn new(words: &crate::party::words::SafetyWords) -> Self {
        let text = words.to_string();
        Self {
            version: 1,
            words: crate::crypto::digest::digest(crate::crypto::label::WORDS_TEXT, &[text.as_bytes()]),
        }
    }

    /// Whether `body` confirms these words.
    #[must_use]
    pub fn confirms(body: &[u8], words: &crate::party::words::SafetyWords) -> bool {
        codec::decode::<Self>(body, BODY_BYTES_MAX).is_ok_and(|said| said == Self::new(words))
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// Never: the form has a fixed length.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_BYTES_MAX)
    }
}

/// Two statements of the counterpart at one sequence number. `version u8 = 1 ‖ header ‖ signature ‖ header ‖ signature`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ForkNotice {
    version: u8,
    /// The one that was stored first.
    pub stored: (Header, Signature),
    /// The other.
    pub other: (Header, Signature),
}

impl ForkNotice {
    /// Whether `body` is a notice that proves a fork: two statements of `author` in `channel` at one sequence
    /// number, under different ids, both signed with `key`.
    #[must_use]
    pub fn proves(body: &[u8], channel: &Digest, author: Role, key: &VerifyingKey) -> bool {
        let Ok(Self { stored, other, .. }) = Self::decode(body) else { return false };
        let holds = |(header, signature): &(Header, Signature)| {
            header.channel == *channel
                && header.author == author
                && verify_header(header, signature, key).is_ok()
        };
        stored.0.sequence == other.0.sequence
            && stored.0.id() != other.0.id()
            && holds(&stored)
            && holds(&other)
    }

    /// Reads a body. Nothing is verified.
    ///
    /// # Errors
    /// [`CodecError`], a version but 1 included.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let notice: Self = codec::decode(body, BODY_BYTES_MAX)?;
        if notice.version == 1 { Ok(notice) } else { Err(CodecError::Malformed) }
    }

    /// The sequence number of both.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.stored.0.sequence
    }

    /// A notice of two headers, both signed by the counterpart.
    #[must_use]
    pub const fn new(stored: (Header, Signature), other: (Header, Signature)) -> Self {
        Self { version: 1, stored, other }
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// Never: the form has a fixed length.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_BYTES_MAX)
    }
}
