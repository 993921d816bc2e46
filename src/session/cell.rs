//! The cell: the fixed-size sealed unit that a relay keeps.
//!
//! ```text
//! cell 16,128 = nonce 24 ‖ sealed header 2,328 ‖ sealed body 13,776
//! header 2,312 = X25519 key 32 ‖ ML-KEM key 1,184 ‖ ML-KEM ciphertext 1,088 ‖ previous u32 ‖ number u32
//! body 13,760 = length u32 ‖ content ‖ zeros
//! header sealed: XChaCha20-Poly1305(header key, nonce, header; data)
//! body sealed:   ChaCha20-Poly1305(key ‖ nonce; data ‖ nonce ‖ sealed header)
//! key ‖ nonce 44 = HKDF(salt = nonce, ikm = message key, info = label)
//! data = label ‖ channel 32 ‖ sender's role u8
//! ```

use crate::codec::{self, CELL_BYTES, CellBytes, CodecError};
use crate::crypto::agree::{DhPublic, KemCiphertext, KemPublic};
use crate::crypto::derive::{expand, extract};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::seal::{OneTimeKey, SealBroken, TAG_BYTES, open_random, seal_random};
use crate::crypto::secret::Secret;
use crate::party::role::Role;
use bincode::{Decode, Encode};

/// Bytes of the nonce at a cell's head.
pub const NONCE_BYTES: usize = 24;
/// Bytes of a header before it is sealed.
pub const HEADER_BYTES: usize = 32 + 1184 + 1088 + 4 + 4;
/// Bytes of a body before it is sealed.
pub const BODY_BYTES: usize = CELL_BYTES - NONCE_BYTES - HEADER_BYTES - 2 * TAG_BYTES;
/// Bytes of content in a body, at most.
pub const CONTENT_BYTES_MAX: usize = BODY_BYTES - 4;

const SEALED_HEADER_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// What a sender makes public at a ratchet step, the same in every header of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StepPublic {
    /// The sender's X25519 key.
    pub dh: DhPublic,
    /// The sender's ML-KEM key.
    pub kem: KemPublic,
    /// A secret encapsulated to the peer's last ML-KEM key.
    pub ciphertext: KemCiphertext,
}

impl StepPublic {
    /// `SHA-256(label ‖ X25519 key ‖ ML-KEM key ‖ ciphertext)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(label::RATCHET_STEP, &[&self.dh.0, self.kem.0.as_ref(), self.ciphertext.0.as_ref()])
    }
}

/// A cell's header.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The chain's public values.
    pub step: StepPublic,
    /// Cells in the sender's previous chain.
    pub previous: u32,
    /// This cell's number in its chain, from 0.
    pub number: u32,
}

/// The associated data of a direction: `label ‖ channel ‖ sender's role`.
#[must_use]
pub fn direction(channel: &Digest, sender: Role) -> Vec<u8> {
    let mut data = label::CELL_DATA.bytes();
    data.extend_from_slice(&channel.0);
    data.push(sender.number());
    data
}

/// A sealed cell and the key to its body: whoever has both can show what is in the cell, and opens no other.
pub struct Sealed {
    /// The cell.
    pub cell: Box<CellBytes>,
    /// Key and nonce of its body.
    pub key: Secret<44>,
}

fn body_key(message_key: &Secret<32>, nonce: &[u8; NONCE_BYTES]) -> OneTimeKey {
    OneTimeKey(expand(&extract(nonce, &[message_key.expose()]), label::CELL_BODY, &[]))
}

/// Seals a cell. The random nonce makes the body's key one that was never used, even by a ratchet that was
/// rolled back.
///
/// # Errors
/// [`CodecError::TooLong`] when the content is over [`CONTENT_BYTES_MAX`].
pub fn seal(
    header_key: &Secret<32>,
    message_key: &Secret<32>,
    nonce: &[u8; NONCE_BYTES],
    direction: &[u8],
    header: &Header,
    content: &[u8],
) -> Result<Sealed, CodecError> {
    let body = codec::pad(content, BODY_BYTES)?;
    let sealed_header = seal_random(header_key, nonce, direction, codec::encode(header, HEADER_BYTES)?);
    let data = [direction, nonce, &sealed_header].concat();
    let once = body_key(message_key, nonce);
    let key = once.0.copy();
    let sealed_body = once.seal(&data, body);
    let cell = [nonce.as_slice(), &sealed_header, &sealed_body].concat();
    let cell = cell.into_boxed_slice().try_into().map_err(|_| CodecError::Malformed)?;
    Ok(Sealed { cell, key })
}

/// A cell in its three parts.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    nonce: &'a [u8; NONCE_BYTES],
    sealed_header: &'a [u8],
    sealed_body: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The parts of `cell`.
    #[must_use]
    pub fn of(cell: &'a CellBytes) -> Self {
        let (nonce, rest) = cell.split_first_chunk::<NONCE_BYTES>().unwrap_or((&[0; NONCE_BYTES], &[]));
        let (sealed_header, sealed_body) = rest.split_at(SEALED_HEADER_BYTES.min(rest.len()));
        Self { nonce, sealed_header, sealed_body }
    }

    /// Opens the header.
    ///
    /// # Errors
    /// [`SealBroken`] when the key is another's, or what opens is no header.
    pub fn open_header(&self, key: &Secret<32>, direction: &[u8]) -> Result<Header, SealBroken> {
        let header = open_random(key, self.nonce, direction, self.sealed_header)?;
        codec::decode(&header, HEADER_BYTES).map_err(|_| SealBroken)
    }

    /// Opens the body; gives its content.
    ///
    /// # Errors
    /// [`SealBroken`] when the key is another's, the header was exchanged, or the padding is not zero.
    pub fn open_body(&self, message_key: &Secret<32>, direction: &[u8]) -> Result<Vec<u8>, SealBroken> {
        self.open_shown(&body_key(message_key, self.nonce), direction)
    }

    /// Opens the body with its own key, as the sender shows it; needs no key of the ratchet. That the counterpart
    /// could open the cell does not follow: its header stays sealed, and its key may be another.
    ///
    /// # Errors
    /// As [`Parts::open_body`].
    pub fn open_shown(&self, key: &OneTimeKey, direction: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let data = [direction, self.nonce, self.sealed_header].concat();
        let body = zeroize::Zeroizing::new(key.open(&data, self.sealed_body)?);
        Ok(codec::unpad(&body).map_err(|_| SealBroken)?.to_vec())
    }
}
