//! The relay under attack: the program itself, in a process of its own with the limits that `init` gives it, on one core
//! and with leave for 512 MiB where the machine has the programs for that; and what `/proc` tells of it. Linux only.

use anyhow::Context as _;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use truceline::party::relay::{RelayLine, RelayPlace};
use truceline::service::relay_config::RelayConfig;

/// The program, or another build of it to compare with.
fn program() -> OsString {
    std::env::var_os("TRUCELINE_BENCH_RELAY").unwrap_or_else(|| env!("CARGO_BIN_EXE_truceline-relay").into())
}

/// The core that the relay has to itself, as far as the machine lets it.
const CORE: [&str; 3] = ["taskset", "-c", "0"];
/// Private memory that it may have: 512 MiB.
const MEMORY: [&str; 2] = ["prlimit", "--data=536870912"];

/// A relay that serves, killed when dropped.
pub struct Relay {
    _place: tempfile::TempDir,
    dir: PathBuf,
    child: Child,
    pub place: RelayPlace,
    /// What it is confined by.
    pub confined: Vec<&'static str>,
}

/// Whether a program is there and can do this here.
fn works(command: &[&str]) -> bool {
    let [program, args @ ..] = command else { return false };
    let tried = Command::new(program).args(args).arg("true").stdin(Stdio::null()).output();
    tried.is_ok_and(|tried| tried.status.success())
}

impl Relay {
    /// A new one in a folder on this disk, as `init` makes it; then `change` to what it made.
    pub fn start(on: &Path, change: impl FnOnce(&mut RelayConfig)) -> anyhow::Result<Self> {
        std::fs::create_dir_all(on)?;
        let place = tempfile::Builder::new().prefix("attack-").tempdir_in(on)?;
        let dir = place.path().join("relay");
        let made =
            Command::new(program()).arg("init").arg(&dir).args(["--listen", "127.0.0.1:0"]).output()?;
        anyhow::ensure!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        let file = dir.join("relay.toml");
        let mut config = RelayConfig::parse(&std::fs::read_to_string(&file)?)?;
        change(&mut config);
        std::fs::write(&file, config.print())?;
        let confined: Vec<&[&'static str]> =
            [CORE.as_slice(), &MEMORY].into_iter().filter(|by| works(by)).collect();
        let confined = confined.concat();
        // `env` runs what follows as it is.
        let mut command = Command::new("env");
        command.args(&confined).arg(program()).arg("serve").arg(&dir);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut errors = BufReader::new(child.stderr.take().context("piped")?);
        let mut line = String::new();
        let listens = loop {
            line.clear();
            anyhow::ensure!(errors.read_line(&mut line)? > 0, "the relay ended before it listened");
            if let Some((_, rest)) = line.split_once('(').filter(|_| line.starts_with("listening on ")) {
                break RelayLine::parse(rest.split(' ').next().unwrap_or_default())?.place;
            }
        };
        // What it says later is shown.
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| eprintln!("relay: {line}"))
        });
        Ok(Self { _place: place, dir, child, place: listens, confined })
    }

    /// The line of a pass for so many queues.
    pub fn pass(&self, queues: usize) -> anyhow::Result<String> {
        let mut command = Command::new(program());
        command.arg("pass").arg(&self.dir).args(["--queues", &queues.to_string()]);
        let made = command.output()?;
        anyhow::ensure!(made.status.success(), "pass: {}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }

    /// Takes a pass back, as its operator does.
    pub fn revoke(&self, pass: &str) -> anyhow::Result<()> {
        let mut command = Command::new(program());
        command.arg("revoke").arg(&self.dir).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn()?;
        child.stdin.take().context("piped")?.write_all(pass.as_bytes())?;
        anyhow::ensure!(child.wait()?.success(), "the pass was not taken back");
        Ok(())
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }

    /// Counts the peak of its memory anew; where that is forbidden, it is that since its start.
    pub fn forget_peak(&self) {
        let _ = std::fs::write(self.proc("clear_refs"), "5");
    }

    /// The peak of its memory, in MiB.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(self.proc("status")).context("this needs Linux")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }

    /// Files and connections that it has open.
    pub fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(self.proc("fd")).context("this needs Linux")?.count())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
