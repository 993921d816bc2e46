//! What `truceline-relay` does and shows: one function a command, errors as what happened and then what to
//! do.

use crate::desk::operator_check;
use crate::desk::operator_grammar::{Command, Folder, Init, Operator, Pass, Revoke, Serve};
use crate::host::clock;
use crate::host::confine::{self, Confined, Reach};
use crate::host::entropy::OsEntropy;
use crate::host::folder::{self, Lodging};
use crate::host::postgres::PostgresError;
use crate::host::process;
use crate::host::store::StoreError;
use crate::service::relay::{RelayError, RelayService};
use crate::service::relay_config::{LogFormat, LogLevel, RelayConfig};
use crate::service::relay_folder::{RelayFolder, RelayFolderError, Status};
use crate::time::{Millis, UnixMillis};
use crate::wire;
use jiff::{Span, SpanRelativeTo, Timestamp};
use sd_notify::NotifyState;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::net::SocketAddr;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

/// The most that is read of a pass's line, which has some 90 characters.
const PASS_LINE_BYTES_MAX: usize = 1_024;
/// What to do where leave is missing to listen.
pub(super) const LOW_PORT: &str = "Ports below 1024 need leave: AmbientCapabilities=CAP_NET_BIND_SERVICE under systemd. Or set another port.";
/// The longest a pass may be good for.
const PASS_EXPIRES_MAX: Millis = Millis::days(3_650);

/// What the program ends with: see `truceline-relay --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something else failed.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The folder, its configuration or its certificate cannot be used.
    Folder = 3,
    /// Another process uses the folder.
    Locked = 4,
    /// The disk is full, failed, or holds damaged data.
    Disk = 5,
    /// The address cannot be listened on.
    Address = 6,
}

/// A command that failed: what happened, what to do, and the code to end with.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// How the program ends.
    pub exit: Exit,
}

impl Failure {
    pub(super) fn new(exit: Exit, what: impl ToString, remedy: impl Into<String>) -> Self {
        Self { what: what.to_string(), remedy: remedy.into(), exit }
    }

    /// Shows it on standard error.
    pub fn show(&self, as_json: bool) {
        if as_json {
            let shown = json!({"error": self.what, "remedy": self.remedy, "exit": self.exit as u8});
            eprintln!("{shown}");
        } else {
            eprintln!("error: {}\n  {}", self.what, self.remedy);
        }
    }
}

fn of_store(error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Locked => Exit::Locked,
        StoreError::Full | StoreError::Corrupt { .. } | StoreError::Failed { .. } => Exit::Disk,
        StoreError::Exists { .. }
        | StoreError::Foreign { .. }
        | StoreError::Missing { .. }
        | StoreError::VersionUnknown { .. }
        | StoreError::Folder(_) => Exit::Folder,
        StoreError::Misused(_) => Exit::Failed,
    };
    let what = match error {
        StoreError::Corrupt { .. } => format!("relay.sqlite and its journal: {error}"),
        _ => error.to_string(),
    };
    let remedy = match error {
        StoreError::Corrupt { .. } => {
            "Keep a copy of the folder, and check the disk. What to do then is in OPERATIONS.md (Damage): a new store has none of the old one's queues.".to_owned()
        }
        _ => error.remedy(),
    };
    Failure::new(exit, what, remedy)
}

fn of_postgres(error: &PostgresError) -> Failure {
    let exit = match error {
        PostgresError::Invalid(_) | PostgresError::Authority(_) => Exit::Folder,
        PostgresError::Misused(_) => Exit::Failed,
        _ => Exit::Disk,
    };
    Failure::new(exit, error, error.remedy())
}

