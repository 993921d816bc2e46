//! What crosses a link: frames, requests, replies and what stands in a frame's cell area.

use super::pair::{NOW, run, secret};
use super::{Input, seeds};
use truceline::codec::{self, CELL_BYTES, CellBytes};
use truceline::crypto::digest::Digest;
use truceline::crypto::sign::{QueueKey, QueueSecret};
use truceline::officer::deposits::{DepositEvidence, check_deposit};
use truceline::party::role::Role;
use truceline::relay::engine::Relay;
use truceline::relay::message::{ConnId, Input as Event, Limits, Send};
use truceline::relay::table::Row;
use truceline::step::Table;
use truceline::wire::deposit::{StoredProof, present_key, presented_key};
use truceline::wire::frame::{FrameBytes, Framed};
use truceline::wire::limit::{ENVELOPE_BYTES, FRAME_BYTES};
use truceline::wire::queue::{CellHash, Exporter, QueueId, QueueRole, prove, sign_put, sign_rekey};
use truceline::wire::reply::Reply;
use truceline::wire::request::{Open, Request};

/// A frame's bytes, zeros to its end: both as a request and as a reply.
pub fn frame(data: &[u8]) {
    let bytes = whole(data);
    if let Ok(framed) = Framed::<Request>::decode(&bytes) {
        assert!(framed.encode().unwrap() == bytes, "a request has another encoding");
    }
    if let Ok(framed) = Framed::<Reply>::decode(&bytes) {
        assert!(framed.encode().unwrap() == bytes, "a reply has another encoding");
        area(&framed);
    }
}

fn whole(data: &[u8]) -> FrameBytes {
    let mut bytes = Box::new([0; FRAME_BYTES]);
    bytes.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
    bytes
}

/// A frame around the encoding of a request or reply.
fn enveloped(said: &[u8], cell: &[u8]) -> FrameBytes {
    let said = &said[..said.len().min(ENVELOPE_BYTES - 5)];
    let mut frame = codec::pad(&[&[1], said].concat(), ENVELOPE_BYTES).unwrap();
    frame.extend(&cell[..cell.len().min(CELL_BYTES)]);
    whole(&frame)
}

const READER: QueueId = QueueId(Digest([1; 32]));
const WRITER: QueueId = QueueId(Digest([2; 32]));

fn keys() -> [QueueSecret; 3] {
    [0x20, 0x30, 0x40].map(|from| QueueSecret::from_seed(secret(from)))
}

/// Requests to a relay that has one queue and one token, each `how u8 ‖ connection u8 ‖ length u16 ‖ encoding`: where `how` is odd, its signature
/// is made anew and holds. A relay answers each with what fits a frame, and keeps no more than it may.
pub fn request(data: &[u8]) {
    let [reader, writer, other] = keys();
    let mut relay =
        Relay::restore(Limits { queue_cells_max: 3, ..Limits::default() }, relay_rows(&reader, &writer))
            .relay;
    let exporter = Exporter([0xee; 32]);
    for conn in 0..4 {
        relay.handle(Event::Connected { conn: ConnId(conn), exporter }, NOW);
    }
    let mut input = Input(data);
    let mut now = NOW;
    while !input.is_empty() {
        let (how, conn) = (input.u8(), ConnId(u64::from(input.u8() % 4)));
        let bytes = enveloped(input.short(), if how & 2 == 0 { &[] } else { &[0x55; CELL_BYTES] });
        let framed = Framed::<Request>::decode(&bytes);
        if let Ok(framed) = &framed {
            assert!(framed.encode().unwrap() == bytes, "a request has another encoding");
        }
        let framed = framed.map(|framed| {
            if how & 1 == 0 { framed } else { signed(framed, [&reader, &writer, &other], &exporter) }
        });
        let step = relay.handle(Event::Frame { conn, frame: Box::new(framed) }, now);
        step.sends.iter().for_each(answer);
        now.0 += u64::from(how) << 20;
        relay.handle(Event::Tick, now).sends.iter().for_each(answer);
        if how & 4 != 0 {
            relay.handle(Event::Gone { conn }, now);
            relay.handle(Event::Connected { conn, exporter }, now);
        }
        let totals = relay.totals();
        assert!(
            totals.cells <= 3 * totals.queues && totals.queues <= 2 && totals.connections <= 4,
            "{totals:?}"
        );
    }
}

