//! Several orders under one signature.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Sending, WaitParams};
use super::super::service::Api;
use super::super::submit::{Outcome, ToSign, sign_and_submit};
use super::answer::{OrderAnswer, placed};
use super::request::{BatchRequest, OrderRequest};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use leg_ledger::limits::MAX_ACTIONS;
use leg_ledger::member::KeyRole;
use leg_ledger::transaction::{Action, PlaceOrder};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// The ledger transaction that holds all of them.
    pub ledger_transaction: String,
    /// Height of its block; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// One answer an order, in the request's order; a rejected one has status `rejected` and an `error`.
    pub orders: Vec<OrderAnswer>,
}

/// Places up to 256 orders under one signature, each with its own answer.
#[utoipa::path(
    post, path = "/api/marketplace/orders/batch", tag = "orders", request_body = BatchRequest, params(WaitParams),
    security(("token" = [])),
    responses(
        (status = 200, description = "In a final block; each order says whether it was admitted.", body = BatchAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = BatchAnswer),
        (status = "4XX", description = "Nothing was placed.", body = ErrorAnswer),
    )
)]
pub async fn place_batch(
    _: Authorized,
    State(api): State<Api>,
    sending: Sending,
    body: Body<BatchRequest>,
) -> Result<(StatusCode, Json<BatchAnswer>), ApiError> {
    let BatchRequest { orders, atomic } = body.value;
    if orders.is_empty() || orders.len() > MAX_ACTIONS {
        return Err(ApiError::bad_value("orders", format!("1 to {MAX_ACTIONS} orders fit under one signature")));
    }
    let now = api.blocking(Api::market_now).await?;
    let mut actions = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        actions.push(Action::PlaceOrder(order.place_order(now).map_err(|error| error.within(&format!("orders[{index}]")))?));
    }
    let to_sign = ToSign { role: KeyRole::Operator, atomic, actions, fingerprint: body.fingerprint };
    let outcome = sign_and_submit(&api, sending, to_sign).await?;
    let status = outcome.status();
    let answer = api.blocking(move |api| answer(api, &outcome, &orders)).await?;
    Ok((status, Json(answer)))
}

fn answer(api: &Api, outcome: &Outcome, requests: &[OrderRequest]) -> Result<BatchAnswer, ApiError> {
    let receipts = outcome.receipts();
    let terms: Vec<&PlaceOrder> = outcome
        .transaction
        .body
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::PlaceOrder(terms) => Some(terms),
            _ => None,
        })
        .collect();
    let mut orders = Vec::with_capacity(terms.len());
    for (index, terms) in terms.into_iter().enumerate() {
        let receipt = receipts.iter().find(|receipt| usize::from(receipt.action) == index);
        let mut order = match (&outcome.results, receipt) {
            (Some(results), Some(receipt)) => placed(api, outcome, results, receipt, terms)?,
            _ => OrderAnswer::not_admitted(outcome.transaction.body.signer, terms, None),
        };
        if let (Some(error), Some(request), Some(receipt)) = (&mut order.error, requests.get(index), receipt) {
            error.field = request.field_of(receipt.code).map(|field| format!("orders[{index}].{field}"));
        }
        orders.push(order);
    }
    let height = outcome.results.as_ref().map(|results| results.height.get());
    Ok(BatchAnswer { ledger_transaction: outcome.id.to_string(), height, orders })
}
