//! Syncing: the links the engine wants, each a task of its own, and one loop that hands the engine what
//! they say, makes its answers durable, and only then lets them send.

use crate::codec::CellBytes;
use crate::host::link::{self, Link, LinkError};
use crate::host::socks::Socks;
use crate::officer::command::CommandError;
use crate::officer::engine::{Notice, Officer, OfficerStep, Pace};
use crate::officer::fetch::{self, Fetch};
use crate::officer::link::{LinkEvent, LinkKey, LinkSend, Trouble};
use crate::party::relay::RelayPlace;
use crate::service::officer::{Durable, OfficerService, ServiceError};
use crate::session::invite::{Invite, SignedOffer};
use crate::wire::frame::{FrameBytes, Framed};
use crate::wire::reply::Reply;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Connections tried for a link in one sync before it is given up.
const ATTEMPTS: u32 = 3;
/// Connections made for a link in one sync, at most, even where each one was answered: a relay that answers and
/// hangs up for ever is left alone.
const CONNECTIONS_MAX: u32 = 32;
/// Pause before the first new attempt; doubled each time, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often time is told to the engine while nothing else happens.
const TICK: Duration = Duration::from_millis(500);
/// Events handled together and made durable in one transaction, at most.
const BATCH: usize = 64;

/// How to sync.
pub struct SyncOptions {
    /// A SOCKS5 proxy for all connections.
    pub via: Option<Socks>,
    /// Stay connected until [`SyncOptions::stop`] says otherwise.
    pub watch: bool,
    /// How long one attempt to connect may take.
    pub connect_within: Duration,
    /// Only this thread.
    pub only: Option<u32>,
    /// Turns true when the sync is to end.
    pub stop: watch::Receiver<bool>,
}

impl SyncOptions {
    /// A sync of everything, once, without a proxy. The sender ends it early.
    #[must_use]
    pub fn once() -> (Self, watch::Sender<bool>) {
        let (sender, stop) = watch::channel(false);
        let connect_within = Duration::from_secs(20);
        (Self { via: None, watch: false, connect_within, only: None, stop }, sender)
    }
}

/// How a sync went.
pub struct SyncReport {
    /// Links that did not do all their work, and why.
    pub troubles: Vec<(LinkKey, RelayPlace, Trouble)>,
    /// Whether any relay was reached.
    pub reached: bool,
}

/// What a link's task tells the loop, with the number of its connection.
type Told = (LinkKey, u64, LinkEvent);

struct Running {
    connection: u64,
    frames: mpsc::UnboundedSender<FrameBytes>,
}

#[derive(Default)]
struct Attempts {
    /// Connections since the last answer.
    made: u32,
    /// Connections in all.
    in_all: u32,
    given_up: bool,
    next: Option<Instant>,
}

struct Links<'a> {
    options: &'a SyncOptions,
    tell: mpsc::Sender<Told>,
    running: BTreeMap<LinkKey, Running>,
    attempts: BTreeMap<LinkKey, Attempts>,
    connections: u64,
    reached: bool,
}

