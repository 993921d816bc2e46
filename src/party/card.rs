//! A party's card (name and public keys) and its identity (the same with the private keys).

use crate::codec::{self, CodecError};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::sign::{SignError, SigningKey, SigningSeeds, VerifyingKey};
use bincode::{Decode, Encode};
use rand_core::CryptoRng;

/// Characters in a party's name, at most.
pub const NAME_CHARS_MAX: usize = 64;
/// Bytes of an encoded card, at most: version 1, name 8 + 256, keys 1,984.
pub const CARD_BYTES_MAX: usize = 2_249;

/// A name or card that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Empty, over [`NAME_CHARS_MAX`] characters, or with a control, direction or zero-width character.
    #[error("a party's name has 1 to {NAME_CHARS_MAX} characters, none of them control or invisible ones")]
    NameInvalid,
    /// A version this program does not know.
    #[error("the card has version {0}; this program knows version 1")]
    VersionUnknown(u8),
    /// Not the encoding of a card.
    #[error("the card is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] SignError),
}

/// A party's name as others see it: [`NAME_CHARS_MAX`] characters at most, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PartyName(String);

impl PartyName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`CardError::NameInvalid`].
    pub fn parse(text: &str) -> Result<Self, CardError> {
        let chars = text.chars().count();
        let fits = (1..=NAME_CHARS_MAX).contains(&chars) && text.trim() == text;
        if !fits || text.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err(CardError::NameInvalid);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that take no room or turn the direction of text: two names could differ by them alone.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// A party's public half. Encoded: `version u8 = 1 ‖ name ‖ Ed25519 32 ‖ ML-DSA-65 1,952`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    version: u8,
    name: PartyName,
    key: VerifyingKey,
}

impl Card {
    /// The card of `name` and `key`.
    #[must_use]
    pub const fn new(name: PartyName, key: VerifyingKey) -> Self {
        Self { version: 1, name, key }
    }

    /// Holds a decoded card's version and name against their rules.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn check(&self) -> Result<(), CardError> {
        if self.version != 1 {
            return Err(CardError::VersionUnknown(self.version));
        }
        PartyName::parse(self.name.as_str()).map(drop)
    }

    /// The party's name.
    #[must_use]
    pub const fn name(&self) -> &PartyName {
        &self.name
    }

    /// The key that verifies what the party signed.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The card's bytes.
    ///
    /// # Errors
    /// Never for a card that was checked.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, CARD_BYTES_MAX)
    }

    /// The card in `bytes`.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        let card: Self = codec::decode(bytes, CARD_BYTES_MAX)?;
        card.check()?;
        Ok(card)
    }

    /// The fingerprint: `SHA-256(label ‖ card)`.
    ///
    /// # Errors
    /// Never for a card that was checked.
    pub fn fingerprint(&self) -> Result<Digest, CodecError> {
        Ok(digest(label::CARD, &[&self.encode()?]))
    }
}

/// A party's private half, as a vault keeps it.
#[derive(Encode, Decode)]
pub struct IdentitySeeds {
    name: PartyName,
    seeds: SigningSeeds,
}

impl IdentitySeeds {
    /// A fresh identity under `name`.
    #[must_use]
    pub fn random(name: PartyName, rng: &mut dyn CryptoRng) -> Self {
        Self { name, seeds: SigningSeeds::random(rng) }
    }

    /// From a name and given seeds.
    #[must_use]
    pub const fn new(name: PartyName, seeds: SigningSeeds) -> Self {
        Self { name, seeds }
    }
}

/// A party that can sign.
pub struct Identity {
    key: SigningKey,
    card: Card,
}

impl Identity {
    /// Expands the keys.
    ///
    /// # Errors
    /// [`SignError::KeyUnusable`].
    pub fn expand(seeds: &IdentitySeeds) -> Result<Self, SignError> {
        let key = SigningKey::expand(&seeds.seeds)?;
        let card = Card::new(seeds.name.clone(), key.public().clone());
        Ok(Self { key, card })
    }

    /// What is left of an identity whose keys were erased: it signs nothing.
    #[must_use]
    pub fn erased(card: Card) -> Self {
        Self { key: SigningKey::erased(card.key().clone()), card }
    }

    /// The public half.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_characters_that_cannot_be_seen() {
        assert!(PartyName::parse("Вельмара, 3-я комиссия").is_ok());
        for wrong in ["", " a", "a\n", "a\u{202e}b", "a\u{200b}", &"x".repeat(65)] {
            assert_eq!(PartyName::parse(wrong).err(), Some(CardError::NameInvalid), "{wrong:?}");
        }
    }
}
