//! What a relay tells a monitor: totals and histograms in the OpenMetrics text format, and a port on loopback that hands
//! them out. No series belongs to a queue, a peer or a pass: all are there from the start, whatever happens.
//!
//! Of HTTP it knows one request, `GET /metrics`.

use crate::host::clock::Stopwatch;
use crate::relay::message::Notice;
use crate::service::relay_folder::Status;
use crate::service::relay_often::Often;
use crate::time::UnixMillis;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A monitor that takes longer than this for its request and its answer is hung up on.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many are answered at once; one more is hung up on.
const ASKING_MAX: usize = 16;
const REQUEST_BYTES_MAX: usize = 8_192;
/// After a failure to accept, this long nothing is tried.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// All that is counted by name.
pub(super) const EVENTS: [&str; 14] = [
    "opened",
    "closed",
    "stored",
    "dropped",
    "expired",
    "lost",
    "tokens_issued",
    "tokens_expired",
    "tokens_revoked",
    "refused",
    "pass_refused",
    "queue_full",
    "disk_full",
    "malformed",
];

/// What a notice counts as, and how often.
pub(super) const fn event(notice: Notice) -> (&'static str, u64) {
    match notice {
        Notice::QueueOpened => ("opened", 1),
        Notice::QueueClosed => ("closed", 1),
        Notice::CellStored => ("stored", 1),
        Notice::CellsDropped(cells) => ("dropped", cells),
        Notice::CellsExpired(cells) => ("expired", cells),
        Notice::CellLost => ("lost", 1),
        Notice::TokensIssued(tokens) => ("tokens_issued", tokens),
        Notice::TokensExpired(tokens) => ("tokens_expired", tokens),
        Notice::TokensRevoked(tokens) => ("tokens_revoked", tokens),
        Notice::Refused => ("refused", 1),
        Notice::PassRefused => ("pass_refused", 1),
        Notice::QueueFull => ("queue_full", 1),
        Notice::DiskFull => ("disk_full", 1),
        Notice::Malformed => ("malformed", 1),
    }
}

/// The figures, shared by whoever counts and whoever tells.
#[derive(Clone)]
pub(super) struct Metrics {
    registry: Arc<Registry>,
    events: Family<[(&'static str, &'static str); 1], Counter>,
    pub(super) turned_away: Counter,
    pub(super) handshakes_failed: Counter,
    queues: Gauge,
    cells: Gauge,
    bytes: Gauge,
    tokens: Gauge,
    connections: Gauge,
    oldest_secs: Gauge,
    room_bytes: Gauge,
    commit_secs: Histogram,
    batch: Histogram,
}

