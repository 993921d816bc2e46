//! The relay as a service: a folder becomes a listening address. For the operator's program, for tests and
//! for the demonstration alike.

use crate::crypto::digest::Digest;
use crate::crypto::sign::SignError;
use crate::host::folder::FolderError;
use crate::host::link::{Acceptor, AcceptorError};
use crate::host::postgres::PostgresError;
use crate::host::sqlite::SqliteStore;
use crate::host::store::{Store, StoreError};
use crate::party::relay::{Pin, RelayLine, RelayPlace, RelayPlaceError};
use crate::relay::deposit::Depositor;
use crate::relay::engine::Relay;
use crate::relay::table::QUEUE;
use crate::service::relay_accept::{self, Settings};
use crate::service::relay_config::RelayConfig;
use crate::service::relay_conn::{Event, Shared};
use crate::service::relay_disk::{self, Cells, Disk, DiskStopped, DiskThread};
use crate::service::relay_engine::Engine;
use crate::service::relay_engine::sharing::Sharing;
use crate::service::relay_folder::{RelayFolder, RelayFolderError};
use crate::service::relay_metrics::{self, Metrics};
use crate::service::relay_shared::SharedStore;
use crate::wire::deposit::key_digest;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Inputs on their way to the engine, from all connections: 4 MiB of cells.
const INPUTS_MAX: usize = 256;
/// Another process may hold the folder for the moment in which it counts what is there. Each opening waits 0.7 s for the
/// lock: two seconds in all.
const OPENINGS: u32 = 3;

