//! As much of PostgreSQL's protocol as one needs who inserts rows, each in a transaction of its own, and one who
//! deletes and is given them.

use super::server::{secure, tcp};
use super::{MESSAGE_BYTES, Peer, Wire};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS cells(queue int, id bigint, body bytea, PRIMARY KEY (queue, id)); \
                     ALTER TABLE cells ALTER body SET STORAGE EXTERNAL";
const PUT: &str = "INSERT INTO cells VALUES ($1, $2, $3)";
const TAKE: &str = "DELETE FROM cells WHERE queue = $1 AND id IN \
                    (SELECT id FROM cells WHERE queue = $1 ORDER BY id LIMIT 16) RETURNING body";
/// After a look that found nothing.
const AGAIN: Duration = Duration::from_millis(2);

/// A connection with its one prepared statement.
pub struct Postgres {
    wire: Wire,
    number: i32,
    next: i64,
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[kind][..], &(content.len() as u32 + 4).to_be_bytes(), &content].concat()
}

/// Binds the prepared statement to values, runs it, and commits.
fn execute(values: &[&[u8]]) -> Vec<u8> {
    let count = (values.len() as u16).to_be_bytes();
    let values: Vec<u8> =
        values.iter().flat_map(|value| [&(value.len() as u32).to_be_bytes(), *value].concat()).collect();
    // Portal and statement have no name; all values go and come as bytes.
    let bind = message(b'B', &[&[0, 0, 0, 1, 0, 1], &count, &values, &[0, 1, 0, 1]]);
    [bind, message(b'E', &[&[0, 0, 0, 0, 0]]), message(b'S', &[])].concat()
}

impl Postgres {
    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.wire.write_all(bytes).await?;
        Ok(self.wire.flush().await?)
    }

    /// Reads until it is ready for more; how many rows came.
    async fn ready(&mut self) -> anyhow::Result<u64> {
        let mut rows = 0;
        loop {
            let kind = self.wire.read_u8().await?;
            let mut content = vec![0; self.wire.read_u32().await? as usize - 4];
            self.wire.read_exact(&mut content).await?;
            match kind {
                b'D' => rows += 1,
                b'Z' => return Ok(rows),
                b'E' => anyhow::bail!("PostgreSQL said {}", String::from_utf8_lossy(&content)),
                _ => {}
            }
        }
    }
}

impl Peer for Postgres {
    async fn connect(dir: &Path, port: u16, number: usize, publishes: bool) -> anyhow::Result<Self> {
        let mut tcp = tcp(port).await?;
        // A request for TLS, which is answered by one letter.
        tcp.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
        anyhow::ensure!(tcp.read_u8().await? == b'S', "PostgreSQL refused TLS");
        let wire = secure(dir, tcp).await?;
        let mut postgres = Self { wire, number: i32::try_from(number)?, next: 0 };
        let named = b"user\0postgres\0database\0postgres\0\0";
        let length = (named.len() as u32 + 8).to_be_bytes();
        postgres.send(&[&length[..], &[0, 3, 0, 0], named].concat()).await?;
        postgres.ready().await?;
        if number == 0 && !publishes {
            postgres.send(&message(b'Q', &[TABLE.as_bytes(), &[0]])).await?;
            postgres.ready().await?;
        }
        let statement = if publishes { PUT } else { TAKE };
        let parse = message(b'P', &[&[0], statement.as_bytes(), &[0, 0, 0]]);
        postgres.send(&[parse, message(b'S', &[])].concat()).await?;
        postgres.ready().await?;
        Ok(postgres)
    }

    async fn put(&mut self, messages: u64, window: u64) -> anyhow::Result<()> {
        let (mut sent, mut committed) = (0, 0);
        let queue = self.number.to_be_bytes();
        while committed < messages {
            if sent < messages && sent - committed < window {
                sent += 1;
                self.next += 1;
                self.send(&execute(&[&queue, &self.next.to_be_bytes(), &[7; MESSAGE_BYTES]])).await?;
                continue;
            }
            self.ready().await?;
            committed += 1;
        }
        Ok(())
    }

    async fn take(&mut self, messages: u64) -> anyhow::Result<()> {
        let (mut taken, take) = (0, execute(&[&self.number.to_be_bytes()]));
        while taken < messages {
            self.send(&take).await?;
            let rows = self.ready().await?;
            taken += rows;
            if rows == 0 {
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(())
    }
}
