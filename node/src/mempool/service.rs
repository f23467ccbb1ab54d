//! The loop: gathers submissions, has them verified on all cores, puts them into the pool, repeats what waits too long.

use super::admission::{self, Outcome};
use super::counters::{Counters, add};
use super::known::KnownSignatures;
use super::mailbox::{Answers, Message, Source};
use super::pool::Pool;
use super::{AdmitError, LedgerView, MempoolConfig};
use futures::{StreamExt, stream};
use leg_ledger::ids::TransactionId;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

pub(super) struct Shared {
    config: MempoolConfig,
    view: Arc<dyn LedgerView>,
    pool: Mutex<Pool>,
    known: Mutex<KnownSignatures>,
    /// Counts the repetitions, so that what was submitted since the last one is not repeated yet.
    epoch: AtomicU64,
    pub(super) counters: Counters,
    pub(super) work: watch::Sender<usize>,
}

impl Shared {
    pub(super) fn new(config: MempoolConfig, view: Arc<dyn LedgerView>) -> Self {
        Shared {
            config,
            view,
            pool: Mutex::new(Pool::new(config.limits)),
            known: Mutex::new(KnownSignatures::new(config.known)),
            epoch: AtomicU64::new(0),
            counters: Counters::default(),
            work: watch::channel(0).0,
        }
    }

    // A panic while one of these was locked leaves at worst a transaction in one of the pool's indices and not in the others; going on
    // with the rest is better than a node that refuses everything.
    pub(super) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, KnownSignatures> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells who waits for work. MUST NOT be called with the pool locked: whoever looks at the number may look into the pool as well, so
    /// the number's lock comes first everywhere.
    pub(super) fn announce(&self) {
        self.work.send_if_modified(|old| {
            let waiting = self.pool().len();
            std::mem::replace(old, waiting) != waiting
        });
    }

    /// Blocks were committed since these transactions were checked, and the pool was told before it had them: what such a block used up
    /// would wait until it expires.
    fn drop_overtaken(&self, inserted: &mut Vec<Verified>) {
        let mut overtaken = Vec::new();
        // Asks the chain, so the pool MUST NOT be locked yet.
        inserted.retain(|verified| {
            let still = self.view.admissible(verified.transaction()).is_ok_and(|key| key == verified.key());
            if !still {
                overtaken.push(verified.id());
            }
            still
        });
        let mut pool = self.pool();
        overtaken.iter().for_each(|id| drop(pool.remove(id)));
    }

    /// One job, on a blocking thread.
    fn admit(&self, transactions: Vec<SignedTransaction>, source: Source) -> Admitted {
        let height = self.view.height();
        let max_bad = if source == Source::Peer { self.config.max_bad } else { usize::MAX };
        let Outcome { results, verified, bad } = admission::admit(
            self.view.chain(),
            transactions,
            |transaction| self.view.admissible(transaction),
            |commitment, key| self.known().contains(commitment, key),
            max_bad,
        );
        add(&self.counters.verified, verified);
        add(&self.counters.bad_signatures, bad);
        let mut known = self.known();
        results.iter().flatten().for_each(|v| known.insert(v.commitment(), v.key()));
        drop(known);

        // A batch with a fault in it is not forwarded as it came; what is good in it goes on in a batch of our own.
        let faulty = results.iter().any(|r| r.as_ref().is_err_and(AdmitError::is_deliverers_fault));
        let local = (source == Source::Local).then(|| self.epoch.load(Ordering::Relaxed));
        let mut answers = Vec::with_capacity(results.len());
        let mut inserted = Vec::new();
        let mut pool = self.pool();
        for result in results {
            let answer = result.and_then(|verified| {
                let id = verified.id();
                pool.insert(verified.clone(), local).map_err(|error| AdmitError::of_pool(id, error))?;
                inserted.push(verified);
                Ok(id)
            });
            match &answer {
                Ok(_) => add(&self.counters.admitted, 1),
                Err(AdmitError::Duplicate(_)) => add(&self.counters.duplicates, 1),
                Err(_) => add(&self.counters.refused, 1),
            }
            answers.push(answer);
        }
        drop(pool);
        if self.view.height() != height {
            self.drop_overtaken(&mut inserted);
        }
        self.announce();
        let gossip = if local.is_some() || faulty { inserted } else { Vec::new() };
        Admitted { results: answers, gossip }
    }
}

