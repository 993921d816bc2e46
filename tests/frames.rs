//! Frozen envelopes of every request and reply, and of what is refused: `tests/vectors/frames.txt`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use truceline::codec::{CELL_BYTES, CodecError};
use truceline::crypto::digest::{Digest, hex, unhex};
use truceline::crypto::sign::{QueueKey, QueueSignature};
use truceline::session::cell::CONTENT_BYTES_MAX;
use truceline::session::content::fragments;
use truceline::time::UnixMillis;
use truceline::wire::frame::{FrameError, Framed};
use truceline::wire::limit::FRAME_BYTES;
use truceline::wire::pass::Token;
use truceline::wire::queue::{CellHash, QueueId, QueueRole};
use truceline::wire::reply::{Bound, PutProof, Reply};
use truceline::wire::request::{Open, Request};

const fn id(fill: u8) -> QueueId {
    QueueId(Digest([fill; 32]))
}

const SIGNATURE: QueueSignature = QueueSignature([0x51; 64]);
const PROOF: PutProof = PutProof { index: 7, cell: CellHash(Digest([0xce; 32])), signature: SIGNATURE };

fn requests() -> Vec<(&'static str, Request)> {
    let open = Open {
        token: Token([0x70; 32]),
        reader: id(0x01),
        writer: id(0x02),
        reader_key: QueueKey([0x0a; 32]),
        writer_key: QueueKey([0x0b; 32]),
        signature: SIGNATURE,
    };
    let prove = |role| Request::Prove { role, id: id(0x01), signature: SIGNATURE };
    vec![
        ("request prove-reader", prove(QueueRole::Reader)),
        ("request prove-writer", prove(QueueRole::Writer)),
        ("request open", Request::Open(open)),
        ("request put", Request::Put { index: 0x0102_0304_0506_0708, signature: SIGNATURE }),
        ("request get", Request::Get { from: 3, count: 16, wait_ms: 120_000 }),
        ("request drop", Request::Drop { below: 9 }),
        (
            "request rekey",
            Request::Rekey { writer: id(0x03), key: QueueKey([0x0c; 32]), signature: SIGNATURE },
        ),
        ("request close", Request::Close),
    ]
}

fn replies() -> Vec<(&'static str, Reply)> {
    let clock = UnixMillis(1_795_000_000_123);
    vec![
        ("reply serving-reader", Reply::Serving { clock, low: 2, next: 8, last: None }),
        ("reply serving-writer", Reply::Serving { clock, low: 2, next: 8, last: Some(PROOF) }),
        ("reply refused", Reply::Refused),
        ("reply pass-refused", Reply::PassRefused),
        ("reply stored", Reply::Stored { first: 5, count: 3, clock }),
        ("reply conflict", Reply::Conflict(PROOF)),
        ("reply expected", Reply::Expected { next: 8 }),
        ("reply gone", Reply::Gone { index: 1, low: 2 }),
        ("reply cell", Reply::Cell { index: 7, signature: SIGNATURE, clock, more: 2 }),
        ("reply empty", Reply::Empty { low: 2, next: 8 }),
        ("reply dropped", Reply::Dropped { low: 8 }),
        ("reply rekeyed", Reply::Rekeyed),
        ("reply closed", Reply::Closed),
        ("reply full-queue", Reply::Full { index: 8, bound: Bound::Queue }),
        ("reply full-disk", Reply::Full { index: 8, bound: Bound::Disk }),
        ("reply busy", Reply::Busy { after_secs: 10 }),
        ("reply malformed", Reply::Malformed),
    ]
}

fn rejections() -> Vec<(&'static str, FrameError)> {
    vec![
        ("reject empty-frame", FrameError::Envelope(CodecError::Malformed)),
        ("reject version-2", FrameError::VersionUnknown(2)),
        ("reject length-past-the-envelope", FrameError::Envelope(CodecError::Malformed)),
        ("reject padding-not-zero", FrameError::Envelope(CodecError::DirtyPadding)),
        ("reject unknown-request", FrameError::Envelope(CodecError::Malformed)),
        ("reject unknown-role", FrameError::Envelope(CodecError::Malformed)),
        ("reject cut-short", FrameError::Envelope(CodecError::Malformed)),
        ("reject byte-after-the-request", FrameError::Envelope(CodecError::Trailing(1))),
        ("reject cell-without-a-put", FrameError::CellUnexpected),
    ]
}

fn vectors() -> BTreeMap<String, [u8; FRAME_BYTES]> {
    let lines = include_str!("vectors/frames.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (name, bytes) = line.split_once('=').expect("a line is name = hex");
        let mut frame = [0; FRAME_BYTES];
        let bytes = unhex(bytes.trim()).expect("hex");
        frame[..bytes.len()].copy_from_slice(&bytes);
        (name.trim().to_owned(), frame)
    });
    parsed.collect()
}

fn trimmed(frame: &[u8]) -> String {
    let end = frame.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    hex(&frame[..end])
}

/// The named frame, or a failure that prints what the line should be.
fn frozen(name: &str, encoded: &[u8]) -> [u8; FRAME_BYTES] {
    match vectors().get(name) {
        Some(frame) if trimmed(frame) == trimmed(encoded) => *frame,
        _ => panic!("tests/vectors/frames.txt should have: {name} = {}", trimmed(encoded)),
    }
}

#[test]
fn every_request_has_its_frozen_bytes() {
    for (name, said) in requests() {
        let cell = matches!(said, Request::Put { .. }).then(|| Box::new([0; CELL_BYTES]));
        let framed = Framed::<Request>::new(said, cell);
        let frame = frozen(name, framed.encode().unwrap().as_slice());
        let decoded = Framed::<Request>::decode(&frame).unwrap();
        assert_eq!(decoded, framed, "{name}");
        assert_eq!(*decoded.encode().unwrap(), frame, "{name}");
    }
}

#[test]
fn every_reply_has_its_frozen_bytes() {
    for (name, said) in replies() {
        let cell = matches!(said, Reply::Cell { .. }).then(|| Box::new([0; CELL_BYTES]));
        let framed = Framed::<Reply>::new(said, cell);
        let frame = frozen(name, framed.encode().unwrap().as_slice());
        let decoded = Framed::<Reply>::decode(&frame).unwrap();
        assert_eq!(decoded, framed, "{name}");
        assert_eq!(*decoded.encode().unwrap(), frame, "{name}");
    }
}

#[test]
fn what_is_no_request_is_refused_by_name() {
    let vectors = vectors();
    for (name, error) in rejections() {
        let frame = vectors.get(name).unwrap_or_else(|| panic!("{name} is not in the file"));
        assert_eq!(Framed::<Request>::decode(frame).err(), Some(error), "{name}");
    }
}

#[test]
fn no_vector_is_left_unchecked() {
    let named = requests().len() + replies().len() + rejections().len();
    assert_eq!(vectors().len(), named);
}

#[test]
fn a_whole_fragment_fills_a_cell_and_the_longest_statement_has_612() {
    let statement = vec![1; 8 << 20];
    let lengths: Vec<usize> = fragments(0, &statement).map(|it| it.encode().unwrap().len()).collect();
    let (last, whole) = lengths.split_last().unwrap();
    assert_eq!((whole.len(), *last), (611, 28 + (8 << 20) - 611 * 13_728));
    assert!(whole.iter().all(|length| *length == CONTENT_BYTES_MAX));
    assert_eq!(CONTENT_BYTES_MAX, 13_756);
}
