//! What a block changes in one kind of the index.
//!
//! Most kinds are written by every order and read by few blocks, or only after the block. So changes are noted in a list, and sorted when the
//! kind is read for the first time; from then on they are kept in order.

use super::index_kinds::Kind;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is there now.
    Added,
    /// It is there no more.
    Removed,
}

impl Change {
    /// A sum over the index after a key with this part came or went.
    pub(super) fn applied(self, sum: u64, part: u64) -> u64 {
        match self {
            Change::Added => sum.saturating_add(part),
            Change::Removed => sum.saturating_sub(part),
        }
    }
}

/// A list that grows by stretches, so that what fills one stays where it is: a block makes tens of thousands of changes of a hundred bytes each.
#[derive(Debug)]
struct Log<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

/// Changes that stand together.
const STRETCH: usize = 256;

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Log<T> {
    fn push(&mut self, change: T) {
        if self.last.len() >= STRETCH {
            self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(STRETCH)));
        }
        self.last.push(change);
    }

    fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flatten().chain(&self.last)
    }
}

/// Changes of one kind. A key comes and goes in turns, so that at most one change of it remains.
#[derive(Debug)]
pub(super) struct Changes<K> {
    /// In the order in which they were made, as long as nobody asked.
    log: Log<(K, Change)>,
    /// What remains of them, by key.
    sorted: OnceCell<BTreeMap<K, Change>>,
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes { log: Log::default(), sorted: OnceCell::new() }
    }
}

impl<K: Kind> Changes<K> {
    /// A key came or went.
    pub(super) fn record(&mut self, key: K, change: Change) {
        let Some(sorted) = self.sorted.get_mut() else { return self.log.push((key, change)) };
        self.log = Log::default();
        match sorted.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(change)),
            Entry::Occupied(entry) if *entry.get() != change => drop(entry.remove()),
            Entry::Occupied(_) => {}
        }
    }

    /// What remains, by key; `None` where nothing was changed.
    pub(super) fn sorted(&self) -> Option<&BTreeMap<K, Change>> {
        if self.log.is_empty() && self.sorted.get().is_none() {
            return None;
        }
        Some(self.sorted.get_or_init(|| net(&self.log).into_iter().cloned().collect()))
    }

    /// What remains, keys ascending.
    pub(super) fn into_net(mut self) -> Vec<(K, Change)> {
        match self.sorted.take() {
            Some(sorted) => sorted.into_iter().collect(),
            None => net(&self.log).into_iter().cloned().collect(),
        }
    }
}

/// What remains of changes, keys ascending.
fn net<K: Kind>(log: &Log<(K, Change)>) -> Vec<&(K, Change)> {
    let mut changes: Vec<&(K, Change)> = log.iter().collect();
    // The sort is stable: the changes of a key stay in their turns, and two in a row cancel out.
    changes.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut kept: Vec<&(K, Change)> = Vec::with_capacity(changes.len());
    for next in changes {
        if kept.pop_if(|last| last.0 == next.0 && last.1 != next.1).is_none() {
            kept.push(next);
        }
    }
    kept
}
