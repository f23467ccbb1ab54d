//! A network of real processes on the loopback under an open-loop load.
//!
//! For each way in and each number of orders a signature a fresh network is started; rates are offered one after the other, and in between the
//! network comes to rest. Every load warms up first; then a window is measured from its first to its last moment: what became final, from when
//! it was due; CPU, memory and disk of every node; and apart from them the load generator's and the signing clients' CPU. Right before a load and
//! right after it the yardstick tells what an order costs. At the end all nodes MUST have the same state.

use super::ceiling::{Ceiling, share};
use super::community::CommunitySpec;
use super::door::{Door, DoorKind, GossipDoor, HttpDoor};
use super::follow::Follower;
use super::ledger::{self, LedgerCost, LedgerOptions};
use super::load::{self, Plan, Tracker};
use super::pace::Pace;
use super::points::{NodeUsage, RatePoint, Rates};
use super::screen::Progress;
use super::signer::{Signers, Signing};
use super::sync::{self, CatchUp, Heights};
use super::usage::{Snapshot, Usage, cores, folder_bytes, process_cpu};
use super::yardstick::Yardstick;
use crate::client::{HttpNode, LedgerApi};
use crate::devnet::clock::{Clock, SystemClock};
use crate::devnet::processes::NodeProcess;
use crate::devnet::setup::{Prepared, make_homes};
use anyhow::{Context, Result, ensure};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The observer whose key the gossip way in uses.
const OBSERVER: &str = "observer-01";
/// The network comes to rest before its idle figures are taken.
const SETTLE: Duration = Duration::from_secs(2);
/// Longest wait for what is not final at the end of a load.
const DRAIN: Duration = Duration::from_secs(15);
/// Longest wait for all nodes to have the last block.
const AGREE: Duration = Duration::from_secs(60);
/// How often a node is asked for its block meanwhile.
const POLL: Duration = Duration::from_millis(100);
/// The queue of signed transactions holds what is due in this time.
const QUEUE_SECONDS: f64 = 0.2;

/// What to run.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Nodes of the committee.
    pub nodes: usize,
    /// Orders a second.
    pub rates: Rates,
    /// Orders under one signature, one series of loads for each.
    pub orders: Vec<usize>,
    /// Ways in, one series of loads for each.
    pub doors: Vec<DoorKind>,
    /// Before each window.
    pub warm_up: Duration,
    /// Each window.
    pub window: Duration,
    /// The window of the idle figures.
    pub idle: Duration,
    /// One node of the committee is killed before the load.
    pub kill_one: bool,
    /// At the end a follower starts with nothing and catches up.
    pub catch_up: bool,
    /// Most bytes of a block.
    pub block_bytes: u32,
    /// Least time between blocks, ms.
    pub interval_ms: u64,
    /// Threads that sign.
    pub signers: usize,
    /// How what an order costs is measured, before each load and after it.
    pub ceiling: LedgerOptions,
    /// Folder of the networks' homes.
    pub home: PathBuf,
    /// This program.
    pub program: PathBuf,
}

/// One series of loads.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// The way in.
    pub door: DoorKind,
    /// Orders under one signature.
    pub orders_per_signature: usize,
    /// Nodes of the committee.
    pub nodes: usize,
    /// One of them was dead.
    pub one_dead: bool,
    /// Most bytes of a block.
    pub block_bytes: u32,
    /// The most that the machine allowed at the load that reached the largest share of it.
    pub ceiling: Ceiling,
    /// What that load reached, orders a second. On a machine of constant speed it is the highest rate that was reached.
    pub reached: f64,
    /// Its share of the ceiling.
    pub share: f64,
    /// Its share of what the load generator and the signing clients left of the ceiling.
    pub share_of_rest: f64,
    /// Its share of the ceiling that there would be if cores were as fast together as each is alone, and the state young.
    pub share_alone: f64,
    /// Every node at rest.
    pub idle: Vec<NodeUsage>,
    /// The loads.
    pub points: Vec<RatePoint>,
    /// Bytes on one node's disk per order at the end.
    pub disk_bytes_per_order: f64,
    /// All nodes that ran had the same state at the end.
    pub equal_roots: bool,
    /// How fast a follower caught up, where one was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
}

