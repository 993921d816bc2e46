//! What a program held that had made all of it durable is what it holds once it is started again.

use std::collections::BTreeMap;
use truceline::codec::encode;
use truceline::officer::engine::{Channel, Officer};

fn row(value: &impl bincode::Encode) -> Vec<u8> {
    encode(value, usize::MAX).unwrap()
}

/// A channel's outbox and inbox, as bytes and numbers.
fn held(channel: &Channel) -> [BTreeMap<Vec<u8>, Vec<u8>>; 3] {
    let cells = channel.outbox.cells.iter().map(|(number, cell)| {
        let deposits: Vec<_> = cell.deposits.iter().map(|(at, deposit)| (*at, deposit.clone())).collect();
        let sealed = (cell.carries, &cell.bytes[..], cell.hash, &cell.key);
        (row(number), row(&(sealed, &cell.places, deposits)))
    });
    let pieces = channel.inbox.assemblies.iter().flat_map(|(sequence, assembly)| {
        assembly
            .pieces
            .iter()
            .map(|(index, piece)| (row(&(*sequence, *index)), row(&(assembly.count, piece))))
    });
    let opened = channel.inbox.opened.iter().map(|(hash, seen)| (row(hash), row(seen)));
    [cells.collect(), pieces.collect(), opened.collect()]
}

pub fn changes_nothing(before: &Officer, after: &Officer) {
    assert_eq!(before.channels().count(), after.channels().count(), "a restart loses a thread");
    for (before, after) in before.channels().zip(after.channels()) {
        assert!(row(&before.thread) == row(&after.thread), "a restart changes a thread");
        assert_eq!(before.chain_row(), after.chain_row(), "a restart changes the ends of the chains");
        let [cells, pieces, opened] = held(before);
        let [cells_after, pieces_after, opened_after] = held(after);
        assert!(cells == cells_after, "a restart changes the outbox");
        assert!(pieces == pieces_after, "a restart changes what is not yet whole");
        assert!(opened == opened_after, "a restart changes which cells are remembered");
        assert_eq!(row(&before.forks), row(&after.forks), "a restart changes the proofs of forks");
    }
}
