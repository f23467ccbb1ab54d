//! What each hub orders, and when. Pure: the run's slot goes in, orders come out.
//!
//! ```text
//! tick            -16          -12              -6           -4            0 .. 3         4
//! of an hour      forecast     compute bids     offers       energy of     the hour       meters complete
//!                              and offers       lapse        slot 0                       the jobs
//! ```
//!
//! Machines by the hour are bid and offered with compute. They are no part of a building's balance: they stand apart, with power of their own. What
//! oracles report is in [`super::oracles`], what becomes of the heat in [`super::heat`].
//!
//! A tick is the start of a slot. A hub that offers compute offers as much of an hour's solar surplus as its servers can draw. What is not sold
//! by two slots before the hour's first energy tick lapses, so that all of the surplus that no job needs is offered to the neighbours.

use super::community::{Balance, Community, HUBS, LOT_WH, whole_lots};
use super::data::WEEK_SLOTS;
use super::jobs::{HOUR_SLOTS, Job, Jobs, MACHINES};
use super::pricing::Pricing;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::ids::MemberId;
use leg_ledger::time::{DAY_MS, MarketTime, Slot};
use leg_ledger::transaction::{
    Action, Constraints, PlaceOrder, Pricing as PricingKind, Product, Resource, SettlementMethod, Side, TimeInForce,
};
use std::collections::BTreeMap;

/// Ticks before an hour at which its solar forecast is given.
pub const FORECAST_LEAD: i64 = 16;
/// Ticks before an hour at which its compute is bid and offered.
pub const COMPUTE_LEAD: i64 = 12;
/// Ticks before an hour at which compute offers lapse.
pub const COMPUTE_CLOSE: i64 = 6;
/// Ticks before a slot at which its energy is bid and asked.
pub const ENERGY_LEAD: i64 = 4;
/// Power of a hub's servers in the genesis preset gives this much in a slot, Wh.
const SERVER_SLOT_WH: u64 = 3_000;
/// What a hub's machines give in a slot, milli-hours.
pub const MACHINES_SLOT: u64 = MACHINES * 250;

/// Where the run stands in market time and in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Market slot of the run's slot 0.
    pub first: Slot,
    /// Slots of the run.
    pub slots: usize,
    /// Slot of the data that the run's slot 0 has.
    pub data_offset: usize,
}

impl Span {
    /// Market slot of a slot of the run; before the run too.
    pub fn slot(&self, index: i64) -> Slot {
        Slot::new(self.first.get().saturating_add_signed(index))
    }

    /// First instant of a slot of the run.
    pub fn start(&self, index: i64) -> MarketTime {
        self.slot(index).start().unwrap_or_default()
    }

    /// The slot of the run that a market slot is.
    pub fn index(&self, slot: Slot) -> Option<usize> {
        let index = usize::try_from(slot.get().checked_sub(self.first.get())?).ok()?;
        (index < self.slots).then_some(index)
    }

    fn contains(&self, index: i64) -> bool {
        usize::try_from(index).is_ok_and(|i| i < self.slots)
    }

    /// True where a whole hour of the run begins.
    fn hour(&self, index: i64) -> Option<usize> {
        let index = usize::try_from(index).ok()?;
        (index.is_multiple_of(HOUR_SLOTS) && index + HOUR_SLOTS <= self.slots).then_some(index / HOUR_SLOTS)
    }
}

/// The orders of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The community.
    pub community: Community,
    /// The jobs.
    pub jobs: Jobs,
    /// When.
    pub span: Span,
    /// At what prices.
    pub pricing: Pricing,
}

/// What one member signs at a tick, under one signature.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The actions.
    pub actions: Vec<Action>,
    /// Jobs that are bid for, by the index of their action.
    pub jobs: BTreeMap<usize, Job>,
}

impl Plan {
    /// A plan.
    pub fn new(community: Community, jobs: Jobs, span: Span, pricing: Pricing) -> Self {
        Plan { community, jobs, span, pricing }
    }

    fn data_slot(&self, index: usize) -> usize {
        index + self.span.data_offset
    }

    /// Wh drawn beyond what is made by a hub in a slot of the run.
    pub fn deficit(&self, index: usize, hub: usize) -> u64 {
        self.community.balance(self.data_slot(index), hub).deficit()
    }

    /// Wh made beyond what is drawn by a hub in a slot of the run, before its servers work.
    pub fn surplus(&self, index: usize, hub: usize) -> u64 {
        self.community.balance(self.data_slot(index), hub).surplus()
    }

    /// Wh of a slot's surplus that a hub offers as compute, whole lots.
    pub fn server_share(&self, index: usize, hub: usize) -> u64 {
        let whole_hour = self.span.hour((index - index % HOUR_SLOTS) as i64).is_some();
        if whole_hour && self.jobs.offers(hub) { whole_lots(self.surplus(index, hub).min(SERVER_SLOT_WH)) } else { 0 }
    }

