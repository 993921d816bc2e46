//! A PostgreSQL server, or several of which one is written: how one is reached, and whether it keeps what it
//! says it has stored. What lies there is another room's business.
//!
//! A commit that comes back is on the disk of the server and, but for [`Durability::Single`], on that of a
//! standby. Three ways in which a server would say so and lie are closed: its settings are looked at with each
//! connection and after each commit; the one that a session may choose is chosen; and a wait for the standby that
//! somebody cancelled, which PostgreSQL tells as a commit with a warning, counts as a commit that failed.

use crate::host::tls;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket, Statement};

/// Where servers listen that are told no other port.
const PORT: u16 = 5_432;
/// For a server to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What each session sets for itself. A transaction whose relay has vanished lets its locks go.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = 0; SET lock_timeout = '15s'; \
     SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = warning";

/// What `stored` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On the disks of the server that is written and of a synchronous standby.
    #[default]
    Standby,
    /// On the disk of the server that is written.
    Single,
}

/// The address of servers, as an operator writes it: `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE`.
/// Never printed: it may hold a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostgresUrl(String);

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PostgresUrl(..)")
    }
}

/// A server that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// What the operator wrote leads to no server.
    #[error("the store cannot be used: {0}")]
    Invalid(&'static str),
    /// The certificates that servers are to be known by.
    #[error("store_ca: {0}")]
    Authority(String),
    /// No server that can be written takes a connection.
    #[error("no PostgreSQL server that can be written is reached: {0}")]
    Unreachable(String),
    /// The server would say that it has stored what it may lose.
    #[error("PostgreSQL has {setting}: what it says is stored may be lost")]
    WouldLose {
        /// The setting and its value.
        setting: String,
        /// What to set instead.
        remedy: &'static str,
    },
    /// Each commit would wait for a standby, and none is connected.
    #[error("PostgreSQL waits for a synchronous standby, and none is connected: nothing is acknowledged")]
    NoStandby,
    /// What lies there is of another version of this program, or of another program.
    #[error("the database holds a store of format {found}; this program knows format {known}")]
    VersionUnknown {
        /// Its format.
        found: i32,
        /// This program's.
        known: i32,
    },
    /// A row is not what was written.
    #[error("the stored data is damaged: {0}")]
    Damaged(&'static str),
    /// The server did not do what it was asked, or did not answer: what of it is stored is not known.
    #[error("PostgreSQL: {0}")]
    Failed(String),
    /// It has no room. Nothing changed.
    #[error("PostgreSQL has no room left on its disk: nothing was written")]
    Full,
    /// The program asked for what it must not.
    #[error("the program misused its store: {0}")]
    Misused(&'static str),
}

impl PostgresError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Invalid(_) => {
                "Write store = \"postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE\" in relay.toml; docs/OPERATIONS.md says more."
            }
            Self::Authority(_) => {
                "Put the certificates that sign the servers' in one PEM file, and name it with store_ca in relay.toml."
            }
            Self::Unreachable(_) => {
                "Check that a server runs and is no standby, its address, user, password and certificate, and pg_hba.conf."
            }
            Self::WouldLose { remedy, .. } => remedy,
            Self::VersionUnknown { .. } => "Use the program that made it, or another database.",
            Self::Damaged(_) => "Check the servers' disks; promote a standby that is whole.",
            Self::NoStandby => {
                "Start the standby; its application_name must be one of those in synchronous_standby_names."
            }
            Self::Failed(_) => {
                "Look at PostgreSQL's log. Where leave is missing, make the relay's user the owner of its database."
            }
            Self::Full => "Free space on the server's disk.",
            Self::Misused(_) => "This is a defect of the program: please report it.",
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => Self::Full,
            _ => Self::Failed(words(&error)),
        }
    }
}

/// What went wrong, without the values that a server's detail and hint may repeat.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        None => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    }
}

/// Servers, one of which can be written, and how they are known.
#[derive(Clone)]
pub struct Postgres {
    config: Config,
    tls: Option<Arc<rustls::ClientConfig>>,
    durability: Durability,
}

/// A connection to the server that can be written.
pub struct Session {
    /// Where it is asked.
    pub client: Client,
    /// Warnings that came with it so far.
    warnings: Arc<AtomicU64>,
    settings: Statement,
    durability: Durability,
    /// Which server it is of.
    pub server: String,
}

fn is_near(host: &Host) -> bool {
    match host {
        // Refused before.
        Host::Unix(_) => false,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|at| at.is_loopback())
        }
    }
}

