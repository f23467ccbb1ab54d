//! What happened on a network: trades of each resource, storage, heat, prices; counted from receipts and events.

use leg_ledger::amount::{MicroChf, Price};
use leg_ledger::ids::TradeId;
use leg_ledger::receipt::{Code, Event, Receipt};
use leg_ledger::state::{PriceParts, StorageEnd};
use leg_ledger::transaction::Resource;
use std::collections::BTreeMap;

/// Every resource, in the order in which tables show them.
pub const RESOURCES: [Resource; 5] = [Resource::Energy, Resource::Compute, Resource::ComputeHours, Resource::Storage, Resource::Heat];

/// Trades of one resource. Quantities are Wh, of compute-hours milli-hours, of storage MB-months.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Trades that were made; of storage contracts, later months of which are not counted anew.
    pub matches: u64,
    /// Matched.
    pub matched: u64,
    /// In escrow at the match, micro-CHF.
    pub matched_value: u64,
    /// Trades that were settled; of storage the months.
    pub settled: u64,
    /// Delivered and paid.
    pub delivered: u64,
    /// Paid by buyers, micro-CHF.
    pub gross: u64,
    /// Network fee in it.
    pub fee: u64,
    /// Penalties for under-delivery.
    pub penalty: u64,
    /// Bonuses.
    pub bonus: u64,
    /// Trades that were cancelled.
    pub cancelled: u64,
}

/// What became of storage contracts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Contents that were announced.
    pub announced: u64,
    /// Contents whose first challenge was answered: they are stored.
    pub stored: u64,
    /// Further challenges, one a day.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that were missed.
    pub missed: u64,
    /// Contracts that ended otherwise than with their term.
    pub broken: u64,
}

/// What became of heat, Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeatMoves {
    /// Credited for compute.
    pub issued: u64,
    /// Retired.
    pub retired: u64,
}

/// A reference price over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRange {
    /// Slots in which it was computed.
    pub slots: u64,
    /// The lowest.
    pub lowest: Price,
    /// The highest.
    pub highest: Price,
    /// The last one.
    pub last: Price,
    /// Lowest parts: sun, grid, demand.
    pub least: PriceParts,
    /// Highest parts.
    pub most: PriceParts,
    /// Parts of the last one.
    pub parts: PriceParts,
}

impl PriceRange {
    fn new(price: Price, parts: PriceParts) -> Self {
        PriceRange { slots: 0, lowest: price, highest: price, last: price, least: parts, most: parts, parts }
    }

    fn add(&mut self, price: Price, parts: PriceParts) {
        let each = |a: PriceParts, b: PriceParts, of: fn(i32, i32) -> i32| PriceParts {
            supply: of(a.supply, b.supply),
            grid: of(a.grid, b.grid),
            demand: of(a.demand, b.demand),
        };
        self.slots += 1;
        (self.lowest, self.highest, self.last) = (self.lowest.min(price), self.highest.max(price), price);
        (self.least, self.most) = (each(self.least, parts, i32::min), each(self.most, parts, i32::max));
        self.parts = parts;
    }
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    traded: BTreeMap<Resource, Traded>,
    /// Resources of trades that run.
    resources: BTreeMap<TradeId, Resource>,
    /// Storage contracts.
    pub storage: Stored,
    /// Heat.
    pub heat: HeatMoves,
    /// Reference prices; of energy that of the one community.
    pub prices: BTreeMap<Resource, PriceRange>,
    /// Transactions in blocks.
    pub transactions: u64,
    /// Actions in them.
    pub actions: u64,
    /// Orders that were admitted.
    pub orders: u64,
    /// Rejected actions by code.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Confirmed by silence.
    pub silent: u64,
}

impl Counts {
    /// Trades of a resource.
    pub fn of(&self, resource: Resource) -> Traded {
        self.traded.get(&resource).copied().unwrap_or_default()
    }

    /// Trades of all resources that were cancelled.
    pub fn cancelled(&self) -> u64 {
        self.traded.values().map(|traded| traded.cancelled).sum()
    }

    pub(super) fn add_receipts(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            self.actions += 1;
            if receipt.code != Code::Ok {
                *self.rejected.entry(receipt.code.name()).or_default() += 1;
            } else if receipt.order.is_some() {
                self.orders += 1;
            }
        }
    }

    /// Counts a block's events. `escrow` tells what a trade of the state after the block holds.
    pub(super) fn add_events(&mut self, events: &[Event], escrow: impl Fn(&TradeId) -> Option<MicroChf>) {
        for event in events {
            match event {
                Event::Matched { trade, market, quantity, price, .. } => {
                    let resource = market.resource();
                    self.resources.insert(*trade, resource);
                    // Heat is settled where it is matched.
                    let value = escrow(trade).or_else(|| price.gross(*quantity)).map_or(0, |value| value.get());
                    let traded = self.traded(resource);
                    traded.matches += 1;
                    traded.matched += quantity.get();
                    traded.matched_value += value;
                }
                Event::Settled { trade, settlement } => {
                    self.heat.issued += settlement.heat.get();
                    let Some(resource) = self.resources.remove(trade) else { continue };
                    let traded = self.traded(resource);
                    traded.settled += 1;
                    traded.delivered += settlement.quantity.get();
                    traded.gross += settlement.gross.get();
                    traded.fee += settlement.fee.get();
                    traded.penalty += settlement.penalty.get();
                    traded.bonus += settlement.bonus.get();
                }
                Event::Cancelled { trade, .. } => {
                    if let Some(resource) = self.resources.remove(trade) {
                        self.traded(resource).cancelled += 1;
                    }
                }
                Event::Confirmed { silent: true, .. } => self.silent += 1,
                Event::HeatRetired { quantity, .. } => self.heat.retired += quantity.get(),
                Event::Reference { market, price, parts, .. } => {
                    self.prices.entry(market.resource()).or_insert_with(|| PriceRange::new(*price, *parts)).add(*price, *parts);
                }
                other => self.add_storage(other),
            }
        }
    }

    fn add_storage(&mut self, event: &Event) {
        let storage = &mut self.storage;
        match event {
            Event::StorageAnnounced { .. } => storage.announced += 1,
            Event::StorageProved { day: 0, .. } => storage.stored += 1,
            Event::StorageChallenged { day: 1.., .. } => storage.asked += 1,
            Event::StorageProved { .. } => storage.answered += 1,
            Event::StorageMissed { .. } => storage.missed += 1,
            Event::StorageEnded { end, .. } if *end != StorageEnd::Completed => storage.broken += 1,
            // Each month is a trade of its own.
            Event::StorageMonth { trade, .. } => drop(self.resources.insert(*trade, Resource::Storage)),
            _ => {}
        }
    }

    fn traded(&mut self, resource: Resource) -> &mut Traded {
        self.traded.entry(resource).or_default()
    }
}
