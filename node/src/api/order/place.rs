//! Placing, replacing and cancelling one order.

use super::super::auth::Authorized;
use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Fingerprint, Sending, WaitParams, order_id};
use super::super::service::Api;
use super::super::submit::{Outcome, ToSign, sign_and_submit};
use super::answer::{OrderAnswer, find_order, placed};
use super::request::{OrderRequest, ReplaceRequest};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leg_ledger::ids::OrderId;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Action, PlaceOrder};

/// An order as it was placed.
pub type Answer = (StatusCode, Json<OrderAnswer>);

/// Places an order that the hub's operator key signs.
#[utoipa::path(
    post, path = "/api/marketplace/orders", tag = "orders", request_body = OrderRequest, params(WaitParams), security(("token" = [])),
    responses(
        (status = 200, description = "In a final block.", body = OrderAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = OrderAnswer),
        (status = "4XX", description = "Not placed.", body = ErrorAnswer),
    )
)]
pub async fn place_order(_: Authorized, State(api): State<Api>, sending: Sending, body: Body<OrderRequest>) -> Result<Answer, ApiError> {
    let request = body.value;
    let now = api.blocking(Api::market_now).await?;
    let terms = request.place_order(now)?;
    place_terms(api, sending, terms, body.fingerprint, |code| request.field_of(code)).await
}

/// Signs and places an order; `field_of` names what a code is about.
///
/// # Errors
/// What refuses it.
pub async fn place_terms(
    api: Api,
    sending: Sending,
    terms: PlaceOrder,
    fingerprint: Vec<u8>,
    field_of: impl Fn(Code) -> Option<&'static str>,
) -> Result<Answer, ApiError> {
    let to_sign = ToSign { role: KeyRole::Operator, atomic: false, actions: vec![Action::PlaceOrder(terms)], fingerprint };
    let outcome = sign_and_submit(&api, sending, to_sign).await?;
    outcome.check(field_of)?;
    answer(api, outcome, None).await
}

/// Replaces an open order: cancels it and places a new one in one step.
#[utoipa::path(
    put, path = "/api/marketplace/orders/{id}", tag = "orders", request_body = ReplaceRequest, security(("token" = [])),
    params(("id" = String, Path, description = "The open order."), WaitParams),
    responses(
        (status = 200, description = "Replaced in a final block; the new order.", body = OrderAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = OrderAnswer),
        (status = "4XX", description = "Not replaced.", body = ErrorAnswer),
    )
)]
pub async fn replace_order(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    body: Body<ReplaceRequest>,
) -> Result<Answer, ApiError> {
    let request = body.value;
    let id = order_id(&id)?;
    let old = known_terms(&api, id).await?;
    let replace = request.replace_order(id)?;
    let terms = PlaceOrder { quantity: replace.quantity, limit: replace.limit, ..old };
    let actions = vec![Action::ReplaceOrder(replace)];
    let to_sign = ToSign { role: KeyRole::Operator, atomic: false, actions, fingerprint: body.fingerprint };
    let outcome = sign_and_submit(&api, sending, to_sign).await?;
    outcome.check(|code| request.field_of(code))?;
    answer(api, outcome, Some(terms)).await
}

/// Cancels an open order.
#[utoipa::path(
    delete, path = "/api/marketplace/orders/{id}", tag = "orders", security(("token" = [])),
    params(("id" = String, Path, description = "The open order."), WaitParams),
    responses(
        (status = 200, description = "Cancelled in a final block; the order as it ended.", body = OrderAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet; the order as it is.", body = OrderAnswer),
        (status = "4XX", description = "Not cancelled.", body = ErrorAnswer),
    )
)]
pub async fn cancel_order(
    _: Authorized,
    State(api): State<Api>,
    Path(id): Path<String>,
    sending: Sending,
    Fingerprint(fingerprint): Fingerprint,
) -> Result<Answer, ApiError> {
    let order = order_id(&id)?;
    known_terms(&api, order).await?;
    let to_sign = ToSign { role: KeyRole::Operator, atomic: false, actions: vec![Action::CancelOrder { order }], fingerprint };
    let outcome = sign_and_submit(&api, sending, to_sign).await?;
    outcome.check(|code| (code == Code::UnknownOrder).then_some("id"))?;
    let status = outcome.status();
    let (found, end) = api.blocking(move |api| find_order(api.chain(), order)).await?.ok_or_else(unknown)?;
    Ok((status, Json(OrderAnswer::admitted(&found, end, &[]).placed_by(&outcome))))
}

fn unknown() -> ApiError {
    ApiError::not_found("unknown_order", "there is no such order").at("id")
}

async fn known_terms(api: &Api, id: OrderId) -> Result<PlaceOrder, ApiError> {
    let found = api.blocking(move |api| find_order(api.chain(), id)).await?;
    found.map(|(order, _)| order.terms).ok_or_else(unknown)
}

/// The answer for a transaction of one order. `terms`: what a waiting replacement will be.
async fn answer(api: Api, outcome: Outcome, terms: Option<PlaceOrder>) -> Result<Answer, ApiError> {
    let status = outcome.status();
    let answer = api
        .blocking(move |api| {
            let signed = outcome.transaction.body.actions.iter().find_map(|action| match action {
                Action::PlaceOrder(terms) => Some(terms.clone()),
                _ => None,
            });
            let terms = terms.or(signed).ok_or_else(|| ApiError::internal(&"a transaction without the order it was signed for"))?;
            let receipt = outcome.receipts().first().copied();
            match (&outcome.results, receipt) {
                (Some(results), Some(receipt)) => placed(api, &outcome, results, &receipt, &terms),
                _ => Ok(OrderAnswer::not_admitted(outcome.transaction.body.signer, &terms, None).placed_by(&outcome)),
            }
        })
        .await?;
    Ok((status, Json(answer)))
}
