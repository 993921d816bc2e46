//! Moments and spans, as numbers that are handed in. May not read a clock: `host/` does.

use bincode::{Decode, Encode};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The moment `span` later; the last moment there is when that is past it.
    #[must_use]
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The time since `earlier`; zero when that lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A span of whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self::secs(minutes.saturating_mul(60))
    }

    /// A span of whole days of 24 hours.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self::minutes(days.saturating_mul(1440))
    }
}
