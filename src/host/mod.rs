//! The operating system: clock, randomness, sockets, the durable store and the vault. May not know what a
//! record or a frame means, and is the only room below `service/` that touches the machine.

pub mod clock;
pub mod confine;
pub mod entropy;
pub mod folder;
mod journal;
pub mod link;
pub mod memory;
mod pending;
pub mod postgres;
pub mod process;
mod rows;
pub mod socks;
pub mod sqlite;
pub mod store;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod syscalls;
mod tally;
pub mod tls;
pub mod vault;
mod wal;
