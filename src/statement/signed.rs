//! A whole statement: header, signature, salt, body, and the lists that travel beside the body.
//!
//! ```text
//! statement  = header 252 ‖ Ed25519 64 ‖ ML-DSA 3,309 ‖ salt 32 ‖ body (u64 length, bytes) ‖ lists (u64 count, lists)
//! list       = seed 32 ‖ lines (u64 count, each a u64 length and bytes)
//! commitment = SHA-256(label ‖ salt ‖ body length u64 ‖ body ‖ for each list: root 32 ‖ lines u32)
//! ```

use crate::codec::{self, CodecError};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::sign::{SIGNATURE_BYTES, SignError, Signature, SigningKey, VerifyingKey};
use crate::statement::header::{HEADER_BYTES, Header, StatementId};
use crate::statement::list::{List, ListError, ListRoot};
use bincode::{Decode, Encode};

/// Bytes of a whole statement, at most.
pub const STATEMENT_BYTES_MAX: usize = 8 << 20;
/// Lists in a statement, at most.
pub const LISTS_MAX: usize = 64;

/// Bytes that are no statement, or one whose parts do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not the encoding of a statement; over 8 MiB included.
    #[error("the statement is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// See [`ListError`].
    #[error(transparent)]
    List(#[from] ListError),
    /// More than [`LISTS_MAX`] lists.
    #[error("the statement has more than {LISTS_MAX} lists")]
    TooManyLists,
    /// Body and lists are not what the header commits to.
    #[error("the statement's body is not the one its header commits to")]
    CommitmentBroken,
    /// See [`SignError`].
    #[error("the statement's signature does not hold")]
    SignatureInvalid(#[from] SignError),
}

/// What a statement says, before it has a place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Said {
    /// Random; hides the body behind its commitment.
    pub salt: [u8; 32],
    /// The body's bytes, in the form of the kind.
    pub body: Vec<u8>,
    /// The lists that the body names by their roots.
    pub lists: Vec<List>,
}

impl Said {
    /// Holds the limits of lists.
    ///
    /// # Errors
    /// [`StatementError::List`], [`StatementError::TooManyLists`].
    pub fn check(&self) -> Result<(), StatementError> {
        if self.lists.len() > LISTS_MAX {
            return Err(StatementError::TooManyLists);
        }
        Ok(self.lists.iter().try_for_each(List::check)?)
    }

    /// What a header commits to.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        commitment(&self.salt, &self.body, self.lists.iter().map(List::root))
    }
}

/// What a header commits to: salt, body, and the roots of its lists.
#[must_use]
pub fn commitment(salt: &[u8; 32], body: &[u8], lists: impl Iterator<Item = ListRoot>) -> Digest {
    let length = (body.len() as u64).to_le_bytes();
    let roots: Vec<_> = lists.map(|list| (list.root, list.lines.to_le_bytes())).collect();
    let mut parts: Vec<&[u8]> = vec![salt, &length, body];
    for (root, lines) in &roots {
        parts.push(&root.0);
        parts.push(lines);
    }
    digest(label::BODY, &parts)
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What is signed.
    pub header: Header,
    /// By the author's keys, over label and header.
    pub signature: Signature,
    /// What is said.
    pub said: Said,
}

impl Statement {
    /// Signs a header over what is said.
    ///
    /// # Errors
    /// [`StatementError::SignatureInvalid`] when the key cannot sign; limits of lists.
    pub fn sign(header: Header, said: Said, key: &SigningKey) -> Result<Self, StatementError> {
        said.check()?;
        let signature = key.sign(label::STATEMENT_SIGN, &[&header.encode()])?;
        Ok(Self { header, signature, said })
    }

    /// The statement's id.
    #[must_use]
    pub fn id(&self) -> StatementId {
        self.header.id()
    }

    /// The statement's bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] over [`STATEMENT_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut bytes = self.header.encode();
        bytes.extend(codec::encode(&self.signature, SIGNATURE_BYTES)?);
        bytes.extend(codec::encode(&self.said, STATEMENT_BYTES_MAX)?);
        if bytes.len() > STATEMENT_BYTES_MAX {
            return Err(CodecError::TooLong { found: bytes.len(), max: STATEMENT_BYTES_MAX });
        }
        Ok(bytes)
    }

    /// Reads a statement. Neither signature nor commitment is checked yet.
    ///
    /// # Errors
    /// [`StatementError`] but for these two.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        let (header, signature) = decode_signed_header(bytes)?;
        let said = bytes.get(HEADER_BYTES + SIGNATURE_BYTES..).unwrap_or_default();
        let said: Said = codec::decode(said, STATEMENT_BYTES_MAX)?;
        said.check()?;
        Ok(Self { header, signature, said })
    }

    /// Checks that body and lists are what the header commits to, and the author's signature.
    ///
    /// # Errors
    /// [`StatementError::CommitmentBroken`], [`StatementError::SignatureInvalid`].
    pub fn verify(&self, author: &VerifyingKey) -> Result<(), StatementError> {
        if self.said.commitment() != self.header.commitment {
            return Err(StatementError::CommitmentBroken);
        }
        verify_header(&self.header, &self.signature, author)
    }
}

/// Reads what a statement's bytes begin with: fragment 0 holds it whole.
///
/// # Errors
/// [`StatementError::Malformed`].
pub fn decode_signed_header(bytes: &[u8]) -> Result<(Header, Signature), StatementError> {
    let header = bytes.get(..HEADER_BYTES).ok_or(CodecError::Malformed)?;
    let signature = bytes.get(HEADER_BYTES..HEADER_BYTES + SIGNATURE_BYTES).ok_or(CodecError::Malformed)?;
    Ok((Header::decode(header)?, codec::decode(signature, SIGNATURE_BYTES)?))
}

/// Checks an author's signature over a header.
///
/// # Errors
/// [`StatementError::SignatureInvalid`].
pub fn verify_header(
    header: &Header,
    signature: &Signature,
    author: &VerifyingKey,
) -> Result<(), StatementError> {
    Ok(author.verify(label::STATEMENT_SIGN, &[&header.encode()], signature)?)
}
