//! Rounds of quiet and of attacks in turn, each attack in a process of its own, with less claim to the processor than the
//! honest have.

use crate::attacker::Target;
use crate::attacks::{Attack, KINDS, Kind, On};
use crate::honest::{self, Honest, Seen};
use crate::relay::Relay;
use crate::relay_client::{Queue, cell, tokens};
use crate::seconds;
use crate::table::Row;
use anyhow::Context as _;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// Names the attack that this process is to run.
pub const ATTACKS: &str = "TRUCELINE_BENCH_ATTACKS";
const TARGET: &str = "TRUCELINE_BENCH_TARGET";
const PASS: &str = "TRUCELINE_BENCH_PASS";
/// What an attack does first may take so long.
const PREPARES: Duration = Duration::from_secs(60);
/// From the end of an attack to the beginning of quiet.
const SETTLES: Duration = Duration::from_millis(500);
/// Between two looks at the relay.
const LOOK: Duration = Duration::from_millis(50);
/// Cells that lie there when the disk becomes full.
const BACKLOG: u64 = 64;

/// Attacks as the other process was told, until its input ends; then tells what it came to.
pub async fn attack(name: &str) -> anyhow::Result<()> {
    let kind = KINDS.into_iter().find(|kind| kind.name == name).context("no such attack")?;
    let pass = std::env::var(PASS).map(|pass| tokens(&pass)).unwrap_or_default();
    let attack = Arc::new(Attack {
        target: Target::new(std::env::var(TARGET)?.parse()?),
        through: AtomicU64::new(0),
        begun: AtomicBool::new(false),
        // One is kept, to see whether it still opens anything.
        tokens: pass.into_iter().take(kind.queues).collect(),
    });
    let running = tokio::spawn((kind.run)(attack.clone()));
    spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    running.abort();
    println!("{}", attack.through.load(Ordering::Relaxed));
    Ok(())
}

