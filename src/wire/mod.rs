//! What crosses a link between a client and a relay: frames, requests, replies, passes, and every limit.
//! May not know what a cell holds.

pub mod frame;
pub mod limit;
pub mod pass;
pub mod queue;
pub mod reply;
pub mod request;
