//! Relays that share a store answer as one that is alone.

use super::checked::checked;
use super::*;
use crate::relay::message::Revoked;
use crate::relay::shared::{Changes, Learned, Needs, QueueChange};
use crate::relay::table;
use crate::step::Record;
use crate::wire::pass::TokenHash;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// A store for several relays: what one of them learns of it, and what it writes.
#[derive(Default)]
struct Common {
    queues: BTreeMap<u64, QueueChange>,
    metas: BTreeMap<CellKey, Vec<u8>>,
    tokens: BTreeMap<TokenHash, UnixMillis>,
    next: u64,
}

impl Common {
    fn look(&self, needs: &Needs, relay: &Relay) -> Learned {
        let named = |row: &QueueChange| {
            let has = |id| needs.ids.contains(id) || needs.changed_ids.contains(id);
            has(&row.reader) || has(&row.writer)
        };
        let wanted = |number: &u64| needs.changed.contains(number) || needs.seen.contains(number);
        let queues = self.queues.iter().filter(|(number, row)| wanted(number) || named(row));
        let queues: Vec<_> = queues.map(|(number, row)| (*number, row.row.clone())).collect();
        let from = |number: u64| CellKey { queue: number, index: relay.known_below(number) };
        let to = |number: u64| CellKey { queue: number, index: u64::MAX };
        let cells = queues.iter().flat_map(|(number, _)| self.metas.range(from(*number)..to(*number)));
        let cells = cells.map(|(key, meta)| (*key, meta.clone())).collect();
        let wanted = |hash| needs.all_tokens || needs.tokens.contains(hash);
        let tokens = self.tokens.iter().filter(|(hash, _)| wanted(hash));
        let tokens = tokens.map(|(hash, expires)| (*hash, *expires)).collect();
        let tokens: Vec<_> = tokens;
        let names = needs.names || !tokens.is_empty();
        Learned { queues, cells, tokens, next_number: names.then_some(self.next) }
    }

    fn write(&mut self, changes: Changes, names: bool, held: &[u64]) {
        for (number, change) in changes.queues {
            let may = held.contains(&number) || (names && number >= self.next);
            assert!(may, "queue {number} was changed and not asked for");
            self.next = self.next.max(number + 1);
            match change {
                Some(row) => self.queues.insert(number, row),
                None => self.queues.remove(&number),
            };
        }
        for (key, change) in changes.cells {
            assert!(held.contains(&key.queue), "a cell was changed and not asked for");
            match change {
                Some(cell) => self.metas.insert(key, cell.meta),
                None => self.metas.remove(&key),
            };
        }
        for (hash, expires) in changes.tokens {
            match expires {
                Some(expires) => self.tokens.insert(hash, expires),
                None => self.tokens.remove(&hash),
            };
        }
    }
}

struct Several {
    relays: [Relay; 2],
    common: Common,
    closed: Vec<ConnId>,
    notices: Vec<Notice>,
    now: UnixMillis,
}

impl Several {
    fn new() -> Self {
        let relays = [Relay::sharing(LIMITS), Relay::sharing(LIMITS)];
        let (closed, notices) = (Vec::new(), Vec::new());
        let mut several = Self { relays, common: Common::default(), closed, notices, now: NOW };
        let hashes = (1..=9).map(|token| Token([token; 32]).hash()).collect();
        several.give(0, vec![Input::Tokens { hashes, expires: NOW.plus(Millis::days(1)) }]);
        several
    }

    fn run(
        &mut self,
        at: usize,
        needs: &Needs,
        act: impl FnOnce(&mut Relay, UnixMillis) -> RelayStep,
    ) -> Vec<Send> {
        let relay = &mut self.relays[at];
        let learned = self.common.look(needs, relay);
        let locked = |number: &u64| {
            let row = &self.common.queues[number];
            let named = |id| needs.changed_ids.contains(id);
            needs.changed.contains(number) || named(&row.reader) || named(&row.writer)
        };
        let held: Vec<u64> = learned.queues.iter().map(|(number, _)| *number).filter(locked).collect();
        let names = learned.next_number.is_some();
        let mut step = RelayStep::new();
        assert_eq!(relay.learn(needs, learned, &mut step), 0);
        assert!(step.records.is_empty(), "to learn writes nothing");
        step.append(act(relay, self.now));
        self.common.write(Changes::of(step.records).unwrap(), names, &held);
        relay.let_tokens_go();
        self.notices.extend(step.notices);
        for send in &step.sends {
            if let Send::Close { conn } = send {
                self.closed.push(*conn);
            }
        }
        step.sends
    }

