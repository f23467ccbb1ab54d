//! What the oracles and the grid operator report: inputs of reference prices (MARKET 5 and 11). Pure.
//!
//! The community is the whole zone. Each oracle forecasts its solar energy, one of them a little low, one right, one a little high, so that the
//! median is what the data has; and the level of the grid in each slot, from what it expects the community to draw and make:
//!
//! ```text
//! net = drawn - made         below 0: -1      to 125 % of the week's mean: 0      to 160 %: 1      to 200 %: 2      above: 3
//! ```
//!
//! The grid operator reports the level too; it knows what is made. A run begins without a yesterday, so the solar part of prices moves from
//! its second day on.

use super::community::{Balance, HUBS};
use super::data::WEEK_SLOTS;
use super::jobs::HOUR_SLOTS;
use super::plan::Plan;
use leg_ledger::amount::Quantity;
use leg_ledger::ids::PlaceId;
use leg_ledger::transaction::Action;

/// What each oracle expects of the sun, per cent of what the data has.
const EXPECTS: [u64; 3] = [96, 100, 105];
/// Oracles of a development network.
pub const ORACLES: usize = EXPECTS.len();
/// Ticks between two reports of the grid's level. A level counts for an hour from its report on, so that each report's slots are the last
/// two that it still counts for.
const LEVEL_EVERY: i64 = 2;
/// Ticks from a report to its first slot.
const LEVEL_LEAD: i64 = 3;

/// The reports of a network's sources.
#[derive(Clone, Debug)]
pub struct Oracles {
    zone: PlaceId,
    /// Mean of what the community draws in a slot of the week, Wh.
    mean: u64,
}

/// What is reported at a tick.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// By each oracle; empty where there is nothing.
    pub oracles: [Vec<Action>; ORACLES],
    /// By the grid operator.
    pub grid: Option<Action>,
}

impl Oracles {
    /// The sources of a zone.
    pub fn new(zone: PlaceId, plan: &Plan) -> Self {
        let drawn = |slot: usize, hub: usize| plan.community.balance(slot, hub).drawn;
        let all: u64 = (0..WEEK_SLOTS).map(|slot| (0..HUBS).map(|hub| drawn(slot, hub)).sum::<u64>()).sum();
        Oracles { zone, mean: all / WEEK_SLOTS as u64 }
    }

    /// What the sources report at a tick of the run.
    pub fn reports(&self, plan: &Plan, tick: i64) -> Reports {
        let mut reports = Reports::default();
        let hour = HOUR_SLOTS as i64;
        for (actions, percent) in reports.oracles.iter_mut().zip(EXPECTS) {
            if tick.rem_euclid(hour) == 0 {
                let of = |index| (plan.span.slot(index), Quantity::new(expected(plan.zone(index), percent).made));
                actions.push(Action::ReportSolar { zone: self.zone, slots: (tick + hour..tick + 2 * hour).map(of).collect() });
            }
            actions.extend(self.levels(plan, tick, percent));
        }
        reports.grid = self.levels(plan, tick, 100);
        reports
    }

    fn levels(&self, plan: &Plan, tick: i64, percent: u64) -> Option<Action> {
        let first = tick + LEVEL_LEAD;
        let of = |index| (plan.span.slot(index), level(expected(plan.zone(index), percent), self.mean));
        let report = || Action::ReportGridLevel { zone: self.zone, levels: (first..first + LEVEL_EVERY).map(of).collect() };
        (tick.rem_euclid(LEVEL_EVERY) == 0).then(report)
    }
}

fn expected(balance: Balance, percent: u64) -> Balance {
    Balance { made: balance.made * percent / 100, ..balance }
}

fn level(balance: Balance, mean: u64) -> i32 {
    if balance.made > balance.drawn {
        return -1;
    }
    let net = balance.deficit() * 100;
    [125, 160, 200].iter().map(|percent| i32::from(net > mean * percent)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::community::Community;
    use super::super::jobs::Jobs;
    use super::super::plan::Span;
    use super::super::pricing::Pricing;
    use super::*;
    use leg_ledger::params::Params;
    use leg_ledger::time::{BlockTime, MarketClock, Slot};
    use std::collections::BTreeMap;

    #[test]
    fn levels_follow_the_net_load() {
        let of = |drawn, made| level(Balance { drawn, made }, 1_000);
        assert_eq!(
            [of(500, 600), of(500, 500), of(1_250, 0), of(1_251, 0), of(1_700, 99), of(2_500, 500), of(2_501, 500)],
            [-1, 0, 0, 1, 2, 2, 3]
        );
    }

    #[test]
    fn every_slot_has_three_forecasts_around_the_truth_and_four_levels() {
        let community = Community::load().unwrap();
        let jobs = Jobs::load(community.peak_watts()).unwrap();
        let params = Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 });
        let span = Span { first: Slot::new(1_000), slots: 24, data_offset: 32 };
        let plan = Plan::new(community, jobs, span, Pricing::new(&params));
        let oracles = Oracles::new(PlaceId::parse("zh").unwrap(), &plan);
        assert_eq!(oracles.mean, 28_790, "19 346.881 kWh in 672 slots");
        let (mut forecasts, mut levels) = (BTreeMap::<Slot, Vec<u64>>::new(), BTreeMap::<Slot, usize>::new());
        for reports in (-16..24).map(|tick| oracles.reports(&plan, tick)) {
            for action in reports.oracles.into_iter().flatten().chain(reports.grid) {
                match action {
                    Action::ReportSolar { slots, .. } => {
                        slots.iter().for_each(|(slot, q)| forecasts.entry(*slot).or_default().push(q.get()))
                    }
                    Action::ReportGridLevel { levels: of, .. } => of.iter().for_each(|(slot, _)| *levels.entry(*slot).or_default() += 1),
                    other => panic!("{other:?}"),
                }
            }
        }
        for index in 0..24 {
            let slot = span.slot(index);
            let mut values = forecasts[&slot].clone();
            values.sort_unstable();
            assert_eq!((values.len(), values[1]), (3, plan.zone(index).made));
            assert_eq!(levels[&slot], 4);
        }
    }
}
