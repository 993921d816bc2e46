//! The engine: all threads of a vault, and the one way in for events.

use crate::crypto::digest::Digest;
use crate::officer::drafts::HeldDraft;
use crate::officer::held::{Counts, Fresh};
use crate::officer::inbox::Inbox;
use crate::officer::link::{LinkEvent, LinkKey, LinkSend, LinkState, Purpose, Trouble};
use crate::officer::listen::Listening;
use crate::officer::mandate::SignedMandate;
use crate::officer::outbox::Outbox;
use crate::officer::own::OwnRecord;
use crate::officer::past::Past;
use crate::officer::settings::Settings;
use crate::officer::table;
use crate::officer::thread::{Halt, Stage, Thread};
use crate::party::card::Identity;
use crate::party::relay::RelayPlace;
use crate::party::role::Role;
use crate::statement::header::StatementId;
use crate::statement::receipt::ForkNotice;
use crate::statement::transcript::Transcript;
use crate::step::{Record, Step, Table};
use crate::time::UnixMillis;
use bincode::Encode;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an officer's engine answers to one input.
pub type OfficerStep = Step<LinkSend, Notice>;

/// What happened, for the officer to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An invite can be handed over: its offer lies at a relay.
    InviteReady {
        /// The thread.
        thread: u32,
    },
    /// A hello opened: the counterpart has joined.
    Joined {
        /// The thread.
        thread: u32,
    },
    /// A hello did not open.
    HelloRefused {
        /// The thread.
        thread: u32,
        /// Why.
        why: String,
    },
    /// The welcome verified: the channel stands and the words can be compared.
    Welcomed {
        /// The thread.
        thread: u32,
    },
    /// A statement of the counterpart is stored.
    Received {
        /// The thread.
        thread: u32,
        /// The statement.
        id: StatementId,
    },
    /// The channel sends again: what halted it was no truth.
    Resumed {
        /// The thread.
        thread: u32,
    },
    /// A statement of the counterpart was refused.
    Refused {
        /// The thread.
        thread: u32,
        /// Why.
        why: String,
    },
    /// A cell did not open.
    CellRefused {
        /// The thread.
        thread: u32,
        /// Why.
        why: String,
    },
    /// A relay let cells expire before they were taken in.
    CellsLost {
        /// The thread.
        thread: u32,
        /// How many.
        count: u64,
    },
    /// The channel sends nothing more.
    Halted {
        /// The thread.
        thread: u32,
        /// Why.
        halt: Halt,
    },
}

/// How the host runs the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Until nothing moves: receipts go at once, gets do not wait.
    Once,
    /// Stays connected: receipts are delayed, gets wait.
    Watch,
}

/// A thread with what it holds. Its statements are in the vault, and read from there.
pub struct Channel {
    /// The thread's number.
    pub number: u32,
    /// The mutable row.
    pub thread: Thread,
    /// The ends of both chains.
    pub transcript: Transcript,
    /// Proofs that a party signed two statements at one sequence number, at most one of each.
    pub forks: Vec<ForkNotice>,
    /// What is counted of their statements.
    pub counts: Counts,
    /// What is not yet known to be durable.
    pub fresh: Fresh,
    /// The vault, to read.
    pub past: Arc<dyn Past>,
    /// Cells not yet acknowledged.
    pub outbox: Outbox,
    /// What came and is not yet whole.
    pub inbox: Inbox,
    /// Connected links.
    pub links: BTreeMap<Purpose, LinkState>,
    /// Why links do not work.
    pub troubles: BTreeMap<Purpose, Trouble>,
    /// Whether all relays have been heard since the sync began.
    pub listening: Listening,
    /// Whether the thread's row must be written.
    pub changed: bool,
    /// Whether the row of the chains must be.
    pub counted: bool,
}

impl Channel {
    /// The proof that a party signed two statements at one sequence number.
    #[must_use]
    pub fn fork_of(&self, author: Role) -> Option<&ForkNotice> {
        self.forks.iter().find(|notice| notice.stored.0.author == author)
    }

    /// A link's name.
    #[must_use]
    pub const fn link(&self, purpose: Purpose) -> LinkKey {
        LinkKey { thread: self.number, purpose }
    }
}

/// What every part of the engine is handed while it handles one input.
pub struct Turn<'a> {
    /// The clock.
    pub now: UnixMillis,
    /// Randomness.
    pub rng: &'a mut dyn CryptoRng,
    /// The answer so far.
    pub step: &'a mut OfficerStep,
    /// The party.
    pub identity: &'a Identity,
    /// The settings.
    pub settings: &'a Settings,
    /// How the host runs us.
    pub pace: Pace,
}

