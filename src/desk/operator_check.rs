//! `truceline-relay check`: what of a machine and a folder lets a relay serve and keep its promises, each with what to do
//! where it does not. Changes nothing.

use crate::desk::operator::{Exit, Failure, LOW_PORT, age};
use crate::host::confine::{self, Confined, Reach};
use crate::host::folder::{self, Lodging};
use crate::host::link::{self, Acceptor, LinkError};
use crate::host::process;
use crate::host::store::StoreError;
use crate::party::relay::{Pin, RelayPlace};
use crate::service::relay::RelayError;
use crate::service::relay_config::RelayConfig;
use crate::service::relay_folder::{RelayFolder, RelayFolderError};
use crate::time::UnixMillis;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// A relay that serves answers on its own machine within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A clock may be so far behind what was written by it.
const CLOCK_SECS: u64 = 60;
/// Below so many times the reserve a disk is said to be nearly full.
const ROOM_RESERVES: u64 = 2;

/// With less than this to its bound, a store's file is as large as it may be.
const FULL_STORE_BYTES: u64 = 64 << 10;

/// What was found of one thing.
#[derive(Debug)]
pub struct Finding {
    subject: &'static str,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Good(String),
    /// It serves all the same.
    Doubtful {
        what: String,
        remedy: String,
    },
    Bad(Failure),
}

impl Finding {
    /// What the program ends with, where the relay cannot go on so.
    #[must_use]
    pub const fn fails(&self) -> Option<Exit> {
        match &self.found {
            Found::Bad(failure) => Some(failure.exit),
            Found::Good(_) | Found::Doubtful { .. } => None,
        }
    }

    fn parts(&self) -> (&'static str, &str, Option<&str>) {
        match &self.found {
            Found::Good(what) => ("ok", what, None),
            Found::Doubtful { what, remedy } => ("warn", what, Some(remedy)),
            Found::Bad(failure) => ("FAIL", &failure.what, Some(&failure.remedy)),
        }
    }
}

impl From<Failure> for Found {
    fn from(failure: Failure) -> Self {
        Self::Bad(failure)
    }
}

fn doubtful(what: impl Into<String>, remedy: impl Into<String>) -> Found {
    Found::Doubtful { what: what.into(), remedy: remedy.into() }
}

fn bad(exit: Exit, what: impl ToString, remedy: impl Into<String>) -> Found {
    Failure::new(exit, what, remedy).into()
}

fn of_relay(error: impl Into<RelayError>) -> Found {
    Failure::from(error.into()).into()
}

/// Each finding as a line, and what to do below it.
#[must_use]
pub fn text(findings: &[Finding]) -> String {
    let told = findings.iter().map(|finding| {
        let (verdict, what, remedy) = finding.parts();
        let remedy = remedy.map(|remedy| format!("\n      {remedy}")).unwrap_or_default();
        format!("{verdict:<4}  {:<12}  {what}{remedy}", finding.subject)
    });
    told.collect::<Vec<_>>().join("\n")
}

/// The same for programs.
#[must_use]
pub fn json(findings: &[Finding]) -> Value {
    let told = findings.iter().map(|finding| {
        let (verdict, what, remedy) = finding.parts();
        json!({"subject": finding.subject, "verdict": verdict.to_lowercase(), "what": what, "remedy": remedy})
    });
    json!({"ok": findings.iter().all(|it| it.fails().is_none()), "findings": told.collect::<Vec<_>>()})
}

