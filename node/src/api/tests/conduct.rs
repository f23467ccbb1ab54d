//! Disputes, reputations, heartbeats and corrections through the API.

use super::client::Node;
use super::net::{Net, START};
use serde_json::{Value, json};
use std::sync::Arc;

const HOUR_MS: u64 = 3_600_000;

fn slot() -> u64 {
    START / 900_000
}

/// A transaction of 10 kWh at 0.15 between `buyer` and `seller`, all delivered; its path.
async fn delivered(buyer: &Node, seller: &Node) -> String {
    seller.order("ask").await.ok();
    let bid = buyer.order("bid").await.ok();
    let path = format!("/api/marketplace/transactions/{}", bid["transactionId"].as_str().unwrap());
    seller.step(&format!("{path}/start")).await.ok();
    let done = json!({
        "delivered": [{"slot": slot(), "quantity": "10"}],
        "readings": [{"register": "compute", "sequence": 1, "slot": slot(), "registerKwh": "10"}],
    });
    seller.post(&format!("{path}/complete"), done).await.ok();
    path
}

/// The buyer hub-05 says that 4 of 10 kWh were delivered by hub-06.
async fn disputed(net: &Arc<Net>) -> (Node, Node, String) {
    let (buyer, seller) = (Node::of(net, "hub-05"), Node::of(net, "hub-06"));
    let path = delivered(&buyer, &seller).await;
    let answer = buyer.post(&format!("{path}/dispute"), json!({"claimed": "4"})).await.ok();
    assert_eq!((answer["transaction"]["status"].as_str(), answer["transaction"]["phase"].as_str()), (Some("confirmed"), Some("disputed")));
    (buyer, seller, path)
}

fn numbers(answer: &Value, fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| answer[*field].to_string()).collect()
}

#[tokio::test]
async fn a_dispute_is_opened_argued_voted_on_and_read_afterwards() {
    let net = Net::new();
    let (buyer, seller, path) = disputed(&net).await;
    let dispute = buyer.get(&format!("{path}/dispute")).await.ok();
    let amounts = numbers(&dispute, &["claimed", "metered", "valueChf", "paidChf", "refundedChf", "openerBondChf", "respondentBondChf"]);
    assert_eq!(amounts, ["4", "10", "0.9", "0.6", "0", "1", "0"]);
    assert_eq!(dispute["entitled"], json!(["hub-01", "hub-02", "hub-03", "hub-04"]));
    assert_eq!((dispute["ground"].as_str(), dispute.get("verdict")), (Some("quantity"), None));
    let open = buyer.get("/api/disputes").await.ok();
    assert_eq!((open["disputes"].as_array().unwrap().len(), open.get("next")), (1, None));

    seller.post(&format!("{path}/evidence"), json!({"hashes": ["ab".repeat(32)]})).await.ok();
    assert_eq!(seller.account("hub-06", "bondChf").await, "1");
    let judges = ["hub-01", "hub-02", "hub-03"].map(|name| Node::of(&net, name));
    let vote = json!({"forOpener": true});
    assert_eq!(judges[0].post(&format!("{path}/vote"), vote.clone()).await.error(), (409, "too_early", None));
    net.advance_ms(48 * HOUR_MS);
    assert_eq!(seller.post(&format!("{path}/vote"), vote.clone()).await.error(), (403, "not_entitled", None));
    for judge in &judges {
        judge.post(&format!("{path}/vote"), vote.clone()).await.ok();
    }
    let dispute = seller.get(&format!("{path}/dispute")).await.ok();
    let verdict = &dispute["verdict"];
    assert_eq!(
        (verdict["quantity"].to_string(), verdict["basis"].as_str(), verdict["loser"].as_str()),
        ("4".into(), Some("vote"), Some("hub-06"))
    );
    assert_eq!(dispute["votes"].as_array().unwrap().len(), 3);
    assert_eq!(dispute["evidence"], json!([{"hubId": "hub-06", "hash": "ab".repeat(32)}]));
    assert_eq!(seller.get("/api/disputes").await.ok()["disputes"], json!([]));
    let trade = seller.get(&path).await.ok();
    assert_eq!((trade["status"].as_str(), trade["settlement"]["grossChf"].to_string()), (Some("settled"), "0.6".into()));

    // Lost over CHF 0.90 of 1.50: 8.6 of 11.5.
    let lost = seller.get("/api/reputation/hub-06").await.ok();
    assert_eq!(numbers(&lost["disputes"], &["value", "good", "total", "weight", "counterparties"]), ["0.7478", "0.6", "1.5", "0.15", "1"]);
    assert!(lost["reputation"].as_f64() < Some(0.8));
    let members = seller.get("/api/members").await.ok();
    let listed = members["members"].as_array().unwrap().iter().find(|member| member["hubId"] == "hub-06").unwrap();
    assert_eq!(listed["reputation"], lost["reputation"]);
}

