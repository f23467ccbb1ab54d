//! Scenario 2 of MARKET 6 and the end of a seller that disappears, with real nodes: content goes over the swarm, agents act by themselves.

use super::{ORDERS, check_agreement, spec};
use leg_ledger::params::StorageParams;
use leg_ledger::time::DAY_MS;
use leg_tests::cluster::{Client, Cluster, ClusterSpec, eventually};
use serde_json::{Value, json};

/// Market time of four days in a second: twelve months pass in a minute and a half.
const SCALE: u32 = 345_600;

/// Windows that leave a busy machine seconds where people have days.
fn fast(seed: &str, missing_days: u32) -> ClusterSpec {
    let storage = StorageParams {
        announce_window_ms: 29 * DAY_MS,
        first_proof_window_ms: 29 * DAY_MS,
        day_ms: 27 * DAY_MS,
        answer_window_ms: 26 * DAY_MS,
        missing_days,
        ..StorageParams::STANDARD
    };
    ClusterSpec { scale: SCALE, storage, ..spec(seed) }
}

/// More than two of the slices that nodes send each other.
fn content() -> Vec<u8> {
    let mut bytes = vec![0; 600_000];
    blake3::Hasher::new().update(b"scenario 2").finalize_xof().fill(&mut bytes);
    bytes
}

/// Sells at one node and buys at the other; the bid's id.
async fn buy(buyer: &Client, seller: &Client, bytes: &[u8]) -> String {
    let ask = json!({"side": "ask", "resource": "storage", "quantity": "1000", "months": 12, "minPricePerUnitChf": "0.05"});
    assert_eq!(seller.post(ORDERS, &ask).await.ok()["status"], "open");
    let root = buyer.upload(bytes).await;
    assert_eq!(root, blake3::hash(bytes).to_hex().as_str());
    let wish = json!({"content": root, "tier": "cold", "months": 12, "sizeGb": "1000", "maxPricePerGbMonth": "0.05"});
    let bought = buyer.post("/api/storage", &wish).await.ok();
    bought["replicas"][0]["orderId"].as_str().expect("a bid").to_owned()
}

/// The contract once `holds`.
async fn contract(client: &Client, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let probe = || async {
        let reply = client.get(&format!("/api/storage/{id}")).await;
        (reply.status == 200 && holds(&reply.body)).then_some(reply.body)
    };
    eventually(&format!("storage {what}"), probe).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_2_stores_proves_and_pays_twelve_months() {
    let cluster = Cluster::start(fast("scenario 2", 7)).await;
    let (buyer, seller) = (cluster.nodes[0].client(), cluster.nodes[1].client());
    let bytes = content();
    let bid = buy(buyer, seller, &bytes).await;
    let stored = contract(buyer, &bid, "stored", |answer| answer["status"] == "stored").await;
    assert_eq!((stored["buyer"].as_str(), stored["seller"].as_str()), (Some("hub-01"), Some("hub-02")));
    assert_ne!(stored["manifest"]["root"], blake3::hash(&bytes).to_hex().as_str(), "the seller has it encrypted");
    let id = stored["storageId"].as_str().expect("an id").to_owned();
    assert!(buyer.download(&id).await.is_some_and(|read| read == bytes), "it is read back from the seller");
    assert!(seller.download(&id).await.is_none(), "who stores it cannot read it");

    for month in 1..=12 {
        contract(buyer, &id, &format!("paid for {month} months"), |answer| {
            answer["paid"].as_array().is_some_and(|paid| paid.len() >= month)
        })
        .await;
    }
    let ended = contract(buyer, &id, "ended", |answer| answer["status"] == "ended").await;
    assert_eq!(ended["end"], "completed");
    let paid = ended["paid"].as_array().expect("months");
    for month in paid {
        assert_eq!((month["grossChf"].to_string(), month["feeChf"].to_string()), ("50".into(), "2.5".into()), "{month}");
        assert_eq!(month["asked"], month["answered"], "{month}");
        let trade = buyer.get(&format!("/api/marketplace/transactions/{}", month["transactionId"].as_str().unwrap())).await.ok();
        assert_eq!((trade["status"].as_str(), trade["settlement"]["sellerChf"].to_string()), (Some("settled"), "47.5".into()));
    }
    assert_eq!(paid.len(), 12);
    cluster.reach(ended["endedAtHeight"].as_u64().expect("a height")).await;
    assert_eq!(buyer.account("hub-01", "totalChf").await, "4400");
    assert_eq!(buyer.account("hub-01", "escrowChf").await, "0");
    assert_eq!(seller.account("hub-02", "freeChf").await, "5570");
    check_agreement(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_disappears_is_terminated_and_the_buyer_refunded() {
    let mut cluster = Cluster::start(fast("a seller that disappears", 2)).await;
    let bid = buy(cluster.nodes[0].client(), cluster.nodes[1].client(), &content()).await;
    let stored = contract(cluster.nodes[0].client(), &bid, "stored", |answer| answer["status"] == "stored").await;
    let id = stored["storageId"].as_str().expect("an id").to_owned();
    cluster.nodes[1].kill();
    let buyer = cluster.nodes[0].client();
    assert!(buyer.download(&id).await.is_none());
    let ended = contract(buyer, &id, "ended", |answer| answer["status"] == "ended").await;
    assert_eq!((ended["end"].as_str(), ended["missedInRow"].as_u64()), (Some("seller-missing"), Some(2)));
    let gross = |month: &Value| month["grossChf"].to_string().parse::<f64>().expect("an amount");
    let spent: f64 = ended["paid"].as_array().expect("months").iter().map(gross).sum();
    assert_eq!(buyer.account("hub-01", "escrowChf").await, "0");
    let left = buyer.account("hub-01", "totalChf").await.parse::<f64>().expect("an amount");
    assert!((left + spent - 5_000.0).abs() < 1e-6, "the month that ran is refunded: {left} + {spent}");
}