impl Turn<'_> {
    /// Writes a row.
    pub fn put(&mut self, table: Table, key: Vec<u8>, value: &impl Encode) {
        // Our own rows are bounded by what was decoded within limits; usize::MAX is no limit.
        if let Ok(bytes) = crate::codec::encode(value, usize::MAX) {
            self.step.records.push(Record::put(table, key, bytes));
        }
    }

    /// Deletes a row.
    pub fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.step.records.push(Record::delete(table, key));
    }

    /// Says something to the officer.
    pub fn notice(&mut self, notice: Notice) {
        self.step.notices.push(notice);
    }

    /// A random time up to `within`.
    pub fn random_span(&mut self, within: crate::time::Millis) -> crate::time::Millis {
        let bound = within.0.saturating_add(1);
        crate::time::Millis(self.rng.next_u64() % bound)
    }
}

/// The officer's engine.
pub struct Officer {
    pub(super) identity: Identity,
    pub(super) settings: Settings,
    pub(super) channels: BTreeMap<u32, Channel>,
    pub(super) own: BTreeMap<u64, OwnRecord>,
    pub(super) pace: Pace,
    pub(super) mandate: Option<SignedMandate>,
    pub(super) drafts: BTreeMap<Digest, HeldDraft>,
    pub(super) retired: Option<UnixMillis>,
    pub(super) past: Arc<dyn Past>,
}

impl Officer {
    /// The party.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All threads.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values()
    }

    /// One thread.
    #[must_use]
    pub fn channel(&self, thread: u32) -> Option<&Channel> {
        self.channels.get(&thread)
    }

    /// Begins a sync: no link is connected, and what was wrong with one is forgotten.
    pub fn begin_sync(&mut self, pace: Pace) {
        self.pace = pace;
        for channel in self.channels.values_mut() {
            channel.links.clear();
            channel.troubles.clear();
            channel.listening = Listening::default();
        }
    }

    /// The links the engine wants connected now, and where to.
    #[must_use]
    pub fn wanted(&self) -> Vec<(LinkKey, RelayPlace)> {
        let mut wanted = Vec::new();
        for channel in self.channels.values() {
            for (purpose, place) in wanted_of(&channel.thread) {
                wanted.push((channel.link(purpose), place.clone()));
            }
        }
        wanted
    }

    /// Whether a connected link has nothing left to do until something new happens.
    #[must_use]
    pub fn is_settled(&self, link: LinkKey) -> bool {
        let Some(channel) = self.channels.get(&link.thread) else { return true };
        let Some(state) = channel.links.get(&link.purpose) else { return false };
        match link.purpose {
            _ if state.blocked => true,
            Purpose::Inbound(_) => state.serving && state.caught_up,
            Purpose::Outbound(relay) => {
                let relay = usize::from(relay);
                let bootstrap = channel.outbounds().get(relay).is_some_and(|queue| queue.bootstrap.is_some());
                let idle = state.unanswered == 0 && !channel.outbox.has_unstored(relay, bootstrap);
                if channel.may_send() {
                    state.serving && idle
                } else {
                    state.serving || !channel.is_in_doubt()
                }
            }
            Purpose::OfferOpen(_) | Purpose::OfferPut(_) => false,
        }
    }

    /// Handles what a link has to say.
    pub fn handle(
        &mut self,
        link: LinkKey,
        event: LinkEvent,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
    ) -> OfficerStep {
        let mut step =
            self.turn(link.thread, now, rng, |channel, turn| channel.event(link.purpose, event, turn));
        step.append(self.say_renewal(link.thread, now, rng));
        step
    }

    /// Handles the passing of time: receipts that are due, cells to be put again, links that may try again.
    pub fn tick(&mut self, now: UnixMillis, rng: &mut dyn CryptoRng) -> OfficerStep {
        let mut step = OfficerStep::new();
        let threads: Vec<u32> = self.channels.keys().copied().collect();
        for thread in threads {
            step.append(self.turn(thread, now, rng, Channel::tick));
            step.append(self.say_renewal(thread, now, rng));
        }
        step
    }

    /// Runs `act` on a thread; writes its rows if they changed.
    pub(super) fn turn(
        &mut self,
        thread: u32,
        now: UnixMillis,
        rng: &mut dyn CryptoRng,
        act: impl FnOnce(&mut Channel, &mut Turn<'_>),
    ) -> OfficerStep {
        let mut step = OfficerStep::new();
        let Some(channel) = self.channels.get_mut(&thread) else { return step };
        let (identity, settings, pace) = (&self.identity, &self.settings, self.pace);
        let mut turn = Turn { now, rng, step: &mut step, identity, settings, pace };
        act(channel, &mut turn);
        if std::mem::take(&mut channel.changed) {
            turn.put(table::THREAD, table::thread_key(thread), &channel.thread);
        }
        if std::mem::take(&mut channel.counted) {
            turn.put(table::CHAIN, table::thread_key(thread), &channel.chain_row());
        }
        step
    }
}

