//! The `leg` program.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match leg_cli::commands::run(leg_cli::commands::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
