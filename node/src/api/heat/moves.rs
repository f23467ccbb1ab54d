//! Transfer and retirement of the hub's heat credits.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Sending, WaitParams, member_id};
use super::super::metering::{Answer, ReportAnswer, report};
use super::super::number::{DecimalText, Exact};
use super::super::service::Api;
use super::super::time::{self, TimeText};
use axum::extract::State;
use leg_ledger::decimal::parse_kwh;
use leg_ledger::hash::Hash;
use leg_ledger::ids::TradeId;
use leg_ledger::limits::MAX_HEAT_PARTS;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Action, HeatPart, HeatPurpose, HeatSelection, RetireHeat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a lot.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartRequest {
    /// Who produced it.
    pub producer: String,
    /// The slot of the thermal reading: its first instant, or its number.
    pub slot: TimeText,
    /// The transaction whose compute made it.
    pub transaction_id: String,
    /// kWh thermal.
    pub quantity_kwh: DecimalText,
}

/// A part of a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartAnswer {
    /// Who produced it.
    pub producer: String,
    /// First instant of the slot of the thermal reading.
    pub slot: String,
    /// The transaction whose compute made it.
    pub transaction_id: String,
    /// kWh thermal.
    #[schema(value_type = f64)]
    pub quantity_kwh: Exact,
}

impl From<&HeatPart> for PartAnswer {
    fn from(part: &HeatPart) -> Self {
        PartAnswer {
            producer: part.producer.to_string(),
            slot: time::slot_text(part.slot),
            transaction_id: part.trade.to_string(),
            quantity_kwh: Exact::quantity(part.quantity),
        }
    }
}

/// A transfer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRequest {
    /// To whom.
    pub to: String,
    /// kWh thermal from the lots that expire first; or `parts`.
    pub quantity_kwh: Option<DecimalText>,
    /// Parts of lots, at most 256.
    pub parts: Option<Vec<PartRequest>>,
}

/// A retirement.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetireRequest {
    /// Who used the heat.
    pub used_by: String,
    /// `space-heating`, `hot-water`, `district-heating`, `process` or `other`.
    #[schema(value_type = String)]
    pub purpose: HeatPurpose,
    /// Salted hash of a document that says more, 64 hex digits; the document itself stays with you.
    pub document: Option<String>,
    /// kWh thermal from the lots that expire first; or `parts`.
    pub quantity_kwh: Option<DecimalText>,
    /// Parts of lots, at most 256.
    pub parts: Option<Vec<PartRequest>>,
}

fn selection(quantity: Option<&DecimalText>, parts: Option<&Vec<PartRequest>>) -> Result<HeatSelection, ApiError> {
    match (quantity, parts) {
        (Some(text), None) => {
            let quantity = text.parse(parse_kwh).map_err(|error| ApiError::decimal("quantityKwh", error))?;
            Ok(HeatSelection::Earliest(quantity))
        }
        (None, Some(parts)) if parts.len() > MAX_HEAT_PARTS => {
            Err(ApiError::bad_value("parts", format!("at most {MAX_HEAT_PARTS} parts fit in one request")))
        }
        (None, Some(parts)) => Ok(HeatSelection::Parts(parts.iter().map(part).collect::<Result<_, _>>()?)),
        (None, None) => Err(ApiError::missing("quantityKwh")),
        (Some(_), Some(_)) => Err(ApiError::bad_value("parts", "give quantityKwh or parts, not both")),
    }
}

fn part(request: &PartRequest) -> Result<HeatPart, ApiError> {
    let bad = || ApiError::bad_value("parts.transactionId", "a transaction's id has 64 lower-case hex digits");
    Ok(HeatPart {
        producer: member_id(&request.producer, "parts.producer")?,
        slot: request.slot.slot("parts.slot")?,
        trade: TradeId::from_hex(&request.transaction_id).ok_or_else(bad)?,
        quantity: request.quantity_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("parts.quantityKwh", error))?,
    })
}

/// The field that a rejection is about; `recipient` is the one that names a member.
fn field_of(code: Code, recipient: &'static str, parts: bool) -> Option<&'static str> {
    match code {
        Code::BadRecipient => Some(recipient),
        _ if parts => Some("parts"),
        _ => Some("quantityKwh"),
    }
}

/// Gives heat credits of the hub to another member, without payment.
#[utoipa::path(
    post, path = "/api/heat/transfer", tag = "heat", request_body = TransferRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn transfer_heat(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<TransferRequest>,
) -> Result<Answer, ApiError> {
    let request = body.value;
    let heat = selection(request.quantity_kwh.as_ref(), request.parts.as_ref())?;
    let action = Action::TransferHeat { to: member_id(&request.to, "to")?, heat };
    let parts = request.parts.is_some();
    report(api, sending, action, KeyRole::Operator, body.fingerprint, |code| field_of(code, "to", parts)).await
}

/// Retires heat credits of the hub: final. The certificate is found under the answer's ledger transaction.
#[utoipa::path(
    post, path = "/api/heat/retire", tag = "heat", request_body = RetireRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = ReportAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = ReportAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn retire_heat(_: Authorized, State(api): State<Api>, sending: Sending, body: Body<RetireRequest>) -> Result<Answer, ApiError> {
    let request = body.value;
    let bad = || ApiError::bad_value("document", "a hash has 64 lower-case hex digits");
    let action = Action::RetireHeat(RetireHeat {
        heat: selection(request.quantity_kwh.as_ref(), request.parts.as_ref())?,
        used_by: member_id(&request.used_by, "usedBy")?,
        purpose: request.purpose,
        document: request.document.as_deref().map(|text| Hash::from_hex(text).ok_or_else(bad)).transpose()?,
    });
    let parts = request.parts.is_some();
    report(api, sending, action, KeyRole::Operator, body.fingerprint, |code| field_of(code, "usedBy", parts)).await
}
