//! Puts whose signature was checked before the engine is given them.

use super::*;
use crate::relay::checked::{CheckedPut, Writer};

/// A put that the writer `n` signed, as it was checked by his key.
pub(super) fn checked(n: u8, index: u64, fill: u8) -> Box<CheckedPut> {
    let by = Writer { id: id(n), key: secret(n).public() };
    let signature = sign_put(&secret(n), &id(n), index, &CellHash::of(&cell(fill)));
    let mut framed = Framed::<Request>::new(Request::Put { index, signature }, Some(cell(fill)));
    Box::new(CheckedPut::of(by, &mut framed).unwrap())
}

#[test]
fn a_checked_put_is_stored_at_the_index_that_it_names() {
    let (mut bench, _, writer) = Bench::open();
    for index in 0..3 {
        let put = checked(11, index, 1);
        assert_eq!(put.index(), index);
        assert_eq!(reply(&bench.give(Input::Put { conn: writer, put })), Some(stored(index, NOW)));
    }
}

#[test]
fn a_put_checked_by_another_key_than_the_present_writers_is_malformed_and_stores_nothing() {
    let (mut bench, _, writer) = Bench::open();
    let sends = bench.give(Input::Put { conn: writer, put: checked(12, 0, 1) });
    assert_eq!(reply(&sends), Some(Reply::Malformed));
    assert_eq!(bench.count(CELL), 0);
}
