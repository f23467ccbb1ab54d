//! Who may send what: the token, missing keys, transactions signed elsewhere, waiting.

use super::client::{Node, TOKEN};
use super::net::Net;
use crate::api::ApiLimits;
use axum::body::Body;
use axum::http::{Method, Request, header};
use leg_ledger::codec;
use leg_ledger::ids::{ChainId, Height, MemberId, Nonce};
use leg_ledger::member::KeyRole;
use leg_ledger::signature::SecretKey;
use leg_ledger::transaction::{Action, Resource, SignedTransaction, TransactionBody};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A transaction of hub-05, whose node is not here: it asks for a halt, which only the committee may.
fn body(net: &Net, nonce: u64) -> TransactionBody {
    TransactionBody {
        version: 1,
        chain: net.ledger(|ledger| ledger.chain()),
        signer: MemberId::parse("hub-05").unwrap(),
        role: KeyRole::Operator,
        nonce: Nonce::new(nonce),
        last_valid: Height::new(900),
        atomic: false,
        actions: vec![Action::HaltMarket { resource: Resource::Heat }],
    }
}

fn request(transaction: &SignedTransaction) -> Value {
    json!({"transaction": hex::encode(codec::encode(transaction))})
}

#[tokio::test]
async fn what_signs_needs_the_token_and_reading_does_not() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let id = "0".repeat(64);
    let signing = [
        ("POST", "/api/marketplace/orders".to_owned()),
        ("POST", "/api/marketplace/orders/batch".into()),
        ("PUT", format!("/api/marketplace/orders/{id}")),
        ("DELETE", format!("/api/marketplace/orders/{id}")),
        ("POST", format!("/api/marketplace/transactions/{id}/start")),
        ("POST", format!("/api/marketplace/transactions/{id}/complete")),
        ("POST", format!("/api/marketplace/transactions/{id}/confirm")),
        ("POST", format!("/api/marketplace/transactions/{id}/cancel")),
        ("POST", "/api/meter/readings".into()),
        ("POST", "/api/forecasts".into()),
        ("POST", "/api/exchanges".into()),
    ];
    let wrong = [None, Some("Bearer wrong"), Some("Bearer"), Some(TOKEN), Some("Basic a-token-of-the-tests")];
    for (method, path) in &signing {
        for header in wrong {
            let mut request = Request::builder().method(*method).uri(path).header(header::CONTENT_TYPE, "application/json");
            if let Some(header) = header {
                request = request.header(header::AUTHORIZATION, header);
            }
            let reply = node.send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(reply.error(), (401, "unauthorized", Some("Authorization")), "{method} {path} {header:?}");
        }
    }
    assert_eq!(net.submitted(), 0);
    assert_eq!(node.get("/api/accounts").await.status, 200);
}

#[tokio::test]
async fn a_node_without_keys_signs_nothing() {
    let net = Net::new();
    let node = Node::of(&net, "observer");
    assert_eq!(node.order("bid").await.error(), (403, "no_key", None));
    assert_eq!(node.get("/status").await.ok()["hubId"], Value::Null);
}

#[tokio::test]
async fn a_transaction_signed_elsewhere_needs_no_token() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let transaction = body(&net, 1).sign(&net.keys("hub-05").operator);
    let send = || async {
        let request = Request::builder().method(Method::POST).uri("/api/transactions").header(header::CONTENT_TYPE, "application/json");
        node.send(request.body(Body::from(self::request(&transaction).to_string())).unwrap()).await
    };
    let answer = send().await.ok();
    assert_eq!((answer["status"].as_str(), answer["receipts"][0]["code"].as_str()), (Some("final"), Some("not_committee")));
    assert_eq!(answer["signer"], "hub-05");
    let id = answer["ledgerTransaction"].as_str().unwrap();
    let read = node.get(&format!("/api/transactions/{id}")).await.ok();
    assert_eq!((&read["height"], &read["actions"][0]["type"]), (&answer["height"], &json!("halt-market")));
    assert_eq!(send().await.error(), (409, "replayed", Some("nonce")));
    let block = node.get(&format!("/api/blocks/{}", answer["height"])).await.ok();
    assert_eq!(block["transactions"][0]["ledgerTransaction"].as_str(), Some(id));
}

