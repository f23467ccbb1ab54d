//! Bad input costs its sender an answer and the network nothing (DESIGN, promise 8).

use super::{ORDERS, check_agreement, compute, spec};
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::codec;
use leg_ledger::ids::{ChainId, Height, MemberId, Nonce};
use leg_ledger::member::KeyRole;
use leg_ledger::signature::SecretKey;
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{
    Action, Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, SignedTransaction, TimeInForce, TransactionBody,
};
use leg_tests::cluster::{Client, Cluster};
use reqwest::Method;
use serde_json::{Value, json};

type Wanted = (u16, &'static str, Option<&'static str>);

fn with(change: Value) -> String {
    let mut body = compute("bid", "10", "0.20");
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body.to_string()
}

/// (path, body, what is answered).
fn table() -> Vec<(&'static str, String, Wanted)> {
    let price = Some("maxPricePerUnitChf");
    vec![
        (ORDERS, "{\"resource\": \"compute\",".into(), (400, "malformed_json", None)),
        (ORDERS, String::new(), (400, "malformed_json", None)),
        (ORDERS, with(json!({"volume": 1})), (422, "unknown_field", Some("volume"))),
        (ORDERS, with(json!({"constraints": {"hub": "hub-02"}})), (422, "unknown_field", Some("constraints.hub"))),
        (ORDERS, json!({"resource": "compute"}).to_string(), (422, "missing_field", Some("quantity"))),
        (ORDERS, with(json!({"quantity": "-10"})), (422, "negative", Some("quantity"))),
        (ORDERS, with(json!({"quantity": -10})), (422, "negative", Some("quantity"))),
        (ORDERS, with(json!({"quantity": "10.0001"})), (422, "too_precise", Some("quantity"))),
        (ORDERS, with(json!({"maxPricePerUnitChf": "0.2000001"})), (422, "too_precise", price)),
        (ORDERS, with(json!({"quantity": "ten"})), (422, "not_a_number", Some("quantity"))),
        (ORDERS, with(json!({"quantity": "1e999999"})), (422, "too_large", Some("quantity"))),
        (ORDERS, with(json!({"resource": "coal"})), (422, "bad_value", Some("resource"))),
        (ORDERS, with(json!({"quantity": "10.005"})), (422, "bad_quantity", Some("quantity"))),
        (ORDERS, with(json!({"maxPricePerUnitChf": "0.20005"})), (422, "bad_tick", price)),
        (ORDERS, with(json!({"maxPricePerUnitChf": "20"})), (422, "price_outside_collar", price)),
        (ORDERS, with(json!({"maxPricePerUnitChf": "0.01"})), (422, "price_outside_collar", price)),
        (ORDERS, with(json!({"quantity": "100000"})), (409, "insufficient_funds", Some("quantity"))),
        (ORDERS, with(json!({"side": "ask"})), (409, "self_trade", None)),
        (
            ORDERS,
            with(json!({"side": "ask", "quantity": "100000", "maxPricePerUnitChf": "0.3"})),
            (409, "insufficient_capacity", Some("quantity")),
        ),
        (ORDERS, with(json!({"constraints": {"hubId": "nobody"}})), (422, "bad_constraints", Some("constraints"))),
        ("/api/exchanges", json!({"leg": "leg-dorf", "slot": 1, "energyKwh": 1}).to_string(), (403, "wrong_role", None)),
        ("/api/transactions", json!({"transaction": "zz"}).to_string(), (422, "bad_transaction", Some("transaction"))),
        ("/api/transactions", json!({"transaction": "00ff"}).to_string(), (422, "bad_transaction", Some("transaction"))),
        ("/api/nothing", "{}".into(), (404, "unknown_route", None)),
    ]
}

fn bid(origin: u64) -> Action {
    Action::PlaceOrder(PlaceOrder {
        side: Side::Bid,
        product: Product::Compute { from: MarketTime::from_ms(origin), until: MarketTime::from_ms(origin + DAY_MS) },
        quantity: Quantity::new(1_000),
        limit: Price::from_micro_chf(150_000),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: Pricing::Fixed,
        split: false,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    })
}

async fn send(client: &Client, transaction: &SignedTransaction) -> leg_tests::cluster::Reply {
    client.post("/api/transactions", &json!({ "transaction": hex::encode(codec::encode(transaction)) })).await
}

