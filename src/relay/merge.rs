//! One reply for several puts: the sends of one batch, with a connection's adjacent `Stored` made one.

use crate::relay::message::Send;
use crate::wire::reply::Reply;
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

/// Takes `later` into `earlier` where one `Stored` can say both.
fn join(earlier: &mut Send, later: &Send) -> bool {
    let (
        Send::Reply { reply: Reply::Stored { first, count, clock }, .. },
        Send::Reply { reply: Reply::Stored { first: then, count: more, clock: at }, .. },
    ) = (earlier, later)
    else {
        return false;
    };
    let joined = count.checked_add(*more).filter(|_| clock == at);
    match joined {
        Some(joined) if first.checked_add(u64::from(*count)) == Some(*then) => {
            *count = joined;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::message::ConnId;
    use crate::time::UnixMillis;

    fn stored(conn: u64, first: u64, count: u32, clock: u64) -> Send {
        let reply = Reply::Stored { first, count, clock: UnixMillis(clock) };
        Send::Reply { conn: ConnId(conn), reply }
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
