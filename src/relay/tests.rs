//! The engine's rules, one sentence each, against a store that is a map.

use crate::codec::{CELL_BYTES, CellBytes};
use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueSecret, QueueSignature};
use crate::relay::engine::{Relay, RelayStep};
use crate::relay::message::{CellKey, ConnId, Input, Limits, Notice, SERVING_MAX, Send, Totals};
use crate::relay::table::{CELL, CELL_META, QUEUE, RESTORED, Row, TOKEN};
use crate::step::Table;
use crate::time::{Millis, UnixMillis};
use crate::wire::deposit::Deposit;
use crate::wire::frame::{FrameError, Framed};
use crate::wire::pass::Token;
use crate::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put, sign_rekey};
use crate::wire::reply::{Bound, PutProof, Reply};
use crate::wire::request::{Open, Request};
use std::collections::BTreeMap;

mod bounds;
mod checked;
mod revoked;
mod shared;

const NOW: UnixMillis = UnixMillis(1_000_000);
const LIMITS: Limits = Limits { queue_cells_max: 4, retention: Millis::days(21), reserve_bytes: 1 << 20 };

/// A relay, its store and the clients' keys.
struct Bench {
    relay: Relay,
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    now: UnixMillis,
    notices: Vec<Notice>,
    conns: u64,
}

fn id(seed: u8) -> QueueId {
    QueueId(Digest([seed; 32]))
}

fn secret(seed: u8) -> QueueSecret {
    QueueSecret::from_seed(Secret::take(&mut [seed; 32]))
}

fn exporter(conn: ConnId) -> Exporter {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&conn.0.to_le_bytes());
    Exporter(bytes)
}

fn cell(fill: u8) -> Box<CellBytes> {
    Box::new([fill; CELL_BYTES])
}

/// Queue `n` has reader id and key `n`, writer id and key `n + 1`.
fn opening(n: u8, token: u8, conn: ConnId) -> Open {
    let (reader, writer) = (secret(n), secret(n + 1));
    Open::new(Token([token; 32]), (id(n), &reader), (id(n + 1), writer.public()), &exporter(conn))
}

impl Bench {
    fn new() -> Self {
        let (rows, notices) = (BTreeMap::new(), Vec::new());
        let mut bench = Self { relay: Relay::new(LIMITS), rows, now: NOW, notices, conns: 0 };
        let hashes = (1..=9).map(|token| Token([token; 32]).hash()).collect();
        bench.give(Input::Tokens { hashes, expires: NOW.plus(Millis::days(1)) });
        bench
    }

    /// With queue 10 open; its reader and its writer.
    fn open() -> (Self, ConnId, ConnId) {
        let mut bench = Self::new();
        let reader = bench.connect();
        let open = opening(10, 1, reader);
        assert!(matches!(bench.ask(reader, Request::Open(open)), Some(Reply::Serving { .. })));
        let writer = bench.connect();
        assert!(matches!(bench.prove(writer, QueueRole::Writer, 11), Some(Reply::Serving { .. })));
        (bench, reader, writer)
    }

    fn connect(&mut self) -> ConnId {
        self.conns += 1;
        let conn = ConnId(self.conns);
        self.give(Input::Connected { conn, exporter: exporter(conn) });
        conn
    }

    fn step(&mut self, input: Input) -> RelayStep {
        self.relay.handle(input, self.now)
    }

    /// Handles and makes durable.
    fn give(&mut self, input: Input) -> Vec<Send> {
        let step = self.step(input);
        for record in step.records {
            match record.value {
                Some(value) => self.rows.insert((record.table, record.key), value.to_vec()),
                None => self.rows.remove(&(record.table, record.key)),
            };
        }
        self.notices.extend(step.notices);
        step.sends
    }

    fn frame(&mut self, conn: ConnId, said: Request, cell: Option<Box<CellBytes>>) -> Vec<Send> {
        let frame = Box::new(Ok(Framed::<Request>::new(said, cell)));
        self.give(Input::Frame { conn, frame })
    }

