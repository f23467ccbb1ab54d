//! Signatures of synced blocks, verified before the blocks are judged, on cores that the consensus thread leaves idle.
//!
//! A node that catches up gets many blocks at once, which are then judged and executed one after the other on one thread. What verifies
//! here is remembered by the pool, so that judging finds it known. Nothing depends on it: what is skipped here, or does not verify with
//! the keys that are registered now, is verified when its block is judged.

use super::executing::start_executing;
use super::{ChainHandle, TransactionPool};
use bytes::Bytes;
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::execute::Ledger;
use leg_ledger::ids::Height;
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::signature::{Batch, PublicKey};
use leg_ledger::state::{Members, View};
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Blocks that wait; of more the last ones are left to the judge. Their bytes are those of the answers that the engine holds as well, which
/// reads at most 320 blocks ahead.
const QUEUED_BLOCKS: usize = 512;
/// Transactions that are verified ahead of the tip: half of the signatures that the pool remembers, so that none is forgotten before its
/// block is judged.
const MAX_AHEAD: usize = 65_536;
/// Signatures verified together.
const BATCH: usize = 2_048;
/// Niceness of the verifying thread: of a core that another one wants it gets about a quarter.
#[cfg(target_os = "linux")]
const BACKGROUND: i32 = 5;
/// Bytes of small blocks whose signatures are verified together: about a batch.
const TAKEN_BYTES: usize = 512 << 10;

/// Takes blocks whose signatures will soon be asked for. Clones share one queue; the task ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Prefetch {
    queue: mpsc::Sender<(Height, Bytes)>,
}

impl Prefetch {
    /// Starts the task, within a tokio runtime, with its threads: one that verifies, one that executes the next block.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(chain: ChainHandle, pool: Arc<dyn TransactionPool>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, offers) = mpsc::channel(QUEUED_BLOCKS);
        let executing = start_executing(&chain, Arc::clone(&pool))?;
        let verifier = start_verifier(chain.clone(), pool)?;
        let task = async move {
            run(chain, verifier, offers).await;
            drop(executing);
        };
        Ok((Prefetch { queue }, tokio::spawn(task)))
    }

    /// Offers the encoded bytes of what a peer calls the block of a height. Never waits: a block beyond the queue is verified by its judge.
    pub fn offer(&self, height: Height, block: Bytes) {
        if self.queue.try_send((height, block)).is_err() {
            tracing::trace!(%height, "a synced block is not verified ahead");
        }
    }
}

async fn run(chain: ChainHandle, verifier: std::sync::mpsc::Sender<Job>, mut offers: mpsc::Receiver<(Height, Bytes)>) {
    let (mut tip, mut waiting) = (chain.watch_tip(), Waiting::default());
    loop {
        while let Ok((height, bytes)) = offers.try_recv() {
            waiting.add(height, bytes);
        }
        let height = tip.borrow_and_update().height;
        let blocks = waiting.take(height);
        if blocks.is_empty() {
            tokio::select! {
                offer = offers.recv() => match offer {
                    Some((height, bytes)) => waiting.add(height, bytes),
                    None => return,
                },
                Ok(()) = tip.changed() => {}
            }
            continue;
        }
        let (answer, verified) = oneshot::channel();
        let verified = match verifier.send((blocks, answer)) {
            Ok(()) => verified.await.ok(),
            Err(_) => None,
        };
        let Some(verified) = verified else { return tracing::error!("verifying signatures ahead failed") };
        verified.into_iter().for_each(|(height, transactions)| waiting.verified(height, transactions));
    }
}

/// Blocks to verify, and who waits for the numbers of their transactions.
type Job = (Vec<(Height, Bytes)>, oneshot::Sender<Vec<(Height, usize)>>);

/// Starts the thread that verifies. What it does can wait, what the others do cannot: they get the processor first.
fn start_verifier(chain: ChainHandle, pool: Arc<dyn TransactionPool>) -> std::io::Result<std::sync::mpsc::Sender<Job>> {
    let (jobs, todo) = std::sync::mpsc::channel::<Job>();
    std::thread::Builder::new().name("verifier".to_owned()).spawn(move || {
        yield_to_others();
        for (blocks, answer) in todo {
            // Nobody waits any more when the node stops.
            let _ = answer.send(verify_ahead(&chain, pool.as_ref(), &blocks));
        }
    })?;
    Ok(jobs)
}

/// Lowers the priority of this thread; where the system knows priorities of processes only, nothing is done.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, BACKGROUND) {
        tracing::debug!(%error, "the verifier of synced blocks keeps its priority");
    }
}

/// Blocks that wait, and what was verified of blocks above the tip.
#[derive(Debug, Default)]
struct Waiting {
    /// By height; two peers may call different bytes the block of one.
    blocks: BTreeMap<(Height, u64), Bytes>,
    added: u64,
    /// Transactions by the height of their block.
    ahead: BTreeMap<Height, usize>,
}

impl Waiting {
    fn add(&mut self, height: Height, bytes: Bytes) {
        self.blocks.insert((height, self.added), bytes);
        self.added = self.added.wrapping_add(1);
        if self.blocks.len() > QUEUED_BLOCKS {
            self.blocks.pop_last();
        }
    }

