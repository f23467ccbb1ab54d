//! The real engine, four times in one process, over a network in memory.

use crate::codec::WireMessage;
use crate::engine::{Config, Ended, Engine, Ports, start};
use crate::metrics::SharedRegistry;
use crate::network::*;
use crate::ports::{ChainPort, Clock, Outlook, Pace};
use crate::signature_check::SignatureCheck;
use crate::testkit::*;
use crate::timeouts::Timeouts;
use async_trait::async_trait;
use leg_ledger::ids::{BlockId, Height};
use leg_ledger::time::BlockTime;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> BlockTime {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        BlockTime::from_ms(now.as_millis() as u64)
    }
}

/// Who hears whom. Everything passes the codecs, as between processes.
#[derive(Default)]
struct Switch {
    nodes: BTreeMap<PeerId, Vec<BoxedSubscriber>>,
    requests: BTreeMap<InboundRequestId, (PeerId, OutboundRequestId)>,
    counter: u64,
}

impl Switch {
    fn deliver(&self, to: &PeerId, event: NetworkEvent) {
        for subscriber in self.nodes.get(to).into_iter().flatten() {
            subscriber.send(event.clone());
        }
    }

    fn publish(&self, from: PeerId, message: WireMessage) {
        let message = WireMessage::decode(message.encode().unwrap()).unwrap();
        let event = match message {
            WireMessage::Consensus(ConsensusMessage::Vote(vote)) => NetworkEvent::Vote(from, vote),
            WireMessage::Consensus(ConsensusMessage::Proposal(proposal)) => NetworkEvent::Proposal(from, proposal),
            WireMessage::Liveness(LivenessMessage::Vote(vote)) => NetworkEvent::Vote(from, vote),
            WireMessage::Liveness(LivenessMessage::PolkaCertificate(polka)) => NetworkEvent::PolkaCertificate(from, polka),
            WireMessage::Liveness(LivenessMessage::SkipRoundCertificate(proof)) => NetworkEvent::RoundCertificate(from, proof),
            WireMessage::Part(part) => NetworkEvent::ProposalPart(from, None, part),
        };
        for peer in self.nodes.keys().filter(|peer| **peer != from) {
            self.deliver(peer, event.clone());
        }
    }

    fn connect(&mut self, me: PeerId, subscriber: BoxedSubscriber) {
        subscriber.send(NetworkEvent::Listening("/ip4/127.0.0.1/tcp/1".parse().unwrap()));
        let peers: Vec<PeerId> = self.nodes.keys().filter(|peer| **peer != me).copied().collect();
        for peer in &peers {
            subscriber.send(NetworkEvent::PeerConnected(*peer));
            subscriber.send(NetworkEvent::PeerSubscribed(*peer, Channel::Sync));
        }
        let first = !self.nodes.contains_key(&me);
        self.nodes.entry(me).or_default().push(subscriber);
        if first {
            for peer in &peers {
                self.deliver(peer, NetworkEvent::PeerConnected(me));
                self.deliver(peer, NetworkEvent::PeerSubscribed(me, Channel::Sync));
            }
        }
    }

    fn disconnect(&mut self, me: PeerId) {
        self.nodes.remove(&me);
        for peer in self.nodes.keys() {
            self.deliver(peer, NetworkEvent::PeerDisconnected(me));
        }
    }
}

struct Toy {
    me: PeerId,
    switch: Arc<Mutex<Switch>>,
}

