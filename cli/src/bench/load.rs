//! The open-loop load: what is due is sent, whatever became of what was sent before.

use super::door::Door;
use super::latency::{Latencies, Percentiles, due, due_by};
use super::signer::Ready;
use anyhow::{Context, Result, bail};
use leg_ledger::ids::TransactionId;
use leg_node::api::FinalBlock;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often what is due is sent. A transaction waits this long at most, and that counts as its latency.
const TICK: Duration = Duration::from_millis(5);
/// Transactions sent at once.
const CHUNK: usize = 2_048;
/// How often it is looked whether all are final.
const POLL: Duration = Duration::from_millis(20);

/// One load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Transactions a second.
    pub rate: f64,
    /// Time before the window.
    pub warm_up: Duration,
    /// Time in which everything is measured.
    pub window: Duration,
    /// Longest wait after it for what is not final yet.
    pub drain: Duration,
}

impl Plan {
    /// The window, from the start of the load.
    pub fn measured(&self) -> Range<Duration> {
        self.warm_up..self.warm_up + self.window
    }
}

/// What became of a load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Transactions that were due within the window.
    pub due: u64,
    /// Of those, how many were not even sent: the generator or the signers were too slow.
    pub unsent: u64,
    /// Of those that were sent, how many were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Of those that were sent and not refused, how many were not final when the wait was over.
    pub lost: u64,
    /// Transactions that became final, a second: from the last block before the window to the first one after it. A saturated network makes a
    /// block in a second or two, and whether its last one still falls into the window would decide.
    pub finals_per_second: f64,
    /// Blocks of the window.
    pub blocks: u64,
    /// Actions in them.
    pub actions: u64,
    /// Actions that the rules rejected.
    pub rejected: u64,
    /// Trades that they made.
    pub trades: u64,
    /// Of what was due within the window and became final.
    pub latency: Percentiles,
}

#[derive(Debug)]
struct Run {
    start: Instant,
    plan: Plan,
    /// Due times of what is not final yet.
    pending: HashMap<TransactionId, Duration>,
    latencies: Latencies,
    /// The last block before the window; the last one of those that count, none of which is later than the first one after the window.
    since: Option<Duration>,
    until: Option<Duration>,
    /// Transactions in the blocks that count.
    finals: u64,
    counted: Counted,
}

impl Run {
    /// Whether a block that became final at `at` counts.
    fn counts(&mut self, at: Duration) -> bool {
        let measured = self.plan.measured();
        if at < measured.start {
            self.since = Some(at);
            return false;
        }
        let counts = self.until.is_none_or(|until| until < measured.end);
        if counts {
            self.until = Some(at);
        }
        counts
    }

    fn finals_per_second(&self) -> f64 {
        let measured = self.plan.measured();
        // Where all were final before its end, no block need follow the window.
        let until = self.until.unwrap_or_default().max(measured.end);
        let took = until.saturating_sub(self.since.unwrap_or(measured.start));
        self.finals as f64 / took.as_secs_f64().max(f64::EPSILON)
    }
}

/// Knows what was sent and what became of it. Shared by the load, the door's answers and whoever follows the blocks.
#[derive(Debug, Default)]
pub struct Tracker(Mutex<Option<Run>>);

