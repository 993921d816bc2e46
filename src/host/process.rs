//! What the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that may be open to `wanted`, as far as this process may; how many may be.
#[must_use]
pub fn raise_open_files(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let may = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    if may(now.current) >= wanted {
        return may(now.current);
    }
    let current = wanted.min(may(now.maximum));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: now.maximum }) {
        Ok(()) => current,
        Err(_) => may(now.current),
    }
}

/// Who this process is, by the system's number.
#[must_use]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