fn gauge_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    pub(super) fn new() -> Self {
        let events: Family<[(&'static str, &'static str); 1], Counter> = Family::default();
        for what in EVENTS {
            drop(events.get_or_create(&[("event", what)]));
        }
        let (turned_away, handshakes_failed) = (Counter::default(), Counter::default());
        let [queues, cells, bytes, tokens, connections, oldest_secs, room_bytes] =
            std::array::from_fn(|_| Gauge::default());
        // From a tenth of a millisecond to three seconds; from one input to the most there are.
        let commit_secs = Histogram::new(exponential_buckets(0.000_1, 2.0, 16));
        let batch = Histogram::new(exponential_buckets(1.0, 2.0, 9));
        let mut registry = Registry::with_prefix("truceline_relay");
        registry.register("events", "What happened to queues, cells, tokens and requests", events.clone());
        registry.register("turned_away", "Connections above a limit", turned_away.clone());
        registry.register(
            "handshakes_failed",
            "Connections that ended in their handshake",
            handshakes_failed.clone(),
        );
        registry.register("queues", "Queues", queues.clone());
        registry.register("cells", "Cells held", cells.clone());
        registry.register_with_unit("cells", "Bytes of the cells held", Unit::Bytes, bytes.clone());
        registry.register("tokens", "Tokens of passes that have opened no queue", tokens.clone());
        registry.register("connections", "Connections that stand", connections.clone());
        registry.register_with_unit(
            "oldest_cell_age",
            "Age of the oldest cell",
            Unit::Seconds,
            oldest_secs.clone(),
        );
        registry.register_with_unit(
            "room",
            "Bytes that may be stored before the relay is full",
            Unit::Bytes,
            room_bytes.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Time until a commit was on the disk",
            Unit::Seconds,
            commit_secs.clone(),
        );
        registry.register("batch_inputs", "Inputs that one commit answered", batch.clone());
        Self {
            registry: Arc::new(registry),
            events,
            turned_away,
            handshakes_failed,
            queues,
            cells,
            bytes,
            tokens,
            connections,
            oldest_secs,
            room_bytes,
            commit_secs,
            batch,
        }
    }

    pub(super) fn count(&self, what: &'static str, times: u64) {
        self.events.get_or_create(&[("event", what)]).inc_by(times);
    }

    pub(super) fn tell_totals(&self, status: &Status, now: UnixMillis) {
        let oldest = status.oldest_ms.map_or(0, |oldest| now.since(UnixMillis(oldest)).0 / 1_000);
        for (gauge, figure) in [
            (&self.queues, status.queues),
            (&self.cells, status.cells),
            (&self.bytes, status.bytes),
            (&self.tokens, status.tokens),
            (&self.connections, status.connections),
            (&self.oldest_secs, oldest),
        ] {
            gauge.set(gauge_of(figure));
        }
    }

    pub(super) fn room(&self, bytes: u64) {
        self.room_bytes.set(gauge_of(bytes));
    }

    pub(super) fn committed(&self, inputs: usize, took: &Stopwatch) {
        self.commit_secs.observe(took.secs());
        self.batch.observe(inputs as f64);
    }

    /// All figures, as OpenMetrics text.
    fn text(&self) -> String {
        let mut text = String::new();
        // Nothing can fail to be written to a text.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Hands the figures out until the relay stops.
pub(super) async fn serve(listener: TcpListener, metrics: Metrics, mut stop: watch::Receiver<bool>) {
    let (mut asking, mut failed) = (JoinSet::new(), Often::default());
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            Some(_) = asking.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, _)) if asking.len() < ASKING_MAX => {
                let metrics = metrics.clone();
                // A monitor that went away has asked in vain, and nothing else.
                asking.spawn(async move { drop(timeout(PATIENCE, answer(tcp, &metrics)).await) });
            }
            Ok(_) => {}
            Err(error) => {
                if let Some(times) = failed.again() {
                    tracing::warn!(times, %error, "no monitor can be accepted");
                }
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn answer(mut tcp: TcpStream, metrics: &Metrics) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() >= REQUEST_BYTES_MAX || tcp.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = if request.starts_with(b"GET /metrics ") || request.starts_with(b"GET /metrics?") {
        ("200 OK", metrics.text())
    } else {
        ("404 Not Found", "There is /metrics, to GET.\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    tcp.write_all(head.as_bytes()).await?;
    tcp.write_all(body.as_bytes()).await?;
    tcp.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_series_from_the_start_and_none_comes_later() {
        let metrics = Metrics::new();
        let series = |metrics: &Metrics| {
            let text = metrics.text();
            assert!(text.ends_with("# EOF\n"));
            let names =
                text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = series(&metrics);
        let notices = [
            Notice::QueueOpened,
            Notice::QueueClosed,
            Notice::CellStored,
            Notice::CellsDropped(3),
            Notice::CellsExpired(3),
            Notice::CellLost,
            Notice::TokensIssued(3),
            Notice::TokensExpired(3),
            Notice::TokensRevoked(3),
            Notice::Refused,
            Notice::PassRefused,
            Notice::QueueFull,
            Notice::DiskFull,
            Notice::Malformed,
        ];
        let told = notices.map(|notice| event(notice).0);
        assert_eq!(told, EVENTS);
        for notice in notices {
            let (what, times) = event(notice);
            metrics.count(what, times);
        }
        assert_eq!(series(&metrics), before);
        assert!(metrics.text().contains("truceline_relay_events_total{event=\"dropped\"} 3\n"));
    }
}
