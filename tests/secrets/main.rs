//! Secrets in the source and in memory: no type that holds one can be printed, copied or compared by accident, every
//! code made with a key is compared in constant time, and what was a secret is not in memory once it is dropped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(target_os = "linux")]
mod memory;
mod source;
