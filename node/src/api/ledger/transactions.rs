//! Signed transactions: those signed elsewhere come in here, and what became of any of them is read here.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::extract::{Body, Params, WaitParams};
use super::super::order::{OrderAnswer, placed};
use super::super::service::Api;
use super::super::submit::{Origin, Outcome, submit};
use super::action::ActionAnswer;
use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{Extensions, StatusCode};
use leg_ledger::codec;
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::limits::MAX_TRANSACTION_BYTES;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::{Code, Receipt};
use leg_ledger::transaction::{Action, SignedTransaction};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use utoipa::ToSchema;

/// A transaction signed elsewhere.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// Its canonical bytes (docs/formats.md), hex.
    pub transaction: String,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TransactionStatus {
    /// In the mempool.
    Pending,
    /// In a final block.
    Final,
}

/// What became of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptAnswer {
    /// Index of the action.
    pub action: u16,
    /// `ok`, or why it was rejected.
    pub code: String,
    /// The same for people.
    pub message: String,
    /// The order that it placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The order as it is now; in the answer to a submission only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderAnswer>,
}

impl ReceiptAnswer {
    /// A receipt.
    pub fn new(receipt: &Receipt) -> Self {
        let message = receipt.code.message().trim().to_owned();
        let order_id = receipt.order.map(|order| order.to_string());
        ReceiptAnswer { action: receipt.action, code: receipt.code.name().to_owned(), message, order_id, order: None }
    }
}

/// A signed transaction and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionAnswer {
    /// Its id.
    pub ledger_transaction: String,
    /// `pending` or `final`.
    pub status: TransactionStatus,
    /// Height of its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Who signed; absent while it only waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role: Option<KeyRole>,
    /// Its nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Last height that may include it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_valid: Option<u64>,
    /// All actions or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
    /// Its actions, in the order in which they were signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionAnswer>,
    /// One receipt an action.
    pub receipts: Vec<ReceiptAnswer>,
}

impl TransactionAnswer {
    /// A transaction that waits, of which only the id is known.
    pub fn waiting(id: TransactionId) -> Self {
        TransactionAnswer {
            ledger_transaction: id.to_string(),
            status: TransactionStatus::Pending,
            height: None,
            signer: None,
            role: None,
            nonce: None,
            last_valid: None,
            atomic: None,
            actions: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// A transaction with its block's receipts; `height` is `None` while it waits.
    pub fn new(transaction: &SignedTransaction, height: Option<Height>, receipts: &[Receipt]) -> Self {
        let (id, body) = (transaction.id(), &transaction.body);
        TransactionAnswer {
            status: if height.is_some() { TransactionStatus::Final } else { TransactionStatus::Pending },
            height: height.map(Height::get),
            signer: Some(body.signer.to_string()),
            role: Some(body.role),
            nonce: Some(body.nonce.get()),
            last_valid: Some(body.last_valid.get()),
            atomic: Some(body.atomic),
            actions: body.actions.iter().map(ActionAnswer::from).collect(),
            receipts: receipts.iter().filter(|receipt| receipt.transaction == id).map(ReceiptAnswer::new).collect(),
            ..TransactionAnswer::waiting(id)
        }
    }
}

/// Takes a transaction that was signed elsewhere. Its signature authorises it; no token is needed.
#[utoipa::path(
    post, path = "/api/transactions", tag = "ledger", request_body = SubmitRequest, params(WaitParams),
    responses(
        (status = 200, description = "In a final block; each action has its receipt.", body = TransactionAnswer),
        (status = 202, description = "Admitted by the mempool, not final yet.", body = TransactionAnswer),
        (status = "4XX", description = "Refused.", body = ErrorAnswer),
    )
)]
pub async fn submit_transaction(
    State(api): State<Api>,
    Params(WaitParams { wait }): Params<WaitParams>,
    extensions: Extensions,
    body: Body<SubmitRequest>,
) -> Result<(StatusCode, Json<TransactionAnswer>), ApiError> {
    charge(&api, &extensions, 1)?;
    let transaction = decode(&body.value.transaction)?;
    let outcome = submit(&api, transaction, wait, Origin::Elsewhere).await?;
    let status = outcome.status();
    let answer = api.blocking(move |api| answer(api, &outcome)).await?;
    Ok((status, Json(answer)))
}

/// Takes what a number of transactions costs their sender.
///
/// # Errors
/// 429 when it has sent too many.
pub(super) fn charge(api: &Api, extensions: &Extensions, count: usize) -> Result<(), ApiError> {
    if api.limiter().allow(address(extensions), count, api.now()) {
        return Ok(());
    }
    let message = "too many transactions from this address; try again in a second";
    Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message))
}

/// Who sent a request; requests without an address (tests, other transports) count as one sender.
fn address(extensions: &Extensions) -> IpAddr {
    extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

fn decode(text: &str) -> Result<SignedTransaction, ApiError> {
    let failed = |message: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_transaction", message).at("transaction");
    if text.len() > MAX_TRANSACTION_BYTES * 2 {
        let message = format!("at most {MAX_TRANSACTION_BYTES} bytes are allowed");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "transaction_too_long", message).at("transaction"));
    }
    let bytes = hex::decode(text).map_err(|error| failed(format!("not hex: {error}")))?;
    codec::decode(&bytes, MAX_TRANSACTION_BYTES).map_err(|error| failed(error.to_string()))
}

fn answer(api: &Api, outcome: &Outcome) -> Result<TransactionAnswer, ApiError> {
    let Some(results) = &outcome.results else { return Ok(TransactionAnswer::new(&outcome.transaction, None, &[])) };
    let receipts = outcome.receipts();
    let mut answer = TransactionAnswer::new(&outcome.transaction, Some(results.height), &receipts);
    for (receipt, shown) in receipts.iter().zip(&mut answer.receipts) {
        let action = outcome.transaction.body.actions.get(usize::from(receipt.action));
        if let (Some(Action::PlaceOrder(terms)), Code::Ok) = (action, receipt.code) {
            shown.order = Some(placed(api, outcome, results, receipt, terms)?);
        }
    }
    Ok(answer)
}

/// A signed transaction: waiting, or final with its receipts.
#[utoipa::path(
    get, path = "/api/transactions/{id}", tag = "ledger", params(("id" = String, Path, description = "The ledger transaction.")),
    responses(
        (status = 200, description = "The transaction.", body = TransactionAnswer),
        (status = 404, description = "No such transaction.", body = ErrorAnswer),
    )
)]
pub async fn get_transaction(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<TransactionAnswer>, ApiError> {
    let unknown = || ApiError::not_found("unknown_transaction", "no such transaction waits or is in a block that this node keeps").at("id");
    let id = TransactionId::from_hex(&id).ok_or_else(unknown)?;
    let waits = api.mempool().is_waiting(id);
    let found = api.blocking(move |api| {
        let Some(height) = api.chain().height_of(id)? else { return Ok(None) };
        let (block, results) = (api.chain().block(height)?, api.chain().results(height)?);
        let transaction = block.and_then(|(block, _)| block.body.transactions.into_iter().find(|transaction| transaction.id() == id));
        let receipts = results.map(|results| results.receipts).unwrap_or_default();
        Ok(transaction.map(|transaction| TransactionAnswer::new(&transaction, Some(height), &receipts)))
    });
    match found.await? {
        Some(answer) => Ok(Json(answer)),
        None if waits => Ok(Json(TransactionAnswer::waiting(id))),
        None => Err(unknown()),
    }
}
