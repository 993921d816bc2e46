//! What a channel's statements come to, reckoned a second time by the table that tests/deal_lifecycle writes down anew.

use crate::oracle::agrees_with_the_oracle;
use crate::talk::{Spoken, Talk, withdraw};
use truceline::crypto::digest::Digest;
use truceline::deal::judge::Ledger;
use truceline::officer::engine::Channel;
use truceline::officer::view::Shown;
use truceline::statement::header::StatementId;
use truceline::statement::kind::Kind;
use truceline::statement::receipt::{Read, WordsConfirmed};
use truceline::statement::renewal::Renewal;

/// Whether the body of a kind that is no part of a deal is none.
fn malformed(channel: &Channel, shown: &Shown<'_>) -> bool {
    let said = shown.statement().unwrap().said;
    let words = channel.session().unwrap().words();
    match Kind::from_number(shown.header.kind) {
        None => true,
        Some(Kind::Acknowledgement) => !(said.body.is_empty() && said.lists.is_empty()),
        Some(Kind::Read) => {
            Read::decode(&said.body, shown.header.peer_count).is_err() || !said.lists.is_empty()
        }
        Some(Kind::WordsConfirmed) => !WordsConfirmed::confirms(&said.body, &words) || !said.lists.is_empty(),
        Some(Kind::Renewal) => Renewal::of(&shown.header, &said).is_none(),
        Some(_) => false,
    }
}

fn spoken(channel: &Channel, shown: &Shown<'_>) -> Spoken {
    let header = &shown.header;
    let (author, sequence, peer_count) = (header.author, header.sequence, header.peer_count);
    let case = (header.case != StatementId::NONE).then_some(header.case.0);
    let of =
        |kind, case, content| Spoken { id: shown.id.0, author, sequence, peer_count, case, kind, content };
    match shown.content() {
        Some(Ok(content)) => of(header.kind, case, Some(content)),
        None if !malformed(channel, shown) => of(header.kind, case, None),
        // To the table it is as good as an act in no case: void, whoever says it.
        Some(Err(_)) | None => of(Kind::Withdraw.number(), None, Some(withdraw(Digest::default()))),
    }
}

/// The state that a channel's statements come to; the same as the table says of each of them.
pub fn judged(channel: &Channel) -> Ledger {
    let said = channel.statements().iter().map(|shown| spoken(channel, shown)).collect();
    let ledger = channel.ledger();
    agrees_with_the_oracle(&Talk { said }, &ledger);
    ledger
}
