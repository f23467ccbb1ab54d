//! The report of a run: what the summary shows, as JSON. Amounts are exact number literals in kWh, hours, GB and CHF.

use super::archive::StoredContent;
use super::counts::Counts;
use super::market_report::{HeatReport, PriceReport, StorageReport, TradedReport, chf, kwh, prices, trades};
use super::plan::Plan;
use super::replay::Finished;
use leg_ledger::transaction::Resource;
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeMap;

/// A run and its outcome.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// True when nothing is wrong.
    pub ok: bool,
    /// What is wrong.
    pub problems: Vec<String>,
    /// The network.
    pub network: NetworkReport,
    /// The run.
    pub run: RunReport,
    /// Transactions and orders.
    pub orders: OrdersReport,
    /// Trades of each resource.
    pub trades: Vec<TradedReport>,
    /// Reference prices of each resource.
    pub prices: Vec<PriceReport>,
    /// Storage contracts.
    pub storage: StorageReport,
    /// Heat credits.
    pub heat: HeatReport,
    /// What the community needed and got from itself.
    pub demand: DemandReport,
    /// Blocks.
    pub blocks: BlocksReport,
    /// Every node's last state.
    pub nodes: Vec<NodeReport>,
    /// True when every node has the auditor's state root.
    pub equal_roots: bool,
    /// Money and heat.
    pub conservation: ConservationReport,
}

/// The network.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkReport {
    /// The chain id.
    pub chain_id: String,
    /// Nodes of the committee.
    pub committee_nodes: usize,
    /// Nodes that follow.
    pub followers: usize,
    /// Hubs.
    pub hubs: usize,
    /// Households.
    pub households: usize,
    /// Seed of all keys.
    pub seed: String,
}

/// One attempt at a speed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Slots a second.
    pub slots_per_second: f64,
    /// Slots of the attempt.
    pub slots: usize,
    /// True if each slot closed in time.
    pub in_time: bool,
}

/// The run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Slots of 15 minutes.
    pub slots: usize,
    /// Slots a second: market time runs this fast.
    pub slots_per_second: f64,
    /// Market milliseconds in a millisecond, fixed by the genesis.
    pub time_scale: u32,
    /// Seconds from the start of the first slot to the end of the last.
    pub took_seconds: f64,
    /// Slots whose orders were not all final before they started.
    pub late_slots: Vec<usize>,
    /// With `--speed max`: what was tried before.
    pub attempts: Vec<Attempt>,
}

/// Transactions and orders.
#[derive(Clone, Debug, Serialize)]
pub struct OrdersReport {
    /// Signed transactions in blocks.
    pub transactions: u64,
    /// Actions in them.
    pub actions: u64,
    /// Orders admitted.
    pub orders: u64,
    /// Rejected actions by code.
    pub rejected: BTreeMap<String, u64>,
}

/// What the community needed and got from itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemandReport {
    /// Net consumption of the hubs that drew.
    pub net_kwh: Number,
    /// Net surplus of the hubs that made more.
    pub surplus_kwh: Number,
    /// What a perfect exchange in each slot could have met.
    pub possible_kwh: Number,
    /// What energy trades met.
    pub met_inside_kwh: Number,
    /// Share of the net consumption that was met inside, per cent.
    pub met_inside_percent: f64,
    /// Jobs for compute and for machines that were asked for.
    pub jobs_asked: usize,
    /// Trades that served them.
    pub jobs_served: u64,
}

/// Blocks.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlocksReport {
    /// The last height.
    pub height: u64,
    /// Median time between blocks, ms.
    pub interval_p50_ms: u64,
    /// 99th percentile.
    pub interval_p99_ms: u64,
    /// Median time from sending a transaction to seeing its final block, ms.
    pub finality_p50_ms: u64,
    /// 99th percentile.
    pub finality_p99_ms: u64,
}

/// A node at the end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// Address of its API.
    pub api: String,
    /// Its height.
    pub height: u64,
    /// Root of its state.
    pub state_root: String,
    /// True when the auditor has the same root at this height.
    pub agrees: bool,
}

/// Money and heat, added up by the auditor.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConservationReport {
    /// True when all sums hold after every block and the nodes' accounts are the auditor's.
    pub holds: bool,
    /// Blocks after which it was checked.
    pub blocks_checked: u64,
    /// Deposited less withdrawn.
    pub deposited_chf: Number,
    /// In accounts.
    pub accounts_chf: Number,
    /// Fees collected.
    pub fee_chf: Number,
    /// Penalties collected, less bonuses.
    pub penalties_chf: Number,
    /// In escrow, part of what is in accounts: what running trades hold.
    pub escrow_chf: Number,
    /// Heat issued.
    pub heat_issued_kwh: Number,
    /// Heat in accounts, the same as in lots.
    pub heat_accounts_kwh: Number,
    /// Heat retired.
    pub heat_retired_kwh: Number,
}

