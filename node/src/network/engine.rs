//! The engine's network actor on this swarm: what `leg_consensus` says that it owes the engine.
//!
//! ```text
//! engine ── NetworkMsg ──▶ actor ──▶ network (publish, status, ask, answer)
//! engine ◀─ NetworkEvent ─ audience ◀─ pump ◀── events of the hub, sync events, readiness
//! ```
//!
//! Invariants:
//! * subscribers are sent to directly and in order: the engine's own output port loses messages when it lags (ENGINE 2);
//! * nothing is taken from the network before the engine listens: what was taken is passed on and counts as heard;
//! * `Listening` is sent once, when a quorum of the committee is connected or a bounded time has passed: what is published before peers
//!   listen is lost (ENGINE 3);
//! * that a peer is one block ahead is passed on after a moment only ([`super::ahead`]);
//! * the pump never waits for the actor, and the actor never for the pump, so the two directions cannot block each other.

use super::ahead::Ahead;
use super::check::channel_of;
use super::direct::StatusReport;
use super::{DirectEvent, Multiaddr, Network, NodeId, PeerInfo, Stopped, SyncEvent, SyncFailure, SyncId};
use arc_malachitebft_app_channel::app::consensus::LivenessMsg;
use arc_malachitebft_app_channel::app::engine::network::PersistentPeerError;
use arc_malachitebft_app_channel::app::types::SignedConsensusMsg;
use arc_malachitebft_codec::Codec;
use async_trait::async_trait;
use bytes::Bytes;
use leg_consensus::codec::{EngineCodec, EngineCodecError, WireMessage};
use leg_consensus::network::{
    BoxedSubscriber, Channel as EngineChannel, InboundRequestId, NetworkEvent, NetworkMsg, NetworkRef, OutboundFailureReason,
    OutboundRequestId, PeerId, Status, SyncRequest, SyncResponse,
};
use leg_consensus::types::EngineHeight;
use leg_ledger::block::Committee;
use leg_ledger::ids::{Height, MemberId};
use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

const _: () = assert!(leg_consensus::codec::MAX_WIRE_BYTES < super::direct::MAX_FRAME_BYTES);

/// For whom the engine waits before it starts.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// The committee of the next height.
    pub committee: Committee,
    /// This node's member, when it may be one of it.
    pub member: Option<MemberId>,
    /// Longest wait. On a graph that is not complete a quorum may be alive and never be connected with this node.
    pub at_most: Duration,
}

impl Readiness {
    fn is_ready(&self, peers: &BTreeMap<NodeId, PeerInfo>) -> bool {
        let connected = peers.values().filter(|info| info.connected).filter_map(|info| info.standing.member());
        let present: BTreeSet<MemberId> = connected.chain(self.member).collect();
        self.committee.is_quorum(self.committee.members().iter().filter(|m| present.contains(&m.member)).count())
    }
}

/// Who listens, and what a late one has to be told.
#[derive(Default)]
struct Audience {
    subscribers: Vec<BoxedSubscriber>,
    listening: Option<Multiaddr>,
    connected: BTreeSet<PeerId>,
    /// The last one of each peer: the next may be long in coming.
    statuses: BTreeMap<PeerId, Status>,
    /// Tells the pump of the first subscriber.
    first: Option<oneshot::Sender<()>>,
    /// Peers that are one block ahead.
    ahead: Ahead,
}

impl Audience {
    fn join(&mut self, subscriber: BoxedSubscriber) {
        if let Some(address) = &self.listening {
            subscriber.send(NetworkEvent::Listening(address.clone()));
        }
        for peer in &self.connected {
            subscriber.send(NetworkEvent::PeerConnected(*peer));
            subscriber.send(NetworkEvent::PeerSubscribed(*peer, EngineChannel::Sync));
            if let Some(status) = self.statuses.get(peer) {
                subscriber.send(NetworkEvent::Status(*peer, status.clone()));
            }
        }
        self.subscribers.push(subscriber);
        if let Some(first) = self.first.take() {
            // A pump that has gone ended with the network.
            let _ = first.send(());
        }
    }

