//! The attacks. Each runs in a process of its own until it is killed, and counts what it got through.

use crate::attacker::{Target, hold};
use crate::floods;
use crate::relay_client::Queue;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use truceline::wire::limit::FRAME_BYTES;
use truceline::wire::pass::Token;
use truceline::wire::queue::{QueueRole, prove};
use truceline::wire::request::Request;

/// Addresses of the attackers', and connections that each tries to have: more than the relay has seats.
const MANY: u8 = 64;
const EACH: usize = 20;
/// The same of one alone: more than it may have.
const OF_ONE: usize = 160;
/// Who is not let in tries again after this.
const AGAIN: Duration = Duration::from_millis(20);
/// Who is hung up on sooner was turned away.
const LET_IN: Duration = Duration::from_millis(100);

/// What every attacker has.
pub struct Attack {
    pub target: Target,
    /// What the attack comes to.
    pub through: AtomicU64,
    /// Whether it has begun.
    pub begun: AtomicBool,
    /// What a stolen pass leaves to open.
    pub tokens: Vec<Token>,
}

impl Attack {
    /// Tells the benchmark, once, that what an attack prepares is done.
    pub fn begins(&self) {
        if !self.begun.swap(true, Ordering::Relaxed) {
            println!("on");
        }
    }

    pub fn count(&self, more: u64) {
        self.through.fetch_add(more, Ordering::Relaxed);
    }
}

/// What an attack does until its process ends.
type Run = fn(Arc<Attack>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One attack.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What it is, as the table says it and `TRUCELINE_BENCH_PARTS` finds it.
    pub name: &'static str,
    /// What is counted of it.
    pub unit: &'static str,
    /// Queues for which it stole a pass.
    pub queues: usize,
    pub on: On,
    pub run: Run,
}

/// The relay that is attacked, and what happens meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// As it is made.
    Defaults,
    /// The same, and the pass is taken back meanwhile.
    Revoked,
    /// One whose store is soon full.
    SmallStore,
}

const fn kind(name: &'static str, unit: &'static str, run: Run) -> Kind {
    Kind { name, unit, queues: 0, on: On::Defaults, run }
}

const fn stolen(queues: usize, name: &'static str, unit: &'static str, run: Run) -> Kind {
    Kind { queues, ..kind(name, unit, run) }
}

/// All of them.
pub const KINDS: [Kind; 20] = [
    kind("half-open: TCP without a word, one address", "connections", |at| {
        Box::pin(swarm(at, 1, OF_ONE, half_open))
    }),
    kind("half-open: TCP without a word, 64 addresses", "connections", |at| Box::pin(many(at, half_open))),
    kind("handshakes, one address", "handshakes", |at| Box::pin(swarm(at, 1, EACH, handshakes))),
    kind("handshakes, 64 addresses", "handshakes", |at| Box::pin(many(at, handshakes))),
    kind("unproved: handshake, then silence, 64 addresses", "connections", |at| Box::pin(many(at, unproved))),
    kind("slow sender: first frame a byte at a time, 64 addresses", "bytes", |at| {
        Box::pin(many(at, slow_first_frame))
    }),
    stolen(8, "slow sender: puts a byte at a time, stolen pass", "bytes", |at| {
        Box::pin(floods::slow_sender(at))
    }),
    stolen(60, "slow reader: gets and puts without end, nothing read", "frames", |at| {
        Box::pin(floods::slow_reader(at))
    }),
    kind("garbage in place of TLS, 64 addresses", "tries", |at| {
        Box::pin(many(at, |attack, from| bytes(attack, from, [0x47; 4_096].into())))
    }),
    kind("a hello of TLS 1.2, 64 addresses", "tries", |at| {
        Box::pin(many(at, |attack, from| bytes(attack, from, hello_of_tls_1_2())))
    }),
    kind("garbage frames, 64 addresses", "frames", |at| {
        Box::pin(many(at, |attack, from| frames(attack, from, FRAME_BYTES)))
    }),
    kind("records longer than TLS allows, 64 addresses", "records", |at| Box::pin(many(at, long_records))),
    kind("frames cut short, 64 addresses", "frames", |at| {
        Box::pin(many(at, |attack, from| frames(attack, from, 1_000)))
    }),
    kind("key updates without end, 64 addresses", "updates", |at| Box::pin(many(at, key_updates))),
    stolen(8, "key updates among puts, stolen pass", "updates", |at| Box::pin(floods::key_updates(at))),
    kind("proofs for unknown queues, 64 addresses", "proofs", |at| Box::pin(many(at, unknown))),
    kind("openings without a pass, 64 addresses", "openings", |at| Box::pin(many(at, without_pass))),
    Kind {
        on: On::Revoked,
        ..stolen(8, "queue flood by a stolen pass, then taken back", "cells", |at| {
            Box::pin(floods::cells(at))
        })
    },
    stolen(150, "waiting gets: 600, and puts that wake them", "cells", |at| {
        Box::pin(floods::waiting_gets(at))
    }),
    Kind {
        on: On::SmallStore,
        ..stolen(8, "disk filled to its bound, then emptied", "cells", |at| Box::pin(floods::disk(at)))
    },
];

