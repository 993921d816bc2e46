//! The officer's engine: introductions, outbox, inbox, receipts, cases. It is handed commands, replies and
//! ticks, and answers each with records, sends and notices. May not do any input or output, read a clock
//! or draw randomness: all three are handed in.
//!
//! ```text
//! Inviting ── a hello opens ─────────▶ Open (seals once a cell of the joiner has opened)
//! Greeting ── the welcome verifies ──▶ Open ── words differ, fork, rollback ──▶ halted
//! ```

pub mod adopt;
pub mod cell;
pub mod check;
mod check_chain;
pub mod command;
pub mod compose;
pub mod deposits;
pub mod draft;
pub mod drafts;
pub mod engine;
pub mod evidence;
pub mod fetch;
pub mod held;
pub mod inbound;
pub mod inbox;
pub mod introduce;
pub mod link;
pub mod listen;
pub mod mandate;
pub mod outbound;
pub mod outbox;
pub mod own;
pub mod past;
pub mod receipt;
pub mod renewal;
pub mod restore;
pub mod retire;
pub mod retry;
pub mod settings;
pub mod table;
pub mod thread;
pub mod view;
