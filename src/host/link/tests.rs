//! Links over real loopback sockets.

use super::*;
use crate::crypto::digest::Digest;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::{SupportedKxGroup, aws_lc_rs as suite};
use rustls::{ClientConfig, NamedGroup, ServerConfig};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const WITHIN: Duration = Duration::from_secs(20);
/// A full TLS 1.3 record: header 5, text 16,384, content type 1, tag 16 (RFC 8446, section 5.2).
const RECORD_BYTES: usize = 5 + FRAME_BYTES + 1 + 16;

struct Relay {
    listener: TcpListener,
    acceptor: Acceptor,
}

impl Relay {
    async fn start() -> Self {
        let made = tls::make_certificate().unwrap();
        let acceptor = Acceptor::new(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
        assert_eq!(acceptor.pin(), made.pin);
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    fn place(&self) -> RelayPlace {
        RelayPlace::new(&self.address().to_string(), self.acceptor.pin()).unwrap()
    }

    fn accept(self) -> JoinHandle<Result<Link, LinkError>> {
        tokio::spawn(async move {
            let (tcp, _) = self.listener.accept().await.unwrap();
            self.acceptor.handshake(tcp, WITHIN).await
        })
    }
}

fn frame(byte: u8) -> FrameBytes {
    Box::new([byte; FRAME_BYTES])
}

async fn pair() -> (Link, Link) {
    let relay = Relay::start().await;
    let place = relay.place();
    let accepted = relay.accept();
    let client = connect(&place, None, WITHIN).await.unwrap();
    (client, accepted.await.unwrap().unwrap())
}

#[tokio::test]
async fn frames_go_both_ways_and_both_sides_export_the_same() {
    let (mut client, mut server) = pair().await;
    assert_eq!(client.exporter, server.exporter);
    assert_ne!(client.exporter.0, [0; 32]);
    client.writer.write(&frame(1)).await.unwrap();
    server.writer.write(&frame(2)).await.unwrap();
    assert_eq!(server.reader.read().await.unwrap().unwrap(), frame(1));
    assert_eq!(client.reader.read().await.unwrap().unwrap(), frame(2));
    // One direction is closed; the other goes on.
    client.writer.close().await;
    assert!(server.reader.read().await.unwrap().is_none());
    server.writer.write(&frame(3)).await.unwrap();
    server.writer.close().await;
    assert_eq!(client.reader.read().await.unwrap().unwrap(), frame(3));
    assert!(client.reader.read().await.unwrap().is_none());
    let (other, _server) = pair().await;
    assert_ne!(other.exporter, client.exporter);
}

#[tokio::test]
async fn another_pin_is_refused_with_both_pins_in_the_error() {
    let relay = Relay::start().await;
    let found = relay.acceptor.pin();
    let expected = Pin(Digest([7; 32]));
    let place = RelayPlace::new(&relay.address().to_string(), expected).unwrap();
    let accepted = relay.accept();
    match connect(&place, None, WITHIN).await.err() {
        Some(LinkError::PinMismatch { expected: one, found: two }) => {
            assert_eq!((one, two), (expected, found));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(accepted.await.unwrap().err(), Some(LinkError::HandshakeFailed(_))));
}

fn looser(groups: Vec<&'static dyn SupportedKxGroup>) -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::CryptoProvider { kx_groups: groups, ..suite::default_provider() })
}

async fn handshake_as(
    config: ClientConfig,
    address: SocketAddr,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("relay.invalid").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

#[tokio::test]
async fn a_client_without_the_post_quantum_exchange_is_refused() {
    for group in [suite::kx_group::X25519, suite::kx_group::SECP256R1, suite::kx_group::SECP256R1MLKEM768] {
        let relay = Relay::start().await;
        let (address, pin) = (relay.address(), relay.acceptor.pin());
        let accepted = relay.accept();
        let refused = handshake_as(tls::client_with(looser(vec![group]), pin).unwrap(), address).await;
        assert!(refused.is_err(), "{:?}", group.name());
        assert!(matches!(accepted.await.unwrap().err(), Some(LinkError::HandshakeFailed(_))));
    }
}

#[tokio::test]
async fn a_client_that_prefers_another_exchange_is_brought_to_the_post_quantum_one() {
    let relay = Relay::start().await;
    let (address, pin) = (relay.address(), relay.acceptor.pin());
    let accepted = relay.accept();
    let groups = vec![suite::kx_group::X25519, suite::kx_group::X25519MLKEM768];
    let connection = handshake_as(tls::client_with(looser(groups), pin).unwrap(), address).await.unwrap();
    let group = connection.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    assert!(accepted.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_relay_without_the_post_quantum_exchange_is_refused() {
    let made = tls::make_certificate().unwrap();
    let (strict, pin) = tls::server(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
    let classic = looser(vec![suite::kx_group::X25519]);
    let mut config = ServerConfig::builder_with_provider(classic)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(strict.cert_resolver.clone());
    config.send_tls13_tickets = 0;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = RelayPlace::new(&listener.local_addr().unwrap().to_string(), pin).unwrap();
    let accepting = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config)).accept(tcp).await.is_ok()
    });
    assert!(matches!(connect(&place, None, WITHIN).await.err(), Some(LinkError::HandshakeFailed(_))));
    assert!(!accepting.await.unwrap());
}

/// A ClientHello of TLS 1.2: no `supported_versions` (RFC 5246, section 7.4.1.2).
fn hello_of_tls_12() -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    // No session id; TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; no compression.
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    // supported_groups x25519; signature_algorithms ed25519 and rsa_pss_rsae_sha256; point formats.
    let extensions: [u8; 24] = [0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 6, 0, 4, 8, 7, 8, 4, 0, 11, 0, 2, 1, 0];
    hello.extend([0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    record
}

#[tokio::test]
async fn a_client_of_tls_1_2_gets_an_alert_and_no_connection() {
    let relay = Relay::start().await;
    let address = relay.address();
    let accepted = relay.accept();
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(&hello_of_tls_12()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    // A fatal alert: protocol_version (RFC 8446, section 6.2).
    assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]));
    assert!(matches!(accepted.await.unwrap().err(), Some(LinkError::HandshakeFailed(_))));
}

#[derive(Debug, Default)]
struct Tickets(AtomicUsize);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

#[tokio::test]
async fn a_client_that_asks_for_tickets_gets_none() {
    let relay = Relay::start().await;
    let (address, pin) = (relay.address(), relay.acceptor.pin());
    let accepted = relay.accept();
    let tickets = Arc::new(Tickets::default());
    let mut config = tls::client(pin).unwrap();
    config.resumption = rustls::client::Resumption::store(tickets.clone());
    let mut connection = handshake_as(config, address).await.unwrap();
    let mut server = accepted.await.unwrap().unwrap();
    server.writer.write(&frame(1)).await.unwrap();
    let mut bytes = frame(0);
    // Tickets would come before the first frame.
    connection.read_exact(bytes.as_mut_slice()).await.unwrap();
    assert_eq!(tickets.0.load(Ordering::SeqCst), 0);
}

/// A wire between a client and a relay that takes nothing from the client until told to, and then notes the
/// length of each record.
async fn wire(
    relay: SocketAddr,
    taking: tokio::sync::oneshot::Receiver<()>,
) -> (SocketAddr, JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let noting = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(relay).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut lengths = Vec::new();
        let mut taking = Some(taking);
        let mut header = [0; 5];
        while from_client.read_exact(&mut header).await.is_ok() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let mut record = vec![0; length];
            from_client.read_exact(&mut record).await.unwrap();
            if header[0] == 23 {
                lengths.push(5 + length);
            }
            // The client's Finished has gone through: from here on the wire is blocked until told.
            if lengths.len() == 1
                && let Some(taking) = taking.take()
            {
                to_server.write_all(&[&header[..], &record].concat()).await.unwrap();
                taking.await.unwrap();
                continue;
            }
            to_server.write_all(&[&header[..], &record].concat()).await.unwrap();
        }
        lengths
    });
    (address, noting)
}