/// Addresses of this machine, none of them the honest ones'.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number.saturating_add(2))
}

/// So many tasks from each of so many addresses, each doing the same again and again.
async fn swarm<F>(attack: Arc<Attack>, addresses: u8, each: usize, does: impl Fn(Arc<Attack>, Ipv4Addr) -> F)
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    attack.begins();
    let mut tasks = tokio::task::JoinSet::new();
    // All addresses at once, and not one after the other.
    for _ in 0..each {
        for number in 0..addresses {
            tasks.spawn(does(attack.clone(), address(number)));
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// The same from many addresses.
async fn many<F>(attack: Arc<Attack>, does: impl Fn(Arc<Attack>, Ipv4Addr) -> F)
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    swarm(attack, MANY, EACH, does).await;
}

async fn half_open(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        if let Some(mut tcp) = attack.target.tcp(from).await
            && timeout(LET_IN, hold(&mut tcp)).await.is_err()
        {
            attack.count(1);
            hold(&mut tcp).await;
        }
        sleep(AGAIN).await;
    }
}

/// As fast as it is let in, and never a pause.
async fn handshakes(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        attack.count(u64::from(attack.target.tls(from).await.is_some()));
    }
}

async fn unproved(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            attack.count(1);
            wire.hold().await;
        }
        sleep(AGAIN).await;
    }
}

/// A proof's frame, a byte a record: as slow as it may be without being silent.
async fn slow_first_frame(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            while wire.write(&[0]).await.is_some() {
                attack.count(1);
                sleep(AGAIN).await;
            }
        }
        sleep(AGAIN).await;
    }
}

/// These bytes in place of a hello.
async fn bytes(attack: Arc<Attack>, from: Ipv4Addr, bytes: Arc<[u8]>) -> Option<()> {
    loop {
        if let Some(mut tcp) = attack.target.tcp(from).await
            && tcp.write_all(&bytes).await.is_ok()
        {
            hold(&mut tcp).await;
            attack.count(1);
        }
    }
}

/// A hello of TLS 1.2 and no more (RFC 5246, section 7.4.1.2): one suite, no extension.
fn hello_of_tls_1_2() -> Arc<[u8]> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let length = hello.len() as u8;
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record.into()
}

/// After the handshake something else than a proof.
async fn frames(attack: Arc<Attack>, from: Ipv4Addr, length: usize) -> Option<()> {
    let garbage = vec![0x47; length];
    loop {
        if let Some(mut wire) = attack.target.tls(from).await
            && wire.write(&garbage).await.is_some()
        {
            attack.count(1);
            if length < FRAME_BYTES {
                let _ = wire.stream.shutdown().await;
            }
            wire.hold().await;
        }
    }
}

/// After the handshake a record whose header promises 65,535 bytes (RFC 8446, section 5.2, allows 16,640).
async fn long_records(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            let record = [&[0x17, 3, 3, 0xff, 0xff], [0x47; 16_384].as_slice()].concat();
            if wire.stream.get_mut().0.write_all(&record).await.is_ok() {
                attack.count(1);
            }
            wire.hold().await;
        }
    }
}

async fn key_updates(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            while wire.key_update().await.is_some() {
                attack.count(1);
            }
        }
    }
}

async fn unknown(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    let queue = Queue::seeded(u64::from(from.octets()[3]) + 1_000_000);
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            let (id, secret) = &queue.writer;
            let signature = prove(secret, &wire.exporter, QueueRole::Writer, id);
            let said = Request::Prove { role: QueueRole::Writer, id: *id, signature };
            attack.count(u64::from(wire.ask(said, None).await.is_some()));
        }
    }
}

async fn without_pass(attack: Arc<Attack>, from: Ipv4Addr) -> Option<()> {
    let queue = Queue::seeded(u64::from(from.octets()[3]) + 2_000_000);
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            let said = floods::opening(&queue, Token([9; 32]), &wire.exporter);
            attack.count(u64::from(wire.ask(said, None).await.is_some()));
        }
    }
}

/// The address of an attacker's connection of this number.
pub fn spread(number: usize) -> Ipv4Addr {
    address((number % usize::from(MANY)) as u8)
}