/// All series.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkReport {
    /// What an order costs one node, by orders a signature.
    pub ledger: Vec<LedgerCost>,
    /// The series.
    pub series: Vec<Series>,
}

/// Runs all series.
///
/// # Errors
/// A node fails, Ctrl-C, or the system does not let it.
pub async fn run(options: &NetworkOptions) -> Result<NetworkReport> {
    check(options)?;
    let mut report = NetworkReport { ledger: Vec::new(), series: Vec::new() };
    let mut pace = Pace::now()?;
    for orders in &options.orders {
        let measure = LedgerOptions { orders: *orders, ..options.ceiling };
        // The strictest yardstick: one core, and a state that has seen next to nothing.
        let young = LedgerOptions { standing: 0, ..measure };
        let alone = tokio::task::spawn_blocking(move || ledger::run(&young)).await.context("the ledger's benchmark ended")??;
        let yardstick = Yardstick::start(&measure, &options.program).await?;
        let mut beside = Beside { orders: *orders, alone_us: alone.order_us, yardstick, pace };
        for door in &options.doors {
            report.series.push(series(options, *door, &mut beside).await?);
        }
        pace = beside.pace;
        report.ledger.extend([alone, beside.yardstick.end().await?]);
    }
    Ok(report)
}

fn check(options: &NetworkOptions) -> Result<()> {
    ensure!((1..=24).contains(&options.nodes), "--nodes: 1 to 24");
    ensure!(!options.kill_one || options.nodes >= 4, "--kill-one: a committee of fewer than 4 does not go on without one");
    ensure!(options.orders.iter().all(|orders| (1..=256).contains(orders)), "--orders: 1 to 256 under one signature");
    ensure!(options.window >= Duration::from_secs(1), "--seconds: at least 1");
    ensure!(options.signers >= 1, "--signers: at least 1");
    Ok(())
}

/// What is measured beside the network.
struct Beside {
    /// Orders under one signature.
    orders: usize,
    /// CPU of an order on a lone core with a young state.
    alone_us: f64,
    yardstick: Yardstick,
    pace: Pace,
}

async fn series(options: &NetworkOptions, door: DoorKind, beside: &mut Beside) -> Result<Series> {
    let dead = if options.kill_one { "-one-dead" } else { "" };
    let name = format!("{door}-{}{dead}", beside.orders).to_lowercase();
    let mut running = Running::start(options, &options.home.join(&name)).await?;
    let outcome = running.series(options, door, beside).await;
    let ended = running.processes.iter_mut().filter_map(|process| process.check().err()).next();
    let stopped = running.stop().await;
    match (outcome, ended) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(error),
        (Ok(series), None) => stopped.map(|()| series),
    }
}

/// A network of processes.
struct Running {
    prepared: Prepared,
    processes: Vec<NodeProcess>,
}

impl Running {
    async fn start(options: &NetworkOptions, folder: &Path) -> Result<Self> {
        let (block_bytes, interval_ms) = (options.block_bytes, options.interval_ms);
        let spec = CommunitySpec { block_bytes, interval_ms, ..CommunitySpec::new(options.nodes, 1, SystemClock.now()) };
        let (genesis, secrets) = spec.build()?;
        // All clients are one address here, which is to send as much as it can.
        let prepared = make_homes(genesis, secrets, folder, &|config| config.api.transactions_per_second = u32::MAX)?;
        // The observer has no node: its key is the load generator's.
        let places = prepared.places.iter().take(options.nodes).cloned();
        let mut processes = places.map(|place| NodeProcess::start(&options.program, place)).collect::<Result<Vec<_>>>()?;
        for process in &mut processes {
            process.ready().await?;
        }
        if options.kill_one
            && let Some(process) = processes.pop()
        {
            process.kill().await?;
        }
        Ok(Running { prepared, processes })
    }

