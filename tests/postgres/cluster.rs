//! Real PostgreSQL servers on loopback, over TLS: a primary and standbys, of which the first is synchronous.

#![allow(dead_code, reason = "the benchmark uses its part")]

use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

const PASSWORD: &str = "correct-horse";
/// The user servers run as where the tests run as root, whom they refuse: nobody.
const NOBODY: u32 = 65_534;
const ATTEMPTS: u32 = 600;

/// Where the servers' programs are: `TRUCELINE_POSTGRES`, or where Debian has them.
pub fn programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TRUCELINE_POSTGRES") {
        return Some(named.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    found.into_iter().rev().find(|bin| bin.join("initdb").exists())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn program(name: &str) -> Command {
    let programs = programs().expect(
        "no PostgreSQL servers here: install Debian's postgresql, or name their folder in TRUCELINE_POSTGRES",
    );
    let mut command = Command::new(programs.join(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).env("PGPASSWORD", PASSWORD);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn run(command: &mut Command) {
    let ran = command.stderr(Stdio::piped()).output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn give(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// One server; killed when dropped.
pub struct Server {
    data: PathBuf,
    pub port: u16,
    child: Option<Child>,
}

impl Server {
    fn start(data: PathBuf, port: u16) -> Self {
        let mut server = Self { data, port, child: None };
        server.run();
        server
    }

    pub fn run(&mut self) {
        let log = fs::File::create(self.data.with_extension("log")).unwrap();
        let mut command = program("postgres");
        self.child = Some(command.arg("-D").arg(&self.data).stderr(log).spawn().unwrap());
        let port = self.port.to_string();
        for _ in 0..ATTEMPTS {
            let mut asked = program("pg_isready");
            if asked.args(["-h", "127.0.0.1", "-p", &port]).status().unwrap().success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not start: {}", fs::read_to_string(self.data.with_extension("log")).unwrap());
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// All its processes, told by their parent: the signal reaches each.
    pub fn signal(&self, signal: &str) {
        let parent = self.child.as_ref().unwrap().id().to_string();
        let kill = |args: &[&str]| Command::new(args[0]).args(&args[1..]).status().unwrap();
        // Its children may be none that listen to it.
        kill(&["pkill", signal, "-P", &parent]);
        assert!(kill(&["kill", signal, &parent]).success());
    }

    fn promote(&self) {
        run(program("pg_ctl").args(["promote", "-w", "-D"]).arg(&self.data));
    }

    /// Puts lines into its configuration and has them read.
    pub fn set(&self, lines: &str) {
        let path = self.data.join("postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{lines}\n")).unwrap();
        run(program("pg_ctl").args(["reload", "-D"]).arg(&self.data));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            // One that was stopped cannot die.
            self.signal("-CONT");
            self.kill();
        }
    }
}

/// A primary, and standbys that follow whoever is primary.
pub struct Cluster {
    place: TempDir,
    pub servers: Vec<Server>,
}

fn free_ports(count: usize) -> Vec<u16> {
    let taken: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    taken.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

impl Cluster {
    /// In a folder of this one, with so many standbys, `s1` and on.
    pub fn start_in(dir: &Path, standbys: usize) -> Self {
        let place = tempfile::tempdir_in(dir).unwrap();
        give(place.path());
        let ports = free_ports(1 + standbys);
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = names.self_signed(&key).unwrap().pem();
        for (name, text) in [
            ("server.crt", &certificate),
            ("server.key", &key.serialize_pem()),
            ("password", &PASSWORD.into()),
        ] {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            give(&path);
        }
        let data = place.path().join("s0");
        let password = format!("--pwfile={}", place.path().join("password").display());
        run(program("initdb")
            .args(["-U", "relay", "-A", "scram-sha-256", "-k", "-N", &password, "-D"])
            .arg(&data));
        let hosts = vec!["127.0.0.1"; ports.len()].join(",");
        let all = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let dir = place.path().to_owned();
        let conf = |name: &str, port: u16| {
            format!(
                "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\ncluster_name = '{name}'\n\
                 ssl = on\nssl_cert_file = '{dir}/server.crt'\nssl_key_file = '{dir}/server.key'\nssl_min_protocol_version = 'TLSv1.3'\n\
                 shared_buffers = 32MB\nmax_connections = 40\nmax_wal_senders = 8\n\
                 primary_conninfo = 'host={hosts} port={all} user=relay password={PASSWORD} application_name={name} target_session_attrs=read-write'\n",
                dir = dir.display()
            )
        };
        let append = |data: &Path, text: String| {
            let path = data.join("postgresql.conf");
            let before = fs::read_to_string(&path).unwrap();
            fs::write(&path, before + &text).unwrap();
        };
        append(&data, conf("s0", ports[0]));
        if standbys > 0 {
            let names: Vec<_> = (1..=standbys).map(|n| format!("s{n}")).collect();
            append(&data, format!("synchronous_standby_names = 'FIRST 1 ({})'\n", names.join(", ")));
        }
        let mut cluster = Self { place, servers: vec![Server::start(data, ports[0])] };
        for n in 1..=standbys {
            let data = cluster.place.path().join(format!("s{n}"));
            let from = format!("host=127.0.0.1 port={} user=relay", ports[0]);
            run(program("pg_basebackup").args(["-c", "fast", "-X", "stream", "-d", &from, "-D"]).arg(&data));
            append(&data, conf(&format!("s{n}"), ports[n]));
            let standby = data.join("standby.signal");
            fs::write(&standby, "").unwrap();
            give(&standby);
            cluster.servers.push(Server::start(data, ports[n]));
        }
        cluster
    }

    /// What `store` in relay.toml says.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("postgres://relay:{PASSWORD}@{}/postgres", hosts.join(","))
    }

    /// The lines of a relay.toml.
    pub fn relay_toml(&self) -> String {
        format!(
            "listen = \"127.0.0.1:0\"\nstore = \"{}\"\nstore_ca = \"servers.pem\"\nhandshakes_per_address_per_second = 1000\n",
            self.url()
        )
    }

    /// The certificate that its servers show.
    pub fn certificate(&self) -> PathBuf {
        self.place.path().join("server.crt")
    }

    /// Runs a query on the server that can be written.
    pub async fn ask(&self, query: &str) -> Vec<tokio_postgres::Row> {
        ask(&self.url(), TargetSessionAttrs::ReadWrite, query).await
    }

    /// Makes the standby the primary that has received most: another could not follow one that has less.
    pub async fn promote(&self) {
        let mut received = Vec::new();
        for server in self.servers.iter().filter(|server| server.child.is_some()) {
            let url = format!("postgres://relay:{PASSWORD}@127.0.0.1:{}/postgres", server.port);
            let far = "SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint";
            let far: i64 = ask(&url, TargetSessionAttrs::Any, far).await[0].get(0);
            received.push((far, server));
        }
        received.into_iter().max_by_key(|(far, _)| *far).unwrap().1.promote();
    }
}

async fn ask(url: &str, of: TargetSessionAttrs, query: &str) -> Vec<tokio_postgres::Row> {
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    config.target_session_attrs(of).ssl_mode(SslMode::Disable);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_typed(query, &[]).await.unwrap()
}
