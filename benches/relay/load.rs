//! Our relay beside the floor: put to `stored`, put to the other's get and drop, by 1, 16 and 128 pairs with a window
//! of 1 and of 16; and a backlog that is stored and drained.

use crate::floor::Floor;
use crate::plot::{Plot, bars};
use crate::relay::{Does, Relay};
use crate::rounds::{Compared, Setup, calibrated, compare, cost, round, rush};
use crate::table::{Bound, Row, Table};
use anyhow::Context as _;

const PAIRS: [usize; 3] = [1, 16, 128];
const WINDOWS: [u64; 2] = [1, 16];
/// Cells of the backlog, and the queues over which they lie.
const BACKLOG: u64 = 100_000;
const BACKLOG_QUEUES: usize = 16;

/// The floor itself: what the sync costs it.
pub async fn floor(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let floor = Floor::start(setup)?;
    for pairs in PAIRS {
        let mut plain = floor.connect(pairs, false).await?;
        let mut durable = floor.connect(pairs, true).await?;
        for window in WINDOWS {
            let Compared { rates, ratio } = compare(setup, &mut durable, &mut plain, window).await?;
            table.push(Row {
                what: format!("floor: {pairs} × {window}, echo with fdatasync"),
                ratio,
                bound: Bound::Open,
                figures: rates,
                unit: "frames/s",
                beside: "echo alone".to_owned(),
            });
        }
    }
    Ok(())
}

/// What is promised of one pair is promised of the time that it takes.
pub fn row(pairs: usize, window: u64, does: Does, compared: &Compared) -> Row {
    let what = if does == Does::Put { "put to stored" } else { "put, get, drop" };
    let row = Row {
        what: format!("relay: {pairs} × {window}, {what}"),
        ratio: compared.ratio,
        bound: Bound::Open,
        figures: compared.rates,
        unit: "cells/s",
        beside: "floor with fdatasync".to_owned(),
    };
    match (pairs, window, does) {
        (1, 1, Does::Put) => Row {
            what: "relay: 1 × 1, time from put to stored".to_owned(),
            ratio: 1.0 / row.ratio,
            bound: Bound::AtMost(1.5),
            figures: row.figures.map(|rate| 1e6 / rate),
            unit: "us",
            ..row
        },
        (128, 16, Does::PutAndTake) => Row { bound: Bound::Aim(0.7), ..row },
        _ => row,
    }
}

/// The relay beside it.
pub async fn load(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let floor = Floor::start(setup)?;
    let mut relay = Relay::start(setup)?;
    for pairs in PAIRS {
        let mut echoes = floor.connect(pairs, true).await?;
        let mut ours = relay.pairs(pairs, Does::Put).await?;
        for window in WINDOWS {
            for does in [Does::Put, Does::PutAndTake] {
                ours.iter_mut().for_each(|pair| pair.set(does));
                let compared = compare(setup, &mut ours, &mut echoes, window).await?;
                table.push(row(pairs, window, does, &compared));
                if (pairs, window) == (128, 16) {
                    let costs = [
                        cost(setup, relay.pid(), &mut ours, window).await?,
                        cost(setup, floor.pid(), &mut echoes, window).await?,
                    ];
                    let name = if does == Does::Put { "cost of a put" } else { "cost of put, get, drop" };
                    costs_rows(table, name, costs, "floor with fdatasync");
                }
            }
        }
    }
    let plot = Plot { title: "Cells a second beside the floor with fdatasync", unit: "ratio of rates" };
    let rates = table.ratios("relay: ").into_iter().filter(|(what, _)| !what.contains("time"));
    bars(setup, "load", &plot, &rates.collect::<Vec<_>>())?;
    backlog(setup, table, &floor, &mut relay).await
}

/// What a cell costs the first and the second.
fn costs_rows(table: &mut Table, name: &str, costs: [[f64; 2]; 2], beside: &str) {
    for (at, (what, unit)) in [("processor", "us"), ("written", "KiB")].into_iter().enumerate() {
        let figures = costs.map(|cost| cost[at]);
        let (bound, beside) = (Bound::Open, beside.to_owned());
        let what = format!("{name}: {what} a cell");
        table.push(Row { what, ratio: figures[0] / figures[1], bound, figures, unit, beside });
    }
}

/// Our relay beside another build of it, which `TRUCELINE_BENCH_BEFORE` names.
pub async fn before(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let program =
        std::env::var_os("TRUCELINE_BENCH_BEFORE").context("TRUCELINE_BENCH_BEFORE names no program")?;
    let (mut old, mut new) = (Relay::start_program(setup, program.as_ref())?, Relay::start(setup)?);
    for (pairs, window) in [(1, 1), (16, 16), (128, 16)] {
        let mut olds = old.pairs(pairs, Does::Put).await?;
        let mut news = new.pairs(pairs, Does::Put).await?;
        for does in [Does::Put, Does::PutAndTake] {
            olds.iter_mut().chain(&mut news).for_each(|pair| pair.set(does));
            let compared = compare(setup, &mut news, &mut olds, window).await?;
            let beside = "the build before".to_owned();
            let row = Row { bound: Bound::Open, beside, ..row(pairs, window, does, &compared) };
            let name = row.what.clone();
            table.push(row);
            let costs = [
                cost(setup, new.pid(), &mut news, window).await?,
                cost(setup, old.pid(), &mut olds, window).await?,
            ];
            costs_rows(table, &name, costs, "the build before");
        }
    }
    Ok(())
}

async fn backlog(setup: &Setup, table: &mut Table, floor: &Floor, relay: &mut Relay) -> anyhow::Result<()> {
    let mut echoes = floor.connect(BACKLOG_QUEUES, true).await?;
    let mut ours = relay.pairs(BACKLOG_QUEUES, Does::Put).await?;
    let each = BACKLOG / BACKLOG_QUEUES as u64;
    let cells = calibrated(setup, &mut echoes, 16).await?;
    let mut before = round(&mut echoes, cells, 16).await?;
    for (does, what) in [(Does::Put, "stored"), (Does::Take, "drained")] {
        ours.iter_mut().for_each(|pair| pair.set(does));
        let rate = BACKLOG as f64 / rush(&mut ours, each, 16).await?.as_secs_f64();
        let after = round(&mut echoes, cells, 16).await?;
        let floor = 2.0 * (cells * BACKLOG_QUEUES as u64) as f64 / (before + after).as_secs_f64();
        before = after;
        table.push(Row {
            what: format!("backlog of {BACKLOG} cells {what}, {BACKLOG_QUEUES} × 16"),
            ratio: rate / floor,
            bound: Bound::Open,
            figures: [rate, floor],
            unit: "cells/s",
            beside: "floor with fdatasync".to_owned(),
        });
    }
    Ok(())
}
