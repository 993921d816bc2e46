//! The operator's program: arguments in, exit code out.

use clap::Parser;
use std::process::ExitCode;
use truceline::desk::operator;
use truceline::desk::operator_grammar::Operator;

fn main() -> ExitCode {
    let operator = Operator::parse();
    match operator::run(&operator) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show(operator.json);
            ExitCode::from(failure.exit as u8)
        }
    }
}