    /// The first reply to a request without a cell.
    fn ask(&mut self, conn: ConnId, said: Request) -> Option<Reply> {
        reply(&self.frame(conn, said, None))
    }

    fn prove(&mut self, conn: ConnId, role: QueueRole, n: u8) -> Option<Reply> {
        let signature = prove(&secret(n), &exporter(conn), role, &id(n));
        self.ask(conn, Request::Prove { role, id: id(n), signature })
    }

    fn put_as(&mut self, conn: ConnId, n: u8, index: u64, fill: u8) -> Vec<Send> {
        let signature = sign_put(&secret(n), &id(n), index, &CellHash::of(&cell(fill)));
        self.frame(conn, Request::Put { index, signature }, Some(cell(fill)))
    }

    fn put(&mut self, conn: ConnId, index: u64, fill: u8) -> Reply {
        reply(&self.put_as(conn, 11, index, fill)).unwrap()
    }

    fn get(&mut self, conn: ConnId, from: u64, count: u16, wait_ms: u32) -> Vec<Send> {
        self.frame(conn, Request::Get { from, count, wait_ms }, None)
    }

    fn rekey(&mut self, conn: ConnId, n: u8) -> Vec<Send> {
        let key = secret(n).public();
        let signature = sign_rekey(&secret(10), &id(10), &id(n), &key);
        self.frame(conn, Request::Rekey { writer: id(n), key, signature }, None)
    }

    /// Kills the relay and starts it from its rows, in which `damage` was done; rows found damaged.
    fn restart(&mut self, damage: impl Fn(&Row) -> bool) -> u64 {
        let rows = self.rows.iter().filter(|((table, _), _)| RESTORED.contains(table));
        let rows = rows.map(|((table, key), value)| {
            let mut row = Row { table: *table, key: key.clone(), value: Some(value.clone()) };
            if damage(&row) {
                row.value = None;
            }
            row
        });
        let restored = Relay::restore(LIMITS, rows);
        self.relay = restored.relay;
        restored.damaged
    }

    fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(of, _)| *of == table).count()
    }
}

fn reply(sends: &[Send]) -> Option<Reply> {
    sends.iter().find_map(|send| match send {
        Send::Reply { reply, .. } => Some(reply.clone()),
        Send::Stored { first, clock, leaves, .. } => {
            Some(Reply::Stored { first: *first, count: leaves.len() as u32, clock: *clock })
        }
        _ => None,
    })
}

fn indexes(sends: &[Send]) -> Vec<u64> {
    let cells = sends.iter().filter_map(|send| match send {
        Send::Cells { cells, .. } => Some(cells.iter().map(|cell| cell.key.index)),
        _ => None,
    });
    cells.flatten().collect()
}

fn closes(sends: &[Send], conn: ConnId) -> bool {
    sends.contains(&Send::Close { conn })
}

const fn stored(first: u64, clock: UnixMillis) -> Reply {
    Reply::Stored { first, count: 1, clock }
}

#[test]
fn an_unknown_queue_and_a_bad_signature_are_answered_alike() {
    let (mut bench, ..) = Bench::open();
    let unknown = bench.connect();
    let signature = prove(&secret(90), &exporter(unknown), QueueRole::Reader, &id(90));
    let said = Request::Prove { role: QueueRole::Reader, id: id(90), signature };
    let unknown = bench.frame(unknown, said, None);
    let forged = bench.connect();
    let said = Request::Prove { role: QueueRole::Reader, id: id(10), signature: QueueSignature([7; 64]) };
    let forged = bench.frame(forged, said, None);
    let shape = |sends: &[Send]| (reply(sends), sends.len());
    assert_eq!(shape(&unknown), (Some(Reply::Refused), 2));
    assert_eq!(shape(&unknown), shape(&forged));
}

#[test]
fn a_proof_is_worth_nothing_on_another_connection_or_in_another_role() {
    let (mut bench, ..) = Bench::open();
    let (one, other) = (bench.connect(), bench.connect());
    let signature = prove(&secret(10), &exporter(one), QueueRole::Reader, &id(10));
    let said = Request::Prove { role: QueueRole::Reader, id: id(10), signature };
    assert_eq!(bench.ask(other, said), Some(Reply::Refused));
    assert_eq!(bench.prove(one, QueueRole::Writer, 10), Some(Reply::Refused));
}

