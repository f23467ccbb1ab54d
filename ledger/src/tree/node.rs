//! Nodes in memory: buckets of entries at the bottom, inner nodes above them.

use super::{Key, digest};
use crate::hash::Hash;
use std::sync::Arc;

/// The largest number of keys of a bucket. Smaller costs memory and cache misses, larger costs hashes that a node would have kept.
pub(super) const BUCKET_KEYS: usize = 16;

/// One entry with its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Hash,
    pub(super) digest: Hash,
}

impl Entry {
    pub(super) fn new(key: Key, value: Hash) -> Self {
        let digest = digest::leaf(&key, &value);
        Entry { key, value, digest }
    }
}

/// A subtree that is not empty.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// 1 to [`BUCKET_KEYS`] entries, keys ascending.
    Bucket(Arc<[Entry]>),
    /// More entries than a bucket holds.
    Inner(Arc<Inner>),
}

/// A branching at `bit`: the keys of both children agree before it and differ in it.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) left: Child,
    pub(super) right: Child,
    pub(super) count: usize,
    pub(super) bit: u8,
}

/// A subtree with its digest, kept beside the pointer so that a sibling is hashed without being fetched.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) digest: Hash,
    pub(super) node: Node,
}

impl Inner {
    /// The child on the side of `key` and the other one.
    pub(super) fn toward(&self, key: &Key) -> (&Child, &Child) {
        if key.bit(self.bit) { (&self.right, &self.left) } else { (&self.left, &self.right) }
    }

    /// The lowest key, which shows the bits that all keys share.
    pub(super) fn first_key(&self) -> Option<&Key> {
        let mut node = &self.left.node;
        loop {
            match node {
                Node::Inner(inner) => node = &inner.left.node,
                Node::Bucket(entries) => return entries.first().map(|entry| &entry.key),
            }
        }
    }
}

impl Node {
    /// The number of keys.
    pub(super) fn count(&self) -> usize {
        match self {
            Node::Bucket(entries) => entries.len(),
            Node::Inner(inner) => inner.count,
        }
    }

    /// The digest, computed from the children's.
    pub(super) fn digest(&self) -> Hash {
        match self {
            Node::Bucket(entries) => digest_of(entries),
            Node::Inner(inner) => digest::inner(inner.bit, &inner.left.digest, &inner.right.digest),
        }
    }
}

/// The digest of the subtree of these entries, keys ascending.
pub(super) fn digest_of(entries: &[Entry]) -> Hash {
    match entries {
        [] => digest::empty(),
        [entry] => entry.digest,
        _ => match split(entries) {
            Some((bit, left, right)) => digest::inner(bit, &digest_of(left), &digest_of(right)),
            None => digest::empty(),
        },
    }
}

/// Cuts two or more entries, keys strictly ascending, where their trie branches. `None` when there are fewer.
pub(super) fn split(entries: &[Entry]) -> Option<(u8, &[Entry], &[Entry])> {
    // All keys between the first and the last share the bits that these two share.
    let bit = entries.first()?.key.first_difference(&entries.last()?.key)?;
    let (left, right) = entries.split_at(entries.partition_point(|entry| !entry.key.bit(bit)));
    Some((bit, left, right))
}
