//! The relay under measurement: the program itself, in its own process, with the limits of a large one; and pairs of
//! clients that put, get and drop. A client's signatures are made before the clock runs, and it does not check proofs
//! of deposit: it is the relay that is measured.

use crate::relay_client::{Client, Queue};
use crate::rounds::{End, Setup};
use anyhow::Context as _;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use truceline::codec::{CELL_BYTES, CellBytes};
use truceline::crypto::sign::QueueSignature;
use truceline::host::clock;
use truceline::host::entropy::OsEntropy;
use truceline::host::link::Link;
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::service::relay_config::{LogLevel, RelayConfig};
use truceline::service::relay_folder::RelayFolder;
use truceline::time::Millis;
use truceline::wire::frame::Framed;
use truceline::wire::limit::{GET_COUNT_MAX, PASS_TOKENS_MAX};
use truceline::wire::pass::Token;
use truceline::wire::queue::{CellHash, QueueRole, sign_put};
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// The program, or another build of it to compare with.
pub fn program() -> PathBuf {
    std::env::var_os("TRUCELINE_BENCH_RELAY")
        .map_or_else(|| env!("CARGO_BIN_EXE_truceline-relay").into(), PathBuf::from)
}

/// A relay that serves, killed when dropped.
pub struct Relay {
    _place: Option<tempfile::TempDir>,
    folder: RelayFolder,
    child: Child,
    place: RelayPlace,
    queues: u64,
}

/// The keys of a queue of the benchmarks'.
pub fn queue(number: u64) -> Queue {
    Queue::seeded(number)
}

/// A folder of a relay without bounds that a benchmark would meet, made by this program.
pub fn init(dir: &Path, program: &Path) -> anyhow::Result<RelayFolder> {
    let made = Command::new(program).arg("init").arg(dir).args(["--listen", "127.0.0.1:0"]).output()?;
    anyhow::ensure!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
    let config = RelayConfig {
        listen: "127.0.0.1:0".parse()?,
        queue_cells_max: 1_000_000,
        connections_max: 100_000,
        connections_per_address_max: 100_000,
        handshakes_per_second: 100_000,
        handshakes_per_address_per_second: 100_000,
        log_level: LogLevel::Error,
        ..RelayConfig::default()
    };
    std::fs::write(dir.join("relay.toml"), config.print())?;
    Ok(RelayFolder::at(dir))
}

impl Relay {
    /// A new one.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        Self::start_program(setup, &program())
    }

    /// A new one, of this program.
    pub fn start_program(setup: &Setup, program: &Path) -> anyhow::Result<Self> {
        let place = setup.place()?;
        let folder = init(&place.path().join("relay"), program)?;
        let mut relay = Self::serve(folder, program)?;
        relay._place = Some(place);
        Ok(relay)
    }

    /// A new one whose folder is changed before it serves.
    #[allow(dead_code, reason = "the soak needs none")]
    pub fn start_changed(
        setup: &Setup,
        change: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let place = setup.place()?;
        let folder = init(&place.path().join("relay"), &program())?;
        change(folder.path())?;
        let mut relay = Self::serve(folder, &program())?;
        relay._place = Some(place);
        Ok(relay)
    }

    /// The one in a folder that is there.
    pub fn start_in(folder: RelayFolder) -> anyhow::Result<Self> {
        Self::serve(folder, &program())
    }

    fn serve(folder: RelayFolder, program: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("the relay's program")?;
        let mut errors = BufReader::new(child.stderr.take().context("piped")?);
        let mut line = String::new();
        let place = loop {
            line.clear();
            anyhow::ensure!(errors.read_line(&mut line)? > 0, "the relay ended before it listened");
            if let Some((_, rest)) = line.split_once('(').filter(|_| line.starts_with("listening on ")) {
                break RelayLine::parse(rest.split(' ').next().unwrap_or_default())?.place;
            }
        };
        // What it says later is shown.
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| eprintln!("relay: {line}"))
        });
        Ok(Self { _place: None, folder, child, place, queues: 0 })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub const fn place(&self) -> &RelayPlace {
        &self.place
    }

    /// Tokens for so many queues.
    pub fn tokens(&self, count: usize) -> anyhow::Result<Vec<Token>> {
        let mut tokens = Vec::new();
        while tokens.len() < count {
            let expires = clock::now().plus(Millis::days(1));
            tokens.extend(self.folder.issue(PASS_TOKENS_MAX, expires, &mut OsEntropy)?.tokens());
        }
        tokens.truncate(count);
        Ok(tokens)
    }

    /// New queues, each with its reader's and its writer's connection.
    pub async fn pairs(&mut self, count: usize, does: Does) -> anyhow::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for token in self.tokens(count)? {
            self.queues += 1;
            // Far from those that a store was made with.
            let queue = queue(self.queues + 1_000_000_000);
            let (reader, reply) = Client::open(&self.place, &queue, token).await;
            anyhow::ensure!(matches!(reply, Reply::Serving { .. }), "an opening was answered {reply:?}");
            let (writer, reply) = Client::prove(&self.place, &queue, QueueRole::Writer).await;
            anyhow::ensure!(matches!(reply, Reply::Serving { .. }), "a proof was answered {reply:?}");
            pairs.push(Pair::new(queue, reader.link, writer.link, does));
        }
        Ok(pairs)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one who puts.
