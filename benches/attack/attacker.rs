//! What an attacker speaks: TCP from an address of its choice, TLS with whoever answers, and frames as it likes. Each
//! connection here is one that the relay has not wished for, so what goes wrong with it is nothing to report.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use truceline::codec::CellBytes;
use truceline::crypto::label;
use truceline::wire::frame::Framed;
use truceline::wire::limit::FRAME_BYTES;
use truceline::wire::queue::Exporter;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

/// Trusts anybody.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Where the attack goes, and what it goes with.
#[derive(Clone)]
pub struct Target {
    to: SocketAddr,
    tls: TlsConnector,
}

impl Target {
    pub fn new(to: SocketAddr) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        Self { to, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// A connection from this address of this machine.
    pub async fn tcp(&self, from: Ipv4Addr) -> Option<TcpStream> {
        let socket = TcpSocket::new_v4().ok()?;
        socket.bind((from, 0).into()).ok()?;
        // Ended without a word, so that no port waits for its end.
        socket.set_zero_linger().ok()?;
        let tcp = socket.connect(self.to).await.ok()?;
        tcp.set_nodelay(true).ok()?;
        Some(tcp)
    }

    /// The same, and TLS.
    pub async fn tls(&self, from: Ipv4Addr) -> Option<Wire> {
        let tcp = self.tcp(from).await?;
        let name = ServerName::try_from("relay.invalid").ok()?;
        let mut stream = self.tls.connect(name, tcp).await.ok()?;
        let session = stream.get_mut().1;
        let label = label::LINK_EXPORTER.text().as_bytes();
        let exporter = Exporter(session.export_keying_material([0; 32], label, None).ok()?);
        Some(Wire { stream, exporter })
    }
}

/// A connection with TLS.
pub struct Wire {
    pub stream: TlsStream<TcpStream>,
    pub exporter: Exporter,
}

impl Wire {
    pub async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }

    pub async fn send(&mut self, said: Request, cell: Option<Box<CellBytes>>) -> Option<()> {
        let frame = Framed::<Request>::new(said, cell).encode().ok()?;
        self.write(frame.as_slice()).await
    }

    pub async fn reply(&mut self) -> Option<Reply> {
        let mut frame = Box::new([0; FRAME_BYTES]);
        self.stream.read_exact(frame.as_mut_slice()).await.ok()?;
        Some(Framed::<Reply>::decode(&frame).ok()?.said)
    }

    pub async fn ask(&mut self, said: Request, cell: Option<Box<CellBytes>>) -> Option<Reply> {
        self.send(said, cell).await?;
        self.reply().await
    }

    /// Takes new keys, and asks for the relay's (RFC 8446, section 4.6.3).
    pub async fn key_update(&mut self) -> Option<()> {
        self.stream.get_mut().1.refresh_traffic_keys().ok()?;
        self.stream.flush().await.ok()
    }

    /// Holds on until the relay ends it.
    pub async fn hold(&mut self) {
        let mut some = [0; 4096];
        while self.stream.read(&mut some).await.is_ok_and(|read| read > 0) {}
    }
}

/// The same without TLS.
pub async fn hold(tcp: &mut TcpStream) {
    let mut some = [0; 4096];
    while tcp.read(&mut some).await.is_ok_and(|read| read > 0) {}
}
