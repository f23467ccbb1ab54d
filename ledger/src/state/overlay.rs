//! Changes on top of a state, with checkpoints.

use super::State;
use super::books::{BookOrders, OwnerOrders};
use super::index::IndexKey;
use super::index_kinds::IndexRange;
use super::overlay_index::OverlayIndex;
use super::tables::{ChangeSet, Deltas, Table, View, owned, undo};
use crate::ids::{MemberId, OwnerId};
use crate::transaction::{Market, Resource, Side};
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::ops::RangeBounds;

/// Reads through to a state, records changes. Dropping it forgets them.
#[derive(Debug)]
pub struct Overlay<'s> {
    base: &'s State,
    deltas: Deltas,
    index: OverlayIndex,
    /// The tables of the journalled changes, in order; each change itself is in the journal of its table.
    journal: Vec<u8>,
    /// Lengths of the journal.
    checkpoints: Vec<usize>,
}

impl<'s> Overlay<'s> {
    /// An overlay without changes.
    pub fn new(base: &'s State) -> Self {
        Overlay { base, deltas: Deltas::default(), index: OverlayIndex::default(), journal: Vec::new(), checkpoints: Vec::new() }
    }

    /// The state below.
    pub fn base(&self) -> &'s State {
        self.base
    }

    /// Entries of a table that were put or removed so far, whatever they were before.
    pub fn changed<T: Table>(&self) -> impl Iterator<Item = (&T::Key, Option<&T::Value>)> {
        T::delta(&self.deltas).map.iter().map(|(k, v)| (k, v.as_deref()))
    }

    /// A copy of an entry, in the box that [`Overlay::put_boxed`] takes.
    pub fn copy<T: Table>(&self, key: &T::Key) -> Option<Box<T::Value>> {
        match T::delta(&self.deltas).map.get(key) {
            Some(changed) => changed.clone(),
            None => T::map(&self.base.tables).get(key).cloned(),
        }
    }

    /// Puts an entry.
    pub fn put<T: Table>(&mut self, key: T::Key, value: T::Value) {
        self.change::<T>(key, Some(Box::new(value)));
    }

    /// Puts an entry that has its box already, which saves a large one from being moved about.
    pub fn put_boxed<T: Table>(&mut self, key: T::Key, value: Box<T::Value>) {
        self.change::<T>(key, Some(value));
    }

    /// Removes an entry.
    pub fn remove<T: Table>(&mut self, key: &T::Key) {
        self.change::<T>(key.clone(), None);
    }

    /// Puts an entry where there is none. False where there is one: then nothing changes.
    pub fn insert<T: Table>(&mut self, key: T::Key, value: T::Value) -> bool {
        let previous = match T::delta_mut(&mut self.deltas).map.entry(key.clone()) {
            Entry::Occupied(mut entry) if entry.get().is_none() => Some(entry.insert(Some(Box::new(value)))),
            Entry::Vacant(entry) if self.base.get::<T>(&key).is_none() => {
                entry.insert(Some(Box::new(value)));
                None
            }
            _ => return false,
        };
        let new = T::delta(&self.deltas).map.get(&key).and_then(Option::as_deref);
        self.index.note::<T>(self.base, &key, None, new);
        self.remember::<T>(key, previous);
        true
    }

    fn change<T: Table>(&mut self, key: T::Key, value: Option<Box<T::Value>>) {
        let previous = match T::delta_mut(&mut self.deltas).map.entry(key.clone()) {
            Entry::Occupied(mut entry) => {
                self.index.note::<T>(self.base, &key, entry.get().as_deref(), value.as_deref());
                Some(entry.insert(value))
            }
            Entry::Vacant(entry) => {
                let old = if T::INDEXED { self.base.get::<T>(&key) } else { None };
                self.index.note::<T>(self.base, &key, old, value.as_deref());
                entry.insert(value);
                None
            }
        };
        self.remember::<T>(key, previous);
    }

    /// Notes in the journal what stood where a change was made.
    fn remember<T: Table>(&mut self, key: T::Key, previous: Option<Option<Box<T::Value>>>) {
        if !self.checkpoints.is_empty() {
            T::delta_mut(&mut self.deltas).journal.push((key, previous));
            self.journal.push(T::ID);
        }
    }

    /// Takes back the last change in the journal of a table.
    pub(super) fn undo<T: Table>(&mut self) {
        let delta = T::delta_mut(&mut self.deltas);
        let Some((key, previous)) = delta.journal.pop() else { return };
        let undone = match previous {
            Some(before) => delta.map.insert(key.clone(), before),
            None => delta.map.remove(&key),
        };
        let now = delta.map.get(&key).map_or_else(|| self.base.get::<T>(&key), Option::as_deref);
        self.index.note::<T>(self.base, &key, undone.as_ref().and_then(Option::as_deref), now);
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
        self.checkpoints.push(self.journal.len());
    }

    /// Closes the innermost checkpoint and keeps its changes.
    pub fn keep(&mut self) {
        self.checkpoints.pop();
        if self.checkpoints.is_empty() {
            for table in self.journal.drain(..) {
                self.deltas.keep(table);
            }
        }
    }

    /// Closes the innermost checkpoint and undoes its changes.
    pub fn rollback(&mut self) {
        let Some(checkpoint) = self.checkpoints.pop() else { return };
        while self.journal.len() > checkpoint {
            let Some(table) = self.journal.pop() else { break };
            undo(self, table);
        }
    }

    /// Ends the overlay.
    pub fn into_changes(self) -> ChangeSet {
        let OverlayIndex { changes, counts, loads, .. } = self.index;
        ChangeSet { deltas: self.deltas, index: changes.into_net(), counts, loads }
    }
}

impl View for Overlay<'_> {
    fn get<T: Table>(&self, key: &T::Key) -> Option<&T::Value> {
        match T::delta(&self.deltas).map.get(key) {
            Some(changed) => changed.as_deref(),
            None => self.base.get::<T>(key),
        }
    }

    fn range<'a, T: Table>(&'a self, range: impl RangeBounds<T::Key>) -> impl Iterator<Item = (&'a T::Key, &'a T::Value)> + 'a {
        let bounds = (owned(range.start_bound()), owned(range.end_bound()));
        let below = T::map(&self.base.tables).range(bounds.clone()).map(|(k, v)| (k, Some(v.as_ref())));
        let above = T::delta(&self.deltas).map.range(bounds).map(|(k, v)| (k, v.as_deref()));
        Merge { below: below.peekable(), above: above.peekable() }.filter_map(|(k, v)| v.map(|v| (k, v)))
    }

    fn index(&self, range: impl RangeBounds<IndexKey>) -> impl Iterator<Item = IndexKey> + '_ {
        IndexRange::new(&self.base.index, Some(&self.index.changes), (owned(range.start_bound()), owned(range.end_bound())))
    }

    fn book(&self, market: Market, side: Side) -> BookOrders<'_> {
        self.base.index.book(Some(&self.index.changes), market, side)
    }

    fn owner_book(&self, owner: OwnerId, market: Market, side: Side) -> OwnerOrders<'_> {
        self.base.index.owner_book(Some(&self.index.changes), owner, market, side)
    }

    fn open_orders(&self, member: MemberId, market: Market) -> u64 {
        self.index.counts.get(&(member, market)).copied().unwrap_or_else(|| self.base.open_orders(member, market))
    }

    fn load(&self, member: MemberId, resource: Resource) -> u64 {
        self.index.loads.get(&(member, resource)).copied().unwrap_or_else(|| self.base.load(member, resource))
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
