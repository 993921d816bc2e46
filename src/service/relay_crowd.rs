//! Who may come in: how many connections at once, and how many new ones a second, in all and from one address. A handshake
//! costs a relay more than a peer, so it is begun only for those who are let in.

use crate::host::clock::Stopwatch;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections there may be, and how many new ones a second. So many at once may come as there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) in_all: usize,
    pub(super) per_address: usize,
    pub(super) a_second: u32,
    pub(super) a_second_per_address: u32,
}

/// What may still come at once (a token bucket); it fills again as time passes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    left: f64,
    at_secs: f64,
}

impl Pace {
    const fn full(burst: usize, now: f64) -> Self {
        Self { left: burst as f64, at_secs: now }
    }

    fn fill(&mut self, now: f64, a_second: u32, burst: usize) {
        let grown = (now - self.at_secs).max(0.0) * f64::from(a_second);
        *self = Self { left: (self.left + grown).min(burst as f64), at_secs: now };
    }

    fn may(&self) -> bool {
        self.left >= 1.0
    }
}

/// One address.
#[derive(Debug)]
struct Guest {
    seats: usize,
    pace: Pace,
}

#[derive(Debug)]
struct Hall {
    opened: Stopwatch,
    seats: usize,
    /// None until the first comes: what it begins with follows from the bounds.
    pace: Option<Pace>,
    guests: BTreeMap<IpAddr, Guest>,
}

/// Connections that stand, by address; shared with each, which takes itself out.
#[derive(Debug, Clone)]
pub(super) struct Crowd(Arc<Mutex<Hall>>);

/// One connection's place in the crowd.
pub(super) struct Seat {
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

impl Hall {
    fn seat(&mut self, address: IpAddr, bounds: Bounds, now: f64) -> bool {
        let Bounds { in_all, per_address, a_second, a_second_per_address } = bounds;
        let mut pace = self.pace.unwrap_or(Pace::full(in_all, now));
        pace.fill(now, a_second, in_all);
        let new = Guest { seats: 0, pace: Pace::full(per_address, now) };
        let guest = self.guests.entry(address).or_insert(new);
        guest.pace.fill(now, a_second_per_address, per_address);
        let seated = self.seats < in_all && guest.seats < per_address && guest.pace.may() && pace.may();
        // What is refused costs nobody anything.
        if seated {
            guest.pace.left -= 1.0;
            pace.left -= 1.0;
            guest.seats += 1;
            self.seats += 1;
        }
        self.pace = Some(pace);
        seated
    }

    /// Forgets the addresses that have gone and may come at once as many times as a new one.
    fn tidy(&mut self, bounds: Bounds, now: f64) {
        self.guests.retain(|_, guest| {
            guest.pace.fill(now, bounds.a_second_per_address, bounds.per_address);
            guest.seats > 0 || guest.pace.left < bounds.per_address as f64
        });
    }

    fn leave(&mut self, address: IpAddr) {
        self.seats = self.seats.saturating_sub(1);
        if let Some(guest) = self.guests.get_mut(&address) {
            guest.seats = guest.seats.saturating_sub(1);
        }
    }
}

impl Crowd {
    pub(super) fn new() -> Self {
        let hall = Hall { opened: Stopwatch::begin(), seats: 0, pace: None, guests: BTreeMap::new() };
        Self(Arc::new(Mutex::new(hall)))
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more from this address, if there is one.
    pub(super) fn seat(&self, address: IpAddr, bounds: Bounds) -> Option<Seat> {
        let address = counted(address);
        let mut hall = self.hall();
        let now = hall.opened.secs();
        hall.seat(address, bounds, now).then(|| Seat { crowd: self.clone(), address })
    }

    /// Forgets who has gone: a relay's memory is no list of those who came. To be called again and again.
    pub(super) fn tidy(&self, bounds: Bounds) {
        let mut hall = self.hall();
        let now = hall.opened.secs();
        hall.tidy(bounds, now);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.hall().leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { in_all: 3, per_address: 2, a_second: 10, a_second_per_address: 1 };

    fn hall() -> Hall {
        Hall { opened: Stopwatch::begin(), seats: 0, pace: None, guests: BTreeMap::new() }
    }

    fn address(text: &str) -> IpAddr {
        counted(text.parse().unwrap())
    }

    #[test]
    fn one_address_cannot_take_every_seat_and_leaves_its_own_behind() {
        let mut hall = hall();
        let mut seat = |text: &str, now: f64| hall.seat(address(text), BOUNDS, now);
        assert!(seat("192.0.2.1", 0.0) && seat("192.0.2.1", 9.0));
        assert!(!seat("192.0.2.1", 99.0));
        assert!(!seat("::ffff:192.0.2.1", 99.0), "the same address in another form");
        assert!(seat("192.0.2.2", 99.0));
        assert!(!seat("192.0.2.3", 99.0), "no seat is left");
        hall.leave(address("192.0.2.1"));
        assert!(hall.seat(address("192.0.2.1"), BOUNDS, 99.0));
    }

    #[test]
    fn an_address_that_comes_and_goes_is_let_in_at_its_pace_and_slows_no_other() {
        let mut hall = hall();
        let mut comes = |text: &str, now: f64| {
            let seated = hall.seat(address(text), BOUNDS, now);
            if seated {
                hall.leave(address(text));
            }
            seated
        };
        assert!(comes("192.0.2.1", 0.0) && comes("192.0.2.1", 0.0));
        let let_in = (1..=100).filter(|tick| comes("192.0.2.1", f64::from(*tick) * 0.1)).count();
        assert_eq!(let_in, 10, "one a second, for ten seconds");
        assert!(comes("192.0.2.2", 10.0) && comes("192.0.2.2", 10.0));
        // A clock cannot stand still or go back here, and would give nothing if it did.
        assert!(!comes("192.0.2.2", 9.0));
    }

    #[test]
    fn all_together_are_let_in_at_one_pace() {
        let mut hall = hall();
        let mut let_in = 0;
        for tick in 0..1_000_u32 {
            let from = IpAddr::from([198, 51, 100, (tick % 250) as u8]);
            if hall.seat(from, BOUNDS, f64::from(tick) * 0.001) {
                hall.leave(from);
                let_in += 1;
            }
        }
        assert!((12..=13).contains(&let_in), "three at once, and ten in the second: {let_in}");
    }

    #[test]
    fn who_has_gone_is_forgotten_once_nothing_has_to_be_known_of_it() {
        let mut hall = hall();
        let (stays, goes) = (address("192.0.2.1"), address("192.0.2.2"));
        assert!(hall.seat(stays, BOUNDS, 0.0) && hall.seat(goes, BOUNDS, 0.0));
        hall.leave(goes);
        hall.tidy(BOUNDS, 0.5);
        assert!(hall.guests.contains_key(&goes), "its pace is still to be kept");
        hall.tidy(BOUNDS, 1.0);
        assert_eq!(hall.guests.keys().collect::<Vec<_>>(), [&stays]);
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
    }

    #[test]
    fn a_seat_that_is_dropped_is_free() {
        let crowd = Crowd::new();
        let bounds = Bounds { in_all: 1, a_second: 1_000_000, a_second_per_address: 1_000_000, ..BOUNDS };
        let one = crowd.seat(address("192.0.2.1"), bounds);
        assert!(one.is_some() && crowd.hall().seats == 1);
        drop(one);
        assert_eq!(crowd.hall().seats, 0);
    }
}
