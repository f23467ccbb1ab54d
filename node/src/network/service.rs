//! The swarm's loop.

use super::behaviour::{self, Behaviour, BehaviourEvent, topic};
use super::budget::Budget;
use super::content::{self, Wants};
use super::direct::{CheckFrame, Hub, HubMessage, Opened};
use super::gossip::{Inbound, Verdict};
use super::mailbox::{Command, Network, Started, SyncEvent, SyncFailure, SyncId};
use super::peers::Peers;
use super::redial::Redial;
use super::{AllowList, Multiaddr, NetworkConfig, NetworkError, NodeId, Standing};
use bytes::Bytes;
use futures::StreamExt;
use leg_ledger::ids::Height;
use libp2p::gossipsub::{self, MessageAcceptance, PublishError};
use libp2p::request_response::{self, InboundRequestId, OutboundFailure, OutboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{PeerId, Swarm};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

/// Commands that wait for the swarm.
const COMMANDS: usize = 256;
/// Messages that wait for the hub.
const HUB: usize = 1_024;
/// Events that wait for the adapter.
const EVENTS: usize = 1_024;
/// Batches kept while no peer listens for transactions yet.
const UNSENT: usize = 64;
/// Requests of one peer that wait for this node's answer.
const PENDING_PER_PEER: usize = 8;

/// What a peer's transactions may cost.
struct Account {
    volume: Budget,
    faults: Budget,
}

pub(super) struct Service {
    config: NetworkConfig,
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) allow: AllowList,
    pub(super) wants: Wants,
    redial: Redial,
    addresses: HashMap<NodeId, Vec<Multiaddr>>,
    listening: watch::Sender<Vec<Multiaddr>>,
    commands: mpsc::Receiver<Command>,
    hub: mpsc::Sender<HubMessage>,
    close: mpsc::UnboundedReceiver<ConnectionId>,
    batches: mpsc::Sender<Inbound>,
    sync: mpsc::Sender<SyncEvent>,
    peers: Peers,
    accounts: HashMap<NodeId, Account>,
    muted: HashMap<NodeId, Instant>,
    unsent: VecDeque<Vec<u8>>,
    asked: HashMap<OutboundRequestId, SyncId>,
    pending: HashMap<SyncId, (InboundRequestId, NodeId, ResponseChannel<Bytes>)>,
    next_id: u64,
}

pub(super) fn start(config: NetworkConfig, check: Box<dyn CheckFrame>) -> Result<Started, NetworkError> {
    let node = NodeId::from_key(config.key.public());
    let pinned = config.pinned()?;
    let mut swarm = behaviour::build(&config)?;
    for address in &config.listen {
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|error| NetworkError::Listen { address: address.clone(), cause: error.to_string() })?;
    }
    let mut addresses: HashMap<NodeId, Vec<Multiaddr>> = HashMap::new();
    pinned.into_iter().for_each(|(node, address)| addresses.entry(node).or_default().push(address));
    let peers = Peers::new();
    let (commands, commands_in) = mpsc::channel(COMMANDS);
    let (hub, hub_in) = mpsc::channel(HUB);
    let (events_out, events) = mpsc::channel(EVENTS);
    let (sync_out, sync) = mpsc::channel(EVENTS);
    let (asks, content) = mpsc::channel(content::ASKS);
    let (batches_out, batches) = mpsc::channel(config.gossip.queue);
    // Bounded by the number of connections: each is named a few times at most before it is closed.
    let (close_out, close) = mpsc::unbounded_channel();
    let (listening, addresses_out) = watch::channel(Vec::new());
    let hub_task = tokio::spawn(Hub::new(config.direct, check, (hub.clone(), hub_in), events_out, close_out, peers.clone()).run());
    let network = Network { node, gossip: config.gossip, commands, hub: hub.clone(), peers: peers.clone(), addresses: addresses_out };
    let mut allow = AllowList::new(addresses.keys().copied());
    let (height, members) = config.registry.clone();
    allow.set_registry(height, members);
    let mut service = Service {
        allow,
        wants: Wants::new(asks),
        redial: Redial::new(node, addresses.keys().copied(), Instant::now()),
        config,
        swarm,
        addresses,
        listening,
        commands: commands_in,
        hub,
        close,
        batches: batches_out,
        sync: sync_out,
        peers,
        accounts: HashMap::new(),
        muted: HashMap::new(),
        unsent: VecDeque::new(),
        asked: HashMap::new(),
        pending: HashMap::new(),
        next_id: 0,
    };
    service.enforce();
    let task = tokio::spawn(async move {
        service.run().await;
        hub_task.abort();
    });
    Ok(Started { network, events, sync, content, task, batches })
}

