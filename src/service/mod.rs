//! Engines joined to the host: the officer's service and its syncing. May not decide anything that an engine
//! decides.

pub mod officer;
pub mod sync;
