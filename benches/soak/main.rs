//! A day in minutes: connections, queues and relays come and go, rudely too, for `TRUCELINE_SOAK_MINUTES` (half a minute
//! where it is not set; ten are 24 hours of a relay whose officers come each minute). One relay stays, and its memory
//! and its descriptors are to be at the end what they were once it was warm; another is killed and started again all
//! the time, and is to hold each time what it acknowledged. Exit code 1 where that does not hold. Linux only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is shared with tests stops where it cannot go on"
)]

#[path = "../relay/relay.rs"]
#[allow(dead_code, reason = "the relay's benchmark uses the rest")]
mod relay;
#[path = "../../tests/relay_client/mod.rs"]
mod relay_client;
#[path = "../relay/rounds.rs"]
#[allow(dead_code, reason = "the relay's benchmark uses the rest")]
mod rounds;

use relay::{Relay, queue};
use relay_client::{Client, Queue, cell};
use rounds::{Setup, check_disk, descriptors, median, memory_bytes};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use truceline::party::relay::RelayPlace;
use truceline::wire::limit::PASS_TOKENS_MAX;
use truceline::wire::pass::Token;
use truceline::wire::queue::QueueRole;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// Queues that are opened in one turn.
const QUEUES: u64 = 24;
/// Turns after which a queue is closed.
const TURNS_KEPT: usize = 6;
/// Cells that go through each queue in one turn.
const CELLS: u64 = 16;
/// How much more memory than once it was warm is noise of the allocator's.
const MEMORY_MAX: f64 = 1.15;
/// A relay lets go of a connection that has ended rudely within this time.
const SETTLE: Duration = Duration::from_secs(3);

/// A queue that stays for some turns, and the first index that was not taken.
struct Kept {
    queue: Queue,
    seed: u64,
    next: u64,
}

/// Puts a turn's cells; one more connection is cut off in the middle of its handshake, and one after it.
async fn talk(place: &RelayPlace, kept: &mut Kept) {
    let (mut writer, reply) = Client::prove(place, &kept.queue, QueueRole::Writer).await;
    assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
    for index in kept.next..kept.next + CELLS {
        let reply = writer.put(&kept.queue, index, cell(kept.seed, index)).await;
        assert!(matches!(reply, Reply::Stored { .. }), "{reply:?}");
    }
    drop(tokio::net::TcpStream::connect(place.address()).await);
    drop(Client::connect(place).await);
    let (mut reader, _) = Client::prove(place, &kept.queue, QueueRole::Reader).await;
    // A get that waits when its connection is cut.
    let wait = Request::Get { from: kept.next + CELLS, count: 1, wait_ms: 60_000 };
    reader.send(wait, None).await.unwrap();
    drop(reader);
    let (mut reader, _) = Client::prove(place, &kept.queue, QueueRole::Reader).await;
    let taken = reader.fetch(kept.next).await;
    assert_eq!(taken.len() as u64, CELLS);
    assert!(taken.iter().all(|(index, bytes)| *bytes == cell(kept.seed, *index)));
    kept.next += CELLS;
    let low = reader.ask(Request::Drop { below: kept.next }, None).await;
    assert_eq!(low, Reply::Dropped { low: kept.next });
    reader.link.writer.close().await;
    writer.link.writer.close().await;
}

async fn open(place: RelayPlace, seed: u64, token: Token) -> Kept {
    let (_, reply) = Client::open(&place, &queue(seed), token).await;
    assert!(matches!(reply, Reply::Serving { .. }), "{reply:?}");
    let mut kept = Kept { queue: queue(seed), seed, next: 0 };
    talk(&place, &mut kept).await;
    kept
}

