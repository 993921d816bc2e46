//! Pairs that talk while servers and relays die, and what each of them was told.

use crate::relay_client::{Client, Queue, cell};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use truceline::party::relay::RelayPlace;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// For one answer. Whoever waits longer tries another relay.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// What one pair has come to.
#[derive(Default)]
pub struct Pair {
    /// Cells that a relay said are stored.
    pub acknowledged: AtomicU64,
    /// Cells that the reader has, in their order.
    pub received: AtomicU64,
    /// What must not be.
    pub wrong: Mutex<Vec<String>>,
}

/// Pairs under way.
pub struct Traffic {
    pub pairs: Vec<Arc<Pair>>,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

/// Where the relays are now: one that is begun again has another port.
pub type Places = Arc<Mutex<Vec<RelayPlace>>>;

async fn arrive(places: &Places, turn: &mut usize, queue: &Queue, role: QueueRole) -> Option<Client> {
    *turn += 1;
    let place = {
        let places = places.lock().unwrap();
        places[*turn % places.len()].clone()
    };
    let proved = async {
        let mut client = Client::connect(&place).await.ok()?;
        let (id, secret) = match role {
            QueueRole::Reader => &queue.reader,
            QueueRole::Writer => &queue.writer,
        };
        let signature = truceline::wire::queue::prove(secret, &client.link.exporter, role, id);
        client.send(Request::Prove { role, id: *id, signature }, None).await.ok()?;
        match client.reply().await.ok()??.said {
            Reply::Serving { .. } => Some(client),
            _ => None,
        }
    };
    let client = timeout(ANSWER, proved).await.ok().flatten();
    if client.is_none() {
        tokio::time::sleep(PAUSE).await;
    }
    client
}

async fn write(pair: Arc<Pair>, queue: Arc<Queue>, seed: u64, places: Places, stop: Arc<AtomicBool>) {
    let mut turn = seed as usize;
    let mut client = None;
    while !stop.load(Ordering::SeqCst) {
        let Some(connected) = &mut client else {
            client = arrive(&places, &mut turn, &queue, QueueRole::Writer).await;
            continue;
        };
        let index = pair.acknowledged.load(Ordering::SeqCst);
        let put = async {
            connected.send_put(&queue, index, cell(seed, index)).await.ok()?;
            Some(connected.reply().await.ok()??.said)
        };
        match timeout(ANSWER, put).await.ok().flatten() {
            Some(Reply::Stored { first, count: 1, .. }) if first == index => {
                pair.acknowledged.store(index + 1, Ordering::SeqCst);
            }
            // Its acknowledgement was lost, and the reader has dropped it meanwhile.
            Some(Reply::Gone { low, .. }) if low > index => {
                pair.acknowledged.store(index + 1, Ordering::SeqCst);
            }
            // The reader is far behind.
            Some(Reply::Full { .. }) => tokio::time::sleep(PAUSE).await,
            Some(Reply::Busy { .. }) | None => client = None,
            Some(other) => {
                pair.wrong.lock().unwrap().push(format!("put {index}: {other:?}"));
                return;
            }
        }
    }
}

async fn read(pair: Arc<Pair>, queue: Arc<Queue>, seed: u64, places: Places, written: Arc<AtomicBool>) {
    let mut turn = seed as usize + 1;
    let mut client = None;
    while !(written.load(Ordering::SeqCst)
        && pair.received.load(Ordering::SeqCst) >= pair.acknowledged.load(Ordering::SeqCst))
    {
        let Some(connected) = &mut client else {
            client = arrive(&places, &mut turn, &queue, QueueRole::Reader).await;
            continue;
        };
        let from = pair.received.load(Ordering::SeqCst);
        match timeout(ANSWER, get(connected, &pair, seed, from)).await.ok().flatten() {
            Some(()) => {}
            None => client = None,
        }
    }
}

async fn get(client: &mut Client, pair: &Pair, seed: u64, from: u64) -> Option<()> {
    client.send(Request::Get { from, count: 4, wait_ms: 1_000 }, None).await.ok()?;
    let mut expected = from;
    loop {
        let framed = client.reply().await.ok()??;
        match framed.said {
            Reply::Cell { index, more, .. } => {
                if index != expected || framed.cell != Some(cell(seed, index)) {
                    pair.wrong.lock().unwrap().push(format!("cell {index} where {expected} should be"));
                }
                expected = index + 1;
                pair.received.store(expected, Ordering::SeqCst);
                if more == 0 {
                    break;
                }
            }
            Reply::Empty { .. } => break,
            Reply::Busy { .. } => return None,
            other => {
                pair.wrong.lock().unwrap().push(format!("get {from}: {other:?}"));
                return None;
            }
        }
    }
    if expected > from {
        client.send(Request::Drop { below: expected }, None).await.ok()?;
        client.reply().await.ok()??;
    }
    Some(())
}

impl Traffic {
    pub fn start(queues: Vec<Queue>, places: &Places) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (mut pairs, mut writers, mut readers) = (Vec::new(), Vec::new(), Vec::new());
        for (queue, seed) in queues.into_iter().zip(0..) {
            let (pair, queue) = (Arc::new(Pair::default()), Arc::new(queue));
            let writer = write(pair.clone(), queue.clone(), seed, places.clone(), stop.clone());
            writers.push(tokio::spawn(writer));
            readers.push(tokio::spawn(read(pair.clone(), queue, seed, places.clone(), written.clone())));
            pairs.push(pair);
        }
        Self { pairs, stop, written, writers, readers }
    }

    pub fn acknowledged(&self) -> Vec<u64> {
        self.pairs.iter().map(|pair| pair.acknowledged.load(Ordering::SeqCst)).collect()
    }

    /// Waits until each pair has come further by so many cells.
    pub async fn goes_on(&self, by: u64, when: &str) {
        let wanted: Vec<_> = self.acknowledged().iter().map(|count| count + by).collect();
        for _ in 0..1_200 {
            let far = self.pairs.iter().zip(&wanted).all(|(pair, wanted)| {
                pair.acknowledged.load(Ordering::SeqCst) >= *wanted
                    && pair.received.load(Ordering::SeqCst) >= *wanted
            });
            self.nothing_wrong();
            if far {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let received: Vec<_> = self.pairs.iter().map(|pair| pair.received.load(Ordering::SeqCst)).collect();
        panic!(
            "nothing goes on {when}: acknowledged {:?}, received {received:?}, wanted {wanted:?}",
            self.acknowledged()
        );
    }

    fn nothing_wrong(&self) {
        for (pair, n) in self.pairs.iter().zip(0..) {
            let wrong = pair.wrong.lock().unwrap();
            assert!(wrong.is_empty(), "pair {n}: {wrong:?}");
        }
    }

    /// Ends it. Each reader has what was acknowledged to its writer, each cell once and in its order.
    pub async fn ends(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.writers {
            task.await.unwrap();
        }
        self.written.store(true, Ordering::SeqCst);
        for task in self.readers {
            timeout(Duration::from_secs(60), task).await.expect("what was acknowledged arrives").unwrap();
        }
        for (pair, n) in self.pairs.iter().zip(0..) {
            let wrong = pair.wrong.lock().unwrap();
            assert!(wrong.is_empty(), "pair {n}: {wrong:?}");
            let (acknowledged, received) =
                (pair.acknowledged.load(Ordering::SeqCst), pair.received.load(Ordering::SeqCst));
            // One may have been stored whose acknowledgement was lost.
            assert!(
                (acknowledged..=acknowledged + 1).contains(&received),
                "pair {n}: {acknowledged}, {received}"
            );
        }
    }
}
