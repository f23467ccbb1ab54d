//! Taking blocks back: what a block's changes replaced, kept so that the state of the recent past can be read again.

use super::tables::{Delta, Deltas, Table, Tables};
use super::{ChangeSet, Overlay, State};

/// What a block replaced.
#[derive(Debug, Default)]
pub struct Undo(Deltas);

impl Undo {
    /// Number of entries that it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a block that changed nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl State {
    /// Makes the changes of a block part of the state, as [`State::apply`] does, and keeps what they replaced.
    pub fn apply_reversibly(&mut self, changes: ChangeSet) -> Undo {
        let ChangeSet { deltas, index, counts, loads } = changes;
        self.apply_index(index, counts, loads);
        Undo(deltas.exchange(&mut self.tables))
    }

    /// Takes a block back. It MUST be the last one that was applied and not taken back.
    pub fn take_back(&mut self, undo: &Undo) {
        let mut overlay = Overlay::new(self);
        undo.0.write(&mut overlay);
        let changes = overlay.into_changes();
        self.apply(changes);
    }
}

/// Applies a table's changes; what stood there before.
pub(super) fn exchange_delta<T: Table>(delta: Delta<T>, tables: &mut Tables) -> Delta<T> {
    let replace = |(key, value): (T::Key, Option<Box<T::Value>>)| {
        let map = T::map_mut(tables);
        let before = match value {
            Some(value) => map.insert(key.clone(), value),
            None => map.remove(&key),
        };
        (key, before)
    };
    Delta { map: delta.map.into_iter().map(replace).collect(), journal: Vec::new() }
}

/// Writes a table's changes.
pub(super) fn write_delta<T: Table>(delta: &Delta<T>, overlay: &mut Overlay<'_>) {
    for (key, value) in &delta.map {
        match value {
            Some(value) => overlay.put::<T>(key.clone(), value.as_ref().clone()),
            None => overlay.remove::<T>(key),
        }
    }
}
