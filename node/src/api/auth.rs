//! The bearer token, which whatever signs with the hub's key needs. Reading needs none.

use super::error::ApiError;
use super::service::Api;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use std::fmt;

/// A bearer token; kept as its hash, so that comparing takes the same time whatever is presented.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl Token {
    /// The token with this text, which MUST have at least 128 bits from a cryptographic source.
    pub fn new(text: &str) -> Self {
        Token(blake3::hash(text.as_bytes()))
    }

    fn is(&self, presented: &str) -> bool {
        // `blake3::Hash` compares in constant time.
        self.0 == blake3::hash(presented.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Proof that a request presented the token: a handler that signs takes it as its first argument.
#[derive(Clone, Copy, Debug)]
pub struct Authorized;

impl FromRequestParts<Api> for Authorized {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let refuse = |message: &str| ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message).at("Authorization");
        let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(|| refuse("this request needs the node's bearer token"))?;
        let text = header.to_str().map_err(|_| refuse("the header is not text"))?;
        let (scheme, presented) = text.split_once(' ').ok_or_else(|| refuse("the header is not 'Bearer TOKEN'"))?;
        if scheme.eq_ignore_ascii_case("bearer") && api.token().is(presented.trim()) {
            Ok(Authorized)
        } else {
            Err(refuse("the token is not this node's"))
        }
    }
}
