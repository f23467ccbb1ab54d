//! Applying a batch: one descent over the changed paths, each new node made and hashed once.
//!
//! The recursion is as deep as the trie, at most 256 levels, and only what changed is copied.

use super::changes::Change;
use super::node::{BUCKET_KEYS, Child, Entry, Inner, Node, branching, digest_of};
use super::{Key, digest};
use crate::hash::Hash;
use std::sync::Arc;

/// Applies one batch.
#[derive(Default)]
pub(super) struct Updater {
    /// A bucket merged with its changes; kept, like `fresh`, to save an allocation a bucket.
    merged: Vec<Entry>,
    /// Indices in `merged`, ascending: all subtrees that contain one of these entries are hashed anew, all others are as they were.
    fresh: Vec<usize>,
    /// Keys that were not there before.
    added: usize,
    /// Keys that are there no more.
    removed: usize,
}

impl Updater {
    /// The top of the tree after `changes`, whose keys strictly ascend, and how many keys were added and removed.
    pub(super) fn apply(mut self, top: Option<&Child>, changes: &[Change]) -> (Option<Child>, usize, usize) {
        let top = match top {
            Some(top) => self.update(top, changes, 0),
            None => self.create(changes),
        };
        (top, self.added, self.removed)
    }

    /// The subtree `child` after `changes`, all of which agree with its keys in the first `depth` bits.
    fn update(&mut self, child: &Child, changes: &[Change], depth: u16) -> Option<Child> {
        if changes.is_empty() {
            return Some(child.clone());
        }
        let inner = match &child.node {
            Node::Bucket(entries) => return self.update_bucket(child, entries, changes),
            Node::Inner(inner) => inner,
        };
        // Only where the node skips bits can a change branch off above it. That is rare, so the bits are not stored but read from the
        // lowest key.
        if u16::from(inner.bit) > depth
            && let Some(lowest) = inner.first_key()
            && let Some(bit) = first_departure(lowest, changes)
            && bit < inner.bit
        {
            return self.branch_off(child, lowest.bit(bit), changes, bit);
        }
        let (left, right) = halves(changes, inner.bit);
        let depth = below(inner.bit);
        let left = self.update(&inner.left, left, depth);
        let right = self.update(&inner.right, right, depth);
        if is(&left, &inner.left) && is(&right, &inner.right) {
            return Some(child.clone());
        }
        join(inner.bit, left, right)
    }

    /// Some changes leave the shared bits of `child` at `bit`, where its own keys have `side`.
    fn branch_off(&mut self, child: &Child, side: bool, changes: &[Change], bit: u8) -> Option<Child> {
        let (left, right) = halves(changes, bit);
        let (inside, outside) = if side { (right, left) } else { (left, right) };
        let inside = self.update(child, inside, below(bit));
        let outside = self.create(outside);
        if side { join(bit, outside, inside) } else { join(bit, inside, outside) }
    }

    fn update_bucket(&mut self, child: &Child, entries: &[Entry], changes: &[Change]) -> Option<Child> {
        if let Some(child) = self.overwrite(child, entries, changes) {
            return Some(child);
        }
        self.merge(entries, changes);
        if self.fresh.is_empty() { Some(child.clone()) } else { build(&mut self.merged, 0, &self.fresh) }
    }

    /// The bucket after changes that only give keys which are there new values: one copy. `None` for others.
    fn overwrite(&mut self, child: &Child, entries: &[Entry], changes: &[Change]) -> Option<Child> {
        self.fresh.clear();
        let mut from = 0_usize;
        for (key, value) in changes {
            let value = value.as_ref()?;
            let (_, rest) = entries.split_at_checked(from)?;
            let index = from.saturating_add(rest.binary_search_by(|entry| entry.key.cmp(key)).ok()?);
            if entries.get(index)?.value != *value {
                self.fresh.push(index);
            }
            from = index.saturating_add(1);
        }
        if self.fresh.is_empty() {
            return Some(child.clone());
        }
        let mut copy: Arc<[Entry]> = Arc::from(entries);
        let written = Arc::get_mut(&mut copy)?;
        let mut changes = changes.iter();
        for index in &self.fresh {
            let entry = written.get_mut(*index)?;
            // Both ascend, and every fresh entry has its change.
            let (_, value) = changes.find(|(key, _)| *key == entry.key)?;
            entry.value = (*value)?;
        }
        let digest = rehash(written, 0, &self.fresh);
        Some(Child { digest, node: Node::Bucket(copy) })
    }

    /// The subtree of the changes alone, where nothing was.
    fn create(&mut self, changes: &[Change]) -> Option<Child> {
        self.merge(&[], changes);
        build(&mut self.merged, 0, &self.fresh)
    }

