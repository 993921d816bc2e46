//! Deposits: what a relay signs of the cells that one of its commits made durable, and how anyone checks it.
//! Pure: no clock, no key of its own. May not know what a cell holds.
//!
//! ```text
//! leaf      = RFC 6962 leaf hash of label "deposit" ‖ writer id 32 ‖ index u64 ‖ cell's hash 32 ‖ clock u64
//! signature = label "deposit/sign" ‖ size u64 ‖ root 32, by both of the relay's deposit keys
//! with Serving: deposit key 1,984, padded to 16,128
//! with Stored:  size u64 ‖ root 32 ‖ signature 3,373 ‖ paths (list), one a cell: position u64 ‖ audit path (list of 32)
//!               padded to 16,128
//! ```

use crate::codec::{self, CELL_BYTES, CellBytes, CodecError};
use crate::crypto::digest::Digest;
use crate::crypto::label;
use crate::crypto::merkle::{inclusion_proofs, leaf_hash, verify_inclusion};
use crate::crypto::sign::{SignError, Signature, SigningKey, VerifyingKey};
use crate::time::UnixMillis;
use crate::wire::queue::{CellHash, QueueId};
use bincode::{Decode, Encode};

/// Digests of an audit path, at most: those of a tree of 2^24 cells. So those of 16 cells always fit a frame.
pub const PATH_MAX: usize = 24;

/// A proof of deposit that does not hold, or a key that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DepositError {
    /// Not of its form.
    #[error("it is malformed: {0}")]
    Malformed(#[from] CodecError),
    /// The relay's signature does not hold.
    #[error("the relay's signature does not hold")]
    SignatureInvalid,
    /// The cell is not in the tree that was signed, or its path is too long.
    #[error("the cell is not in the tree that the relay signed")]
    PathBroken,
    /// It has not as many paths as cells were stored.
    #[error("it has {found} paths for {expected} cells")]
    CountMismatch {
        /// Paths that came.
        found: usize,
        /// Cells that were stored.
        expected: usize,
    },
}

impl From<SignError> for DepositError {
    fn from(_: SignError) -> Self {
        Self::SignatureInvalid
    }
}

/// What a relay says of one stored cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Deposit {
    /// The queue's writer id, under which the cell was put.
    pub writer: QueueId,
    /// The cell's index.
    pub index: u64,
    /// The cell's hash.
    pub cell: CellHash,
    /// The relay's clock when it was first stored.
    pub clock: UnixMillis,
}

impl Deposit {
    /// The leaf's hash.
    #[must_use]
    pub fn leaf(&self) -> Digest {
        let (index, clock) = (self.index.to_le_bytes(), self.clock.0.to_le_bytes());
        leaf_hash(&[&label::DEPOSIT.bytes(), &self.writer.0.0, &index, &self.cell.0.0, &clock])
    }
}

/// The tree of one commit's cells, as a relay signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedTree {
    /// Cells in it.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The relay's signature.
    pub signature: Signature,
}

impl SignedTree {
    /// Signs the tree with these leaf hashes, and gives the path of each leaf.
    ///
    /// # Errors
    /// [`SignError::KeyUnusable`] when the library fails.
    pub fn sign(key: &SigningKey, leaves: &[Digest]) -> Result<(Self, Vec<LeafPath>), SignError> {
        let (root, paths) = inclusion_proofs(leaves);
        let size = leaves.len() as u64;
        let signature = key.sign(label::DEPOSIT_SIGN, &[&size.to_le_bytes(), &root.0])?;
        let paths = (0u64..).zip(paths).map(|(position, digests)| LeafPath { position, digests }).collect();
        Ok((Self { size, root, signature }, paths))
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`DepositError::SignatureInvalid`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), DepositError> {
        let size = self.size.to_le_bytes();
        Ok(key.verify(label::DEPOSIT_SIGN, &[&size, &self.root.0], &self.signature)?)
    }

