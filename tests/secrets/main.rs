//! Secrets in the source: no type that holds one can be printed, copied or compared by accident, and every code made with
//! a key is compared in constant time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod source;
