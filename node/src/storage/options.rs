//! RocksDB as measured best for batches of a thousand entries with one sync (docs/architecture.md): write buffers of 8 MiB (of
//! 32 for the state), batches in key order, no concurrent memtable, lz4 (from the first compaction on where keys come in any order), bloom
//! filters of ten bits, 4 KiB data blocks with a hash index.

use super::schema::{AllTrades, Blocks, Certificates, Entries, Events, HistoryNodes, HistoryRecords, Receipts, Table as _};
use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, DataBlockIndexType, Options, WriteOptions};

/// Bytes of one write buffer of one table.
const WRITE_BUFFER_BYTES: usize = 8 << 20;
/// Write buffers of one table before writes wait for a flush.
const WRITE_BUFFERS: i32 = 4;
/// Write buffers of all tables together: bounds the memory of a node.
const ALL_WRITE_BUFFERS_BYTES: usize = 64 << 20;
/// Cache of data blocks, all tables together.
const CACHE_BYTES: usize = 64 << 20;
/// Files kept open.
const OPEN_FILES: i32 = 256;
/// Compression of each level of a table whose keys come in any order. What is flushed lives in level 0 until the next compaction writes it
/// again, so that compressing it twice is waste. From the first compaction on it is worth its cost.
const REWRITTEN: [DBCompressionType; 2] = [DBCompressionType::None, DBCompressionType::Lz4];
/// Bytes of one write buffer of the state: most orders come and go within it, and their values are never flushed then.
const STATE_BUFFER_BYTES: usize = 32 << 20;
/// Flushed files at which a table whose keys come in any order is merged: such a merge writes most of the table again. What is looked up by
/// key is found through the bloom filters of a few files more; the state is read from the disk at a start alone.
const MERGED_FILES: i32 = 8;
/// Flushed files of such a table at which writes slow down, and at which they wait.
const FILES_SLOW: i32 = 24;
const FILES_STOP: i32 = 36;
/// Logs of RocksDB itself that are kept.
const INFO_LOGS: usize = 4;
/// Bytes of the write-ahead log at which tables with old, small changes are flushed, so that a start reads no more than this.
const WAL_BYTES: u64 = 128 << 20;

/// Options of the whole database.
pub(super) fn database() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // A torn record at the end is a write that never returned. Damage before it is a loss of what was acknowledged: refuse to open.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_allow_concurrent_memtable_write(false);
    options.set_db_write_buffer_size(ALL_WRITE_BUFFERS_BYTES);
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_keep_log_file_num(INFO_LOGS);
    options
}

/// Tables that grow with every block and whose keys only ascend: files never overlap, and where all levels are compressed alike RocksDB moves a file down as it is.
const APPENDED: [&str; 7] =
    [Blocks::NAME, Certificates::NAME, Receipts::NAME, Events::NAME, HistoryNodes::NAME, HistoryRecords::NAME, AllTrades::NAME];

/// Options of a table.
pub(super) fn table(name: &str, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_size(4 << 10);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_block_cache(cache);
    let mut options = Options::default();
    if name == Entries::NAME {
        options.set_write_buffer_size(STATE_BUFFER_BYTES);
    } else {
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    }
    options.set_max_write_buffer_number(WRITE_BUFFERS);
    if APPENDED.contains(&name) {
        options.set_compression_type(DBCompressionType::Lz4);
    } else {
        options.set_compression_per_level(&REWRITTEN);
        options.set_level_zero_file_num_compaction_trigger(MERGED_FILES);
        options.set_level_zero_slowdown_writes_trigger(FILES_SLOW);
        options.set_level_zero_stop_writes_trigger(FILES_STOP);
    }
    options.set_block_based_table_factory(&blocks);
    options
}

/// The cache that all tables share.
pub(super) fn cache() -> Cache {
    Cache::new_lru_cache(CACHE_BYTES)
}

/// How a batch is written: `sync` returns only when it is on the disk.
pub(super) fn write(sync: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    options
}
