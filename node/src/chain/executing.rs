//! The thread that executes the next synced block; see [`super::ahead`].

use super::ahead::Prepared;
use super::handle::{ChainHandle, Shared};
use super::judging::{check, share};
use super::pool::TransactionPool;
use leg_ledger::block::Block;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The thread; ends it when it is dropped.
pub(super) struct Executing {
    chain: ChainHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Executing {
    fn drop(&mut self) {
        self.chain.shared.ahead.close();
        // It ends after the block at hand, and has the store open until then.
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("executing synced blocks ahead of their decision failed");
        }
    }
}

/// Starts the thread that executes ahead.
///
/// # Errors
/// There is no thread to be had.
pub(super) fn start_executing(chain: &ChainHandle, pool: Arc<dyn TransactionPool>) -> std::io::Result<Executing> {
    let shared = Arc::clone(&chain.shared);
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let thread = std::thread::Builder::new().name("executor ahead".to_owned()).spawn(move || {
        while let Some(mut work) = shared.ahead.next() {
            work.done = work.block.take().and_then(|block| prepare(&shared, block, pool.as_ref(), cores));
        }
    })?;
    Ok(Executing { chain: chain.clone(), thread: Some(thread) })
}

/// The block, executed on the tip; `None` for one that is not valid there, which its judge will find as well.
fn prepare(shared: &Shared, mut block: Block, pool: &dyn TransactionPool, cores: NonZeroUsize) -> Option<Prepared> {
    let found = share(&mut block, pool);
    let (verified, fresh) = check(&shared.latest(), &block, found, pool, cores).ok()?;
    pool.remember(&fresh);
    let ledger = shared.latest();
    // Meanwhile another block may have been decided.
    let on_tip = ledger.tip().block == block.header.parent;
    on_tip.then(|| Prepared::execute(&ledger, block, verified).ok()).flatten()
}
