//! Markets: their rules and prices.

use super::error::{ApiError, ErrorAnswer};
use super::extract::Params;
use super::number::Exact;
use super::service::Api;
use super::time;
use axum::Json;
use axum::extract::State;
use leg_ledger::execute::Ledger;
use leg_ledger::ids::LegId;
use leg_ledger::params::PriceRule;
use leg_ledger::state::{Markets, References, View};
use leg_ledger::time::Slot;
use leg_ledger::transaction::{Market, Resource};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use utoipa::{IntoParams, ToSchema};

/// Energy slots of a community in one answer.
const MAX_SLOTS: usize = 200;

/// Which energy slots.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarketParams {
    /// Energy slots from this one on, its number or its first instant; the running one by default. Slots that closed leave the ledger's
    /// state, and their prices with them; blocks keep them as events.
    pub from_slot: Option<String>,
}

/// A market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketAnswer {
    /// What is traded.
    #[schema(value_type = String)]
    pub resource: Resource,
    /// Unit of quantities and prices: `kWh`, `h` or `GB-month`.
    pub unit: String,
    /// Community of energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// Base price.
    #[schema(value_type = f64)]
    pub base_price_chf: Exact,
    /// Reference price; the base until the market has one.
    #[schema(value_type = f64)]
    pub reference_price_chf: Exact,
    /// s of it, for the solar forecast, basis points.
    pub supply: i32,
    /// g of it, for the grid level, basis points.
    pub grid: i32,
    /// d of it, for resting bids against resting asks, basis points.
    pub demand: i32,
    /// Price of the last auction with fills.
    #[schema(value_type = Option<f64>)]
    pub last_price_chf: Option<Exact>,
    /// Quantities are multiples of it.
    #[schema(value_type = f64)]
    pub lot: Exact,
    /// Prices are multiples of it.
    #[schema(value_type = f64)]
    pub tick_chf: Exact,
    /// `seller` or `uniform`.
    #[schema(value_type = String)]
    pub price_rule: PriceRule,
    /// Only cancels are accepted.
    pub halted: bool,
    /// Last prices of energy by slot that is still open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<SlotPriceAnswer>,
}

/// Last price of energy in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotPriceAnswer {
    /// First instant of the slot.
    pub slot: String,
    /// Price of its last auction with fills.
    #[schema(value_type = f64)]
    pub last_price_chf: Exact,
    /// Block of that auction.
    pub height: u64,
}

/// All markets.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MarketList {
    /// One a resource; of energy one a community that has a reference price, or one without community.
    pub markets: Vec<MarketAnswer>,
}

/// Reference and last prices of all markets.
#[utoipa::path(
    get, path = "/api/markets", tag = "orders", params(MarketParams),
    responses((status = 200, description = "The markets.", body = MarketList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_markets(State(api): State<Api>, Params(params): Params<MarketParams>) -> Result<Json<MarketList>, ApiError> {
    let from = params.from_slot.as_deref().map(|text| time::parse_slot(text, "fromSlot")).transpose()?;
    api.blocking(move |api| api.read(|ledger| markets(ledger, from))).await.map(Json)
}

fn markets(ledger: &Ledger, from: Option<Slot>) -> MarketList {
    let running = ledger.market_time(ledger.tip().time).slot();
    let from = from.unwrap_or(running);
    let others = [Resource::Compute, Resource::ComputeHours, Resource::Storage, Resource::Heat];
    let mut markets: Vec<MarketAnswer> = others.iter().filter_map(|resource| market(ledger, *resource, None, from)).collect();
    let energy = (Resource::Energy, None);
    let legs: Vec<LegId> = ledger.state().range::<References>(energy..).filter_map(|((_, leg), _)| *leg).collect();
    if legs.is_empty() {
        markets.extend(market(ledger, Resource::Energy, None, from));
    }
    markets.extend(legs.into_iter().filter_map(|leg| market(ledger, Resource::Energy, Some(leg), from)));
    MarketList { markets }
}

fn market(ledger: &Ledger, resource: Resource, leg: Option<LegId>, from: Slot) -> Option<MarketAnswer> {
    let state = ledger.state();
    let rules = ledger.params()?.resources.of(resource);
    let reference = state.get::<References>(&(resource, leg));
    let single = Market::single(resource);
    let unit = match resource {
        Resource::Compute | Resource::Heat | Resource::Energy => "kWh",
        Resource::ComputeHours => "h",
        Resource::Storage => "GB-month",
    };
    let slots = leg.map(|leg| slot_prices(ledger, leg, from)).unwrap_or_default();
    Some(MarketAnswer {
        resource,
        unit: unit.to_owned(),
        leg: leg.map(|leg| leg.to_string()),
        base_price_chf: Exact::price(rules.base),
        reference_price_chf: Exact::price(reference.map_or(rules.base, |r| r.price)),
        supply: reference.map_or(0, |r| r.supply),
        grid: reference.map_or(0, |r| r.grid),
        demand: reference.map_or(0, |r| r.demand),
        last_price_chf: single.and_then(|market| state.get::<Markets>(&market)?.last_price).map(Exact::price),
        lot: Exact::quantity(rules.lot),
        tick_chf: Exact::price(rules.tick),
        price_rule: rules.rule,
        halted: reference.is_some_and(|r| r.halted),
        slots,
    })
}

fn slot_prices(ledger: &Ledger, leg: LegId, from: Slot) -> Vec<SlotPriceAnswer> {
    let first = Market::Energy { leg, slot: from };
    let markets = ledger.state().range::<Markets>((Bound::Included(first), Bound::Unbounded)).take(MAX_SLOTS);
    let prices = markets.filter_map(|(market, state)| match (market, state.last_price) {
        (Market::Energy { leg: of, slot }, Some(price)) if *of == leg => {
            Some(SlotPriceAnswer { slot: time::slot_text(*slot), last_price_chf: Exact::price(price), height: state.last_height.get() })
        }
        _ => None,
    });
    prices.collect()
}