#[tokio::test]
async fn whoever_concedes_ends_the_dispute() {
    let net = Net::new();
    let (buyer, seller, path) = disputed(&net).await;
    let answer = seller.step(&format!("{path}/concede")).await.ok();
    assert_eq!(answer["transaction"]["settlement"]["grossChf"].to_string(), "0.6");
    let dispute = buyer.get(&format!("{path}/dispute")).await.ok();
    assert_eq!((dispute["verdict"]["basis"].as_str(), dispute["verdict"].get("loser")), (Some("conceded"), None));
    assert_eq!(buyer.account("hub-05", "bondChf").await, "0");
}

#[tokio::test]
async fn wrong_steps_of_disputes_name_the_field() {
    let net = Net::new();
    let (buyer, seller) = (Node::of(&net, "hub-05"), Node::of(&net, "hub-06"));
    let path = delivered(&buyer, &seller).await;
    let unknown = format!("/api/marketplace/transactions/{}", "00".repeat(32));
    let table = [
        (buyer.get(&format!("{path}/dispute")).await, (404, "unknown_dispute", Some("id"))),
        (buyer.post(&format!("{path}/dispute"), json!({"claimed": "10"})).await, (422, "bad_claim", Some("claimed"))),
        (buyer.post(&format!("{path}/dispute"), json!({"claimed": "x"})).await, (422, "not_a_number", Some("claimed"))),
        (buyer.post(&format!("{unknown}/dispute"), json!({"claimed": "4"})).await, (404, "unknown_trade", Some("id"))),
        (buyer.step(&format!("{path}/concede")).await, (404, "unknown_dispute", Some("id"))),
        (buyer.post(&format!("{path}/evidence"), json!({"hashes": ["zz"]})).await, (422, "bad_value", Some("hashes[0]"))),
        (buyer.get("/api/reputation/nobody").await, (404, "unknown_member", Some("id"))),
        (buyer.get("/api/disputes?cursor=zz").await, (422, "bad_value", Some("cursor"))),
    ];
    for (reply, want) in table {
        assert_eq!(reply.error(), want, "{}", reply.text);
    }
    buyer.post(&format!("{path}/dispute"), json!({"claimed": "4"})).await.ok();
    let none = buyer.post(&format!("{path}/evidence"), json!({"hashes": []})).await;
    assert_eq!(none.error(), (422, "bad_evidence", Some("hashes")));
}

#[tokio::test]
async fn a_heartbeat_shows_in_the_reputation() {
    let net = Net::new();
    let hub = Node::of(&net, "hub-07");
    assert_eq!(hub.get("/api/reputation/hub-07").await.ok().get("lastSeen"), None);
    hub.step("/api/heartbeats").await.ok();
    let answer = hub.get("/api/reputation/hub-07").await.ok();
    assert_eq!((answer["reputation"].to_string(), answer["lastSeen"].as_str()), ("0.8".into(), Some("2025-06-15T00:00:01Z")));
    let customer = Node::of(&net, "customer-01");
    assert_eq!(customer.step("/api/heartbeats").await.error(), (403, "wrong_role", None));
}

#[tokio::test]
async fn only_the_grid_operator_corrects_readings() {
    let net = Net::new();
    let (buyer, seller) = (Node::of(&net, "hub-05"), Node::of(&net, "hub-06"));
    let path = delivered(&buyer, &seller).await;
    buyer.step(&format!("{path}/confirm")).await.ok();
    net.advance_ms(HOUR_MS);
    let correction = json!({"hubId": "hub-06", "register": "compute", "slot": slot(), "increaseKwh": "5"});
    assert_eq!(buyer.post("/api/corrections", correction.clone()).await.error(), (403, "wrong_role", None));
    let operator = Node::of(&net, "grid");
    let mut bad = correction.clone();
    bad["register"] = json!("storage");
    assert_eq!(operator.post("/api/corrections", bad).await.error(), (422, "bad_reading", Some("register")));
    operator.post("/api/corrections", correction.clone()).await.ok();
    assert_eq!(buyer.account("hub-05", "totalChf").await, "4999.25", "half of CHF 1.50 came back");
    assert_eq!(operator.post("/api/corrections", correction).await.error(), (409, "already_reported", Some("slot")));
}
