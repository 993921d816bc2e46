//! Proofs that a party signed two statements at one place, as a bundle carries them.

use crate::officer::engine::Channel;
use crate::statement::evidence::{Fork, SignedHeader};

impl Channel {
    /// Every proof of a fork that is kept, in a bundle's order.
    pub(super) fn proofs_of_forks(&self) -> Vec<Fork> {
        let signed = |(header, signature): &(_, _)| SignedHeader {
            header: crate::statement::header::Header::clone(header),
            signature: crate::crypto::sign::Signature::clone(signature),
        };
        let mut forks: Vec<Fork> = self
            .forks
            .iter()
            .map(|notice| {
                let mut pair = [signed(&notice.stored), signed(&notice.other)];
                pair.sort_by_key(|it| it.header.id());
                Fork(pair)
            })
            .collect();
        forks.sort_by_key(|Fork([first, _])| (first.header.author, first.header.sequence));
        forks
    }
}