impl From<RelayFolderError> for Failure {
    fn from(error: RelayFolderError) -> Self {
        let remedy = match &error {
            RelayFolderError::Store(error) => return of_store(error),
            RelayFolderError::Postgres(error) => return of_postgres(error),
            RelayFolderError::Folder(error) => error.remedy(),
            RelayFolderError::Exists(_) => "Serve it, or name another folder.".to_owned(),
            RelayFolderError::Missing(path) => {
                format!("Check the path, or make one: truceline-relay init '{}'", path.display())
            }
            RelayFolderError::Unfinished(path) => {
                let path = path.display();
                format!("Bring key.pem back from a copy. If the making of the relay was cut short, end it, with a new pin: truceline-relay init '{path}'.")
            }
            RelayFolderError::StoreGone(_) => {
                "Bring relay.sqlite back, with its -wal and relay.journal, if you can. To begin anew under the same pin: init another folder, and put certificate.pem, key.pem and deposit.key of this one there (OPERATIONS.md, Damage).".to_owned()
            }
            RelayFolderError::NotOwner { .. } => {
                "Run it as the folder's owner: runuser -u USER -- truceline-relay ... Or, after a copy made as root, give it to the user who serves: chown -R USER: FOLDER".to_owned()
            }
            RelayFolderError::Config(_) => {
                "Correct the file, or leave the line out: then the default holds.".to_owned()
            }
            RelayFolderError::DepositKey(_) => {
                "Bring deposit.key back from a copy, with permissions 600. Without one, remove the file: a new key is made, and who knows the old one is warned.".to_owned()
            }
            RelayFolderError::Certificate(_) => {
                "Check that certificate.pem and key.pem in the folder are the ones made together.".to_owned()
            }
        };
        Self::new(Exit::Folder, error, remedy)
    }
}

impl From<RelayError> for Failure {
    fn from(error: RelayError) -> Self {
        match error {
            RelayError::Folder(error) => error.into(),
            RelayError::Store(error) => of_store(&error),
            RelayError::Postgres(error) => of_postgres(&error),
            RelayError::Acceptor(_) => Self::new(
                Exit::Folder,
                error,
                "Check that certificate.pem and key.pem in the folder are a pair, the one that init made, that the user who serves owns them, and that key.pem is his alone, with permissions 600. Keep copies: what is lost is brought back from there.",
            ),
            RelayError::Listen { ref cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::new(Exit::Address, error, LOW_PORT)
            }
            RelayError::Listen { key, .. } => {
                let or = if key == "listen" { " or --listen" } else { "" };
                let remedy =
                    format!("Set another address with {key} in relay.toml{or}, or end what uses this one.");
                Self::new(Exit::Address, error, remedy)
            }
            RelayError::Thread(_) => Self::new(Exit::Failed, error, "Raise the limit of processes."),
            RelayError::DiskStopped(_) | RelayError::Sign(_) | RelayError::Broken(_) => {
                Self::new(Exit::Failed, error, "Start it again. This is a defect: please report it.")
            }
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// [`Failure`].
pub fn run(operator: &Operator) -> Result<(), Failure> {
    match &operator.command {
        Command::Init(init) => make(init, operator.json),
        Command::Serve(asked) => serve(asked, operator.json),
        Command::Pass(asked) => pass(asked, operator.json),
        Command::Revoke(asked) => revoke(asked, operator.json),
        Command::Check(folder) => check(folder, operator.json),
        Command::Status(folder) => {
            let now = clock::now();
            let status = RelayFolder::at(&folder.dir).status(now)?;
            show(operator.json, &status_json(&status, now), &status_text(&status, now))
        }
    }
}

/// The answer on standard output: of a pipe that was closed nobody is told.
fn show(as_json: bool, value: &Value, text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let shown = if as_json { writeln!(out, "{value}") } else { writeln!(out, "{text}") };
    match shown.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, error, "Check where the output goes."))
        }
        _ => Ok(()),
    }
}

