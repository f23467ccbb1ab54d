//! What an overlay's changes do to the index and to the sums over it.

use super::State;
use super::index::IndexKey;
use super::index_changes::Change;
use super::index_kinds::IndexChanges;
use super::tables::{Table, View as _};
use crate::ids::MemberId;
use crate::transaction::{Market, Resource};
use std::collections::BTreeMap;

/// Changes of the index. Sums hold what they are now, once they changed.
#[derive(Debug, Default)]
pub(super) struct OverlayIndex {
    pub(super) changes: IndexChanges,
    pub(super) counts: BTreeMap<(MemberId, Market), u64>,
    pub(super) loads: BTreeMap<(MemberId, Resource), u64>,
    /// Index keys of an entry before and after its change; kept to save their allocation with each change.
    before: Vec<IndexKey>,
    after: Vec<IndexKey>,
}

impl OverlayIndex {
    /// An entry was `old` and is `new`.
    pub(super) fn note<T: Table>(&mut self, base: &State, key: &T::Key, old: Option<&T::Value>, new: Option<&T::Value>) {
        if !T::INDEXED {
            return;
        }
        let (mut before, mut after) = (std::mem::take(&mut self.before), std::mem::take(&mut self.after));
        before.clear();
        after.clear();
        old.into_iter().for_each(|old| T::index(key, old, &mut before));
        new.into_iter().for_each(|new| T::index(key, new, &mut after));
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.record(base, key, Change::Removed);
        }
        for key in after.iter().filter(|key| !before.contains(key)) {
            self.record(base, key, Change::Added);
        }
        (self.before, self.after) = (before, after);
    }

    fn record(&mut self, base: &State, key: &IndexKey, change: Change) {
        self.changes.record(key, change);
        if let IndexKey::MemberOrder { member, market, .. } = *key {
            let count = self.counts.entry((member, market)).or_insert_with(|| base.open_orders(member, market));
            *count = change.applied(*count, 1);
        } else if let IndexKey::Load { member, resource, energy, .. } = *key {
            let load = self.loads.entry((member, resource)).or_insert_with(|| base.load(member, resource));
            *load = change.applied(*load, energy.get());
        }
    }
}
