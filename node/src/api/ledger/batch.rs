//! Many signed transactions in one request, as bytes: the way in for clients that send many.

use super::super::error::{ApiError, ErrorAnswer};
use super::super::service::Api;
use super::transactions::charge;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use leg_ledger::codec;
use leg_ledger::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Transactions in one request; more are refused.
pub const MAX_BATCH: usize = 2_048;

/// What became of one transaction of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchedAnswer {
    /// `admitted`, or why it was refused: the codes of `POST /api/transactions`.
    pub code: String,
    /// The same for people; absent for what was admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The field that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl BatchedAnswer {
    fn admitted() -> Self {
        BatchedAnswer { code: "admitted".to_owned(), message: None, field: None }
    }

    fn refused(error: ApiError) -> Self {
        let ErrorAnswer { code, message, field } = error.into_answer();
        BatchedAnswer { code, message: Some(message), field }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchAnswer {
    /// How many the mempool has now.
    pub admitted: usize,
    /// One answer a transaction, in the order sent.
    pub answers: Vec<BatchedAnswer>,
}

/// Takes up to 2 048 transactions that were signed elsewhere: the canonical bytes of a list of them (docs/formats.md). Each is admitted or
/// refused by itself; their signatures authorise them. Answers when the mempool has judged them all.
#[utoipa::path(
    post, path = "/api/transactions/batch", tag = "ledger",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The list's canonical bytes."),
    responses(
        (status = 200, description = "Each transaction was admitted or refused.", body = BatchAnswer),
        (status = "4XX", description = "Nothing of it was looked at.", body = ErrorAnswer),
    )
)]
pub async fn submit_batch(State(api): State<Api>, extensions: Extensions, body: Batch) -> Result<Json<BatchAnswer>, ApiError> {
    let Batch(bytes) = body;
    charge(&api, &extensions, announced(&bytes)?)?;
    let transactions = api.blocking(move |api| decode(&bytes, api.limits().body_bytes)).await?;
    let results = api.mempool().submit_all(transactions).await;
    let admitted = results.iter().filter(|result| result.is_ok()).count();
    let answer = |result: Result<(), _>| match result {
        Ok(()) => BatchedAnswer::admitted(),
        Err(refused) => BatchedAnswer::refused(ApiError::from(refused)),
    };
    Ok(Json(BatchAnswer { admitted, answers: results.into_iter().map(answer).collect() }))
}

/// A body of bytes.
pub struct Batch(Bytes);

impl FromRequest<Api> for Batch {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        Bytes::from_request(request, api).await.map(Batch).map_err(unreadable)
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    let message = "the content type must be application/octet-stream";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_content_type", message).at("Content-Type"))
}

fn unreadable(rejection: BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this endpoint takes");
    }
    ApiError::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body ended before its announced length")
}

/// The length that the list announces, which its first 8 bytes are: what it costs is known before anything is decoded.
fn announced(bytes: &[u8]) -> Result<usize, ApiError> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    match length.map(usize::try_from) {
        None => Err(bad_list("a list begins with its length in 8 bytes".to_owned())),
        Some(Ok(0)) => Err(bad_list("the list is empty".to_owned())),
        Some(Ok(length)) if length <= MAX_BATCH => Ok(length),
        Some(_) => {
            let message = format!("at most {MAX_BATCH} transactions fit into a request");
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_transactions", message).at("transactions"))
        }
    }
}

fn decode(bytes: &[u8], limit: usize) -> Result<Vec<SignedTransaction>, ApiError> {
    codec::decode(bytes, limit).map_err(|error| bad_list(error.to_string()))
}

fn bad_list(message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_transaction", message).at("transactions")
}
