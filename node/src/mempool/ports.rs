//! What the mempool asks of the committed chain.

use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::{ChainId, Height};
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::SignedTransaction;

/// The committed state, read. Called from several blocking threads at once; an implementation MUST NOT call back into the mempool.
pub trait LedgerView: Send + Sync + 'static {
    /// The network.
    fn chain(&self) -> ChainId;

    /// The newest committed height. An implementation MUST move on before it reports the block to the pool.
    fn height(&self) -> Height;

    /// Whether the next block may include each of these transactions, its signature apart: the key that its signature has to verify with.
    /// All are asked of the same state.
    fn admissible(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>>;
}
