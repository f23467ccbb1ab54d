//! Taking blocks back: what a block's changes replaced, kept so that the state of the recent past can be read again.

use super::tables::Deltas;
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