    /// Checks that `deposit` is in the tree, by `path`. The signature is another matter.
    ///
    /// # Errors
    /// [`DepositError::PathBroken`].
    pub fn holds(&self, deposit: &Deposit, path: &LeafPath) -> Result<(), DepositError> {
        if path.digests.len() > PATH_MAX {
            return Err(DepositError::PathBroken);
        }
        verify_inclusion(&deposit.leaf(), path.position, self.size, &path.digests, &self.root)
            .map_err(|_| DepositError::PathBroken)
    }
}

/// Where a cell is in the tree of its commit, and its way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LeafPath {
    /// Which leaf, from 0.
    pub position: u64,
    /// The digests beside its way to the root, from the leaf upwards.
    pub digests: Vec<Digest>,
}

/// What comes with [`crate::wire::reply::Reply::Stored`]: the signed tree, and the path of each of the reply's cells
/// in the order of their indexes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StoredProof {
    /// The tree.
    pub tree: SignedTree,
    /// The paths.
    pub paths: Vec<LeafPath>,
}

impl StoredProof {
    /// The cell area of the reply's frame.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] for more than a window's cells, or longer paths than [`PATH_MAX`].
    pub fn encode(&self) -> Result<Box<CellBytes>, CodecError> {
        area(&codec::encode(self, CELL_BYTES)?)
    }

    /// Reads the cell area of a reply for `count` cells. Checks its form alone.
    ///
    /// # Errors
    /// [`DepositError::Malformed`], [`DepositError::CountMismatch`].
    pub fn decode(area: &CellBytes, count: u32) -> Result<Self, DepositError> {
        let proof: Self = codec::decode(codec::unpad(area)?, CELL_BYTES)?;
        let (found, expected) = (proof.paths.len(), count as usize);
        if found != expected {
            return Err(DepositError::CountMismatch { found, expected });
        }
        Ok(proof)
    }

    /// The proof of the cell with this number among the reply's.
    #[must_use]
    pub fn of(&self, at: usize) -> Option<DepositProof> {
        Some(DepositProof { tree: self.tree.clone(), path: self.paths.get(at)?.clone() })
    }
}

/// The proof of one cell's deposit: what its sender keeps, and shows to others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DepositProof {
    /// The tree.
    pub tree: SignedTree,
    /// The cell's path.
    pub path: LeafPath,
}

impl DepositProof {
    /// Checks signature and path.
    ///
    /// # Errors
    /// [`DepositError::SignatureInvalid`], [`DepositError::PathBroken`].
    pub fn verify(&self, key: &VerifyingKey, deposit: &Deposit) -> Result<(), DepositError> {
        self.tree.verify(key)?;
        self.tree.holds(deposit, &self.path)
    }
}

/// What names a deposit key: the digest of both its keys.
#[must_use]
pub fn key_digest(key: &VerifyingKey) -> Digest {
    key.digest(label::DEPOSIT_KEY)
}

/// The cell area that presents a deposit key.
///
/// # Errors
/// Never for a key.
pub fn present_key(key: &VerifyingKey) -> Result<Box<CellBytes>, CodecError> {
    area(&codec::encode(key, CELL_BYTES)?)
}

/// The deposit key that a cell area presents.
///
/// # Errors
/// [`DepositError::Malformed`].
pub fn presented_key(area: &CellBytes) -> Result<VerifyingKey, DepositError> {
    Ok(codec::decode(codec::unpad(area)?, CELL_BYTES)?)
}

