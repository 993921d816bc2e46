//! Introductions as an engine sees them: inviting, greeting, and the two moves that end them.

use crate::codec::{CELL_BYTES, CellBytes};
use crate::crypto::digest::Digest;
use crate::crypto::secret::Secret;
use crate::crypto::sign::{QueueKey, QueueSecret};
use crate::officer::cell::Carries;
use crate::officer::command::CommandError;
use crate::officer::deposits::RelayKey;
use crate::officer::engine::{Channel, Notice, Turn};
use crate::officer::link::{Purpose, queue};
use crate::officer::outbox::seal;
use crate::officer::thread::{Greeted, Inbound, Inviting, OfferQueue, Outbound, Session, Stage, Thread};
use crate::party::card::Identity;
use crate::party::relay::RelayPlace;
use crate::party::role::Role;
use crate::session::content::{Content, Welcome};
use crate::session::introduction::{OneTimeKeys, accept_hello, greet};
use crate::session::invite::{Invite, InviteError, SignedOffer, WriteCapability, offer_queue};
use crate::time::UnixMillis;
use crate::wire::pass::{Pass, Token};
use crate::wire::queue::QueueId;
use rand_core::CryptoRng;

/// A relay to use, with leave to open queues there.
pub struct RelayLeave {
    /// The relay.
    pub place: RelayPlace,
    /// The digest of its deposit key, where its line names it.
    pub deposit: Option<Digest>,
    /// The pass.
    pub pass: Pass,
}

fn random_queue(rng: &mut dyn CryptoRng) -> QueueId {
    let mut id = [0; 32];
    rng.fill_bytes(&mut id);
    QueueId(Digest(id))
}

/// A queue of our own at each relay, with the bootstrap write capability to be handed over.
fn inbound_queues(
    relays: &[RelayLeave],
    order: impl Fn(&Pass) -> Vec<Token>,
    rng: &mut dyn CryptoRng,
) -> (Vec<Inbound>, Vec<WriteCapability>) {
    relays
        .iter()
        .map(|relay| {
            let (reader, secret) = (random_queue(rng), QueueSecret::random(rng));
            let (writer, writer_secret) = (random_queue(rng), QueueSecret::random(rng));
            let inbound = Inbound {
                place: relay.place.clone(),
                deposit: relay.deposit,
                reader,
                secret,
                writer,
                writer_key: writer_secret.public(),
                tokens: order(&relay.pass),
                opened: false,
                cursor: 0,
                rekey: None,
                lost: 0,
            };
            let place = relay.place.clone();
            let deposit = relay.deposit.unwrap_or(Digest([0; 32]));
            (inbound, WriteCapability { place, deposit, writer: writer.0, secret: writer_secret })
        })
        .unzip()
}

/// A thread that begins with an invite.
pub(super) fn invite(
    identity: &Identity,
    label: String,
    relays: &[RelayLeave],
    expires: UnixMillis,
    rng: &mut dyn CryptoRng,
) -> Result<Thread, CommandError> {
    // The two queues take the pass's tokens from its two ends, so that they do not get in each other's way.
    let backwards = |pass: &Pass| {
        let mut tokens: Vec<_> = pass.tokens().collect();
        tokens.reverse();
        tokens
    };
    let (inbound, capabilities) = inbound_queues(relays, backwards, rng);
    let secret = Secret::random(rng);
    let keys = OneTimeKeys::random(rng);
    let offer = keys.offer(identity, capabilities)?;
    let offer_cell = offer.seal(&secret, rng).map_err(InviteError::from)?.to_vec();
    let offers = relays.iter().map(|relay| offer_queue_at(relay, &secret, rng)).collect();
    let places = relays.iter().map(|relay| relay.place.clone()).collect();
    let invite = Invite::new(places, secret.copy(), &offer, expires)?;
    let line = invite.print().map_err(InviteError::from)?;
    let inviting = Inviting { secret, keys, line, expires, offer_cell, offers, refused_hellos: 0 };
    let stage = Stage::Inviting(Box::new(inviting));
    Ok(Thread::new(label, Role::Inviter, inbound, stage))
}

fn offer_queue_at(relay: &RelayLeave, secret: &Secret<32>, rng: &mut dyn CryptoRng) -> OfferQueue {
    let reader = offer_queue(secret, &relay.place.pin());
    OfferQueue {
        place: relay.place.clone(),
        reader: queue(reader.reader),
        reader_secret: reader.reader_secret,
        writer: random_queue(rng),
        writer_secret: QueueSecret::random(rng),
        tokens: relay.pass.tokens().collect(),
        opened: false,
        stored: false,
    }
}

