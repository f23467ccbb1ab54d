//! Changes on top of a state, with checkpoints.

use super::State;
use super::index::IndexKey;
use super::tables::{ChangeSet, Table, View, owned};
use crate::ids::MemberId;
use crate::transaction::{Market, Resource};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::ops::RangeBounds;

/// Reads through to a state, records changes. Dropping it forgets them.
#[derive(Debug)]
pub struct Overlay<'s> {
    base: &'s State,
    changes: ChangeSet,
    counts: BTreeMap<(MemberId, Market), u64>,
    loads: BTreeMap<(MemberId, Resource), u64>,
    /// The tables of the journalled changes, in order; each change itself is in the journal of its table.
    journal: Vec<u8>,
    index_journal: Vec<(IndexKey, IndexChange)>,
    checkpoints: Vec<Checkpoint>,
    /// Kept to save their allocation with each change.
    scratch: Scratch,
}

/// Index keys of an entry before and after its change.
#[derive(Debug, Default)]
struct Scratch {
    before: Vec<IndexKey>,
    after: Vec<IndexKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexChange {
    Added,
    Removed,
}

impl IndexChange {
    /// A sum over the index after a key with this part came or went.
    fn applied(self, sum: u64, part: u64) -> u64 {
        match self {
            IndexChange::Added => sum.saturating_add(part),
            IndexChange::Removed => sum.saturating_sub(part),
        }
    }
}

/// Lengths of the journals.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    changes: usize,
    index: usize,
}

impl<'s> Overlay<'s> {
    /// An overlay without changes.
    pub fn new(base: &'s State) -> Self {
        Overlay {
            base,
            changes: ChangeSet::default(),
            counts: BTreeMap::new(),
            loads: BTreeMap::new(),
            journal: Vec::new(),
            index_journal: Vec::new(),
            checkpoints: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The state below.
    pub fn base(&self) -> &'s State {
        self.base
    }

    /// Entries of a table that were put or removed so far, whatever they were before.
    pub fn changed<T: Table>(&self) -> impl Iterator<Item = (&T::Key, Option<&T::Value>)> {
        T::delta(&self.changes.deltas).map.iter().map(|(k, v)| (k, v.as_deref()))
    }

    /// Puts an entry.
    pub fn put<T: Table>(&mut self, key: T::Key, value: T::Value) {
        self.change::<T>(key, Some(value));
    }

    /// Removes an entry.
    pub fn remove<T: Table>(&mut self, key: &T::Key) {
        self.change::<T>(key.clone(), None);
    }

    fn change<T: Table>(&mut self, key: T::Key, value: Option<T::Value>) {
        let Scratch { mut before, mut after } = std::mem::take(&mut self.scratch);
        before.clear();
        after.clear();
        if let Some(new) = &value {
            T::index(&key, new, &mut after);
        }
        let delta = T::delta_mut(&mut self.changes.deltas);
        let value = value.map(Box::new);
        let previous = match delta.map.entry(key.clone()) {
            Entry::Occupied(mut entry) => Some(entry.insert(value)),
            Entry::Vacant(entry) => {
                entry.insert(value);
                None
            }
        };
        if T::INDEXED {
            let old = previous.as_ref().map_or_else(|| self.base.get::<T>(&key), Option::as_deref);
            old.into_iter().for_each(|old| T::index(&key, old, &mut before));
        }
        if !self.checkpoints.is_empty() {
            delta.journal.push((key, previous));
            self.journal.push(T::ID);
        }
        for index in before.iter().filter(|k| !after.contains(k)) {
            self.change_index(*index, IndexChange::Removed);
        }
        for index in after.iter().filter(|k| !before.contains(k)) {
            self.change_index(*index, IndexChange::Added);
        }
        self.scratch = Scratch { before, after };
    }

    fn change_index(&mut self, key: IndexKey, change: IndexChange) {
        self.apply_index(key, change);
        if !self.checkpoints.is_empty() {
            self.index_journal.push((key, change));
        }
    }

    fn apply_index(&mut self, key: IndexKey, change: IndexChange) {
        match change {
            IndexChange::Added => {
                if !self.changes.removed.remove(&key) {
                    self.changes.added.insert(key);
                }
            }
            IndexChange::Removed => {
                if !self.changes.added.remove(&key) {
                    self.changes.removed.insert(key);
                }
            }
        }
        if let IndexKey::MemberOrder { member, market, .. } = key {
            let count = self.counts.entry((member, market)).or_insert_with(|| self.base.open_orders(member, market));
            *count = change.applied(*count, 1);
        } else if let IndexKey::Load { member, resource, energy, .. } = key {
            let load = self.loads.entry((member, resource)).or_insert_with(|| self.base.load(member, resource));
            *load = change.applied(*load, energy.get());
        }
    }

    /// Runs `f`; when it returns an error, everything that it changed is undone. Nests.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn attempt<R, E>(&mut self, f: impl FnOnce(&mut Self) -> Result<R, E>) -> Result<R, E> {
        self.checkpoint();
        let result = f(self);
        if result.is_ok() {
            self.keep();
        } else {
            self.rollback();
        }
        result
    }

