//! Others that keep messages, beside our relay: each installed one serves here over TLS 1.3 with 128 queues, publishers
//! and consumers of 16 KiB, and is talked to by the same load as ours, in its own protocol. What is not installed is
//! left out, and said.

mod amqp;
mod mqtt;
mod nats;
mod postgres;
mod server;

use crate::plot::{Plot, bars};
use crate::relay::{Does, Relay};
use crate::rounds::{Compared, End, Setup, compare};
use crate::table::{Bound, Row, Table};
use server::{Kind, Server};
use std::path::Path;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const PAIRS: usize = 128;
const WINDOW: u64 = 16;
/// Bytes of a message: a frame of ours.
const MESSAGE_BYTES: usize = 16_384;
/// How much faster ours is to be than one that syncs.
const AHEAD: f64 = 1.5;

/// A connection to a peer.
type Wire = BufReader<TlsStream<TcpStream>>;

/// One connection in a peer's protocol: a publisher's or a consumer's.
trait Peer: Sized + Send + 'static {
    /// Connects, and makes queue `number` where it is not there.
    async fn connect(dir: &Path, port: u16, number: usize, publishes: bool) -> anyhow::Result<Self>;

    /// Publishes until all are acknowledged.
    fn put(&mut self, messages: u64, window: u64) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Takes and acknowledges.
    fn take(&mut self, messages: u64) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Both ends of one queue.
struct Pair<P> {
    publisher: P,
    consumer: P,
}

impl<P: Peer> End for Pair<P> {
    async fn run(&mut self, cells: u64, window: u64) -> anyhow::Result<()> {
        tokio::try_join!(self.publisher.put(cells, window), self.consumer.take(cells)).map(|_| ())
    }
}

async fn pairs<P: Peer>(server: &Server) -> anyhow::Result<Vec<Pair<P>>> {
    let mut all = Vec::new();
    for number in 0..PAIRS {
        let (dir, port) = (server.dir(), server.port());
        let consumer = P::connect(dir, port, number, false).await?;
        let publisher = P::connect(dir, port, number, true).await?;
        all.push(Pair { publisher, consumer });
    }
    Ok(all)
}

async fn beside<P: Peer>(setup: &Setup, table: &mut Table, kind: Kind) -> anyhow::Result<()> {
    let Some(server) = Server::start(setup, kind).await? else {
        eprintln!("{}: not installed", kind.name());
        return Ok(());
    };
    let mut theirs = pairs::<P>(&server).await?;
    let mut relay = Relay::start(setup)?;
    let mut ours = relay.pairs(PAIRS, Does::PutAndTake).await?;
    let Compared { rates, ratio } = compare(setup, &mut ours, &mut theirs, WINDOW).await?;
    table.push(Row {
        what: format!("peer: {}", kind.name()),
        ratio,
        bound: if kind.syncs() { Bound::AtLeast(AHEAD) } else { Bound::Open },
        figures: rates,
        unit: "cells/s",
        beside: kind.promise().to_owned(),
    });
    Ok(())
}

/// All that are installed.
pub async fn peers(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    beside::<amqp::Amqp>(setup, table, Kind::RabbitQuorum).await?;
    beside::<nats::Nats>(setup, table, Kind::NatsAlways).await?;
    beside::<postgres::Postgres>(setup, table, Kind::Postgres).await?;
    beside::<nats::Nats>(setup, table, Kind::Nats).await?;
    beside::<mqtt::Mqtt>(setup, table, Kind::Mosquitto).await?;
    let plot = Plot {
        title: "Put, get and drop with 128 pairs: ours beside others",
        unit: "times as many cells a second",
    };
    bars(setup, "peers", &plot, &table.ratios("peer: "))
}