    fn tell(&mut self, event: &NetworkEvent) {
        match event {
            NetworkEvent::Listening(address) => self.listening = Some(address.clone()),
            NetworkEvent::PeerConnected(peer) => drop(self.connected.insert(*peer)),
            NetworkEvent::PeerDisconnected(peer) => {
                self.connected.remove(peer);
                self.statuses.remove(peer);
            }
            NetworkEvent::Status(peer, status) => drop(self.statuses.insert(*peer, status.clone())),
            _ => {}
        }
        self.subscribers.iter().for_each(|subscriber| subscriber.send(event.clone()));
    }
}

type SharedAudience = Arc<Mutex<Audience>>;

fn lock(audience: &SharedAudience) -> MutexGuard<'_, Audience> {
    // Sending to an actor does not panic, so a poisoned lock has consistent content.
    audience.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the actor for [`leg_consensus::start`]. It stops when the network does. `synced` is shown each height and the bytes that a peer
/// calls its block; it MUST NOT wait.
///
/// # Errors
/// When the actor cannot be spawned.
pub async fn start(
    network: Network,
    events: mpsc::Receiver<DirectEvent>,
    sync: mpsc::Receiver<SyncEvent>,
    readiness: Readiness,
    synced: impl Fn(Height, Bytes) + Send + 'static,
) -> Result<NetworkRef, SpawnErr> {
    let (first, subscribed) = oneshot::channel();
    let audience = SharedAudience::new(Mutex::new(Audience { first: Some(first), ..Audience::default() }));
    let (actor, _) = Actor::spawn(None, Adapter { network: network.clone(), audience: audience.clone() }, ()).await?;
    tokio::spawn(announce(network.clone(), audience.clone(), readiness));
    let pump = Pump { audience, actor: actor.clone(), synced: Box::new(synced) };
    tokio::spawn(async move {
        tokio::select! {
            _ = subscribed => {}
            () = network.stopped() => {}
        }
        drop(network);
        pump.run(events, sync).await;
    });
    Ok(actor)
}

/// Tells the engine to start when peers listen.
async fn announce(network: Network, audience: SharedAudience, readiness: Readiness) {
    let deadline = Instant::now() + readiness.at_most;
    let mut peers = network.watch_peers();
    let ready = timeout_at(deadline, peers.wait_for(|peers| readiness.is_ready(peers))).await;
    if ready.is_err() {
        tracing::warn!("starting consensus although no quorum of the committee is connected with this node");
    }
    let address = network.addresses().borrow().first().cloned().unwrap_or_else(Multiaddr::empty);
    lock(&audience).tell(&NetworkEvent::Listening(address));
}

fn engine_id(node: NodeId) -> PeerId {
    PeerId::from_bytes(&node.to_bytes()).expect("the engine's peer ids have libp2p's bytes")
}

struct Pump {
    audience: SharedAudience,
    actor: NetworkRef,
    synced: Box<dyn Fn(Height, Bytes) + Send>,
}

impl Pump {
    async fn run(self, mut events: mpsc::Receiver<DirectEvent>, mut sync: mpsc::Receiver<SyncEvent>) {
        loop {
            let waiting = lock(&self.audience).ahead.next();
            let patience = async {
                match waiting {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.on_direct(event),
                    None => break,
                },
                event = sync.recv() => match event {
                    Some(event) => self.on_sync(event),
                    None => break,
                },
                () = patience => self.on_patience_lost(),
            }
        }
        self.actor.stop(Some("the network has stopped".to_owned()));
    }

    fn tell(&self, event: &NetworkEvent) {
        lock(&self.audience).tell(event);
    }

