//! Passes: one printed line from which single-use tokens derive, each of them leave to open one queue.

use crate::crypto::derive::{expand, same_code};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::secret::Secret;
use crate::party::line::{self, LineError};
use crate::wire::limit::PASS_TOKENS_MAX;
use bincode::{Decode, Encode};
use rand_core::CryptoRng;

const PREFIX: &str = "truceline-pass";

/// A line that is no pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// See [`LineError`].
    #[error(transparent)]
    Line(#[from] LineError),
    /// A version this program does not know, a wrong length, or a count of tokens out of bounds.
    #[error("the line is not a pass of version 1")]
    Malformed,
}

/// What opens one queue, once: who holds it may. Not shown, and compared in a time that tells nothing.
#[derive(Clone, Copy, Encode, Decode)]
pub struct Token(pub [u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        same_code(&self.0, &other.0)
    }
}

impl Eq for Token {}

/// What the relay keeps of a token: `SHA-256(label ‖ token)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct TokenHash(pub Digest);

impl Token {
    /// The token's hash.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(digest(label::PASS_TOKEN_HASH, &[&self.0]))
    }
}

/// A pass. Printed: `truceline-pass:` and base32 of `version u8 = 1 ‖ tokens u32 ‖ seed 32`.
#[derive(Encode, Decode)]
pub struct Pass {
    version: u8,
    tokens: u32,
    seed: Secret<32>,
}

impl Pass {
    /// A fresh pass of `tokens` tokens, at most [`PASS_TOKENS_MAX`].
    #[must_use]
    pub fn random(tokens: u32, rng: &mut dyn CryptoRng) -> Self {
        Self { version: 1, tokens: tokens.clamp(1, PASS_TOKENS_MAX), seed: Secret::random(rng) }
    }

    /// Parses a printed pass.
    ///
    /// # Errors
    /// [`PassError`].
    pub fn parse(text: &str) -> Result<Self, PassError> {
        let bytes = zeroize::Zeroizing::new(line::parse(PREFIX, text)?);
        let pass: Self = crate::codec::decode(&bytes, 37).map_err(|_| PassError::Malformed)?;
        if pass.version != 1 || !(1..=PASS_TOKENS_MAX).contains(&pass.tokens) {
            return Err(PassError::Malformed);
        }
        Ok(pass)
    }

    /// The printed line.
    #[must_use]
    pub fn print(&self) -> String {
        let mut bytes = zeroize::Zeroizing::new(vec![self.version]);
        bytes.extend_from_slice(&self.tokens.to_le_bytes());
        bytes.extend_from_slice(self.seed.expose());
        line::print(PREFIX, &bytes)
    }

    /// The pass's tokens: `HKDF-Expand(seed, label ‖ i u32, 32)`.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        (0..self.tokens)
            .map(|at| Token(*expand::<32>(&self.seed, label::PASS_TOKEN, &[&at.to_le_bytes()]).expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_read_as_it_was_printed() {
        let mut seed = [5; 32];
        let pass = Pass { version: 1, tokens: 4, seed: Secret::take(&mut seed) };
        let again = Pass::parse(&pass.print()).unwrap();
        let tokens: Vec<_> = pass.tokens().map(|token| token.0).collect();
        assert_eq!(tokens, again.tokens().map(|token| token.0).collect::<Vec<_>>());
        assert_eq!(tokens.len(), 4);
        assert_ne!(tokens[0], tokens[1]);
    }
}
