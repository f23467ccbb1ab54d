//! The hub between readers, writers and whoever publishes and listens.

use super::frame::{Channel, Frame, StatusReport, content_hash};
use super::streams::{NotTaken, Writer, start_reader};
use super::{CheckFrame, DirectConfig, Judgement, MAX_PEERS};
use crate::network::budget::Budget;
use crate::network::peers::Peers;
use crate::network::relay::{FrameHash, Relay, Slot, Slots, Waits};
use crate::network::roots::{Divergence, Roots};
use crate::network::{NodeId, Standing};
use bytes::Bytes;
use leg_ledger::hash::Hash;
use leg_ledger::ids::Height;
use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use std::collections::HashMap;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// What the hub tells its listener, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectEvent {
    /// A peer can be written to.
    Connected(NodeId, Standing),
    /// It no longer can.
    Disconnected(NodeId),
    /// Content that this node sees for the first time, or that is repeated; well formed, and passed on already.
    Received {
        /// The neighbour that delivered it, not necessarily its author.
        from: NodeId,
        /// Its channel.
        channel: Channel,
        /// Itself.
        content: Bytes,
    },
    /// How far a neighbour has come.
    Status(NodeId, StatusReport),
}

#[derive(Debug)]
pub(in super::super) enum HubMessage {
    /// A connection's stream to write to.
    Outbound { node: NodeId, standing: Standing, connection: ConnectionId, stream: Stream },
    /// A connection's stream to read from.
    Inbound { node: NodeId, standing: Standing, connection: ConnectionId, stream: Stream },
    /// A connection is closed.
    Closed { node: NodeId, connection: ConnectionId },
    /// A stream ended although its connection is not known to be closed.
    StreamEnded(ConnectionId),
    /// A frame of a peer; `None` when it is malformed.
    Received { node: NodeId, frame: Option<Frame> },
    /// This node publishes.
    Publish(Channel, Bytes),
    /// This node tells how far it has come.
    Status { tip: Height, min: Height },
    /// This node's state root after a height.
    Root { height: Height, root: Hash },
    /// Members' standing may have changed.
    Standing(HashMap<NodeId, Standing>),
}

struct Peer {
    slot: Slot,
    standing: Standing,
    /// Connections with a stream in either direction.
    connections: Vec<ConnectionId>,
    /// Of these, those on which it is heard.
    heard_on: Vec<ConnectionId>,
    /// The first one is used.
    writers: Vec<(ConnectionId, Writer)>,
    /// Whom it hears, as it says.
    hears: Vec<NodeId>,
    /// Its newest decided height, as it says.
    tip: Height,
    /// Whether the listener was told of it.
    told: bool,
    faults: Budget,
}

/// See the module of its parent.
pub(in super::super) struct Hub {
    config: DirectConfig,
    check: Box<dyn CheckFrame>,
    messages: mpsc::Receiver<HubMessage>,
    /// For the tasks of the streams. The hub ends by its own word only: with the swarm.
    sender: mpsc::Sender<HubMessage>,
    events: mpsc::Sender<DirectEvent>,
    /// Connections that the swarm has to close.
    close: mpsc::UnboundedSender<ConnectionId>,
    shared: Peers,
    relay: Relay,
    roots: Roots,
    peers: HashMap<NodeId, Peer>,
    /// Whom this node hears, as it said last.
    heard: Vec<NodeId>,
    status: Option<StatusReport>,
    root: Option<(Height, Hash)>,
}

impl Hub {
    pub(in super::super) fn new(
        config: DirectConfig,
        check: Box<dyn CheckFrame>,
        (sender, messages): (mpsc::Sender<HubMessage>, mpsc::Receiver<HubMessage>),
        events: mpsc::Sender<DirectEvent>,
        close: mpsc::UnboundedSender<ConnectionId>,
        shared: Peers,
    ) -> Self {
        let waits = Waits { held: (config.relay_delay, config.held), spare: (config.spare_delay, config.spare) };
        let relay = Relay::new(config.remembered, waits);
        let (roots, peers, heard) = (Roots::default(), HashMap::new(), Vec::new());
        Hub { config, check, messages, sender, events, close, shared, relay, roots, peers, heard, status: None, root: None }
    }

