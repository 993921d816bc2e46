//! The system's clock: the only place that reads it.

use crate::time::UnixMillis;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The moment now; zero when the machine's clock stands before 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// How long something takes, whatever the clock is set to meanwhile.
#[derive(Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Seconds since.
    #[must_use]
    pub fn secs(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