    /// Fills `merged` with the entries after the changes. All ascend.
    fn merge(&mut self, entries: &[Entry], changes: &[Change]) {
        self.merged.clear();
        self.fresh.clear();
        let mut rest = entries;
        for (key, value) in changes {
            let (before, after) = rest.split_at(rest.partition_point(|entry| entry.key < *key));
            self.merged.extend_from_slice(before);
            let (old, after) = match after.split_first() {
                Some((entry, after)) if entry.key == *key => (Some(entry), after),
                _ => (None, after),
            };
            rest = after;
            let index = self.merged.len();
            match (old, value) {
                (None, None) => {}
                (Some(old), Some(value)) if old.value == *value => self.merged.push(*old),
                (Some(old), Some(value)) => {
                    self.fresh.push(index);
                    self.merged.push(Entry { value: *value, ..*old });
                }
                (None, Some(value)) => {
                    self.added = self.added.saturating_add(1);
                    self.fresh.push(index);
                    self.merged.push(Entry::new(*key, *value));
                }
                (Some(_), None) => {
                    self.removed = self.removed.saturating_add(1);
                    // Each subtree that held the key and still holds another holds one of its neighbours. At an end there is one
                    // neighbour only; an index too many does no harm.
                    self.fresh.extend([index.saturating_sub(1), index]);
                }
            }
        }
        self.merged.extend_from_slice(rest);
        self.fresh.sort_unstable();
    }
}

/// The subtree of these entries, keys strictly ascending. The first has index `start` among all that are built, to which `fresh` refers.
fn build(entries: &mut [Entry], start: usize, fresh: &[usize]) -> Option<Child> {
    if entries.is_empty() {
        return None;
    }
    if entries.len() <= BUCKET_KEYS {
        let digest = rehash(entries, start, fresh);
        return Some(Child { digest, node: Node::Bucket(Arc::from(&*entries)) });
    }
    let (bit, count) = branching(entries)?;
    let middle = start.saturating_add(count);
    let (left, right) = entries.split_at_mut(count);
    let (fresh_left, fresh_right) = fresh.split_at(fresh.partition_point(|index| *index < middle));
    join(bit, build(left, start, fresh_left), build(right, middle, fresh_right))
}

/// Hashes the branchings above fresh entries and returns the digest of all.
fn rehash(entries: &mut [Entry], start: usize, fresh: &[usize]) -> Hash {
    let Some((bit, count)) = branching(entries).filter(|_| !fresh.is_empty()) else {
        return digest_of(entries);
    };
    let middle = start.saturating_add(count);
    let (left, right) = entries.split_at_mut(count);
    let (fresh_left, fresh_right) = fresh.split_at(fresh.partition_point(|index| *index < middle));
    let digest = digest::inner(bit, &rehash(left, start, fresh_left), &rehash(right, middle, fresh_right));
    if let Some(entry) = right.first_mut() {
        entry.branching = digest;
    }
    digest
}

/// Puts two sides together. A side without keys leaves no trace, and few keys become a bucket, so that the shape too depends on the
/// contents alone.
fn join(bit: u8, left: Option<Child>, right: Option<Child>) -> Option<Child> {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (one, other) => return one.or(other),
    };
    let digest = digest::inner(bit, &left.digest, &right.digest);
    let node = match (&left.node, &right.node) {
        (Node::Bucket(low), Node::Bucket(high)) if low.len().saturating_add(high.len()) <= BUCKET_KEYS => {
            let first = high.iter().take(1).map(|entry| Entry { branching: digest, ..*entry });
            Node::Bucket(low.iter().copied().chain(first).chain(high.iter().skip(1).copied()).collect())
        }
        _ => Node::Inner(Arc::new(Inner { left, right, bit })),
    };
    Some(Child { digest, node })
}

/// The first bit in which a change differs from `key`. The changes ascend, so the first or the last of them differs first.
fn first_departure(key: &Key, changes: &[Change]) -> Option<u8> {
    let ends = [changes.first(), changes.last()];
    ends.into_iter().flatten().filter_map(|(changed, _)| key.first_difference(changed)).min()
}

/// Cuts changes that agree before `bit` into those with a zero and those with a one there.
fn halves(changes: &[Change], bit: u8) -> (&[Change], &[Change]) {
    changes.split_at(changes.partition_point(|(key, _)| !key.bit(bit)))
}

/// The number of bits up to and with `bit`.
fn below(bit: u8) -> u16 {
    u16::from(bit).saturating_add(1)
}

/// Whether an updated subtree is what it was: equal digests are equal contents.
fn is(new: &Option<Child>, old: &Child) -> bool {
    new.as_ref().is_some_and(|new| new.digest == old.digest)
}
