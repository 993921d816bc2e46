//! What TLS may be here: version 1.3, X25519MLKEM768, AES-256-GCM or ChaCha20-Poly1305, no resumption, no
//! tickets, no early data, no client certificates, and a pin in place of authorities. Nothing is negotiated
//! downwards: a peer that offers less gets no connection.

use crate::crypto::digest::Digest;
use crate::party::relay::Pin;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs as suite};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerIncompatible, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A certificate or key that a relay cannot use.
#[derive(Debug, thiserror::Error)]
pub enum CertificateInvalid {
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    NotMade(String),
    /// The certificate's file holds none.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The key's file holds none.
    #[error("the certificate's key cannot be read")]
    Key,
    /// They do not belong together, or the key is of a kind TLS 1.3 does not sign with.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(String),
}

/// The relay showed another public key than the pinned one. Travels inside rustls' errors.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the relay shows the pin {} where {} is expected", found.0.hex(), expected.0.hex())]
pub struct PinMismatch {
    /// The pin of the relay's place.
    pub expected: Pin,
    /// The pin of the certificate that was shown.
    pub found: Pin,
}

/// A certificate with its key, as they lie in files.
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The private key, PKCS #8, PEM.
    pub key_pem: Zeroizing<String>,
    /// The pin of the certificate's public key.
    pub pin: Pin,
}

/// Makes a key (Ed25519) and a certificate that it signs itself. The names and dates in it mean nothing: who
/// connects looks at the pin alone.
///
/// # Errors
/// [`CertificateInvalid::NotMade`].
pub fn make_certificate() -> Result<Certificate, CertificateInvalid> {
    let not_made = |error: rcgen::Error| CertificateInvalid::NotMade(error.to_string());
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(not_made)?;
    let mut names = rcgen::CertificateParams::new(vec!["relay.invalid".to_owned()]).map_err(not_made)?;
    names.distinguished_name = rcgen::DistinguishedName::new();
    names.distinguished_name.push(rcgen::DnType::CommonName, "relay");
    let certificate = names.self_signed(&key).map_err(not_made)?;
    let pin = pin_of(certificate.der()).map_err(|error| CertificateInvalid::NotMade(error.to_string()))?;
    Ok(Certificate { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()), pin })
}

/// The pin of a certificate: SHA-256 of its `SubjectPublicKeyInfo` in DER, tag and length included (RFC
/// 7469, section 2.4).
fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, rustls::Error> {
    let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    Ok(Pin(Digest(Sha256::digest(key.as_ref()).into())))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            suite::cipher_suite::TLS13_AES_256_GCM_SHA384,
            suite::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![suite::kx_group::X25519MLKEM768],
        ..suite::default_provider()
    })
}

/// What a client speaks, to a relay with this pin.
pub(super) fn client(pin: Pin) -> Result<ClientConfig, rustls::Error> {
    client_with(provider(), pin)
}

/// As [`client`], with other algorithms: the tests' way to be a lesser client.
pub(super) fn client_with(provider: Arc<CryptoProvider>, pin: Pin) -> Result<ClientConfig, rustls::Error> {
    let verifier = Arc::new(PinVerifier { pin, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    // The name is nobody's business on the way, and nobody's proof at the end.
    config.enable_sni = false;
    Ok(config)
}

/// What a client speaks to servers that one of these certificates (PEM) signed for: TLS 1.3, with the algorithms that
/// servers of others have.
pub(super) fn client_of_authority(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("a certificate cannot be read: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in the file".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(suite::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What a relay speaks, and the pin of its certificate.
pub(super) fn server(
    certificate_pem: &[u8],
    key_pem: &[u8],
) -> Result<(ServerConfig, Pin), CertificateInvalid> {
    let unreadable = |error: String| CertificateInvalid::Certificate(error);
    let chain = CertificateDer::pem_slice_iter(certificate_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    let first = chain.first().ok_or_else(|| unreadable("there is none in the file".to_owned()))?;
    let pin = pin_of(first).map_err(|error| unreadable(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| CertificateInvalid::Key)?;
    let unusable = |error: rustls::Error| CertificateInvalid::Unusable(error.to_string());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok((config, pin))
}

/// Trusts one public key. The handshake's signature is verified as ever: it is what proves that the peer
/// holds the pinned key.
#[derive(Debug)]
struct PinVerifier {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = pin_of(certificate)?;
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let mismatch = PinMismatch { expected: self.pin, found };
        Err(CertificateError::Other(OtherError(Arc::new(mismatch))).into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The mismatch inside an error of a handshake, if that is what it was.
pub(super) fn pin_mismatch(error: &std::io::Error) -> Option<PinMismatch> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<PinMismatch>().copied()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_the_hash_of_the_public_key_alone() {
        let made = make_certificate().unwrap();
        let (config, pin) = server(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap();
        assert_eq!(pin, made.pin);
        assert_eq!(config.send_tls13_tickets, 0);
        // An Ed25519 key's SubjectPublicKeyInfo (RFC 8410, section 4): 12 fixed bytes, then the key.
        let key = rcgen::KeyPair::from_pem(&made.key_pem).unwrap();
        let raw = rcgen::PublicKeyData::der_bytes(&key);
        let mut der = crate::crypto::digest::unhex("302a300506032b6570032100").unwrap();
        der.extend_from_slice(raw);
        assert_eq!(made.pin.0.0, <[u8; 32]>::from(Sha256::digest(&der)));
        // Another certificate of the same key has the same pin.
        let again = rcgen::CertificateParams::new(vec!["other.invalid".to_owned()]).unwrap();
        assert_eq!(pin_of(again.self_signed(&key).unwrap().der()).unwrap(), made.pin);
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let (one, two) = (make_certificate().unwrap(), make_certificate().unwrap());
        let refused = |certificate: &str, key: &str| server(certificate.as_bytes(), key.as_bytes()).err();
        assert!(matches!(refused(&one.certificate_pem, &two.key_pem), Some(CertificateInvalid::Unusable(_))));
        assert!(matches!(refused(&one.certificate_pem, "no key"), Some(CertificateInvalid::Key)));
        assert!(matches!(refused("no certificate", &one.key_pem), Some(CertificateInvalid::Certificate(_))));
        let cut = one.certificate_pem.replace("MII", "AAA").replace("MIH", "AAA");
        assert!(refused(&cut, &one.key_pem).is_some());
    }
}
