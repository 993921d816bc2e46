//! Evidence bundles: some statements of a channel with what proves them, in one file that anyone can check with no
//! vault and no network. May not know what a case comes to, nor what a relay signs.
//!
//! ```text
//! bundle    = "truceline evidence 1\n" ‖ channel 32 ‖ card, card (each a list of u8) ‖
//!             introduction, introduction (first keys 32 ‖ Ed25519 64 ‖ ML-DSA 3,309) ‖ scope ‖
//!             chain, chain ‖ statements ‖ forks ‖ deposits (each u64 count, elements) ‖ digest 32
//! scope     = variant u32 ‖ 1: case 32; 2: case 32 ‖ offer 32; 3: offer 32 ‖ leg u16 ‖ line u32; 0, 4: nothing
//! chain     = head (optional: header 252 ‖ signature 3,373) ‖ consistency (list of 32) ‖ run (optional)
//! run       = first u64 ‖ peaks (list of 32) ‖ headers (u64 count, each 252)
//! statement = place ‖ disclosure
//! place     = variant u32 ‖ 0: author u8 ‖ sequence u64; 1: header 252 ‖ signature 3,373 ‖ own path, other's path
//! disclosure = variant u32 ‖ 0: nothing; 1: salt 32 ‖ body ‖ lists; 2: salt 32 ‖ body ‖ parts
//! part      = root 32 ‖ lines u32 ‖ lines (u64 count, each index u32 ‖ salt 32 ‖ line ‖ path)
//! fork      = header ‖ signature ‖ header ‖ signature
//! deposit   = author u8 ‖ sequence u64 ‖ proofs (u64 count, each a list of u8)
//! digest    = SHA-256(label ‖ all that comes before)
//! ```
//! The inviter comes first of each pair.

pub mod check;
pub mod checked;
mod complete;
mod read;

use crate::codec::{self, CodecError};
use crate::crypto::digest::{Digest, digest};
use crate::crypto::label;
use crate::crypto::merkle::Frontier;
use crate::crypto::sign::Signature;
use crate::party::role::Role;
use crate::statement::evidence::checked::BundleError;
use crate::statement::export::Preamble;
use crate::statement::header::{Header, StatementId};
use crate::statement::list::{ListRoot, ShownLine};
use crate::statement::signed::{STATEMENT_BYTES_MAX, Said};
use bincode::{Decode, Encode};

const MAGIC: &[u8] = b"truceline evidence 1\n";
/// Digests in a Merkle proof, at most: two for each level of a tree of 2^64 leaves.
const PROOF_MAX: usize = 128;
/// Bytes of one statement's element: the statement, and its proofs.
const ELEMENT_BYTES_MAX: usize = STATEMENT_BYTES_MAX + (64 << 10);
/// Bytes of all proofs of one statement's deposit, at most: of four relays, one of up to 24 KiB for each of 612 cells.
const DEPOSIT_BYTES_MAX: usize = 64 << 20;

/// What a bundle was made to show. It binds what must be in it; what it proves follows from what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Scope {
    /// Some statements.
    Statements,
    /// All of a case, up to the heads.
    Case(StatementId),
    /// How an offer of a case was agreed and sealed: the case, up to the heads at which that was done.
    Agreement {
        /// The case.
        case: StatementId,
        /// The offer.
        offer: StatementId,
    },
    /// One line of an offer's list, and what was said of it.
    Person {
        /// The offer.
        offer: StatementId,
        /// The leg, from 0.
        leg: u16,
        /// The line of its list, from 0.
        line: u32,
    },
    /// That a party signed two statements at one place.
    Fork,
}

impl Scope {
    /// The case that must be shown whole.
    #[must_use]
    pub const fn case(&self) -> Option<StatementId> {
        match self {
            Self::Case(case) | Self::Agreement { case, .. } => Some(*case),
            Self::Statements | Self::Person { .. } | Self::Fork => None,
        }
    }
}

/// A header with its author's signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// The signature.
    pub signature: Signature,
}

/// A row of headers that ends at the head: each is tied to the next by `previous`, so one signature vouches for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The tree of the ids before the first header; its size is the first header's sequence number.
    pub before: Frontier,
    /// The headers, without the head.
    pub headers: Vec<Header>,
}

