//! The simulation: stories with a name, and runs from a seed in which everything goes wrong that can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../deal_lifecycle/oracle.rs"]
#[allow(dead_code, reason = "the simulation has no use for some of it")]
mod oracle;
#[path = "mod.rs"]
mod sim;
#[path = "../deal_lifecycle/talk.rs"]
#[allow(dead_code, reason = "the simulation has no use for some of it")]
mod talk;

/// The tests, under one name: `cargo test sim` runs these and no others.
#[path = "."]
mod simulation {
    mod crash_points;
    mod deals;
    mod judged;
    mod liar;
    mod older;
    mod scenarios;
    mod seeds;
}