impl Tracker {
    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, start: Instant, plan: Plan) {
        let (pending, latencies, counted) = (HashMap::new(), Latencies::default(), Counted::default());
        *self.lock() = Some(Run { start, plan, pending, latencies, since: None, until: None, finals: 0, counted });
    }

    fn on_sent(&self, ready: &[Ready], first: u64) {
        let mut run = self.lock();
        let Some(run) = run.as_mut() else { return };
        for (index, ready) in (first..).zip(ready) {
            let due = due(index, run.plan.rate);
            run.counted.due += u64::from(run.plan.measured().contains(&due));
            run.pending.insert(ready.id, due);
        }
    }

    /// Transactions that were due and could not be sent any more.
    fn on_unsent(&self, indices: Range<u64>) {
        if let Some(run) = self.lock().as_mut() {
            let measured = run.plan.measured();
            let missed = indices.filter(|index| measured.contains(&due(*index, run.plan.rate))).count() as u64;
            run.counted.due += missed;
            run.counted.unsent += missed;
        }
    }

    /// A node refused a transaction.
    pub fn on_refused(&self, id: TransactionId, code: String) {
        if let Some(run) = self.lock().as_mut()
            && run.pending.remove(&id).is_some_and(|due| run.plan.measured().contains(&due))
        {
            *run.counted.refused.entry(code).or_default() += 1;
        }
    }

    /// A block became final; it was heard of at `now`.
    pub fn on_block(&self, block: &FinalBlock, now: Instant) {
        let mut run = self.lock();
        let Some(run) = run.as_mut() else { return };
        let at = now.saturating_duration_since(run.start);
        let measured = run.plan.measured();
        let counts = run.counts(at);
        if measured.contains(&at) {
            run.counted.blocks += 1;
            run.counted.actions += u64::from(block.actions);
            run.counted.rejected += u64::from(block.rejected);
            run.counted.trades += u64::from(block.trades);
        }
        for id in &block.transactions {
            let Some(due) = run.pending.remove(id) else { continue };
            run.finals += u64::from(counts);
            if measured.contains(&due) {
                run.latencies.record(at.saturating_sub(due));
            }
        }
    }

    fn waiting(&self) -> usize {
        self.lock().as_ref().map_or(0, |run| run.pending.len())
    }

    fn end(&self) -> Counted {
        let Some(run) = self.lock().take() else { return Counted::default() };
        let measured = run.plan.measured();
        let lost = run.pending.values().filter(|due| measured.contains(*due)).count() as u64;
        Counted { lost, latency: run.latencies.percentiles(), finals_per_second: run.finals_per_second(), ..run.counted }
    }
}

/// Runs a load; `at_edge` is called when its window begins and when it ends. What is signed comes from `ready`.
///
/// # Errors
/// The way in or the signers ended, or `at_edge` failed.
pub async fn run<T>(
    plan: Plan,
    ready: &mut mpsc::Receiver<Ready>,
    door: &mut Door,
    tracker: &Arc<Tracker>,
    mut at_edge: impl FnMut() -> Result<T>,
) -> Result<(Counted, T, T)> {
    let start = Instant::now();
    tracker.begin(start, plan);
    let edges = async {
        tokio::time::sleep_until((start + plan.measured().start).into()).await;
        let before = at_edge()?;
        tokio::time::sleep_until((start + plan.measured().end).into()).await;
        Ok::<_, anyhow::Error>((before, at_edge()?))
    };
    let (sent, edges) = tokio::join!(send(plan, start, ready, door, tracker), edges);
    sent?;
    let (before, after) = edges?;
    door.settle().await;
    let deadline = Instant::now() + plan.drain;
    while tracker.waiting() > 0 && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    Ok((tracker.end(), before, after))
}

