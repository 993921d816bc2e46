//! A store that other relays write too: what the engine must know of it before it decides, how it learns
//! that, and what its records come to there. The engine then decides as if it were alone: whoever runs it
//! keeps what it [`Needs`] to write from changing until the records are in the store.
//!
//! ```text
//! needs = relay.needs(inputs)      learned = rows of needs, locked      relay.learn(needs, learned)
//! relay.handle(input, now) ...     changes = Changes::of(records)       written, unlocked, then sent
//! relay.let_tokens_go()           and relay.let_queues_go() now and then
//! ```

use crate::relay::engine::{Relay, RelayStep};
use crate::relay::message::{CellKey, ConnId, Input, Revoked};
use crate::relay::queue::Queue;
use crate::relay::table::{self, CELL, CELL_META, Held, QUEUE, QueueRow, TOKEN};
use crate::step::Record;
use crate::time::UnixMillis;
use crate::wire::pass::TokenHash;
use crate::wire::queue::{QueueId, QueueRole};
use crate::wire::request::Request;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// What inputs concern: rows that the engine has to know as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Queues that may be changed, by number.
    pub changed: BTreeSet<u64>,
    /// Queues that are looked at.
    pub seen: BTreeSet<u64>,
    /// Queues that are looked at, by the id of their reader or writer.
    pub ids: BTreeSet<QueueId>,
    /// Queues that may be changed, by such an id.
    pub changed_ids: BTreeSet<QueueId>,
    /// Tokens that may be spent, or taken back.
    pub tokens: BTreeSet<TokenHash>,
    /// Whether all tokens may be.
    pub all_tokens: bool,
    /// Whether an id may be given to a queue, as it may where a token is: one relay at a time does that.
    pub names: bool,
    /// Whether what is seen has to last before it is told.
    pub lasting: bool,
}

/// Rows as they are now: each of [`Needs`] that there is.
#[derive(Debug, Default)]
pub struct Learned {
    /// Queues, in the order of their numbers: the values of [`QUEUE`].
    pub queues: Vec<(u64, Vec<u8>)>,
    /// The values of [`CELL_META`] from [`Relay::known_below`] on, in the order of their keys.
    pub cells: Vec<(CellKey, Vec<u8>)>,
    /// Tokens, and when they expire.
    pub tokens: Vec<(TokenHash, UnixMillis)>,
    /// A number that no queue had yet, where ids may be given: asked for, or with a token.
    pub next_number: Option<u64>,
}

/// A row of a queue, and what finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueChange {
    /// Its reader's id.
    pub reader: QueueId,
    /// Its writer's.
    pub writer: QueueId,
    /// The value of [`QUEUE`].
    pub row: Vec<u8>,
}

/// A stored cell, and what finds it.
pub struct CellChange {
    /// When it was stored.
    pub clock: UnixMillis,
    /// The value of [`CELL_META`].
    pub meta: Vec<u8>,
    /// The value of [`CELL`].
    pub cell: Zeroizing<Vec<u8>>,
}

/// What records come to: each row once, with its last value, or `None` where it is deleted.
#[derive(Default)]
pub struct Changes {
    /// Queues by number.
    pub queues: BTreeMap<u64, Option<QueueChange>>,
    /// Cells.
    pub cells: BTreeMap<CellKey, Option<CellChange>>,
    /// Tokens, and when they expire.
    pub tokens: BTreeMap<TokenHash, Option<UnixMillis>>,
}

/// A record that is none of a relay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is none of a relay's")]
pub struct NotARow;

