//! Where connections come in.

use crate::host::link::Acceptor;
use crate::relay::message::{ConnId, Limits};
use crate::service::relay_config::RelayConfig;
use crate::service::relay_conn::{self, Shared, duration};
use crate::service::relay_crowd::{Bounds, Crowd, Seat};
use crate::service::relay_metrics::Metrics;
use crate::service::relay_often::Often;
use prometheus_client::metrics::counter::Counter;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After a failure to accept, such as having no descriptors left, this long nothing is tried.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How often those are forgotten who have gone.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// What holds from the next connection and the next beat of the engine on: an operator may change it while the relay serves.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) acceptor: Acceptor,
    pub(super) bounds: Bounds,
    pub(super) limits: Limits,
}

impl Settings {
    pub(super) const fn new(acceptor: Acceptor, config: &RelayConfig) -> Self {
        let bounds = Bounds {
            in_all: config.connections_max,
            per_address: config.connections_per_address_max,
            a_second: config.handshakes_per_second,
            a_second_per_address: config.handshakes_per_address_per_second,
        };
        Self { acceptor, bounds, limits: config.limits() }
    }
}

/// Accepts connections until the service stops, then gives those that stand time to end.
pub(super) async fn accept(
    listener: TcpListener,
    settings: watch::Receiver<Settings>,
    shared: Shared,
    metrics: Metrics,
) {
    let crowd = Crowd::new();
    let mut stop = shared.stop.clone();
    let mut connections = JoinSet::new();
    let mut tidy = tokio::time::interval(TIDY_EVERY);
    let (mut turned_away, mut failed_to_accept) = (Often::default(), Often::default());
    for number in 0.. {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            _ = tidy.tick() => {
                crowd.tidy(settings.borrow().bounds);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => {
                let Settings { acceptor, bounds, .. } = settings.borrow().clone();
                let seat = crowd.seat(from.ip(), bounds);
                if seat.as_ref().is_none_or(|seat| seat.was_taken) {
                    metrics.turned_away.inc();
                    if let Some(times) = turned_away.again() {
                        tracing::warn!(times, "connections turned away: a limit is reached");
                    }
                }
                if let Some(seat) = seat {
                    let failed = metrics.handshakes_failed.clone();
                    connections.spawn(connection(
                        ConnId(number),
                        tcp,
                        seat,
                        acceptor,
                        shared.clone(),
                        failed,
                    ));
                }
            }
            Err(error) => {
                if let Some(times) = failed_to_accept.again() {
                    tracing::warn!(times, %error, "no connection can be accepted");
                }
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
    seat: Seat,
    acceptor: Acceptor,
    shared: Shared,
    failed: Counter,
) {
    let mut stop = shared.stop.clone();
    let link = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return,
        () = seat.lost() => return,
        link = acceptor.handshake(tcp, duration(shared.patience.prove)) => link,
    };
    match link {
        Ok(link) => relay_conn::serve(conn, link, &seat, shared).await,
        Err(_) => {
            failed.inc();
            tracing::debug!("a connection ended in its handshake");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<A, B, C, D, E, F, G>(_: impl Fn(A, B, C, D, E, F) -> G) -> usize {
        size_of::<G>()
    }

    #[test]
    fn a_connection_s_task_is_small_beside_its_frame_and_its_tls() {
        // Whatever it may ever await has its place in it from the beginning.
        let bytes = future_bytes(connection);
        assert!(bytes < 8_192, "{bytes} bytes");
    }
}
