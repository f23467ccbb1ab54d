//! The part of the swarm that opens the streams: one outbound stream a connection, and whatever the peer opens.

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, Stream, StreamProtocol,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

/// Streams of one peer that this node reads at most; a peer that opens more loses its connection.
const MAX_INBOUND: usize = 4;

/// What came of a connection.
#[derive(Debug)]
pub(in super::super) enum Opened {
    /// A stream to write to.
    Outbound(Stream),
    /// A stream to read from.
    Inbound(Stream),
    /// The peer does not speak the protocol, or opens too many streams.
    Failed,
}

/// See the module.
pub(in super::super) struct Behaviour {
    protocol: StreamProtocol,
    opened: VecDeque<(PeerId, ConnectionId, Opened)>,
}

impl Behaviour {
    pub(in super::super) fn new(protocol: StreamProtocol) -> Self {
        Behaviour { protocol, opened: VecDeque::new() }
    }

    fn handler(&self) -> Handler {
        Handler { protocol: self.protocol.clone(), request: true, inbound: 0, opened: VecDeque::new() }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = (PeerId, ConnectionId, Opened);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.opened.push_back((peer, connection, event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The swarm polls again after each event of a handler, so no waker is kept.
        self.opened.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

/// One connection's part.
pub(in super::super) struct Handler {
    protocol: StreamProtocol,
    request: bool,
    inbound: usize,
    opened: VecDeque<Opened>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Opened;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Opened>> {
        if let Some(opened) = self.opened.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(opened));
        }
        if std::mem::take(&mut self.request) {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.inbound += 1;
                self.opened.push_back(if self.inbound > MAX_INBOUND { Opened::Failed } else { Opened::Inbound(protocol) });
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.opened.push_back(Opened::Outbound(protocol));
            }
            ConnectionEvent::DialUpgradeError(_) => self.opened.push_back(Opened::Failed),
            _ => {}
        }
    }
}
