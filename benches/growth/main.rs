//! What a long history costs: vaults of 1,000, 10,000 and 100,000 statements, or of as many as
//! `TRUCELINE_BENCH_STATEMENTS` says (even numbers, with commas between), are made in bulk and then opened, added to,
//! read and verified. Prints what each takes. Exit code 1 where what should be flat is not. Linux only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is shared with tests stops where it cannot go on"
)]

mod measure;
#[path = "../../tests/pair/mod.rs"]
mod pair;
mod vault;

use anyhow::Context as _;
use measure::NAMES;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Names the folder that this process is to measure.
const MEASURES: &str = "TRUCELINE_BENCH_GROWTH";
/// What is flat: the first five, and the memory of a check.
const FLAT: [usize; 6] = [0, 1, 2, 3, 4, 6];
/// How many times what it is at first something flat may be at last: other work on the machine, and deeper trees of
/// the database's.
const GROWTH_MAX: f64 = 4.0;

fn measured(dir: &Path) -> anyhow::Result<Vec<f64>> {
    let told = Command::new(std::env::current_exe()?).env(MEASURES, dir).output()?;
    let text = String::from_utf8(told.stdout)?;
    let of = || String::from_utf8_lossy(&told.stderr).into_owned();
    anyhow::ensure!(told.status.success(), "measuring failed: {}", of());
    text.split_whitespace().map(|number| number.parse().context("a number")).collect()
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(dir) = std::env::var_os(MEASURES) {
        for number in measure::measure(Path::new(&dir))? {
            println!("{number:.0}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = match std::env::var("TRUCELINE_BENCH_STATEMENTS") {
        Ok(sizes) => sizes.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?,
        Err(_) => vec![1_000, 10_000, 100_000],
    };
    let mut columns = Vec::new();
    for size in &sizes {
        let place = tempfile::tempdir()?;
        let begin = Instant::now();
        vault::make(place.path(), *size)?;
        eprintln!("{size} statements made in {:.1} s", begin.elapsed().as_secs_f64());
        let column = measured(place.path())?;
        eprintln!("{}", column.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
        columns.push(column);
    }
    print!("{:<37}", "statements");
    sizes.iter().for_each(|size| print!("{size:>10}"));
    println!("\n{}", "─".repeat(37 + 10 * sizes.len()));
    for (at, name) in NAMES.into_iter().enumerate() {
        print!("{name:<37}");
        columns.iter().filter_map(|column| column.get(at)).for_each(|number| print!("{number:>10.0}"));
        println!();
    }
    let grows = |at: &usize| {
        let all: Vec<f64> = columns.iter().filter_map(|column| column.get(*at)).copied().collect();
        all.first().zip(all.last()).is_some_and(|(first, last)| *last > GROWTH_MAX * first)
    };
    let grown: Vec<&str> =
        FLAT.iter().filter(|at| grows(at)).filter_map(|at| NAMES.get(*at)).copied().collect();
    if grown.is_empty() {
        println!("\nWhat should not grow with the history does not.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThis GROWS with the history: {}.", grown.join("; "));
    Ok(ExitCode::FAILURE)
}
