//! A page's book of an open channel. Reads statements and their receipts alone: of the own side's records it sees none.

use crate::crypto::digest::Digest;
use crate::desk::page::model::{Body, Book, Head, Party, Receipts, Told};
use crate::desk::screen::plain;
use crate::desk::tell::line;
use crate::officer::engine::Channel;
use crate::officer::view::Shown;
use crate::party::role::Role;

/// The book of a channel; none before it stands.
#[must_use]
pub fn book(channel: &Channel) -> Option<Book> {
    let session = channel.session()?;
    let ledger = channel.ledger();
    let parties = Role::BOTH.map(|role| {
        let card = session.card(role);
        Party {
            name: card.name().as_str().to_owned(),
            // A card of a channel that stands has a fingerprint.
            fingerprint: card.fingerprint().unwrap_or_default(),
            words: Some(channel.words_confirmed_by(role)),
        }
    });
    let heads = Role::BOTH.map(|role| {
        let chain = channel.transcript.chain(role);
        Head { count: chain.count(), id: chain.head(chain.count()).0 }
    });
    let statements = channel.statements().iter().map(|shown| told(channel, shown)).collect();
    let id: Digest = session.channel;
    Some(Book::new(id, parties, Some(channel.thread.role), statements, Some(ledger), heads))
}

/// Whether a relay signed that it has all of an own statement: kept until the counterpart has acknowledged it.
fn is_signed(channel: &Channel, shown: &Shown<'_>) -> bool {
    channel.deposited_at(shown.header.sequence).iter().any(|at| at.signed.is_some())
}

fn told(channel: &Channel, shown: &Shown<'_>) -> Told {
    let marks = &shown.item.marks;
    // When we opened the other side's is ours to tell, and told by our own receipts where it is.
    let receipts = if shown.own {
        Receipts {
            stored: Some(marks.stored),
            deposited: marks.deposited,
            deposit_signed: marks.delivered.is_none() && is_signed(channel, shown),
            delivered: marks.delivered,
            read: marks.read,
        }
    } else {
        Receipts::default()
    };
    let body = match shown.content() {
        Some(Ok(content)) => Body::Whole(content),
        Some(Err(error)) => Body::Unreadable(plain(&error.to_string())),
        None => Body::Other(line(shown)),
    };
    Told { id: shown.id.0, header: shown.header.clone(), body, receipts }
}
