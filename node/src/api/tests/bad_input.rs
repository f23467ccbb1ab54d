//! Bad input gets a clear error that names the field, and nothing is lost (DESIGN, promise 8).

use super::client::{Node, TOKEN};
use super::net::Net;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

const ORDERS: &str = "/api/marketplace/orders";

fn with(change: Value) -> Value {
    let mut body = json!({"resource": "compute", "quantity": "10", "maxPricePerUnitChf": "0.2"});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

async fn raw(node: &Node, kind: &str, text: impl Into<Body>) -> super::client::Reply {
    let request = Request::builder().method(Method::POST).uri(ORDERS).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    node.send(request.header(header::CONTENT_TYPE, kind).body(text.into()).unwrap()).await
}

#[tokio::test]
async fn bodies_that_are_no_orders_are_refused() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let json = "application/json";
    let order = with(json!({})).to_string();
    let malformed = (400, "malformed_json", None);
    for text in
        ["", "{", "nonsense", "{\"resource\":}", "{\"quantity\": 1e}", "{\"quantity\": 01}", &format!("{order} x"), &"[".repeat(200)]
    {
        assert_eq!(raw(&node, json, text.to_owned()).await.error(), malformed, "{text}");
    }
    assert_eq!(raw(&node, json, vec![0xff, 0xfe]).await.error(), malformed);
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        assert_eq!(raw(&node, kind, order.clone()).await.error(), (415, "bad_content_type", Some("Content-Type")), "{kind}");
    }
    assert_eq!(raw(&node, "application/json; charset=utf-8", order).await.status, 200);
    let huge = format!("{{\"resource\": \"{}\"}}", "x".repeat(600 * 1024));
    assert_eq!(raw(&node, json, huge).await.error(), (413, "body_too_large", None));
    let twice = "{\"resource\": \"compute\", \"resource\": \"heat\"}";
    assert_eq!(raw(&node, json, twice).await.error(), (422, "duplicate_field", Some("resource")));
    assert_eq!(net.submitted(), 1);
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let table = [
        (with(json!({"volume": 1})), "unknown_field", "volume"),
        (with(json!({"constraints": {"hub": "hub-02"}})), "unknown_field", "constraints.hub"),
        (json!({"resource": "compute", "maxPricePerUnitChf": "0.2"}), "missing_field", "quantity"),
        (json!({"quantity": "1", "maxPricePerUnitChf": "0.2"}), "missing_field", "resource"),
        (with(json!({"window": {"from": 5}})), "missing_field", "window.until"),
        (with(json!({"quantity": "-10"})), "negative", "quantity"),
        (with(json!({"quantity": -10})), "negative", "quantity"),
        (with(json!({"quantity": "0.0001"})), "too_precise", "quantity"),
        (with(json!({"quantity": "1e1000000"})), "too_large", "quantity"),
        (with(json!({"quantity": true})), "bad_value", "quantity"),
        (with(json!({"quantity": ["10"]})), "bad_value", "quantity"),
        (with(json!({"maxPricePerUnitChf": "0.2000001"})), "too_precise", "maxPricePerUnitChf"),
        (with(json!({"maxPricePerUnitChf": "CHF 0.2"})), "not_a_number", "maxPricePerUnitChf"),
        (with(json!({"resource": "coal"})), "bad_value", "resource"),
        (with(json!({"side": "buy"})), "bad_value", "side"),
        (with(json!({"timeInForce": "DAY"})), "bad_value", "timeInForce"),
        (with(json!({"settlement": ["cash"]})), "bad_value", "settlement[0]"),
        (with(json!({"split": "yes"})), "bad_value", "split"),
        (with(json!({"constraints": {"maxDistance": 7}})), "bad_value", "constraints.maxDistance"),
    ];
    for (body, code, field) in table {
        let reply = node.post(ORDERS, body).await;
        assert_eq!(reply.error(), (422, code, Some(field)), "{}", reply.text);
    }
    assert_eq!(net.submitted(), 0, "none of them reached the mempool");
}

