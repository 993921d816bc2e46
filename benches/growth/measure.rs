//! What is done with a vault of so many statements, and what it costs: in a process of its own, so that its memory is
//! that of the vault alone. Linux only: memory is read from `/proc`.

use crate::pair;
use crate::vault::{PASSPHRASE, THREAD, note};
use anyhow::Context as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use truceline::codec;
use truceline::host::entropy::OsEntropy;
use truceline::host::vault::Vault;
use truceline::officer::link::{LinkEvent, LinkKey, Purpose};
use truceline::officer::table;
use truceline::party::role::Role;
use truceline::service::officer::OfficerService;
use truceline::service::verify::check_all;
use truceline::session::content::fragments;
use truceline::session::ratchet::Ratchet;
use truceline::statement::header::StatementId;
use truceline::statement::kind::Kind;
use truceline::statement::signed::{Said, Statement, decode_signed_header, verify_header};
use truceline::statement::transcript::{Heading, Transcript};
use truceline::wire::frame::Framed;
use truceline::wire::queue::Exporter;
use truceline::wire::reply::Reply;

/// How often each is done.
const TIMES: u32 = 100;
/// Signatures that are verified to learn the bare rate.
const BARE: u64 = 1_000;

/// What was measured, in the order in which it is told: times in microseconds, memory in KiB, rates a second.
pub const NAMES: [&str; 9] = [
    "open, less the passphrase, us",
    "say a note, us",
    "take in a note, us",
    "show, us",
    "peak memory so far, KiB",
    "verify, statements a second",
    "verify, peak memory, KiB",
    "bare signatures a second, 1 core",
    "bare signatures a second, all cores",
];

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn peak_kib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a status without a peak")?;
    Ok(peak.trim().trim_end_matches("kB").trim().parse()?)
}

/// The middle of the times: other work on the machine makes some long.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().map_or(0.0, micros)
}

fn say(service: &mut OfficerService) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for at in 0..TIMES {
        let said = note(&format!("Said {at}."))?;
        let begin = Instant::now();
        service.command(|officer, now, rng| officer.say(THREAD, None, &said, Vec::new(), now, rng))?;
        times.push(begin.elapsed());
    }
    Ok(middle(times))
}

/// The counterpart says something, and it is taken in: opened, verified, stored.
fn take_in(service: &mut OfficerService, dir: &Path) -> anyhow::Result<f64> {
    let mut ratchet: Ratchet = codec::decode(&std::fs::read(dir.join("peer"))?, usize::MAX)?;
    let peer = pair::identity("Tarrun", 101);
    let channel = service.officer().channel(THREAD).context("the channel")?;
    let id = *channel.transcript.channel();
    let ends = Role::BOTH.map(|role| channel.transcript.chain(role).end().clone());
    let mut transcript = Transcript::resume(id, ends);
    let link = LinkKey { thread: THREAD, purpose: Purpose::Inbound(0) };
    let mut handle = |event: LinkEvent| {
        service.command(|officer, now, rng| Ok(((), officer.handle(link, event, now, rng))))
    };
    handle(LinkEvent::Up(Exporter([7; 32])))?;
    let (mut times, mut rng) = (Vec::new(), pair::rng(6));
    for index in 0..u64::from(TIMES) {
        let said =
            Said { salt: [3; 32], body: note(&format!("Came {index}."))?.encode()?, lists: Vec::new() };
        let heading = Heading { kind: Kind::Note.number(), case: StatementId::NONE, clock: pair::NOW };
        let header = transcript.next_header(Role::Joiner, heading, said.commitment());
        transcript.append_verified(&header)?;
        let bytes = Statement::sign(header, said, peer.key())?.encode()?;
        let sequence = transcript.chain(Role::Joiner).count() - 1;
        let piece = fragments(sequence, &bytes).next().context("a note is one piece")?;
        let cell = ratchet.seal(&piece.encode()?, &mut rng)?;
        let signature = truceline::crypto::sign::QueueSignature([0; 64]);
        let reply = Reply::Cell { index, signature, clock: pair::NOW, more: 1 };
        let begin = Instant::now();
        handle(LinkEvent::Reply(Some(Framed::<Reply>::new(reply, Some(cell)))))?;
        times.push(begin.elapsed());
    }
    let channel = service.officer().channel(THREAD).context("the channel")?;
    anyhow::ensure!(channel.transcript.chain(Role::Joiner).count() == transcript.chain(Role::Joiner).count());
    Ok(middle(times))
}

