//! Price inputs: what oracles report, and how they stand to each other (MARKET 11).

use super::auth::Authorized;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{Body, Params, Sending, WaitParams};
use super::metering::{Answer, ReportAnswer, report};
use super::service::Api;
use super::time::{self, TimeText};
use super::trade::{DeliveredRequest, by_slot};
use axum::Json;
use axum::extract::State;
use leg_ledger::execute::Ledger;
use leg_ledger::ids::PlaceId;
use leg_ledger::member::KeyRole;
use leg_ledger::oracle::{Source, evaluate, zones};
use leg_ledger::receipt::Code;
use leg_ledger::state::OracleInput;
use leg_ledger::time::Slot;
use leg_ledger::transaction::Action;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A forecast of a zone's solar energy.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SolarRequest {
    /// The zone: a canton.
    pub zone: String,
    /// kWh by slot, ascending.
    pub slots: Vec<DeliveredRequest>,
}

/// Levels of a zone's grid.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GridLevelRequest {
    /// The zone: a canton.
    pub zone: String,
    /// By slot, ascending.
    pub levels: Vec<LevelRequest>,
}

/// A grid level in a slot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelRequest {
    /// The slot: its first instant, or its number.
    pub slot: TimeText,
    /// -1 (too much energy) to 3 (emergency).
    pub level: i32,
}

/// Most slots in one report.
const MAX_LEVELS: usize = leg_ledger::limits::MAX_READINGS;

fn zone(text: &str) -> Result<PlaceId, ApiError> {
    PlaceId::parse(text).ok_or_else(|| ApiError::bad_value("zone", "not the name of a canton"))
}

fn field_of(code: Code, values: &'static str) -> Option<&'static str> {
    match code {
        Code::UnknownZone | Code::NotParty => Some("zone"),
        _ => Some(values),
    }
}

/// An oracle's forecast of a zone's solar energy.
#[utoipa::path(
    post, path = "/api/oracles/solar", tag = "oracles", request_body = SolarRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn report_solar(_: Authorized, State(api): State<Api>, sending: Sending, body: Body<SolarRequest>) -> Result<Answer, ApiError> {
    let action = Action::ReportSolar { zone: zone(&body.value.zone)?, slots: by_slot(&body.value.slots, "slots")? };
    report(api, sending, action, KeyRole::Operator, body.fingerprint, |code| field_of(code, "slots")).await
}

/// Levels of a zone's grid, from an oracle or the zone's grid operator.
#[utoipa::path(
    post, path = "/api/oracles/grid-level", tag = "oracles", request_body = GridLevelRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn report_grid_level(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<GridLevelRequest>,
) -> Result<Answer, ApiError> {
    let request = body.value;
    if request.levels.len() > MAX_LEVELS {
        return Err(ApiError::bad_value("levels", format!("at most {MAX_LEVELS} slots fit in one report")));
    }
    let levels = request.levels.iter().map(|of| Ok((of.slot.slot("levels.slot")?, of.level))).collect::<Result<_, ApiError>>()?;
    let action = Action::ReportGridLevel { zone: zone(&request.zone)?, levels };
    report(api, sending, action, KeyRole::Operator, body.fingerprint, |code| field_of(code, "levels")).await
}

/// Which slot.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputParams {
    /// The slot, its number or its first instant; the running one by default. Reports stay for eight days.
    pub slot: Option<String>,
}

/// One source of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceAnswer {
    /// Who reported.
    pub hub_id: String,
    /// Wh, or a grid level.
    pub value: i64,
    /// First instant of the slot that it is for; of a grid level the latest that was reported.
    pub slot: String,
    /// When it was reported, market time.
    pub reported_at: String,
    /// How long before the slot's start it was reported, ms; negative: within the slot.
    pub lead_ms: i64,
    /// How far it is from the median, in the unit of `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_median: Option<i64>,
    /// Whether the median counts it: fresh, from an active source, and the latest of its owner.
    pub counted: bool,
}

/// An input of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputAnswer {
    /// `solar-forecast` or `grid-level`.
    #[schema(value_type = String)]
    pub input: OracleInput,
    /// The zone.
    pub zone: String,
    /// The median, Wh or a grid level; absent with too few fresh sources: the adjustment is 0 then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<i64>,
    /// Sources that counted.
    pub counted: usize,
    /// Sources that are needed.
    pub needed: u32,
    /// Everybody that reported.
    pub sources: Vec<SourceAnswer>,
}

/// All price inputs in a slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InputList {
    /// First instant of the slot.
    pub slot: String,
    /// By zone.
    pub inputs: Vec<InputAnswer>,
}

/// Price inputs of a slot with the health of their sources: who reported, how early, how far from the median.
#[utoipa::path(
    get, path = "/api/oracles", tag = "oracles", params(InputParams),
    responses((status = 200, description = "The inputs.", body = InputList), (status = "4XX", description = "A wrong query.", body = ErrorAnswer))
)]
pub async fn list_inputs(State(api): State<Api>, Params(params): Params<InputParams>) -> Result<Json<InputList>, ApiError> {
    let slot = params.slot.as_deref().map(|text| time::parse_slot(text, "slot")).transpose()?;
    api.blocking(move |api| api.read(|ledger| inputs(ledger, slot))).await.map(Json)
}

fn inputs(ledger: &Ledger, slot: Option<Slot>) -> InputList {
    let slot = slot.unwrap_or_else(|| ledger.market_time(ledger.tip().time).slot());
    let mut inputs = Vec::new();
    if let Some(params) = ledger.params() {
        for zone in zones(ledger.state()) {
            for input in [OracleInput::SolarForecast, OracleInput::GridLevel] {
                let found = evaluate(ledger.state(), &params.oracle, input, zone, slot);
                inputs.push(InputAnswer {
                    input,
                    zone: zone.to_string(),
                    median: found.value,
                    counted: found.counted(),
                    needed: params.oracle.min_sources,
                    sources: found.sources.iter().map(|source| answer(source, found.value)).collect(),
                });
            }
        }
    }
    InputList { slot: time::slot_text(slot), inputs }
}

fn answer(source: &Source, median: Option<i64>) -> SourceAnswer {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let start = source.slot.start().unwrap_or_default();
    SourceAnswer {
        hub_id: source.member.to_string(),
        value: source.report.value,
        slot: time::slot_text(source.slot),
        reported_at: time::text(source.report.at),
        lead_ms: signed(start.ms()).saturating_sub(signed(source.report.at.ms())),
        from_median: median.map(|median| source.report.value.saturating_sub(median)),
        counted: source.counted,
    }
}