#[test]
fn what_comes_out_of_place_ends_the_connection() {
    let (mut bench, reader, writer) = Bench::open();
    let early = bench.connect();
    let sends = bench.get(early, 0, 1, 0);
    assert_eq!(reply(&sends), Some(Reply::Malformed));
    assert!(closes(&sends, early));
    assert_eq!(bench.prove(reader, QueueRole::Reader, 10), Some(Reply::Malformed));
    assert_eq!(bench.ask(writer, Request::Drop { below: 1 }), Some(Reply::Malformed));
    assert!(bench.get(writer, 0, 1, 0).is_empty(), "an ended connection is answered no more");
    let bad = bench.connect();
    let frame = Box::new(Err(FrameError::CellUnexpected));
    let sends = bench.give(Input::Frame { conn: bad, frame });
    assert_eq!(reply(&sends), Some(Reply::Malformed));
    assert!(closes(&sends, bad));
}

#[test]
fn a_get_of_no_cells_or_of_too_many_is_malformed() {
    for count in [0, 17] {
        let (mut bench, reader, _) = Bench::open();
        assert_eq!(reply(&bench.get(reader, 0, count, 0)), Some(Reply::Malformed));
    }
}

#[test]
fn a_put_that_the_present_writer_did_not_sign_is_malformed_and_stores_nothing() {
    let (mut bench, _, writer) = Bench::open();
    let sends = bench.put_as(writer, 12, 0, 1);
    assert_eq!(reply(&sends), Some(Reply::Malformed));
    assert_eq!(bench.count(CELL), 0);
}

#[test]
fn no_token_a_spent_one_and_an_expired_one_open_nothing() {
    let (mut bench, ..) = Bench::open();
    let attempt = |bench: &mut Bench, token| {
        let conn = bench.connect();
        bench.ask(conn, Request::Open(opening(30, token, conn)))
    };
    assert_eq!(attempt(&mut bench, 99), Some(Reply::PassRefused), "unknown");
    assert_eq!(attempt(&mut bench, 1), Some(Reply::PassRefused), "spent");
    bench.now = bench.now.plus(Millis::days(1));
    assert_eq!(attempt(&mut bench, 2), Some(Reply::PassRefused), "expired");
    bench.give(Input::Tick);
    assert_eq!((bench.count(TOKEN), bench.count(QUEUE)), (0, 1));
}

#[test]
fn an_opening_that_is_badly_signed_or_takes_a_taken_id_spends_no_token() {
    let (mut bench, ..) = Bench::open();
    let conn = bench.connect();
    let mut forged = opening(30, 2, conn);
    forged.writer = id(77);
    assert_eq!(bench.ask(conn, Request::Open(forged)), Some(Reply::Refused));
    for (reader, writer) in [(10, 50), (11, 50), (50, 10), (50, 11), (50, 50)] {
        let conn = bench.connect();
        let keys = ((id(reader), &secret(reader)), (id(writer), secret(writer).public()));
        let open = Open::new(Token([2; 32]), keys.0, keys.1, &exporter(conn));
        assert_eq!(bench.ask(conn, Request::Open(open)), Some(Reply::PassRefused));
    }
    assert_eq!(bench.count(TOKEN), 8);
}

#[test]
fn an_opening_asked_again_changes_nothing_and_spends_nothing() {
    let (mut bench, _, writer) = Bench::open();
    bench.put(writer, 0, 1);
    let before = bench.rows.clone();
    let conn = bench.connect();
    let again = bench.ask(conn, Request::Open(opening(10, 2, conn)));
    assert_eq!(again, Some(Reply::Serving { clock: NOW, low: 0, next: 1, last: None }));
    assert_eq!(bench.rows, before);
}

