//! What an officer may set: how receipts are timed.

use crate::time::Millis;
use bincode::{Decode, Encode};

/// The settings of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Settings {
    version: u8,
    /// While a client stays connected, a `delivered` receipt waits a random time up to this.
    pub delivered_within: Millis,
    /// Whether `read` receipts are made.
    pub read_receipts: bool,
    /// A `read` receipt waits a random time from this on.
    pub read_after: Millis,
    /// A `read` receipt waits a random time up to this.
    pub read_within: Millis,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 1,
            delivered_within: Millis::secs(60),
            read_receipts: true,
            read_after: Millis::minutes(5),
            read_within: Millis::minutes(60),
        }
    }
}

impl Settings {
    /// Receipts of both kinds without delay: they then show when the officer is at work.
    pub fn without_delay(&mut self) {
        self.delivered_within = Millis(0);
        self.read_after = Millis(0);
        self.read_within = Millis(0);
    }
}
