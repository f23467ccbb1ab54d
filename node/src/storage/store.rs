//! The store: opening, founding, the one batch a block, and recovery.

use super::StoreError;
use super::database::{Batch, Database, Order};
use super::finished;
use super::idempotency::{self, IdempotencyKey, IdempotencyRecord};
use super::proposals::Proposals;
use super::recovery;
use super::schema::{Blocks, Certificates, Entries, Events, FORMAT, Meta, Receipts, Setting, Table, TransactionIndex, TransactionPlace};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::codec;
use leg_ledger::execute::{Encoded, HistoryRecord, Tip};
use leg_ledger::hash::Hash;
use leg_ledger::history::Peaks;
use leg_ledger::ids::{ChainId, Height, TransactionId};
use leg_ledger::state::{State, StateEntry};
use leg_ledger::time::BlockTime;
use leg_ledger::tree::Tree;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The durable store of one node. Reads may come from any thread; commits come from the chain service alone.
pub struct Store {
    pub(super) database: Arc<Database>,
    /// Orders what concerns idempotency keys: looking one up and keeping it is one step.
    idempotency: Mutex<()>,
}

/// Everything that a committed block leaves behind.
#[derive(Clone, Copy, Debug)]
pub struct BlockRecord<'a> {
    /// The block.
    pub block: &'a Block,
    /// Its certificate.
    pub certificate: &'a Certificate,
    /// Ids of its transactions in the body's order.
    pub transactions: &'a [TransactionId],
    /// The chain's tip after it.
    pub tip: &'a Tip,
    /// State entries that it changed.
    pub entries: &'a [StateEntry],
    /// What was finished, in the order of its leaves in the history log.
    pub records: &'a [HistoryRecord],
    /// The same as bytes, with receipts and events.
    pub encoded: &'a Encoded,
    /// New nodes of the history log.
    pub history_nodes: &'a [(u64, Hash)],
    /// Peaks of the history log after it.
    pub peaks: &'a Peaks,
}

/// What the store holds at start.
#[derive(Debug)]
pub struct Recovered {
    /// The newest committed block.
    pub tip: Tip,
    /// The state after it, not yet compared with a root.
    pub state: State,
    /// The tree of the same entries.
    pub tree: Tree,
    /// Peaks of the history log after it.
    pub peaks: Peaks,
}

impl Store {
    /// Opens or creates the store of a network.
    ///
    /// # Errors
    /// [`StoreError`]: it belongs to another network or program, another process has it open, or it is damaged.
    pub fn open(path: &Path, chain: ChainId) -> Result<Self, StoreError> {
        let store = Store { database: Arc::new(Database::open(path)?), idempotency: Mutex::new(()) };
        store.check_settings(chain)?;
        Ok(store)
    }

    fn check_settings(&self, chain: ChainId) -> Result<(), StoreError> {
        let mut format = None;
        for entry in self.database.scan::<Meta>(&[], None, Order::Ascending)? {
            let (name, value) = entry?;
            let setting = Setting::ALL.iter().find(|setting| setting.name().as_bytes() == name);
            match setting {
                None => return Err(StoreError::UnknownSetting(String::from_utf8_lossy(&name).into_owned())),
                Some(Setting::Format) => format = Some(decode::<u32>(Setting::Format, &value)?),
                Some(_) => {}
            }
        }
        // The format is judged first: the other settings are bytes of that format.
        match format {
            Some(FORMAT) => {}
            Some(found) => return Err(StoreError::Format { found, known: FORMAT }),
            None => return Ok(()),
        }
        let found = self.setting::<ChainId>(Setting::Chain)?.ok_or_else(|| missing(Setting::Chain))?;
        if found != chain {
            return Err(StoreError::Chain { found, expected: chain });
        }
        Ok(())
    }