#[async_trait]
impl Actor for Toy {
    type Msg = NetworkMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<NetworkMsg>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<NetworkMsg>, message: NetworkMsg, _: &mut ()) -> Result<(), ActorProcessingErr> {
        let mut switch = self.switch.lock().unwrap();
        match message {
            NetworkMsg::Subscribe(subscriber) => switch.connect(self.me, subscriber),
            NetworkMsg::PublishConsensusMsg(message) => switch.publish(self.me, WireMessage::Consensus(message)),
            NetworkMsg::PublishLivenessMsg(message) => switch.publish(self.me, WireMessage::Liveness(message)),
            NetworkMsg::PublishProposalPart(part) => switch.publish(self.me, WireMessage::Part(part)),
            NetworkMsg::BroadcastStatus(status) => {
                for peer in switch.nodes.keys().filter(|peer| **peer != self.me) {
                    switch.deliver(peer, NetworkEvent::Status(self.me, status.clone()));
                }
            }
            NetworkMsg::OutgoingRequest(peer, request, reply) => {
                switch.counter += 1;
                let (inbound, outbound) = (InboundRequestId::new(switch.counter), OutboundRequestId::new(switch.counter));
                switch.requests.insert(inbound.clone(), (self.me, outbound.clone()));
                reply.send(outbound)?;
                switch.deliver(&peer, NetworkEvent::SyncRequest(inbound, self.me, request));
            }
            NetworkMsg::OutgoingResponse(inbound, response) => {
                if let Some((peer, outbound)) = switch.requests.remove(&inbound) {
                    switch.deliver(&peer, NetworkEvent::SyncResponse(outbound, self.me, Some(response)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

struct Node {
    index: u8,
    peer: PeerId,
    chain: MemoryChain,
    proposals: MemoryProposals,
    mark: MemoryMark,
    follows: bool,
}

impl Node {
    fn new(index: u8, follows: bool) -> Self {
        let chain = MemoryChain::new(4);
        chain.with(|s| s.outlook = Outlook::Work);
        let (proposals, mark) = (MemoryProposals::default(), MemoryMark::default());
        Node { index, peer: peer(index), chain, proposals, mark, follows }
    }

    async fn start(&self, switch: &Arc<Mutex<Switch>>, folder: &Path) -> Engine {
        let (network, _) = Actor::spawn(None, Toy { me: self.peer, switch: Arc::clone(switch) }, ()).await.unwrap();
        let idle = Duration::from_millis(200);
        let config = Config {
            chain: chain_id(),
            voter: (!self.follows).then(|| voter(self.index)),
            wal_path: folder.join(format!("wal-{}", self.index)),
            pace: Pace { block_interval: Duration::from_millis(5), idle_interval: idle, max_drift: Duration::from_secs(2) },
            timeouts: Timeouts { delta: Duration::from_millis(100), ..Timeouts::local(idle) },
            signatures: SignatureCheck::default(),
        };
        let ports = Ports {
            chain: Box::new(self.chain.clone()),
            proposals: Box::new(self.proposals.clone()),
            mark: Some(Box::new(self.mark.clone())),
            clock: Box::new(WallClock),
        };
        start(config, ports, network, SharedRegistry::global()).await.unwrap()
    }

    async fn reaches(&self, height: u64) {
        let mut heights = self.chain.with(|s| s.heights.subscribe());
        let reached = tokio::time::timeout(Duration::from_secs(60), heights.wait_for(|h| *h >= height)).await;
        assert!(reached.is_ok(), "hub-{} does not reach height {height} in a minute", self.index);
    }

    fn block(&self, height: u64) -> BlockId {
        let decided = self.chain.decided(Height::new(height)..=Height::new(height), usize::MAX).unwrap();
        decided[0].certificate.block
    }
}

async fn stop(mut engine: Engine) {
    engine.stop();
    let ended = tokio::time::timeout(Duration::from_secs(60), engine.ended()).await;
    assert!(matches!(ended, Ok(Ended::Stopped)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_decide_a_follower_follows_and_a_killed_node_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let switch = Arc::new(Mutex::new(Switch::default()));
    let nodes: Vec<Node> = (0..5).map(|i| Node::new(i, i == 4)).collect();
    let mut engines = vec![];
    for node in &nodes {
        engines.push(node.start(&switch, folder.path()).await);
    }
    for node in &nodes {
        node.reaches(10).await;
    }
    // One of four dies: the rest go on, through the rounds that it would propose.
    let killed = engines.remove(3);
    switch.lock().unwrap().disconnect(nodes[3].peer);
    stop(killed).await;
    let died_at = nodes[3].chain.tip().height.get();
    nodes[0].reaches(died_at + 8).await;
    // It comes back with its log and its mark, catches up, and votes again.
    let again = nodes[3].start(&switch, folder.path()).await;
    assert_eq!(again.silent_until(), None, "its log knows all that it signed");
    engines.push(again);
    let tip = nodes[0].chain.tip().height.get();
    for node in &nodes {
        node.reaches(tip + 5).await;
    }
    for height in 1..=tip + 5 {
        assert!(nodes.iter().all(|n| n.block(height) == nodes[0].block(height)), "height {height}");
    }
    let marked = nodes[3].mark.saved.lock().unwrap().is_some();
    assert!(marked && nodes[4].mark.saved.lock().unwrap().is_none(), "the follower signs nothing");
    for engine in engines {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_log_follows_up_to_its_mark_and_then_votes() {
    let folder = tempfile::tempdir().unwrap();
    let switch = Arc::new(Mutex::new(Switch::default()));
    let nodes: Vec<Node> = (0..4).map(|i| Node::new(i, false)).collect();
    let mut engines = vec![];
    for node in &nodes {
        engines.push(node.start(&switch, folder.path()).await);
    }
    nodes[1].reaches(5).await;
    for (engine, node) in engines.into_iter().zip(&nodes) {
        switch.lock().unwrap().disconnect(node.peer);
        stop(engine).await;
    }
    // Its log is gone, and its chain is from an older backup.
    std::fs::remove_file(folder.path().join("wal-1")).unwrap();
    nodes[1].chain.with(|s| s.blocks.truncate(2));
    let mut engines = vec![];
    for node in &nodes {
        engines.push(node.start(&switch, folder.path()).await);
    }
    let silent = engines[1].silent_until().expect("the mark is ahead of the log").get();
    assert!(silent >= 5);
    nodes[1].reaches(silent + 5).await;
    for engine in engines {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_and_an_unwritable_mark_end_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    for broken_mark in [false, true] {
        let switch = Arc::new(Mutex::new(Switch::default()));
        let node = Node::new(0, false);
        node.chain.with(|s| {
            s.size = 1;
            s.fail_commit = !broken_mark;
        });
        node.mark.broken.store(broken_mark, std::sync::atomic::Ordering::Relaxed);
        let mut engine = node.start(&switch, &folder.path().join(broken_mark.to_string())).await;
        let ended = tokio::time::timeout(Duration::from_secs(60), engine.ended()).await.expect("it ends");
        match (&ended, broken_mark) {
            (Ended::Fatal(crate::Fatal::Commit { .. }), false) | (Ended::Fatal(crate::Fatal::Guard(_)), true) => {}
            _ => panic!("{ended:?}"),
        }
        assert_eq!(node.chain.tip().height, Height::GENESIS);
    }
}
