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

use crate::codec::CellBytes;
use crate::crypto::digest::Digest;
use crate::host::clock::Stopwatch;
use crate::host::entropy::OsEntropy;
use crate::host::postgres::{Postgres, PostgresError, Session};
use crate::relay::engine::Relay;
use crate::relay::message::{CellKey, HeldCell, Totals};
use crate::relay::shared::{Changes, Learned, Needs};
use crate::service::relay_disk::ReadCell;
use crate::service::relay_often::Often;
use crate::step::Record;
use crate::time::UnixMillis;
use crate::wire::pass::TokenHash;
use crate::wire::queue::CellHash;
use rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Statement};

/// The format of these tables.
const VERSION: i32 = 1;
/// Nothing waits for a standby here: there is nothing yet to lose, and a server without them has them made.
const TABLES: &str = "
BEGIN;
SET LOCAL synchronous_commit = local;
CREATE TABLE IF NOT EXISTS truceline_store
    (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, next bigint NOT NULL);
CREATE TABLE IF NOT EXISTS truceline_queue
    (number bigint PRIMARY KEY, reader bytea NOT NULL, writer bytea NOT NULL, row bytea NOT NULL);
CREATE INDEX IF NOT EXISTS truceline_queue_reader ON truceline_queue (reader);
CREATE INDEX IF NOT EXISTS truceline_queue_writer ON truceline_queue (writer);
CREATE TABLE IF NOT EXISTS truceline_cell
    (queue bigint, cell_index bigint, stored bigint NOT NULL, meta bytea NOT NULL, cell bytea NOT NULL,
     PRIMARY KEY (queue, cell_index));
CREATE INDEX IF NOT EXISTS truceline_cell_stored ON truceline_cell (stored);
CREATE TABLE IF NOT EXISTS truceline_token
    (hash bytea PRIMARY KEY, expires bigint NOT NULL, spent boolean NOT NULL DEFAULT false);
INSERT INTO truceline_store (version, next) VALUES (1, 0) ON CONFLICT (one) DO NOTHING;
COMMIT;
";
const HAS_TABLES: &str = "SELECT to_regclass('truceline_token') IS NOT NULL";

const NAMES: &str = "SELECT next FROM truceline_store FOR UPDATE";
const QUEUES: &str = "SELECT number, row FROM truceline_queue \
    WHERE number = ANY($1) OR reader = ANY($2) OR writer = ANY($2) ORDER BY number";
const TOKENS: &str = "SELECT hash, expires FROM truceline_token \
    WHERE ($2 OR hash = ANY($1)) AND NOT spent ORDER BY hash FOR UPDATE";
const METAS: &str = "SELECT c.queue, c.cell_index, c.meta \
    FROM unnest($1::bigint[], $2::bigint[]) AS k (queue, below) \
    JOIN truceline_cell c ON c.queue = k.queue AND c.cell_index >= k.below \
    ORDER BY c.queue, c.cell_index";
// A number that is there already would be a defect: the commit fails, and nothing is acknowledged.
const NEW_QUEUES: &str = "INSERT INTO truceline_queue (number, reader, writer, row) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])";
const PUT_QUEUES: &str = "UPDATE truceline_queue q SET reader = k.reader, writer = k.writer, row = k.row \
    FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) AS k (number, reader, writer, row) \
    WHERE q.number = k.number";
const DELETE_QUEUES: &str = "DELETE FROM truceline_queue WHERE number = ANY($1)";
const NEXT: &str = "UPDATE truceline_store SET next = $1";
// Two cells at one place would be a defect: the commit fails, and nothing is acknowledged.
const PUT_CELLS: &str = "INSERT INTO truceline_cell (queue, cell_index, stored, meta, cell) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])";
const DELETE_CELLS: &str = "DELETE FROM truceline_cell c \
    USING unnest($1::bigint[], $2::bigint[]) AS k (queue, cell_index) \
    WHERE c.queue = k.queue AND c.cell_index = k.cell_index";