    /// Opens a checkpoint; close it with [`Overlay::keep`] or [`Overlay::rollback`].
    pub fn checkpoint(&mut self) {
        self.checkpoints.push(Checkpoint { changes: self.journal.len(), index: self.index_journal.len() });
    }

    /// Closes the innermost checkpoint and keeps its changes.
    pub fn keep(&mut self) {
        self.checkpoints.pop();
        if self.checkpoints.is_empty() {
            self.index_journal.clear();
            for table in self.journal.drain(..) {
                self.changes.deltas.keep(table);
            }
        }
    }

    /// Closes the innermost checkpoint and undoes its changes.
    pub fn rollback(&mut self) {
        let Some(checkpoint) = self.checkpoints.pop() else { return };
        while self.journal.len() > checkpoint.changes {
            let Some(table) = self.journal.pop() else { break };
            self.changes.deltas.undo(table);
        }
        while self.index_journal.len() > checkpoint.index {
            let Some((key, change)) = self.index_journal.pop() else { return };
            let inverse = if change == IndexChange::Added { IndexChange::Removed } else { IndexChange::Added };
            self.apply_index(key, inverse);
        }
    }

    /// Ends the overlay.
    pub fn into_changes(self) -> ChangeSet {
        self.changes
    }
}

impl View for Overlay<'_> {
    fn get<T: Table>(&self, key: &T::Key) -> Option<&T::Value> {
        match T::delta(&self.changes.deltas).map.get(key) {
            Some(changed) => changed.as_deref(),
            None => self.base.get::<T>(key),
        }
    }

    fn range<'a, T: Table>(&'a self, range: impl RangeBounds<T::Key>) -> impl Iterator<Item = (&'a T::Key, &'a T::Value)> + 'a {
        let bounds = (owned(range.start_bound()), owned(range.end_bound()));
        let below = T::map(&self.base.tables).range(bounds.clone()).map(|(k, v)| (k, Some(v.as_ref())));
        let above = T::delta(&self.changes.deltas).map.range(bounds).map(|(k, v)| (k, v.as_deref()));
        Merge { below: below.peekable(), above: above.peekable() }.filter_map(|(k, v)| v.map(|v| (k, v)))
    }

    fn index(&self, range: impl RangeBounds<IndexKey>) -> impl Iterator<Item = IndexKey> + '_ {
        let bounds = (owned(range.start_bound()), owned(range.end_bound()));
        let below = self.base.index.range(bounds).filter(|k| !self.changes.removed.contains(k)).map(|k| (k, ()));
        let above = self.changes.added.range(bounds).map(|k| (k, ()));
        Merge { below: below.peekable(), above: above.peekable() }.map(|(k, ())| *k)
    }

    fn open_orders(&self, member: MemberId, market: Market) -> u64 {
        self.counts.get(&(member, market)).copied().unwrap_or_else(|| self.base.open_orders(member, market))
    }

    fn load(&self, member: MemberId, resource: Resource) -> u64 {
        self.loads.get(&(member, resource)).copied().unwrap_or_else(|| self.base.load(member, resource))
    }

    fn before_block(&self) -> &State {
        self.base
    }
}

/// Two ascending sequences as one; where both have a key, the one above wins.
struct Merge<B: Iterator, A: Iterator> {
    below: Peekable<B>,
    above: Peekable<A>,
}

impl<K: Ord, V, B: Iterator<Item = (K, V)>, A: Iterator<Item = (K, V)>> Iterator for Merge<B, A> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let order = match (self.below.peek(), self.above.peek()) {
            (Some((b, _)), Some((a, _))) => b.cmp(a),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, _) => std::cmp::Ordering::Greater,
        };
        match order {
            std::cmp::Ordering::Less => self.below.next(),
            std::cmp::Ordering::Greater => self.above.next(),
            std::cmp::Ordering::Equal => {
                self.below.next();
                self.above.next()
            }
        }
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
