//! Merkle trees as RFC 6962, section 2.1: leaf hash `SHA-256(0x00 ‖ leaf)`, node hash
//! `SHA-256(0x01 ‖ left ‖ right)`, the empty tree's root `SHA-256("")`; and the proofs over them.

use crate::digest::Digest;
use bincode::{Decode, Encode};
use sha2::{Digest as _, Sha256};

/// The hash of a leaf with these bytes.
#[must_use]
pub fn leaf_hash(leaf: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0]);
    for part in leaf {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

/// The hash of a node over two subtrees.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Digest(hash.finalize().into())
}

/// A growing tree, held as the roots of its complete subtrees: at most 64 digests however long it grows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each bit set in `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The tree with no leaf.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree with these leaf hashes.
    #[must_use]
    pub fn of<'a>(leaves: impl IntoIterator<Item = &'a Digest>) -> Self {
        let mut tree = Self::new();
        leaves.into_iter().for_each(|leaf| tree.push(*leaf));
        tree
    }

    /// Leaves in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Whether it has the subtrees that its size asks for; one that was decoded may not.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        usize::try_from(self.size.count_ones()) == Ok(self.peaks.len())
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Digest(Sha256::digest([]).into()),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// A proof that does not lead to its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Merkle proof does not hold")]
pub struct ProofBroken;

/// The audit path of leaf `index` in the tree with these leaf hashes, from the leaf upwards: `PATH(m, D[n])` of
/// RFC 6962, section 2.1.1. Empty where there is no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Vec<Digest> {
    if index >= leaves.len() || leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut path, other) = match index.checked_sub(left.len()) {
        None => (inclusion_proof(left, index), right),
        Some(index) => (inclusion_proof(right, index), left),
    };
    path.push(Frontier::of(other).root());
    path
}

/// The tree's root and the audit path of every leaf, as [`inclusion_proof`] gives one: each node is hashed once.
#[must_use]
pub fn inclusion_proofs(leaves: &[Digest]) -> (Digest, Vec<Vec<Digest>>) {
    if leaves.len() < 2 {
        return (Frontier::of(leaves).root(), vec![Vec::new(); leaves.len()]);
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let ((left, mut paths), (right, mut others)) = (inclusion_proofs(left), inclusion_proofs(right));
    paths.iter_mut().for_each(|path| path.push(right));
    others.iter_mut().for_each(|path| path.push(left));
    paths.append(&mut others);
    (node_hash(&left, &right), paths)
}

/// What shows that the tree of the first `first` of these leaf hashes is a beginning of the tree of all:
/// `PROOF(m, D[n])` of RFC 6962, section 2.1.2. Empty where `first` is 0, all of them, or more.
#[must_use]
pub fn consistency_proof(leaves: &[Digest], first: usize) -> Vec<Digest> {
    if first == 0 || first >= leaves.len() { Vec::new() } else { subproof(leaves, first, true) }
}

/// `SUBPROOF(m, D[n], b)` of RFC 6962, section 2.1.2.
fn subproof(leaves: &[Digest], first: usize, whole: bool) -> Vec<Digest> {
    if first == leaves.len() {
        return if whole { Vec::new() } else { vec![Frontier::of(leaves).root()] };
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut proof, other) = match first.checked_sub(left.len()) {
        None | Some(0) => (subproof(left, first, whole), right),
        Some(first) => (subproof(right, first, false), left),
    };
    proof.push(Frontier::of(other).root());
    proof
}

/// The largest power of two below `count`, which is at least 2.
const fn half(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
///
/// # Errors
/// [`ProofBroken`].
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofBroken> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last).ok_or(ProofBroken)?;
    let (mut at, mut node) = (index, *leaf);
    for step in proof {
        if last == 0 {
            return Err(ProofBroken);
        }
        if at & 1 == 1 || at == last {
            node = node_hash(step, &node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, step);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && node == *root { Ok(()) } else { Err(ProofBroken) }
}

/// Checks that the tree of `first` leaves with root `first_root` is a beginning of the tree of `size` leaves
/// with root `root` (RFC 9162, section 2.1.4.2). The empty tree is a beginning of every tree, with an empty proof.
///
/// # Errors
/// [`ProofBroken`].
pub fn verify_consistency(
    (first, first_root): (u64, &Digest),
    (size, root): (u64, &Digest),
    proof: &[Digest],
) -> Result<(), ProofBroken> {
    if first == 0 || first == size {
        let expected = if first == 0 { Frontier::new().root() } else { *root };
        return if proof.is_empty() && *first_root == expected { Ok(()) } else { Err(ProofBroken) };
    }
    if first > size {
        return Err(ProofBroken);
    }
    let (mut at, mut last) = (first - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let mut steps = proof.iter();
    // A first tree that is complete is itself the first step, and is not repeated in the proof.
    let begin = if first.is_power_of_two() { first_root } else { steps.next().ok_or(ProofBroken)? };
    let (mut old, mut new) = (*begin, *begin);
    for step in steps {
        if last == 0 {
            return Err(ProofBroken);
        }
        if at & 1 == 1 || at == last {
            old = node_hash(step, &old);
            new = node_hash(step, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, step);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && old == *first_root && new == *root { Ok(()) } else { Err(ProofBroken) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::unhex;

    /// Leaves and roots of the certificate-transparency reference tests (google/certificate-transparency,
    /// `cpp/merkletree/merkle_tree_test.cc`), as in transparency-dev/merkle.
    #[test]
    fn roots_are_those_of_the_reference_tests() {
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::new();
        assert_eq!(tree.root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in leaves.iter().zip(roots) {
            tree.push(leaf_hash(&[&unhex(leaf).unwrap()]));
            assert_eq!(tree.root().hex(), root);
        }
    }

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|at| leaf_hash(&[&at.to_le_bytes()])).collect()
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other_does() {
        for size in 1..40usize {
            let leaves = leaves(size);
            let root = Frontier::of(&leaves).root();
            let (of_all, proofs) = inclusion_proofs(&leaves);
            assert_eq!((of_all, proofs.len()), (root, size));
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = inclusion_proof(&leaves, index);
                assert_eq!(proofs[index], proof);
                let holds = |leaf: &Digest, index: usize, size: usize, proof: &[Digest]| {
                    verify_inclusion(leaf, index as u64, size as u64, proof, &root).is_ok()
                };
                assert!(holds(leaf, index, size, &proof), "{index} of {size}");
                assert!(!holds(&Digest([9; 32]), index, size, &proof));
                assert!((0..size).all(|other| other == index || !holds(leaf, other, size, &proof)));
                assert!(!holds(leaf, index, size, &[&proof[..], &[root]].concat()));
                assert!(proof.is_empty() || !holds(leaf, index, size, &proof[1..]));
            }
            assert!(verify_inclusion(&leaves[0], 0, 0, &[], &root).is_err());
            for first in 0..=size {
                let (old, proof) = (Frontier::of(&leaves[..first]).root(), consistency_proof(&leaves, first));
                let holds = |first: usize, old: &Digest, proof: &[Digest]| {
                    verify_consistency((first as u64, old), (size as u64, &root), proof).is_ok()
                };
                assert!(holds(first, &old, &proof), "{first} of {size}");
                assert!(!holds(first, &Digest([9; 32]), &proof));
                assert!((0..=size + 1).all(|other| other == first || !holds(other, &old, &proof)));
                assert!(!holds(first, &old, &[&proof[..], &[root]].concat()));
                assert!(proof.is_empty() || !holds(first, &old, &proof[1..]));
            }
        }
    }
}
