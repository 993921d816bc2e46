//! What is kept beside the statements so that they are found and need not be counted, held against the statements
//! themselves: places, cases, what is unread, and the ends of the chains. May not judge the statements.

use crate::codec;
use crate::officer::check::{Checked, Source, Threads, each};
use crate::officer::held::{ChainRow, asks_to_be_read, confirms_words, rows_of};
use crate::officer::table;
use crate::party::role::Role;
use crate::statement::header::{HEADER_BYTES, Header};
use crate::statement::signed::Statement;
use crate::step::Table;
use std::collections::BTreeMap;

/// What the statements say that there should be.
#[derive(Default)]
struct Due {
    rows: BTreeMap<Table, u64>,
    chains: BTreeMap<u32, ChainRow>,
}

/// Checks the rows by which statements are found, and those that count them.
pub(super) fn check_index(source: &dyn Source, threads: &Threads, checked: &mut Checked) {
    let mut due = Due::default();
    for number in threads.all.keys().filter(|number| threads.session(**number).is_some()) {
        due.chains.insert(*number, ChainRow::default());
    }
    source.scan(table::STATEMENT, &mut |key, row| {
        let header = Header::decode(row.get(..HEADER_BYTES).unwrap_or_default());
        let thread = key.first_chunk().map(|thread| u32::from_be_bytes(*thread));
        // What is wrong with the statement itself is said of the chains.
        if let (Ok(header), Some(thread)) = (header, thread)
            && let Some(own) = threads.all.get(&thread).map(|thread| thread.role)
        {
            due.take(source, threads, (thread, own), (&header, &row), checked);
        }
    });
    for (table, what) in [(table::PLACE, "places"), (table::CASE, "places in cases"), (table::UNREAD, "unread")] {
        let mut found = 0u64;
        each(source, table, checked, |_, _, _| {
            found += 1;
            Ok(())
        });
        let expected = due.rows.get(&table).copied().unwrap_or_default();
        if found != expected {
            checked.found(table, None, format!("{found} statements are kept as {what}, and {expected} are"));
        }
    }
    each(source, table::CHAIN, checked, |_, key, row| {
        let thread = <[u8; 4]>::try_from(key).map(u32::from_be_bytes).map_err(|_| "its key is none")?;
        let kept: ChainRow = codec::decode(row, usize::MAX).map_err(|error| error.to_string())?;
        match due.chains.remove(&thread) {
            None => Err("its channel is not there".to_owned()),
            Some(found) if found.ends != kept.ends => Err("the chains do not end as it says".to_owned()),
            Some(found) if found.counts != kept.counts => Err("what it counts is not what is there".to_owned()),
            Some(_) => Ok(()),
        }
    });
    for thread in due.chains.keys() {
        let what = format!("channel {}: the ends of its chains are not kept", threads.label(*thread));
        checked.found(table::CHAIN, None, what);
    }
}

impl Due {
    fn take(
        &mut self,
        source: &dyn Source,
        threads: &Threads,
        (thread, own): (u32, Role),
        (header, row): (&Header, &[u8]),
        checked: &mut Checked,
    ) {
        let (author, sequence) = (header.author, header.sequence);
        let marked = |mark: u8| source.read(table::MARK, &table::mark_key(thread, author, sequence, mark)).is_some();
        let read = marked(4);
        for kept in rows_of(thread, own, header, Vec::new()) {
            if kept.table == table::STATEMENT || (kept.table == table::UNREAD && read) {
                continue;
            }
            *self.rows.entry(kept.table).or_default() += 1;
            if source.read(kept.table, &kept.key) != kept.value {
                let who = format!("statement #{sequence} of channel {}", threads.label(thread));
                checked.found(kept.table, Some(&kept.key), format!("{who} is not found by it"));
            }
        }
        let Some(ChainRow { ends, counts }) = self.chains.get_mut(&thread) else { return };
        let [inviter, joiner] = ends;
        let end = if author == Role::Inviter { inviter } else { joiner };
        end.take(header);
        if author == own {
            counts.sent += u64::from(marked(2) || marked(3));
            counts.read += u64::from(read);
        } else if !read && asks_to_be_read(header.kind) {
            counts.unread += 1;
        }
        if let (Some(session), Ok(statement)) = (threads.session(thread), Statement::decode(row))
            && confirms_words(session, &statement)
        {
            counts.words_of_mut(author).get_or_insert(sequence);
        }
    }
}
