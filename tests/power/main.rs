//! Power failure by replay, and flipped bits. Every change and every sync that the real programs make to their files is
//! recorded; then each moment is gone back to, as a disk that lost power there may hold it, and the programs have to find
//! all that they had told to be done, and nothing that nobody asked for.
//!
//! What had just been told is always looked for. Of all moments a seeded sample is tried, or so many of each machine as
//! `TRUCELINE_POWER=COUNT` says; `TRUCELINE_POWER=all` tries every one, each in four ways. What is recorded differs from run
//! to run, so a failure keeps the folder that it was found in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "what is shared with other tests is more than is needed here")]

mod bits;
mod disk;
mod look;
mod peace;
mod record;
mod replay;
mod world;

#[path = "../cli/officer.rs"]
mod officer;
#[path = "../cli/relay.rs"]
mod relay;
#[path = "../relay_client/mod.rs"]
mod relay_client;
#[path = "../cli/scene.rs"]
mod scene;
