//! A SOCKS5 proxy (RFC 1928, RFC 1929), such as Tor. Names of relays are handed to it, never resolved here:
//! a look-up would tell the local network what the proxy is there to hide.

use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use zeroize::Zeroizing;

const SCHEMES: [&str; 2] = ["socks5://", "socks5h://"];

/// A line that names no proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is written socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT")]
pub struct SocksInvalid;

/// The proxy did not connect.
#[derive(Debug)]
pub(super) struct SocksRefused {
    /// The proxy's address.
    pub proxy: String,
    /// Its words, or the system's.
    pub cause: String,
}

/// A proxy's address, and how to log in where it asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Socks {
    address: String,
    login: Option<(String, Zeroizing<String>)>,
}

impl std::fmt::Debug for Socks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "socks5://{}", self.address)
    }
}

impl Socks {
    /// Parses `socks5://[user:password@]host:port`; user and password are taken as they stand, from 1 to 255
    /// bytes each.
    ///
    /// # Errors
    /// [`SocksInvalid`].
    pub fn parse(text: &str) -> Result<Self, SocksInvalid> {
        let rest = SCHEMES.iter().find_map(|scheme| text.trim().strip_prefix(scheme)).ok_or(SocksInvalid)?;
        let (login, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, address)) => (Some(login.split_once(':').ok_or(SocksInvalid)?), address),
        };
        let fits = |part: &str| (1..=255).contains(&part.len());
        if login.is_some_and(|(user, password)| !fits(user) || !fits(password)) {
            return Err(SocksInvalid);
        }
        let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or(SocksInvalid)?;
        let named =
            !host.is_empty() && !host.contains(['/', ' ']) && (!host.contains(':') || host.starts_with('['));
        if !named || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(SocksInvalid);
        }
        let login = login.map(|(user, password)| (user.to_owned(), Zeroizing::new(password.to_owned())));
        Ok(Self { address: format!("{host}:{port}"), login })
    }

    /// A connection through the proxy to `host`, a name or an address, and `port`.
    pub(super) async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, SocksRefused> {
        let refused = |cause: String| SocksRefused { proxy: self.address.clone(), cause };
        let tcp = TcpStream::connect(&self.address).await.map_err(|error| refused(error.to_string()))?;
        let stream = match &self.login {
            None => Socks5Stream::connect_with_socket(tcp, (host, port)).await,
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(tcp, (host, port), user, password).await
            }
        };
        Ok(stream.map_err(|error| refused(error.to_string()))?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_with_and_without_a_login() {
        let plain = Socks::parse("socks5://127.0.0.1:9050").unwrap();
        assert_eq!((plain.address.as_str(), plain.login.is_none()), ("127.0.0.1:9050", true));
        assert_eq!(Socks::parse("socks5h://[::1]:9050/").unwrap().address, "[::1]:9050");
        let login = Socks::parse("socks5://ann:b@c:d@proxy.example:1080").unwrap();
        assert_eq!(login.address, "proxy.example:1080");
        let (user, password) = login.login.clone().unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("ann", "b@c:d"));
        assert_eq!(format!("{login:?}"), "socks5://proxy.example:1080");
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        for bad in [
            "",
            "127.0.0.1:9050",
            "http://127.0.0.1:9050",
            "socks5://127.0.0.1",
            "socks5://:9050",
            "socks5://127.0.0.1:0",
            "socks5://127.0.0.1:70000",
            "socks5://::1:9050",
            "socks5://user@host:1",
            "socks5://:password@host:1",
            "socks5://user:@host:1",
            "socks5://host/path:1",
        ] {
            assert_eq!(Socks::parse(bad), Err(SocksInvalid), "{bad}");
        }
    }
}
