//! The one task that drives the engine: it takes an input and as many more as are ready, makes all their
//! records durable in one commit, and only then lets their answers go. What comes in meanwhile is the next
//! batch.

use crate::host::clock::{self, Stopwatch};
use crate::host::folder;
use crate::host::postgres::PostgresError;
use crate::host::store::StoreError;
use crate::relay::deposit::{Answer, Depositor};
use crate::relay::engine::{Relay, RelayStep};
use crate::relay::merge::merge_stored;
use crate::relay::message::{ConnId, Input, Limits, Notice, Send, Totals};
use crate::relay::shared::Needs;
use crate::service::relay::RelayError;
use crate::service::relay_accept::Settings;
use crate::service::relay_conn::{Event, Outbox};
use crate::service::relay_disk::{self, Disk};
use crate::service::relay_folder::{RelayFolder, Status};
use crate::service::relay_metrics::{Metrics, event};
use crate::service::relay_often::Often;
use crate::step::{Record, Step};
use crate::time::{Millis, UnixMillis};
use crate::wire::frame::Framed;
use crate::wire::reply::{Bound, Reply};
use crate::wire::request::Request;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod passes;
pub(super) mod sharing;

use sharing::Sharing;

/// Inputs of one commit: 4 MiB of cells.
const BATCH_MAX: usize = 256;
/// How often it looks at the disk, the issued passes and the time.
const BEAT: Duration = Duration::from_secs(1);
/// Beats between two lines about what it did.
const BEATS_PER_LINE: u64 = 60;
/// After a commit that the disk had no room for, this long nothing new is taken.
const FULL_FOR: Millis = Millis::secs(10);

/// What a monitor is told of the room of servers.
const ROOM_UNKNOWN: u64 = i64::MAX as u64;

/// Why a batch was not made durable; nothing of it was answered.
enum Undone {
    /// There is no room.
    Full,
    /// The shared store did not answer: what is durable is to be learned again.
    Unanswered(PostgresError),
}

/// What the engine's notices came to since the last line about them.
struct Activity {
    since: BTreeMap<&'static str, u64>,
    metrics: Metrics,
    full: Often,
}

impl Activity {
    fn add(&mut self, notice: Notice) {
        let (what, count) = event(notice);
        if what == "lost" {
            tracing::error!("a stored cell could not be read back: check the disk");
        }
        if notice == Notice::DiskFull
            && let Some(times) = self.full.again()
        {
            tracing::warn!(times, "the disk or the store is full: new cells and queues are refused");
        }
        *self.since.entry(what).or_default() += count;
        self.metrics.count(what, count);
    }

    /// Says what happened, if anything did.
    fn tell(&mut self) {
        if !self.since.is_empty() {
            let counts: Vec<_> = self.since.iter().map(|(what, count)| format!("{what}={count}")).collect();
            tracing::info!(counts = counts.join(" "), "activity");
            self.since.clear();
        }
    }
}

/// The engine and what it acts through.
pub(super) struct Engine {
    relay: Relay,
    limits: Limits,
    settings: watch::Receiver<Settings>,
    disk: Disk,
    sharing: Option<Sharing>,
    /// What the shared store held when it was last counted.
    counted: Totals,
    folder: RelayFolder,
    depositor: Arc<Depositor>,
    outboxes: BTreeMap<ConnId, Outbox>,
    activity: Activity,
    beats: u64,
    told: Option<Status>,
    full_until: UnixMillis,
    no_passes: Often,
    no_room: Often,
    no_answer: Often,
}

impl Engine {
    pub(super) fn new(
        relay: Relay,
        settings: watch::Receiver<Settings>,
        disk: Disk,
        sharing: Option<Sharing>,
        folder: RelayFolder,
        depositor: Depositor,
        metrics: Metrics,
    ) -> Self {
        let (outboxes, activity) =
            (BTreeMap::new(), Activity { since: BTreeMap::new(), metrics, full: Often::default() });
        let (limits, full_until) = (settings.borrow().limits, UnixMillis(0));
        Self {
            relay,
            limits,
            settings,
            disk,
            sharing,
            counted: Totals::default(),
            folder,
            depositor: Arc::new(depositor),
            outboxes,
            activity,
            beats: 0,
            told: None,
            full_until,
            no_passes: Often::default(),
            no_room: Often::default(),
            no_answer: Often::default(),
        }
    }

