//! Reading what is committed: blocks, receipts, transactions.

use super::StoreError;
use super::idempotency::{IdempotencyKey, IdempotencyRecord};
use super::key::StoreKey;
use super::schema::{Blocks, Certificates, Events, Idempotency, Receipts, Table, TransactionIndex, TransactionPlace};
use super::store::Store;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::receipt::{Event, Receipt};

/// A committed block with what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// Its certificate.
    pub certificate: Certificate,
}

impl Store {
    /// A block with its certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn block(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        let Some(block) = self.database.get::<Blocks>(&height)? else { return Ok(None) };
        let certificate = self.certificate(height)?.ok_or_else(|| absent::<Certificates>(&height))?;
        Ok(Some(StoredBlock { block, certificate }))
    }

    /// The bytes of a block with its certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn block_bytes(&self, height: Height) -> Result<Option<(Vec<u8>, Certificate)>, StoreError> {
        let Some(bytes) = self.database.get_bytes::<Blocks>(&height)? else { return Ok(None) };
        let certificate = self.certificate(height)?.ok_or_else(|| absent::<Certificates>(&height))?;
        Ok(Some((bytes, certificate)))
    }

    /// The certificate of a block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError> {
        self.database.get::<Certificates>(&height)
    }

    /// The receipts of a block in canonical order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, StoreError> {
        self.database.get::<Receipts>(&height)
    }

    /// The events of a block in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn events(&self, height: Height) -> Result<Option<Vec<Event>>, StoreError> {
        self.database.get::<Events>(&height)
    }

    /// Where a transaction was committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn transaction(&self, id: TransactionId) -> Result<Option<TransactionPlace>, StoreError> {
        self.database.get::<TransactionIndex>(&id)
    }

    /// What was signed for an idempotency key, expired or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remembered(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.database.get::<Idempotency>(key)
    }
}

pub(super) fn absent<T: Table>(key: &T::Key) -> StoreError {
    StoreError::Missing { table: T::NAME, key: hex::encode(key.to_bytes()) }
}