    fn tell_status(&self, node: NodeId, report: StatusReport) {
        let status = Status::new(EngineHeight::new(report.tip), EngineHeight::new(report.min));
        self.tell(&NetworkEvent::Status(engine_id(node), status));
    }

    fn on_patience_lost(&self) {
        let due = lock(&self.audience).ahead.due(Instant::now());
        due.into_iter().for_each(|(node, report)| self.tell_status(node, report));
    }

    fn on_direct(&self, event: DirectEvent) {
        match event {
            DirectEvent::Connected(node, _) => {
                self.tell(&NetworkEvent::PeerConnected(engine_id(node)));
                self.tell(&NetworkEvent::PeerSubscribed(engine_id(node), EngineChannel::Sync));
            }
            DirectEvent::Disconnected(node) => {
                lock(&self.audience).ahead.forget(node);
                self.tell(&NetworkEvent::PeerDisconnected(engine_id(node)));
            }
            DirectEvent::Status(node, report) => {
                let now = lock(&self.audience).ahead.on_status(node, report, Instant::now());
                now.into_iter().for_each(|report| self.tell_status(node, report));
            }
            DirectEvent::Received { from, content, .. } => match WireMessage::decode(content) {
                Ok(message) => self.tell(&consensus_event(engine_id(from), message)),
                Err(error) => tracing::error!(%error, "content was passed on that does not decode"),
            },
        }
    }

    fn on_sync(&self, event: SyncEvent) {
        match event {
            SyncEvent::Request(id, from, request) => {
                let decoded: Result<SyncRequest, EngineCodecError> = EngineCodec.decode(request);
                match decoded {
                    Ok(request) => self.tell(&NetworkEvent::SyncRequest(InboundRequestId::new(id.get()), engine_id(from), request)),
                    Err(error) => {
                        tracing::debug!(%from, %error, "a sync request does not decode");
                        // The actor drops it; a stopped actor dropped everything already.
                        let _ = self.actor.cast(NetworkMsg::CancelInboundRequest(InboundRequestId::new(id.get())));
                    }
                }
            }
            SyncEvent::Answer(id, from, answer) => {
                let decoded: Result<SyncResponse, EngineCodecError> = EngineCodec.decode(answer);
                if let Err(error) = &decoded {
                    tracing::warn!(%from, %error, "a sync answer is refused");
                }
                if let Ok(SyncResponse::ValueResponse(response)) = &decoded {
                    response.values.iter().for_each(|value| (self.synced)(value.certificate.height.ledger(), value.value_bytes.clone()));
                }
                self.tell(&NetworkEvent::SyncResponse(OutboundRequestId::new(id.get()), engine_id(from), decoded.ok()));
            }
            SyncEvent::Failed(id, from, failure) => {
                let reason = match failure {
                    SyncFailure::NotConnected => OutboundFailureReason::DialFailure,
                    SyncFailure::ConnectionClosed => OutboundFailureReason::ConnectionClosed,
                    SyncFailure::Timeout => OutboundFailureReason::Timeout,
                    SyncFailure::Unsupported => OutboundFailureReason::UnsupportedProtocols,
                    SyncFailure::Io => OutboundFailureReason::Io,
                };
                self.tell(&NetworkEvent::SyncRequestFailed(OutboundRequestId::new(id.get()), engine_id(from), reason));
            }
            SyncEvent::Gone(id, from) => {
                self.tell(&NetworkEvent::SyncInboundRequestFailed(InboundRequestId::new(id.get()), engine_id(from)));
            }
        }
    }
}