    /// Runs until nobody is left to give inputs. An error means that what is durable is no longer known:
    /// nothing more may be acknowledged.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<Event>) -> Result<(), RelayError> {
        // The disk's room and the passes are known before the first request is.
        self.beat().await?;
        let mut beat = tokio::time::interval(BEAT);
        beat.reset();
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wait = self.relay.wakes_at().map(|at| Duration::from_millis(at.since(clock::now()).0));
            let first = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => event,
                    None => break,
                },
                _ = beat.tick() => {
                    self.beat().await?;
                    Event::Input(Input::Tick)
                }
                () = tokio::time::sleep(wait.unwrap_or(BEAT)), if wait.is_some() => {
                    Event::Input(Input::Tick)
                }
                told = sharing::heard(self.sharing.as_mut()) => {
                    self.stir(told).await?;
                    continue;
                }
            };
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(event) = events.try_recv()
            {
                batch.push(event);
            }
            self.batch(batch).await?;
        }
        self.activity.tell();
        Ok(())
    }

    async fn batch(&mut self, batch: Vec<Event>) -> Result<(), RelayError> {
        // A pass must open queues from the moment its line is printed, and none once it is taken back.
        if batch.iter().any(opens) {
            self.take_passes().await?;
        }
        let (inputs, took) = (batch.len(), Stopwatch::begin());
        let given = batch.iter().filter_map(|event| match event {
            Event::Input(input) => Some(input),
            Event::Joined { .. } => None,
        });
        let needs = self.sharing.as_ref().map(|_| self.relay.needs(given)).unwrap_or_default();
        let mut refused = Vec::new();
        let mut gone = Vec::new();
        let mut given = Vec::new();
        for event in batch {
            let input = match event {
                Event::Joined { conn, exporter, outbox } => {
                    self.outboxes.insert(conn, outbox);
                    Input::Connected { conn, exporter }
                }
                Event::Input(input) => input,
            };
            match &input {
                Input::Frame { conn, frame } => {
                    refused.extend(Refused::of(*conn, frame.as_ref().as_ref().ok()))
                }
                Input::Put { conn, put } => {
                    refused.push(Refused::Put(*conn, put.index()));
                }
                Input::Gone { conn } => gone.push(*conn),
                _ => {}
            }
            given.push(input);
        }
        let handle = |relay: &mut Relay, now| {
            let mut step = Step::new();
            given.into_iter().for_each(|input| step.append(relay.handle(input, now)));
            step
        };
        match self.turn(&needs, handle).await? {
            Ok((answers, written)) => {
                if written {
                    self.activity.metrics.committed(inputs, &took);
                }
                self.answer(answers);
            }
            Err(undone) => {
                for refused in refused {
                    let (conn, reply) = refused.told(&undone);
                    self.deliver(conn, Answer::Reply(Framed::<Reply>::new(reply, None)));
                }
                self.begin_again(undone).await?;
            }
        }
        for conn in gone {
            self.outboxes.remove(&conn);
        }
        Ok(())
    }

    /// What `act` leads to, once it is durable: what is to be answered, and whether anything was written. Of a shared store
    /// what it needs is learned before.
    async fn turn(
        &mut self,
        needs: &Needs,
        act: impl FnOnce(&mut Relay, UnixMillis) -> RelayStep,
    ) -> Result<Result<(Answers, bool), Undone>, RelayError> {
        let mut step = Step::new();
        if let Some(sharing) = &mut self.sharing {
            let learned = match sharing.store.begin(needs, &self.relay).await {
                Ok(learned) => learned,
                Err(error) => return Ok(Err(Undone::Unanswered(error))),
            };
            if self.relay.learn(needs, learned, &mut step) > 0 {
                tracing::error!("rows of the store are damaged: check the servers' disks");
            }
        }
        step.append(act(&mut self.relay, clock::now()));
        let RelayStep { records, sends, notices } = step;
        let written = !records.is_empty();
        // Signed while the disk works: what is signed goes nowhere before all is durable.
        let signing = sign(Arc::clone(&self.depositor), merge_stored(sends));
        let (committed, signed) = tokio::join!(self.commit(records), signing);
        if let Err(undone) = committed? {
            return Ok(Err(undone));
        }
        if self.sharing.is_some() {
            self.relay.let_tokens_go();
        }
        notices.into_iter().for_each(|notice| self.activity.add(notice));
        Ok(Ok((signed?, written)))
    }

    /// Only once all is durable.
    fn answer(&mut self, answers: Answers) {
        answers.into_iter().for_each(|(conn, answer)| self.deliver(conn, answer));
    }

    /// A turn of the relay's own: nobody asked for it.
    async fn own_turn(
        &mut self,
        needs: &Needs,
        act: impl FnOnce(&mut Relay, UnixMillis) -> RelayStep,
    ) -> Result<(), RelayError> {
        match self.turn(needs, act).await? {
            Ok((answers, _)) => {
                self.answer(answers);
                Ok(())
            }
            Err(undone) => self.begin_again(undone).await,
        }
    }

    fn deliver(&mut self, conn: ConnId, answer: Answer) {
        let closes = matches!(answer, Answer::Close);
        if let Some(outbox) = self.outboxes.get(&conn) {
            if matches!(&answer, Answer::Reply(framed) if matches!(framed.said, Reply::Serving { .. }))
                && let Some(writer) = self.relay.writer(conn)
            {
                outbox.written_by(writer);
            }
            outbox.send(answer);
        }
        if closes {
            self.outboxes.remove(&conn);
        }
    }

    /// Makes records durable; where it cannot, none of them is there, or that is not known.
    async fn commit(&mut self, records: Vec<Record>) -> Result<Result<(), Undone>, RelayError> {
        if let Some(sharing) = &mut self.sharing {
            return Ok(match sharing.store.commit(records).await {
                Ok(()) => Ok(()),
                Err(PostgresError::Full) => Err(Undone::Full),
                Err(error) => Err(Undone::Unanswered(error)),
            });
        }
        if records.is_empty() {
            return Ok(Ok(()));
        }
        match self.disk.commit(records).await? {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Full) => Ok(Err(Undone::Full)),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes back to what the store holds, after a commit that did not come about: the engine is ahead of it.
    /// Every connection ends; clients come again and are answered from what is durable.
    async fn begin_again(&mut self, undone: Undone) -> Result<(), RelayError> {
        match undone {
            Undone::Full => {
                tracing::error!(connections = self.outboxes.len(), "the disk is full: connections ended");
            }
            Undone::Unanswered(ref error) => self.tell_unanswered(error),
        }
        let limits = self.limits;
        let mut relay = match &self.sharing {
            Some(_) => Relay::sharing(limits),
            None => self.disk.run(move |store| relay_disk::restore(store, limits)).await??.relay,
        };
        relay.number_after(&self.relay);
        self.relay = relay;
        if matches!(undone, Undone::Full) {
            self.activity.metrics.room(0);
            self.full_until = clock::now().plus(FULL_FOR);
            self.relay.handle(Input::Space { free_bytes: 0 }, clock::now());
        }
        for outbox in std::mem::take(&mut self.outboxes).into_values() {
            outbox.send(Answer::Close);
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), RelayError> {
        self.limits = self.settings.borrow().limits;
        self.relay.set_limits(self.limits);
        self.measure().await?;
        self.take_passes().await?;
        self.look_around().await?;
        self.tell_totals().await?;
        self.beats += 1;
        if self.beats.is_multiple_of(BEATS_PER_LINE) {
            self.activity.tell();
        }
        Ok(())
    }

    /// Tells the engine how much room there is.
    async fn measure(&mut self) -> Result<(), RelayError> {
        if self.sharing.is_some() {
            // How much room servers have is theirs to say, when they have none.
            if clock::now() >= self.full_until {
                self.activity.metrics.room(ROOM_UNKNOWN);
                self.relay.handle(Input::Space { free_bytes: u64::MAX }, clock::now());
            }
            return Ok(());
        }
        let (folder, reserve) = (self.folder.clone(), self.limits.reserve_bytes);
        let room = self.disk.run(move |store| {
            let free = folder::free_bytes(folder.path())?;
            // The reserve is the disk's: it does not count against the bound set for the store.
            let room = store.room_bytes(free.saturating_sub(reserve));
            Ok::<_, folder::FolderError>(room.saturating_add(reserve))
        });
        match room.await? {
            Ok(free_bytes) if clock::now() >= self.full_until => {
                self.activity.metrics.room(free_bytes.saturating_sub(reserve));
                self.relay.handle(Input::Space { free_bytes }, clock::now());
            }
            Ok(_) => self.activity.metrics.room(0),
            Err(_) => tracing::warn!("the disk does not say how much room it has"),
        }
        Ok(())
    }

    async fn tell_totals(&mut self) -> Result<(), RelayError> {
        let now = clock::now();
        let totals = self.relay.totals();
        let totals = match self.sharing {
            Some(_) => Totals { connections: totals.connections, ..self.counted },
            None => totals,
        };
        let status = Status::of(&totals, now);
        self.activity.metrics.tell_totals(&status, now);
        let same = |told: &Status| Status { at_ms: status.at_ms, ..*told } == status;
        // Now and then even when nothing changed, so that its age says whether the relay lives.
        if self.told.as_ref().is_some_and(same) && !self.beats.is_multiple_of(10) {
            return Ok(());
        }
        let folder = self.folder.clone();
        if let Err(error) = self.disk.run(move |_| folder.write_totals(&status)).await? {
            tracing::warn!(kind = %error.kind(), "the totals cannot be written");
        }
        self.told = Some(status);
        Ok(())
    }
}

/// What is to be answered on each connection.
type Answers = Vec<(ConnId, Answer)>;

/// The answers to what a commit has stored, under one signature, made beside what else is done.
async fn sign(depositor: Arc<Depositor>, sends: Vec<Send>) -> Result<Answers, RelayError> {
    if !sends.iter().any(|send| matches!(send, Send::Stored { .. })) {
        return Ok(depositor.answer(sends)?);
    }
    let signed = tokio::task::spawn_blocking(move || depositor.answer(sends)).await;
    Ok(signed.map_err(|error| RelayError::Broken(error.to_string()))??)
}

fn opens(event: &Event) -> bool {
    let Event::Input(Input::Frame { frame, .. }) = event else { return false };
    matches!(frame.as_ref(), Ok(framed) if matches!(framed.said, Request::Open(_)))
}

/// A request whose batch was not made durable.
enum Refused {
    Put(ConnId, u64),
    Open(ConnId),
    Other(ConnId),
}

impl Refused {
    fn of(conn: ConnId, framed: Option<&Framed<Request>>) -> Option<Self> {
        Some(match framed?.said {
            Request::Put { index, .. } => Self::Put(conn, index),
            Request::Open(_) => Self::Open(conn),
            _ => Self::Other(conn),
        })
    }

    fn told(&self, undone: &Undone) -> (ConnId, Reply) {
        match (self, undone) {
            (Self::Put(conn, index), Undone::Full) => {
                (*conn, Reply::Full { index: *index, bound: Bound::Disk })
            }
            (Self::Open(conn), Undone::Full) => (*conn, Reply::Full { index: 0, bound: Bound::Disk }),
            (Self::Other(conn), Undone::Full) => (*conn, Reply::Busy { after_secs: 10 }),
            (Self::Put(conn, _) | Self::Open(conn) | Self::Other(conn), Undone::Unanswered(_)) => {
                (*conn, Reply::Busy { after_secs: 2 })
            }
        }
    }
}
