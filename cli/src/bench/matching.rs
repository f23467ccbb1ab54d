//! What matching costs one core: one auction over a full book, and an order as books and accounts grow.

use super::books::{Books, Quote, resident_id, trader};
use super::community::{HUBS, hub_id};
use super::mix::Mix;
use super::screen::Progress;
use super::usage::thread_cpu;
use crate::devnet::clock::{Clock, SystemClock};
use anyhow::{Context, Result, ensure};
use leg_ledger::execute::{Rules, execute_block};
use leg_ledger::ids::{Height, Nonce};
use leg_ledger::market;
use leg_ledger::member::KeyRole;
use leg_ledger::receipt::{Code, Event};
use leg_ledger::signature::Signature;
use leg_ledger::state::{Members, View};
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{Side, SignedTransaction, TransactionBody, Verified};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::time::Duration;

/// Auctions of which the median is taken: an odd number.
const AUCTIONS: usize = 25;
/// Orders of a measured block.
const BLOCK_ORDERS: usize = 1_000;
/// The sizes are measured in turns, so many times...
const TURNS: usize = 5;
/// ...with so many blocks each time, after one that brings its state back into the processor's caches.
const BLOCKS: usize = 4;

/// One auction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuctionCost {
    /// Which market, with its price rule.
    pub market: String,
    /// Open orders in its book.
    pub orders: usize,
    /// Trades that it made.
    pub trades: usize,
    /// CPU to decide who trades how much with whom at which price, ms: the median of several auctions.
    pub decide_ms: f64,
    /// Open orders over that time.
    pub decided_per_second: f64,
    /// CPU of the whole auction, ms, the median as well: what it decides is written too, money, trades, orders that end and their records.
    pub auction_ms: f64,
    /// Open orders over the time.
    pub orders_per_second: f64,
}

/// An order's cost at one size of the state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrowthCost {
    /// Open orders, in 96 books of energy.
    pub open_orders: usize,
    /// Accounts.
    pub accounts: usize,
    /// CPU to admit, match and book an order of the mix, microseconds.
    pub order_us: f64,
}

/// All costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchingCosts {
    /// Auctions over one book.
    pub auctions: Vec<AuctionCost>,
    /// The curve.
    pub growth: Vec<GrowthCost>,
}

/// Measures auctions over `book` open orders, and the growth at `sizes` open orders with as many accounts.
///
/// # Errors
/// The rules reject what the benchmark places, or the system does not tell CPU times.
pub fn run(book: usize, sizes: &[usize]) -> Result<MatchingCosts> {
    let auctions = auctions(book)?;
    let progress = Progress::new(sizes.len() as u64, "an order as the state grows");
    let mut grown = Vec::new();
    for size in sizes {
        grown.push(Grown::new(*size)?);
        progress.step();
    }
    // In turns, since the machine's speed changes and the sizes are compared with each other.
    for _ in 0..TURNS {
        for size in &mut grown {
            size.pass()?;
            for _ in 0..BLOCKS {
                size.measure()?;
            }
        }
    }
    Ok(MatchingCosts { auctions, growth: grown.iter().map(Grown::cost).collect() })
}

/// Measures auctions over `book` open orders, one of each price rule.
///
/// # Errors
/// As [`run`].
pub fn auctions(book: usize) -> Result<Vec<AuctionCost>> {
    let progress = Progress::new(2, "auctions");
    let mut auctions = Vec::new();
    for (name, energy) in [("energy, uniform price", true), ("compute, seller's price", false)] {
        auctions.push(auction(name, energy, book)?);
        progress.step();
    }
    Ok(auctions)
}

fn auction(name: &str, energy: bool, orders: usize) -> Result<AuctionCost> {
    let mut books = Books::new(SystemClock.now())?;
    let product = if energy { books.energy(0) } else { books.compute() };
    let mut rng = ChaCha8Rng::seed_from_u64(orders as u64);
    let quote = |number: usize| -> Result<Quote> {
        let (member, side) = trader(number)?;
        let percent = match side {
            Side::Bid => rng.gen_range(95..=120),
            Side::Ask => rng.gen_range(80..=105),
        };
        Ok(Quote { member, side, product, percent, lots: rng.gen_range(1..=60) })
    };
    let quotes: Vec<Quote> = (0..orders).map(quote).collect::<Result<_>>()?;
    books.place(&quotes)?;
    let first = market::open_orders_of(&books.state, quotes.first().context("a book needs orders")?.member);
    let market = first.into_iter().next().context("a placed order is open")?.market;
    let mut trades = 0;
    let auction_ms = median_ms(|| {
        let mut ctx = books.context();
        ctx.changed_markets.insert(market);
        let begun = thread_cpu()?;
        market::run_auctions(&mut ctx)?;
        let spent = thread_cpu()? - begun;
        trades = ctx.events.iter().filter(|event| matches!(event, Event::Matched { .. })).count();
        Ok(spent)
    })?;
    let ctx = books.context();
    let decide_ms = median_ms(|| {
        let begun = thread_cpu()?;
        let decided = market::indicative(&ctx.state, &ctx.facts, &ctx.params, market)?;
        ensure!(decided.bids > 0, "the auction of {name} fills nothing");
        Ok(thread_cpu()? - begun)
    })?;
    let per_second = |ms: f64| orders as f64 * 1e3 / ms.max(f64::EPSILON);
    let (decided_per_second, orders_per_second) = (per_second(decide_ms), per_second(auction_ms));
    Ok(AuctionCost { market: name.to_owned(), orders, trades, decide_ms, decided_per_second, auction_ms, orders_per_second })
}

