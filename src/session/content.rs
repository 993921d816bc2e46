//! What a cell's body can hold.

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{QueueKey, Signature};
use crate::session::cell::CONTENT_BYTES_MAX;
use bincode::{Decode, Encode};

/// Bytes of a fragment, at most: the content less variant 4, sequence 8, index 4, count 4, length 8.
pub const FRAGMENT_BYTES: usize = CONTENT_BYTES_MAX - 28;
/// Bytes of a whole statement with its header, signature and lists, at most.
pub const STATEMENT_BYTES_MAX: usize = 8 << 20;
/// Fragments of a statement, at most.
pub const FRAGMENTS_MAX: u32 = STATEMENT_BYTES_MAX.div_ceil(FRAGMENT_BYTES) as u32;

/// The content of a cell. A `u32` of the variant, then its fields.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Content {
    /// The inviter's first cell.
    Welcome(Welcome),
    /// The joiner's first cell: the inviter's new writer id in each of the joiner's queues, in the order of
    /// the hello's relays.
    Moved(Vec<Digest>),
    /// A piece of a statement.
    Fragment(Fragment),
}

/// The inviter's answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The joiner's new writer id in each of the inviter's queues, in the order of the offer's relays.
    pub writers: Vec<Digest>,
    /// The inviter's writer key for each of the joiner's queues, in the order of the hello's relays.
    pub writer_keys: Vec<QueueKey>,
    /// The inviter's signature in the introduction.
    pub signature: Signature,
}

/// A piece of a statement. Fragment 0 begins with the header and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Fragment {
    /// The statement's sequence number.
    pub sequence: u64,
    /// Which piece, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// All but the last have [`FRAGMENT_BYTES`].
    pub bytes: Vec<u8>,
}

impl Fragment {
    /// Whether index, count and length can be those of a statement within the limit.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let last = self.index.checked_add(1) == Some(self.count);
        let length = self.bytes.len();
        self.count <= FRAGMENTS_MAX
            && self.index < self.count
            && (if last { (1..=FRAGMENT_BYTES).contains(&length) } else { length == FRAGMENT_BYTES })
    }
}

impl Content {
    /// The content's bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] over [`CONTENT_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, CONTENT_BYTES_MAX)
    }

    /// Reads content.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, CONTENT_BYTES_MAX)
    }
}

/// A statement's bytes as fragments.
pub fn fragments(sequence: u64, statement: &[u8]) -> impl Iterator<Item = Content> {
    let count = u32::try_from(statement.len().div_ceil(FRAGMENT_BYTES)).unwrap_or(u32::MAX);
    (0..count).zip(statement.chunks(FRAGMENT_BYTES)).map(move |(index, bytes)| {
        Content::Fragment(Fragment { sequence, index, count, bytes: bytes.to_vec() })
    })
}
