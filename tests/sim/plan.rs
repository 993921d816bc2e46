//! What a seed says: how many relays there are, what goes wrong, and how often.

use super::world::Faults;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{available_parallelism, scope};

/// All that can go wrong, and what must have come of it at least once in a run of many seeds.
pub const KINDS: [&str; 33] = [
    "cut",
    "one_way",
    "partition",
    "slow",
    "kill_officer",
    "kill_relay",
    "clock_jump",
    "relay_clock_jump",
    "full_officer",
    "full_relay",
    "no_room_relay",
    "queue full",
    "fsync_officer",
    "fsync_relay",
    "failed, and nothing was written",
    "failed, and all was written",
    "vault's row rotten",
    "vault's damage met",
    "vault's damage met at a start",
    "relay's record rotten",
    "relay's cell rotten",
    "relay begun anew",
    "relay restored without damaged rows",
    "lost cell met",
    "forget_cell",
    "replay_cell",
    "swap_cells",
    "other_queue",
    "withhold",
    "reorder",
    "repeat",
    "make_up",
    "forge_deposit",
];

/// Faults and relays of a seed. Each fault is on in every third run, weak or strong; in every second all relays are honest.
pub fn of_a_seed(seed: u64) -> (Faults, usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5eed);
    let relays = 1 + (rng.next_u32() % 3) as usize;
    let mut often = |usual: u32| {
        let strength = 1 + rng.next_u32() % (2 * usual);
        if rng.next_u32().is_multiple_of(3) { strength } else { 0 }
    };
    let faults = Faults {
        cut: often(15),
        one_way: often(3),
        partition: often(5),
        slow: often(200),
        kill_officer: often(5),
        kill_relay: often(15),
        clock_jump: often(20),
        relay_clock_jump: often(20),
        full_officer: often(20),
        full_relay: often(10),
        fsync_officer: often(10),
        fsync_relay: often(5),
        rot_vault: often(20),
        rot_relay: often(20),
        forget_cell: often(300),
        replay_cell: often(200),
        swap_cells: often(300),
        other_queue: often(100),
        withhold: often(200),
        reorder: often(50),
        repeat: often(50),
        make_up: often(60),
        forge_deposit: often(100),
        queue_cells: if often(4) > 0 { 8 } else { 0 },
    };
    let honest = Faults {
        forget_cell: 0,
        replay_cell: 0,
        swap_cells: 0,
        other_queue: 0,
        withhold: 0,
        reorder: 0,
        repeat: 0,
        make_up: 0,
        forge_deposit: 0,
        ..faults
    };
    (if rng.next_u32().is_multiple_of(2) { honest } else { faults }, relays)
}

/// What may go wrong in an introduction: relays are honest and keep what they store, for an invite whose offer is gone
/// leads nowhere; clocks are right, for it expires.
pub fn of_an_introduction(faults: Faults) -> Faults {
    Faults { clock_jump: 0, relay_clock_jump: 0, rot_relay: 0, ..faults }
}

impl Faults {
    /// Whether the first relay lies.
    pub fn lies(&self) -> bool {
        let lies = [
            self.forget_cell,
            self.replay_cell,
            self.swap_cells,
            self.other_queue,
            self.withhold,
            self.reorder,
            self.repeat,
            self.make_up,
            self.forge_deposit,
        ];
        lies.iter().any(|often| *often > 0)
    }
}

/// Says which seed failed, and how to run it again: by which tests, and with what other variables.
pub struct Seed(pub u64, pub &'static str);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, tests) = self;
            let acts = std::env::var("ACTS").map(|acts| format!("ACTS={acts} ")).unwrap_or_default();
            println!(
                "seed {seed} failed: run it again with `FIRST_SEED={seed} SEEDS=1 {acts}cargo test --test sim {tests}`"
            );
        }
    }
}

/// The number that a variable of the environment holds, if there is one.
pub fn number_in(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs so many seeds from the first on, or as many as `SEEDS` says from `FIRST_SEED` on, on all processors, until one
/// fails; what each made, in no order.
pub fn for_seeds<T: Send>(default: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (first, count) = (number_in("FIRST_SEED").unwrap_or(0), number_in("SEEDS").unwrap_or(default));
    let (next, made) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let worker = || {
        let _last = Last(&next);
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= first + count {
                break;
            }
            let it = run(seed);
            made.lock().unwrap().push(it);
        }
    };
    let workers = available_parallelism().map_or(1, NonZero::get);
    scope(|threads| (0..workers).for_each(|_| drop(threads.spawn(worker))));
    made.into_inner().unwrap()
}

/// No seed is begun after one that failed.
struct Last<'a>(&'a AtomicU64);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(u64::MAX / 2, Relaxed);
        }
    }
}
