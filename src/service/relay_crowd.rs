//! Who may come in: how many connections at once, and how many new ones a second, in all and from one address. A handshake
//! costs a relay more than a peer, so it is begun only for those who are let in. A connection costs its peer nothing until it
//! has proved a key: where no seat is left, the oldest that has proved none gives its own to the next who comes.

use crate::host::clock::Stopwatch;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

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
    /// Those of its seats that may be taken away.
    unproved: BTreeSet<u64>,
    pace: Pace,
}

/// A seat that is taken: by whom, and how he is told that he has lost it.
#[derive(Debug)]
struct Seated {
    address: IpAddr,
    lost: watch::Sender<bool>,
}

#[derive(Debug)]
struct Hall {
    opened: Stopwatch,
    /// By numbers in the order in which they came.
    seats: BTreeMap<u64, Seated>,
    unproved: BTreeSet<u64>,
    next: u64,
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
    number: u64,
    lost: watch::Receiver<bool>,
    /// Whether another lost his for it.
    pub(super) was_taken: bool,
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
    fn new() -> Self {
        Self {
            opened: Stopwatch::begin(),
            seats: BTreeMap::new(),
            unproved: BTreeSet::new(),
            next: 0,
            pace: None,
            guests: BTreeMap::new(),
        }
    }

    /// The number of a seat for this address, and whose it was, if anybody's.
    fn seat(&mut self, address: IpAddr, bounds: Bounds, now: f64) -> Option<(u64, Option<u64>)> {
        let Bounds { in_all, per_address, a_second, a_second_per_address } = bounds;
        let pace = self.pace.get_or_insert(Pace::full(in_all, now));
        pace.fill(now, a_second, in_all);
        let pace_of_guest = Pace::full(per_address, now);
        let new = Guest { seats: 0, unproved: BTreeSet::new(), pace: pace_of_guest };
        let guest = self.guests.entry(address).or_insert(new);
        guest.pace.fill(now, a_second_per_address, per_address);
        let loses = if guest.seats >= per_address {
            Some(guest.unproved.first().copied()?)
        } else if self.seats.len() >= in_all {
            Some(self.unproved.first().copied()?)
        } else {
            None
        };
        // Who is not let in costs his own address, so that none asks for more of the pace of all than it may have itself.
        if !guest.pace.may() {
            return None;
        }
        guest.pace.left -= 1.0;
        if !pace.may() {
            return None;
        }
        pace.left -= 1.0;
        let number = self.next;
        self.next += 1;
        guest.seats += 1;
        guest.unproved.insert(number);
        self.unproved.insert(number);
        self.seats.insert(number, Seated { address, lost: watch::Sender::new(false) });
        if let Some(loses) = loses {
            self.leave(loses);
        }
        Some((number, loses))
    }

    /// From now on this seat is not taken away.
    fn prove(&mut self, number: u64) {
        self.unproved.remove(&number);
        let guest = self.seats.get(&number).and_then(|seated| self.guests.get_mut(&seated.address));
        if let Some(guest) = guest {
            guest.unproved.remove(&number);
        }
    }

    /// Forgets the addresses that have gone and may come at once as many times as a new one.
    fn tidy(&mut self, bounds: Bounds, now: f64) {
        self.guests.retain(|_, guest| {
            guest.pace.fill(now, bounds.a_second_per_address, bounds.per_address);
            guest.seats > 0 || guest.pace.left < bounds.per_address as f64
        });
    }

    /// Frees a seat, by whose will ever; free already, it stays so.
    fn leave(&mut self, number: u64) {
        self.prove(number);
        let Some(Seated { address, lost }) = self.seats.remove(&number) else { return };
        // Nobody looks any more where the connection has ended.
        let _ = lost.send(true);
        if let Some(guest) = self.guests.get_mut(&address) {
            guest.seats = guest.seats.saturating_sub(1);
        }
    }
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Hall::new())))
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more from this address, if there is one.
    pub(super) fn seat(&self, address: IpAddr, bounds: Bounds) -> Option<Seat> {
        let mut hall = self.hall();
        let now = hall.opened.secs();
        let (number, taken) = hall.seat(counted(address), bounds, now)?;
        let lost = hall.seats.get(&number)?.lost.subscribe();
        Some(Seat { crowd: self.clone(), number, lost, was_taken: taken.is_some() })
    }

    /// Forgets who has gone: a relay's memory is no list of those who came. To be called again and again.
    pub(super) fn tidy(&self, bounds: Bounds) {
        let mut hall = self.hall();
        let now = hall.opened.secs();
        hall.tidy(bounds, now);
    }
}

impl Seat {
    /// Its connection has proved a key.
    pub(super) fn proved(&self) {
        self.crowd.hall().prove(self.number);
    }

