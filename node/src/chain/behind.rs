//! Blocks that are written behind the state: several together, by a thread of their own.
//!
//! A node that catches up commits a block in a few milliseconds. Most orders come and go within some of them: written together, only what is there
//! after the last leaves a trace in the state's table, and a group costs one sync. So the first of a group waits for others, unless somebody
//! waits for it: a reader at the gate, or the service.

use super::handle::Shared;
use super::outgoing::Outgoing;
use super::pool::TransactionPool;
use crate::storage::{BlockRecord, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Actions of a group; a block that has more is one by itself.
const GROUP_ACTIONS: usize = 8_192;
/// Blocks of a group.
const GROUP_BLOCKS: usize = 64;
/// How long the first block of a group waits for the others.
const GROUP_DELAY: Duration = Duration::from_millis(250);

/// Blocks that the state is ahead of the store by, as far as nobody writes them yet.
#[derive(Default)]
pub(super) struct Unwritten {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    blocks: VecDeque<Outgoing>,
    /// When the first of them came.
    since: Option<Instant>,
    /// A group is being written and published.
    writing: bool,
    /// Somebody waits for what is there now.
    hurried: bool,
    /// Nothing is taken any more: the service ends, or the thread has ended.
    closed: bool,
}

impl State {
    /// How many of the first blocks are written together.
    fn group(&self) -> usize {
        let mut actions: usize = 0;
        let fits = |block: &&Outgoing| {
            actions = actions.saturating_add(block.receipts.len());
            actions <= GROUP_ACTIONS
        };
        self.blocks.iter().take(GROUP_BLOCKS).take_while(fits).count().max(1).min(self.blocks.len())
    }

    /// Whether the next group is full: another block would be of the one after it.
    fn is_full(&self) -> bool {
        self.group() < self.blocks.len() || self.blocks.len() >= GROUP_BLOCKS
    }

    /// How long the next group may still wait.
    fn patience(&self, now: Instant) -> Duration {
        if self.hurried || self.closed || self.is_full() {
            return Duration::ZERO;
        }
        self.since.map_or(Duration::ZERO, |since| (since + GROUP_DELAY).saturating_duration_since(now))
    }

    /// Nothing is left to write.
    fn rests(&self) -> bool {
        self.blocks.is_empty() && !self.writing
    }
}

impl Unwritten {
    /// What waits is written at once.
    pub(super) fn hurry(&self) {
        self.lock().hurried = true;
        self.changed.notify_all();
    }

    /// Adds a block, once there is room for it. Gives it back when nobody writes any more.
    fn add(&self, block: Outgoing) -> Result<(), Box<Outgoing>> {
        let full = |state: &mut State| !state.closed && state.is_full();
        let mut state = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Box::new(block));
        }
        state.since.get_or_insert_with(Instant::now);
        state.blocks.push_back(block);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The next group, once it is time to write it; `None` after the last one.
    fn next(&self) -> Option<Vec<Outgoing>> {
        let idle = |state: &mut State| state.blocks.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        loop {
            let patience = state.patience(Instant::now());
            if patience.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.blocks.is_empty() {
            return None;
        }
        let group = state.group();
        let group = state.blocks.drain(..group).collect();
        state.writing = true;
        // Whoever comes to wait from here on may do so for a block that is not here yet.
        state.hurried &= !state.blocks.is_empty();
        state.since = (!state.blocks.is_empty()).then(Instant::now);
        drop(state);
        self.changed.notify_all();
        Some(group)
    }

    /// The group is durable and published.
    fn wrote(&self) {
        self.lock().writing = false;
        self.changed.notify_all();
    }

    /// Nothing is taken any more. What waits is still written, if there is a thread that does.
    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until nothing is left to write, or nobody is left to do it.
    fn settle(&self) {
        let mut state = self.lock();
        state.hurried |= !state.rests();
        self.changed.notify_all();
        let busy = |state: &mut State| !state.rests() && !state.closed;
        drop(self.changed.wait_while(state, busy));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before the lock is given back.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that writes groups.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<(), StoreError>>,
}

/// However the thread ends, nobody waits for it any longer: after a failed write the process is about to stop.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.unwritten.close();
        self.0.gate.open(usize::MAX);
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(shared: &Arc<Shared>, pool: Arc<dyn TransactionPool>) -> Result<Self, StoreError> {
        let own = Arc::clone(shared);
        own.unwritten.lock().closed = false;
        let thread = std::thread::Builder::new().name("block writer".to_owned()).spawn(move || write_groups(&own, pool.as_ref()));
        let thread = thread.map_err(|error| StoreError::Write { doing: "block", cause: error.to_string() })?;
        Ok(Writer { shared: Arc::clone(shared), thread })
    }

    /// Takes a block that the state has moved on to, with the gate closed for it.
    ///
    /// # Errors
    /// A write failed, and the thread has ended: [`Writer::finish`] tells why. The block is lost.
    pub(super) fn take(&self, block: Outgoing) -> Result<(), Box<Outgoing>> {
        self.shared.unwritten.add(block)?;
        // Whoever waits may have come before it was here, and hurried those before it.
        if self.shared.gate.waiting() > 0 {
            self.shared.unwritten.hurry();
        }
        Ok(())
    }

    /// Waits until all that was taken is durable and published. False when a write failed: [`Writer::finish`] tells why.
    pub(super) fn flush(&self) -> bool {
        self.shared.unwritten.settle();
        self.shared.unwritten.lock().rests()
    }

    /// Writes what is left and ends the thread.
    ///
    /// # Errors
    /// A block could not be written.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.shared.unwritten.close();
        // A panic in the store is our own bug; it stays one, on this thread.
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn write_groups(shared: &Shared, pool: &dyn TransactionPool) -> Result<(), StoreError> {
    let _ending = Ending(shared);
    while let Some(group) = shared.unwritten.next() {
        let records: Vec<BlockRecord<'_>> = group.iter().map(Outgoing::record).collect();
        // After a failure `Ending` opens the gate: whoever gets in then finds that nothing is taken any more.
        shared.store.commit_all(&records)?;
        shared.gate.open(group.len());
        group.into_iter().for_each(|block| block.publish(shared, pool));
        shared.unwritten.wrote();
    }
    Ok(())
}
