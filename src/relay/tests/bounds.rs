//! The engine at its bounds: the last byte of room, the sweep's share, a clock between two sweeps, and what an
//! operator is told and not told.

use super::*;
use crate::relay::serve::CELL_DISK_BYTES;
use crate::relay::table::{self, Held, QueueRow};

impl Bench {
    /// A relay restored with queues of unsent cells, all stored at [`NOW`]: the low-water mark and the cells of each.
    fn holding(queues: &[(u64, u64)]) -> Self {
        let mut rows = Vec::new();
        for (number, (low, count)) in (0u64..).zip(queues) {
            let seed = number as u8 * 2;
            let queue = QueueRow {
                reader: id(seed),
                writer: id(seed + 1),
                reader_key: secret(seed).public(),
                writer_key: secret(seed + 1).public(),
                low: *low,
                next: low + count,
                writer_since: 0,
                last: None,
            };
            rows.push(Row { table: QUEUE, key: table::queue_key(number), value: Some(table::row(&queue)) });
            let held = Held { hash: CellHash::of(&cell(1)), signature: QueueSignature([1; 64]), clock: NOW };
            rows.extend((*low..low + count).map(|index| Row {
                table: CELL_META,
                key: CellKey { queue: number, index }.bytes(),
                value: Some(table::row(&held)),
            }));
        }
        let restored = Relay::restore(LIMITS, rows);
        assert_eq!(restored.damaged, 0);
        Self { relay: restored.relay, rows: BTreeMap::new(), now: NOW, notices: Vec::new(), conns: 0 }
    }

    /// What a tick so long after [`NOW`] tells the operator.
    fn tick_after(&mut self, passed: Millis) -> Vec<Notice> {
        self.now = NOW.plus(passed);
        self.notices.clear();
        self.give(Input::Tick);
        self.notices.clone()
    }
}

#[test]
fn an_opening_that_differs_from_the_queue_in_any_one_part_is_refused() {
    for (reader_key, writer, writer_key) in [(40, 11, 11), (10, 41, 11), (10, 11, 42)] {
        let (mut bench, ..) = Bench::open();
        let conn = bench.connect();
        let keys = ((id(10), &secret(reader_key)), (id(writer), secret(writer_key).public()));
        let open = Open::new(Token([2; 32]), keys.0, keys.1, &exporter(conn));
        assert_eq!(bench.ask(conn, Request::Open(open)), Some(Reply::PassRefused));
    }
}

#[test]
fn a_connection_that_goes_leaves_the_queues_others_served() {
    let (mut bench, reader, writer) = Bench::open();
    let other = bench.connect();
    bench.prove(other, QueueRole::Writer, 11);
    bench.get(reader, 0, 1, 60_000);
    bench.give(Input::Gone { conn: other });
    assert_eq!(indexes(&bench.put_as(writer, 11, 0, 1)), [0]);
}

#[test]
fn a_put_and_an_opening_fit_into_their_last_byte_of_room_and_no_less() {
    let (mut bench, _, writer) = Bench::open();
    assert_eq!(CELL_DISK_BYTES, 17_152);
    bench.give(Input::Space { free_bytes: LIMITS.reserve_bytes + CELL_DISK_BYTES });
    assert_eq!(bench.put(writer, 0, 1), stored(0, NOW));
    for (room, fits) in [(4_095, false), (4_096, true)] {
        bench.give(Input::Space { free_bytes: LIMITS.reserve_bytes + room });
        let conn = bench.connect();
        let reply = bench.ask(conn, Request::Open(opening(30, 2, conn)));
        assert_eq!(matches!(reply, Some(Reply::Serving { .. })), fits, "{room}");
    }
}

#[test]
fn an_opening_takes_its_room_and_leaves_the_rest() {
    let (mut bench, ..) = Bench::open();
    bench.give(Input::Space { free_bytes: LIMITS.reserve_bytes + 2 * 4_096 });
    let fits = [(30, 2), (40, 3), (50, 4)].map(|(n, token)| {
        let conn = bench.connect();
        matches!(bench.ask(conn, Request::Open(opening(n, token, conn))), Some(Reply::Serving { .. }))
    });
    assert_eq!(fits, [true, true, false]);
}

#[test]
fn a_drop_takes_what_lies_below_it_and_no_more_where_earlier_ones_went_before() {
    let (mut bench, reader, writer) = Bench::open();
    (0..4).for_each(|index| assert_eq!(bench.put(writer, index, 1), stored(index, NOW)));
    for below in [1, 2] {
        assert_eq!(bench.ask(reader, Request::Drop { below }), Some(Reply::Dropped { low: below }));
    }
    assert_eq!(indexes(&bench.get(reader, 0, 4, 0)), [2, 3]);
}

#[test]
fn a_sweep_takes_the_tokens_that_have_ended_and_leaves_the_others() {
    let mut bench = Bench::new();
    let hashes = [Token([77; 32]).hash(), Token([78; 32]).hash()].into();
    bench.give(Input::Tokens { hashes, expires: NOW.plus(Millis::days(2)) });
    assert_eq!(bench.tick_after(Millis::days(1)), [Notice::TokensExpired(9)]);
    assert_eq!((bench.count(TOKEN), bench.relay.totals().tokens), (2, 2));
}

