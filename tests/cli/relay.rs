//! A relay as its operator runs it: the program, its folder, its address, and its end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_truceline-relay");
/// Longer than anything takes that works: what runs into it hangs.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Ports that no system hands out by itself, so that a killed relay finds its own free again.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 11_000).unwrap();
    loop {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn operate(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = operate(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A relay's folder, and the relay when it serves. Killed when dropped.
pub struct Relay {
    _place: Option<TempDir>,
    pub dir: PathBuf,
    pub port: u16,
    /// `ADDR#PIN#DEPOSIT`.
    pub place: String,
    /// All that it has written to standard error.
    pub said: Arc<Mutex<String>>,
    serving: Option<Child>,
}

impl Relay {
    /// A relay that serves.
    pub fn new() -> Self {
        Self::with("")
    }

    /// A relay that serves, with these lines at the end of its `relay.toml`.
    pub fn with(config: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("relay");
        Self::at(dir, Some(place), config)
    }

    /// A relay that serves in a folder that someone else takes away.
    pub fn at(dir: PathBuf, keep: Option<TempDir>, config: &str) -> Self {
        let port = port();
        let listen = format!("127.0.0.1:{port}");
        let place = printed(&["init", dir.to_str().unwrap(), "--listen", &listen]);
        let file = dir.join("relay.toml");
        let written = std::fs::read_to_string(&file).unwrap();
        // What a test wants set replaces what stands there.
        let keys: Vec<&str> =
            config.lines().filter_map(|line| line.split('=').next()).map(str::trim).collect();
        let mut kept: String = written
            .lines()
            .filter(|line| !keys.iter().any(|key| line.starts_with(key)))
            .map(|line| format!("{line}\n"))
            .collect();
        kept.push_str(config);
        std::fs::write(&file, kept).unwrap();
        let mut relay = Self { _place: keep, dir, port, place, said: Arc::default(), serving: None };
        relay.start();
        relay
    }

    /// Starts it, on its own port, and waits until it listens.
    pub fn start(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", self.dir.to_str().unwrap()]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        self.serving = Some(child);
        let (tell, told) = mpsc::channel();
        // What it says is read to the end, so that it never waits for a reader.
        let log = Arc::clone(&self.said);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                log.lock().unwrap().push_str(&format!("{line}\n"));
                let _ = tell.send(line);
            }
        });
        let mut said = String::new();
        loop {
            let line = told.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("it does not listen: {said}"));
            if line.starts_with("listening on ") {
                return;
            }
            said.push_str(&line);
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.serving.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.serving.take().expect("it serves");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        child.wait().unwrap().code()
    }

    /// A new pass.
    pub fn pass(&self) -> String {
        self.pass_for(&[])
    }

    pub fn pass_for(&self, more: &[&str]) -> String {
        let mut args = vec!["pass", self.dir.to_str().unwrap()];
        args.extend(more);
        printed(&args)
    }

    /// Cells it holds now, counted from its store: it must not serve.
    pub fn cells(&self) -> u64 {
        assert!(self.serving.is_none());
        let status = printed(&["status", self.dir.to_str().unwrap(), "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["cells"].as_u64().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.serving {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Copies a folder with all that is in it; permissions go along.
pub fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Puts a copy of a folder in the place of the folder.
pub fn put_back(copied: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy(copied, to);
}
