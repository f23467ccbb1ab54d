//! What a batch makes of a tree: reads the changed paths, hashes each new digest once, changes nothing.

use super::batch::{Digests, Merged, below, departure, halves, overwritten};
use super::changes::Change;
use super::node::{Child, Entry, Node, branching, digest_of};
use crate::hash::Hash;

/// Changes whose paths are read before they are hashed: so many that what they meet stays in the processor's caches.
const FETCHED: usize = 64;

/// Plans one batch.
pub(super) struct Planner {
    digests: Digests,
    merged: Merged,
    fresh: Vec<(usize, Hash)>,
    /// What the changes at hand meet was read before.
    fetched: bool,
}

impl Planner {
    pub(super) fn new() -> Self {
        Planner { digests: Digests::Made(Vec::new()), merged: Merged::default(), fresh: Vec::new(), fetched: false }
    }

    /// The digest of the tree after `changes`, whose keys strictly ascend; `None` where no key is left. With it the digests in the order in
    /// which [`super::update::Updater`] needs them.
    pub(super) fn plan(mut self, top: Option<&Child>, changes: &[Change]) -> (Option<Hash>, Vec<Hash>) {
        let digest = match top {
            Some(top) => self.after(top, changes, 0),
            None => self.create(changes),
        };
        let digests = match self.digests {
            Digests::Made(list) => list,
            Digests::Known(rest) => rest.collect(),
        };
        (digest, digests)
    }

    /// The digest of `child` after `changes`, all of which agree with its keys in the first `depth` bits.
    fn after(&mut self, child: &Child, changes: &[Change], depth: u16) -> Option<Hash> {
        if changes.is_empty() {
            return Some(child.digest);
        }
        let inner = match &child.node {
            Node::Bucket(entries) => return self.bucket_after(child, entries, changes),
            Node::Inner(inner) => inner,
        };
        if !self.fetched && changes.len() <= FETCHED {
            fetch(&child.node, changes);
            self.fetched = true;
            let digest = self.after(child, changes, depth);
            self.fetched = false;
            return digest;
        }
        if let Some((bit, side)) = departure(inner, changes, depth) {
            let (left, right) = halves(changes, bit);
            let (inside, outside) = if side { (right, left) } else { (left, right) };
            let inside = self.after(child, inside, below(bit));
            let outside = self.create(outside);
            return if side { self.join(bit, outside, inside) } else { self.join(bit, inside, outside) };
        }
        let (left, right) = halves(changes, inner.bit);
        let depth = below(inner.bit);
        let (left, right) = (self.after(&inner.left, left, depth), self.after(&inner.right, right, depth));
        // Equal digests are equal contents.
        if left == Some(inner.left.digest) && right == Some(inner.right.digest) {
            return Some(child.digest);
        }
        self.join(inner.bit, left, right)
    }

    fn bucket_after(&mut self, child: &Child, entries: &[Entry], changes: &[Change]) -> Option<Hash> {
        let mut fresh = std::mem::take(&mut self.fresh);
        let digest = if overwritten(entries, changes, &mut fresh) {
            Some(if fresh.is_empty() { child.digest } else { self.overwrite(entries, 0, &fresh) })
        } else {
            self.merged.merge(entries, changes);
            if self.merged.fresh.is_empty() { Some(child.digest) } else { self.merged_digest() }
        };
        self.fresh = fresh;
        digest
    }

    /// The digest of the changes alone, where nothing was.
    fn create(&mut self, changes: &[Change]) -> Option<Hash> {
        self.merged.merge(&[], changes);
        self.merged_digest()
    }

    fn merged_digest(&mut self) -> Option<Hash> {
        let Merged { entries, fresh, .. } = &mut self.merged;
        if entries.is_empty() { None } else { Some(self.digests.rehash(entries, 0, fresh)) }
    }

    /// What [`Digests::rehash`] would give with these values in their places.
    fn overwrite(&mut self, entries: &[Entry], start: usize, fresh: &[(usize, Hash)]) -> Hash {
        let Some((_, value)) = fresh.first() else { return digest_of(entries) };
        let Some((bit, count)) = branching(entries) else {
            return entries.first().map_or(Hash::ZERO, |entry| self.digests.leaf(&entry.key, value));
        };
        let middle = start.saturating_add(count);
        let (left, right) = entries.split_at(count);
        let (fresh_left, fresh_right) = fresh.split_at(fresh.partition_point(|(index, _)| *index < middle));
        let (low, high) = (self.overwrite(left, start, fresh_left), self.overwrite(right, middle, fresh_right));
        self.digests.inner(bit, &low, &high)
    }

    /// Puts two sides together; a side without keys leaves no trace.
    fn join(&mut self, bit: u8, left: Option<Hash>, right: Option<Hash>) -> Option<Hash> {
        match (left, right) {
            (Some(left), Some(right)) => Some(self.digests.inner(bit, &left, &right)),
            (one, other) => one.or(other),
        }
    }
}

/// Reads what the changes meet in a subtree, level by level. The nodes of a level do not depend on each other, so the processor waits for many
/// of them at once instead of for one after another.
fn fetch(top: &Node, changes: &[Change]) {
    let (mut level, mut next, mut read) = (vec![(top, changes)], Vec::new(), 0_u8);
    while !level.is_empty() {
        for (node, changes) in level.drain(..) {
            match node {
                Node::Inner(inner) => {
                    let (left, right) = halves(changes, inner.bit);
                    next.extend([(&inner.left.node, left), (&inner.right.node, right)].into_iter().filter(|(_, part)| !part.is_empty()));
                }
                Node::Bucket(entries) => read = entries.iter().fold(read, |read, entry| read ^ entry.branching.as_bytes()[0]),
            }
        }
        std::mem::swap(&mut level, &mut next);
    }
    std::hint::black_box(read);
}
