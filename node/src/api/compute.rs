//! Jobs for Grid-OS: one order for compute under a job's hash, and what became of it. Thin over orders and transactions; nothing is kept beside them.

use super::auth::Authorized;
use super::error::{ApiError, ErrorAnswer};
use super::extract::{Body, Sending, WaitParams, order_id};
use super::number::{DecimalText, Exact};
use super::order::{ConstraintsRequest, OrderAnswer, OrderStatus, WindowRequest, fills, find_order, job_hash, place_terms};
use super::service::Api;
use super::trade::{TradeAnswer, find_trade, trades_of_member};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::amount::Quantity;
use leg_ledger::decimal::{parse_kwh, parse_price};
use leg_ledger::receipt::{Code, OrderEnd};
use leg_ledger::state::{Order, TradeStatus};
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A job that needs compute.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRequest {
    /// Energy that the job needs, kWh.
    pub energy_kwh: DecimalText,
    /// The most that is paid, francs per kWh.
    pub max_price_per_kwh: DecimalText,
    /// When it may run; the next 24 hours by default.
    pub window: Option<WindowRequest>,
    /// Hash of the job's description, 64 hex digits; the description goes to the seller beside the ledger.
    pub job_hash: String,
    /// May run at several sellers.
    #[serde(default)]
    pub split: bool,
    /// With whom.
    pub constraints: Option<ConstraintsRequest>,
}

impl JobRequest {
    fn terms(&self, now: MarketTime) -> Result<PlaceOrder, ApiError> {
        let (from, until) = match &self.window {
            Some(window) => (window.from.market_time("window.from")?, window.until.market_time("window.until")?),
            None => (now, now.checked_add_ms(DAY_MS).ok_or_else(|| ApiError::bad_value("window", "the end is out of range"))?),
        };
        Ok(PlaceOrder {
            side: Side::Bid,
            product: Product::Compute { from, until },
            quantity: self.energy_kwh.parse(parse_kwh).map_err(|error| ApiError::decimal("energyKwh", error))?,
            limit: self.max_price_per_kwh.parse(parse_price).map_err(|error| ApiError::decimal("maxPricePerKwh", error))?,
            time_in_force: TimeInForce::GoodTillCancelled,
            min_fill: Quantity::ZERO,
            settlement: SettlementMethod::Credits.only(),
            pricing: Pricing::Fixed,
            split: self.split,
            solar: false,
            constraints: self.constraints.as_ref().map_or(Ok(Constraints::default()), ConstraintsRequest::constraints)?,
            job: Some(job_hash(&self.job_hash, "jobHash")?),
        })
    }

    fn field_of(code: Code) -> Option<&'static str> {
        match code {
            Code::BadQuantity | Code::MinNotional | Code::InsufficientFunds | Code::Overflow => Some("energyKwh"),
            Code::BadTick | Code::PriceCollar => Some("maxPricePerKwh"),
            Code::BadWindow => Some("window"),
            Code::BadConstraints => Some("constraints"),
            _ => None,
        }
    }
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobStatus {
    /// Nobody sells what it needs yet, or not all of it.
    Waiting,
    /// Bought; a seller has still to start.
    Matched,
    /// At work.
    Running,
    /// A result is there: paid, or paid when the buyer confirms or is silent.
    Done,
    /// Nothing of it will run: the order ended, or its sellers did not deliver.
    Failed,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobAnswer {
    /// The job: the id of its order.
    pub job_id: String,
    /// Where it is; the least advanced of its parts that are not refunded.
    pub status: JobStatus,
    /// Hash of its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_hash: Option<String>,
    /// Energy that was asked for, kWh.
    #[schema(value_type = f64)]
    pub energy_kwh: Exact,
    /// Energy that sellers delivered so far, kWh.
    #[schema(value_type = f64)]
    pub delivered_kwh: Exact,
    /// Hashes of results, in the order of `runs`, where there are any.
    pub results: Vec<String>,
    /// Its order.
    pub order: OrderAnswer,
    /// Its transactions, older first: at whom it runs, at what price, and how far it is.
    pub runs: Vec<TradeAnswer>,
}

/// Buys compute for a job.
#[utoipa::path(
    post, path = "/api/compute", tag = "compute", request_body = JobRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "Its order is in a final block; `orderId` is the job.", body = OrderAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = OrderAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn submit_job(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<JobRequest>,
) -> Result<(StatusCode, Json<OrderAnswer>), ApiError> {
    let now = api.blocking(Api::market_now).await?;
    let terms = body.value.terms(now)?;
    place_terms(api, sending, terms, body.fingerprint, JobRequest::field_of).await
}

/// What became of a job.
#[utoipa::path(
    get, path = "/api/compute/{id}", tag = "compute", params(("id" = String, Path, description = "The job: the id of its order.")),
    responses((status = 200, description = "The job.", body = JobAnswer), (status = 404, description = "No such job.", body = ErrorAnswer))
)]
pub async fn get_job(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<JobAnswer>, ApiError> {
    let unknown = || ApiError::not_found("unknown_job", "there is no such job").at("id");
    let id = order_id(&id).map_err(|_| unknown())?;
    let answer = api.blocking(move |api| {
        let is_job = |order: &Order| order.terms.side == Side::Bid && order.terms.product.window().is_some();
        let (order, end) = find_order(api.chain(), id)?.filter(|(order, _)| is_job(order)).ok_or_else(unknown)?;
        let trades = trades_of_member(api.chain(), order.member, &|trade| fills(id, trade))?;
        let mut runs = Vec::with_capacity(trades.len());
        for trade in &trades {
            if let Some(found) = find_trade(api.chain(), trade.id)? {
                runs.push(found);
            }
        }
        let delivered =
            runs.iter().flat_map(|run| &run.trade.delivered).fold(Quantity::ZERO, |sum, (_, q)| sum.checked_add(*q).unwrap_or(sum));
        let runs: Vec<TradeAnswer> = runs.iter().map(TradeAnswer::new).collect();
        let answer = OrderAnswer::admitted(&order, end, &trades);
        Ok(JobAnswer {
            job_id: id.to_string(),
            status: status(answer.status, end, &runs),
            job_hash: order.terms.job.map(|hash| hash.to_string()),
            energy_kwh: Exact::quantity(order.terms.quantity),
            delivered_kwh: Exact::quantity(delivered),
            results: runs.iter().filter_map(|run| run.result.clone()).collect(),
            order: answer,
            runs,
        })
    });
    answer.await.map(Json)
}

/// The least advanced of what may still come to something.
fn status(order: OrderStatus, end: Option<OrderEnd>, runs: &[TradeAnswer]) -> JobStatus {
    if end.is_none() && order != OrderStatus::Matched {
        return JobStatus::Waiting;
    }
    let has = |wanted: &[TradeStatus]| runs.iter().any(|run| wanted.contains(&run.phase));
    if has(&[TradeStatus::Pending]) {
        JobStatus::Matched
    } else if has(&[TradeStatus::Running]) {
        JobStatus::Running
    } else if runs.iter().any(|run| run.phase != TradeStatus::Cancelled) {
        JobStatus::Done
    } else {
        JobStatus::Failed
    }
}