    fn give(&mut self, at: usize, inputs: Vec<Input>) -> Vec<Send> {
        let needs = self.relays[at].needs(&inputs);
        self.run(at, &needs, |relay, now| {
            let mut step = RelayStep::new();
            inputs.into_iter().for_each(|input| step.append(relay.handle(input, now)));
            step
        })
    }

    fn frame(&mut self, at: usize, conn: ConnId, said: Request, cell: Option<Box<CellBytes>>) -> Vec<Send> {
        let frame = Box::new(Ok(Framed::<Request>::new(said, cell)));
        self.give(at, vec![Input::Frame { conn, frame }])
    }

    fn connect(&mut self, at: usize, conn: ConnId) {
        self.give(at, vec![Input::Connected { conn, exporter: exporter(conn) }]);
    }

    fn stir(&mut self, at: usize, number: u64) -> Vec<Send> {
        let needs = self.relays[at].stirred([number]);
        self.run(at, &needs, |_, _| RelayStep::new())
    }
}

fn proof(conn: ConnId, role: QueueRole, n: u8) -> Request {
    Request::Prove { role, id: id(n), signature: prove(&secret(n), &exporter(conn), role, &id(n)) }
}

fn put_of(n: u8, index: u64, fill: u8) -> (Request, Option<Box<CellBytes>>) {
    let signature = sign_put(&secret(n), &id(n), index, &CellHash::of(&cell(fill)));
    (Request::Put { index, signature }, Some(cell(fill)))
}

/// Relay 0 serves the reader of queue 10, relay 1 its writer.
fn across() -> (Several, ConnId, ConnId) {
    let (mut several, reader, writer) = (Several::new(), ConnId(1), ConnId(2));
    several.connect(0, reader);
    let open = opening(10, 1, reader);
    assert!(matches!(
        reply(&several.frame(0, reader, Request::Open(open), None)),
        Some(Reply::Serving { .. })
    ));
    several.connect(1, writer);
    let told = several.frame(1, writer, proof(writer, QueueRole::Writer, 11), None);
    assert!(matches!(reply(&told), Some(Reply::Serving { .. })));
    (several, reader, writer)
}

#[test]
fn a_get_that_waits_is_answered_by_what_another_relay_stored() {
    let (mut several, reader, writer) = across();
    let get = Request::Get { from: 0, count: 4, wait_ms: 9_000 };
    assert!(several.frame(0, reader, get, None).is_empty());
    let (put, bytes) = put_of(11, 0, 7);
    assert_eq!(reply(&several.frame(1, writer, put, bytes)), Some(stored(0, NOW)));
    assert_eq!(several.relays[0].awaited().seen.len(), 1);
    assert_eq!(several.relays[0].known_below(0), 0);
    assert_eq!(indexes(&several.stir(0, 0)), [0]);
    assert!(several.relays[0].awaited().is_empty());
    assert_eq!(several.relays[0].known_below(0), 1, "what is known is not asked for again");
}

#[test]
fn a_queue_closed_or_given_to_another_writer_elsewhere_ends_its_connections_here() {
    let (mut several, reader, writer) = across();
    let key = secret(30).public();
    let signature = sign_rekey(&secret(10), &id(10), &id(30), &key);
    let rekey = Request::Rekey { writer: id(30), key, signature };
    assert_eq!(reply(&several.frame(0, reader, rekey, None)), Some(Reply::Rekeyed));
    assert!(closes(&several.stir(1, 0), writer));
    let (again, other) = (ConnId(3), ConnId(4));
    several.connect(1, again);
    let refused = several.frame(1, again, proof(again, QueueRole::Writer, 11), None);
    assert_eq!(reply(&refused), Some(Reply::Refused));
    several.connect(1, other);
    let told = several.frame(1, other, proof(other, QueueRole::Writer, 30), None);
    assert!(matches!(reply(&told), Some(Reply::Serving { .. })));
    assert_eq!(reply(&several.frame(0, reader, Request::Close, None)), Some(Reply::Closed));
    assert!(closes(&several.stir(1, 0), other));
}

