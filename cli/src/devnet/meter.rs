//! The meter of a hub: registers for what is fed in, what the servers draw, what heat they give off and how long machines were hired, and the jobs
//! that run on them.

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

/// A job on a hub's servers: what it draws, or how long it has machines, by slot of the run.
#[derive(Clone, Debug)]
struct Load {
    resource: Resource,
    by_slot: BTreeMap<usize, u64>,
}

/// One register.
#[derive(Clone, Copy, Debug, Default)]
struct Register {
    sequence: u64,
    stand: u64,
}

/// What jobs move in a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// Drawn by servers, Wh.
    drawn: u64,
    /// The same as heat.
    given_off: u64,
    /// Of machines, milli-hours.
    machines: u64,
}

/// The meter of one hub.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    registers: BTreeMap<Resource, Register>,
    /// Jobs by the trade they deliver.
    running: BTreeMap<TradeId, Load>,
    /// What is kept for jobs, by resource and slot of the run.
    kept: BTreeMap<(Resource, usize), u64>,
    /// What the jobs move, by slot of the run.
    moved: BTreeMap<usize, Moved>,
    /// Actions that are not signed yet, in their order.
    outbox: Vec<Action>,
    completed: BTreeSet<TradeId>,
}

/// A job that a hub has sold.
#[derive(Clone, Copy, Debug)]
pub struct Sold {
    /// The trade.
    pub trade: TradeId,
    /// Compute, or compute-hours.
    pub resource: Resource,
    /// Slot of the run at which its hour begins.
    pub first: usize,
    /// What is kept for it, Wh or milli-hours.
    pub ordered: u64,
    /// What it will take of that.
    pub delivered: u64,
}

impl Meter {
    /// Books a job for its hour: what was ordered is kept for it, slot by slot out of what the hub offered and other jobs left over.
    pub fn book(&mut self, plan: &Plan, hub: usize, sold: Sold) {
        let Sold { trade, resource, first, mut ordered, mut delivered } = sold;
        let mut by_slot = BTreeMap::new();
        for index in first..first + HOUR_SLOTS {
            let kept = self.kept.entry((resource, index)).or_default();
            let part = ordered.min(plan.share(resource, index, hub).saturating_sub(*kept));
            *kept += part;
            ordered -= part;
            let taken = part.min(delivered);
            if taken > 0 {
                by_slot.insert(index, taken);
                let moved = self.moved.entry(index).or_default();
                if resource == Resource::ComputeHours {
                    moved.machines += taken;
                } else {
                    moved.drawn += taken;
                    moved.given_off += thermal(taken);
                }
                delivered -= taken;
            }
        }
        self.running.insert(trade, Load { resource, by_slot });
    }

    /// True once a job was booked.
    pub fn knows(&self, trade: &TradeId) -> bool {
        self.running.contains_key(trade) || self.completed.contains(trade)
    }

    /// What is kept of the building's surplus for jobs in a slot of the run, Wh.
    pub fn kept(&self, index: usize) -> u64 {
        self.kept.get(&(Resource::Compute, index)).copied().unwrap_or(0)
    }

    /// Reads the registers at the end of slot `index` of the run; what did not move is not read. Returns what was fed in.
    pub fn read(&mut self, plan: &Plan, hub: usize, index: usize, slot: Slot) -> u64 {
        self.kept.retain(|(_, of), _| *of != index);
        let Moved { drawn, given_off, machines } = self.moved.remove(&index).unwrap_or_default();
        let fed_in = plan.surplus(index, hub).saturating_sub(drawn);
        let mut readings = Vec::new();
        let increases =
            [(Resource::Compute, drawn), (Resource::ComputeHours, machines), (Resource::Heat, given_off), (Resource::Energy, fed_in)];
        for (resource, increase) in increases.into_iter().filter(|(_, increase)| *increase > 0) {
            let register = self.registers.entry(resource).or_default();
            register.sequence += 1;
            register.stand += increase;
            readings.push(Reading {
                register: resource,
                sequence: register.sequence,
                slot,
                register_wh: Quantity::new(register.stand),
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
        let by_slot = |of: fn(u64) -> u64| load.by_slot.iter().map(|(i, q)| (plan.span.slot(*i as i64), Quantity::new(of(*q)))).collect();
        self.completed.insert(trade);
        self.outbox.push(Action::CompleteTrade(CompleteTrade {
            trade,
            delivered: by_slot(|q| q),
            // Machines by the hour are not metered in Wh: they give no heat credits.
            heat: if load.resource == Resource::Compute { by_slot(thermal) } else { Vec::new() },
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
        let sold = |n, ordered, delivered| Sold { trade: trade(n), resource: Resource::Compute, first: 0, ordered, delivered };
        meter.book(&plan, 0, sold(1, 500, 500));
        let rest = share.iter().sum::<u64>() - 500;
        meter.book(&plan, 0, sold(2, rest, rest - 100));
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
    fn machines_are_hired_slot_by_slot_and_touch_neither_energy_nor_heat() {
        let (plan, mut meter) = (plan(), Meter::default());
        let sold = |n, ordered, delivered| Sold { trade: trade(n), resource: Resource::ComputeHours, first: 0, ordered, delivered };
        // Two machines for half an hour, then three quarters of a machine hour of which three quarters are used.
        meter.book(&plan, 7, sold(1, 1_000, 1_000));
        meter.book(&plan, 7, sold(2, 750, 562));
        let fed_in: Vec<u64> = (0..4).map(|i| meter.read(&plan, 7, i, plan.span.slot(i as i64))).collect();
        assert_eq!(fed_in, (0..4).map(|i| plan.surplus(i, 7)).collect::<Vec<_>>());
        let stands: Vec<(u64, u64)> = meter
            .outbox
            .iter()
            .flat_map(|action| match action {
                Action::SubmitReadings { readings } => readings.iter().filter(|r| r.register == Resource::ComputeHours),
                other => panic!("{other:?}"),
            })
            .map(|r| (r.sequence, r.register_wh.get()))
            .collect();
        assert_eq!(stands, [(1, 500), (2, 1_000), (3, 1_500), (4, 1_562)]);
        meter.take(256);
        meter.complete(&plan, trade(2));
        let Some(Action::CompleteTrade(done)) = meter.take(1).pop() else { panic!() };
        assert_eq!(done.delivered, [(plan.span.slot(2), Quantity::new(500)), (plan.span.slot(3), Quantity::new(62))]);
        assert!(done.heat.is_empty());
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
