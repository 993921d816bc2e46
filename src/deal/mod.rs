//! Cases and proposals: what is negotiated, and the pure function from statements to the state of all cases.
//! No input or output, no clock, no randomness: files, moments and seeds are handed in.

pub mod body;
pub mod case;
pub(crate) mod cells;
pub mod change;
pub mod criteria;
pub mod date;
pub mod discrepancy;
pub mod formula;
pub mod handover;
pub mod import;
pub mod judge;
pub mod law;
pub mod lines;
mod numbers;
pub mod part;
pub mod person;
pub mod pledge;
pub mod remains;
pub mod row;
pub mod rules;
pub mod stage;
pub mod state;
pub mod terms;
pub mod verdict;
pub mod word;
pub mod write;
