//! Tokens that are taken back.

use super::*;
use crate::relay::message::Revoked;

fn these(tokens: &[u8]) -> Input {
    Input::Revoked(Revoked::These(tokens.iter().map(|token| Token([*token; 32]).hash()).collect()))
}

fn attempt(bench: &mut Bench, token: u8) -> Option<Reply> {
    let conn = bench.connect();
    bench.ask(conn, Request::Open(opening(30, token, conn)))
}

#[test]
fn a_token_that_was_taken_back_opens_nothing_and_the_others_do() {
    let (mut bench, ..) = Bench::open();
    bench.notices.clear();
    // One is spent, and one was never known.
    assert_eq!(bench.give(these(&[1, 2, 3, 99])), []);
    assert_eq!(bench.notices, [Notice::TokensRevoked(2)]);
    assert_eq!(bench.count(TOKEN), 6);
    for token in [2, 3] {
        assert_eq!(attempt(&mut bench, token), Some(Reply::PassRefused));
    }
    assert!(matches!(attempt(&mut bench, 4), Some(Reply::Serving { .. })));
}

#[test]
fn what_was_opened_with_a_token_that_is_taken_back_stays() {
    let (mut bench, _, writer) = Bench::open();
    bench.give(these(&[1]));
    bench.give(Input::Revoked(Revoked::All));
    assert_eq!((bench.count(TOKEN), bench.count(QUEUE)), (0, 1));
    assert_eq!(bench.put(writer, 0, 1), stored(0, NOW));
    assert_eq!(attempt(&mut bench, 9), Some(Reply::PassRefused));
}

#[test]
fn what_is_taken_back_twice_writes_and_tells_nothing_the_second_time() {
    let mut bench = Bench::new();
    bench.give(these(&[1]));
    let step = bench.step(these(&[1]));
    assert!(step.records.is_empty() && step.notices.is_empty());
    bench.give(Input::Revoked(Revoked::All));
    let step = bench.step(Input::Revoked(Revoked::All));
    assert!(step.records.is_empty() && step.notices.is_empty());
    // Nothing is forgotten for good: what is issued later holds.
    let hashes = vec![Token([1; 32]).hash()];
    bench.give(Input::Tokens { hashes, expires: NOW.plus(Millis::days(1)) });
    assert!(matches!(attempt(&mut bench, 1), Some(Reply::Serving { .. })));
}
