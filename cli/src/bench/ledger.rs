//! What an order costs one node, step by step: the way of a block through the ledger and the store, on one core, without a network.
//!
//! ```text
//! block's bytes ─ decode ─ verify signatures ─ check validity ─ execute, match ─ root ─ synced store ─ move on
//! ```
//! CPU time of the thread that does it, and beside it what the store's own threads use. These write what many blocks left at once, whenever it
//! is time: theirs is that of the whole run over all of its orders. Signing and building the blocks is not in it.
//! It depends on how much there is already: trees and sets outgrow the processor's caches, and the store merges its files. So orders may be
//! executed first that are not measured.
//! Measured alone here; [`super::yardstick`] keeps a copy on every core, since cores share memory and caches.

use super::chain::LocalChain;
use super::community::{CommunitySpec, HUBS, hub_id};
use super::mix::Mix;
use super::screen::Progress;
use super::usage::{process_cpu, thread_cpu};
use crate::devnet::clock::{Clock, SystemClock};
use crate::devnet::wallet::Wallet;
use anyhow::{Context, Result};
use leg_ledger::block::Block;
use leg_ledger::codec;
use leg_ledger::ids::TransactionId;
use leg_ledger::limits::HARD_BLOCK_BYTES;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::{Code, Event};
use leg_ledger::state::StateEntry;
use leg_ledger::time::{BlockTime, MarketTime};
use leg_ledger::transaction::SignedTransaction;
use leg_ledger::tree::{Changes, Key, Tree};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Signatures that a node verifies in one batch.
const BATCH: usize = 512;
/// Orders under one signature among those that are executed first: what they leave does not depend on it.
const STANDING_A_SIGNATURE: usize = 100;
/// Clock between blocks.
const BLOCK_MS: u64 = 50;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct LedgerOptions {
    /// Orders under one signature.
    pub orders: usize,
    /// Orders of a block.
    pub block_orders: usize,
    /// Orders that are executed first, so that state and store are as large as in a network after as many.
    pub standing: usize,
    /// Blocks before the measured ones: books and accounts are in use then.
    pub warm_up: usize,
    /// Blocks that are measured.
    pub blocks: usize,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its name.
    pub name: String,
    /// CPU, microseconds an order.
    pub order_us: f64,
}

/// What an order costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerCost {
    /// Orders under one signature.
    pub orders_per_signature: usize,
    /// Cores that were at work meanwhile.
    pub cores: usize,
    /// Orders that were executed before.
    pub standing: u64,
    /// Orders that were measured.
    pub orders: u64,
    /// Of those, rejected by the rules.
    pub rejected: u64,
    /// Trades that they made.
    pub trades: u64,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// Sum of the steps, microseconds an order.
    pub order_us: f64,
    /// Time that the synced write of a block took on the clock, ms.
    pub store_ms: f64,
    /// Bytes of an order in a block.
    pub order_bytes: f64,
}

/// What the store's own threads do, in the background.
const STORE_THREADS: &str = "the store's own threads";
/// The names of the steps of a block.
const STEPS: [&str; 7] =
    ["decode the block", "verify signatures", "check validity", "execute and match", "state root", "synced store", "move on"];

/// Measures it.
///
/// # Errors
/// The chain or its store fails.
pub fn run(options: &LedgerOptions) -> Result<LedgerCost> {
    let progress = Progress::new(options.all_blocks() as u64, &format!("ledger, {} orders a signature", options.orders));
    let step = || progress.step();
    let mut bench = Bench::found(options)?;
    bench.grow(&step)?;
    bench.measure(&step)
}

impl LedgerOptions {
    fn standing_blocks(&self) -> usize {
        self.standing.div_ceil(self.block_orders)
    }

    fn all_blocks(&self) -> usize {
        self.standing_blocks() + self.warm_up + self.blocks
    }
}

/// A chain on which blocks are measured, again and again.
pub struct Bench {
    options: LedgerOptions,
    chain: LocalChain,
    source: Source,
    origin: BlockTime,
    /// Blocks so far.
    number: u64,
    /// Orders so far.
    passed: u64,
    /// CPU of the other threads before the first block.
    others: Duration,
    _folder: TempDir,
}