#[test]
fn another_key_under_the_id_of_before_ends_its_connections_here() {
    let (mut several, reader, writer) = across();
    // To another writer, and back to that id with another key, before relay 1 looks.
    for (to, key) in [(30, secret(30).public()), (11, secret(40).public())] {
        let signature = sign_rekey(&secret(10), &id(10), &id(to), &key);
        let rekey = Request::Rekey { writer: id(to), key, signature };
        assert_eq!(reply(&several.frame(0, reader, rekey, None)), Some(Reply::Rekeyed));
    }
    assert!(closes(&several.stir(1, 0), writer));
    let (old, new) = (ConnId(3), ConnId(4));
    several.connect(1, old);
    let refused = several.frame(1, old, proof(old, QueueRole::Writer, 11), None);
    assert_eq!(reply(&refused), Some(Reply::Refused));
    several.connect(1, new);
    let signature = prove(&secret(40), &exporter(new), QueueRole::Writer, &id(11));
    let said = Request::Prove { role: QueueRole::Writer, id: id(11), signature };
    assert!(matches!(reply(&several.frame(1, new, said, None)), Some(Reply::Serving { .. })));
}

#[test]
fn what_is_asked_in_the_batch_of_its_proof_is_asked_for_as_a_change() {
    let (mut several, ..) = across();
    let conn = ConnId(9);
    let (put, bytes) = put_of(11, 0, 7);
    let inputs = [(proof(conn, QueueRole::Writer, 11), None), (put, bytes)];
    let inputs = inputs
        .map(|(said, cell)| Input::Frame { conn, frame: Box::new(Ok(Framed::<Request>::new(said, cell))) });
    several.connect(1, conn);
    let sends = several.give(1, Vec::from(inputs));
    assert!(sends.iter().any(|send| matches!(send, Send::Stored { .. })));
    let inputs = [(proof(conn, QueueRole::Reader, 10), None), (Request::Drop { below: 1 }, None)];
    let inputs = inputs
        .map(|(said, cell)| Input::Frame { conn, frame: Box::new(Ok(Framed::<Request>::new(said, cell))) });
    let needs = several.relays[0].needs(&inputs);
    assert!(needs.changed_ids.contains(&id(10)) && !needs.only_looks());
}

#[test]
fn a_put_that_was_checked_before_is_asked_for_as_a_change() {
    let (mut several, _, writer) = across();
    let sends = several.give(1, vec![Input::Put { conn: writer, put: checked(11, 0, 7) }]);
    assert_eq!(reply(&sends), Some(stored(0, NOW)));
}

#[test]
fn a_writer_is_told_what_lasts_and_a_reader_is_looked_up() {
    let (several, ..) = across();
    let needs = |roles: &[(QueueRole, u8)]| {
        let inputs: Vec<_> = roles
            .iter()
            .map(|(role, n)| {
                let framed = Framed::<Request>::new(proof(ConnId(9), *role, *n), None);
                Input::Frame { conn: ConnId(9), frame: Box::new(Ok(framed)) }
            })
            .collect();
        several.relays[0].needs(&inputs)
    };
    let (reader, writer) = ((QueueRole::Reader, 10), (QueueRole::Writer, 11));
    assert!(needs(&[reader]).only_looks());
    assert!(needs(&[writer]).lasting && needs(&[writer, reader]).lasting);
}

#[test]
fn to_look_at_queues_changes_nothing_and_each_other_need_may() {
    assert!(Needs::default().is_empty() && Needs::default().only_looks());
    let looks = Needs { seen: [1].into(), ids: [id(1)].into(), ..Needs::default() };
    assert!(looks.only_looks() && !looks.is_empty());
    let changes = [
        Needs { changed: [1].into(), ..Needs::default() },
        Needs { changed_ids: [id(1)].into(), ..Needs::default() },
        Needs { tokens: [Token([1; 32]).hash()].into(), ..Needs::default() },
        Needs { all_tokens: true, ..Needs::default() },
        Needs { names: true, ..Needs::default() },
        Needs { lasting: true, ..Needs::default() },
    ];
    assert_eq!(changes.iter().position(Needs::only_looks), None);
}

