//! What the community orders: the same stream of a seed on every machine.
//!
//! | part | what |
//! | --- | --- |
//! | 90 % | energy of a slot of the coming day (96 books), 10 to 600 Wh; in each slot half of the hubs have a deficit and bid, half a surplus and ask |
//! | 10 % | compute within the coming day, 10 to 600 Wh; even hubs bid, odd hubs ask |
//!
//! Limits lie around the base price, bids from 5 % below it to 20 % above, asks from 20 % below to 5 % above: most orders trade within a block
//! or two, the rest stays in the book. One order in ten is immediate-or-cancel; half of the compute bids may be split. Which of a hub's orders
//! share a signature is the benchmark's choice: one order a signature is a household's app, a hundred a hub's agent that quotes all slots.

use super::community::HUBS;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::time::{DAY_MS, MarketTime, SLOT_MS, Slot};
use leg_ledger::transaction::{Action, Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Slots of the coming day.
const SLOTS: u64 = 96;
/// The first of them begins at least a quarter of an hour from now.
const LEAD: u64 = 2;
/// The lot of energy and compute, Wh.
const LOT: u64 = 10;
/// The tick of their prices, micro-CHF per kWh.
const TICK: u64 = 100;
/// Base prices of MARKET 5, micro-CHF per kWh.
const ENERGY_BASE: u64 = 180_000;
const COMPUTE_BASE: u64 = 150_000;

/// A stream of orders.
#[derive(Clone, Debug)]
pub struct Mix {
    rng: ChaCha8Rng,
}

impl Mix {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Mix { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// One of `hubs`, whose turn it is.
    pub fn hub(&mut self, hubs: std::ops::Range<usize>) -> usize {
        self.rng.gen_range(hubs)
    }

    /// Orders of a hub that share a signature.
    pub fn orders(&mut self, hub: usize, count: usize, now: MarketTime) -> Vec<Action> {
        (0..count).map(|_| Action::PlaceOrder(self.order(hub, now))).collect()
    }

    fn order(&mut self, hub: usize, now: MarketTime) -> PlaceOrder {
        if self.rng.gen_range(0..10) > 0 { self.energy(hub, now) } else { self.compute(hub, now) }
    }

    fn energy(&mut self, hub: usize, now: MarketTime) -> PlaceOrder {
        let slot = now.slot().get() + LEAD + self.rng.gen_range(0..SLOTS);
        let side = if has_deficit(hub, slot) { Side::Bid } else { Side::Ask };
        self.placed(side, Product::Energy { slot: Slot::new(slot) }, ENERGY_BASE)
    }

    fn compute(&mut self, hub: usize, now: MarketTime) -> PlaceOrder {
        let side = if hub.is_multiple_of(2) { Side::Bid } else { Side::Ask };
        // All of an hour have the same window, as a scheduler gives it.
        let from = MarketTime::from_ms((now.slot().get() + LEAD) * SLOT_MS);
        let until = MarketTime::from_ms(from.ms() + DAY_MS);
        let mut order = self.placed(side, Product::Compute { from, until }, COMPUTE_BASE);
        order.split = side == Side::Bid && self.rng.gen_bool(0.5);
        order
    }

    fn placed(&mut self, side: Side, product: Product, base: u64) -> PlaceOrder {
        let percent = match side {
            Side::Bid => self.rng.gen_range(95..=120),
            Side::Ask => self.rng.gen_range(80..=105),
        };
        let immediate = self.rng.gen_range(0..10) == 0;
        PlaceOrder {
            side,
            product,
            quantity: Quantity::new(self.rng.gen_range(1..=60) * LOT),
            limit: Price::from_micro_chf(base * percent / 100 / TICK * TICK),
            time_in_force: if immediate { TimeInForce::ImmediateOrCancel } else { TimeInForce::GoodTillCancelled },
            min_fill: Quantity::ZERO,
            settlement: SettlementMethod::Credits.only(),
            pricing: Pricing::Fixed,
            split: false,
            solar: false,
            constraints: Constraints::default(),
            job: None,
        }
    }
}

/// Half of the hubs in each slot, never the same half twice in a row: nobody bids and asks in one book.
fn has_deficit(hub: usize, slot: u64) -> bool {
    (hub as u64 + slot).is_multiple_of(2)
}

/// The hubs of one of `parts` signing threads.
pub fn share(part: usize, parts: usize) -> std::ops::Range<usize> {
    HUBS * part / parts..HUBS * (part + 1) / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_seed_gives_the_same_orders_and_nobody_meets_himself() {
        let now = MarketTime::from_ms(1_800_000_000_000);
        let stream = |seed| {
            let mut mix = Mix::new(seed);
            let mut orders = Vec::new();
            for _ in 0..2_000 {
                let hub = mix.hub(0..HUBS);
                orders.push((hub, mix.order(hub, now)));
            }
            orders
        };
        assert_eq!(stream(3), stream(3));
        assert_ne!(stream(3), stream(4));
        let mut mix = Mix::new(3);
        let mut sides: BTreeMap<(usize, String), BTreeSet<Side>> = BTreeMap::new();
        let mut counts = [0; 2];
        for _ in 0..20_000 {
            let hub = mix.hub(0..HUBS);
            let order = mix.order(hub, now);
            counts[usize::from(order.side == Side::Bid)] += 1;
            let book = match order.product {
                Product::Energy { slot } => {
                    assert!((now.slot().get() + LEAD..now.slot().get() + LEAD + SLOTS).contains(&slot.get()));
                    slot.get().to_string()
                }
                other => format!("{:?}", other.resource()),
            };
            sides.entry((hub, book)).or_default().insert(order.side);
        }
        assert!(sides.values().all(|sides| sides.len() == 1), "a hub on both sides of a book");
        assert!(counts.iter().all(|count| (9_000..11_000).contains(count)), "bids and asks balance: {counts:?}");
    }

    #[test]
    fn threads_share_all_hubs_between_them() {
        for parts in 1..=5 {
            let all: Vec<usize> = (0..parts).flat_map(|part| share(part, parts)).collect();
            assert_eq!(all, (0..HUBS).collect::<Vec<_>>());
        }
    }
}