/// A thread that begins with a hello, and the hello.
pub(super) fn join(
    identity: &Identity,
    label: String,
    invite: &Invite,
    offer: &SignedOffer,
    relays: &[RelayLeave],
    rng: &mut dyn CryptoRng,
) -> Result<(Thread, Box<CellBytes>), CommandError> {
    let (inbound, capabilities) = inbound_queues(relays, |pass| pass.tokens().collect(), rng);
    let own: Vec<QueueSecret> = offer.relays().iter().map(|_| QueueSecret::random(rng)).collect();
    let keys = own.iter().map(QueueSecret::public).collect();
    let (greeting, hello) = greet(offer, invite.secret(), identity, capabilities, keys, rng)?;
    let outbound = bootstrap(offer.relays(), own);
    let stage = Stage::Greeting(Box::new(Greeted { greeting, outbound }));
    Ok((Thread::new(label, Role::Joiner, inbound, stage), hello))
}

/// The counterpart's queues under the capabilities it gave for the introduction; `own` keys are for after it.
fn bootstrap(relays: &[WriteCapability], own: Vec<QueueSecret>) -> Vec<Outbound> {
    let queues = relays.iter().zip(own);
    queues
        .map(|(relay, own)| {
            let deposit = RelayKey::named_as(relay.deposit);
            Outbound::new(relay.place.clone(), deposit, queue(relay.writer), relay.secret.copy(), Some(own))
        })
        .collect()
}

impl Channel {
    /// Replaces the writer of each of our queues by the counterpart's own key under a fresh id; gives the ids.
    fn rekey_inbound(&mut self, keys: &[QueueKey], rng: &mut dyn CryptoRng) -> Vec<Digest> {
        let mut ids = Vec::new();
        for (inbound, key) in self.thread.inbound.iter_mut().zip(keys) {
            let writer = random_queue(rng);
            inbound.rekey = Some((writer, *key));
            ids.push(writer.0);
        }
        ids
    }

    /// Tries a cell as a hello. True if it opened: accepting it and erasing the one-time keys are one transaction.
    pub(super) fn take_hello(&mut self, cell: &CellBytes, turn: &mut Turn<'_>) -> bool {
        let Stage::Inviting(inviting) = &mut self.thread.stage else { return false };
        let outcome = if turn.now >= inviting.expires {
            Err(InviteError::Expired.to_string())
        } else {
            own_offer(inviting, turn.identity).map_err(|error| error.to_string()).and_then(|offer| {
                accept_hello(cell, &inviting.secret, &inviting.keys, &offer, turn.identity, turn.rng)
                    .map_err(|error| error.to_string())
            })
        };
        // Else whoever holds the invite could make us knock inside our own network.
        let at_home = inviting.offers.iter().any(|offer| offer.place.is_private());
        let outcome = outcome.and_then(|hello| {
            let private = hello.relays.iter().find(|relay| relay.place.is_private());
            match private.filter(|_| !at_home) {
                Some(relay) => {
                    Err(format!("it names a relay on a private address, {}", relay.place.address()))
                }
                None => Ok(hello),
            }
        });
        let outcome = outcome.and_then(|hello| match self.thread.renews.and_then(|renews| renews.party) {
            Some(party) if hello.card.fingerprint() != Ok(party) => {
                Err("it is not from the other side of the channel to be renewed".to_owned())
            }
            _ => Ok(hello),
        });
        let hello = match outcome {
            Ok(hello) => hello,
            Err(why) => {
                inviting.refused_hellos = inviting.refused_hellos.saturating_add(1);
                self.changed = true;
                turn.notice(Notice::HelloRefused { thread: self.number, why });
                return false;
            }
        };
        let own: Vec<QueueSecret> = hello.relays.iter().map(|_| QueueSecret::random(turn.rng)).collect();
        let writer_keys = own.iter().map(QueueSecret::public).collect();
        let writers = self.rekey_inbound(&hello.writer_keys, turn.rng);
        let signature = hello.inviter.signature.clone();
        let cards = [turn.identity.card().clone(), hello.card];
        let introduced = [hello.inviter, hello.joiner];
        let outbound = bootstrap(&hello.relays, own);
        let mut ratchet = hello.ratchet;
        let welcome = Content::Welcome(Welcome { writers, writer_keys, signature });
        let Some(welcome) = seal(&mut ratchet, &welcome, turn) else { return false };
        let session = Session::new(hello.channel, cards, introduced, ratchet, outbound);
        self.begin_session(session);
        self.enqueue(Carries::Welcome, welcome, None, turn);
        self.rekey_now(turn);
        turn.notice(Notice::Joined { thread: self.number });
        true
    }