#[tokio::test]
async fn each_frame_is_one_record_even_under_back_pressure() {
    const FRAMES: usize = 1_000;
    let relay = Relay::start().await;
    let (take, taking) = tokio::sync::oneshot::channel();
    let (address, noting) = wire(relay.address(), taking).await;
    let place = RelayPlace::new(&address.to_string(), relay.acceptor.pin()).unwrap();
    let accepted = relay.accept();
    let mut client = connect(&place, None, WITHIN).await.unwrap();
    let mut server = accepted.await.unwrap().unwrap();
    let (sent, mut blocked) = tokio::sync::watch::channel(0usize);
    let sending = tokio::spawn(async move {
        for at in 0..FRAMES {
            client.writer.write(&frame(at as u8)).await.unwrap();
            sent.send_replace(at + 1);
        }
        client.writer.close().await;
        client
    });
    // The wire is full once no frame has left for a while; a thousand are more than any socket buffers here.
    while tokio::time::timeout(Duration::from_millis(300), blocked.changed()).await.is_ok() {}
    assert!(*blocked.borrow() < FRAMES, "the wire never filled: the test tests nothing");
    take.send(()).unwrap();
    for at in 0..FRAMES {
        assert_eq!(server.reader.read().await.unwrap().unwrap(), frame(at as u8));
    }
    assert!(server.reader.read().await.unwrap().is_none());
    drop(sending.await.unwrap());
    drop(server);
    let lengths = noting.await.unwrap();
    // First the client's Finished, last its close_notify.
    assert_eq!(lengths.len(), FRAMES + 2);
    assert!(lengths[1..=FRAMES].iter().all(|length| *length == RECORD_BYTES));
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    let (client, mut server) = pair().await;
    let mut raw = client.writer.connection;
    for part in frame(5).chunks(5_000) {
        raw.write_all(part).await.unwrap();
        raw.flush().await.unwrap();
        let reading = tokio::time::timeout(Duration::from_millis(50), server.reader.read());
        if let Ok(read) = reading.await {
            assert_eq!(read.unwrap().unwrap(), frame(5));
            return;
        }
    }
    assert_eq!(server.reader.read().await.unwrap().unwrap(), frame(5));
}

