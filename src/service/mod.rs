//! Engines joined to the host: here time passes, frames arrive and disks are written. May not decide what
//! a rule of the protocol says: engines do.

pub mod disk;
pub mod keep;
pub mod officer;
pub mod relay;
pub mod relay_config;
pub mod relay_folder;
pub mod sync;
pub mod verify;

mod relay_accept;
mod relay_conn;
mod relay_crowd;
mod relay_disk;
mod relay_engine;
mod relay_key;
mod relay_metrics;
mod relay_often;
mod relay_recent;
mod relay_revoked;
mod relay_shared;
