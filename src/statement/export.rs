//! An exported transcript: one file that anyone can check with no vault and no network.
//!
//! ```text
//! export = "truceline transcript 1\n" ‖ channel 32 ‖ card, card (each u64 length, bytes) ‖
//!          introduction, introduction (first keys 32 ‖ Ed25519 64 ‖ ML-DSA 3,309) ‖
//!          count u64 ‖ statements (each u64 length, bytes), in an order in which each follows what it acknowledges
//! ```
//! The inviter comes first of each pair.

use crate::codec::{self, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{SIGNATURE_BYTES, SignError};
use crate::party::card::{CARD_BYTES_MAX, Card, CardError};
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::signed::{STATEMENT_BYTES_MAX, Statement, StatementError};
use crate::statement::transcript::{Transcript, TranscriptError};
use bincode::{Decode, Encode};

const MAGIC: &[u8] = b"truceline transcript 1\n";

/// Why a file is not a transcript that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Does not begin as an exported transcript of version 1 does.
    #[error("the file is not an exported transcript of version 1")]
    NotAnExport,
    /// Ends early, or goes on after its end.
    #[error("the file was cut short or added to at byte {0}")]
    Cut(usize),
    /// Not the encoding of its part.
    #[error("the export is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// See [`CardError`].
    #[error(transparent)]
    Card(#[from] CardError),
    /// Both cards are one, or share a key.
    #[error("both cards share a key")]
    CardsShareKey,
    /// A party's signature in the introduction does not hold.
    #[error("a signature of the introduction does not hold")]
    IntroductionUnsigned(#[from] SignError),
    /// A statement cannot be read.
    #[error("statement {at} of the file: {error}")]
    Statement {
        /// Which, from 0.
        at: u64,
        /// Why.
        error: StatementError,
    },
    /// A statement does not continue the transcript.
    #[error("statement {at} of the file: {error}")]
    Transcript {
        /// Which, from 0.
        at: u64,
        /// Why.
        error: TranscriptError,
    },
}

/// A party's part in the introduction: digest of its first ratchet keys, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Introduced {
    /// Digest of the party's first ratchet keys.
    pub first: Digest,
    /// The party's signature over channel, cards and that digest.
    pub signature: crate::crypto::sign::Signature,
}

/// What an export says besides its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preamble {
    /// The channel's id.
    pub channel: Digest,
    /// The inviter's card, and the joiner's.
    pub cards: [Card; 2],
    /// The inviter's part in the introduction, and the joiner's.
    pub introduced: [Introduced; 2],
}

/// An export that holds.
pub struct CheckedExport {
    /// The parties.
    pub preamble: Preamble,
    /// Both chains.
    pub transcript: Transcript,
    /// The statements, in the file's order.
    pub statements: Vec<Statement>,
}

impl CheckedExport {
    /// Each party's count and head, the inviter's first: "complete up to heads X and Y".
    #[must_use]
    pub fn heads(&self) -> [(u64, StatementId); 2] {
        Role::BOTH.map(|role| {
            let chain = self.transcript.chain(role);
            (chain.count(), chain.head(chain.count()))
        })
    }
}

fn with_length(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Writes an export. `statements` are whole statements' bytes, in an order in which each follows what it
/// acknowledges.
///
/// # Errors
/// Never for cards and signatures that were checked.
pub fn write<'a>(
    preamble: &Preamble,
    statements: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, CodecError> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&preamble.channel.0);
    for card in &preamble.cards {
        with_length(&card.encode()?, &mut out);
    }
    for introduced in &preamble.introduced {
        out.extend(codec::encode(introduced, 32 + SIGNATURE_BYTES)?);
    }
    out.extend_from_slice(&(statements.len() as u64).to_le_bytes());
    statements.for_each(|statement| with_length(statement, &mut out));
    Ok(out)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ExportError> {
        let end = self.at.checked_add(count).ok_or(ExportError::Cut(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(ExportError::Cut(self.bytes.len()))?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, ExportError> {
        let bytes = self.take(8)?.try_into().map_err(|_| ExportError::Cut(self.at))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn with_length(&mut self, max: usize) -> Result<&'a [u8], ExportError> {
        let found = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if found > max {
            return Err(CodecError::TooLong { found, max }.into());
        }
        self.take(found)
    }
}

/// Reads and checks an export: the introduction's signatures by `verify`, and of every statement its
/// place, commitment and signature.
///
/// # Errors
/// [`ExportError`], at the first defect.
pub fn check(
    bytes: &[u8],
    verify: impl Fn(Role, &Preamble) -> Result<(), SignError>,
) -> Result<CheckedExport, ExportError> {
    let mut cursor = Cursor { bytes, at: 0 };
    if cursor.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(ExportError::NotAnExport);
    }
    let channel = Digest(cursor.take(32)?.try_into().map_err(|_| ExportError::Cut(cursor.at))?);
    let cards = [cursor.with_length(CARD_BYTES_MAX)?, cursor.with_length(CARD_BYTES_MAX)?];
    let [inviter, joiner] = cards.map(Card::decode);
    let cards = [inviter?, joiner?];
    let introduced = [cursor.take(32 + SIGNATURE_BYTES)?, cursor.take(32 + SIGNATURE_BYTES)?];
    let [inviter, joiner] = introduced.map(|bytes| codec::decode(bytes, 32 + SIGNATURE_BYTES));
    let preamble = Preamble { channel, cards, introduced: [inviter?, joiner?] };
    let [inviter, joiner] = &preamble.cards;
    if inviter.key().shares_with(joiner.key()) {
        return Err(ExportError::CardsShareKey);
    }
    Role::BOTH.into_iter().try_for_each(|role| verify(role, &preamble))?;
    let mut transcript = Transcript::new(channel);
    let mut statements = Vec::new();
    for at in 0..cursor.number()? {
        let statement = Statement::decode(cursor.with_length(STATEMENT_BYTES_MAX)?)
            .map_err(|error| ExportError::Statement { at, error })?;
        let author = match statement.header.author {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        };
        transcript.append(&statement, author.key()).map_err(|error| ExportError::Transcript { at, error })?;
        statements.push(statement);
    }
    if cursor.at != bytes.len() {
        return Err(ExportError::Cut(cursor.at));
    }
    Ok(CheckedExport { preamble, transcript, statements })
}
