//! The stream of final blocks.

use super::client::Node;
use super::net::Net;
use crate::api::{ApiLimits, FinalBlock};
use axum::http::Request;
use leg_ledger::codec;
use leg_ledger::ids::Height;
use serde_json::json;
use std::time::Duration;

/// The frames in some bytes; they MUST end with a whole one.
fn frames(mut bytes: &[u8]) -> Vec<FinalBlock> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        found.push(codec::decode(frame, frame.len()).unwrap());
        bytes = rest;
    }
    found
}

#[tokio::test]
async fn every_block_from_now_on_is_told_with_its_transactions_until_the_node_stops() {
    let net = Net::new();
    let (node, api) = Node::with_api(&net, "hub-01", ApiLimits::default());
    node.order("ask").await.ok();
    let stream = node.open("/api/blocks/follow").await;
    let bid = Node::of(&net, "hub-02").order("bid").await.ok();
    net.produce();
    let bad = json!({"resource": "compute", "quantity": "10", "maxPricePerUnitChf": "9000"});
    assert_eq!(node.post("/api/marketplace/orders", bad).await.status, 422);
    api.stop();
    let blocks = frames(&stream.await.unwrap());
    let shown: Vec<_> = blocks.iter().map(|b| (b.height.get(), b.transactions.len(), b.actions, b.rejected, b.trades)).collect();
    assert_eq!(shown, [(2, 1, 1, 0, 1), (3, 0, 0, 0, 0), (4, 1, 1, 1, 0)], "the block before the request is not told");
    assert_eq!(bid["ledgerTransaction"], json!(blocks[0].transactions[0].to_string()));
    assert_eq!(blocks[0].height, Height::new(2));
}

#[tokio::test]
async fn who_reads_too_slowly_is_cut_off() {
    let net = Net::new();
    let node = Node::of(&net, "hub-01");
    let request = Request::builder().uri("/api/blocks/follow").body(axum::body::Body::empty()).unwrap();
    let answer = node.answer(request).await;
    for _ in 0..200 {
        net.produce();
    }
    // Nothing was read while more blocks came than the chain keeps for a follower.
    let whole = tokio::time::timeout(Duration::from_secs(10), axum::body::to_bytes(answer.into_body(), 16 << 20)).await;
    assert!(frames(&whole.expect("the stream ends").unwrap()).is_empty());
}

#[tokio::test]
async fn places_to_follow_are_bounded_and_given_back() {
    let net = Net::new();
    let (node, api) = Node::with_api(&net, "hub-01", ApiLimits { followers: 1, ..ApiLimits::default() });
    let first = node.open("/api/blocks/follow").await;
    assert_eq!(node.get("/api/blocks/follow").await.error(), (503, "busy", None));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = node.open("/api/blocks/follow").await;
    api.stop();
    assert!(frames(&second.await.unwrap()).is_empty());
}
