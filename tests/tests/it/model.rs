//! The ledger against the independent model: the same receipts and the same balances over random histories.

use leg_ledger::hash::Hash;
use leg_ledger::receipt::Receipt;
use leg_tests::model::{Facts, Model, Predicted};
use leg_tests::workload::Workload;

const SEEDS: std::ops::Range<u64> = 100..130;
const BLOCKS: usize = 60;

#[test]
fn the_ledger_does_what_the_model_predicts() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut workload = Workload::compute_and_energy(seed);
        let mut chain = workload.chain();
        let mut model = Model::new(workload.genesis());
        let (mut receipts, mut trades) = (0, 0);
        for _ in 0..BLOCKS {
            let batch = workload.next_batch(chain.ledger());
            let block = chain.block(batch.time, batch.transactions);
            let height = block.header.height.get();
            let now = chain.ledger().market_time(block.header.time).ms();
            let facts = Facts { height, now, parent: block.header.parent.hash() };
            let predicted = model.block(facts, &block.body.transactions);
            let outcome = chain.apply(&block);
            let found: Vec<Predicted> = outcome.receipts.iter().map(plain).collect();
            for (ours, theirs) in predicted.iter().zip(&found) {
                assert_eq!(ours, theirs, "seed {seed}, height {height}: {:?}", action(&block.body.transactions, theirs));
            }
            assert_eq!(predicted.len(), found.len(), "seed {seed}, height {height}");
            if let Err(difference) = model.compare(chain.ledger().state()) {
                panic!("seed {seed}, height {height}: {difference}\n{:#?}", outcome.events);
            }
            receipts += found.len();
            trades += outcome.events.iter().filter(|e| matches!(e, leg_ledger::receipt::Event::Matched { .. })).count();
        }
        // A history without work would prove nothing.
        assert!(receipts > 100 && trades > 3, "seed {seed}: {receipts} receipts, {trades} trades");
    }
}

fn plain(receipt: &Receipt) -> Predicted {
    Predicted { transaction: receipt.transaction.hash(), action: receipt.action, code: receipt.code }
}

fn action(transactions: &[leg_ledger::transaction::SignedTransaction], of: &Predicted) -> String {
    let find = |id: Hash| transactions.iter().find(move |t| t.id().hash() == id);
    find(of.transaction).map_or_else(String::new, |t| format!("{} {:?}", t.body.signer, t.body.actions.get(usize::from(of.action))))
}
