//! Building a state from its entries: lists first, then each table and each kind of the index at once.
//!
//! The index keys of the entries come in no order of their own. A set that grows key by key meets a cold node for nearly each of them; a list
//! that is sorted whole does not.

use super::index_kinds::IndexLists;
use super::tables::{Committees, Lists, Parameters, State, StateError, Table as _, TotalsTable, View as _};

impl State {
    /// Builds a state from flat entries.
    ///
    /// # Errors
    /// [`StateError`]: the entries are damaged or incomplete.
    pub fn load<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(entries: I) -> Result<State, StateError> {
        let (mut lists, mut index, mut keys) = (Lists::default(), IndexLists::default(), Vec::new());
        for (key, value) in entries {
            lists.add(&key, &value, &mut keys)?;
            for key in keys.drain(..) {
                index.push(&key);
            }
        }
        let (tables, index) = (lists.into_tables(), index.into_index());
        let (counts, loads) = (index.open_orders(), index.all_loads());
        let state = State { tables, index, counts, loads };
        state.get::<Parameters>(&()).ok_or(StateError::Missing(Parameters::NAME))?;
        state.get::<Committees>(&()).ok_or(StateError::Missing(Committees::NAME))?;
        state.get::<TotalsTable>(&()).ok_or(StateError::Missing(TotalsTable::NAME))?;
        Ok(state)
    }
}
