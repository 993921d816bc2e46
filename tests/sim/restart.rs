//! What a program held that had made all of it durable is what it holds once it is started again.

use truceline::codec::encode;
use truceline::officer::engine::{Channel, Officer};

fn row(value: &impl bincode::Encode) -> Vec<u8> {
    encode(value, usize::MAX).unwrap()
}

fn has_the_outbox_of(before: &Channel, after: &Channel) -> bool {
    let cells = before.outbox.cells.iter().zip(&after.outbox.cells);
    let same = cells.into_iter().all(|((number, cell), (number_after, cell_after))| {
        (number, cell.carries, &cell.bytes, cell.hash)
            == (number_after, cell_after.carries, &cell_after.bytes, cell_after.hash)
            && (&cell.places, &cell.deposits) == (&cell_after.places, &cell_after.deposits)
            && row(&cell.key) == row(&cell_after.key)
    });
    same && before.outbox.cells.len() == after.outbox.cells.len()
}

fn pieces(channel: &Channel) -> impl Iterator<Item = (u64, u32, u32, &Vec<u8>)> {
    channel.inbox.assemblies.iter().flat_map(|(sequence, assembly)| {
        assembly.pieces.iter().map(|(index, piece)| (*sequence, *index, assembly.count, piece))
    })
}

pub fn changes_nothing(before: &Officer, after: &Officer) {
    assert_eq!(before.channels().count(), after.channels().count(), "a restart loses a thread");
    for (before, after) in before.channels().zip(after.channels()) {
        assert!(row(&before.thread) == row(&after.thread), "a restart changes a thread");
        assert_eq!(before.chain_row(), after.chain_row(), "a restart changes the ends of the chains");
        assert!(has_the_outbox_of(before, after), "a restart changes the outbox");
        assert!(pieces(before).eq(pieces(after)), "a restart changes what is not yet whole");
        assert!(before.inbox.opened == after.inbox.opened, "a restart changes which cells are remembered");
        assert_eq!(row(&before.forks), row(&after.forks), "a restart changes the proofs of forks");
    }
}
