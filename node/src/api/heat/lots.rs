//! Lots of a member.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, member_id, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use super::super::time;
use axum::Json;
use axum::extract::State;
use leg_ledger::heat::lots_of;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::state::{HeatLot, HeatLotKey};
use leg_ledger::time::Slot;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose lots.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LotParams {
    /// Who holds them.
    pub hub_id: String,
    /// Entries on the page, 100 by default.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A heat lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LotAnswer {
    /// Who holds it.
    pub hub_id: String,
    /// Who produced it.
    pub producer: String,
    /// First instant of the slot of the thermal reading.
    pub slot: String,
    /// The transaction whose compute made it.
    pub transaction_id: String,
    /// kWh thermal that the holder has of it.
    #[schema(value_type = f64)]
    pub quantity_kwh: Exact,
    /// What of it can be sold, transferred or retired.
    #[schema(value_type = f64)]
    pub free_kwh: Exact,
    /// What of it stands behind open asks.
    #[schema(value_type = f64)]
    pub reserved_kwh: Exact,
    /// When what is left of it expires, market time.
    pub expires_at: String,
}

impl LotAnswer {
    fn new(key: &HeatLotKey, lot: &HeatLot) -> Self {
        LotAnswer {
            hub_id: key.holder.to_string(),
            producer: key.producer.to_string(),
            slot: time::slot_text(key.slot),
            transaction_id: key.trade.to_string(),
            quantity_kwh: Exact::quantity(lot.quantity),
            free_kwh: Exact::quantity(lot.free()),
            reserved_kwh: Exact::quantity(lot.reserved),
            expires_at: time::text(lot.expires_at),
        }
    }
}

/// A page of lots.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LotList {
    /// By producer, slot and transaction.
    pub lots: Vec<LotAnswer>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Heat lots that a member holds, by page.
#[utoipa::path(
    get, path = "/api/heat/lots", tag = "heat", params(LotParams),
    responses((status = 200, description = "A page of lots.", body = LotList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_lots(State(api): State<Api>, Params(params): Params<LotParams>) -> Result<Json<LotList>, ApiError> {
    let limit = page_limit(params.limit)?;
    let holder = member_id(&params.hub_id, "hubId")?;
    let after = params.cursor.as_deref().map(|text| parse_cursor(holder, text)).transpose()?;
    let list = api.blocking(move |api| {
        api.read(|ledger| {
            let mut found: Vec<_> = lots_of(ledger.state(), holder, after).take(limit.saturating_add(1)).collect();
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more).map(|(key, _)| cursor(key));
            LotList { lots: found.into_iter().map(|(key, lot)| LotAnswer::new(key, lot)).collect(), next }
        })
    });
    list.await.map(Json)
}

fn cursor(key: &HeatLotKey) -> String {
    format!("{}.{}.{}", key.producer, key.slot.get(), key.trade)
}

fn parse_cursor(holder: MemberId, text: &str) -> Result<HeatLotKey, ApiError> {
    let parse = || {
        let mut parts = text.splitn(3, '.');
        let producer = MemberId::parse(parts.next()?)?;
        let slot = Slot::new(parts.next()?.parse().ok()?);
        Some(HeatLotKey { holder, producer, slot, trade: TradeId::from_hex(parts.next()?)? })
    };
    parse().ok_or_else(|| ApiError::bad_value("cursor", "not a cursor of this list"))
}
