//! Merkle trees as RFC 6962, section 2.1: leaf hash `SHA-256(0x00 ‖ leaf)`, node hash
//! `SHA-256(0x01 ‖ left ‖ right)`, the empty tree's root `SHA-256("")`.

use crate::crypto::digest::Digest;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::unhex;

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
}
