//! What may happen often is told at most once a minute, with how often it happened since.

use crate::host::clock::Stopwatch;

const PAUSE_SECS: f64 = 60.0;

/// How often something happened, and when it was last told.
#[derive(Debug, Default)]
pub(super) struct Often {
    count: u64,
    told: Option<Stopwatch>,
}

impl Often {
    /// It happened once more: how often since it was last told, if it is to be told again.
    pub(super) fn again(&mut self) -> Option<u64> {
        self.count += 1;
        if self.told.as_ref().is_some_and(|told| told.secs() < PAUSE_SECS) {
            return None;
        }
        self.told = Some(Stopwatch::begin());
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_is_told_and_those_soon_after_are_counted() {
        let mut often = Often::default();
        assert_eq!([often.again(), often.again(), often.again()], [Some(1), None, None]);
        often.told = None;
        assert_eq!(often.again(), Some(3));
    }
}
