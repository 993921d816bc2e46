//! What lists cost: 200, 2,000 and 20,000 persons are read, proposed, sent, shown, accepted and checked by the real
//! programs, over a relay on this machine. Prints time, processor time and peak memory of each step, how they grow,
//! and whether that is linear. Exit code 1 where it is worse. Linux only: costs are read from `/proc`.
//!
//! The least of several runs counts; `TRUCELINE_BENCH_RUNS` says of how many, 3 where it is not set.

#![allow(clippy::indexing_slicing, reason = "JSON that lacks a field is null")]

mod measure;
mod scene;
mod table;

use anyhow::Context as _;
use measure::Cost;
use scene::Scene;
use std::process::ExitCode;

/// Lines of the lists, each ten times the one before.
const LINES: [u32; 3] = [200, 2_000, 20_000];

/// A step, with what it cost.
type Steps = Vec<(&'static str, Cost)>;

/// One exchange of a list with so many lines.
fn steps(lines: u32) -> anyhow::Result<Steps> {
    let mut steps = Steps::new();
    let mut step = |name, cost| steps.push((name, cost));
    let scene = Scene::new()?;
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let [proposal, spoilt] = velmara.write_proposals(lines)?;

    step("import, last line bad", velmara.refused(&["propose", &spoilt, "--yes"], 6)?);
    let (said, cost) = velmara.json(&["propose", &proposal, "--yes"])?;
    step("import and propose", cost);
    let offer = said["id"].as_str().context("an offer has an id")?;
    step("send", velmara.json(&["sync"])?.1);
    step("arrive", tarrun.json(&["sync"])?.1);
    step("show", tarrun.text(&["show", offer])?);
    step("show --full", tarrun.text(&["show", offer, "--full"])?);
    step("show --json", tarrun.json(&["show", offer])?.1);
    step("cases", tarrun.text(&["cases"])?);
    step("log", tarrun.text(&["log"])?);
    step("status", tarrun.text(&["status"])?);
    step("accept", tarrun.text(&["accept", offer, "--yes"])?);
    tarrun.json(&["sync"])?;
    velmara.json(&["sync"])?;
    step("confirm", velmara.text(&["confirm", offer, "--yes"])?);
    for officer in [velmara, tarrun, velmara] {
        officer.json(&["sync"])?;
    }
    let (cases, _) = velmara.json(&["cases"])?;
    anyhow::ensure!(cases["cases"][0]["state"] == "sealed", "the offer was not sealed: {cases}");
    step("transcript verify", tarrun.text(&["transcript", "verify"])?);
    step("transcript export", tarrun.text(&["transcript", "export", "transcript.bin"])?);
    step("verify, no vault", tarrun.text(&["verify", "transcript.bin"])?);
    step("the relay, in all", scene.relay.cost()?);
    Ok(steps)
}

/// The steps at the least that any of the runs took.
fn least(runs: u32, lines: u32) -> anyhow::Result<Steps> {
    let mut all = steps(lines)?;
    for _ in 1..runs {
        for ((_, all), (_, cost)) in all.iter_mut().zip(steps(lines)?) {
            *all = all.least(cost);
        }
    }
    Ok(all)
}

fn main() -> anyhow::Result<ExitCode> {
    let [few, some, many] = LINES;
    let runs = std::env::var("TRUCELINE_BENCH_RUNS").map_or(Ok(3), |runs| runs.parse())?;
    let costs = [least(runs, few)?, least(runs, some)?, least(runs, many)?];
    let rows: Vec<(&str, [Cost; 3])> = {
        let [few, some, many] = &costs;
        few.iter().zip(some).zip(many).map(|((few, some), many)| (few.0, [few.1, some.1, many.1])).collect()
    };
    let (text, worse) = table::tables(LINES, &rows);
    print!("{text}");
    Ok(if worse == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
