//! A channel between two parties: its introduction, its ratchet, its cells. May not know a relay, a
//! statement or a vault: it takes and gives bytes.

pub mod cell;
pub mod content;
pub mod introduction;
pub mod invite;
pub mod ratchet;
