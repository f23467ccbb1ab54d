//! The steps of a dispute that a hub signs.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Fingerprint, Sending, WaitParams, trade_id};
use super::super::number::DecimalText;
use super::super::service::Api;
use super::super::trade::{StepAnswer, step};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::decimal::parse_quantity;
use leg_ledger::hash::Hash;
use leg_ledger::member::KeyRole;
use leg_ledger::transaction::Action;
use serde::Deserialize;
use utoipa::ToSchema;

/// How much of a transaction was delivered, says a party.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeRequest {
    /// What was delivered: a buyer claims less than the meter shows, a seller more. In the resource's unit.
    pub claimed: DecimalText,
}

/// A party's evidence, by salted hashes; the content stays with the party.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRequest {
    /// 64 hex digits each, at most 16 of a party.
    pub hashes: Vec<String>,
}

/// A vote on a dispute.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteRequest {
    /// For the party that opened the dispute, else for the other.
    pub for_opener: bool,
}

type Answer = (StatusCode, Json<StepAnswer>);

/// A party disputes what was delivered; the disputed share is frozen, the rest settles.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/dispute", tag = "disputes", request_body = DisputeRequest, security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not disputed.", body = ErrorAnswer),
    )
)]
pub async fn dispute_trade(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    body: Body<DisputeRequest>,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    let claimed = body.value.claimed.parse(parse_quantity).map_err(|error| ApiError::decimal("claimed", error))?;
    step(api, sending, trade, Action::DisputeTrade { trade, claimed }, KeyRole::Operator, body.fingerprint).await
}

/// A party names its evidence. The first of the party that did not open the dispute posts its bond.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/evidence", tag = "disputes", request_body = EvidenceRequest, security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not taken.", body = ErrorAnswer),
    )
)]
pub async fn submit_evidence(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    body: Body<EvidenceRequest>,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    let bad = |index: usize| ApiError::bad_value(&format!("hashes[{index}]"), "a hash has 64 lower-case hex digits");
    let hashes = body.value.hashes.iter().enumerate().map(|(index, text)| Hash::from_hex(text).ok_or_else(|| bad(index)));
    let hashes = hashes.collect::<Result<Vec<Hash>, ApiError>>()?;
    step(api, sending, trade, Action::SubmitEvidence { trade, hashes }, KeyRole::Operator, body.fingerprint).await
}

/// A party gives in: the other's amount counts, bonds go back.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/concede", tag = "disputes", security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not conceded.", body = ErrorAnswer),
    )
)]
pub async fn concede_dispute(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    step(api, sending, trade, Action::ConcedeDispute { trade }, KeyRole::Operator, fingerprint).await
}

/// This hub, if it is entitled, votes on a dispute.
#[utoipa::path(
    post, path = "/api/marketplace/transactions/{id}/vote", tag = "disputes", request_body = VoteRequest, security(("token" = [])),
    params(("id" = String, Path, description = "The transaction."), WaitParams),
    responses(
        (status = 200, description = "In a final block.", body = StepAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = StepAnswer),
        (status = "4XX", description = "Not taken.", body = ErrorAnswer),
    )
)]
pub async fn vote_dispute(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    body: Body<VoteRequest>,
) -> Result<Answer, ApiError> {
    let trade = trade_id(&id)?;
    let action = Action::VoteDispute { trade, for_opener: body.value.for_opener };
    step(api, sending, trade, action, KeyRole::Operator, body.fingerprint).await
}
