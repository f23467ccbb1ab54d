//! Random histories through the pure ledger: conservation, the order of transactions, determinism, restarts (MARKET 1 and 3, DESIGN promise 1).

use leg_ledger::block::Block;
use leg_ledger::execute::{Ledger, invariants};
use leg_ledger::receipt::{Code, Receipt};
use leg_ledger::state::{Account, Accounts, HeatLots, IndexKey, Orders, State, TimerId, Totals, TotalsTable, Trades, View};
use leg_ledger::time::DAY_MS;
use leg_tests::workload::{LocalChain, Outcome, Workload};
use std::collections::BTreeMap;

const SEEDS: std::ops::Range<u64> = 0..10;
/// Histories of which each kind of action and event is demanded; some are rare.
const COVERED: std::ops::Range<u64> = 0..60;
const BLOCKS: usize = 60;

/// How often each kind of action was accepted, each event happened, each code was given.
#[derive(Default)]
struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    fn add(&mut self, block: &Block, outcome: &Outcome) {
        for Receipt { transaction, action, code, .. } in &outcome.receipts {
            self.count(&format!("code {}", code.name()));
            let signed = block.body.transactions.iter().find(|t| t.id() == *transaction).unwrap();
            if *code == Code::Ok {
                self.count(first_word(&signed.body.actions[usize::from(*action)]));
            }
        }
        for event in &outcome.events {
            self.count(first_word(event));
        }
    }

    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    fn demand(&self, wanted: &[&str]) {
        let missing: Vec<&&str> = wanted.iter().filter(|name| !self.0.contains_key(**name)).collect();
        assert!(missing.is_empty(), "the histories never saw {missing:?}, only {:#?}", self.0);
    }
}

/// The variant's name, for events of an ending with its reason.
fn first_word(value: &impl std::fmt::Debug) -> &'static str {
    let text = format!("{value:?}");
    let name = text.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    let reason = [
        "silent: true",
        "reason: NotStarted",
        "reason: NotCompleted",
        "reason: BySeller",
        "end: Expired",
        "end: Remainder",
        "end: Unfilled",
    ];
    let name = reason.into_iter().find(|reason| text.contains(reason)).map_or(name.clone(), |reason| format!("{name} {reason}"));
    Box::leak(name.into_boxed_str())
}

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
    println!("{:#?}", coverage.0);
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
        "Confirmed silent: true",
        "Cancelled reason: NotStarted",
        "Cancelled reason: NotCompleted",
        "Cancelled reason: BySeller",
        "OrderEnded end: Expired",
        "OrderEnded end: Unfilled",
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
                assert_eq!(roots(&other), roots(outcome), "seed {seed}, height {height}");
                assert_eq!((&other.receipts, &other.events), (&outcome.receipts, &outcome.events), "seed {seed}, height {height}");
            }
            chain.apply(block);
        }
    }
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
