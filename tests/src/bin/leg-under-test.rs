//! The `leg` program, built together with the tests, so that a cluster never runs an old one. It may stand for a newer program, with protocol
//! versions that exist in tests only ([`leg_tests::rules`]).

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match leg_cli::commands::run(leg_cli::commands::Arguments::parse(), leg_tests::rules::from_environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