#[test]
fn a_token_is_spent_in_the_step_that_opens_and_no_row_ties_it_to_the_queue() {
    let mut bench = Bench::new();
    let conn = bench.connect();
    let frame = Box::new(Ok(Framed::<Request>::new(Request::Open(opening(10, 1, conn)), None)));
    let step = bench.step(Input::Frame { conn, frame });
    let deleted = step.records.iter().filter(|record| record.table == TOKEN && record.value.is_none());
    assert_eq!(deleted.count(), 1);
    let hash = Token([1; 32]).hash().0.0;
    let kept: Vec<_> = step.records.iter().filter_map(|record| record.value.as_ref()).collect();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].windows(32).any(|part| part == hash || part == [1; 32]));
}

#[test]
fn a_put_is_write_once_and_asked_again_is_stored_again() {
    let (mut bench, _, writer) = Bench::open();
    assert_eq!(bench.put(writer, 0, 1), stored(0, NOW));
    bench.now = NOW.plus(Millis(5));
    assert_eq!(bench.put(writer, 0, 1), stored(0, NOW), "the clock is of the first time");
    let leaf = Deposit { writer: id(11), index: 0, cell: CellHash::of(&cell(1)), clock: NOW }.leaf();
    let again = Send::Stored { conn: writer, first: 0, clock: NOW, leaves: vec![leaf] };
    assert_eq!(bench.put_as(writer, 11, 0, 1), [again], "what is signed says so, too");
    let hash = CellHash::of(&cell(1));
    let signature = sign_put(&secret(11), &id(11), 0, &hash);
    assert_eq!(bench.put(writer, 0, 2), Reply::Conflict(PutProof { index: 0, cell: hash, signature }));
    assert_eq!(bench.put(writer, 2, 3), Reply::Expected { next: 1 });
    assert_eq!(bench.count(CELL), 1);
}

#[test]
fn a_put_is_acknowledged_only_by_a_step_that_makes_it_durable() {
    let (mut bench, _, writer) = Bench::open();
    let signature = sign_put(&secret(11), &id(11), 0, &CellHash::of(&cell(1)));
    let said = Request::Put { index: 0, signature };
    let frame = Box::new(Ok(Framed::<Request>::new(said, Some(cell(1)))));
    let step = bench.step(Input::Frame { conn: writer, frame });
    assert_eq!(reply(&step.sends), Some(stored(0, NOW)));
    let tables: Vec<_> = step.records.iter().map(|record| record.table).collect();
    assert_eq!(tables, [CELL_META, CELL]);
    assert_eq!(step.records[1].value.as_ref().unwrap().as_slice(), cell(1).as_slice());
}

#[test]
fn a_put_below_the_low_water_mark_is_gone() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    assert_eq!(bench.ask(reader, Request::Drop { below: 1 }), Some(Reply::Dropped { low: 1 }));
    assert_eq!(bench.put(writer, 0, 1), Reply::Gone { index: 0, low: 1 });
    assert_eq!((bench.count(CELL), bench.count(CELL_META)), (0, 0));
}

#[test]
fn a_full_queue_says_so_and_takes_more_once_its_reader_has_dropped() {
    let (mut bench, reader, writer) = Bench::open();
    for index in 0..4 {
        assert_eq!(bench.put(writer, index, 1), stored(index, NOW));
    }
    assert_eq!(bench.put(writer, 4, 1), Reply::Full { index: 4, bound: Bound::Queue });
    assert_eq!(bench.put(writer, 3, 1), stored(3, NOW), "what is held is still answered");
    bench.ask(reader, Request::Drop { below: 1 });
    assert_eq!(bench.put(writer, 4, 1), stored(4, NOW));
}

#[test]
fn a_disk_at_its_reserve_takes_no_put_and_no_opening_but_drops_gets_and_closes() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.give(Input::Space { free_bytes: LIMITS.reserve_bytes });
    assert_eq!(bench.put(writer, 1, 1), Reply::Full { index: 1, bound: Bound::Disk });
    let conn = bench.connect();
    let refused = bench.ask(conn, Request::Open(opening(30, 2, conn)));
    assert_eq!(refused, Some(Reply::Full { index: 0, bound: Bound::Disk }));
    assert_eq!(bench.count(TOKEN), 8, "no token is spent");
    assert_eq!(indexes(&bench.get(reader, 0, 1, 0)), [0]);
    assert_eq!(bench.ask(reader, Request::Drop { below: 1 }), Some(Reply::Dropped { low: 1 }));
    assert_eq!(bench.ask(reader, Request::Close), Some(Reply::Closed));
}

