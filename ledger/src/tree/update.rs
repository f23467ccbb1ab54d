//! Applying a batch in place: one descent over the changed paths.
//!
//! The recursion is as deep as the trie, at most 256 levels. It meets the nodes in the order in which [`super::plan`] met them, and so finds the
//! digests that were hashed then.

use super::batch::{Digests, Merged, below, departure, halves, overwritten};
use super::changes::Change;
use super::node::{BUCKET_KEYS, Child, Entry, Inner, Node, branching, digest_of};
use crate::hash::Hash;

/// Applies one batch.
pub(super) struct Updater {
    digests: Digests,
    merged: Merged,
    fresh: Vec<(usize, Hash)>,
    places: Vec<usize>,
}

impl Updater {
    /// With the digests of the batch as it was planned; those that are missing are hashed.
    pub(super) fn new(digests: Digests) -> Self {
        Updater { digests, merged: Merged::default(), fresh: Vec::new(), places: Vec::new() }
    }

    /// The top of the tree after `changes`, whose keys strictly ascend, and how many keys were added and removed.
    pub(super) fn apply(mut self, top: Option<Child>, changes: &[Change]) -> (Option<Child>, usize, usize) {
        let top = match top {
            Some(top) => self.update(top, changes, 0),
            None => self.create(changes),
        };
        (top, self.merged.added, self.merged.removed)
    }

    /// The subtree `child` after `changes`, all of which agree with its keys in the first `depth` bits.
    fn update(&mut self, child: Child, changes: &[Change], depth: u16) -> Option<Child> {
        if changes.is_empty() {
            return Some(child);
        }
        let Child { digest, node } = child;
        let mut inner = match node {
            Node::Bucket(entries) => return self.update_bucket(digest, entries, changes),
            Node::Inner(inner) => inner,
        };
        if let Some((bit, side)) = departure(&inner, changes, depth) {
            let (left, right) = halves(changes, bit);
            let (inside, outside) = if side { (right, left) } else { (left, right) };
            let inside = self.update(Child { digest, node: Node::Inner(inner) }, inside, below(bit));
            let outside = self.create(outside);
            let (left, right) = if side { (outside, inside) } else { (inside, outside) };
            return self.join(None, bit, left, right);
        }
        let (left, right) = halves(changes, inner.bit);
        let (depth, before) = (below(inner.bit), (inner.left.digest, inner.right.digest));
        let left = self.update(inner.left.take(), left, depth);
        let right = self.update(inner.right.take(), right, depth);
        match (left, right) {
            // Equal digests are equal contents.
            (Some(left), Some(right)) if (left.digest, right.digest) == before => {
                (inner.left, inner.right) = (left, right);
                Some(Child { digest, node: Node::Inner(inner) })
            }
            (left, right) => {
                let bit = inner.bit;
                self.join(Some(inner), bit, left, right)
            }
        }
    }

    fn update_bucket(&mut self, digest: Hash, mut entries: Box<[Entry]>, changes: &[Change]) -> Option<Child> {
        if overwritten(&entries, changes, &mut self.fresh) {
            let digest = if self.fresh.is_empty() { digest } else { self.overwrite(&mut entries) };
            return Some(Child { digest, node: Node::Bucket(entries) });
        }
        self.merged.merge(&entries, changes);
        if self.merged.fresh.is_empty() { Some(Child { digest, node: Node::Bucket(entries) }) } else { self.build() }
    }

    fn overwrite(&mut self, entries: &mut [Entry]) -> Hash {
        self.places.clear();
        for (index, value) in &self.fresh {
            if let Some(entry) = entries.get_mut(*index) {
                entry.value = *value;
                self.places.push(*index);
            }
        }
        self.digests.rehash(entries, 0, &self.places)
    }

    /// The subtree of the changes alone, where nothing was.
    fn create(&mut self, changes: &[Change]) -> Option<Child> {
        self.merged.merge(&[], changes);
        self.build()
    }

    /// The subtree of what was merged.
    fn build(&mut self) -> Option<Child> {
        let Merged { entries, fresh, .. } = &mut self.merged;
        if entries.is_empty() {
            return None;
        }
        let digest = self.digests.rehash(entries, 0, fresh);
        Some(shape(entries, digest))
    }

    /// Puts two sides together, in the node where they were if there is one. A side without keys leaves no trace, and few keys become a bucket,
    /// so that the shape too depends on the contents alone.
    fn join(&mut self, old: Option<Box<Inner>>, bit: u8, left: Option<Child>, right: Option<Child>) -> Option<Child> {
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (one, other) => return one.or(other),
        };
        let digest = self.digests.inner(bit, &left.digest, &right.digest);
        let node = match (&left.node, &right.node) {
            (Node::Bucket(low), Node::Bucket(high)) if low.len().saturating_add(high.len()) <= BUCKET_KEYS => {
                let first = high.iter().take(1).map(|entry| Entry { branching: digest, ..*entry });
                Node::Bucket(low.iter().copied().chain(first).chain(high.iter().skip(1).copied()).collect())
            }
            _ => match old {
                Some(mut inner) => {
                    (inner.left, inner.right) = (left, right);
                    Node::Inner(inner)
                }
                None => Node::Inner(Box::new(Inner { left, right, bit })),
            },
        };
        Some(Child { digest, node })
    }
}

/// The nodes of entries whose branchings are hashed.
fn shape(entries: &[Entry], digest: Hash) -> Child {
    let few = entries.len() <= BUCKET_KEYS;
    let node = match branching(entries).filter(|_| !few) {
        Some((bit, count)) => {
            let (left, right) = entries.split_at(count);
            let (left, right) = (shape(left, digest_of(left)), shape(right, digest_of(right)));
            Node::Inner(Box::new(Inner { left, right, bit }))
        }
        None => Node::Bucket(Box::from(entries)),
    };
    Child { digest, node }
}
