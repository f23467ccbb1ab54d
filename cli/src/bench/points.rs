//! Which rates are offered, and what a rate reached.

use super::ceiling::{Ceiling, share};
use super::goals::LATENCY_RATE;
use super::latency::Percentiles;
use super::load::Counted;
use super::usage::Usage;
use serde::Serialize;
use std::collections::BTreeMap;

/// Below this share of what was offered a network is saturated.
const SATURATED: f64 = 0.95;
/// A search goes up by this share of the ceiling...
const STEP: f64 = 0.1;
/// ...and at most to this share of it.
const LAST: f64 = 1.2;
/// So often it offers a rate that the network misses.
const ATTEMPTS: usize = 3;

/// Orders a second that are offered, one load after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// These.
    List(Vec<f64>),
    /// A thousand, at which latency has a goal; then from a tenth of the ceiling up in tenths, until the network no longer follows. A rate
    /// that it missed is offered again, since the machine may have been busy for a moment; only a third miss ends the search.
    Search,
    /// One load of this share of the ceiling.
    Share(f64),
}

impl std::str::FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "search" {
            return Ok(Rates::Search);
        }
        let wrong = || format!("{text:?}: search, or orders a second such as 1000 or 1000,5000,20000");
        let rate = |part: &str| part.trim().parse::<f64>().ok().filter(|rate| (1.0..=10_000_000.0).contains(rate)).ok_or_else(wrong);
        text.split(',').map(rate).collect::<Result<_, _>>().map(Rates::List)
    }
}

impl Rates {
    /// What to offer next; `None` when that was all.
    pub fn next(&self, done: &[RatePoint], ceiling: f64) -> Option<f64> {
        match self {
            Rates::List(rates) => rates.get(done.len()).copied(),
            Rates::Share(share) => done.is_empty().then(|| (ceiling * share).max(1.0)),
            Rates::Search => match steps_followed(done)? {
                0 => Some(LATENCY_RATE),
                steps => Some(STEP * steps as f64).filter(|share| *share < LAST + STEP / 2.0).map(|share| (ceiling * share).max(1.0)),
            },
        }
    }
}

/// How many rates of a search the network followed; `None` when it missed one [`ATTEMPTS`] times.
fn steps_followed(done: &[RatePoint]) -> Option<usize> {
    let (mut steps, mut missed) = (0, 0);
    for point in done {
        match point.is_saturated() {
            true => missed += 1,
            false => (steps, missed) = (steps + 1, 0),
        }
        if missed == ATTEMPTS {
            return None;
        }
    }
    Some(steps)
}

/// One node during a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeUsage {
    /// Whose it is.
    pub name: String,
    /// What it used.
    #[serde(flatten)]
    pub usage: Usage,
}

/// What the network did with one rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RatePoint {
    /// Orders a second that were due.
    pub offered: f64,
    /// Orders a second that became final.
    pub reached: f64,
    /// From due to final, ms.
    pub latency: Percentiles,
    /// Transactions that were due within the window.
    pub due: u64,
    /// Of those, not sent in time by the generator.
    pub unsent: u64,
    /// Of those, refused by a node, by code.
    pub refused: BTreeMap<String, u64>,
    /// Of those, not final when the wait was over.
    pub lost: u64,
    /// Blocks a second.
    pub blocks: f64,
    /// Share of the orders that the rules rejected.
    pub rejected: f64,
    /// Trades a second.
    pub trades: f64,
    /// Every node.
    pub nodes: Vec<NodeUsage>,
    /// CPU of one node per final order, microseconds.
    pub node_order_us: f64,
    /// Cores that the load generator took.
    pub generator_cores: f64,
    /// Cores that the signing clients took.
    pub signer_cores: f64,
    /// CPU of one node per order by the ledger's benchmark, the mean of right before the load and right after it, microseconds.
    pub steps_us: f64,
    /// Share of the ceiling that follows from it.
    pub share: f64,
    /// How many times slower than at its best the machine was right before the load; more than 1.15 where waiting did not help.
    pub slower: f64,
}

impl RatePoint {
    /// From what was counted in a window of `seconds`.
    pub fn new(offered: f64, orders: usize, seconds: f64, counted: Counted, nodes: Vec<NodeUsage>, others: (f64, f64)) -> Self {
        let per_second = |count: u64| count as f64 / seconds;
        let reached = counted.finals_per_second * orders as f64;
        let cores = nodes.iter().map(|node| node.usage.cores).sum::<f64>() / nodes.len().max(1) as f64;
        RatePoint {
            offered,
            reached,
            latency: counted.latency,
            due: counted.due,
            unsent: counted.unsent,
            lost: counted.lost,
            blocks: per_second(counted.blocks),
            rejected: counted.rejected as f64 / counted.actions.max(1) as f64,
            trades: per_second(counted.trades),
            nodes,
            node_order_us: if reached > 0.0 { cores * 1e6 / reached } else { 0.0 },
            refused: counted.refused,
            generator_cores: others.0,
            signer_cores: others.1,
            steps_us: 0.0,
            share: 0.0,
            slower: 1.0,
        }
    }