#[test]
fn puts_between_two_looks_at_the_disk_count_against_its_room() {
    let (mut bench, _, writer) = Bench::open();
    bench.give(Input::Space { free_bytes: LIMITS.reserve_bytes + 20_000 });
    assert_eq!(bench.put(writer, 0, 1), stored(0, NOW));
    assert_eq!(bench.put(writer, 1, 1), Reply::Full { index: 1, bound: Bound::Disk });
}

#[test]
fn a_get_brings_what_is_held_in_order_and_says_what_follows() {
    let (mut bench, reader, writer) = Bench::open();
    for index in 0..3 {
        bench.put(writer, index, index as u8);
    }
    let sends = bench.get(reader, 1, 16, 0);
    let Send::Cells { cells, .. } = &sends[0] else { panic!("no cells") };
    assert_eq!(cells.iter().map(|cell| (cell.key.index, cell.more)).collect::<Vec<_>>(), [(1, 1), (2, 0)]);
    assert_eq!(cells[0].hash, CellHash::of(&cell(1)));
    assert!(bench.rows.contains_key(&(CELL, cells[0].key.bytes())));
}

#[test]
fn a_get_below_the_low_water_mark_is_answered_from_it_and_one_above_next_at_once() {
    let (mut bench, reader, writer) = Bench::open();
    for index in 0..3 {
        bench.put(writer, index, 1);
    }
    bench.ask(reader, Request::Drop { below: 2 });
    assert_eq!(indexes(&bench.get(reader, 0, 16, 0)), [2]);
    assert_eq!(reply(&bench.get(reader, 9, 1, 60_000)), Some(Reply::Empty { low: 2, next: 3 }));
}

#[test]
fn a_waiting_get_is_woken_by_a_put_in_the_step_that_stores_it() {
    let (mut bench, reader, writer) = Bench::open();
    assert!(bench.get(reader, 0, 4, 60_000).is_empty());
    let sends = bench.put_as(writer, 11, 0, 1);
    assert_eq!(indexes(&sends), [0]);
    assert_eq!(bench.relay.wakes_at(), None);
    assert_eq!(indexes(&bench.put_as(writer, 11, 1, 1)), [0; 0], "it was answered once");
}

#[test]
fn a_waiting_get_is_answered_empty_when_its_time_is_over() {
    let (mut bench, reader, _) = Bench::open();
    bench.get(reader, 0, 1, 60_000);
    assert_eq!(bench.relay.wakes_at(), Some(NOW.plus(Millis(60_000))));
    bench.now = NOW.plus(Millis(59_999));
    assert!(bench.give(Input::Tick).is_empty());
    bench.now = NOW.plus(Millis(60_000));
    assert_eq!(reply(&bench.give(Input::Tick)), Some(Reply::Empty { low: 0, next: 0 }));
    bench.get(reader, 0, 1, u32::MAX);
    let longest = bench.now.plus(crate::wire::limit::GET_WAIT_MAX);
    assert_eq!(bench.relay.wakes_at(), Some(longest), "no get waits longer");
}

#[test]
fn a_get_that_replaces_a_waiting_one_has_the_older_answered_empty() {
    let (mut bench, reader, writer) = Bench::open();
    bench.get(reader, 0, 1, 60_000);
    assert_eq!(bench.get(reader, 0, 1, 90_000).len(), 1);
    assert_eq!(indexes(&bench.put_as(writer, 11, 0, 1)), [0]);
}