/// Milliseconds of the median auction. What the machine does beside it, and the first touch of memory, slow some of them.
fn median_ms(mut auction: impl FnMut() -> Result<Duration>) -> Result<f64> {
    let mut spent = (0..AUCTIONS).map(|_| auction()).collect::<Result<Vec<_>>>()?;
    spent.sort_unstable();
    Ok(spent.get(AUCTIONS / 2).context("no auction was held")?.as_secs_f64() * 1e3)
}

/// A state with many open orders and accounts, and what orders cost on it.
struct Grown {
    size: usize,
    books: Books,
    mix: Mix,
    /// Blocks so far.
    blocks: u64,
    spent: Duration,
    orders: usize,
}

impl Grown {
    /// Open orders do not cross: residents bid below 90 % of the base and ask above 110 %, while the hubs trade in between.
    fn new(size: usize) -> Result<Self> {
        let mut books = Books::new(SystemClock.now())?;
        books.add_residents(0..size.saturating_sub(HUBS))?;
        let residents = size.saturating_sub(HUBS).max(1);
        let mut rng = ChaCha8Rng::seed_from_u64(size as u64);
        let quote = |number: usize| -> Result<Quote> {
            let side = if number.is_multiple_of(2) { Side::Bid } else { Side::Ask };
            let percent = match side {
                Side::Bid => rng.gen_range(60..=85),
                Side::Ask => rng.gen_range(125..=150),
            };
            let (member, product) = (resident_id(number % residents)?, books.energy(rng.gen_range(0..96)));
            Ok(Quote { member, side, product, percent, lots: rng.gen_range(1..=60) })
        };
        let quotes: Vec<Quote> = (0..size).map(quote).collect::<Result<_>>()?;
        books.place(&quotes)?;
        Ok(Grown { size, books, mix: Mix::new(size as u64), blocks: 0, spent: Duration::ZERO, orders: 0 })
    }

    /// Executes a block of the mix: the CPU that it took, and its orders.
    fn pass(&mut self) -> Result<(Duration, usize)> {
        let transactions = block_of_mix(&self.books, &mut self.mix, self.blocks)?;
        self.blocks += 1;
        let begun = thread_cpu()?;
        let outcome = execute_block(&Rules::default(), &self.books.state, self.books.facts(), &transactions)?;
        let spent = thread_cpu()? - begun;
        let orders = outcome.receipts.iter().filter(|receipt| receipt.code == Code::Ok).count();
        self.books.commit(outcome.changes);
        Ok((spent, orders))
    }

    fn measure(&mut self) -> Result<()> {
        let (spent, orders) = self.pass()?;
        self.spent += spent;
        self.orders += orders;
        Ok(())
    }

    fn cost(&self) -> GrowthCost {
        let accounts = self.books.state.range::<leg_ledger::state::Accounts>(..).count();
        GrowthCost { open_orders: self.size, accounts, order_us: self.spent.as_secs_f64() * 1e6 / self.orders.max(1) as f64 }
    }
}

/// Transactions of one order each. Executing does not look at signatures, so that none is made here.
fn block_of_mix(books: &Books, mix: &mut Mix, block: u64) -> Result<Vec<Verified>> {
    let chain = books.genesis().chain_id();
    let now = MarketTime::from_ms(books.facts().market_time.ms());
    let mut transactions = Vec::with_capacity(BLOCK_ORDERS);
    for index in 0..BLOCK_ORDERS {
        let hub = mix.hub(0..HUBS);
        let signer = hub_id(hub)?;
        let key = books.state.get::<Members>(&signer).context("a hub is registered")?.keys.operator;
        let body = TransactionBody {
            version: 1,
            chain,
            signer,
            role: KeyRole::Operator,
            nonce: Nonce::new((1 << 40) + block * BLOCK_ORDERS as u64 + index as u64),
            last_valid: Height::new(1),
            atomic: false,
            actions: mix.orders(hub, 1, now),
        };
        let signed = SignedTransaction::new(body, Signature::from_bytes([0; 64]));
        transactions.push(signed.assume_verified(chain, key).context("a transaction of the mix")?);
    }
    Ok(transactions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auctions_trade_and_growth_is_measured_at_each_size() {
        let costs = run(600, &[200, 2_000]).unwrap();
        assert!(costs.auctions.iter().all(|auction| auction.trades > 100 && auction.orders == 600), "{:?}", costs.auctions);
        assert_eq!(costs.growth.iter().map(|cost| cost.open_orders).collect::<Vec<_>>(), [200, 2_000]);
        assert!(costs.growth.iter().all(|cost| cost.order_us > 0.0 && cost.accounts >= cost.open_orders));
    }
}