impl Bench {
    /// Founds the chain in a temporary folder.
    ///
    /// # Errors
    /// The chain or its store fails.
    pub fn found(options: &LedgerOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("leg-bench-").tempdir().context("cannot make a temporary folder")?;
        let origin = SystemClock.now();
        let (genesis, secrets) = CommunitySpec::new(4, 0, origin).build()?;
        let chain = LocalChain::found(&genesis, &secrets, &folder.path().join("db"))?;
        let wallet = |hub: usize| -> Result<Wallet> {
            let id = hub_id(hub)?;
            let keys = secrets.get(&id).with_context(|| format!("no keys of {id}"))?;
            Ok(Wallet::new(id, keys.clone(), genesis.chain_id(), origin.ms()))
        };
        let source = Source { wallets: (0..HUBS).map(wallet).collect::<Result<_>>()?, mix: Mix::new(1) };
        let others = other_threads_cpu()?;
        Ok(Bench { options: *options, chain, source, origin, number: 0, passed: 0, others, _folder: folder })
    }

    /// Executes what stands before the measured orders, and the blocks that warm up. `step` is called after each block.
    ///
    /// # Errors
    /// The chain or its store fails.
    pub fn grow(&mut self, step: &impl Fn()) -> Result<()> {
        let LedgerOptions { orders, warm_up, .. } = self.options;
        let standing = std::iter::repeat_n(STANDING_A_SIGNATURE, self.options.standing_blocks());
        for a_signature in standing.chain(std::iter::repeat_n(orders, warm_up)) {
            self.pass(a_signature)?;
            step();
        }
        Ok(())
    }

    /// Measures the next blocks.
    ///
    /// # Errors
    /// The chain or its store fails.
    pub fn measure(&mut self, step: &impl Fn()) -> Result<LedgerCost> {
        let mut sum = Sum { standing: self.passed, ..Sum::default() };
        for _ in 0..self.options.blocks {
            sum.add(&self.pass(self.options.orders)?);
            step();
        }
        sum.store_threads = other_threads_cpu()?.saturating_sub(self.others);
        Ok(sum.cost(self.options.orders))
    }

    fn pass(&mut self, a_signature: usize) -> Result<Measured> {
        self.number += 1;
        let time = BlockTime::from_ms(self.origin.ms() + BLOCK_MS * self.number);
        let block = self.chain.block(time, self.source.transactions(&self.chain, time, self.options.block_orders, a_signature));
        let measured = pass(&mut self.chain, &block)?;
        self.passed += measured.orders;
        Ok(measured)
    }
}

/// CPU time of all threads of this process but this one: those of the store, in a benchmark of the ledger.
fn other_threads_cpu() -> Result<Duration> {
    let own = thread_cpu()?;
    Ok(process_cpu()?.saturating_sub(own))
}

/// Signs what the mix orders.
struct Source {
    wallets: Vec<Wallet>,
    mix: Mix,
}

impl Source {
    fn transactions(&mut self, chain: &LocalChain, time: BlockTime, orders: usize, a_signature: usize) -> Vec<SignedTransaction> {
        let now = MarketTime::from_ms(time.ms());
        let count = orders.div_ceil(a_signature);
        let mut sign = |_| {
            let hub = self.mix.hub(0..HUBS);
            let actions = self.mix.orders(hub, a_signature, now);
            self.wallets[hub].sign(KeyRole::Operator, chain.height(), actions)
        };
        (0..count).map(&mut sign).collect()
    }
}

/// What one block cost.
#[derive(Debug)]
struct Measured {
    steps: [Duration; STEPS.len()],
    store: Duration,
    orders: u64,
    rejected: u64,
    trades: u64,
    bytes: u64,
}

/// Adds up the CPU time between laps.
struct Laps {
    last: Duration,
}

impl Laps {
    fn lap(&mut self) -> Result<Duration> {
        let now = thread_cpu()?;
        Ok(now - std::mem::replace(&mut self.last, now))
    }
}