    /// True until [`Store::found`] was called.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.setting::<u32>(Setting::Format)?.is_none())
    }

    /// Writes the founding state of a network, in one batch.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] and failing writes.
    pub fn found(&self, chain: ChainId, tip: &Tip, state: &State) -> Result<(), StoreError> {
        if !self.is_empty()? {
            return Err(StoreError::NotEmpty);
        }
        let mut batch = self.database.batch();
        put_setting(&mut batch, Setting::Format, &FORMAT)?;
        put_setting(&mut batch, Setting::Chain, &chain)?;
        put_setting(&mut batch, Setting::Tip, tip)?;
        put_setting(&mut batch, Setting::Peaks, &Peaks::new())?;
        let mut entries: Vec<_> = state.entries().collect();
        entries.sort_unstable();
        for (key, value) in entries {
            batch.put_raw::<Entries>(&key, &value)?;
        }
        self.database.commit("founding state", batch)
    }

    /// The newest committed block.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before [`Store::found`].
    pub fn tip(&self) -> Result<Tip, StoreError> {
        self.setting(Setting::Tip)?.ok_or(StoreError::Empty)
    }

    /// Makes a block durable: all of it in one synced batch. The caller MUST stop the process when this fails.
    ///
    /// # Errors
    /// [`StoreError::NotNext`] (nothing was written) and failing writes.
    pub fn commit(&self, record: &BlockRecord<'_>) -> Result<(), StoreError> {
        self.commit_all(std::slice::from_ref(record))
    }

    /// The same for blocks that follow each other: all of them in one synced batch. Of the state only what is there after the last one is written.
    ///
    /// # Errors
    /// [`StoreError::NotNext`] (nothing was written) and failing writes.
    pub fn commit_all(&self, records: &[BlockRecord<'_>]) -> Result<(), StoreError> {
        let Some(last) = records.last() else { return Ok(()) };
        let mut tip = self.tip()?.height;
        for record in records {
            let height = record.block.header.height;
            if tip.next() != Some(height) || record.tip.height != height || record.certificate.height != height {
                return Err(StoreError::NotNext { tip, given: height });
            }
            tip = height;
        }
        let _order = self.idempotency.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = self.database.batch_of(size_hint(records));
        put_setting(&mut batch, Setting::Tip, last.tip)?;
        put_setting(&mut batch, Setting::Peaks, last.peaks)?;
        put_blocks(&mut batch, records)?;
        put_entries(&mut batch, records)?;
        finished::put(&mut batch, records)?;
        idempotency::forget_expired(&self.database, &mut batch, last.tip.time)?;
        self.database.commit("block", batch)
    }

    /// Reads tip, peaks and state. The entries are read, hashed for the tree and loaded side by side.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was founded, or the store is damaged.
    pub fn recover(&self) -> Result<Recovered, StoreError> {
        let tip = self.tip()?;
        let peaks = self.setting(Setting::Peaks)?.ok_or_else(|| missing(Setting::Peaks))?;
        let entries = self.database.scan_all::<Entries>()?;
        let (state, tree) = recovery::load(entries)?;
        Ok(Recovered { tip, state, tree, peaks })
    }

    /// The last `count` committed blocks in ascending order, for the replay window.
    ///
    /// # Errors
    /// [`StoreError`]; a gap is [`StoreError::Missing`].
    pub fn last_blocks(&self, tip: Height, count: u64) -> Result<impl Iterator<Item = Result<Block, StoreError>> + use<'_>, StoreError> {
        let first = tip.saturating_sub(count.saturating_sub(1)).get().max(1);
        Ok((first..=tip.get()).map(|height| {
            let height = Height::new(height);
            self.database.get::<Blocks>(&height)?.ok_or_else(|| StoreError::Missing { table: Blocks::NAME, key: height.to_string() })
        }))
    }

    /// The first write that failed: the node stops when there is one.
    pub fn watch_failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.database.watch_failure()
    }

    /// The undecided blocks.
    pub fn proposals(&self) -> Proposals {
        Proposals::new(Arc::clone(&self.database))
    }

    /// Keeps `record` for `key` durably and returns `None`, unless a record that has not expired at `now` is there: then that one.
    ///
    /// # Errors
    /// [`StoreError`]; the transaction MUST NOT be sent then.
    pub fn remember(
        &self,
        key: &IdempotencyKey,
        record: &IdempotencyRecord,
        now: BlockTime,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let _order = self.idempotency.lock().unwrap_or_else(PoisonError::into_inner);
        idempotency::remember(&self.database, key, record, now)
    }

    fn setting<V: Serialize + DeserializeOwned>(&self, setting: Setting) -> Result<Option<V>, StoreError> {
        let bytes = self.database.get_bytes::<Meta>(&setting.name().as_bytes().to_vec())?;
        bytes.map(|bytes| decode(setting, &bytes)).transpose()
    }
}

