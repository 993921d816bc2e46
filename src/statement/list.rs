//! Lists inside a body: Merkle trees of salted lines, so that one line can be shown without its neighbours.
//!
//! ```text
//! salt_i = HMAC-SHA-256(list seed, label ‖ i u64)
//! leaf_i = SHA-256(0x00 ‖ label ‖ i u64 ‖ salt_i ‖ line)
//! ```

use crate::crypto::derive::mac;
use crate::crypto::digest::Digest;
use crate::crypto::label;
use crate::crypto::merkle::{Frontier, ProofBroken, inclusion_proof, leaf_hash, verify_inclusion};
use crate::crypto::secret::Secret;
use bincode::{Decode, Encode};

/// Lines in a list, at most.
pub const LIST_LINES_MAX: usize = 20_000;
/// Bytes of one line, at most.
pub const LINE_BYTES_MAX: usize = 4_096;

/// A list that is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// No line: nothing would bind its seed.
    #[error("the list has no line")]
    Empty,
    /// More than [`LIST_LINES_MAX`] lines.
    #[error("the list has {0} lines; at most {LIST_LINES_MAX} are allowed")]
    TooManyLines(usize),
    /// A line, counted from 0, of more than [`LINE_BYTES_MAX`] bytes.
    #[error("line {line} of the list has {bytes} bytes; at most {LINE_BYTES_MAX} are allowed")]
    LineTooLong {
        /// The line, from 0.
        line: usize,
        /// Its bytes.
        bytes: usize,
    },
}

/// A list as it travels beside its body: the seed of its salts, and its lines.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct List {
    seed: [u8; 32],
    lines: Vec<Vec<u8>>,
}

/// What a body holds of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ListRoot {
    /// The tree's root.
    pub root: Digest,
    /// Its number of lines.
    pub lines: u32,
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "List({} lines)", self.lines.len())
    }
}

impl List {
    /// A list of `lines` whose salts come from `seed`, 32 fresh random bytes.
    ///
    /// # Errors
    /// [`ListError`] over a limit.
    pub fn new(seed: [u8; 32], lines: Vec<Vec<u8>>) -> Result<Self, ListError> {
        let list = Self { seed, lines };
        list.check()?;
        Ok(list)
    }

    /// Holds the limits against a list that was decoded.
    ///
    /// # Errors
    /// [`ListError`] over a limit.
    pub fn check(&self) -> Result<(), ListError> {
        if self.lines.is_empty() {
            return Err(ListError::Empty);
        }
        if self.lines.len() > LIST_LINES_MAX {
            return Err(ListError::TooManyLines(self.lines.len()));
        }
        match self.lines.iter().enumerate().find(|(_, line)| line.len() > LINE_BYTES_MAX) {
            Some((at, line)) => Err(ListError::LineTooLong { line: at, bytes: line.len() }),
            None => Ok(()),
        }
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// What the body holds of this list.
    #[must_use]
    pub fn root(&self) -> ListRoot {
        let mut tree = Frontier::new();
        self.leaves().for_each(|(_, leaf)| tree.push(leaf));
        ListRoot { root: tree.root(), lines: u32::try_from(self.lines.len()).unwrap_or(u32::MAX) }
    }

    /// The salt and the hash of each leaf.
    fn leaves(&self) -> impl Iterator<Item = (Secret<32>, Digest)> {
        let seed = Secret::fill(|to| to.copy_from_slice(&self.seed));
        (0u64..).zip(&self.lines).map(move |(index, line)| {
            let salt = mac(&seed, label::LINE_SALT, &[&index.to_le_bytes()]);
            let leaf = line_leaf(index, salt.expose(), line);
            (salt, leaf)
        })
    }

    /// The line at `index` with what ties it to the root, and nothing of any other line.
    #[must_use]
    pub fn show(&self, index: u32) -> Option<ShownLine> {
        let at = usize::try_from(index).ok()?;
        let line = self.lines.get(at)?.clone();
        let (salts, leaves): (Vec<_>, Vec<_>) = self.leaves().unzip();
        let salt = *salts.get(at)?.expose();
        Some(ShownLine { index, salt, line, path: inclusion_proof(&leaves, at) })
    }
}

fn line_leaf(index: u64, salt: &[u8], line: &[u8]) -> Digest {
    leaf_hash(&[&label::LINE.bytes(), &index.to_le_bytes(), salt, line])
}

/// One line of a list, shown without its neighbours: `index u32 ‖ salt 32 ‖ line (list of u8) ‖ path (list of 32)`.
/// What is in the path are hashes over random salts, from which nothing can be guessed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct ShownLine {
    /// Its place in the list, from 0.
    pub index: u32,
    /// Its own salt.
    pub salt: [u8; 32],
    /// The line.
    pub line: Vec<u8>,
    /// Its audit path in the list's tree.
    pub path: Vec<Digest>,
}

impl std::fmt::Debug for ShownLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShownLine({})", self.index)
    }
}

impl ShownLine {
    /// Checks that the line stands at its place in the list with this root.
    ///
    /// # Errors
    /// [`ProofBroken`].
    pub fn verify(&self, list: &ListRoot) -> Result<(), ProofBroken> {
        let index = u64::from(self.index);
        let leaf = line_leaf(index, &self.salt, &self.line);
        verify_inclusion(&leaf, index, list.lines.into(), &self.path, &list.root)
    }
}
