//! Statements: headers, and wholes with their signatures.

use super::pair::identity;
use super::{Input, seeds};
use std::sync::LazyLock;
use truceline::codec;
use truceline::party::card::Card;
use truceline::session::cell;
use truceline::statement::header::Header;
use truceline::statement::signed::Statement;

/// `which u8 ‖ …`: the header of a statement, or that of a cell.
pub fn header(data: &[u8]) {
    let mut input = Input(data);
    let which = input.u8();
    let data = input.rest();
    if which & 1 == 0 {
        let Ok(header) = Header::decode(data) else { return };
        assert!(header.encode() == data, "a statement's header has another encoding");
        assert_eq!(header.id(), Header::decode(&header.encode()).unwrap().id());
    } else if let Ok(header) = codec::decode::<cell::Header>(data, cell::HEADER_BYTES) {
        assert!(
            codec::encode(&header, cell::HEADER_BYTES).unwrap() == data,
            "a cell's header has another encoding"
        );
        let _ = header.step.digest();
    }
}

/// The parties of the frozen export and of the frozen papers.
static CARDS: LazyLock<Vec<Card>> =
    LazyLock::new(|| vec![identity("Velmara", 1).card().clone(), identity("Таррун", 101).card().clone()]);
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds::statement);

/// A statement's bytes: one whose signature holds was signed, also where its commitment is made to fit what was changed.
pub fn statement(data: &[u8]) {
    let mut statement = match Statement::decode(data) {
        Ok(statement) => statement,
        Err(error) => return super::told(&error, data.len()),
    };
    assert!(statement.encode().unwrap() == data, "a statement has another encoding");
    only_signed(&statement);
    statement.header.commitment = statement.said.commitment();
    only_signed(&statement);
}

fn only_signed(statement: &Statement) {
    let holds = CARDS.iter().any(|card| statement.verify(card.key()).is_ok());
    let bytes = statement.encode().unwrap();
    assert_eq!(holds, GOOD.contains(&bytes), "a statement that nobody signed");
}
