//! The meter of a hub: registers for what is fed in, what the servers draw and what heat they give off, and the jobs that run on the servers.

use super::community::HUBS;
use super::jobs::HOUR_SLOTS;
use super::plan::Plan;
use leg_ledger::amount::Quantity;
use leg_ledger::ids::TradeId;
use leg_ledger::time::Slot;
use leg_ledger::transaction::{Action, CompleteTrade, Reading, ReadingQuality, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// Share of what the servers draw that reaches the building's thermal register, per cent. The certified factor of the genesis preset is 90.
const THERMAL_PERCENT: u64 = 93;

/// A job on a hub's servers: what it draws by slot of the run, Wh.
type Load = BTreeMap<usize, u64>;

/// One register.
#[derive(Clone, Copy, Debug, Default)]
struct Register {
    sequence: u64,
    wh: u64,
}

/// The meter of one hub.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    fed_in: Register,
    compute: Register,
    heat: Register,
    /// Jobs by the trade they deliver.
    running: BTreeMap<TradeId, Load>,
    /// What is kept for jobs, by slot of the run.
    kept: BTreeMap<usize, u64>,
    /// What the jobs draw, by slot of the run.
    drawn: BTreeMap<usize, u64>,
    /// The same as heat.
    given_off: BTreeMap<usize, u64>,
    /// Actions that are not signed yet, in their order.
    outbox: Vec<Action>,
    completed: BTreeSet<TradeId>,
}

impl Meter {
    /// Books a job for the hour that begins at slot `first` of the run: `ordered` Wh are kept for it, slot by slot out of what the hub offered and
    /// other jobs left over; `delivered` of them will be drawn.
    pub fn book(&mut self, plan: &Plan, hub: usize, trade: TradeId, first: usize, ordered: u64, delivered: u64) {
        let (mut ordered, mut delivered, mut load) = (ordered, delivered, Load::new());
        for index in first..first + HOUR_SLOTS {
            let kept = self.kept.entry(index).or_default();
            let part = ordered.min(plan.server_share(index, hub).saturating_sub(*kept));
            *kept += part;
            ordered -= part;
            let drawn = part.min(delivered);
            if drawn > 0 {
                load.insert(index, drawn);
                *self.drawn.entry(index).or_default() += drawn;
                *self.given_off.entry(index).or_default() += thermal(drawn);
                delivered -= drawn;
            }
        }
        self.running.insert(trade, load);
    }

    /// True once a job was booked.
    pub fn knows(&self, trade: &TradeId) -> bool {
        self.running.contains_key(trade) || self.completed.contains(trade)
    }

    /// What is kept for jobs in a slot of the run, Wh.
    pub fn kept(&self, index: usize) -> u64 {
        self.kept.get(&index).copied().unwrap_or(0)
    }

    /// Reads the registers at the end of slot `index` of the run; what did not move is not read. Returns what was fed in.
    pub fn read(&mut self, plan: &Plan, hub: usize, index: usize, slot: Slot) -> u64 {
        self.kept.remove(&index);
        let drawn = self.drawn.remove(&index).unwrap_or(0);
        let given_off = self.given_off.remove(&index).unwrap_or(0);
        let fed_in = plan.surplus(index, hub).saturating_sub(drawn);
        let mut readings = Vec::new();
        let registers = [
            (Resource::Compute, &mut self.compute, drawn),
            (Resource::Heat, &mut self.heat, given_off),
            (Resource::Energy, &mut self.fed_in, fed_in),
        ];
        for (resource, register, increase) in registers {
            if increase == 0 {
                continue;
            }
            register.sequence += 1;
            register.wh += increase;
            readings.push(Reading {
                register: resource,
                sequence: register.sequence,
                slot,
                register_wh: Quantity::new(register.wh),
                quality: ReadingQuality::Measured,
            });
        }
        if !readings.is_empty() {
            self.outbox.push(Action::SubmitReadings { readings });
        }
        fed_in
    }

