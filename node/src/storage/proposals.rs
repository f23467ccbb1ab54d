//! Blocks that are valid and not decided yet. The engine's log names them by id only, so they are on the disk before a vote leaves.

use super::StoreError;
use super::database::{Database, Order};
use super::key::StoreKey;
use super::schema;
use leg_ledger::ids::{BlockId, Height};
use std::sync::Arc;

/// Access to the undecided blocks of a store.
#[derive(Clone)]
pub struct Proposals {
    database: Arc<Database>,
}

impl Proposals {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Proposals { database }
    }

    /// Keeps an encoded block durably. Putting the same block again is allowed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put(&self, height: Height, block: BlockId, bytes: &[u8]) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        batch.put_raw::<schema::Proposals>(&(height, block), bytes)?;
        self.database.commit("proposal", batch)
    }

    /// A block kept for a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, height: Height, block: BlockId) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get_bytes::<schema::Proposals>(&(height, block))
    }

    /// All blocks kept for a height.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, height: Height) -> Result<Vec<Vec<u8>>, StoreError> {
        let entries = self.database.scan::<schema::Proposals>(&height.to_bytes(), None, Order::Ascending)?;
        entries.map(|entry| entry.map(|(_, bytes)| bytes)).collect()
    }

    /// Forgets blocks of `height` and below. A crash may bring them back, which costs space only.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prune(&self, height: Height) -> Result<(), StoreError> {
        let Some(next) = height.next() else { return Ok(()) };
        let mut batch = self.database.batch();
        batch.delete_range::<schema::Proposals>(&Height::GENESIS.to_bytes(), &next.to_bytes())?;
        self.database.write_unsynced("old proposals", batch)
    }
}