#[test]
fn a_record_of_any_kind_is_a_change() {
    assert!(Changes::of(Vec::new()).unwrap().is_empty());
    let keys = [
        (QUEUE, table::queue_key(0)),
        (CELL, CellKey { queue: 0, index: 0 }.bytes()),
        (TOKEN, table::token_key(&Token([1; 32]).hash())),
    ];
    for (table, key) in keys {
        assert!(!Changes::of(vec![Record::delete(table, key)]).unwrap().is_empty(), "{table:?}");
    }
}

#[test]
fn a_relay_forgets_what_nobody_here_uses_and_knows_it_again() {
    let (mut several, reader, writer) = across();
    let (put, bytes) = put_of(11, 0, 7);
    several.frame(1, writer, put, bytes);
    several.give(1, vec![Input::Gone { conn: writer }]);
    several.relays[1].let_queues_go();
    assert_eq!(several.relays[1].totals().queues, 0);
    several.relays[0].let_queues_go();
    assert_eq!(several.relays[0].totals().queues, 1, "one that is served stays");
    several.connect(1, writer);
    let told = several.frame(1, writer, proof(writer, QueueRole::Writer, 11), None);
    assert!(matches!(reply(&told), Some(Reply::Serving { next: 1, last: Some(_), .. })), "{told:?}");
    let get = Request::Get { from: 0, count: 4, wait_ms: 0 };
    assert_eq!(indexes(&several.frame(0, reader, get, None)), [0]);
}

#[test]
fn tokens_are_taken_back_wherever_they_would_be_spent() {
    let (mut several, ..) = across();
    let these = vec![Token([2; 32]).hash(), Token([3; 32]).hash()];
    several.give(1, vec![Input::Revoked(Revoked::These(these))]);
    assert_eq!(several.common.tokens.len(), 6);
    assert!(several.notices.contains(&Notice::TokensRevoked(2)), "they were known to have been there");
    let conn = ConnId(3);
    several.connect(0, conn);
    let refused = several.frame(0, conn, Request::Open(opening(12, 2, conn)), None);
    assert_eq!(reply(&refused), Some(Reply::PassRefused));
    several.give(1, vec![Input::Revoked(Revoked::All)]);
    assert!(several.common.tokens.is_empty());
    // One that no relay has taken in is written off too.
    let mut step =
        several.relays[0].handle(Input::Revoked(Revoked::These(vec![Token([77; 32]).hash()])), NOW);
    assert_eq!(Changes::of(std::mem::take(&mut step.records)).unwrap().tokens.len(), 1);
}

#[test]
fn what_came_and_went_elsewhere_leaves_its_proof_and_its_index() {
    let (mut several, reader, writer) = across();
    let (twin, again) = (ConnId(3), ConnId(4));
    several.connect(0, twin);
    several.frame(0, twin, proof(twin, QueueRole::Writer, 11), None);
    for index in 0..2 {
        let (put, bytes) = put_of(11, index, 7);
        several.frame(0, twin, put, bytes);
    }
    several.frame(0, reader, Request::Drop { below: 2 }, None);
    several.connect(1, again);
    let told = several.frame(1, again, proof(again, QueueRole::Writer, 11), None);
    let Some(Reply::Serving { low: 2, next: 2, last: Some(last), .. }) = reply(&told) else {
        panic!("{told:?}")
    };
    assert_eq!(last.index, 1);
    // A cell that was lost there is not given again here.
    let (put, bytes) = put_of(11, 2, 7);
    several.frame(0, twin, put, bytes);
    several.give(0, vec![Input::Lost { cell: CellKey { queue: 0, index: 2 } }]);
    let (put, bytes) = put_of(11, 2, 8);
    assert_eq!(reply(&several.frame(1, writer, put, bytes)), Some(Reply::Gone { index: 2, low: 2 }));
}