/// Transactions signed elsewhere, each wrong in one way.
async fn refuse_signed(cluster: &Cluster, client: &Client) {
    let tip = cluster.height().await;
    let origin = cluster.genesis.clock().origin.ms();
    let member = |name: &str| MemberId::parse(name).unwrap();
    let keys = |name: &str| cluster.secrets[&member(name)].clone();
    let good = TransactionBody {
        version: 1,
        chain: cluster.genesis.chain_id(),
        signer: member("hub-05"),
        role: KeyRole::Operator,
        nonce: Nonce::new(1),
        last_valid: Height::new(tip + 500),
        atomic: false,
        actions: vec![bid(origin)],
    };
    let operator = keys("hub-05").operator;
    let signed = |change: &dyn Fn(&mut TransactionBody), key: &SecretKey| {
        let mut body = good.clone();
        change(&mut body);
        body.sign(key)
    };
    let foreign = ChainId::from_hash(leg_ledger::hash::Hash::MAX);
    let table: [(SignedTransaction, Wanted); 7] = [
        (signed(&|b| b.signer = MemberId::parse("nobody").unwrap(), &operator), (403, "unknown_member", Some("signer"))),
        (signed(&|b| b.last_valid = Height::new(1), &operator), (409, "expired", Some("lastValid"))),
        (signed(&|b| b.last_valid = Height::new(u64::MAX), &operator), (422, "too_far_ahead", Some("lastValid"))),
        (signed(&|b| b.role = KeyRole::Meter, &keys("hub-05").meter), (403, "wrong_key_role", Some("role"))),
        (signed(&|_| (), &keys("hub-06").operator), (403, "bad_signature", Some("signature"))),
        (signed(&|b| b.chain = foreign, &operator), (422, "wrong_network", Some("chain"))),
        (signed(&|b| b.actions.clear(), &operator), (422, "bad_form", Some("transaction"))),
    ];
    for (transaction, wanted) in table {
        let reply = send(client, &transaction).await;
        assert_eq!(reply.error(), wanted, "{}", reply.text);
    }
    // A replay, to another node than the first.
    let once = signed(&|_| (), &operator);
    assert_eq!(send(client, &once).await.ok()["receipts"][0]["code"], "ok");
    cluster.reach(cluster.height().await).await;
    let again = send(cluster.nodes[3].client(), &once).await;
    assert_eq!(again.error(), (409, "replayed", Some("nonce")), "{}", again.text);
    // A role that may not: customers buy only.
    let ask = |b: &mut TransactionBody| {
        b.signer = MemberId::parse("customer-01").unwrap();
        b.actions = vec![Action::StartTrade { trade: leg_ledger::ids::TradeId::from_hash(leg_ledger::hash::Hash::MAX) }, bid(origin)];
        let Action::PlaceOrder(order) = &mut b.actions[1] else { return };
        order.side = Side::Ask;
    };
    let receipts = send(client, &signed(&ask, &keys("customer-01").operator)).await.ok()["receipts"].clone();
    assert_eq!((receipts[0]["code"].as_str(), receipts[1]["code"].as_str()), (Some("unknown_trade"), Some("wrong_role")));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_and_nothing_is_lost() {
    let cluster = Cluster::start(spec("bad input")).await;
    let client = cluster.nodes[0].client();
    client.post(ORDERS, &compute("bid", "10", "0.20")).await.ok();
    for (path, body, wanted) in table() {
        let reply = client.try_send(Method::POST, path, Some(("application/json", body.clone().into_bytes())), None).await.unwrap();
        assert_eq!(reply.error(), wanted, "{path} {body}: {}", reply.text);
    }
    let huge = vec![b' '; 600 * 1024];
    let reply = client.try_send(Method::POST, ORDERS, Some(("application/json", huge)), None).await.unwrap();
    assert_eq!(reply.error(), (413, "body_too_large", None));
    let reply = client.try_send(Method::POST, ORDERS, Some(("text/plain", with(json!({})).into_bytes())), None).await.unwrap();
    assert_eq!(reply.error(), (415, "bad_content_type", Some("Content-Type")));
    let reply = client.anonymous().post(ORDERS, &compute("bid", "10", "0.20")).await;
    assert_eq!((reply.status, reply.error().1), (401, "unauthorized"), "{}", reply.text);
    refuse_signed(&cluster, client).await;

    // All of that left one order of hub-01 and one of hub-05, and a network that goes on.
    for (account, field, amount) in [
        ("hub-01", "reservedChf", "2"),
        ("hub-01", "totalChf", "5000"),
        ("hub-05", "reservedChf", "0.15"),
        ("hub-05", "totalChf", "5000"),
        ("hub-06", "freeChf", "5000"),
        ("customer-01", "freeChf", "5000"),
    ] {
        assert_eq!(client.account(account, field).await, amount, "{field} of {account}");
    }
    let height = cluster.height().await;
    cluster.reach(height + 3).await;
    check_agreement(&cluster).await;
}
