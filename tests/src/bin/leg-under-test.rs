//! The `leg` program, built together with the tests, so that a cluster never runs an old one.

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
