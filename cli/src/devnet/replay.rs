//! The replay: drives the community through the slots of a run against a network.
//!
//! One task, one loop. Between ticks it follows the chain through its [`Auditor`] and lets meters send; at each tick it has the members sign
//! what the [`Plan`] and the audited state ask of them, oracles report and heat changes hands. It never waits for one transaction: orders are sent four slots ahead, and a slot
//! closes in time when all its orders are final before it starts.

use super::audit::Auditor;
use super::clock::Clock;
use super::community::HUBS;
use super::counts::Counts;
use super::heat::heat;
use super::jobs::{CUSTOMER, Ending};
use super::meter::{Meter, Sold, exchanged};
use super::oracles::{Oracles, Reports};
use super::plan::{ENERGY_LEAD, FORECAST_LEAD, Plan};
use super::tracker::{Purpose, Tracker};
use super::wallet::Wallet;
use crate::client::{LedgerApi, Refused};
use anyhow::{Context, Result, bail, ensure};
use leg_ledger::amount::Quantity;
use leg_ledger::ids::{Height, LegId, MemberId, TradeId};
use leg_ledger::limits::MAX_ACTIONS;
use leg_ledger::member::KeyRole;
use leg_ledger::state::{Accounts, Trade, TradeStatus, Trades, View};
use leg_ledger::time::{BlockTime, MarketClock, SLOT_MS};
use leg_ledger::transaction::{Action, Market, SignedTransaction};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// How often the chain is asked for a new block, ms.
const POLL_MS: u64 = 20;
/// Ticks after the last slot within which all but silent buyers must be done.
const DRAIN_TICKS: i64 = 400;
/// Longest wait for finality before the run is given up, ms.
const STALL_MS: u64 = 60_000;

/// Who watches a run.
pub trait Watcher {
    /// Called after each block and tick.
    fn on_progress(&mut self, progress: &Progress<'_>);
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Start of this slot of the run is past; negative before the run.
    pub tick: i64,
    /// Slots of the run.
    pub slots: usize,
    /// Last audited block.
    pub height: Height,
    /// What happened.
    pub counts: &'a Counts,
    /// What was sent.
    pub tracker: &'a Tracker,
}

/// The network that a run drives.
pub struct Network {
    /// Its nodes; member i sends through node i modulo their number, the next one when that does not answer.
    pub nodes: Vec<Arc<dyn LedgerApi>>,
    /// How market time follows the clock.
    pub clock: MarketClock,
    /// The hubs in their order, then the customer.
    pub members: Vec<Wallet>,
    /// The grid operator.
    pub grid: Wallet,
    /// The oracles.
    pub oracles: Vec<Wallet>,
    /// The community.
    pub leg: LegId,
}

/// A run.
pub struct Replay<'c> {
    network: Network,
    plan: Plan,
    auditor: Auditor,
    clock: &'c dyn Clock,
    tracker: Tracker,
    oracles: Oracles,
    meters: Vec<Meter>,
    started: BTreeSet<TradeId>,
    confirmed: BTreeSet<TradeId>,
    /// End the run when it is not clean any more: a slot closed late, a deadline passed, an action was rejected.
    strict: bool,
}

/// What a run leaves.
pub struct Finished {
    /// The auditor at its last block.
    pub auditor: Auditor,
    /// What was sent.
    pub tracker: Tracker,
    /// The plan.
    pub plan: Plan,
    /// From the start of the run's slot 0 to its end.
    pub took_ms: u64,
    /// False when the run ended early because it was not clean any more.
    pub whole: bool,
}

struct Outgoing {
    member: usize,
    transaction: SignedTransaction,
    who: String,
    purpose: Purpose,
}

impl<'c> Replay<'c> {
    /// A run. `strict` ends it when it is not clean any more.
    pub fn new(network: Network, plan: Plan, oracles: Oracles, auditor: Auditor, clock: &'c dyn Clock, strict: bool) -> Self {
        Replay {
            network,
            plan,
            auditor,
            clock,
            tracker: Tracker::default(),
            oracles,
            meters: vec![Meter::default(); HUBS],
            started: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            strict,
        }
    }