    /// With the ceiling that was measured beside it, and how much slower than at its best the machine was.
    pub fn beside(self, ceiling: &Ceiling, slower: f64) -> Self {
        RatePoint { steps_us: ceiling.order_us, share: share(self.reached, ceiling.orders_per_second), slower, ..self }
    }

    /// Whether the network no longer follows.
    pub fn is_saturated(&self) -> bool {
        self.reached < self.offered * SATURATED
    }

    /// Transactions that were due and did not become final.
    pub fn missing(&self) -> u64 {
        self.unsent + self.lost + self.refused.values().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(offered: f64, reached: f64) -> RatePoint {
        let counted = Counted { finals_per_second: reached, ..Counted::default() };
        let usage = Usage { cores: 0.5, ..Usage::default() };
        let node = |name: &str| NodeUsage { name: name.to_owned(), usage };
        RatePoint::new(offered, 1, 10.0, counted, vec![node("a"), node("b")], (0.1, 0.2))
    }

    #[test]
    fn rates_are_a_list_or_a_search() {
        assert_eq!("search".parse(), Ok(Rates::Search));
        assert_eq!("500, 20000".parse(), Ok(Rates::List(vec![500.0, 20_000.0])));
        for bad in ["", "fast", "0", "-5", "1e9", "5,,6", "NaN"] {
            assert!(bad.parse::<Rates>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_search_goes_up_until_the_network_no_longer_follows() {
        let follows_up_to = |most: f64| {
            let mut done = Vec::new();
            while let Some(rate) = Rates::Search.next(&done, 10_000.0) {
                done.push(point(rate, rate.min(most)));
            }
            done.iter().map(|point| point.offered.round()).collect::<Vec<_>>()
        };
        assert_eq!(follows_up_to(2_500.0), [LATENCY_RATE, 1_000.0, 2_000.0, 3_000.0, 3_000.0, 3_000.0]);
        assert_eq!(follows_up_to(1.0), [LATENCY_RATE; 3]);
        assert_eq!(follows_up_to(f64::MAX).len(), 13, "and ends above the ceiling in any case");
        let list = Rates::List(vec![5.0, 6.0]);
        assert_eq!(list.next(&[], 1.0), Some(5.0));
        assert_eq!(list.next(&[point(5.0, 1.0)], 1.0), Some(6.0), "a list is gone through");
        assert_eq!(list.next(&[point(5.0, 5.0), point(6.0, 6.0)], 1.0), None);
        let share = Rates::Share(0.4);
        assert_eq!((share.next(&[], 1_000.0), share.next(&[point(5.0, 5.0)], 1_000.0)), (Some(400.0), None));
    }

    #[test]
    fn a_missed_rate_is_offered_again_and_only_a_third_miss_ends_a_search() {
        let mut done = Vec::new();
        // Each attempt: what is offered, and whether the network follows this time.
        let attempts = [
            (LATENCY_RATE, false),
            (LATENCY_RATE, true),
            (1_000.0, true),
            (2_000.0, false),
            (2_000.0, true),
            (3_000.0, false),
            (3_000.0, false),
        ];
        for (expected, follows) in attempts {
            let rate = Rates::Search.next(&done, 10_000.0).unwrap();
            assert_eq!(rate.round(), expected, "after {}", done.len());
            done.push(point(rate, if follows { rate } else { rate / 2.0 }));
        }
        assert_eq!(Rates::Search.next(&done, 10_000.0).map(f64::round), Some(3_000.0));
        done.push(point(3_000.0, 1.0));
        assert_eq!(Rates::Search.next(&done, 10_000.0), None);
    }

    #[test]
    fn a_nodes_cost_is_its_cpu_over_what_became_final() {
        let point = point(2_000.0, 1_000.0);
        assert_eq!((point.reached, point.node_order_us), (1_000.0, 500.0));
        let beside = point.clone().beside(&Ceiling::new(2, 4, 100.0, 80.0), 1.1);
        assert_eq!((beside.steps_us, beside.share, beside.slower), (100.0, 0.2, 1.1), "5,000/s is what the steps allow");
        assert!(point.is_saturated());
        let hundred = RatePoint::new(5_000.0, 100, 2.0, Counted { finals_per_second: 50.0, ..Counted::default() }, Vec::new(), (0.0, 0.0));
        assert_eq!((hundred.reached, hundred.is_saturated()), (5_000.0, false));
    }
}
