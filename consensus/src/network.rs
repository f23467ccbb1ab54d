//! Names of the engine that the node's network actor needs, for this ledger's context. See the crate's docs for its obligations.

use crate::context::LegContext;
use arc_malachitebft_app_channel::app;

pub use app::engine::network::Subscriber;
pub use app::net::{Multiaddr, PeerId as SwarmPeerId};
pub use app::types::PeerId;
pub use arc_malachitebft_sync::{InboundRequestId, OutboundFailureReason, OutboundRequestId};

/// The actor that carries the engine's messages: `ActorRef<NetworkMsg>`.
pub type NetworkRef = app::engine::network::NetworkRef<LegContext>;
/// What the engine asks of it.
pub type NetworkMsg = app::engine::network::NetworkMsg<LegContext>;
/// What it tells the engine.
pub type NetworkEvent = app::engine::network::NetworkEvent<LegContext>;
/// A subscriber as it arrives in `NetworkMsg::Subscribe`.
pub type BoxedSubscriber = Box<dyn Subscriber<NetworkEvent>>;
/// Height and history of a node, as `NetworkEvent::Status` and `NetworkMsg::BroadcastStatus` carry it.
pub type Status = app::engine::network::Status<LegContext>;
/// The same with the node's id, as it travels.
pub type WireStatus = arc_malachitebft_sync::Status<LegContext>;
/// A question of a node that catches up.
pub type SyncRequest = arc_malachitebft_sync::Request<LegContext>;
/// Its answer.
pub type SyncResponse = arc_malachitebft_sync::Response<LegContext>;
/// A vote or proposal.
pub type ConsensusMessage = app::types::SignedConsensusMsg<LegContext>;
/// A certificate or repeated vote.
pub type LivenessMessage = app::consensus::LivenessMsg<LegContext>;
/// A part of a block in its stream.
pub type PartMessage = app::streaming::StreamMessage<crate::types::BlockPart>;
/// The engine's channels, of which `Sync` matters to the node.
pub use arc_malachitebft_network::Channel;
