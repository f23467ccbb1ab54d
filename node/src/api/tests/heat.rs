//! Jobs, the heat that they give off, and price inputs through the API.

use super::client::Node;
use super::net::{Net, START};
use serde_json::{Value, json};
use std::sync::Arc;

fn slot() -> u64 {
    START / 900_000
}

/// A job of hub-01 that hub-02 does: 9 kWh of heat. Returns the job's id and its transaction's.
async fn job(net: &Arc<Net>) -> (String, String) {
    let (buyer, seller) = (Node::of(net, "hub-01"), Node::of(net, "hub-02"));
    let request = json!({"energyKwh": "10", "maxPricePerKwh": "0.20", "jobHash": "cd".repeat(32)});
    let placed = buyer.post("/api/compute", request).await.ok();
    let id = placed["orderId"].as_str().unwrap().to_owned();
    let path = format!("/api/compute/{id}");
    let status = async |want: &str| assert_eq!(buyer.get(&path).await.ok()["status"], want);
    status("waiting").await;
    seller.order("ask").await.ok();
    status("matched").await;
    let found = buyer.get(&path).await.ok();
    let trade = found["runs"][0]["transactionId"].as_str().unwrap().to_owned();
    let steps = format!("/api/marketplace/transactions/{trade}");
    seller.step(&format!("{steps}/start")).await.ok();
    status("running").await;
    let completion = json!({
        "delivered": [{"slot": slot(), "quantity": "10"}],
        "heat": [{"slot": slot(), "quantity": "9.5"}],
        "readings": [
            {"register": "compute", "sequence": 1, "slot": slot(), "registerKwh": "10"},
            {"register": "heat", "sequence": 1, "slot": slot(), "registerKwh": "9.5"},
        ],
        "result": "ab".repeat(32),
    });
    seller.post(&format!("{steps}/complete"), completion).await.ok();
    buyer.step(&format!("{steps}/confirm")).await.ok();
    (id, trade)
}

#[tokio::test]
async fn a_job_is_followed_from_its_order_to_its_result() {
    let net = Net::new();
    let (id, _) = job(&net).await;
    let node = Node::of(&net, "hub-03");
    let done = node.get(&format!("/api/compute/{id}")).await.ok();
    assert_eq!((done["status"].as_str(), done["jobHash"].as_str()), (Some("done"), Some("cd".repeat(32).as_str())));
    assert_eq!((done["deliveredKwh"].to_string(), done["results"][0].as_str()), ("10".into(), Some("ab".repeat(32).as_str())));
    assert_eq!(done["order"]["job"].as_str(), Some("cd".repeat(32).as_str()));
    assert_eq!(node.get("/api/compute/nothing").await.error(), (404, "unknown_job", Some("id")));
    let bad = json!({"energyKwh": "10", "maxPricePerKwh": "0.20", "jobHash": "cd"});
    assert_eq!(node.post("/api/compute", bad).await.error(), (422, "bad_value", Some("jobHash")));
    let dear = json!({"energyKwh": "10", "maxPricePerKwh": "20", "jobHash": "cd".repeat(32)});
    assert_eq!(node.post("/api/compute", dear).await.error(), (422, "price_outside_collar", Some("maxPricePerKwh")));
}

#[tokio::test]
async fn heat_is_listed_sold_transferred_and_retired_with_a_certificate() {
    let net = Net::new();
    let (_, trade) = job(&net).await;
    let (producer, buyer, third) = (Node::of(&net, "hub-02"), Node::of(&net, "hub-01"), Node::of(&net, "hub-03"));
    let lots = async |hub: &str| third.get(&format!("/api/heat/lots?hubId={hub}")).await.ok()["lots"].clone();
    let lot = lots("hub-02").await[0].clone();
    assert_eq!((lot["quantityKwh"].to_string(), lot["transactionId"].as_str()), ("9".into(), Some(trade.as_str())));

    let order = |side: &str, quantity: &str| json!({"side": side, "resource": "heat", "quantity": quantity, "maxPricePerUnitChf": "0.08"});
    producer.post("/api/marketplace/orders", order("ask", "5")).await.ok();
    assert_eq!(lots("hub-02").await[0]["reservedKwh"].to_string(), "5");
    let bought = buyer.post("/api/marketplace/orders", order("bid", "2")).await.ok();
    assert_eq!(bought["status"], "matched");
    let path = format!("/api/marketplace/transactions/{}", bought["transactionId"].as_str().unwrap());
    let settled = buyer.get(&path).await.ok();
    assert_eq!((settled["status"].as_str(), settled["settlement"]["grossChf"].to_string()), (Some("settled"), "0.16".into()));
    let too_much = producer.post("/api/marketplace/orders", order("ask", "4.01")).await;
    assert_eq!(too_much.error(), (409, "insufficient_heat", Some("quantity")));

    buyer.post("/api/heat/transfer", json!({"to": "hub-03", "quantityKwh": "0.5"})).await.ok();
    assert_eq!(lots("hub-03").await[0]["producer"], "hub-02");
    let part = json!({"producer": "hub-02", "slot": slot(), "transactionId": trade, "quantityKwh": "1.5"});
    let retire = |parts: Value| json!({"usedBy": "customer-01", "purpose": "space-heating", "document": "ef".repeat(32), "parts": parts});
    let retired = buyer.post("/api/heat/retire", retire(json!([part]))).await.ok();
    assert_eq!(buyer.post("/api/heat/retire", retire(json!([part]))).await.error(), (422, "unknown_lot", Some("parts")));
    assert_eq!(lots("hub-01").await, json!([]));
    for query in ["", "?hubId=hub-01", "?limit=1"] {
        let list = third.get(&format!("/api/heat/certificates{query}")).await.ok();
        let certificate = &list["certificates"][0];
        assert_eq!(certificate["ledgerTransaction"], retired["ledgerTransaction"], "{query}");
        assert_eq!((certificate["usedBy"].as_str(), certificate["purpose"].as_str()), (Some("customer-01"), Some("space-heating")));
        assert_eq!((certificate["quantityKwh"].to_string(), certificate["parts"][0]["producer"].as_str()), ("1.5".into(), Some("hub-02")));
    }
    assert_eq!(third.get("/api/heat/certificates?hubId=hub-03").await.ok()["certificates"], json!([]));
}

