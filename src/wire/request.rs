//! What a client asks of a relay. One request a frame; only a put's frame carries a cell.

use crate::crypto::digest::Digest;
use crate::crypto::label;
use crate::crypto::sign::{QueueKey, QueueSecret, QueueSignature, SignError};
use crate::wire::pass::Token;
use crate::wire::queue::{Exporter, QueueId, QueueRole};
use bincode::{Decode, Encode};

/// A request. In the envelope a `u32` of the variant, then its fields.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// First frame of a connection: proves the key of a queue's reader or writer.
    Prove {
        /// As reader or as writer.
        role: QueueRole,
        /// The reader id or the writer id.
        id: QueueId,
        /// See [`crate::wire::queue::prove`].
        signature: QueueSignature,
    },
    /// First frame of a connection: opens a queue and serves it as its reader.
    Open(Open),
    /// Stores the frame's cell at an index, once.
    Put {
        /// The index, from 0.
        index: u64,
        /// See [`crate::wire::queue::sign_put`].
        signature: QueueSignature,
    },
    /// Asks for stored cells; waits where there is none. One waits at a time: it is answered `Empty` when
    /// another get comes on the same connection.
    Get {
        /// The first index wanted.
        from: u64,
        /// Cells wanted, 1 to [`crate::wire::limit::GET_COUNT_MAX`].
        count: u16,
        /// How long to wait for the first, in milliseconds.
        wait_ms: u32,
    },
    /// Lets the relay forget every cell below an index.
    Drop {
        /// The first index that stays.
        below: u64,
    },
    /// Replaces the writer's id and key.
    Rekey {
        /// The new writer id.
        writer: QueueId,
        /// The new writer's key.
        key: QueueKey,
        /// See [`crate::wire::queue::sign_rekey`].
        signature: QueueSignature,
    },
    /// Closes the queue and forgets what it holds.
    Close,
}

/// Opens a queue. Asked again with the same ids and keys it changes nothing and spends no token.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Open {
    /// Leave to open, once.
    pub token: Token,
    /// The new queue's reader id.
    pub reader: QueueId,
    /// The new queue's writer id.
    pub writer: QueueId,
    /// The reader's key.
    pub reader_key: QueueKey,
    /// The writer's key.
    pub writer_key: QueueKey,
    /// By the reader's key over `label ‖ exporter ‖ token ‖ reader id ‖ writer id ‖ reader key ‖ writer key`.
    pub signature: QueueSignature,
}

impl Open {
    /// A signed opening for one connection.
    #[must_use]
    pub fn new(
        token: Token,
        (reader, reader_secret): (QueueId, &QueueSecret),
        (writer, writer_key): (QueueId, QueueKey),
        exporter: &Exporter,
    ) -> Self {
        let signature = QueueSignature([0; 64]);
        let mut open =
            Self { token, reader, writer, reader_key: reader_secret.public(), writer_key, signature };
        open.signature = reader_secret.sign(label::QUEUE_OPEN, &open.signed(exporter));
        open
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`SignError::SignatureInvalid`].
    pub fn check(&self, exporter: &Exporter) -> Result<(), SignError> {
        self.reader_key.verify(label::QUEUE_OPEN, &self.signed(exporter), &self.signature)
    }

    fn signed<'a>(&'a self, exporter: &'a Exporter) -> [&'a [u8]; 6] {
        let (QueueId(Digest(reader)), QueueId(Digest(writer))) = (&self.reader, &self.writer);
        [&exporter.0, &self.token.0, reader, writer, &self.reader_key.0, &self.writer_key.0]
    }
}
