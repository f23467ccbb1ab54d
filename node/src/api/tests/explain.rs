//! Explanations of past blocks: what the API tells of an order in a block is what a replay of the blocks from genesis finds.

use super::client::Node;
use super::net::{Net, founding};
use crate::api::{ApiLimits, ExplainAnswer, MempoolPort};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{Height, OrderId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

const ORDERS: &str = "/api/marketplace/orders";

async fn place(node: &Node, side: &str, quantity: &str, price: &str, more: Value) -> String {
    let mut order = json!({"side": side, "resource": "compute", "quantity": quantity, "maxPricePerUnitChf": price});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let placed = node.post(ORDERS, order).await;
    assert!(placed.status < 300, "{}", placed.text);
    placed.body["orderId"].as_str().unwrap().to_owned()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// Two asks that do not suit, one that does in part; the orders of the story by name.
async fn story(net: &std::sync::Arc<Net>) -> BTreeMap<&'static str, String> {
    // Whoever waits for a block waits until it is there.
    let hub = |name: &str| Node::with_limits(net, name, ApiLimits::default());
    let mut orders = BTreeMap::new();
    orders.insert("near", place(&hub("hub-02"), "ask", "10", "0.1", json!({"constraints": {"maxDistance": "building"}})).await);
    orders.insert("dear", place(&hub("hub-03"), "ask", "10", "0.3", json!({})).await);
    orders.insert("ask", place(&hub("hub-04"), "ask", "6", "0.15", json!({})).await);
    // Two bids in one block: the first takes what there is, the second what is left, and ends.
    net.hold.store(true, Ordering::SeqCst);
    let (first, second) = (hub("hub-01"), hub("hub-05"));
    let bid = place(&first, "bid", "4", "0.2", json!({}));
    let late = place(&second, "bid", "5", "0.19", json!({"timeInForce": "IOC"}));
    let both = async {
        while MempoolPort::waiting(net.as_ref()) < 2 {
            tokio::task::yield_now().await;
        }
        net.produce();
    };
    let (bid, late, ()) = tokio::join!(bid, late, both);
    orders.extend([("bid", bid), ("late", late)]);
    net.hold.store(false, Ordering::SeqCst);
    orders.insert("after", place(&hub("hub-06"), "bid", "1", "0.2", json!({})).await);
    orders
}

#[tokio::test]
async fn a_closed_order_tells_what_filled_it_what_ended_it_and_who_was_passed_over() {
    let net = Net::new();
    let orders = story(&net).await;
    let node = Node::of(&net, "hub-07");
    let explain = |name: &str| format!("{ORDERS}/{}/explain", orders[name]);
    let bid = node.get(&explain("bid")).await.ok();
    assert_eq!(
        (bid["auctions"].as_str(), bid["end"].as_str(), bid["openQuantity"].to_string()),
        (Some("block"), Some("filled"), "0".into())
    );
    assert_eq!(bid["fills"].as_array().unwrap().len(), 1);
    let fill = &bid["fills"][0];
    assert_eq!(
        (text(fill, "orderId"), text(fill, "hubId"), fill["quantity"].to_string()),
        (orders["ask"].clone(), "hub-04".into(), "4".into())
    );
    let reasons: BTreeMap<String, String> =
        bid["candidates"].as_array().unwrap().iter().map(|c| (text(c, "orderId"), text(c, "passedOverBecause"))).collect();
    let want = [("near", "distance"), ("dear", "price"), ("ask", "")].map(|(name, reason)| (orders[name].clone(), reason.to_owned()));
    assert_eq!(reasons, BTreeMap::from(want));

    let late = node.get(&explain("late")).await.ok();
    assert_eq!((late["end"].as_str(), late["openQuantity"].to_string()), (Some("unfilled"), "3".into()));
    let ask = node.get(&explain("ask")).await.ok();
    assert_eq!(ask["fills"].as_array().unwrap().len(), 2, "both bids of its last block: {ask}");
    // An open order without a height: the next auctions, as before.
    let after = node.get(&explain("after")).await.ok();
    assert_eq!((after["auctions"].as_str(), after.get("end")), (Some("next"), None));
    // Before the block in which it was placed it was not there; of blocks that do not exist nothing is told.
    let at = |name: &str, height: u64| format!("{}?height={height}", explain(name));
    assert_eq!(node.get(&at("after", 1)).await.error(), (404, "unknown_order", Some("id")));
    for height in [0, 99] {
        assert_eq!(node.get(&at("bid", height)).await.error(), (404, "unknown_height", Some("height")));
    }
}

#[tokio::test]
async fn the_api_and_a_replay_of_the_blocks_give_the_same_answers() {
    let net = Net::new();
    let orders = story(&net).await;
    let node = Node::of(&net, "observer");
    let genesis = founding();
    let mut ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).unwrap();
    let (tip, mut compared) = (net.ledger(|ledger| ledger.tip().height), 0);
    while ledger.next_height() <= tip {
        let height = ledger.next_height();
        let block = net.committed(height);
        for id in orders.values() {
            let reply = node.get(&format!("{ORDERS}/{id}/explain?height={height}")).await;
            let order = OrderId::from_hex(id).unwrap();
            match ledger.explain(&block, order, 100).unwrap() {
                Some(explained) => {
                    assert_eq!(reply.ok(), serde_json::to_value(ExplainAnswer::of(order, &explained)).unwrap(), "{id} in {height}");
                    compared += 1;
                }
                None => assert_eq!(reply.error(), (404, "unknown_order", Some("id")), "{id} in {height}"),
            }
        }
        let verified = ledger.verify_transactions(&block.body.transactions, &|_, _| false).unwrap();
        let executed = ledger.execute(&block, verified).unwrap();
        assert!(ledger.commit(executed));
    }
    assert!(compared > orders.len(), "{compared} explanations");
    assert_eq!(ledger.tip(), &net.ledger(|ledger| *ledger.tip()));
}

#[tokio::test]
async fn the_past_is_bounded_and_does_not_touch_the_chain() {
    let net = Net::new();
    let orders = story(&net).await;
    let node = Node::of(&net, "hub-01");
    let (root, height) = net.ledger(|ledger| (ledger.tip().state_root, ledger.tip().height));
    let path = format!("{ORDERS}/{}/explain?height={height}", orders["after"]);
    let first = node.get(&path).await.ok();
    assert_eq!(net.ledger(|ledger| ledger.tip().state_root), root);
    for _ in 0..255 {
        net.produce();
    }
    assert_eq!(node.get(&path).await.ok(), first, "the oldest block that is kept");
    net.produce();
    assert_eq!(node.get(&path).await.error(), (409, "not_kept", Some("height")));
    assert_eq!(node.get(&format!("{ORDERS}/{}/explain", orders["bid"])).await.error(), (409, "not_kept", Some("height")));
    assert!(Height::new(1) < net.ledger(|ledger| ledger.tip().height));
}
