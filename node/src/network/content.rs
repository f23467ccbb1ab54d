//! Slices of stored content between the parties of a contract: requests and answers of their own, as opaque bytes.
//!
//! Who may have what is not decided here: the asker's member is handed on with its request. A request that nobody takes is dropped, which the
//! asker notices at once.

use super::mailbox::Command;
use super::service::Service;
use super::{Network, NodeId, Standing, Stopped, SyncConfig};
use bytes::Bytes;
use leg_ledger::ids::MemberId;
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for whoever reads the content.
pub(super) const ASKS: usize = 64;

/// Bounds: a slice is 256 KiB with its tree nodes, at most 17 KiB.
pub(super) fn bounds(from: SyncConfig) -> SyncConfig {
    SyncConfig { max_request: 256, max_response: 320 * 1_024, timeout: Duration::from_secs(10), streams: 8, ..from }
}

/// A member's node wants a slice. Dropping it refuses.
#[derive(Debug)]
pub struct ContentAsk {
    /// Whose node asks.
    pub from: MemberId,
    /// What it wants.
    pub request: Bytes,
    channel: ResponseChannel<Bytes>,
}

/// Requests on their way.
pub(super) struct Wants {
    wanted: HashMap<OutboundRequestId, oneshot::Sender<Bytes>>,
    asks: mpsc::Sender<ContentAsk>,
}

impl Wants {
    pub(super) fn new(asks: mpsc::Sender<ContentAsk>) -> Self {
        Wants { wanted: HashMap::new(), asks }
    }
}

impl Network {
    /// A slice from a member's connected nodes, the first that gives one; `None` when none does.
    pub async fn want(&self, of: MemberId, request: Bytes) -> Option<Bytes> {
        let peers = self.peers();
        let nodes = peers.into_iter().filter(|(_, info)| info.connected && info.standing.member() == Some(of)).map(|(node, _)| node);
        for from in nodes {
            let (reply, answer) = oneshot::channel();
            self.command(Command::Want { from, request: request.clone(), reply }).await.ok()?;
            if let Ok(slice) = answer.await {
                return Some(slice);
            }
        }
        None
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn give(&self, ask: ContentAsk, slice: Bytes) -> Result<(), Stopped> {
        self.command(Command::Give(ask, slice)).await
    }
}

impl Service {
    /// Sends a request; a failure drops `reply`.
    pub(super) fn on_want(&mut self, from: NodeId, request: Bytes, reply: oneshot::Sender<Bytes>) {
        let id = self.swarm.behaviour_mut().content.send_request(&from.peer(), request);
        self.wants.wanted.insert(id, reply);
    }

    pub(super) fn on_give(&mut self, ask: ContentAsk, slice: Bytes) {
        // An error means that the asker has gone.
        let _ = self.swarm.behaviour_mut().content.send_response(ask.channel, slice);
    }

    pub(super) fn on_content(&mut self, event: request_response::Event<Bytes, Bytes>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                request_response::Message::Request { request, channel, .. } => {
                    let standing = NodeId::from_peer(&peer).and_then(|node| self.allow.standing(&node));
                    if let Some(Standing::Member(from)) = standing {
                        // Beyond the bound the channel is dropped, and the request with it.
                        let _ = self.wants.asks.try_send(ContentAsk { from, request, channel });
                    }
                }
                request_response::Message::Response { request_id, response } => {
                    if let Some(reply) = self.wants.wanted.remove(&request_id) {
                        // Whoever wanted it may have gone.
                        let _ = reply.send(response);
                    }
                }
            },
            request_response::Event::OutboundFailure { request_id, peer, error, .. } => {
                tracing::debug!(%peer, %error, "a slice is not given");
                self.wants.wanted.remove(&request_id);
            }
            request_response::Event::InboundFailure { .. } | request_response::Event::ResponseSent { .. } => {}
        }
    }
}