impl Links<'_> {
    fn wanted(&self, officer: &Officer) -> Vec<(LinkKey, RelayPlace)> {
        let mut wanted = officer.wanted();
        wanted.retain(|(key, _)| self.options.only.is_none_or(|only| key.thread == only));
        wanted
    }

    /// Connects what is wanted and lets go of what is not.
    fn reconcile(&mut self, officer: &Officer) {
        let wanted: BTreeMap<_, _> = self.wanted(officer).into_iter().collect();
        self.running.retain(|key, _| wanted.contains_key(key));
        for (key, place) in wanted {
            let attempts = self.attempts.entry(key).or_default();
            let waits = attempts.next.is_some_and(|next| Instant::now() < next);
            if self.running.contains_key(&key) || attempts.given_up || waits {
                continue;
            }
            attempts.made = attempts.made.saturating_add(1);
            attempts.in_all = attempts.in_all.saturating_add(1);
            self.connections = self.connections.saturating_add(1);
            let connection = self.connections;
            let (frames, to_send) = mpsc::unbounded_channel();
            let (via, within) = (self.options.via.clone(), self.options.connect_within);
            let tell = self.tell.clone();
            tokio::spawn(async move {
                let why = run_link(&place, via.as_ref(), within, (key, connection), &tell, to_send).await;
                let _ = tell.send((key, connection, LinkEvent::Down(why))).await;
            });
            self.running.insert(key, Running { connection, frames });
        }
    }

    /// Notes what an event means for later attempts. False where it comes from a connection that is let go of.
    fn note(&mut self, key: LinkKey, connection: u64, event: &LinkEvent) -> bool {
        if self.running.get(&key).is_none_or(|running| running.connection != connection) {
            return false;
        }
        match event {
            LinkEvent::Up(_) => self.reached = true,
            LinkEvent::Reply(_) => {
                if let Some(attempts) = self.attempts.get_mut(&key) {
                    attempts.made = attempts.made.min(1);
                }
            }
            LinkEvent::Down(_) => {
                self.running.remove(&key);
                let attempts = self.attempts.entry(key).or_default();
                let doublings = attempts.made.saturating_sub(1).min(8);
                let pause = PAUSE.saturating_mul(1 << doublings).min(PAUSE_MAX);
                attempts.next = Some(Instant::now() + pause);
                let spent = attempts.made >= ATTEMPTS || attempts.in_all >= CONNECTIONS_MAX;
                attempts.given_up = !self.options.watch && spent;
            }
        }
        true
    }

    /// A link that a relay has answered for good is not tried again in this sync.
    fn give_up_refused(&mut self, officer: &Officer) {
        for (key, attempts) in &mut self.attempts {
            let trouble = officer.channel(key.thread).and_then(|channel| channel.troubles.get(&key.purpose));
            let final_word = !matches!(trouble, None | Some(Trouble::Unreachable(_)));
            attempts.given_up |= !self.options.watch && final_word && !self.running.contains_key(key);
        }
    }

    fn send(&mut self, sends: Vec<LinkSend>) {
        for send in sends {
            match send.request {
                None => {
                    self.running.remove(&send.link);
                    self.attempts.remove(&send.link);
                }
                Some(request) => {
                    if let (Some(running), Ok(frame)) = (self.running.get(&send.link), request.encode()) {
                        let _ = running.frames.send(frame);
                    }
                }
            }
        }
    }

    /// Whether every link has done what it can.
    fn is_settled(&self, officer: &Officer) -> bool {
        self.wanted(officer).into_iter().all(|(key, _)| {
            let given_up = self.attempts.get(&key).is_some_and(|attempts| attempts.given_up);
            given_up || (self.running.contains_key(&key) && officer.is_settled(key))
        })
    }
}

/// One connection, from connecting to its end; gives why it ended.
async fn run_link(
    place: &RelayPlace,
    via: Option<&Socks>,
    within: Duration,
    (key, connection): (LinkKey, u64),
    tell: &mpsc::Sender<Told>,
    mut to_send: mpsc::UnboundedReceiver<FrameBytes>,
) -> String {
    let Link { exporter, mut reader, mut writer } = match link::connect(place, via, within).await {
        Ok(link) => link,
        Err(error) => return describe(&error),
    };
    if tell.send((key, connection, LinkEvent::Up(exporter))).await.is_err() {
        return String::new();
    }
    let receive = async {
        loop {
            match reader.read().await {
                Ok(Some(frame)) => {
                    let reply = Framed::<Reply>::decode(&frame).ok();
                    if tell.send((key, connection, LinkEvent::Reply(reply))).await.is_err() {
                        return String::new();
                    }
                }
                Ok(None) => return "the relay closed the connection".to_owned(),
                Err(error) => return describe(&error),
            }
        }
    };
    let transmit = async {
        while let Some(frame) = to_send.recv().await {
            if let Err(error) = writer.write(&frame).await {
                return describe(&error);
            }
        }
        writer.close().await;
        String::new()
    };
    tokio::select! {
        why = receive => why,
        why = transmit => why,
    }
}

fn describe(error: &LinkError) -> String {
    error.to_string()
}

impl OfficerService {
    /// Sends what waits and fetches what came, until nothing moves; with `watch`, until told to stop. `show`
    /// is called for each notice, once what it tells of is durable.
    ///
    /// # Errors
    /// [`ServiceError`] where the vault fails; a relay that fails is in the report.
    pub async fn sync(
        &mut self,
        options: &SyncOptions,
        show: &mut dyn FnMut(&Officer, &Notice),
    ) -> Result<SyncReport, ServiceError> {
        let (tell, mut told) = mpsc::channel(BATCH * 4);
        let mut stop = options.stop.clone();
        let mut links = Links {
            options,
            tell,
            running: BTreeMap::new(),
            attempts: BTreeMap::new(),
            connections: 0,
            reached: false,
        };
        let pace = if options.watch { Pace::Watch } else { Pace::Once };
        self.act(|officer, _, _| {
            officer.begin_sync(pace);
            Ok(((), OfficerStep::new()))
        })?;
        let mut attended = Instant::now();
        while !*stop.borrow() {
            if attended.elapsed() >= TICK {
                self.answer_requests();
                attended = Instant::now();
            }
            links.give_up_refused(self.officer());
            links.reconcile(self.officer());
            if !options.watch && told.is_empty() && links.is_settled(self.officer()) {
                if self.tick(&mut links, show)? {
                    continue;
                }
                break;
            }
            let mut batch = Vec::new();
            tokio::select! {
                _ = told.recv_many(&mut batch, BATCH) => self.take(&mut links, batch, show)?,
                () = tokio::time::sleep(TICK) => {
                    self.tick(&mut links, show)?;
                }
                () = told_to_stop(&mut stop) => {}
            }
        }
        Ok(self.report(&links))
    }

