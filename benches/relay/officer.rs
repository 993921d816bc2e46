//! The officer's side: a statement sealed and opened beside the primitives that it takes, a proposal of 80 persons from
//! its command until the other side has it, and 10,000 statements that wait and are sent.

use crate::floor::Floor;
use crate::pair;
use crate::rounds::{Setup, median, round};
use crate::scene::{Officer, PASSPHRASE, Scene};
use crate::table::{Bound, Row, Table};
use anyhow::Context as _;
use std::hint::black_box;
use tokio::time::Instant;
use truceline::crypto::agree::{DhSecret, KemSecret, encapsulate};
use truceline::crypto::derive::{expand, extract, mac};
use truceline::crypto::digest::digest;
use truceline::crypto::label;
use truceline::crypto::seal::{OneTimeKey, open_random, seal_random};
use truceline::deal::body::{Content as Deal, Note};
use truceline::deal::word::Text;
use truceline::service::officer::OfficerService;
use truceline::session::cell::{BODY_BYTES, CONTENT_BYTES_MAX, HEADER_BYTES};

/// How often each is done, in turn.
const TIMES: usize = 400;
const WAITING: usize = 10_000;
const PERSONS: u32 = 80;

/// The middle of the microseconds that each of two takes, done in turn; and of their ratios.
fn in_turn(
    mut one: impl FnMut() -> anyhow::Result<()>,
    mut other: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<([f64; 2], f64)> {
    let (mut ones, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let begin = Instant::now();
        one()?;
        let first = begin.elapsed().as_secs_f64() * 1e6;
        let begin = Instant::now();
        other()?;
        let second = begin.elapsed().as_secs_f64() * 1e6;
        ones.push(first);
        others.push(second);
        ratios.push(first / second);
    }
    Ok(([median(ones), median(others)], median(ratios)))
}

/// Both halves of a cell sealed and opened, and the keys of one message on both sides: what every cell takes.
fn cell_primitives(content: &[u8]) -> anyhow::Result<()> {
    let (key, nonce) = (pair::secret::<32>(1), [9; 24]);
    for _ in 0..2 {
        black_box((mac(&key, label::CHAIN_MESSAGE, &[]), mac(&key, label::CHAIN_NEXT, &[])));
    }
    let mut padded = content.to_vec();
    padded.resize(BODY_BYTES, 0);
    let header = seal_random(&key, &nonce, &[1; 80], vec![3; HEADER_BYTES]);
    let data = [&[1; 80][..], &nonce, &header].concat();
    let once = || OneTimeKey(expand(&extract(&nonce, &[key.expose()]), label::CELL_BODY, &[]));
    let body = once().seal(&data, padded);
    black_box(open_random(&key, &nonce, &[1; 80], &header)?);
    // The digest of the step's public values, and that of the sender's keys among them.
    black_box((digest(label::RATCHET_STEP, &[&header]), digest(label::RATCHET_KEYS, &[&header[..1_216]])));
    black_box(once().open(&data, &body)?);
    Ok(())
}

/// And of a step of the ratchet: what the first cell of each answer takes more.
fn step_primitives() -> anyhow::Result<()> {
    let mut rng = pair::rng(5);
    let (dh, kem) = (DhSecret::random(&mut rng), KemSecret::random(&mut rng));
    let (dh_public, kem_public) = (dh.public(), kem.public());
    for _ in 0..2 {
        let agreed = dh.agree(&dh_public)?;
        let root = extract(&[7; 32], &[agreed.expose(), &[7; 32]]);
        black_box(expand::<96>(&root, label::RATCHET_ROOT, &[&[7; 32]]));
        black_box(digest(label::RATCHET_STEP, &[kem_public.0.as_ref(), &[7; 1_120]]));
    }
    let (ciphertext, _) = encapsulate(&kem_public, &mut rng)?;
    black_box(kem.decapsulate(&ciphertext));
    Ok(())
}

fn cells(table: &mut Table) -> anyhow::Result<()> {
    let content = vec![0x41; CONTENT_BYTES_MAX];
    let mut rng = pair::rng(3);
    let (mut one, mut other) = pair::joined(&mut rng);
    let same = || {
        let cell = one.seal(&content, &mut rng)?;
        let opened = other.open(&cell, &mut rng)?;
        black_box(other.take(opened, pair::NOW));
        Ok(())
    };
    let chain = in_turn(same, || cell_primitives(&content))?;
    let mut rng = pair::rng(4);
    let (mut one, mut other) = pair::joined(&mut rng);
    let turn = || {
        let cell = other.seal(&content, &mut rng)?;
        let opened = one.open(&cell, &mut rng)?;
        black_box(one.take(opened, pair::NOW));
        std::mem::swap(&mut one, &mut other);
        Ok(())
    };
    let stepping = in_turn(turn, || {
        cell_primitives(&content)?;
        step_primitives()
    })?;
    for (what, (figures, ratio)) in [("within a turn", chain), ("that answers", stepping)] {
        table.push(Row {
            what: format!("officer: seal and open of a cell {what}"),
            ratio,
            bound: Bound::AtMost(1.3),
            figures,
            unit: "us",
            beside: "the sum of its primitives".to_owned(),
        });
    }
    Ok(())
}

/// A proposal, until the other side has it on its disk: three commands, each of which opens a vault.
fn proposal(table: &mut Table) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [file, _] = scene.velmara.write_proposals(PERSONS)?;
    let (mut times, mut opened, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let spent = [
            scene.velmara.json(&["propose", &file, "--yes"])?.1,
            scene.velmara.json(&["sync"])?.1,
            scene.tarrun.json(&["sync"])?.1,
        ];
        let spent: f64 = spent.iter().map(|cost| cost.wall.as_secs_f64() * 1e3).sum();
        let floor = [&scene.velmara, &scene.velmara, &scene.tarrun];
        let floor = floor.map(|officer| officer.text(&["status"]).map(|cost| cost.wall.as_secs_f64() * 1e3));
        let floor: f64 = floor.into_iter().sum::<anyhow::Result<f64>>()?;
        times.push(spent);
        opened.push(floor);
        ratios.push(spent / floor);
    }
    table.push(Row {
        what: format!("officer: {PERSONS} persons proposed, sent and on the other side's disk"),
        ratio: median(ratios),
        bound: Bound::Open,
        figures: [median(times), median(opened)],
        unit: "ms",
        beside: "three commands that only open a vault".to_owned(),
    });
    Ok(())
}

