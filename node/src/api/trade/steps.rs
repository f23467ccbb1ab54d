//! The steps of a trade that a hub signs: start, complete, confirm, cancel (MARKET 6).

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Fingerprint, Sending, WaitParams, trade_id};
use super::super::number::DecimalText;
use super::super::service::Api;
use super::super::submit::{Outcome, ToSign, sign_and_submit};
use super::super::time::TimeText;
use super::answer::TradeAnswer;
use super::find::find_trade;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::amount::Quantity;
use leg_ledger::decimal::{parse_kwh, parse_quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::TradeId;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::time::Slot;
use leg_ledger::transaction::{Action, CompleteTrade, Reading, ReadingQuality, Resource};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was delivered in a slot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveredRequest {
    /// The slot: its first instant, or its number.
    pub slot: TimeText,
    /// kWh (heat: kWh thermal), hours or GB-months.
    pub quantity: DecimalText,
}

/// What a register of the hub's meter shows.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadingRequest {
    /// Which register: `compute`, `heat` or `energy` (fed in).
    #[schema(value_type = String)]
    pub register: Resource,
    /// Grows by one with each reading of the register.
    pub sequence: u64,
    /// The slot at whose end it was read.
    pub slot: TimeText,
    /// The register, kWh since the meter was installed.
    pub register_kwh: DecimalText,
    /// `measured` (default) or `estimated`.
    #[schema(value_type = Option<String>)]
    pub quality: Option<ReadingQuality>,
}

impl ReadingRequest {
    /// Readings as the meter signs them; `field` is where they stand in the request.
    ///
    /// # Errors
    /// What is wrong, with its field.
    pub fn readings(requests: &[ReadingRequest], field: &str) -> Result<Vec<Reading>, ApiError> {
        let read = |request: &ReadingRequest| {
            let register_wh = request.register_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("registerKwh", error))?;
            Ok(Reading {
                register: request.register,
                sequence: request.sequence,
                slot: request.slot.slot("slot")?,
                register_wh,
                quality: request.quality.unwrap_or(ReadingQuality::Measured),
            })
        };
        requests.iter().enumerate().map(|(index, request)| read(request).map_err(|error| within(error, field, index))).collect()
    }
}

fn within(error: ApiError, field: &str, index: usize) -> ApiError {
    error.within(&format!("{field}[{index}]"))
}

/// A completed job: what the seller's meter claims for it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// What was delivered, by slot, ascending.
    pub delivered: Vec<DeliveredRequest>,
    /// Heat given off, by slot, ascending; kWh thermal.
    #[serde(default)]
    pub heat: Vec<DeliveredRequest>,
    /// New readings that the claims rest on; none when they are on the ledger already.
    #[serde(default)]
    pub readings: Vec<ReadingRequest>,
    /// Salted hash of the job's result, 64 hex digits.
    pub result: Option<String>,
}

impl CompleteRequest {
    fn action(&self, trade: TradeId) -> Result<Action, ApiError> {
        let bad = || ApiError::bad_value("result", "a hash has 64 lower-case hex digits");
        Ok(Action::CompleteTrade(CompleteTrade {
            trade,
            delivered: by_slot(&self.delivered, "delivered")?,
            heat: by_slot(&self.heat, "heat")?,
            readings: ReadingRequest::readings(&self.readings, "readings")?,
            result: self.result.as_deref().map(|text| Hash::from_hex(text).ok_or_else(bad)).transpose()?,
        }))
    }
}

/// Slots with quantities; `field` is where they stand in the request.
///
/// # Errors
/// What is wrong, with its field.
pub fn by_slot(requests: &[DeliveredRequest], field: &str) -> Result<Vec<(Slot, Quantity)>, ApiError> {
    let read = |request: &DeliveredRequest| {
        let quantity = request.quantity.parse(parse_quantity).map_err(|error| ApiError::decimal("quantity", error))?;
        Ok((request.slot.slot("slot")?, quantity))
    };
    requests.iter().enumerate().map(|(index, request)| read(request).map_err(|error| within(error, field, index))).collect()
}

/// What became of a step.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepAnswer {
    /// The ledger transaction that took the step.
    pub ledger_transaction: String,
    /// Height of its block; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// The marketplace's transaction as it is now.
    pub transaction: TradeAnswer,
}

type Answer = (StatusCode, Json<StepAnswer>);

/// The seller starts.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/start", tag = "transactions", security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not started.", body = ErrorAnswer),
    )
)]
pub async fn start_trade(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    step(api, sending, trade, Action::StartTrade { trade }, KeyRole::Operator, fingerprint).await
}

/// The seller completes: its meter key signs what was delivered.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/complete", tag = "transactions", request_body = CompleteRequest,
    security(("token" = [])), params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not completed.", body = ErrorAnswer),
    )
)]
pub async fn complete_trade(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    body: Body<CompleteRequest>,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    let action = body.value.action(trade)?;
    step(api, sending, trade, action, KeyRole::Meter, body.fingerprint).await
}

/// The buyer confirms.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/confirm", tag = "transactions", security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not confirmed.", body = ErrorAnswer),
    )
)]
pub async fn confirm_trade(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    step(api, sending, trade, Action::ConfirmTrade { trade }, KeyRole::Operator, fingerprint).await
}

/// The seller cancels before the start: refund, and it counts against the seller.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/cancel", tag = "transactions", security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not cancelled.", body = ErrorAnswer),
    )
)]
pub async fn cancel_trade(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    step(api, sending, trade, Action::CancelTrade { trade }, KeyRole::Operator, fingerprint).await
}

/// Signs a step on a trade, sends it, and answers with the trade as it is then.
///
/// # Errors
/// Unknown trade, what signing and sending refuse, or the ledger's rejection with the field that it is about.
pub async fn step(
    api: Api,
    sending: Sending,
    id: TradeId,
    action: Action,
    role: KeyRole,
    fingerprint: Vec<u8>,
) -> Result<Answer, ApiError> {
    let unknown = || ApiError::not_found("unknown_trade", "there is no such transaction").at("id");
    api.blocking(move |api| find_trade(api.chain(), id)).await?.ok_or_else(unknown)?;
    let outcome = sign_and_submit(&api, sending, ToSign { role, atomic: false, actions: vec![action], fingerprint }).await?;
    outcome.check(field_of)?;
    let found = api.blocking(move |api| find_trade(api.chain(), id)).await?.ok_or_else(unknown)?;
    Ok((outcome.status(), Json(answer(&outcome, TradeAnswer::new(&found)))))
}

fn answer(outcome: &Outcome, transaction: TradeAnswer) -> StepAnswer {
    let height = outcome.results.as_ref().map(|results| results.height.get());
    StepAnswer { ledger_transaction: outcome.id.to_string(), height, transaction }
}

/// The field that a rejection of a step is about.
pub fn field_of(code: Code) -> Option<&'static str> {
    match code {
        Code::UnknownTrade | Code::UnknownDispute => Some("id"),
        Code::BadClaim => Some("claimed"),
        Code::BadEvidence => Some("hashes"),
        Code::BadReading => Some("readings"),
        Code::OverClaimed | Code::BadSlot | Code::BadQuantity => Some("delivered"),
        _ => None,
    }
}
