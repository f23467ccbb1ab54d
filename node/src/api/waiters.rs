//! Requests that wait until their transaction is final: one task follows the chain for all of them.

use super::ports::{ChainPort, Followed, Results, Unavailable};
use futures::StreamExt;
use futures::stream::BoxStream;
use leg_ledger::ids::TransactionId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Requests that wait at the same time. Further ones are answered as soon as their transaction is admitted.
const MAX_WAITING: usize = 16_384;

type Senders = HashMap<TransactionId, Vec<oneshot::Sender<Arc<Results>>>>;

/// Who waits for what.
#[derive(Debug, Default)]
pub struct Waiters {
    senders: Mutex<Senders>,
}

/// A place in the waiting list; leaving it is enough to give it back.
#[derive(Debug)]
pub struct Waiter {
    waiters: Arc<Waiters>,
    id: TransactionId,
    receiver: oneshot::Receiver<Arc<Results>>,
}

impl Waiter {
    /// Waits for the results of the block that includes the transaction; `None` when the node stops.
    pub async fn finality(&mut self) -> Option<Arc<Results>> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.receiver.close();
        let mut senders = self.waiters.lock();
        if let Some(list) = senders.get_mut(&self.id) {
            list.retain(|sender| !sender.is_closed());
            if list.is_empty() {
                senders.remove(&self.id);
            }
        }
    }
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, Senders> {
        // Nothing panics while it is held, and the map is whole between any two of its operations.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a transaction, which MUST be submitted after this; `None` when the list is full.
    pub fn register(self: &Arc<Self>, id: TransactionId) -> Option<Waiter> {
        let mut senders = self.lock();
        if senders.len() >= MAX_WAITING {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        senders.entry(id).or_default().push(sender);
        Some(Waiter { waiters: Arc::clone(self), id, receiver })
    }

    fn answer(&self, results: &Arc<Results>) {
        let mut senders = self.lock();
        for receipt in results.receipts.iter() {
            if senders.is_empty() {
                return;
            }
            // Found once: the transaction's other receipts find nobody waiting any more.
            for sender in senders.remove(&receipt.transaction).unwrap_or_default() {
                // A client that went away is no concern of the others.
                let _ = sender.send(Arc::clone(results));
            }
        }
    }

    /// Looks up everything that is waited for, after blocks were skipped.
    fn look_up(&self, chain: &dyn ChainPort) -> Result<(), Unavailable> {
        let ids: Vec<TransactionId> = self.lock().keys().copied().collect();
        for id in ids {
            if let Some(height) = chain.height_of(id)?
                && let Some(results) = chain.results(height)?
            {
                self.answer(&Arc::new(results));
            }
        }
        Ok(())
    }

    /// Follows the chain until it stops. `blocks` MUST be what the chain gave before the first transaction was submitted.
    pub async fn run(self: Arc<Self>, mut blocks: BoxStream<'static, Followed>, chain: Arc<dyn ChainPort>) {
        while let Some(step) = blocks.next().await {
            match step {
                Followed::Block(results) => self.answer(&results),
                Followed::Lagged => {
                    let (waiters, chain) = (Arc::clone(&self), Arc::clone(&chain));
                    let looked_up = tokio::task::spawn_blocking(move || waiters.look_up(chain.as_ref())).await;
                    if let Ok(Err(error)) = looked_up {
                        tracing::error!(%error, "requests that wait for finality are answered late");
                    }
                }
            }
        }
    }
}
