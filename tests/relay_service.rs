//! The relay's service over real sockets: what goes wrong for one peer, or on the disk, and what that is to
//! the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod relay_client;

use relay_client::{Client, DEADLINE, Queue, cell};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use truceline::codec::CELL_BYTES;
use truceline::crypto::digest::Digest;
use truceline::host::clock;
use truceline::host::entropy::OsEntropy;
use truceline::host::link::{Acceptor, LinkError};
use truceline::host::memory::{Failure, MemoryStore};
use truceline::host::store::{Store, StoreError};
use truceline::host::tls::make_certificate;
use truceline::party::relay::{Pin, RelayPlace};
use truceline::relay::table::CELL;
use truceline::service::relay::{RelayError, RelayService};
use truceline::service::relay_config::{Patience, RelayConfig};
use truceline::service::relay_folder::{RelayFolder, RelayFolderError};
use truceline::step::{Record, Span, Table};
use truceline::time::{Millis, UnixMillis};
use truceline::wire::deposit::{Deposit, StoredProof, key_digest, presented_key};
use truceline::wire::limit::WINDOW_FRAMES;
use truceline::wire::pass::Token;
use truceline::wire::queue::{CellHash, QueueRole, prove};
use truceline::wire::reply::{Bound, Reply};
use truceline::wire::request::Request;
use zeroize::Zeroizing;

fn config() -> RelayConfig {
    RelayConfig { listen: "127.0.0.1:0".parse().unwrap(), reserve_bytes: 0, ..RelayConfig::default() }
}

/// A relay in a folder of its own.
struct Bench {
    _place: TempDir,
    path: PathBuf,
    folder: RelayFolder,
    service: RelayService,
    tokens: Vec<Token>,
}

impl Bench {
    async fn start(config: RelayConfig) -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("relay");
        let folder = RelayFolder::at(&path);
        folder.init(&config).unwrap();
        let tokens = issue(&folder);
        let service = RelayService::start(folder.clone(), config).await.unwrap();
        Self { _place: place, path, folder, service, tokens }
    }

    async fn start_on(store: impl Store + 'static, config: RelayConfig) -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("relay");
        let folder = RelayFolder::at(&path);
        folder.init(&config).unwrap();
        let tokens = issue(&folder);
        let made = make_certificate().unwrap();
        let acceptor = Acceptor::new(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
        let service =
            RelayService::start_with(folder.clone(), config, acceptor, Box::new(store)).await.unwrap();
        Self { _place: place, path, folder, service, tokens }
    }

    fn place(&self) -> RelayPlace {
        self.service.place().unwrap()
    }

    /// A new queue's reader and writer.
    async fn queue(&mut self, seed: u64) -> (Queue, Client, Client) {
        let queue = Queue::seeded(seed);
        let (reader, reply) = Client::open(&self.place(), &queue, self.tokens.pop().unwrap()).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        let (writer, reply) = Client::prove(&self.place(), &queue, QueueRole::Writer).await;
        assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
        (queue, reader, writer)
    }

    /// Whether a cell goes through from end to end.
    async fn works(&mut self, seed: u64) {
        let (queue, mut reader, mut writer) = self.queue(seed).await;
        assert!(matches!(writer.put(&queue, 0, cell(seed, 0)).await, Reply::Stored { .. }));
        assert_eq!(reader.fetch(0).await, vec![(0, cell(seed, 0))]);
    }
}

fn issue(folder: &RelayFolder) -> Vec<Token> {
    let expires = clock::now().plus(Millis::days(1));
    folder.issue(16, expires, &mut OsEntropy).unwrap().tokens().collect()
}

/// A store whose next commit fails, and whose cells are damaged, when told.
#[derive(Clone, Default)]
struct Faulty {
    store: Arc<Mutex<MemoryStore>>,
    next: Arc<Mutex<Option<Failure>>>,
    damaged: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Store for Faulty {
    fn scan(&self, table: Table, visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>)) -> Result<(), StoreError> {
        self.store.lock().unwrap().scan(table, visit)
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        if table == CELL && self.damaged.lock().unwrap().iter().any(|damaged| damaged == key) {
            return Err(StoreError::Corrupt { what: "told to be".to_owned() });
        }
        self.store.lock().unwrap().read(table, key)
    }

