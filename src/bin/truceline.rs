//! The officer's program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    truceline::desk::run::run(std::env::args_os().collect())
}
