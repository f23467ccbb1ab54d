//! The `leg` program.

use clap::Parser;
use leg_ledger::execute::Rules;
use std::process::ExitCode;

/// Each block replaces thousands of nodes of the state's tree and maps: what they cost is mostly what the allocator takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match leg_cli::commands::run(leg_cli::commands::Arguments::parse(), Rules::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
