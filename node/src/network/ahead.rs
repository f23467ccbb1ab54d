//! Peers that are one block ahead.
//!
//! Whoever decides a block first says so, and the engine of everybody else would ask for it at once, although its votes are on their way or
//! it is being executed already: with nodes that share a machine, every third block came twice. So the status of a peer that is one block
//! ahead waits a moment; that of one further ahead does not, since who is two blocks behind has missed something.

use super::NodeId;
use super::direct::StatusReport;
use leg_ledger::ids::Height;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a peer may be one block ahead before the engine hears of it: about as long as the engine waits before it repeats its votes.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Statuses that wait; one a peer, the newest.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    own: Option<Height>,
    waiting: BTreeMap<NodeId, (StatusReport, Instant)>,
}

impl Ahead {
    /// This node has decided a height.
    pub(super) fn at(&mut self, own: Height) {
        self.own = Some(own);
    }

    /// A peer's status: returned when the engine should hear of it now.
    pub(super) fn on_status(&mut self, peer: NodeId, report: StatusReport, now: Instant) -> Option<StatusReport> {
        let is_next = self.own.is_some_and(|own| own.next() == Some(report.tip));
        if is_next {
            self.waiting.insert(peer, (report, now + PATIENCE));
            return None;
        }
        self.waiting.remove(&peer);
        Some(report)
    }

    /// A peer has gone.
    pub(super) fn forget(&mut self, peer: NodeId) {
        self.waiting.remove(&peer);
    }

    /// When the next one has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.values().map(|(_, due)| *due).min()
    }

    /// Those that have waited long enough.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(NodeId, StatusReport)> {
        let due = self.waiting.extract_if(.., |_, (_, due)| *due <= now);
        due.map(|(peer, (report, _))| (peer, report)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::node;
    use super::*;
    use leg_ledger::hash::Hash;

    fn report(tip: u64) -> StatusReport {
        let height = Height::new;
        StatusReport { tip: height(tip), min: height(1), root_height: height(tip), root: Hash::ZERO }
    }

    #[test]
    fn one_block_ahead_waits_and_two_do_not() {
        let (mut ahead, start) = (Ahead::default(), Instant::now());
        // Nothing is known of this node yet: it may be far behind.
        assert_eq!(ahead.on_status(node(1), report(1), start), Some(report(1)));
        ahead.at(Height::new(7));
        for now in [5, 7, 9, 50] {
            assert_eq!(ahead.on_status(node(1), report(now), start), Some(report(now)));
        }
        assert_eq!(ahead.next(), None);
        assert_eq!(ahead.on_status(node(1), report(8), start), None);
        assert_eq!(ahead.on_status(node(2), report(8), start + PATIENCE / 2), None);
        assert_eq!(ahead.next(), Some(start + PATIENCE));
        assert_eq!(ahead.due(start + PATIENCE / 2), []);
        assert_eq!(ahead.due(start + PATIENCE), [(node(1), report(8))]);
        assert_eq!(ahead.due(start + PATIENCE), []);
        // Two ahead by now: what waited is older news.
        assert_eq!(ahead.on_status(node(2), report(9), start + PATIENCE), Some(report(9)));
        assert_eq!(ahead.next(), None);
    }

    #[test]
    fn a_peer_that_moves_on_block_by_block_is_not_spoken_of() {
        let (mut ahead, start) = (Ahead::default(), Instant::now());
        for (height, now) in (1..20).zip(0_u32..) {
            ahead.at(Height::new(height));
            assert_eq!(ahead.on_status(node(1), report(height + 1), start + PATIENCE * now / 2), None);
            assert_eq!(ahead.due(start + PATIENCE * now / 2), []);
        }
        ahead.forget(node(1));
        assert_eq!(ahead.next(), None);
    }
}