    /// Drives the community through all slots and until everything but silent buyers is done.
    ///
    /// # Errors
    /// The network does not answer, an audit fails, nothing becomes final any more, or trades stay open.
    pub async fn run(mut self, watcher: &mut dyn Watcher) -> Result<Finished> {
        let slots = self.plan.span.slots as i64;
        let begun = self.wall(0);
        let mut tick = -FORECAST_LEAD;
        loop {
            self.follow_until(self.wall(tick), tick, watcher).await?;
            self.on_tick(tick).await?;
            self.tracker.close_slots(usize::try_from(tick).unwrap_or(0));
            let unclean = !self.tracker.late().is_empty() || !self.tracker.failures().is_empty() || self.cancelled() > 0;
            if self.strict && unclean {
                return Ok(self.finished(begun, false));
            }
            if tick >= slots && self.is_done() {
                break;
            }
            ensure!(tick < slots + DRAIN_TICKS, "the run does not end: {}", self.what_is_open());
            tick += 1;
        }
        watcher.on_progress(&self.progress(tick));
        Ok(self.finished(begun, true))
    }

    fn finished(self, begun: BlockTime, whole: bool) -> Finished {
        let end = if whole { self.wall(self.plan.span.slots as i64) } else { self.clock.now() };
        let took_ms = end.ms().saturating_sub(begun.ms());
        Finished { auditor: self.auditor, tracker: self.tracker, plan: self.plan, took_ms, whole }
    }

    fn cancelled(&self) -> u64 {
        self.auditor.counts().cancelled()
    }

    /// When a slot of the run starts, by the clock.
    fn wall(&self, tick: i64) -> BlockTime {
        self.network.clock.block_time(self.plan.span.start(tick))
    }

