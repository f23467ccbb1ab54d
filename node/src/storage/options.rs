//! RocksDB as measured best for batches of a thousand entries with one sync (docs/architecture.md): write buffers of 8 MiB, batches in
//! key order, no concurrent memtable, lz4 below level 0, bloom filters of ten bits, 4 KiB data blocks with a hash index.

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
/// Compression of each level. What is flushed lives in level 0 until the next compaction writes it again, and most of it are signatures,
/// hashes and ids, which hardly compress: most of the CPU of a flush was lz4. From the first compaction on it is worth its cost.
const COMPRESSION: [DBCompressionType; 2] = [DBCompressionType::None, DBCompressionType::Lz4];
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

/// Options of one table.
pub(super) fn table(cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_size(4 << 10);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_block_cache(cache);
    let mut options = Options::default();
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(WRITE_BUFFERS);
    options.set_compression_per_level(&COMPRESSION);
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
