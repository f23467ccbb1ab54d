//! Reports as text for people and as JSON for programs.

use super::ledger::LedgerCost;
use super::matching::MatchingCosts;
use super::network::{NetworkReport, Series};
use super::pace::SLOW;
use super::plot::Curve;
use super::points::{NodeUsage, RatePoint};
use super::restart::Restart;
use super::screen::{number, table};
use super::signatures::SignatureCosts;
use super::tree::TreeCost;
use super::usage::cores;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;

/// What the figures were measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Cores that this program may use.
    pub cores: usize,
    /// The processor, as the system names it.
    pub processor: String,
    /// This program's version.
    pub version: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim().to_owned());
        Machine { cores: cores(), processor: name.unwrap_or_else(|| "unknown".to_owned()), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// A benchmark's figures with the machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured<T> {
    /// The machine.
    pub machine: Machine,
    /// The figures.
    #[serde(flatten)]
    pub figures: T,
}

/// Writes figures as JSON.
///
/// # Errors
/// The file cannot be written.
pub fn write_json<T: Serialize>(path: &Path, figures: T) -> Result<()> {
    let text = serde_json::to_string_pretty(&Measured { machine: Machine::this(), figures })? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write the report to {}", path.display()))
}

/// Where the time of an order goes on one node.
pub fn ledger_text(costs: &[LedgerCost]) -> String {
    let mut out = String::new();
    for cost in costs {
        let at_work = if cost.cores > 1 { format!(", {} cores at work", cost.cores) } else { String::new() };
        let title = format!("CPU of an order, {} a signature{at_work}", cost.orders_per_signature);
        let standing = number(cost.standing as f64);
        let mut table = table([title.as_str(), "microseconds"]);
        for step in &cost.steps {
            table.add_row([step.name.clone(), format!("{:.3}", step.order_us)]);
        }
        table.add_row(["all".to_owned(), format!("{:.3}", cost.order_us)]);
        out += &format!(
            "{table}\n{} orders after {standing}, {} of them rejected, {} trades; {:.0} bytes an order; a synced write takes {} ms\n",
            cost.orders,
            cost.rejected,
            cost.trades,
            cost.order_bytes,
            number(cost.store_ms)
        );
    }
    out
}

/// Signing and verifying.
pub fn signatures_text(costs: &SignatureCosts) -> String {
    let mut table = table(["ZIP-215, one core", "us a signature, 48 keys", "us, each its own key"]);
    for batch in &costs.batches {
        table.add_row([format!("verify in batches of {}", batch.size), number(batch.community_us), number(batch.distinct_us)]);
    }
    format!("{table}\nsigning takes {} us, verifying one alone {} us\n", number(costs.sign_us), number(costs.single_us))
}

/// The state's root.
pub fn tree_text(costs: &[TreeCost]) -> String {
    let mut table = table(["keys", "us a changed key, batches of 1,000", "us more to write it", "us a key to build it whole"]);
    for cost in costs {
        table.add_row([number(cost.keys as f64), number(cost.changed_us), number(cost.applied_us), number(cost.built_us)]);
    }
    format!("{table}\n")
}

/// Auctions and growth.
pub fn matching_text(costs: &MatchingCosts) -> String {
    let mut auctions =
        table(["auction, one core", "open orders", "trades", "ms to decide", "orders/s", "ms with all it writes", "orders/s"]);
    for auction in &costs.auctions {
        let (orders, trades) = (number(auction.orders as f64), number(auction.trades as f64));
        let figures = [auction.decide_ms, auction.decided_per_second, auction.auction_ms, auction.orders_per_second].map(number);
        auctions.add_row([auction.market.clone(), orders, trades].into_iter().chain(figures));
    }
    let mut growth = table(["open orders", "accounts", "us an order: admit, match, book"]);
    for cost in &costs.growth {
        growth.add_row([number(cost.open_orders as f64), number(cost.accounts as f64), number(cost.order_us)]);
    }
    format!("{auctions}\n{growth}\n")
}

/// A node's restart.
pub fn restart_text(restart: &Restart) -> String {
    format!("restart with {} state entries: first answer after {} s\n", number(restart.entries as f64), number(restart.seconds))
}

/// The loads of all series.
pub fn network_text(report: &NetworkReport) -> String {
    let mut out = ledger_text(&report.ledger);
    for series in &report.series {
        out += &series_text(series);
    }
    out
}

/// A title of a series.
pub fn series_title(series: &Series) -> String {
    let dead = if series.one_dead { ", one dead" } else { "" };
    format!("{} nodes{dead}, {}, {} a signature", series.nodes, series.door, series.orders_per_signature)
}

