//! Merkle proofs against what others have published: the example of RFC 6962, and the test data of
//! transparency-dev/merkle, what must be refused included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::merkle::{
    Frontier, ProofBroken, consistency_proof, inclusion_proof, leaf_hash, node_hash, verify_consistency,
    verify_inclusion,
};

const PUBLISHED: &str = include_str!("vectors/merkle.txt");

#[test]
fn the_tree_of_seven_leaves_of_rfc_6962_has_the_proofs_of_section_2_1_3() {
    let leaves: Vec<Digest> = (0..7u8).map(|at| leaf_hash(&[&[at]])).collect();
    let [a, b, c, d, e, f, j] = leaves[..] else { panic!("seven leaves") };
    let (g, h, i) = (node_hash(&a, &b), node_hash(&c, &d), node_hash(&e, &f));
    let (k, l) = (node_hash(&g, &h), node_hash(&i, &j));
    let root = node_hash(&k, &l);
    assert_eq!(Frontier::of(&leaves).root(), root);

    for (index, path) in [(0, vec![b, h, l]), (3, vec![c, g, l]), (4, vec![f, j, k]), (6, vec![i, k])] {
        assert_eq!(inclusion_proof(&leaves, index), path, "d{index}");
        assert_eq!(verify_inclusion(&leaves[index], index as u64, 7, &path, &root), Ok(()), "d{index}");
    }

    // hash0 of 3 leaves, hash1 of 4, hash2 of 6.
    let older =
        [(3, node_hash(&g, &c), vec![c, d, g, l]), (4, k, vec![l]), (6, node_hash(&k, &i), vec![i, j, k])];
    for (first, old, proof) in older {
        assert_eq!(Frontier::of(&leaves[..first]).root(), old, "{first} leaves");
        assert_eq!(consistency_proof(&leaves, first), proof, "PROOF({first}, D[7])");
        assert_eq!(verify_consistency((first as u64, &old), (7, &root), &proof), Ok(()), "{first} leaves");
    }
}

#[test]
fn published_proofs_hold_and_published_forgeries_are_refused() {
    let lines = || PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    let digests = lines().filter_map(|line| line.strip_prefix("digest: "));
    let digests: Vec<Digest> = digests.map(|text| Digest(unhex(text).unwrap().try_into().unwrap())).collect();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in lines().filter(|line| !line.starts_with("digest")) {
        let (name, case) = line.split_once(": ").unwrap();
        let words: Vec<&str> = case.split(' ').collect();
        let [first, size] = [1, 2].map(|at: usize| words[at].parse::<u64>().unwrap());
        let named =
            words[3..].iter().map(|word| digests[word.strip_prefix('#').unwrap().parse::<usize>().unwrap()]);
        let named: Vec<Digest> = named.collect();
        let [one, two, ref proof @ ..] = named[..] else { panic!("{name}: digests are missing") };
        let (which, _) = name.split_once('.').unwrap();
        let check = |one: &Digest, two: &Digest| match which {
            "inclusion" => verify_inclusion(two, first, size, proof, one),
            "consistency" => verify_consistency((first, one), (size, two), proof),
            other => panic!("{name}: no such proof as {other}"),
        };
        let expected = match words[0] {
            "ok" => Ok(()),
            "refused" => Err(ProofBroken),
            other => panic!("{name}: {other}"),
        };
        assert_eq!(check(&one, &two), expected, "{name}");
        // Those published with another leaf or root are not in the file, as theirs are not 32 bytes long.
        let other = Digest([9; 32]);
        assert_eq!(check(&other, &two), Err(ProofBroken), "{name}, with another root");
        assert_eq!(check(&one, &other), Err(ProofBroken), "{name}, with another leaf or root");
        *seen.entry((which, words[0])).or_default() += 1;
    }
    let counts = [
        (("consistency", "ok"), 5),
        (("consistency", "refused"), 66),
        (("inclusion", "ok"), 6),
        (("inclusion", "refused"), 66),
    ];
    assert_eq!(seen, BTreeMap::from(counts), "a case is missing");
}

/// One line for the root of each subtree of up to 130 leaves (0x00, 0x01, ...), one for each path in it, and a digest
/// over all lines of a sort: from `testonly/vectors_test.go` of transparency-dev/merkle, which has them from the
/// appendix "Subtree Test Vectors" of draft-ietf-plants-merkle-tree-certs. Those from leaf 0 on are RFC 6962's trees.
#[test]
fn every_root_and_path_of_trees_up_to_130_leaves_is_the_published_one() {
    let leaves: Vec<Digest> = (0..130u8).map(|at| leaf_hash(&[&[at]])).collect();
    let (mut roots, mut paths) = (Sha256::new(), Sha256::new());
    for end in 0..=leaves.len() {
        let is_node = |start: &usize| start.is_multiple_of((end - start).next_power_of_two());
        for start in (0..=end).filter(is_node) {
            let part = &leaves[start..end];
            roots.update(format!("[{start}, {end}) {}\n", Frontier::of(part).root().hex()));
            for index in start..end {
                let path = inclusion_proof(part, index - start);
                let path: String = path.iter().map(|node| format!(" {}", node.hex())).collect();
                paths.update(format!("{index} [{start}, {end}){path}\n"));
            }
        }
    }
    let published = [
        "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81",
        "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f",
    ];
    assert_eq!([roots, paths].map(|hash| hex(&hash.finalize())), published);
}
