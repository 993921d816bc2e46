//! Stories of negotiation from beginning to end, between parties that do not exist.

mod after_expiry;
mod counters_crossing;
mod first_contact;
mod tale;
mod withdrawal_race;
mod wounded;
