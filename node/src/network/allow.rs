//! Who may connect: the registry's network keys, peers that the operator pinned, and for a few heights who was removed.

use super::{NodeId, Standing};
use leg_ledger::ids::{Height, MemberId};
use leg_ledger::signature::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// Heights that a removed peer stays: it may still hold votes and blocks that others need (DESIGN, committee change).
pub const RETIREMENT: u64 = 8;

/// The list. Pure; the swarm enforces it.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    registered: BTreeMap<NodeId, MemberId>,
    retiring: BTreeMap<NodeId, (MemberId, Height)>,
    pinned: BTreeSet<NodeId>,
}

impl AllowList {
    /// A list of pinned peers alone.
    pub fn new(pinned: impl IntoIterator<Item = NodeId>) -> Self {
        AllowList { pinned: pinned.into_iter().collect(), ..AllowList::default() }
    }

    /// The registry after `height`: each member with its network keys. Who is gone from it stays for [`RETIREMENT`] heights.
    pub fn set_registry(&mut self, height: Height, members: impl IntoIterator<Item = (MemberId, Vec<PublicKey>)>) {
        let nodes = |(member, keys): (MemberId, Vec<PublicKey>)| keys.into_iter().map(move |key| (NodeId::from_key(key), member));
        let registered: BTreeMap<NodeId, MemberId> = members.into_iter().flat_map(nodes).collect();
        let until = height.checked_add(RETIREMENT).unwrap_or(height);
        for (node, member) in std::mem::replace(&mut self.registered, registered) {
            if !self.registered.contains_key(&node) {
                self.retiring.insert(node, (member, until));
            }
        }
        self.retiring.retain(|node, _| !self.registered.contains_key(node));
        self.on_height(height);
    }

    /// Ends the retirement of those whose time has come.
    pub fn on_height(&mut self, height: Height) {
        self.retiring.retain(|_, (_, until)| *until > height);
    }

    /// What a node may do; `None` when it may not connect.
    pub fn standing(&self, node: &NodeId) -> Option<Standing> {
        let retiring = self.retiring.get(node).map(|(member, _)| member);
        let member = self.registered.get(node).or(retiring).copied().map(Standing::Member);
        member.or_else(|| self.pinned.contains(node).then_some(Standing::SyncOnly))
    }

    /// Everyone who may connect.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        self.registered.keys().chain(self.retiring.keys()).chain(&self.pinned).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::signature::SecretKey;

    #[test]
    fn removed_peers_stay_for_a_few_heights_and_pinned_ones_only_sync() {
        let key = |i: u8| SecretKey::from_bytes(&[i; 32]).public();
        let node = |i: u8| NodeId::from_key(key(i));
        let (a, b) = (MemberId::parse("a").unwrap(), MemberId::parse("b").unwrap());
        let mut list = AllowList::new([node(9), node(3)]);
        list.set_registry(Height::new(1), [(a, vec![key(1), key(2)]), (b, vec![key(3)])]);
        assert_eq!(list.standing(&node(2)), Some(Standing::Member(a)));
        assert_eq!(list.standing(&node(3)), Some(Standing::Member(b)), "registered weighs more than pinned");
        assert_eq!((list.standing(&node(9)), list.standing(&node(4))), (Some(Standing::SyncOnly), None));

        list.set_registry(Height::new(10), [(a, vec![key(1)])]);
        assert_eq!(list.standing(&node(2)), Some(Standing::Member(a)));
        list.on_height(Height::new(10 + RETIREMENT - 1));
        assert!(list.standing(&node(2)).is_some());
        list.on_height(Height::new(10 + RETIREMENT));
        assert_eq!((list.standing(&node(2)), list.standing(&node(3))), (None, Some(Standing::SyncOnly)));

        list.set_registry(Height::new(30), [(a, vec![key(1)])]);
        list.set_registry(Height::new(31), []);
        list.set_registry(Height::new(32), [(b, vec![key(1)])]);
        assert_eq!(list.standing(&node(1)), Some(Standing::Member(b)), "who returns does not retire");
        assert_eq!(list.nodes().len(), 3);
    }
}