#[tokio::test]
async fn a_cut_is_told_from_a_clean_end() {
    // TCP ends between two frames, without close_notify.
    let (client, mut server) = pair().await;
    let Link { reader, mut writer, .. } = client;
    writer.write(&frame(1)).await.unwrap();
    let connection = reader.connection.unsplit(writer.connection);
    let (mut tcp, _session) = match connection {
        TlsStream::Client(stream) => stream.into_inner(),
        TlsStream::Server(_) => unreachable!(),
    };
    tcp.shutdown().await.unwrap();
    assert!(server.reader.read().await.unwrap().is_some());
    assert!(matches!(server.reader.read().await, Err(LinkError::Cut)));

    // close_notify comes in the middle of a frame.
    let (client, mut server) = pair().await;
    let mut raw = client.writer.connection;
    raw.write_all(&[1; 100]).await.unwrap();
    raw.shutdown().await.unwrap();
    assert!(matches!(server.reader.read().await, Err(LinkError::Cut)));
}

#[tokio::test]
async fn an_altered_record_breaks_the_connection() {
    let (client, mut server) = pair().await;
    let Link { reader, writer, .. } = client;
    let connection = reader.connection.unsplit(writer.connection);
    let (mut tcp, _session) = match connection {
        TlsStream::Client(stream) => stream.into_inner(),
        TlsStream::Server(_) => unreachable!(),
    };
    let mut record = vec![23, 3, 3, 0, 40];
    record.extend([9; 40]);
    tcp.write_all(&record).await.unwrap();
    assert!(matches!(server.reader.read().await, Err(LinkError::Failed(_))));
}

#[tokio::test]
async fn nobody_and_silence_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let place = RelayPlace::new(&address, Pin(Digest([0; 32]))).unwrap();
    let silent = connect(&place, None, Duration::from_millis(200)).await;
    assert!(matches!(silent.err(), Some(LinkError::TimedOut)));
    drop(listener);
    let nobody = connect(&place, None, WITHIN).await;
    assert!(matches!(nobody.err(), Some(LinkError::Unreachable { .. })));
}

#[tokio::test]
async fn a_client_that_says_nothing_holds_the_relay_only_so_long() {
    let relay = Relay::start().await;
    let _silent = TcpStream::connect(relay.address()).await.unwrap();
    let (tcp, _) = relay.listener.accept().await.unwrap();
    let refused = relay.acceptor.handshake(tcp, Duration::from_millis(100)).await;
    assert!(matches!(refused.err(), Some(LinkError::TimedOut)));
}

#[tokio::test]
async fn a_proxy_is_given_the_name_and_resolves_it() {
    let relay = Relay::start().await;
    let (address, pin) = (relay.address(), relay.acceptor.pin());
    let accepted = relay.accept();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let via = Socks::parse(&format!("socks5://{}", proxy.local_addr().unwrap())).unwrap();
    let proxying = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut greeting = [0; 2];
        client.read_exact(&mut greeting).await.unwrap();
        let mut methods = vec![0; usize::from(greeting[1])];
        client.read_exact(&mut methods).await.unwrap();
        client.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).await.unwrap();
        // Version 5, connect, and a name (RFC 1928, section 4).
        assert_eq!(request[..4], [5, 1, 0, 3]);
        let mut name = vec![0; usize::from(request[4]) + 2];
        client.read_exact(&mut name).await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        name
    });
    // A name that nobody can resolve here.
    let place = RelayPlace::new("hidden.invalid:4433", pin).unwrap();
    let mut client = connect(&place, Some(&via), WITHIN).await.unwrap();
    let mut server = accepted.await.unwrap().unwrap();
    client.writer.write(&frame(8)).await.unwrap();
    assert_eq!(server.reader.read().await.unwrap().unwrap(), frame(8));
    drop((client, server));
    assert_eq!(proxying.await.unwrap(), [b"hidden.invalid".as_slice(), &4433u16.to_be_bytes()].concat());

    let nobody = Socks::parse("socks5://127.0.0.1:1").unwrap();
    let refused = connect(&place, Some(&nobody), WITHIN).await;
    assert!(matches!(refused.err(), Some(LinkError::ProxyFailed { .. })));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
    let made = tls::make_certificate().unwrap();
    folder::write_private(&certificate, made.certificate_pem.as_bytes()).unwrap();
    folder::write_private(&key, made.key_pem.as_bytes()).unwrap();
    assert_eq!(Acceptor::load(&certificate, &key).unwrap().pin(), made.pin);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Acceptor::load(&certificate, &key).err();
    assert!(matches!(refused, Some(AcceptorError::File(FolderError::PermissionsOpen { .. }))));
}
