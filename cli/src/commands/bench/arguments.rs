//! What a person types after `leg bench`.

use crate::bench::door::DoorKind;
use crate::bench::ledger::LedgerOptions;
use crate::bench::network::NetworkOptions;
use crate::bench::points::Rates;
use crate::bench::usage::cores;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which benchmark. Each prints its figures, and the ceiling that was measured in the same run where there is one.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Signing, and verifying alone and in batches, on one core.
    Signatures(SignaturesArguments),
    /// Root of the state: microseconds a changed key, on one core.
    Tree(TreeArguments),
    /// An auction over a full book, and an order as open orders and accounts grow, on one core.
    Matching(MatchingArguments),
    /// CPU of an order on one node, by step: decode, verify, check, execute, root, synced store.
    Ledger(LedgerArguments),
    /// A node with a large state, from its start to its first answer.
    Restart(RestartArguments),
    /// Nodes as processes on the loopback under an open-loop load: throughput, latency, CPU, memory, disk.
    Network(Box<NetworkArguments>),
    /// A node that starts with nothing catches up with a network, every signature checked.
    Sync(Box<NetworkArguments>),
    /// Everything, with the project's goals beside what was reached.
    All(Box<AllArguments>),
}

/// Where figures go beside the terminal.
#[derive(Clone, Debug, Args)]
pub struct OutputArguments {
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where to write the plot as SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// Arguments of `leg bench signatures`.
#[derive(Debug, Args)]
pub struct SignaturesArguments {
    /// Milliseconds of CPU time for each figure.
    #[arg(long, default_value_t = 200)]
    pub each_ms: u64,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `leg bench tree`.
#[derive(Debug, Args)]
pub struct TreeArguments {
    /// Keys in the tree.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub keys: Vec<usize>,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `leg bench matching`.
#[derive(Debug, Args)]
pub struct MatchingArguments {
    /// Open orders of the auction.
    #[arg(long, default_value_t = 10_000)]
    pub book: usize,
    /// Open orders, and as many accounts, at which an order's cost is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub sizes: Vec<usize>,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Orders before a ceiling is measured: fewer than a network has taken when it reaches its highest rate.
const STANDING: usize = 120_000;

/// Arguments of `leg bench ledger`.
#[derive(Debug, Args)]
pub struct LedgerArguments {
    /// Orders under one signature; several, separated by commas, are measured one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100])]
    pub orders: Vec<usize>,
    /// Orders in a block.
    #[arg(long, default_value_t = 1_000)]
    pub block_orders: usize,
    /// Blocks that are measured, after a third as many to warm up.
    #[arg(long, default_value_t = 60)]
    pub blocks: usize,
    /// Orders that are executed before, so that state and store are as large as in a network after some loads.
    #[arg(long, default_value_t = STANDING)]
    pub standing: usize,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Measure whenever a line comes in, and answer with a line of JSON: how a benchmark of a network asks.
    #[arg(long, hide = true, conflicts_with = "report")]
    pub asked: bool,
}

/// Arguments of `leg bench restart`.
#[derive(Debug, Args)]
pub struct RestartArguments {
    /// Entries of the state.
    #[arg(long, default_value_t = 1_000_000)]
    pub entries: usize,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Arguments of `leg bench network` and `leg bench sync`.
#[derive(Clone, Debug, Args)]
pub struct NetworkArguments {
    /// Nodes of the committee, each a process of its own.
    #[arg(long, default_value_t = 4)]
    pub nodes: usize,
    /// Orders a second, several separated by commas; search: 1000, then up in tenths of the ceiling until less than 95 % become
    /// final in time, three times in a row.
    #[arg(long, default_value = "search")]
    pub rate: Rates,
    /// Orders under one signature; several, separated by commas, each on a network of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100])]
    pub orders: Vec<usize>,
    /// The way in: over the HTTP API, or over the gossip of the swarm; several, separated by commas, each on a network of its own.
    #[arg(long, value_delimiter = ',', default_value = "http")]
    pub door: Vec<DoorKind>,
    #[command(flatten)]
    pub common: CommonArguments,
    #[command(flatten)]
    pub output: OutputArguments,
    /// Kill one node of the committee before the load.
    #[arg(long)]
    pub kill_one: bool,
}

/// Arguments of everything that runs a network.
#[derive(Clone, Debug, Args)]
pub struct CommonArguments {
    /// Seconds of each window that is measured.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Seconds before each window.
    #[arg(long, default_value_t = 3)]
    pub warm_up: u64,
    /// Seconds in which the network at rest is measured.
    #[arg(long, default_value_t = 5)]
    pub idle_seconds: u64,
    /// Most KiB of a block.
    #[arg(long, default_value_t = 1_024)]
    pub block_kib: u32,
    /// Least time between blocks, ms.
    #[arg(long, default_value_t = 50)]
    pub interval_ms: u64,
    /// Threads of the signing clients; as many as there are cores if absent.
    #[arg(long)]
    pub signers: Option<usize>,
    /// Blocks with which the ceiling is measured before each load, and after it.
    #[arg(long, default_value_t = 12)]
    pub ceiling_blocks: usize,
    /// Orders that are executed before the ceiling is measured, so that state and store are as large as in the network under the higher rates.
    #[arg(long, default_value_t = STANDING)]
    pub standing: usize,
    /// Folder of the networks, empty or new; a temporary one if absent.
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

/// Arguments of `leg bench all`.
#[derive(Debug, Args)]
pub struct AllArguments {
    /// Folder for the report (report.json) and the plots, made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Keys of the trees.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub keys: Vec<usize>,
    /// Open orders of the auctions.
    #[arg(long, default_value_t = 10_000)]
    pub book: usize,
    /// Open orders, and as many accounts, at which an order's cost is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub sizes: Vec<usize>,
    /// State entries of the restart.
    #[arg(long, default_value_t = 1_000_000)]
    pub entries: usize,
    #[command(flatten)]
    pub common: CommonArguments,
}

/// Blocks of which each holds 1 000 orders, after `standing` others.
pub fn ledger_options(blocks: usize, standing: usize) -> LedgerOptions {
    let blocks = blocks.max(1);
    LedgerOptions { orders: 1, block_orders: 1_000, standing, warm_up: blocks.div_ceil(3), blocks }
}

impl NetworkArguments {
    /// The same for the benchmark, with its networks below `folder` unless a home is given.
    ///
    /// # Errors
    /// This program cannot be found.
    pub fn options(&self, folder: &Path, catch_up: bool) -> Result<NetworkOptions> {
        let common = &self.common;
        Ok(NetworkOptions {
            nodes: self.nodes,
            rates: self.rate.clone(),
            orders: self.orders.clone(),
            doors: self.door.clone(),
            warm_up: Duration::from_secs(common.warm_up),
            window: Duration::from_secs(common.seconds),
            idle: Duration::from_secs(common.idle_seconds),
            kill_one: self.kill_one,
            catch_up,
            block_bytes: common.block_kib.saturating_mul(1_024),
            interval_ms: common.interval_ms,
            signers: common.signers.unwrap_or_else(cores),
            ceiling: ledger_options(common.ceiling_blocks, common.standing),
            home: common.home.clone().unwrap_or_else(|| folder.to_owned()),
            program: std::env::current_exe().context("cannot find this program")?,
        })
    }
}

impl AllArguments {
    /// The networks of all benchmarks.
    pub fn network(&self) -> NetworkArguments {
        NetworkArguments {
            nodes: 4,
            rate: Rates::Search,
            orders: vec![1, 100],
            door: vec![DoorKind::Http],
            common: self.common.clone(),
            output: OutputArguments { report: None, plot: None },
            kill_one: false,
        }
    }
}
