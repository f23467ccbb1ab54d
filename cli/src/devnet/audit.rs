//! An auditor of the running network: takes each committed block, checks certificate, header, signatures and conservation with its own copy of
//! the state machine, and keeps what the report counts. It believes no node: it knows the genesis and computes the rest.

use anyhow::{Context, Result, ensure};
use leg_genesis::Genesis;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::Ledger;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, TradeId, TransactionId};
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::state::{Accounts, State, TotalsTable, Trades, View};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::Resource;
use std::collections::BTreeMap;

/// Trades of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Trades that were made.
    pub matches: u64,
    /// Matched, Wh.
    pub matched_wh: u64,
    /// In escrow at the match, micro-CHF.
    pub matched_value: u64,
    /// Trades that were settled.
    pub settled: u64,
    /// Delivered and paid, Wh.
    pub settled_wh: u64,
    /// Paid by buyers, micro-CHF.
    pub gross: u64,
    /// Network fee in it.
    pub fee: u64,
    /// Penalties for under-delivery.
    pub penalty: u64,
    /// Bonuses.
    pub bonus: u64,
    /// Trades that were cancelled.
    pub cancelled: u64,
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Energy trades.
    pub energy: Traded,
    /// Compute trades.
    pub compute: Traded,
    /// Transactions in blocks.
    pub transactions: u64,
    /// Actions in them.
    pub actions: u64,
    /// Orders that were admitted.
    pub orders: u64,
    /// Rejected actions by code.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Heat credited, Wh.
    pub heat_wh: u64,
    /// Confirmed by silence.
    pub silent: u64,
}

/// The auditor.
pub struct Auditor {
    ledger: Ledger,
    counts: Counts,
    resources: BTreeMap<TradeId, Resource>,
    roots: Vec<Hash>,
    times: Vec<BlockTime>,
}

/// What a block brought.
#[derive(Debug)]
pub struct Audited {
    /// Its height.
    pub height: Height,
    /// Its receipts.
    pub receipts: Vec<Receipt>,
    /// Its transactions.
    pub transactions: Vec<TransactionId>,
}

