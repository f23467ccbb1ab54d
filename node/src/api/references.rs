//! Reference prices of the past week with their parts (MARKET 5).

use super::error::{ApiError, ErrorAnswer};
use super::extract::{Params, page_limit};
use super::number::Exact;
use super::service::Api;
use super::time;
use axum::Json;
use axum::extract::State;
use leg_ledger::ids::LegId;
use leg_ledger::state::{ReferenceHistory, ReferencePoint, View};
use leg_ledger::time::Slot;
use leg_ledger::transaction::Resource;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which prices.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReferenceParams {
    /// `compute`, `compute-hours`, `storage`, `heat` or `energy`.
    #[param(value_type = String)]
    pub resource: Resource,
    /// Community of energy.
    pub leg: Option<String>,
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A reference price of a slot: base x (10000 + supply + grid + demand) / 10000, within half and twice the base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceAnswer {
    /// First instant of the slot.
    pub slot: String,
    /// Francs per unit.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
    /// s, for the solar forecast, basis points.
    pub supply: i32,
    /// g, for the grid level, basis points.
    pub grid: i32,
    /// d, for resting bids against resting asks, basis points.
    pub demand: i32,
}

impl ReferenceAnswer {
    fn new(slot: Slot, point: &ReferencePoint) -> Self {
        ReferenceAnswer {
            slot: time::slot_text(slot),
            price_per_unit_chf: Exact::price(point.price),
            supply: point.parts.supply,
            grid: point.parts.grid,
            demand: point.parts.demand,
        }
    }
}

/// A page of reference prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReferenceList {
    /// The newest first.
    pub references: Vec<ReferenceAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Reference prices of a market, of the last seven days; older ones stand in the events of blocks.
#[utoipa::path(
    get, path = "/api/markets/references", tag = "orders", params(ReferenceParams),
    responses((status = 200, description = "A page of prices.", body = ReferenceList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_references(State(api): State<Api>, Params(params): Params<ReferenceParams>) -> Result<Json<ReferenceList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let bad = || ApiError::bad_value("leg", "not the name of a community");
    let leg = params.leg.as_deref().map(|text| LegId::parse(text).ok_or_else(bad)).transpose()?;
    if leg.is_some() != (params.resource == Resource::Energy) {
        return Err(ApiError::bad_value("leg", "energy has a reference price for each community, nothing else has"));
    }
    let wrong = |_| ApiError::bad_value("cursor", "not a cursor of this list");
    let below = params.cursor.as_deref().map_or(Ok(u64::MAX), |text| text.parse().map_err(wrong))?;
    let resource = params.resource;
    let list = api.blocking(move |api| {
        api.read(|ledger| {
            // At most a week of slots.
            let all = ledger.state().range::<ReferenceHistory>((resource, leg, Slot::new(0))..(resource, leg, Slot::new(below)));
            let all: Vec<_> = all.collect();
            let page: Vec<_> = all.iter().rev().take(limit).collect();
            let next = page.last().filter(|_| all.len() > limit).map(|((_, _, slot), _)| slot.get().to_string());
            let references = page.into_iter().map(|((_, _, slot), point)| ReferenceAnswer::new(*slot, point)).collect();
            ReferenceList { references, next }
        })
    });
    list.await.map(Json)
}
