use super::*;
use crate::config::{Config, Distance};
use crate::fixture::{Network, ORIGIN_MS, keys_of};
use crate::keys::ConsensusKeys;
use crate::mempool::Source;
use leg_ledger::execute::Rules;
use leg_ledger::ids::Height;
use leg_ledger::state::{Standings, View};
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
    let keys = keys_of(&network.hubs[hub]);
    let consensus_keys = ConsensusKeys::new(data, None, keys.consensus.iter().cloned().collect());
    let (data, founding, token) = (data.to_owned(), network.founding(), TOKEN.to_owned());
    Setup { config, data, founding, rules: Rules::default(), keys, consensus_keys, token }
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
    assert!(error.to_string().contains("no space left"), "{error}");
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

/// The address under which others reach a node.
async fn address_of(node: &Node) -> String {
    let mut addresses = node.network().addresses();
    let listening = timeout(PATIENCE, addresses.wait_for(|list| !list.is_empty())).await.expect("the node listens");
    format!("{}/p2p/{}", listening.unwrap()[0], node.node_id())
}

/// Waits until the node's tip is at `height` and returns the state root that header `height` commits to, which is that after the block before.
async fn root_before(node: &Node, height: u64) -> leg_ledger::hash::Hash {
    reach(node, height).await;
    let chain = node.chain().clone();
    let block = tokio::task::spawn_blocking(move || chain.store().block(Height::new(height))).await.unwrap().unwrap();
    block.unwrap().block.header.state_root
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_decide_a_follower_follows_and_one_that_was_away_catches_up() {
    let network = Network::with_committee(5, 4);
    let folders: Vec<_> = (0..5).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut nodes: Vec<Node> = Vec::new();
    let mut peers: Vec<String> = Vec::new();
    for (hub, folder) in folders.iter().enumerate() {
        let mut setup = setup(&network, hub, folder.path());
        setup.config.network.peers = peers.clone();
        let node = Node::start(setup).await.unwrap();
        peers.push(address_of(&node).await);
        nodes.push(node);
    }
    // Submitted at the follower, so it travels before it is proposed.
    let transaction = network.transaction(4, 1);
    let id = transaction.id();
    let mut blocks = nodes[0].chain().subscribe();
    nodes[4].mempool().submit(transaction, Source::Local).await.unwrap();
    let included = async {
        loop {
            let block = blocks.recv().await.unwrap();
            if block.receipts.iter().any(|receipt| receipt.transaction == id) {
                return block.tip.height.get();
            }
        }
    };
    let height = timeout(PATIENCE, included).await.expect("the transaction becomes final");
    let root = root_before(&nodes[0], height + 1).await;
    for node in &nodes {
        assert_eq!(root_before(node, height + 1).await, root);
    }

    // The follower's hub is not in the committee: its node says by itself that it is there.
    let seen = async {
        let mut tip = nodes[0].chain().watch_tip();
        while nodes[0].chain().read(|ledger| ledger.state().get::<Standings>(&network.hubs[4].id).is_none()) {
            tip.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, seen).await.expect("a heartbeat becomes final");

    let away = nodes.remove(1);
    away.shutdown().request();
    away.run().await.unwrap();
    let left_at = nodes[0].chain().tip().height.get();
    reach(&nodes[0], left_at + 3).await;
    let mut setup = setup(&network, 1, folders[1].path());
    setup.config.network.peers = peers.into_iter().enumerate().filter(|(hub, _)| *hub != 1).map(|(_, peer)| peer).collect();
    nodes.push(Node::start(setup).await.unwrap());
    let goal = nodes[0].chain().tip().height.get() + 2;
    let root = root_before(&nodes[0], goal).await;
    for node in &nodes {
        assert_eq!(root_before(node, goal).await, root);
    }
    for node in nodes {
        node.shutdown().request();
        node.run().await.unwrap();
    }
}
