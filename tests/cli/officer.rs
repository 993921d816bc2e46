//! An officer as a person or a script runs one: the program, a vault, a passphrase file, no terminal.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_truceline");
pub const PASSPHRASE: &str = "seven words that nobody says to strangers";

/// The program with nothing of the caller's environment that could steer it.
pub fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in ["TRUCELINE_VAULT", "TRUCELINE_PASSPHRASE_FILE", "TRUCELINE_DEMO_RELAY"] {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Answer {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The one JSON object it must have answered.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Holds that it failed as documented: with this code, nothing on standard output, and two parts on standard
    /// error, what happened and what to do, that have these words.
    #[track_caller]
    pub fn fails(&self, code: i32, what: &str, help: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let (happened, to_do) = match serde_json::from_str::<Value>(&self.err) {
            Ok(error) => {
                assert_eq!(error["error"]["exit"], code, "{self:?}");
                let part = |name: &str| error["error"][name].as_str().unwrap().to_owned();
                (part("message"), part("help"))
            }
            Err(_) => {
                let lines = self.err.rsplit_once("error: ").unwrap_or_else(|| panic!("{self:?}")).1;
                let (happened, to_do) = lines.split_once("\nhelp: ").unwrap_or_else(|| panic!("{self:?}"));
                (happened.to_owned(), to_do.to_owned())
            }
        };
        assert!(happened.contains(what), "no '{what}' in what happened: {self:?}");
        assert!(to_do.contains(help) && !to_do.trim().is_empty(), "no '{help}' in what to do: {self:?}");
    }
}

/// One officer.
pub struct Officer {
    _place: TempDir,
    pub dir: PathBuf,
    pub vault: PathBuf,
    pub passphrase: PathBuf,
}

impl Officer {
    /// A place for an officer, with a passphrase and no vault yet.
    pub fn without_vault() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().to_owned();
        let passphrase = dir.join("passphrase");
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        chmod(&passphrase, 0o600);
        Self { _place: place, vault: dir.join("vault"), dir, passphrase }
    }

    /// An officer with a new vault.
    pub fn new(name: &str) -> Self {
        let officer = Self::without_vault();
        officer.ok(&["init", "--name", name, "--fast-passphrase"]);
        officer
    }

    /// The program on this vault.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.arg("--vault").arg(&self.vault).arg("--passphrase-file").arg(&self.passphrase);
        command.args(args).current_dir(&self.dir);
        command
    }

    /// Runs a command for people.
    pub fn run(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args).output().unwrap())
    }

    /// Runs a command for machines.
    pub fn json(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(&[&["--json"], args].concat()).output().unwrap())
    }

    /// Runs a command for machines, which must be carried out.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Value {
        self.json(args).json()
    }

    /// Runs a command for people, which must be carried out.
    #[track_caller]
    pub fn text(&self, args: &[&str]) -> String {
        let answer = self.run(args);
        assert_eq!(answer.code, Some(0), "{args:?}: {answer:?}");
        answer.out
    }

    /// Runs a command that must be refused, for people and again for machines, and change nothing in the vault.
    #[track_caller]
    pub fn refused(&self, args: &[&str], code: i32, what: &str, help: &str) {
        let before = self.bytes();
        self.run(args).fails(code, what, help);
        self.json(args).fails(code, what, help);
        assert_eq!(before, self.bytes(), "{args:?} changed the vault");
    }

    /// Starts a command, with nobody listening.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Every file of the vault but its lock.
    pub fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(&self.vault) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| !path.ends_with("lock"))
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Writes a file beside the vault.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn sync(&self) -> Value {
        self.ok(&["sync"])
    }
}

pub fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A file of `examples/`.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

impl Officer {
    /// Makes an invite at these relays, whose offer lies there; gives its line.
    #[track_caller]
    pub fn invite(&self, relays: &[&crate::relay::Relay], label: &str) -> String {
        let file = self.dir.join(format!("invite-{label}"));
        let mut args = vec!["invite".to_owned(), "--label".to_owned(), label.to_owned()];
        args.extend(["--out".to_owned(), file.to_str().unwrap().to_owned()]);
        args.extend(relay_args(relays));
        self.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// Joins by a line, with queues at these relays.
    pub fn try_join(&self, line: &str, relays: &[&crate::relay::Relay], label: &str) -> Answer {
        let mut args =
            ["join", line, "--label", label, "--yes", "--allow-private"].map(str::to_owned).to_vec();
        args.extend(relay_args(relays));
        self.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Joins, and it must come to something.
    #[track_caller]
    pub fn join(&self, line: &str, relays: &[&crate::relay::Relay], label: &str) -> Value {
        self.try_join(line, relays, label).json()
    }

    /// The twelve words, as this officer reads them out.
    #[track_caller]
    pub fn words(&self, label: &str) -> String {
        let said = self.ok(&["words", "--channel", label]);
        let words: Vec<&str> =
            said["safety_words"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(words.len(), 12, "{said}");
        words.join(" ")
    }

    /// The channel with this label, from the status.
    #[track_caller]
    pub fn channel(&self, label: &str) -> Value {
        let status = self.ok(&["status"]);
        let channels = status["channels"].as_array().unwrap();
        let found = channels.iter().find(|channel| channel["label"] == label);
        found.unwrap_or_else(|| panic!("no channel {label}: {status}")).clone()
    }

    /// The texts of the notes the other side has said, as this officer holds them, in order.
    #[track_caller]
    pub fn notes_heard(&self, label: &str) -> Vec<String> {
        let log = self.ok(&["log", "--channel", label]);
        let notes = log["statements"].as_array().unwrap().iter();
        let notes = notes.filter(|it| it["kind"] == "note" && it["author"] == "peer" && it["void"].is_null());
        notes.map(|it| it["summary"].as_str().unwrap().to_owned()).collect()
    }
}

fn relay_args(relays: &[&crate::relay::Relay]) -> Vec<String> {
    let one = |relay: &&crate::relay::Relay| {
        ["--relay".to_owned(), relay.place.clone(), "--pass".to_owned(), relay.pass()]
    };
    relays.iter().flat_map(one).collect()
}

/// The id of the statement that a command has said.
#[track_caller]
pub fn id(said: &Value) -> String {
    let id = said["id"].as_str().unwrap_or_else(|| panic!("no statement: {said}"));
    assert_eq!(id.len(), 64, "{said}");
    id.to_owned()
}