/// Looks at a relay's folder and the machine it is on. Where there is no folder to go on from, that is the only finding.
#[must_use]
pub fn check(folder: &RelayFolder, now: UnixMillis) -> Vec<Finding> {
    let of = |subject, found| Finding { subject, found };
    let config = match folder.config() {
        Ok(config) => config,
        Err(error @ RelayFolderError::Config(_)) => return vec![of("relay.toml", of_relay(error))],
        Err(error) => return vec![of("folder", of_relay(error))],
    };
    let pin = Acceptor::load(&folder.certificate(), &folder.key()).map(|acceptor| acceptor.pin());
    let status = folder.status(now);
    let serving = match &status {
        Ok(status) => status.serving,
        Err(RelayFolderError::Store(StoreError::Locked)) => true,
        Err(_) => false,
    };
    let port = match (&pin, serving) {
        (Ok(pin), true) => answers(&config, *pin),
        (Err(_), true) => doubtful(
            "the relay serves, and was not asked: its certificate cannot be read",
            "Leave it running, and see the line of the certificate.",
        ),
        (_, false) => free("listen", config.listen),
    };
    let metrics = config.metrics.filter(|_| !serving).map(|address| free("metrics", address));
    // Servers are asked also while the relay serves: it may wait for them, and for their standbys.
    let status = if config.store.is_some() { folder.status_of_servers(now) } else { status };
    let store = match status {
        Ok(status) => Found::Good(format!("{} queues, {} cells", status.queues, status.cells)),
        Err(error) => of_relay(error),
    };
    let certificate = match pin {
        Ok(pin) => Found::Good(format!("pin {}", pin.0.hex())),
        Err(error) => of_relay(error),
    };
    let deposit = match folder.has_deposit_key() {
        Ok(true) => Found::Good("readable".to_owned()),
        Ok(false) => doubtful(
            "there is none: the next start makes one",
            "If there was one before, bring it back from a copy: clients that know it put nothing here without it.",
        ),
        Err(error) => of_relay(error),
    };
    let found = vec![
        of("folder", private(folder)),
        of("relay.toml", Found::Good("can be followed".to_owned())),
        of("certificate", certificate),
        of("deposit.key", deposit),
        of("store", store),
        of("passes", passes(folder)),
        of("clock", clock(folder, now)),
        of("disk", disk(folder)),
        of("room", if config.store.is_some() { of_servers() } else { room(folder, &config) }),
        of("open files", open_files(&config)),
        of("confinement", confinement(folder, &config)),
        of("port", port),
    ];
    found.into_iter().chain(metrics.map(|found| of("metrics", found))).collect()
}

fn files(folder: &RelayFolder) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(folder.path())?.map(|entry| Ok(entry?.path())).collect()
}

fn private(folder: &RelayFolder) -> Found {
    let path = folder.path().display();
    let files = match files(folder) {
        Ok(files) => files,
        Err(error) => return bad(Exit::Folder, format!("{path}: {error}"), "Check its permissions."),
    };
    match files.iter().find_map(|file| Some((file, folder::check_private(file).err()?))) {
        None => Found::Good(format!("{path}, its owner's alone")),
        Some((file, error))
            if file.extension().is_some_and(|ending| ending == "key") || *file == folder.key() =>
        {
            bad(Exit::Folder, &error, error.remedy())
        }
        Some((_, error)) => doubtful(error.to_string(), error.remedy()),
    }
}

fn passes(folder: &RelayFolder) -> Found {
    match folder.passes_waiting() {
        Ok((waiting, 0)) => Found::Good(format!("{waiting} wait to be taken in")),
        Ok((_, none)) => doubtful(
            format!("{none} files in passes/ cannot be read, or are damaged"),
            "Remove them, and issue other passes, as the user who serves.",
        ),
        Err(error) => bad(Exit::Folder, &error, error.remedy()),
    }
}

/// A clock behind what it wrote before keeps cells too long, and dates deposits before they were made.
fn clock(folder: &RelayFolder, now: UnixMillis) -> Found {
    let written = |path: &PathBuf| {
        let since = std::fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    };
    let newest = files(folder).unwrap_or_default().iter().filter_map(written).max().unwrap_or(0);
    if newest > now.0 / 1_000 + CLOCK_SECS {
        let behind = age(UnixMillis(newest * 1_000).since(now));
        let remedy = "Set the clock, and let a time service keep it (chrony, systemd-timesyncd).";
        return bad(Exit::Failed, format!("{behind} behind what lies in the folder"), remedy);
    }
    Found::Good("not behind what lies in the folder".to_owned())
}

fn disk(folder: &RelayFolder) -> Found {
    match folder::lodging(folder.path()) {
        Ok(Lodging::Disk) => Found::Good("of this machine".to_owned()),
        Ok(Lodging::Memory) => bad(
            Exit::Disk,
            "the folder lies in memory: it is gone when the machine stops",
            "Move it to a disk.",
        ),
        Ok(Lodging::Network) => bad(
            Exit::Disk,
            "the folder lies on another machine: what is told to be on a disk may not be, and locks may not hold",
            "Move it to a disk of this machine.",
        ),
        Ok(Lodging::Layer) => doubtful(
            "the folder lies in a container's own layer, and goes with the container",
            "Give the container a volume for it.",
        ),
        Err(error) => bad(Exit::Disk, &error, error.remedy()),
    }
}

fn of_servers() -> Found {
    Found::Good("the servers': watch it there".to_owned())
}

