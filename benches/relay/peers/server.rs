//! The peers' servers: found, configured for TLS and for their safest or their usual mode, started in a folder of their
//! own, stopped when dropped. None runs as root.

use super::Wire;
use crate::floor::{connect, write_certificate};
use crate::rounds::Setup;
use anyhow::Context as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The user `nobody`, where this runs as root.
const NOBODY: u32 = 65_534;
/// A server that does not listen by then does not start.
const START_WITHIN: Duration = Duration::from_secs(120);

/// A peer, in a mode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RabbitQuorum,
    NatsAlways,
    Nats,
    Postgres,
    Mosquitto,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::RabbitQuorum => "RabbitMQ, quorum queues",
            Self::NatsAlways => "NATS JetStream, sync always",
            Self::Nats => "NATS JetStream, default",
            Self::Postgres => "PostgreSQL, rows",
            Self::Mosquitto => "Mosquitto, QoS 1",
        }
    }

    /// What an acknowledgement to a publisher says of the message.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::RabbitQuorum => "confirms once the log is synced (one node: a majority of one)",
            Self::NatsAlways => "acknowledges once the file is synced",
            Self::Nats => "acknowledges what the kernel has; synced every two minutes",
            Self::Postgres => "commits once the log is synced; a DELETE takes and drops",
            Self::Mosquitto => "acknowledges what its memory has; written twice an hour",
        }
    }

    /// Whether what it acknowledges is on the disk.
    pub const fn syncs(self) -> bool {
        matches!(self, Self::RabbitQuorum | Self::NatsAlways | Self::Postgres)
    }

    /// Its program, where it is installed.
    fn program(self) -> Option<PathBuf> {
        let (name, folders): (&str, &[&str]) = match self {
            Self::RabbitQuorum => ("rabbitmq-server", &["/usr/lib/rabbitmq/bin"]),
            Self::NatsAlways | Self::Nats => {
                ("nats-server", &[concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/bin")])
            }
            Self::Postgres => ("postgres", &["/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin"]),
            Self::Mosquitto => ("mosquitto", &["/usr/sbin"]),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = folders.iter().map(PathBuf::from).chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| program.exists())
    }
}

/// A server, stopped when dropped.
pub struct Server {
    place: tempfile::TempDir,
    child: Child,
    port: u16,
}

/// Lets a command, and what it starts, run as nobody where this is root, in a group of processes of its own.
fn unprivileged(command: &mut Command) -> &mut Command {
    if truceline::host::process::user() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// Gives a folder and the files in it to whom the server runs as.
fn hand_over(dir: &Path) -> anyhow::Result<()> {
    std::fs::set_permissions(dir.join("key.pem"), PermissionsExt::from_mode(0o600))?;
    if truceline::host::process::user() == 0 {
        chown(dir, Some(NOBODY), Some(NOBODY))?;
        for entry in std::fs::read_dir(dir)? {
            chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
        }
    }
    Ok(())
}

fn rabbit(program: &Path, dir: &Path, port: u16) -> anyhow::Result<Command> {
    let at = dir.display();
    let config = format!(
        "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {at}/cert.pem\n\
         ssl_options.certfile = {at}/cert.pem\nssl_options.keyfile = {at}/key.pem\n\
         ssl_options.verify = verify_none\nssl_options.versions.1 = tlsv1.3\nlog.file.level = error\n"
    );
    std::fs::write(dir.join("rabbitmq.conf"), config)?;
    std::fs::write(dir.join("plugins"), "[].\n")?;
    let mut command = Command::new(program);
    command.env("HOME", dir).env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"));
    command.env("RABBITMQ_MNESIA_BASE", dir).env("RABBITMQ_LOG_BASE", dir);
    command.env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("plugins"));
    command
        .env("RABBITMQ_NODENAME", format!("bench{port}@localhost"))
        .env("RABBITMQ_DIST_PORT", (port - 1).to_string());
    Ok(command)
}

fn nats(program: &Path, dir: &Path, port: u16, always: bool) -> anyhow::Result<Command> {
    let at = dir.display();
    let sync = if always { "sync_interval: always" } else { "" };
    let config = format!(
        "listen: \"127.0.0.1:{port}\"\ntls {{ cert_file: \"{at}/cert.pem\", key_file: \"{at}/key.pem\" }}\n\
         jetstream {{ store_dir: \"{at}\", {sync} }}\n"
    );
    std::fs::write(dir.join("nats.conf"), config)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(dir.join("nats.conf"));
    Ok(command)
}

fn postgres(program: &Path, dir: &Path, port: u16) -> anyhow::Result<Command> {
    let (data, at) = (dir.join("data"), dir.display());
    let mut made = Command::new(program.with_file_name("initdb"));
    made.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust"]);
    anyhow::ensure!(unprivileged(&mut made).status()?.success(), "initdb failed");
    let mut command = Command::new(program);
    command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k", &at.to_string()]);
    let settings = [
        "ssl=on".to_owned(),
        format!("ssl_cert_file={at}/cert.pem"),
        format!("ssl_key_file={at}/key.pem"),
        "max_connections=300".to_owned(),
        "shared_buffers=512MB".to_owned(),
        "max_wal_size=4GB".to_owned(),
    ];
    settings.iter().for_each(|setting| {
        command.args(["-c", setting]);
    });
    Ok(command)
}

fn mosquitto(program: &Path, dir: &Path, port: u16) -> anyhow::Result<Command> {
    let at = dir.display();
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {at}/cert.pem\nkeyfile {at}/key.pem\n\
         persistence true\npersistence_location {at}/\nmax_queued_messages 0\nset_tcp_nodelay true\n"
    );
    std::fs::write(dir.join("mosquitto.conf"), config)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(dir.join("mosquitto.conf"));
    Ok(command)
}

impl Server {
    /// Starts one and waits until it listens; none where it is not installed.
    pub async fn start(setup: &Setup, kind: Kind) -> anyhow::Result<Option<Self>> {
        let Some(program) = kind.program() else { return Ok(None) };
        let place = setup.place()?;
        let dir = place.path();
        write_certificate(dir)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        hand_over(dir)?;
        let mut command = match kind {
            Kind::RabbitQuorum => rabbit(&program, dir, port)?,
            Kind::NatsAlways => nats(&program, dir, port, true)?,
            Kind::Nats => nats(&program, dir, port, false)?,
            Kind::Postgres => postgres(&program, dir, port)?,
            Kind::Mosquitto => mosquitto(&program, dir, port)?,
        };
        let child = unprivileged(&mut command).spawn()?;
        let server = Self { place, child, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            anyhow::ensure!(begin.elapsed() < START_WITHIN, "{} does not start", kind.name());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(Some(server))
    }

    pub fn dir(&self) -> &Path {
        self.place.path()
    }

    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // What has ended already is as good.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// A TCP connection to it, before TLS.
pub async fn tcp(port: u16) -> anyhow::Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", port)).await?)
}

/// The same with TLS.
pub async fn secure(dir: &Path, tcp: TcpStream) -> anyhow::Result<Wire> {
    let tls = connect(dir, tcp).await.context("TLS with a peer")?;
    Ok(BufReader::with_capacity(65_536, tls))
}
