//! What planning and applying a batch share: how changes are cut, merged with a bucket, and hashed.

use super::Key;
use super::changes::Change;
use super::digest;
use super::node::{Entry, Inner, branching, digest_of};
use crate::hash::Hash;

/// Digests in the order in which a batch needs them.
pub(super) enum Digests {
    /// Hashed, and noted.
    Made(Vec<Hash>),
    /// Noted when the batch was planned; hashed once there are no more.
    Known(std::vec::IntoIter<Hash>),
}

impl Digests {
    /// No digest is known, and none is to be noted.
    pub(super) fn none() -> Self {
        Digests::Known(Vec::new().into_iter())
    }

    /// The digest of an entry.
    pub(super) fn leaf(&mut self, key: &Key, value: &Hash) -> Hash {
        self.next(|| digest::leaf(key, value))
    }

    /// The digest of an inner node.
    pub(super) fn inner(&mut self, bit: u8, left: &Hash, right: &Hash) -> Hash {
        self.next(|| digest::inner(bit, left, right))
    }

    fn next(&mut self, make: impl FnOnce() -> Hash) -> Hash {
        match self {
            Digests::Made(list) => {
                let made = make();
                list.push(made);
                made
            }
            Digests::Known(list) => list.next().unwrap_or_else(make),
        }
    }

    /// Hashes the branchings above fresh entries, each of which is an index from `start` on, and returns the digest of all.
    pub(super) fn rehash(&mut self, entries: &mut [Entry], start: usize, fresh: &[usize]) -> Hash {
        if fresh.is_empty() {
            return digest_of(entries);
        }
        let Some((bit, count)) = branching(entries) else {
            return entries.first().map_or(Hash::ZERO, |entry| self.leaf(&entry.key, &entry.value));
        };
        let middle = start.saturating_add(count);
        let (left, right) = entries.split_at_mut(count);
        let (fresh_left, fresh_right) = fresh.split_at(fresh.partition_point(|index| *index < middle));
        let (low, high) = (self.rehash(left, start, fresh_left), self.rehash(right, middle, fresh_right));
        let digest = self.inner(bit, &low, &high);
        if let Some(entry) = right.first_mut() {
            entry.branching = digest;
        }
        digest
    }
}

/// A bucket merged with its changes; keeps its memory from bucket to bucket.
#[derive(Default)]
pub(super) struct Merged {
    /// All ascend.
    pub(super) entries: Vec<Entry>,
    /// Indices in `entries`, ascending: all subtrees that contain one of these entries are hashed anew, all others are as they were.
    pub(super) fresh: Vec<usize>,
    /// Keys that were not there before, in all that was merged.
    pub(super) added: usize,
    /// Keys that are there no more.
    pub(super) removed: usize,
}

impl Merged {
    /// Becomes the entries after the changes. All ascend.
    pub(super) fn merge(&mut self, entries: &[Entry], changes: &[Change]) {
        self.entries.clear();
        self.fresh.clear();
        let mut rest = entries;
        for (key, value) in changes {
            let (before, after) = rest.split_at(rest.partition_point(|entry| entry.key < *key));
            self.entries.extend_from_slice(before);
            let (old, after) = match after.split_first() {
                Some((entry, after)) if entry.key == *key => (Some(entry), after),
                _ => (None, after),
            };
            rest = after;
            let index = self.entries.len();
            match (old, value) {
                (None, None) => {}
                (Some(old), Some(value)) if old.value == *value => self.entries.push(*old),
                (Some(old), Some(value)) => {
                    self.fresh.push(index);
                    self.entries.push(Entry { value: *value, ..*old });
                }
                (None, Some(value)) => {
                    self.added = self.added.saturating_add(1);
                    self.fresh.push(index);
                    self.entries.push(Entry::new(*key, *value));
                }
                (Some(_), None) => {
                    self.removed = self.removed.saturating_add(1);
                    // Each subtree that held the key and still holds another holds one of its neighbours. At an end there is one
                    // neighbour only; an index too many does no harm.
                    self.fresh.extend([index.saturating_sub(1), index]);
                }
            }
        }
        self.entries.extend_from_slice(rest);
        self.fresh.sort_unstable();
    }
}

/// Fills `fresh` with the places of changes that only give keys which are there new values; false for others.
pub(super) fn overwritten(entries: &[Entry], changes: &[Change], fresh: &mut Vec<(usize, Hash)>) -> bool {
    fresh.clear();
    let mut from = 0_usize;
    for (key, value) in changes {
        let Some((_, rest)) = entries.split_at_checked(from) else { return false };
        let (Some(value), Ok(place)) = (value, rest.binary_search_by(|entry| entry.key.cmp(key))) else { return false };
        let index = from.saturating_add(place);
        if entries.get(index).is_some_and(|entry| entry.value != *value) {
            fresh.push((index, *value));
        }
        from = index.saturating_add(1);
    }
    true
}

/// The bit above `inner` at which some of the changes leave the bits that its keys share, and the side of its own keys there. All agree in
/// the first `depth` bits.
///
/// Only where the node skips bits can a change branch off above it. That is rare, so the bits are not stored but read from the lowest key.
pub(super) fn departure(inner: &Inner, changes: &[Change], depth: u16) -> Option<(u8, bool)> {
    if u16::from(inner.bit) <= depth {
        return None;
    }
    let lowest = inner.first_key()?;
    // The changes ascend, so the first or the last of them differs first.
    let ends = [changes.first(), changes.last()];
    let bit = ends.into_iter().flatten().filter_map(|(changed, _)| lowest.first_difference(changed)).min()?;
    (bit < inner.bit).then(|| (bit, lowest.bit(bit)))
}

/// Cuts changes that agree before `bit` into those with a zero and those with a one there.
pub(super) fn halves(changes: &[Change], bit: u8) -> (&[Change], &[Change]) {
    changes.split_at(changes.partition_point(|(key, _)| !key.bit(bit)))
}

/// The number of bits up to and with `bit`.
pub(super) fn below(bit: u8) -> u16 {
    u16::from(bit).saturating_add(1)
}