    fn range(
        &self,
        table: Table,
        span: &Span<'_>,
        visit: &mut dyn FnMut(&[u8], Zeroizing<Vec<u8>>) -> bool,
    ) -> Result<(), StoreError> {
        self.store.lock().unwrap().range(table, span, visit)
    }

    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        if let Some(failure) = self.next.lock().unwrap().take() {
            self.store.lock().unwrap().fail_next(failure);
        }
        self.store.lock().unwrap().commit(records)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_goes_from_writer_to_reader_and_the_queue_changes_hands() {
    let mut bench = Bench::start(config()).await;
    let (mut queue, mut reader, mut writer) = bench.queue(1).await;
    reader.send(Request::Get { from: 0, count: 1, wait_ms: 60_000 }, None).await.unwrap();
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { first: 0, count: 1, .. }));
    let framed = reader.reply().await.unwrap().unwrap();
    assert!(matches!(framed.said, Reply::Cell { index: 0, more: 0, .. }));
    assert_eq!(framed.cell, Some(cell(1, 0)));
    assert_eq!(reader.ask(Request::Drop { below: 1 }, None).await, Reply::Dropped { low: 1 });
    let successor = Queue::seeded(2).writer;
    assert_eq!(reader.rekey(&mut queue, successor).await, Reply::Rekeyed);
    assert!(writer.reply().await.unwrap().is_none(), "the old writer's connection ends");
    let (mut writer, reply) = Client::prove(&bench.place(), &queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { low: 1, next: 1, last: None, .. }));
    assert!(matches!(writer.put(&queue, 1, cell(1, 1)).await, Reply::Stored { first: 1, .. }));
    assert_eq!(reader.ask(Request::Close, None).await, Reply::Closed);
    let (_, reply) = Client::prove(&bench.place(), &queue, QueueRole::Reader).await;
    assert_eq!(reply, Reply::Refused);
    bench.service.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_relay_under_the_address_is_noticed_by_its_pin() {
    let bench = Bench::start(config()).await;
    let wrong = Pin(Digest([7; 32]));
    let place = RelayPlace::new(bench.place().address(), wrong).unwrap();
    let error = Client::connect(&place).await.err();
    assert!(matches!(error, Some(LinkError::PinMismatch { expected, .. }) if expected == wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pass_and_a_spent_pass_open_nothing() {
    let bench = Bench::start(config()).await;
    let place = bench.place();
    let (_, reply) = Client::open(&place, &Queue::seeded(1), Token([0; 32])).await;
    assert_eq!(reply, Reply::PassRefused);
    let (_, reply) = Client::open(&place, &Queue::seeded(2), bench.tokens[0]).await;
    assert!(matches!(reply, Reply::Serving { .. }));
    let (_, reply) = Client::open(&place, &Queue::seeded(3), bench.tokens[0]).await;
    assert_eq!(reply, Reply::PassRefused);
    let (_, reply) = Client::open(&place, &Queue::seeded(2), bench.tokens[0]).await;
    assert!(matches!(reply, Reply::Serving { .. }), "the same opening again is no second one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_stays_spent_and_a_pass_issued_meanwhile_is_good_after_a_restart() {
    let mut bench = Bench::start(config()).await;
    let spent = *bench.tokens.last().unwrap();
    bench.works(1).await;
    let Bench { _place, folder, service, tokens, .. } = bench;
    service.shutdown().await.unwrap();
    let issued = issue(&folder);
    assert!(folder.status(clock::now()).unwrap().tokens == 15 + 16);
    let service = RelayService::start(folder.clone(), config()).await.unwrap();
    let place = service.place().unwrap();
    let (_, reply) = Client::open(&place, &Queue::seeded(2), issued[0]).await;
    assert!(matches!(reply, Reply::Serving { .. }));
    assert!(!tokens.contains(&spent));
    let (_, reply) = Client::open(&place, &Queue::seeded(3), spent).await;
    assert_eq!(reply, Reply::PassRefused);
    let (_, reply) = Client::prove(&place, &Queue::seeded(1), QueueRole::Reader).await;
    assert!(matches!(reply, Reply::Serving { next: 1, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_good_from_the_moment_it_is_printed() {
    let bench = Bench::start(config()).await;
    for seed in 0..4 {
        let token = issue(&bench.folder)[0];
        let (_, reply) = Client::open(&bench.place(), &Queue::seeded(seed), token).await;
        assert!(matches!(reply, Reply::Serving { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_and_the_next_one_still_works() {
    let mut bench = Bench::start(RelayConfig { queue_cells_max: 2, ..config() }).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    for index in 0..2 {
        assert!(matches!(writer.put(&queue, index, cell(1, index)).await, Reply::Stored { .. }));
    }
    let full = Reply::Full { index: 2, bound: Bound::Queue };
    assert_eq!(writer.put(&queue, 2, cell(1, 2)).await, full);
    bench.works(2).await;
    reader.ask(Request::Drop { below: 1 }, None).await;
    assert!(matches!(writer.put(&queue, 2, cell(1, 2)).await, Reply::Stored { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_at_its_reserve_opens_nothing_and_says_so() {
    let bench = Bench::start(RelayConfig { reserve_bytes: u64::MAX / 2, ..config() }).await;
    let (_, reply) = Client::open(&bench.place(), &Queue::seeded(1), bench.tokens[0]).await;
    assert_eq!(reply, Reply::Full { index: 0, bound: Bound::Disk });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_at_its_bound_keeps_what_it_acknowledged_and_takes_more_after_drops() {
    let mut bench = Bench::start(RelayConfig { store_bytes_max: Some(1 << 20), ..config() }).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    let mut stored = 0;
    loop {
        match writer.put(&queue, stored, cell(1, stored)).await {
            Reply::Stored { .. } => stored += 1,
            Reply::Full { index, bound } => break assert_eq!((index, bound), (stored, Bound::Disk)),
            other => panic!("a put was answered {other:?}"),
        }
    }
    assert!((20..64).contains(&stored), "{stored} cells");
    let held = reader.fetch(0).await;
    assert_eq!(held.len() as u64, stored);
    assert_eq!(reader.ask(Request::Drop { below: stored }, None).await, Reply::Dropped { low: stored });
    // The room is measured again from time to time.
    let again = async {
        while !matches!(writer.put(&queue, stored, cell(1, stored)).await, Reply::Stored { .. }) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DEADLINE, again).await.expect("room after drops");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_for_which_there_is_no_room_wait_and_end_no_connection() {
    let mut bench = Bench::start(RelayConfig { store_bytes_max: Some(1 << 20), ..config() }).await;
    let (queue, _reader, mut writer) = bench.queue(1).await;
    let expires = clock::now().plus(Millis::days(1));
    for _ in 0..14 {
        bench.folder.issue(1_000, expires, &mut OsEntropy).unwrap();
    }
    // Over some beats, of a second each.
    for index in 0..40 {
        let reply = writer.put(&queue, index, cell(1, index)).await;
        assert!(matches!(reply, Reply::Stored { .. } | Reply::Full { .. }), "{reply:?}");
        if matches!(reply, Reply::Full { .. }) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (waiting, none) = bench.folder.passes_waiting().unwrap();
    assert!(waiting > 0 && none == 0, "{waiting} wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_room_is_answered_full_and_forgets_nothing_acknowledged() {
    let store = Faulty::default();
    let mut bench = Bench::start_on(store.clone(), config()).await;
    let (queue, _reader, mut writer) = bench.queue(1).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    *store.next.lock().unwrap() = Some(Failure::Full);
    let full = Reply::Full { index: 1, bound: Bound::Disk };
    assert_eq!(writer.put(&queue, 1, cell(1, 1)).await, full);
    assert!(writer.reply().await.unwrap().is_none(), "the connection ends");
    let (mut writer, reply) = Client::prove(&bench.place(), &queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { low: 0, next: 1, last: Some(_), .. }));
    let again = writer.put(&queue, 0, cell(1, 0)).await;
    assert!(matches!(again, Reply::Stored { first: 0, .. }));
    let (mut reader, _) = Client::prove(&bench.place(), &queue, QueueRole::Reader).await;
    assert_eq!(reader.fetch(0).await, vec![(0, cell(1, 0))]);
    bench.service.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_acknowledges_nothing_and_stops_the_relay() {
    let store = Faulty::default();
    let mut bench = Bench::start_on(store.clone(), config()).await;
    let (queue, _reader, mut writer) = bench.queue(1).await;
    *store.next.lock().unwrap() = Some(Failure::Failed);
    writer.send_put(&queue, 0, cell(1, 0)).await.unwrap();
    assert!(!matches!(writer.reply().await, Ok(Some(_))), "no answer may be given");
    let ended = tokio::time::timeout(DEADLINE, bench.service.ended()).await.unwrap();
    assert!(matches!(ended, Err(RelayError::Store(StoreError::Failed { fatal: true, .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_the_disk_lost_is_gone_and_the_reader_gets_the_next() {
    let store = Faulty::default();
    let mut bench = Bench::start_on(store.clone(), config()).await;
    let (queue, _reader, mut writer) = bench.queue(1).await;
    for index in 0..3 {
        assert!(matches!(writer.put(&queue, index, cell(1, index)).await, Reply::Stored { .. }));
    }
    let key = [0_u64.to_be_bytes(), 1_u64.to_be_bytes()].concat();
    store.damaged.lock().unwrap().push(key);
    // A relay that has just started has none in memory.
    bench.service.shutdown().await.unwrap();
    bench = Bench::start_on(store.clone(), config()).await;
    let (mut reader, _) = Client::prove(&bench.place(), &queue, QueueRole::Reader).await;
    reader.send(Request::Get { from: 0, count: 3, wait_ms: 0 }, None).await.unwrap();
    assert!(matches!(reader.reply().await.unwrap().unwrap().said, Reply::Cell { index: 0, .. }));
    assert_eq!(reader.reply().await.unwrap().unwrap().said, Reply::Gone { index: 1, low: 0 });
    assert_eq!(reader.fetch(2).await, vec![(2, cell(1, 2))]);
    assert_eq!(reader.fetch(0).await.len(), 2, "the lost one is passed over from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_frame_is_answered_and_ends_its_connection_alone() {
    let mut bench = Bench::start(config()).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    let mut frame = Box::new([0; 16_384]);
    frame[0] = 200;
    writer.link.writer.write(&frame).await.unwrap();
    assert_eq!(writer.reply().await.unwrap().unwrap().said, Reply::Malformed);
    assert!(writer.reply().await.unwrap().is_none());
    let (mut writer, _) = Client::prove(&bench.place(), &queue, QueueRole::Writer).await;
    assert!(matches!(writer.put(&queue, 0, cell(1, 0)).await, Reply::Stored { .. }));
    assert_eq!(reader.fetch(0).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_place_of_tls_and_connections_that_say_nothing_end_and_harm_nobody() {
    let patience = Patience { prove: Millis(300), ..Patience::default() };
    let mut bench = Bench::start(RelayConfig { patience, ..config() }).await;
    let address = bench.service.local_addr();
    let mut garbage = TcpStream::connect(address).await.unwrap();
    garbage.write_all(&[0x47; 4_096]).await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut unproved = Client::connect(&bench.place()).await.unwrap();
    bench.works(1).await;
    for tcp in [&mut garbage, &mut silent] {
        let mut rest = Vec::new();
        // Ended either way: in order, or by a reset because it went on talking.
        let _ = tokio::time::timeout(DEADLINE, tcp.read_to_end(&mut rest)).await.expect("an end");
    }
    assert!(unproved.reply().await.unwrap().is_none());
    bench.works(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_every_connection() {
    let mut bench = Bench::start(RelayConfig { connections_per_address_max: 2, ..config() }).await;
    let place = bench.place();
    let (_queue, one, two) = bench.queue(1).await;
    assert!(Client::connect(&place).await.is_err());
    drop((one, two));
    let again = async { while Client::connect(&place).await.is_err() {} };
    tokio::time::timeout(DEADLINE, again).await.expect("a place that was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_prove_nothing_give_way_to_who_comes_and_those_that_proved_a_key_stay() {
    let few = RelayConfig {
        connections_max: 4,
        handshakes_per_second: 100_000,
        handshakes_per_address_per_second: 100_000,
        ..config()
    };
    let mut bench = Bench::start(few).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    let mut silent = from("127.0.0.2", bench.service.local_addr()).await;
    let mut unproved = Client::connect(&bench.place()).await.unwrap();
    // Two more connections: each takes the seat of one that has proved nothing, without waiting for its time to be over.
    let begin = tokio::time::Instant::now();
    let (other, mut other_reader, mut other_writer) = bench.queue(2).await;
    let ended = async {
        let _ = silent.read_to_end(&mut Vec::new()).await;
        assert!(!matches!(unproved.reply().await, Ok(Some(_))));
    };
    tokio::time::timeout(DEADLINE, ended).await.expect("an end");
    assert!(begin.elapsed() < std::time::Duration::from_millis(Patience::default().prove.0));
    // All four have proved a key: none gives way.
    assert!(Client::connect(&bench.place()).await.is_err());
    for (queue, seed, reader, writer) in
        [(&queue, 1, &mut reader, &mut writer), (&other, 2, &mut other_reader, &mut other_writer)]
    {
        assert!(matches!(writer.put(queue, 0, cell(seed, 0)).await, Reply::Stored { .. }));
        assert_eq!(reader.fetch(0).await, vec![(0, cell(seed, 0))]);
    }
    bench.service.shutdown().await.unwrap();
}

/// A connection from an address of this machine.
async fn from(address: &str, to: std::net::SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_comes_and_goes_without_end_gets_few_handshakes_and_holds_up_nobody() {
    let pace =
        RelayConfig { connections_per_address_max: 4, handshakes_per_address_per_second: 1, ..config() };
    let mut bench = Bench::start(pace).await;
    let to = bench.service.local_addr();
    let begin = tokio::time::Instant::now();
    let flood = tokio::spawn(async move {
        let mut let_in = 0_u64;
        for _ in 0..200 {
            let mut tcp = from("127.0.0.2", to).await;
            // Who is turned away is hung up on; who is let in is waited for, and goes.
            let hung_up = tokio::time::timeout(std::time::Duration::from_millis(20), tcp.read_u8()).await;
            let_in += u64::from(hung_up.is_err());
        }
        let_in
    });
    bench.works(1).await;
    let let_in = flood.await.unwrap();
    let pace = 4 + begin.elapsed().as_secs() + 1;
    assert!((1..=pace).contains(&let_in), "{let_in} were let in where {pace} may be");
    // The honest one is another address, and has its own pace.
    assert!(Client::connect(&bench.place()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_floods_and_reads_no_answers_holds_up_nobody() {
    let mut bench = Bench::start(config()).await;
    let (queue, _reader, mut writer) = bench.queue(1).await;
    let flood = tokio::spawn(async move {
        // Far more than a window, and not one answer is taken: what it sends is at last not read.
        for index in 0..100_000 {
            if writer.send_put(&queue, index % 8, cell(1, index % 8)).await.is_err() {
                break;
            }
        }
    });
    for seed in 2..8 {
        bench.works(seed).await;
    }
    flood.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_cut_off_in_time_and_holds_up_nobody() {
    let patience = Patience { write: Millis(500), ..Patience::default() };
    let mut bench = Bench::start(RelayConfig { patience, ..config() }).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    for index in 0..16 {
        assert!(matches!(writer.put(&queue, index, cell(1, index)).await, Reply::Stored { .. }));
    }
    // Asks for far more than any buffer between holds, and reads nothing of it.
    let asking =
        async { while reader.send(Request::Get { from: 0, count: 16, wait_ms: 0 }, None).await.is_ok() {} };
    let (cut, ()) = tokio::join!(tokio::time::timeout(DEADLINE, asking), bench.works(2));
    cut.expect("the reader is cut off");
    let (mut reader, _) = Client::prove(&bench.place(), &queue, QueueRole::Reader).await;
    assert_eq!(reader.fetch(0).await.len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_puts_is_answered_whole_in_any_grouping() {
    let mut bench = Bench::start(config()).await;
    let (queue, mut reader, mut writer) = bench.queue(1).await;
    for index in 0..WINDOW_FRAMES as u64 {
        writer.send_put(&queue, index, cell(1, index)).await.unwrap();
    }
    let mut next = 0;
    while next < WINDOW_FRAMES as u64 {
        match writer.reply().await.unwrap().unwrap().said {
            Reply::Stored { first, count, .. } => {
                assert_eq!(first, next);
                next += u64::from(count);
            }
            other => panic!("a put was answered {other:?}"),
        }
    }
    let held = reader.fetch(0).await;
    assert!(held.iter().all(|(index, bytes)| *bytes == cell(1, *index)) && held.len() == WINDOW_FRAMES);
    let status = async {
        loop {
            let status = bench.folder.status(clock::now());
            if status.is_ok_and(|status| status.bytes == (WINDOW_FRAMES * CELL_BYTES) as u64) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, status).await.expect("totals that follow");
}

/// The proof that comes with the next reply, which tells `first` and `count`; and its clock.
async fn proof(writer: &mut Client, first: u64, count: u32) -> (StoredProof, UnixMillis) {
    let framed = writer.reply().await.unwrap().unwrap();
    let Reply::Stored { first: of, count: so_many, clock } = framed.said else { panic!("{framed:?}") };
    assert_eq!((of, so_many), (first, count));
    (StoredProof::decode(&framed.cell.unwrap(), count).unwrap(), clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stored_cell_is_proven_by_the_key_that_the_relay_shows_again_after_a_restart() {
    let mut bench = Bench::start(config()).await;
    let line = bench.service.line().unwrap();
    let (queue, _reader, mut writer) = bench.queue(1).await;
    writer.send_put(&queue, 0, cell(1, 0)).await.unwrap();
    let (first, clock) = proof(&mut writer, 0, 1).await;
    let said = Deposit { writer: queue.writer.0, index: 0, cell: CellHash::of(&cell(1, 0)), clock };
    let key = bench.folder.deposit_key().unwrap();
    assert_eq!(Some(key_digest(key.public())), line.deposit);
    first.of(0).unwrap().verify(key.public(), &said).unwrap();
    bench.service.shutdown().await.unwrap();
    let service = RelayService::start(bench.folder.clone(), config()).await.unwrap();
    assert_eq!(service.line().unwrap().deposit, line.deposit);
    let mut writer = Client::connect(&service.place().unwrap()).await.unwrap();
    let (id, secret) = &queue.writer;
    let signature = prove(secret, &writer.link.exporter, QueueRole::Writer, id);
    writer.send(Request::Prove { role: QueueRole::Writer, id: *id, signature }, None).await.unwrap();
    let serving = writer.reply().await.unwrap().unwrap();
    assert_eq!(&presented_key(&serving.cell.unwrap()).unwrap(), key.public());
    writer.send_put(&queue, 0, cell(1, 0)).await.unwrap();
    let (again, at) = proof(&mut writer, 0, 1).await;
    assert_eq!(at, clock, "the first clock");
    assert_ne!(again, first, "a fresh proof");
    again.of(0).unwrap().verify(key.public(), &said).unwrap();
    service.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_many_writers_at_once_are_each_proven() {
    const WRITERS: u64 = 6;
    let mut bench = Bench::start(config()).await;
    let key = bench.folder.deposit_key().unwrap();
    let mut writers = Vec::new();
    for seed in 0..WRITERS {
        let (queue, _, writer) = bench.queue(seed).await;
        writers.push((seed, queue, writer));
    }
    for index in 0..WINDOW_FRAMES as u64 {
        for (seed, queue, writer) in &mut writers {
            writer.send_put(queue, index, cell(*seed, index)).await.unwrap();
        }
    }
    for (seed, queue, writer) in &mut writers {
        let mut next = 0;
        while next < WINDOW_FRAMES as u64 {
            let framed = writer.reply().await.unwrap().unwrap();
            let Reply::Stored { first, count, clock } = framed.said else { panic!("{framed:?}") };
            assert_eq!(first, next);
            let proof = StoredProof::decode(&framed.cell.unwrap(), count).unwrap();
            for at in 0..count as usize {
                let hash = CellHash::of(&cell(*seed, next));
                let said = Deposit { writer: queue.writer.0, index: next, cell: hash, clock };
                proof.of(at).unwrap().verify(key.public(), &said).unwrap();
                next += 1;
            }
        }
    }
    bench.service.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_deposit_key_gets_one_and_a_damaged_one_stops_the_start() {
    let bench = Bench::start(config()).await;
    let line = bench.service.line().unwrap();
    bench.service.shutdown().await.unwrap();
    let file = bench.path.join("deposit.key");
    std::fs::remove_file(&file).unwrap();
    let service = RelayService::start(bench.folder.clone(), config()).await.unwrap();
    let other = service.line().unwrap();
    assert!(other.deposit.is_some() && other.deposit != line.deposit);
    service.shutdown().await.unwrap();
    std::fs::write(&file, b"no key").unwrap();
    let refused = RelayService::start(bench.folder.clone(), config()).await.err();
    assert!(matches!(refused, Some(RelayError::Folder(RelayFolderError::DepositKey(_)))), "{refused:?}");
}