    fn progress(&self, tick: i64) -> Progress<'_> {
        let height = self.auditor.next_height().previous().unwrap_or(Height::GENESIS);
        Progress { tick, slots: self.plan.span.slots, height, counts: self.auditor.counts(), tracker: &self.tracker }
    }

    async fn follow_until(&mut self, time: BlockTime, tick: i64, watcher: &mut dyn Watcher) -> Result<()> {
        loop {
            while self.follow_one().await? {
                watcher.on_progress(&self.progress(tick));
            }
            self.send_meters().await?;
            if let Some((who, since)) = self.tracker.oldest() {
                let waited = self.clock.now().ms().saturating_sub(since.ms());
                ensure!(waited < STALL_MS, "a transaction of {who} is not final after {} s; look into the nodes' logs", waited / 1_000);
            }
            let now = self.clock.now();
            if now >= time {
                return Ok(());
            }
            self.clock.sleep_until(time.min(BlockTime::from_ms(now.ms() + POLL_MS))).await;
        }
    }

    /// Audits the next block if there is one.
    async fn follow_one(&mut self) -> Result<bool> {
        let height = self.auditor.next_height();
        let Some((block, certificate)) = self.ask_any(height).await? else { return Ok(false) };
        let audited = self.auditor.audit(&block, &certificate).context("the audit failed")?;
        let now = self.clock.now();
        let (span, clock) = (self.plan.span, self.network.clock);
        for id in audited.transactions {
            self.tracker.on_final(id, &audited.receipts, now, |slot| clock.block_time(span.start(slot as i64)));
        }
        Ok(true)
    }

    /// Asks one node after another until one answers.
    async fn ask_any(&self, height: Height) -> Result<Option<(leg_ledger::block::Block, leg_ledger::block::Certificate)>> {
        let mut last = None;
        for node in &self.network.nodes {
            match node.block(height).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) => Err(error.context("no node answers")),
            None => bail!("the network has no node"),
        }
    }

    async fn on_tick(&mut self, tick: i64) -> Result<()> {
        let tip = self.auditor.next_height();
        self.book_jobs(tick);
        let mut out = self.orders(tick, tip);
        let exchange = self.read_meters(tick);
        self.reports(tick, tip, exchange, &mut out);
        self.steps(tick, tip, &mut out);
        self.send(out).await?;
        self.send_meters().await
    }

    fn orders(&mut self, tick: i64, tip: Height) -> Vec<Outgoing> {
        let slot = usize::try_from(tick + ENERGY_LEAD).ok().filter(|slot| *slot < self.plan.span.slots);
        let meters = &self.meters;
        let mut batches = self.plan.orders(tick, &|hub, index| meters[hub].kept(index));
        let (members, state) = (&self.network.members, self.auditor.state());
        let free = |member: usize| state.get::<Accounts>(&members[member].member()).map_or(0, |account| account.heat_free.get());
        heat(&self.plan, tick, &mut batches, &|member| members[member].member(), &free);
        let mut out = Vec::new();
        for (member, batch) in batches.into_iter().enumerate().filter(|(_, batch)| !batch.actions.is_empty()) {
            let who = format!("{} at tick {tick}", self.network.members[member].member());
            let transaction = self.network.members[member].sign(KeyRole::Operator, tip, batch.actions);
            out.push(Outgoing { member, transaction, who, purpose: Purpose::Orders { slot, jobs: batch.jobs } });
        }
        out
    }

    /// Reads all meters at the end of the slot before the tick; what the grid operator saw in it, if that limits a trade.
    fn read_meters(&mut self, tick: i64) -> Option<Action> {
        let index = usize::try_from(tick - 1).ok().filter(|index| *index < self.plan.span.slots)?;
        let slot = self.plan.span.slot(index as i64);
        let plan = &self.plan;
        let fed_in: u64 = self.meters.iter_mut().enumerate().map(|(hub, meter)| meter.read(plan, hub, index, slot)).sum();
        let energy = exchanged(plan, index, fed_in);
        // Without a trade of the slot there is nothing to limit, and the ledger refuses the report.
        let market = Market::Energy { leg: self.network.leg, slot };
        let traded = self.auditor.state().range::<Trades>(..).any(|(_, trade)| trade.market == market);
        (energy > 0 && traded).then(|| Action::ReportExchange { leg: self.network.leg, slot, energy: Quantity::new(energy) })
    }

    /// What oracles and grid operator report while the run lasts.
    fn reports(&mut self, tick: i64, tip: Height, exchange: Option<Action>, out: &mut Vec<Outgoing>) {
        let lasts = tick < self.plan.span.slots as i64;
        let Reports { oracles, grid } = if lasts { self.oracles.reports(&self.plan, tick) } else { Reports::default() };
        let network = &mut self.network;
        let grid = exchange.into_iter().chain(grid).collect();
        let sources = std::iter::once((&mut network.grid, grid)).chain(network.oracles.iter_mut().zip(oracles));
        for (index, (wallet, actions)) in sources.enumerate().filter(|(_, (_, actions))| !actions.is_empty()) {
            let who = format!("{} at tick {tick}", wallet.member());
            let transaction = wallet.sign(KeyRole::Operator, tip, actions);
            let purpose = Purpose::Report { slot: usize::try_from(tick).unwrap_or(0) };
            out.push(Outgoing { member: index, transaction, who, purpose });
        }
    }

    /// What the state of the trades of servers' work asks of sellers, their meters and buyers.
    fn steps(&mut self, tick: i64, tip: Height, out: &mut Vec<Outgoing>) {
        let now = self.plan.span.start(tick);
        let trades: Vec<Trade> = self.auditor.state().range::<Trades>(..).map(|(_, trade)| trade.clone()).collect();
        let mut steps: BTreeMap<MemberId, Vec<Action>> = BTreeMap::new();
        for trade in trades {
            let Some((from, until)) = trade.product.window() else { continue };
            match trade.status {
                TradeStatus::Pending if from <= now && self.started.insert(trade.id) => {
                    steps.entry(trade.seller).or_default().push(Action::StartTrade { trade: trade.id });
                }
                TradeStatus::Running if until <= now => {
                    if let Some(hub) = self.hub(trade.seller) {
                        self.meters[hub].complete(&self.plan, trade.id);
                    }
                }
                TradeStatus::Delivered if self.speaks(&trade) && self.confirmed.insert(trade.id) => {
                    steps.entry(trade.buyer).or_default().push(Action::ConfirmTrade { trade: trade.id });
                }
                _ => {}
            }
        }
        for (id, actions) in steps {
            let Some(member) = self.network.members.iter().position(|m| m.member() == id) else { continue };
            for part in actions.chunks(MAX_ACTIONS) {
                let who = format!("{id} at tick {tick}");
                let transaction = self.network.members[member].sign(KeyRole::Operator, tip, part.to_vec());
                out.push(Outgoing { member, transaction, who, purpose: Purpose::Step });
            }
        }
    }

    /// Books the jobs of the hour whose first energy tick this is: what is matched by now runs, offers have lapsed.
    fn book_jobs(&mut self, tick: i64) {
        let hour = self.plan.span.start(tick + ENERGY_LEAD);
        let trades = self.auditor.state().range::<Trades>(..).map(|(_, trade)| trade);
        for trade in trades {
            let Some((from, _)) = trade.product.window() else { continue };
            let (Some(hub), Some(first)) = (self.hub(trade.seller), self.plan.span.index(from.slot())) else { continue };
            if from <= hour && !self.meters[hub].knows(&trade.id) {
                let ordered = trade.quantity.get();
                let delivered = self.tracker.job(&trade.bid).map_or(ordered, |job| job.delivered());
                let sold = Sold { trade: trade.id, resource: trade.market.resource(), first, ordered, delivered };
                self.meters[hub].book(&self.plan, hub, sold);
            }
        }
    }

    /// Whether the buyer of a trade confirms, rather than be silent.
    fn speaks(&self, trade: &Trade) -> bool {
        self.tracker.job(&trade.bid).is_none_or(|job| job.ending != Ending::Silent)
    }

    fn hub(&self, member: MemberId) -> Option<usize> {
        self.network.members.iter().take(CUSTOMER).position(|wallet| wallet.member() == member)
    }

    /// Sends what meters have to say, for each hub once its last word is final.
    async fn send_meters(&mut self) -> Result<()> {
        let tip = self.auditor.next_height();
        let mut out = Vec::new();
        for hub in 0..HUBS {
            if self.tracker.meter_is_busy(hub) {
                continue;
            }
            let actions = self.meters[hub].take(MAX_ACTIONS);
            if actions.is_empty() {
                continue;
            }
            let who = format!("the meter of {}", self.network.members[hub].member());
            let transaction = self.network.members[hub].sign(KeyRole::Meter, tip, actions);
            out.push(Outgoing { member: hub, transaction, who, purpose: Purpose::Meter { hub } });
        }
        self.send(out).await
    }

    async fn send(&mut self, out: Vec<Outgoing>) -> Result<()> {
        let mut sending = JoinSet::new();
        for Outgoing { member, transaction, who, purpose } in out {
            self.tracker.on_sent(transaction.id(), who.clone(), purpose, self.clock.now());
            let nodes = self.network.nodes.clone();
            sending.spawn(async move { submit(&nodes, member, &transaction).await.with_context(|| format!("{who}: not admitted")) });
        }
        while let Some(done) = sending.join_next().await {
            done.context("a sending task ended")??;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.tracker.waiting() == 0 && self.meters.iter().all(Meter::is_idle) && self.open_trades().next().is_none()
    }

    /// Trades that wait for somebody other than a silent buyer. Months of storage go on after the run.
    fn open_trades(&self) -> impl Iterator<Item = &Trade> {
        let trades = self.auditor.state().range::<Trades>(..).map(|(_, trade)| trade);
        let trades = trades.filter(|trade| trade.market != Market::Storage);
        trades.filter(|trade| trade.status != TradeStatus::Delivered || self.speaks(trade))
    }

    fn what_is_open(&self) -> String {
        let trade = self.open_trades().next().map(|t| format!("trade {} is {:?}", t.id, t.status));
        format!("{} transactions wait, {}", self.tracker.waiting(), trade.unwrap_or_else(|| "no trade is open".into()))
    }
}

/// Sends through a member's node, or the next one that answers. A refusal is final: another node would refuse as well.
async fn submit(nodes: &[Arc<dyn LedgerApi>], member: usize, transaction: &SignedTransaction) -> Result<()> {
    let mut last = None;
    for turn in 0..nodes.len() {
        match nodes[(member + turn) % nodes.len()].submit(transaction).await {
            Ok(_) => return Ok(()),
            Err(error) if error.downcast_ref::<Refused>().is_some() => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("the network has no node")?)
}

/// Slots of market time that pass in a second.
pub fn slots_per_second(clock: MarketClock) -> f64 {
    f64::from(clock.scale) * 1_000.0 / SLOT_MS as f64
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
