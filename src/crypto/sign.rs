//! Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204, empty context): both sign `label ‖ message`, both must
//! verify. A signing key does nothing else. Queues use Ed25519 alone: their keys live as long as a queue.

use crate::digest::{Digest, digest};
use crate::label::Label;
use crate::secret::Secret;
use aws_lc_rs::signature::{KeyPair, ML_DSA_65, ML_DSA_65_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use bincode::{Decode, Encode};
use ed25519_dalek::Signer;
use rand_core::CryptoRng;

/// Bytes of an ML-DSA-65 public key.
pub const MLDSA_PUBLIC_BYTES: usize = 1952;
/// Bytes of an ML-DSA-65 signature.
pub const MLDSA_SIGNATURE_BYTES: usize = 3309;
/// Bytes of a hybrid signature: Ed25519 64 ‖ ML-DSA-65 3,309.
pub const SIGNATURE_BYTES: usize = 64 + MLDSA_SIGNATURE_BYTES;

/// A signature that does not hold, or a key that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// One of the two signatures, or both, does not hold.
    #[error("the signature does not hold")]
    SignatureInvalid,
    /// The library refused the key.
    #[error("the signing key is not usable")]
    KeyUnusable,
    /// The private half was erased for good.
    #[error("the signing key was erased when its vault was retired")]
    KeyErased,
}

fn message(label: Label, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = label.bytes();
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A hybrid public key: Ed25519 32 ‖ ML-DSA-65 1,952.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct VerifyingKey {
    /// Ed25519 public key.
    pub ed25519: [u8; 32],
    /// ML-DSA-65 public key.
    pub mldsa: Box<[u8; MLDSA_PUBLIC_BYTES]>,
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({:?})", Digest(self.ed25519))
    }
}

/// A hybrid signature.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Signature {
    /// Ed25519 signature.
    pub ed25519: [u8; 64],
    /// ML-DSA-65 signature.
    pub mldsa: Box<[u8; MLDSA_SIGNATURE_BYTES]>,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// The seeds of a hybrid signing key: what a vault keeps.
#[derive(Encode, Decode)]
pub struct SigningSeeds {
    ed25519: Secret<32>,
    mldsa: Secret<32>,
}

impl SigningSeeds {
    /// Fresh seeds.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self { ed25519: Secret::random(rng), mldsa: Secret::random(rng) }
    }

    /// From both seeds: RFC 8032's 32-byte private key and FIPS 204's ξ.
    #[must_use]
    pub const fn from_seeds(ed25519: Secret<32>, mldsa: Secret<32>) -> Self {
        Self { ed25519, mldsa }
    }
}

/// A hybrid signing key.
pub struct SigningKey {
    /// None once they are erased.
    private: Option<(ed25519_dalek::SigningKey, PqdsaKeyPair)>,
    public: VerifyingKey,
}

impl SigningKey {
    /// Expands both keys from their seeds.
    ///
    /// # Errors
    /// [`SignError::KeyUnusable`] when the library cannot expand a seed.
    pub fn expand(seeds: &SigningSeeds) -> Result<Self, SignError> {
        let ed25519 = ed25519_dalek::SigningKey::from_bytes(seeds.ed25519.expose());
        let mldsa = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seeds.mldsa.expose())
            .map_err(|_| SignError::KeyUnusable)?;
        let raw = mldsa.public_key().as_ref().to_vec();
        let raw: Box<[u8]> = raw.into_boxed_slice();
        let public = VerifyingKey {
            ed25519: ed25519.verifying_key().to_bytes(),
            mldsa: raw.try_into().map_err(|_| SignError::KeyUnusable)?,
        };
        Ok(Self { private: Some((ed25519, mldsa)), public })
    }

    /// What is left of a key whose private half was erased: it signs nothing.
    #[must_use]
    pub const fn erased(public: VerifyingKey) -> Self {
        Self { private: None, public }
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs `label ‖ parts` with both keys. ML-DSA signs hedged: two signatures of one message differ.
    ///
    /// # Errors
    /// [`SignError::KeyErased`]; [`SignError::KeyUnusable`] when the library fails.
    pub fn sign(&self, label: Label, parts: &[&[u8]]) -> Result<Signature, SignError> {
        let (ed25519, lattice) = self.private.as_ref().ok_or(SignError::KeyErased)?;
        let message = message(label, parts);
        let mut mldsa = Box::new([0; MLDSA_SIGNATURE_BYTES]);
        let length = lattice.sign(&message, mldsa.as_mut()).map_err(|_| SignError::KeyUnusable)?;
        if length != MLDSA_SIGNATURE_BYTES {
            return Err(SignError::KeyUnusable);
        }
        Ok(Signature { ed25519: ed25519.sign(&message).to_bytes(), mldsa })
    }
}

