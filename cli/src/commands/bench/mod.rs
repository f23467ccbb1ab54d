//! `leg bench`: what this program reaches on this machine, beside what the machine allows.

mod arguments;
mod parts;
mod whole;

pub use arguments::BenchCommand;

use crate::signals::asked_to_stop;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Runs a benchmark.
///
/// # Errors
/// What kept it from its end, and nodes whose states differ.
pub fn run(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Signatures(arguments) => parts::signatures(&arguments),
        BenchCommand::Tree(arguments) => parts::tree(&arguments),
        BenchCommand::Matching(arguments) => parts::matching(&arguments),
        BenchCommand::Ledger(arguments) => parts::ledger(&arguments),
        BenchCommand::Restart(arguments) => interruptible(parts::restart(arguments)),
        BenchCommand::Network(arguments) => interruptible(whole::network(*arguments)),
        BenchCommand::Sync(arguments) => interruptible(whole::sync(*arguments)),
        BenchCommand::All(arguments) => interruptible(whole::all(*arguments)),
    }
}

/// Runs what starts nodes: Ctrl-C ends them with it.
fn interruptible(job: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the system offers no runtime")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = job => outcome,
            signal = asked_to_stop() => signal.and_then(|()| bail!("stopped before the end of the benchmark")),
        }
    });
    // What computes on a thread of its own is of no use any more.
    runtime.shutdown_background();
    outcome
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
