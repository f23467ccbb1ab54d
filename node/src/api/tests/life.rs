//! Orders and transactions through the API of two nodes.

use super::client::Node;
use super::net::{Net, START};
use axum::http::Method;
use serde_json::{Value, json};

fn slot() -> u64 {
    START / 900_000
}

fn completion() -> Value {
    json!({
        "delivered": [{"slot": slot(), "quantity": "10"}],
        "heat": [{"slot": slot(), "quantity": 9.5}],
        "readings": [
            {"register": "compute", "sequence": 1, "slot": slot(), "registerKwh": "10"},
            {"register": "heat", "sequence": 1, "slot": slot(), "registerKwh": "9.5", "quality": "measured"},
        ],
        "result": "ab".repeat(32),
    })
}

#[tokio::test]
async fn scenario_1_runs_through_two_nodes_to_the_micro_franc() {
    let net = Net::new();
    let (buyer, seller) = (Node::of(&net, "hub-01"), Node::of(&net, "hub-02"));
    let ask = seller.order("ask").await.ok();
    assert_eq!((ask["status"].as_str(), ask["openQuantity"].to_string()), (Some("open"), "10".into()));
    let bid = buyer.order("bid").await.ok();
    assert_eq!(bid["status"], "matched");
    let fill = &bid["transactions"][0];
    assert_eq!((fill["quantity"].to_string(), fill["pricePerUnitChf"].to_string()), ("10".into(), "0.15".into()));
    assert_eq!(fill["counterparty"], "hub-02");
    assert_eq!(buyer.account("hub-01", "escrowChf").await, "1.5");
    let id = bid["transactionId"].as_str().unwrap();
    let path = format!("/api/marketplace/transactions/{id}");
    // The ask, which rested, shows the same transaction.
    let ask = seller.get(&format!("/api/marketplace/orders/{}", ask["orderId"].as_str().unwrap())).await.ok();
    assert_eq!((ask["status"].as_str(), ask["transactionId"].as_str()), (Some("matched"), Some(id)));
    assert_eq!(ask["transactions"][0]["counterparty"], "hub-01");

    assert_eq!(buyer.step(&format!("{path}/start")).await.error(), (403, "not_party", None));
    let started = seller.step(&format!("{path}/start")).await.ok();
    assert_eq!((started["transaction"]["status"].as_str(), started["transaction"]["phase"].as_str()), (Some("pending"), Some("running")));
    let done = seller.post(&format!("{path}/complete"), completion()).await.ok();
    assert_eq!((done["transaction"]["status"].as_str(), done["transaction"]["phase"].as_str()), (Some("confirmed"), Some("delivered")));
    let confirmed = buyer.step(&format!("{path}/confirm")).await.ok();
    assert_eq!(confirmed["transaction"]["status"], "settled");
    let settlement = &confirmed["transaction"]["settlement"];
    let shown = |field: &str| settlement[field].to_string();
    assert_eq!((shown("grossChf"), shown("feeChf"), shown("sellerChf")), ("1.5".into(), "0.075".into(), "1.425".into()));
    assert_eq!(shown("heatKwh"), "9");

    for node in [&buyer, &seller] {
        assert_eq!(node.account("hub-01", "totalChf").await, "4998.5");
        assert_eq!(node.account("hub-02", "freeChf").await, "5001.425");
        assert_eq!(node.account("hub-02", "heatFreeKwh").await, "9");
    }
    for (query, count) in [("status=settled", 1), ("status=pending", 0), ("hubId=hub-01", 1), ("hubId=hub-03", 0), ("limit=1", 1)] {
        let list = seller.get(&format!("/api/marketplace/transactions?{query}")).await.ok();
        assert_eq!(list["transactions"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(seller.get(&path).await.ok()["status"], "settled");
}

#[tokio::test]
async fn running_transactions_come_by_page_each_once_and_a_hubs_older_first() {
    let net = Net::new();
    let (buyer, seller) = (Node::of(&net, "hub-01"), Node::of(&net, "hub-02"));
    let mut made = Vec::new();
    for _ in 0..4 {
        seller.order("ask").await.ok();
        made.push(buyer.order("bid").await.ok()["transactionId"].as_str().unwrap().to_owned());
    }
    for (query, is_of_hub) in [("hubId=hub-01&status=pending", true), ("hubId=hub-02", true), ("status=pending", false)] {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        for _ in 0..6 {
            let page = buyer.get(&format!("/api/marketplace/transactions?{query}&limit=1{cursor}")).await.ok();
            listed.extend(page["transactions"].as_array().unwrap().iter().map(|trade| trade["transactionId"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        // All transactions together come by their ids.
        let mut expected = made.clone();
        if !is_of_hub {
            expected.sort_unstable();
        }
        assert_eq!(listed, expected, "{query}");
    }
}

#[tokio::test]
async fn an_order_that_does_not_trade_is_explained() {
    let net = Net::new();
    let (buyer, seller) = (Node::of(&net, "hub-01"), Node::of(&net, "hub-02"));
    let order = |side: &str, price: &str| json!({"side": side, "resource": "compute", "quantity": "10", "maxPricePerUnitChf": price});
    seller.post("/api/marketplace/orders", order("ask", "0.3")).await.ok();
    let mut near = order("ask", "0.1");
    near["constraints"] = json!({"maxDistance": "building"});
    seller.post("/api/marketplace/orders", near).await.ok();
    let bid = buyer.post("/api/marketplace/orders", order("bid", "0.2")).await.ok();
    assert_eq!(bid["status"], "open");
    let path = format!("/api/marketplace/orders/{}/explain", bid["orderId"].as_str().unwrap());
    let candidates = buyer.get(&path).await.ok()["candidates"].clone();
    let reasons: Vec<&str> = candidates.as_array().unwrap().iter().map(|c| c["passedOverBecause"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["distance", "price"]);
}

#[tokio::test]
async fn an_order_is_replaced_and_cancelled() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let placed = node.order("bid").await.ok();
    assert_eq!(node.account("hub-01", "reservedChf").await, "2");
    let path = format!("/api/marketplace/orders/{}", placed["orderId"].as_str().unwrap());
    let smaller = json!({"quantity": "5", "maxPricePerUnitChf": "0.2"});
    let replaced = node.call(Method::PUT, &path, Some(&smaller), None).await.ok();
    assert_eq!((replaced["status"].as_str(), replaced["quantity"].to_string()), (Some("open"), "5".into()));
    assert_eq!(node.account("hub-01", "reservedChf").await, "1");
    let new = format!("/api/marketplace/orders/{}", replaced["orderId"].as_str().unwrap());
    let cancelled = node.call(Method::DELETE, &new, None, None).await.ok();
    assert_eq!((cancelled["status"].as_str(), cancelled["end"].as_str()), (Some("cancelled"), Some("cancelled")));
    assert_eq!(node.account("hub-01", "reservedChf").await, "0");
    assert_eq!(node.call(Method::DELETE, &new, None, None).await.error(), (404, "unknown_order", Some("id")));
    let open = node.get("/api/marketplace/orders?hubId=hub-01").await.ok();
    assert_eq!(open["orders"], json!([]));
    let finished = node.get("/api/marketplace/orders?hubId=hub-01&state=finished").await.ok();
    assert_eq!(finished["orders"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_answers_for_each_order() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let order = |quantity: &str, price: &str| json!({"resource": "compute", "quantity": quantity, "maxPricePerUnitChf": price});
    let orders = json!({"orders": [order("10", "0.2"), order("10.001", "0.2"), order("10", "20")]});
    let batch = node.post("/api/marketplace/orders/batch", orders.clone()).await.ok();
    let of = |index: usize| batch["orders"][index].clone();
    assert_eq!(of(0)["status"], "open");
    assert_eq!((of(1)["status"].as_str(), of(1)["error"]["code"].as_str()), (Some("rejected"), Some("bad_quantity")));
    assert_eq!(of(1)["error"]["field"], "orders[1].quantity");
    assert_eq!(
        (of(2)["error"]["code"].as_str(), of(2)["error"]["field"].as_str()),
        (Some("price_outside_collar"), Some("orders[2].maxPricePerUnitChf"))
    );
    // With `atomic` the same orders are all rejected.
    let mut atomic = orders;
    atomic["atomic"] = json!(true);
    let batch = node.post("/api/marketplace/orders/batch", atomic).await.ok();
    let statuses: Vec<&str> = batch["orders"].as_array().unwrap().iter().map(|order| order["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["rejected"; 3]);
    assert_eq!(node.account("hub-01", "reservedChf").await, "2");
    let many = json!({"orders": vec![order("1", "0.2"); 257]});
    assert_eq!(node.post("/api/marketplace/orders/batch", many).await.error(), (422, "bad_value", Some("orders")));
    let wrong = json!({"orders": [order("1", "0.2"), order("-1", "0.2")]});
    assert_eq!(node.post("/api/marketplace/orders/batch", wrong).await.error(), (422, "negative", Some("orders[1].quantity")));
}

#[tokio::test]
async fn an_energy_slot_trades_and_its_book_shows_it() {
    let net = Net::new();
    let (a, b) = (Node::of(&net, "hub-01"), Node::of(&net, "hub-02"));
    let energy = |side: &str, quantity: &str, price: &str| json!({"side": side, "resource": "energy", "slot": slot() + 4, "quantity": quantity, "maxPricePerUnitChf": price});
    b.post("/api/marketplace/orders", energy("ask", "2.5", "0.10")).await.ok();
    let book = a.get(&format!("/api/marketplace/book?resource=energy&slot={}", slot() + 4)).await.ok();
    assert_eq!(book["asks"][0]["quantity"].to_string(), "2.5");
    assert_eq!(book["asks"][0]["pricePerUnitChf"].to_string(), "0.1");
    let bid = a.post("/api/marketplace/orders", energy("bid", "3", "0.2")).await.ok();
    assert_eq!((bid["status"].as_str(), bid["filledQuantity"].to_string()), (Some("partially_matched"), "2.5".into()));
    let markets = a.get("/api/markets").await.ok();
    let energy = markets["markets"].as_array().unwrap().iter().find(|m| m["resource"] == "energy").unwrap();
    assert_eq!(energy["unit"], "kWh");
}
