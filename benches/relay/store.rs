//! A relay's store made in bulk: what each row says is what the relay would have written (`docs/DISK.md`).

use crate::relay::{init, program, queue};
use std::path::Path;
use truceline::codec::{self, CELL_BYTES};
use truceline::crypto::sign::QueueSignature;
use truceline::host::clock;
use truceline::host::sqlite::SqliteStore;
use truceline::host::store::Store;
use truceline::relay::message::CellKey;
use truceline::relay::table::{CELL, CELL_META, QUEUE};
use truceline::service::relay_folder::RelayFolder;
use truceline::step::Record;
use truceline::time::UnixMillis;
use truceline::wire::queue::CellHash;
use truceline::wire::reply::PutProof;

/// Rows of a commit.
const COMMIT: u64 = 4_096;
/// Bytes of the log from which it is moved into the file.
const BACKLOG: u64 = 64 << 20;

fn queue_row(number: u64) -> anyhow::Result<Record> {
    let queue = queue(number);
    let ids = (queue.reader.0, queue.writer.0, queue.reader.1.public(), queue.writer.1.public());
    let row = (ids, (0_u64, 0_u64, 0_u64), None::<PutProof>);
    Ok(Record::put(QUEUE, number.to_be_bytes().to_vec(), codec::encode(&row, usize::MAX)?))
}

fn cell_rows(key: CellKey, now: UnixMillis) -> anyhow::Result<[Record; 2]> {
    let mut cell = [0x5a; CELL_BYTES];
    cell[..8].copy_from_slice(&key.index.to_le_bytes());
    let held = (CellHash::of(&cell), QueueSignature([7; 64]), now);
    let meta = Record::put(CELL_META, key.bytes(), codec::encode(&held, usize::MAX)?);
    Ok([meta, Record::put(CELL, key.bytes(), cell.to_vec())])
}

/// A folder of a relay with so many queues, and as many cells, dealt out to the queues one by one.
pub fn make(dir: &Path, queues: u64, cells: u64) -> anyhow::Result<RelayFolder> {
    let folder = init(dir, &program())?;
    let (mut store, now) = (SqliteStore::open(folder.path())?, clock::now());
    for from in (0..queues).step_by(COMMIT as usize) {
        let rows = (from..queues.min(from + COMMIT)).map(queue_row);
        store.commit(rows.collect::<anyhow::Result<_>>()?)?;
    }
    for from in (0..cells).step_by(COMMIT as usize) {
        let keys =
            (from..cells.min(from + COMMIT)).map(|at| CellKey { queue: at % queues, index: at / queues });
        let rows = keys.map(|key| cell_rows(key, now)).collect::<anyhow::Result<Vec<_>>>()?;
        store.commit(rows.into_iter().flatten().collect())?;
        if store.backlog_bytes() > BACKLOG {
            store.checkpoint()?;
        }
    }
    store.checkpoint()?;
    Ok(folder)
}
