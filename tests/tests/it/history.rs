//! Random histories through the pure ledger: conservation, the order of transactions, determinism, restarts (MARKET 1 and 3, DESIGN promise 1).

use super::watch::Watch;
use leg_ledger::block::Block;
use leg_ledger::execute::{Ledger, invariants};
use leg_ledger::hash::Hash;
use leg_ledger::receipt::Event;
use leg_ledger::state::{
    Account, Accounts, Disputes, HeatLots, IndexKey, Orders, Proposals, State, StorageContracts, TimerId, Totals, TotalsTable, Trades, View,
};
use leg_ledger::time::DAY_MS;
use leg_tests::workload::{Coverage, LocalChain, Outcome, Workload};

const SEEDS: std::ops::Range<u64> = 0..10;
/// Histories of which each kind of action and event is demanded; some are rare.
const COVERED: std::ops::Range<u64> = 0..60;
const BLOCKS: usize = 60;
/// Blocks after which every change that passed is in force: a few of activation height, two a committee.
const MOST_HEIGHTS: u64 = 16;
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
    watch: Watch,
}

/// A history of a seed, audited after each block.
fn history(seed: u64) -> History {
    println!("seed {seed}");
    let mut workload = Workload::new(seed);
    let mut chain = workload.chain();
    let (mut blocks, mut outcomes, mut watch) = (Vec::new(), Vec::new(), Watch::default());
    for _ in 0..BLOCKS {
        let batch = workload.next_batch(chain.ledger());
        let block = chain.block(batch.time, batch.transactions);
        let outcome = chain.apply(&block);
        watch.see(&block, &outcome, chain.ledger(), seed);
        audit(chain.ledger().state(), seed);
        outcomes.push(outcome);
        blocks.push(block);
    }
    History { workload, chain, blocks, outcomes, watch }
}

#[test]
fn money_and_heat_are_conserved_by_every_kind_of_action() {
    let mut coverage = Coverage::default();
    let (mut filled_or_killed, mut disputed) = ([0, 0], 0);
    for seed in COVERED {
        let history = history(seed);
        history.blocks.iter().zip(&history.outcomes).for_each(|(block, outcome)| coverage.add(block, outcome));
        let watch = history.watch;
        filled_or_killed = [0, 1].map(|way| filled_or_killed[way] + watch.filled_or_killed[way]);
        disputed += watch.disputed;
    }
    println!("{coverage:#?}");
    assert!(filled_or_killed.iter().all(|count| *count > 10) && disputed > 10, "{filled_or_killed:?} {disputed}");
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
        let mut history = history(seed);
        // What was voted comes within a few blocks, one committee after the other.
        (0..MOST_HEIGHTS).for_each(|_| history.wait(1_000, seed));
        history.end_contracts(seed);
        // All windows, confirmations, reports and verdicts end within days, heat after its year.
        for days in [1, 2, 6, 8, 400] {
            history.wait(days * DAY_MS, seed);
        }
        assert_idle(history.chain.ledger(), seed);
        assert_eq!(history.watch.disputed, history.watch.decided, "every dispute ends, once, seed {seed}");
    }
}

impl History {
    /// A block in which nobody acts.
    fn wait(&mut self, ms: u64, seed: u64) {
        let batch = self.workload.silence(self.chain.ledger(), ms);
        let block = self.chain.block(batch.time, batch.transactions);
        let outcome = self.chain.apply(&block);
        self.watch.see(&block, &outcome, self.chain.ledger(), seed);
        audit(self.chain.ledger().state(), seed);
    }

    /// Storage takes one step a block: unanswered challenges end it.
    fn end_contracts(&mut self, seed: u64) {
        for _ in 0..MOST_STEPS {
            let ledger = self.chain.ledger();
            let Some(due) = ledger.state().range::<StorageContracts>(..).map(|(_, contract)| contract.due).min() else { return };
            let now = ledger.market_time(ledger.tip().time);
            self.wait(due.ms_since(now).max(1), seed);
        }
        panic!("a storage contract does not end, seed {seed}");
    }
}

fn assert_idle(ledger: &Ledger, seed: u64) {
    let state = ledger.state();
    assert_eq!(state.range::<Orders>(..).count(), 0, "open orders, seed {seed}");
    assert_eq!(state.range::<Trades>(..).count(), 0, "open trades, seed {seed}");
    assert_eq!(state.range::<Disputes>(..).count(), 0, "open disputes, seed {seed}");
    assert_eq!(state.range::<Proposals>(..).count(), 0, "open proposals, seed {seed}");
    assert_eq!(state.range::<HeatLots>(..).count(), 0, "heat lots, seed {seed}");
    for (member, account) in state.range::<Accounts>(..) {
        assert_eq!(account.money(), Some(account.free), "{member} has something locked, seed {seed}");
    }
    let stays = |key: &IndexKey| match key {
        IndexKey::Timer { id, .. } => matches!(id, TimerId::Standing(_) | TimerId::Charges),
        IndexKey::LegMember { .. } | IndexKey::ActiveMember { .. } => true,
        _ => false,
    };
    let left = state.index(..).find(|key| !stays(key));
    assert_eq!(left, None, "something but members, days of standings and months of charges is left, seed {seed}");
}