impl Service {
    async fn run(&mut self) {
        loop {
            let timer = [self.redial.next(), self.muted.values().min().copied()].into_iter().flatten().min();
            let wake = async move {
                match timer {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(connection) = self.close.recv() => { self.swarm.close_connection(connection); }
                command = self.commands.recv() => match command {
                    None | Some(Command::Stop) => return,
                    Some(command) => self.on_command(command).await,
                },
                event = self.swarm.select_next_some() => self.on_event(event).await,
                () = wake => self.on_timer(),
            }
        }
    }

    fn on_timer(&mut self) {
        let now = Instant::now();
        for node in self.redial.due(now) {
            let addresses = self.addresses.get(&node).cloned().unwrap_or_default();
            let opts = DialOpts::peer_id(node.peer()).condition(PeerCondition::DisconnectedAndNotDialing).addresses(addresses).build();
            match self.swarm.dial(opts) {
                Ok(()) => {}
                // Connected or being connected from the other side; its end makes the peer due again.
                Err(DialError::DialPeerConditionFalse(_)) => self.redial.on_connected(node),
                Err(error) => {
                    tracing::debug!(%node, %error, "dialling a peer");
                    self.redial.on_failed(node, now);
                }
            }
        }
        let heard: Vec<NodeId> = self.muted.iter().filter(|(_, until)| **until <= now).map(|(node, _)| *node).collect();
        for node in heard {
            self.muted.remove(&node);
            self.peers.on_muted(node, false);
            self.listen_to(node);
        }
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::Gossip(batch) => self.publish(batch),
            Command::Judged(verdict) => self.on_judged(verdict),
            Command::Registry { height, members } => {
                self.allow.set_registry(height, members);
                self.enforce_and_tell().await;
            }
            Command::Height(height) => self.on_height(height).await,
            Command::Ask { to, request, reply } => {
                let asked = self.swarm.behaviour_mut().sync.send_request(&to.peer(), request);
                let id = self.new_id();
                self.asked.insert(asked, id);
                // Whoever asked may have gone; the answer then is news to nobody.
                let _ = reply.send(id);
            }
            Command::Answer(id, answer) => {
                if let Some((_, _, channel)) = self.pending.remove(&id)
                    && self.swarm.behaviour_mut().sync.send_response(channel, answer).is_ok()
                {
                    self.peers.count(|counts| counts.sync_answered += 1);
                }
            }
            Command::Refuse(id) => drop(self.pending.remove(&id)),
            Command::Want { from, request, reply } => self.on_want(from, request, reply),
            Command::Give(ask, slice) => self.on_give(ask, slice),
            Command::Stop => {}
        }
    }

    fn new_id(&mut self) -> SyncId {
        self.next_id += 1;
        SyncId(self.next_id)
    }

    async fn on_height(&mut self, height: Height) {
        let before = self.allow.nodes().len();
        self.allow.on_height(height);
        if self.allow.nodes().len() != before {
            self.enforce_and_tell().await;
        }
    }

    /// Makes the swarm follow the allow-list: closes what is no longer on it.
    fn enforce(&mut self) {
        let wanted: HashSet<PeerId> = self.allow.nodes().iter().map(NodeId::peer).collect();
        let allowed = &mut self.swarm.behaviour_mut().allowed;
        let gone: Vec<PeerId> = allowed.allowed_peers().difference(&wanted).copied().collect();
        for peer in gone {
            allowed.disallow_peer(peer);
        }
        for peer in wanted {
            allowed.allow_peer(peer);
        }
        let allow = &self.allow;
        self.accounts.retain(|node, _| allow.standing(node).is_some());
        self.peers.retain(|node| allow.standing(node).is_some());
        for node in self.allow.nodes() {
            self.listen_to(node);
        }
    }