    /// Runs until the task is aborted, or nobody listens to its events any more.
    pub(in super::super) async fn run(mut self) {
        loop {
            let due = self.relay.next();
            let wake = async move {
                match due {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                message = self.messages.recv() => match message {
                    Some(message) => self.on_message(message),
                    None => return,
                },
                () = wake => { self.pass_on_due(); None }
            };
            if let Some(event) = event
                && self.events.send(event).await.is_err()
            {
                return;
            }
        }
    }

    fn on_message(&mut self, message: HubMessage) -> Option<DirectEvent> {
        match message {
            HubMessage::Outbound { node, standing, connection, stream } => self.on_outbound(node, standing, connection, stream),
            HubMessage::Inbound { node, standing, connection, stream } => {
                // The peer may speak before this node has a stream to answer on.
                if self.admit(node, standing, connection) {
                    start_reader(node, connection, stream, self.config, self.sender.clone());
                    self.peers.entry(node).and_modify(|peer| peer.heard_on.push(connection));
                    self.tell_whom_it_hears();
                }
                None
            }
            HubMessage::StreamEnded(connection) => {
                let _ = self.close.send(connection);
                None
            }
            HubMessage::Closed { node, connection } => self.on_closed(node, connection),
            HubMessage::Received { node, frame: Some(frame) } => self.on_frame(node, frame),
            HubMessage::Received { node, frame: None } => self.on_fault(node),
            HubMessage::Publish(channel, content) => {
                let hash = content_hash(channel, &content);
                let targets = self.relay.on_published(hash, self.members(), Instant::now());
                self.send(targets, &Frame::Content(channel, content));
                None
            }
            HubMessage::Status { tip, min } => {
                let (root_height, root) = self.root.unwrap_or((Height::GENESIS, Hash::ZERO));
                let report = StatusReport { tip, min, root_height, root };
                self.status = Some(report);
                self.send(self.all(), &Frame::Status(report));
                None
            }
            HubMessage::Root { height, root } => {
                self.root = Some((height, root));
                let found = self.roots.on_own(height, root);
                found.into_iter().for_each(|divergence| self.alarm(divergence));
                None
            }
            HubMessage::Standing(standings) => {
                for (node, peer) in &mut self.peers {
                    if let Some(standing) = standings.get(node) {
                        peer.standing = *standing;
                        self.shared.on_standing(*node, *standing);
                    }
                }
                self.tell_whom_it_hears();
                None
            }
        }
    }

    /// Makes room for a peer and its connection; false when there is none.
    fn admit(&mut self, node: NodeId, standing: Standing, connection: ConnectionId) -> bool {
        let used = self.all();
        let free = (0..MAX_PEERS as Slot).find(|slot| !used.contains(*slot));
        if let Some(peer) = self.peers.get_mut(&node) {
            if !peer.connections.contains(&connection) {
                peer.connections.push(connection);
            }
            return true;
        }
        let Some(slot) = free else {
            let _ = self.close.send(connection);
            return false;
        };
        let faults = Budget::new(self.config.faults, 1, Instant::now());
        let connections = vec![connection];
        let (heard_on, writers, hears, tip) = (Vec::new(), Vec::new(), Vec::new(), Height::GENESIS);
        self.peers.insert(node, Peer { slot, standing, connections, heard_on, writers, hears, tip, told: false, faults });
        true
    }

    /// Tells all peers whom this node hears, if that changed.
    fn tell_whom_it_hears(&mut self) {
        let is_heard = |peer: &Peer| peer.standing != Standing::SyncOnly && !peer.heard_on.is_empty();
        let mut heard: Vec<NodeId> = self.peers.iter().filter(|(_, peer)| is_heard(peer)).map(|(node, _)| *node).collect();
        heard.sort_unstable();
        if heard != self.heard {
            self.heard.clone_from(&heard);
            self.send(self.all(), &Frame::Neighbours(heard));
        }
    }

    fn on_outbound(&mut self, node: NodeId, standing: Standing, connection: ConnectionId, stream: Stream) -> Option<DirectEvent> {
        if !self.admit(node, standing, connection) {
            return None;
        }
        let writer = Writer::start(node, connection, stream, self.config, self.sender.clone());
        if let Some(status) = self.status {
            let _ = writer.send(Frame::Status(status).encode(), false);
        }
        let _ = writer.send(Frame::Neighbours(self.heard.clone()).encode(), false);
        let peer = self.peers.get_mut(&node)?;
        peer.writers.push((connection, writer));
        if std::mem::replace(&mut peer.told, true) {
            return None;
        }
        self.shared.on_connected(node, standing);
        Some(DirectEvent::Connected(node, standing))
    }

    fn on_closed(&mut self, node: NodeId, connection: ConnectionId) -> Option<DirectEvent> {
        let peer = self.peers.get_mut(&node)?;
        peer.connections.retain(|id| *id != connection);
        peer.heard_on.retain(|id| *id != connection);
        peer.writers.retain(|(id, _)| *id != connection);
        let gone = peer.connections.is_empty().then_some((peer.slot, peer.told));
        if gone.is_some() {
            self.peers.remove(&node);
        }
        self.tell_whom_it_hears();
        let (slot, told) = gone?;
        self.relay.forget_peer(slot);
        self.roots.forget_peer(&node);
        self.shared.on_disconnected(node);
        told.then_some(DirectEvent::Disconnected(node))
    }

    fn on_frame(&mut self, node: NodeId, frame: Frame) -> Option<DirectEvent> {
        let peer = self.peers.get_mut(&node)?;
        let (slot, standing) = (peer.slot, peer.standing);
        match frame {
            Frame::Status(report) => {
                peer.tip = report.tip;
                self.shared.on_status(node, report);
                let divergence = self.roots.on_report(node, report.root_height, report.root);
                divergence.into_iter().for_each(|divergence| self.alarm(divergence));
                Some(DirectEvent::Status(node, report))
            }
            // Whoever may only sync has no say in consensus; that it speaks anyway costs it nothing but its own line.
            _ if standing == Standing::SyncOnly => None,
            Frame::Announce(hash) => {
                self.relay.on_announced(hash, slot);
                None
            }
            Frame::Neighbours(nodes) => {
                peer.hears = nodes;
                None
            }
            Frame::Content(channel, content) => self.on_content(node, slot, channel, content),
        }
    }

    fn on_content(&mut self, from: NodeId, slot: Slot, channel: Channel, content: Bytes) -> Option<DirectEvent> {
        let hash = content_hash(channel, &content);
        // Only what the engine repeats may come again; parts of blocks are too large for it.
        let may_repeat = channel == Channel::Consensus;
        if !self.relay.on_received(hash, slot, may_repeat, Instant::now()) {
            self.shared.count(|counts| counts.frames_seen_again += 1);
            return None;
        }
        let height = match self.check.check(channel, &content) {
            Judgement::Good(height) => height,
            Judgement::Unwanted => {
                self.shared.count(|counts| counts.frames_unwanted += 1);
                return None;
            }
            Judgement::Bad => return self.on_fault(from),
        };
        self.shared.count(|counts| counts.frames_received += 1);
        self.pass_on(from, hash, channel, &content, height);
        Some(DirectEvent::Received { from, channel, content })
    }

    fn pass_on(&mut self, from: NodeId, hash: FrameHash, channel: Channel, content: &Bytes, height: Height) {
        let (members, now) = (self.members(), Instant::now());
        match channel {
            Channel::Consensus => {
                let hear_it = slots(&self.peers, |peer| peer.hears.contains(&from));
                let targets = self.relay.pass_on(hash, members.without(hear_it));
                self.relay.spare(hash, content.clone(), height, members, now);
                self.pass_on_to(targets, &Frame::Content(channel, content.clone()));
            }
            Channel::Part => {
                let targets = self.relay.hold(hash, content.clone(), members, now);
                self.send(targets, &Frame::Announce(hash));
            }
        }
    }

    fn pass_on_due(&mut self) {
        let (members, now) = (self.members(), Instant::now());
        for (content, targets) in self.relay.due(members, now) {
            self.pass_on_to(targets, &Frame::Content(Channel::Part, content));
        }
        let left = |height: Height| slots(&self.peers, |peer| peer.tip >= height);
        for (content, targets) in self.relay.spare_due(members, left, now) {
            self.pass_on_to(targets, &Frame::Content(Channel::Consensus, content));
        }
    }

    fn pass_on_to(&self, targets: Slots, frame: &Frame) {
        self.shared.count(|counts| counts.frames_relayed += targets.len() as u64);
        self.send(targets, frame);
    }

    /// A peer sent what no honest program sends.
    fn on_fault(&mut self, node: NodeId) -> Option<DirectEvent> {
        self.shared.count(|counts| counts.frames_malformed += 1);
        let peer = self.peers.get_mut(&node)?;
        if !peer.faults.charge(1, Instant::now()) {
            tracing::warn!(%node, "a peer sends bad frames; its connections are closed");
            for connection in &peer.connections {
                let _ = self.close.send(*connection);
            }
        }
        None
    }

    fn alarm(&self, Divergence { node, height, theirs, ours }: Divergence) {
        tracing::error!(%node, %height, %theirs, %ours, "state root of a peer differs from this node's");
        self.shared.on_divergence(node, height);
    }

    fn send(&self, targets: Slots, frame: &Frame) {
        if targets == Slots::default() {
            return;
        }
        let encoded = frame.encode();
        let is_bulk = matches!(frame, Frame::Content(Channel::Part, _));
        for peer in self.peers.values().filter(|peer| targets.contains(peer.slot)) {
            let Some((connection, writer)) = peer.writers.first() else { continue };
            match writer.send(encoded.clone(), is_bulk) {
                Ok(()) => {}
                Err(NotTaken::Dropped) => self.shared.count(|counts| counts.frames_dropped += 1),
                Err(NotTaken::Stuck) => {
                    let _ = self.close.send(*connection);
                }
            }
        }
    }

    /// All connected peers.
    fn all(&self) -> Slots {
        slots(&self.peers, |_| true)
    }

    /// Those that take part in consensus.
    fn members(&self) -> Slots {
        slots(&self.peers, |peer| peer.standing != Standing::SyncOnly)
    }
}

fn slots(peers: &HashMap<NodeId, Peer>, wanted: impl Fn(&Peer) -> bool) -> Slots {
    let mut slots = Slots::default();
    peers.values().filter(|peer| wanted(peer)).for_each(|peer| slots.insert(peer.slot));
    slots
}
