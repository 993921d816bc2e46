//! The honest beside the attack: one pair that puts, gets and drops cells one at a time, and somebody who connects anew
//! twice a second. Each checks what it gets, goes on after whatever breaks, and counts that.

use crate::relay_client::{Client, Queue, cell};
use anyhow::Context as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use truceline::host::link;
use truceline::party::relay::RelayPlace;
use truceline::wire::pass::Token;
use truceline::wire::queue::{QueueRole, prove};
use truceline::wire::reply::Reply;
use truceline::wire::request::{Open, Request};

/// A try that takes longer is given up, and another made.
const TRY: Duration = Duration::from_secs(5);
/// Between two tries, two cells, two new connections.
const TRY_AGAIN: Duration = Duration::from_millis(50);
const CELL_PAUSE: Duration = Duration::from_millis(2);
const NEWCOMER_PAUSE: Duration = Duration::from_millis(500);

/// What the honest saw.
#[derive(Default, Clone)]
pub struct Seen {
    /// From put to received, in milliseconds, of each cell.
    pub latencies: Vec<f64>,
    /// From the first try to an answer, in milliseconds, of each new connection; and tries that came to nothing.
    pub newcomers: Vec<f64>,
    pub turned_away: u64,
    /// Connections of the pair's that broke.
    pub reconnects: u64,
    /// Puts that were told that there is no room.
    pub fulls: u64,
    /// The longest time without an answer, in seconds: of the pair, and of a newcomer.
    pub stuck: f64,
    pub shut_out: f64,
    /// What must not be, in words.
    pub wrong: Vec<String>,
}

/// The honest, until dropped.
pub struct Honest {
    eye: Eye,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// Who waits for an answer.
#[derive(Clone, Copy)]
enum Who {
    Pair,
    Newcomer,
}

#[derive(Default)]
struct State {
    seen: Seen,
    /// Since when each waits for an answer.
    waits: [Option<Instant>; 2],
}

#[derive(Clone, Default)]
struct Eye(Arc<Mutex<State>>);

impl State {
    /// Takes in how long has been waited until now.
    fn look(&mut self) {
        let waited = self.waits.map(|since| since.map_or(0.0, |since| since.elapsed().as_secs_f64()));
        self.seen.stuck = self.seen.stuck.max(waited[0]);
        self.seen.shut_out = self.seen.shut_out.max(waited[1]);
    }
}

impl Eye {
    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn saw(&self, what: impl FnOnce(&mut Seen)) {
        self.with(|state| what(&mut state.seen));
    }

    /// From now on this one waits for an answer, or, without `since`, for none.
    fn waits(&self, who: Who, since: Option<Instant>) {
        self.with(|state| {
            state.look();
            state.waits[who as usize] = since;
        });
    }
}

/// Opens a queue.
pub async fn open(place: &RelayPlace, queue: &Queue, token: Token) -> anyhow::Result<()> {
    let mut client = Client { link: link::connect(place, None, TRY).await? };
    let reader = (queue.reader.0, &queue.reader.1);
    let open = Open::new(token, reader, (queue.writer.0, queue.writer.1.public()), &client.link.exporter);
    client.send(Request::Open(open), None).await?;
    let said = client.reply().await?.context("no answer to an opening")?.said;
    anyhow::ensure!(matches!(said, Reply::Serving { .. }), "an opening was answered {said:?}");
    Ok(())
}

/// Connects and proves a key.
pub async fn serve(place: &RelayPlace, queue: &Queue, role: QueueRole) -> anyhow::Result<Client> {
    let trying = async {
        let mut client = Client { link: link::connect(place, None, TRY).await? };
        let (id, secret) = if role == QueueRole::Reader { &queue.reader } else { &queue.writer };
        let signature = prove(secret, &client.link.exporter, role, id);
        client.send(Request::Prove { role, id: *id, signature }, None).await?;
        let said = client.reply().await?.context("no answer to a proof")?.said;
        anyhow::ensure!(matches!(said, Reply::Serving { .. }), "a proof was answered {said:?}");
        Ok(client)
    };
    timeout(TRY, trying).await.context("no answer in time")?
}

/// One half of the pair: its connection, made again when it broke.
struct Half {
    place: RelayPlace,
    queue: Arc<Queue>,
    role: QueueRole,
    eye: Eye,
    client: Option<Client>,
}

impl Half {
    async fn client(&mut self) -> &mut Client {
        while self.client.is_none() {
            self.client = serve(&self.place, &self.queue, self.role).await.ok();
            if self.client.is_none() {
                sleep(TRY_AGAIN).await;
            }
        }
        self.client.as_mut().expect("just made")
    }