impl Needs {
    /// Whether nothing has to be known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing can be changed.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.changed.is_empty()
            && self.changed_ids.is_empty()
            && self.tokens.is_empty()
            && !self.all_tokens
            && !self.names
            && !self.lasting
    }
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.cells.is_empty() && self.tokens.is_empty()
    }

    /// What `records`, in their order, come to.
    ///
    /// # Errors
    /// [`NotARow`], which no engine's records give.
    pub fn of(records: Vec<Record>) -> Result<Self, NotARow> {
        let mut changes = Self::default();
        let mut metas = BTreeMap::new();
        for Record { table, key, value } in records {
            match table {
                QUEUE => {
                    let row = value.map(|value| queue_change(&value)).transpose()?;
                    changes.queues.insert(table::queue_number(&key).ok_or(NotARow)?, row);
                }
                CELL_META => {
                    metas.insert(CellKey::parse(&key).ok_or(NotARow)?, value);
                }
                CELL => {
                    let key = CellKey::parse(&key).ok_or(NotARow)?;
                    let meta = metas.remove(&key).flatten();
                    let change = value.map(|cell| cell_change(meta.as_deref(), cell)).transpose()?;
                    changes.cells.insert(key, change);
                }
                TOKEN => {
                    let read = |value: Zeroizing<Vec<u8>>| table::read(&value).map_err(|_| NotARow);
                    let expires = value.map(read).transpose()?;
                    changes.tokens.insert(table::token_hash(&key).ok_or(NotARow)?, expires);
                }
                _ => return Err(NotARow),
            }
        }
        Ok(changes)
    }
}

fn queue_change(value: &[u8]) -> Result<QueueChange, NotARow> {
    let row = table::read::<QueueRow>(value).map_err(|_| NotARow)?;
    Ok(QueueChange { reader: row.reader, writer: row.writer, row: value.to_vec() })
}

fn cell_change(meta: Option<&Vec<u8>>, cell: Zeroizing<Vec<u8>>) -> Result<CellChange, NotARow> {
    let meta = meta.ok_or(NotARow)?;
    let held = table::read::<Held>(meta).map_err(|_| NotARow)?;
    Ok(CellChange { clock: held.clock, meta: meta.clone(), cell })
}