    /// The lowest blocks above the one that is being judged on the tip, of [`TAKEN_BYTES`] together; none when enough is verified ahead.
    fn take(&mut self, tip: Height) -> Vec<(Height, Bytes)> {
        let judged = tip.next().unwrap_or(tip);
        self.blocks = self.blocks.split_off(&(judged.next().unwrap_or(judged), 0));
        self.ahead = self.ahead.split_off(&judged);
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < TAKEN_BYTES
            && self.ahead.values().sum::<usize>() < MAX_AHEAD
            && let Some(((height, _), block)) = self.blocks.pop_first()
        {
            bytes += block.len();
            taken.push((height, block));
        }
        taken
    }

    fn verified(&mut self, height: Height, transactions: usize) {
        *self.ahead.entry(height).or_default() += transactions;
    }
}

/// Verifies the signatures of encoded blocks, those of small ones together, has the pool remember those that are good, and passes the blocks
/// on to be executed. Number of the transactions of each.
pub(super) fn verify_ahead(chain: &ChainHandle, pool: &dyn TransactionPool, blocks: &[(Height, Bytes)]) -> Vec<(Height, usize)> {
    let (mut fresh, mut counts, mut decoded) = (Vec::new(), Vec::with_capacity(blocks.len()), Vec::new());
    for (height, bytes) in blocks {
        // The peer is judged by those who asked it; bytes that are no block cost it nothing here.
        let Ok(block) = codec::decode::<Block>(bytes, HARD_BLOCK_BYTES) else { continue };
        counts.push((*height, block.body.transactions.len()));
        decoded.push(block.clone());
        add_unseen(chain, pool, block, &mut fresh);
    }
    for group in fresh.chunks(BATCH) {
        let mut batch = Batch::new();
        group.iter().for_each(|v| batch.push(&v.key(), &v.message(), &v.transaction().signature));
        if batch.verify().is_ok() {
            pool.remember(group);
        }
    }
    decoded.into_iter().for_each(|block| chain.shared.ahead.add(block));
    counts
}

/// Adds the transactions of a block whose signatures are not known, as if they had been verified.
fn add_unseen(chain: &ChainHandle, pool: &dyn TransactionPool, block: Block, fresh: &mut Vec<Verified>) {
    let transactions = block.body.transactions;
    let ledger = chain.shared.latest();
    // The next block is being judged already, on all cores.
    let late = block.header.height <= ledger.next_height();
    let keys: Vec<Option<PublicKey>> = if late { vec![] } else { transactions.iter().map(|t| key_of(&ledger, t)).collect() };
    let network = ledger.chain();
    drop(ledger);
    // What waits was verified when it was admitted.
    let unseen = pool.find(&transactions).into_iter().map(|found| found.is_none());
    let named = transactions.into_iter().zip(keys).zip(unseen).filter_map(|(named, unseen)| unseen.then_some(named));
    let candidates = named.filter_map(|(transaction, key)| transaction.assume_verified(network, key?).ok());
    fresh.extend(candidates.filter(|v| !pool.is_known(&v.commitment(), &v.key())));
}

/// The key that the transaction is signed with, as registered now.
fn key_of(ledger: &Ledger, transaction: &SignedTransaction) -> Option<PublicKey> {
    ledger.state().get::<Members>(&transaction.body.signer)?.keys.signer(transaction.body.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heights, in the order in which they are taken at this tip.
    fn taken(waiting: &mut Waiting, tip: u64) -> Vec<u64> {
        waiting.take(Height::new(tip)).iter().map(|(height, _)| height.get()).collect()
    }

    fn waiting(heights: impl IntoIterator<Item = u64>, bytes: usize) -> Waiting {
        let mut waiting = Waiting::default();
        heights.into_iter().for_each(|height| waiting.add(Height::new(height), Bytes::from(vec![0; bytes])));
        waiting
    }

    #[test]
    fn the_next_blocks_come_first_and_none_that_is_judged_already() {
        assert_eq!(taken(&mut waiting([9, 4, 7, 3, 5, 4], 1), 3), [5, 7, 9]);
    }

    #[test]
    fn small_blocks_are_taken_together_and_large_ones_alone() {
        assert_eq!(taken(&mut waiting(2..20, TAKEN_BYTES / 4), 0), [2, 3, 4, 5]);
        assert_eq!(taken(&mut waiting(2..20, 2 * TAKEN_BYTES), 0), [2]);
    }

    #[test]
    fn other_bytes_for_a_height_do_not_displace_the_first() {
        let mut waiting = Waiting::default();
        let blocks = [1, 2].map(|number| (Height::new(5), Bytes::from(vec![number])));
        blocks.iter().for_each(|(height, bytes)| waiting.add(*height, bytes.clone()));
        assert_eq!(waiting.take(Height::new(1)), blocks);
    }

    #[test]
    fn of_too_many_blocks_the_last_ones_go() {
        let most = QUEUED_BLOCKS as u64;
        let mut waiting = waiting((2..most + 12).rev(), 1);
        assert_eq!(taken(&mut waiting, 0), (2..most + 2).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_is_verified_ahead_than_is_remembered() {
        let mut waiting = waiting(2..6, TAKEN_BYTES);
        for height in [2, 3] {
            assert_eq!(taken(&mut waiting, 0), [height]);
            waiting.verified(Height::new(height), MAX_AHEAD / 2);
        }
        assert!(taken(&mut waiting, 0).is_empty());
        assert!(taken(&mut waiting, 1).is_empty(), "block 2 is being judged");
        assert_eq!(taken(&mut waiting, 2), [4]);
    }
}
