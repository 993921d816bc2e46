//! Attacks by whoever stole a pass: he opens queues, and has keys to prove.

use crate::attacker::Wire;
use crate::attacks::{Attack, spread};
use crate::relay_client::{Queue, cell};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use truceline::wire::frame::Framed;
use truceline::wire::limit::WINDOW_FRAMES;
use truceline::wire::pass::Token;
use truceline::wire::queue::{CellHash, Exporter, QueueRole, prove, sign_put};
use truceline::wire::reply::Reply;
use truceline::wire::request::{Open, Request};

/// Connections that one queue has in one role at most.
const SERVING: usize = 4;
/// Key updates between two frames: rustls ends a connection after 32.
const UPDATES: u64 = 30;
/// Who is not let in tries again after this.
const AGAIN: Duration = Duration::from_millis(20);

/// A request to open this queue.
pub fn opening(queue: &Queue, token: Token, exporter: &Exporter) -> Request {
    let writer = (queue.writer.0, queue.writer.1.public());
    Request::Open(Open::new(token, (queue.reader.0, &queue.reader.1), writer, exporter))
}

fn putting(queue: &Queue, index: u64) -> Request {
    let hash = CellHash::of(&cell(index, index));
    Request::Put { index, signature: sign_put(&queue.writer.1, &queue.writer.0, index, &hash) }
}

/// Opens a queue with each token.
async fn open_all(attack: &Arc<Attack>) -> Vec<Arc<Queue>> {
    let mut tasks = JoinSet::new();
    for (number, token) in attack.tokens.iter().copied().enumerate() {
        let attack = attack.clone();
        tasks.spawn(async move {
            // Of each pass others.
            let [a, b, c, d, ..] = token.0;
            let queue = Arc::new(Queue::seeded(u64::from(u32::from_le_bytes([a, b, c, d])) << 8));
            loop {
                if let Some(mut wire) = attack.target.tls(spread(number)).await
                    && let Some(Reply::Serving { .. }) =
                        wire.ask(opening(&queue, token, &wire.exporter), None).await
                {
                    return queue;
                }
                sleep(AGAIN).await;
            }
        });
    }
    tasks.join_all().await
}

/// Proves a key of this queue, until it is let in; with the index that its next cell has.
async fn serve(attack: &Attack, queue: &Queue, role: QueueRole, from: Ipv4Addr) -> (Wire, u64) {
    let (id, secret) = if role == QueueRole::Reader { &queue.reader } else { &queue.writer };
    loop {
        if let Some(mut wire) = attack.target.tls(from).await {
            let signature = prove(secret, &wire.exporter, role, id);
            let reply = wire.ask(Request::Prove { role, id: *id, signature }, None).await;
            if let Some(Reply::Serving { next, .. }) = reply {
                return (wire, next);
            }
        }
        sleep(AGAIN).await;
    }
}

