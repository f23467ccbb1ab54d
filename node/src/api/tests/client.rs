//! A hub's node on the network in memory, and requests to it.

use super::net::Net;
use crate::api::{Api, ApiLimits, ApiParts, Signer, Token, router};
use crate::content::Desk;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use leg_ledger::ids::MemberId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// The token of every node here.
pub const TOKEN: &str = "a-token-of-the-tests";

/// A node.
#[derive(Clone)]
pub struct Node {
    router: Router,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// A success's body.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// (status, code, field) of an error, whose body must have exactly the three members.
    pub fn error(&self) -> (u16, &str, Option<&str>) {
        let body = self.body.as_object().unwrap_or_else(|| panic!("{} {:?}", self.status, self.text));
        assert_eq!(body.keys().collect::<Vec<_>>(), ["code", "field", "message"], "{}", self.text);
        assert!(!body["message"].as_str().unwrap().is_empty());
        (self.status, body["code"].as_str().unwrap(), body["field"].as_str())
    }
}

impl Node {
    /// The node of a member with its keys; `observer` has none of them.
    pub fn of(net: &Arc<Net>, member: &str) -> Node {
        Node::with_limits(net, member, ApiLimits { finality_time: Duration::from_millis(200), ..ApiLimits::default() })
    }

    /// The same with other limits.
    pub fn with_limits(net: &Arc<Net>, member: &str, limits: ApiLimits) -> Node {
        Node::with_api(net, member, limits).0
    }

    /// The same, with the API's state.
    pub fn with_api(net: &Arc<Net>, member: &str, limits: ApiLimits) -> (Node, Api) {
        let signer = (member != "observer").then(|| {
            let keys = net.keys(member);
            Arc::new(Signer::new(MemberId::parse(member).unwrap(), Some(keys.operator.clone()), Some(keys.meter.clone())))
        });
        Node::with_parts(net, signer, None, limits)
    }

    /// A node that keeps content.
    pub fn with_content(net: &Arc<Net>, signer: Arc<Signer>, desk: Arc<Desk>) -> Node {
        let limits = ApiLimits { finality_time: Duration::from_millis(200), ..ApiLimits::default() };
        Node::with_parts(net, Some(signer), Some(desk), limits)
    }

    fn with_parts(net: &Arc<Net>, signer: Option<Arc<Signer>>, content: Option<Arc<Desk>>, limits: ApiLimits) -> Node {
        let api = Api::start(ApiParts {
            chain: net.clone(),
            mempool: net.clone(),
            network: net.clone(),
            idempotency: net.clone(),
            clock: net.clone(),
            signer,
            content,
            token: Token::new(TOKEN),
            telemetry: Telemetry::new(),
            limits,
        });
        (Node { router: router(api.clone()) }, api)
    }

    /// The answer to a request, its body unread.
    pub async fn answer(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Opens a stream; the task reads it to its end and returns its bytes.
    pub async fn open(&self, path: &str) -> tokio::task::JoinHandle<Vec<u8>> {
        let response = self.answer(Request::builder().uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), 200);
        tokio::spawn(async move { to_bytes(response.into_body(), 16 << 20).await.unwrap().to_vec() })
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 16 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// The bytes of a success.
    pub async fn bytes(&self, request: Request<Body>) -> Vec<u8> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        to_bytes(response.into_body(), 16 << 20).await.unwrap().to_vec()
    }

    /// Sends JSON with the token.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// POST with a body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(&body), None).await
    }

    /// POST without a body.
    pub async fn step(&self, path: &str) -> Reply {
        self.call(Method::POST, path, None, None).await
    }

    /// GET without the token.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    /// Places an order for compute of scenario 1 (MARKET 6): 10 kWh, an ask at 0.15 or a bid at 0.20.
    pub async fn order(&self, side: &str) -> Reply {
        let price = if side == "ask" { "0.15" } else { "0.20" };
        self.post("/api/marketplace/orders", json!({"side": side, "resource": "compute", "quantity": "10", "maxPricePerUnitChf": price}))
            .await
    }

    /// An exact number of an account.
    pub async fn account(&self, member: &str, field: &str) -> String {
        self.get(&format!("/api/accounts/{member}")).await.ok()[field].to_string()
    }
}
