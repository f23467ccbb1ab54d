//! What this node knows of its peers, for `/status`, metrics and whoever waits for a change.

use super::direct::StatusReport;
use super::{NodeId, Standing};
use leg_ledger::hash::Hash;
use leg_ledger::ids::Height;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// What it may do.
    pub standing: Standing,
    /// Whether it can be written to now.
    pub connected: bool,
    /// Its newest decided height, as it says.
    pub tip: Option<Height>,
    /// Its state root after a height, as it says.
    pub root: Option<(Height, Hash)>,
    /// The last height at which its root differed from this node's.
    pub diverged: Option<Height>,
    /// Whether its transactions are not listened to for now.
    pub muted: bool,
}

/// Numbers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Connections refused at establishment: not on the allow-list, or too many.
    pub refused: u64,
    /// Consensus frames received for the first time, or repeated.
    pub frames_received: u64,
    /// Those that arrived again.
    pub frames_seen_again: u64,
    /// Frames passed on, once a receiver.
    pub frames_relayed: u64,
    /// Large frames dropped because a peer did not read.
    pub frames_dropped: u64,
    /// Frames that do not decode, or whose signature is bad.
    pub frames_malformed: u64,
    /// Frames of members without a seat in the committee, or about heights of the past.
    pub frames_unwanted: u64,
    /// Transaction batches sent.
    pub batches_sent: u64,
    /// Transaction batches received for the first time.
    pub batches_received: u64,
    /// Of these, with at least one malformed or badly signed transaction.
    pub batches_bad: u64,
    /// Of these, not looked at: too many waited.
    pub batches_ignored: u64,
    /// Times that a peer was muted.
    pub muted: u64,
    /// Reports of a root that differs from this node's.
    pub divergences: u64,
    /// Sync requests answered.
    pub sync_answered: u64,
}

struct Inner {
    peers: watch::Sender<BTreeMap<NodeId, PeerInfo>>,
    counts: watch::Sender<NetworkCounts>,
}

/// Shared table and counters.
#[derive(Clone)]
pub(super) struct Peers(Arc<Inner>);

impl Peers {
    pub(super) fn new() -> Self {
        Peers(Arc::new(Inner { peers: watch::channel(BTreeMap::new()).0, counts: watch::channel(NetworkCounts::default()).0 }))
    }

    pub(super) fn watch(&self) -> watch::Receiver<BTreeMap<NodeId, PeerInfo>> {
        self.0.peers.subscribe()
    }

    pub(super) fn counts(&self) -> watch::Receiver<NetworkCounts> {
        self.0.counts.subscribe()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut NetworkCounts)) {
        self.0.counts.send_modify(change);
    }

    fn change(&self, node: NodeId, change: impl FnOnce(&mut PeerInfo)) {
        self.0.peers.send_modify(|peers| {
            if let Some(info) = peers.get_mut(&node) {
                change(info);
            }
        });
    }

    pub(super) fn on_connected(&self, node: NodeId, standing: Standing) {
        let fresh = PeerInfo { standing, connected: true, tip: None, root: None, diverged: None, muted: false };
        self.0.peers.send_modify(|peers| {
            let info = peers.entry(node).or_insert(fresh);
            (info.connected, info.standing) = (true, standing);
        });
    }

    pub(super) fn on_standing(&self, node: NodeId, standing: Standing) {
        self.change(node, |info| info.standing = standing);
    }

    pub(super) fn on_disconnected(&self, node: NodeId) {
        self.change(node, |info| info.connected = false);
    }

    pub(super) fn on_status(&self, node: NodeId, report: StatusReport) {
        self.change(node, |info| (info.tip, info.root) = (Some(report.tip), Some((report.root_height, report.root))));
    }

    pub(super) fn on_divergence(&self, node: NodeId, height: Height) {
        self.change(node, |info| info.diverged = Some(height));
        self.count(|counts| counts.divergences += 1);
    }

    pub(super) fn on_muted(&self, node: NodeId, muted: bool) {
        self.change(node, |info| info.muted = muted);
        if muted {
            self.count(|counts| counts.muted += 1);
        }
    }

    /// Forgets peers that may no longer connect, so that the table never outgrows the allow-list.
    pub(super) fn retain(&self, allowed: impl Fn(&NodeId) -> bool) {
        self.0.peers.send_modify(|peers| peers.retain(|node, info| info.connected || allowed(node)));
    }
}
