//! Connections. Each delivers in order or breaks; the two sides may learn of its end at different times, or one of them
//! not at all.

use super::world::World;
use rand_core::Rng;
use std::collections::BTreeMap;
use truceline::officer::link::{LinkEvent, LinkKey};
use truceline::party::relay::RelayPlace;
use truceline::relay::message::{ConnId, Input};
use truceline::wire::frame::FrameBytes;
use truceline::wire::queue::Exporter;

/// A relay ends a connection on which it was asked nothing for so long.
const IDLE_MS: u64 = 300_000;
/// An attempt to connect that nobody answers ends after so long.
const CONNECT_MS: u64 = 20_000;

/// The two directions of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    Officer = 0,
    Relay = 1,
}

pub struct Conn {
    pub node: usize,
    pub key: LinkKey,
    pub relay: usize,
    /// Whether the relay still has it.
    pub at_relay: bool,
    /// When the relay last got a frame.
    heard: u64,
    /// Directions in which nothing arrives any more, and nobody is told.
    swallowed: [bool; 2],
    /// When what was sent last arrives.
    arrival: [u64; 2],
    /// How long a frame is under way at least, and how long it keeps the line busy.
    slow: (u64, u64),
}

pub enum Event {
    ToRelay(u64, FrameBytes),
    ToOfficer(u64, LinkEvent),
    /// The relay learns that a connection has ended.
    Ended(u64),
    /// An attempt to connect has come to nothing.
    Unreachable(usize, LinkKey),
    /// A relay handles what has come.
    Work(usize),
    Tick,
}

