//! Why an open order trades or does not: each candidate as the next auction would see it (MARKET 5).

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, order_id, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::OrderId;
use leg_ledger::market::{Candidate, explain};
use leg_ledger::state::{Orders, View};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many candidates.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplainParams {
    /// Candidates, 100 by default.
    pub limit: Option<usize>,
}

/// One order of the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateAnswer {
    /// The order.
    pub order_id: String,
    /// Who placed it.
    pub hub_id: String,
    /// Effective price of the ask of the pair, francs per unit.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
    /// Most that the pair could fill; absent when it is passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub possible_quantity: Option<Exact>,
    /// Why it is passed over: `price`, `own_order`, `reputation`, `distance`, `window`, `capacity` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over_because: Option<String>,
}

/// Candidates of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainAnswer {
    /// The order.
    pub order_id: String,
    /// State after this block.
    pub height: u64,
    /// Best limit first, each as if it were the first to be looked at.
    pub candidates: Vec<CandidateAnswer>,
}

/// Why an open order has not traded: every candidate, and what speaks against it.
#[utoipa::path(
    get, path = "/api/marketplace/orders/{id}/explain", tag = "orders",
    params(("id" = String, Path, description = "The open order."), ExplainParams),
    responses(
        (status = 200, description = "The candidates.", body = ExplainAnswer),
        (status = 404, description = "No such open order.", body = ErrorAnswer),
    )
)]
pub async fn explain_order(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(params): Params<ExplainParams>,
) -> Result<Json<ExplainAnswer>, ApiError> {
    let id = order_id(&id)?;
    let limit = page_limit(params.limit)?;
    let now = api.now();
    let answer = api.blocking(move |api| api.read(|ledger| answer(ledger, id, ledger.market_time(now), limit))).await?;
    answer.map(Json).ok_or_else(|| ApiError::not_found("unknown_order", "there is no such open order").at("id"))
}

fn answer(ledger: &Ledger, id: OrderId, now: leg_ledger::time::MarketTime, limit: usize) -> Option<ExplainAnswer> {
    ledger.state().get::<Orders>(&id)?;
    let candidates = explain(ledger.state(), ledger.params()?, now, id, limit);
    let candidates = candidates.iter().map(candidate).collect();
    Some(ExplainAnswer { order_id: id.to_string(), height: ledger.tip().height.get(), candidates })
}

fn candidate(candidate: &Candidate) -> CandidateAnswer {
    CandidateAnswer {
        order_id: candidate.order.to_string(),
        hub_id: candidate.member.to_string(),
        price_per_unit_chf: Exact::price(candidate.price),
        possible_quantity: candidate.outcome.as_ref().ok().map(|terms| Exact::quantity(terms.most)),
        passed_over_because: candidate.outcome.as_ref().err().map(|reason| reason.name().to_owned()),
    }
}