    /// Completes a job; its readings MUST have been read.
    pub fn complete(&mut self, plan: &Plan, trade: TradeId) {
        let Some(load) = self.running.remove(&trade) else { return };
        let by_slot = |of: fn(u64) -> u64| load.iter().map(|(i, wh)| (plan.span.slot(*i as i64), Quantity::new(of(*wh)))).collect();
        self.completed.insert(trade);
        self.outbox.push(Action::CompleteTrade(CompleteTrade {
            trade,
            delivered: by_slot(|wh| wh),
            heat: by_slot(thermal),
            readings: Vec::new(),
            result: None,
        }));
    }

    /// Takes what is to be signed next, at most `most` actions. Readings follow each other without a gap, so that the caller MUST NOT take more
    /// before what it took is final.
    pub fn take(&mut self, most: usize) -> Vec<Action> {
        let count = self.outbox.len().min(most);
        self.outbox.drain(..count).collect()
    }

    /// True when nothing waits to be signed.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.running.is_empty()
    }
}

fn thermal(wh: u64) -> u64 {
    wh * THERMAL_PERCENT / 100
}

/// What a community exchanged within itself in a slot, as its grid operator sees it: what was fed in and drawn at the same time, Wh.
pub fn exchanged(plan: &Plan, index: usize, fed_in: u64) -> u64 {
    let drawn: u64 = (0..HUBS).map(|hub| plan.deficit(index, hub)).sum();
    fed_in.min(drawn)
}

#[cfg(test)]
mod tests {
    use super::super::community::Community;
    use super::super::jobs::Jobs;
    use super::super::plan::Span;
    use super::super::pricing::Pricing;
    use super::*;
    use leg_ledger::hash::Hash;
    use leg_ledger::params::Params;
    use leg_ledger::time::{BlockTime, MarketClock};

    fn plan() -> Plan {
        let community = Community::load().unwrap();
        let jobs = Jobs::load(community.peak_watts()).unwrap();
        let params = Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 });
        Plan::new(community, jobs, Span { first: Slot::new(1_000), slots: 8, data_offset: 40 }, Pricing::new(&params))
    }

    fn trade(n: u8) -> TradeId {
        TradeId::from_hash(Hash::from_bytes([n; 32]))
    }

    #[test]
    fn jobs_share_what_the_hub_kept_and_the_rest_is_fed_in() {
        let (plan, mut meter) = (plan(), Meter::default());
        let share: Vec<u64> = (0..4).map(|i| plan.server_share(i, 0)).collect();
        assert_eq!(share[0], 2_400);
        meter.book(&plan, 0, trade(1), 0, 500, 500);
        let rest = share.iter().sum::<u64>() - 500;
        meter.book(&plan, 0, trade(2), 0, rest, rest - 100);
        assert_eq!((0..4).map(|i| meter.kept(i)).collect::<Vec<_>>(), share);
        let fed_in: Vec<u64> = (0..4).map(|i| meter.read(&plan, 0, i, plan.span.slot(i as i64))).collect();
        let want: Vec<u64> = (0..4).map(|i| plan.surplus(i, 0) - share[i] + if i == 3 { 100 } else { 0 }).collect();
        assert_eq!(fed_in, want);
        meter.complete(&plan, trade(1));
        let actions = meter.take(256);
        assert_eq!(actions.len(), 5, "four slots and a completion");
        let Some(Action::CompleteTrade(done)) = actions.last() else { panic!() };
        assert_eq!(done.delivered, [(plan.span.slot(0), Quantity::new(500))]);
        assert_eq!(done.heat, [(plan.span.slot(0), Quantity::new(465))]);
        assert!(meter.knows(&trade(1)) && !meter.is_idle(), "the second still runs");
    }

    #[test]
    fn registers_grow_without_a_gap_and_rest_when_nothing_moves() {
        let (plan, mut meter) = (plan(), Meter::default());
        for index in 0..2 {
            meter.read(&plan, 0, index, plan.span.slot(index as i64));
        }
        meter.read(&plan, 7, 0, plan.span.slot(3));
        let readings: Vec<Reading> = meter
            .take(256)
            .into_iter()
            .flat_map(|a| match a {
                Action::SubmitReadings { readings } => readings,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(readings.iter().map(|r| r.sequence).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(readings[1].register_wh.get(), plan.surplus(0, 0) + plan.surplus(1, 0));
    }
}
