//! What the API needs of the rest of the node, as narrow traits, so that its handlers are tested against a ledger without network or store.

use crate::away::away;
use crate::chain::NotKept;
use crate::storage::{Finished, FinishedTrade, IdempotencyKey, IdempotencyRecord};
use async_trait::async_trait;
use futures::stream::BoxStream;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::{HistoryRecord, Inadmissible, Ledger, Past};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId, ProposalId, TradeId, TransactionId};
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;

/// What a committed block left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    /// Its height.
    pub height: Height,
    /// One receipt an action, those of a transaction side by side.
    pub receipts: Arc<Vec<Receipt>>,
    /// What happened, in order.
    pub events: Arc<Vec<Event>>,
}

/// A step of the stream of committed blocks.
#[derive(Clone, Debug)]
pub enum Followed {
    /// A block became final and durable.
    Block(Arc<Results>),
    /// The follower was too slow and blocks were skipped: it MUST look up what it waits for.
    Lagged,
}

/// The store cannot answer; the cause is for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store cannot answer: {0}")]
pub struct Unavailable(pub String);

/// The committed chain. Calls may block on the disk; handlers make them away from the runtime's own threads.
pub trait ChainPort: Send + Sync + 'static {
    /// Reads the ledger after the last committed block. `reader` is called exactly once and MUST be quick: commits wait for it.
    fn read(&self, reader: &mut dyn FnMut(&Ledger));

    /// The chain as it was before one of the last blocks. Costly: copies the state.
    ///
    /// # Errors
    /// [`NotKept`].
    fn past(&self, height: Height) -> Result<Past, NotKept>;

    /// Every block that becomes final from now on.
    fn follow(&self) -> BoxStream<'static, Followed>;

    /// A committed block with its certificate; `None` when it is not committed yet or was pruned.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>, Unavailable>;

    /// What a committed block left behind.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn results(&self, height: Height) -> Result<Option<Results>, Unavailable>;

    /// The height at which a transaction was committed.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn height_of(&self, transaction: TransactionId) -> Result<Option<Height>, Unavailable>;

    /// An order that left the book.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, Unavailable>;

    /// A trade that ended.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, Unavailable>;

    /// A storage contract that ended.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_contract(&self, id: TradeId) -> Result<Option<Finished>, Unavailable>;
    /// The record at a leaf of the history log; `None` where the log does not reach or keep it.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn record(&self, leaf: u64) -> Result<Option<HistoryRecord>, Unavailable>;

    /// At most `limit` orders of a member with leaves below `below` that left the book, the newest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable>;

    /// At most `limit` trades of a member, or of all, with leaves below `below`, of one end or of both, the newest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_trades(
        &self,
        member: Option<MemberId>,
        end: Option<FinishedTrade>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, Unavailable>;

    /// A proposal that ended.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn finished_proposal(&self, id: ProposalId) -> Result<Option<Finished>, Unavailable>;

    /// At most `limit` proposals that ended, with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn ended_proposals(&self, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable>;

    /// At most `limit` certificates of heat that a member, or anybody, retired, with leaves below `below`, the newest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn heat_certificates(&self, member: Option<MemberId>, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable>;
}

/// Runs a reader on the ledger and returns what it makes.
pub fn read<T>(chain: &dyn ChainPort, reader: impl FnOnce(&Ledger) -> T) -> Option<T> {
    let (mut reader, mut out) = (Some(reader), None);
    chain.read(&mut |ledger| out = reader.take().map(|reader| reader(ledger)));
    out
}

/// The same for a task of the runtime, away from the runtime's own threads: it may wait for a commit.
pub async fn read_away<T: Send + 'static>(chain: &Arc<dyn ChainPort>, reader: impl FnOnce(&Ledger) -> T + Send + 'static) -> Option<T> {
    let chain = Arc::clone(chain);
    away(move || read(chain.as_ref(), reader)).await
}

/// Why the mempool does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be in the next block.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// The same transaction waits already.
    #[error("the transaction is waiting already")]
    Waiting,
    /// Another transaction of the signer waits with the same nonce.
    #[error("another transaction of the signer waits with this nonce")]
    NonceWaits,
    /// The signer has as many transactions waiting as it may.
    #[error("the signer has as many transactions waiting as it may; try again after the next block")]
    Quota,
    /// Nothing more fits, or can be verified.
    #[error("the node has as many transactions as it can take; try again after the next block")]
    Full,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// The transactions that wait for a block.
#[async_trait]
pub trait MempoolPort: Send + Sync + 'static {
    /// Verifies, admits and passes on a transaction of this node's own clients.
    ///
    /// # Errors
    /// [`Refused`].
    async fn submit(&self, transaction: SignedTransaction) -> Result<(), Refused>;

    /// The same of several in one call; one answer each, in order.
    async fn submit_all(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<(), Refused>>;

    /// Whether a transaction waits.
    fn is_waiting(&self, id: TransactionId) -> bool;

    /// How many wait.
    fn waiting(&self) -> usize;
}

/// Keeps idempotency keys durably (DESIGN, promise 4).
pub trait IdempotencyPort: Send + Sync + 'static {
    /// What was signed for a key, if it has not expired at `now`.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn recall(&self, key: &IdempotencyKey, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable>;

    /// Keeps `record`, synced, unless the key has one that has not expired at `now`: then that one is returned and nothing changes. One
    /// step: of two calls at once one keeps its record and the other is given it.
    ///
    /// # Errors
    /// [`Unavailable`]: nothing may be sent then.
    fn remember(&self, key: &IdempotencyKey, record: &IdempotencyRecord, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable>;
}

/// A neighbour in the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its id in the swarm.
    pub peer: String,
    /// The member whose network key it has.
    pub member: Option<MemberId>,
    /// Whether it is connected now.
    pub connected: bool,
    /// Its last block, as it said.
    pub height: Option<Height>,
    /// Its state root after a height, as it said.
    pub root: Option<(Height, Hash)>,
    /// The last height at which its root differed from this node's.
    pub diverged: Option<Height>,
    /// Whether its transactions are not listened to for now.
    pub muted: bool,
}

/// The swarm.
pub trait NetworkPort: Send + Sync + 'static {
    /// The neighbours.
    fn peers(&self) -> Vec<PeerStatus>;
}

/// The node's clock; everything else that knows the time has it from a block.
pub trait ClockPort: Send + Sync + 'static {
    /// Unix milliseconds now.
    fn now(&self) -> BlockTime;
}
