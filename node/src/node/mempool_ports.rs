//! The mempool and the chain as they see each other.

use crate::chain::{ChainHandle, TakeBudget, TransactionPool};
use crate::mempool::{LedgerView, Mempool, TakeRequest};
use leg_ledger::block::Block;
use leg_ledger::execute::Inadmissible;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{ChainId, Height};
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};

impl LedgerView for ChainHandle {
    fn chain(&self) -> ChainId {
        self.read(|ledger| ledger.chain())
    }

    // Of the ledger, which moves on before the pool is told; the tip that others watch moves on after that.
    fn height(&self) -> Height {
        self.read(|ledger| ledger.tip().height)
    }

    fn admissible(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>> {
        self.read(|ledger| transactions.iter().map(|transaction| ledger.admissible(transaction)).collect())
    }
}

impl TransactionPool for Mempool {
    fn waiting(&self) -> usize {
        Mempool::waiting(self)
    }

    fn take(&self, budget: TakeBudget, admissible: &dyn Fn(&Verified) -> bool) -> Vec<Verified> {
        let TakeBudget { height, max_bytes, max_transactions, max_member_transactions } = budget;
        Mempool::take(self, TakeRequest { height, max_bytes, max_transactions, max_member_transactions }, admissible)
    }

    fn find(&self, transactions: &[SignedTransaction]) -> Vec<Option<Verified>> {
        Mempool::find(self, transactions)
    }

    fn is_known(&self, commitment: &Hash, key: &PublicKey) -> bool {
        Mempool::is_known(self, commitment, key)
    }

    fn remember(&self, verified: &[Verified]) {
        Mempool::remember(self, verified);
    }

    fn on_committed(&self, block: &Block) {
        Mempool::on_committed(self, block);
    }
}