const PUT_TOKENS: &str = "INSERT INTO truceline_token (hash, expires) \
    SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT (hash) \
    DO UPDATE SET expires = truceline_token.expires";
// Also one that no relay has taken in yet: then it never is.
const SPEND_TOKENS: &str = "INSERT INTO truceline_token (hash, expires, spent) \
    SELECT k.hash, $2::bigint, true FROM unnest($1::bytea[]) AS k (hash) ON CONFLICT (hash) DO UPDATE SET spent = true";

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

/// For rows to be read and locked; for a commit to last; for a look at the side.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
const COMMIT_WITHIN: Duration = Duration::from_secs(60);
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// When a token that was taken back before it was taken in would expire.
const SPENT_FOR_EVER: i64 = i64::MAX;
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

fn token_hash(bytes: &[u8]) -> Result<TokenHash, PostgresError> {
    let bytes = bytes.try_into().map_err(|_| PostgresError::Damaged("a token's hash is cut short"))?;
    Ok(TokenHash(Digest(bytes)))
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let late = || PostgresError::Failed(format!("no answer within {} s", patience.as_secs()));
    timeout(patience, work).await.map_err(|_| late())?
}

async fn has_tables(session: &Session) -> Result<bool, PostgresError> {
    Ok(session.client.query_one(HAS_TABLES, &[]).await?.try_get(0)?)
}

/// The session that writes.
struct Writer {
    session: Session,
    names: Statement,
    see_queues: Statement,
    lock_queues: Statement,
    tokens: Statement,
    metas: Statement,
    new_queues: Statement,
    put_queues: Statement,
    put_cells: Statement,
    delete_cells: Statement,
}

impl Writer {
    async fn new(postgres: &Postgres) -> Result<Self, PostgresError> {
        let session = postgres.connect(None).await?;
        let client = &session.client;
        if !has_tables(&session).await? {
            // Two relays may make them at once: the second finds them when it looks again.
            if client.batch_execute(TABLES).await.is_err() {
                client.batch_execute(&format!("ROLLBACK; {TABLES}")).await?;
            }
        }
        let version: i32 = client.query_one("SELECT version FROM truceline_store", &[]).await?.try_get(0)?;
        if version != VERSION {
            return Err(PostgresError::VersionUnknown { found: version, known: VERSION });
        }
        Ok(Self {
            names: client.prepare(NAMES).await?,
            see_queues: client.prepare(QUEUES).await?,
            lock_queues: client.prepare(&format!("{QUEUES} FOR UPDATE")).await?,
            tokens: client.prepare_typed(TOKENS, &[Type::BYTEA_ARRAY, Type::BOOL]).await?,
            metas: client.prepare(METAS).await?,
            new_queues: client.prepare(NEW_QUEUES).await?,
            put_queues: client.prepare(PUT_QUEUES).await?,
            put_cells: client.prepare(PUT_CELLS).await?,
            delete_cells: client.prepare(DELETE_CELLS).await?,
            session,
        })
    }