fn wanted_of(thread: &Thread) -> Vec<(Purpose, &RelayPlace)> {
    let mut wanted = Vec::new();
    for (at, inbound) in (0u8..).zip(&thread.inbound) {
        wanted.push((Purpose::Inbound(at), &inbound.place));
    }
    let outbound = match &thread.stage {
        Stage::Inviting(inviting) => {
            for (at, offer) in (0u8..).zip(&inviting.offers) {
                match (offer.opened, offer.stored) {
                    (false, _) => wanted.push((Purpose::OfferOpen(at), &offer.place)),
                    (true, false) => wanted.push((Purpose::OfferPut(at), &offer.place)),
                    (true, true) => {}
                }
            }
            return wanted;
        }
        Stage::Moving => return Vec::new(),
        Stage::Greeting(greeted) => &greeted.outbound,
        Stage::Open(session) if session.halt == Some(Halt::WordsDiffer) || session.ratchet.is_none() => {
            return Vec::new();
        }
        // What it lacks comes from its counterpart's export, and what it would say is said in the channel that renews it.
        Stage::Open(session) if thread.renewed_as.is_some() && session.halt.is_some() => return Vec::new(),
        Stage::Open(session) => &session.outbound,
    };
    wanted.extend((0u8..).zip(outbound).map(|(at, queue)| (Purpose::Outbound(at), &queue.place)));
    wanted
}

impl Channel {
    fn event(&mut self, purpose: Purpose, event: LinkEvent, turn: &mut Turn<'_>) {
        match event {
            LinkEvent::Up(exporter) => {
                self.troubles.remove(&purpose);
                self.links.insert(purpose, LinkState::new(exporter));
                self.begin(purpose, turn);
            }
            LinkEvent::Down(why) => {
                self.links.remove(&purpose);
                self.troubles.entry(purpose).or_insert(Trouble::Unreachable(why));
            }
            LinkEvent::Reply(None) => self.trouble(purpose, Trouble::Nonsense),
            LinkEvent::Reply(Some(reply)) => {
                if let Some(link) = self.links.get_mut(&purpose) {
                    link.stuck_since = link.stuck_since.filter(|_| link.blocked);
                    self.reply(purpose, reply.said, reply.cell, turn);
                }
            }
        }
        self.listen(turn.now);
        self.pump(turn);
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        self.erase_old_keys(turn.now);
        self.listen(turn.now);
        self.make_due_receipts(turn);
        self.put_again_overdue(turn);
        self.retry_links(turn);
        self.pump(turn);
    }

    /// Keys of cells that never came are erased by time, also in a channel in which nothing moves.
    fn erase_old_keys(&mut self, now: UnixMillis) {
        if let Stage::Open(session) = &mut self.thread.stage
            && let Some(ratchet) = &mut session.ratchet
        {
            let before = ratchet.skipped_keys();
            ratchet.erase_old(now);
            self.changed |= ratchet.skipped_keys() != before;
        }
    }

    /// Notes why a link does not work, and does nothing more on it.
    pub(super) fn trouble(&mut self, purpose: Purpose, trouble: Trouble) {
        if let Some(link) = self.links.get_mut(&purpose) {
            link.blocked = true;
        }
        self.troubles.insert(purpose, trouble);
    }

    /// Stops sending for good, or until it is resolved. What was graver before stays.
    pub(super) fn halt(&mut self, halt: Halt, turn: &mut Turn<'_>) {
        let number = self.number;
        if let Stage::Open(session) = &mut self.thread.stage
            && session.halt.is_none_or(|before| before.gravity() < halt.gravity())
        {
            session.halt = Some(halt);
            self.changed = true;
            turn.notice(Notice::Halted { thread: number, halt });
            if halt.is_doubt() {
                self.hang_up_outbound(turn);
            }
        }
    }
}