fn consensus_event(from: PeerId, message: WireMessage) -> NetworkEvent {
    match message {
        WireMessage::Consensus(SignedConsensusMsg::Vote(vote)) | WireMessage::Liveness(LivenessMsg::Vote(vote)) => {
            NetworkEvent::Vote(from, vote)
        }
        WireMessage::Consensus(SignedConsensusMsg::Proposal(proposal)) => NetworkEvent::Proposal(from, proposal),
        WireMessage::Liveness(LivenessMsg::PolkaCertificate(polka)) => NetworkEvent::PolkaCertificate(from, polka),
        WireMessage::Liveness(LivenessMsg::SkipRoundCertificate(proof)) => NetworkEvent::RoundCertificate(from, proof),
        // Streams are named by their signed manifest: the transport declares no publisher.
        WireMessage::Part(part) => NetworkEvent::ProposalPart(from, None, part),
    }
}

/// The id of this node's side, from the engine's name for it.
fn sync_id(id: &InboundRequestId) -> Option<SyncId> {
    id.to_string().parse().ok().map(SyncId::new)
}

struct Adapter {
    network: Network,
    audience: SharedAudience,
}

impl Adapter {
    async fn publish(&self, message: WireMessage) -> Result<(), Stopped> {
        match message.encode() {
            Ok(content) => self.network.publish(channel_of(&message), content).await,
            Err(error) => {
                tracing::error!(%error, "the engine published what cannot be encoded");
                Ok(())
            }
        }
    }

    async fn on_message(&self, message: NetworkMsg) -> Result<(), Stopped> {
        match message {
            NetworkMsg::Subscribe(subscriber) => lock(&self.audience).join(subscriber),
            NetworkMsg::PublishConsensusMsg(message) => self.publish(WireMessage::Consensus(message)).await?,
            NetworkMsg::PublishLivenessMsg(message) => self.publish(WireMessage::Liveness(message)).await?,
            NetworkMsg::PublishProposalPart(part) => self.publish(WireMessage::Part(part)).await?,
            NetworkMsg::BroadcastStatus(status) => {
                let (tip, min) = (status.tip_height.ledger(), status.history_min_height.ledger());
                lock(&self.audience).ahead.at(tip);
                self.network.broadcast_status(tip, min).await?;
            }
            NetworkMsg::OutgoingRequest(peer, request, reply) => {
                let encoded = EngineCodec.encode(&request);
                let Some((to, request)) = NodeId::from_bytes(&peer.to_bytes()).zip(encoded.ok()) else { return Ok(()) };
                let id = self.network.ask(to, request).await?;
                // Who asked may have given up.
                let _ = reply.send(OutboundRequestId::new(id.get()));
            }
            NetworkMsg::OutgoingResponse(id, response) => {
                let Some(id) = sync_id(&id) else { return Ok(()) };
                match EngineCodec.encode(&response) {
                    Ok(answer) => self.network.answer(id, answer).await?,
                    Err(error) => {
                        tracing::error!(%error, "a sync answer cannot be encoded");
                        self.network.refuse(id).await?;
                    }
                }
            }
            NetworkMsg::CancelInboundRequest(id) => {
                if let Some(id) = sync_id(&id) {
                    self.network.refuse(id).await?;
                }
            }
            NetworkMsg::DumpState(reply) => drop(reply.send(None)),
            NetworkMsg::UpdatePersistentPeers(_, reply) => {
                let refusal = "peers to dial are settings of the node".to_owned();
                drop(reply.send(Err(PersistentPeerError::InternalError(refusal))));
            }
            // Who may connect follows from the registry, not from the committee; proofs of validators are not asked for; a request in
            // flight ends by its own time-out; the last one is the default swarm's own.
            NetworkMsg::UpdateValidatorSet(_)
            | NetworkMsg::ValidatorProofVerified { .. }
            | NetworkMsg::CancelRequest(_)
            | NetworkMsg::NewEvent(_) => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Actor for Adapter {
    type Msg = NetworkMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<NetworkMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, actor: ActorRef<NetworkMsg>, message: NetworkMsg, (): &mut ()) -> Result<(), ActorProcessingErr> {
        if let Err(error) = self.on_message(message).await {
            actor.stop(Some(error.to_string()));
        }
        Ok(())
    }
}
