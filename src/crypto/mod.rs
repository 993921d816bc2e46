//! Labels, secrets, digests, derivation, sealing, signing, agreement, Merkle trees: published
//! constructions under one suite, version 1, with nothing negotiated. May not know what is protected.

pub mod agree;
pub mod derive;
pub mod digest;
#[cfg(test)]
mod known_answers;
pub mod label;
pub mod merkle;
pub mod seal;
pub mod secret;
pub mod sign;
pub mod stream;
