//! The life of a case between two parties that lie about what they have seen, from the first offer to the last
//! closing: random histories checked against the table written down a second time and against what must hold in
//! all of them, and the races by name.
//!
//! `TRUCELINE_HISTORIES` sets how many histories (1,000 by default), `TRUCELINE_SEED` the first one's seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alone;
mod exhaustive;
mod handover;
mod histories;
mod oracle;
mod races;
mod scale;
mod talk;
mod turn;
