//! Random histories through the pure ledger: conservation, the order of transactions, determinism, restarts (MARKET 1 and 3, DESIGN promise 1).

use leg_ledger::block::Block;
use leg_ledger::execute::{Ledger, invariants};
use leg_ledger::hash::Hash;
use leg_ledger::receipt::Event;
use leg_ledger::state::{
    Account, Accounts, HeatLots, IndexKey, Orders, State, StorageContracts, TimerId, Totals, TotalsTable, Trades, View,
};
use leg_ledger::time::DAY_MS;
use leg_tests::workload::{Coverage, LocalChain, Outcome, Workload};

const SEEDS: std::ops::Range<u64> = 0..10;
/// Histories of which each kind of action and event is demanded; some are rare.
const COVERED: std::ops::Range<u64> = 0..60;
const BLOCKS: usize = 60;
/// Blocks in which every storage contract that nobody tends is over: each day of a run of missed ones takes two.
const MOST_STEPS: usize = 400;

/// What an auditor adds up, without any help of the ledger's own checks.
fn audit(state: &State, seed: u64) {
    let totals: Totals = *state.get::<TotalsTable>(&()).unwrap();
    let accounts: Vec<Account> = state.range::<Accounts>(..).map(|(_, account)| *account).collect();
    let sum = |part: &dyn Fn(&Account) -> u64| -> u128 { accounts.iter().map(|a| u128::from(part(a))).sum() };
    let held = sum(&|a| a.free.get()) + sum(&|a| a.reserved.get()) + sum(&|a| a.escrow.get()) + sum(&|a| a.margin.get() + a.bond.get());
    let network = u128::from(totals.fee.get()) + u128::from(totals.penalties.get()) + u128::from(totals.pool.get());
    assert_eq!(held + network + u128::from(totals.withdrawn.get()), u128::from(totals.deposited.get()), "money, seed {seed}");
    let heat = sum(&|a| a.heat_free.get()) + sum(&|a| a.heat_reserved.get()) + sum(&|a| a.heat_escrow.get());
    let gone = u128::from(totals.heat_pooled.get()) + u128::from(totals.heat_retired.get()) + u128::from(totals.heat_expired.get());
    assert_eq!(heat + gone, u128::from(totals.heat_issued.get()), "heat, seed {seed}");
    let lots: u128 = state.range::<HeatLots>(..).map(|(_, lot)| u128::from(lot.quantity.get())).sum();
    assert_eq!(lots, heat, "lots of heat, seed {seed}");
    let reserved: u128 = state.range::<Orders>(..).map(|(_, order)| u128::from(order.reserved.get())).sum();
    assert_eq!(reserved, sum(&|a| a.reserved.get()), "reservations behind open orders, seed {seed}");
    let escrow: u128 = state.range::<Trades>(..).map(|(_, trade)| u128::from(trade.escrow.get())).sum();
    assert_eq!(escrow, sum(&|a| a.escrow.get()), "escrow behind open trades, seed {seed}");
    invariants::check_state(state).unwrap_or_else(|fault| panic!("{fault}, seed {seed}"));
}

struct History {
    workload: Workload,
    chain: LocalChain,
    blocks: Vec<Block>,
    outcomes: Vec<Outcome>,
}

/// A history of a seed, audited after each block.
fn history(seed: u64) -> History {
    println!("seed {seed}");
    let mut workload = Workload::new(seed);
    let mut chain = workload.chain();
    let (mut blocks, mut outcomes) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let batch = workload.next_batch(chain.ledger());
        let block = chain.block(batch.time, batch.transactions);
        outcomes.push(chain.apply(&block));
        blocks.push(block);
        audit(chain.ledger().state(), seed);
    }
    History { workload, chain, blocks, outcomes }
}

#[test]
fn money_and_heat_are_conserved_by_every_kind_of_action() {
    let mut coverage = Coverage::default();
    for seed in COVERED {
        let history = history(seed);
        history.blocks.iter().zip(&history.outcomes).for_each(|(block, outcome)| coverage.add(block, outcome));
    }
    println!("{coverage:#?}");
    // A history that never gets there proves nothing about it.
    coverage.demand(&[
        "PlaceOrder",
        "CancelOrder",
        "ReplaceOrder",
        "StartTrade",
        "CompleteTrade",
        "ConfirmTrade",
        "CancelTrade",
        "SubmitReadings",
        "ReportExchange",
        "ForecastSolar",
        "RotateKey",
        "HaltMarket",
        "TransferHeat",
        "ReportSolar",
        "ReportGridLevel",
        "InputMissing",
        "RetireHeat",
        "HeatTransferred",
        "HeatRetired",
        "Matched",
        "Auction",
        "Settled",
        "Delivered",
        "Reference",
        "Shrunk",
        "Confirmed true",
        "Cancelled NotStarted",
        "Cancelled NotCompleted",
        "Cancelled BySeller",
        "OrderEnded Expired",
        "OrderEnded Unfilled",
        "Halted",
        "code atomic_sibling_rejected",
        "code insufficient_funds",
        "code insufficient_capacity",
        "code insufficient_forecast",
        "code not_party",
        "code wrong_role",
        "code over_claimed",
        "code insufficient_heat",
        "code unknown_zone",
    ]);
}