/// Says so many notes in one vault, none of which is sent.
fn say(officer: &Officer, count: usize) -> anyhow::Result<()> {
    let mut service = OfficerService::open(&officer.dir.join("vault"), PASSPHRASE)?;
    let thread = service.officer().channels().next().context("a channel")?.number;
    for at in 0..count {
        let note = Deal::Note(Note { text: Text::new(&format!("Road report {at}."))? });
        service.command(|officer, now, rng| officer.say(thread, None, &note, Vec::new(), now, rng))?;
    }
    Ok(())
}

async fn waiting(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let scene = Scene::new()?;
    say(&scene.velmara, WAITING)?;
    let floor = Floor::start(setup)?;
    let mut echo = floor.connect(1, true).await?;
    for (what, officer) in [("sent", &scene.velmara), ("taken in", &scene.tarrun)] {
        let rate = WAITING as f64 / officer.json(&["sync"])?.1.wall.as_secs_f64();
        let beside = WAITING as f64 / round(&mut echo, WAITING as u64, 16).await?.as_secs_f64();
        table.push(Row {
            what: format!("officer: {WAITING} waiting statements {what}"),
            ratio: rate / beside,
            bound: Bound::Open,
            figures: [rate, beside],
            unit: "statements/s",
            beside: "floor with fdatasync, 1 × 16".to_owned(),
        });
    }
    Ok(())
}

pub async fn officer(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    cells(table)?;
    proposal(table)?;
    waiting(setup, table).await
}
