//! The one task that drives the engine: it takes an input and as many more as are ready, makes all their
//! records durable in one commit, and only then lets their answers go. What comes in meanwhile is the next
//! batch.

use crate::host::clock::{self, Stopwatch};
use crate::host::folder;
use crate::host::store::StoreError;
use crate::relay::deposit::{Answer, Depositor};
use crate::relay::engine::{Relay, RelayStep};
use crate::relay::merge::merge_stored;
use crate::relay::message::{ConnId, Input, Limits, Notice};
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
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Inputs of one commit: 4 MiB of cells.
const BATCH_MAX: usize = 256;
/// How often it looks at the disk, the issued passes and the time.
const BEAT: Duration = Duration::from_secs(1);
/// Beats between two lines about what it did.
const BEATS_PER_LINE: u64 = 60;
/// After a commit that the disk had no room for, this long nothing new is taken.
const FULL_FOR: Millis = Millis::secs(10);

/// What the engine's notices came to since the last line about them.
struct Activity {
    since: BTreeMap<&'static str, u64>,
    metrics: Metrics,
}

impl Activity {
    fn add(&mut self, notice: Notice) {
        let (what, count) = event(notice);
        if what == "lost" {
            tracing::error!("a stored cell could not be read back: check the disk");
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
    folder: RelayFolder,
    depositor: Depositor,
    outboxes: BTreeMap<ConnId, Outbox>,
    activity: Activity,
    beats: u64,
    told: Option<Status>,
    full_until: UnixMillis,
    no_passes: Often,
    no_room: Often,
}

impl Engine {
    pub(super) fn new(
        relay: Relay,
        settings: watch::Receiver<Settings>,
        disk: Disk,
        folder: RelayFolder,
        depositor: Depositor,
        metrics: Metrics,
    ) -> Self {
        let (outboxes, activity) = (BTreeMap::new(), Activity { since: BTreeMap::new(), metrics });
        let (limits, full_until) = (settings.borrow().limits, UnixMillis(0));
        Self {
            relay,
            limits,
            settings,
            disk,
            folder,
            depositor,
            outboxes,
            activity,
            beats: 0,
            told: None,
            full_until,
            no_passes: Often::default(),
            no_room: Often::default(),
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
        // A pass must open queues from the moment its line is printed.
        if batch.iter().any(opens) {
            self.take_passes().await?;
        }
        let (now, inputs, took) = (clock::now(), batch.len(), Stopwatch::begin());
        let mut refusals = Vec::new();
        let mut gone = Vec::new();
        let mut step = Step::new();
        for event in batch {
            let input = match event {
                Event::Joined { conn, exporter, outbox } => {
                    self.outboxes.insert(conn, outbox);
                    Input::Connected { conn, exporter }
                }
                Event::Input(input) => input,
            };
            match &input {
                Input::Frame { conn, frame } => refusals.extend(refusal(*conn, frame.as_ref().as_ref().ok())),
                Input::Put { conn, put } => {
                    let bound = Bound::Disk;
                    refusals.push((*conn, Reply::Full { index: put.index(), bound }));
                }
                Input::Gone { conn } => gone.push(*conn),
                _ => {}
            }
            step.append(self.relay.handle(input, now));
        }
        let RelayStep { records, sends, notices } = step;
        let written = !records.is_empty();
        if self.commit(records).await? {
            if written {
                self.activity.metrics.committed(inputs, &took);
            }
            notices.into_iter().for_each(|notice| self.activity.add(notice));
            // Only now: nothing is signed that is not durable. One signature for all that the commit stored.
            let answers = self.depositor.answer(merge_stored(sends))?;
            answers.into_iter().for_each(|(conn, answer)| self.deliver(conn, answer));
        } else {
            for (conn, reply) in refusals {
                self.deliver(conn, Answer::Reply(Framed::<Reply>::new(reply, None)));
            }
            self.begin_again().await?;
        }
        for conn in gone {
            self.outboxes.remove(&conn);
        }
        Ok(())
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

    /// Makes records durable; false when there is no room for them, and none of them is there.
    async fn commit(&self, records: Vec<Record>) -> Result<bool, RelayError> {
        if records.is_empty() {
            return Ok(true);
        }
        match self.disk.commit(records).await? {
            Ok(()) => Ok(true),
            Err(StoreError::Full) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes back to what the store holds, after a commit that found no room: the engine is ahead of it.
    /// Every connection ends; clients come again and are answered from what is durable.
    async fn begin_again(&mut self) -> Result<(), RelayError> {
        tracing::error!(connections = self.outboxes.len(), "the disk is full: connections ended");
        let limits = self.limits;
        let restored = self.disk.run(move |store| relay_disk::restore(store, limits)).await??;
        self.relay = restored.relay;
        self.full_until = clock::now().plus(FULL_FOR);
        self.relay.handle(Input::Space { free_bytes: 0 }, clock::now());
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
        self.tell_totals().await?;
        self.beats += 1;
        if self.beats.is_multiple_of(BEATS_PER_LINE) {
            self.activity.tell();
        }
        Ok(())
    }

    /// Tells the engine how much room there is.
    async fn measure(&mut self) -> Result<(), RelayError> {
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
        let status = Status::of(&self.relay.totals(), now);
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

    /// Takes in the passes issued since the last look. Each is in the store and its file gone, both
    /// durably, before any of its tokens can be spent: so no crash brings a spent token back.
    async fn take_passes(&mut self) -> Result<(), RelayError> {
        let folder = self.folder.clone();
        let issued = match self.disk.run(move |_| folder.issued()).await? {
            Ok(issued) => issued,
            Err(error) => {
                if let Some(times) = self.no_passes.again() {
                    tracing::warn!(times, %error, "the folder of issued passes cannot be read");
                }
                return Ok(());
            }
        };
        for pass in issued {
            let Ok((hashes, expires)) = pass.tokens else {
                if let Some(times) = self.no_passes.again() {
                    tracing::warn!(
                        times,
                        "a file among the issued passes cannot be read, or is damaged: remove it, and issue another pass"
                    );
                }
                continue;
            };
            // Without room it waits: what has no room makes the relay begin again, and connections end.
            if !self.relay.has_room_for(hashes.len()) {
                if let Some(times) = self.no_room.again() {
                    tracing::warn!(times, "an issued pass waits: the disk is full");
                }
                continue;
            }
            let step = self.relay.handle(Input::Tokens { hashes, expires }, clock::now());
            if !self.commit(step.records).await? {
                return self.begin_again().await;
            }
            step.notices.into_iter().for_each(|notice| self.activity.add(notice));
            let folder = self.folder.clone();
            self.disk.run(move |_| folder.forget_issued(&pass.path)).await??;
        }
        Ok(())
    }
}

fn opens(event: &Event) -> bool {
    let Event::Input(Input::Frame { frame, .. }) = event else { return false };
    matches!(frame.as_ref(), Ok(framed) if matches!(framed.said, Request::Open(_)))
}

/// The answer to a request when the disk has no room for what its batch would write.
fn refusal(conn: ConnId, framed: Option<&Framed<Request>>) -> Option<(ConnId, Reply)> {
    let reply = match framed?.said {
        Request::Put { index, .. } => Reply::Full { index, bound: Bound::Disk },
        Request::Open(_) => Reply::Full { index: 0, bound: Bound::Disk },
        _ => Reply::Busy { after_secs: 10 },
    };
    Some((conn, reply))
}