impl Postgres {
    /// The servers at `url`. Those on other machines are spoken to over TLS alone, and must show a certificate for
    /// their name that one in the file `authority` signed.
    ///
    /// # Errors
    /// [`PostgresError::Invalid`], [`PostgresError::Authority`].
    pub fn new(
        url: &PostgresUrl,
        authority: Option<&Path>,
        durability: Durability,
    ) -> Result<Self, PostgresError> {
        let mut config = url.parse()?;
        let tls = match authority {
            Some(file) => {
                let pem = std::fs::read(file).map_err(|error| {
                    PostgresError::Authority(format!("{} cannot be read: {error}", file.display()))
                })?;
                Some(Arc::new(tls::client_of_authority(&pem).map_err(PostgresError::Authority)?))
            }
            None if config.get_hosts().iter().all(is_near) => None,
            None => {
                return Err(PostgresError::Invalid(
                    "servers on other machines need store_ca, the certificates they are known by",
                ));
            }
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls, durability })
    }

    /// Connects to the first server that can be written, and looks whether it keeps what it stores.
    /// `told` is given what others notify on the channels that the session listens to.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn connect(&self, told: Option<mpsc::Sender<String>>) -> Result<Session, PostgresError> {
        let mut refused = Vec::new();
        for (server, config) in self.servers() {
            // One that takes connections and answers nothing must not keep the others from being tried.
            match tokio::time::timeout(CONNECT_WITHIN, self.connect_to(&config, told.clone())).await {
                Ok(Ok((client, warnings))) => return self.begin(client, warnings, server).await,
                Ok(Err(error)) => refused.push(format!("{server}: {}", words(&error))),
                Err(_) => refused.push(format!("{server}: no answer")),
            }
        }
        Err(PostgresError::Unreachable(refused.join("; ")))
    }

    /// Each server by itself, with its name: what is wrong with one is not hidden by another.
    fn servers(&self) -> Vec<(String, Config)> {
        let ports = self.config.get_ports();
        let each = self.config.get_hosts().iter().enumerate().filter_map(|(at, host)| {
            let Host::Tcp(name) = host else { return None };
            let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(PORT);
            let mut one = Config::new();
            one.host(name.as_str()).port(port).ssl_mode(self.config.get_ssl_mode());
            one.target_session_attrs(TargetSessionAttrs::ReadWrite).application_name("truceline-relay");
            one.connect_timeout(CONNECT_WITHIN).tcp_user_timeout(Duration::from_secs(30));
            one.keepalives_idle(Duration::from_secs(30));
            self.config.get_user().map(|user| one.user(user));
            self.config.get_password().map(|password| one.password(password));
            self.config.get_dbname().map(|name| one.dbname(name));
            self.config.get_options().map(|options| one.options(options));
            Some((format!("{name}:{port}"), one))
        });
        each.collect()
    }

    async fn connect_to(
        &self,
        config: &Config,
        told: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, Arc<AtomicU64>), tokio_postgres::Error> {
        let warnings = Arc::new(AtomicU64::new(0));
        let client = match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                drop(tokio::spawn(drive(connection, warnings.clone(), told)));
                client
            }
            Some(tls) => {
                let (client, connection) = config.connect(Tls(tls.clone())).await?;
                drop(tokio::spawn(drive(connection, warnings.clone(), told)));
                client
            }
        };
        Ok((client, warnings))
    }

    async fn begin(
        &self,
        client: Client,
        warnings: Arc<AtomicU64>,
        server: String,
    ) -> Result<Session, PostgresError> {
        let columns = SETTINGS.map(|name| format!("coalesce(current_setting('{name}', true), '')"));
        let settings = client.prepare(&format!("SELECT {}", columns.join(", "))).await?;
        let session = Session { client, warnings, settings, durability: self.durability, server };
        // The server's own, before the session chooses.
        session.judge(&session.client.query_one(&session.settings, &[]).await?)?;
        session.client.batch_execute(SESSION).await?;
        Ok(session)
    }
}

impl PostgresUrl {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// [`PostgresError::Invalid`].
    pub fn check(&self) -> Result<(), PostgresError> {
        self.parse().map(drop)
    }

    /// The TCP ports of the servers.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        match self.parse() {
            Ok(config) if !config.get_ports().is_empty() => config.get_ports().to_vec(),
            _ => vec![PORT],
        }
    }

    fn parse(&self) -> Result<Config, PostgresError> {
        if !(self.0.starts_with("postgres://") || self.0.starts_with("postgresql://")) {
            return Err(PostgresError::Invalid("it must begin with postgres://"));
        }
        // The error of the parser could repeat what it read.
        let config: Config =
            self.0.parse().map_err(|_| PostgresError::Invalid("its address cannot be followed"))?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err(PostgresError::Invalid("it must name a host and a database"));
        }
        if config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
            return Err(PostgresError::Invalid(
                "its servers are reached over TCP, as localhost, not by a socket's file",
            ));
        }
        Ok(config)
    }
}