    fn begin_session(&mut self, session: Session) {
        self.transcript = crate::statement::transcript::Transcript::new(session.channel);
        self.thread.stage = Stage::Open(Box::new(session));
        self.changed = true;
        self.counted = true;
    }

    /// Tries a cell as the welcome. True if it opened.
    pub(super) fn take_welcome(&mut self, cell: &CellBytes, turn: &mut Turn<'_>) -> bool {
        let Stage::Greeting(greeted) = &self.thread.stage else { return false };
        let welcomed = match greeted.greeting.open_welcome(cell, turn.rng) {
            Ok(welcomed) => welcomed,
            Err(error) => {
                turn.notice(Notice::CellRefused { thread: self.number, why: error.to_string() });
                return false;
            }
        };
        let ids = self.rekey_inbound(&welcomed.writer_keys, turn.rng);
        let Stage::Greeting(greeted) = std::mem::replace(&mut self.thread.stage, Stage::Moving) else {
            return false;
        };
        let Greeted { greeting, mut outbound } = *greeted;
        for (outbound, writer) in outbound.iter_mut().zip(&welcomed.writers) {
            outbound.move_to(queue(*writer));
        }
        let cards = [greeting.card.clone(), turn.identity.card().clone()];
        let introduced = [welcomed.inviter.clone(), greeting.joiner.clone()];
        let channel = greeting.channel;
        let mut ratchet = greeting.into_ratchet(welcomed, turn.now);
        let moved = seal(&mut ratchet, &Content::Moved(ids), turn);
        let mut session = Session::new(channel, cards, introduced, ratchet, outbound);
        session.heard = true;
        self.begin_session(session);
        self.settle(|carries| carries == Carries::Hello, turn);
        if let Some(moved) = moved {
            self.enqueue(Carries::Moved, moved, None, turn);
        }
        self.hang_up_outbound(turn);
        self.rekey_now(turn);
        turn.notice(Notice::Welcomed { thread: self.number });
        true
    }

    /// Hangs up on the counterpart's relays, so that each says anew where its queue stands.
    pub(super) fn hang_up_outbound(&mut self, turn: &mut Turn<'_>) {
        for at in 0..u8::try_from(self.outbounds().len()).unwrap_or(u8::MAX) {
            self.hang_up(Purpose::Outbound(at), turn);
        }
    }

    /// A cell of the counterpart opened: its introduction is over, and so is ours.
    pub(super) fn heard(&mut self, turn: &mut Turn<'_>) {
        if let Stage::Open(session) = &mut self.thread.stage {
            session.heard = true;
        }
        self.settle(|carries| matches!(carries, Carries::Welcome | Carries::Moved), turn);
    }

    /// The joiner names our new writer id in each of its queues.
    pub(super) fn take_moved(&mut self, writers: &[Digest], turn: &mut Turn<'_>) {
        if self.thread.role != Role::Inviter || writers.len() != self.outbounds().len() {
            self.refuse("the counterpart names new writer ids where none are due", turn);
            return;
        }
        let mut moved = Vec::new();
        for (relay, (outbound, writer)) in self.outbounds_mut().iter_mut().zip(writers).enumerate() {
            if outbound.bootstrap.is_some() {
                outbound.move_to(queue(*writer));
                moved.push(relay);
            }
        }
        for relay in moved {
            for cell in self.outbox.cells.values_mut() {
                if let Some(place) = cell.places.get_mut(relay) {
                    place.take_back();
                }
            }
            let numbers: Vec<u64> = self.outbox.cells.keys().copied().collect();
            numbers.into_iter().for_each(|number| self.write_places(number, turn));
            if let Ok(at) = u8::try_from(relay) {
                self.hang_up(Purpose::Outbound(at), turn);
            }
        }
        self.changed = true;
    }
}

/// Our own offer, read back from its sealed cell.
fn own_offer(inviting: &Inviting, identity: &Identity) -> Result<SignedOffer, InviteError> {
    let cell: &[u8; CELL_BYTES] =
        inviting.offer_cell.as_slice().try_into().map_err(|_| InviteError::OfferNotOpened)?;
    let invite = crate::session::invite::UntrustedInvite::parse(&inviting.line)?.verify(UnixMillis(0))?;
    let offer = invite.open_offer(cell)?;
    if offer.card() == identity.card() { Ok(offer) } else { Err(InviteError::OfferReplaced) }
}
