//! Where a relay is: its address and the pin that tells it from any other.

use crate::crypto::digest::{Digest, unhex};
use bincode::{Decode, Encode};

/// Bytes of an address, at most: a DNS name of 253, a colon, a port.
pub const ADDRESS_BYTES_MAX: usize = 259;
/// Relays of one party, at most.
pub const RELAYS_MAX: usize = 4;

/// A relay's place that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayPlaceError {
    /// No `#`, or not 64 hexadecimal digits after it.
    #[error("a relay is written ADDRESS#PIN, the pin as 64 hexadecimal digits")]
    PinMissing,
    /// A third part that is not 64 hexadecimal digits, or zeros.
    #[error("what follows a relay's pin is the digest of its deposit key, 64 hexadecimal digits")]
    DepositInvalid,
    /// Not `host:port`.
    #[error("'{0}' is not an address of the form host:port")]
    AddressInvalid(String),
}

/// SHA-256 of the certificate's public key (`SubjectPublicKeyInfo`, DER; RFC 7469, section 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Pin(pub Digest);

/// A relay's address, `host:port`, and pin. Written `host:port#pin`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct RelayPlace {
    address: String,
    pin: Pin,
}

impl RelayPlace {
    /// The place with this address and pin.
    ///
    /// # Errors
    /// [`RelayPlaceError::AddressInvalid`].
    pub fn new(address: &str, pin: Pin) -> Result<Self, RelayPlaceError> {
        let place = Self { address: address.to_owned(), pin };
        place.check()?;
        Ok(place)
    }

    /// Parses `host:port#pin`.
    ///
    /// # Errors
    /// [`RelayPlaceError`].
    pub fn parse(text: &str) -> Result<Self, RelayPlaceError> {
        let (address, pin) = text.trim().split_once('#').ok_or(RelayPlaceError::PinMissing)?;
        let pin = unhex(pin).and_then(|pin| pin.try_into().ok()).ok_or(RelayPlaceError::PinMissing)?;
        Self::new(address, Pin(Digest(pin)))
    }

    /// Holds a decoded address against its rules: `host:port`, port from 1, printable ASCII, no white space.
    ///
    /// # Errors
    /// [`RelayPlaceError::AddressInvalid`].
    pub fn check(&self) -> Result<(), RelayPlaceError> {
        let invalid = || RelayPlaceError::AddressInvalid(self.address.escape_default().to_string());
        let (host, port) = self.address.rsplit_once(':').ok_or_else(invalid)?;
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address6 = inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let port_fits = port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
        let fits = !host.is_empty() && self.address.len() <= ADDRESS_BYTES_MAX;
        if fits && port_fits && (plain || address6) { Ok(()) } else { Err(invalid()) }
    }

    /// The address, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host alone, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']'])
    }

    /// The pin.
    #[must_use]
    pub const fn pin(&self) -> Pin {
        self.pin
    }

    /// Whether the address names this machine or a private network, as far as the text alone tells:
    /// loopback, private (RFC 1918, RFC 4193), link-local, unspecified, or a name that ends in
    /// `localhost`, `.local` or `.internal` or has no dot.
    #[must_use]
    pub fn is_private(&self) -> bool {
        use std::net::IpAddr;
        match self.host().parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => private4(ip),
            Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
                Some(ip) => private4(ip),
                None => {
                    ip.is_loopback()
                        || ip.is_unspecified()
                        || ip.is_unique_local()
                        || ip.is_unicast_link_local()
                }
            },
            Err(_) => {
                let host = self.host().trim_end_matches('.').to_ascii_lowercase();
                !host.contains('.')
                    || [".localhost", ".local", ".internal"].iter().any(|end| host.ends_with(end))
                    || host.split('.').all(|part| part.parse::<u64>().is_ok() || part.starts_with("0x"))
            }
        }
    }
}

const fn private4(ip: std::net::Ipv4Addr) -> bool {
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
}

impl std::fmt::Display for RelayPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.address, self.pin.0.hex())
    }
}

/// What a relay's operator hands out: its place and, where it is named, the digest of the key with which it signs
/// deposits. Written `host:port#pin` or `host:port#pin#deposit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayLine {
    /// The place.
    pub place: RelayPlace,
    /// The digest of the deposit key; never zeros.
    pub deposit: Option<Digest>,
}

impl RelayLine {
    /// Parses either form.
    ///
    /// # Errors
    /// [`RelayPlaceError`].
    pub fn parse(text: &str) -> Result<Self, RelayPlaceError> {
        let text = text.trim();
        let (place, deposit) = match text.match_indices('#').nth(1) {
            None => (text, None),
            Some((at, _)) => {
                let (place, deposit) = text.split_at(at);
                let digest =
                    unhex(deposit.get(1..).unwrap_or_default()).and_then(|bytes| bytes.try_into().ok());
                let digest = digest.map(Digest).filter(|digest| *digest != Digest([0; 32]));
                (place, Some(digest.ok_or(RelayPlaceError::DepositInvalid)?))
            }
        };
        Ok(Self { place: RelayPlace::parse(place)?, deposit })
    }
}

impl std::fmt::Display for RelayLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.deposit {
            None => self.place.fmt(f),
            Some(deposit) => write!(f, "{}#{}", self.place, deposit.hex()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        let text = format!("relay.example:4433#{}", "ab".repeat(32));
        assert_eq!(RelayPlace::parse(&text).unwrap().to_string(), text);
        for wrong in ["relay.example:4433", "relay.example#ab", "a b:1#00", ":1#00"] {
            assert!(RelayPlace::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "host:0",
            "host:+80",
            "host:080",
            "[[::1]]:1",
            "host:65536",
            "host",
            "[::1:1",
            "ho st:1",
            "h\u{0}st:1",
            "[x]:1",
        ] {
            assert!(RelayPlace::new(wrong, Pin(Digest([0; 32]))).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_names_a_deposit_key_or_none() {
        let place = format!("relay.example:4433#{}", "ab".repeat(32));
        for text in [place.clone(), format!("{place}#{}", "cd".repeat(32))] {
            let line = RelayLine::parse(&text).unwrap();
            assert_eq!((line.to_string(), line.place.to_string()), (text.clone(), place.clone()));
            assert_eq!(line.deposit.is_some(), text != place);
        }
        for wrong in
            ["", "cd", &"00".repeat(32), &format!("{}#", "cd".repeat(32)), &format!("#{}", "cd".repeat(32))]
        {
            let wrong = RelayLine::parse(&format!("{place}#{wrong}"));
            assert_eq!(wrong, Err(RelayPlaceError::DepositInvalid));
        }
    }

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        for private in [
            "127.0.0.1:1",
            "10.1.2.3:1",
            "[::1]:1",
            "[fd00::1]:1",
            "[::ffff:127.0.0.1]:1",
            "localhost:1",
            "printer.local:1",
            "intranet:1",
            "0.0.0.0:1",
            "127.1:1",
            "0x7f.1:1",
            "100.64.0.1:1",
            "LOCALHOST.:1",
        ] {
            assert!(RelayPlace::new(private, Pin(Digest([0; 32]))).unwrap().is_private(), "{private}");
        }
        for public in ["relay.example:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            assert!(!RelayPlace::new(public, Pin(Digest([0; 32]))).unwrap().is_private(), "{public}");
        }
    }
}
