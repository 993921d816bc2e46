//! The floor: a process that does nothing but echo a frame over TLS 1.3, and the same once the frame is on the disk,
//! many frames a sync. What a relay that keeps cells can at best come to. Its own process, as the relay is.

use crate::rounds::{End, Setup};
use anyhow::Context as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use truceline::wire::limit::{FRAME_BYTES, WINDOW_FRAMES};

/// Names the folder in which this process is to be the floor.
pub const SERVES: &str = "TRUCELINE_BENCH_FLOOR";
/// The file is written over and over: space that is there already costs a sync the least.
const FILE_BYTES: u64 = 64 << 20;
/// Frames of one sync, as the relay has it.
const SYNC_FRAMES: usize = 256;
/// The first byte of a frame that is to be on the disk before it is echoed.
const DURABLE: u8 = 1;

type Frame = Box<[u8; FRAME_BYTES]>;
type Job = (Frame, oneshot::Sender<Frame>);

/// A certificate for 'relay.invalid' and its key, both PEM, in a folder.
pub fn write_certificate(dir: &Path) -> anyhow::Result<()> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["relay.invalid".to_owned()])?.self_signed(&key)?;
    std::fs::write(dir.join("cert.pem"), certificate.pem())?;
    std::fs::write(dir.join("key.pem"), key.serialize_pem())?;
    Ok(())
}

/// TLS 1.3 with whoever shows the certificate in the folder.
pub async fn connect(dir: &Path, tcp: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("cert.pem"))?)?;
    let config = rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let config = config.with_root_certificates(roots).with_no_client_auth();
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("relay.invalid")?;
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    tls.get_mut().1.set_buffer_limit(None);
    Ok(tls)
}

/// Writes frames of all connections, as many at once as have come, and syncs them.
fn keep(file: &File, jobs: &mpsc::Receiver<Job>) -> anyhow::Result<()> {
    let (mut at, mut bytes) = (0, Vec::new());
    while let Ok(first) = jobs.recv() {
        let mut some = vec![first];
        some.extend(jobs.try_iter().take(SYNC_FRAMES - 1));
        bytes.clear();
        some.iter().for_each(|(frame, _)| bytes.extend_from_slice(frame.as_slice()));
        if at + bytes.len() as u64 > FILE_BYTES {
            at = 0;
        }
        file.write_all_at(&bytes, at)?;
        at += bytes.len() as u64;
        file.sync_data()?;
        for (frame, echo) in some {
            // Whose connection has ended wants no echo.
            let _ = echo.send(frame);
        }
    }
    Ok(())
}

/// Echoes in the order in which frames came; more are read while some are on their way to the disk.
async fn serve(acceptor: TlsAcceptor, tcp: TcpStream, jobs: mpsc::Sender<Job>) -> anyhow::Result<()> {
    tcp.set_nodelay(true)?;
    let mut tls = acceptor.accept(tcp).await?;
    tls.get_mut().1.set_buffer_limit(None);
    let (mut reading, mut writing) = tokio::io::split(tls);
    let (order, mut ordered) = tokio::sync::mpsc::channel::<oneshot::Receiver<Frame>>(WINDOW_FRAMES);
    let read = async move {
        let mut frame: Frame = Box::new([0; FRAME_BYTES]);
        while reading.read_exact(frame.as_mut_slice()).await.is_ok() {
            let (echo, echoed) = oneshot::channel();
            if frame[0] == DURABLE {
                jobs.send((frame, echo))?;
            } else {
                // The other half waits for it.
                let _ = echo.send(frame);
            }
            order.send(echoed).await?;
            frame = Box::new([0; FRAME_BYTES]);
        }
        anyhow::Ok(())
    };
    let write = async move {
        while let Some(echoed) = ordered.recv().await {
            writing.write_all(echoed.await?.as_slice()).await?;
            writing.flush().await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_| ())
}

/// Is the floor, until it is killed.
pub async fn run(dir: &Path) -> anyhow::Result<()> {
    let chain = vec![CertificateDer::from_pem_file(dir.join("cert.pem"))?];
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem"))?;
    let config = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.send_tls13_tickets = 0;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut file = File::create(dir.join("frames"))?;
    for _ in 0..FILE_BYTES / (1 << 20) {
        file.write_all(&[0; 1 << 20])?;
    }
    file.sync_all()?;
    let (jobs, queue) = mpsc::channel();
    std::thread::spawn(move || keep(&file, &queue));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve(acceptor.clone(), tcp, jobs.clone()));
    }
}

/// A floor that serves, killed when dropped.
pub struct Floor {
    place: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

/// A connection to the floor.
pub struct Echo {
    tls: TlsStream<TcpStream>,
    frame: Frame,
}

impl Floor {
    /// Starts one.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        let place = setup.place()?;
        write_certificate(place.path())?;
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.env(SERVES, place.path()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut line)?;
        Ok(Self { place, child, address: line.trim().parse().context("the floor did not start")? })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// So many connections to it, whose frames are to be on the disk or not.
    pub async fn connect(&self, count: usize, durable: bool) -> anyhow::Result<Vec<Echo>> {
        let mut all = Vec::new();
        for _ in 0..count {
            let tls = connect(self.place.path(), TcpStream::connect(self.address).await?).await?;
            let mut frame: Frame = Box::new([7; FRAME_BYTES]);
            frame[0] = if durable { DURABLE } else { 0 };
            all.push(Echo { tls, frame });
        }
        Ok(all)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl End for Echo {
    async fn run(&mut self, cells: u64, window: u64) -> anyhow::Result<()> {
        let (mut sent, mut back) = (0, 0);
        let mut echo = [0; FRAME_BYTES];
        while back < cells {
            if sent < cells && sent - back < window {
                self.tls.write_all(self.frame.as_slice()).await?;
                self.tls.flush().await?;
                sent += 1;
            } else {
                self.tls.read_exact(&mut echo).await?;
                back += 1;
            }
        }
        Ok(())
    }
}
