//! How things are measured: rounds that alternate, medians, and what `/proc` tells of a process. Linux only.

use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Where and how long.
pub struct Setup {
    /// A folder on a disk, for what the parts write.
    pub dir: PathBuf,
    /// Where plots go.
    pub out: PathBuf,
    /// Seconds of one round.
    pub seconds: f64,
    /// Rounds of each of two that are compared.
    pub rounds: usize,
}

impl Setup {
    /// A folder that goes with its value.
    pub fn place(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new().prefix("relay-bench-").tempdir_in(&self.dir)?)
    }
}

/// One of many connections, or pairs of them, that do the same at once.
pub trait End: Send + 'static {
    /// What is made before the clock runs.
    fn prepare(&mut self, _cells: u64) {}

    /// So many cells, at most `window` of them not yet acknowledged.
    fn run(&mut self, cells: u64, window: u64) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// What is done once the clock stands.
    fn tidy(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { Ok(()) }
    }
}

/// All ends at once; how long it took. Nothing is tidied.
pub async fn rush<E: End>(ends: &mut Vec<E>, cells: u64, window: u64) -> anyhow::Result<Duration> {
    ends.iter_mut().for_each(|end| end.prepare(cells));
    let begin = Instant::now();
    let run = |mut end: E| {
        tokio::spawn(async move {
            end.run(cells, window).await?;
            anyhow::Ok(end)
        })
    };
    let tasks: Vec<_> = ends.drain(..).map(run).collect();
    for task in tasks {
        ends.push(task.await??);
    }
    Ok(begin.elapsed())
}

/// The same, and all is tidied.
pub async fn round<E: End>(ends: &mut Vec<E>, cells: u64, window: u64) -> anyhow::Result<Duration> {
    let took = rush(ends, cells, window).await?;
    for end in ends {
        end.tidy().await?;
    }
    Ok(took)
}

/// Cells for each end, so that a round lasts as long as it should.
pub async fn calibrated<E: End>(setup: &Setup, ends: &mut Vec<E>, window: u64) -> anyhow::Result<u64> {
    let mut cells = 4 * window;
    loop {
        let took = round(ends, cells, window).await?.as_secs_f64();
        if took > setup.seconds / 8.0 {
            return Ok(((cells as f64 * setup.seconds / took) as u64).max(4));
        }
        cells *= 4;
    }
}

/// What a comparison came to.
pub struct Compared {
    /// Cells a second of the first, and of the second.
    pub rates: [f64; 2],
    /// The first's rate by the second's: the middle of that of each pair of rounds.
    pub ratio: f64,
}

/// Compares two by rounds in turn.
pub async fn compare<A: End, B: End>(
    setup: &Setup,
    one: &mut Vec<A>,
    other: &mut Vec<B>,
    window: u64,
) -> anyhow::Result<Compared> {
    let cells = [calibrated(setup, one, window).await?, calibrated(setup, other, window).await?];
    let counts = [one.len() as f64, other.len() as f64];
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..setup.rounds {
        let [first, second] = cells;
        let took = [round(one, first, window).await?, round(other, second, window).await?];
        let [a, b] = [0, 1].map(|at| cells[at] as f64 * counts[at] / took[at].as_secs_f64());
        rates[0].push(a);
        rates[1].push(b);
        ratios.push(a / b);
    }
    let [a, b] = rates;
    Ok(Compared { rates: [median(a), median(b)], ratio: median(ratios) })
}

/// The middle one.
pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes of memory that are a process's own and resident.
pub fn memory_bytes(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
}

/// A tick of the processor times that Linux shows (`USER_HZ`).
const TICK_MICROS: f64 = 10_000.0;

/// Microseconds of the processor that a process has spent, and bytes that it has written to the disk: what other work on
/// the machine hardly touches.
fn spent(pid: u32) -> anyhow::Result<[f64; 2]> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("this needs Linux")?;
    // The name before may hold anything; fields 14 and 15 (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).context("a short stat")?.parse::<f64>().context("a number");
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("no write_bytes")?;
    Ok([(ticks(11)? + ticks(12)?) * TICK_MICROS, written.parse()?])
}

/// What a cell costs a process in a round: microseconds of the processor, and KiB written.
pub async fn cost<E: End>(
    setup: &Setup,
    pid: u32,
    ends: &mut Vec<E>,
    window: u64,
) -> anyhow::Result<[f64; 2]> {
    let each = calibrated(setup, ends, window).await?;
    let before = spent(pid)?;
    round(ends, each, window).await?;
    let (after, cells) = (spent(pid)?, (each * ends.len() as u64) as f64);
    Ok([(after[0] - before[0]) / cells, (after[1] - before[1]) / cells / 1024.0])
}

/// Files that a process has open.
pub fn descriptors(pid: u32) -> anyhow::Result<f64> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd")).context("this needs Linux")?.count() as f64)
}

/// Refuses a folder in memory: an fsync there says nothing.
pub fn check_disk(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let kind = rustix::fs::statfs(dir)?.f_type as u64;
    // `tmpfs` and `ramfs` (statfs(2)).
    anyhow::ensure!(
        kind != 0x0102_1994 && kind != 0x8584_58f6,
        "{} is in memory: name a folder on a disk with TRUCELINE_BENCH_DIR",
        dir.display()
    );
    Ok(())
}
