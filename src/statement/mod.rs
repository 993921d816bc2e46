//! Statements, the lists inside them, receipts, the transcript of both parties with its checks, and evidence from it.
//! May not know how a statement travels or what a case is.

pub mod evidence;
pub mod export;
pub mod header;
pub mod kind;
pub mod list;
pub mod receipt;
pub mod renewal;
pub mod signed;
pub mod transcript;
