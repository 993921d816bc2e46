//! Stories of negotiation and handover, each in its own file, through the real programs.

mod aircraft;
mod all_for_all;
mod approval;
mod package;
mod remains;
mod story;
mod third_country;
