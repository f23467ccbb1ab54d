//! Nodes in memory: buckets of entries at the bottom, inner nodes above them.

use super::{Key, digest};
use crate::hash::Hash;

/// The largest number of keys of a bucket. A bucket is read, and where keys come or go copied, in one sequential sweep; a level of inner nodes
/// costs scattered reads, which are slower.
pub(super) const BUCKET_KEYS: usize = 32;

/// One entry of a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Hash,
    /// The digest of the largest subtree within the bucket whose two sides meet between the entry before and this one. Between two
    /// neighbours meets exactly one, so the entries but the first hold the digests of all the bucket's branchings; the first's says
    /// nothing.
    pub(super) branching: Hash,
}

impl Entry {
    /// An entry whose branching is still to be hashed.
    pub(super) fn new(key: Key, value: Hash) -> Self {
        Entry { key, value, branching: Hash::ZERO }
    }
}

/// A subtree that is not empty.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// 1 to [`BUCKET_KEYS`] entries, keys ascending.
    Bucket(Box<[Entry]>),
    /// More entries than a bucket holds.
    Inner(Box<Inner>),
}

/// A branching at `bit`: the keys of both children agree before it and differ in it.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) left: Child,
    pub(super) right: Child,
    pub(super) bit: u8,
}

/// A subtree with its digest, kept beside the pointer so that a sibling is hashed without being fetched.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) digest: Hash,
    pub(super) node: Node,
}

impl Child {
    /// Takes the subtree out; what is left here MUST be replaced.
    pub(super) fn take(&mut self) -> Child {
        std::mem::replace(self, Child { digest: Hash::ZERO, node: Node::Bucket(Box::default()) })
    }
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

/// The digest of a subtree within a bucket, read from its branchings.
pub(super) fn digest_of(entries: &[Entry]) -> Hash {
    match (entries, branching(entries)) {
        (_, Some((_, middle))) => entries.get(middle).map_or(Hash::ZERO, |entry| entry.branching),
        ([entry, ..], None) => digest::leaf(&entry.key, &entry.value),
        ([], None) => digest::empty(),
    }
}

/// Where the trie of these entries, keys strictly ascending, branches: at which bit, and how many entries are on the left. `None` for
/// fewer than two.
pub(super) fn branching(entries: &[Entry]) -> Option<(u8, usize)> {
    // All keys between the first and the last share the bits that these two share.
    let bit = entries.first()?.key.first_difference(&entries.last()?.key)?;
    Some((bit, entries.partition_point(|entry| !entry.key.bit(bit))))
}