fn check(folder: &Folder, as_json: bool) -> Result<(), Failure> {
    let found = operator_check::check(&RelayFolder::at(&folder.dir), clock::now());
    show(as_json, &operator_check::json(&found), &operator_check::text(&found))?;
    let Some(worst) = found.iter().find_map(|it| it.fails()) else { return Ok(()) };
    let remedy = "Do what is said beside each line that fails, then check again.";
    Err(Failure::new(worst, "the relay cannot serve as it is, or would lose what it acknowledges", remedy))
}

fn make(asked: &Init, as_json: bool) -> Result<(), Failure> {
    let config = RelayConfig { listen: asked.listen, public: asked.public.clone(), ..RelayConfig::default() };
    let folder = RelayFolder::at(&asked.folder.dir);
    let (pin, deposit) = folder.init(&config)?;
    // What a relay.toml says that was there before holds.
    let config = folder.config()?;
    let address = config.public.clone().unwrap_or_else(|| config.listen.to_string());
    let place = format!("{address}#{}#{}", pin.0.hex(), deposit.hex());
    let hint = if config.public.is_some() {
        None
    } else if config.listen.port() == 0 {
        Some("The system will choose the port: serve tells it when it listens.")
    } else if config.listen.ip().is_unspecified() {
        Some("It listens on every address: give clients its public name in place of the one before '#'.")
    } else if config.listen.ip().is_loopback() {
        Some("It listens on this machine alone: for others, set listen and public in relay.toml.")
    } else {
        None
    };
    let value = json!({
        "place": place, "address": address, "pin": pin.0.hex(), "deposit": deposit.hex(), "hint": hint,
    });
    show(as_json, &value, &place)?;
    if !as_json {
        let dir = asked.folder.dir.display();
        hint.iter().for_each(|hint| eprintln!("{hint}"));
        eprintln!("Next: truceline-relay serve '{dir}', and truceline-relay pass '{dir}' for each officer.");
    }
    Ok(())
}

fn pass(asked: &Pass, as_json: bool) -> Result<(), Failure> {
    let now = clock::now();
    let span = duration(&asked.expires)?;
    let expires = now.plus(span);
    let pass = RelayFolder::at(&asked.folder.dir).issue(asked.queues, expires, &mut OsEntropy)?;
    let line = pass.print();
    let value = json!({"pass": line, "queues": asked.queues, "expires": timestamp(expires)});
    show(as_json, &value, &line)
}

fn revoke(asked: &Revoke, as_json: bool) -> Result<(), Failure> {
    let pass = if asked.all { None } else { Some(pass_from_standard_input()?) };
    RelayFolder::at(&asked.folder.dir).revoke(pass.as_ref())?;
    let (which, told) = if asked.all {
        ("all", "No pass issued until now opens a queue any more.")
    } else {
        ("pass", "What was left of this pass opens nothing at this relay any more.")
    };
    show(as_json, &json!({"revoked": which}), &format!("{told} Queues that were opened stay."))
}

fn pass_from_standard_input() -> Result<wire::pass::Pass, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(PASS_LINE_BYTES_MAX));
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("The pass's line, as it was printed:");
    }
    let remedy = "Give the pass's line on standard input, whole; or take all back: --all.";
    let read = BufReader::new(input.take(PASS_LINE_BYTES_MAX as u64)).read_line(&mut line);
    read.map_err(|error| Failure::new(Exit::Usage, error, remedy))?;
    wire::pass::Pass::parse(&line).map_err(|error| Failure::new(Exit::Usage, error, remedy))
}

/// A span as an operator writes it: days have 24 hours.
fn duration(text: &str) -> Result<Millis, Failure> {
    let span: Option<Span> = text.parse().ok();
    let millis = span
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
        .and_then(|span| u64::try_from(span.as_millis()).ok())
        .map(Millis)
        .filter(|millis| *millis > Millis(0) && *millis <= PASS_EXPIRES_MAX);
    millis.ok_or_else(|| {
        let what = format!("'{}' is no duration up to ten years", text.escape_debug());
        Failure::new(Exit::Usage, what, "Write it as 30d, 12h or 90m.")
    })
}

