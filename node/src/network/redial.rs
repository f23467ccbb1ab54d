//! When to dial whom: persistent peers, with a back-off that doubles up to a bound.

use super::NodeId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Wait after the first failure.
const FIRST: Duration = Duration::from_millis(250);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(5);
/// Head start of the node with the lower id, so that two nodes rarely dial each other at once.
const HEAD_START: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug)]
struct Entry {
    wait: Duration,
    due: Option<Instant>,
}

/// The peers that this node keeps connected. Pure: the caller brings the time.
#[derive(Debug)]
pub(super) struct Redial {
    own: NodeId,
    peers: BTreeMap<NodeId, Entry>,
}

impl Redial {
    pub(super) fn new(own: NodeId, peers: impl IntoIterator<Item = NodeId>, now: Instant) -> Self {
        let entry = |node: NodeId| (node, Entry { wait: FIRST, due: Some(if own < node { now } else { now + HEAD_START }) });
        Redial { own, peers: peers.into_iter().filter(|node| *node != own).map(entry).collect() }
    }

    /// Those to dial now. Each is due again only after a failure or a lost connection.
    pub(super) fn due(&mut self, now: Instant) -> Vec<NodeId> {
        let mut due = Vec::new();
        for (node, entry) in &mut self.peers {
            if entry.due.is_some_and(|at| at <= now) {
                entry.due = None;
                due.push(*node);
            }
        }
        due
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.peers.values().filter_map(|entry| entry.due).min()
    }

    /// Dialling failed: the next attempt comes twice as late.
    pub(super) fn on_failed(&mut self, node: NodeId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(&node) {
            entry.due = Some(now + entry.wait);
            entry.wait = (entry.wait * 2).min(LONGEST);
        }
    }

    /// A connection stands, whoever dialled.
    pub(super) fn on_connected(&mut self, node: NodeId) {
        if let Some(entry) = self.peers.get_mut(&node) {
            *entry = Entry { wait: FIRST, due: None };
        }
    }

    /// The last connection ended.
    pub(super) fn on_disconnected(&mut self, node: NodeId, now: Instant) {
        let wait = if self.own < node { FIRST } else { FIRST + HEAD_START };
        if let Some(entry) = self.peers.get_mut(&node) {
            entry.due = Some(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::signature::SecretKey;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over_after_a_connection() {
        let mut nodes: Vec<NodeId> = (1..4).map(|i| NodeId::from_key(SecretKey::from_bytes(&[i; 32]).public())).collect();
        nodes.sort();
        let (low, own, high) = (nodes[0], nodes[1], nodes[2]);
        let start = Instant::now();
        let mut redial = Redial::new(own, nodes.clone(), start);
        assert_eq!(redial.due(start), vec![high], "the lower id dials first");
        assert_eq!(redial.due(start + HEAD_START), vec![low]);
        assert_eq!(redial.next(), None);
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..7 {
            redial.on_failed(high, now);
            let next = redial.next().unwrap();
            waits.push((next - now).as_millis());
            now = next;
            assert_eq!(redial.due(now), vec![high]);
        }
        assert_eq!(waits, vec![250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        redial.on_connected(high);
        redial.on_disconnected(high, now);
        assert_eq!(redial.next(), Some(now + FIRST));
        redial.on_connected(high);
        assert_eq!(redial.next(), None, "connected from the other side meanwhile");
    }
}