    async fn begin(&self) -> Result<(), PostgresError> {
        Ok(self.session.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
    }

    async fn learn(&self, needs: &Needs, relay: &Relay) -> Result<(Learned, BTreeSet<u64>), PostgresError> {
        let client = &self.session.client;
        let mut learned = Learned::default();
        let numbers = |of: &BTreeSet<u64>| of.iter().map(|number| signed(*number)).collect::<Vec<_>>();
        if !needs.tokens.is_empty() || needs.all_tokens {
            let hashes: Vec<&[u8]> = needs.tokens.iter().map(|hash| hash.0.0.as_slice()).collect();
            for row in client.query(&self.tokens, &[&hashes, &needs.all_tokens]).await? {
                let hash = token_hash(row.try_get(0)?)?;
                learned.tokens.push((hash, UnixMillis(unsigned(&row, 1)?)));
            }
        }
        // Who has no token gives no id, and holds nobody up.
        if needs.names || !learned.tokens.is_empty() {
            learned.next_number = Some(unsigned(&client.query_one(&self.names, &[]).await?, 0)?);
        }
        let mut queues = BTreeMap::new();
        let mut held = BTreeSet::new();
        for (statement, of, ids, locks) in [
            (&self.lock_queues, &needs.changed, &needs.changed_ids, true),
            (&self.see_queues, &needs.seen, &needs.ids, false),
        ] {
            if of.is_empty() && ids.is_empty() {
                continue;
            }
            let ids: Vec<&[u8]> = ids.iter().map(|id| id.0.0.as_slice()).collect();
            for row in client.query(statement, &[&numbers(of), &ids]).await? {
                let number = unsigned(&row, 0)?;
                queues.insert(number, row.try_get::<_, Vec<u8>>(1)?);
                if locks {
                    held.insert(number);
                }
            }
        }
        if !queues.is_empty() {
            let of: Vec<i64> = queues.keys().map(|number| signed(*number)).collect();
            let below: Vec<i64> = queues.keys().map(|number| signed(relay.known_below(*number))).collect();
            for row in client.query(&self.metas, &[&of, &below]).await? {
                let key = CellKey { queue: unsigned(&row, 0)?, index: unsigned(&row, 1)? };
                learned.cells.push((key, row.try_get(2)?));
            }
        }
        learned.queues = queues.into_iter().collect();
        Ok((learned, held))
    }

    async fn write(&self, changes: &Changes, next: Option<u64>) -> Result<(), PostgresError> {
        let client = &self.session.client;
        let (put, deleted): (Vec<_>, Vec<_>) = changes.queues.iter().partition(|(_, row)| row.is_some());
        if !deleted.is_empty() {
            let numbers: Vec<_> = deleted.iter().map(|(number, _)| signed(**number)).collect();
            client.execute(DELETE_QUEUES, &[&numbers]).await?;
        }
        let (new, known): (Vec<_>, Vec<_>) =
            put.into_iter().partition(|(number, _)| next.is_some_and(|next| **number >= next));
        for (statement, put) in [(&self.new_queues, new), (&self.put_queues, known)] {
            if put.is_empty() {
                continue;
            }
            let numbers: Vec<_> = put.iter().map(|(number, _)| signed(**number)).collect();
            let rows = || put.iter().filter_map(|(_, row)| row.as_ref());
            let readers: Vec<&[u8]> = rows().map(|row| row.reader.0.0.as_slice()).collect();
            let writers: Vec<&[u8]> = rows().map(|row| row.writer.0.0.as_slice()).collect();
            let rows: Vec<&[u8]> = rows().map(|row| row.row.as_slice()).collect();
            let written = client.execute(statement, &[&numbers, &readers, &writers, &rows]).await?;
            if written != put.len() as u64 {
                return Err(PostgresError::Misused("a queue that was held is not there"));
            }
        }
        self.write_cells(changes).await?;
        let (put, spent): (Vec<_>, Vec<_>) =
            changes.tokens.iter().partition(|(_, expires)| expires.is_some());
        let hashes =
            |of: &[(&TokenHash, _)]| of.iter().map(|(hash, _)| hash.0.0.to_vec()).collect::<Vec<_>>();
        if !put.is_empty() {
            let expires: Vec<_> = put.iter().filter_map(|(_, at)| Some(signed(at.as_ref()?.0))).collect();
            client.execute(PUT_TOKENS, &[&hashes(&put), &expires]).await?;
        }
        if !spent.is_empty() {
            client.execute(SPEND_TOKENS, &[&hashes(&spent), &SPENT_FOR_EVER]).await?;
        }
        Ok(())
    }

    async fn write_cells(&self, changes: &Changes) -> Result<(), PostgresError> {
        let client = &self.session.client;
        let (put, deleted): (Vec<_>, Vec<_>) = changes.cells.iter().partition(|(_, cell)| cell.is_some());
        let queues = |of: &[(&CellKey, _)]| of.iter().map(|(key, _)| signed(key.queue)).collect::<Vec<_>>();
        let indexes = |of: &[(&CellKey, _)]| of.iter().map(|(key, _)| signed(key.index)).collect::<Vec<_>>();
        if !deleted.is_empty() {
            client.execute(&self.delete_cells, &[&queues(&deleted), &indexes(&deleted)]).await?;
        }
        if !put.is_empty() {
            let cells = || put.iter().filter_map(|(_, cell)| cell.as_ref());
            let stored: Vec<_> = cells().map(|cell| signed(cell.clock.0)).collect();
            let metas: Vec<&[u8]> = cells().map(|cell| cell.meta.as_slice()).collect();
            let cells: Vec<&[u8]> = cells().map(|cell| cell.cell.as_slice()).collect();
            client
                .execute(&self.put_cells, &[&queues(&put), &indexes(&put), &stored, &metas, &cells])
                .await?;
        }
        Ok(())
    }
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
        let side = Arc::new(Side {
            postgres: postgres.clone(),
            session: Mutex::default(),
            told,
            me: OsEntropy.next_u64().to_string(),
        });
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
        if let Some(next) = stirred.last().filter(|number| new(number)) {
            writer.session.client.execute(NEXT, &[&signed(next.saturating_add(1))]).await?;
        }
        writer.session.commit().await?;
        Ok(stirred)
    }
}

