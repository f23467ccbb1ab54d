//! Benchmarks of one part on one core, and of a node's start.

use super::arguments::{
    LedgerArguments, MatchingArguments, OutputArguments, RestartArguments, SignaturesArguments, TreeArguments, ledger_options,
};
use super::write;
use crate::bench::all::{growth_curves, signature_curves, tree_curves};
use crate::bench::ledger::{self, LedgerOptions};
use crate::bench::plot::{Curve, Labels, svg};
use crate::bench::report::{ledger_text, matching_text, restart_text, signatures_text, tree_text, write_json};
use crate::bench::{matching, restart, signatures, tree, yardstick};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The axes of the plots of this room.
pub const SIGNATURE_LABELS: Labels<'static> =
    Labels { title: "Verifying a signature, one core", x: "signatures in the batch", y: "microseconds a signature" };
pub const TREE_LABELS: Labels<'static> = Labels { title: "Root of the state, one core", x: "keys", y: "microseconds a key" };
pub const GROWTH_LABELS: Labels<'static> =
    Labels { title: "An order as the state grows, one core", x: "open orders, and as many accounts", y: "microseconds an order" };

fn report<T: Serialize>(path: Option<&PathBuf>, name: &str, figures: &T) -> Result<()> {
    path.map_or(Ok(()), |path| write_json(path, BTreeMap::from([(name, figures)])))
}

fn output<T: Serialize>(output: &OutputArguments, name: &str, figures: &T, labels: Labels<'_>, curves: &[Curve]) -> Result<()> {
    report(output.report.as_ref(), name, figures)?;
    output.plot.as_ref().map_or(Ok(()), |path| write(path, &svg(labels, curves)?))
}

pub fn signatures(arguments: &SignaturesArguments) -> Result<()> {
    let costs = signatures::run(Duration::from_millis(arguments.each_ms))?;
    print!("{}", signatures_text(&costs));
    output(&arguments.output, "signatures", &costs, SIGNATURE_LABELS, &signature_curves(&costs))
}

pub fn tree(arguments: &TreeArguments) -> Result<()> {
    ensure!(arguments.keys.iter().all(|keys| *keys > 0), "--keys: at least 1");
    let costs = tree::run(&arguments.keys)?;
    print!("{}", tree_text(&costs));
    output(&arguments.output, "tree", &costs, TREE_LABELS, &tree_curves(&costs))
}

pub fn matching(arguments: &MatchingArguments) -> Result<()> {
    ensure!(arguments.book >= 2 && arguments.sizes.iter().all(|size| *size >= 100), "--book: at least 2; --sizes: at least 100");
    let costs = matching::run(arguments.book, &arguments.sizes)?;
    print!("{}", matching_text(&costs));
    output(&arguments.output, "matching", &costs, GROWTH_LABELS, &growth_curves(&costs))
}

pub fn ledger(arguments: &LedgerArguments) -> Result<()> {
    ensure!(arguments.blocks > 0 && arguments.block_orders > 0, "--blocks and --block-orders: at least 1");
    ensure!(arguments.orders.iter().all(|orders| (1..=256).contains(orders)), "--orders: 1 to 256 under one signature");
    let options = ledger_options(arguments.blocks, arguments.standing);
    let options = |orders: &usize| LedgerOptions { orders: *orders, block_orders: arguments.block_orders, ..options };
    if arguments.asked {
        let orders = arguments.orders.first().context("--orders: at least one")?;
        return yardstick::answer(&options(orders), std::io::stdin().lock(), std::io::stdout().lock());
    }
    let costs = arguments.orders.iter().map(|orders| ledger::run(&options(orders))).collect::<Result<Vec<_>>>()?;
    print!("{}", ledger_text(&costs));
    report(arguments.report.as_ref(), "ledger", &costs)
}

pub async fn restart(arguments: RestartArguments) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("leg-bench-").tempdir().context("cannot make a temporary folder")?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let figures = restart::run(arguments.entries, &folder.path().join("restart"), &program).await?;
    print!("{}", restart_text(&figures));
    report(arguments.report.as_ref(), "restart", &figures)
}