    /// Hands the engine a batch of events and does what it answers. What comes from a connection that was let go
    /// of is nobody's.
    fn take(
        &mut self,
        links: &mut Links<'_>,
        batch: Vec<Told>,
        show: &mut dyn FnMut(&Officer, &Notice),
    ) -> Result<(), ServiceError> {
        let ((), Durable { sends, notices }) = self.act(|officer, now, rng| {
            let mut step = OfficerStep::new();
            for (key, connection, event) in batch {
                let gone = matches!(event, LinkEvent::Down(_));
                if links.note(key, connection, &event) {
                    step.append(officer.handle(key, event, now, rng));
                }
                // A hang-up takes effect before the next event of the same connection.
                let hung_up = step.sends.iter().any(|send| send.link == key && send.request.is_none());
                if hung_up && !gone {
                    links.running.remove(&key);
                }
            }
            Ok(((), step))
        })?;
        links.send(sends);
        notices.iter().for_each(|notice| show(self.officer(), notice));
        Ok(())
    }

    /// Tells the engine the time. True if it had something to do.
    fn tick(
        &mut self,
        links: &mut Links<'_>,
        show: &mut dyn FnMut(&Officer, &Notice),
    ) -> Result<bool, ServiceError> {
        let (moved, Durable { sends, notices }) = self.act(|officer, now, rng| {
            let step = officer.tick(now, rng);
            Ok((!step.records.is_empty() || !step.sends.is_empty(), step))
        })?;
        links.send(sends);
        notices.iter().for_each(|notice| show(self.officer(), notice));
        Ok(moved)
    }

    fn report(&self, links: &Links<'_>) -> SyncReport {
        let trouble = |key: &LinkKey| self.officer().channel(key.thread)?.troubles.get(&key.purpose).cloned();
        let wanted = links.wanted(self.officer()).into_iter();
        let troubles = wanted.filter_map(|(key, place)| trouble(&key).map(|trouble| (key, place, trouble)));
        SyncReport { troubles: troubles.collect(), reached: links.reached }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    if stop.changed().await.is_err() {
        // Nobody is left who could say so.
        std::future::pending::<()>().await;
    }
}

/// Fetches the offer of an invite from the first of its relays that has it.
///
/// # Errors
/// [`ServiceError::OfferNotFetched`] with what each relay said; [`ServiceError::Command`] for an offer that is refused.
pub async fn fetch_offer(
    invite: &Invite,
    via: Option<&Socks>,
    within: Duration,
) -> Result<SignedOffer, ServiceError> {
    let (mut said, mut refused) = (Vec::new(), None);
    for place in invite.relays() {
        match tokio::time::timeout(within.saturating_mul(2), fetch_from(invite, place, via, within)).await {
            Ok(Ok(Some(cell))) => match invite.open_offer(&cell) {
                Ok(offer) => return Ok(offer),
                Err(error) => refused = Some(error),
            },
            Ok(Ok(None)) => said.push(format!(
                "{} has no such offer: the invite was used, closed or never finished",
                place.address()
            )),
            Ok(Err(error)) => said.push(describe(&error)),
            Err(_) => said.push(format!("{} does not answer", place.address())),
        }
    }
    match refused {
        Some(error) => Err(CommandError::from(error).into()),
        None => Err(ServiceError::OfferNotFetched(said.join("; "))),
    }
}

async fn fetch_from(
    invite: &Invite,
    place: &RelayPlace,
    via: Option<&Socks>,
    within: Duration,
) -> Result<Option<Box<CellBytes>>, LinkError> {
    let Link { exporter, mut reader, mut writer } = link::connect(place, via, within).await?;
    let mut request = Box::new(fetch::first(invite, place, &exporter));
    loop {
        if let Ok(frame) = request.encode() {
            writer.write(&frame).await?;
        }
        let Some(frame) = reader.read().await? else { return Ok(None) };
        let Ok(reply) = Framed::<Reply>::decode(&frame) else { return Ok(None) };
        match fetch::next(reply) {
            Fetch::Ask(next) => request = next,
            Fetch::Found(cell) => return Ok(Some(cell)),
            Fetch::Missing => return Ok(None),
        }
    }
}
