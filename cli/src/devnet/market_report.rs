//! The part of a report that is about the market: trades, prices, storage, heat.

use super::archive::StoredContent;
use super::counts::{Counts, PriceRange, RESOURCES, Traded};
use leg_ledger::amount::{MicroChf, Price, Quantity};
use leg_ledger::decimal::{chf_text, quantity_text};
use leg_ledger::state::PriceParts;
use leg_ledger::transaction::Resource;
use serde::Serialize;
use serde_json::Number;

/// Trades of a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradedReport {
    /// The resource.
    pub resource: Resource,
    /// The unit of its quantities: kWh, h, or GB (of storage GB-months are paid).
    pub unit: &'static str,
    /// Trades made; of storage contracts.
    pub matches: u64,
    /// Matched.
    pub matched: Number,
    /// Worth at the match.
    pub matched_chf: Number,
    /// Trades settled; of storage months.
    pub settled: u64,
    /// Delivered and paid.
    pub delivered: Number,
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

/// A reference price over the run, CHF per unit; the parts that moved it in basis points (MARKET 5).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceReport {
    /// The resource; of energy in the one community.
    pub resource: Resource,
    /// Slots in which it was computed.
    pub slots: u64,
    /// The lowest.
    pub lowest_chf: Number,
    /// The highest.
    pub highest_chf: Number,
    /// The last one.
    pub last_chf: Number,
    /// Sun against its mean: lowest, highest, last.
    pub supply: [i32; 3],
    /// Level of the grid.
    pub grid: [i32; 3],
    /// Resting bids against resting asks.
    pub demand: [i32; 3],
}

/// Storage contracts and what they store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageReport {
    /// Contents that were announced.
    pub announced: u64,
    /// Contents that a seller proved to have.
    pub stored: u64,
    /// Daily challenges.
    pub challenges: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that were missed.
    pub missed: u64,
    /// Months that were paid.
    pub months_billed: u64,
    /// Contents as they were read back at the end.
    pub contents: Vec<StoredContent>,
}

/// Heat credits, kWh thermal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeatReport {
    /// Credited for compute.
    pub issued_kwh: Number,
    /// Sold.
    pub sold_kwh: Number,
    /// Retired.
    pub retired_kwh: Number,
}

/// Wh as kWh, milli-hours as hours, MB as GB.
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

/// Price per unit as CHF.
fn price(price: Price) -> Number {
    chf(price.micro_chf())
}

/// The unit that people count a resource in; a thousand of the state's.
fn unit(resource: Resource) -> &'static str {
    match resource {
        Resource::Compute | Resource::Heat | Resource::Energy => "kWh",
        Resource::ComputeHours => "h",
        Resource::Storage => "GB",
    }
}

impl TradedReport {
    fn of(resource: Resource, t: Traded) -> Self {
        TradedReport {
            resource,
            unit: unit(resource),
            matches: t.matches,
            matched: kwh(t.matched),
            matched_chf: chf(t.matched_value),
            settled: t.settled,
            delivered: kwh(t.delivered),
            gross_chf: chf(t.gross),
            fee_chf: chf(t.fee),
            penalty_chf: chf(t.penalty),
            bonus_chf: chf(t.bonus),
            cancelled: t.cancelled,
        }
    }
}

impl PriceReport {
    fn of(resource: Resource, range: &PriceRange) -> Self {
        let part = |of: fn(&PriceParts) -> i32| [of(&range.least), of(&range.most), of(&range.parts)];
        PriceReport {
            resource,
            slots: range.slots,
            lowest_chf: price(range.lowest),
            highest_chf: price(range.highest),
            last_chf: price(range.last),
            supply: part(|p| p.supply),
            grid: part(|p| p.grid),
            demand: part(|p| p.demand),
        }
    }
}

impl StorageReport {
    pub(super) fn of(counts: &Counts, contents: Vec<StoredContent>) -> Self {
        let s = counts.storage;
        StorageReport {
            announced: s.announced,
            stored: s.stored,
            challenges: s.asked,
            answered: s.answered,
            missed: s.missed,
            months_billed: counts.of(Resource::Storage).settled,
            contents,
        }
    }
}

impl HeatReport {
    pub(super) fn of(counts: &Counts) -> Self {
        let (heat, sold) = (counts.heat, counts.of(Resource::Heat).matched);
        HeatReport { issued_kwh: kwh(heat.issued), sold_kwh: kwh(sold), retired_kwh: kwh(heat.retired) }
    }
}

/// Trades of every resource.
pub(super) fn trades(counts: &Counts) -> Vec<TradedReport> {
    RESOURCES.iter().map(|resource| TradedReport::of(*resource, counts.of(*resource))).collect()
}

/// Reference prices of every resource that has them.
pub(super) fn prices(counts: &Counts) -> Vec<PriceReport> {
    RESOURCES.iter().filter_map(|r| counts.prices.get(r).map(|range| PriceReport::of(*r, range))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_literals() {
        assert_eq!(serde_json::to_string(&chf(1_425_000)).unwrap(), "1.425");
        assert_eq!(serde_json::to_string(&kwh(636_310)).unwrap(), "636.31");
    }
}
