//! The simulation: stories with a name, and runs from a seed in which everything goes wrong that can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "mod.rs"]
mod sim;

/// The tests, under one name: `cargo test sim` runs these and no others.
#[path = "."]
mod simulation {
    mod older;
    mod scenarios;
    mod seeds;
}