impl World {
    /// Carries something over a connection, in order after what went before, or breaks the connection.
    pub fn carry(&mut self, conn: u64, to: To, event: Event) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        if self.strikes("cut", self.faults.cut) {
            return self.cut(conn);
        }
        if self.strikes("one_way", self.faults.one_way) {
            self.swallow(conn, &[to]);
        }
        let delay = 1 + u64::from(self.rng.next_u32() % 80);
        self.arrives(conn, to, delay, event);
    }

    /// Schedules an arrival, unless nothing arrives in this direction.
    fn arrives(&mut self, conn: u64, to: To, delay: u64, event: Event) {
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn).filter(|conn| !conn.swallowed[to as usize]) else {
            return;
        };
        let (under_way, busy) = state.slow;
        let arrival = (now + delay + under_way).max(state.arrival[to as usize] + busy);
        state.arrival[to as usize] = arrival;
        self.at(arrival - now, event);
    }

    fn swallow(&mut self, conn: u64, directions: &[To]) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            directions.iter().for_each(|to| conn.swallowed[*to as usize] = true);
        }
    }

    /// Breaks a connection. The officer notices at once; the relay too, or once it has handled what was on its way.
    pub fn cut(&mut self, conn: u64) {
        let frames_lost = self.rng.next_u32().is_multiple_of(2);
        self.ends_at_officer(conn);
        if frames_lost {
            self.ends_at_relay(conn);
        } else {
            self.arrives(conn, To::Relay, 0, Event::Ended(conn));
        }
    }

    /// An officer's program lets go of a connection: the relay learns it after all that was sent.
    pub fn let_go(&mut self, conn: u64) {
        let Some(Conn { node, key, at_relay, .. }) = self.conns.get(&conn) else { return };
        self.nodes[*node].running.remove(key);
        if *at_relay {
            self.arrives(conn, To::Relay, 1, Event::Ended(conn));
        } else {
            self.conns.remove(&conn);
        }
    }

    /// A relay is rid of a connection: the officer learns it after all that was answered.
    pub fn hang_up(&mut self, conn: u64) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.at_relay = false;
        }
        self.arrives(conn, To::Officer, 1, Event::ToOfficer(conn, LinkEvent::Down("closed".into())));
    }

    pub fn ends_at_officer(&mut self, conn: u64) {
        let Some(&Conn { node, key, at_relay, .. }) = self.conns.get(&conn) else { return };
        if self.nodes[node].running.get(&key) != Some(&conn) {
            return;
        }
        self.nodes[node].running.remove(&key);
        if !at_relay {
            self.conns.remove(&conn);
        }
        let retry = self.now + 200 + u64::from(self.rng.next_u32() % 800);
        self.nodes[node].retry_at.insert(key, retry);
        self.officer_event(node, key, LinkEvent::Down("cut".into()));
    }

    pub fn ends_at_relay(&mut self, conn: u64) {
        let Some(&mut Conn { node, key, relay, ref mut at_relay, .. }) = self.conns.get_mut(&conn) else {
            return;
        };
        let was_there = std::mem::take(at_relay);
        if self.nodes[node].running.get(&key) != Some(&conn) {
            self.conns.remove(&conn);
        }
        if was_there {
            self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
        }
    }

    /// Connects what an officer wants connected, and lets go of the rest.
    pub fn reconcile(&mut self, node: usize) {
        if !self.nodes[node].connected || self.now < self.nodes[node].asleep_until {
            return;
        }
        let wanted: BTreeMap<LinkKey, RelayPlace> = self.nodes[node].officer.wanted().into_iter().collect();
        let running = self.nodes[node].running.iter();
        let unwanted: Vec<u64> =
            running.filter(|(key, _)| !wanted.contains_key(key)).map(|(_, conn)| *conn).collect();
        unwanted.into_iter().for_each(|conn| self.let_go(conn));
        for (key, place) in wanted {
            let waits = self.nodes[node].retry_at.get(&key).is_some_and(|at| *at > self.now);
            if self.nodes[node].running.contains_key(&key) || waits {
                continue;
            }
            if let Some(relay) = self.relays.iter().position(|relay| relay.place == place) {
                self.connect(node, key, relay);
            }
        }
    }

    fn connect(&mut self, node: usize, key: LinkKey, relay: usize) {
        let away = |until: u64| until > self.now;
        let there = &self.relays[relay];
        if !there.up
            || away(there.down_until)
            || away(there.apart_until)
            || away(self.nodes[node].apart_until)
        {
            self.nodes[node].retry_at.insert(key, self.now + CONNECT_MS + 1);
            return self.at(CONNECT_MS, Event::Unreachable(node, key));
        }
        let conn = self.next_conn;
        self.next_conn += 1;
        let slow = if self.strikes("slow", self.faults.slow) {
            (u64::from(self.rng.next_u32() % 3_000), u64::from(self.rng.next_u32() % 1_000))
        } else {
            (0, 0)
        };
        let (heard, swallowed, arrival) = (self.now, [false; 2], [0; 2]);
        let at_relay = true;
        self.conns.insert(conn, Conn { node, key, relay, at_relay, heard, swallowed, arrival, slow });
        self.nodes[node].running.insert(key, conn);
        let mut exporter = [0; 32];
        self.rng.fill_bytes(&mut exporter);
        self.relay_input(relay, Input::Connected { conn: ConnId(conn), exporter: Exporter(exporter) });
        // A handshake that does not come to an end is no connection.
        let delay = 1 + u64::from(self.rng.next_u32() % 80);
        self.arrives(conn, To::Officer, delay, Event::ToOfficer(conn, LinkEvent::Up(Exporter(exporter))));
    }

    pub fn unreachable(&mut self, node: usize, key: LinkKey) {
        if self.nodes[node].connected && !self.nodes[node].running.contains_key(&key) {
            self.officer_event(node, key, LinkEvent::Down("nobody answers".into()));
        }
    }

    /// Where a frame arrives, and whose it is.
    pub fn relay_hears(&mut self, conn: u64) -> Option<(usize, usize)> {
        let now = self.now;
        let conn = self.conns.get_mut(&conn).filter(|conn| conn.at_relay)?;
        conn.heard = now;
        Some((conn.relay, conn.node))
    }

    /// Relays end connections on which they were asked nothing for long.
    pub fn end_idle(&mut self) {
        let idle = |conn: &Conn| conn.at_relay && self.now.saturating_sub(conn.heard) >= IDLE_MS;
        let idle: Vec<u64> = self.conns.iter().filter(|(_, conn)| idle(conn)).map(|(at, _)| *at).collect();
        for conn in idle {
            self.hang_up(conn);
            let relay = self.conns[&conn].relay;
            self.relay_input(relay, Input::Gone { conn: ConnId(conn) });
        }
    }

    /// An officer or a relay is cut off for a while: what is on its connections is lost, and nobody is told.
    pub fn part_somebody(&mut self) {
        if !self.strikes("partition", self.faults.partition) {
            return;
        }
        let until = self.now + 1_000 + u64::from(self.rng.next_u32() % 300_000);
        let at = self.rng.next_u32() as usize % (self.nodes.len() + self.relays.len());
        let relay = at.checked_sub(self.nodes.len());
        match relay {
            Some(relay) => self.relays[relay].apart_until = until,
            None => self.nodes[at].apart_until = until,
        }
        let of_it = |conn: &Conn| relay.map_or(conn.node == at, |relay| conn.relay == relay);
        let parted: Vec<u64> = self.conns.iter().filter(|(_, conn)| of_it(conn)).map(|(at, _)| *at).collect();
        parted.into_iter().for_each(|conn| self.swallow(conn, &[To::Officer, To::Relay]));
    }

    /// Disconnects an officer, or lets it connect.
    pub fn set_connected(&mut self, node: usize, connected: bool) {
        self.nodes[node].connected = connected;
        if !connected {
            let conns: Vec<u64> = self.nodes[node].running.values().copied().collect();
            for conn in conns {
                self.ends_at_officer(conn);
                self.ends_at_relay(conn);
            }
        }
    }
}
