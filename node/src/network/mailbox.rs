//! The network as the rest of the node sees it.

use super::content::ContentAsk;
use super::direct::{CheckFrame, HubMessage};
use super::gossip::{self, Inbound, Verdict};
use super::peers::Peers;
use super::{Channel, DirectEvent, GossipConfig, Multiaddr, NetworkConfig, NetworkCounts, NetworkError, NodeId, PeerInfo, service};
use crate::mempool::Mempool;
use bytes::Bytes;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::Verified;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The network has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network has stopped")]
pub struct Stopped;

/// Names one sync request of either direction; ids of the two directions are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub(super) u64);

impl SyncId {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The id with this number.
    pub const fn new(id: u64) -> Self {
        SyncId(id)
    }
}

/// Why a sync request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncFailure {
    /// The peer is not connected.
    NotConnected,
    /// The connection ended.
    ConnectionClosed,
    /// No answer in time.
    Timeout,
    /// The peer does not speak the protocol.
    Unsupported,
    /// Broken or oversized bytes.
    Io,
}

/// What happens to sync requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent {
    /// A peer asks; the listener MUST answer with [`Network::answer`] or [`Network::refuse`].
    Request(SyncId, NodeId, Bytes),
    /// The answer to this node's request.
    Answer(SyncId, NodeId, Bytes),
    /// This node's request failed.
    Failed(SyncId, NodeId, SyncFailure),
    /// A peer's request no longer waits for an answer.
    Gone(SyncId, NodeId),
}

pub(super) enum Command {
    Gossip(Vec<u8>),
    Judged(Verdict),
    Registry { height: Height, members: Vec<(MemberId, Vec<PublicKey>)> },
    Height(Height),
    Ask { to: NodeId, request: Bytes, reply: oneshot::Sender<SyncId> },
    Answer(SyncId, Bytes),
    Refuse(SyncId),
    Want { from: NodeId, request: Bytes, reply: oneshot::Sender<Bytes> },
    Give(ContentAsk, Bytes),
    Stop,
}

/// Handle of the network; clones share it.
#[derive(Clone)]
pub struct Network {
    pub(super) node: NodeId,
    pub(super) gossip: GossipConfig,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) hub: mpsc::Sender<HubMessage>,
    pub(super) peers: Peers,
    pub(super) addresses: watch::Receiver<Vec<Multiaddr>>,
}

/// A started network with what its listeners receive. The receivers MUST be drained: consensus frames wait for their listener.
pub struct Started {
    /// Its handle.
    pub network: Network,
    /// Consensus frames, peers and their status: for the adapter ([`super::engine`]).
    pub events: mpsc::Receiver<DirectEvent>,
    /// Sync: for the adapter.
    pub sync: mpsc::Receiver<SyncEvent>,
    /// Slices of stored content that peers want. Unlike the others it may be dropped: they are refused then.
    pub content: mpsc::Receiver<ContentAsk>,
    /// Ends when the network stops.
    pub task: JoinHandle<()>,
    pub(super) batches: mpsc::Receiver<Inbound>,
}

/// What the listeners of a started network receive, see [`Started`].
pub struct Received {
    /// Consensus frames, peers and their status.
    pub events: mpsc::Receiver<DirectEvent>,
    /// Sync.
    pub sync: mpsc::Receiver<SyncEvent>,
    /// Slices of stored content that peers want.
    pub content: mpsc::Receiver<ContentAsk>,
}

/// The two tasks that carry transactions, see [`Network::carry`].
pub struct TransactionBatches(pub(super) mpsc::Receiver<Inbound>);

impl Started {
    /// Takes the handle and what listeners receive apart.
    pub fn split(self) -> (Network, Received, TransactionBatches, JoinHandle<()>) {
        let Started { network, events, sync, content, task, batches } = self;
        (network, Received { events, sync, content }, TransactionBatches(batches), task)
    }
}

impl Network {
    /// Starts the swarm on the current runtime: listens, dials the configured peers, lets in who is registered or pinned.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn start(config: NetworkConfig, check: Box<dyn CheckFrame>) -> Result<Started, NetworkError> {
        service::start(config, check)
    }

    /// Carries transactions between the mempool and the swarm: `fresh` is what the mempool wants gossiped. Ends with the network.
    pub fn carry(&self, mempool: Mempool, fresh: mpsc::Receiver<Verified>, batches: TransactionBatches) -> [JoinHandle<()>; 2] {
        let judge = tokio::spawn(gossip::judge_batches(self.gossip, batches.0, mempool, self.clone()));
        [self.send(fresh), judge]
    }

    /// The half of [`Network::carry`] that sends, for who has transactions and no mempool. Ends with the network or with `fresh`.
    pub fn send(&self, fresh: mpsc::Receiver<Verified>) -> JoinHandle<()> {
        tokio::spawn(gossip::send_batches(self.gossip, fresh, self.clone()))
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The addresses it listens on, as they become known.
    pub fn addresses(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.addresses.clone()
    }

    /// All peers that were connected, and still may be.
    pub fn peers(&self) -> BTreeMap<NodeId, PeerInfo> {
        self.peers.watch().borrow().clone()
    }

    /// The same, to wait for a change.
    pub fn watch_peers(&self) -> watch::Receiver<BTreeMap<NodeId, PeerInfo>> {
        self.peers.watch()
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> watch::Receiver<NetworkCounts> {
        self.peers.counts()
    }

    pub(super) async fn command(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }

    async fn tell_hub(&self, message: HubMessage) -> Result<(), Stopped> {
        self.hub.send(message).await.map_err(|_| Stopped)
    }

    /// Who may connect from now on: all members of the registry after `height` with their network keys. Connections with nodes that are
    /// no longer on the list are closed, a few heights later ([`super::RETIREMENT`]).
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_registry(&self, height: Height, members: Vec<(MemberId, Vec<PublicKey>)>) -> Result<(), Stopped> {
        self.command(Command::Registry { height, members }).await
    }

    /// A block of `height` was committed, after which the state has this root. Compared with what peers report.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_tip(&self, height: Height, root: Hash) -> Result<(), Stopped> {
        self.tell_hub(HubMessage::Root { height, root }).await?;
        self.command(Command::Height(height)).await
    }

    /// Sends content to all members' nodes; they pass it on.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn publish(&self, channel: Channel, content: Bytes) -> Result<(), Stopped> {
        self.tell_hub(HubMessage::Publish(channel, content)).await
    }

    /// Tells all neighbours how far this node has come, with the root of [`Network::set_tip`].
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn broadcast_status(&self, tip: Height, min: Height) -> Result<(), Stopped> {
        self.tell_hub(HubMessage::Status { tip, min }).await
    }

    /// Asks a peer; the answer or failure arrives as a [`SyncEvent`] with the returned id.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn ask(&self, to: NodeId, request: Bytes) -> Result<SyncId, Stopped> {
        let (reply, id) = oneshot::channel();
        self.command(Command::Ask { to, request, reply }).await?;
        id.await.map_err(|_| Stopped)
    }

    /// Answers a peer's request.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn answer(&self, id: SyncId, answer: Bytes) -> Result<(), Stopped> {
        self.command(Command::Answer(id, answer)).await
    }

    /// Drops a peer's request without an answer.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn refuse(&self, id: SyncId) -> Result<(), Stopped> {
        self.command(Command::Refuse(id)).await
    }

    /// Returns when the network has stopped.
    pub(super) async fn stopped(&self) {
        self.commands.closed().await;
    }

    /// Closes all connections and ends the task.
    pub async fn stop(&self) {
        // An error means that it has stopped already.
        let _ = self.command(Command::Stop).await;
    }
}
