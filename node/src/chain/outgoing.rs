//! A block on its way to the disk, and from there to those who follow the chain.

use super::handle::{Committed, Shared};
use super::open::warn_of_unknown_versions;
use super::pool::TransactionPool;
use crate::storage::{BlockRecord, StoreError};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::{Encoded, HistoryRecord, Tip};
use leg_ledger::hash::Hash;
use leg_ledger::history::Peaks;
use leg_ledger::ids::TransactionId;
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::state::StateEntry;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// What an executed block leaves behind.
pub(super) struct Outgoing {
    pub block: Block,
    pub certificate: Certificate,
    pub transactions: Vec<TransactionId>,
    pub tip: Tip,
    pub entries: Vec<StateEntry>,
    pub records: Vec<HistoryRecord>,
    pub encoded: Encoded,
    pub history_nodes: Vec<(u64, Hash)>,
    pub peaks: Peaks,
    pub receipts: Vec<Receipt>,
    pub events: Vec<Event>,
}

impl Outgoing {
    /// What the store keeps of it.
    pub(super) fn record(&self) -> BlockRecord<'_> {
        BlockRecord {
            block: &self.block,
            certificate: &self.certificate,
            transactions: &self.transactions,
            tip: &self.tip,
            entries: &self.entries,
            records: &self.records,
            encoded: &self.encoded,
            history_nodes: &self.history_nodes,
            peaks: &self.peaks,
        }
    }

    /// Makes it durable, in one synced batch.
    ///
    /// # Errors
    /// The caller MUST stop the process.
    pub(super) fn write(&self, shared: &Shared) -> Result<(), StoreError> {
        shared.store.commit(&self.record())
    }

    /// Tells of it: it is durable, and the ledger shows the state after it.
    pub(super) fn publish(self, shared: &Shared, pool: &dyn TransactionPool) {
        pool.on_committed(&self.block);
        if self.events.iter().any(|event| matches!(event, Event::VersionAnnounced { .. })) {
            // Not through the gate: this thread may be the one that opens it.
            warn_of_unknown_versions(&shared.latest());
        }
        shared.tip.send_replace(self.tip);
        shared.publish(Committed {
            tip: self.tip,
            transactions: self.transactions.len(),
            receipts: Arc::new(self.receipts),
            events: Arc::new(self.events),
        });
    }
}

/// A thread that writes and publishes one block, while the service moves the state on and maybe executes the next one.
pub(super) struct Writing {
    thread: JoinHandle<Result<(), StoreError>>,
}

/// Says, when it is dropped, that the state has moved on.
pub(super) struct Moving {
    _moved: SyncSender<()>,
}

impl Writing {
    /// Starts to write. The gate is opened, and the block published, when both are done: it is durable, and [`Moving`] was dropped.
    ///
    /// # Errors
    /// There is no thread to be had. Nothing was written.
    pub(super) fn start(block: Outgoing, shared: Arc<Shared>, pool: Arc<dyn TransactionPool>) -> Result<(Self, Moving), StoreError> {
        let (moved, has_moved) = sync_channel::<()>(0);
        let write = move || {
            let written = block.write(&shared);
            // Nothing is ever sent: it ends when the sender is dropped.
            let _ = has_moved.recv();
            shared.gate.open(1);
            written?;
            block.publish(&shared, pool.as_ref());
            Ok(())
        };
        let thread = std::thread::Builder::new().name("block writer".to_owned()).spawn(write);
        let thread = thread.map_err(|error| StoreError::Write { doing: "block", cause: error.to_string() })?;
        Ok((Writing { thread }, Moving { _moved: moved }))
    }

    /// Waits until the block is durable and published.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        // A panic in the store is our own bug; it stays one, on this thread.
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
