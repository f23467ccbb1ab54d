//! What the chain asks of the mempool.

use leg_ledger::block::Block;
use leg_ledger::hash::Hash;
use leg_ledger::ids::Height;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};

/// How much a block has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeBudget {
    /// Height of the block.
    pub height: Height,
    /// Most encoded bytes of all transactions together.
    pub max_bytes: usize,
    /// Most transactions.
    pub max_transactions: usize,
    /// Most transactions of one member.
    pub max_member_transactions: usize,
}

/// The transactions that wait for a block. Called from the consensus thread; none of the calls may wait for the chain.
pub trait TransactionPool: Send + Sync + 'static {
    /// How many wait.
    fn waiting(&self) -> usize;

    /// Chooses transactions within the budget, which stay in the pool until they are committed. Those that `admissible` refuses are
    /// dropped. No two may have the same signer and nonce.
    fn take(&self, budget: TakeBudget, admissible: &dyn Fn(&Verified) -> bool) -> Vec<Verified>;

    /// For each transaction, itself where it waits, as it was verified then: the same body and signature, whatever the key.
    fn find(&self, transactions: &[SignedTransaction]) -> Vec<Option<Verified>>;

    /// Whether the signature with this commitment (body and signature) was verified with this key before, of one that does not wait.
    fn is_known(&self, commitment: &Hash, key: &PublicKey) -> bool;

    /// Remembers what the chain verified.
    fn remember(&self, verified: &[Verified]);

    /// A block was committed; handles of the chain show the state after it.
    fn on_committed(&self, block: &Block);
}
