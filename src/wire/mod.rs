//! What crosses a link between a client and a relay: frames, requests, replies, proofs of
//! deposit, passes, and every limit.
//! May not know what a cell holds.

pub mod deposit;
pub mod frame;
pub mod limit;
pub mod pass;
pub mod queue;
pub mod reply;
pub mod request;