#[test]
fn a_later_proof_than_the_one_known_here_is_taken_though_its_cell_has_gone() {
    let (mut several, reader, writer) = across();
    let (twin, again) = (ConnId(3), ConnId(4));
    several.connect(0, twin);
    several.frame(0, twin, proof(twin, QueueRole::Writer, 11), None);
    for (index, (at, conn)) in (0..).zip([(1, writer), (0, twin)]) {
        let (put, bytes) = put_of(11, index, 7);
        several.frame(at, conn, put, bytes);
    }
    several.frame(0, reader, Request::Drop { below: 2 }, None);
    several.connect(1, again);
    let told = reply(&several.frame(1, again, proof(again, QueueRole::Writer, 11), None));
    let last = |last: &PutProof| last.index == 1;
    assert!(matches!(&told, Some(Reply::Serving { last: Some(proof), .. }) if last(proof)), "{told:?}");
}

#[test]
fn what_was_kept_for_the_retention_is_forgotten_by_whoever_looks() {
    let (mut several, reader, writer) = across();
    let (put, bytes) = put_of(11, 0, 7);
    several.frame(1, writer, put, bytes);
    several.now = NOW.plus(LIMITS.retention);
    several.give(1, vec![Input::Tick]);
    assert_eq!(several.common.metas.len(), 1, "time alone changes nothing that was not asked for");
    let needs = Needs { changed: [0].into(), ..Needs::default() };
    several.run(0, &needs, |relay, now| relay.expire([0, 5], now));
    assert!(several.common.metas.is_empty());
    let get = Request::Get { from: 0, count: 4, wait_ms: 0 };
    assert_eq!(reply(&several.frame(0, reader, get, None)), Some(Reply::Empty { low: 1, next: 1 }));
}

#[test]
fn a_row_that_cannot_be_read_makes_its_queue_unknown_and_is_counted() {
    let (mut several, reader, _) = across();
    several.common.queues.get_mut(&0).unwrap().row[0] ^= 1;
    let needs = several.relays[0].stirred([0]);
    let mut learned = several.common.look(&needs, &several.relays[0]);
    learned.queues[0].1.pop();
    let mut step = RelayStep::new();
    assert_eq!(several.relays[0].learn(&needs, learned, &mut step), 1);
    assert!(closes(&step.sends, reader));
}

#[test]
fn a_cells_row_that_cannot_be_read_is_counted_and_the_cell_is_not_there() {
    let (mut several, reader, writer) = across();
    let (put, bytes) = put_of(11, 0, 7);
    several.frame(1, writer, put, bytes);
    let needs = several.relays[0].stirred([0]);
    let mut learned = several.common.look(&needs, &several.relays[0]);
    learned.cells[0].1.pop();
    assert_eq!(several.relays[0].learn(&needs, learned, &mut RelayStep::new()), 1);
    let get = Request::Get { from: 0, count: 4, wait_ms: 0 };
    assert_eq!(reply(&several.frame(0, reader, get, None)), Some(Reply::Empty { low: 0, next: 1 }));
}

/// Two queues, two relays and one that is alone: every answer is the same.
#[test]
fn relays_that_share_a_store_answer_as_one_that_is_alone() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100);
    for seed in 0..seeds {
        agree(seed);
    }
}

/// Who speaks: at which relay, of which queue, in which role.
#[derive(Clone, Copy)]
struct Speaker {
    conn: ConnId,
    at: usize,
    n: u8,
    role: QueueRole,
}