fn answer(send: &Send) {
    if let Send::Reply { reply, .. } = send {
        let cell = matches!(reply, Reply::Cell { .. }).then(|| Box::new([0; CELL_BYTES]));
        Framed::<Reply>::new(reply.clone(), cell).encode().unwrap();
    }
}

fn relay_rows(reader: &QueueSecret, writer: &QueueSecret) -> Vec<Row> {
    let queue =
        codec::encode(&(READER, WRITER, reader.public(), writer.public(), 0u64, 0u64, 0u64, 0u8), 512);
    let token = truceline::wire::pass::Token([0x70; 32]).hash();
    vec![
        Row { table: Table(1), key: vec![0; 8], value: queue.ok() },
        Row {
            table: Table(4),
            key: token.0.0.to_vec(),
            value: codec::encode(&NOW.plus(truceline::time::Millis::days(9)), 8).ok(),
        },
    ]
}

/// The same with a signature that holds.
fn signed(
    framed: Framed<Request>,
    [reader, writer, other]: [&QueueSecret; 3],
    exporter: &Exporter,
) -> Framed<Request> {
    let said = match framed.said {
        Request::Prove { role: QueueRole::Reader, .. } => {
            let signature = prove(reader, exporter, QueueRole::Reader, &READER);
            Request::Prove { role: QueueRole::Reader, id: READER, signature }
        }
        Request::Prove { role: QueueRole::Writer, .. } => {
            let signature = prove(writer, exporter, QueueRole::Writer, &WRITER);
            Request::Prove { role: QueueRole::Writer, id: WRITER, signature }
        }
        Request::Put { index, .. } => {
            let hash = CellHash::of(framed.cell.as_ref().map_or(&[0; CELL_BYTES], |cell| cell));
            Request::Put { index, signature: sign_put(writer, &WRITER, index, &hash) }
        }
        Request::Rekey { writer, .. } => {
            let key: QueueKey = other.public();
            Request::Rekey { writer, key, signature: sign_rekey(reader, &READER, &writer, &key) }
        }
        Request::Open(open) => Request::Open(Open::new(
            open.token,
            (open.reader, other),
            (open.writer, open.writer_key),
            exporter,
        )),
        said => said,
    };
    Framed::<Request>::new(said, framed.cell)
}

/// `length u16 ‖ a reply's encoding`, then what stands in the cell area.
pub fn reply(data: &[u8]) {
    let mut input = Input(data);
    let said = input.short();
    let bytes = enveloped(said, input.rest());
    if let Ok(framed) = Framed::<Reply>::decode(&bytes) {
        assert!(framed.encode().unwrap() == bytes, "a reply has another encoding");
        area(&framed);
    }
}

fn area(framed: &Framed<Reply>) {
    let Some(cell) = framed.cell.as_deref() else { return };
    let same = |again: Box<CellBytes>| assert!(*again == *cell, "what a relay signs has another encoding");
    match framed.said {
        Reply::Serving { .. } => {
            presented_key(cell).into_iter().for_each(|key| same(present_key(&key).unwrap()))
        }
        Reply::Stored { count, .. } => {
            if let Ok(proof) = StoredProof::decode(cell, count) {
                assert_eq!(proof.paths.len(), count as usize);
                same(proof.encode().unwrap());
                assert!(proof.of(proof.paths.len()).is_none());
            }
        }
        _ => {}
    }
}

/// Evidence of a deposit: what holds is what the frozen one says.
pub fn deposit(data: &[u8]) {
    let Ok(evidence) = DepositEvidence::decode(data) else { return };
    assert!(evidence.encode().unwrap() == data, "evidence of a deposit has another encoding");
    let channel = Digest(run::<1>(0xc4).map(|byte| [byte; 32])[0]);
    for sender in Role::BOTH {
        if check_deposit(&evidence, &channel, sender).is_err() {
            continue;
        }
        let good = DepositEvidence::decode(&seeds::deposit()[0]).unwrap();
        let what = |it: &DepositEvidence| {
            (it.key.clone(), it.writer, it.index, it.clock, it.cell.clone(), it.body_key)
        };
        assert!(what(&evidence) == what(&good), "a deposit that no relay signed holds");
    }
}
