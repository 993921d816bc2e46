//! The one thread that touches a relay's disk: what is to be done there is handed to it and awaited. It
//! tidies the store while nothing waits. Cells that were just stored are read back from memory.

use crate::codec::CellBytes;
use crate::host::store::{Store, StoreError};
use crate::relay::engine::{Relay, Restored};
use crate::relay::message::{HeldCell, Limits};
use crate::relay::table::{CELL, RESTORED, Row};
use crate::service::relay_often::Often;
use crate::service::relay_recent::Recent;
use crate::service::relay_shared::Side;
use crate::step::Record;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// With nothing to do for so long, the store is tidied.
const IDLE: Duration = Duration::from_millis(250);
/// Between two pieces of that work: nobody waits behind more than one.
const BETWEEN: Duration = Duration::from_millis(5);
/// Backlog from which it is tidied then.
const BACKLOG: u64 = 1 << 20;

type Job = Box<dyn FnOnce(&mut dyn Store) + Send>;

/// Hands work to the disk's thread.
#[derive(Clone)]
pub(super) struct Disk {
    jobs: Sender<Job>,
    recent: Recent,
}

/// The disk's thread, to be waited for once every [`Disk`] is gone.
pub(super) struct DiskThread(JoinHandle<Result<(), StoreError>>);

/// The disk's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the thread that writes the disk has ended")]
pub struct DiskStopped;

/// Where connections read cells back.
#[derive(Clone)]
pub(super) enum Cells {
    /// From the relay's own store.
    Own(Disk),
    /// From one that it shares.
    Shared(Arc<Side>),
}

impl Cells {
    /// Reads cells back, up to the first that is not whole.
    pub(super) async fn read(&self, cells: Vec<HeldCell>) -> Result<Vec<(HeldCell, ReadCell)>, DiskStopped> {
        match self {
            Self::Own(disk) => disk.read(cells).await,
            // On the heap while it lasts: it is large, and else each connection would have room for it.
            Self::Shared(side) => Ok(Box::pin(side.read(cells)).await),
        }
    }
}

/// A cell as it was read back.
pub(super) enum ReadCell {
    /// As it was written.
    Whole(Box<CellBytes>),
    /// Not there, or not as it was written.
    Lost,
    /// The disk did not answer; the cell may be whole.
    Unavailable,
}

impl Disk {
    /// Starts the thread, which owns `store`.
    pub(super) fn start(store: Box<dyn Store>) -> std::io::Result<(Self, DiskThread)> {
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new().name("disk".to_owned());
        let thread = thread.spawn(move || work(store, &queue))?;
        Ok((Self { jobs, recent: Recent::default() }, DiskThread(thread)))
    }

    /// Has `work` done there.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> T + Send + 'static,
    ) -> Result<T, DiskStopped> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let job: Job = Box::new(move |store| {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(work(store));
        });
        self.jobs.send(job).map_err(|_| DiskStopped)?;
        answered.await.map_err(|_| DiskStopped)
    }

    /// Makes records durable.
    pub(super) async fn commit(&self, records: Vec<Record>) -> Result<Result<(), StoreError>, DiskStopped> {
        let recent = self.recent.clone();
        self.run(move |store| {
            let change = Recent::change(&records);
            store.commit(records)?;
            recent.take(change);
            Ok(())
        })
        .await
    }

    async fn read(&self, cells: Vec<HeldCell>) -> Result<Vec<(HeldCell, ReadCell)>, DiskStopped> {
        if let Some(found) = self.recent.all(&cells) {
            return Ok(cells.into_iter().zip(found.into_iter().map(ReadCell::Whole)).collect());
        }
        self.run(move |store| {
            let mut read = Vec::with_capacity(cells.len());
            for cell in cells {
                let bytes = read_cell(store, &cell);
                let whole = matches!(bytes, ReadCell::Whole(_));
                read.push((cell, bytes));
                if !whole {
                    break;
                }
            }
            read
        })
        .await
    }
}

fn read_cell(store: &mut dyn Store, cell: &HeldCell) -> ReadCell {
    match store.read(CELL, &cell.key.bytes()) {
        Ok(Some(bytes)) => {
            let bytes: Option<Box<[u8]>> = Some(bytes.as_slice().into());
            match bytes.and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) => ReadCell::Whole(bytes),
                None => ReadCell::Lost,
            }
        }
        Ok(None) | Err(StoreError::Corrupt { .. }) => ReadCell::Lost,
        Err(_) => ReadCell::Unavailable,
    }
}

/// The relay that `store` holds.
pub(super) fn restore(store: &mut dyn Store, limits: Limits) -> Result<Restored, StoreError> {
    let mut rows = Vec::new();
    for table in RESTORED {
        store.scan(table, &mut |key, value| {
            rows.push(Row { table, key: key.to_vec(), value: Some(value.to_vec()) });
        })?;
    }
    Ok(Relay::restore(limits, rows))
}

impl DiskThread {
    /// Waits until all work is done and the store tidied.
    pub(super) async fn finish(self) -> Result<(), StoreError> {
        let panicked = || StoreError::Failed { cause: DiskStopped.to_string(), fatal: true };
        let joined = tokio::task::spawn_blocking(move || self.0.join()).await;
        joined.map_err(|_| panicked())?.map_err(|_| panicked())?
    }
}

fn work(mut store: Box<dyn Store>, jobs: &Receiver<Job>) -> Result<(), StoreError> {
    let (mut wait, mut untidy) = (IDLE, Often::default());
    loop {
        match jobs.recv_timeout(wait) {
            Ok(job) => {
                job(store.as_mut());
                wait = IDLE;
            }
            Err(RecvTimeoutError::Timeout) => {
                wait = if tidy(store.as_mut(), &mut untidy) { BETWEEN } else { IDLE };
            }
            Err(RecvTimeoutError::Disconnected) => {
                return match store.checkpoint() {
                    // All is durable where it is: the next start finds it there.
                    Err(StoreError::Full) => Ok(()),
                    tidied => tidied,
                };
            }
        }
    }
}

/// Whether there is more to tidy. A failure here is met again by the next commit, which decides what comes of it.
fn tidy(store: &mut dyn Store, untidy: &mut Often) -> bool {
    let backlog = store.backlog_bytes();
    if backlog < BACKLOG {
        return false;
    }
    if let Err(error) = store.tidy() {
        if let Some(times) = untidy.again() {
            tracing::warn!(times, backlog_bytes = backlog, %error, "the store could not be tidied");
        }
        return false;
    }
    true
}
