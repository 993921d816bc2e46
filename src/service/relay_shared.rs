//! The store that several relays use: the rows of `relay/table.rs` in PostgreSQL, in plain SQL. A batch is one
//! transaction: the rows it needs are read, those it may change locked, in the order of their numbers; the engine
//! decides; what it wrote is committed; only then are its answers sent. After an error nothing is assumed of what
//! is stored: the engine forgets all, and learns it again.
//!
//! ```text
//! truceline_store  version, next number          locked by whoever gives a queue an id
//! truceline_queue  number, reader, writer, row   row: the value of QUEUE, locked by whoever changes the queue or its cells
//! truceline_cell   queue, cell_index, stored, meta, cell     the values of CELL_META and CELL
//! truceline_token  hash, expires, spent          a spent one stays until it expires: no pass comes back after a crash
//! ```

mod side;
mod writer;

use crate::host::clock::Stopwatch;
use crate::host::postgres::{Postgres, PostgresError};
use crate::relay::engine::Relay;
use crate::relay::shared::{Changes, Learned, Needs};
use crate::service::relay_often::Often;
use crate::step::Record;
pub(super) use side::{Side, totals_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::Row;
use writer::Writer;

/// For rows to be read and locked; for a commit to last.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
const COMMIT_WITHIN: Duration = Duration::from_secs(60);
/// A commit that takes longer is told.
const SLOW_AFTER: Duration = Duration::from_secs(5);
/// After a server could not be reached, none is tried for so long.
const AGAIN_SECS: f64 = 1.0;

fn signed(number: u64) -> i64 {
    // Numbers of queues, indexes and times are counted up from zero, or are of this age.
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row, at: usize) -> Result<u64, PostgresError> {
    let number: i64 = row.try_get(at)?;
    u64::try_from(number).map_err(|_| PostgresError::Damaged("a number is below zero"))
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let late = || PostgresError::Failed(format!("no answer within {} s", patience.as_secs()));
    timeout(patience, work).await.map_err(|_| late())?
}

/// A transaction under way: which queues it holds, and whether it may make one, and from which number on.
#[derive(Default)]
struct Held {
    queues: BTreeSet<u64>,
    next: Option<u64>,
}

/// The store, as the engine's task uses it.
pub(super) struct SharedStore {
    postgres: Postgres,
    writer: Option<Writer>,
    held: Option<Held>,
    failed: Option<Stopwatch>,
    waits: Often,
    side: Arc<Side>,
}

impl SharedStore {
    /// Connects; makes the tables where there are none. The second is given what other relays tell.
    pub(super) async fn start(postgres: Postgres) -> Result<(Self, mpsc::Receiver<String>), PostgresError> {
        let writer = within(BEGIN_WITHIN, Writer::new(&postgres)).await?;
        tracing::info!(server = writer.session.server, "the store is reached");
        if writer.session.lacks_standby().await? {
            tracing::warn!("no standby is connected: nothing is acknowledged until one is");
        }
        let writer = Some(writer);
        let (told, stirred) = mpsc::channel(64);
        let side = Arc::new(Side::new(postgres.clone(), told));
        side.session().await?;
        let (held, failed, waits) = (None, None, Often::default());
        Ok((Self { postgres, writer, held, failed, waits, side }, stirred))
    }

    pub(super) fn side(&self) -> Arc<Side> {
        self.side.clone()
    }

    /// Reads what is needed, and keeps what may be changed from changing until [`SharedStore::commit`].
    pub(super) async fn begin(&mut self, needs: &Needs, relay: &Relay) -> Result<Learned, PostgresError> {
        if needs.is_empty() {
            return Ok(Learned::default());
        }
        let begun = within(BEGIN_WITHIN, self.begin_now(needs, relay)).await;
        self.note(begun).await
    }

    async fn begin_now(&mut self, needs: &Needs, relay: &Relay) -> Result<Learned, PostgresError> {
        let writer = self.writer().await?;
        if needs.only_looks() {
            return Ok(writer.learn(needs, relay).await?.0);
        }
        writer.begin().await?;
        let (learned, queues) = writer.learn(needs, relay).await?;
        self.held = Some(Held { queues, next: learned.next_number });
        Ok(learned)
    }

    async fn writer(&mut self) -> Result<&Writer, PostgresError> {
        // One that ended took with it what it held, and what was known by it: nothing goes on in another.
        if self.writer.take_if(|writer| writer.session.client.is_closed()).is_some() {
            return Err(PostgresError::Failed("its session ended".to_owned()));
        }
        if self.writer.is_none() {
            if self.failed.as_ref().is_some_and(|since| since.secs() < AGAIN_SECS) {
                return Err(PostgresError::Unreachable("tried a moment ago".to_owned()));
            }
            match Writer::new(&self.postgres).await {
                Ok(writer) => {
                    tracing::info!(server = writer.session.server, "the store is reached");
                    self.writer = Some(writer);
                }
                Err(error) => {
                    self.failed = Some(Stopwatch::begin());
                    return Err(error);
                }
            }
        }
        self.writer.as_ref().ok_or(PostgresError::Misused("a session is missing"))
    }

    /// After an error the session is given up, and with it what it had begun.
    async fn note<T>(&mut self, result: Result<T, PostgresError>) -> Result<T, PostgresError> {
        if result.is_err() {
            self.writer = None;
            self.held = None;
            // The other may be at a server that is not the one any more.
            self.side.give_up().await;
        }
        result
    }

    /// Writes records and ends what [`SharedStore::begin`] began. When it returns, they last.
    pub(super) async fn commit(&mut self, records: Vec<Record>) -> Result<(), PostgresError> {
        if records.is_empty() && self.held.is_none() {
            return Ok(());
        }
        let mut waits = std::mem::take(&mut self.waits);
        let committed = {
            let committing = within(COMMIT_WITHIN, self.commit_now(records));
            tokio::pin!(committing);
            match timeout(SLOW_AFTER, &mut committing).await {
                Ok(committed) => committed,
                Err(_) => {
                    if let Some(times) = waits.again() {
                        tracing::warn!(times, "a commit waits: look whether a standby is missing");
                    }
                    committing.await
                }
            }
        };
        self.waits = waits;
        let stirred = self.note(committed).await?;
        self.side.tell(stirred);
        Ok(())
    }

    async fn commit_now(&mut self, records: Vec<Record>) -> Result<BTreeSet<u64>, PostgresError> {
        let changes =
            Changes::of(records).map_err(|_| PostgresError::Misused("a record is none of a relay's"))?;
        let held = match self.held.take() {
            Some(held) => held,
            None => {
                self.writer().await?.begin().await?;
                Held::default()
            }
        };
        let new = |number: &u64| held.next.is_some_and(|next| *number >= next);
        let mut stirred: BTreeSet<u64> = changes.queues.keys().copied().collect();
        stirred.extend(changes.cells.keys().map(|key| key.queue));
        if !stirred.iter().all(|number| held.queues.contains(number) || new(number)) {
            return Err(PostgresError::Misused("a queue was changed that was not asked for"));
        }
        let writer = self.writer().await?;
        writer.write(&changes, held.next).await?;
        if changes.is_empty() {
            writer.session.lasting().await?;
        }
        writer.session.commit().await?;
        Ok(stirred)
    }
}
