//! Every moment of what was recorded, as a disk that lost power then may hold it.

use crate::disk::{Disk, Fate, Tree, lay};
use crate::look::{self, Seen, Wrong};
use crate::peace;
use crate::record::Recorded;
use crate::world::{Ledger, MACHINES, RECORDING, Recording};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Moments tried by default on each machine, and moments from which all go on until they agree.
const MOMENTS: usize = 30;
const PEACES: usize = 2;
const SEED: u64 = 20;

/// How many are tried: moments of each machine, and of those from which all go on.
fn counts() -> (usize, usize) {
    match std::env::var("TRUCELINE_POWER").as_deref() {
        Err(_) => (MOMENTS, PEACES),
        Ok("all") => (usize::MAX, 300),
        Ok(count) => {
            let count = count.parse().expect("TRUCELINE_POWER is a number, or all");
            (count, count / 10)
        }
    }
}

/// A folder in memory, where there is one: what is laid there is thrown away again.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// The machine that a path is on.
fn on(path: &Path) -> &str {
    path.iter().next().unwrap().to_str().unwrap()
}

/// After each record of a machine, where its next one begins: all that was told before that was told without it.
fn until(log: &[Recorded]) -> Vec<u64> {
    let mut next = BTreeMap::new();
    let mut until = vec![u64::MAX; log.len()];
    for (at, recorded) in log.iter().enumerate().rev() {
        let machine = on(&recorded.path);
        until[at] = next.get(machine).copied().unwrap_or(u64::MAX);
        let begin = at.checked_sub(1).map_or(0, |before| log[before].end);
        next.insert(machine, begin);
    }
    until
}

fn fates(at: usize) -> [Fate; 4] {
    [Fate::Lost, Fate::Kept, Fate::Drawn(2 * at as u64), Fate::Drawn(2 * at as u64 + 1)]
}

/// The moments and fates to be tried, of all there are: whenever something had just been told, what was synced alone, and
/// `count` others of each machine.
fn sample(log: &[Recorded], ledger: &Ledger, count: usize) -> BTreeMap<usize, BTreeSet<Fate>> {
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let mut chosen: BTreeMap<usize, BTreeSet<Fate>> = BTreeMap::new();
    for (machine, done) in ledger.told() {
        let before = log.partition_point(|recorded| recorded.end <= done);
        let last = log[..before].iter().rposition(|recorded| on(&recorded.path) == machine);
        chosen.entry(last.unwrap()).or_default().insert(Fate::Lost);
    }
    for machine in MACHINES {
        let of = (0..log.len()).filter(|at| on(&log[*at].path) == machine);
        let mut all: Vec<(usize, Fate)> = of.flat_map(|at| fates(at).map(|fate| (at, fate))).collect();
        while all.len() > count {
            let out = rng.next_u64() as usize % all.len();
            all.swap_remove(out);
        }
        for (at, fate) in all {
            chosen.entry(at).or_default().insert(fate);
        }
    }
    chosen
}

fn fingerprint(tree: &Tree) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, (_, bytes)) in tree {
        let name = path.to_str().unwrap();
        let bytes = bytes.as_deref();
        hash.update([u8::from(bytes.is_some())]);
        for part in [name.as_bytes(), bytes.unwrap_or_default()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}

/// What was seen in each state of a machine: the same state is looked at once.
#[derive(Default)]
struct Looked {
    seen: BTreeMap<[u8; 32], Result<Seen, Wrong>>,
    moments: usize,
}

impl Looked {
    fn check(&mut self, tree: &Tree, machine: &str, ledger: &Ledger, moment: Moment) -> Result<(), Wrong> {
        self.moments += 1;
        look::files(tree, ledger, moment.now)?;
        let states = self.seen.len();
        let looked = self.seen.entry(fingerprint(tree)).or_insert_with(|| {
            let place = scratch();
            lay(tree, place.path());
            let changed = ledger.officers[0].passphrase.is_some_and(|span| span.begun < moment.asked);
            look::machine(place.path(), machine, changed, states.is_multiple_of(8))
        });
        looked.clone()?.check(ledger, moment.now, moment.asked)
    }
}

/// A moment: all that was told to be done before `now` has to be there, what was asked for after `asked` not.
#[derive(Clone, Copy)]
struct Moment {
    now: u64,
    asked: u64,
}

/// Leaves the folder behind in which something is wrong, and ends the test.
fn fail(wrong: &str, trees: &[Tree], what: &str) -> ! {
    let place = tempfile::tempdir().unwrap().keep();
    trees.iter().for_each(|tree| lay(tree, &place));
    panic!("after a power failure, {what}: {wrong}\n  the folder: {}", place.display())
}

fn describe(log: &[Recorded], at: usize, fate: Fate) -> String {
    let Recorded { op, path, .. } = &log[at];
    let op = format!("{op:?}");
    let op: String = op.chars().take(40).collect();
    format!("record {at} of {} ({op} of {}), {fate:?}", log.len(), path.display())
}

#[test]
fn whatever_was_told_to_be_done_is_there_after_a_power_failure_at_any_moment() {
    let Some(Recording { log, ledger, lies }) = RECORDING.as_ref() else {
        println!("not tried: nothing can be recorded here");
        return;
    };
    println!("{} records", log.len());
    let mut disk = Disk::new(&MACHINES);
    let (moments, peaces) = counts();
    let (chosen, until) = (sample(log, ledger, moments), until(log));
    let peaceful = peace::moments(log, ledger, peaces, SEED);
    let mut looked: BTreeMap<&str, Looked> = BTreeMap::new();
    for (at, recorded) in log.iter().enumerate() {
        disk.apply(recorded);
        let machine = on(&recorded.path);
        for fate in chosen.get(&at).into_iter().flatten() {
            let tree = disk.after(machine, *fate);
            let moment = Moment { now: until[at], asked: recorded.end };
            let checked = looked.entry(machine).or_default().check(&tree, machine, ledger, moment);
            if let Err(wrong) = checked {
                fail(&wrong, &[tree], &describe(log, at, *fate));
            }
        }
        if peaceful.contains(&at) {
            let mut rng = ChaCha20Rng::seed_from_u64(SEED + at as u64);
            let fates = [0; 3].map(|_| fates(at)[rng.next_u64() as usize % 4]);
            let trees = [0, 1, 2].map(|machine| disk.after(MACHINES[machine], fates[machine]));
            if let Err(wrong) = peace::reached(&trees, ledger, recorded.end) {
                fail(&wrong, &trees, &format!("{}, {fates:?}", describe(log, at, Fate::Kept)));
            }
        }
    }
    // All that the programs did was recorded: replayed to its end, it is what lies there.
    for machine in MACHINES {
        let replayed = disk.after(machine, Fate::Kept);
        let lies = &lies[machine];
        let differ: Vec<&PathBuf> =
            replayed.keys().chain(lies.keys()).filter(|it| replayed.get(*it) != lies.get(*it)).collect();
        assert!(differ.is_empty(), "not all was recorded: {differ:?}");
    }
    for (machine, Looked { seen, moments }) in &looked {
        println!("{machine}: {moments} moments, {} states", seen.len());
    }
    println!("{} times all went on until they agreed", peaceful.len());
}