/// The settings on which it depends whether a commit lasts, in the order of [`judge`].
const SETTINGS: [&str; 6] = [
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
    "max_wal_senders",
    "data_checksums",
];

impl Session {
    fn judge(&self, row: &tokio_postgres::Row) -> Result<(), PostgresError> {
        let values = (0..SETTINGS.len()).map(|at| row.try_get::<_, String>(at));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        judge(&values, self.durability)
    }

    /// Whether a commit would wait for a standby that is not there. The server tells other users than its own only that
    /// there are some, not which: one that is there may still be another than those named.
    ///
    /// # Errors
    /// [`PostgresError::Failed`].
    pub async fn lacks_standby(&self) -> Result<bool, PostgresError> {
        if self.durability == Durability::Single {
            return Ok(false);
        }
        let there = "SELECT EXISTS (SELECT 1 FROM pg_stat_replication)";
        Ok(!self.client.query_one(there, &[]).await?.try_get::<_, bool>(0)?)
    }

    /// Makes a transaction that has written nothing one whose end waits as those do that have: then all that it saw lasts.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn lasting(&self) -> Result<(), PostgresError> {
        if self.durability == Durability::Standby {
            let empty = "SELECT pg_logical_emit_message(true, 'truceline', '')::text";
            self.client.query_one(empty, &[]).await?;
        }
        Ok(())
    }

    /// Ends a transaction. When it returns, what was written lasts.
    ///
    /// # Errors
    /// [`PostgresError`]: then it is not known whether it does.
    pub async fn commit(&self) -> Result<(), PostgresError> {
        let before = self.warnings.load(Ordering::SeqCst);
        // Sent together, answered in this order. The settings after it: they may have been changed on the way to it.
        let (ended, settings) = tokio::join!(
            biased;
            self.client.batch_execute("COMMIT"),
            self.client.query_one(&self.settings, &[])
        );
        ended?;
        // Told before the commit is: the wait for the standby was cancelled.
        if self.warnings.load(Ordering::SeqCst) != before {
            return Err(PostgresError::Failed(
                "it committed with a warning: a standby may lack it".to_owned(),
            ));
        }
        self.judge(&settings?)
    }
}

fn judge(values: &[&str], durability: Durability) -> Result<(), PostgresError> {
    let [fsync, pages, commit, standbys, senders, sums] = *values else {
        return Err(PostgresError::Failed("it does not tell its settings".to_owned()));
    };
    let lose = |setting: &str, value: &str, remedy| {
        Err(PostgresError::WouldLose { setting: format!("{setting} = '{value}'"), remedy })
    };
    // Servers that speak the same protocol and are another program tell none of these, and are taken at their word.
    let single = durability == Durability::Single;
    let told = |value: &str| !(single && value.is_empty());
    if told(fsync) && fsync != "on" {
        return lose("fsync", fsync, "Set fsync = on in postgresql.conf, and have it read.");
    }
    if told(pages) && pages != "on" {
        return lose(
            "full_page_writes",
            pages,
            "Set full_page_writes = on in postgresql.conf, and have it read.",
        );
    }
    if told(commit) && !matches!(commit, "on" | "remote_apply") && !(single && commit == "local") {
        return lose(
            "synchronous_commit",
            commit,
            "Set synchronous_commit = on, or remote_apply, in postgresql.conf, and have it read.",
        );
    }
    if !single && standbys.trim().is_empty() {
        return lose(
            "synchronous_standby_names",
            standbys,
            "Name a synchronous standby in postgresql.conf, or write durability = \"single\" in relay.toml if one disk is to be enough.",
        );
    }
    // Without senders no commit waits, whoever is named.
    if !single && senders.parse().unwrap_or(0_u32) == 0 {
        return lose(
            "max_wal_senders",
            senders,
            "Set max_wal_senders to 2 or more in postgresql.conf, and start the server again.",
        );
    }
    if told(sums) && sums != "on" {
        return lose(
            "data_checksums",
            sums,
            "A flipped bit would be given back unnoticed. Stop the server and run pg_checksums --enable.",
        );
    }
    Ok(())
}

