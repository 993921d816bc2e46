//! A frame: what one TLS record carries, the same size in both directions whatever it carries.
//!
//! ```text
//! envelope 256 = length u32 ‖ version u8 = 1 ‖ request or reply ‖ zeros
//! cell  16,128 = a cell, what belongs to a deposit (`deposit.rs`), or zeros
//! ```

use crate::codec::{self, CellBytes, CodecError};
use crate::wire::limit::{ENVELOPE_BYTES, FRAME_BYTES};
use crate::wire::reply::Reply;
use crate::wire::request::Request;
use bincode::{Decode, Encode};

const VERSION: u8 = 1;

/// A frame's bytes, boxed: they are moved between tasks.
pub type FrameBytes = Box<[u8; FRAME_BYTES]>;

/// A frame that is not of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The envelope is no request or reply, or its padding is not zero.
    #[error("the envelope is malformed: {0}")]
    Envelope(#[from] CodecError),
    /// A version this program does not know.
    #[error("the frame has version {0}; this program knows version 1")]
    VersionUnknown(u8),
    /// A cell where none belongs.
    #[error("the frame carries a cell where none belongs")]
    CellUnexpected,
}

/// What a frame says, and what its cell area carries where it carries something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed<T> {
    /// The request or reply.
    pub said: T,
    /// The cell area: with a put and a [`Reply::Cell`] a cell; with a [`Reply::Serving`] and a [`Reply::Stored`]
    /// what is in [`crate::wire::deposit`].
    pub cell: Option<Box<CellBytes>>,
}

/// Whether a frame's cell area carries something.
enum Carries {
    Nothing,
    Cell,
    /// Zeros are nothing.
    Deposit,
}

impl Framed<Request> {
    /// A request without a cell, or a put with one.
    #[must_use]
    pub const fn new(said: Request, cell: Option<Box<CellBytes>>) -> Self {
        Self { said, cell }
    }

    /// The frame's bytes.
    ///
    /// # Errors
    /// Never for a request this crate builds.
    pub fn encode(&self) -> Result<FrameBytes, FrameError> {
        encode(&self.said, self.cell.as_deref())
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn decode(bytes: &[u8; FRAME_BYTES]) -> Result<Self, FrameError> {
        decode(bytes, |said| match said {
            Request::Put { .. } => Carries::Cell,
            _ => Carries::Nothing,
        })
    }
}

impl Framed<Reply> {
    /// A reply, and what its cell area carries.
    #[must_use]
    pub const fn new(said: Reply, cell: Option<Box<CellBytes>>) -> Self {
        Self { said, cell }
    }

