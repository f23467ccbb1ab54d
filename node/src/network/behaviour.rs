//! What the one swarm is made of.

use super::sync::SyncCodec;
use super::{GossipConfig, NetworkConfig, NetworkError, SyncConfig, direct};
use leg_ledger::ids::ChainId;
use libp2p::allow_block_list::{self, AllowedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{StreamProtocol, gossipsub, identity, noise, ping, request_response, tcp, yamux};
use std::time::Duration;

/// Most connections in both directions; the allow-list holds far fewer nodes.
const MAX_CONNECTIONS: u32 = 256;
/// Most connections with one peer: both may dial at once, and a dead one may linger.
const MAX_CONNECTIONS_PER_PEER: u32 = 4;
/// Most connections that are not authenticated yet.
const MAX_PENDING: u32 = 64;
/// How often a peer is asked whether it lives, and how long it may take to answer.
const PING: Duration = Duration::from_secs(5);

/// Parts of the swarm. The first two refuse connections before the others hear of them.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) allowed: allow_block_list::Behaviour<AllowedPeers>,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) gossip: gossipsub::Behaviour,
    pub(super) sync: request_response::Behaviour<SyncCodec>,
    pub(super) content: request_response::Behaviour<SyncCodec>,
    pub(super) direct: direct::Behaviour,
}

/// Protocol names carry the network's id: nodes of two networks never speak with each other.
fn protocol(chain: ChainId, name: &str) -> StreamProtocol {
    let chain = chain.to_string();
    let short = chain.get(..16).unwrap_or(&chain);
    StreamProtocol::try_from_owned(format!("/leg/{short}/{name}/1")).expect("it starts with a slash")
}

/// The one topic.
pub(super) fn topic(chain: ChainId) -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new(protocol(chain, "transactions").to_string())
}

fn gossip(config: &NetworkConfig) -> Result<gossipsub::Behaviour, NetworkError> {
    let GossipConfig { max_batch_bytes, .. } = config.gossip;
    let settings = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(protocol(config.chain, "gossip").to_string())
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| gossipsub::MessageId::new(blake3::hash(&message.data).as_bytes()))
        .max_transmit_size(max_batch_bytes + 1_024)
        .connection_handler_queue_len(256)
        .build()
        .map_err(|error| NetworkError::Gossip(error.to_string()))?;
    let mut gossip =
        gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, settings).map_err(|e| NetworkError::Gossip(e.to_owned()))?;
    gossip.subscribe(&topic(config.chain)).map_err(|error| NetworkError::Gossip(error.to_string()))?;
    Ok(gossip)
}

/// Builds the swarm; it neither listens nor dials yet.
pub(super) fn build(config: &NetworkConfig) -> Result<libp2p::Swarm<Behaviour>, NetworkError> {
    let keypair = identity::Keypair::ed25519_from_bytes(config.key.to_bytes()).map_err(|error| NetworkError::Key(error.to_string()))?;
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(MAX_CONNECTIONS))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    let requests = |name, bounds: SyncConfig| {
        let limits = request_response::Config::default().with_request_timeout(bounds.timeout).with_max_concurrent_streams(bounds.streams);
        let protocols = [(protocol(config.chain, name), request_response::ProtocolSupport::Full)];
        request_response::Behaviour::with_codec(SyncCodec::new(bounds), protocols, limits)
    };
    let behaviour = Behaviour {
        allowed: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING)),
        gossip: gossip(config)?,
        sync: requests("sync", config.sync),
        content: requests("content", config.content),
        direct: direct::Behaviour::new(protocol(config.chain, "direct")),
    };
    let failed = |error: String| NetworkError::Transport(error);
    let with_tcp = libp2p::SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| failed(error.to_string()))?;
    // The system's resolver is read only where a peer is given by name: a machine without one can run a node.
    let named = config.peers.iter().flatten().any(|part| matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)));
    let swarm = if named {
        let with_dns = with_tcp.with_dns().map_err(|error| failed(error.to_string()))?;
        with_dns.with_behaviour(|_| behaviour).unwrap_or_else(|never| match never {}).build()
    } else {
        with_tcp.with_behaviour(|_| behaviour).unwrap_or_else(|never| match never {}).build()
    };
    Ok(swarm)
}
