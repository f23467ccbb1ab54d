//! The report of a run: what the summary shows, as JSON. Amounts are exact number literals in kWh and CHF.

use super::audit::{Counts, Traded};
use super::plan::Plan;
use super::replay::Finished;
use leg_ledger::amount::{MicroChf, Quantity};
use leg_ledger::decimal::{chf_text, quantity_text};
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
    /// Energy.
    pub energy: TradedReport,
    /// Compute.
    pub compute: TradedReport,
    /// Heat credited for compute, kWh thermal.
    pub heat_credited_kwh: Number,
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

/// Trades of a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradedReport {
    /// Trades made.
    pub matches: u64,
    /// Matched.
    pub matched_kwh: Number,
    /// Worth at the match.
    pub matched_chf: Number,
    /// Trades settled.
    pub settled: u64,
    /// Delivered and paid.
    pub settled_kwh: Number,
    /// Paid by buyers.
    pub gross_chf: Number,
    /// Network fee in it.
    pub fee_chf: Number,
    /// Penalties for under-delivery.
    pub penalty_chf: Number,
    /// Bonuses.
    pub bonus_chf: Number,
    /// Trades cancelled.
    pub cancelled: u64,
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
    /// Compute jobs that were asked for.
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
    /// True when both sums hold after every block and the nodes' accounts are the auditor's.
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
    /// Heat issued.
    pub heat_issued_kwh: Number,
    /// Heat in accounts.
    pub heat_accounts_kwh: Number,
}

/// Wh as kWh.
pub fn kwh(wh: u64) -> Number {
    literal(quantity_text(Quantity::new(wh)))
}

/// Micro-CHF as CHF.
pub fn chf(micro: u64) -> Number {
    literal(chf_text(MicroChf::new(micro)))
}

fn literal(text: String) -> Number {
    // The decimal module prints JSON numbers.
    text.parse().unwrap_or_else(|_| Number::from(0))
}

impl TradedReport {
    fn of(t: &Traded) -> Self {
        TradedReport {
            matches: t.matches,
            matched_kwh: kwh(t.matched_wh),
            matched_chf: chf(t.matched_value),
            settled: t.settled,
            settled_kwh: kwh(t.settled_wh),
            gross_chf: chf(t.gross),
            fee_chf: chf(t.fee),
            penalty_chf: chf(t.penalty),
            bonus_chf: chf(t.bonus),
            cancelled: t.cancelled,
        }
    }
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
        let met = counts.energy.settled_wh;
        DemandReport {
            net_kwh: kwh(net),
            surplus_kwh: kwh(surplus),
            possible_kwh: kwh(possible),
            met_inside_kwh: kwh(met),
            met_inside_percent: if net == 0 { 0.0 } else { (met as f64 * 10_000.0 / net as f64).round() / 100.0 },
            jobs_asked: plan.jobs_asked(),
            jobs_served: counts.compute.matches,
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
    /// The report of a finished run; the nodes' part comes from [`super::verify`].
    pub fn of(done: &Finished, network: NetworkReport, run: RunReport, nodes: Vec<NodeReport>, mut problems: Vec<String>) -> Self {
        let counts = done.auditor.counts();
        let rejected: BTreeMap<String, u64> = counts.rejected.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
        if !run.late_slots.is_empty() {
            let n = run.late_slots.len();
            problems.push(format!("{n} slots closed before all their orders were final; try a lower --speed, or --speed max"));
        }
        problems.extend(done.tracker.failures().iter().take(10).cloned());
        let cancelled = counts.energy.cancelled + counts.compute.cancelled;
        if cancelled > 0 {
            problems.push(format!("{cancelled} trades were cancelled because a deadline passed; try a lower --speed, or --speed max"));
        }
        let equal_roots = !nodes.is_empty() && nodes.iter().all(|node| node.agrees);
        let conservation = ConservationReport::of(done);
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
            energy: TradedReport::of(&counts.energy),
            compute: TradedReport::of(&counts.compute),
            heat_credited_kwh: kwh(counts.heat_wh),
            demand: DemandReport::of(&done.plan, counts),
            blocks: BlocksReport::of(done),
            nodes,
            equal_roots,
            conservation,
        }
    }
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
            heat_issued_kwh: kwh(sums.heat_issued),
            heat_accounts_kwh: kwh(sums.heat_accounts),
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

    #[test]
    fn amounts_are_exact_literals() {
        assert_eq!(serde_json::to_string(&chf(1_425_000)).unwrap(), "1.425");
        assert_eq!(serde_json::to_string(&kwh(636_310)).unwrap(), "636.31");
    }
}