/// What `show` reads of a statement, by the beginning of its id, all over the history.
fn show(service: &OfficerService) -> anyhow::Result<f64> {
    let channel = service.officer().channel(THREAD).context("the channel")?;
    let count = channel.transcript.chain(Role::Joiner).count();
    let mut times = Vec::new();
    for at in 0..u64::from(TIMES) {
        let id = channel.statement_at(Role::Joiner, at * count / u64::from(TIMES)).context("it is there")?.id;
        let digits: String = id.0.hex().chars().take(16).collect();
        let begin = Instant::now();
        let found = service.officer().ids_from(&digits);
        let (id, _) = found.first().context("it is found")?;
        let shown = channel.statement(id).context("it is there")?;
        let ledger = channel.ledger_about(&shown);
        anyhow::ensure!(ledger.verdict(id) == Some(Ok(())) && shown.content().is_some());
        times.push(begin.elapsed());
    }
    Ok(middle(times))
}

/// Signatures verified in a second, on one core and on all.
fn bare(service: &OfficerService) -> anyhow::Result<[f64; 2]> {
    let channel = service.officer().channel(THREAD).context("the channel")?;
    let card = channel.session().context("it stands")?.card(Role::Inviter);
    let count = channel.transcript.chain(Role::Inviter).count().min(BARE);
    let bytes: Vec<Arc<[u8]>> = (0..count).filter_map(|at| channel.bytes_at(Role::Inviter, at)).collect();
    let signed = bytes.iter().map(|it| decode_signed_header(it)).collect::<Result<Vec<_>, _>>()?;
    let verify =
        || signed.iter().all(|(header, signature)| verify_header(header, signature, card.key()).is_ok());
    let rate = |cores: usize, began: Instant| (signed.len() * cores) as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    anyhow::ensure!(verify());
    let one = rate(1, began);
    let cores = std::thread::available_parallelism()?.get();
    let began = Instant::now();
    std::thread::scope(|threads| (0..cores).for_each(|_| drop(threads.spawn(verify))));
    Ok([one, rate(cores, began)])
}

/// Measures the vault in a folder.
pub fn measure(dir: &Path) -> anyhow::Result<[f64; 9]> {
    let vault = Vault::open(&dir.join("vault"), PASSPHRASE, table::MUTABLE, Box::new(OsEntropy))?;
    // The passphrase has taken much memory for a moment, and given it back: the peak begins anew.
    std::fs::write("/proc/self/clear_refs", "5").context("this needs Linux")?;
    let begin = Instant::now();
    let mut service = OfficerService::with_store(Box::new(vault))?;
    let open = micros(begin.elapsed());
    let said = say(&mut service)?;
    let taken = take_in(&mut service, dir)?;
    let shown = show(&service)?;
    let peak = peak_kib()?;
    let [one, all] = bare(&service)?;
    let channel = service.officer().channel(THREAD).context("the channel")?;
    let preamble = channel.preamble().context("it stands")?;
    std::fs::write("/proc/self/clear_refs", "5")?;
    let (mut statements, begin) = (channel.braid(), Instant::now());
    let mut next = || Ok(statements.next().and_then(|shown| shown.bytes()));
    let checked = check_all(&preamble, &mut next, &mut |_, _| {})?;
    let verified = checked.heads.iter().map(|(count, _)| count).sum::<u64>();
    let rate = verified as f64 / begin.elapsed().as_secs_f64();
    let ends = Role::BOTH.map(|role| channel.transcript.chain(role).count());
    anyhow::ensure!(ends.iter().sum::<u64>() == verified && service.failure().take().is_none());
    Ok([open, said, taken, shown, peak, rate, peak_kib()?, one, all])
}