struct Admitted {
    results: Answers,
    gossip: Vec<Verified>,
}

/// Transactions that are verified together, and who waits for how many of the answers.
struct Group {
    source: Source,
    transactions: Vec<SignedTransaction>,
    replies: Vec<(usize, oneshot::Sender<Answers>)>,
}

pub(super) async fn run(shared: Arc<Shared>, mut mailbox: mpsc::Receiver<Message>, outgoing: mpsc::Sender<Verified>) {
    let period = shared.config.repeat;
    let mut repeat = interval_at(Instant::now() + period, period);
    repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cursor = None;
    loop {
        tokio::select! {
            message = mailbox.recv() => {
                let Some(first) = message else { return };
                let groups = gather(&shared.config, first, &mut mailbox).await;
                process(&shared, groups, &outgoing).await;
            }
            _ = repeat.tick() => cursor = repeat_waiting(&shared, cursor, &outgoing),
        }
    }
}

/// Collects what arrives within the delay, up to the cap: local submissions into one group, each peer's batch into its own.
async fn gather(config: &MempoolConfig, first: Message, mailbox: &mut mpsc::Receiver<Message>) -> Vec<Group> {
    let deadline = Instant::now() + config.gather_delay;
    let mut groups = vec![Group { source: Source::Local, transactions: Vec::new(), replies: Vec::new() }];
    let mut count = 0;
    let mut next = Some(first);
    while let Some(Message { transactions, source, reply }) = next {
        count += transactions.len().max(1);
        if source == Source::Peer {
            groups.push(Group { source, replies: vec![(transactions.len(), reply)], transactions });
        } else if let Some(local) = groups.first_mut() {
            local.replies.push((transactions.len(), reply));
            local.transactions.extend(transactions);
        }
        if count >= config.gather {
            break;
        }
        next = timeout_at(deadline, mailbox.recv()).await.ok().flatten();
    }
    groups
}

/// Verifies all groups, as many jobs at a time as there are cores, and answers.
async fn process(shared: &Arc<Shared>, groups: Vec<Group>, outgoing: &mpsc::Sender<Verified>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut jobs = Vec::new();
    let mut replies = Vec::new();
    for (index, mut group) in groups.into_iter().enumerate() {
        while !group.transactions.is_empty() {
            let rest = group.transactions.split_off(shared.config.batch.max(1).min(group.transactions.len()));
            jobs.push((index, std::mem::replace(&mut group.transactions, rest), group.source));
        }
        replies.push((group.replies, Vec::new()));
    }
    let mut done = stream::iter(jobs)
        .map(|(index, transactions, source)| {
            let shared = shared.clone();
            let count = transactions.len();
            let job = tokio::task::spawn_blocking(move || shared.admit(transactions, source));
            async move { (index, count, job.await) }
        })
        .buffered(cores);
    while let Some((index, count, outcome)) = done.next().await {
        // A job only fails when the runtime stops, or by a panic that has been reported already.
        let admitted = outcome.unwrap_or_else(|_| Admitted { results: vec![Err(AdmitError::Stopped); count], gossip: Vec::new() });
        replies[index].1.extend(admitted.results);
        defer_or_send(shared, admitted.gossip, outgoing);
    }
    drop(done);
    for (waiting, results) in replies {
        let mut results = results.into_iter();
        for (count, reply) in waiting {
            // Whoever asked may have gone; the pool has the transactions all the same.
            let _ = reply.send(results.by_ref().take(count).collect());
        }
    }
}

fn defer_or_send(shared: &Shared, transactions: Vec<Verified>, outgoing: &mpsc::Sender<Verified>) {
    for transaction in transactions {
        if outgoing.try_send(transaction).is_err() {
            add(&shared.counters.gossip_deferred, 1);
        }
    }
}

/// Gossips a part of what has waited for more than one period again; returns where the next time goes on.
fn repeat_waiting(shared: &Shared, cursor: Option<TransactionId>, outgoing: &mpsc::Sender<Verified>) -> Option<TransactionId> {
    let epoch = shared.epoch.fetch_add(1, Ordering::Relaxed);
    let waiting = shared.pool().local_before(epoch, cursor, shared.config.repeat_batch);
    let last = waiting.last().map(Verified::id).filter(|_| waiting.len() == shared.config.repeat_batch);
    defer_or_send(shared, waiting, outgoing);
    last
}
