//! Stories of negotiation and handover from beginning to end, each in its own file, between parties that do not exist.

mod after_expiry;
mod aircraft;
mod all_for_all;
mod approval;
mod counters_crossing;
mod first_contact;
mod package;
mod remains;
pub mod story;
mod tale;
mod third_country;
mod withdrawal_race;
mod wounded;