#[tokio::test]
async fn wrong_heat_requests_name_their_field() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let table = [
        ("/api/heat/transfer", json!({"to": "hub-02"}), (422, "missing_field", Some("quantityKwh"))),
        ("/api/heat/transfer", json!({"to": "hub-02", "quantityKwh": "1", "parts": []}), (422, "bad_value", Some("parts"))),
        ("/api/heat/transfer", json!({"to": "hub-02", "quantityKwh": "0"}), (422, "bad_quantity", Some("quantityKwh"))),
        ("/api/heat/transfer", json!({"to": "hub-01", "quantityKwh": "1"}), (422, "bad_recipient", Some("to"))),
        ("/api/heat/transfer", json!({"to": "hub-02", "quantityKwh": "1"}), (409, "insufficient_heat", Some("quantityKwh"))),
        ("/api/heat/retire", json!({"usedBy": "nobody", "purpose": "process", "quantityKwh": "1"}), (422, "bad_recipient", Some("usedBy"))),
    ];
    for (path, body, want) in table {
        assert_eq!(node.post(path, body.clone()).await.error(), want, "{path} {body}");
    }
    assert_eq!(node.get("/api/heat/lots?hubId=hub-01&cursor=x").await.error(), (422, "bad_value", Some("cursor")));
}

#[tokio::test]
async fn price_inputs_and_reference_prices_are_shown() {
    let net = Net::new();
    let solar = |quantity: &str| json!({"zone": "zh", "slots": [{"slot": slot(), "quantity": quantity}]});
    for (oracle, quantity) in [("oracle-01", "100"), ("oracle-02", "120"), ("oracle-03", "300")] {
        Node::of(&net, oracle).post("/api/oracles/solar", solar(quantity)).await.ok();
    }
    Node::of(&net, "grid").post("/api/oracles/grid-level", json!({"zone": "zh", "levels": [{"slot": slot(), "level": 2}]})).await.ok();
    let hub = Node::of(&net, "hub-01");
    assert_eq!(hub.post("/api/oracles/solar", solar("1")).await.error(), (403, "wrong_role", None));
    let elsewhere = json!({"zone": "vd", "levels": [{"slot": slot(), "level": 2}]});
    assert_eq!(Node::of(&net, "oracle-01").post("/api/oracles/grid-level", elsewhere).await.error(), (422, "unknown_zone", Some("zone")));
    let list = hub.get(&format!("/api/oracles?slot={}", slot())).await.ok();
    let forecast = &list["inputs"][0];
    assert_eq!((forecast["median"].as_i64(), forecast["counted"].as_u64()), (Some(120_000), Some(3)));
    assert_eq!(forecast["sources"][2]["fromMedian"].as_i64(), Some(180_000));
    let level = &list["inputs"][1];
    assert_eq!((level["median"].as_i64(), level["counted"].as_u64(), level["needed"].as_u64()), (None, Some(1), Some(3)));
    let references = hub.get("/api/markets/references?resource=compute").await.ok();
    assert_eq!(references["references"][0]["pricePerUnitChf"].to_string(), "0.15");
    assert_eq!(hub.get("/api/markets/references?resource=energy").await.error(), (422, "bad_value", Some("leg")));
    let energy = hub.get("/api/markets/references?resource=energy&leg=leg-dorf&limit=1").await.ok();
    assert_eq!(energy["references"][0]["grid"].as_i64(), Some(0));
}
