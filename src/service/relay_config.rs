//! `relay.toml`: what an operator may set, and what holds where nothing is set.

use crate::host::postgres::{Durability, Postgres, PostgresError, PostgresUrl};
use crate::party::relay::ADDRESS_BYTES_MAX;
use crate::relay::message::Limits;
use crate::time::Millis;
use crate::wire::limit::{IDLE_AFTER, PROVE_WITHIN, QUEUE_CELLS_DEFAULT, QUEUE_CELLS_MAX};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The most a `relay.toml` is read of.
pub const CONFIG_BYTES_MAX: u64 = 65_536;

/// How much of its work a relay tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what stops it.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And totals of what it does.
    Info,
    /// And each state it goes through.
    Debug,
}

/// The form of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How long a relay waits for its peers. Not in `relay.toml`: tests alone change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the TLS handshake, and then again for the first frame.
    pub prove: Millis,
    /// For the next frame.
    pub idle: Millis,
    /// For a peer to take one frame.
    pub write: Millis,
    /// For a peer to end a connection that the relay has ended.
    pub linger: Millis,
    /// For all connections to end when the relay stops.
    pub drain: Millis,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            prove: PROVE_WITHIN,
            idle: IDLE_AFTER,
            write: Millis::secs(30),
            linger: Millis::secs(2),
            drain: Millis::secs(10),
        }
    }
}

/// What an operator may set. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayConfig {
    /// Where it listens: an IP address and a port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Its name for others, `host:port`, where that is not `listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// Days an undelivered cell is kept.
    pub retention_days: u32,
    /// Cells one queue may hold.
    pub queue_cells_max: u64,
    /// Bytes of the disk that it leaves free.
    pub reserve_bytes: u64,
    /// The most the store's file may grow to, if there is a bound beside the disk's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_bytes_max: Option<u64>,
    /// Servers that keep the store instead of the folder, so that several relays use it: `postgres://...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<PostgresUrl>,
    /// The certificates these servers are known by: a file in the relay's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_ca: Option<PathBuf>,
    /// Where a cell is once these servers say that it is stored.
    #[serde(skip_serializing_if = "is_default")]
    pub durability: Durability,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 network of 64 bits.
    pub connections_per_address_max: usize,
    /// New connections a second.
    pub handshakes_per_second: u32,
    /// New connections a second from one IPv4 address or one IPv6 network of 64 bits.
    pub handshakes_per_address_per_second: u32,
    /// Where it tells a monitor its totals: a port on loopback, if anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// Whether it has the kernel take away from it what it never needs: see [`crate::host::confine`].
    pub confine: bool,
    /// How much it logs.
    pub log_level: LogLevel,
    /// In what form.
    pub log_format: LogFormat,
    /// See [`Patience`].
    #[serde(skip)]
    pub patience: Patience,
}

fn is_default(durability: &Durability) -> bool {
    *durability == Durability::default()
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4433)),
            public: None,
            retention_days: 21,
            queue_cells_max: QUEUE_CELLS_DEFAULT,
            reserve_bytes: 256 << 20,
            store_bytes_max: None,
            store: None,
            store_ca: None,
            durability: Durability::default(),
            connections_max: 1_000,
            connections_per_address_max: 128,
            handshakes_per_second: 200,
            handshakes_per_address_per_second: 20,
            metrics: None,
            confine: true,
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            patience: Patience::default(),
        }
    }
}

/// A `relay.toml` that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of another kind.
    #[error("relay.toml cannot be read: {0}")]
    Malformed(String),
    /// A value out of its bounds.
    #[error("relay.toml: {key} must be {bounds}")]
    OutOfBounds {
        /// The key.
        key: &'static str,
        /// What is allowed.
        bounds: &'static str,
    },
}

