//! Reference prices, once per 15-minute slot (MARKET 5): for a resource, of energy for a community over all its open slots.
//!
//! B and S are read from the book at the first block of a slot: orders that are open then and stood before the last full slot began.
//! "At most a fifth of a side" is a fifth of what all owners together have on that side.

use super::pair::is_active;
use super::query;
use crate::amount::{Price, Quantity};
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::{LegId, OrderId, OwnerId};
use crate::limits::REFERENCE_SLOTS;
use crate::oracle;
use crate::params::{Params, ResourceParams};
use crate::receipt::{Code, Event};
use crate::state::{IndexKey, Order, PriceParts, ReferenceHistory, ReferenceKey, ReferencePoint, ReferenceState, References, View};
use crate::time::{MarketTime, Slot};
use crate::transaction::{Market, Resource, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Prices of the past that leave the history with each new one, at most.
const FORGOTTEN: usize = 16;

/// What rested through the last full slot, Wh (or the resource's state unit), each owner capped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Bids at the reference price or above.
    pub bids: u64,
    /// Asks whose floor is at the reference price or below.
    pub asks: u64,
}

impl Demand {
    /// d = clamp(5 000 x (B - S) / (B + S), -2 000, 2 000), truncated toward zero; 0 where nothing rested.
    pub fn adjustment(&self) -> i32 {
        let (bids, asks) = (i128::from(self.bids), i128::from(self.asks));
        let scaled = bids.saturating_sub(asks).saturating_mul(5_000);
        let ratio = scaled.checked_div(bids.saturating_add(asks)).unwrap_or(0);
        i32::try_from(ratio.clamp(-2_000, 2_000)).unwrap_or(0)
    }
}

/// ref = base x (10 000 + s + g + d) / 10 000, within [base / 2, 2 base], rounded down to the tick. `supply` is s, `grid` is g,
/// `demand` is d, all in basis points. `None` on overflow.
pub fn reference_formula(params: &ResourceParams, supply: i32, grid: i32, demand: i32) -> Option<Price> {
    let base = u128::from(params.base.micro_chf());
    let factor = [supply, grid, demand].iter().try_fold(10_000_i32, |sum, part| sum.checked_add(*part))?.max(0);
    let scaled = base.checked_mul(u128::try_from(factor).ok()?)?.checked_div(10_000)?;
    let within = scaled.clamp(base.checked_div(2)?, base.checked_mul(2)?);
    Price::from_micro_chf(u64::try_from(within).ok()?).floor_to(params.tick)
}

/// The reference price in force: the base until the first one is computed.
pub fn reference_price(view: &impl View, params: &Params, resource: Resource, leg: Option<LegId>) -> Price {
    entry(view, params, resource, leg).price
}

/// The reference price of a market.
pub(super) fn of_market(view: &impl View, params: &Params, market: &Market) -> Price {
    let leg = match market {
        Market::Energy { leg, .. } => Some(*leg),
        _ => None,
    };
    reference_price(view, params, market.resource(), leg)
}

/// An entry as it is, or as it begins: the base price, of no slot.
pub(super) fn entry(view: &impl View, params: &Params, resource: Resource, leg: Option<LegId>) -> ReferenceState {
    let begin = || ReferenceState { price: params.resources.of(resource).base, ..ReferenceState::default() };
    view.get::<References>(&(resource, leg)).cloned().unwrap_or_else(begin)
}

/// Phase 4: computes the reference prices in the first block of each slot. They are in force from the next block on.
///
/// # Errors
/// [`Fault`]: a price or sum overflows.
pub fn update_references(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let slot = ctx.facts.market_time.slot();
    if ctx.state.get::<References>(&(Resource::Compute, None)).is_some_and(|r| r.slot >= slot) {
        // All references are computed in one block.
        return Ok(());
    }
    let adjustment = oracle::adjustments(ctx, slot);
    let legs: Vec<LegId> = oracle::legs(&ctx.state).collect();
    let single = [Resource::Compute, Resource::ComputeHours, Resource::Storage, Resource::Heat];
    for resource in single {
        let inputs = if has_inputs(resource) { adjustment.of(None) } else { (0, 0) };
        update(ctx, resource, None, slot, inputs)?;
    }
    for leg in legs {
        let zone = oracle::zone_of_leg(ctx.state.base(), leg);
        let inputs = zone.map_or((0, 0), |zone| adjustment.of(Some(zone)));
        update(ctx, Resource::Energy, Some(leg), slot, inputs)?;
    }
    Ok(())
}

/// Storage and heat do not follow the sun or the grid: their s and g are 0.
fn has_inputs(resource: Resource) -> bool {
    matches!(resource, Resource::Compute | Resource::ComputeHours | Resource::Energy)
}