#[test]
fn a_cell_that_is_lost_is_told_at_once_and_its_rows_go() {
    let (mut bench, _, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.put(writer, 1, 1);
    bench.notices.clear();
    bench.give(Input::Lost { cell: CellKey { queue: 0, index: 1 } });
    assert_eq!(bench.notices, [Notice::CellLost]);
    assert_eq!((bench.count(CELL), bench.count(CELL_META), bench.relay.totals().cells), (1, 1, 1));
}

#[test]
fn the_last_put_is_proved_after_a_start_though_the_queues_row_names_an_older_one() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.ask(reader, Request::Drop { below: 1 });
    bench.put(writer, 1, 2);
    bench.restart(|_| false);
    let writer = bench.connect();
    let Some(Reply::Serving { last, .. }) = bench.prove(writer, QueueRole::Writer, 11) else { panic!() };
    assert_eq!(last.map(|last| (last.index, last.cell)), Some((1, CellHash::of(&cell(2)))));
}

#[test]
fn what_is_held_is_counted_to_the_oldest_and_to_the_byte() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.now = NOW.plus(Millis(5));
    bench.put(writer, 1, 1);
    assert_eq!(bench.relay.totals().oldest, Some(NOW));
    assert_eq!(bench.relay.totals().bytes(), 2 * CELL_BYTES as u64);
    bench.ask(reader, Request::Drop { below: 1 });
    assert_eq!(bench.relay.totals().oldest, Some(NOW.plus(Millis(5))));
}

#[test]
fn an_operator_is_told_how_much_went_and_nothing_where_nothing_did() {
    let (mut bench, reader, writer) = Bench::open();
    bench.put(writer, 0, 1);
    bench.put(writer, 1, 1);
    bench.notices.clear();
    for _ in 0..2 {
        bench.ask(reader, Request::Drop { below: 2 });
    }
    assert_eq!(bench.notices, [Notice::CellsDropped(2)]);
    assert_eq!(bench.tick_after(Millis::days(1)), [Notice::TokensExpired(8)]);
    assert_eq!(bench.tick_after(Millis::days(2)), []);
}

#[test]
fn a_sweep_comes_a_second_after_the_last_and_not_before() {
    let mut bench = Bench::holding(&[(0, 1)]);
    let just_before = Millis(LIMITS.retention.0 - 1);
    assert_eq!(bench.tick_after(just_before), []);
    assert_eq!(bench.tick_after(LIMITS.retention), [], "the last sweep was a millisecond ago");
    assert_eq!(bench.tick_after(Millis(just_before.0 + 1_000)), [Notice::CellsExpired(1)]);
}

#[test]
fn a_clock_set_back_sweeps_at_once_and_one_that_stands_does_not() {
    let (mut bench, _, writer) = Bench::open();
    bench.tick_after(Millis::days(100));
    bench.now = NOW;
    bench.put(writer, 0, 1);
    assert_eq!(bench.tick_after(Millis::days(100)), [], "it was swept at this very moment");
    assert_eq!(bench.tick_after(Millis::days(50)), [Notice::CellsExpired(1)]);
}

#[test]
fn a_sweep_that_forgot_its_share_goes_on_with_the_next_queue() {
    let mut bench = Bench::holding(&[(0, 1_030), (0, 3)]);
    let told = [0, 1, 2, 3].map(|second| bench.tick_after(Millis(LIMITS.retention.0 + 1_000 * second)));
    let expired = |count| vec![Notice::CellsExpired(count)];
    assert_eq!(told, [expired(1_024), expired(3), expired(6), vec![]]);
}

#[test]
fn a_sweeps_share_is_of_the_cells_it_forgets_wherever_their_queue_stands() {
    let mut bench = Bench::holding(&[(2_000, 3), (0, 2)]);
    assert_eq!(bench.tick_after(LIMITS.retention), [Notice::CellsExpired(5)]);
}

#[test]
fn what_is_expired_by_name_has_one_share_wherever_its_queues_stand() {
    let mut bench = Bench::holding(&[(10, 3), (0, 1_030), (0, 3)]);
    let step = bench.relay.expire([0, 1, 2], NOW.plus(LIMITS.retention));
    assert_eq!(step.notices, [Notice::CellsExpired(1_024)]);
}

#[test]
fn other_limits_hold_for_what_is_stored_already() {
    let mut bench = Bench::holding(&[(0, 2)]);
    bench.relay.set_limits(Limits { retention: Millis::days(1), ..LIMITS });
    assert_eq!(bench.tick_after(Millis::days(2)), [Notice::CellsExpired(2)]);
}

#[test]
fn a_send_answers_as_many_requests_as_it_says() {
    let stored = Send::Stored { conn: ConnId(1), first: 0, clock: NOW, leaves: vec![Digest([0; 32]); 3] };
    let reply = Send::Reply { conn: ConnId(1), reply: Reply::Closed };
    let answered = [stored, reply, Send::Close { conn: ConnId(1) }].map(|send| send.answers());
    assert_eq!(answered, [3, 1, 0]);
}

#[test]
fn a_relay_that_begins_again_gives_no_number_that_a_connection_may_still_read_by() {
    let (mut bench, reader, _) = Bench::open();
    assert_eq!(reply(&bench.frame(reader, Request::Close, None)), Some(Reply::Closed));
    let mut again = Relay::restore(LIMITS, Vec::new()).relay;
    again.number_after(&bench.relay);
    bench.relay = again;
    let hashes = vec![Token([5; 32]).hash()];
    bench.give(Input::Tokens { hashes, expires: NOW.plus(Millis::days(1)) });
    let reader = bench.connect();
    bench.ask(reader, Request::Open(opening(12, 5, reader)));
    let rows = bench.rows.keys().filter(|(table, _)| *table == QUEUE);
    assert_eq!(rows.map(|(_, key)| key.clone()).collect::<Vec<_>>(), [1_u64.to_be_bytes().to_vec()]);
}
