//! Truceline: the channel between two parties that trust each other in nothing.
//!
//! Rooms, from the ground up; imports run downward only (`tests/house.rs` holds this):
//!
//! ```text
//! 8 bin/        the two entries
//! 7 desk/       what an officer or operator sees
//! 6 service/    engines joined to the host
//! 5 relay/  officer/            engines, no input or output
//! 4 deal/   host/
//! 3 wire/   session/   statement/
//! 2 party/
//! 1 crypto/ codec.rs time.rs step.rs
//! ```

pub mod codec;
pub mod deal;
pub mod desk;
pub mod host;
pub mod officer;
pub mod party;
pub mod relay;
pub mod service;
pub mod session;
pub mod statement;
pub mod step;
pub mod time;
pub mod wire;

#[doc(inline)]
pub use truceline_crypto as crypto;