#[test]
fn a_reader_that_comes_back_before_its_dead_connection_is_noticed_is_served() {
    let (mut bench, dead, writer) = Bench::open();
    bench.get(dead, 0, 1, 60_000);
    let back = bench.connect();
    bench.prove(back, QueueRole::Reader, 10);
    bench.get(back, 0, 1, 60_000);
    let sends = bench.put_as(writer, 11, 0, 1);
    let woken: Vec<_> =
        sends.iter().filter(|send| matches!(send, Send::Cells { .. })).map(Send::conn).collect();
    assert_eq!(woken, [dead, back]);
    bench.give(Input::Gone { conn: dead });
    assert_eq!(bench.relay.totals().connections, 2);
}

#[test]
fn one_connection_too_many_for_a_queue_closes_the_oldest() {
    let (mut bench, first, _) = Bench::open();
    let mut sends = Vec::new();
    for _ in 0..SERVING_MAX {
        let conn = bench.connect();
        let signature = prove(&secret(10), &exporter(conn), QueueRole::Reader, &id(10));
        let said = Request::Prove { role: QueueRole::Reader, id: id(10), signature };
        sends = bench.frame(conn, said, None);
    }
    assert!(closes(&sends, first));
}

#[test]
fn a_rekey_ends_the_old_writer_at_once_and_indexes_go_on() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    let sends = bench.rekey(reader, 20);
    assert_eq!(reply(&sends), Some(Reply::Rekeyed));
    assert!(closes(&sends, writer));
    assert!(bench.put_as(writer, 11, 1, 1).is_empty());
    let old = bench.connect();
    assert_eq!(bench.prove(old, QueueRole::Writer, 11), Some(Reply::Refused));
    bench.restart(|_| false);
    let new = bench.connect();
    let serving = bench.prove(new, QueueRole::Writer, 20);
    let expected = Reply::Serving { clock: NOW, low: 0, next: 1, last: None };
    assert_eq!(serving, Some(expected), "the old writer's put proves nothing to the new");
    assert_eq!(reply(&bench.put_as(new, 20, 1, 2)), Some(stored(1, NOW)));
}

#[test]
fn a_rekey_badly_signed_or_to_a_taken_id_is_refused_and_one_asked_again_is_not() {
    let (mut bench, reader, _) = Bench::open();
    bench.rekey(reader, 20);
    assert_eq!(reply(&bench.rekey(reader, 20)), Some(Reply::Rekeyed));
    assert_eq!(reply(&bench.rekey(reader, 10)), Some(Reply::Refused));
    let reader = bench.connect();
    bench.prove(reader, QueueRole::Reader, 10);
    let signature = QueueSignature([0; 64]);
    let said = Request::Rekey { writer: id(21), key: secret(21).public(), signature };
    assert_eq!(bench.ask(reader, said), Some(Reply::Refused));
}

#[test]
fn a_closed_queue_leaves_no_row_and_no_connection() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    let sends = bench.frame(reader, Request::Close, None);
    assert_eq!(reply(&sends), Some(Reply::Closed));
    assert!(closes(&sends, reader) && closes(&sends, writer));
    assert_eq!((bench.count(QUEUE), bench.count(CELL), bench.count(CELL_META)), (0, 0, 0));
    assert_eq!(bench.relay.totals(), Totals { tokens: 8, ..Totals::default() });
}

#[test]
fn undelivered_cells_expire_and_the_reader_sees_that_they_did() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.now = NOW.plus(Millis::days(20));
    bench.put(writer, 1, 1);
    bench.now = NOW.plus(LIMITS.retention);
    bench.give(Input::Tick);
    assert_eq!(indexes(&bench.get(reader, 0, 16, 0)), [1]);
    assert!(bench.notices.contains(&Notice::CellsExpired(1)));
    assert_eq!(bench.put(writer, 0, 1), Reply::Gone { index: 0, low: 1 });
    assert_eq!(bench.count(CELL), 1);
}

