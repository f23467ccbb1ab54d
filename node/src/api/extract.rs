//! What handlers take from a request, with errors that name the field.

use super::error::ApiError;
use super::service::Api;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use leg_ledger::ids::{MemberId, OrderId, TradeId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

/// Longest message that repeats what a client sent, characters.
const MAX_MESSAGE: usize = 300;

/// A JSON body, with a fingerprint in which equal requests have equal bytes whatever their spacing and order of keys.
#[derive(Clone, Debug)]
pub struct Body<T> {
    /// The body.
    pub value: T,
    /// Hash of method, path and body.
    pub fingerprint: Vec<u8>,
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        let place = format!("{} {}\n", request.method(), request.uri().path());
        let bytes = Bytes::from_request(request, api).await.map_err(too_large)?;
        let value = parse(&bytes)?;
        Ok(Body { value, fingerprint: fingerprint(&place, &bytes)? })
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the content type must be application/json";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_content_type", message).at("Content-Type"))
}

fn too_large(rejection: BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this endpoint takes")
    } else {
        ApiError::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body ended before its announced length")
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // A number where a name is expected is a wrong value of good JSON, which serde_json calls a syntax error.
        if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
            return field_error(&short(error.inner()), &path);
        }
        json_error(error.inner(), &path)
    })?;
    deserializer.end().map_err(|error| json_error(&error, "."))?;
    Ok(value)
}

fn short(error: &serde_json::Error) -> String {
    error.to_string().chars().take(MAX_MESSAGE).collect()
}

fn json_error(error: &serde_json::Error, path: &str) -> ApiError {
    let message = short(error);
    if error.classify() != serde_json::error::Category::Data {
        return ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", message);
    }
    field_error(&message, path)
}

/// Names the field of serde's message, which quotes it where the path leads to the parent only.
fn field_error(message: &str, path: &str) -> ApiError {
    let message = message.split(" at line ").next().unwrap_or(message);
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let kinds = [("unknown field", "unknown_field"), ("missing field", "missing_field"), ("duplicate field", "duplicate_field")];
    let kind = kinds.iter().find(|(start, _)| message.starts_with(start));
    let (code, field) = match kind {
        // For an unknown field the path already leads to it; for a missing or doubled one to its parent.
        Some((_, code)) if path == "." || path.is_empty() => (*code, quoted.to_owned()),
        Some((_, code)) if path.rsplit('.').next() == Some(quoted) => (*code, path.to_owned()),
        Some((_, code)) => (*code, format!("{path}.{quoted}")),
        None => ("bad_value", path.to_owned()),
    };
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    if field.is_empty() || field == "." { error } else { error.at(field) }
}

fn fingerprint(place: &str, bytes: &[u8]) -> Result<Vec<u8>, ApiError> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| json_error(&error, "."))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(place.as_bytes());
    hasher.update(value.to_string().as_bytes());
    Ok(hasher.finalize().as_bytes().to_vec())
}

/// The fingerprint of a request without a body.
#[derive(Clone, Debug)]
pub struct Fingerprint(pub Vec<u8>);

impl FromRequestParts<Api> for Fingerprint {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let place = format!("{} {}\n", parts.method, parts.uri.path());
        Ok(Fingerprint(blake3::hash(place.as_bytes()).as_bytes().to_vec()))
    }
}

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(value)| Params(value)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let (path, message) = message.split_once(": ").filter(|(path, _)| !path.contains(' ')).unwrap_or((".", message));
            let message: String = message.chars().take(MAX_MESSAGE).collect();
            field_error(&message, path)
        })
    }
}

/// How long an answer waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// Until the mempool has the transaction.
    Admitted,
    /// Until it is in a final block, at most 5 s.
    #[default]
    Final,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
/// Query of everything that signs or sends.
pub struct WaitParams {
    /// `final` (default) waits until the transaction is in a final block, at most 5 s; `admitted` only until the mempool has it.
    #[serde(default)]
    pub wait: Wait,
}

/// How a client wants its transaction sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// How long to wait.
    pub wait: Wait,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
}

impl FromRequestParts<Api> for Sending {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Params(WaitParams { wait }) = Params::from_request_parts(parts, api).await?;
        // What is not text is no valid key either, and is refused as such.
        let key = parts.headers.get("idempotency-key").map(|header| header.to_str().unwrap_or_default().to_owned());
        Ok(Sending { wait, key })
    }
}

/// A member's id.
///
/// # Errors
/// 422 that names `field`.
pub fn member_id(text: &str, field: &str) -> Result<MemberId, ApiError> {
    MemberId::parse(text).ok_or_else(|| ApiError::bad_value(field, "a member's id has 1 to 32 of a-z, 0-9 and '-', not at its edges"))
}

/// An order's id in a path.
///
/// # Errors
/// 404: no order has such an id.
pub fn order_id(text: &str) -> Result<OrderId, ApiError> {
    OrderId::from_hex(text).ok_or_else(|| ApiError::not_found("unknown_order", "an order's id has 64 lower-case hex digits").at("id"))
}

/// A trade's id in a path.
///
/// # Errors
/// 404: no trade has such an id.
pub fn trade_id(text: &str) -> Result<TradeId, ApiError> {
    TradeId::from_hex(text).ok_or_else(|| ApiError::not_found("unknown_trade", "a transaction's id has 64 lower-case hex digits").at("id"))
}

/// Default and largest number of entries on a page.
const PAGE: (usize, usize) = (100, 500);

/// The number of entries that a page may have.
///
/// # Errors
/// 422 that names the field `limit`.
pub fn page_limit(limit: Option<usize>) -> Result<usize, ApiError> {
    let (default, most) = PAGE;
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(ApiError::bad_value("limit", format!("1 to {most} entries fit on a page"))),
    }
}
