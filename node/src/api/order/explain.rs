//! Why an order trades or does not: each candidate as the next auction would see it, or as a block's auctions saw it (MARKET 5).
//!
//! A block of the past is executed again on the state before it. The node keeps what it needs for that of the last blocks; `leg explain` replays all
//! blocks before and comes to the same answer.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Params, order_id, page_limit};
use super::super::number::Exact;
use super::super::service::Api;
use crate::chain::NotKept;
use axum::Json;
use axum::extract::{Path, State};
use leg_ledger::execute::{Explanation, HistoryRecord, Ledger, OrderFill};
use leg_ledger::ids::{Height, OrderId};
use leg_ledger::market::{Candidate, explain};
use leg_ledger::receipt::OrderEnd;
use leg_ledger::state::{Orders, View};
use leg_ledger::time::MarketTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// When, and how many candidates.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplainParams {
    /// The block whose auctions are meant, one of the last 256; by default the next one for an open order, that in which it ended for another.
    pub height: Option<u64>,
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

/// Which auctions an explanation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExplainedAuctions {
    /// The next ones, on the state after the block.
    Next,
    /// Those of the block.
    Block,
}

/// A fill of the order in the block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedFill {
    /// The transaction of the marketplace.
    pub transaction_id: String,
    /// The other order.
    pub order_id: String,
    /// Who placed that.
    pub hub_id: String,
    /// How much.
    #[schema(value_type = f64)]
    pub quantity: Exact,
    /// At what price, francs per unit.
    #[schema(value_type = f64)]
    pub price_per_unit_chf: Exact,
}

/// Candidates of an order, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainAnswer {
    /// The order.
    pub order_id: String,
    /// The block.
    pub height: u64,
    /// Whether the block's own auctions are meant, or those that follow it.
    pub auctions: ExplainedAuctions,
    /// Best limit first, each as if it were the first to be looked at.
    pub candidates: Vec<CandidateAnswer>,
    /// What filled of it in the block.
    pub fills: Vec<ExplainedFill>,
    /// How it left the book in the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub end: Option<OrderEnd>,
    /// What had not filled then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub open_quantity: Option<Exact>,
}

impl ExplainAnswer {
    /// What a block did with an order.
    pub fn of(order: OrderId, explained: &Explanation) -> Self {
        ExplainAnswer {
            order_id: order.to_string(),
            height: explained.height.get(),
            auctions: ExplainedAuctions::Block,
            candidates: explained.candidates.iter().map(candidate).collect(),
            fills: explained.fills.iter().map(fill).collect(),
            end: explained.end.map(|(end, _)| end),
            open_quantity: explained.end.map(|(_, open)| Exact::quantity(open)),
        }
    }
}

/// Why an order traded or did not: every candidate, and what speaks against it; of a block of the past also what filled and how the order ended.
#[utoipa::path(
    get, path = "/api/marketplace/orders/{id}/explain", tag = "orders",
    params(("id" = String, Path, description = "The order."), ExplainParams),
    responses(
        (status = 200, description = "The candidates.", body = ExplainAnswer),
        (status = 404, description = "No such order, or it was not in the book in that block.", body = ErrorAnswer),
        (status = 409, description = "The block lies too far back for a running node.", body = ErrorAnswer),
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
    let height = params.height.map(Height::new);
    let answer = api.blocking(move |api| match height {
        Some(height) => past(api, id, height, limit),
        None => match api.read(|ledger| next(ledger, id, ledger.market_time(now), limit))? {
            Some(answer) => Ok(answer),
            None => past(api, id, ended_at(api, id)?, limit),
        },
    });
    answer.await.map(Json)
}

/// As the next auction would see an open order.
fn next(ledger: &Ledger, id: OrderId, now: MarketTime, limit: usize) -> Option<ExplainAnswer> {
    ledger.state().get::<Orders>(&id)?;
    let candidates = explain(ledger.state(), ledger.params()?, now, id, limit);
    Some(ExplainAnswer {
        order_id: id.to_string(),
        height: ledger.tip().height.get(),
        auctions: ExplainedAuctions::Next,
        candidates: candidates.iter().map(candidate).collect(),
        fills: Vec::new(),
        end: None,
        open_quantity: None,
    })
}

/// The block in which an order left the book.
fn ended_at(api: &Api, id: OrderId) -> Result<Height, ApiError> {
    let finished = api.chain().finished_order(id)?;
    let height = finished.and_then(|finished| match finished.record {
        HistoryRecord::Order { height, .. } => Some(height),
        _ => None,
    });
    height.ok_or_else(|| ApiError::not_found("unknown_order", "there is no such order").at("id"))
}

/// What a block of the past did with an order.
fn past(api: &Api, id: OrderId, height: Height, limit: usize) -> Result<ExplainAnswer, ApiError> {
    let past = api.chain().past(height)?;
    let (block, _) = api.chain().block(height)?.ok_or(NotKept::Unknown(height))?;
    let explained = past.explain(&block, id, limit).map_err(|fault| ApiError::internal(&fault))?;
    let absent = || ApiError::not_found("unknown_order", "the order was not in the book in this block").at("id");
    explained.map(|explained| ExplainAnswer::of(id, &explained)).ok_or_else(absent)
}

fn fill(fill: &OrderFill) -> ExplainedFill {
    ExplainedFill {
        transaction_id: fill.trade.to_string(),
        order_id: fill.order.to_string(),
        hub_id: fill.member.to_string(),
        quantity: Exact::quantity(fill.quantity),
        price_per_unit_chf: Exact::price(fill.price),
    }
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
