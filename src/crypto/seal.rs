//! ChaCha20-Poly1305 (RFC 8439) with derived keys, and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03)
//! with random nonces. A (key, nonce) pair is used once, ever. The tag has 16 bytes and follows the text.

use crate::secret::Secret;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, XChaCha20Poly1305, XNonce};

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// The seal does not open: wrong key, nonce or associated data, or altered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open")]
pub struct SealBroken;

/// A derived key with its nonce, for one seal: `key 32 ‖ nonce 12`.
pub struct OneTimeKey(pub Secret<44>);

impl OneTimeKey {
    fn split(&self) -> (Key, Nonce) {
        let bytes = self.0.expose();
        let mut key = Key::default();
        let mut nonce = Nonce::default();
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = *from;
        }
        for (to, from) in nonce.iter_mut().zip(bytes.iter().skip(32)) {
            *to = *from;
        }
        (key, nonce)
    }

    /// Seals `text` and uses the key up.
    #[must_use]
    pub fn seal(self, associated: &[u8], mut text: Vec<u8>) -> Vec<u8> {
        let (key, nonce) = self.split();
        seal_in_place(&ChaCha20Poly1305::new(&key), &nonce, associated, &mut text);
        text
    }

    /// Opens what [`OneTimeKey::seal`] made.
    ///
    /// # Errors
    /// [`SealBroken`].
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let (key, nonce) = self.split();
        open_copy(&ChaCha20Poly1305::new(&key), &nonce, associated, sealed)
    }
}

/// Seals `text` with XChaCha20-Poly1305 under a fresh random nonce.
#[must_use]
pub fn seal_random(key: &Secret<32>, nonce: &[u8; 24], associated: &[u8], mut text: Vec<u8>) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.expose()));
    seal_in_place(&cipher, &XNonce::from(*nonce), associated, &mut text);
    text
}

/// Opens what [`seal_random`] made.
///
/// # Errors
/// [`SealBroken`].
pub fn open_random(
    key: &Secret<32>,
    nonce: &[u8; 24],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, SealBroken> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.expose()));
    open_copy(&cipher, &XNonce::from(*nonce), associated, sealed)
}

fn seal_in_place<C: AeadInOut>(
    cipher: &C,
    nonce: &chacha20poly1305::aead::Nonce<C>,
    associated: &[u8],
    text: &mut Vec<u8>,
) {
    // Fails only past the cipher's limit of 256 GiB, far above any limit of a format.
    if cipher.encrypt_in_place(nonce, associated, text).is_err() {
        text.clear();
    }
}

fn open_copy<C: AeadInOut>(
    cipher: &C,
    nonce: &chacha20poly1305::aead::Nonce<C>,
    associated: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, SealBroken> {
    let mut text = sealed.to_vec();
    cipher.decrypt_in_place(nonce, associated, &mut text).map_err(|_| SealBroken)?;
    Ok(text)
}