    /// What the whole community draws and makes in a slot of the run, Wh; before the run too.
    pub fn zone(&self, index: i64) -> Balance {
        let slot = (index + self.span.data_offset as i64).rem_euclid(WEEK_SLOTS as i64) as usize;
        let all = (0..HUBS).map(|hub| self.community.balance(slot, hub));
        all.fold(Balance::default(), |sum, b| Balance { drawn: sum.drawn + b.drawn, made: sum.made + b.made })
    }

    /// What hubs can sell of their servers' work in a slot of the run: Wh of compute, milli-hours of machines.
    pub fn share(&self, resource: Resource, index: usize, hub: usize) -> u64 {
        if resource == Resource::ComputeHours { MACHINES_SLOT } else { self.server_share(index, hub) }
    }

    /// Jobs that the run asks for.
    pub fn jobs_asked(&self) -> usize {
        let of_hour = |hour| self.jobs.of_hour(hour).len() + usize::from(self.jobs.rental(hour).is_some());
        (0..self.span.slots / HOUR_SLOTS).map(of_hour).sum()
    }

    /// What the hubs (and, last, the customer) sign at a tick; empty batches where they have nothing to do. `kept` says what a hub's jobs will
    /// draw in a slot of the run, Wh.
    pub fn orders(&self, tick: i64, kept: &dyn Fn(usize, usize) -> u64) -> Vec<Batch> {
        let mut batches = vec![Batch::default(); HUBS + 1];
        if let Some(hour) = self.span.hour(tick + FORECAST_LEAD) {
            self.forecasts(hour, &mut batches);
        }
        if let Some(hour) = self.span.hour(tick + COMPUTE_LEAD) {
            self.compute(hour, tick, &mut batches);
        }
        if self.span.contains(tick + ENERGY_LEAD) {
            self.energy((tick + ENERGY_LEAD) as usize, kept, &mut batches);
        }
        batches
    }

    /// The slots after the last whole hour are forecast with it.
    fn forecasts(&self, hour: usize, batches: &mut [Batch]) {
        let first = hour * HOUR_SLOTS;
        let last_hour = first + 2 * HOUR_SLOTS > self.span.slots;
        let end = if last_hour { self.span.slots } else { first + HOUR_SLOTS };
        for (hub, batch) in batches.iter_mut().take(HUBS).enumerate() {
            let made = |index: usize| self.community.balance(self.data_slot(index), hub).made;
            let slots: Vec<_> = (first..end)
                .filter(|index| made(*index) > 0)
                .map(|index| (self.span.slot(index as i64), Quantity::new(made(index))))
                .collect();
            if !slots.is_empty() {
                batch.actions.push(Action::ForecastSolar { slots });
            }
        }
    }

    fn compute(&self, hour: usize, tick: i64, batches: &mut [Batch]) {
        let first = (hour * HOUR_SLOTS) as i64;
        let (from, until) = (self.span.start(first), self.span.start(first + HOUR_SLOTS as i64));
        let lapse = self.span.start(first - COMPUTE_CLOSE);
        for (hub, batch) in batches.iter_mut().take(HUBS).enumerate().filter(|(hub, _)| self.jobs.offers(*hub)) {
            let pricing = if self.pricing.is_dynamic(hub) { PricingKind::Dynamic } else { PricingKind::Fixed };
            let offer = |product, quantity, limit, solar| {
                let terms = order(Side::Ask, product, quantity, limit);
                Action::PlaceOrder(PlaceOrder { time_in_force: TimeInForce::GoodTillTime(lapse), pricing, solar, ..terms })
            };
            let offered: u64 = (0..HOUR_SLOTS).map(|i| self.server_share(hour * HOUR_SLOTS + i, hub)).sum();
            if offered >= LOT_WH {
                batch.actions.push(offer(Product::Compute { from, until }, offered, self.pricing.compute_ask(hub), true));
            }
            let machines = MACHINES_SLOT * HOUR_SLOTS as u64;
            batch.actions.push(offer(Product::ComputeHours { from, until }, machines, self.pricing.machine_ask(hub), false));
        }
        let now = self.span.start(tick);
        let until = now.checked_add_ms(DAY_MS).unwrap_or(now);
        for job in self.jobs.of_hour(hour).into_iter().chain(self.jobs.rental(hour)) {
            let (product, limit) = match job.resource {
                Resource::ComputeHours => (Product::ComputeHours { from: now, until }, self.pricing.machine_bid(job.buyer)),
                _ => (Product::Compute { from: now, until }, self.pricing.compute_bid(job.buyer)),
            };
            let mut terms = order(Side::Bid, product, job.quantity, limit);
            // A job runs at one hub, whole.
            terms.min_fill = terms.quantity;
            let batch = &mut batches[job.buyer];
            batch.jobs.insert(batch.actions.len(), job);
            batch.actions.push(Action::PlaceOrder(terms));
        }
    }

