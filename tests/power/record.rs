//! What processes did to the files of one folder, in order: `record.c`, compiled here and loaded into them, writes it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One change to the folder, or one sync.
#[derive(Debug)]
pub enum Op {
    /// A new, empty file.
    Create { mode: u32 },
    /// Bytes at a place of a file.
    Write { at: u64, bytes: Vec<u8> },
    /// A file's size.
    Size(u64),
    /// `fsync` or `fdatasync`, of a file or a folder.
    Sync,
    /// Another name, over what may have had it.
    Rename { to: PathBuf },
    /// A further name of a file.
    Link { to: PathBuf },
    /// A file or an empty folder goes.
    Remove,
    /// A new folder.
    MakeFolder { mode: u32 },
}

/// An operation, the path it names, and where its record ends in the log.
pub struct Recorded {
    pub op: Op,
    pub path: PathBuf,
    pub end: u64,
}

/// A folder under watch, and the log of what is done in it.
pub struct Recorder {
    root: PathBuf,
    log: PathBuf,
    library: PathBuf,
}

impl Recorder {
    /// Watches `root`; log and library go to `aside`. None where the library cannot be had.
    pub fn new(root: &Path, aside: &Path) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/record.c");
        let library = aside.join("record.so");
        let mut compile = Command::new("cc");
        compile.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library);
        match compile.arg(source).output() {
            Err(error) => println!("there is no C compiler: {error}"),
            Ok(output) if !output.status.success() => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Ok(_) => {
                let log = aside.join("log");
                std::fs::write(&log, b"").unwrap();
                return Some(Self { root: root.to_owned(), log, library });
            }
        }
        None
    }

    /// Has a process write what it does.
    pub fn watch(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("POWER_ROOT", &self.root).env("POWER_LOG", &self.log);
    }

    /// Where the log ends now: what is recorded later had not happened yet.
    pub fn now(&self) -> u64 {
        std::fs::metadata(&self.log).unwrap().len()
    }

    /// All that was recorded, with paths below the watched folder.
    pub fn read(&self) -> Vec<Recorded> {
        let log = std::fs::read(&self.log).unwrap();
        let mut rest = log.as_slice();
        let mut recorded = Vec::new();
        while !rest.is_empty() {
            let op = rest[0];
            let number = u64::from_le_bytes(rest[1..9].try_into().unwrap());
            let length = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
            let (path, data) = rest[17..].split_at(length(9));
            let (data, after) = data.split_at(length(13));
            rest = after;
            let below = |path: &[u8]| {
                let path = Path::new(std::str::from_utf8(path).unwrap());
                path.strip_prefix(&self.root).unwrap().to_owned()
            };
            let path = below(path);
            let op = match op {
                1 => Op::Create { mode: number as u32 },
                2 => Op::Write { at: number, bytes: data.to_vec() },
                3 => Op::Size(number),
                4 => Op::Sync,
                5 => Op::Rename { to: below(data) },
                6 => Op::Remove,
                7 => Op::MakeFolder { mode: number as u32 },
                8 => Op::Link { to: below(data) },
                _ => panic!("{}: a change that the replay has no model of", path.display()),
            };
            recorded.push(Recorded { op, path, end: (log.len() - rest.len()) as u64 });
        }
        recorded
    }
}
