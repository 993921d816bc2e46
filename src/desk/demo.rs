//! `truceline demo`: a relay and two officers on this machine, told step by step.

use crate::desk::failure::{Cause, Failure};
use std::path::Path;

/// Plays it; leaves everything in `keep` where that is given.
///
/// # Errors
/// [`Failure`].
pub fn run(_keep: Option<&Path>) -> Result<(), Failure> {
    Err(Failure::new(Cause::Internal, "the demonstration is not built in", "Use a complete build of the program."))
}
