//! The session that writes: the tables, and what a batch reads, locks and changes of them.

use super::{signed, unsigned};
use crate::crypto::digest::Digest;
use crate::host::postgres::{Postgres, PostgresError, Session};
use crate::relay::engine::Relay;
use crate::relay::message::CellKey;
use crate::relay::shared::{Changes, Learned, Needs};
use crate::time::UnixMillis;
use crate::wire::pass::TokenHash;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

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
    DO UPDATE SET expires = excluded.expires";
// Also one that no relay has taken in yet: it is spent when it comes.
const SPEND_TOKENS: &str = "INSERT INTO truceline_token (hash, expires, spent) \
    SELECT k.hash, $2::bigint, true FROM unnest($1::bytea[]) AS k (hash) ON CONFLICT (hash) DO UPDATE SET spent = true";
/// When a token expires that was taken back before it was taken in; then it is told.
const SPENT_FOR_EVER: i64 = i64::MAX;

fn token_hash(bytes: &[u8]) -> Result<TokenHash, PostgresError> {
    let bytes = bytes.try_into().map_err(|_| PostgresError::Damaged("a token's hash is cut short"))?;
    Ok(TokenHash(Digest(bytes)))
}

pub(super) async fn has_tables(session: &Session) -> Result<bool, PostgresError> {
    Ok(session.client.query_one(HAS_TABLES, &[]).await?.try_get(0)?)
}

/// The session that writes.
pub(super) struct Writer {
    pub(super) session: Session,
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
    pub(super) async fn new(postgres: &Postgres) -> Result<Self, PostgresError> {
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

    pub(super) async fn begin(&self) -> Result<(), PostgresError> {
        Ok(self.session.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
    }

    pub(super) async fn learn(
        &self,
        needs: &Needs,
        relay: &Relay,
    ) -> Result<(Learned, BTreeSet<u64>), PostgresError> {
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
        // Asked also where nothing was found: who asks for a queue that is not there waits as long.
        if !queues.is_empty() || !needs.ids.is_empty() {
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

    pub(super) async fn write(&self, changes: &Changes, next: Option<u64>) -> Result<(), PostgresError> {
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
        let last = changes.queues.keys().next_back().copied();
        if let Some(last) = last.filter(|last| next.is_some_and(|next| *last >= next)) {
            client.execute(NEXT, &[&signed(last.saturating_add(1))]).await?;
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
