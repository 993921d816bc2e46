//! Behaviour through the programs themselves: over TLS sockets, with disks, signals and sudden death.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cases;
mod channels;
mod evidence;
mod exchange;
mod full;
mod inputs;
mod invites;
mod keeping;
mod killed;
mod killed_commands;
mod mandates;
mod negotiation;
mod officer;
mod page;
mod private;
mod relay;
mod relays;
mod renewals;
mod scene;
mod strike;
mod vaults;
mod words;

#[path = "../relay_client/mod.rs"]
mod relay_client;
