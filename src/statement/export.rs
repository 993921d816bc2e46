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
use std::io::Read;

const MAGIC: &[u8] = b"truceline transcript 1\n";

/// Why a file is not a transcript that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Does not begin as an exported transcript of version 1 does.
    #[error("the file is not an exported transcript of version 1")]
    NotAnExport,
    /// The disk gave no more of it.
    #[error("the file could not be read to its end: {0}")]
    Unreadable(std::io::ErrorKind),
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
        heads(&self.transcript)
    }
}

/// Each party's count and head, the inviter's first.
#[must_use]
pub fn heads(transcript: &Transcript) -> [(u64, StatementId); 2] {
    Role::BOTH.map(|role| {
        let chain = transcript.chain(role);
        (chain.count(), chain.head(chain.count()))
    })
}

/// What an export with so many statements begins with.
///
/// # Errors
/// Never for cards and signatures that were checked.
pub fn beginning(preamble: &Preamble, statements: u64) -> Result<Vec<u8>, CodecError> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&preamble.channel.0);
    for card in &preamble.cards {
        let card = card.encode()?;
        out.extend_from_slice(&length(&card));
        out.extend_from_slice(&card);
    }
    for introduced in &preamble.introduced {
        out.extend(codec::encode(introduced, 32 + SIGNATURE_BYTES)?);
    }
    out.extend_from_slice(&statements.to_le_bytes());
    Ok(out)
}

/// What goes before a statement's bytes.
#[must_use]
pub const fn length(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_le_bytes()
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
    let mut out = beginning(preamble, statements.len() as u64)?;
    for statement in statements {
        out.extend_from_slice(&length(statement));
        out.extend_from_slice(statement);
    }
    Ok(out)
}

impl Preamble {
    /// Checks that these are two parties, and by `verify` that each signed the introduction.
    ///
    /// # Errors
    /// [`ExportError::CardsShareKey`], [`ExportError::IntroductionUnsigned`].
    pub fn check(&self, verify: impl Fn(Role, &Self) -> Result<(), SignError>) -> Result<(), ExportError> {
        let [inviter, joiner] = &self.cards;
        if inviter.key().shares_with(joiner.key()) {
            return Err(ExportError::CardsShareKey);
        }
        Ok(Role::BOTH.into_iter().try_for_each(|role| verify(role, self))?)
    }

    /// A party's card.
    #[must_use]
    pub const fn card(&self, role: Role) -> &Card {
        let [inviter, joiner] = &self.cards;
        match role {
            Role::Inviter => inviter,
            Role::Joiner => joiner,
        }
    }
}

/// An export read from its beginning to its end, one statement at a time.
pub struct Reader<R> {
    bytes: R,
    at: usize,
}