/// One series with its ceiling.
pub fn series_text(series: &Series) -> String {
    let heading = [
        "offered/s",
        "final/s",
        "p50 ms",
        "p95",
        "p99",
        "max",
        "missing",
        "blocks/s",
        "cores a node",
        "MiB",
        "us an order",
        "steps",
        "of ceiling",
        "load",
        "signing",
    ];
    let mut table = table(heading);
    for point in &series.points {
        table.add_row(row(point));
    }
    let ceiling = &series.ceiling;
    let shares = format!(
        "ceiling {}/s = {} cores / ({} nodes x {} us with all cores at work and a grown state, {} us with one and a young state);\n\
         reached {}/s: {:.0} % of it, {:.0} % of what load and signing left, {:.0} % of what {} us would allow",
        number(ceiling.orders_per_second),
        ceiling.cores,
        ceiling.replicas,
        number(ceiling.order_us),
        number(ceiling.alone_us),
        number(series.reached),
        series.share * 100.0,
        series.share_of_rest * 100.0,
        series.share_alone * 100.0,
        number(ceiling.alone_us)
    );
    let (idle_cores, idle_mib) = average(&series.idle);
    let rest = format!(
        "idle: {idle_cores:.3} cores and {idle_mib:.0} MiB a node; {:.0} bytes of disk an order; {}",
        series.disk_bytes_per_order,
        if series.equal_roots { "all nodes have the same state" } else { "THE NODES' STATES DIFFER" }
    );
    let caught_up = series.catch_up.as_ref().map(|up| {
        format!(
            "catching up: {} transactions in {} s, {}/s, {:.1} times the {}/s with which the network produced them; first block after {} s\n",
            number(up.transactions as f64),
            number(up.seconds),
            number(up.per_second),
            up.ratio,
            number(up.produced_per_second),
            number(up.start_seconds)
        )
    });
    format!("\n{}\n{table}\n{shares}\n{rest}\n{}{}", series_title(series), slow_loads(&series.points), caught_up.unwrap_or_default())
}

/// Says before which loads the machine stayed slower than at its best.
fn slow_loads(points: &[RatePoint]) -> String {
    let slow: Vec<f64> = points.iter().map(|point| point.slower).filter(|slower| *slower >= SLOW).collect();
    let most = slow.iter().copied().fold(1.0, f64::max);
    match slow.len() {
        0 => String::new(),
        count => format!("the machine was slower than at its best before {count} of {} loads, up to {most:.1} times\n", points.len()),
    }
}

fn row(point: &RatePoint) -> [String; 15] {
    let (cores, mib) = average(&point.nodes);
    let latency = &point.latency;
    [
        number(point.offered),
        number(point.reached),
        number(latency.p50),
        number(latency.p95),
        number(latency.p99),
        number(latency.max),
        missing(point),
        number(point.blocks),
        number(cores),
        number(mib),
        number(point.node_order_us),
        number(point.steps_us),
        format!("{:.0} %", point.share * 100.0),
        number(point.generator_cores),
        number(point.signer_cores),
    ]
}

/// How many of what was due did not become final, and why most of them.
fn missing(point: &RatePoint) -> String {
    let share = 100.0 * point.missing() as f64 / point.due.max(1) as f64;
    let most = point.refused.iter().max_by_key(|(_, count)| **count).map(|(code, _)| code.as_str());
    let why = if point.missing() == 0 { None } else { Some(most.unwrap_or(if point.lost > 0 { "not final" } else { "not sent" })) };
    why.map_or_else(|| "0".to_owned(), |why| format!("{share:.1} % {why}"))
}

/// Cores and MiB of a node on average.
pub fn average(nodes: &[NodeUsage]) -> (f64, f64) {
    let count = nodes.len().max(1) as f64;
    let sum = |of: fn(&NodeUsage) -> f64| nodes.iter().map(of).sum::<f64>() / count;
    (sum(|node| node.usage.cores), sum(|node| node.usage.resident_mib))
}

/// Throughput against latency of all series.
pub fn latency_curves(all: &[Series]) -> Vec<Curve> {
    type Quantile = fn(&RatePoint) -> f64;
    let shown: [(&str, Quantile); 2] = [("p50", |point| point.latency.p50), ("p99", |point| point.latency.p99)];
    let mut curves = Vec::new();
    for series in all {
        for (name, of) in shown {
            let points = series.points.iter().filter(|point| point.latency.count > 0).map(|point| (point.reached, of(point)));
            curves.push(Curve { name: format!("{}, {name}", series_title(series)), points: points.collect() });
        }
    }
    curves
}
