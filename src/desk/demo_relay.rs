//! The demonstration's relay: a process of its own, because it will be killed.

use crate::host::clock;
use crate::host::entropy::OsEntropy;
use crate::officer::introduce::RelayLeave;
use crate::party::relay::{RelayLine, RelayPlace};
use crate::service::relay::RelayService;
use crate::service::relay_config::RelayConfig;
use crate::service::relay_folder::RelayFolder;
use crate::time::Millis;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Names the relay's folder to the process that is to be the relay.
pub const FOLDER: &str = "TRUCELINE_DEMO_RELAY";
const TOKENS: u32 = 4;

/// A relay process, and how to reach it.
pub struct DemoRelay {
    folder: PathBuf,
    child: Arc<Mutex<Child>>,
    /// Its address, pin and deposit key.
    pub relay: RelayLine,
}

impl DemoRelay {
    /// Makes a relay in `folder` and starts it.
    ///
    /// # Errors
    /// Whatever went wrong.
    pub fn start(folder: &Path) -> Result<Self> {
        // A free port, kept for the relay's second life.
        let listen = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.local_addr()?;
        let config = RelayConfig { listen, reserve_bytes: 16 << 20, ..RelayConfig::default() };
        let (pin, deposit) = RelayFolder::at(folder).init(&config)?;
        let place = RelayPlace::new(&listen.to_string(), pin)?;
        let relay = RelayLine { place, deposit: Some(deposit) };
        let child = Arc::new(Mutex::new(spawn(folder)?));
        Ok(Self { folder: folder.to_owned(), child, relay })
    }

    /// Leave to open queues at the relay.
    ///
    /// # Errors
    /// Whatever went wrong.
    pub fn leave(&self) -> Result<RelayLeave> {
        let expires = clock::now().plus(Millis::days(30));
        let pass = RelayFolder::at(&self.folder).issue(TOKENS, expires, &mut OsEntropy)?;
        Ok(RelayLeave { place: self.relay.place.clone(), deposit: self.relay.deposit, pass })
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Bytes of the store's log, which grow with every cell.
    #[must_use]
    pub fn cells(&self) -> u64 {
        log_bytes(&self.folder)
    }

    /// What kills it from another thread.
    #[must_use]
    pub fn killer(&self) -> Killer {
        Killer { folder: self.folder.clone(), child: self.child.clone() }
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// Whatever went wrong.
    pub fn restart(&mut self) -> Result<()> {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = spawn(&self.folder)?;
        Ok(())
    }

    /// Stops it.
    pub fn stop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for DemoRelay {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Kills the relay once it has stored something new.
pub struct Killer {
    folder: PathBuf,
    child: Arc<Mutex<Child>>,
}

impl Killer {
    /// Waits until the store's log has grown past `bytes`, then kills the relay as `kill -9` does.
    ///
    /// # Errors
    /// Where the process cannot be killed.
    pub fn kill_after(&mut self, bytes: u64) -> Result<()> {
        for _ in 0..20_000 {
            if log_bytes(&self.folder) > bytes {
                break;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}

fn log_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with("-wal"));
    logs.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// This program once more, as the relay.
fn spawn(folder: &Path) -> Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("demo")
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("the relay says nothing")?).read_line(&mut line)?;
    if line.trim() != "listening" {
        let _ = child.wait();
        bail!("the relay did not start");
    }
    Ok(child)
}

/// Serves as the demonstration's relay if this process was started to be it. True once that is over.
///
/// # Errors
/// Whatever went wrong.
pub fn serve_if_asked() -> Result<bool> {
    let Some(folder) = std::env::var_os(FOLDER) else { return Ok(false) };
    let folder = RelayFolder::at(Path::new(&folder));
    let config = folder.config()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut service = RelayService::start(folder, config).await?;
        println!("listening");
        service.ended().await?;
        Ok(true)
    })
}