    fn energy(&self, index: usize, kept: &dyn Fn(usize, usize) -> u64, batches: &mut [Batch]) {
        let product = Product::Energy { slot: self.span.slot(index as i64) };
        for (hub, batch) in batches.iter_mut().take(HUBS).enumerate() {
            let wanted = whole_lots(self.deficit(index, hub));
            let offered = whole_lots(self.surplus(index, hub).saturating_sub(kept(hub, index)));
            let terms = if wanted > 0 {
                order(Side::Bid, product, wanted, self.pricing.energy_bid(hub))
            } else if offered > 0 {
                PlaceOrder { solar: true, ..order(Side::Ask, product, offered, self.pricing.energy_ask(hub)) }
            } else {
                continue;
            };
            if is_worth_an_order(&terms) {
                batch.actions.push(Action::PlaceOrder(terms));
            }
        }
    }
}

/// Least value of an order, micro-CHF (MARKET 1).
const MIN_NOTIONAL: u64 = 1_000;

/// Whether an order is worth the least that the market takes.
pub fn is_worth_an_order(terms: &PlaceOrder) -> bool {
    terms.limit.gross(terms.quantity).is_some_and(|value| value.get() >= MIN_NOTIONAL)
}

/// A plain order: to be filled in parts by anybody until it is cancelled.
pub fn order(side: Side, product: Product, wh: u64, limit: Price) -> PlaceOrder {
    PlaceOrder {
        side,
        product,
        quantity: Quantity::new(wh),
        limit,
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: PricingKind::Fixed,
        split: false,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    }
}

/// The hub's member id, `hub-01` for index 0.
pub fn hub_id(index: usize) -> Option<MemberId> {
    MemberId::parse(&format!("hub-{:02}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::params::Params;
    use leg_ledger::time::{BlockTime, MarketClock};

    fn plan(slots: usize, data_offset: usize) -> Plan {
        let community = Community::load().unwrap();
        let jobs = Jobs::load(community.peak_watts()).unwrap();
        let params = Params::standard(MarketClock { origin: BlockTime::from_ms(1), scale: 1 });
        Plan::new(community, jobs, Span { first: Slot::new(1_000), slots, data_offset }, Pricing::new(&params))
    }

    fn energy(batch: &Batch) -> Vec<(Side, u64)> {
        let of = |action: &Action| match action {
            Action::PlaceOrder(o) if matches!(o.product, Product::Energy { .. }) => Some((o.side, o.quantity.get())),
            _ => None,
        };
        batch.actions.iter().filter_map(of).collect()
    }

    #[test]
    fn each_hub_bids_or_asks_its_net_energy_in_whole_lots() {
        let batches = plan(8, 40).orders(-ENERGY_LEAD, &|hub, _| if hub == 0 { 1_234 } else { 0 });
        // Monday 10:00. Hub 1 has 2 400 Wh left of which jobs need 1 234; hub 8 lacks 794 Wh; hub 3 has 176 Wh left.
        assert_eq!(energy(&batches[0]), [(Side::Ask, 1_160)]);
        assert_eq!(energy(&batches[7]), [(Side::Bid, 790)]);
        assert_eq!(energy(&batches[2]), [(Side::Ask, 170)]);
    }

    #[test]
    fn every_slot_has_its_energy_tick_and_every_whole_hour_its_jobs() {
        let plan = plan(10, 40);
        let batches: Vec<Vec<Batch>> = (-FORECAST_LEAD..10).map(|tick| plan.orders(tick, &|_, _| 0)).collect();
        let slots = batches.iter().filter(|b| b.iter().any(|b| !energy(b).is_empty())).count();
        assert_eq!(slots, 10);
        let jobs: usize = batches.iter().flatten().map(|b| b.jobs.len()).sum();
        assert_eq!(jobs, 6, "two whole hours");
        let forecast = |batch: &Batch| match batch.actions.first() {
            Some(Action::ForecastSolar { slots }) => slots.len(),
            _ => 0,
        };
        let forecasts: usize = batches.iter().map(|b| forecast(&b[0])).sum();
        assert_eq!(forecasts, 10, "each slot once, the broken hour with the last whole one");
    }

    #[test]
    fn jobs_name_the_action_that_bids_for_them() {
        for batch in plan(8, 40).orders(-COMPUTE_LEAD, &|_, _| 0) {
            for (index, job) in &batch.jobs {
                assert!(
                    matches!(&batch.actions[*index], Action::PlaceOrder(o) if o.quantity.get() == job.quantity && o.product.resource() == job.resource && o.min_fill == o.quantity)
                );
            }
        }
    }
}