impl Auditor {
    /// At the genesis of a network.
    ///
    /// # Errors
    /// When its state is not whole.
    pub fn new(genesis: &Genesis) -> Result<Self> {
        let ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).context("the genesis state")?;
        let (root, time) = (ledger.tip().state_root, ledger.tip().time);
        Ok(Auditor { ledger, counts: Counts::default(), resources: BTreeMap::new(), roots: vec![root], times: vec![time] })
    }

    /// The height that it audits next.
    pub fn next_height(&self) -> Height {
        self.ledger.next_height()
    }

    /// The state after the last audited block.
    pub fn state(&self) -> &State {
        self.ledger.state()
    }

    /// Where all money and heat are after the last audited block.
    pub fn sums(&self) -> Sums {
        Sums::of(self.ledger.state())
    }

    /// What happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Root of the state after a height; `None` above the last audited one.
    pub fn root(&self, height: Height) -> Option<Hash> {
        self.roots.get(usize::try_from(height.get()).ok()?).copied()
    }

    /// Times of the blocks, genesis first.
    pub fn times(&self) -> &[BlockTime] {
        &self.times
    }

    /// Checks and executes the next block.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn audit(&mut self, block: &Block, certificate: &Certificate) -> Result<Audited> {
        let height = self.ledger.next_height();
        let fails = |what: &str| format!("block {height}: {what}");
        ensure!(certificate.block == block.id() && certificate.height == height, fails("the certificate is of another block"));
        let committee = self.ledger.committee(height).with_context(|| fails("no committee"))?;
        certificate.verify(self.ledger.chain(), committee).with_context(|| fails("the certificate"))?;
        let verified = self.ledger.verify_transactions(&block.body.transactions, &|_, _| false).with_context(|| fails("its signatures"))?;
        self.ledger.check_block(block, &verified).with_context(|| fails("not valid"))?;
        let transactions: Vec<TransactionId> = verified.iter().map(|v| v.id()).collect();
        let executed = self.ledger.execute(block, verified).with_context(|| fails("cannot be executed"))?;
        let (receipts, events) = (executed.receipts.clone(), executed.events.clone());
        let tip = executed.tip;
        self.counts.transactions += transactions.len() as u64;
        self.count_receipts(&receipts);
        ensure!(self.ledger.commit(executed), fails("executed on another tip"));
        self.count_events(&events);
        let sums = self.sums();
        ensure!(sums.hold(), fails(&format!("conservation is broken: {sums:?}")));
        self.roots.push(tip.state_root);
        self.times.push(tip.time);
        Ok(Audited { height, receipts, transactions })
    }

    fn count_receipts(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            self.counts.actions += 1;
            if receipt.code != leg_ledger::receipt::Code::Ok {
                *self.counts.rejected.entry(receipt.code.name()).or_default() += 1;
            } else if receipt.order.is_some() {
                self.counts.orders += 1;
            }
        }
    }

    fn count_events(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Matched { trade, market, quantity, .. } => {
                    self.resources.insert(*trade, market.resource());
                    let escrow = self.ledger.state().get::<Trades>(trade).map_or(0, |t| t.escrow.get());
                    let traded = self.counts.of(market.resource());
                    traded.matches += 1;
                    traded.matched_wh += quantity.get();
                    traded.matched_value += escrow;
                }
                Event::Settled { trade, settlement } => {
                    let resource = self.resources.remove(trade).unwrap_or(Resource::Energy);
                    self.counts.heat_wh += settlement.heat.get();
                    let traded = self.counts.of(resource);
                    traded.settled += 1;
                    traded.settled_wh += settlement.quantity.get();
                    traded.gross += settlement.gross.get();
                    traded.fee += settlement.fee.get();
                    traded.penalty += settlement.penalty.get();
                    traded.bonus += settlement.bonus.get();
                }
                Event::Cancelled { trade, .. } => {
                    let resource = self.resources.remove(trade).unwrap_or(Resource::Energy);
                    self.counts.of(resource).cancelled += 1;
                }
                Event::Confirmed { silent: true, .. } => self.counts.silent += 1,
                _ => {}
            }
        }
    }
}

impl Counts {
    fn of(&mut self, resource: Resource) -> &mut Traded {
        if resource == Resource::Energy { &mut self.energy } else { &mut self.compute }
    }
}

/// Where all money and heat are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Deposited less withdrawn, micro-CHF.
    pub deposited: u64,
    /// In accounts.
    pub accounts: u64,
    /// Fees.
    pub fee: u64,
    /// Penalties.
    pub penalties: u64,
    /// In pools.
    pub pool: u64,
    /// Heat issued, Wh.
    pub heat_issued: u64,
    /// Heat in accounts.
    pub heat_accounts: u64,
    /// Heat in pools, retired or expired.
    pub heat_gone: u64,
}

impl Sums {
    /// Adds up a state, without the ledger's own check of conservation.
    pub fn of(state: &State) -> Self {
        let totals = state.get::<TotalsTable>(&()).copied().unwrap_or_default();
        let (mut accounts, mut heat_accounts) = (0, 0);
        for (_, a) in state.range::<Accounts>(..) {
            accounts += [a.free, a.reserved, a.escrow, a.margin, a.bond].iter().map(|m| m.get()).sum::<u64>();
            heat_accounts += [a.heat_free, a.heat_reserved, a.heat_escrow].iter().map(|q| q.get()).sum::<u64>();
        }
        Sums {
            deposited: totals.deposited.get() - totals.withdrawn.get(),
            accounts,
            fee: totals.fee.get(),
            penalties: totals.penalties.get(),
            pool: totals.pool.get(),
            heat_issued: totals.heat_issued.get(),
            heat_accounts,
            heat_gone: totals.heat_pooled.get() + totals.heat_retired.get() + totals.heat_expired.get(),
        }
    }

    /// Conservation (MARKET 1): each micro-CHF is in an account, the fee, the penalties or a pool; all heat is in an account, a pool, retired or
    /// expired.
    pub fn hold(&self) -> bool {
        self.accounts + self.fee + self.penalties + self.pool == self.deposited && self.heat_accounts + self.heat_gone == self.heat_issued
    }
}
