//! How a passphrase holds a vault's key.
//!
//! ```text
//! clear    = version u8 = 1 ‖ memory in KiB u32 ‖ passes u32 ‖ lanes u32 ‖ vault id 32 ‖ salt 32
//! wrap key = HKDF-Expand(Argon2id(passphrase in NFC, salt), label "vault/wrap" ‖ clear, 32)
//! wrapped  = nonce 24, random ‖ XChaCha20-Poly1305(wrap key, nonce, associated data: clear, vault key), tag last
//! ```

use crate::codec;
use crate::crypto::derive::expand;
use crate::crypto::label;
use crate::crypto::seal::{open_random, seal_random};
use crate::crypto::secret::Secret;
use crate::host::vault::error::VaultError;
use crate::host::vault::seal::VaultId;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

const VERSION: u8 = 1;
const MIB: u32 = 1024;
const MEMORY_MIB: std::ops::RangeInclusive<u32> = 1..=4096;
/// Beyond what anyone waits for: a damaged count must not keep a machine busy for days.
const PASSES: std::ops::RangeInclusive<u32> = 1..=64;
const LANES: std::ops::RangeInclusive<u32> = 1..=16;

/// What a guess of the passphrase costs (Argon2id, RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in MiB, 1 to 4,096.
    pub memory_mib: u32,
    /// Passes over it, 1 to 64.
    pub passes: u32,
    /// Lanes, 1 to 16.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self { memory_mib: 256, passes: 4, lanes: 1 }
    }
}

impl PassphraseCost {
    /// The least that is accepted: for tests and demonstrations.
    pub const LEAST: Self = Self { memory_mib: 1, passes: 1, lanes: 1 };

    fn check(self) -> Result<Self, VaultError> {
        let fits = MEMORY_MIB.contains(&self.memory_mib)
            && PASSES.contains(&self.passes)
            && LANES.contains(&self.lanes);
        if fits { Ok(self) } else { Err(VaultError::CostOutOfBounds) }
    }
}

/// The clear part of a vault's header.
#[derive(Encode, Decode)]
pub(super) struct Clear {
    version: u8,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    id: [u8; 32],
    salt: [u8; 32],
}

/// Bytes of a header's clear part.
pub(super) const CLEAR_BYTES: usize = 77;
/// Bytes of a wrapped key: nonce 24, key 32, tag 16.
pub(super) const WRAPPED_BYTES: usize = 72;

impl Clear {
    /// A header's clear part with a fresh salt.
    pub fn random(cost: PassphraseCost, id: VaultId, rng: &mut dyn CryptoRng) -> Result<Self, VaultError> {
        let PassphraseCost { memory_mib, passes, lanes } = cost.check()?;
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        Ok(Self { version: VERSION, memory_kib: memory_mib * MIB, passes, lanes, id: id.0, salt })
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let damaged = |what: &str| VaultError::Damaged { what: format!("the vault's header {what}") };
        let clear: Self = codec::decode(bytes, CLEAR_BYTES).map_err(|_| damaged("has a wrong length"))?;
        if clear.version != VERSION {
            return Err(damaged("has a version that was never written"));
        }
        let memory_mib = clear.memory_kib / MIB;
        let cost = PassphraseCost { memory_mib, passes: clear.passes, lanes: clear.lanes };
        if !clear.memory_kib.is_multiple_of(MIB) || cost.check().is_err() {
            return Err(damaged("asks for a cost out of bounds"));
        }
        Ok(clear)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let numbers = [self.memory_kib, self.passes, self.lanes].map(u32::to_le_bytes).concat();
        [&[self.version][..], &numbers, &self.id, &self.salt].concat()
    }

    pub const fn id(&self) -> VaultId {
        VaultId(self.id)
    }

    fn wrap_key(&self, passphrase: &str) -> Result<Secret<32>, VaultError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| VaultError::CostOutOfBounds)?;
        let no_memory = || VaultError::MemoryMissing { mib: self.memory_kib / MIB };
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(params.block_count()).map_err(|_| no_memory())?;
        blocks.resize(params.block_count(), Block::default());
        // The same passphrase whatever keyboard composed it.
        // A character grows to three times its bytes at most (Unicode Standard Annex 15, section 9): no room is left behind.
        let mut text = Zeroizing::new(String::with_capacity(passphrase.len().saturating_mul(3)));
        text.extend(passphrase.nfc());
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut result = Ok(());
        let stretched = Secret::<32>::fill(|out| {
            result = argon.hash_password_into_with_memory(text.as_bytes(), &self.salt, out, &mut blocks);
        });
        blocks.iter_mut().for_each(Zeroize::zeroize);
        result.map_err(|_| no_memory())?;
        Ok(expand(&stretched, label::VAULT_WRAP, &[&self.bytes()]))
    }

    /// Wraps a vault's key.
    pub fn wrap(
        &self,
        passphrase: &str,
        vault_key: &Secret<32>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut text = Vec::with_capacity(vault_key.expose().len() + crate::crypto::seal::TAG_BYTES);
        text.extend_from_slice(vault_key.expose());
        let sealed = seal_random(&self.wrap_key(passphrase)?, &nonce, &self.bytes(), text);
        Ok([&nonce[..], &sealed].concat())
    }

    /// The vault's key.
    pub fn unwrap(&self, passphrase: &str, wrapped: &[u8]) -> Result<Secret<32>, VaultError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<24>().ok_or(VaultError::PassphraseWrong)?;
        let key = open_random(&self.wrap_key(passphrase)?, nonce, &self.bytes(), sealed);
        let key = Zeroizing::new(key.map_err(|_| VaultError::PassphraseWrong)?);
        let mut key: [u8; 32] = key.as_slice().try_into().map_err(|_| VaultError::PassphraseWrong)?;
        Ok(Secret::take(&mut key))
    }
}
