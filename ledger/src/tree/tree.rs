//! The tree as its users see it.

use super::batch::Digests;
use super::leaves::Leaves;
use super::node::{Child, Node};
use super::plan::Planner;
use super::update::Updater;
use super::{Changes, Key, Prefix, digest};
use crate::hash::Hash;

/// The authenticated state. A clone copies it whole.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) top: Option<Child>,
    /// The number of entries.
    len: usize,
}

/// What a batch makes of a tree: the root, and what it takes to bring the tree there.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The root of the tree that it was made for.
    before: Hash,
    root: Hash,
    changes: Changes,
    pub(super) digests: Vec<Hash>,
}

impl Plan {
    /// The root after the batch.
    pub fn root(&self) -> Hash {
        self.root
    }
}

impl Tree {
    /// The tree without entries.
    pub const fn new() -> Self {
        Tree { top: None, len: 0 }
    }

    /// The tree of a batch alone.
    pub fn build(changes: &Changes) -> Self {
        let mut tree = Tree::new();
        tree.update(changes, Digests::none());
        tree
    }

    /// The hash that commits to all entries, and to nothing else.
    pub fn root(&self) -> Hash {
        self.top.as_ref().map_or_else(digest::empty, |top| top.digest)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    /// What a batch would make of this tree, which stays as it is. Deleting an absent key changes nothing.
    pub fn plan(&self, changes: Changes) -> Plan {
        let (digest, digests) = Planner::new().plan(self.top.as_ref(), changes.as_slice());
        Plan { before: self.root(), root: digest.unwrap_or_else(digest::empty), changes, digests }
    }

    /// Makes a planned batch part of the tree. False, and nothing changes, where it was planned for another tree.
    #[must_use]
    pub fn apply(&mut self, plan: Plan) -> bool {
        if plan.before != self.root() {
            return false;
        }
        self.update(&plan.changes, Digests::Known(plan.digests.into_iter()));
        true
    }

    fn update(&mut self, changes: &Changes, digests: Digests) {
        let (top, added, removed) = Updater::new(digests).apply(self.top.take(), changes.as_slice());
        self.top = top;
        self.len = self.len.saturating_add(added).saturating_sub(removed);
    }

    /// The value hash of `key`.
    pub fn get(&self, key: &Key) -> Option<&Hash> {
        let mut node = &self.top.as_ref()?.node;
        loop {
            match node {
                Node::Inner(inner) => node = &inner.toward(key).0.node,
                Node::Bucket(entries) => {
                    let index = entries.binary_search_by(|entry| entry.key.cmp(key)).ok()?;
                    return entries.get(index).map(|entry| &entry.value);
                }
            }
        }
    }

    /// The entries whose keys begin with `prefix`, keys ascending.
    pub fn leaves_under(&self, prefix: &Prefix) -> Leaves<'_> {
        Leaves::new(self.top.as_ref(), prefix)
    }
}