#[test]
fn the_order_of_a_blocks_transactions_changes_nothing() {
    for seed in SEEDS {
        let mut history = history(seed);
        let mut chain = history.workload.chain();
        for (block, outcome) in history.blocks.iter().zip(&history.outcomes) {
            let mut backwards = block.body.transactions.clone();
            backwards.reverse();
            for transactions in [backwards, history.workload.permuted(&block.body.transactions)] {
                let other = chain.try_block(&chain.block(block.header.time, transactions));
                let roots = |o: &Outcome| [o.tip.state_root, o.tip.receipts_root, o.tip.history_root];
                let height = block.header.height;
                let (ours, drawn) = without_seeds(outcome);
                assert_eq!((&other.receipts, &without_seeds(&other).0), (&outcome.receipts, &ours), "seed {seed}, height {height}");
                // Which chunks are picked follows from the block's id, which no party of the contract chose.
                if !drawn {
                    assert_eq!(roots(&other), roots(outcome), "seed {seed}, height {height}");
                }
            }
            chain.apply(block);
        }
    }
}

/// The events, storage challenges without their seeds, and whether there are any.
fn without_seeds(outcome: &Outcome) -> (Vec<Event>, bool) {
    let (mut events, mut drawn) = (outcome.events.clone(), false);
    for event in &mut events {
        if let Event::StorageChallenged { seed, .. } = event {
            (*seed, drawn) = (Hash::ZERO, true);
        }
    }
    (events, drawn)
}

#[test]
fn the_same_blocks_give_the_same_chain_also_across_restarts() {
    for seed in SEEDS {
        let history = history(seed);
        let (mut replayed, mut restarted) = (history.workload.chain(), history.workload.chain());
        for (block, outcome) in history.blocks.iter().zip(&history.outcomes) {
            assert_eq!(&replayed.apply(block), outcome, "seed {seed}, height {}", block.header.height);
            restarted = restarted.restarted();
            assert_eq!(&restarted.apply(block), outcome, "seed {seed}, height {} after a restart", block.header.height);
        }
        assert_eq!(replayed.ledger().tip(), history.chain.ledger().tip(), "seed {seed}");
    }
}

#[test]
fn when_nobody_acts_every_deadline_ends_and_nothing_stays_locked() {
    for seed in SEEDS {
        let History { workload, mut chain, .. } = history(seed);
        end_contracts(&workload, &mut chain, seed);
        // All windows, confirmations and reports end within days, heat after its year.
        for days in [1, 2, 6, 8, 400] {
            let batch = workload.silence(chain.ledger(), days * DAY_MS);
            let block = chain.block(batch.time, batch.transactions);
            chain.apply(&block);
            audit(chain.ledger().state(), seed);
        }
        assert_idle(chain.ledger(), seed);
    }
}

/// Storage takes one step a block: unanswered challenges end it.
fn end_contracts(workload: &Workload, chain: &mut LocalChain, seed: u64) {
    for _ in 0..MOST_STEPS {
        let state = chain.ledger().state();
        let Some(due) = state.range::<StorageContracts>(..).map(|(_, contract)| contract.due).min() else { return };
        let now = chain.ledger().market_time(chain.ledger().tip().time);
        let batch = workload.silence(chain.ledger(), due.ms().saturating_sub(now.ms()).max(1));
        let block = chain.block(batch.time, batch.transactions);
        chain.apply(&block);
        audit(chain.ledger().state(), seed);
    }
    panic!("a storage contract does not end, seed {seed}");
}

fn assert_idle(ledger: &Ledger, seed: u64) {
    let state = ledger.state();
    assert_eq!(state.range::<Orders>(..).count(), 0, "open orders, seed {seed}");
    assert_eq!(state.range::<Trades>(..).count(), 0, "open trades, seed {seed}");
    assert_eq!(state.range::<HeatLots>(..).count(), 0, "heat lots, seed {seed}");
    for (member, account) in state.range::<Accounts>(..) {
        assert_eq!(account.money(), Some(account.free), "{member} has something locked, seed {seed}");
    }
    let open = |key: &IndexKey| !matches!(key, IndexKey::Timer { id: TimerId::Standing(_), .. });
    assert_eq!(state.index(..).find(open), None, "something but the daily decay of standings is left, seed {seed}");
}