fn timestamp(at: UnixMillis) -> Option<String> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok().map(|at| at.to_string())
}

fn status_json(status: &Status, now: UnixMillis) -> Value {
    json!({
        "serving": status.serving,
        "queues": status.queues,
        "cells": status.cells,
        "bytes": status.bytes,
        "oldest_age_secs": status.oldest_ms.map(|oldest| now.since(UnixMillis(oldest)).0 / 1_000),
        "tokens": status.tokens,
        "connections": status.connections,
        "as_of": timestamp(UnixMillis(status.at_ms)),
    })
}

fn status_text(status: &Status, now: UnixMillis) -> String {
    let serving = if status.serving { "yes" } else { "no" };
    let oldest = status.oldest_ms.map_or_else(|| "-".to_owned(), |oldest| age(now.since(UnixMillis(oldest))));
    let mut text = format!(
        "serving      {serving}\nqueues       {}\ncells        {}\nbytes        {}\noldest cell  {oldest}\n\
         tokens       {}",
        status.queues, status.cells, status.bytes, status.tokens
    );
    if status.serving {
        let told = age(now.since(UnixMillis(status.at_ms)));
        text.push_str(&format!("\nconnections  {}\ntold         {told} ago", status.connections));
    }
    text
}

/// A span in its two largest units.
pub(super) fn age(span: Millis) -> String {
    let secs = span.0 / 1_000;
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min {} s", secs / 60, secs % 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3_600),
    }
}

fn serve(asked: &Serve, as_json: bool) -> Result<(), Failure> {
    let folder = RelayFolder::at(&asked.folder.dir);
    let (mut config, had_config) = (folder.config()?, folder.has_config());
    if let Some(listen) = asked.listen {
        config.listen = listen;
    }
    log_to_standard_error(&config);
    raise_open_files(&config);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // How many processors it may use is written where a confined process cannot look. Before it has threads: they begin as
    // confined as this one is.
    runtime.worker_threads(std::thread::available_parallelism().map_or(1, usize::from));
    if let Ok(Lodging::Memory | Lodging::Network) = folder::lodging(folder.path()) {
        tracing::warn!(
            "the folder is in memory or on another machine: what is told to be stored may be lost (see check)"
        );
    }
    confine(&folder, &config);
    let runtime = runtime.enable_all().build().map_err(RelayError::Thread)?;
    runtime.block_on(async {
        let (mut signals, mut hangup) = (Signals::new()?, on(SignalKind::hangup())?);
        let mut service = RelayService::start(folder.clone(), config).await?;
        announce(&service, as_json);
        supervisor(&[NotifyState::Ready]);
        loop {
            tokio::select! {
                ended = service.ended() => return ended.map_err(Failure::from),
                _ = hangup.recv() => reload(&service, &folder, asked.listen, had_config),
                () = signals.next() => break,
            }
        }
        tracing::info!("stopping");
        supervisor(&[NotifyState::Stopping]);
        tokio::select! {
            ended = service.shutdown() => ended.map_err(Failure::from),
            () = signals.next_later() => {
                Err(Failure::new(Exit::Failed, "stopped at once by a second signal", "Start it again: nothing acknowledged is lost."))
            }
        }
    })
}

fn raise_open_files(config: &RelayConfig) {
    let (wanted, may) = (config.files_wanted(), process::raise_open_files(config.files_wanted()));
    if may < wanted {
        tracing::warn!(may, wanted, "fewer files may be open than connections need");
    }
}

fn confine(folder: &RelayFolder, config: &RelayConfig) {
    if !config.confine {
        return tracing::warn!("not confined: relay.toml says so");
    }
    let ports = config.ports();
    let confined =
        confine::confine(&Reach { folder: folder.path(), listen: &ports, connect: &config.ports_of_store() });
    let Confined { landlock, seccomp } = confined;
    if confined.is_full() {
        tracing::info!(%landlock, %seccomp, "confined");
    } else {
        tracing::warn!(%landlock, %seccomp, "confined as far as this kernel can");
    }
}

