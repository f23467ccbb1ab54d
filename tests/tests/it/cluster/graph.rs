//! Who is connected with whom: incomplete graphs, followers, strangers.

use super::{ORDERS, check_agreement, compute, spec};
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::codec;
use leg_ledger::ids::Height;
use leg_ledger::member::KeyRole;
use leg_ledger::time::{DAY_MS, MarketTime};
use leg_ledger::transaction::{Action, Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};
use leg_tests::cluster::{Cluster, ClusterSpec, Graph, eventually};
use serde_json::json;

async fn posts_at_the_ends_match(cluster: &Cluster) {
    let (first, last) = (&cluster.nodes[0], cluster.nodes.last().unwrap());
    first.client().post(ORDERS, &compute("ask", "2", "0.15")).await.ok();
    let bid = last.client().post(ORDERS, &compute("bid", "2", "0.15")).await.ok();
    assert_eq!((bid["status"].as_str(), bid["transactions"][0]["counterparty"].as_str()), (Some("matched"), Some(first.name())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_nodes_makes_progress_and_matches_its_ends() {
    let cluster = Cluster::start(ClusterSpec { graph: Graph::Line, ..spec("line") }).await;
    // Nobody finds shorter ways by itself: the graph is the one that was configured.
    for (index, node) in cluster.nodes.iter().enumerate() {
        let mut neighbours: Vec<&str> = Vec::new();
        neighbours.extend(index.checked_sub(1).map(|before| cluster.nodes[before].peer_id()));
        neighbours.extend(cluster.nodes.get(index + 1).map(|after| after.peer_id()));
        neighbours.sort_unstable();
        assert_eq!(node.peers().await, neighbours, "{}", node.name());
    }
    posts_at_the_ends_match(&cluster).await;
    check_agreement(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_goes_on_when_one_of_its_nodes_dies() {
    let mut cluster = Cluster::start(ClusterSpec { graph: Graph::Ring, ..spec("ring") }).await;
    cluster.nodes[1].kill();
    let height = cluster.height().await;
    cluster.reach(height + 5).await;
    posts_at_the_ends_match(&cluster).await;
    check_agreement(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_to_the_registry_is_kept_out() {
    let cluster = Cluster::start(spec("stranger")).await;
    let mut stranger = cluster.stranger();
    stranger.start();
    stranger.answers().await;
    // While it dials all of them, they make blocks, of which it gets none.
    let height = cluster.height().await;
    cluster.reach(height + 10).await;
    for node in &cluster.nodes {
        let peers = node.peers().await;
        assert_eq!(peers.len(), 3, "{} is connected with its three fellows only: {peers:?}", node.name());
        assert!(!peers.iter().any(|peer| peer == stranger.peer_id()), "{} let the stranger in", node.name());
    }
    assert_eq!(stranger.height().await, 0);
    assert_eq!(stranger.peers().await, [] as [&str; 0]);
    // It still runs, and so do they.
    stranger.kill();
    cluster.nodes[0].client().post(ORDERS, &compute("bid", "1", "0.15")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_serves_the_chain_and_its_orders_are_matched() {
    let cluster = Cluster::start(ClusterSpec { followers: 1, ..spec("follower") }).await;
    let follower = cluster.nodes.last().unwrap();
    assert_eq!(follower.name(), "observer-01");
    cluster.nodes[1].client().post(ORDERS, &compute("ask", "2", "0.15")).await.ok();

    // A customer without a node signs, and sends to the follower alone.
    let origin = cluster.genesis.clock().origin.ms();
    let order = PlaceOrder {
        side: Side::Bid,
        product: Product::Compute { from: MarketTime::from_ms(origin), until: MarketTime::from_ms(origin + DAY_MS) },
        quantity: Quantity::new(2_000),
        limit: Price::from_micro_chf(150_000),
        time_in_force: TimeInForce::GoodTillCancelled,
        min_fill: Quantity::ZERO,
        settlement: SettlementMethod::Credits.only(),
        pricing: Pricing::Fixed,
        split: false,
        solar: false,
        constraints: Constraints::default(),
        job: None,
    };
    let tip = Height::new(cluster.height().await);
    let signed = cluster.wallet("customer-01").sign(KeyRole::Operator, tip, vec![Action::PlaceOrder(order)]);
    let body = json!({ "transaction": hex::encode(codec::encode(&signed)) });
    let answer = follower.client().anonymous().post("/api/transactions", &body).await.ok();
    let placed = &answer["receipts"][0]["order"];
    assert_eq!((placed["status"].as_str(), placed["transactions"][0]["counterparty"].as_str()), (Some("matched"), Some("hub-02")));

    // It signs nothing itself, but answers like all others.
    let refused = follower.client().post(ORDERS, &compute("bid", "1", "0.15")).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let height = answer["height"].as_u64().unwrap();
    cluster.reach(height).await;
    let account = cluster.same_answer("/api/accounts/customer-01").await;
    assert_eq!(account["escrowChf"].to_string(), "0.3");
    let blocks = follower.client().get("/api/blocks?limit=1").await.ok();
    assert!(blocks["blocks"][0]["height"].as_u64() >= Some(height));
    check_agreement(&cluster).await;
    eventually("the follower at the committee's height", || async {
        (follower.height().await >= cluster.nodes[0].height().await).then_some(())
    })
    .await;
}