/// A relay that cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// See [`RelayFolderError`].
    #[error(transparent)]
    Folder(#[from] RelayFolderError),
    /// See [`AcceptorError`].
    #[error(transparent)]
    Acceptor(#[from] AcceptorError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// See [`PostgresError`].
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {cause}")]
    Listen {
        /// The key of relay.toml that names it.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        cause: std::io::Error,
    },
    /// The system gives no thread.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The thread that owns the store has ended.
    #[error(transparent)]
    DiskStopped(#[from] DiskStopped),
    /// Nothing can be signed with the deposit key.
    #[error("no deposit can be signed: {0}")]
    Sign(#[from] SignError),
    /// A task of the relay broke off.
    #[error("a task of the relay broke off: {0}")]
    Broken(String),
}

impl From<FolderError> for RelayError {
    fn from(error: FolderError) -> Self {
        Self::Folder(error.into())
    }
}

/// A relay that serves.
pub struct RelayService {
    address: SocketAddr,
    public: String,
    deposit: Digest,
    folder: RelayFolder,
    /// What it was started with: what of it no [`RelayService::reload`] changes holds until it ends.
    config: RelayConfig,
    settings: watch::Sender<Settings>,
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<(), RelayError>>,
}

impl RelayService {
    /// Starts the relay in `folder`.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn start(folder: RelayFolder, config: RelayConfig) -> Result<Self, RelayError> {
        let acceptor = Acceptor::load(&folder.certificate(), &folder.key())?;
        let mut store = open(&folder)?;
        if let Some(max) = config.store_bytes_max {
            store.limit_bytes(max)?;
        }
        if config.store.is_some() && store.count(QUEUE)? > 0 {
            tracing::warn!(
                queues = store.count(QUEUE)?,
                "queues in the folder's own store are not served: store names another"
            );
        }
        Self::start_with(folder, config, acceptor, Box::new(store)).await
    }

    /// Starts a relay with another store than the one in its folder. Where its configuration names servers for it, this
    /// one only holds the folder.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn start_with(
        folder: RelayFolder,
        config: RelayConfig,
        acceptor: Acceptor,
        store: Box<dyn Store>,
    ) -> Result<Self, RelayError> {
        let key = folder.deposit_key()?;
        let deposit = key_digest(key.public());
        let depositor = Depositor::new(key)?;
        let limits = config.limits();
        let (disk, disk_thread) = Disk::start(store).map_err(RelayError::Thread)?;
        let (relay, sharing, cells, totals) = if let Some(postgres) = config.postgres(folder.path())? {
            let (store, stirred) = SharedStore::start(postgres).await?;
            let side = store.side();
            let totals = side.totals().await?;
            (Relay::sharing(limits), Some(Sharing { store, stirred }), Cells::Shared(side), totals)
        } else {
            let restored = disk.run(move |store| relay_disk::restore(store, limits)).await??;
            if restored.damaged > 0 {
                tracing::error!(rows = restored.damaged, "rows of the store are damaged: check the disk");
            }
            let totals = restored.relay.totals();
            (restored.relay, None, Cells::Own(disk.clone()), totals)
        };
        tracing::info!(queues = totals.queues, cells = totals.cells, "store read");
        let failed = |cause| RelayError::Listen { key: "listen", address: config.listen, cause };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let (events, inputs) = mpsc::channel(INPUTS_MAX);
        let (settings, set) = watch::channel(Settings::new(acceptor, &config));
        let metrics = Metrics::new();
        if let Some(address) = config.metrics {
            let failed = |cause| RelayError::Listen { key: "metrics", address, cause };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            // It ends with the relay, and has nothing to finish.
            drop(tokio::spawn(relay_metrics::serve(listener, metrics.clone(), stopped.clone())));
        }
        let engine =
            Engine::new(relay, set.clone(), disk, sharing, folder.clone(), depositor, metrics.clone());
        let shared = Shared { events, cells, stop: stopped, patience: config.patience };
        let accepting = relay_accept::accept(listener, set, shared, metrics);
        let running = tokio::spawn(run(accepting, engine, inputs, disk_thread, folder.clone()));
        let public = config.public.clone().unwrap_or_else(|| address.to_string());
        Ok(Self { address, public, deposit, folder, config, settings, stop, running })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate's pin.
    #[must_use]
    pub fn pin(&self) -> Pin {
        self.settings.borrow().acceptor.pin()
    }

    /// Takes in the certificate and the limits of `config`: the certificate from the next connection on, the limits within a second.
    /// Connections that stand are not touched. The keys of `relay.toml` that differ and wait for the next start.
    ///
    /// # Errors
    /// [`AcceptorError`]; then all is as it was.
    pub fn reload(&self, config: &RelayConfig) -> Result<Vec<&'static str>, RelayError> {
        let acceptor = Acceptor::load(&self.folder.certificate(), &self.folder.key())?;
        let retention = config.limits().retention;
        if retention < self.settings.borrow().limits.retention {
            tracing::warn!(
                days = config.retention_days,
                "cells are kept for less time now: older ones are forgotten"
            );
        }
        self.settings.send_replace(Settings::new(acceptor, config));
        Ok(self.config.fixed_keys_that_differ(config))
    }

    /// Its public address, or the one it listens on, and its pin.
    ///
    /// # Errors
    /// [`RelayPlaceError::AddressInvalid`] when the address is none a client could use.
    pub fn place(&self) -> Result<RelayPlace, RelayPlaceError> {
        RelayPlace::new(&self.public, self.pin())
    }

    /// The line its clients are given: its place and the digest of its deposit key.
    ///
    /// # Errors
    /// As [`RelayService::place`].
    pub fn line(&self) -> Result<RelayLine, RelayPlaceError> {
        Ok(RelayLine { place: self.place()?, deposit: Some(self.deposit) })
    }

    /// Stops accepting, answers what was read, ends every connection, tidies the store.
    ///
    /// # Errors
    /// [`RelayError`], also when it had to stop before.
    pub async fn shutdown(mut self) -> Result<(), RelayError> {
        // Without a receiver it has stopped already.
        let _ = self.stop.send(true);
        self.ended().await
    }

    /// Waits until it has ended, which without [`RelayService::shutdown`] only an error brings about.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn ended(&mut self) -> Result<(), RelayError> {
        (&mut self.running).await.map_err(|error| RelayError::Broken(error.to_string()))?
    }
}

fn open(folder: &RelayFolder) -> Result<SqliteStore, StoreError> {
    for _ in 1..OPENINGS {
        match SqliteStore::open(folder.path()) {
            Err(StoreError::Locked) => {}
            other => return other,
        }
    }
    SqliteStore::open(folder.path())
}

async fn run(
    accepting: impl Future<Output = ()> + Send + 'static,
    engine: Engine,
    inputs: mpsc::Receiver<Event>,
    disk: DiskThread,
    folder: RelayFolder,
) -> Result<(), RelayError> {
    let accepting = tokio::spawn(accepting);
    // Ends once the last connection is gone, or by an error: then connections have nobody to answer them.
    let ended = engine.run(inputs).await;
    if let Err(error) = ended {
        accepting.abort();
        folder.remove_totals();
        return Err(error);
    }
    accepting.await.map_err(|error| RelayError::Broken(error.to_string()))?;
    disk.finish().await?;
    folder.remove_totals();
    Ok(())
}
