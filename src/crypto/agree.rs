//! X25519 (RFC 7748) and ML-KEM-768 (FIPS 203): key agreement, for one use per key.

use crate::secret::Secret;
use bincode::{Decode, Encode};
use libcrux_ml_kem::mlkem768;
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Bytes of an ML-KEM-768 encapsulation key.
pub const KEM_PUBLIC_BYTES: usize = 1184;
/// Bytes of an ML-KEM-768 ciphertext.
pub const KEM_CIPHERTEXT_BYTES: usize = 1088;

/// A key or ciphertext that the standard tells to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgreeError {
    /// RFC 7748, section 6.1: the peer's key contributed nothing; the shared secret is all zeros.
    #[error("the agreement key contributes nothing")]
    NonContributory,
    /// FIPS 203, section 7.2: the encapsulation key fails its modulus check.
    #[error("the encapsulation key is not valid")]
    KemKeyInvalid,
}

/// A public X25519 key: a little-endian u-coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct DhPublic(pub [u8; 32]);

/// A private X25519 key.
#[derive(Encode, Decode)]
pub struct DhSecret(Secret<32>);

impl DhSecret {
    /// A fresh key.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// From the scalar's 32 bytes, before clamping.
    #[must_use]
    pub const fn from_bytes(scalar: Secret<32>) -> Self {
        Self(scalar)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> DhPublic {
        DhPublic(PublicKey::from(&StaticSecret::from(*self.0.expose())).to_bytes())
    }

    /// The shared secret with `peer`.
    ///
    /// # Errors
    /// [`AgreeError::NonContributory`] where it would be all zeros.
    pub fn agree(&self, peer: &DhPublic) -> Result<Secret<32>, AgreeError> {
        let shared = StaticSecret::from(*self.0.expose()).diffie_hellman(&PublicKey::from(peer.0));
        if !shared.was_contributory() {
            return Err(AgreeError::NonContributory);
        }
        Ok(Secret::fill(|out| out.copy_from_slice(shared.as_bytes())))
    }
}

/// An ML-KEM-768 encapsulation key, as encoded in FIPS 203. Not yet checked: [`encapsulate`] does.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct KemPublic(pub Box<[u8; KEM_PUBLIC_BYTES]>);

impl std::fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KemPublic({}..)", crate::digest::hex(self.0.first_chunk::<4>().unwrap_or(&[0; 4])))
    }
}

/// An ML-KEM-768 ciphertext.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct KemCiphertext(pub Box<[u8; KEM_CIPHERTEXT_BYTES]>);

impl std::fmt::Debug for KemCiphertext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KemCiphertext({}..)", crate::digest::hex(self.0.first_chunk::<4>().unwrap_or(&[0; 4])))
    }
}

/// An ML-KEM-768 decapsulation key, kept as its 64-byte seed `d ‖ z` (FIPS 203, section 7.1).
#[derive(Encode, Decode)]
pub struct KemSecret(Secret<64>);

impl KemSecret {
    /// A fresh key.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// From its seed `d ‖ z`.
    #[must_use]
    pub const fn from_seed(seed: Secret<64>) -> Self {
        Self(seed)
    }

    /// The encapsulation key.
    #[must_use]
    pub fn public(&self) -> KemPublic {
        let pair = mlkem768::generate_key_pair(*self.0.expose());
        KemPublic(Box::new(*pair.pk()))
    }

    /// The shared secret in `ciphertext`. A ciphertext made for another key gives an unrelated secret
    /// (implicit rejection, FIPS 203, section 6.3).
    #[must_use]
    pub fn decapsulate(&self, ciphertext: &KemCiphertext) -> Secret<32> {
        let pair = mlkem768::generate_key_pair(*self.0.expose());
        let mut shared = mlkem768::decapsulate(pair.private_key(), &(&*ciphertext.0).into());
        Secret::take(&mut shared)
    }
}

/// A fresh shared secret and the ciphertext that carries it to `peer`.
///
/// # Errors
/// [`AgreeError::KemKeyInvalid`] when `peer` fails FIPS 203's check of encapsulation keys.
pub fn encapsulate(
    peer: &KemPublic,
    rng: &mut dyn CryptoRng,
) -> Result<(KemCiphertext, Secret<32>), AgreeError> {
    let key = (&*peer.0).into();
    if !mlkem768::validate_public_key(&key) {
        return Err(AgreeError::KemKeyInvalid);
    }
    let mut randomness = Zeroizing::new([0; 32]);
    rng.fill_bytes(randomness.as_mut());
    let (ciphertext, mut shared) = mlkem768::encapsulate(&key, *randomness);
    Ok((KemCiphertext(Box::new(*ciphertext.as_slice())), Secret::take(&mut shared)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_all_zero_agreement_is_refused() {
        let mut scalar = [7; 32];
        let secret = DhSecret::from_bytes(Secret::take(&mut scalar));
        for low_order in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert_eq!(secret.agree(&DhPublic(low_order)).err(), Some(AgreeError::NonContributory));
        }
    }

    #[test]
    fn an_encapsulation_key_past_the_modulus_is_refused() {
        let mut seed = [9; 64];
        let mut public = KemSecret::from_seed(Secret::take(&mut seed)).public();
        public.0[0] = 0xff;
        public.0[1] = 0xff;
        struct Fixed;
        impl rand_core::TryRng for Fixed {
            type Error = core::convert::Infallible;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok(1)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(1)
            }
            fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
                to.fill(1);
                Ok(())
            }
        }
        impl rand_core::TryCryptoRng for Fixed {}
        assert_eq!(encapsulate(&public, &mut Fixed).err(), Some(AgreeError::KemKeyInvalid));
    }
}