/// An attack under way.
struct Attacker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Attacker {
    async fn start(kind: &Kind, relay: &Relay, pass: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(std::env::current_exe()?).env(ATTACKS, kind.name);
        command.env(TARGET, relay.place.address()).envs((!pass.is_empty()).then_some((PASS, pass)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("piped")?).lines();
        let begins = spawn_blocking(move || (lines.next(), lines));
        let (begun, lines) =
            timeout(PREPARES, begins).await.context("the attack did not begin in time")??;
        begun.context("the attack ended before it began")??;
        Ok(Self { child, lines })
    }

    /// Ends it, as it ends too when this process does: its input is at its end. What got through.
    async fn end(mut self) -> anyhow::Result<f64> {
        let ends = spawn_blocking(move || {
            drop(self.child.stdin.take());
            let last = self.lines.last().context("no count")??;
            self.child.wait()?;
            Ok(last.parse()?)
        });
        ends.await?
    }
}

/// Fetches what lay there before the disk became full, and drops it, cell by cell.
async fn drain(relay: &Relay, queue: &Queue) -> anyhow::Result<()> {
    let mut reader = honest::serve(&relay.place, queue, QueueRole::Reader).await?;
    for index in 0..BACKLOG {
        reader.send(Request::Get { from: index, count: 1, wait_ms: 0 }, None).await?;
        let framed = reader.reply().await?.context("no cell")?;
        let whole = matches!(framed.said, Reply::Cell { index: came, .. } if came == index)
            && framed.cell == Some(cell(3, index));
        anyhow::ensure!(whole, "instead of cell {index} of the backlog came {:?}", framed.said);
        let dropped = reader.ask(Request::Drop { below: index + 1 }, None).await;
        anyhow::ensure!(matches!(dropped, Reply::Dropped { .. }), "a drop was answered {dropped:?}");
    }
    Ok(())
}

/// What happens beside the attack, once it has begun.
async fn beside(kind: &Kind, relay: &Relay, backlog: &Queue, pass: &str) -> anyhow::Result<()> {
    match kind.on {
        On::Defaults => Ok(()),
        On::SmallStore => drain(relay, backlog).await,
        On::Revoked => {
            relay.revoke(pass)?;
            let left = *tokens(pass).last().context("a token")?;
            let opened = honest::open(&relay.place, &Queue::seeded(4), left).await;
            anyhow::ensure!(
                opened.is_err_and(|error| error.to_string().contains("PassRefused")),
                "a pass that was taken back opened a queue"
            );
            Ok(())
        }
    }
}

async fn attacked(
    kind: &Kind,
    relay: &Relay,
    honest: &Honest,
    backlog: &Queue,
) -> anyhow::Result<(Seen, f64, f64, usize)> {
    let pass = if kind.queues > 0 { relay.pass(kind.queues + 1)? } else { String::new() };
    relay.forget_peak();
    let attacker = Attacker::start(kind, relay, &pass).await?;
    let (before, begin, mut descriptors) = (honest.take(), Instant::now(), 0);
    let lasts = Duration::from_secs_f64(seconds()?);
    let looks = async {
        while begin.elapsed() < lasts {
            descriptors = descriptors.max(relay.descriptors()?);
            sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    let (looked, happened) = tokio::join!(looks, beside(kind, relay, backlog, &pass));
    looked?;
    let mut seen = honest.take();
    // What the attack prepared counts too where it did harm.
    seen.wrong.extend(before.wrong);
    seen.wrong.extend(happened.err().map(|error| error.to_string()));
    seen.reconnects += before.reconnects;
    seen.stuck = seen.stuck.max(before.stuck);
    seen.shut_out = seen.shut_out.max(before.shut_out);
    let rate = attacker.end().await? / lasts.as_secs_f64();
    Ok((seen, rate, relay.peak_mib()?, descriptors))
}

fn with(one: &Seen, other: &Seen) -> Seen {
    let mut both = one.clone();
    both.latencies.extend(&other.latencies);
    both.newcomers.extend(&other.newcomers);
    both.wrong.extend(other.wrong.iter().cloned());
    both
}

/// These attacks on one relay, with quiet before, between and after.
pub async fn rounds(kinds: &[Kind]) -> anyhow::Result<Vec<Row>> {
    let Some(first) = kinds.first() else { return Ok(Vec::new()) };
    let small = first.on == On::SmallStore;
    let relay = Relay::start(&folder(), |config| {
        config.store_bytes_max = small.then_some(64 << 20);
    })?;
    eprintln!("the relay is confined by: {}", relay.confined.join(" "));
    let pass = tokens(&relay.pass(3)?);
    let honest = Honest::begin(&relay.place, &pass).await?;
    let backlog = Queue::seeded(3);
    honest::open(&relay.place, &backlog, pass[2]).await?;
    let mut writer = honest::serve(&relay.place, &backlog, QueueRole::Writer).await?;
    for index in 0..BACKLOG {
        let stored = writer.put(&backlog, index, cell(3, index)).await;
        anyhow::ensure!(matches!(stored, Reply::Stored { .. }), "a put was answered {stored:?}");
    }
    drop(writer);
    let quiet = async || {
        sleep(SETTLES).await;
        honest.take();
        sleep(Duration::from_secs_f64(seconds()?)).await;
        anyhow::Ok(honest.take())
    };
    let (mut rows, mut before) = (Vec::new(), quiet().await?);
    for kind in kinds {
        let (seen, rate, peak_mib, descriptors) = attacked(kind, &relay, &honest, &backlog).await?;
        let after = quiet().await?;
        let quiet = with(&before, &after);
        let row = Row { kind: *kind, rate, seen, quiet, peak_mib, descriptors };
        eprintln!("{}", row.told());
        rows.push(row);
        before = after;
    }
    Ok(rows)
}

/// Where the relay's folder lies.
fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::env::var_os("TRUCELINE_BENCH_DIR").map_or_else(|| target.to_owned(), PathBuf::from)
}
