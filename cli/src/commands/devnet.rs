//! `leg devnet`: a whole network on this machine.

use crate::devnet::run::{Options, Speed, check, run as run_devnet, serve_only};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;

/// A community of 12 hubs with 5 households each replays a Swiss week: in each 15-minute slot every hub bids or asks its net energy, compute jobs
/// are bid for and run on solar surplus, machines are hired by the hour, the heat of computation is sold and retired, files are stored at each other's
/// nodes, oracles and meters report, trades settle.
#[derive(Debug, Args)]
pub struct DevnetArguments {
    /// Nodes of the committee, each a process of its own.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Slots of 15 minutes to replay; the week has 672. With --serve also 0: a network without a run.
    #[arg(long, default_value_t = 96)]
    slots: usize,
    /// Slot of the week to begin with; slot 0 is Monday 00:00.
    #[arg(long, default_value_t = 0)]
    first_slot: usize,
    /// Slots a second; max: the fastest at which each slot closes in time; real: market time is the clock's.
    #[arg(long, default_value = "1")]
    speed: Speed,
    /// Where to write the report as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Nodes outside of the committee that follow, serve the API and gossip.
    #[arg(long, default_value_t = 0)]
    followers: usize,
    /// Leave the network up at the end and print each node's API address and token.
    #[arg(long)]
    serve: bool,
    /// Folder of the network, empty or new; a temporary one if absent.
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// All keys follow from it; never for anything of value.
    #[arg(long, default_value = "leg devnet")]
    seed: String,
}

/// Runs it.
pub async fn run(arguments: DevnetArguments) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let temporary = match arguments.home {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("leg-devnet-").tempdir().context("cannot make a temporary folder")?),
    };
    let home = match (&arguments.home, &temporary) {
        (Some(home), _) => home.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => bail!("no folder for the network"),
    };
    let options = Options {
        nodes: arguments.nodes,
        followers: arguments.followers,
        slots: arguments.slots,
        first_slot: arguments.first_slot,
        speed: arguments.speed,
        seed: arguments.seed,
        home,
        serve: arguments.serve,
        program,
    };
    check(&options)?;
    if options.slots == 0 {
        return serve_only(&options).await;
    }
    let write = |report: &crate::devnet::report::Report| match &arguments.report {
        Some(path) => {
            let text = serde_json::to_string_pretty(report)? + "\n";
            std::fs::write(path, text).with_context(|| format!("cannot write the report to {}", path.display()))
        }
        None => Ok(()),
    };
    let outcome = run_devnet(&options, write).await;
    if let (Err(_), Some(folder)) = (&outcome, temporary) {
        // The nodes' logs say more than the error.
        eprintln!("the network's folder is kept: {}", folder.keep().display());
    }
    let report = outcome?;
    if report.ok {
        return Ok(());
    }
    bail!("the run is not clean:\n  {}", report.problems.join("\n  "))
}
