//! Where connections come in: how many in all, how many from one address.

use crate::host::link::Acceptor;
use crate::relay::message::{ConnId, Limits};
use crate::service::relay_config::RelayConfig;
use crate::service::relay_conn::{self, Shared, duration};
use crate::service::relay_metrics::Metrics;
use prometheus_client::metrics::counter::Counter;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After a failure to accept, such as having no descriptors left, this long nothing is tried.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What holds from the next connection and the next beat of the engine on: an operator may change it while the relay serves.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) acceptor: Acceptor,
    pub(super) bounds: Bounds,
    pub(super) limits: Limits,
}

impl Settings {
    pub(super) const fn new(acceptor: Acceptor, config: &RelayConfig) -> Self {
        let bounds =
            Bounds { in_all: config.connections_max, per_address: config.connections_per_address_max };
        Self { acceptor, bounds, limits: config.limits() }
    }
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) in_all: usize,
    pub(super) per_address: usize,
}

/// Connections that stand, by address; shared with each, which takes itself out.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection's place in the crowd.
struct Seat {
    crowd: Crowd,
    address: IpAddr,
}

/// What counts as one address: an IPv6 host has a whole network of 64 bits to itself.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
    }
}

impl Crowd {
    fn seat(&self, address: IpAddr, bounds: Bounds) -> Option<Seat> {
        let address = counted(address);
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = seats.values().sum();
        let here = seats.get(&address).copied().unwrap_or(0);
        if all >= bounds.in_all || here >= bounds.per_address {
            return None;
        }
        seats.insert(address, here + 1);
        drop(seats);
        Some(Seat { crowd: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seats.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => drop(seats.remove(&self.address)),
        }
    }
}

/// Accepts connections until the service stops, then gives those that stand time to end.
pub(super) async fn accept(
    listener: TcpListener,
    settings: watch::Receiver<Settings>,
    shared: Shared,
    metrics: Metrics,
) {
    let crowd = Crowd::default();
    let mut stop = shared.stop.clone();
    let mut connections = JoinSet::new();
    let mut turned_away = 0_u64;
    for number in 0.. {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => {
                let Settings { acceptor, bounds, .. } = settings.borrow().clone();
                if let Some(seat) = crowd.seat(from.ip(), bounds) {
                    let failed = metrics.handshakes_failed.clone();
                    connections.spawn(connection(
                        ConnId(number),
                        tcp,
                        seat,
                        acceptor,
                        shared.clone(),
                        failed,
                    ));
                } else {
                    turned_away += 1;
                    metrics.turned_away.inc();
                    if turned_away.is_power_of_two() {
                        tracing::warn!(turned_away, "connections turned away: a limit is reached");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "no connection can be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(duration(shared.patience.drain), all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut that did not end in time");
    }
}

async fn connection(
    conn: ConnId,
    tcp: TcpStream,
    _seat: Seat,
    acceptor: Acceptor,
    shared: Shared,
    failed: Counter,
) {
    let mut stop = shared.stop.clone();
    let link = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return,
        link = acceptor.handshake(tcp, duration(shared.patience.prove)) => link,
    };
    match link {
        Ok(link) => relay_conn::serve(conn, link, shared).await,
        Err(_) => {
            failed.inc();
            tracing::debug!("a connection ended in its handshake");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_seat_and_leaves_its_own_behind() {
        let crowd = Crowd::default();
        let bounds = Bounds { in_all: 3, per_address: 2 };
        let seat = |address: &str| crowd.seat(address.parse().unwrap(), bounds);
        let (one, two) = (seat("192.0.2.1"), seat("192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(seat("192.0.2.1").is_none());
        assert!(seat("::ffff:192.0.2.1").is_none(), "the same address in another form");
        let three = seat("192.0.2.2");
        assert!(three.is_some());
        assert!(seat("192.0.2.3").is_none(), "no seat is left");
        drop(one);
        assert!(seat("192.0.2.1").is_some());
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        let of = |address: &str| counted(address.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
