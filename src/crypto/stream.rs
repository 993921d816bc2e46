//! A long text sealed in chunks that stay in their order and end where they ended: STREAM (Hoang, Reyhanitabar,
//! Rogaway, Vizár: Online Authenticated-Encryption, CRYPTO 2015) over XChaCha20-Poly1305, as age seals a file.
//! A key seals one stream, ever. May not know what the text is.
//!
//! ```text
//! chunk i = XChaCha20-Poly1305(key, nonce, text of 65,536 bytes; no associated data), tag last
//! nonce   = zeros 15 ‖ i u64, big-endian, from 0 ‖ 1 for the last chunk, else 0
//! ```
//! The last chunk has 1 to 65,536 bytes of text; all before it are full. A stream is never empty.

use crate::seal::{SealBroken, TAG_BYTES, open_random, seal_random};
use crate::secret::Secret;

/// Bytes of text in every chunk but the last, which has no more.
pub const CHUNK_TEXT_BYTES: usize = 65_536;
/// Bytes of every sealed chunk but the last, which has no more.
pub const CHUNK_BYTES: usize = CHUNK_TEXT_BYTES + TAG_BYTES;

/// The key of one stream, and which chunk comes next.
pub struct StreamKey {
    key: Secret<32>,
    next: u64,
}

impl StreamKey {
    /// A stream at its beginning. `key` seals nothing else.
    #[must_use]
    pub const fn new(key: Secret<32>) -> Self {
        Self { key, next: 0 }
    }

    fn nonce(&mut self, last: bool) -> [u8; 24] {
        let mut nonce = [0; 24];
        let fields = self.next.to_be_bytes().into_iter().chain([u8::from(last)]);
        nonce.iter_mut().skip(15).zip(fields).for_each(|(to, from)| *to = from);
        // 2⁶⁴ chunks are more than any disk holds.
        self.next = self.next.saturating_add(1);
        nonce
    }

    /// Seals the next chunk.
    #[must_use]
    pub fn seal(&mut self, text: Vec<u8>, last: bool) -> Vec<u8> {
        let nonce = self.nonce(last);
        seal_random(&self.key, &nonce, &[], text)
    }

    /// Opens the next chunk. After an error the stream is given up.
    ///
    /// # Errors
    /// [`SealBroken`]: altered, out of its order, of another stream, or the last one where it is not.
    pub fn open(&mut self, sealed: &[u8], last: bool) -> Result<Vec<u8>, SealBroken> {
        let nonce = self.nonce(last);
        open_random(&self.key, &nonce, &[], sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> StreamKey {
        StreamKey::new(Secret::take(&mut [seed; 32]))
    }

    fn sealed(seed: u8) -> Vec<Vec<u8>> {
        let mut key = key(seed);
        let last = [b"one".as_slice(), b"two", b"two", b"end"];
        (0..4).map(|at| key.seal(last[at].to_vec(), at == 3)).collect()
    }

    fn opens(chunks: &[&Vec<u8>]) -> bool {
        let mut key = key(1);
        let last = chunks.len() - 1;
        chunks.iter().enumerate().all(|(at, chunk)| key.open(chunk, at == last).is_ok())
    }

    #[test]
    fn a_stream_opens_whole_and_in_its_order_or_not_at_all() {
        let chunks = sealed(1);
        let [one, two, same, end] = &chunks[..] else { panic!() };
        assert!(opens(&[one, two, same, end]));
        // Equal texts are unlike, so that a repeated chunk is no other.
        assert_ne!(two, same);
        let other = &sealed(2)[1];
        for wrong in [
            vec![one, two, same],
            vec![one, two, end],
            vec![two, one, same, end],
            vec![one, same, two, end],
            vec![one, two, two, same, end],
            vec![one, two, same, end, end],
            vec![one, other, same, end],
            vec![end],
            vec![one],
        ] {
            assert!(!opens(&wrong));
        }
        for at in 0..end.len() {
            let mut flipped = end.clone();
            flipped[at] ^= 1;
            assert!(!opens(&[one, two, same, &flipped]), "byte {at}");
        }
    }
}
