//! What a hub reports beside its trades: meter readings, its solar forecast, and as a grid operator what a community exchanged.

use super::auth::Authorized;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{Body, Sending, WaitParams, member_id};
use super::number::DecimalText;
use super::service::Api;
use super::submit::{ToSign, sign_and_submit};
use super::time::TimeText;
use super::trade::{DeliveredRequest, ReadingRequest, by_slot};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use leg_ledger::decimal::parse_kwh;
use leg_ledger::ids::LegId;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Action, CorrectReading, Resource};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Readings of the hub's meter.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadingsRequest {
    /// Ascending in register and sequence.
    pub readings: Vec<ReadingRequest>,
}

/// The hub's own forecast of its solar energy.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForecastRequest {
    /// kWh by slot, ascending.
    pub slots: Vec<DeliveredRequest>,
}

/// What a community exchanged locally in a slot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeRequest {
    /// The community.
    pub leg: String,
    /// The slot: its first instant, or its number.
    pub slot: TimeText,
    /// kWh.
    pub energy_kwh: DecimalText,
}

/// A grid operator's correction of what a hub's register increased in a slot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorrectionRequest {
    /// Whose meter.
    pub hub_id: String,
    /// Which register: `compute`, `heat` or `energy`.
    #[schema(value_type = String)]
    pub register: Resource,
    /// The slot: its first instant, or its number.
    pub slot: TimeText,
    /// What the register truly increased in it, kWh.
    pub increase_kwh: DecimalText,
    /// From where the register's next reading counts; takes a meter out of a gap.
    pub stand: Option<StandRequest>,
}

/// Where a register stands.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StandRequest {
    /// Sequence of its last reading.
    pub sequence: u64,
    /// The register, kWh.
    pub register_kwh: DecimalText,
}

/// A report is on the ledger, or waits for its block.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportAnswer {
    /// The ledger transaction.
    pub ledger_transaction: String,
    /// Height of its block; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

/// What a report is answered with.
pub type Answer = (StatusCode, Json<ReportAnswer>);

/// Meter readings; the meter key signs.
#[utoipa::path(
    post, path = "/api/meter/readings", tag = "meter", request_body = ReadingsRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn submit_readings(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<ReadingsRequest>,
) -> Result<Answer, ApiError> {
    let action = Action::SubmitReadings { readings: ReadingRequest::readings(&body.value.readings, "readings")? };
    report(api, sending, action, KeyRole::Meter, body.fingerprint, |_| Some("readings")).await
}

/// The hub's solar forecast, which backs its `solar` asks.
#[utoipa::path(
    post, path = "/api/forecasts", tag = "meter", request_body = ForecastRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn submit_forecast(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<ForecastRequest>,
) -> Result<Answer, ApiError> {
    let action = Action::ForecastSolar { slots: by_slot(&body.value.slots, "slots")? };
    report(api, sending, action, KeyRole::Operator, body.fingerprint, |_| Some("slots")).await
}

/// A grid operator's report of what a community exchanged locally.
#[utoipa::path(
    post, path = "/api/exchanges", tag = "meter", request_body = ExchangeRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn report_exchange(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<ExchangeRequest>,
) -> Result<Answer, ApiError> {
    let request = body.value;
    let action = Action::ReportExchange {
        leg: LegId::parse(&request.leg).ok_or_else(|| ApiError::bad_value("leg", "not the name of a community"))?,
        slot: request.slot.slot("slot")?,
        energy: request.energy_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("energyKwh", error))?,
    };
    let field_of = |code| if code == Code::NoCommunity { Some("leg") } else { Some("slot") };
    report(api, sending, action, KeyRole::Operator, body.fingerprint, field_of).await
}

/// A grid operator's correction; what settled transactions were paid too much is booked back.
#[utoipa::path(
    post, path = "/api/corrections", tag = "meter", request_body = CorrectionRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn correct_reading(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<CorrectionRequest>,
) -> Result<Answer, ApiError> {
    let request = body.value;
    let stand = |stand: StandRequest| -> Result<_, ApiError> {
        let kwh = stand.register_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("stand.registerKwh", error))?;
        Ok((stand.sequence, kwh))
    };
    let action = Action::CorrectReading(CorrectReading {
        member: member_id(&request.hub_id, "hubId")?,
        register: request.register,
        slot: request.slot.slot("slot")?,
        increase: request.increase_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("increaseKwh", error))?,
        stand: request.stand.map(stand).transpose()?,
    });
    let field_of = |code| match code {
        Code::NotParty => Some("hubId"),
        Code::BadReading => Some("register"),
        _ => Some("slot"),
    };
    report(api, sending, action, KeyRole::Operator, body.fingerprint, field_of).await
}

/// Signs, submits and answers one action; `field_of` names what a code is about.
///
/// # Errors
/// What refuses it.
pub async fn report(
    api: Api,
    sending: Sending,
    action: Action,
    role: KeyRole,
    fingerprint: Vec<u8>,
    field_of: impl Fn(Code) -> Option<&'static str>,
) -> Result<Answer, ApiError> {
    let outcome = sign_and_submit(&api, sending, ToSign { role, atomic: false, actions: vec![action], fingerprint }).await?;
    // Who may not report at all has no wrong field.
    outcome.check(|code| if matches!(code, Code::WrongRole | Code::MemberInactive) { None } else { field_of(code) })?;
    let height = outcome.results.as_ref().map(|results| results.height.get());
    Ok((outcome.status(), Json(ReportAnswer { ledger_transaction: outcome.id.to_string(), height })))
}
