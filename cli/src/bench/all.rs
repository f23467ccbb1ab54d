//! All benchmarks in one run, and the goals beside what it reached.

use super::door::DoorKind;
use super::goals::{Goal, LATENCY_RATE};
use super::ledger::{self, LedgerCost, LedgerOptions};
use super::matching::{self, AuctionCost, MatchingCosts};
use super::network::{self, NetworkOptions, NetworkReport};
use super::plot::Curve;
use super::points::Rates;
use super::restart::{self, Restart};
use super::signatures::{self, SignatureCosts};
use super::tree::{self, TreeCost};
use anyhow::{Context, Result};
use serde::Serialize;
use std::time::Duration;

/// How large the parts are.
#[derive(Clone, Debug)]
pub struct AllOptions {
    /// CPU time of each figure of the signatures.
    pub signatures: Duration,
    /// Keys of the trees.
    pub tree: Vec<usize>,
    /// Open orders of the auctions.
    pub book: usize,
    /// Open orders and accounts of the curve.
    pub growth: Vec<usize>,
    /// Orders under one signature, for the ledger and the networks.
    pub orders: Vec<usize>,
    /// Blocks of the ledger's benchmark.
    pub ledger: LedgerOptions,
    /// State entries of the restart.
    pub restart: usize,
    /// The networks; rates, ways in, orders and what happens at their end are set by the run.
    pub network: NetworkOptions,
}

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllFigures {
    /// Signing and verifying.
    pub signatures: SignatureCosts,
    /// The state's root.
    pub tree: Vec<TreeCost>,
    /// Auctions and growth.
    pub matching: MatchingCosts,
    /// What has an absolute goal, at later moments of the run.
    pub later: Vec<Later>,
    /// An order on one node.
    pub ledger: Vec<LedgerCost>,
    /// A node's restart.
    pub restart: Restart,
    /// The networks: whole over HTTP, whole over gossip, one node dead.
    pub network: Vec<NetworkReport>,
}

/// What has an absolute goal, measured once more: the speed of a shared machine changes by half within minutes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Later {
    /// The root of the largest tree.
    pub tree: Vec<TreeCost>,
    /// Auctions.
    pub auctions: Vec<AuctionCost>,
}

/// The whole report: the goals, and all that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whole {
    /// The goals.
    pub goals: Vec<Goal>,
    /// The figures.
    #[serde(flatten)]
    pub figures: AllFigures,
}

/// Runs everything.
///
/// # Errors
/// The first benchmark that fails.
pub async fn run(options: &AllOptions) -> Result<AllFigures> {
    let each = options.signatures;
    let signatures = blocking(move || signatures::run(each)).await?;
    let sizes = options.tree.clone();
    let tree = blocking(move || tree::run(&sizes)).await?;
    let (book, sizes) = (options.book, options.growth.clone());
    let matching = blocking(move || matching::run(book, &sizes)).await?;
    let mut ledger = Vec::new();
    for orders in &options.orders {
        let measure = LedgerOptions { orders: *orders, ..options.ledger };
        ledger.push(blocking(move || ledger::run(&measure)).await?);
    }
    let mut later = vec![measure_again(options).await?];
    let home = options.network.home.join("restart");
    let restart = restart::run(options.restart, &home, &options.network.program).await?;
    let network = networks(options, &mut later).await?;
    Ok(AllFigures { signatures, tree, matching, later, ledger, restart, network })
}

async fn measure_again(options: &AllOptions) -> Result<Later> {
    let (keys, book) = (options.tree.last().copied(), options.book);
    blocking(move || Ok(Later { tree: tree::run(keys.as_slice())?, auctions: matching::auctions(book)? })).await
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.context("a benchmark ended")?
}

/// The networks, and after each what has an absolute goal.
async fn networks(options: &AllOptions, later: &mut Vec<Later>) -> Result<Vec<NetworkReport>> {
    let base = &options.network;
    let home = |name: &str| base.home.join(name);
    let whole =
        NetworkOptions { orders: options.orders.clone(), doors: vec![DoorKind::Http], catch_up: true, home: home("http"), ..base.clone() };
    let over_http = network::run(&whole).await?;
    later.push(measure_again(options).await?);
    let reached = over_http.series.iter().find(|series| series.orders_per_signature == 1).map_or(LATENCY_RATE, |series| series.reached);
    let gossip = NetworkOptions {
        orders: vec![1],
        doors: vec![DoorKind::Gossip],
        rates: shares(reached, &[0.5, 0.8, 1.0]),
        home: home("gossip"),
        ..base.clone()
    };
    let over_gossip = network::run(&gossip).await?;
    later.push(measure_again(options).await?);
    let dead = NetworkOptions {
        orders: vec![1],
        doors: vec![DoorKind::Http],
        rates: shares(reached, &[0.5, 0.75]),
        kill_one: true,
        home: home("dead"),
        ..base.clone()
    };
    let with_one_dead = network::run(&dead).await?;
    later.push(measure_again(options).await?);
    Ok(vec![over_http, over_gossip, with_one_dead])
}

fn shares(of: f64, shares: &[f64]) -> Rates {
    Rates::List(shares.iter().map(|share| (of * share).max(1.0)).collect())
}

/// The curve of an order's cost over open orders and accounts.
pub fn growth_curves(matching: &MatchingCosts) -> Vec<Curve> {
    let points = matching.growth.iter().map(|cost| (cost.open_orders as f64, cost.order_us)).collect();
    vec![Curve { name: "admit, match and book an order".to_owned(), points }]
}

/// The curve of a changed key's cost over keys.
pub fn tree_curves(tree: &[TreeCost]) -> Vec<Curve> {
    let points = |of: fn(&TreeCost) -> f64| tree.iter().map(|cost| (cost.keys as f64, of(cost))).collect();
    vec![
        Curve { name: "root, a changed key of 1,000".to_owned(), points: points(|cost| cost.changed_us) },
        Curve { name: "to write it into the tree".to_owned(), points: points(|cost| cost.applied_us) },
        Curve { name: "a key when the whole tree is built".to_owned(), points: points(|cost| cost.built_us) },
    ]
}

/// The curves of a signature's cost over the size of the batch.
pub fn signature_curves(costs: &SignatureCosts) -> Vec<Curve> {
    let points = |of: fn(&signatures::BatchCost) -> f64| costs.batches.iter().map(|batch| (batch.size as f64, of(batch))).collect();
    vec![
        Curve { name: "48 keys".to_owned(), points: points(|batch| batch.community_us) },
        Curve { name: "each signature its own key".to_owned(), points: points(|batch| batch.distinct_us) },
    ]
}
