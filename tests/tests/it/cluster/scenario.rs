//! Scenario 1 of MARKET 6 through the API of two nodes.

use super::{ORDERS, check_agreement, compute, spec};
use leg_cli::client::HttpNode;
use leg_cli::commands::explain::{Wanted, replay};
use leg_ledger::ids::OrderId;
use leg_tests::cluster::{Client, Cluster};
use serde_json::{Value, json};

/// (status, exact state) of a trade.
fn state(trade: &Value) -> (&str, &str) {
    (trade["status"].as_str().unwrap_or_default(), trade["phase"].as_str().unwrap_or_default())
}

async fn slot(client: &Client) -> u64 {
    client.get("/status").await.ok()["slot"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_1_settles_to_the_micro_franc_through_two_nodes() {
    let cluster = Cluster::start(spec("scenario 1")).await;
    let (buyer, seller) = (cluster.nodes[0].client(), cluster.nodes[1].client());

    let ask = seller.post(ORDERS, &compute("ask", "10", "0.15")).await.ok();
    assert_eq!((ask["status"].as_str(), ask["hubId"].as_str()), (Some("open"), Some("hub-02")));
    let bid = buyer.post(ORDERS, &compute("bid", "10", "0.20")).await.ok();
    assert_eq!((bid["status"].as_str(), bid["hubId"].as_str()), (Some("matched"), Some("hub-01")));
    let id = bid["transactionId"].as_str().unwrap();
    assert_eq!(buyer.account("hub-01", "escrowChf").await, "1.5");
    assert_eq!(buyer.account("hub-01", "freeChf").await, "4998.5", "what the limit had reserved beyond the price is free again");

    let path = format!("/api/marketplace/transactions/{id}");
    let slot = slot(seller).await;
    let started = seller.step(&format!("{path}/start")).await.ok();
    assert_eq!(state(&started["transaction"]), ("pending", "running"));
    let completion = json!({
        "delivered": [{"slot": slot, "quantity": "10"}],
        "heat": [{"slot": slot, "quantity": "9.5"}],
        "readings": [
            {"register": "compute", "sequence": 1, "slot": slot, "registerKwh": "10"},
            {"register": "heat", "sequence": 1, "slot": slot, "registerKwh": "9.5"},
        ],
    });
    let done = seller.post(&format!("{path}/complete"), &completion).await.ok();
    assert_eq!(state(&done["transaction"]), ("confirmed", "delivered"));
    let confirmed = buyer.step(&format!("{path}/confirm")).await.ok();
    assert_eq!(state(&confirmed["transaction"]), ("settled", "settled"));

    let height = confirmed["height"].as_u64().unwrap();
    cluster.reach(height).await;
    let trade = cluster.same_answer(&path).await;
    let settlement = &trade["settlement"];
    let shown = |field: &str| settlement[field].to_string();
    assert_eq!((shown("grossChf"), shown("feeChf"), shown("sellerChf")), ("1.5".into(), "0.075".into(), "1.425".into()));
    assert_eq!((shown("refundChf"), shown("penaltyChf"), shown("bonusChf")), ("0".into(), "0".into(), "0".into()));
    // A server's heat factor is 0.9: 9 of the 9.5 kWh that the thermal meter showed stem from these 10 kWh.
    assert_eq!(shown("heatKwh"), "9");
    let of_buyer = cluster.same_answer("/api/accounts/hub-01").await;
    let of_seller = cluster.same_answer("/api/accounts/hub-02").await;
    for (account, field, amount) in [
        (&of_buyer, "totalChf", "4998.5"),
        (&of_buyer, "freeChf", "4998.5"),
        (&of_buyer, "escrowChf", "0"),
        (&of_seller, "freeChf", "5001.425"),
        (&of_seller, "totalChf", "5001.425"),
        (&of_seller, "heatFreeKwh", "9"),
    ] {
        assert_eq!(account[field].to_string(), amount, "{field} of {}", account["hubId"]);
    }
    cluster.root_at(height).await;
    check_agreement(&cluster).await;

    // What every node tells of the closed bid is what an auditor finds who replays the chain.
    let order = bid["orderId"].as_str().unwrap();
    let told = cluster.same_answer(&format!("{ORDERS}/{order}/explain")).await;
    assert_eq!((told["end"].as_str(), told["fills"][0]["hubId"].as_str()), (Some("filled"), Some("hub-02")));
    let node = HttpNode::new(seller.base(), None).unwrap();
    let wanted = Wanted { order: OrderId::from_hex(order).unwrap(), height: None, limit: 100 };
    let mut found = serde_json::to_value(replay(&cluster.genesis, &node, wanted).await.unwrap()).unwrap();
    found.as_object_mut().unwrap().remove("height");
    assert_eq!(found, told);
}
