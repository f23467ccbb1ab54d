//! Swarms over loopback TCP, each on a port that the system chooses. Nothing sleeps: every wait is for an event, with a bound.

mod adapter;
mod connections;
mod consensus;
mod content;
mod transactions;

use super::*;
use bytes::Bytes;
use leg_ledger::hash::{Domain, Hash};
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::signature::PublicKey;
use std::future::Future;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Longest wait for anything; far beyond what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

async fn until<T: Clone>(what: &str, mut watched: watch::Receiver<T>, holds: impl FnMut(&T) -> bool) -> T {
    within(what, watched.wait_for(holds)).await.expect("the network runs").clone()
}

/// Content that starts with "bad" does not decode.
struct NotBad;

impl CheckFrame for NotBad {
    fn check(&mut self, _: Channel, content: &Bytes) -> Judgement {
        if content.starts_with(b"bad") { Judgement::Bad } else { Judgement::Good(Height::new(1)) }
    }
}

fn chain() -> leg_ledger::ids::ChainId {
    crate::mempool::testing::chain()
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32])
}

pub(super) fn node(number: u8) -> NodeId {
    NodeId::from_key(key(number).public())
}

fn member(number: u8) -> MemberId {
    MemberId::parse(&format!("hub-{number:02}")).unwrap()
}

fn registry(numbers: impl IntoIterator<Item = u8>) -> Vec<(MemberId, Vec<PublicKey>)> {
    numbers.into_iter().map(|number| (member(number), vec![key(number).public()])).collect()
}

/// A node without the rest of the program.
struct TestNode {
    network: Network,
    events: mpsc::Receiver<DirectEvent>,
    sync: mpsc::Receiver<SyncEvent>,
    batches: Option<mailbox::TransactionBatches>,
    address: Multiaddr,
    content: mpsc::Receiver<ContentAsk>,
}

impl TestNode {
    /// Starts node `number` with the addresses that it dials; `change` may change its settings.
    async fn start_with(
        number: u8,
        dials: &[&TestNode],
        members: &[u8],
        check: Box<dyn CheckFrame>,
        change: impl FnOnce(&mut NetworkConfig),
    ) -> TestNode {
        let mut config = NetworkConfig::new(chain(), key(number));
        config.registry = (Height::new(1), registry(members.iter().copied()));
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        config.peers = dials.iter().map(|other| other.address.clone()).collect();
        change(&mut config);
        let (network, Received { events, sync, content }, batches, _) = Network::start(config, check).unwrap().split();
        let address = until("an address", network.addresses(), |list| !list.is_empty()).await.remove(0);
        let address = address.with_p2p(network.node().peer()).unwrap();
        TestNode { network, events, sync, content, batches: Some(batches), address }
    }

    async fn start(number: u8, dials: &[&TestNode], members: &[u8]) -> TestNode {
        TestNode::start_with(number, dials, members, Box::new(NotBad), |_| {}).await
    }

    async fn allow(&self, height: u64, members: &[u8]) {
        self.network.set_registry(Height::new(height), registry(members.iter().copied())).await.unwrap();
    }

    async fn connected(&self, to: NodeId) {
        let is_connected = |peers: &std::collections::BTreeMap<NodeId, PeerInfo>| peers.get(&to).is_some_and(|info| info.connected);
        until("a connection", self.network.watch_peers(), is_connected).await;
    }

    async fn disconnected(&self, from: NodeId) {
        let is_gone = |peers: &std::collections::BTreeMap<NodeId, PeerInfo>| peers.get(&from).is_none_or(|info| !info.connected);
        until("the end of a connection", self.network.watch_peers(), is_gone).await;
    }

    /// The next event that `wanted` maps to something.
    async fn event<T>(&mut self, what: &str, mut wanted: impl FnMut(DirectEvent) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.recv().await.expect("the network runs");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        })
        .await
    }

    async fn content(&mut self) -> (NodeId, Channel, Bytes) {
        let content = |event| match event {
            DirectEvent::Received { from, channel, content } => Some((from, channel, content)),
            _ => None,
        };
        self.event("content", content).await
    }
}

/// Starts `edges.len() + 1` nodes; node `i + 2` dials the earlier ones (by number) that `edges[i]` names. All are members and connected.
async fn graph(edges: &[&[u8]]) -> Vec<TestNode> {
    let members: Vec<u8> = (1..=edges.len() as u8 + 1).collect();
    let mut nodes = vec![TestNode::start(1, &[], &members).await];
    for (index, dials) in edges.iter().enumerate() {
        let dialled: Vec<&TestNode> = dials.iter().map(|number| &nodes[usize::from(*number) - 1]).collect();
        let started = TestNode::start(index as u8 + 2, &dialled, &members).await;
        for other in &dialled {
            started.connected(other.network.node()).await;
            other.connected(started.network.node()).await;
        }
        nodes.push(started);
    }
    nodes
}

fn root(number: u64) -> Hash {
    Hash::of(Domain::StateValue, &number.to_le_bytes())
}
