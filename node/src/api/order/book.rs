//! One order book, by price.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use super::super::time;
use axum::Json;
use axum::extract::State;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{LegId, MemberId};
use leg_ledger::state::{IndexKey, Markets, Members, Orders, References, State as LedgerState, View};
use leg_ledger::transaction::{Market, Pricing, Resource, Side};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Orders that are read for one book, a side: more are left out and the answer says so.
const MAX_SCANNED: usize = 20_000;

/// Which book, and how deep.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct BookParams {
    /// `compute`, `compute-hours`, `storage`, `heat` or `energy`.
    #[param(value_type = String)]
    pub resource: Resource,
    /// For energy: the slot, its number or its first instant; the next one by default.
    pub slot: Option<String>,
    /// For energy: the community; by default that of this node's hub.
    pub leg: Option<String>,
    /// Price levels a side, 100 by default.
    pub limit: Option<usize>,
}

/// All orders at one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelAnswer {
    /// Limit in francs per kWh, hour or GB-month; of a dynamic ask its floor.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
    /// Open kWh, hours or GB-months.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// Number of orders.
    pub orders: usize,
    /// How many of them are priced dynamically.
    pub dynamic_orders: usize,
}

/// A book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookAnswer {
    /// What is traded.
    #[schema(value_type = String)]
    pub resource: Resource,
    /// The community of an energy book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// First instant of an energy book's slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// State after this block.
    pub height: u64,
    /// Highest price first.
    pub bids: Vec<LevelAnswer>,
    /// Lowest price first.
    pub asks: Vec<LevelAnswer>,
    /// Price of the last auction with fills.
    #[schema(value_type = Option<f64>)]
    pub last_price_chf: Option<Exact>,
    /// Reference price.
    #[schema(value_type = Option<f64>)]
    pub reference_price_chf: Option<Exact>,
    /// Deeper levels or further orders were left out.
    pub truncated: bool,
}

/// The order book of a market.
#[utoipa::path(
    get, path = "/api/marketplace/book", tag = "orders", params(BookParams),
    responses((status = 200, description = "The book.", body = BookAnswer), (status = "4XX", description = "No book.", body = ErrorAnswer))
)]
pub async fn book(State(api): State<Api>, Params(params): Params<BookParams>) -> Result<Json<BookAnswer>, ApiError> {
    let limit = page_limit(params.limit)?;
    let answer = api.blocking(move |api| {
        let own = api.own().map(|signer| signer.member());
        api.read(|ledger| {
            let market = market(ledger, &params, own)?;
            Ok(read_book(ledger, market, limit))
        })?
    });
    answer.await.map(Json)
}

fn market(ledger: &Ledger, params: &BookParams, own: Option<MemberId>) -> Result<Market, ApiError> {
    if params.resource != Resource::Energy && (params.slot.is_some() || params.leg.is_some()) {
        return Err(ApiError::bad_value("resource", "only energy has a slot and a community"));
    }
    Ok(match params.resource {
        Resource::Compute => Market::Compute,
        Resource::ComputeHours => Market::ComputeHours,
        Resource::Storage => Market::Storage,
        Resource::Heat => Market::Heat,
        Resource::Energy => {
            let leg = community(ledger.state(), params.leg.as_deref(), own)?;
            let running = ledger.market_time(ledger.tip().time).slot();
            let next = running.next().unwrap_or(running);
            let slot = params.slot.as_deref().map_or(Ok(next), |text| time::parse_slot(text, "slot"))?;
            Market::Energy { leg, slot }
        }
    })
}

/// The community that a request names, or that of this node's hub.
///
/// # Errors
/// 422 when it names none and this node's hub has none.
pub fn community(state: &LedgerState, named: Option<&str>, own: Option<MemberId>) -> Result<LegId, ApiError> {
    match named {
        Some(text) => LegId::parse(text).ok_or_else(|| ApiError::bad_value("leg", "not the name of a community")),
        None => own.and_then(|id| state.get::<Members>(&id)?.location.leg).ok_or_else(|| ApiError::missing("leg")),
    }
}

fn read_book(ledger: &Ledger, market: Market, limit: usize) -> BookAnswer {
    let state = ledger.state();
    let (bids, more_bids) = levels(state, market, Side::Bid, limit);
    let (asks, more_asks) = levels(state, market, Side::Ask, limit);
    let (leg, slot) = match market {
        Market::Energy { leg, slot } => (Some(leg), Some(slot)),
        _ => (None, None),
    };
    BookAnswer {
        resource: market.resource(),
        leg: leg.map(|leg| leg.to_string()),
        slot: slot.map(time::slot_text),
        height: ledger.tip().height.get(),
        bids,
        asks,
        last_price_chf: state.get::<Markets>(&market).and_then(|m| m.last_price).map(Exact::price),
        reference_price_chf: state.get::<References>(&(market.resource(), leg)).map(|r| Exact::price(r.price)),
        truncated: more_bids || more_asks,
    }
}

struct Level {
    price: Price,
    quantity: Quantity,
    orders: usize,
    dynamic: usize,
}

/// Price levels of a side, best first, and whether some were left out.
fn levels(state: &LedgerState, market: Market, side: Side, limit: usize) -> (Vec<LevelAnswer>, bool) {
    let first = super::query::book_start(market, side);
    let mut levels: Vec<Level> = Vec::new();
    let mut truncated = false;
    for (scanned, key) in state.index(first..).enumerate() {
        let IndexKey::Book { market: of, side: on, order, .. } = key else { break };
        if of != market || on != side {
            break;
        }
        let Some(order) = state.get::<Orders>(&order) else { continue };
        let fresh = levels.last().is_none_or(|level| level.price != order.limit());
        if scanned >= MAX_SCANNED || (fresh && levels.len() >= limit) {
            truncated = true;
            break;
        }
        if fresh {
            levels.push(Level { price: order.limit(), quantity: Quantity::ZERO, orders: 0, dynamic: 0 });
        }
        if let Some(level) = levels.last_mut() {
            level.quantity = level.quantity.checked_add(order.open).unwrap_or(level.quantity);
            level.orders += 1;
            level.dynamic += usize::from(order.terms.pricing == Pricing::Dynamic);
        }
    }
    let answer = |level: Level| LevelAnswer {
        price_per_unit_chf: Exact::price(level.price),
        quantity: Exact::quantity(level.quantity),
        orders: level.orders,
        dynamic_orders: level.dynamic,
    };
    (levels.into_iter().map(answer).collect(), truncated)
}