    async fn stop(self) -> Result<()> {
        // All are asked before one is waited for: a committee that loses its members one by one would stall the last ones.
        let mut failed: Option<anyhow::Error> = self.processes.iter().filter_map(|process| process.ask_to_stop().err()).next_back();
        for process in self.processes {
            if let Err(error) = process.ended().await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn series(&self, options: &NetworkOptions, door: DoorKind, beside: &mut Beside) -> Result<Series> {
        let (orders, alone_us) = (beside.orders, beside.alone_us);
        let ceiling = |us: f64| Ceiling::new(cores(), options.nodes - usize::from(options.kill_one), us, alone_us);
        let (tracker, tip) = (Arc::new(Tracker::default()), Arc::new(AtomicU64::new(0)));
        let heights = Arc::new(Heights::default());
        let follower = self.follow(&tracker, &tip, &heights).await?;
        let idle = self.idle(options.idle).await?;
        let mut way = self.open(door).await?;
        let mut points: Vec<RatePoint> = Vec::new();
        let mut finals = 0.0;
        let first = ceiling(beside.yardstick.sample().await?.order_us).orders_per_second;
        while let Some(rate) = options.rates.next(&points, first) {
            let load = Load { rate, orders, vouch: door == DoorKind::Gossip, number: points.len() as u64 };
            let slower = beside.pace.settle().await?;
            let before = beside.yardstick.sample().await?.order_us;
            let point = self.point(options, &load, &mut way, &tracker, &tip).await?;
            let after = beside.yardstick.sample().await?.order_us;
            ensure!(!follower.is_finished(), "the stream of final blocks ended");
            finals += (point.due - point.missing()) as f64 * orders as f64;
            points.push(point.beside(&ceiling((before + after) / 2.0), slower));
        }
        way.close().await;
        let equal_roots = self.agree().await?;
        follower.abort();
        let best = points.iter().max_by(|a, b| a.share.total_cmp(&b.share)).context("no rate was offered")?;
        let (reached, ceiling) = (best.reached, ceiling(best.steps_us));
        let (best_share, left) = (best.share, ceiling.left(best.generator_cores + best.signer_cores));
        let produced = points.iter().map(|point| point.reached).fold(0.0, f64::max);
        let observer = self.prepared.places.get(options.nodes).filter(|_| options.catch_up);
        let catch_up = match observer {
            Some(place) => Some(sync::catch_up(options, place.clone(), &heights, produced / orders as f64).await?),
            None => None,
        };
        let bytes = self.prepared.places.first().map_or(0, |place| folder_bytes(place.home.path()));
        Ok(Series {
            door,
            orders_per_signature: orders,
            nodes: options.nodes,
            one_dead: options.kill_one,
            block_bytes: options.block_bytes,
            ceiling,
            reached,
            share: best_share,
            share_of_rest: share(reached, left),
            share_alone: share(reached, ceiling.alone()),
            idle,
            points,
            disk_bytes_per_order: bytes as f64 / f64::max(finals, 1.0),
            equal_roots,
            catch_up,
        })
    }

    fn bases(&self) -> Vec<String> {
        self.processes.iter().map(|process| format!("http://{}", process.place.api)).collect()
    }

    /// Follows the first node's final blocks for as long as the task is let.
    async fn follow(&self, tracker: &Arc<Tracker>, tip: &Arc<AtomicU64>, heights: &Arc<Heights>) -> Result<JoinHandle<()>> {
        let base = self.bases().into_iter().next().context("no node runs")?;
        let mut follower = Follower::open(&base).await?;
        let (tracker, tip, heights) = (tracker.clone(), tip.clone(), heights.clone());
        Ok(tokio::spawn(async move {
            while let Ok(block) = follower.next().await {
                tip.store(block.height.get(), Ordering::Relaxed);
                tracker.on_block(&block, Instant::now());
                heights.add(&block);
            }
        }))
    }

    async fn open(&self, door: DoorKind) -> Result<Door> {
        match door {
            DoorKind::Http => Ok(Door::Http(HttpDoor::new(&self.bases())?)),
            DoorKind::Gossip => {
                let id = MemberId::parse(OBSERVER).context("the observer's name")?;
                let secrets = self.prepared.secrets.get(&id).context("the community has an observer")?;
                let nodes: Vec<String> = self.processes.iter().map(|process| process.place.swarm.clone()).collect();
                Ok(Door::Gossip(GossipDoor::open(&self.prepared.genesis, secrets, &nodes).await?))
            }
        }
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.processes.iter().map(|process| Snapshot::of(process.pid().context("a node ended by itself")?)).collect()
    }

    fn usages(&self, before: &[Snapshot], after: &[Snapshot], took: Duration) -> Vec<NodeUsage> {
        let usage = |((process, before), after): ((&NodeProcess, &Snapshot), &Snapshot)| NodeUsage {
            name: process.place.member.to_string(),
            usage: Usage::between(before, after, took),
        };
        self.processes.iter().zip(before).zip(after).map(usage).collect()
    }

    async fn idle(&self, window: Duration) -> Result<Vec<NodeUsage>> {
        tokio::time::sleep(SETTLE).await;
        let (before, begun) = (self.snapshots()?, Instant::now());
        Progress::during("idle", window, tokio::time::sleep(window)).await;
        Ok(self.usages(&before, &self.snapshots()?, begun.elapsed()))
    }

    async fn point(
        &self,
        options: &NetworkOptions,
        load: &Load,
        way: &mut Door,
        tracker: &Arc<Tracker>,
        tip: &Arc<AtomicU64>,
    ) -> Result<RatePoint> {
        let rate = load.rate / load.orders as f64;
        let plan = Plan { rate, warm_up: options.warm_up, window: options.window, drain: DRAIN };
        let signing = Signing {
            chain: self.prepared.genesis.chain_id(),
            secrets: Arc::new(self.prepared.secrets.clone()),
            tip: tip.clone(),
            orders: load.orders,
            vouch: load.vouch,
            seed: load.number,
            // Positive and far below 2^53.
            queue: ((rate * QUEUE_SECONDS).ceil() as usize).max(8),
        };
        let (signers, mut ready) = Signers::start(&signing, options.signers)?;
        let edge = || Ok(Edge { nodes: self.snapshots()?, own: process_cpu()?, signers: signers.cpu(), at: Instant::now() });
        let title = format!("{:.0} orders/s, {} a signature", load.rate, load.orders);
        let job = load::run(plan, &mut ready, way, tracker, edge);
        let (counted, before, after) = Progress::during(&title, plan.measured().end, job).await?;
        drop(ready);
        tokio::task::spawn_blocking(move || signers.join()).await.context("a signing client panicked")??;
        let took = after.at - before.at;
        let nodes = self.usages(&before.nodes, &after.nodes, took);
        let signed = after.signers.saturating_sub(before.signers);
        let own = (after.own - before.own).saturating_sub(signed);
        let cores = |cpu: Duration| cpu.as_secs_f64() / took.as_secs_f64();
        Ok(RatePoint::new(load.rate, load.orders, plan.window.as_secs_f64(), counted, nodes, (cores(own), cores(signed))))
    }

    /// Whether all nodes have the same state after the newest block.
    async fn agree(&self) -> Result<bool> {
        let nodes: Vec<HttpNode> = self.processes.iter().map(NodeProcess::client).collect::<Result<_>>()?;
        let mut newest = Height::GENESIS;
        for node in &nodes {
            newest = newest.max(node.status().await?.height);
        }
        // Its header holds the root after the newest one.
        let next = newest.next().context("no height follows")?;
        let mut roots = Vec::new();
        for node in &nodes {
            roots.push(tokio::time::timeout(AGREE, root_before(node, next)).await.context("a node does not reach the newest block")??);
        }
        Ok(roots.iter().all(|root| Some(root) == roots.first()))
    }
}

async fn root_before(node: &HttpNode, height: Height) -> Result<Hash> {
    loop {
        if let Some((block, _)) = node.block(height).await? {
            return Ok(block.header.state_root);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// One load of a series.
struct Load {
    rate: f64,
    orders: usize,
    vouch: bool,
    number: u64,
}

/// Everything at one edge of a window.
struct Edge {
    nodes: Vec<Snapshot>,
    own: Duration,
    signers: Duration,
    at: Instant,
}
