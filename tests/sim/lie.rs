//! A relay that lies: what it may make of an honest answer.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use truceline::codec::CellBytes;
use truceline::crypto::digest::Digest;
use truceline::crypto::sign::QueueSignature;
use truceline::relay::deposit::Answer;
use truceline::relay::message::{ConnId, Send};
use truceline::time::UnixMillis;
use truceline::wire::frame::Framed;
use truceline::wire::queue::CellHash;
use truceline::wire::reply::{Bound, PutProof, Reply};

fn number(rng: &mut ChaCha20Rng) -> u64 {
    match rng.next_u32() % 4 {
        0 => u64::from(rng.next_u32() % 8),
        1 => u64::from(rng.next_u32() % 64),
        2 => rng.next_u64(),
        _ => u64::MAX,
    }
}

/// What a relay makes of an honest answer that shows its key or proves deposits; any other as it is.
pub fn forged(
    rng: &mut ChaCha20Rng,
    honest: &Framed<Reply>,
    before: Option<Box<CellBytes>>,
) -> Framed<Reply> {
    let (other, _) = super::depositor(99);
    let mut reply = honest.clone();
    match (&mut reply.said, rng.next_u32() % 6) {
        (Reply::Serving { .. }, kind) => {
            let conn = ConnId(0);
            let shown =
                other.answer(vec![Send::Reply { conn, reply: honest.said.clone() }]).unwrap().remove(0);
            let Answer::Reply(shown) = shown.1 else { panic!("no reply") };
            reply.cell = shown.cell.filter(|_| kind != 0);
        }
        (Reply::Stored { .. }, 0) => reply.cell = None,
        (Reply::Stored { .. }, 1) => reply.cell = before,
        (Reply::Stored { clock, .. }, 2) => *clock = UnixMillis(clock.0 - 1),
        (Reply::Stored { first, .. }, 3) => *first = first.saturating_sub(1),
        (Reply::Stored { first, count, clock }, 4) => {
            // The very cells, as far as can be told without their writer, by a key of its own.
            let leaves = vec![Digest([7; 32]); *count as usize];
            let sends = vec![Send::Stored { conn: ConnId(0), first: *first, clock: *clock, leaves }];
            let Answer::Reply(signed) = other.answer(sends).unwrap().remove(0).1 else { panic!("no reply") };
            reply.cell = signed.cell;
        }
        (Reply::Stored { .. }, _) => {
            let area = reply.cell.as_mut().unwrap();
            let at = 4 + rng.next_u32() as usize % 3_400;
            area[at] ^= 1 << (rng.next_u32() % 8);
        }
        _ => {}
    }
    reply
}

/// An answer that the relay made up.
pub fn made_up(rng: &mut ChaCha20Rng) -> Framed<Reply> {
    let clock = UnixMillis(rng.next_u64());
    let (low, next, index) = (number(rng), number(rng), number(rng));
    let signature = QueueSignature([rng.next_u32() as u8; 64]);
    let proof = PutProof { index, cell: CellHash(Digest([7; 32])), signature };
    let reply = match rng.next_u32() % 13 {
        0 => Reply::Serving { clock, low, next, last: None },
        1 => Reply::Serving { clock, low, next, last: Some(proof) },
        2 => Reply::Stored { first: index, count: rng.next_u32(), clock },
        3 => Reply::Conflict(proof),
        4 => Reply::Expected { next },
        5 => Reply::Gone { index, low },
        6 => {
            let mut cell = Box::new([0; 16_128]);
            rng.fill_bytes(cell.as_mut_slice());
            let more = rng.next_u32() as u16 % 3;
            return Framed::<Reply>::new(Reply::Cell { index, signature, clock, more }, Some(cell));
        }
        7 => Reply::Empty { low, next },
        8 => Reply::Dropped { low },
        9 => Reply::Full { index, bound: Bound::Queue },
        10 => Reply::PassRefused,
        11 => Reply::Refused,
        _ => Reply::Malformed,
    };
    Framed::<Reply>::new(reply, None)
}
