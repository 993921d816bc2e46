//! Two officers, relays, their disks and the network in one process, under one virtual clock and one seed.
//! The engines are the real ones; a disk keeps exactly what was committed; a connection delivers in order or
//! breaks, and what it carried is gone.

#![allow(dead_code, clippy::missing_panics_doc, missing_docs)]

pub mod check;
pub mod copies;
pub mod disk;
pub mod forge;
pub mod layout;
pub mod lie;
pub mod meet;
pub mod network;
pub mod officers;
pub mod plan;
pub mod relays;
pub mod restart;
pub mod secrets;
pub mod wire;
pub mod world;
