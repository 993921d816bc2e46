//! Twelve safety words (BIP-39, English): 132 bits of a digest over the channel and both cards.

use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;

/// Words in a set.
pub const WORDS: usize = 12;

/// The safety words of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyWords([&'static str; WORDS]);

impl SafetyWords {
    /// The first 132 bits, big-endian, of `SHA-256(label ‖ channel ‖ H(inviter card) ‖ H(joiner card))` in
    /// groups of 11, each the number of a word.
    #[must_use]
    pub fn of(channel: &Digest, inviter_card: &Digest, joiner_card: &Digest) -> Self {
        let Digest(bytes) = digest(label::WORDS, &[&channel.0, &inviter_card.0, &joiner_card.0]);
        let list = bip39::Language::English.word_list();
        let mut words = [""; WORDS];
        for (at, word) in words.iter_mut().enumerate() {
            let number = (0..11).fold(0usize, |number, bit| {
                let position = at * 11 + bit;
                let byte = bytes.get(position / 8).copied().unwrap_or_default();
                (number << 1) | usize::from(byte >> (7 - position % 8) & 1)
            });
            *word = list.get(number).copied().unwrap_or_default();
        }
        Self(words)
    }

    /// The words, in order.
    #[must_use]
    pub const fn words(&self) -> &[&'static str; WORDS] {
        &self.0
    }

    /// Whether `typed` is these words in this order; case and what stands between words do not matter.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        Self::split(typed).iter().map(String::as_str).eq(self.0.iter().copied())
    }

    /// The words in what was typed, in lower case; what stands between them does not matter.
    #[must_use]
    pub fn split(typed: &str) -> Vec<String> {
        let typed = typed.to_lowercase();
        let words = typed.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    /// Whether `word` is one of the list that safety words are taken from.
    #[must_use]
    pub fn is_word(word: &str) -> bool {
        bip39::Language::English.find_word(word).is_some()
    }
}

impl std::fmt::Display for SafetyWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_spacing_and_in_one_order() {
        let words = SafetyWords::of(&Digest([1; 32]), &Digest([2; 32]), &Digest([3; 32]));
        assert!(words.matches(&words.to_string().to_uppercase().replace(' ', ", \n")));
        let mut swapped = words.words().to_vec();
        swapped.swap(0, 1);
        assert!(!words.matches(&swapped.join(" ")));
        assert!(!words.matches(&words.words()[..11].join(" ")));
        assert_ne!(words, SafetyWords::of(&Digest([1; 32]), &Digest([3; 32]), &Digest([2; 32])));
    }
}
