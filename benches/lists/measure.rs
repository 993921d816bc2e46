//! What a process costs, read from `/proc` while it runs and once it has ended. May not change anything.
//!
//! The highest memory is the kernel's own (`VmHWM`), asked for each millisecond: what a process claims in its last one
//! may go unseen. Processor time is that of all its threads, in hundredths of a second.

use anyhow::Context as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(1);
/// A tick of the processor times that Linux shows (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// What a step cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// Of the processor.
    pub cpu: Duration,
    /// The most memory that was resident at once.
    pub peak_kib: u64,
}

impl Cost {
    /// The lesser of each.
    pub fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak_kib: self.peak_kib.min(other.peak_kib),
        }
    }
}

fn proc(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read: this needs Linux"))
}

/// The state of a process, and the processor time it has taken (`proc_pid_stat(5)`, fields 3, 14 and 15).
fn state(pid: u32) -> anyhow::Result<(char, Duration)> {
    let stat = proc(pid, "stat")?;
    // The name before may hold anything, brackets and blanks included.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| -> anyhow::Result<u32> { Ok(fields.get(at).context("a short stat")?.parse()?) };
    let state = fields.first().and_then(|word| word.chars().next()).context("a stat without a state")?;
    Ok((state, TICK * (ticks(11)? + ticks(12)?)))
}

/// The most memory it had; none once it has ended.
fn peak_kib(pid: u32) -> anyhow::Result<Option<u64>> {
    let status = proc(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map(|rest| Ok(rest.trim_end_matches("kB").trim().parse()?)).transpose()
}

/// What a process that runs has cost so far; its time is not asked for.
pub fn so_far(pid: u32) -> anyhow::Result<Cost> {
    Ok(Cost { wall: Duration::ZERO, cpu: state(pid)?.1, peak_kib: peak_kib(pid)?.unwrap_or(0) })
}

/// Waits until a process has ended.
pub fn wait(child: &mut Child, begin: Instant) -> anyhow::Result<(ExitStatus, Cost)> {
    let mut cost = Cost::default();
    loop {
        cost.peak_kib = peak_kib(child.id())?.map_or(cost.peak_kib, |now| now.max(cost.peak_kib));
        let (state, cpu) = state(child.id())?;
        if state == 'Z' {
            cost.wall = begin.elapsed();
            cost.cpu = cpu;
            return Ok((child.wait()?, cost));
        }
        std::thread::sleep(LOOK);
    }
}
