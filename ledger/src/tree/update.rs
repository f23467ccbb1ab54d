//! Applying a batch: one descent over the changed paths, each new node made and hashed once.
//!
//! The recursion is as deep as the trie, at most 256 levels, and only what changed is copied.

use super::Key;
use super::changes::Change;
use super::node::{BUCKET_KEYS, Child, Entry, Inner, Node, split};
use crate::hash::Hash;
use std::sync::Arc;

/// Applies one batch.
#[derive(Default)]
pub(super) struct Updater {
    /// Room for merging a bucket with its changes, kept to save an allocation a bucket.
    merged: Vec<Entry>,
}

/// A subtree of the new tree, hashed only when it becomes a child: a bucket may yet be joined with its sibling.
struct Draft {
    node: Node,
    /// The digest, when the subtree stood in the old tree.
    known: Option<Hash>,
}

impl Draft {
    fn new(node: Node) -> Self {
        Draft { node, known: None }
    }

    fn unchanged(child: &Child) -> Self {
        Draft { node: child.node.clone(), known: Some(child.digest) }
    }

    fn finish(self) -> Child {
        Child { digest: self.known.unwrap_or_else(|| self.node.digest()), node: self.node }
    }
}

impl Updater {
    /// The top of the tree after `changes`, whose keys strictly ascend.
    pub(super) fn apply(mut self, top: Option<&Child>, changes: &[Change]) -> Option<Child> {
        match top {
            Some(top) => self.update(top, changes, 0),
            None => self.create(changes),
        }
        .map(Draft::finish)
    }

    /// The subtree `child` after `changes`, all of which agree with its keys in the first `depth` bits.
    fn update(&mut self, child: &Child, changes: &[Change], depth: u16) -> Option<Draft> {
        if changes.is_empty() {
            return Some(Draft::unchanged(child));
        }
        let inner = match &child.node {
            Node::Bucket(entries) => return self.update_bucket(child, entries, changes),
            Node::Inner(inner) => inner,
        };
        // Only where the node skips bits can a change branch off above it. That is rare, so the bits are not stored but read from the
        // lowest key.
        if u16::from(inner.bit) > depth
            && let Some(lowest) = inner.first_key()
            && let Some(bit) = branching(lowest, changes)
            && bit < inner.bit
        {
            return self.branch_off(child, lowest.bit(bit), changes, bit);
        }
        let (left, right) = halves(changes, inner.bit);
        let depth = below(inner.bit);
        let left = self.update(&inner.left, left, depth);
        let right = self.update(&inner.right, right, depth);
        if known(&left) == Some(inner.left.digest) && known(&right) == Some(inner.right.digest) {
            return Some(Draft::unchanged(child));
        }
        join(inner.bit, left, right)
    }

    /// Some changes leave the shared bits of `child` at `bit`, where its own keys have `side`.
    fn branch_off(&mut self, child: &Child, side: bool, changes: &[Change], bit: u8) -> Option<Draft> {
        let (left, right) = halves(changes, bit);
        let (inside, outside) = if side { (right, left) } else { (left, right) };
        let inside = self.update(child, inside, below(bit));
        let outside = self.create(outside);
        if side { join(bit, outside, inside) } else { join(bit, inside, outside) }
    }

    fn update_bucket(&mut self, child: &Child, entries: &[Entry], changes: &[Change]) -> Option<Draft> {
        merge(&mut self.merged, entries, changes);
        if self.merged == entries {
            return Some(Draft::unchanged(child));
        }
        build(&self.merged)
    }

    /// The subtree of the changes alone, where nothing was.
    fn create(&mut self, changes: &[Change]) -> Option<Draft> {
        merge(&mut self.merged, &[], changes);
        build(&self.merged)
    }
}

/// Fills `merged` with the entries after the changes. Both inputs and the output ascend.
fn merge(merged: &mut Vec<Entry>, entries: &[Entry], changes: &[Change]) {
    merged.clear();
    let mut old = entries.iter().peekable();
    for (key, value) in changes {
        while let Some(entry) = old.next_if(|entry| entry.key < *key) {
            merged.push(*entry);
        }
        let replaced = old.next_if(|entry| entry.key == *key);
        match (value, replaced) {
            (Some(value), Some(entry)) if entry.value == *value => merged.push(*entry),
            (Some(value), _) => merged.push(Entry::new(*key, *value)),
            (None, _) => {}
        }
    }
    merged.extend(old);
}

/// The subtree of these entries, keys strictly ascending.
fn build(entries: &[Entry]) -> Option<Draft> {
    if entries.is_empty() {
        return None;
    }
    if entries.len() <= BUCKET_KEYS {
        return Some(Draft::new(Node::Bucket(Arc::from(entries))));
    }
    let (bit, left, right) = split(entries)?;
    join(bit, build(left), build(right))
}

/// Puts two sides together. A side without keys leaves no trace, and few keys become a bucket, so that the shape too depends on the
/// contents alone.
fn join(bit: u8, left: Option<Draft>, right: Option<Draft>) -> Option<Draft> {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (one, other) => return one.or(other),
    };
    let count = left.node.count().saturating_add(right.node.count());
    if count <= BUCKET_KEYS
        && let (Node::Bucket(low), Node::Bucket(high)) = (&left.node, &right.node)
    {
        let entries = low.iter().chain(high.iter()).copied().collect();
        return Some(Draft::new(Node::Bucket(entries)));
    }
    Some(Draft::new(Node::Inner(Arc::new(Inner { left: left.finish(), right: right.finish(), count, bit }))))
}

/// The first bit in which a change differs from `key`. The changes ascend, so the first or the last of them differs first.
fn branching(key: &Key, changes: &[Change]) -> Option<u8> {
    [changes.first(), changes.last()].into_iter().flatten().filter_map(|(changed, _)| key.first_difference(changed)).min()
}

/// Cuts changes that agree before `bit` into those with a zero and those with a one there.
fn halves(changes: &[Change], bit: u8) -> (&[Change], &[Change]) {
    changes.split_at(changes.partition_point(|(key, _)| !key.bit(bit)))
}

/// The number of bits up to and with `bit`.
fn below(bit: u8) -> u16 {
    u16::from(bit).saturating_add(1)
}

fn known(draft: &Option<Draft>) -> Option<Hash> {
    draft.as_ref().and_then(|draft| draft.known)
}
