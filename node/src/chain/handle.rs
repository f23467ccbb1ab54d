//! The committed chain as the rest of the node reads it.

use super::ahead::Ahead;
use super::behind::Unwritten;
use super::gate::Gate;
use super::recent::{NotKept, Recent};
use crate::storage::Store;
use leg_ledger::execute::{Advance, Ledger, Past, Tip};
use leg_ledger::history::Peaks;
use leg_ledger::ids::Height;
use leg_ledger::receipt::{Event, Receipt};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{broadcast, watch};

/// Committed blocks that a slow subscriber may lag behind before it has to look into the store.
const FOLLOWED_BLOCKS: usize = 256;

/// A block that became durable, with what it left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The chain's tip after it.
    pub tip: Tip,
    /// Number of its transactions.
    pub transactions: usize,
    /// Receipts in canonical order.
    pub receipts: Arc<Vec<Receipt>>,
    /// Events in order.
    pub events: Arc<Vec<Event>>,
}

/// What the service and all handles share.
pub(super) struct Shared {
    ledger: RwLock<Ledger>,
    /// Closed while the ledger is ahead of the store. Passed before the ledger is locked, never with it locked.
    pub(super) gate: Gate,
    /// Blocks that are ahead of the store. Locked with nothing but the gate locked.
    pub(super) unwritten: Unwritten,
    /// Blocks that are executed before consensus has them. Locked with nothing else locked.
    pub(super) ahead: Ahead,
    /// Locked with the ledger locked, never the other way round.
    recent: Mutex<Recent>,
    /// The tip at which the state was copied last.
    copied: Mutex<Option<Height>>,
    pub(super) store: Store,
    pub(super) tip: watch::Sender<Tip>,
    /// `None` once the chain is closed.
    committed: RwLock<Option<broadcast::Sender<Arc<Committed>>>>,
}

impl Shared {
    pub(super) fn new(ledger: Ledger, store: Store) -> Self {
        let (tip, _) = watch::channel(*ledger.tip());
        let (committed, _) = broadcast::channel(FOLLOWED_BLOCKS);
        Shared {
            ledger: RwLock::new(ledger),
            gate: Gate::default(),
            unwritten: Unwritten::default(),
            ahead: Ahead::default(),
            recent: Mutex::new(Recent::default()),
            copied: Mutex::new(None),
            store,
            tip,
            committed: RwLock::new(Some(committed)),
        }
    }

    /// Tells whoever follows the blocks. Nobody listening is no error.
    pub(super) fn publish(&self, committed: Committed) {
        let sender = self.committed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            let _ = sender.send(Arc::new(committed));
        }
    }

    /// The ledger after the newest durable block, to read.
    pub(super) fn ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        self.gate.pass(|| self.unwritten.hurry(), || self.latest())
    }

    /// The ledger after the newest block, which may not be durable yet: nothing that is read so leaves the node. A reader that panicked changed nothing,
    /// so its poison is no harm.
    pub(super) fn latest(&self) -> RwLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the state on; false for a block that was executed on another tip. Only the service calls this, with the block durable or the
    /// gate closed.
    pub(super) fn advance(&self, advance: Advance, peaks: Peaks) -> bool {
        let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let undo = ledger.commit_reversibly(advance, peaks);
        let moved = undo.is_some();
        undo.into_iter().for_each(|undo| self.recent.lock().unwrap_or_else(PoisonError::into_inner).push(undo));
        moved
    }
}

/// Reads the committed chain; clones share it. Queries of the store block on the disk: MUST be made away from the runtime's own threads.
#[derive(Clone)]
pub struct ChainHandle {
    pub(super) shared: Arc<Shared>,
}

impl ChainHandle {
    pub(super) fn new(shared: Shared) -> Self {
        ChainHandle { shared: Arc::new(shared) }
    }

    /// Reads the ledger after the newest durable block; waits while the next one is written beside the move to it. `reader` MUST be quick,
    /// since commits wait for it, and MUST NOT read again from within: a waiting commit would stop both.
    pub fn read<T>(&self, reader: impl FnOnce(&Ledger) -> T) -> T {
        reader(&self.shared.ledger())
    }

    /// Reads the ledger after the newest decided block, which may not be on this node's disk yet: for what the node does by itself, never for an
    /// answer. The committee's certificate made it final. Never waits for the disk; otherwise as [`ChainHandle::read`].
    pub fn read_decided<T>(&self, reader: impl FnOnce(&Ledger) -> T) -> T {
        reader(&self.shared.latest())
    }

    /// The chain as it was before one of the last blocks. Copies the state, while commits wait; therefore once a block.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn past(&self, height: Height) -> Result<Past, NotKept> {
        let ledger = self.shared.ledger();
        let mut copied = self.shared.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let tip = ledger.tip().height;
        if *copied == Some(tip) {
            return Err(NotKept::Busy);
        }
        let past = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner).past(&ledger, height)?;
        *copied = Some(tip);
        Ok(past)
    }

    /// The newest committed block.
    pub fn tip(&self) -> Tip {
        *self.shared.tip.borrow()
    }

    /// The tip as it changes.
    pub fn watch_tip(&self) -> watch::Receiver<Tip> {
        self.shared.tip.subscribe()
    }

    /// Every block that is committed from now on. A receiver that lags more than 256 blocks behind is told so, and finds them in the store.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        let sender = self.shared.committed.read().unwrap_or_else(PoisonError::into_inner);
        match sender.as_ref() {
            Some(sender) => sender.subscribe(),
            // Its sender is gone, so it says at once that nothing comes.
            None => broadcast::channel(1).1,
        }
    }

    /// Ends what [`ChainHandle::subscribe`] gave out: the node stops. Blocks that are committed after this are durable, but not published.
    pub fn close(&self) {
        *self.shared.committed.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Committed blocks, receipts, finished orders and trades, idempotency keys.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}