/// What is shown of one party's chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainShown {
    /// Its last statement that is shown to exist.
    pub head: Option<SignedHeader>,
    /// Between the tree that the head signs and the tree that the counterpart's head acknowledges.
    pub consistency: Vec<Digest>,
    /// The headers up to the head.
    pub run: Option<Run>,
}

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Place {
    /// At a place whose header is shown: in the run, or the head.
    Shown {
        /// Its author.
        author: Role,
        /// Its sequence number.
        sequence: u64,
    },
    /// Elsewhere, with its own signature and what ties it to both heads.
    Proved(Box<Proved>),
}

/// A statement's header with what ties it to both heads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proved {
    /// The header and its author's signature.
    pub signed: SignedHeader,
    /// Audit path in the tree that its author's head signs.
    pub own: Vec<Digest>,
    /// Audit path in the tree that the counterpart's head acknowledges; empty where that does not reach so far.
    pub acknowledged: Vec<Digest>,
}

/// How much of what a statement says is shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Disclosure {
    /// Nothing but its header.
    Withheld,
    /// All.
    Whole(Said),
    /// The body, and single lines of its lists.
    Part(PartSaid),
}

/// A body with single lines of its lists.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PartSaid {
    /// The statement's salt.
    pub salt: [u8; 32],
    /// The body.
    pub body: Vec<u8>,
    /// Every list, with the lines of it that are shown.
    pub lists: Vec<PartList>,
}

/// A list of which some lines are shown, or none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PartList {
    /// What the commitment holds of it.
    pub root: ListRoot,
    /// The lines, rising.
    pub lines: Vec<ShownLine>,
}

/// A statement in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Element {
    /// Where it stands.
    pub place: Place,
    /// What is shown of it.
    pub disclosure: Disclosure,
}

/// Two statements that one party signed at one place of its chain, the lower id first.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Fork(pub [SignedHeader; 2]);

/// What relays signed of the cells of a statement, which is shown whole: the proofs hold all of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Deposit {
    /// The statement's author.
    pub author: Role,
    /// The statement's sequence number.
    pub sequence: u64,
    /// Of each relay a proof for each cell, in the order of the statement's pieces; what one holds is not known here.
    pub proofs: Vec<Vec<u8>>,
}

/// A bundle, before it is written or as it was read: nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The parties.
    pub preamble: Preamble,
    /// What it was made to show.
    pub scope: Scope,
    /// Both chains.
    pub chains: [ChainShown; 2],
    /// Statements, rising by author and sequence number.
    pub statements: Vec<Element>,
    /// Forks, rising by author and sequence number.
    pub forks: Vec<Fork>,
    /// Proofs of deposit, rising by author and sequence number.
    pub deposits: Vec<Deposit>,
}

impl Bundle {
    /// The bundle in these bytes; nothing that it says is checked.
    ///
    /// # Errors
    /// [`BundleError`] for bytes that are no bundle.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        read::read(bytes).map(|(bundle, _)| bundle)
    }

    /// The bundle's bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] for a part over its limit.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut out = MAGIC.to_vec();
        let mut put = |part: Result<Vec<u8>, CodecError>| part.map(|bytes| out.extend(bytes));
        let count = |count: usize| codec::encode(&(count as u64), 8);
        put(codec::encode(&self.preamble.channel, 32))?;
        for card in &self.preamble.cards {
            put(codec::encode(&card.encode()?, usize::MAX))?;
        }
        for introduced in &self.preamble.introduced {
            put(codec::encode(introduced, usize::MAX))?;
        }
        put(codec::encode(&self.scope, usize::MAX))?;
        for chain in &self.chains {
            put(codec::encode(&(&chain.head, &chain.consistency), usize::MAX))?;
            put(codec::encode(&chain.run.as_ref().map(|run| (&run.before, &run.headers)), usize::MAX))?;
        }
        put(count(self.statements.len()))?;
        for element in &self.statements {
            put(codec::encode(element, ELEMENT_BYTES_MAX))?;
        }
        put(codec::encode(&self.forks, usize::MAX))?;
        put(count(self.deposits.len()))?;
        for deposit in &self.deposits {
            put(codec::encode(deposit, DEPOSIT_BYTES_MAX))?;
        }
        let digest = digest(label::EVIDENCE, &[&out]);
        out.extend_from_slice(&digest.0);
        Ok(out)
    }
}

/// One of a pair, by role.
const fn of<T>([inviter, joiner]: &[T; 2], role: Role) -> &T {
    match role {
        Role::Inviter => inviter,
        Role::Joiner => joiner,
    }
}
