//! The relay in operation, beside what it stands on and beside others: prints a table of ratios, each of two things
//! measured in turn in one run, and writes plots. Exit code 1 where a promise is missed. Linux only.
//!
//! `TRUCELINE_BENCH_PARTS=floor,load` runs some parts; `TRUCELINE_BENCH_SECONDS` says how long a round is, 1 where it
//! is not set; `TRUCELINE_BENCH_DIR` names a folder on a disk, `TRUCELINE_BENCH_OUT` one for the plots.
//! The part `before`, run only where it is named, compares with another build of the relay, which
//! `TRUCELINE_BENCH_BEFORE` names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is shared with tests stops where it cannot go on"
)]

#[path = "../../tests/postgres/cluster.rs"]
mod cluster;
mod floor;
mod growth;
mod idle;
mod load;
#[path = "../lists/measure.rs"]
#[allow(dead_code, reason = "the lists' benchmark uses the rest")]
mod measure;
mod officer;
#[path = "../../tests/pair/mod.rs"]
mod pair;
mod peers;
mod plot;
mod relay;
#[path = "../../tests/relay_client/mod.rs"]
mod relay_client;
mod rounds;
#[path = "../lists/scene.rs"]
#[allow(dead_code, reason = "the lists' benchmark uses the rest")]
mod scene;
mod shared;
mod store;
mod table;

use rounds::Setup;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::Table;

const PARTS: [&str; 8] = ["floor", "load", "idle", "growth", "startup", "shared", "peers", "officer"];
/// Files for 5,000 connections, here and at the other end of each.
const FILES: u64 = 20_000;
const ROUNDS: usize = 5;

fn setup() -> anyhow::Result<Setup> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = |name: &str, otherwise: PathBuf| std::env::var_os(name).map_or(otherwise, PathBuf::from);
    let setup = Setup {
        dir: folder("TRUCELINE_BENCH_DIR", target.to_owned()),
        out: folder("TRUCELINE_BENCH_OUT", target.with_file_name("bench")),
        seconds: std::env::var("TRUCELINE_BENCH_SECONDS").map_or(Ok(1.0), |text| text.parse())?,
        rounds: ROUNDS,
    };
    rounds::check_disk(&setup.dir)?;
    Ok(setup)
}

async fn run(parts: &[String]) -> anyhow::Result<Table> {
    let (setup, mut table) = (setup()?, Table::default());
    for part in parts {
        match part.as_str() {
            "floor" => load::floor(&setup, &mut table).await?,
            "load" => load::load(&setup, &mut table).await?,
            "before" => load::before(&setup, &mut table).await?,
            "idle" => idle::idle(&setup, &mut table).await?,
            "growth" => growth::growth(&setup, &mut table).await?,
            "startup" => growth::startup(&setup, &mut table).await?,
            "shared" => shared::shared(&setup, &mut table).await?,
            "peers" => peers::peers(&setup, &mut table).await?,
            "officer" => officer::officer(&setup, &mut table).await?,
            other => anyhow::bail!("there is no part '{other}': {}", PARTS.join(", ")),
        }
    }
    Ok(table)
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _ = truceline::host::process::raise_open_files(FILES);
    if let Some(dir) = std::env::var_os(floor::SERVES) {
        runtime.block_on(floor::run(Path::new(&dir)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let parts = std::env::var("TRUCELINE_BENCH_PARTS").unwrap_or_else(|_| PARTS.join(","));
    let parts: Vec<String> = parts.split(',').map(str::to_owned).collect();
    let table = runtime.block_on(run(&parts))?;
    print!("{}", table.markdown());
    let missed = table.missed();
    missed.iter().for_each(|line| println!("\nMISSED: {line}"));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
