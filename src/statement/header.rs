//! A statement's header: what its author signs.
//!
//! ```text
//! header 252 = version u8 = 1 ‖ author u8 ‖ kind u16 ‖ channel 32 ‖ case 32 ‖ sequence u64 ‖ previous id 32 ‖
//!              own root 32 ‖ peer count u64 ‖ peer head id 32 ‖ peer root 32 ‖ clock u64 (ms) ‖ body commitment 32
//! id         = SHA-256(0x00 ‖ header), RFC 6962's leaf hash
//! signature  = both keys over label ‖ header
//! ```

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::merkle::leaf_hash;
use crate::party::role::Role;
use crate::time::UnixMillis;
use bincode::{Decode, Encode};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 252;
/// The version this program writes and reads.
pub const VERSION: u8 = 1;

/// A statement's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
pub struct StatementId(pub Digest);

impl StatementId {
    /// 32 zero bytes: no statement.
    pub const NONE: Self = Self(Digest([0; 32]));
}

/// A statement's header.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// 1.
    pub version: u8,
    /// Who says it.
    pub author: Role,
    /// See [`crate::statement::kind::Kind`]; any number can be stored.
    pub kind: u16,
    /// The channel's id.
    pub channel: Digest,
    /// The case it belongs to, as the id of the statement that opened it; [`StatementId::NONE`] otherwise.
    pub case: StatementId,
    /// The author's statements before it.
    pub sequence: u64,
    /// Id of the author's statement before it; [`StatementId::NONE`] for the first.
    pub previous: StatementId,
    /// Merkle root of the ids of the author's statements `0..sequence`.
    pub own_root: Digest,
    /// How many of the counterpart's statements the author had stored.
    pub peer_count: u64,
    /// Id of the last of these; [`StatementId::NONE`] where there is none.
    pub peer_head: StatementId,
    /// Merkle root of their ids.
    pub peer_root: Digest,
    /// The author's clock: a claim, which decides nothing.
    pub clock: UnixMillis,
    /// See [`crate::statement::signed::Said::commitment`].
    pub commitment: Digest,
}

impl Header {
    /// The header's [`HEADER_BYTES`] bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Every field has a fixed width, so that encoding cannot fail.
        codec::encode(self, HEADER_BYTES).unwrap_or_default()
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`CodecError`] for any other bytes than a header's, a version but 1 included.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let header: Self = codec::decode(bytes, HEADER_BYTES)?;
        if header.version == VERSION { Ok(header) } else { Err(CodecError::Malformed) }
    }

    /// The statement's id.
    #[must_use]
    pub fn id(&self) -> StatementId {
        StatementId(leaf_hash(&[&self.encode()]))
    }
}
