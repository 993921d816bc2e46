//! The one encoding of everything that crosses a wire, is signed or reaches a disk.
//!
//! bincode 2 with fixed-width little-endian integers: an integer takes its own width, a byte array its
//! length, a `Vec` or `String` a `u64` count and then its elements, an `Option` one byte (0 or 1), an
//! enum a `u32` of its variant. There is one encoding of a value: [`decode`] refuses trailing bytes and
//! whatever does not encode back to the bytes that came. May not know any type of the protocol.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian, NoLimit};
use bincode::{Decode, Encode};

/// Bytes of a cell: the fixed-size sealed unit a relay keeps.
pub const CELL_BYTES: usize = 16_128;

/// A cell's bytes.
pub type CellBytes = [u8; CELL_BYTES];

/// Bytes that are not the one encoding of a value of the asked type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than the format allows.
    #[error("{found} bytes where at most {max} are allowed")]
    TooLong {
        /// Bytes that came.
        found: usize,
        /// The format's limit.
        max: usize,
    },
    /// Not a value of this type, or cut short.
    #[error("the bytes are not a value of the expected form")]
    Malformed,
    /// A value, followed by more bytes.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// Another encoding of a value than the one allowed.
    #[error("the bytes are not the one encoding of their value")]
    NotCanonical,
    /// Padding that is not zero.
    #[error("the padding is not zero")]
    DirtyPadding,
}

const fn config() -> Configuration<LittleEndian, Fixint, NoLimit> {
    bincode::config::standard().with_fixed_int_encoding()
}

/// Decoding may claim this much memory for one value: lists of small records take more in memory than in bytes.
const CLAIM_BYTES_MAX: usize = 64 << 20;

const fn decoding() -> Configuration<LittleEndian, Fixint, Limit<CLAIM_BYTES_MAX>> {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<CLAIM_BYTES_MAX>()
}

/// Encodes `value`.
///
/// # Errors
/// [`CodecError::TooLong`] when the encoding takes more than `max` bytes.
pub fn encode<T: Encode>(value: &T, max: usize) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::encode_to_vec(value, config()).map_err(|_| CodecError::Malformed)?;
    if bytes.len() > max {
        return Err(CodecError::TooLong { found: bytes.len(), max });
    }
    Ok(bytes)
}

/// Decodes the whole of `bytes` as one value.
///
/// # Errors
/// Every form but the one [`encode`] gives; see [`CodecError`].
pub fn decode<T: Encode + Decode<()>>(bytes: &[u8], max: usize) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(CodecError::TooLong { found: bytes.len(), max });
    }
    let (value, read) = decode_first(bytes, max)?;
    if read != bytes.len() {
        return Err(CodecError::Trailing(bytes.len() - read));
    }
    Ok(value)
}

/// Decodes the value of at most `max` bytes that `bytes` begin with; and how many it takes.
///
/// # Errors
/// As [`decode`], but for what follows the value.
pub fn decode_first<T: Encode + Decode<()>>(bytes: &[u8], max: usize) -> Result<(T, usize), CodecError> {
    let within = bytes.get(..max).unwrap_or(bytes);
    let (value, read) =
        bincode::decode_from_slice::<T, _>(within, decoding()).map_err(|_| CodecError::Malformed)?;
    let again =
        zeroize::Zeroizing::new(bincode::encode_to_vec(&value, config()).map_err(|_| CodecError::Malformed)?);
    if within.get(..read) != Some(again.as_slice()) {
        return Err(CodecError::NotCanonical);
    }
    Ok((value, read))
}

/// `content` as a fixed number of bytes: `length u32 ‖ content ‖ zeros`.
///
/// # Errors
/// [`CodecError::TooLong`] when the content and its length do not fit.
pub fn pad(content: &[u8], size: usize) -> Result<Vec<u8>, CodecError> {
    let max = size.saturating_sub(4);
    let found = content.len();
    let length = u32::try_from(found).map_err(|_| CodecError::TooLong { found, max })?;
    if found > max {
        return Err(CodecError::TooLong { found, max });
    }
    let mut out = vec![0; size];
    if let Some((before, rest)) = out.split_first_chunk_mut() {
        *before = length.to_le_bytes();
        if let Some(to) = rest.get_mut(..found) {
            to.copy_from_slice(content);
        }
    }
    Ok(out)
}

/// The content of bytes made by [`pad`].
///
/// # Errors
/// A length past the end, or padding that is not zero.
pub fn unpad(padded: &[u8]) -> Result<&[u8], CodecError> {
    let (length, rest) = padded.split_first_chunk::<4>().ok_or(CodecError::Malformed)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (content, zeros) = rest.split_at_checked(length).ok_or(CodecError::Malformed)?;
    if !is_zero(zeros) {
        return Err(CodecError::DirtyPadding);
    }
    Ok(content)
}

/// Whether every byte is zero.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 256] = [0; 256];
    bytes.chunks(ZEROS.len()).all(|chunk| ZEROS.starts_with(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_encoding_and_nothing_follows_it() {
        let bytes = encode(&(7u16, vec![1u8, 2]), 64).unwrap();
        assert_eq!(bytes, [7, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(decode::<(u16, Vec<u8>)>(&bytes, 64).unwrap(), (7, vec![1, 2]));
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode::<(u16, Vec<u8>)>(&longer, 64), Err(CodecError::Trailing(1)));
        assert_eq!(decode::<(u16, Vec<u8>)>(&bytes[..11], 64), Err(CodecError::Malformed));
        assert!(matches!(decode::<(u16, Vec<u8>)>(&bytes, 11), Err(CodecError::TooLong { .. })));
    }

    #[test]
    fn a_length_that_no_memory_could_hold_is_refused() {
        let mut bytes = vec![0xff; 8];
        bytes.extend_from_slice(&[0; 32]);
        assert_eq!(decode::<Vec<u8>>(&bytes, 64), Err(CodecError::Malformed));
        assert_eq!(decode::<Vec<u64>>(&bytes, 64), Err(CodecError::Malformed));
    }

    #[test]
    fn dirty_padding_is_refused() {
        let mut padded = pad(b"abc", 16).unwrap();
        assert_eq!(unpad(&padded).unwrap(), b"abc");
        padded[15] = 1;
        assert_eq!(unpad(&padded), Err(CodecError::DirtyPadding));
        assert_eq!(unpad(&[200, 0, 0, 0, 1]), Err(CodecError::Malformed));
        assert!(pad(&[0; 13], 16).is_err());
    }
}