#[test]
fn a_clock_set_back_expires_nothing_early_and_stops_no_sweep() {
    let (mut bench, _, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.now = NOW.plus(Millis::days(20));
    bench.give(Input::Tick);
    bench.now = UnixMillis(0);
    bench.give(Input::Tick);
    assert_eq!(bench.count(CELL), 1);
    bench.now = NOW.plus(LIMITS.retention);
    bench.give(Input::Tick);
    assert_eq!(bench.count(CELL), 0);
}

#[test]
fn a_restarted_relay_knows_all_it_acknowledged() {
    let (mut bench, reader, writer) = Bench::open();
    for index in 0..3 {
        bench.put(writer, index, index as u8);
    }
    bench.ask(reader, Request::Drop { below: 1 });
    let before = bench.relay.totals();
    assert_eq!(bench.restart(|_| false), 0);
    assert_eq!(bench.relay.totals(), Totals { connections: 0, ..before });
    let writer = bench.connect();
    let hash = CellHash::of(&cell(2));
    let signature = sign_put(&secret(11), &id(11), 2, &hash);
    let last = Some(PutProof { index: 2, cell: hash, signature });
    let serving = bench.prove(writer, QueueRole::Writer, 11);
    assert_eq!(serving, Some(Reply::Serving { clock: NOW, low: 1, next: 3, last }));
    assert_eq!(bench.put(writer, 2, 2), stored(2, NOW));
    assert_eq!(bench.put(writer, 3, 3), stored(3, NOW));
}

#[test]
fn the_last_puts_proof_outlives_its_cell() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.ask(reader, Request::Drop { below: 1 });
    bench.restart(|_| false);
    let writer = bench.connect();
    let serving = bench.prove(writer, QueueRole::Writer, 11);
    assert!(matches!(serving, Some(Reply::Serving { low: 1, next: 1, last: Some(_), .. })));
}

#[test]
fn a_cell_that_cannot_be_read_is_gone_and_the_reader_goes_on_past_it() {
    let (mut bench, reader, writer) = Bench::open();
    for index in 0..3 {
        bench.put(writer, index, 1);
    }
    let sends = bench.get(reader, 2, 1, 0);
    let Send::Cells { cells, .. } = &sends[0] else { panic!("no cells") };
    assert_eq!(cells[0].gone(), Reply::Gone { index: 2, low: 0 });
    let cell = cells[0].key;
    bench.give(Input::Lost { cell });
    bench.give(Input::Lost { cell });
    bench.give(Input::Lost { cell: CellKey { queue: 9, index: 0 } });
    assert_eq!(bench.notices.iter().filter(|notice| **notice == Notice::CellLost).count(), 1);
    assert_eq!(indexes(&bench.get(reader, 0, 16, 0)), [0, 1]);
    bench.restart(|_| false);
    let writer = bench.connect();
    bench.prove(writer, QueueRole::Writer, 11);
    assert_eq!(bench.put(writer, 2, 1), Reply::Gone { index: 2, low: 0 }, "its index is not given again");
    assert_eq!(bench.put(writer, 3, 1), stored(3, NOW));
}

#[test]
fn damaged_rows_cost_what_they_held_and_nothing_else() {
    let (mut bench, _, writer) = Bench::open();
    for index in 0..2 {
        bench.put(writer, index, 1);
    }
    let conn = bench.connect();
    bench.ask(conn, Request::Open(opening(30, 2, conn)));
    let meta = CellKey { queue: 0, index: 1 }.bytes();
    assert_eq!(bench.restart(|row| row.table == CELL_META && row.key == meta), 1);
    let reader = bench.connect();
    bench.prove(reader, QueueRole::Reader, 10);
    assert_eq!(indexes(&bench.get(reader, 0, 16, 0)), [0]);
    assert_eq!(reply(&bench.get(reader, 1, 1, 0)), Some(Reply::Empty { low: 0, next: 2 }));
    let damaged = bench.restart(|row| row.table == QUEUE && row.key == 0u64.to_be_bytes());
    assert_eq!(damaged, 3, "a queue and its two cells");
    let (lost, other) = (bench.connect(), bench.connect());
    assert_eq!(bench.prove(lost, QueueRole::Reader, 10), Some(Reply::Refused));
    assert!(matches!(bench.prove(other, QueueRole::Reader, 30), Some(Reply::Serving { .. })));
}
