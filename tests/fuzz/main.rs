//! Every decoder of foreign bytes under a bounded number of changed inputs, on stable and without libFuzzer, whose targets these are:
//! `fuzz/src/targets`. Each is given its seeds, its corpus, every input that once broke it, and changes of these.
//!
//! `FUZZ_RUNS` says how many changes (as of a cheap target: a dear one is given fewer), `FUZZ_SEED` where they begin, `FUZZ_TARGET`
//! of which target alone, `FUZZ_FILE` that it is one input alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod mutate;
#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use mutate::{Mutator, tokens};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use targets::{TARGETS, Target, named};

/// Changes of each cheap target by default.
const RUNS: u64 = 1_500;
/// Changes of each dear one, at least.
const RUNS_LEAST: u64 = 2;
/// Bytes of the corpus and of what once broke a target, in all.
const CORPUS_BYTES_MAX: u64 = 1 << 20;

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The names in a folder, in their order; none where it is missing.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

fn inputs(folder: &str, target: &Target) -> Vec<Vec<u8>> {
    entries(&fuzz(folder).join(target.name)).iter().map(|path| fs::read(path).unwrap()).collect()
}

/// An input that breaks a target.
struct Broken {
    input: Vec<u8>,
    run: u64,
}

fn breaks(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err()
}

/// Gives the target all it begins with, and then `runs` changes of it.
fn attack(target: &Target, seed: u64, runs: u64) -> Result<u64, Broken> {
    let mut begin = (target.seeds)();
    begin.extend(inputs("corpus", target));
    begin.extend(inputs("regressions", target));
    if let Some(input) = begin.iter().find(|input| breaks(target, input)) {
        return Err(Broken { input: input.clone(), run: 0 });
    }
    let words = fs::read_to_string(fuzz("dict").join(format!("{}.dict", target.name))).unwrap_or_default();
    let mut mutator = Mutator::new(seed, tokens(&words));
    for run in 1..=runs {
        let input = mutator.next(&begin);
        if breaks(target, &input) {
            return Err(Broken { input, run });
        }
    }
    Ok(begin.len() as u64 + runs)
}

/// Says how to run what broke a target again.
fn report(target: &Target, seed: u64, Broken { input, run }: &Broken) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.input", target.name));
    fs::write(&file, input).unwrap();
    let shown = truceline::crypto::digest::hex(&input[..input.len().min(2_000)]);
    format!(
        "{} breaks at run {run} of seed {seed} by {} bytes: {shown}\nagain: FUZZ_TARGET={} FUZZ_FILE={} cargo test --test fuzz no_input\n\
         then keep the input under fuzz/regressions/{}/",
        target.name,
        input.len(),
        target.name,
        file.display(),
        target.name
    )
}

#[test]
fn no_input_breaks_a_decoder() {
    let seed = setting("FUZZ_SEED").unwrap_or(1);
    let wanted = std::env::var("FUZZ_TARGET").ok();
    if let Ok(file) = std::env::var("FUZZ_FILE") {
        (named(&wanted.expect("FUZZ_FILE needs FUZZ_TARGET")).run)(&fs::read(file).unwrap());
        return;
    }
    let mut broken = Vec::new();
    for target in TARGETS.iter().filter(|target| wanted.as_deref().is_none_or(|name| name == target.name)) {
        let runs = (setting("FUZZ_RUNS").unwrap_or(RUNS) / u64::from(target.cost)).max(RUNS_LEAST);
        match attack(target, seed, runs) {
            Ok(runs) => println!("{}: {runs} inputs", target.name),
            Err(found) => broken.push(report(target, seed, &found)),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn a_decoder_that_breaks_is_found_and_its_input_kept() {
    const DEFECT: Target = Target {
        name: "defect",
        run: |data| assert!(data.len() < 4 || data[1] != 0xff, "planted"),
        seeds: || vec![vec![0; 8]],
        cost: 1,
    };
    let Err(found) = attack(&DEFECT, 7, 20_000) else { panic!("the planted defect is not found") };
    assert!(breaks(&DEFECT, &found.input) && found.run > 0);
    let told = report(&DEFECT, 7, &found);
    assert!(told.contains("seed 7") && told.contains("FUZZ_TARGET=defect FUZZ_FILE="));
    let kept = fs::read(Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-defect.input")).unwrap();
    assert_eq!(kept, found.input);
}

#[test]
fn every_target_has_a_program_and_every_folder_a_target() {
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    let programs: BTreeSet<_> = manifest
        .lines()
        .filter_map(|line| {
            line.strip_prefix("path = \"fuzz_targets/").and_then(|rest| rest.strip_suffix(".rs\""))
        })
        .collect();
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(programs, names);
    assert_eq!(names.len(), TARGETS.len(), "two targets have one name");
    for name in &names {
        let program = fs::read_to_string(fuzz(&format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run!(\"{name}\")")), "{name}.rs runs another target");
    }
    let mut bytes = 0;
    for path in ["corpus", "regressions", "dict"].iter().flat_map(|folder| entries(&fuzz(folder))) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(name), "{} belongs to no target", path.display());
        bytes += entries(&path).iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has {bytes} bytes");
}

#[test]
fn the_seeds_reach_a_good_body_of_every_kind_that_has_one() {
    use truceline::statement::kind::Kind;
    let kinds: BTreeSet<_> = (named("body").seeds)().iter().map(|seed| usize::from(seed[0])).collect();
    let without = [Kind::Relays, Kind::ForkNotice];
    let missing: Vec<_> =
        (0..Kind::ALL.len()).filter(|at| !kinds.contains(at) && !without.contains(&Kind::ALL[*at])).collect();
    assert!(
        missing.is_empty(),
        "no seed of {:?}",
        missing.iter().map(|at| Kind::ALL[*at]).collect::<Vec<_>>()
    );
}
