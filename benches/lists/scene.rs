//! A relay and two officers whose channel stands, each command a process of its own that is measured.

use crate::measure::{self, Cost};
use anyhow::Context as _;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::time::Instant;

/// What opens both vaults.
pub const PASSPHRASE: &str = "seven words that nobody says to strangers";

/// A relay that serves, killed when dropped.
pub struct Relay {
    place: String,
    dir: PathBuf,
    serving: Child,
}

impl Relay {
    fn new(dir: PathBuf) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let place = operate(&["init", text(&dir)?, "--listen", &format!("127.0.0.1:{port}")])?;
        // As many cells in a queue as any benchmark lets wait.
        let config = std::fs::read_to_string(dir.join("relay.toml"))?;
        let config = config.replace("queue_cells_max = 2048", "queue_cells_max = 100000");
        std::fs::write(dir.join("relay.toml"), config)?;
        let mut serve = Command::new(env!("CARGO_BIN_EXE_truceline-relay"));
        serve.args(["serve", text(&dir)?]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut serving = serve.spawn()?;
        let mut said = BufReader::new(serving.stderr.take().context("a pipe")?).lines();
        let listens = said.by_ref().map_while(Result::ok).any(|line| line.starts_with("listening on "));
        anyhow::ensure!(listens, "the relay does not listen");
        // What it says is read to the end, so that it never waits for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Ok(Self { place, dir, serving })
    }

    /// What it has cost so far.
    pub fn cost(&self) -> anyhow::Result<Cost> {
        measure::so_far(self.serving.id())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

fn operate(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_truceline-relay")).args(args).output()?;
    anyhow::ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// One officer: a folder with a passphrase and a vault.
pub struct Officer {
    /// The folder.
    pub dir: PathBuf,
}

impl Officer {
    fn new(dir: PathBuf, name: &str) -> anyhow::Result<Self> {
        std::fs::create_dir(&dir)?;
        let officer = Self { dir };
        let passphrase = officer.dir.join("passphrase");
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n"))?;
        std::fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        officer.json(&["init", "--name", name, "--fast-passphrase"])?;
        officer.json(&["settings", "--receipts-at-once"])?;
        Ok(officer)
    }

    /// Runs a command to its end: its exit code, and what it cost. What it prints goes to a file.
    fn run(&self, args: &[&str]) -> anyhow::Result<(i32, Cost)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_truceline"));
        command.env_remove("TRUCELINE_DEMO_RELAY").current_dir(&self.dir);
        command.args(["--vault", "vault", "--passphrase-file", "passphrase"]).args(args);
        command.stdin(Stdio::null()).stdout(File::create(self.dir.join("out"))?);
        command.stderr(File::create(self.dir.join("err"))?);
        let begin = Instant::now();
        let (status, cost) = measure::wait(&mut command.spawn()?, begin)?;
        Ok((status.code().context("killed by a signal")?, cost))
    }

    fn printed(&self, name: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.dir.join(name))?)
    }

    /// A command that must be refused with this exit code.
    pub fn refused(&self, args: &[&str], code: i32) -> anyhow::Result<Cost> {
        let (ended, cost) = self.run(args)?;
        anyhow::ensure!(ended == code, "{args:?} ended with {ended}: {}", self.printed("err")?);
        Ok(cost)
    }

    /// A command for people, which must be carried out.
    pub fn text(&self, args: &[&str]) -> anyhow::Result<Cost> {
        self.refused(args, 0)
    }

    /// A command for machines, which must be carried out, and its answer.
    pub fn json(&self, args: &[&str]) -> anyhow::Result<(Value, Cost)> {
        let cost = self.text(&[&["--json"], args].concat())?;
        Ok((serde_json::from_str(&self.printed("out")?)?, cost))
    }

    /// Writes two proposals: one of this many persons, and the same with its last person's sex unknown to anyone.
    pub fn write_proposals(&self, lines: u32) -> anyhow::Result<[String; 2]> {
        let mut list = "surname,first_names,patronymic,surname_romanised,first_names_romanised,romanisation,\
                        birth_date,birth_place,sex,nationality,power,service_number,rank,unit,status,health\n"
            .to_owned();
        for line in 1..lines {
            writeln!(list, "{}", person(line, "male"))?;
        }
        for (name, sex) in [("whole", "male"), ("spoilt", "soldier")] {
            let leg = format!("[[leg]]\ngiver = \"me\"\npersons = \"{name}.csv\"\n");
            std::fs::write(self.dir.join(format!("{name}.toml")), leg)?;
            std::fs::write(self.dir.join(format!("{name}.csv")), format!("{list}{}\n", person(lines, sex)))?;
        }
        Ok(["whole.toml", "spoilt.toml"].map(str::to_owned))
    }
}

/// A row of a list, as long as most are: some 380 bytes of a statement, of which 20,000 just fit into one.
fn person(line: u32, sex: &str) -> String {
    let (year, month, day) = (1950 + line % 55, 1 + line % 12, 1 + line % 28);
    format!(
        "Вельгин-{line},Андрей,Андреевич,Velʹgin-{line},Andrej,ISO 9,{year}-{month:02}-{day:02},Тарн-на-Осме,{sex},\
         Tarrunian,Tarrun,ТА-{line:06},serjeant,14th Rifle Brigade,prisoner of war,good"
    )
}

/// A relay, and two officers who have confirmed their words there.
pub struct Scene {
    _dir: TempDir,
    /// The relay.
    pub relay: Relay,
    /// The inviter.
    pub velmara: Officer,
    /// The joiner.
    pub tarrun: Officer,
}

impl Scene {
    /// From three empty folders to confirmed words, by commands alone.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let relay = Relay::new(dir.path().join("relay"))?;
        let velmara = Officer::new(dir.path().join("velmara"), "Velmara")?;
        let tarrun = Officer::new(dir.path().join("tarrun"), "Tarrun")?;
        let pass = || operate(&["pass", text(&relay.dir)?]);
        let out = ["--label", "tarrun", "--out", "invite"];
        velmara.json(&[&["invite", "--relay", &relay.place, "--pass", &pass()?], &out[..]].concat())?;
        let line = velmara.printed("invite")?;
        let at = ["--label", "velmara", "--relay", &relay.place, "--yes", "--allow-private"];
        tarrun.json(&[&["join", line.trim(), "--pass", &pass()?], &at[..]].concat())?;
        for officer in [&velmara, &tarrun, &velmara] {
            officer.json(&["sync"])?;
        }
        let (words, _) = velmara.json(&["words"])?;
        let words = words["safety_words"].as_array().context("twelve words")?.iter();
        let words = words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        for officer in [&velmara, &tarrun] {
            officer.json(&["words", "--confirm", &words])?;
            officer.json(&["sync"])?;
        }
        velmara.json(&["sync"])?;
        Ok(Self { _dir: dir, relay, velmara, tarrun })
    }
}
