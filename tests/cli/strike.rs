//! A program killed with -9 while it carries out a command: at moments drawn from a seed over the time that the command
//! takes, and, where programs can be traced, before each of its calls that change a disk, send, or tell something.

use crate::officer::Answer;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// What is counted of a traced program, on any Linux (`?`: where there is such a call).
const CALLS: &str = "?write,?writev,?pwrite64,?sendto,?fsync,?fdatasync,?ftruncate,?fchmod,?mkdir,?mkdirat,?rename,\
                     ?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?exit_group";
/// Larger than any count of calls, and prime: so its multiples come to each call once before any comes again.
const STRIDE: u64 = 7_919;

/// Seeds from the environment, or so many.
pub fn seeds(default: u64) -> u64 {
    std::env::var("TRUCELINE_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

/// The command under a tracer.
fn traced(command: &Command, options: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq"]).args(options).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        traced.current_dir(dir);
    }
    traced
}

fn run(mut command: Command) -> Answer {
    Answer::of(command.stdin(Stdio::null()).output().unwrap())
}

/// A call of a program: its name, and how often its thread has made that call, with this one.
type Call = (String, u64);

/// The calls that the command makes, in order; none where programs cannot be traced.
fn calls(command: &Command) -> Option<Vec<Call>> {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("log");
    let mut traced = traced(command, &["-o", log.to_str().unwrap(), "-e", &format!("trace={CALLS}")]);
    traced.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    let mut made: BTreeMap<(String, String), u64> = BTreeMap::new();
    let log = std::fs::read_to_string(log).unwrap();
    // `THREAD NAME(...`; what goes on after an interruption begins with another sign.
    let calls = log.lines().filter_map(|line| {
        let (thread, call) = line.split_once(' ')?;
        let (name, _) = call.trim_start().split_once('(').filter(|(name, _)| !name.contains(' '))?;
        let count = made.entry((thread.to_owned(), name.to_owned())).or_default();
        *count += 1;
        Some((name.to_owned(), *count))
    });
    Some(calls.collect())
}

/// Kills the command before one of its calls; before an earlier one of the same name, where it now makes fewer.
fn before((name, count): &Call, begin: &mut dyn FnMut() -> Command) -> Answer {
    let mut count = *count;
    loop {
        assert!(count > 0, "{name} was not met");
        let inject = format!("inject={name}:signal=KILL:when={count}");
        let killed =
            run(traced(&begin(), &["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]));
        if killed.code.is_none() {
            return killed;
        }
        count /= 2;
    }
}

/// Kills the command at a moment; at an earlier one, where it had ended before.
fn at(mut moment: Duration, begin: &mut dyn FnMut() -> Command) -> Answer {
    loop {
        let mut command = begin();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(moment);
        // It may have ended by itself.
        let _ = child.kill();
        let killed = Answer::of(child.wait_with_output().unwrap());
        if killed.code.is_none() {
            return killed;
        }
        moment /= 2;
    }
}

/// Has the command that `begin` gives do its work, then kills it for each seed; `begin` takes back first what it did. Each
/// time `hold` holds what must be so afterwards; it is given what the program said, with exit code 0 if it did its work.
pub fn strike(test: &str, begin: &mut dyn FnMut() -> Command, hold: &mut dyn FnMut(&Answer)) {
    let command = begin();
    let beginning = Instant::now();
    let undisturbed = run(command);
    let span = u64::try_from(beginning.elapsed().as_micros()).unwrap();
    assert_eq!(undisturbed.code, Some(0), "{undisturbed:?}");
    hold(&undisturbed);
    let calls = calls(&begin());
    println!("{test}: {span} µs, {} calls", calls.as_ref().map_or(0, Vec::len));
    for seed in 0..seeds(1) {
        let again = format!("again: TRUCELINE_SEEDS={} cargo test --test cli {test}", seed + 1);
        let killed = match &calls {
            Some(calls) if seed % 2 == 0 => {
                let at = (seed / 2 + 1) * STRIDE % calls.len() as u64;
                let call = &calls[at as usize];
                println!("seed {seed}, before call {at} of {}, {call:?}; {again}", calls.len());
                before(call, begin)
            }
            _ => {
                let moment = Duration::from_micros(ChaCha20Rng::seed_from_u64(seed).next_u64() % span);
                println!("seed {seed}, at {moment:?}; {again}");
                at(moment, begin)
            }
        };
        hold(&killed);
    }
}
