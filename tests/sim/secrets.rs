//! What neither the network nor a relay may see: who the parties are, and what they say.

use std::collections::BTreeMap;
use truceline::party::card::Identity;

/// Bytes to look for, by their first eight.
pub struct Needles {
    found_by: BTreeMap<u64, Vec<Vec<u8>>>,
    /// Beginnings that may be among them.
    hints: Vec<bool>,
}

impl Default for Needles {
    fn default() -> Self {
        let mut needles = Self { found_by: BTreeMap::new(), hints: vec![false; 1 << 16] };
        // What the tests let them say, and what no relay has a use for.
        for word in [&b"statement "[..], b"said by ", b"truceline/1/"] {
            needles.add(word);
        }
        needles
    }
}

fn hint(begin: u64) -> usize {
    (begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

impl Needles {
    /// Looks for these bytes from now on; for what is shorter than eight, with blanks after it.
    pub fn add(&mut self, needle: &[u8]) {
        let mut needle = needle.to_vec();
        needle.resize(needle.len().max(8), b' ');
        let begin = u64::from_le_bytes(needle[..8].try_into().unwrap());
        self.hints[hint(begin)] = true;
        self.found_by.entry(begin).or_default().push(needle);
    }

    /// Looks for whatever names a party.
    pub fn party(&mut self, name: &str, identity: &Identity) {
        let card = identity.card();
        self.add(name.as_bytes());
        self.add(&card.fingerprint().unwrap().0);
        let public = truceline::codec::encode(card.key(), usize::MAX).unwrap();
        self.add(&public[..32]);
        self.add(&public[32..64]);
        self.add(&public[public.len() - 32..]);
    }

    /// Whether any of them is there.
    pub fn shown_in(&self, bytes: &[u8]) -> bool {
        // A loop that is quick without optimisation too: every byte on the network passes here.
        let (mut last, mut seen) = (0u64, 0usize);
        for byte in bytes {
            last = last >> 8 | u64::from(*byte) << 56;
            seen += 1;
            if seen >= 8
                && self.hints[hint(last)]
                && let Some(all) = self.found_by.get(&last)
                && all.iter().any(|one| bytes[seen - 8..].starts_with(one))
            {
                return true;
            }
        }
        false
    }
}