fn update(ctx: &mut Context<'_>, resource: Resource, leg: Option<LegId>, slot: Slot, inputs: (i32, i32)) -> Result<(), Fault> {
    let mut state = entry(&ctx.state, &ctx.params, resource, leg);
    let since = slot.get().checked_sub(1).and_then(|last| Slot::new(last).start()).unwrap_or(MarketTime::from_ms(0));
    let mut sides = Sides::default();
    for market in markets(ctx, resource, leg) {
        sides.add(ctx, market, state.price, since)?;
    }
    (state.supply, state.grid) = inputs;
    state.demand = sides.demand().adjustment();
    let params = ctx.params.resources.of(resource);
    let price = reference_formula(params, state.supply, state.grid, state.demand).ok_or(Code::Overflow)?;
    let moved = price != state.price;
    state.price = price;
    state.slot = slot;
    let parts = PriceParts { supply: state.supply, grid: state.grid, demand: state.demand };
    remember(ctx, (resource, leg, slot), ReferencePoint { price, parts });
    ctx.state.put::<References>((resource, leg), state);
    let market = match leg {
        Some(leg) => Market::Energy { leg, slot },
        None => Market::single(resource).ok_or(Fault::Missing("market of a resource"))?,
    };
    ctx.events.push(Event::Reference { market, slot, price, parts });
    for market in sides.dynamic.into_iter().filter(|_| moved) {
        ctx.changed_markets.insert(market);
    }
    Ok(())
}

/// Adds a price to the history of the last [`REFERENCE_SLOTS`]; of older ones some leave with each.
fn remember(ctx: &mut Context<'_>, key: ReferenceKey, point: ReferencePoint) {
    let (resource, leg, slot) = key;
    let first = Slot::new(slot.get().saturating_sub(REFERENCE_SLOTS));
    let old = ctx.state.range::<ReferenceHistory>((resource, leg, Slot::new(0))..=(resource, leg, first));
    let old: Vec<ReferenceKey> = old.take(FORGOTTEN).map(|(key, _)| *key).collect();
    for key in old {
        ctx.state.remove::<ReferenceHistory>(&key);
    }
    ctx.state.put::<ReferenceHistory>(key, point);
}

/// Markets of a resource that have orders, in their order.
fn markets(ctx: &Context<'_>, resource: Resource, leg: Option<LegId>) -> Vec<Market> {
    let Some(leg) = leg else { return Market::single(resource).into_iter().collect() };
    let all = query::markets(&ctx.state, Market::Energy { leg, slot: Slot::new(0) });
    all.take_while(|market| matches!(market, Market::Energy { leg: l, .. } if *l == leg)).collect()
}

/// Resting quantity by owner, and the markets in which dynamic asks stand.
#[derive(Debug, Default)]
struct Sides {
    bids: BTreeMap<OwnerId, u64>,
    asks: BTreeMap<OwnerId, u64>,
    dynamic: BTreeSet<Market>,
}

impl Sides {
    fn add(&mut self, ctx: &Context<'_>, market: Market, reference: Price, since: MarketTime) -> Result<(), Code> {
        for order in query::side(&ctx.state, market, Side::Bid).take_while(|bid| bid.limit() >= reference) {
            count(&mut self.bids, order, since, ctx.facts.market_time)?;
        }
        for order in query::side(&ctx.state, market, Side::Ask).take_while(|ask| ask.limit() <= reference) {
            count(&mut self.asks, order, since, ctx.facts.market_time)?;
        }
        if has_dynamic_asks(&ctx.state, market) {
            self.dynamic.insert(market);
        }
        Ok(())
    }

    fn demand(&self) -> Demand {
        Demand { bids: capped_sum(&self.bids), asks: capped_sum(&self.asks) }
    }
}

fn has_dynamic_asks(view: &impl View, market: Market) -> bool {
    let first = IndexKey::DynamicAsk { market, order: OrderId::from_hash(Hash::ZERO) };
    matches!(view.index(first..).next(), Some(IndexKey::DynamicAsk { market: of, .. }) if of == market)
}

fn count(side: &mut BTreeMap<OwnerId, u64>, order: &Order, since: MarketTime, now: MarketTime) -> Result<(), Code> {
    if order.placed_at <= since && is_active(order, now) {
        let sum = side.entry(order.owner).or_default();
        *sum = Quantity::new(*sum).checked_add(order.open).ok_or(Code::Overflow)?.get();
    }
    Ok(())
}

/// The sum of a side in which no owner counts for more than a fifth of all.
fn capped_sum(side: &BTreeMap<OwnerId, u64>) -> u64 {
    let total = side.values().fold(0_u64, |sum, q| sum.saturating_add(*q));
    let cap = total.checked_div(5).unwrap_or(0);
    side.values().fold(0_u64, |sum, q| sum.saturating_add((*q).min(cap)))
}
