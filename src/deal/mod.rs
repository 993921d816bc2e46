//! Cases and proposals: what is negotiated, and the pure function from statements to the state of all cases.
//! No input or output, no clock, no randomness: files, moments and seeds are handed in.

pub mod body;
pub mod case;
mod cells;
pub mod change;
pub mod consistent;
pub mod criteria;
pub(crate) mod cut;
pub mod date;
pub mod delay;
pub mod discrepancy;
pub mod embargo;
pub mod figures;
pub mod handover;
pub mod history;
pub mod identity;
pub mod import;
pub mod interest;
pub mod judge;
pub mod law;
pub mod lines;
pub mod mandate;
mod numbers;
pub mod part;
pub mod person;
pub mod pledge;
pub mod progress;
pub mod remains;
pub mod row;
pub(crate) mod rules;
pub mod stage;
pub mod staging;
pub mod state;
pub mod terms;
pub mod verdict;
pub mod word;
