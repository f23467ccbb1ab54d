use super::*;
use crate::chain::Founding;
use crate::config::{Config, Distance};
use crate::fixture::{Network, ORIGIN_MS, founding_state, keys_of};
use crate::mempool::Source;
use leg_ledger::ids::Height;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// More than a start or a handful of blocks take on a busy machine; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn setup(network: &Network, hub: usize, data: &Path) -> Setup {
    let mut config = Config::default();
    config.network.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    config.consensus.distance = Distance::Local;
    let founding = Founding { chain: network.chain, state: founding_state(&network.hubs) };
    Setup { config, data: data.to_owned(), founding, keys: keys_of(&network.hubs[hub]), token: TOKEN.to_owned() }
}

async fn reach(node: &Node, height: u64) {
    let mut tip = node.chain().watch_tip();
    let reached = timeout(PATIENCE, tip.wait_for(|tip| tip.height >= Height::new(height))).await;
    reached.expect("blocks are made").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committee_of_one_decides_commits_stops_and_goes_on() {
    let (network, folder) = (Network::new(1), tempfile::tempdir().unwrap());
    let node = Node::start(setup(&network, 0, folder.path())).await.unwrap();
    assert_eq!(node.identity().member, Some(network.hubs[0].id));
    let transaction = network.transaction(0, 1);
    let id = transaction.id();
    node.mempool().submit(transaction, Source::Local).await.unwrap();
    reach(&node, 2).await;
    let chain = node.chain().clone();
    let place = tokio::task::spawn_blocking(move || chain.store().transaction(id)).await.unwrap().unwrap();
    assert!(place.is_some(), "the transaction is final");
    let tip = node.chain().tip();
    assert!(tip.time.ms() > ORIGIN_MS);
    node.shutdown().request();
    node.run().await.unwrap();

    let node = Node::start(setup(&network, 0, folder.path())).await.unwrap();
    assert!(node.chain().tip().height >= tip.height, "nothing final is lost");
    reach(&node, tip.height.get() + 2).await;
    node.shutdown().request();
    node.run().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_written_ends_the_node_with_an_error_that_says_so() {
    let (network, folder) = (Network::new(1), tempfile::tempdir().unwrap());
    let node = Node::start(setup(&network, 0, folder.path())).await.unwrap();
    reach(&node, 1).await;
    node.chain().store().fail_writes();
    let error = timeout(PATIENCE, node.run()).await.expect("the node ends").unwrap_err();
    assert!(error.to_string().contains("write"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_node_on_the_same_data_does_not_start() {
    let (network, folder) = (Network::new(1), tempfile::tempdir().unwrap());
    let node = Node::start(setup(&network, 0, folder.path())).await.unwrap();
    let second = Node::start(setup(&network, 0, folder.path())).await;
    assert!(matches!(second.err(), Some(StartError::Chain(_))));
    node.shutdown().request();
    node.run().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_are_none_are_named() {
    let (network, folder) = (Network::new(1), tempfile::tempdir().unwrap());
    let mut bad = setup(&network, 0, folder.path());
    bad.config.network.peers = vec!["/ip4/127.0.0.1/tcp/x/p2p/y".to_owned()];
    let error = Node::start(bad).await.err().unwrap().to_string();
    assert!(error.contains("network.peers[0]"), "{error}");
}