#[tokio::test]
async fn what_the_rules_reject_names_the_field_and_moves_nothing() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let now = net.ledger(|ledger| ledger.tip().time.ms());
    let table = [
        (with(json!({"quantity": "10.005"})), (422, "bad_quantity", Some("quantity"))),
        (with(json!({"quantity": "0"})), (422, "bad_quantity", Some("quantity"))),
        (with(json!({"maxPricePerUnitChf": "0.20005"})), (422, "bad_tick", Some("maxPricePerUnitChf"))),
        (with(json!({"maxPricePerUnitChf": "20"})), (422, "price_outside_collar", Some("maxPricePerUnitChf"))),
        (with(json!({"quantity": "1000000"})), (409, "insufficient_funds", Some("quantity"))),
        (with(json!({"window": {"from": now - 7_200_000, "until": now - 3_600_000}})), (422, "bad_window", Some("window"))),
        (with(json!({"minFill": "20"})), (422, "bad_min_fill", Some("minFill"))),
        (with(json!({"settlement": ["heat"]})), (422, "bad_settlement", Some("settlement"))),
        (with(json!({"pricing": "dynamic"})), (422, "bad_pricing", Some("pricing"))),
        (with(json!({"constraints": {"hubId": "nobody"}})), (422, "bad_constraints", Some("constraints"))),
        (with(json!({"side": "ask", "timeInForce": "FOK"})), (422, "bad_time_in_force", Some("timeInForce"))),
        (with(json!({"side": "ask", "quantity": "400", "maxPricePerUnitChf": "0.2"})), (409, "insufficient_capacity", Some("quantity"))),
        (json!({"resource": "energy", "quantity": 1, "slot": 1, "maxPricePerUnitChf": "0.2"}), (409, "slot_closed", Some("slot"))),
    ];
    for (body, want) in table {
        let reply = node.post(ORDERS, body.clone()).await;
        assert_eq!(reply.error(), want, "{body} {}", reply.text);
    }
    assert_eq!(node.account("hub-01", "freeChf").await, "5000");
    assert_eq!(node.account("hub-01", "reservedChf").await, "0");
}

#[tokio::test]
async fn a_role_that_may_not_act_is_told_so() {
    let net = Net::new();
    let grid = Node::of(&net, "grid");
    assert_eq!(grid.order("bid").await.error(), (403, "wrong_role", None));
    let customer = Node::of(&net, "customer-01");
    let energy = json!({"resource": "energy", "quantity": 1, "slot": "2025-06-15T06:00:00Z", "maxPricePerUnitChf": "0.2"});
    let reply = customer.post(ORDERS, energy).await;
    assert_eq!(reply.status, 403, "{}", reply.text);
    let hub = Node::of(&net, "hub-01");
    let exchange = json!({"leg": "leg-dorf", "slot": "2025-06-15T00:00:00Z", "energyKwh": 1});
    assert_eq!(hub.post("/api/exchanges", exchange).await.error(), (403, "wrong_role", None));
}

#[tokio::test]
async fn what_is_not_there_is_an_error_too() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let id = "0".repeat(64);
    let table = [
        ("GET", "/nothing".to_owned(), (404, "unknown_route", None)),
        ("GET", "/api/marketplace".into(), (404, "unknown_route", None)),
        ("PATCH", ORDERS.into(), (405, "method_not_allowed", None)),
        ("DELETE", "/status".into(), (405, "method_not_allowed", None)),
        ("GET", "/api/accounts/nobody".into(), (404, "unknown_member", Some("id"))),
        ("GET", "/api/accounts/No%20Body".into(), (404, "unknown_member", Some("id"))),
        ("GET", "/api/blocks/7".into(), (404, "unknown_block", Some("height"))),
        ("GET", "/api/blocks/0".into(), (404, "unknown_block", Some("height"))),
        ("GET", "/api/blocks/-1".into(), (422, "bad_value", Some("height"))),
        ("GET", "/api/blocks/99999999999999999999".into(), (422, "bad_value", Some("height"))),
        ("GET", format!("{ORDERS}/{id}"), (404, "unknown_order", Some("id"))),
        ("GET", format!("{ORDERS}/xyz"), (404, "unknown_order", Some("id"))),
        ("DELETE", format!("{ORDERS}/{id}"), (404, "unknown_order", Some("id"))),
        ("GET", format!("/api/marketplace/transactions/{id}"), (404, "unknown_trade", Some("id"))),
        ("POST", format!("/api/marketplace/transactions/{id}/start"), (404, "unknown_trade", Some("id"))),
        ("GET", format!("/api/transactions/{id}"), (404, "unknown_transaction", Some("id"))),
        ("GET", format!("{ORDERS}?hubId=Nobody"), (422, "bad_value", Some("hubId"))),
        ("GET", format!("{ORDERS}?limit=0"), (422, "bad_value", Some("limit"))),
        ("GET", format!("{ORDERS}?limit=x"), (422, "bad_value", Some("limit"))),
        ("GET", format!("{ORDERS}?colour=red"), (422, "unknown_field", Some("colour"))),
        ("GET", format!("{ORDERS}?state=finished"), (422, "missing_field", Some("hubId"))),
        ("GET", "/api/marketplace/transactions?status=done".into(), (422, "bad_value", Some("status"))),
        ("GET", "/api/marketplace/transactions?cursor=7".into(), (422, "bad_value", Some("cursor"))),
        ("GET", "/api/marketplace/book".into(), (422, "missing_field", Some("resource"))),
        ("GET", "/api/marketplace/book?resource=heat&slot=7".into(), (422, "bad_value", Some("resource"))),
        ("GET", "/api/blocks?limit=101".into(), (422, "bad_value", Some("limit"))),
    ];
    for (method, path, want) in table {
        let reply = node.call(method.parse().unwrap(), &path, None, None).await;
        assert_eq!(reply.error(), want, "{method} {path}: {}", reply.text);
    }
    assert_eq!(net.submitted(), 0);
}
