//! Statements, the lists inside them, receipts, and the transcript of both parties with its checks.
//! May not know how a statement travels or what a case is.

pub mod kind;
pub mod list;
