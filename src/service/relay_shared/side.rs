//! What is done beside batches, in a session of its own: cells are read, relays tell one another what changed, what has
//! expired is found, what there is is counted.

use super::writer::has_tables;
use super::{signed, unsigned, within};
use crate::codec::CellBytes;
use crate::host::entropy::OsEntropy;
use crate::host::postgres::{Postgres, PostgresError, Session};
use crate::relay::message::{CellKey, HeldCell, Totals};
use crate::service::relay_disk::ReadCell;
use crate::time::UnixMillis;
use crate::wire::queue::CellHash;
use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

const CELLS: &str = "SELECT c.queue, c.cell_index, c.cell \
    FROM unnest($1::bigint[], $2::bigint[]) AS k (queue, cell_index) \
    JOIN truceline_cell c ON c.queue = k.queue AND c.cell_index = k.cell_index";
// A few at a time: all is learned of each.
const EXPIRED: &str = "SELECT DISTINCT queue FROM (SELECT c.queue FROM truceline_cell c \
    JOIN truceline_queue q ON q.number = c.queue WHERE c.stored <= $1 ORDER BY c.stored LIMIT 1024) AS oldest LIMIT 8";
const FORGET_TOKENS: &str = "WITH gone AS (DELETE FROM truceline_token WHERE hash IN \
    (SELECT hash FROM truceline_token WHERE expires <= $1 FOR UPDATE SKIP LOCKED) RETURNING spent) \
    SELECT count(*) FROM gone WHERE NOT spent";
const COUNT: &str = "SELECT (SELECT count(*) FROM truceline_queue), (SELECT count(*) FROM truceline_cell), \
    (SELECT count(*) FROM truceline_token WHERE NOT spent), (SELECT min(stored) FROM truceline_cell)";
/// The channel on which relays tell one another which queues they changed.
const CHANNEL: &str = "truceline";
const TELL: &str = "SELECT pg_notify('truceline', $1)";
/// For a look at the side.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// A session beside the one that writes: for reading cells, for looking around and for telling other relays.
pub(in crate::service) struct Side {
    postgres: Postgres,
    session: Mutex<Option<Arc<Session>>>,
    told: mpsc::Sender<String>,
    me: String,
}

impl Side {
    /// With no session yet; what others tell goes to `told`.
    pub(super) fn new(postgres: Postgres, told: mpsc::Sender<String>) -> Self {
        Self { postgres, session: Mutex::default(), told, me: OsEntropy.next_u64().to_string() }
    }