fn agree(seed: u64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut alone, mut several) = (Bench::new(), Several::new());
    let mut speakers: Vec<Speaker> = Vec::new();
    let mut written = [11, 13];
    for turn in 0..160 {
        let mut pick = |below: u32| rng.next_u32() % below;
        if speakers.len() == SERVING_MAX {
            // More would make the one that is alone close the oldest.
            let Speaker { conn, at, .. } = speakers.remove(pick(4) as usize);
            alone.give(Input::Gone { conn });
            several.give(at, vec![Input::Gone { conn }]);
        }
        let (speaker, said) = if speakers.is_empty() || pick(5) == 0 {
            let (conn, at, which) = (alone.connect(), pick(2) as usize, usize::from(pick(4) == 0));
            several.connect(at, conn);
            let n = 10 + 2 * which as u8;
            let (role, said) = match pick(6) {
                0 => (QueueRole::Reader, Request::Open(opening(n, 1 + pick(9) as u8, conn))),
                1 | 2 => (QueueRole::Reader, proof(conn, QueueRole::Reader, n)),
                // The writer that is, or one that was.
                3 => (QueueRole::Writer, proof(conn, QueueRole::Writer, n + 1)),
                _ => (QueueRole::Writer, proof(conn, QueueRole::Writer, written[which])),
            };
            let speaker = Speaker { conn, at, n, role };
            speakers.push(speaker);
            (speaker, (said, None))
        } else {
            let speaker = speakers[pick(speakers.len() as u32) as usize];
            let (n, which) = (speaker.n, usize::from(speaker.n == 12));
            let said = match (speaker.role, pick(24)) {
                (QueueRole::Writer, 0..22) => put_of(written[which], u64::from(pick(9)), pick(2) as u8),
                (QueueRole::Reader, 0..12) => {
                    (Request::Get { from: u64::from(pick(8)), count: 1 + pick(4) as u16, wait_ms: 0 }, None)
                }
                (QueueRole::Reader, 12..21) => (Request::Drop { below: u64::from(pick(9)) }, None),
                (QueueRole::Reader, 21..23) => {
                    // To a new writer, or to the other queue's, which is refused. To one that was and back, between two
                    // looks, leaves his connections: he is the writer.
                    let to = if pick(4) == 0 { written[1 - which] } else { 21 + turn as u8 };
                    if to != written[1 - which] {
                        written[which] = to;
                    }
                    let (key, signature) = (secret(to).public(), rekeyed(n, to));
                    (Request::Rekey { writer: id(to), key, signature }, None)
                }
                _ => (Request::Close, None),
            };
            (speaker, said)
        };
        compare(&mut alone, &mut several, (speaker.conn, speaker.at), said, (seed, turn));
        // Whom the one that is alone has let go, the others let go once they look: sometimes soon, always in the end.
        let late = turn % 3 != 0;
        for at in 0..if late { 0 } else { 2 } {
            let all = several.relays[at].stirred(0..20);
            several.run(at, &all, |_, _| RelayStep::new());
        }
        speakers.retain(|speaker| {
            alone.relay.conns.contains_key(&speaker.conn) && !several.closed.contains(&speaker.conn)
        });
        if !late {
            let stand: u64 = several.relays.iter().map(|relay| relay.totals().connections).sum();
            assert_eq!(alone.relay.totals().connections, stand, "seed {seed}, turn {turn}");
        }
        if turn % 7 == 0 {
            several.relays.iter_mut().for_each(Relay::let_queues_go);
        }
    }
    assert_eq!(several.common.queues.len(), alone.count(QUEUE), "seed {seed}");
    assert_eq!(several.common.metas.len(), alone.count(CELL_META), "seed {seed}");
    assert_eq!(several.common.tokens.len(), alone.count(TOKEN), "seed {seed}");
}

fn rekeyed(reader: u8, writer: u8) -> QueueSignature {
    sign_rekey(&secret(reader), &id(reader), &id(writer), &secret(writer).public())
}

fn compare(
    alone: &mut Bench,
    several: &mut Several,
    (conn, at): (ConnId, usize),
    (said, cell): (Request, Option<Box<CellBytes>>),
    which: (u64, u32),
) {
    let of =
        |sends: Vec<Send>| sends.into_iter().filter(|send| send.conn() == conn).map(told).collect::<Vec<_>>();
    let one = alone.frame(conn, said.clone(), cell.clone());
    let other = several.frame(at, conn, said.clone(), cell);
    assert_eq!(of(one), of(other), "seed and turn {which:?}: {said:?}");
}

/// A send without the queue's number, which is the store's own.
fn told(send: Send) -> Send {
    match send {
        Send::Cells { conn, cells } => {
            let cells = cells.into_iter();
            let bare = |cell: crate::relay::message::HeldCell| crate::relay::message::HeldCell {
                key: CellKey { queue: 0, ..cell.key },
                ..cell
            };
            Send::Cells { conn, cells: cells.map(bare).collect() }
        }
        other => other,
    }
}
