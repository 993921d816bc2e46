//! Fetches an offer before there is a thread: one connection, three frames, nothing kept.

use crate::codec::CellBytes;
use crate::party::relay::RelayPlace;
use crate::session::invite::{Invite, offer_queue};
use crate::wire::frame::Framed;
use crate::wire::queue::{Exporter, QueueId, QueueRole, prove};
use crate::wire::reply::Reply;
use crate::wire::request::Request;

/// What to do next.
pub enum Fetch {
    /// Send this and wait for the reply.
    Ask(Box<Framed<Request>>),
    /// The sealed offer.
    Found(Box<CellBytes>),
    /// The relay has no such offer: the invite was used up, has expired, or is another relay's.
    Missing,
}

/// The first word on a connection to one of the invite's relays.
#[must_use]
pub fn first(invite: &Invite, place: &RelayPlace, exporter: &Exporter) -> Framed<Request> {
    let queue = offer_queue(invite.secret(), &place.pin());
    let id = QueueId(queue.reader);
    let signature = prove(&queue.reader_secret, exporter, QueueRole::Reader, &id);
    Framed::<Request>::new(Request::Prove { role: QueueRole::Reader, id, signature }, None)
}

/// What follows from a reply.
#[must_use]
pub fn next(reply: Framed<Reply>) -> Fetch {
    match (reply.said, reply.cell) {
        (Reply::Serving { .. }, _) => {
            let get = Request::Get { from: 0, count: 1, wait_ms: 0 };
            Fetch::Ask(Box::new(Framed::<Request>::new(get, None)))
        }
        (Reply::Cell { .. }, Some(cell)) => Fetch::Found(cell),
        _ => Fetch::Missing,
    }
}
