//! Renewals: what a party says in a new channel about the channel that it takes the place of, and whether an old
//! and a new transcript are one. May not know how a channel is renewed.
//!
//! ```text
//! renewal = version u8 = 1 ‖ old channel 32 ‖ cited, cited (the old inviter's chain, the old joiner's)
//! cited   = count u64 ‖ head id 32 (zeros where count is 0) ‖ root 32
//! ```
//! Only a party's first renewal counts, and only with both confirmations of the new channel's words in its past.

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::party::role::Role;
use crate::party::words::SafetyWords;
use crate::statement::export::Preamble;
use crate::statement::header::{Header, StatementId};
use crate::statement::kind::Kind;
use crate::statement::receipt::{BODY_BYTES_MAX, WordsConfirmed};
use crate::statement::signed::{Said, Statement};
use crate::statement::transcript::{Chain, Stand};
use bincode::{Decode, Encode};

/// One chain of the old channel, as the author of a renewal vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Cited {
    /// How many statements.
    pub count: u64,
    /// Id of the last of them; [`StatementId::NONE`] of none.
    pub head: StatementId,
    /// Merkle root of their ids.
    pub root: Digest,
}

impl Cited {
    /// A chain with so many statements; nothing where it has fewer, or has let go how it stood then.
    #[must_use]
    pub fn of(chain: &Chain, count: u64) -> Option<Self> {
        chain.stand(count).map(|Stand { head, root }| Self { count, head, root })
    }
}

/// Says that its channel takes the place of another. `version u8 = 1 ‖ old channel 32 ‖ cited ‖ cited`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Renewal {
    version: u8,
    /// The old channel's id.
    pub channel: Digest,
    /// The chain of the old channel's inviter, and that of its joiner.
    pub chains: [Cited; 2],
}

impl Renewal {
    /// A renewal of this channel.
    #[must_use]
    pub const fn new(channel: Digest, chains: [Cited; 2]) -> Self {
        Self { version: 1, channel, chains }
    }

    /// What is cited of one of the old channel's chains.
    #[must_use]
    pub const fn cited(&self, role: Role) -> &Cited {
        let [inviter, joiner] = &self.chains;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }

    /// The renewal that a statement says; nothing where it is of another kind, or malformed.
    #[must_use]
    pub fn of(header: &Header, said: &Said) -> Option<Self> {
        let whole = header.kind == Kind::Renewal.number() && said.lists.is_empty();
        Self::decode(&said.body).ok().filter(|renewal| whole && renewal.channel != header.channel)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`CodecError`]; also where a head is named of no statement, or none of some.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let renewal: Self = codec::decode(body, BODY_BYTES_MAX)?;
        let fits = |cited: &Cited| (cited.count == 0) == (cited.head == StatementId::NONE);
        if renewal.version == 1 && renewal.chains.iter().all(fits) {
            Ok(renewal)
        } else {
            Err(CodecError::Malformed)
        }
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// Never: the form has a fixed length.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_BYTES_MAX)
    }

    /// Holds what is cited against the old chains. `at` gives what a chain had with so many statements; nothing where
    /// fewer are held.
    ///
    /// # Errors
    /// [`CitationError`].
    pub fn check(&self, at: impl Fn(Role, u64) -> Option<Cited>) -> Result<(), CitationError> {
        for of in Role::BOTH {
            let cited = self.cited(of);
            match at(of, cited.count) {
                None => return Err(CitationError::Beyond { of, cited: cited.count }),
                Some(held) if held != *cited => return Err(CitationError::Other { of, cited: cited.count }),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// A citation that the old chains do not bear out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CitationError {
    /// More statements than are held.
    #[error("it cites {cited} statements of the old {of}, more than are here")]
    Beyond {
        /// Whose.
        of: Role,
        /// How many.
        cited: u64,
    },
    /// Other statements than are held.
    #[error("the {cited} statements of the old {of} that it cites are not those that are here")]
    Other {
        /// Whose.
        of: Role,
        /// How many.
        cited: u64,
    },
}

/// Why two transcripts are not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// A party of the new transcript is none of the old.
    #[error("the new transcript's {0} is no party of the old one")]
    OtherParty(Role),
    /// A party has not said that the new channel renews another.
    #[error("the new transcript's {0} has not said that it renews another")]
    Unsaid(Role),
    /// A party said it of another channel.
    #[error("the new transcript's {0} says that it renews another channel than the old transcript's")]
    OtherChannel(Role),
    /// See [`CitationError`].
    #[error("the renewal by the new transcript's {author} does not fit the old transcript: {error}")]
    Citation {
        /// By whom.
        author: Role,
        /// Why.
        error: CitationError,
    },
}

/// That a transcript goes on in another, by both parties' signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// The renewals, the new inviter's first.
    pub renewals: [Renewal; 2],
    /// The new inviter's role in the old channel, and the new joiner's.
    pub before: [Role; 2],
}