    /// The session; made where there is none, or it has ended.
    pub(in crate::service) async fn session(&self) -> Result<Arc<Session>, PostgresError> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref().filter(|session| !session.client.is_closed()) {
            return Ok(session.clone());
        }
        let made = within(LOOK_WITHIN, async {
            let made = self.postgres.connect(Some(self.told.clone())).await?;
            // What it writes may be lost: it forgets what has expired, and tells others.
            made.client.batch_execute("SET synchronous_commit = local").await?;
            // Servers of others may not have it: then the next look finds what changed.
            let _ = made.client.batch_execute(&format!("LISTEN {CHANNEL}")).await;
            Ok(Arc::new(made))
        });
        let made = made.await?;
        *session = Some(made.clone());
        Ok(made)
    }

    /// Gives the session up: the next is made anew, at the server that can be written then.
    pub(super) async fn give_up(&self) {
        *self.session.lock().await = None;
    }

    /// Does `work`, and gives the session up where it comes to nothing.
    async fn look<T>(
        &self,
        work: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        let looked = within(LOOK_WITHIN, work).await;
        if looked.is_err() {
            self.give_up().await;
        }
        looked
    }

    /// Tells the other relays which queues changed; what is not told is found by their next look.
    pub(super) fn tell(self: &Arc<Self>, queues: BTreeSet<u64>) {
        if queues.is_empty() {
            return;
        }
        let side = self.clone();
        drop(tokio::spawn(async move {
            let numbers: Vec<_> = queues.iter().map(u64::to_string).collect();
            let text = format!("{}:{}", side.me, numbers.join(","));
            if let Ok(session) = side.session().await {
                let _ = session.client.execute(TELL, &[&text]).await;
            }
        }));
    }

    /// The queues that another relay told of.
    pub(in crate::service) fn heard(&self, text: &str) -> Vec<u64> {
        match text.split_once(':') {
            Some((who, numbers)) if who != self.me => {
                numbers.split(',').filter_map(|number| number.parse().ok()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Reads cells back, up to the first that is not whole. None is taken for lost here: the reader may have dropped it
    /// through another relay, and a server that was the one to be written may lack it.
    pub(in crate::service) async fn read(&self, cells: Vec<HeldCell>) -> Vec<(HeldCell, ReadCell)> {
        let found = self.look(async {
            let queues: Vec<_> = cells.iter().map(|cell| signed(cell.key.queue)).collect();
            let indexes: Vec<_> = cells.iter().map(|cell| signed(cell.key.index)).collect();
            let session = self.session().await?;
            let mut found = BTreeMap::new();
            for row in session.client.query(CELLS, &[&queues, &indexes]).await? {
                let key = CellKey { queue: unsigned(&row, 0)?, index: unsigned(&row, 1)? };
                found.insert(key, row.try_get::<_, Vec<u8>>(2)?);
            }
            Ok(found)
        });
        let Ok(mut found) = found.await else {
            return cells.into_iter().take(1).map(|cell| (cell, ReadCell::Unavailable)).collect();
        };
        let mut read = Vec::new();
        for cell in cells {
            let bytes = found.remove(&cell.key);
            let bytes: Option<Box<CellBytes>> =
                bytes.and_then(|bytes| bytes.into_boxed_slice().try_into().ok());
            let whole = bytes.filter(|bytes| CellHash::of(bytes) == cell.hash);
            let missing = whole.is_none();
            read.push((cell, whole.map_or(ReadCell::Unavailable, ReadCell::Whole)));
            if missing {
                break;
            }
        }
        read
    }

    /// Queues with cells that were stored at `until` or before, some of them.
    pub(in crate::service) async fn expired(
        &self,
        until: UnixMillis,
    ) -> Result<BTreeSet<u64>, PostgresError> {
        self.look(async {
            let rows = self.session().await?.client.query(EXPIRED, &[&signed(until.0)]).await?;
            rows.iter().map(|row| unsigned(row, 0)).collect()
        })
        .await
    }

    /// Forgets tokens that have expired; how many of them were unspent.
    pub(in crate::service) async fn expire_tokens(&self, now: UnixMillis) -> Result<u64, PostgresError> {
        self.look(async {
            unsigned(&self.session().await?.client.query_one(FORGET_TOKENS, &[&signed(now.0)]).await?, 0)
        })
        .await
    }

    /// What all relays of the store hold, but connections.
    pub(in crate::service) async fn totals(&self) -> Result<Totals, PostgresError> {
        self.look(async {
            let row = self.session().await?.client.query_one(COUNT, &[]).await?;
            let oldest: Option<i64> = row.try_get(3)?;
            Ok(Totals {
                queues: unsigned(&row, 0)?,
                cells: unsigned(&row, 1)?,
                tokens: unsigned(&row, 2)?,
                connections: 0,
                oldest: oldest.and_then(|at| u64::try_from(at).ok()).map(UnixMillis),
            })
        })
        .await
    }
}

/// What a store holds, asked from a program that has nothing else to do; nothing is changed. `can_commit` asks whether
/// something could be.
pub(in crate::service) fn totals_of(postgres: Postgres, can_commit: bool) -> Result<Totals, PostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| PostgresError::Failed(error.to_string()))?;
    runtime.block_on(async {
        let side = Side::new(postgres, mpsc::channel(1).0);
        let session = side.session().await?;
        if can_commit && session.lacks_standby().await? {
            return Err(PostgresError::NoStandby);
        }
        if has_tables(&session).await? { side.totals().await } else { Ok(Totals::default()) }
    })
}
