//! Typed access to RocksDB: tables instead of column families, values instead of bytes, one door for durable writes.

use super::StoreError;
use super::key::StoreKey;
use super::options;
use super::schema::{Raw, TABLES, Table};
use leg_ledger::codec;
use rocksdb::{ColumnFamily, ColumnFamilyDescriptor, DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use tokio::sync::watch;

/// Most bytes of one value: the receipts and events of the largest block stay far below.
const MAX_VALUE_BYTES: usize = 64 << 20;

/// How much of a table is read at once where all of it is.
const READAHEAD_BYTES: usize = 4 << 20;

/// The open database.
pub(super) struct Database {
    db: DB,
    /// The first write that failed.
    failed: watch::Sender<Option<StoreError>>,
}

/// One step of a walk.
type Entry<K, V> = Result<(K, V), StoreError>;

/// Key and bytes of an entry.
type Found<T> = (<T as Table>::Key, Vec<u8>);

/// Which way to walk a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

impl Database {
    /// Opens or creates the database with exactly the tables of the schema.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |cause: String| StoreError::Open { path: path.to_owned(), cause };
        std::fs::create_dir_all(path).map_err(|e| failed(e.to_string()))?;
        let options = options::database();
        if path.join("CURRENT").exists() {
            let found = DB::list_cf(&options, path).map_err(|e| failed(e.to_string()))?;
            if let Some(table) = found.into_iter().find(|name| name != "default" && !TABLES.contains(&name.as_str())) {
                return Err(StoreError::UnknownTable { path: path.to_owned(), table });
            }
        }
        let cache = options::cache();
        let families = TABLES.iter().map(|name| ColumnFamilyDescriptor::new(*name, options::table(name, &cache)));
        let db = DB::open_cf_descriptors(&options, path, families).map_err(|e| failed(e.to_string()))?;
        Ok(Database { db, failed: watch::channel(None).0 })
    }

    fn family<T: Table>(&self) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(T::NAME).ok_or(StoreError::Missing { table: T::NAME, key: "its column family".to_owned() })
    }

    /// The bytes of an entry.
    pub fn get_bytes<T: Table>(&self, key: &T::Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family::<T>()?, key.to_bytes()).map_err(|e| StoreError::Read { doing: T::NAME, cause: e.to_string() })
    }

    /// An entry.
    pub fn get<T: Table<Value: Serialize + DeserializeOwned>>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        self.get_bytes::<T>(key)?.map(|bytes| decode::<T>(&key.to_bytes(), &bytes)).transpose()
    }

    /// Entries whose key begins with `prefix`, from `from` on (inclusive; `None`: from the first, or when descending the last), as bytes.
    ///
    /// The walk sees the table as it is at this call, whatever is written meanwhile.
    pub fn scan<'a, T: Table>(
        &'a self,
        prefix: &[u8],
        from: Option<&T::Key>,
        order: Order,
    ) -> Result<impl Iterator<Item = Entry<T::Key, Vec<u8>>> + use<'a, T>, StoreError> {
        let mut read = ReadOptions::default();
        let end = after_prefix(prefix);
        read.set_iterate_lower_bound(prefix);
        if let Some(end) = &end {
            read.set_iterate_upper_bound(end.clone());
        }
        let start = from.map(StoreKey::to_bytes);
        let mode = match (order, &start) {
            (Order::Ascending, None) => IteratorMode::Start,
            (Order::Descending, None) => IteratorMode::End,
            (Order::Ascending, Some(key)) => IteratorMode::From(key, Direction::Forward),
            (Order::Descending, Some(key)) => IteratorMode::From(key, Direction::Reverse),
        };
        self.walk::<T>(read, mode)
    }

    /// All entries of a table in ascending order, read in large steps that leave the cache to what is used.
    pub fn scan_all<T: Table>(&self) -> Result<impl Iterator<Item = Entry<T::Key, Vec<u8>>> + use<'_, T>, StoreError> {
        let mut read = ReadOptions::default();
        read.set_readahead_size(READAHEAD_BYTES);
        read.fill_cache(false);
        self.walk::<T>(read, IteratorMode::Start)
    }

    fn walk<'a, T: Table>(
        &'a self,
        read: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> Result<impl Iterator<Item = Entry<T::Key, Vec<u8>>> + use<'a, T>, StoreError> {
        Ok(self.db.iterator_cf_opt(self.family::<T>()?, read, mode).map(|item| {
            let (key, value) = item.map_err(|e| StoreError::Read { doing: T::NAME, cause: e.to_string() })?;
            let parsed = T::Key::from_bytes(&key).ok_or_else(|| StoreError::damaged(T::NAME, &key, "not a key of this table"))?;
            Ok((parsed, value.into_vec()))
        }))
    }

    /// Like [`Database::scan`], with decoded values.
    pub fn scan_values<'a, T: Table<Value: Serialize + DeserializeOwned>>(
        &'a self,
        prefix: &[u8],
        from: Option<&T::Key>,
        order: Order,
    ) -> Result<impl Iterator<Item = Entry<T::Key, T::Value>> + use<'a, T>, StoreError> {
        let entries = self.scan::<T>(prefix, from, order)?;
        Ok(entries.map(|entry| {
            let (key, bytes) = entry?;
            let value = decode::<T>(&key.to_bytes(), &bytes)?;
            Ok((key, value))
        }))
    }

    /// The last entry whose key begins with `prefix` and is not after `key`: the run that holds `key`, if one does.
    pub fn at_or_before<T: Table>(&self, prefix: &[u8], key: &T::Key) -> Result<Option<Found<T>>, StoreError> {
        self.scan::<T>(prefix, Some(key), Order::Descending)?.next().transpose()
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch<'_> {
        self.batch_of(0)
    }

    /// An empty batch with room for so many bytes.
    pub fn batch_of(&self, bytes: usize) -> Batch<'_> {
        Batch { database: self, changes: WriteBatch::with_capacity_bytes(bytes), value: Vec::new() }
    }

    /// Writes a batch and returns when it is on the disk. The first failure makes the database unusable for writing: what is on the disk
    /// is then only known to the next start.
    pub fn commit(&self, doing: &'static str, batch: Batch<'_>) -> Result<(), StoreError> {
        self.write(doing, batch, true)
    }

    /// Writes a batch whose loss in a crash would cost nothing but space.
    pub fn write_unsynced(&self, doing: &'static str, batch: Batch<'_>) -> Result<(), StoreError> {
        self.write(doing, batch, false)
    }

    fn write(&self, doing: &'static str, batch: Batch<'_>, sync: bool) -> Result<(), StoreError> {
        if self.failed.borrow().is_some() {
            return Err(StoreError::Failed);
        }
        self.db.write_opt(batch.changes, &options::write(sync)).map_err(|e| {
            let error = StoreError::Write { doing, cause: e.to_string() };
            self.failed.send_replace(Some(error.clone()));
            error
        })
    }

    /// The first write that failed.
    pub fn watch_failure(&self) -> watch::Receiver<Option<StoreError>> {
        self.failed.subscribe()
    }

    /// Makes every further write fail, as after one that did.
    #[cfg(test)]
    pub fn fail(&self) {
        self.failed.send_replace(Some(StoreError::Write { doing: "test", cause: "no space left".to_owned() }));
    }
}

