//! A link between a client and a relay: frames over TLS, one per record. May not know what a frame says.
//!
//! How a connection ends is told apart, for TLS tells it apart: a `close_notify` between two frames is a
//! clean end; an end of the TCP stream without one, or inside a frame, is [`LinkError::Cut`], which anybody
//! on the way can cause. (TLS 1.3 lets each side close its own direction, RFC 8446, section 6.1; what the
//! other side sends meanwhile still arrives.)

use crate::crypto::label;
use crate::host::folder::{self, FolderError};
use crate::host::socks::{Socks, SocksRefused};
use crate::host::tls::{self, CertificateInvalid};
use crate::party::relay::{Pin, RelayPlace};
use crate::wire::frame::FrameBytes;
use crate::wire::limit::FRAME_BYTES;
use crate::wire::queue::Exporter;
use rustls::pki_types::{DnsName, ServerName};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use zeroize::Zeroizing;

/// A link that did not come about, or broke.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody answers at the address, or its name is unknown.
    #[error("{address} cannot be reached: {cause}")]
    Unreachable {
        /// The relay's address.
        address: String,
        /// The system's words.
        cause: String,
    },
    /// The proxy did not connect.
    #[error("the proxy {proxy} did not connect: {cause}")]
    ProxyFailed {
        /// The proxy's address.
        proxy: String,
        /// Its words, or the system's.
        cause: String,
    },
    /// Whoever answered is not the pinned relay.
    #[error("whoever answers has the pin {}, not the expected {}", found.0.hex(), expected.0.hex())]
    PinMismatch {
        /// The pin of the relay's place.
        expected: Pin,
        /// The pin that was shown.
        found: Pin,
    },
    /// The peer speaks no TLS, or less of it than is asked here.
    #[error("no secure connection: {0}")]
    HandshakeFailed(String),
    /// Not connected within the time given.
    #[error("no connection in time")]
    TimedOut,
    /// The connection ended without a word, or in the middle of a frame.
    #[error("the connection was cut")]
    Cut,
    /// The connection failed, or the peer broke the rules of TLS.
    #[error("the connection failed: {0}")]
    Failed(String),
}

impl LinkError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TimedOut => {
                "Check the address and the network, or try again later."
            }
            Self::ProxyFailed { .. } => "Check that the proxy runs and that its address is right.",
            Self::PinMismatch { .. } => {
                "Do not trust it: ask the relay's operator, by another way, for the address with its pin."
            }
            Self::HandshakeFailed(_) => {
                "Check that a relay listens at this address, and that both programs are of the same version."
            }
            Self::Cut | Self::Failed(_) => "Try again.",
        }
    }
}

/// A relay's certificate or key that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AcceptorError {
    /// See [`CertificateInvalid`].
    #[error(transparent)]
    Certificate(#[from] CertificateInvalid),
    /// See [`FolderError`].
    #[error(transparent)]
    File(#[from] FolderError),
}

/// A connection over which frames go both ways.
pub struct Link {
    /// What proofs of keys on this connection are bound to.
    pub exporter: Exporter,
    /// Frames that come.
    pub reader: FrameReader,
    /// Frames that go.
    pub writer: FrameWriter,
}

/// Connects to a relay, through a proxy where one is given, within a time for all of it.
///
/// # Errors
/// [`LinkError`].
pub async fn connect(place: &RelayPlace, via: Option<&Socks>, within: Duration) -> Result<Link, LinkError> {
    let refused = |error: rustls::Error| LinkError::HandshakeFailed(error.to_string());
    let config = Arc::new(tls::client(place.pin()).map_err(refused)?);
    // rustls wants a name: it is neither sent nor checked.
    let name =
        DnsName::try_from("relay.invalid").map_err(|error| LinkError::HandshakeFailed(error.to_string()))?;
    let connecting = async {
        let tcp = open(place, via).await?;
        let _ = tcp.set_nodelay(true);
        let connector = TlsConnector::from(config);
        let connection =
            connector.connect(ServerName::DnsName(name), tcp).await.map_err(|error| handshake(&error))?;
        Link::new(TlsStream::Client(connection))
    };
    tokio::time::timeout(within, connecting).await.map_err(|_| LinkError::TimedOut)?
}

async fn open(place: &RelayPlace, via: Option<&Socks>) -> Result<TcpStream, LinkError> {
    let unreachable = |cause: String| LinkError::Unreachable { address: place.address().to_owned(), cause };
    let Some(proxy) = via else {
        return TcpStream::connect(place.address()).await.map_err(|error| unreachable(error.to_string()));
    };
    let port = place.address().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port = port.ok_or_else(|| unreachable("it has no port".to_owned()))?;
    let refused = |error: SocksRefused| LinkError::ProxyFailed { proxy: error.proxy, cause: error.cause };
    proxy.connect(place.host(), port).await.map_err(refused)
}

fn handshake(error: &io::Error) -> LinkError {
    if let Some(mismatch) = tls::pin_mismatch(error) {
        return LinkError::PinMismatch { expected: mismatch.expected, found: mismatch.found };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => LinkError::HandshakeFailed("the other side hung up".to_owned()),
        _ => LinkError::HandshakeFailed(error.to_string()),
    }
}

/// What turns an accepted connection into a link.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    pin: Pin,
}

