//! An auditor of the running network: takes each committed block, checks certificate, header, signatures and conservation with its own copy of
//! the state machine, and keeps what the report counts. It believes no node: it knows the genesis and computes the rest.

use super::counts::Counts;
use anyhow::{Context, Result, ensure};
use leg_genesis::Genesis;
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::{Executed, Ledger};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, TransactionId};
use leg_ledger::receipt::Receipt;
use leg_ledger::state::{Accounts, HeatLots, State, TotalsTable, Trades, View};
use leg_ledger::time::BlockTime;

/// The auditor.
pub struct Auditor {
    ledger: Ledger,
    counts: Counts,
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
        Ok(Auditor { ledger, counts: Counts::default(), roots: vec![root], times: vec![time] })
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

    /// The chain at the last audited block.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Checks and executes the next block, and moves on.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn audit(&mut self, block: &Block, certificate: &Certificate) -> Result<Audited> {
        let executed = self.check(block, certificate)?;
        self.accept(block, executed)
    }

    /// Checks and executes the next block; its certificate, header, signatures, and what it leads to.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn check(&self, block: &Block, certificate: &Certificate) -> Result<Executed> {
        let height = self.ledger.next_height();
        let fails = |what: &str| format!("block {height}: {what}");
        ensure!(certificate.block == block.id() && certificate.height == height, fails("the certificate is of another block"));
        let committee = self.ledger.committee(height).with_context(|| fails("no committee"))?;
        certificate.verify(self.ledger.chain(), committee).with_context(|| fails("the certificate"))?;
        let verified = self.ledger.verify_transactions(&block.body.transactions, &|_, _| false).with_context(|| fails("its signatures"))?;
        self.ledger.check_block(block, &verified).with_context(|| fails("not valid"))?;
        self.ledger.execute(block, verified).with_context(|| fails("cannot be executed"))
    }

    /// Moves on by a block that was checked, and checks conservation after it.
    ///
    /// # Errors
    /// It was checked on another tip, or money or heat appeared or vanished.
    pub fn accept(&mut self, block: &Block, executed: Executed) -> Result<Audited> {
        let (height, tip) = (block.header.height, executed.tip);
        let transactions: Vec<TransactionId> = block.body.transactions.iter().map(|transaction| transaction.id()).collect();
        let (receipts, events) = (executed.receipts.clone(), executed.events.clone());
        self.counts.transactions += transactions.len() as u64;
        self.counts.add_receipts(&receipts);
        ensure!(self.ledger.commit(executed), "block {height}: executed on another tip");
        let state = self.ledger.state();
        self.counts.add_events(&events, |trade| state.get::<Trades>(trade).map(|trade| trade.escrow));
        let sums = self.sums();
        ensure!(sums.hold(), "block {height}: conservation is broken: {sums:?}");
        self.roots.push(tip.state_root);
        self.times.push(tip.time);
        Ok(Audited { height, receipts, transactions })
    }
}

/// Where all money and heat are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Deposited less withdrawn, micro-CHF.
    pub deposited: u64,
    /// In accounts.
    pub accounts: u64,
    /// Of it in escrow.
    pub escrow: u64,
    /// Escrow of running trades, months of storage contracts among them.
    pub trades: u64,
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
    /// Heat in lots.
    pub heat_lots: u64,
    /// Heat retired.
    pub heat_retired: u64,
    /// Heat in pools, retired or expired.
    pub heat_gone: u64,
}

impl Sums {
    /// Adds up a state, without the ledger's own check of conservation.
    pub fn of(state: &State) -> Self {
        let totals = state.get::<TotalsTable>(&()).copied().unwrap_or_default();
        let (mut accounts, mut escrow, mut heat_accounts) = (0, 0, 0);
        for (_, a) in state.range::<Accounts>(..) {
            accounts += [a.free, a.reserved, a.escrow, a.margin, a.bond].iter().map(|m| m.get()).sum::<u64>();
            escrow += a.escrow.get();
            heat_accounts += [a.heat_free, a.heat_reserved, a.heat_escrow].iter().map(|q| q.get()).sum::<u64>();
        }
        Sums {
            deposited: totals.deposited.get() - totals.withdrawn.get(),
            accounts,
            escrow,
            trades: state.range::<Trades>(..).map(|(_, trade)| trade.escrow.get()).sum(),
            fee: totals.fee.get(),
            penalties: totals.penalties.get(),
            pool: totals.pool.get(),
            heat_issued: totals.heat_issued.get(),
            heat_accounts,
            heat_lots: state.range::<HeatLots>(..).map(|(_, lot)| lot.quantity.get()).sum(),
            heat_retired: totals.heat_retired.get(),
            heat_gone: totals.heat_pooled.get() + totals.heat_retired.get() + totals.heat_expired.get(),
        }
    }

    /// Conservation (MARKET 1 and 8): each micro-CHF is in an account, the fee, the penalties or a pool, and what accounts have in escrow is that of
    /// their trades; all heat is in an account, a pool, retired or expired, and what accounts have is in lots.
    pub fn hold(&self) -> bool {
        self.accounts + self.fee + self.penalties + self.pool == self.deposited
            && self.escrow == self.trades
            && self.heat_accounts + self.heat_gone == self.heat_issued
            && self.heat_lots == self.heat_accounts
    }
}
