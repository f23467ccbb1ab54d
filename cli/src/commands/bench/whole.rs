//! Benchmarks of whole networks, and all of them in one run.

use super::arguments::{AllArguments, NetworkArguments, ledger_options};
use super::parts::{GROWTH_LABELS, SIGNATURE_LABELS, TREE_LABELS};
use super::write;
use crate::bench::all::{self, AllOptions, growth_curves, signature_curves, tree_curves};
use crate::bench::goals::{goals, goals_text};
use crate::bench::network::{self, NetworkReport};
use crate::bench::plot::{Labels, svg};
use crate::bench::points::Rates;
use crate::bench::report::{
    latency_curves, ledger_text, matching_text, network_text, restart_text, series_text, signatures_text, tree_text, write_json,
};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tempfile::TempDir;

const LATENCY_LABELS: Labels<'static> =
    Labels { title: "Latency against throughput", x: "final orders a second", y: "ms from due to final" };

fn folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("leg-bench-").tempdir().context("cannot make a temporary folder")
}

/// The nodes' logs say more than an error: their folder is kept then.
fn keep<T>(outcome: Result<T>, folder: TempDir) -> Result<T> {
    if outcome.is_err() {
        eprintln!("the networks' folder is kept: {}", folder.keep().display());
    }
    outcome
}

fn check_roots(report: &NetworkReport) -> Result<()> {
    ensure!(report.series.iter().all(|series| series.equal_roots), "the nodes' states differ");
    Ok(())
}

pub async fn network(arguments: NetworkArguments) -> Result<()> {
    measure(&arguments, false).await
}

pub async fn sync(mut arguments: NetworkArguments) -> Result<()> {
    if arguments.rate == Rates::Search {
        // Enough to follow; where the network's limit lies is the other benchmark's question.
        arguments.rate = Rates::Share(0.4);
    }
    arguments.kill_one = false;
    measure(&arguments, true).await
}

async fn measure(arguments: &NetworkArguments, catch_up: bool) -> Result<()> {
    let folder = folder()?;
    let options = arguments.options(folder.path(), catch_up)?;
    let report = keep(network::run(&options).await, folder)?;
    print!("{}", network_text(&report));
    if let Some(path) = &arguments.output.plot {
        write(path, &svg(LATENCY_LABELS, &latency_curves(&report.series))?)?;
    }
    if let Some(path) = &arguments.output.report {
        write_json(path, &report)?;
    }
    check_roots(&report)
}

pub async fn all(arguments: AllArguments) -> Result<()> {
    let folder = folder()?;
    let network = arguments.network().options(folder.path(), false)?;
    let options = AllOptions {
        signatures: Duration::from_millis(200),
        tree: arguments.keys.clone(),
        book: arguments.book,
        growth: arguments.sizes.clone(),
        orders: vec![1, 100],
        ledger: ledger_options(arguments.common.ceiling_blocks * 5, arguments.common.standing),
        restart: arguments.entries,
        network,
    };
    let figures = keep(all::run(&options).await, folder)?;
    print!("{}{}", signatures_text(&figures.signatures), tree_text(&figures.tree));
    print!("{}{}{}", matching_text(&figures.matching), ledger_text(&figures.ledger), restart_text(&figures.restart));
    let series: Vec<_> = figures.network.iter().flat_map(|report| report.series.clone()).collect();
    series.iter().for_each(|series| print!("{}", series_text(series)));
    let goals = goals(&figures);
    print!("\n{}", goals_text(&goals));
    if let Some(output) = &arguments.output {
        std::fs::create_dir_all(output).with_context(|| format!("cannot make the folder {}", output.display()))?;
        write_json(&output.join("report.json"), all::Whole { goals, figures: figures.clone() })?;
        write(&output.join("latency.svg"), &svg(LATENCY_LABELS, &latency_curves(&series))?)?;
        write(&output.join("growth.svg"), &svg(GROWTH_LABELS, &growth_curves(&figures.matching))?)?;
        write(&output.join("tree.svg"), &svg(TREE_LABELS, &tree_curves(&figures.tree))?)?;
        write(&output.join("signatures.svg"), &svg(SIGNATURE_LABELS, &signature_curves(&figures.signatures))?)?;
        println!("report and plots: {}", output.display());
    }
    figures.network.iter().try_for_each(check_roots)
}