/// Reads relay.toml and the certificate again. What cannot be used changes nothing, and is told.
fn reload(service: &RelayService, folder: &RelayFolder, listen: Option<SocketAddr>, had_config: bool) {
    let time = NotifyState::monotonic_usec_now();
    supervisor(
        &time.map_or_else(|_| vec![NotifyState::Reloading], |time| vec![NotifyState::Reloading, time]),
    );
    let before = service.pin();
    let again = || -> Result<_, String> {
        // What an editor moves away for a moment does not mean that all defaults are meant.
        if had_config && !folder.has_config() {
            return Err("relay.toml is gone".to_owned());
        }
        let mut config = folder.config().map_err(|error| error.to_string())?;
        config.listen = listen.unwrap_or(config.listen);
        raise_open_files(&config);
        service.reload(&config).map_err(|error| error.to_string())
    };
    match again() {
        Ok(waiting) => {
            tracing::info!("relay.toml and the certificate were read again");
            if !waiting.is_empty() {
                tracing::warn!(keys = waiting.join(" "), "these keys take effect at the next start");
            }
            if service.pin() != before {
                tracing::warn!(
                    pin = service.pin().0.hex(),
                    "the certificate has another pin: clients that know the old one will not connect"
                );
            }
        }
        Err(error) => {
            // One line, without those of the file that it quotes.
            let lines: Vec<_> =
                error.lines().filter(|line| !line.contains('|') && !line.is_empty()).collect();
            tracing::error!(
                error = lines.join(": "),
                "nothing was changed: relay.toml or the certificate cannot be used"
            );
        }
    }
    supervisor(&[NotifyState::Ready]);
}

/// Tells systemd, where it started this, what state it is in (sd_notify(3)).
fn supervisor(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(kind = %error.kind(), "the supervisor cannot be told");
    }
}

/// One line on standard error that scripts can wait for.
fn announce(service: &RelayService, as_json: bool) {
    let address = service.local_addr();
    let place = service.line().map(|line| line.to_string());
    if as_json {
        let value = json!({"event": "listening", "address": address.to_string(), "place": place.ok()});
        eprintln!("{value}");
    } else {
        let place = place.unwrap_or_else(|_| format!("pin {}", service.pin().0.hex()));
        eprintln!("listening on {address} ({place} for clients)");
    }
}

fn log_to_standard_error(config: &RelayConfig) {
    let level = match config.log_level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Of this program alone: what a library would tell may name peers.
    let filter = tracing_subscriber::EnvFilter::new(format!("off,truceline={level}"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // A second call in one process, as in tests, changes nothing.
    let _ = match config.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

/// What asks the program to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

fn on(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(Exit::Failed, error, "Start it where signals can be received."))
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// A signal that comes more than a second from now: some tools send the same one twice.
    async fn next_later(&mut self) {
        let grace = tokio::time::sleep(std::time::Duration::from_secs(1));
        tokio::pin!(grace);
        loop {
            tokio::select! {
                () = &mut grace => break,
                () = self.next() => {}
            }
        }
        self.next().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_an_operator_writes_it() {
        assert_eq!(duration("30d").unwrap(), Millis::days(30));
        assert_eq!(duration("12h").unwrap(), Millis::minutes(720));
        assert_eq!(duration("1d 6h").unwrap(), Millis::minutes(1_800));
        for wrong in ["", "soon", "0s", "-3d", "99999d", "3"] {
            assert_eq!(duration(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn an_age_is_told_in_two_units() {
        let told: Vec<_> = [5, 65, 3_720, 90_000].map(|secs| age(Millis::secs(secs))).into();
        assert_eq!(told, ["5 s", "1 min 5 s", "1 h 2 min", "1 d 1 h"]);
    }
}
