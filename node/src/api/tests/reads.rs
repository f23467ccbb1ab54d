//! What the API says of the node and the ledger.

use super::client::Node;
use super::net::Net;
use crate::api::{ApiLimits, Document};
use axum::http::Method;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use serde_json::json;
use utoipa::OpenApi;

#[tokio::test]
async fn status_and_health_tell_height_roots_and_neighbours() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.produce();
    let status = node.get("/status").await.ok();
    let tip = net.ledger(|ledger| *ledger.tip());
    assert_eq!(status["height"], json!(1));
    assert_eq!(status["stateRoot"], json!(tip.state_root.to_string()));
    assert_eq!(status["committee"], json!(["hub-01", "hub-02", "hub-03", "hub-04"]));
    assert_eq!((&status["hubId"], &status["timeScale"]), (&json!("hub-01"), &json!(1)));
    assert_eq!(status["marketTime"], "2025-06-15T00:00:01Z");
    let peer = &status["peers"][0];
    assert_eq!((&peer["member"], &peer["height"], &peer["rootHeight"]), (&json!("hub-02"), &json!(7), &json!(6)));
    assert_eq!((&peer["divergedAtHeight"], &peer["stateRoot"]), (&json!(null), &status["stateRoot"]));
    assert_eq!(node.get("/healthz").await.ok(), json!({"status": "ok", "height": 1}));
}

#[tokio::test]
async fn a_block_can_be_checked_from_what_the_api_gives() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let order = node.order("bid").await.ok();
    net.produce();
    let block = node.get("/api/blocks/1").await.ok();
    assert_eq!(block["transactions"][0]["ledgerTransaction"], order["ledgerTransaction"]);
    assert_eq!(block["transactions"][0]["receipts"][0]["code"], "ok");
    assert_eq!(block["transactions"][0]["receipts"][0]["orderId"], order["orderId"]);
    assert_eq!(block["certificate"]["signatures"].as_array().unwrap().len(), 3);
    let list = node.get("/api/blocks?limit=1").await.ok();
    assert_eq!((list["blocks"].as_array().unwrap().len(), &list["blocks"][0]["height"]), (1, &json!(2)));
    let below = node.get("/api/blocks?below=2").await.ok();
    assert_eq!(below["blocks"][0]["id"], block["id"]);

    let request = axum::http::Request::builder().uri("/api/blocks/1/raw").body(axum::body::Body::empty()).unwrap();
    let bytes = node.bytes(request).await;
    let (raw, certificate): (Block, Certificate) = codec::decode(&bytes, 1 << 20).unwrap();
    assert_eq!(json!(raw.id().to_string()), block["id"]);
    let (chain, committee) = net.ledger(|ledger| (ledger.chain(), ledger.committee(ledger.tip().height).unwrap().clone()));
    assert_eq!(certificate.verify(chain, &committee), Ok(()));
}

#[tokio::test]
async fn members_and_accounts_come_by_page() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    for (path, list) in [("/api/members", "members"), ("/api/accounts", "accounts")] {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        for _ in 0..4 {
            let page = node.get(&format!("{path}?limit=5{cursor}")).await.ok();
            ids.extend(page[list].as_array().unwrap().iter().map(|entry| entry["hubId"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let members = net.ledger(|ledger| {
            use leg_ledger::state::{Members, View};
            ledger.state().range::<Members>(..).map(|(id, _)| id.to_string()).collect::<Vec<_>>()
        });
        assert_eq!(ids, members, "{path}");
    }
    let hub = node.get("/api/members?limit=1&cursor=grid").await.ok()["members"][0].clone();
    assert_eq!((&hub["hubId"], &hub["role"], &hub["computeWatts"]), (&json!("hub-01"), &json!("hub"), &json!(12_000)));
    assert_eq!((hub["reputation"].to_string(), hub["heatFactor"].to_string()), ("0.8".into(), "0.9".into()));
}

#[tokio::test]
async fn orders_of_all_come_by_page() {
    let net = Net::new();
    let nodes = [Node::of(&net, "hub-01"), Node::of(&net, "hub-02"), Node::of(&net, "hub-03")];
    for node in &nodes {
        node.order("bid").await.ok();
        node.order("bid").await.ok();
    }
    let (mut ids, mut cursor) = (std::collections::BTreeSet::new(), String::new());
    for _ in 0..6 {
        let page = nodes[0].get(&format!("/api/marketplace/orders?limit=4{cursor}")).await.ok();
        ids.extend(page["orders"].as_array().unwrap().iter().map(|order| order["orderId"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids.len(), 6);
    let own = nodes[0].get("/api/marketplace/orders?hubId=hub-02&resource=compute").await.ok();
    assert_eq!(own["orders"].as_array().unwrap().len(), 2);
    assert_eq!(nodes[0].get("/api/marketplace/orders?hubId=hub-02&resource=heat").await.ok()["orders"], json!([]));
    let book = nodes[0].get("/api/marketplace/book?resource=compute").await.ok();
    assert_eq!((book["bids"][0]["orders"].to_string(), book["bids"][0]["quantity"].to_string()), ("6".into(), "60".into()));
}

#[tokio::test]
async fn metrics_count_requests_and_show_the_height() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    net.produce();
    node.get("/healthz").await.ok();
    node.get("/nothing").await;
    let text = node.get("/metrics").await.text;
    assert!(text.contains("leg_height 1\n"), "{text}");
    assert!(text.contains("leg_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("route=\"unknown\",status=\"404\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_description_names_every_route() {
    let net = Net::new();
    // Nobody may follow the blocks: that answer would not end.
    let node = Node::with_limits(&net, "hub-01", ApiLimits { followers: 0, ..ApiLimits::default() });
    let document = node.get("/api/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = 0;
    for (path, item) in &Document::openapi().paths.paths {
        let operations = [(Method::GET, &item.get), (Method::POST, &item.post), (Method::PUT, &item.put), (Method::DELETE, &item.delete)];
        for (method, operation) in operations.into_iter().filter(|(_, operation)| operation.is_some()) {
            let uri = path.replace("{id}", "x").replace("{height}", "1");
            let reply = node.call(method.clone(), &uri, None, None).await;
            assert!(!reply.text.contains("unknown_route") && reply.status != 405, "{method} {path}: {}", reply.text);
            assert!(operation.as_ref().unwrap().operation_id.is_some());
            described += 1;
        }
    }
    // What the router has beside these: the description itself and the page.
    assert_eq!(described, 63);
    for schema in ["OrderRequest", "OrderAnswer", "ErrorAnswer", "TradeAnswer", "BlockAnswer", "EventAnswer"] {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
}

#[tokio::test]
async fn the_page_is_served() {
    let net = Net::new();
    let reply = Node::of(&net, "hub-01").get("/").await;
    assert!(reply.status == 200 && reply.text.starts_with("<!doctype html>"));
}