    fn broke(&mut self) {
        self.client = None;
        self.eye.saw(|seen| seen.reconnects += 1);
    }

    /// Puts a cell until it is stored; since when it was put, and not told that there is no room.
    async fn put(&mut self, index: u64) -> Instant {
        let (queue, mut begin) = (self.queue.clone(), Instant::now());
        loop {
            let client = self.client().await;
            let sent = client.send_put(&queue, index, cell(1, index)).await.is_ok();
            let reply = if sent { client.reply().await.ok().flatten() } else { None };
            match reply.map(|framed| framed.said) {
                Some(Reply::Stored { first, count: 1, .. }) if first == index => return begin,
                Some(Reply::Full { .. }) => {
                    self.eye.saw(|seen| seen.fulls += 1);
                    sleep(TRY_AGAIN).await;
                    // It was answered.
                    begin = Instant::now();
                    self.eye.waits(Who::Pair, Some(begin));
                }
                Some(Reply::Busy { .. }) | None => self.broke(),
                Some(other) => {
                    self.eye.saw(|seen| seen.wrong.push(format!("put {index} was answered {other:?}")));
                    self.broke();
                }
            }
        }
    }

    /// Waits for a cell; then the time is taken, and it is dropped.
    async fn take(&mut self, index: u64) -> Instant {
        loop {
            let client = self.client().await;
            let get = Request::Get { from: index, count: 1, wait_ms: 5_000 };
            let sent = client.send(get, None).await.is_ok();
            let reply = if sent { client.reply().await.ok().flatten() } else { None };
            let Some(framed) = reply else {
                self.broke();
                continue;
            };
            match framed.said {
                Reply::Cell { index: came, .. } => {
                    if came != index || framed.cell != Some(cell(1, index)) {
                        let wrong = format!("cell {came}, or other bytes, came where {index} was due");
                        self.eye.saw(|seen| seen.wrong.push(wrong));
                    }
                    return Instant::now();
                }
                Reply::Empty { .. } => {}
                other => {
                    self.eye.saw(|seen| seen.wrong.push(format!("a get of {index} was answered {other:?}")));
                    self.broke();
                }
            }
        }
    }

    async fn forget(&mut self, index: u64) {
        loop {
            let client = self.client().await;
            let sent = client.send(Request::Drop { below: index + 1 }, None).await.is_ok();
            match if sent { client.reply().await.ok().flatten() } else { None } {
                Some(framed) if matches!(framed.said, Reply::Dropped { .. }) => return,
                _ => self.broke(),
            }
        }
    }
}

async fn pair(mut writer: Half, mut reader: Half) {
    for index in 0.. {
        writer.eye.waits(Who::Pair, Some(Instant::now()));
        let (begin, received) = tokio::join!(writer.put(index), reader.take(index));
        let took = received.duration_since(begin).as_secs_f64() * 1e3;
        reader.forget(index).await;
        writer.eye.saw(|seen| seen.latencies.push(took));
        writer.eye.waits(Who::Pair, None);
        sleep(CELL_PAUSE).await;
    }
}

async fn newcomers(place: RelayPlace, queue: Queue, eye: Eye) {
    loop {
        let begin = Instant::now();
        eye.waits(Who::Newcomer, Some(begin));
        while serve(&place, &queue, QueueRole::Reader).await.is_err() {
            eye.saw(|seen| seen.turned_away += 1);
            sleep(TRY_AGAIN).await;
        }
        eye.saw(|seen| seen.newcomers.push(begin.elapsed().as_secs_f64() * 1e3));
        eye.waits(Who::Newcomer, None);
        sleep(NEWCOMER_PAUSE).await;
    }
}

impl Honest {
    /// Opens their queues with two tokens, and lets them begin.
    pub async fn begin(place: &RelayPlace, tokens: &[Token]) -> anyhow::Result<Self> {
        let [first, second, ..] = tokens else { anyhow::bail!("two tokens are needed") };
        let (queue, visited) = (Arc::new(Queue::seeded(1)), Queue::seeded(2));
        open(place, &queue, *first).await?;
        open(place, &visited, *second).await?;
        let eye = Eye::default();
        let half =
            |role| Half { place: place.clone(), queue: queue.clone(), role, eye: eye.clone(), client: None };
        let pair = tokio::spawn(pair(half(QueueRole::Writer), half(QueueRole::Reader)));
        let newcomers = tokio::spawn(newcomers(place.clone(), visited, eye.clone()));
        Ok(Self { eye, tasks: vec![pair, newcomers] })
    }

    /// What they saw since this was asked last. Who still waits is seen to wait since he began.
    pub fn take(&self) -> Seen {
        self.eye.with(|state| {
            state.look();
            std::mem::take(&mut state.seen)
        })
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