    /// The frame's bytes.
    ///
    /// # Errors
    /// Never for a reply this crate builds.
    pub fn encode(&self) -> Result<FrameBytes, FrameError> {
        encode(&self.said, self.cell.as_deref())
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn decode(bytes: &[u8; FRAME_BYTES]) -> Result<Self, FrameError> {
        decode(bytes, |said| match said {
            Reply::Cell { .. } => Carries::Cell,
            Reply::Serving { .. } | Reply::Stored { .. } => Carries::Deposit,
            _ => Carries::Nothing,
        })
    }
}

fn encode<T: Encode>(said: &T, cell: Option<&CellBytes>) -> Result<FrameBytes, FrameError> {
    let mut content = vec![VERSION];
    content.extend(codec::encode(said, ENVELOPE_BYTES)?);
    let mut frame = vec![0; FRAME_BYTES];
    let (envelope, carried) = frame.split_at_mut(ENVELOPE_BYTES);
    envelope.copy_from_slice(&codec::pad(&content, ENVELOPE_BYTES)?);
    if let Some(cell) = cell {
        carried.copy_from_slice(cell);
    }
    frame.into_boxed_slice().try_into().map_err(|_| FrameError::Envelope(CodecError::Malformed))
}

fn decode<T: Encode + Decode<()>>(
    bytes: &[u8; FRAME_BYTES],
    carries: impl Fn(&T) -> Carries,
) -> Result<Framed<T>, FrameError> {
    let (envelope, cell) = bytes.split_at(ENVELOPE_BYTES);
    let (version, said) = codec::unpad(envelope)?.split_first().ok_or(CodecError::Malformed)?;
    if *version != VERSION {
        return Err(FrameError::VersionUnknown(*version));
    }
    let said: T = codec::decode(said, ENVELOPE_BYTES)?;
    let empty = codec::is_zero(cell);
    let cell = match (carries(&said), empty) {
        (Carries::Nothing, false) => return Err(FrameError::CellUnexpected),
        (Carries::Nothing | Carries::Deposit, true) => None,
        (Carries::Cell, _) | (Carries::Deposit, false) => {
            Some(Box::<CellBytes>::try_from(Box::<[u8]>::from(cell)).map_err(|_| CodecError::Malformed)?)
        }
    };
    Ok(Framed { said, cell })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::CELL_BYTES;
    use crate::crypto::digest::Digest;
    use crate::crypto::sign::{QueueKey, QueueSignature};
    use crate::time::UnixMillis;
    use crate::wire::pass::Token;
    use crate::wire::queue::{CellHash, QueueId};
    use crate::wire::reply::PutProof;
    use crate::wire::request::Open;

    #[test]
    fn the_longest_request_and_reply_fit_an_envelope() {
        let id = QueueId(Digest([0xff; 32]));
        let signature = QueueSignature([0xff; 64]);
        let key = QueueKey([0xff; 32]);
        let open = Open {
            token: Token([0xff; 32]),
            reader: id,
            writer: id,
            reader_key: key,
            writer_key: key,
            signature,
        };
        let framed = Framed::<Request>::new(Request::Open(open), None);
        assert_eq!(Framed::<Request>::decode(&framed.encode().unwrap()).unwrap(), framed);
        let last = Some(PutProof { index: u64::MAX, cell: CellHash(Digest([0xff; 32])), signature });
        let serving = Reply::Serving { clock: UnixMillis(u64::MAX), low: u64::MAX, next: u64::MAX, last };
        let framed = Framed::<Reply>::new(serving, None);
        assert_eq!(Framed::<Reply>::decode(&framed.encode().unwrap()).unwrap(), framed);
    }

    #[test]
    fn only_what_may_carry_something_does() {
        let put = Framed::<Request>::new(
            Request::Put { index: 3, signature: QueueSignature([1; 64]) },
            Some(Box::new([9; CELL_BYTES])),
        );
        assert_eq!(Framed::<Request>::decode(&put.encode().unwrap()).unwrap(), put);
        let mut close = Framed::<Request>::new(Request::Close, None).encode().unwrap();
        assert!(Framed::<Request>::decode(&close).is_ok());
        close[FRAME_BYTES - 1] = 1;
        assert_eq!(Framed::<Request>::decode(&close).err(), Some(FrameError::CellUnexpected));
        let stored = Reply::Stored { first: 3, count: 1, clock: UnixMillis(4) };
        for (reply, may) in [(stored, true), (Reply::Rekeyed, false)] {
            let mut frame = Framed::<Reply>::new(reply, None).encode().unwrap();
            assert_eq!(Framed::<Reply>::decode(&frame).unwrap().cell, None);
            frame[FRAME_BYTES - 1] = 1;
            assert_eq!(Framed::<Reply>::decode(&frame).is_ok(), may);
        }
    }

    #[test]
    fn another_version_and_dirty_padding_are_refused() {
        let mut close = Framed::<Request>::new(Request::Close, None).encode().unwrap();
        close[255] = 1;
        assert!(matches!(
            Framed::<Request>::decode(&close),
            Err(FrameError::Envelope(CodecError::DirtyPadding))
        ));
        close[255] = 0;
        close[4] = 2;
        assert_eq!(Framed::<Request>::decode(&close).err(), Some(FrameError::VersionUnknown(2)));
    }
}
