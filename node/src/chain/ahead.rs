//! The next synced block, judged and executed while consensus is still busy with the one before it.
//!
//! A node that catches up has the bytes of many blocks at hand. The engine takes each of them through several messages, between which the
//! consensus thread waits; meanwhile a thread of its own executes the block that is likely to be next. Nothing of that shows: the block is not
//! certified yet, and what came of it is used only if the very same block is judged on the very same tip.

use leg_ledger::block::Block;
use leg_ledger::execute::{Executed, Fault, Ledger};
use leg_ledger::ids::{BlockId, Height, TransactionId};
use leg_ledger::transaction::Verified;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Blocks that wait for their turn; of more the highest are left to their judge.
const WAITING_BLOCKS: usize = 512;

/// A block that was executed on the tip before it was decided.
pub(super) struct Prepared {
    /// With the body that was executed: another may come under the same id.
    pub block: Block,
    pub transactions: Vec<TransactionId>,
    pub executed: Executed,
}

impl Prepared {
    /// Executes a block that is valid on the ledger's tip.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn execute(ledger: &Ledger, block: Block, verified: Vec<Verified>) -> Result<Self, Fault> {
        let transactions = verified.iter().map(Verified::id).collect();
        let executed = ledger.execute(&block, verified)?;
        Ok(Prepared { block, transactions, executed })
    }

    pub(super) fn id(&self) -> BlockId {
        self.executed.tip.block
    }
}

/// Decoded blocks of peers, and what came of the one on the tip.
#[derive(Default)]
pub(super) struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By height, in the order in which they came: two peers may call different blocks that of one.
    blocks: BTreeMap<(Height, u64), Block>,
    added: u64,
    /// The newest block; `None` until the service runs.
    tip: Option<(Height, BlockId)>,
    working: Option<BlockId>,
    done: Option<Prepared>,
    closed: bool,
}

impl State {
    /// The place of a waiting block on the tip.
    fn next(&self) -> Option<(Height, u64)> {
        let (height, id) = self.tip?;
        let next = height.next()?;
        let mut blocks = self.blocks.range((next, 0)..=(next, u64::MAX));
        blocks.find(|(_, block)| block.header.parent == id).map(|(place, _)| *place)
    }
}

impl Ahead {
    /// A block of a peer whose signatures were verified as far as they are good.
    pub(super) fn add(&self, block: Block) {
        let mut state = self.lock();
        let place = (block.header.height, state.added);
        state.added = state.added.wrapping_add(1);
        state.blocks.insert(place, block);
        if state.blocks.len() > WAITING_BLOCKS {
            state.blocks.pop_last();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The chain is at this block.
    pub(super) fn moved(&self, height: Height, block: BlockId) {
        let mut state = self.lock();
        state.tip = Some((height, block));
        state.blocks = state.blocks.split_off(&(height.next().unwrap_or(height), 0));
        let outdated = state.done.take();
        drop(state);
        self.changed.notify_all();
        drop(outdated);
    }

    /// The block as it was executed on the tip; waits if that is being done. `None` where it is left to the caller.
    pub(super) fn take(&self, id: BlockId) -> Option<Prepared> {
        let state = self.lock();
        let mut state = self.changed.wait_while(state, |state| state.working == Some(id)).unwrap_or_else(PoisonError::into_inner);
        // Whoever asks executes it now.
        let next = state.next().filter(|place| state.blocks.get(place).is_some_and(|block| block.id() == id));
        next.and_then(|place| state.blocks.remove(&place));
        state.done.take_if(|done| done.id() == id)
    }

    /// The next block, once there is one on the tip; `None` when the node stops.
    pub(super) fn next(&self) -> Option<Work<'_>> {
        let state = self.lock();
        let idle = |state: &mut State| !state.closed && state.next().is_none();
        let mut state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let place = state.next().filter(|_| !state.closed)?;
        let block = state.blocks.remove(&place)?;
        let id = block.id();
        state.working = Some(id);
        Some(Work { ahead: self, id, block: Some(block), done: None })
    }

    /// The node stops.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before the lock is given back.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Ahead {
    /// Whether a block is executed.
    pub(super) fn holds(&self, id: BlockId) -> bool {
        self.lock().done.as_ref().is_some_and(|done| done.id() == id)
    }

    /// Whether nothing is being executed, nor waits to be.
    pub(super) fn rests(&self) -> bool {
        let state = self.lock();
        state.working.is_none() && state.next().is_none()
    }

    /// Whether a block is being executed.
    pub(super) fn works_on(&self, id: BlockId) -> bool {
        self.lock().working == Some(id)
    }
}

/// A block that is being executed. However that ends, nobody waits for it any longer.
pub(super) struct Work<'a> {
    ahead: &'a Ahead,
    id: BlockId,
    pub block: Option<Block>,
    pub done: Option<Prepared>,
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let mut state = self.ahead.lock();
        state.working = None;
        let parent = self.done.as_ref().map(|done| done.block.header.parent);
        if state.tip.map(|(_, id)| id) == parent {
            state.done = self.done.take();
        }
        drop(state);
        self.ahead.changed.notify_all();
        tracing::trace!(block = %self.id, "done with a block ahead of its decision");
    }
}
