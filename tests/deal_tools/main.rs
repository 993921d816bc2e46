//! What is computed beside a negotiation: who fits a leg, what the law says, what changed, a part of an offer, the
//! handover's table, and what both sides' lines come to, and whom a mandate's rules find.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod bounds;
mod build;
mod change;
mod criteria;
mod discrepancy;
mod identity;
mod law;
mod lines;
mod part;
mod who;
