//! Queues as the wire names them: ids, roles, and what their keys sign.

use crate::codec::CellBytes;
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::sign::{QueueKey, QueueSecret, QueueSignature, SignError};
use bincode::{Decode, Encode};

/// A random id by which a queue's reader, or its writer, names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct QueueId(pub Digest);

/// What a connection may do with its queue. On the wire a `u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum QueueRole {
    /// Gets, drops, rekeys, closes.
    Reader,
    /// Puts.
    Writer,
}

/// The hash of a cell: `SHA-256(label ‖ cell)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct CellHash(pub Digest);

impl CellHash {
    /// The hash of `cell`.
    #[must_use]
    pub fn of(cell: &CellBytes) -> Self {
        Self(digest(label::CELL, &[cell]))
    }
}

/// What makes a connection unlike any other: 32 bytes of keying material exported from its TLS session
/// (RFC 8446, section 7.5) under [`label::LINK_EXPORTER`], with an empty context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exporter(pub [u8; 32]);

fn role_byte(role: QueueRole) -> [u8; 1] {
    match role {
        QueueRole::Reader => [0],
        QueueRole::Writer => [1],
    }
}

/// Proves a queue's key on one connection: a signature over `label ‖ exporter ‖ role u8 ‖ queue id`.
#[must_use]
pub fn prove(secret: &QueueSecret, exporter: &Exporter, role: QueueRole, id: &QueueId) -> QueueSignature {
    secret.sign(label::QUEUE_PROVE, &[&exporter.0, &role_byte(role), &id.0.0])
}

/// Checks what [`prove`] made.
///
/// # Errors
/// [`SignError::SignatureInvalid`].
pub fn check_proof(
    key: &QueueKey,
    exporter: &Exporter,
    role: QueueRole,
    id: &QueueId,
    signature: &QueueSignature,
) -> Result<(), SignError> {
    key.verify(label::QUEUE_PROVE, &[&exporter.0, &role_byte(role), &id.0.0], signature)
}

/// Signs a put: `label ‖ writer id ‖ index u64 ‖ cell hash`.
#[must_use]
pub fn sign_put(secret: &QueueSecret, writer: &QueueId, index: u64, cell: &CellHash) -> QueueSignature {
    secret.sign(label::QUEUE_PUT, &[&writer.0.0, &index.to_le_bytes(), &cell.0.0])
}

/// Checks what [`sign_put`] made.
///
/// # Errors
/// [`SignError::SignatureInvalid`].
pub fn check_put(
    key: &QueueKey,
    writer: &QueueId,
    index: u64,
    cell: &CellHash,
    signature: &QueueSignature,
) -> Result<(), SignError> {
    key.verify(label::QUEUE_PUT, &[&writer.0.0, &index.to_le_bytes(), &cell.0.0], signature)
}

/// Signs a rekey: `label ‖ reader id ‖ new writer id ‖ new writer key`.
#[must_use]
pub fn sign_rekey(
    secret: &QueueSecret,
    reader: &QueueId,
    writer: &QueueId,
    key: &QueueKey,
) -> QueueSignature {
    secret.sign(label::QUEUE_REKEY, &[&reader.0.0, &writer.0.0, &key.0])
}

/// Checks what [`sign_rekey`] made.
///
/// # Errors
/// [`SignError::SignatureInvalid`].
pub fn check_rekey(
    reader_key: &QueueKey,
    reader: &QueueId,
    writer: &QueueId,
    key: &QueueKey,
    signature: &QueueSignature,
) -> Result<(), SignError> {
    reader_key.verify(label::QUEUE_REKEY, &[&reader.0.0, &writer.0.0, &key.0], signature)
}