/// A session beside the one that writes: for reading cells, for looking around and for telling other relays.
pub(super) struct Side {
    postgres: Postgres,
    session: Mutex<Option<Arc<Session>>>,
    told: mpsc::Sender<String>,
    me: String,
}

impl Side {
    /// The session; made where there is none, or it has ended.
    pub(super) async fn session(&self) -> Result<Arc<Session>, PostgresError> {
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
    async fn give_up(&self) {
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
    fn tell(self: &Arc<Self>, queues: BTreeSet<u64>) {
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
    pub(super) fn heard(&self, text: &str) -> Vec<u64> {
        match text.split_once(':') {
            Some((who, numbers)) if who != self.me => {
                numbers.split(',').filter_map(|number| number.parse().ok()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Reads cells back, up to the first that is not whole. None is taken for lost here: the reader may have dropped it
    /// through another relay, and a server that was the one to be written may lack it.
    pub(super) async fn read(&self, cells: Vec<HeldCell>) -> Vec<(HeldCell, ReadCell)> {
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
    pub(super) async fn expired(&self, until: UnixMillis) -> Result<BTreeSet<u64>, PostgresError> {
        self.look(async {
            let rows = self.session().await?.client.query(EXPIRED, &[&signed(until.0)]).await?;
            rows.iter().map(|row| unsigned(row, 0)).collect()
        })
        .await
    }

    /// Forgets tokens that have expired; how many of them were unspent.
    pub(super) async fn expire_tokens(&self, now: UnixMillis) -> Result<u64, PostgresError> {
        self.look(async {
            unsigned(&self.session().await?.client.query_one(FORGET_TOKENS, &[&signed(now.0)]).await?, 0)
        })
        .await
    }

    /// What all relays of the store hold, but connections.
    pub(super) async fn totals(&self) -> Result<Totals, PostgresError> {
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
pub(super) fn totals_of(postgres: Postgres, can_commit: bool) -> Result<Totals, PostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| PostgresError::Failed(error.to_string()))?;
    runtime.block_on(async {
        let side = Side { postgres, session: Mutex::default(), told: mpsc::channel(1).0, me: String::new() };
        let session = side.session().await?;
        if can_commit && session.lacks_standby().await? {
            return Err(PostgresError::NoStandby);
        }
        if has_tables(&session).await? { side.totals().await } else { Ok(Totals::default()) }
    })
}