impl DemandReport {
    fn of(plan: &Plan, counts: &Counts) -> Self {
        let (mut net, mut surplus, mut possible) = (0, 0, 0);
        for index in 0..plan.span.slots {
            let wants: u64 = (0..super::community::HUBS).map(|hub| plan.deficit(index, hub)).sum();
            let has: u64 = (0..super::community::HUBS).map(|hub| plan.surplus(index, hub)).sum();
            net += wants;
            surplus += has;
            possible += wants.min(has);
        }
        let met = counts.of(Resource::Energy).delivered;
        DemandReport {
            net_kwh: kwh(net),
            surplus_kwh: kwh(surplus),
            possible_kwh: kwh(possible),
            met_inside_kwh: kwh(met),
            met_inside_percent: if net == 0 { 0.0 } else { (met as f64 * 10_000.0 / net as f64).round() / 100.0 },
            jobs_asked: plan.jobs_asked(),
            jobs_served: counts.of(Resource::Compute).matches + counts.of(Resource::ComputeHours).matches,
        }
    }
}

/// The p-th percentile of values, 0 without any.
pub fn percentile(values: &[u64], p: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() * p).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0)
}

impl BlocksReport {
    fn of(done: &Finished) -> Self {
        let times = done.auditor.times();
        // The first interval is the network's start, not a block time.
        let intervals: Vec<u64> = times.windows(2).skip(1).map(|pair| pair[1].ms() - pair[0].ms()).collect();
        let finality = done.tracker.latencies_ms();
        BlocksReport {
            height: times.len() as u64 - 1,
            interval_p50_ms: percentile(&intervals, 50),
            interval_p99_ms: percentile(&intervals, 99),
            finality_p50_ms: percentile(finality, 50),
            finality_p99_ms: percentile(finality, 99),
        }
    }
}

impl Report {
    /// The report of a finished run; the nodes' part comes from [`super::verify`] and [`super::archive`].
    pub fn of(done: &Finished, network: NetworkReport, run: RunReport, at_nodes: AtNodes) -> Self {
        let counts = done.auditor.counts();
        let AtNodes { nodes, contents, mut problems } = at_nodes;
        let rejected: BTreeMap<String, u64> = counts.rejected.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
        let equal_roots = !nodes.is_empty() && nodes.iter().all(|node| node.agrees);
        let conservation = ConservationReport::of(done);
        problems.extend(problems_of(done, &run));
        if !equal_roots {
            problems.push("not every node has the auditor's state root".to_owned());
        }
        if !conservation.holds {
            problems.push("conservation is broken".to_owned());
        }
        Report {
            ok: problems.is_empty(),
            problems,
            network,
            run,
            orders: OrdersReport { transactions: counts.transactions, actions: counts.actions, orders: counts.orders, rejected },
            trades: trades(counts),
            prices: prices(counts),
            storage: StorageReport::of(counts, contents),
            heat: HeatReport::of(counts),
            demand: DemandReport::of(&done.plan, counts),
            blocks: BlocksReport::of(done),
            nodes,
            equal_roots,
            conservation,
        }
    }
}

/// What is wrong with what a run did.
fn problems_of(done: &Finished, run: &RunReport) -> Vec<String> {
    let counts = done.auditor.counts();
    let slower = "try a lower --speed, or --speed max";
    let mut problems = Vec::new();
    if !run.late_slots.is_empty() {
        problems.push(format!("{} slots closed before all their orders were final; {slower}", run.late_slots.len()));
    }
    problems.extend(done.tracker.failures().iter().take(10).cloned());
    if counts.cancelled() > 0 {
        problems.push(format!("{} trades were cancelled because a deadline passed; {slower}", counts.cancelled()));
    }
    if counts.storage.missed > 0 || counts.storage.broken > 0 {
        let storage = counts.storage;
        problems.push(format!("{} storage challenges were missed, {} contracts ended early; {slower}", storage.missed, storage.broken));
    }
    let sums = done.auditor.sums();
    if (counts.heat.issued, counts.heat.retired) != (sums.heat_issued, sums.heat_retired) {
        problems.push("the heat that events tell of is not what the state has".to_owned());
    }
    problems
}

/// What the nodes said at the end of a run.
#[derive(Debug, Default)]
pub struct AtNodes {
    /// Their states.
    pub nodes: Vec<NodeReport>,
    /// Contents that were read back.
    pub contents: Vec<StoredContent>,
    /// What is wrong.
    pub problems: Vec<String>,
}

impl ConservationReport {
    fn of(done: &Finished) -> Self {
        let sums = done.auditor.sums();
        ConservationReport {
            holds: sums.hold(),
            blocks_checked: done.auditor.times().len() as u64 - 1,
            deposited_chf: chf(sums.deposited),
            accounts_chf: chf(sums.accounts),
            fee_chf: chf(sums.fee),
            penalties_chf: chf(sums.penalties),
            escrow_chf: chf(sums.escrow),
            heat_issued_kwh: kwh(sums.heat_issued),
            heat_accounts_kwh: kwh(sums.heat_accounts),
            heat_retired_kwh: kwh(sums.heat_retired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=200).rev().collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99), percentile(&[], 50), percentile(&[7], 99)), (100, 198, 0, 7));
    }
}
