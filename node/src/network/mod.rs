//! One libp2p swarm (TCP, Noise, Yamux) for everything between nodes.
//!
//! ```text
//!  consensus (adapter) ◀─ events ─ hub ◀─ readers, writers ─▶ direct streams ┐
//!         │  └─ publish, status ──▶ ▲                                        │
//!         │                         │ opened, closed                         ├─ allow-list, limits ─▶ peers
//!         └─ sync requests ─────▶ service ◀────── request-response ──────────┤
//!  mempool ◀─ batches ─ gossip ◀─▶  ▲   ◀────────── gossipsub ───────────────┘
//!                                   └─ registry, tip ─ chain
//! ```
//!
//! Invariants:
//! * a connection with a node that is neither registered nor pinned is refused when it is established, before it is read from;
//! * consensus never waits for transactions: it has streams, tasks and queues of its own;
//! * what members see first they pass on, so that a connected graph suffices (DESIGN, One swarm);
//! * every queue is bounded, and a peer's excess costs that peer.

mod ahead;
mod allow;
mod behaviour;
mod budget;
mod check;
mod content;
mod direct;
pub mod engine;
mod gossip;
mod mailbox;
mod node_id;
mod peers;
mod redial;
mod relay;
mod roots;
mod service;
mod sync;

pub use allow::{AllowList, RETIREMENT};
pub use check::{KnownSeat, Seats, WireCheck};
pub use content::ContentAsk;
pub use direct::{Channel, CheckFrame, DirectConfig, DirectEvent, Judgement, MAX_PEERS, StatusReport};
pub use gossip::{BAD_COST, GossipConfig};
pub use libp2p::Multiaddr;
pub use mailbox::{Network, Received, Started, Stopped, SyncEvent, SyncFailure, SyncId};
pub use node_id::{NodeId, NotANodeId, Standing};
pub use peers::{NetworkCounts, PeerInfo};
pub use roots::Divergence;
pub use sync::SyncConfig;

use leg_ledger::ids::{ChainId, Height, MemberId};
use leg_ledger::signature::{PublicKey, SecretKey};

/// Settings of the network.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The network that this node belongs to; part of every protocol's name.
    pub chain: ChainId,
    /// This node's network key.
    pub key: SecretKey,
    /// Where to listen: `/ip4/.../tcp/...`; port 0 lets the system choose.
    pub listen: Vec<Multiaddr>,
    /// Peers to keep connected: `/ip4/.../tcp/.../p2p/...` or `/dns4/...`. Each is pinned by the id at the end, which lets it connect too; one that is not
    /// in the registry may only sync.
    pub peers: Vec<Multiaddr>,
    /// The registry that this node starts with: the height it is of, and each member's network keys. Later ones come by
    /// [`Network::set_registry`].
    pub registry: (Height, Vec<(MemberId, Vec<PublicKey>)>),
    /// Direct streams.
    pub direct: DirectConfig,
    /// Transactions.
    pub gossip: GossipConfig,
    /// Sync.
    pub sync: SyncConfig,
    /// Slices of stored content, which go the same way as sync under a protocol of their own.
    pub content: SyncConfig,
}

impl NetworkConfig {
    /// Settings with the defaults of every part.
    pub fn new(chain: ChainId, key: SecretKey) -> Self {
        let (direct, gossip, sync, content) = Default::default();
        let content = content::bounds(content);
        let (listen, peers, registry) = (Vec::new(), Vec::new(), (Height::GENESIS, Vec::new()));
        NetworkConfig { chain, key, listen, peers, registry, direct, gossip, sync, content }
    }

    /// The pinned peers with their addresses.
    ///
    /// # Errors
    /// [`NetworkError::PeerWithoutId`].
    pub fn pinned(&self) -> Result<Vec<(NodeId, Multiaddr)>, NetworkError> {
        let pinned = |address: &Multiaddr| match address.iter().last() {
            Some(libp2p::multiaddr::Protocol::P2p(peer)) => NodeId::from_peer(&peer).map(|node| (node, address.clone())),
            _ => None,
        };
        self.peers.iter().map(|address| pinned(address).ok_or_else(|| NetworkError::PeerWithoutId(address.clone()))).collect()
    }
}

/// Log directives that keep the engine's steps out of the log: they are for who looks into the engine.
pub const QUIET_ENGINE: &str = "info,arc_malachitebft=warn";

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The key is unusable.
    #[error("network key: {0}")]
    Key(String),
    /// Encryption or name resolution cannot be set up.
    #[error("transport: {0}")]
    Transport(String),
    /// Settings of gossip that contradict each other.
    #[error("gossip: {0}")]
    Gossip(String),
    /// A peer's address does not end with the id of an ed25519 key.
    #[error("peer address {0} does not end with /p2p/ and the peer's id")]
    PeerWithoutId(Multiaddr),
    /// An address to listen on cannot be used.
    #[error("listening on {address}: {cause}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why.
        cause: String,
    },
}

#[cfg(test)]
mod tests;