fn missing(setting: Setting) -> StoreError {
    StoreError::Missing { table: Meta::NAME, key: setting.name().to_owned() }
}

fn decode<V: Serialize + DeserializeOwned>(setting: Setting, bytes: &[u8]) -> Result<V, StoreError> {
    codec::decode(bytes, Peaks::MAX_BYTES).map_err(|e| StoreError::codec(Meta::NAME, setting.name().as_bytes(), &e))
}

fn put_setting<V: Serialize>(batch: &mut Batch<'_>, setting: Setting, value: &V) -> Result<(), StoreError> {
    batch.put_raw::<Meta>(&setting.name().as_bytes().to_vec(), &codec::encode(value))
}

/// About how many bytes the batch of blocks has: a batch that grows copies itself again and again.
fn size_hint(records: &[BlockRecord<'_>]) -> usize {
    /// Of a finished thing in all tables, its part of the block included.
    const RECORD: usize = 512;
    /// Of an entry of the state beside its value.
    const KEY: usize = 96;
    let finished = records.iter().fold(0, |sum: usize, record| sum.saturating_add(record.records.len()));
    let entries = records.iter().flat_map(|record| record.entries);
    let bytes = entries.map(|entry| entry.value.as_ref().map_or(KEY, |value| value.len().saturating_add(KEY)));
    bytes.fold(finished.saturating_mul(RECORD), usize::saturating_add)
}

fn put_blocks(batch: &mut Batch<'_>, records: &[BlockRecord<'_>]) -> Result<(), StoreError> {
    let mut places: Vec<(&TransactionId, TransactionPlace)> = Vec::new();
    for record in records {
        let height = record.tip.height;
        batch.put::<Blocks>(&height, record.block)?;
        batch.put::<Certificates>(&height, record.certificate)?;
        batch.put_encoded::<Receipts>(&height, record.encoded.receipts())?;
        batch.put_encoded::<Events>(&height, record.encoded.events())?;
        places.extend(record.transactions.iter().zip((0..).map(|index| TransactionPlace { height, index })));
    }
    places.sort_unstable_by_key(|(id, _)| *id);
    for (id, place) in places {
        batch.put::<TransactionIndex>(id, &place)?;
    }
    Ok(())
}

/// The state's entries, each as the last of the blocks left it.
fn put_entries(batch: &mut Batch<'_>, records: &[BlockRecord<'_>]) -> Result<(), StoreError> {
    // RocksDB takes batches in key order several times faster than others. The sort is stable: the last of a key is the newest.
    let mut entries: Vec<&StateEntry> = records.iter().flat_map(|record| record.entries).collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in entries.chunk_by(|a, b| a.key == b.key).filter_map(<[_]>::last) {
        match &entry.value {
            Some(value) => batch.put_raw::<Entries>(&entry.key, value)?,
            None => batch.delete::<Entries>(&entry.key)?,
        }
    }
    Ok(())
}

#[cfg(test)]
impl Store {
    /// No block is written before this is dropped.
    pub(crate) fn hold_commits(&self) -> std::sync::MutexGuard<'_, ()> {
        self.idempotency.lock().unwrap()
    }

    /// Makes every further write fail.
    pub(crate) fn fail_writes(&self) {
        self.database.fail();
    }

    /// Changes an entry of the state behind the ledger's back.
    pub(crate) fn damage<T: leg_ledger::state::Table>(&self, key: &T::Key, value: &T::Value) {
        let mut batch = self.database.batch();
        batch.put_raw::<Entries>(&T::flat_key(key), &codec::encode(value)).unwrap();
        self.database.commit("damage", batch).unwrap();
    }
}
