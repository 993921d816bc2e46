//! A bare client of a relay, for tests: one connection, requests and replies as they are.

#![allow(dead_code, reason = "each test file uses its part")]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Duration;
use truceline::codec::{CELL_BYTES, CellBytes};
use truceline::crypto::digest::Digest;
use truceline::crypto::sign::QueueSecret;
use truceline::host::link::{self, Link, LinkError};
use truceline::party::relay::RelayPlace;
use truceline::wire::frame::Framed;
use truceline::wire::pass::{Pass, Token};
use truceline::wire::queue::{CellHash, QueueId, QueueRole, prove, sign_put, sign_rekey};
use truceline::wire::reply::Reply;
use truceline::wire::request::{Open, Request};

/// Longer than anything takes that works: what runs into it hangs.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The keys of one queue, its reader's and its writer's.
pub struct Queue {
    pub reader: (QueueId, QueueSecret),
    pub writer: (QueueId, QueueSecret),
}

impl Queue {
    pub fn seeded(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut end = || {
            let id = QueueId(Digest(QueueSecret::random(&mut rng).public().0));
            (id, QueueSecret::random(&mut rng))
        };
        Self { reader: end(), writer: end() }
    }
}

/// A cell that tells its index and its seed.
pub fn cell(seed: u64, index: u64) -> Box<CellBytes> {
    let mut cell = Box::new([seed as u8; CELL_BYTES]);
    cell[..8].copy_from_slice(&seed.to_le_bytes());
    cell[8..16].copy_from_slice(&index.to_le_bytes());
    cell
}

pub fn tokens(pass: &str) -> Vec<Token> {
    Pass::parse(pass).unwrap().tokens().collect()
}

pub struct Client {
    pub link: Link,
}

impl Client {
    pub async fn connect(place: &RelayPlace) -> Result<Self, LinkError> {
        Ok(Self { link: link::connect(place, None, DEADLINE).await? })
    }

    pub async fn send(&mut self, said: Request, cell: Option<Box<CellBytes>>) -> Result<(), LinkError> {
        self.link.writer.write(&Framed::<Request>::new(said, cell).encode().unwrap()).await
    }

    /// The next reply; `None` when the relay has ended the connection.
    pub async fn reply(&mut self) -> Result<Option<Framed<Reply>>, LinkError> {
        let read = tokio::time::timeout(DEADLINE, self.link.reader.read()).await.expect("an answer");
        Ok(read?.map(|frame| Framed::<Reply>::decode(&frame).unwrap()))
    }

    pub async fn ask(&mut self, said: Request, cell: Option<Box<CellBytes>>) -> Reply {
        self.send(said, cell).await.unwrap();
        self.reply().await.unwrap().expect("a reply").said
    }

    /// Opens a queue with a token, and serves it as its reader.
    pub async fn open(place: &RelayPlace, queue: &Queue, token: Token) -> (Self, Reply) {
        let mut client = Self::connect(place).await.unwrap();
        let reader = (queue.reader.0, &queue.reader.1);
        let writer = (queue.writer.0, queue.writer.1.public());
        let open = Open::new(token, reader, writer, &client.link.exporter);
        let reply = client.ask(Request::Open(open), None).await;
        (client, reply)
    }

    pub async fn prove(place: &RelayPlace, queue: &Queue, role: QueueRole) -> (Self, Reply) {
        let mut client = Self::connect(place).await.unwrap();
        let (id, secret) = match role {
            QueueRole::Reader => &queue.reader,
            QueueRole::Writer => &queue.writer,
        };
        let signature = prove(secret, &client.link.exporter, role, id);
        let reply = client.ask(Request::Prove { role, id: *id, signature }, None).await;
        (client, reply)
    }

    pub async fn send_put(
        &mut self,
        queue: &Queue,
        index: u64,
        cell: Box<CellBytes>,
    ) -> Result<(), LinkError> {
        let signature = sign_put(&queue.writer.1, &queue.writer.0, index, &CellHash::of(&cell));
        self.send(Request::Put { index, signature }, Some(cell)).await
    }

    pub async fn put(&mut self, queue: &Queue, index: u64, cell: Box<CellBytes>) -> Reply {
        self.send_put(queue, index, cell).await.unwrap();
        self.reply().await.unwrap().expect("a reply").said
    }

    pub async fn rekey(&mut self, queue: &mut Queue, to: (QueueId, QueueSecret)) -> Reply {
        let key = to.1.public();
        let signature = sign_rekey(&queue.reader.1, &queue.reader.0, &to.0, &key);
        let reply = self.ask(Request::Rekey { writer: to.0, key, signature }, None).await;
        queue.writer = to;
        reply
    }

    /// All cells held from `from` on, with their indexes.
    pub async fn fetch(&mut self, mut from: u64) -> Vec<(u64, Box<CellBytes>)> {
        let mut cells = Vec::new();
        loop {
            self.send(Request::Get { from, count: 16, wait_ms: 0 }, None).await.unwrap();
            loop {
                let framed = self.reply().await.unwrap().expect("a reply");
                match framed.said {
                    Reply::Cell { index, more, .. } => {
                        cells.push((index, framed.cell.unwrap()));
                        from = index + 1;
                        if more == 0 {
                            break;
                        }
                    }
                    Reply::Empty { .. } => return cells,
                    other => panic!("a get was answered {other:?}"),
                }
            }
        }
    }
}
