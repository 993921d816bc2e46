//! Checked evidence as a page: what the file holds, and what the check came to.

use crate::deal::shown::{Shown, ShownRecord};
use crate::desk::evidence::told::Told;
use crate::desk::page::model::Told as Statement;
use crate::desk::page::model::{Body, Book, Checked, Disclosed, Head, Page, Part, Party, Receipts, Source};
use crate::desk::screen::list_of;
use crate::officer::evidence::{CheckedEvidence, Told as Said};
use crate::party::role::Role;
use crate::statement::evidence::checked::Proven;
use crate::time::UnixMillis;

/// The page of evidence that holds.
pub(super) fn page(evidence: &CheckedEvidence, told: &Told<'_>, identified: bool, made: UnixMillis) -> Page {
    let bundle = &evidence.bundle;
    let [inviter, joiner] = told.fingerprints();
    let party = |role: Role, fingerprint| {
        let [first, second] = &bundle.preamble.cards;
        let card = if role == Role::Inviter { first } else { second };
        let confirmed = evidence.words_confirmed(role).map(|_| true);
        Party { name: card.name().as_str().to_owned(), fingerprint, words: confirmed }
    };
    let parties = [party(Role::Inviter, inviter), party(Role::Joiner, joiner)];
    let heads = bundle.up_to().map(|(count, id)| Head { count, id: id.0 });
    let statements = in_order(evidence).into_iter().map(|it| statement(evidence, it)).collect();
    let book = Book::new(bundle.preamble.channel, parties, None, statements, evidence.ledger.clone(), heads);
    let checked = Checked {
        kind: "evidence".to_owned(),
        identified,
        proven: told.proven(),
        not_proven: told.not_proven(),
    };
    Page { made, source: Source::File(checked), figures: Vec::new(), books: vec![book] }
}

/// The statements, each after those it acknowledges.
fn in_order(evidence: &CheckedEvidence) -> Vec<(&Proven, &Said)> {
    let by = |role| evidence.statements().filter(move |(it, _)| it.header.author == role).peekable();
    let [mut inviters, mut joiners] = Role::BOTH.map(by);
    let mut all = Vec::new();
    loop {
        let first = match (inviters.peek(), joiners.peek()) {
            (None, None) => return all,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((ours, _)), Some((theirs, _))) => ours.header.peer_count <= theirs.header.sequence,
        };
        all.extend(if first { inviters.next() } else { joiners.next() });
    }
}

fn statement(evidence: &CheckedEvidence, (proven, said): (&Proven, &Said)) -> Statement {
    let body = match said {
        Said::Withheld => Body::Withheld,
        Said::Deal(content) => Body::Whole(content.as_ref().clone()),
        Said::Part(Shown::Offer(offer, records)) => {
            let disclosed = |it: &ShownRecord| Disclosed {
                leg: it.leg,
                line: it.line,
                excepted: it.excepted,
                record: it.record.clone(),
            };
            Body::Part(Part::Offer(offer.clone(), records.iter().map(disclosed).collect()))
        }
        Said::Part(Shown::Lines(body, lines)) => {
            Body::Part(Part::Lines(body.version, body.lines.lines, lines.clone()))
        }
        Said::Read(read) => {
            let numbers: Vec<String> = read.sequences.iter().map(|it| format!("#{it}")).collect();
            Body::Other(format!("has read {}", list_of(&numbers)))
        }
        Said::WordsConfirmed => Body::Other("the safety words agree".to_owned()),
        Said::Other => Body::Other("says nothing in a negotiation".to_owned()),
        Said::Malformed => Body::Unreadable("a body that its kind does not allow".to_owned()),
    };
    let deposits = evidence.deposits.iter().filter(|it| it.statement == proven.id);
    let deposited = deposits.map(|it| it.clock).min();
    let receipts = Receipts {
        stored: None,
        deposited,
        deposit_signed: deposited.is_some(),
        delivered: proven.acknowledged.as_ref().map(|header| header.clock),
        read: evidence.read(proven).map(|header| header.clock),
    };
    Statement { id: proven.id.0, header: proven.header.clone(), body, receipts }
}