    /// Waits until the seat is another's, which may never be.
    pub(super) async fn lost(&self) {
        if self.lost.clone().wait_for(|lost| *lost).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.hall().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { in_all: 3, per_address: 2, a_second: 10, a_second_per_address: 1 };

    fn address(text: &str) -> IpAddr {
        counted(text.parse().unwrap())
    }

    /// A seat whose connection proves its key at once.
    fn proved(hall: &mut Hall, text: &str, now: f64) -> Option<u64> {
        let (number, _) = hall.seat(address(text), BOUNDS, now)?;
        hall.prove(number);
        Some(number)
    }

    #[test]
    fn one_address_cannot_take_every_seat_and_leaves_its_own_behind() {
        let mut hall = Hall::new();
        let first = proved(&mut hall, "192.0.2.1", 0.0).unwrap();
        proved(&mut hall, "192.0.2.1", 9.0).unwrap();
        assert_eq!(proved(&mut hall, "192.0.2.1", 99.0), None);
        assert_eq!(proved(&mut hall, "::ffff:192.0.2.1", 99.0), None, "the same address in another form");
        assert!(proved(&mut hall, "192.0.2.2", 99.0).is_some());
        assert_eq!(proved(&mut hall, "192.0.2.3", 99.0), None, "no seat is left");
        hall.leave(first);
        assert!(proved(&mut hall, "192.0.2.1", 99.0).is_some());
    }

    #[test]
    fn who_has_proved_nothing_gives_his_seat_to_the_next_and_who_has_keeps_it() {
        let mut hall = Hall::new();
        let mut comes = |text: &str, now: f64| hall.seat(address(text), BOUNDS, now);
        assert_eq!(comes("192.0.2.1", 0.0), Some((0, None)));
        assert_eq!(comes("192.0.2.2", 0.0), Some((1, None)));
        assert_eq!(comes("192.0.2.2", 0.0), Some((2, None)));
        assert_eq!(comes("192.0.2.2", 9.0), Some((3, Some(1))), "of its own address the oldest");
        assert_eq!(comes("192.0.2.3", 9.0), Some((4, Some(0))), "of all the oldest");
        hall.prove(2);
        hall.leave(0);
        assert_eq!(hall.seat(address("192.0.2.4"), BOUNDS, 9.0), Some((5, Some(3))));
        assert_eq!((hall.seats.len(), hall.unproved.len()), (3, 2));
        assert_eq!(hall.guests[&address("192.0.2.2")].seats, 1);
    }

    #[test]
    fn addresses_that_hammer_leave_something_of_the_pace_of_all_to_who_comes_now_and_then() {
        let mut hall = Hall::new();
        let slow = Bounds { a_second: 2, ..BOUNDS };
        let mut let_in = 0;
        let mut comes = |from: IpAddr, now: f64| {
            let seated = hall.seat(from, slow, now);
            seated.inspect(|(number, _)| hall.leave(*number)).is_some()
        };
        for tick in 0..10_000_u32 {
            let now = f64::from(tick) * 0.001;
            for hammers in 0..10 {
                comes(IpAddr::from([198, 51, 100, hammers]), now);
            }
            let_in += u32::from(tick % 1_000 == 750 && comes(address("192.0.2.1"), now));
        }
        assert!(let_in >= 5, "let in {let_in} times of ten");
    }

    #[test]
    fn an_address_that_comes_and_goes_is_let_in_at_its_pace_and_slows_no_other() {
        let mut hall = Hall::new();
        let mut comes = |text: &str, now: f64| {
            let seated = hall.seat(address(text), BOUNDS, now);
            seated.inspect(|(number, _)| hall.leave(*number)).is_some()
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
        let mut hall = Hall::new();
        let mut let_in = 0;
        for tick in 0..1_000_u32 {
            let from = IpAddr::from([198, 51, (tick / 250) as u8, (tick % 250) as u8]);
            if let Some((number, _)) = hall.seat(from, BOUNDS, f64::from(tick) * 0.001) {
                hall.leave(number);
                let_in += 1;
            }
        }
        assert!((12..=13).contains(&let_in), "three at once, and ten in the second: {let_in}");
    }

    #[test]
    fn who_has_gone_is_forgotten_once_nothing_has_to_be_known_of_it() {
        let mut hall = Hall::new();
        let (stays, goes) = (address("192.0.2.1"), address("192.0.2.2"));
        hall.seat(stays, BOUNDS, 0.0).unwrap();
        let (number, _) = hall.seat(goes, BOUNDS, 0.0).unwrap();
        hall.leave(number);
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
        assert!(one.is_some() && crowd.hall().seats.len() == 1);
        drop(one);
        assert_eq!(crowd.hall().seats.len(), 0);
    }
}
