//! Reading what is committed: blocks, receipts, transactions, and what is finished.

use super::StoreError;
use super::database::Order;
use super::idempotency::{IdempotencyKey, IdempotencyRecord};
use super::key::StoreKey;
use super::schema::{
    AllTrades, Blocks, Certificates, Events, FinishedContracts, FinishedOrders, FinishedTrade, FinishedTrades, HeatCertificates,
    HistoryNodes, HistoryRecords, Idempotency, MemberHeatCertificates, MemberOrders, MemberTrades, Receipts, Table, TransactionIndex,
    TransactionPlace,
};
use super::store::Store;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::HistoryRecord;
use leg_ledger::hash::Hash;
use leg_ledger::history::NodeSource;
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId, TransactionId};
use leg_ledger::receipt::{Event, Receipt};

/// A committed block with what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// Its certificate.
    pub certificate: Certificate,
}

/// Something finished, with its place in the history log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its leaf.
    pub leaf: u64,
    /// What it was.
    pub record: HistoryRecord,
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

    /// A finished trade.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedTrades>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// A storage contract that ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_contract(&self, id: TradeId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedContracts>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// The record at a leaf of the history log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, leaf: u64) -> Result<Option<HistoryRecord>, StoreError> {
        self.database.get::<HistoryRecords>(&leaf)
    }

    /// A finished order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, StoreError> {
        self.database.get::<FinishedOrders>(&id)?.map(|leaf| self.finished(leaf)).transpose()
    }

    /// At most `limit` finished trades of a member (or of all) with leaves below `below`, the newest first, of one kind or of both.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_trades(
        &self,
        member: Option<MemberId>,
        kind: Option<FinishedTrade>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let wanted = |found: &FinishedTrade| kind.is_none_or(|kind| kind == *found);
        let mut leaves = Vec::new();
        if let Some(member) = member {
            let entries = self.database.scan_values::<MemberTrades>(&member.to_bytes(), Some(&(member, last)), Order::Descending)?;
            for entry in entries.filter(|entry| entry.as_ref().map_or(true, |(_, found)| wanted(found))).take(limit) {
                leaves.push(entry?.0.1);
            }
        } else {
            let entries = self.database.scan_values::<AllTrades>(&[], Some(&last), Order::Descending)?;
            for entry in entries.filter(|entry| entry.as_ref().map_or(true, |(_, found)| wanted(found))).take(limit) {
                leaves.push(entry?.0);
            }
        }
        leaves.into_iter().map(|leaf| self.finished(leaf)).collect()
    }

    /// At most `limit` finished orders of a member with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let entries = self.database.scan::<MemberOrders>(&member.to_bytes(), Some(&(member, last)), Order::Descending)?;
        entries.take(limit).map(|entry| self.finished(entry?.0.1)).collect()
    }

    /// At most `limit` certificates of heat that a member (or anybody) retired, with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn heat_certificates(&self, member: Option<MemberId>, below: u64, limit: usize) -> Result<Vec<Finished>, StoreError> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let mut leaves = Vec::new();
        if let Some(member) = member {
            let entries = self.database.scan::<MemberHeatCertificates>(&member.to_bytes(), Some(&(member, last)), Order::Descending)?;
            for entry in entries.take(limit) {
                leaves.push(entry?.0.1);
            }
        } else {
            let entries = self.database.scan::<HeatCertificates>(&[], Some(&last), Order::Descending)?;
            for entry in entries.take(limit) {
                leaves.push(entry?.0);
            }
        }
        leaves.into_iter().map(|leaf| self.finished(leaf)).collect()
    }

    /// A leaf of the history log.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the log has no such leaf.
    pub fn finished(&self, leaf: u64) -> Result<Finished, StoreError> {
        let record = self.database.get::<HistoryRecords>(&leaf)?.ok_or_else(|| absent::<HistoryRecords>(&leaf))?;
        Ok(Finished { leaf, record })
    }

    /// What was signed for an idempotency key, expired or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remembered(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.database.get::<Idempotency>(key)
    }
}

/// Nodes of the history log for proofs. What cannot be read is as good as missing: there is then no proof.
impl NodeSource for Store {
    fn node(&self, position: u64) -> Option<Hash> {
        match self.database.get::<HistoryNodes>(&position) {
            Ok(node) => node,
            Err(error) => {
                tracing::error!(%error, position, "a node of the history log cannot be read");
                None
            }
        }
    }
}

fn absent<T: Table>(key: &T::Key) -> StoreError {
    StoreError::Missing { table: T::NAME, key: hex::encode(key.to_bytes()) }
}