impl RelayConfig {
    /// Reads the text of a `relay.toml`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let within = |holds: bool, key, bounds| {
            if holds { Ok(()) } else { Err(ConfigError::OutOfBounds { key, bounds }) }
        };
        within((1..=3_650).contains(&self.retention_days), "retention_days", "1 to 3650")?;
        within((1..=QUEUE_CELLS_MAX).contains(&self.queue_cells_max), "queue_cells_max", "1 to 1000000")?;
        within((1..=100_000).contains(&self.connections_max), "connections_max", "1 to 100000")?;
        let per_address = (1..=100_000).contains(&self.connections_per_address_max);
        within(per_address, "connections_per_address_max", "1 to 100000")?;
        let enough = self.store_bytes_max.is_none_or(|max| max >= 1 << 20);
        within(enough, "store_bytes_max", "1048576 or more")?;
        if let Some(url) = &self.store {
            url.check().map_err(|error| ConfigError::Malformed(error.to_string()))?;
            let unbound = self.store_bytes_max.is_none();
            within(unbound, "store_bytes_max", "left out beside store: bound the servers' disks instead")?;
            let lone = |file: &PathBuf| file.file_name().is_some_and(|name| name == file.as_os_str());
            within(
                self.store_ca.as_ref().is_none_or(lone),
                "store_ca",
                "the name of a file in the relay's folder",
            )?;
        }
        let paces = [
            ("handshakes_per_second", self.handshakes_per_second),
            ("handshakes_per_address_per_second", self.handshakes_per_address_per_second),
        ];
        paces
            .into_iter()
            .try_for_each(|(key, pace)| within((1..=100_000).contains(&pace), key, "1 to 100000"))?;
        let loopback =
            self.metrics.is_none_or(|address| address.ip().is_loopback() && address != self.listen);
        within(
            loopback,
            "metrics",
            "an address of this machine alone, as 127.0.0.1:9464, and not that of listen",
        )?;
        let public = self.public.as_ref();
        within(public.is_none_or(|public| is_address(public)), "public", "of the form host:port")
    }

    /// The text of a `relay.toml` that says what holds anyway, for an operator to change.
    #[must_use]
    pub fn print(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# A Truceline relay. Every line may be left out; docs/OPERATIONS.md says what each means.\n{body}"
        )
    }

    /// The keys that hold from start to end, where another configuration says otherwise.
    pub(super) fn fixed_keys_that_differ(&self, other: &Self) -> Vec<&'static str> {
        let differ = [
            ("listen", self.listen != other.listen),
            ("public", self.public != other.public),
            ("metrics", self.metrics != other.metrics),
            ("store_bytes_max", self.store_bytes_max != other.store_bytes_max),
            ("store", self.store != other.store),
            ("store_ca", self.store_ca != other.store_ca),
            ("durability", self.durability != other.durability),
            ("confine", self.confine != other.confine),
            ("log_level", self.log_level != other.log_level),
            ("log_format", self.log_format != other.log_format),
        ];
        differ.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }

    /// TCP ports that it connects to.
    #[must_use]
    pub fn ports_of_store(&self) -> Vec<u16> {
        self.store.as_ref().map(PostgresUrl::ports).unwrap_or_default()
    }

    /// The servers that keep the store, if there are any; `folder` is where their certificates lie.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub fn postgres(&self, folder: &Path) -> Result<Option<Postgres>, PostgresError> {
        let Some(url) = &self.store else { return Ok(None) };
        let authority = self.store_ca.as_ref().map(|file| folder.join(file));
        Postgres::new(url, authority.as_deref(), self.durability).map(Some)
    }

    /// Files that may have to be open at once: one a connection, and its own.
    #[must_use]
    pub const fn files_wanted(&self) -> u64 {
        self.connections_max as u64 + 64
    }

    /// The ports that it listens on.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        std::iter::once(self.listen).chain(self.metrics).map(|address| address.port()).collect()
    }

    /// The engine's share.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            queue_cells_max: self.queue_cells_max,
            retention: Millis::days(self.retention_days as u64),
            reserve_bytes: self.reserve_bytes,
        }
    }
}

/// Whether text can be the address of a relay's place, or of one whose port is still to be chosen.
fn is_address(text: &str) -> bool {
    let pin = crate::party::relay::Pin(crate::crypto::digest::Digest([0; 32]));
    text.len() <= ADDRESS_BYTES_MAX && crate::party::relay::RelayPlace::new(text, pin).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_says_what_holds_anyway() {
        let config = RelayConfig::parse("").unwrap();
        assert_eq!(config, RelayConfig::default());
        assert_eq!(config.limits(), Limits::default());
        assert_eq!(RelayConfig::parse(&config.print()).unwrap(), config);
    }

    #[test]
    fn an_unknown_key_and_a_value_out_of_bounds_are_named() {
        let told = |text: &str| RelayConfig::parse(text).unwrap_err().to_string();
        assert!(told("retention = 3").contains("retention"));
        assert!(told("listen = \"everywhere\"").contains("line 1"));
        assert!(told("retention_days = 0").contains("retention_days must be 1 to 3650"));
        assert!(told("public = \"relay.example\"").contains("host:port"));
        assert!(told("metrics = \"0.0.0.0:9464\"").contains("this machine alone"));
        assert!(told("log_level = \"loud\"").contains("loud"));
        assert!(told("store_bytes_max = 5").contains("store_bytes_max"));
    }
}