/// Reads what the server sends on its own until the connection ends.
async fn drive<S>(
    mut connection: Connection<Socket, S>,
    warnings: Arc<AtomicU64>,
    told: Option<mpsc::Sender<String>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        match message {
            AsyncMessage::Notice(notice) if notice.parsed_severity() != Some(Severity::Notice) => {
                warnings.fetch_add(1, Ordering::SeqCst);
            }
            AsyncMessage::Notification(notification) => {
                // One that is lost is made up for by the next look.
                if let Some(told) = &told {
                    let _ = told.try_send(notification.payload().to_owned());
                }
            }
            _ => {}
        }
    }
}

/// TLS 1.3 to a server that shows a certificate for its name.
#[derive(Clone)]
struct Tls(Arc<rustls::ClientConfig>);

/// The same, with the name.
struct TlsTo(Arc<rustls::ClientConfig>, rustls::pki_types::ServerName<'static>);

/// A connection under TLS.
struct Secured(tokio_rustls::client::TlsStream<Socket>);

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Secured;
    type TlsConnect = TlsTo;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<TlsTo, Self::Error> {
        Ok(TlsTo(self.0.clone(), rustls::pki_types::ServerName::try_from(host.to_owned())?))
    }
}

impl TlsConnect<Socket> for TlsTo {
    type Stream = Secured;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, std::io::Error>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        let connecting = tokio_rustls::TlsConnector::from(self.0).connect(self.1, stream);
        Box::pin(async move { Ok(Secured(connecting.await?)) })
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_could_lose_what_it_says_is_stored_is_told_by_its_setting() {
        let of = |values: [&str; 6], durability| match judge(&values, durability) {
            Err(PostgresError::WouldLose { setting, .. }) => Some(setting),
            Err(error) => Some(error.to_string()),
            Ok(()) => None,
        };
        let (standby, single) = (Durability::Standby, Durability::Single);
        assert_eq!(of(["on", "on", "on", "s1", "10", "on"], standby), None);
        assert_eq!(of(["on", "on", "remote_apply", "ANY 1 (a, b)", "10", "on"], standby), None);
        assert_eq!(of(["on", "on", "on", "", "10", "on"], single), None);
        assert_eq!(of(["", "", "", "", "", ""], single), None, "another program's word is taken");
        for (values, durability, setting) in [
            (["off", "on", "on", "s1", "10", "on"], standby, "fsync = 'off'"),
            (["on", "off", "on", "s1", "10", "on"], standby, "full_page_writes = 'off'"),
            (["on", "on", "off", "s1", "10", "on"], standby, "synchronous_commit = 'off'"),
            (["on", "on", "local", "s1", "10", "on"], standby, "synchronous_commit = 'local'"),
            (["on", "on", "remote_write", "s1", "10", "on"], standby, "synchronous_commit = 'remote_write'"),
            (["on", "on", "on", " ", "10", "on"], standby, "synchronous_standby_names = ' '"),
            (["on", "on", "on", "s1", "0", "on"], standby, "max_wal_senders = '0'"),
            (["on", "on", "on", "s1", "10", "off"], standby, "data_checksums = 'off'"),
            (["off", "on", "on", "", "10", "on"], single, "fsync = 'off'"),
            (["on", "on", "off", "", "10", "on"], single, "synchronous_commit = 'off'"),
            (["", "on", "on", "s1", "10", "on"], standby, "fsync = ''"),
        ] {
            assert_eq!(of(values, durability).as_deref(), Some(setting));
        }
    }

    #[test]
    fn an_address_is_followed_or_refused_and_never_repeated() {
        let url = |text: &str| PostgresUrl(text.to_owned());
        let two = url("postgres://relay:s3cret@localhost:5432,127.0.0.1:5433/truceline");
        assert!(Postgres::new(&two, None, Durability::Standby).is_ok());
        assert!(!format!("{two:?}").contains("s3cret"));
        assert_eq!(two.ports(), [5432, 5433]);
        assert_eq!(url("postgres://a@localhost/x").ports(), [5432]);
        for bad in [
            "mysql://s3cret@localhost/x",
            "postgres://s3cret@localhost",
            "postgres:///x?password=s3cret",
            "postgres://a:s3cret@%2Frun%2Fpostgresql/x",
            "postgres://a:s3cret@localhost/x?unknown=1",
        ] {
            let refused = url(bad).check().unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("s3cret"), "{bad}");
        }
        let far = Postgres::new(&url("postgres://a@db.example/x"), None, Durability::Single);
        assert!(matches!(far.err(), Some(PostgresError::Invalid(told)) if told.contains("store_ca")));
    }
}
