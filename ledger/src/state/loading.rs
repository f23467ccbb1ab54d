//! Building a state from its entries: lists first, then each table and each kind of the index at once.
//!
//! The index keys of the entries come in no order of their own. A set that grows key by key meets a cold node for nearly each of them; a list
//! that is sorted whole does not.

use super::index::IndexKey;
use super::index_kinds::IndexLists;
use super::tables::{Lists, State, StateError, Table};
use crate::codec;
use crate::limits::HARD_BLOCK_BYTES;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Loading {
    pub(super) lists: Lists,
    index: IndexLists,
    /// The index keys of one entry; keeps its memory.
    keys: Vec<IndexKey>,
}

impl Loading {
    /// An entry of a table, whose index keys are noted.
    ///
    /// # Errors
    /// [`StateError::Entry`]: it is not canonical.
    pub(super) fn read<T: Table>(&mut self, key: &[u8], value: &[u8]) -> Result<(T::Key, Box<T::Value>), StateError> {
        let failed = |cause| StateError::Entry { table: T::NAME, cause };
        let key = codec::decode::<T::Key>(key, HARD_BLOCK_BYTES).map_err(failed)?;
        let value = codec::decode::<T::Value>(value, HARD_BLOCK_BYTES).map_err(failed)?;
        T::index(&key, &value, &mut self.keys);
        for key in self.keys.drain(..) {
            self.index.push(&key);
        }
        Ok((key, Box::new(value)))
    }

    /// The state of all entries.
    pub(super) fn into_state(self) -> State {
        let (tables, index) = (self.lists.into_tables(), self.index.into_index());
        let (counts, loads) = (index.open_orders(), index.all_loads());
        State { tables, index, counts, loads }
    }
}