impl Relay {
    /// What has to be known before `inputs` are handled, in this order, as one batch.
    pub fn needs<'a>(&self, inputs: impl IntoIterator<Item = &'a Input>) -> Needs {
        let mut needs = Needs::default();
        let mut arrived = BTreeMap::new();
        for input in inputs {
            match input {
                Input::Frame { conn, frame } => {
                    if let Ok(framed) = frame.as_ref() {
                        self.need(*conn, &framed.said, &mut arrived, &mut needs);
                    }
                }
                Input::Put { conn, .. } => needs.changed.extend(self.serving(*conn)),
                Input::Revoked(Revoked::These(hashes)) => needs.tokens.extend(hashes),
                Input::Revoked(Revoked::All) => needs.all_tokens = true,
                Input::Lost { cell } => {
                    needs.changed.insert(cell.queue);
                }
                _ => {}
            }
        }
        // What was known by an id may have another number now, or none.
        let known = needs.ids.iter().filter_map(|id| Some(self.ids.get(id)?.0));
        needs.seen.extend(known);
        let known = needs.changed_ids.iter().filter_map(|id| Some(self.ids.get(id)?.0));
        needs.changed.extend(known);
        needs
    }

    fn serving(&self, conn: ConnId) -> Option<u64> {
        self.conns.get(&conn)?.serving.map(|(number, _)| number)
    }

    /// What a request needs. `arrived` has the connections that prove themselves in this very batch, and by which id.
    fn need(&self, conn: ConnId, said: &Request, arrived: &mut BTreeMap<ConnId, QueueId>, needs: &mut Needs) {
        let serving = self.serving(conn);
        let changes = |needs: &mut Needs| {
            needs.changed.extend(serving);
            needs.changed_ids.extend(arrived.get(&conn));
        };
        match said {
            Request::Put { .. } | Request::Drop { .. } | Request::Close => changes(needs),
            Request::Rekey { writer, .. } => {
                changes(needs);
                needs.ids.insert(*writer);
                needs.names = true;
            }
            Request::Get { .. } => needs.seen.extend(serving),
            Request::Prove { role, id, .. } => {
                arrived.insert(conn, *id);
                needs.ids.insert(*id);
                // A writer is told what was stored: that is an acknowledgement. Nothing is locked for who has proved nothing yet.
                needs.lasting |= *role == QueueRole::Writer;
            }
            Request::Open(open) => {
                arrived.insert(conn, open.reader);
                needs.ids.extend([open.reader, open.writer]);
                needs.tokens.insert(open.token.hash());
            }
        }
    }

    /// What has to be known to answer the gets that wait: for when other relays' puts are not told.
    #[must_use]
    pub fn awaited(&self) -> Needs {
        let serving = self.waits.iter().filter_map(|(_, conn)| self.conns.get(conn)?.serving);
        Needs { seen: serving.map(|(number, _)| number).collect(), ..Needs::default() }
    }

    /// What has to be known when other relays changed these queues.
    #[must_use]
    pub fn stirred(&self, queues: impl IntoIterator<Item = u64>) -> Needs {
        let known = queues.into_iter().filter(|number| self.queues.contains_key(number));
        Needs { seen: known.collect(), ..Needs::default() }
    }

    /// The first index of a queue of which nothing is known: cells below never change but to vanish.
    #[must_use]
    pub fn known_below(&self, number: u64) -> u64 {
        self.queues.get(&number).map_or(0, Queue::next)
    }

    /// Takes in what was needed. Gets that wait for what came are answered; connections that serve a queue
    /// that is gone, or another's now, end. How many rows could not be read: their queues are unknown.
    pub fn learn(&mut self, needs: &Needs, learned: Learned, step: &mut RelayStep) -> u64 {
        let mut damaged = 0;
        let mut gone: BTreeSet<u64> = needs.changed.union(&needs.seen).copied().collect();
        let mut there = Vec::new();
        for (number, row) in learned.queues {
            let Ok(row) = table::read::<QueueRow>(&row) else {
                damaged += 1;
                continue;
            };
            gone.remove(&number);
            self.learn_queue(number, &row, step);
            there.push(number);
        }
        for (key, meta) in learned.cells {
            let held = table::read::<Held>(&meta).ok();
            damaged += u64::from(held.is_none());
            if let Some(queue) = self.queues.get_mut(&key.queue) {
                queue.restore_cell(key.index, held);
            }
        }
        for number in gone {
            self.vanish(number, step);
        }
        self.tokens.extend(learned.tokens);
        self.next_number = learned.next_number.unwrap_or(self.next_number);
        for number in there {
            self.wake(number, step);
        }
        damaged
    }

    fn learn_queue(&mut self, number: u64, row: &QueueRow, step: &mut RelayStep) {
        let queue = self.queues.entry(number).or_insert_with(|| Queue::from_row(row));
        let before = (queue.writer, queue.writer_key);
        queue.learn(row);
        self.ids.insert(row.reader, (number, QueueRole::Reader));
        if before != (row.writer, row.writer_key) {
            self.forget_id(&before.0, number);
            self.end_writers(number, step);
        }
        self.ids.insert(row.writer, (number, QueueRole::Writer));
    }

    /// A queue that another relay closed.
    fn vanish(&mut self, number: u64, step: &mut RelayStep) {
        for (conn, _) in self.forget_queue(number) {
            self.disconnect(conn, step);
        }
    }

    fn forget_queue(&mut self, number: u64) -> Vec<(ConnId, QueueRole)> {
        let Some(queue) = self.queues.remove(&number) else { return Vec::new() };
        self.forget_id(&queue.reader, number);
        self.forget_id(&queue.writer, number);
        queue.conns
    }

    /// Another queue may have the id by now.
    fn forget_id(&mut self, id: &QueueId, number: u64) {
        if self.ids.get(id).is_some_and(|(of, _)| *of == number) {
            self.ids.remove(id);
        }
    }

    /// Forgets the tokens that were needed: after each batch.
    pub fn let_tokens_go(&mut self) {
        self.tokens.clear();
    }

    /// Forgets queues that no connection serves: they are learned again when one does.
    pub fn let_queues_go(&mut self) {
        let idle = self.queues.iter().filter(|(_, queue)| queue.conns.is_empty());
        for number in idle.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.forget_queue(number);
        }
    }
}