#[tokio::test]
async fn a_transaction_that_no_block_can_have_is_refused_by_name() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let operator = net.keys("hub-05").operator.clone();
    let signed = |change: &dyn Fn(&mut TransactionBody), key: &SecretKey| {
        let mut body = body(&net, 1);
        change(&mut body);
        body.sign(key)
    };
    net.produce();
    let garbage = SecretKey::from_bytes(&[9; 32]);
    let other = ChainId::from_hash(leg_ledger::hash::Hash::ZERO);
    /// Status, code, field.
    type Expected = (u16, &'static str, Option<&'static str>);
    let table: Vec<(SignedTransaction, Expected)> = vec![
        (signed(&|b| b.signer = MemberId::parse("nobody").unwrap(), &operator), (403, "unknown_member", Some("signer"))),
        (signed(&|b| b.signer = MemberId::parse("hub-06").unwrap(), &operator), (403, "bad_signature", Some("signature"))),
        (signed(&|_| (), &garbage), (403, "bad_signature", Some("signature"))),
        (signed(&|b| b.last_valid = Height::new(1), &operator), (409, "expired", Some("lastValid"))),
        (signed(&|b| b.last_valid = Height::new(5_000), &operator), (422, "too_far_ahead", Some("lastValid"))),
        (signed(&|b| b.chain = other, &operator), (422, "wrong_network", Some("chain"))),
        (signed(&|b| b.role = KeyRole::Meter, &net.keys("hub-05").meter), (403, "wrong_key_role", Some("role"))),
        (signed(&|b| b.actions.clear(), &operator), (422, "bad_form", Some("transaction"))),
        (signed(&|b| b.version = 2, &operator), (422, "bad_form", Some("transaction"))),
    ];
    for (transaction, want) in table {
        let reply = node.post("/api/transactions", request(&transaction)).await;
        assert_eq!(reply.error(), want, "{}", reply.text);
    }
    let hex = |text: &str| json!({"transaction": text});
    let whole = hex::encode(codec::encode(&signed(&|_| (), &operator)));
    let bad = (422, "bad_transaction", Some("transaction"));
    for text in ["", "zz", "abc", "00ff", &whole[..whole.len() - 2], &format!("{whole}00")] {
        assert_eq!(node.post("/api/transactions", hex(text)).await.error(), bad, "{text}");
    }
    let long = node.post("/api/transactions", hex(&"00".repeat(64 * 1024 + 1))).await;
    assert_eq!(long.error(), (413, "transaction_too_long", Some("transaction")));
    assert_eq!(net.submitted(), 0);
}

#[tokio::test]
async fn one_address_cannot_flood_the_signature_check() {
    let net = Net::new();
    let node = Node::with_limits(&net, "hub-01", ApiLimits { transactions_per_second: 2, ..ApiLimits::default() });
    let bad = json!({"transaction": "00"});
    for _ in 0..4 {
        assert_eq!(node.post("/api/transactions", bad.clone()).await.status, 422);
    }
    assert_eq!(node.post("/api/transactions", bad.clone()).await.error(), (429, "rate_limited", None));
    assert_eq!(node.order("bid").await.status, 200, "the hub's own orders are not limited by it");
}

#[tokio::test]
async fn a_node_that_is_full_or_slow_says_so() {
    let net = Net::new();
    let full = Node::with_limits(&net, "hub-01", ApiLimits { requests: 0, ..ApiLimits::default() });
    assert_eq!(full.get("/status").await.error(), (503, "busy", None));
    net.hold.store(true, Ordering::SeqCst);
    let slow = Node::with_limits(&net, "hub-01", ApiLimits { request_time: Duration::from_millis(50), ..ApiLimits::default() });
    assert_eq!(slow.order("bid").await.error(), (408, "timeout", None));
}

#[tokio::test]
async fn an_admitted_order_is_answered_at_once() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.hold.store(true, Ordering::SeqCst);
    let order = json!({"resource": "compute", "quantity": "10", "maxPricePerUnitChf": "0.2"});
    let reply = node.post("/api/marketplace/orders?wait=admitted", order.clone()).await;
    assert_eq!((reply.status, reply.body["status"].as_str()), (202, Some("pending")));
    assert_eq!(node.get("/status").await.ok()["mempool"], json!(1));
    assert_eq!(node.post("/api/marketplace/orders?wait=forever", order.clone()).await.error(), (422, "bad_value", Some("wait")));
    assert_eq!(node.post("/api/marketplace/orders?await=final", order).await.error(), (422, "unknown_field", Some("await")));
}
