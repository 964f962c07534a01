//! The `costsim` program: exit codes and the closed pipe; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    match costsim::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.explain();
            ExitCode::from(failure.exit_code())
        }
    }
}
