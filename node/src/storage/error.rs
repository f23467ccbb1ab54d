//! What can go wrong with the store. Every variant is fatal for the node unless its doc says otherwise.

use leg_ledger::codec::CodecError;
use leg_ledger::ids::{ChainId, Height};
use leg_ledger::state::StateError;
use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// RocksDB cannot open it: another process has it open, the disk is broken, or it is not a store.
    #[error("the store {path} cannot be opened: {cause}")]
    Open {
        /// Its folder.
        path: PathBuf,
        /// What RocksDB says.
        cause: String,
    },
    /// A table that this program does not know: a newer program wrote it.
    #[error("the store {path} has a table {table:?} that this program does not know; start the program that wrote it")]
    UnknownTable {
        /// Its folder.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// Another format version.
    #[error("the store has format {found}, this program reads format {known}; start the program that wrote it")]
    Format {
        /// What the store says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// A setting in the store that this program does not know.
    #[error("the store has a setting {0:?} that this program does not know; start the program that wrote it")]
    UnknownSetting(String),
    /// The store of another network.
    #[error("the store belongs to network {found}, this node to {expected}; use another data folder")]
    Chain {
        /// The store's network.
        found: ChainId,
        /// This node's.
        expected: ChainId,
    },
    /// It was created already.
    #[error("the store holds a network already")]
    NotEmpty,
    /// Nothing was ever committed, not even the founding state.
    #[error("the store is empty")]
    Empty,
    /// RocksDB could not read.
    #[error("the store cannot be read ({doing}): {cause}")]
    Read {
        /// What was tried.
        doing: &'static str,
        /// What RocksDB says.
        cause: String,
    },
    /// RocksDB could not write, or not sync.
    #[error("the store cannot be written ({doing}): {cause}")]
    Write {
        /// What was tried.
        doing: &'static str,
        /// What RocksDB says.
        cause: String,
    },
    /// A durable write failed before; what is on the disk is not known until the process starts again.
    #[error("an earlier write to the store failed; the process has to start again")]
    Failed,
    /// An entry whose bytes are not what its table holds.
    #[error("entry {key} of table {table} is damaged: {cause}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// Its key in hexadecimal digits.
        key: String,
        /// What is wrong.
        cause: String,
    },
    /// An entry that must be there is not.
    #[error("table {table} has no entry {key}")]
    Missing {
        /// The table.
        table: &'static str,
        /// What is missing.
        key: String,
    },
    /// The flat entries are not a state.
    #[error("the stored state cannot be loaded: {0}")]
    State(#[from] StateError),
    /// A block that does not follow the tip. A bug of the caller; nothing was written.
    #[error("block {given} does not follow the tip {tip}")]
    NotNext {
        /// The tip.
        tip: Height,
        /// The height to be committed.
        given: Height,
    },
}

impl StoreError {
    pub(super) fn damaged(table: &'static str, key: &[u8], cause: impl ToString) -> Self {
        StoreError::Damaged { table, key: hex::encode(key), cause: cause.to_string() }
    }

    pub(super) fn codec(table: &'static str, key: &[u8], cause: &CodecError) -> Self {
        StoreError::damaged(table, key, cause)
    }
}
