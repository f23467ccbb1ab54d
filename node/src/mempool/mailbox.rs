//! The mempool as the rest of the node sees it.

use super::counters::add;
use super::service::Shared;
use super::{AdmitError, MempoolConfig, MempoolCounts};
use super::{LedgerView, service};
use crate::chain::TakeBudget;
use leg_ledger::block::Block;
use leg_ledger::hash::Hash;
use leg_ledger::ids::TransactionId;
use leg_ledger::limits::MAX_TRANSACTION_BYTES;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Who handed a transaction in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client of this node: what is admitted is gossiped, and gossiped again while it waits.
    Local,
    /// A peer: its batch is verified together with everything else, and apart where that fails, so that its bad signatures are charged to it.
    Peer,
}

/// One answer for each transaction, in order.
pub(super) type Answers = Vec<Result<TransactionId, AdmitError>>;

pub(super) struct Message {
    pub(super) transactions: Vec<SignedTransaction>,
    pub(super) source: Source,
    pub(super) reply: oneshot::Sender<Answers>,
}

/// Handle of the mempool; clones share it. The service ends when the last one is dropped.
#[derive(Clone)]
pub struct Mempool {
    shared: Arc<Shared>,
    mailbox: mpsc::Sender<Message>,
}

impl Mempool {
    /// Starts the mempool on the current runtime. Returns its handle, the transactions that the caller MUST gossip, and the service.
    pub fn start(config: MempoolConfig, view: Arc<dyn LedgerView>) -> (Mempool, mpsc::Receiver<Verified>, JoinHandle<()>) {
        let (mailbox, messages) = mpsc::channel(config.mailbox);
        let (outgoing, fresh) = mpsc::channel(config.outgoing);
        let shared = Arc::new(Shared::new(config, view));
        let service = tokio::spawn(service::run(shared.clone(), messages, outgoing));
        (Mempool { shared, mailbox }, fresh, service)
    }

    /// Decodes the canonical bytes of one signed transaction.
    ///
    /// # Errors
    /// [`AdmitError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<SignedTransaction, AdmitError> {
        Ok(leg_ledger::codec::decode(bytes, MAX_TRANSACTION_BYTES)?)
    }

    /// Submits one transaction and waits until it is admitted or refused.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn submit(&self, transaction: SignedTransaction, source: Source) -> Result<TransactionId, AdmitError> {
        self.submit_all(vec![transaction], source).await.pop().unwrap_or(Err(AdmitError::Stopped))
    }

    /// Submits several; one answer each, in order.
    pub async fn submit_all(&self, transactions: Vec<SignedTransaction>, source: Source) -> Vec<Result<TransactionId, AdmitError>> {
        let count = transactions.len();
        let (reply, answer) = oneshot::channel();
        let error = match self.mailbox.try_send(Message { transactions, source, reply }) {
            Ok(()) => match answer.await {
                Ok(results) => return results,
                Err(_) => AdmitError::Stopped,
            },
            Err(mpsc::error::TrySendError::Full(_)) => AdmitError::Busy,
            Err(mpsc::error::TrySendError::Closed(_)) => AdmitError::Stopped,
        };
        add(&self.shared.counters.refused, count);
        vec![Err(error); count]
    }

    /// Chooses transactions for a block; see [`super::Pool::take`]. `admissible` MUST ask the state that the block builds on whether the
    /// transaction may be included and its signer's key still is [`Verified::key`]. Blocks for as long as the choice takes.
    pub fn take(&self, budget: TakeBudget, admissible: impl Fn(&Verified) -> bool) -> Vec<Verified> {
        let mut pool = self.shared.pool();
        let before = pool.len();
        let taken = pool.take(budget, admissible);
        add(&self.shared.counters.removed, before - pool.len());
        drop(pool);
        self.shared.announce();
        taken
    }

    /// For each transaction, itself as this node verified it before: the same body, the same signature. Whether its key still is the
    /// registry's is for the caller to ask.
    pub fn find(&self, transactions: &[SignedTransaction]) -> Vec<Option<Verified>> {
        let pool = self.shared.pool();
        transactions.iter().map(|transaction| pool.find(transaction).cloned()).collect()
    }

    /// Whether the signature with this commitment (body and signature) verified with this key before, although the transaction does not
    /// wait here: there was no room for it, or it came in a block.
    pub fn is_known(&self, commitment: &Hash, key: &PublicKey) -> bool {
        self.shared.known().contains(commitment, key)
    }

    /// Remembers transactions of a block that this node verified, so that a second look at the block costs nothing.
    pub fn remember(&self, verified: &[Verified]) {
        self.shared.remember(verified);
    }

    /// A block was committed: what it contains or makes impossible leaves the pool. MUST be called for each block, after the state that
    /// [`LedgerView`] shows is that block's.
    pub fn on_committed(&self, block: &Block) {
        let used = block.body.transactions.iter().map(|t| (t.body.signer, t.body.nonce));
        let mut pool = self.shared.pool();
        let removed = pool.on_committed(block.header.height, used);
        add(&self.shared.counters.removed, removed);
        drop(pool);
        self.shared.announce();
    }

    /// Whether a transaction waits.
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.shared.pool().get(id).is_some()
    }

    /// How many transactions wait.
    pub fn waiting(&self) -> usize {
        *self.shared.work.borrow()
    }

    /// Waits until at least one transaction waits.
    pub async fn wait_for_work(&self) {
        // The sender lives in `self`, so this only ends with work.
        let _ = self.watch().wait_for(|waiting| *waiting > 0).await;
    }

    /// How many transactions wait, as it changes.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.shared.work.subscribe()
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> MempoolCounts {
        let pool = self.shared.pool();
        self.shared.counters.snapshot(pool.len(), pool.bytes())
    }
}