async fn send(plan: Plan, start: Instant, ready: &mut mpsc::Receiver<Ready>, door: &mut Door, tracker: &Arc<Tracker>) -> Result<()> {
    let end = plan.measured().end;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    loop {
        ticks.tick().await;
        let elapsed = start.elapsed();
        // The last tick comes right after the end and sends what became due since the one before. Who is late by another has missed it.
        let latest = elapsed.max(end) + TICK;
        let until = due_by(elapsed.min(end), plan.rate);
        while sent < until && start.elapsed() < latest {
            let most = usize::try_from(until - sent).unwrap_or(CHUNK).min(CHUNK);
            let mut chunk = Vec::with_capacity(most);
            if ready.recv_many(&mut chunk, most).await == 0 {
                bail!("the signing clients ended");
            }
            tracker.on_sent(&chunk, sent);
            sent += chunk.len() as u64;
            door.send(chunk, tracker).await.context("sending transactions")?;
        }
        if elapsed >= end {
            break;
        }
    }
    tracker.on_unsent(sent..due_by(end, plan.rate).saturating_sub(1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::{Domain, Hash};
    use leg_ledger::ids::Height;

    fn ready(n: u64) -> Ready {
        Ready { id: TransactionId::from_hash(Hash::of(Domain::Transaction, &n.to_le_bytes())), bytes: Vec::new(), vouched: None }
    }

    fn block(height: u64, ids: Range<u64>) -> FinalBlock {
        let transactions: Vec<TransactionId> = ids.map(|n| ready(n).id).collect();
        let actions = transactions.len() as u32;
        FinalBlock { height: Height::new(height), transactions, actions, rejected: 1, trades: 2 }
    }

    /// Ten a second; a second to warm up, two measured.
    #[test]
    fn latency_runs_from_when_a_transaction_was_due_and_only_the_window_counts() {
        let ms = Duration::from_millis;
        let (tracker, start) = (Tracker::default(), Instant::now());
        tracker.begin(start, Plan { rate: 10.0, warm_up: ms(1_000), window: ms(2_000), drain: Duration::ZERO });
        let all: Vec<Ready> = (0..28).map(ready).collect();
        // However late they were sent, transaction 12 was due after 1.2 s.
        tracker.on_sent(&all, 0);
        tracker.on_unsent(28..30);
        tracker.on_block(&block(1, 0..8), start + ms(900));
        tracker.on_block(&block(2, 8..20), start + ms(2_000));
        tracker.on_refused(ready(20).id, "busy".to_owned());
        tracker.on_refused(ready(3).id, "busy".to_owned());
        tracker.on_block(&block(3, 21..27), start + ms(3_500));
        let counted = tracker.end();
        assert_eq!((counted.due, counted.unsent, counted.lost), (20, 2, 1), "27 is lost");
        assert_eq!(counted.refused, BTreeMap::from([("busy".to_owned(), 1)]));
        assert_eq!((counted.blocks, counted.actions, counted.rejected, counted.trades), (1, 12, 1, 2));
        // 8..20 and 21..27 but 20, between the block at 0.9 s and the one at 3.5 s.
        assert!((counted.finals_per_second - 18.0 / 2.6).abs() < 1e-9, "{counted:?}");
        // 10..20 after 1.0 s to 0.1 s, 21..27 after 1.4 s to 0.9 s.
        assert_eq!(counted.latency.count, 16);
        assert!((counted.latency.max - 1_400.0).abs() < 2.0, "{:?}", counted.latency);
        assert_eq!(tracker.end(), Counted::default(), "a load ends once");
    }

    /// A hundred a second, and a block of them each second.
    #[test]
    fn throughput_does_not_depend_on_where_between_two_blocks_the_window_begins_and_ends() {
        let ms = Duration::from_millis;
        for shift in [0, 1, 250, 999] {
            let (tracker, start) = (Tracker::default(), Instant::now());
            tracker.begin(start, Plan { rate: 100.0, warm_up: ms(1_500), window: ms(2_000), drain: Duration::ZERO });
            tracker.on_sent(&(0..800).map(ready).collect::<Vec<_>>(), 0);
            for second in 0..8 {
                tracker.on_block(&block(second + 1, second * 100..second * 100 + 100), start + ms(shift + second * 1_000));
            }
            let found = tracker.end().finals_per_second;
            assert!((found - 100.0).abs() < 1e-9, "{found} with blocks {shift} ms later");
        }
        let (tracker, start) = (Tracker::default(), Instant::now());
        tracker.begin(start, Plan { rate: 100.0, warm_up: ms(1_000), window: ms(2_000), drain: Duration::ZERO });
        tracker.on_sent(&(0..300).map(ready).collect::<Vec<_>>(), 0);
        tracker.on_block(&block(1, 0..100), start + ms(1_000));
        tracker.on_block(&block(2, 100..300), start + ms(2_500));
        assert!((tracker.end().finals_per_second - 150.0).abs() < 1e-9, "without a block before it or after it, all of the window counts");
    }

    #[tokio::test]
    async fn a_load_sends_what_is_due_and_tells_when_its_window_begins_and_ends() {
        let (out, mut receiver) = mpsc::channel(10_000);
        for n in 0..10_000 {
            out.try_send(ready(n)).unwrap();
        }
        let ms = Duration::from_millis;
        let plan = Plan { rate: 1_000.0, warm_up: ms(50), window: ms(200), drain: ms(10) };
        let mut door = Door::Http(super::super::door::HttpDoor::new(&["http://127.0.0.1:1".to_owned()]).unwrap());
        let tracker = Arc::new(Tracker::default());
        let mut edges = 0;
        let at_edge = || {
            edges += 1;
            Ok(edges)
        };
        let (counted, before, after) = run(plan, &mut receiver, &mut door, &tracker, at_edge).await.unwrap();
        assert_eq!((before, after), (1, 2));
        assert_eq!(counted.due, 200, "by the clock, whatever the machine's pace");
        // Nobody listens there: everything that was sent is refused, and what was not sent is told as well.
        assert_eq!(counted.refused.values().sum::<u64>() + counted.unsent, 200);
        assert_eq!((counted.finals_per_second, counted.lost), (0.0, 0));
    }
}
