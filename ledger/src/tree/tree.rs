//! The tree as its users see it.

use super::leaves::Leaves;
use super::node::{Child, Node};
use super::update::Updater;
use super::{Changes, Key, Prefix, digest};
use crate::hash::Hash;

/// One version of the authenticated state. A clone costs a pointer; versions share what did not change between them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) top: Option<Child>,
    /// The number of entries.
    len: usize,
}

impl Tree {
    /// The tree without entries.
    pub const fn new() -> Self {
        Tree { top: None, len: 0 }
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

    /// The tree after a batch; this one stays as it is. Deleting an absent key changes nothing.
    #[must_use]
    pub fn update(&self, changes: &Changes) -> Tree {
        let (top, added, removed) = Updater::default().apply(self.top.as_ref(), changes.as_slice());
        Tree { top, len: self.len.saturating_add(added).saturating_sub(removed) }
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
