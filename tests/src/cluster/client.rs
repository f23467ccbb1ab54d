//! Requests to a node, as a program of its hub sends them.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for an answer; a node answers `wait=final` within 5 s.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// A node's HTTP API, with its token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its JSON; null when it is none.
    pub body: Value,
    /// As it came.
    pub text: String,
}

impl Reply {
    /// A success's body.
    ///
    /// # Panics
    /// It is none.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// (status, code, field) of an error, which has exactly the members `code`, `message` and `field`.
    ///
    /// # Panics
    /// It has another shape.
    pub fn error(&self) -> (u16, &str, Option<&str>) {
        let body = self.body.as_object().unwrap_or_else(|| panic!("{} {:?}", self.status, self.text));
        assert_eq!(body.keys().collect::<Vec<_>>(), ["code", "field", "message"], "{}", self.text);
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.text);
        (self.status, body["code"].as_str().unwrap_or_default(), body["field"].as_str())
    }
}

impl Client {
    /// Of the API at an address.
    pub fn new(api: SocketAddr, token: Option<String>) -> Self {
        let http = reqwest::Client::builder().timeout(ANSWER_TIME).build().expect("an HTTP client");
        Client { http, base: format!("http://{api}"), token }
    }

    /// Address of the API as a URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token that it sends.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same without the token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Client { token: None, ..self.clone() }
    }

    /// GET.
    ///
    /// # Panics
    /// The node does not answer.
    pub async fn get(&self, path: &str) -> Reply {
        self.try_send(Method::GET, path, None, None).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// POST of JSON.
    ///
    /// # Panics
    /// The node does not answer.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body, None).await.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// POST without a body.
    ///
    /// # Panics
    /// The node does not answer.
    pub async fn step(&self, path: &str) -> Reply {
        self.try_send(Method::POST, path, None, None).await.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// POST of JSON with an `Idempotency-Key`, to a node that may be down.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn try_post(&self, path: &str, body: &Value, key: Option<&str>) -> reqwest::Result<Reply> {
        self.try_send(Method::POST, path, Some(("application/json", body.to_string().into_bytes())), key).await
    }

    /// Any request to a node that may be down; `body` is (content type, bytes).
    ///
    /// # Errors
    /// It does not answer.
    pub async fn try_send(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>, key: Option<&str>) -> reqwest::Result<Reply> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some((kind, bytes)) = body {
            request = request.header(CONTENT_TYPE, kind).body(bytes);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok(Reply { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    /// The bytes of a GET.
    ///
    /// # Panics
    /// The node does not answer, or refuses.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        answer.bytes().await.unwrap_or_else(|error| panic!("GET {path}: {error}")).to_vec()
    }

    /// Uploads a content; the root by which storage is bought for it.
    ///
    /// # Panics
    /// The node does not take it.
    pub async fn upload(&self, content: &[u8]) -> String {
        let body = Some(("application/octet-stream", content.to_vec()));
        let reply = self.try_send(Method::PUT, "/api/storage/content", body, None).await;
        let reply = reply.unwrap_or_else(|error| panic!("an upload: {error}"));
        reply.ok()["content"].as_str().expect("a root").to_owned()
    }

    /// The bytes of a stored content; `None` when the node refuses, or its answer ends early.
    pub async fn download(&self, storage: &str) -> Option<Vec<u8>> {
        let request = self.http.get(format!("{}/api/storage/{storage}/content", self.base));
        let request = if let Some(token) = &self.token { request.bearer_auth(token) } else { request };
        let answer = request.send().await.and_then(reqwest::Response::error_for_status).ok()?;
        answer.bytes().await.ok().map(|bytes| bytes.to_vec())
    }

    /// An exact number of an account, as it was written.
    pub async fn account(&self, member: &str, field: &str) -> String {
        self.get(&format!("/api/accounts/{member}")).await.ok()[field].to_string()
    }
}