impl VerifyingKey {
    /// Verifies both signatures over `label ‖ parts`: Ed25519 strictly (no small-order keys, one encoding).
    ///
    /// # Errors
    /// [`SignError::SignatureInvalid`] unless both hold.
    pub fn verify(&self, label: Label, parts: &[&[u8]], signature: &Signature) -> Result<(), SignError> {
        let message = message(label, parts);
        verify_ed25519(&self.ed25519, &message, &signature.ed25519)?;
        verify_mldsa(&self.mldsa, &message, &signature.mldsa)
    }

    /// Whether either component is the other's as well.
    #[must_use]
    pub fn shares_with(&self, other: &Self) -> bool {
        self.ed25519 == other.ed25519 || self.mldsa == other.mldsa
    }

    /// `label`'s digest over both keys.
    #[must_use]
    pub fn digest(&self, label: Label) -> Digest {
        digest(label, &[&self.ed25519, self.mldsa.as_ref()])
    }
}

/// Verifies an Ed25519 signature strictly.
pub(super) fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), SignError> {
    ed25519_dalek::VerifyingKey::from_bytes(key)
        .and_then(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)))
        .map_err(|_| SignError::SignatureInvalid)
}

/// Verifies an ML-DSA-65 signature with an empty context.
pub(super) fn verify_mldsa(
    key: &[u8; MLDSA_PUBLIC_BYTES],
    message: &[u8],
    signature: &[u8; MLDSA_SIGNATURE_BYTES],
) -> Result<(), SignError> {
    UnparsedPublicKey::new(&ML_DSA_65, key.as_slice())
        .verify(message, signature.as_slice())
        .map_err(|_| SignError::SignatureInvalid)
}

/// A queue's Ed25519 private key: its reader's or its writer's.
#[derive(Encode, Decode)]
pub struct QueueSecret(Secret<32>);

/// A queue's Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct QueueKey(pub [u8; 32]);

/// A signature by a queue's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct QueueSignature(pub [u8; 64]);

impl QueueSecret {
    /// A fresh key.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// From RFC 8032's 32-byte private key.
    #[must_use]
    pub const fn from_seed(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// A second copy, for the invite's bootstrap capability and for state that moves on.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> QueueKey {
        QueueKey(ed25519_dalek::SigningKey::from_bytes(self.0.expose()).verifying_key().to_bytes())
    }

    /// Signs `label ‖ parts`.
    #[must_use]
    pub fn sign(&self, label: Label, parts: &[&[u8]]) -> QueueSignature {
        let key = ed25519_dalek::SigningKey::from_bytes(self.0.expose());
        QueueSignature(key.sign(&message(label, parts)).to_bytes())
    }
}

impl QueueKey {
    /// Verifies a signature over `label ‖ parts`, strictly.
    ///
    /// # Errors
    /// [`SignError::SignatureInvalid`].
    pub fn verify(&self, label: Label, parts: &[&[u8]], signature: &QueueSignature) -> Result<(), SignError> {
        verify_ed25519(&self.0, &message(label, parts), &signature.0)
    }
}
