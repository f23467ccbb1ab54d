//! What a batch changes.

use super::Key;
use crate::hash::Hash;

/// The changes of one batch: for each key its new value hash, or `None` when it is deleted.
///
/// Invariant: keys strictly ascend, so that a subtree's share is one slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

/// A key and its new value hash.
pub(super) type Change = (Key, Option<Hash>);

impl Changes {
    /// The number of keys that change.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[Change] {
        &self.0
    }
}

/// Collects changes in any order; of several of one key the last counts. From an ordered map it costs one pass.
impl FromIterator<(Key, Option<Hash>)> for Changes {
    fn from_iter<I: IntoIterator<Item = (Key, Option<Hash>)>>(changes: I) -> Self {
        let mut changes: Vec<Change> = changes.into_iter().collect();
        // The sort is stable: the last change of a key stays the last of its run.
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        changes.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = next.1;
            }
            same
        });
        Changes(changes)
    }
}
