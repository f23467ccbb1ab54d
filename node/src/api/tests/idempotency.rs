//! A client's retry buys once (DESIGN, promise 4).

use super::client::{Node, Reply};
use super::net::Net;
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/marketplace/orders";

fn order(quantity: &str) -> Value {
    json!({"resource": "compute", "quantity": quantity, "maxPricePerUnitChf": "0.2"})
}

async fn post(node: &Node, body: &Value, key: &str) -> Reply {
    node.call(Method::POST, PATH, Some(body), Some(key)).await
}

#[tokio::test]
async fn a_retry_buys_once_and_is_given_the_same_answer() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let first = post(&node, &order("10"), "order-1").await.ok();
    let second = post(&node, &order("10"), "order-1").await.ok();
    assert_eq!(first, second);
    // The spelling of the body does not matter, nor does the node's restart: what was signed is kept by the store.
    let restarted = Node::of(&net, "hub-01");
    let respelled = json!({"quantity": "10", "maxPricePerUnitChf": "0.2", "resource": "compute"});
    assert_eq!(post(&restarted, &respelled, "order-1").await.ok(), first);
    assert_eq!(net.submitted(), 1);
    assert_eq!(node.account("hub-01", "reservedChf").await, "2");
    let other = post(&node, &order("10"), "order-2").await.ok();
    assert_ne!(other["orderId"], first["orderId"]);
    assert_eq!(node.account("hub-01", "reservedChf").await, "4");
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    post(&node, &order("10"), "order-1").await.ok();
    let mismatch = (422, "idempotency_mismatch", Some("Idempotency-Key"));
    assert_eq!(post(&node, &order("11"), "order-1").await.error(), mismatch);
    let forecast = json!({"slots": []});
    assert_eq!(node.call(Method::POST, "/api/forecasts", Some(&forecast), Some("order-1")).await.error(), mismatch);
    // Keys of another hub are another hub's.
    post(&Node::of(&net, "hub-02"), &order("11"), "order-1").await.ok();
}

#[tokio::test]
async fn retries_at_the_same_time_buy_once() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let body = order("10");
    let replies = futures::future::join_all((0..16).map(|_| post(&node, &body, "order-1"))).await;
    let ids: std::collections::BTreeSet<String> = replies.into_iter().map(|reply| reply.ok()["orderId"].to_string()).collect();
    assert_eq!((ids.len(), net.submitted()), (1, 1));
}

#[tokio::test]
async fn a_retry_after_a_time_out_is_given_the_final_answer() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.hold.store(true, Ordering::SeqCst);
    let waiting = post(&node, &order("10"), "order-1").await;
    assert_eq!((waiting.status, waiting.body["status"].as_str()), (202, Some("pending")));
    let id = waiting.body["ledgerTransaction"].as_str().unwrap().to_owned();
    assert_eq!(node.get(&format!("/api/transactions/{id}")).await.ok()["status"], "pending");
    let again = post(&node, &order("10"), "order-1").await;
    assert_eq!((again.status, again.body["ledgerTransaction"].as_str()), (202, Some(id.as_str())));
    net.produce();
    let done = post(&node, &order("10"), "order-1").await.ok();
    assert_eq!((done["status"].as_str(), done["ledgerTransaction"].as_str()), (Some("open"), Some(id.as_str())));
    assert_eq!(net.submitted(), 1);
}

#[tokio::test]
async fn an_expired_key_is_new_again() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let first = post(&node, &order("10"), "order-1").await.ok();
    net.advance_ms(24 * 3_600_000);
    let second = post(&node, &order("10"), "order-1").await.ok();
    assert_ne!(first["orderId"], second["orderId"]);
}

#[tokio::test]
async fn a_transaction_that_expired_unseen_bought_nothing() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.hold.store(true, Ordering::SeqCst);
    assert_eq!(post(&node, &order("10"), "order-1").await.status, 202);
    net.lose_waiting();
    for _ in 0..601 {
        net.produce();
    }
    assert_eq!(post(&node, &order("10"), "order-1").await.error(), (409, "expired", Some("Idempotency-Key")));
    assert_eq!(node.account("hub-01", "reservedChf").await, "0");
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_sends_nothing() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.disk_full.store(true, Ordering::SeqCst);
    assert_eq!(post(&node, &order("10"), "order-1").await.error(), (500, "internal", None));
    assert_eq!(net.submitted(), 0);
}

#[tokio::test]
async fn a_rejection_is_repeated_too() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let unfunded = order("1000000");
    for _ in 0..2 {
        assert_eq!(post(&node, &unfunded, "order-1").await.error(), (409, "insufficient_funds", Some("quantity")));
    }
    assert_eq!(net.submitted(), 1);
}

#[tokio::test]
async fn a_key_is_visible_ascii() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    for bad in ["", "two words", &"k".repeat(129)] {
        let reply = post(&node, &order("10"), bad).await;
        assert_eq!(reply.error(), (400, "bad_idempotency_key", Some("Idempotency-Key")), "{bad:?}");
    }
    assert_eq!(net.submitted(), 0);
}
