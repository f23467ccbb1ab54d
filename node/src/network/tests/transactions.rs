use super::*;
use crate::mempool::testing::{Hub, Registry};
use crate::mempool::{Mempool, MempoolConfig, Source};
use leg_ledger::codec;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;

fn hubs() -> Vec<Hub> {
    (1..6).map(Hub::new).collect()
}

fn carry(node: &mut TestNode) -> Mempool {
    let (mempool, fresh, _) = Mempool::start(MempoolConfig::default(), Arc::new(Registry::new(&hubs())));
    node.network.carry(mempool.clone(), fresh, node.batches.take().expect("once"));
    mempool
}

fn batch(salt: u64, transactions: Vec<SignedTransaction>) -> mailbox::Command {
    mailbox::Command::Gossip(codec::encode(&(salt, transactions)))
}

async fn waiting(mempool: &Mempool, count: usize) {
    until("transactions", mempool.watch(), |waiting| *waiting >= count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_reach_all_nodes_of_a_line() {
    let mut nodes = graph(&[&[1], &[2], &[3]]).await;
    let mempools: Vec<Mempool> = nodes.iter_mut().map(carry).collect();
    for (index, hub) in hubs().iter().enumerate().take(4) {
        for nonce in 0..50 {
            mempools[index].submit(hub.signed(nonce), Source::Local).await.unwrap();
        }
    }
    for mempool in &mempools {
        waiting(mempool, 200).await;
        assert_eq!((mempool.waiting(), mempool.counts().bad_signatures), (200, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_batch_is_not_forwarded_is_charged_and_its_deliverer_muted_for_a_while() {
    let members = [1, 2, 3];
    let liar = TestNode::start(1, &[], &members).await;
    let tight = |config: &mut NetworkConfig| {
        config.gossip.faults = 3 * BAD_COST;
        config.gossip.forgiven_per_second = 2 * BAD_COST;
    };
    let mut honest = TestNode::start_with(2, &[&liar], &members, Box::new(NotBad), tight).await;
    let mut beyond = TestNode::start(3, &[&honest], &members).await;
    let (near, far) = (carry(&mut honest), carry(&mut beyond));
    liar.connected(node(2)).await;
    beyond.connected(node(2)).await;

    let hub = &hubs()[0];
    let mixed = vec![hub.signed(1), hub.forged(2), hub.signed(3), hub.forged(4)];
    liar.network.command(batch(1, mixed)).await.unwrap();
    // What is good in it goes on in a batch of the honest node's own.
    waiting(&near, 2).await;
    waiting(&far, 2).await;
    assert_eq!((near.counts().bad_signatures, far.counts().bad_signatures), (2, 0), "garbage stops at the first node");
    assert!(!honest.network.peers()[&node(1)].muted, "a first fault is within the budget");

    liar.network.command(batch(2, vec![hub.forged(5), hub.forged(6)])).await.unwrap();
    until("the peer to be muted", honest.network.counts(), |counts| counts.muted == 1).await;
    until("the end of it", honest.network.watch_peers(), |peers| !peers[&node(1)].muted).await;
    liar.network.command(batch(3, vec![hub.signed(7)])).await.unwrap();
    waiting(&far, 3).await;
    assert_eq!(beyond.network.counts().borrow().batches_bad, 0);
    assert_eq!(honest.network.counts().borrow().batches_bad, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_is_muted_for_a_while() {
    let liar = TestNode::start(1, &[], &[1, 2]).await;
    let tight = |config: &mut NetworkConfig| (config.gossip.burst_bytes, config.gossip.bytes_per_second) = (100_000, 100_000);
    let mut honest = TestNode::start_with(2, &[&liar], &[1, 2], Box::new(NotBad), tight).await;
    let mempool = carry(&mut honest);
    liar.connected(node(2)).await;
    honest.connected(node(1)).await;
    let hub = &hubs()[0];
    let mut sent = 0;
    while honest.network.counts().borrow().muted == 0 {
        sent += 1;
        assert!(sent < 10_000, "a peer may deliver without bounds");
        liar.network.command(batch(sent, vec![hub.signed_until(sent, 100, 250)])).await.unwrap();
        until("a batch", honest.network.counts(), |counts| counts.batches_received == sent).await;
    }
    until("the end of it", honest.network.watch_peers(), |peers| !peers[&node(1)].muted).await;
    let last = hub.signed(sent + 1);
    liar.network.command(batch(sent + 1, vec![last.clone()])).await.unwrap();
    until("the last one", mempool.watch(), |_| mempool.contains(&last.id())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_submitted_before_a_peer_connected_is_not_lost() {
    let mut first = TestNode::start(1, &[], &[1, 2]).await;
    let mempool = carry(&mut first);
    mempool.submit(hubs()[0].signed(1), Source::Local).await.unwrap();
    let mut second = TestNode::start(2, &[&first], &[1, 2]).await;
    waiting(&carry(&mut second), 1).await;
}