/// So many tasks for each queue that was opened.
async fn each<F>(attack: Arc<Attack>, tasks: usize, does: impl Fn(Arc<Attack>, Arc<Queue>, usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let queues = open_all(&attack).await;
    let mut all = JoinSet::new();
    for number in 0..tasks * queues.len() {
        all.spawn(does(attack.clone(), queues[number % queues.len()].clone(), number));
    }
    while all.join_next().await.is_some() {}
}

/// Puts whose bytes come each in a record of its own, as fast as they go.
pub async fn slow_sender(attack: Arc<Attack>) {
    each(attack, SERVING, async |attack, queue, number| {
        attack.begins();
        loop {
            let (mut wire, next) = serve(&attack, &queue, QueueRole::Writer, spread(number)).await;
            let put = Framed::<Request>::new(putting(&queue, next), Some(cell(next, next)));
            let Ok(frame) = put.encode() else { return };
            for byte in frame.iter() {
                if wire.write(&[*byte]).await.is_none() {
                    break;
                }
                attack.count(1);
            }
        }
    })
    .await;
}

/// Readers that ask for cells, and writers that put, without end, and read not one answer.
pub async fn slow_reader(attack: Arc<Attack>) {
    each(attack, 2 * SERVING, async |attack, queue, number| {
        attack.begins();
        let role = if number % 2 == 0 { QueueRole::Writer } else { QueueRole::Reader };
        loop {
            let (mut wire, _) = serve(&attack, &queue, role, spread(number)).await;
            for index in 0.. {
                // The same few cells again and again: each is answered, and none fills the queue.
                let said = match role {
                    QueueRole::Writer => putting(&queue, index % 16),
                    QueueRole::Reader => Request::Get { from: 0, count: 16, wait_ms: 0 },
                };
                let cell = (role == QueueRole::Writer).then(|| cell(index % 16, index % 16));
                if wire.send(said, cell).await.is_none() {
                    break;
                }
                attack.count(1);
            }
        }
    })
    .await;
}

/// As many key updates as a connection bears, among puts.
pub async fn key_updates(attack: Arc<Attack>) {
    each(attack, SERVING, async |attack, queue, number| {
        attack.begins();
        loop {
            let (mut wire, _) = serve(&attack, &queue, QueueRole::Writer, spread(number)).await;
            while wire.ask(putting(&queue, 0), Some(cell(0, 0))).await.is_some() {
                for _ in 0..UPDATES {
                    if wire.key_update().await.is_none() {
                        break;
                    }
                    attack.count(1);
                }
            }
        }
    })
    .await;
}

/// Fills a queue as fast as it goes, and hammers on it when it is full.
pub async fn cells(attack: Arc<Attack>) {
    each(attack, 1, async |attack, queue, number| {
        attack.begins();
        loop {
            let (wire, next) = serve(&attack, &queue, QueueRole::Writer, spread(number)).await;
            fill(&attack, &queue, wire, next).await;
        }
    })
    .await;
}

/// A window of puts always under way; until the connection ends.
async fn fill(attack: &Attack, queue: &Queue, mut wire: Wire, next: u64) -> Option<()> {
    let (mut sent, mut answered) = (next, next);
    loop {
        while sent < answered + WINDOW_FRAMES as u64 {
            wire.send(putting(queue, sent), Some(cell(sent, sent))).await?;
            sent += 1;
        }
        match wire.reply().await? {
            Reply::Stored { count, .. } => {
                answered += u64::from(count);
                attack.count(u64::from(count));
            }
            // What was sent beyond is refused too, and sent again.
            _ => answered += 1,
        }
    }
}

/// Readers whose gets wait, as many as their queues may have; then a writer for each queue wakes them all.
pub async fn waiting_gets(attack: Arc<Attack>) {
    let readers = SERVING * attack.tokens.len();
    let (waits, all) = (Arc::new(Semaphore::new(0)), attack.clone());
    let (of_writer, of_reader) = (waits.clone(), waits);
    each(all, SERVING + 1, move |attack, queue, number| {
        let (writes, waits) = (number >= readers, if number >= readers { &of_writer } else { &of_reader });
        let waits = waits.clone();
        async move {
            if writes {
                // Held by nobody until all wait.
                let _all = waits.acquire_many(readers as u32).await;
                drop(_all);
                attack.begins();
                wake(&attack, &queue, number).await;
            } else {
                await_cells(&attack, &queue, number, &waits).await;
            }
        }
    })
    .await;
}

async fn wake(attack: &Attack, queue: &Queue, number: usize) {
    loop {
        let (mut wire, mut next) = serve(attack, queue, QueueRole::Writer, spread(number)).await;
        while let Some(reply) = wire.ask(putting(queue, next), Some(cell(next, next))).await {
            let stored = matches!(reply, Reply::Stored { .. });
            attack.count(u64::from(stored));
            next += u64::from(stored);
        }
    }
}

async fn await_cells(attack: &Attack, queue: &Queue, number: usize, waits: &Semaphore) {
    let mut first = true;
    loop {
        let (mut wire, mut next) = serve(attack, queue, QueueRole::Reader, spread(number)).await;
        while wire.send(Request::Get { from: next, count: 1, wait_ms: 120_000 }, None).await.is_some() {
            if std::mem::take(&mut first) {
                waits.add_permits(1);
            }
            match wire.reply().await {
                Some(Reply::Cell { index, .. }) => next = index + 1,
                Some(_) => {}
                None => break,
            }
        }
    }
}

/// Fills the disk to its bound, keeps it there for half of the round, and then empties its queues.
pub async fn disk(attack: Arc<Attack>) {
    let seconds: f64 = crate::seconds().unwrap_or(3.0);
    each(attack, 1, move |attack, queue, number| async move {
        let (mut writer, mut next) = serve(&attack, &queue, QueueRole::Writer, spread(number)).await;
        let mut empties_at = None;
        while empties_at.is_none_or(|at| Instant::now() < at) {
            match writer.ask(putting(&queue, next), Some(cell(next, next))).await {
                Some(Reply::Stored { .. }) => {
                    attack.count(1);
                    next += 1;
                }
                Some(_) => {
                    attack.begins();
                    let keeps = Duration::from_secs_f64(seconds / 2.0);
                    empties_at = empties_at.or(Some(Instant::now() + keeps));
                }
                None => writer = serve(&attack, &queue, QueueRole::Writer, spread(number)).await.0,
            }
        }
        loop {
            let (mut reader, _) = serve(&attack, &queue, QueueRole::Reader, spread(number)).await;
            if let Some(Reply::Dropped { .. }) = reader.ask(Request::Drop { below: next }, None).await {
                return;
            }
        }
    })
    .await;
    // Its process is told when to end.
    std::future::pending().await
}