pub(super) fn decode<T: Table<Value: Serialize + DeserializeOwned>>(key: &[u8], bytes: &[u8]) -> Result<T::Value, StoreError> {
    codec::decode(bytes, MAX_VALUE_BYTES).map_err(|e| StoreError::codec(T::NAME, key, &e))
}

/// The first key after all keys that begin with `prefix`; `None` when there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Changes that become visible and durable together.
pub(super) struct Batch<'a> {
    database: &'a Database,
    changes: WriteBatch,
    /// Bytes of a value on their way; kept, since a block's are hundreds of kilobytes.
    value: Vec<u8>,
}

impl Batch<'_> {
    /// Sets an entry.
    pub fn put<T: Table<Value: Serialize>>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        self.encode::<T>(key, value)
    }

    /// Sets an entry to several items, which stay where they are.
    pub fn put_run<T: Table<Value = Vec<V>>, V: Serialize>(&mut self, key: &T::Key, items: &[V]) -> Result<(), StoreError> {
        self.encode::<T>(key, items)
    }

    fn encode<T: Table>(&mut self, key: &T::Key, value: &(impl Serialize + ?Sized)) -> Result<(), StoreError> {
        let mut bytes = std::mem::take(&mut self.value);
        bytes.clear();
        codec::try_encode_into(value, &mut bytes).map_err(|e| StoreError::codec(T::NAME, &key.to_bytes(), &e))?;
        self.set::<T>(key, &bytes)?;
        self.value = bytes;
        Ok(())
    }

    fn set<T: Table>(&mut self, key: &T::Key, bytes: &[u8]) -> Result<(), StoreError> {
        self.changes.put_cf(self.database.family::<T>()?, key.to_bytes(), bytes);
        Ok(())
    }

    /// Sets an entry to a value that is encoded already: its very bytes.
    pub fn put_encoded<T: Table<Value: Serialize>>(&mut self, key: &T::Key, bytes: &[u8]) -> Result<(), StoreError> {
        self.set::<T>(key, bytes)
    }

    /// Sets an entry of a raw table.
    pub fn put_raw<T: Table<Value = Raw>>(&mut self, key: &T::Key, bytes: &[u8]) -> Result<(), StoreError> {
        self.set::<T>(key, bytes)
    }

    /// Removes an entry.
    pub fn delete<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        self.changes.delete_cf(self.database.family::<T>()?, key.to_bytes());
        Ok(())
    }

    /// Removes all entries with `from <= key < until`.
    pub fn delete_range<T: Table>(&mut self, from: &[u8], until: &[u8]) -> Result<(), StoreError> {
        self.changes.delete_range_cf(self.database.family::<T>()?, from, until);
        Ok(())
    }
}

/// Adds a table that the schema does not know.
#[cfg(test)]
pub(super) fn add_foreign_table(path: &Path, name: &str) {
    let families = TABLES.iter().copied().chain([name]).map(|name| ColumnFamilyDescriptor::new(name, rocksdb::Options::default()));
    DB::open_cf_descriptors(&options::database(), path, families).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_follows_all_its_keys() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255, 255]), None);
        assert_eq!(after_prefix(&[]), None);
    }
}