    async fn enforce_and_tell(&mut self) {
        self.enforce();
        let standings = self.allow.nodes().into_iter().filter_map(|node| Some((node, self.allow.standing(&node)?))).collect();
        self.tell_hub(HubMessage::Standing(standings)).await;
    }

    /// Hears a peer's transactions, if it is a member's and not muted. Whom gossip does not hear cannot make it forget others' copies.
    fn listen_to(&mut self, node: NodeId) {
        let hear = matches!(self.allow.standing(&node), Some(Standing::Member(_))) && !self.muted.contains_key(&node);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if hear {
            gossip.remove_blacklisted_peer(&node.peer());
        } else {
            gossip.blacklist_peer(&node.peer());
        }
    }

    async fn tell_hub(&mut self, message: HubMessage) {
        // The hub lives as long as this loop.
        let _ = self.hub.send(message).await;
    }

    async fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Direct((peer, connection, opened))) => self.on_opened(peer, connection, opened).await,
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => self.on_sync(event),
            SwarmEvent::Behaviour(BehaviourEvent::Content(event)) => self.on_content(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => {
                if let Err(error) = event.result {
                    tracing::debug!(peer = %event.peer, %error, "a peer does not answer");
                    self.swarm.close_connection(event.connection);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                if let Some(node) = NodeId::from_peer(&peer_id) {
                    self.redial.on_connected(node);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                let Some(node) = NodeId::from_peer(&peer_id) else { return };
                if num_established == 0 {
                    self.redial.on_disconnected(node, Instant::now());
                }
                self.tell_hub(HubMessage::Closed { node, connection: connection_id }).await;
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(node) = NodeId::from_peer(&peer).filter(|_| !self.swarm.is_connected(&peer)) {
                    tracing::debug!(%node, %error, "dialling a peer");
                    self.redial.on_failed(node, Instant::now());
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error: ListenError::Denied { cause }, .. } => {
                tracing::debug!(from = %send_back_addr, %cause, "connection refused");
                self.peers.count(|counts| counts.refused += 1);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening for peers");
                self.listening.send_modify(|addresses| addresses.push(address));
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listening for peers"),
            _ => {}
        }
    }

    async fn on_opened(&mut self, peer: PeerId, connection: ConnectionId, opened: Opened) {
        let known = NodeId::from_peer(&peer).and_then(|node| Some((node, self.allow.standing(&node)?)));
        let message = match (known, opened) {
            (Some((node, standing)), Opened::Outbound(stream)) => HubMessage::Outbound { node, standing, connection, stream },
            (Some((node, standing)), Opened::Inbound(stream)) => HubMessage::Inbound { node, standing, connection, stream },
            (_, Opened::Failed) | (None, _) => {
                self.swarm.close_connection(connection);
                return;
            }
        };
        self.tell_hub(message).await;
    }

    fn publish(&mut self, batch: Vec<u8>) {
        let topic = topic(self.config.chain);
        match self.swarm.behaviour_mut().gossip.publish(topic, batch.clone()) {
            Ok(_) => self.peers.count(|counts| counts.batches_sent += 1),
            Err(PublishError::NoPeersSubscribedToTopic) => {
                if self.unsent.len() >= UNSENT {
                    self.unsent.pop_front();
                }
                self.unsent.push_back(batch);
            }
            // The mempool says again what waits too long.
            Err(error) => tracing::debug!(%error, "a batch of transactions is not sent"),
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Subscribed { .. } => {
                for batch in std::mem::take(&mut self.unsent) {
                    self.publish(batch);
                }
            }
            gossipsub::Event::Message { propagation_source, message_id: id, message } => {
                let Some(from) = NodeId::from_peer(&propagation_source) else { return };
                let volume = u32::try_from(message.data.len()).unwrap_or(u32::MAX);
                let within = self.account(from).volume.charge(volume, Instant::now());
                let inbound = Inbound { id: id.clone(), from, bytes: message.data.into() };
                if self.batches.try_send(inbound).is_err() {
                    self.peers.count(|counts| counts.batches_ignored += 1);
                    let gossip = &mut self.swarm.behaviour_mut().gossip;
                    gossip.report_message_validation_result(&id, &propagation_source, MessageAcceptance::Ignore);
                }
                if !within {
                    self.mute(from);
                }
                self.peers.count(|counts| counts.batches_received += 1);
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => tracing::debug!(peer = %peer_id, "a peer reads transactions slowly"),
            _ => {}
        }
    }

    fn account(&mut self, node: NodeId) -> &mut Account {
        let (config, now) = (self.config.gossip, Instant::now());
        self.accounts.entry(node).or_insert_with(|| Account {
            volume: Budget::new(config.burst_bytes, config.bytes_per_second, now),
            faults: Budget::new(config.faults, config.forgiven_per_second, now),
        })
    }

    fn on_judged(&mut self, Verdict { id, from, acceptance, cost }: Verdict) {
        if matches!(acceptance, MessageAcceptance::Reject) {
            self.peers.count(|counts| counts.batches_bad += 1);
        }
        self.swarm.behaviour_mut().gossip.report_message_validation_result(&id, &from.peer(), acceptance);
        if cost > 0 && !self.account(from).faults.charge(cost, Instant::now()) {
            self.mute(from);
        }
    }

    /// Stops to hear a peer's transactions until its budgets hold something again.
    fn mute(&mut self, node: NodeId) {
        let now = Instant::now();
        let account = self.account(node);
        let until = now + account.volume.wait(now).max(account.faults.wait(now));
        if self.muted.insert(node, until).is_none() {
            tracing::warn!(%node, "a peer's transactions are not listened to for now");
            self.peers.on_muted(node, true);
            self.listen_to(node);
        }
    }

    fn on_sync(&mut self, event: request_response::Event<Bytes, Bytes>) {
        match event {
            request_response::Event::Message { peer, message, .. } => {
                let Some(from) = NodeId::from_peer(&peer) else { return };
                match message {
                    request_response::Message::Request { request_id, request, channel } => {
                        self.on_asked(from, request_id, request, channel)
                    }
                    request_response::Message::Response { request_id, response } => {
                        if let Some(id) = self.asked.remove(&request_id) {
                            self.tell_sync(SyncEvent::Answer(id, from, response));
                        }
                    }
                }
            }
            request_response::Event::OutboundFailure { peer, request_id, error, .. } => {
                let failure = match error {
                    OutboundFailure::DialFailure => SyncFailure::NotConnected,
                    OutboundFailure::ConnectionClosed => SyncFailure::ConnectionClosed,
                    OutboundFailure::Timeout => SyncFailure::Timeout,
                    OutboundFailure::UnsupportedProtocols => SyncFailure::Unsupported,
                    OutboundFailure::Io(_) => SyncFailure::Io,
                };
                if let (Some(id), Some(from)) = (self.asked.remove(&request_id), NodeId::from_peer(&peer)) {
                    self.tell_sync(SyncEvent::Failed(id, from, failure));
                }
            }
            request_response::Event::InboundFailure { peer, request_id, .. } => {
                let gone = self.pending.iter().find(|(_, (request, _, _))| *request == request_id).map(|(id, _)| *id);
                if let (Some(id), Some(from)) = (gone, NodeId::from_peer(&peer)) {
                    self.pending.remove(&id);
                    self.tell_sync(SyncEvent::Gone(id, from));
                }
            }
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    /// A peer asks. Beyond the bounds its request is dropped, which it notices at once.
    fn on_asked(&mut self, from: NodeId, request_id: InboundRequestId, request: Bytes, channel: ResponseChannel<Bytes>) {
        let of_peer = self.pending.values().filter(|(_, node, _)| *node == from).count();
        if self.pending.len() >= self.config.sync.pending || of_peer >= PENDING_PER_PEER {
            return;
        }
        let id = self.new_id();
        self.pending.insert(id, (request_id, from, channel));
        if !self.tell_sync(SyncEvent::Request(id, from, request)) {
            self.pending.remove(&id);
        }
    }

    /// False when the adapter is that far behind; whoever asked learns it by a time-out.
    fn tell_sync(&self, event: SyncEvent) -> bool {
        self.sync.try_send(event).is_ok()
    }
}
