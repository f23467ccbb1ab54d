//! Keeps readers of the ledger out while a block is ahead of the disk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Closed from before a block is moved on to in memory until it and all before it are durable. Readers that wait get in before it closes for another
/// block, however fast blocks follow each other.
///
/// While the node starts, readers may be the runtime's own threads, later they are others; either way as many may wait as there are. So between
/// closing and opening it nothing MUST wait for the runtime, the engine included: it is closed for a decided block only, which goes to the disk
/// without anybody else.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Blocks that are not durable.
    ahead: usize,
    /// Readers that found it closed and are not in yet.
    waiting: usize,
}

impl Gate {
    /// Runs `enter` while the gate is open and cannot close. Where it is closed, `hurry` is run before the wait: whoever writes may be taking
    /// its time.
    pub(super) fn pass<T>(&self, hurry: impl FnOnce(), enter: impl FnOnce() -> T) -> T {
        let mut state = self.lock();
        if state.ahead > 0 {
            state.waiting += 1;
            hurry();
            state = self.changed.wait_while(state, |state| state.ahead > 0).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            self.changed.notify_all();
        }
        let entered = enter();
        drop(state);
        entered
    }

    /// Lets those in who wait already, then closes for one block more. Whoever writes MUST have all the blocks before it: those who wait get in
    /// when they are durable.
    pub(super) fn close(&self) {
        let state = self.lock();
        let mut state = self.changed.wait_while(state, |state| state.waiting > 0).unwrap_or_else(PoisonError::into_inner);
        state.ahead = state.ahead.saturating_add(1);
    }

    /// So many blocks more are durable.
    pub(super) fn open(&self, blocks: usize) {
        let mut state = self.lock();
        state.ahead = state.ahead.saturating_sub(blocks);
        drop(state);
        self.changed.notify_all();
    }

    /// Readers that found it closed and are not in yet.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whatever panicked with the lock changed one of two fields, each of which stands for itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn nobody_passes_a_closed_gate() {
        let (gate, passed) = (Gate::default(), AtomicUsize::new(0));
        gate.close();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| gate.pass(|| (), || passed.fetch_add(1, Ordering::SeqCst)));
            }
            while gate.waiting() < 4 {
                std::thread::yield_now();
            }
            assert_eq!(passed.load(Ordering::SeqCst), 0);
            gate.open(1);
        });
        assert_eq!(passed.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn whoever_waits_gets_in_before_it_closes_again() {
        let (gate, passed) = (Gate::default(), AtomicUsize::new(0));
        gate.close();
        std::thread::scope(|threads| {
            for number in 1..100 {
                threads.spawn(|| gate.pass(|| (), || passed.fetch_add(1, Ordering::SeqCst)));
                while gate.waiting() == 0 {
                    std::thread::yield_now();
                }
                gate.open(1);
                gate.close();
                assert_eq!(passed.load(Ordering::SeqCst), number, "a reader was shut out");
            }
            gate.open(1);
        });
    }
}