/// Passes a block through all steps.
fn pass(chain: &mut LocalChain, block: &Block) -> Result<Measured> {
    let (bytes, certificate) = (codec::encode(block), chain.certify(block));
    let mut laps = Laps { last: thread_cpu()? };
    let block: Block = codec::decode(&bytes, HARD_BLOCK_BYTES).context("a block of the benchmark")?;
    let decode = laps.lap()?;
    let mut verified = Vec::with_capacity(block.body.transactions.len());
    for batch in block.body.transactions.chunks(BATCH) {
        verified.extend(chain.ledger().verify_transactions(batch, &|_, _| false)?);
    }
    let verify = laps.lap()?;
    chain.ledger().check_block(&block, &verified)?;
    let ids: Vec<TransactionId> = verified.iter().map(|verified| verified.id()).collect();
    let check = laps.lap()?;
    let executed = chain.ledger().execute(&block, verified)?;
    let execute = laps.lap()?;
    let wall = Instant::now();
    chain.keep(&block, &certificate, &ids, &executed)?;
    let (keep, store) = (laps.lap()?, wall.elapsed());
    // Executing ends with the root; how much of it that is shows when the root alone is computed once more.
    let root = root_again(chain.ledger().tree(), &executed.entries, &mut laps)?.min(execute);
    let rejected = executed.receipts.iter().filter(|receipt| receipt.code != Code::Ok).count() as u64;
    let trades = executed.events.iter().filter(|event| matches!(event, Event::Matched { .. })).count() as u64;
    let orders = executed.receipts.len() as u64;
    laps.lap()?;
    chain.move_on(executed, certificate)?;
    let moved = laps.lap()?;
    let steps = [decode, verify, check, execute - root, root, keep, moved];
    Ok(Measured { steps, store, orders, rejected, trades, bytes: bytes.len() as u64 })
}

fn root_again(before: &Tree, entries: &[StateEntry], laps: &mut Laps) -> Result<Duration> {
    let changes: Changes = entries.iter().map(|entry| (Key::of(&entry.key), entry.value_hash())).collect();
    std::hint::black_box(before.plan(changes).root());
    laps.lap()
}

#[derive(Debug, Default)]
struct Sum {
    steps: [Duration; STEPS.len()],
    /// Of the whole run.
    store_threads: Duration,
    store: Duration,
    blocks: u32,
    standing: u64,
    orders: u64,
    rejected: u64,
    trades: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, measured: &Measured) {
        self.steps.iter_mut().zip(measured.steps).for_each(|(sum, step)| *sum += step);
        self.store += measured.store;
        self.blocks += 1;
        self.orders += measured.orders;
        self.rejected += measured.rejected;
        self.trades += measured.trades;
        self.bytes += measured.bytes;
    }

    fn cost(&self, orders_per_signature: usize) -> LedgerCost {
        let orders = self.orders.max(1) as f64;
        let step = |name: &str, spent: &Duration, orders: f64| Step { name: name.to_owned(), order_us: spent.as_secs_f64() * 1e6 / orders };
        let mut steps: Vec<Step> = STEPS.iter().zip(&self.steps).map(|(name, spent)| step(name, spent, orders)).collect();
        steps.push(step(STORE_THREADS, &self.store_threads, (self.standing + self.orders).max(1) as f64));
        LedgerCost {
            orders_per_signature,
            cores: 1,
            standing: self.standing,
            orders: self.orders,
            rejected: self.rejected,
            trades: self.trades,
            order_us: steps.iter().map(|step| step.order_us).sum(),
            steps,
            store_ms: self.store.as_secs_f64() * 1e3 / f64::from(self.blocks.max(1)),
            order_bytes: self.bytes as f64 / orders,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_add_up_and_the_orders_of_the_mix_are_admitted_and_trade() {
        for orders in [1, 100] {
            let options = LedgerOptions { orders, block_orders: 400, standing: 700, warm_up: 1, blocks: 2 };
            let cost = run(&options).unwrap();
            assert_eq!((cost.orders, cost.orders_per_signature, cost.steps.len()), (800, orders, STEPS.len() + 1));
            assert_eq!(cost.standing, 1_200, "whole blocks, and the one that warms up");
            assert!((cost.steps.iter().map(|step| step.order_us).sum::<f64>() - cost.order_us).abs() < 1e-6);
            assert_eq!(cost.rejected, 0, "every order of the mix is one that the rules admit");
            assert!(cost.trades > 80, "bids and asks match: {}", cost.trades);
            assert!(cost.order_us > 0.0 && cost.order_bytes > 60.0 && cost.store_ms > 0.0);
        }
    }
}
