//! Compares state roots with those that peers report: an alarm that needs no quorum (DESIGN, Divergence).

use super::NodeId;
use leg_ledger::hash::Hash;
use leg_ledger::ids::Height;
use std::collections::{BTreeMap, HashMap};

/// Own roots that are kept, and heights that a peer may be ahead for its reports to be kept.
const KEPT: usize = 256;
/// Reports of one peer that wait for this node to reach their height.
const WAITING: usize = 16;

/// A peer's root differs from this node's at the same height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The peer.
    pub node: NodeId,
    /// The height.
    pub height: Height,
    /// Its root after that height.
    pub theirs: Hash,
    /// This node's.
    pub ours: Hash,
}

/// Pure book of roots.
#[derive(Debug, Default)]
pub(super) struct Roots {
    own: BTreeMap<Height, Hash>,
    waiting: HashMap<NodeId, BTreeMap<Height, Hash>>,
}

impl Roots {
    /// This node's root after a height; returns the peers whose earlier report differs.
    pub(super) fn on_own(&mut self, height: Height, root: Hash) -> Vec<Divergence> {
        self.own.insert(height, root);
        while self.own.len() > KEPT {
            self.own.pop_first();
        }
        let mut found = Vec::new();
        for (node, reports) in &mut self.waiting {
            if let Some(theirs) = reports.remove(&height)
                && theirs != root
            {
                found.push(Divergence { node: *node, height, theirs, ours: root });
            }
            // Heights that this node jumped over are no longer compared.
            reports.retain(|reported, _| *reported > height);
        }
        found
    }

    /// A peer's root after a height.
    pub(super) fn on_report(&mut self, node: NodeId, height: Height, theirs: Hash) -> Option<Divergence> {
        match self.own.get(&height) {
            Some(ours) if *ours != theirs => Some(Divergence { node, height, theirs, ours: *ours }),
            Some(_) => None,
            None => {
                if self.own.last_key_value().is_none_or(|(newest, _)| *newest < height) {
                    let reports = self.waiting.entry(node).or_default();
                    reports.insert(height, theirs);
                    if reports.len() > WAITING {
                        reports.pop_first();
                    }
                }
                None
            }
        }
    }

    pub(super) fn forget_peer(&mut self, node: &NodeId) {
        self.waiting.remove(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Domain;
    use leg_ledger::signature::SecretKey;

    #[test]
    fn a_difference_is_found_whoever_is_ahead_and_the_book_is_bounded() {
        let node = NodeId::from_key(SecretKey::from_bytes(&[1; 32]).public());
        let root = |i: u64| Hash::of(Domain::StateValue, &i.to_le_bytes());
        let mut roots = Roots::default();
        for i in 0..400 {
            assert_eq!(roots.on_own(Height::new(i), root(i)), vec![]);
        }
        assert_eq!(roots.own.len(), KEPT);
        assert_eq!(roots.on_report(node, Height::new(399), root(399)), None);
        assert_eq!(roots.on_report(node, Height::new(1), root(7)), None, "too old to compare");
        let found = roots.on_report(node, Height::new(300), root(1)).unwrap();
        assert_eq!((found.height, found.theirs, found.ours), (Height::new(300), root(1), root(300)));

        for i in 400..500 {
            assert_eq!(roots.on_report(node, Height::new(i), root(0)), None);
        }
        assert_eq!(roots.waiting[&node].len(), WAITING);
        assert_eq!(roots.on_own(Height::new(499), root(499)).len(), 1);
        assert!(roots.waiting[&node].is_empty());
        roots.forget_peer(&node);
        assert!(roots.waiting.is_empty());
    }
}