impl Acceptor {
    /// An acceptor with this certificate and key, both PEM.
    ///
    /// # Errors
    /// [`CertificateInvalid`].
    pub fn new(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, CertificateInvalid> {
        let (config, pin) = tls::server(certificate_pem, key_pem)?;
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), pin })
    }

    /// An acceptor with the certificate and key in these files; the key's must be its owner's alone.
    ///
    /// # Errors
    /// [`AcceptorError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, AcceptorError> {
        folder::check_private(key)?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|cause| FolderError::Failed { path: path.to_owned(), cause })
        };
        Ok(Self::new(&read(certificate)?, &Zeroizing::new(read(key)?))?)
    }

    /// The pin of the certificate.
    #[must_use]
    pub const fn pin(&self) -> Pin {
        self.pin
    }

    /// The handshake with a client. The error names no address.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn handshake(&self, tcp: TcpStream, within: Duration) -> Result<Link, LinkError> {
        let _ = tcp.set_nodelay(true);
        let connection = tokio::time::timeout(within, self.tls.accept(tcp));
        let connection =
            connection.await.map_err(|_| LinkError::TimedOut)?.map_err(|error| handshake(&error))?;
        Link::new(TlsStream::Server(connection))
    }
}

impl Link {
    fn new(mut connection: TlsStream<TcpStream>) -> Result<Self, LinkError> {
        let failed = |error: rustls::Error| LinkError::HandshakeFailed(error.to_string());
        let label = label::LINK_EXPORTER.text().as_bytes();
        // rustls holds back what goes past 64 KiB unsent, and would then cut a frame over two records. The
        // limit here is the writer's: it hands over a frame once the last has left.
        let exported = match &mut connection {
            TlsStream::Client(stream) => {
                let session = stream.get_mut().1;
                session.set_buffer_limit(None);
                session.export_keying_material([0; 32], label, None)
            }
            TlsStream::Server(stream) => {
                let session = stream.get_mut().1;
                session.set_buffer_limit(None);
                session.export_keying_material([0; 32], label, None)
            }
        };
        let exporter = Exporter(exported.map_err(failed)?);
        let (reading, writing) = tokio::io::split(connection);
        Ok(Self {
            exporter,
            reader: FrameReader { connection: reading, frame: Box::new([0; FRAME_BYTES]), filled: 0 },
            writer: FrameWriter { connection: writing },
        })
    }
}

/// Frames that come.
pub struct FrameReader {
    connection: ReadHalf<TlsStream<TcpStream>>,
    frame: FrameBytes,
    filled: usize,
}

impl FrameReader {
    /// The next frame; `None` when the peer has said that no more come. A call that is dropped before it is
    /// done loses nothing: the next one goes on where it stopped.
    ///
    /// # Errors
    /// [`LinkError::Cut`] or [`LinkError::Failed`].
    pub async fn read(&mut self) -> Result<Option<FrameBytes>, LinkError> {
        while let Some(free) = self.frame.get_mut(self.filled..).filter(|free| !free.is_empty()) {
            match self.connection.read(free).await.map_err(|error| broken(&error))? {
                0 if self.filled == 0 => return Ok(None),
                0 => return Err(LinkError::Cut),
                read => self.filled += read,
            }
        }
        self.filled = 0;
        Ok(Some(std::mem::replace(&mut self.frame, Box::new([0; FRAME_BYTES]))))
    }
}

/// Frames that go.
pub struct FrameWriter {
    connection: WriteHalf<TlsStream<TcpStream>>,
}

impl FrameWriter {
    /// Sends a frame; done when the system has taken all of it, so at most one frame waits here. A call that
    /// is dropped before it is done may still have sent the frame, whole.
    ///
    /// # Errors
    /// [`LinkError::Cut`] or [`LinkError::Failed`].
    pub async fn write(&mut self, frame: &FrameBytes) -> Result<(), LinkError> {
        // What a dropped call left behind leaves first.
        self.connection.flush().await.map_err(|error| broken(&error))?;
        self.connection.write_all(frame.as_slice()).await.map_err(|error| broken(&error))?;
        self.connection.flush().await.map_err(|error| broken(&error))
    }

    /// Says that no more frames come. The peer's may go on coming.
    pub async fn close(&mut self) {
        // Nothing is left to be done for a connection that cannot even be closed.
        let _ = self.connection.shutdown().await;
    }
}

fn broken(error: &io::Error) -> LinkError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match error.kind() {
        // rustls gives UnexpectedEof for an end of the stream without close_notify.
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected => LinkError::Cut,
        _ => LinkError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
