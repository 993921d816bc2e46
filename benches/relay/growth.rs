//! Whether a put costs more where there are more queues, or where more cells wait; and how long a relay takes to start
//! with what is stored.

use crate::plot::{Plot, lines};
use crate::relay::{Does, Pair, Relay};
use crate::rounds::{Compared, Setup, compare, median};
use crate::store::make;
use crate::table::{Bound, Row, Table};
use tokio::time::Instant;

const FEW: u64 = 10;
const QUEUES: [u64; 2] = [1_000, 100_000];
const CELLS: [u64; 2] = [10_000, 100_000];
/// Ten queues with a full load's window: batches as they are in operation.
const PAIRS: usize = 16;
const WINDOW: u64 = 16;
/// What noise may take from a rate that is the same.
const SAME: f64 = 0.8;
const STARTS: usize = 3;

/// A relay with so much in it, and pairs that use it.
async fn filled(
    setup: &Setup,
    queues: u64,
    cells: u64,
) -> anyhow::Result<(tempfile::TempDir, Relay, Vec<Pair>)> {
    let place = setup.place()?;
    let mut relay = Relay::start_in(make(&place.path().join("relay"), queues, cells)?)?;
    let pairs = relay.pairs(PAIRS, Does::Put).await?;
    Ok((place, relay, pairs))
}

/// Puts beside those to a relay with ten queues and no cell.
pub async fn growth(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let (_few, _relay, mut few) = filled(setup, FEW, 0).await?;
    let (mut by_queues, mut by_cells) = (vec![(FEW as f64, 1.0)], vec![(FEW as f64, 1.0)]);
    let sizes = QUEUES.map(|queues| (queues, 0)).into_iter().chain(CELLS.map(|cells| (1_000, cells)));
    for (queues, cells) in sizes {
        let (_place, _relay, mut many) = filled(setup, queues, cells).await?;
        let Compared { rates, ratio } = compare(setup, &mut many, &mut few, WINDOW).await?;
        let line = if cells == 0 { &mut by_queues } else { &mut by_cells };
        line.push((queues.max(cells) as f64, ratio));
        table.push(Row {
            what: format!("growth: put with {queues} queues and {cells} cells"),
            ratio,
            bound: Bound::AtLeast(SAME),
            figures: rates,
            unit: "cells/s",
            beside: format!("with {FEW} queues and none"),
        });
    }
    let plot = Plot { title: "Puts as a relay fills", unit: "rate beside that with 10 queues and no cell" };
    lines(setup, "growth", &plot, &[("by queues".to_owned(), by_queues), ("by cells".to_owned(), by_cells)])
}

/// Seconds from its start until a relay listens, for each of so many cells.
pub async fn startup(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let most = std::env::var("TRUCELINE_BENCH_CELLS").map_or(Ok(100_000), |text| text.parse::<u64>())?;
    let mut all = Vec::new();
    for cells in [most / 10, most] {
        let place = setup.place()?;
        let folder = make(&place.path().join("relay"), (cells / 1_000).max(1), cells)?;
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let begin = Instant::now();
            drop(Relay::start_in(folder.clone())?);
            times.push(begin.elapsed().as_secs_f64());
        }
        all.push(median(times));
    }
    let [few, many] = all[..] else { anyhow::bail!("two sizes") };
    table.push(Row {
        what: format!("startup: with {most} cells, each"),
        ratio: many / (10.0 * few),
        bound: Bound::Open,
        figures: [many, few],
        unit: "s in all",
        beside: format!("with {}", most / 10),
    });
    Ok(())
}