fn area(content: &[u8]) -> Result<Box<CellBytes>, CodecError> {
    codec::pad(content, CELL_BYTES)?.into_boxed_slice().try_into().map_err(|_| CodecError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;
    use crate::crypto::sign::SigningSeeds;
    use crate::wire::limit::WINDOW_FRAMES;

    fn key(seed: u8) -> SigningKey {
        let seeds = SigningSeeds::from_seeds(Secret::take(&mut [seed; 32]), Secret::take(&mut [!seed; 32]));
        SigningKey::expand(&seeds).unwrap()
    }

    fn deposit(index: u64) -> Deposit {
        let (writer, cell) = (QueueId(Digest([3; 32])), CellHash(Digest([4; 32])));
        Deposit { writer, index, cell, clock: UnixMillis(1_700_000_000_000) }
    }

    fn proofs(count: u64) -> (VerifyingKey, Vec<DepositProof>) {
        let key = key(1);
        let leaves: Vec<_> = (0..count).map(|index| deposit(index).leaf()).collect();
        let (tree, paths) = SignedTree::sign(&key, &leaves).unwrap();
        let proofs = paths.into_iter().map(|path| DepositProof { tree: tree.clone(), path });
        (key.public().clone(), proofs.collect())
    }

    #[test]
    fn every_cell_of_a_commit_is_proven_by_its_own_proof_alone() {
        for count in [1, 2, 3, 16, 255, 256] {
            let (key, proofs) = proofs(count);
            proofs[0].tree.verify(&key).unwrap();
            for (index, proof) in (0..).zip(&proofs) {
                proof.tree.holds(&deposit(index), &proof.path).unwrap();
                let other = deposit((index + 1) % (count + 1));
                assert_eq!(proof.tree.holds(&other, &proof.path), Err(DepositError::PathBroken));
            }
        }
    }

    #[test]
    fn each_byte_changed_is_refused() {
        let (key, proofs) = proofs(5);
        let (proof, said) = (&proofs[3], deposit(3));
        proof.verify(&key, &said).unwrap();
        let bytes = codec::encode(proof, CELL_BYTES).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let held = codec::decode::<DepositProof>(&bytes, CELL_BYTES)
                .map_err(DepositError::from)
                .and_then(|proof| proof.verify(&key, &said));
            assert!(held.is_err(), "byte {at}");
        }
        let bytes = codec::encode(&said, 256).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let said: Deposit = codec::decode(&bytes, 256).unwrap();
            assert_eq!(proof.verify(&key, &said), Err(DepositError::PathBroken), "byte {at}");
        }
        let bytes = codec::encode(&key, CELL_BYTES).unwrap();
        for at in (0..bytes.len()).step_by(31).chain(0..40) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let other: VerifyingKey = codec::decode(&bytes, CELL_BYTES).unwrap();
            assert_ne!(key_digest(&other), key_digest(&key));
            assert_eq!(proof.verify(&other, &said), Err(DepositError::SignatureInvalid), "byte {at}");
        }
    }

    #[test]
    fn a_windows_cells_fit_a_frame_with_the_longest_paths() {
        let (_, proofs) = proofs(1);
        let longest = LeafPath { position: u64::MAX, digests: vec![Digest([0xff; 32]); PATH_MAX] };
        let full = StoredProof { tree: proofs[0].tree.clone(), paths: vec![longest; WINDOW_FRAMES] };
        let area = full.encode().unwrap();
        assert_eq!(StoredProof::decode(&area, WINDOW_FRAMES as u32).unwrap(), full);
        let wrong = DepositError::CountMismatch { found: WINDOW_FRAMES, expected: 1 };
        assert_eq!(StoredProof::decode(&area, 1).err(), Some(wrong));
        let mut dirty = area;
        dirty[CELL_BYTES - 1] = 1;
        let dirty = StoredProof::decode(&dirty, WINDOW_FRAMES as u32);
        assert_eq!(dirty.err(), Some(DepositError::Malformed(CodecError::DirtyPadding)));
    }

    #[test]
    fn a_path_over_its_bound_is_refused() {
        let (_, proofs) = proofs(1);
        let long = LeafPath { position: 0, digests: vec![Digest([0; 32]); PATH_MAX + 1] };
        assert_eq!(proofs[0].tree.holds(&deposit(0), &long), Err(DepositError::PathBroken));
    }

    #[test]
    fn a_key_is_presented_and_read() {
        let key = key(7);
        let area = present_key(key.public()).unwrap();
        assert_eq!(&presented_key(&area).unwrap(), key.public());
        assert!(presented_key(&[0; CELL_BYTES]).is_err());
    }
}