impl Succession {
    /// How many of an old party's statements both cite, and how many at least one does.
    #[must_use]
    pub fn cited(&self, of: Role) -> (u64, u64) {
        let [one, other] = &self.renewals;
        let (one, other) = (one.cited(of).count, other.cited(of).count);
        (one.min(other), one.max(other))
    }
}

/// Whether a statement of this kind is one that [`succession`] looks at.
#[must_use]
pub const fn matters(kind: u16) -> bool {
    kind == Kind::Renewal.number() || kind == Kind::WordsConfirmed.number()
}

/// A party's renewal in a new channel: its first with both confirmations of the words in its past.
#[must_use]
pub fn renewal_by<'a>(
    author: Role,
    words: &SafetyWords,
    statements: impl Iterator<Item = &'a Statement>,
) -> Option<Renewal> {
    let mut confirmed: [Option<u64>; 2] = [None; 2];
    for it in statements {
        let Header { kind, author: by, sequence, peer_count, .. } = it.header;
        let [inviter, joiner] = &mut confirmed;
        let (own, peer) = if author == Role::Inviter { (inviter, joiner) } else { (joiner, inviter) };
        if kind == Kind::WordsConfirmed.number()
            && it.said.lists.is_empty()
            && WordsConfirmed::confirms(&it.said.body, words)
        {
            if by == author {
                own.get_or_insert(sequence)
            } else {
                peer.get_or_insert(sequence)
            };
        }
        let both = own.is_some() && peer.is_some_and(|at| at < peer_count);
        if let (true, true, Some(renewal)) = (by == author, both, Renewal::of(&it.header, &it.said)) {
            return Some(renewal);
        }
    }
    None
}

/// Whether a new transcript goes on where an old one ended. Both must have been checked by themselves. `at` gives
/// what an old chain had with so many statements; `said` are at least the statements of the new transcript that
/// [`matters`] names, in an order in which each follows what it acknowledges.
///
/// # Errors
/// [`SuccessionError`], at the first defect.
pub fn succession<'a>(
    old: &Preamble,
    at: impl Fn(Role, u64) -> Option<Cited>,
    new: &Preamble,
    said: impl Iterator<Item = &'a Statement> + Clone,
) -> Result<Succession, SuccessionError> {
    let fingerprints = |preamble: &Preamble| {
        let [inviter, joiner] = &preamble.cards;
        // A card that was decoded has a fingerprint.
        [inviter, joiner].map(|card| card.fingerprint().unwrap_or_default())
    };
    let ([old_inviter, old_joiner], now) = (fingerprints(old), fingerprints(new));
    let before = |role: Role, fingerprint: Digest| {
        if fingerprint == old_inviter {
            Ok(Role::Inviter)
        } else if fingerprint == old_joiner {
            Ok(Role::Joiner)
        } else {
            Err(SuccessionError::OtherParty(role))
        }
    };
    let [inviter, joiner] = now;
    let before = [before(Role::Inviter, inviter)?, before(Role::Joiner, joiner)?];
    let words = SafetyWords::of(&new.channel, &inviter, &joiner);
    let by = |author: Role| {
        let renewal = renewal_by(author, &words, said.clone()).ok_or(SuccessionError::Unsaid(author))?;
        if renewal.channel != old.channel {
            return Err(SuccessionError::OtherChannel(author));
        }
        renewal.check(&at).map_err(|error| SuccessionError::Citation { author, error })?;
        Ok(renewal)
    };
    Ok(Succession { renewals: [by(Role::Inviter)?, by(Role::Joiner)?], before })
}
