//! Signatures of synced blocks, verified before the blocks are judged, on cores that the consensus thread leaves idle.
//!
//! A node that catches up gets many blocks at once, which are then judged and executed one after the other on one thread. What verifies
//! here is remembered by the pool, so that judging finds it known. Nothing depends on it: what is skipped here, or does not verify with
//! the keys that are registered now, is verified when its block is judged.

use super::{ChainHandle, TransactionPool};
use bytes::Bytes;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::execute::Ledger;
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::signature::{Batch, PublicKey};
use leg_ledger::state::{Members, View};
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Blocks that wait; further ones are left to the judge. Their bytes are those of the answers that the engine holds as well.
const QUEUED_BLOCKS: usize = 128;
/// Signatures verified together.
const BATCH: usize = 1_024;

/// Takes blocks whose signatures will soon be asked for. Clones share one queue; the task ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Prefetch {
    queue: mpsc::Sender<Bytes>,
}

impl Prefetch {
    /// Starts the task, within a tokio runtime.
    pub fn start(chain: ChainHandle, pool: Arc<dyn TransactionPool>) -> (Self, JoinHandle<()>) {
        let (queue, mut blocks) = mpsc::channel::<Bytes>(QUEUED_BLOCKS);
        let task = tokio::spawn(async move {
            while let Some(bytes) = blocks.recv().await {
                let (chain, pool) = (chain.clone(), Arc::clone(&pool));
                if let Err(error) = spawn_blocking(move || verify_ahead(&chain, pool.as_ref(), &bytes)).await {
                    tracing::error!(%error, "verifying signatures ahead failed");
                    return;
                }
            }
        });
        (Prefetch { queue }, task)
    }

    /// Offers the encoded bytes of a block. Never waits: a block beyond the queue is verified by its judge.
    pub fn offer(&self, block: Bytes) {
        if self.queue.try_send(block).is_err() {
            tracing::trace!("a synced block is not verified ahead");
        }
    }
}

/// Verifies the signatures of an encoded block and has the pool remember those that are good.
pub(super) fn verify_ahead(chain: &ChainHandle, pool: &dyn TransactionPool, bytes: &[u8]) {
    // The peer is judged by those who asked it; bytes that are no block cost it nothing here.
    let Ok(block) = codec::decode::<Block>(bytes, HARD_BLOCK_BYTES) else { return };
    let transactions = block.body.transactions;
    let (network, keys) = chain.read(|ledger| {
        // The next block is being judged already, on all cores.
        let late = block.header.height <= ledger.next_height();
        let keys: Vec<Option<PublicKey>> = if late { vec![] } else { transactions.iter().map(|t| key_of(ledger, t)).collect() };
        (ledger.chain(), keys)
    });
    // What waits was verified when it was admitted.
    let unseen = pool.find(&transactions).into_iter().map(|found| found.is_none());
    let named = transactions.into_iter().zip(keys).zip(unseen).filter_map(|(named, unseen)| unseen.then_some(named));
    let candidates = named.filter_map(|(transaction, key)| transaction.assume_verified(network, key?).ok());
    let fresh: Vec<Verified> = candidates.filter(|v| !pool.is_known(&v.commitment(), &v.key())).collect();
    for group in fresh.chunks(BATCH) {
        let mut batch = Batch::new();
        group.iter().for_each(|v| batch.push(&v.key(), &v.message(), &v.transaction().signature));
        if batch.verify().is_ok() {
            pool.remember(group);
        }
    }
}

/// The key that the transaction is signed with, as registered now.
fn key_of(ledger: &Ledger, transaction: &SignedTransaction) -> Option<PublicKey> {
    ledger.state().get::<Members>(&transaction.body.signer)?.keys.signer(transaction.body.role)
}
