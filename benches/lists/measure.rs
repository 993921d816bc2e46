//! What a process costs, read from `/proc` while it runs and once it has ended. May not change anything.
//!
//! The highest memory is the kernel's own (`VmHWM`), asked for each millisecond: what a process claims in its last one
//! may go unseen. A vault's passphrase takes much memory for a moment, whatever the vault holds: once that is given
//! back, counting begins anew. Processor time is that of all threads, in hundredths of a second.

use anyhow::Context as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(1);
/// A tick of the processor times that Linux shows (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Memory that only a passphrase takes at once and gives back: half of what the least cost of one takes.
const PASSPHRASE_KIB: u64 = 32 << 10;
/// For so many looks a passphrase's memory is being given back, page by page.
const SETTLING_LOOKS: u32 = 5;

/// What a step cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// Of the processor.
    pub cpu: Duration,
    /// The most memory that was resident at once, but for the passphrase's.
    pub peak_kib: u64,
}

impl Cost {
    /// The lesser of each: other work on the machine adds to time, and to a peak what is left of the passphrase's.
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

/// The most memory it had, and what it has now; none once it has ended.
fn memory_kib(pid: u32) -> anyhow::Result<Option<(u64, u64)>> {
    let status = proc(pid, "status")?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let (Some(peak), Some(now)) = (field("VmHWM:"), field("VmRSS:")) else { return Ok(None) };
    let kib = |text: &str| text.trim_end_matches("kB").trim().parse::<u64>();
    Ok(Some((kib(peak)?, kib(now)?)))
}

/// What a process that runs has cost so far; its time is not asked for.
pub fn so_far(pid: u32) -> anyhow::Result<Cost> {
    let (peak_kib, _) = memory_kib(pid)?.unwrap_or_default();
    Ok(Cost { wall: Duration::ZERO, cpu: state(pid)?.1, peak_kib })
}

/// Waits until a process has ended.
pub fn wait(child: &mut Child, begin: Instant) -> anyhow::Result<(ExitStatus, Cost)> {
    let (pid, mut cost, mut looks) = (child.id(), Cost::default(), SETTLING_LOOKS);
    loop {
        if let Some((peak, now)) = memory_kib(pid)? {
            let given_back = looks < SETTLING_LOOKS || peak.saturating_sub(now) > PASSPHRASE_KIB;
            cost.peak_kib = peak;
            if given_back && looks > 0 {
                looks -= 1;
                cost.peak_kib = now;
                // The peak begins anew (`proc_pid_clear_refs(5)`). Of a process that has just ended nothing is asked.
                let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
            }
        }
        let (state, cpu) = state(pid)?;
        if state == 'Z' {
            cost.wall = begin.elapsed();
            cost.cpu = cpu;
            return Ok((child.wait()?, cost));
        }
        std::thread::sleep(LOOK);
    }
}