fn room(folder: &RelayFolder, config: &RelayConfig) -> Found {
    let free = match folder::free_bytes(folder.path()) {
        Ok(free) => free,
        Err(error) => return bad(Exit::Disk, &error, error.remedy()),
    };
    let store = std::fs::metadata(folder.path().join("relay.sqlite")).map_or(0, |file| file.len());
    if config.store_bytes_max.is_some_and(|max| store.saturating_add(FULL_STORE_BYTES) > max) {
        return doubtful(
            "the store's file is as large as it may be (store_bytes_max): new cells fit where others were dropped",
            "Raise store_bytes_max, and start the relay again.",
        );
    }
    let (room, reserve) = (free >> 20, config.reserve_bytes >> 20);
    let bound = config.store_bytes_max.map(|max| {
        let left = max.saturating_sub(store) >> 20;
        format!("; the store's file may grow by {left} MiB (store_bytes_max), beside what it has free within")
    });
    let what = format!(
        "{room} MiB free, of which {reserve} are left free (reserve_bytes){}",
        bound.unwrap_or_default()
    );
    if free <= config.reserve_bytes {
        bad(Exit::Disk, format!("{what}: nothing new is stored"), "Make room, or lower reserve_bytes.")
    } else if free <= config.reserve_bytes.saturating_mul(ROOM_RESERVES) {
        doubtful(what, "Make room: clients wait while a relay is full.")
    } else {
        Found::Good(what)
    }
}

fn open_files(config: &RelayConfig) -> Found {
    let (wanted, may) = (config.files_wanted(), process::raise_open_files(config.files_wanted()));
    let what = format!(
        "{may} may be open to what is started from here, {wanted} are wanted (connections_max and 64)"
    );
    if may < wanted {
        return doubtful(
            what,
            "Raise the limit (LimitNOFILE= under systemd, ulimit -Hn), or lower connections_max.",
        );
    }
    Found::Good(what)
}

/// What would hold a relay that is started now.
fn confinement(folder: &RelayFolder, config: &RelayConfig) -> Found {
    if !config.confine {
        return doubtful(
            "switched off (confine)",
            "Set confine = true in relay.toml, and start the relay again.",
        );
    }
    let ports = config.ports();
    let confined =
        confine::trial(&Reach { folder: folder.path(), listen: &ports, connect: &config.ports_of_store() });
    let Confined { landlock, seccomp } = confined;
    let what = format!("landlock {landlock}, seccomp {seccomp}");
    if confined.is_full() {
        return Found::Good(what);
    }
    doubtful(
        what,
        "Use Linux 6.12 or newer with both (CONFIG_SECURITY_LANDLOCK, CONFIG_SECCOMP_FILTER), and let what this runs in allow them.",
    )
}

/// Whether the address can be listened on, as the relay would.
fn free(key: &str, address: SocketAddr) -> Found {
    match TcpListener::bind(address) {
        Ok(_) => Found::Good(format!("{address} can be listened on")),
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::PermissionDenied => LOW_PORT.to_owned(),
                ErrorKind::AddrInUse => {
                    format!("End what uses it, or set another port with {key} in relay.toml.")
                }
                _ => format!("Set an address of this machine with {key} in relay.toml."),
            };
            bad(Exit::Address, format!("{address} cannot be listened on: {error}"), remedy)
        }
    }
}

/// Whether the relay that serves answers where relay.toml says, with its own pin.
fn answers(config: &RelayConfig, pin: Pin) -> Found {
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    if address.port() == 0 {
        return doubtful(
            "the relay serves, at a port that the system chose",
            "Set a port with listen in relay.toml: clients need one that stays.",
        );
    }
    let (what, remedy) = match answer(address, pin) {
        Ok(()) => return Found::Good(format!("{address} answers with its pin")),
        Err(LinkError::PinMismatch { .. }) => (
            "shows another certificate than certificate.pem".to_owned(),
            "If certificate.pem is the one you want, send the relay a SIGHUP; else bring the old files back.",
        ),
        Err(error @ LinkError::Unreachable { .. }) => (
            error.to_string(),
            "It listens elsewhere: listen was changed since it started, or --listen is given. Start it again where it can be spared.",
        ),
        Err(error) => (
            error.to_string(),
            "It may be at its limits: see its log for connections turned away or that cannot be accepted.",
        ),
    };
    bad(Exit::Address, format!("the relay serves, and {address} does not answer as it: {what}"), remedy)
}

fn answer(address: SocketAddr, pin: Pin) -> Result<(), LinkError> {
    let failed = |error: String| LinkError::Failed(error);
    let place = RelayPlace::new(&address.to_string(), pin).map_err(|error| failed(error.to_string()))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed(error.to_string()))?;
    runtime.block_on(link::connect(&place, None, ANSWER_WITHIN)).map(drop)
}
