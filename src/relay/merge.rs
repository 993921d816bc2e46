//! One reply for several puts: the sends of one batch, with a connection's adjacent `Stored` made one.

use crate::relay::message::Send;
use crate::wire::limit::WINDOW_FRAMES;
use std::collections::BTreeMap;

/// Joins, for each connection, `Stored` answers that follow one another in its sends, in its indexes and
/// carry one clock. The order of each connection's sends stays.
#[must_use]
pub fn merge_stored(sends: Vec<Send>) -> Vec<Send> {
    let mut merged: Vec<Send> = Vec::with_capacity(sends.len());
    let mut last = BTreeMap::new();
    for send in sends {
        let before = last.get(&send.conn()).and_then(|at: &usize| merged.get_mut(*at));
        if before.is_none_or(|before| !join(before, &send)) {
            last.insert(send.conn(), merged.len());
            merged.push(send);
        }
    }
    merged
}

/// Takes `later` into `earlier` where one `Stored` can say both, and its frame has room for both proofs.
fn join(earlier: &mut Send, later: &Send) -> bool {
    let (
        Send::Stored { first, clock, leaves, .. },
        Send::Stored { first: then, clock: at, leaves: more, .. },
    ) = (earlier, later)
    else {
        return false;
    };
    let follows = first.checked_add(leaves.len() as u64) == Some(*then);
    let joins = follows && clock == at && leaves.len() + more.len() <= WINDOW_FRAMES;
    if joins {
        leaves.extend(more);
    }
    joins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::Digest;
    use crate::relay::message::ConnId;
    use crate::time::UnixMillis;
    use crate::wire::reply::Reply;

    fn stored(conn: u64, first: u64, count: u64, clock: u64) -> Send {
        let leaves = (first..first + count).map(|index| Digest([index as u8; 32])).collect();
        Send::Stored { conn: ConnId(conn), first, clock: UnixMillis(clock), leaves }
    }

    #[test]
    fn no_answer_says_more_than_a_window_of_cells() {
        let sends = (0..40).map(|index| stored(1, index, 1, 9)).collect();
        assert_eq!(merge_stored(sends), vec![stored(1, 0, 16, 9), stored(1, 16, 16, 9), stored(1, 32, 8, 9)]);
    }

    #[test]
    fn adjacent_answers_of_one_connection_become_one() {
        let sends = vec![stored(1, 5, 1, 9), stored(2, 0, 1, 9), stored(1, 6, 1, 9), stored(1, 7, 1, 9)];
        assert_eq!(merge_stored(sends), vec![stored(1, 5, 3, 9), stored(2, 0, 1, 9)]);
    }

    #[test]
    fn gaps_other_clocks_and_other_answers_between_keep_answers_apart() {
        let gone = Reply::Gone { index: 1, low: 2 };
        let gone = Send::Reply { conn: ConnId(1), reply: gone };
        let sends =
            vec![stored(1, 5, 1, 9), stored(1, 7, 1, 9), gone, stored(1, 8, 1, 9), stored(1, 9, 1, 8)];
        assert_eq!(merge_stored(sends.clone()), sends);
    }
}