pub struct Writer {
    queue: Queue,
    link: Link,
    cell: Box<CellBytes>,
    hash: CellHash,
    next: u64,
    signed: VecDeque<QueueSignature>,
}

/// The one who gets and drops.
pub struct Reader {
    link: Link,
    low: u64,
}

/// What a pair does in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Put,
    PutAndTake,
    Take,
}

/// Both ends of one queue.
pub struct Pair {
    writer: Writer,
    reader: Reader,
    does: Does,
}

async fn said(link: &mut Link) -> anyhow::Result<Reply> {
    let frame = link.reader.read().await?.context("the relay ended the connection")?;
    Ok(Framed::<Reply>::decode(&frame)?.said)
}

impl Writer {
    /// Puts cells until all are stored.
    pub async fn put(&mut self, cells: u64, window: u64) -> anyhow::Result<()> {
        let (mut stored, end) = (self.next, self.next + cells);
        while stored < end {
            if self.next < end && self.next - stored < window {
                let signature = self.signed.pop_front().context("signed before")?;
                let put = Request::Put { index: self.next, signature };
                let frame = Framed::<Request>::new(put, Some(self.cell.clone())).encode()?;
                self.link.writer.write(&frame).await?;
                self.next += 1;
                continue;
            }
            match said(&mut self.link).await? {
                Reply::Stored { first, count, .. } if first == stored => stored += u64::from(count),
                other => anyhow::bail!("a put was answered {other:?}"),
            }
        }
        Ok(())
    }
}

impl Reader {
    async fn ask(&mut self, request: Request) -> anyhow::Result<()> {
        Ok(self.link.writer.write(&Framed::<Request>::new(request, None).encode()?).await?)
    }

    /// Gets cells and drops them, until all are dropped.
    pub async fn take(&mut self, cells: u64) -> anyhow::Result<()> {
        let end = self.low + cells;
        let mut dropped = self.low;
        let get = |from: u64| Request::Get { from, count: GET_COUNT_MAX, wait_ms: 60_000 };
        self.ask(get(self.low)).await?;
        while dropped < end {
            match said(&mut self.link).await? {
                Reply::Cell { index, more, .. } => {
                    self.low = index + 1;
                    if more == 0 {
                        self.ask(Request::Drop { below: self.low }).await?;
                        if self.low < end {
                            self.ask(get(self.low)).await?;
                        }
                    }
                }
                Reply::Dropped { low } => dropped = low,
                other => anyhow::bail!("a get or a drop was answered {other:?}"),
            }
        }
        Ok(())
    }
}

impl Pair {
    fn new(queue: Queue, reader: Link, writer: Link, does: Does) -> Self {
        let mut cell = Box::new([0; CELL_BYTES]);
        cell.iter_mut().zip((0..=u8::MAX).cycle()).for_each(|(to, from)| *to = from);
        let hash = CellHash::of(&cell);
        let writer = Writer { queue, link: writer, cell, hash, next: 0, signed: VecDeque::new() };
        Self { writer, reader: Reader { link: reader, low: 0 }, does }
    }

    /// What it does from now on.
    pub const fn set(&mut self, does: Does) {
        self.does = does;
    }
}

impl End for Pair {
    fn prepare(&mut self, cells: u64) {
        if self.does == Does::Take {
            return;
        }
        let Writer { queue, hash, next, signed, .. } = &mut self.writer;
        let (id, secret) = &queue.writer;
        let from = *next + signed.len() as u64;
        signed.extend((from..*next + cells).map(|index| sign_put(secret, id, index, hash)));
    }

    async fn run(&mut self, cells: u64, window: u64) -> anyhow::Result<()> {
        match self.does {
            Does::Put => self.writer.put(cells, window).await,
            Does::Take => self.reader.take(cells).await,
            Does::PutAndTake => {
                tokio::try_join!(self.writer.put(cells, window), self.reader.take(cells)).map(|_| ())
            }
        }
    }

    async fn tidy(&mut self) -> anyhow::Result<()> {
        if self.reader.low < self.writer.next {
            self.reader.low = self.writer.next;
            self.reader.ask(Request::Drop { below: self.reader.low }).await?;
            let reply = said(&mut self.reader.link).await?;
            anyhow::ensure!(matches!(reply, Reply::Dropped { .. }), "a drop was answered {reply:?}");
        }
        Ok(())
    }
}