impl<R: Read> Reader<R> {
    /// Reads from these bytes.
    pub const fn new(bytes: R) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, ExportError> {
        let mut taken = Vec::new();
        let read = self.bytes.by_ref().take(count as u64).read_to_end(&mut taken);
        self.at = self.at.saturating_add(taken.len());
        read.map_err(|error| ExportError::Unreadable(error.kind()))?;
        if taken.len() == count { Ok(taken) } else { Err(ExportError::Cut(self.at)) }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ExportError> {
        self.take(N)?.try_into().map_err(|_| ExportError::Cut(self.at))
    }

    fn with_length(&mut self, max: usize) -> Result<Vec<u8>, ExportError> {
        let found = usize::try_from(u64::from_le_bytes(self.fixed()?)).unwrap_or(usize::MAX);
        if found > max {
            return Err(CodecError::TooLong { found, max }.into());
        }
        self.take(found)
    }

    /// What the export says before its statements, and how many these are. Not checked: see [`Preamble::check`].
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn beginning(&mut self) -> Result<(Preamble, u64), ExportError> {
        if self.take(MAGIC.len()).ok().as_deref() != Some(MAGIC) {
            return Err(ExportError::NotAnExport);
        }
        let channel = Digest(self.fixed()?);
        let cards = [self.with_length(CARD_BYTES_MAX)?, self.with_length(CARD_BYTES_MAX)?];
        let [inviter, joiner] = cards.map(|card| Card::decode(&card));
        let cards = [inviter?, joiner?];
        let introduced = [self.take(32 + SIGNATURE_BYTES)?, self.take(32 + SIGNATURE_BYTES)?];
        let [inviter, joiner] = introduced.map(|bytes| codec::decode(&bytes, 32 + SIGNATURE_BYTES));
        let preamble = Preamble { channel, cards, introduced: [inviter?, joiner?] };
        Ok((preamble, u64::from_le_bytes(self.fixed()?)))
    }

    /// The next statement's bytes.
    ///
    /// # Errors
    /// [`ExportError::Cut`], [`ExportError::Malformed`], [`ExportError::Unreadable`].
    pub fn statement(&mut self) -> Result<Vec<u8>, ExportError> {
        self.with_length(STATEMENT_BYTES_MAX)
    }

    /// Holds that nothing follows.
    ///
    /// # Errors
    /// [`ExportError::Cut`], [`ExportError::Unreadable`].
    pub fn end(&mut self) -> Result<(), ExportError> {
        let at = self.at;
        match self.take(1) {
            Err(ExportError::Cut(_)) => Ok(()),
            Ok(_) => Err(ExportError::Cut(at)),
            Err(error) => Err(error),
        }
    }
}

/// A statement's bytes, and whether its commitment and its author's signature hold: all of the check that can be done
/// without the statements before it, and so on any core.
///
/// # Errors
/// Bytes that are no statement.
pub fn verified(
    bytes: &[u8],
    preamble: &Preamble,
) -> Result<(Statement, Result<(), StatementError>), StatementError> {
    let statement = Statement::decode(bytes)?;
    let verified = statement.verify(preamble.card(statement.header.author).key());
    Ok((statement, verified))
}

/// The check of statements in their order: what cannot be done but one after the other. It holds no more of the
/// transcript than is not yet acknowledged.
pub struct Checking {
    transcript: Transcript,
    at: u64,
}

impl Checking {
    /// Of a channel's first statement on.
    #[must_use]
    pub fn new(channel: Digest) -> Self {
        Self { transcript: Transcript::new(channel), at: 0 }
    }

    /// Takes the next statement, as [`verified`] found it.
    ///
    /// # Errors
    /// [`ExportError::Statement`], [`ExportError::Transcript`].
    pub fn take(
        &mut self,
        found: Result<(Statement, Result<(), StatementError>), StatementError>,
    ) -> Result<Statement, ExportError> {
        let at = self.at;
        let (statement, verified) = found.map_err(|error| ExportError::Statement { at, error })?;
        let refused = |error| ExportError::Transcript { at, error };
        self.transcript.check_place(&statement.header).map_err(refused)?;
        verified.map_err(|error| refused(error.into()))?;
        self.transcript.append_verified(&statement.header).map_err(refused)?;
        self.at = at.saturating_add(1);
        Ok(statement)
    }

    /// Both chains as far as they were checked.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }
}

/// Reads and checks an export that is whole in memory: the introduction's signatures by `verify`, and of every
/// statement its place, commitment and signature.
///
/// # Errors
/// [`ExportError`], at the first defect.
pub fn check(
    bytes: &[u8],
    verify: impl Fn(Role, &Preamble) -> Result<(), SignError>,
) -> Result<CheckedExport, ExportError> {
    let mut reader = Reader::new(bytes);
    let (preamble, count) = reader.beginning()?;
    preamble.check(verify)?;
    let mut checking = Checking::new(preamble.channel);
    let mut statements = Vec::new();
    for _ in 0..count {
        statements.push(checking.take(verified(&reader.statement()?, &preamble))?);
    }
    reader.end()?;
    Ok(CheckedExport { preamble, transcript: checking.transcript, statements })
}