/// A turn of the relay that stays: queues come, all are used, the oldest go.
async fn turn(
    relay: &Relay,
    turn: u64,
    tokens: &mut Vec<Token>,
    kept: &mut VecDeque<Vec<Kept>>,
) -> anyhow::Result<()> {
    // A whole pass at a time: what a relay holds of passes that nobody uses is not what is looked at.
    if tokens.len() < QUEUES as usize {
        tokens.extend(relay.tokens(PASS_TOKENS_MAX as usize)?);
    }
    let mut coming = JoinSet::new();
    for (token, number) in tokens.drain(..QUEUES as usize).zip(0..) {
        coming.spawn(open(relay.place().clone(), turn * QUEUES + number, token));
    }
    for all in kept.iter_mut() {
        talk(relay.place(), &mut all[turn as usize % QUEUES as usize]).await;
    }
    kept.push_back(coming.join_all().await);
    if kept.len() > TURNS_KEPT {
        for old in kept.pop_front().unwrap_or_default() {
            let (mut reader, _) = Client::prove(relay.place(), &old.queue, QueueRole::Reader).await;
            assert_eq!(reader.ask(Request::Close, None).await, Reply::Closed);
        }
    }
    Ok(())
}

/// A life of the relay that is killed: it has what the life before acknowledged, and is given more.
async fn life(relay: &Relay, stored: &mut Kept) {
    let (mut writer, reply) = Client::prove(relay.place(), &stored.queue, QueueRole::Writer).await;
    let Reply::Serving { next, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(next, stored.next, "what was acknowledged is there");
    for _ in 0..CELLS {
        let reply = writer.put(&stored.queue, stored.next, cell(stored.seed, stored.next)).await;
        assert!(matches!(reply, Reply::Stored { .. }), "{reply:?}");
        stored.next += 1;
    }
    let (mut reader, _) = Client::prove(relay.place(), &stored.queue, QueueRole::Reader).await;
    let held = reader.fetch(0).await;
    assert!(held.iter().all(|(index, bytes)| *bytes == cell(stored.seed, *index)));
    let drop_below = stored.next - CELLS / 2;
    assert_eq!(
        reader.ask(Request::Drop { below: drop_below }, None).await,
        Reply::Dropped { low: drop_below }
    );
}

async fn soak(setup: &Setup, minutes: f64) -> anyhow::Result<bool> {
    let stays = Relay::start(setup)?;
    let place = setup.place()?;
    let folder = relay::init(&place.path().join("relay"), &relay::program())?;
    let mut dies = Relay::start_in(folder.clone())?;
    let mut stored = Kept { queue: queue(u64::MAX), seed: u64::MAX, next: 0 };
    let token = dies.tokens(1)?[0];
    drop(Client::open(dies.place(), &stored.queue, token).await);
    let (begin, whole) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let (mut kept, mut memory, mut turns, mut tokens) = (VecDeque::new(), Vec::new(), 1, Vec::new());
    turn(&stays, 0, &mut tokens, &mut kept).await?;
    tokio::time::sleep(SETTLE).await;
    let at_first = descriptors(stays.pid())?;
    while begin.elapsed() < whole {
        turn(&stays, turns, &mut tokens, &mut kept).await?;
        memory.push(memory_bytes(stays.pid())? / 1024.0);
        life(&dies, &mut stored).await;
        drop(dies);
        dies = Relay::start_in(folder.clone())?;
        turns += 1;
    }
    tokio::time::sleep(SETTLE).await;
    let fifth = (memory.len() / 5).max(1);
    let warm = median(memory.iter().skip(2 * fifth).take(fifth).copied().collect());
    let last = median(memory.iter().rev().take(fifth).copied().collect());
    let open = descriptors(stays.pid())?;
    println!("| soak of {minutes} minutes, {turns} turns | warm | at the end |\n| --- | ---: | ---: |");
    println!("| memory of the relay that stayed, KiB | {warm:.0} | {last:.0} |");
    println!("| its descriptors | {at_first:.0} | {open:.0} |");
    println!("| lives of the relay that was killed | | {} |", turns + 1);
    Ok(last <= MEMORY_MAX * warm && open <= at_first)
}

fn main() -> anyhow::Result<ExitCode> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = std::env::var_os("TRUCELINE_BENCH_DIR").map_or_else(|| target.to_owned(), PathBuf::from);
    check_disk(&dir)?;
    let minutes = std::env::var("TRUCELINE_SOAK_MINUTES").map_or(Ok(0.5), |text| text.parse())?;
    let setup = Setup { out: dir.clone(), dir, seconds: 1.0, rounds: 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let flat = runtime.block_on(soak(&setup, minutes))?;
    println!("\n{}", if flat { "Memory and descriptors are flat." } else { "NOT flat." });
    Ok(if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
