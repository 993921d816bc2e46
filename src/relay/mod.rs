//! The relay's engine: queues, admission, quotas, expiry. No input or output, no clock, no randomness;
//! it may know `wire/` and nothing of sessions, statements or deals: there is no code here that could
//! open a cell, and no cell's bytes stay in its memory.
//!
//! Rules that `wire/` leaves to a relay, as this one keeps them:
//!
//! - Every request is answered. A get that replaces a waiting one has the older answered `Empty` first.
//! - `Refused` and `PassRefused`, `Full` to an opening, `Closed` and `Malformed` end the connection.
//! - Several connections may serve one queue in one role, [`message::SERVING_MAX`] at most: all are served,
//!   each waiting get is answered; one more closes the oldest. So a reader that comes back before its dead
//!   connection is noticed waits for nothing.
//! - The last put's proof outlives its cell, until the next put or rekey: a writer restored from an old
//!   copy learns it even when the reader has dropped all.
//! - A stored cell that cannot be read back is answered `Gone` with its own index, which ends that get; the
//!   next one goes on past it.

pub mod checked;
pub mod deposit;
pub mod engine;
pub mod merge;
pub mod message;
pub mod shared;
pub mod table;

mod admit;
mod queue;
mod serve;

#[cfg(test)]
mod tests;
