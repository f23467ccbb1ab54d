//! The ledger against the independent model: the same receipts and the same market over random histories of all that can be signed.

use leg_ledger::hash::Hash;
use leg_ledger::receipt::Receipt;
use leg_tests::model::{Facts, Model, Predicted};
use leg_tests::workload::{Coverage, Workload};

const SEEDS: std::ops::Range<u64> = 100..148;
const BLOCKS: usize = 60;

/// Every action, accepted, and what is to be seen of the market.
const DEMANDED: [&str; 74] = [
    "AnnounceManifest",
    "CancelOrder",
    "CancelTrade",
    "CompleteTrade",
    "ConcedeDispute",
    "ConfirmTrade",
    "CorrectReading",
    "DisputeTrade",
    "ForecastSolar",
    "HaltMarket",
    "Heartbeat",
    "PlaceOrder",
    "Propose",
    "ProveStorage",
    "ReplaceOrder",
    "ReportExchange",
    "ReportGridLevel",
    "ReportSolar",
    "RetireHeat",
    "RotateKey",
    "StartTrade",
    "SubmitEvidence",
    "SubmitReadings",
    "TerminateStorage",
    "TransferHeat",
    "Vote",
    "VoteDispute",
    "WithdrawProposal",
    "Auction",
    "Cancelled ByBuyer",
    "Cancelled BySeller",
    "Cancelled ContentMissing",
    "Cancelled Disputed",
    "Cancelled NotAnnounced",
    "Cancelled NotCompleted",
    "Cancelled NotStarted",
    "Charged",
    "CommitteeChanged",
    "Confirmed false",
    "Confirmed true",
    "Decided Conceded",
    "Decided Registers",
    "Decided Undecided",
    "Decided Vote",
    "HeatExpired",
    "InputMissing",
    "MemberStatus",
    "OrderEnded Expired",
    "OrderEnded Remainder",
    "OrderEnded Shrunk",
    "OrderEnded Unfilled",
    "OrderEnded Withdrawn",
    "PaidOut",
    "ProposalEnded Activated",
    "ProposalEnded Expired",
    "ProposalEnded Failed",
    "ProposalEnded Rejected",
    "ProposalEnded Withdrawn",
    "Reference demand",
    "Reference grid",
    "Reference supply",
    "Reopened",
    "Settled",
    "Shrunk",
    "StorageEnded Completed",
    "StorageEnded NotStored",
    "StorageMissed",
    "StorageNotice",
    "VersionAnnounced",
    "code bad_chunk",
    "code bad_storage_proof",
    "code over_claimed",
    "code replica_clash",
    "code reputation_too_low",
];

/// Seeds and blocks of a longer run: `LEG_MODEL_SEEDS=1000..1400 LEG_MODEL_BLOCKS=120`.
fn wanted() -> (std::ops::Range<u64>, usize) {
    let seeds = std::env::var("LEG_MODEL_SEEDS").ok().map(|text| {
        let (first, last) = text.split_once("..").expect("FIRST..LAST");
        first.parse().expect("a number")..last.parse().expect("a number")
    });
    let blocks = std::env::var("LEG_MODEL_BLOCKS").ok().map(|text| text.parse().expect("a number"));
    (seeds.unwrap_or(SEEDS), blocks.unwrap_or(BLOCKS))
}

#[test]
fn the_ledger_does_what_the_model_predicts() {
    let (seeds, blocks) = wanted();
    let mut coverage = Coverage::default();
    for seed in seeds {
        println!("seed {seed}");
        let mut workload = Workload::new(seed);
        let mut chain = workload.chain();
        let mut model = Model::new(workload.genesis());
        for _ in 0..blocks {
            let batch = workload.next_batch(chain.ledger());
            let block = chain.block(batch.time, batch.transactions);
            let height = block.header.height.get();
            let predicted = model.block(Facts::of(&block, chain.ledger()), &block.body.transactions);
            let outcome = chain.apply(&block);
            let found: Vec<Predicted> = outcome.receipts.iter().map(plain).collect();
            for (ours, theirs) in predicted.iter().zip(&found) {
                assert_eq!(ours, theirs, "seed {seed}, height {height}: {:?}", action(&block.body.transactions, theirs));
            }
            assert_eq!(predicted.len(), found.len(), "seed {seed}, height {height}");
            if let Err(difference) = model.compare(chain.ledger().state()) {
                panic!("seed {seed}, height {height}: {difference}\n{:#?}", outcome.events);
            }
            coverage.add(&block, &outcome);
        }
    }
    println!("{coverage:#?}");
    coverage.demand(&DEMANDED);
}

fn plain(receipt: &Receipt) -> Predicted {
    Predicted { transaction: receipt.transaction.hash(), action: receipt.action, code: receipt.code }
}

fn action(transactions: &[leg_ledger::transaction::SignedTransaction], of: &Predicted) -> String {
    let find = |id: Hash| transactions.iter().find(move |t| t.id().hash() == id);
    find(of.transaction).map_or_else(String::new, |t| format!("{} {:?}", t.body.signer, t.body.actions.get(usize::from(of.action))))
}
