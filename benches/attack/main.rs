//! The relay under attack: its own process with default limits, on one core; an honest pair and honest newcomers beside
//! each attack, in turn with rounds of quiet. Prints a table of ratios to the quiet. Exit code 1 where the honest lose
//! a cell or do not get on, or the relay takes too much memory. Linux only.
//!
//! `TRUCELINE_BENCH_SECONDS` says how long each attack lasts, 4 where it is not set; `TRUCELINE_BENCH_PARTS=handshakes,disk`
//! runs those in whose name a word is; `TRUCELINE_BENCH_DIR` names a folder on a disk, and
//! `TRUCELINE_BENCH_RELAY` another build of the relay to compare with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is shared with tests stops where it cannot go on"
)]

mod attacker;
mod attacks;
mod floods;
mod honest;
mod relay;
#[path = "../../tests/relay_client/mod.rs"]
mod relay_client;
mod rounds;
mod table;

use attacks::{KINDS, Kind, On};
use std::process::ExitCode;

/// Files for all connections of an attacker's.
const FILES: u64 = 20_000;

/// Seconds of one attack.
pub fn seconds() -> anyhow::Result<f64> {
    Ok(std::env::var("TRUCELINE_BENCH_SECONDS").map_or(Ok(4.0), |text| text.parse())?)
}

/// Those that are asked for.
fn chosen() -> Vec<Kind> {
    let parts = std::env::var("TRUCELINE_BENCH_PARTS").unwrap_or_default();
    KINDS.into_iter().filter(|kind| parts.split(',').any(|part| kind.name.contains(part))).collect()
}

async fn run() -> anyhow::Result<ExitCode> {
    let (small, defaults): (Vec<Kind>, Vec<Kind>) =
        chosen().into_iter().partition(|kind| kind.on == On::SmallStore);
    let mut rows = Vec::new();
    for kinds in [defaults, small] {
        rows.extend(rounds::rounds(&kinds).await?);
    }
    println!("{}", table::head());
    rows.iter().for_each(|row| println!("{}", row.told()));
    println!("\n{}", table::quiet(&rows));
    let wrong: Vec<String> = rows.iter().flat_map(table::Row::wrong).collect();
    wrong.iter().for_each(|line| println!("\nWRONG: {line}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _ = truceline::host::process::raise_open_files(FILES);
    if let Some(name) = std::env::var_os(rounds::ATTACKS) {
        runtime.block_on(rounds::attack(&name.to_string_lossy()))?;
        // Without a farewell to the connections.
        std::process::exit(0);
    }
    runtime.block_on(run())
}
