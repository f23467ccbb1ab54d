//! The loop: gathers submissions, has them verified on other cores, puts them into the pool, repeats what waits too long.

use super::admission::{self, Knowledge, Look, Outcome, Results, Share};
use super::counters::{Counters, add};
use super::gather::{Gathering, Group};
use super::known::KnownSignatures;
use super::mailbox::{Answers, Message, Source};
use super::pool::{Pool, PoolError};
use super::{AdmitError, LedgerView, MempoolConfig};
use futures::{StreamExt, stream};
use leg_ledger::execute::Inadmissible;
use leg_ledger::ids::TransactionId;
use leg_ledger::signature::PublicKey;
use leg_ledger::transaction::{SignedTransaction, Verified};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

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
    fn drop_overtaken(&self, inserted: &mut [Vec<Verified>]) {
        // Asks the chain, so the pool MUST NOT be locked yet.
        let all: Vec<&SignedTransaction> = inserted.iter().flatten().map(Verified::transaction).collect();
        let mut keys = self.view.admissible(&all).into_iter();
        let mut overtaken = Vec::new();
        for verified in inserted.iter_mut() {
            verified.retain(|verified| {
                let still = keys.next().is_some_and(|key| key.is_ok_and(|key| key == verified.key()));
                if !still {
                    overtaken.push(verified.id());
                }
                still
            });
        }
        let mut pool = self.pool();
        overtaken.iter().for_each(|id| drop(pool.remove(id)));
    }

    /// One job, on a blocking thread: an answer for each share.
    fn admit(&self, shares: Vec<(Source, Vec<SignedTransaction>)>) -> Vec<Admitted> {
        let height = self.view.height();
        let (sources, transactions): (Vec<Source>, Vec<_>) = shares.into_iter().unzip();
        let shares = sources.iter().zip(transactions).map(|(source, transactions)| {
            let max_bad = if *source == Source::Peer { self.config.max_bad } else { usize::MAX };
            Share { transactions, max_bad }
        });
        let Outcome { results, verified, bad } = admission::admit(self.view.chain(), shares.collect(), self);
        add(&self.counters.verified, verified);
        add(&self.counters.bad_signatures, bad);
        // A batch is not forwarded as it came with a fault in it, nor when not all of it was looked at; what is good in it goes on in a batch
        // of our own.
        let stays = |error: &AdmitError| error.is_deliverers_fault() || error.is_temporary();
        let stays: Vec<bool> = results.iter().map(|results| results.iter().any(|r| r.as_ref().is_err_and(stays))).collect();
        let (answers, mut inserted) = self.insert(&sources, results);
        if self.view.height() != height {
            self.drop_overtaken(&mut inserted);
        }
        self.announce();
        let shares = sources.into_iter().zip(stays).zip(answers).zip(inserted);
        let admitted = shares.map(|(((source, stays), results), inserted)| {
            let gossip = if source == Source::Local || stays { inserted } else { Vec::new() };
            Admitted { results, gossip }
        });
        admitted.collect()
    }

    /// Puts what verified into the pool: the answers, and what of each share is in the pool now for the first time.
    fn insert(&self, sources: &[Source], shares: Vec<Results>) -> (Vec<Answers>, Vec<Vec<Verified>>) {
        let epoch = self.epoch.load(Ordering::Relaxed);
        let mut inserted: Vec<Vec<Verified>> = Vec::with_capacity(shares.len());
        let mut answers: Vec<Answers> = Vec::with_capacity(shares.len());
        let mut turned_away = Vec::new();
        let mut pool = self.pool();
        for (source, results) in sources.iter().zip(shares) {
            let local = (*source == Source::Local).then_some(epoch);
            let mut fresh = Vec::new();
            let answer = results.into_iter().map(|result| {
                let verified = result?;
                let id = verified.id();
                match pool.insert(verified.clone(), local) {
                    Ok(()) => fresh.push(verified),
                    Err(PoolError::Duplicate) => return Err(AdmitError::Duplicate(id)),
                    Err(error) => {
                        turned_away.push(verified);
                        return Err(AdmitError::of_pool(id, error));
                    }
                }
                Ok(id)
            });
            answers.push(answer.collect());
            inserted.push(fresh);
        }
        drop(pool);
        // Another node may have had room for it, and propose it. What waits is found in the pool.
        self.remember(&turned_away);
        self.count(answers.iter().flatten());
        (answers, inserted)
    }

    pub(super) fn remember(&self, verified: &[Verified]) {
        let mut known = self.known();
        verified.iter().for_each(|v| known.insert(v.commitment(), v.key()));
    }

    fn count<'a>(&self, answers: impl Iterator<Item = &'a Result<TransactionId, AdmitError>>) {
        let (mut admitted, mut duplicates, mut refused) = (0, 0, 0);
        for answer in answers {
            match answer {
                Ok(_) => admitted += 1,
                Err(AdmitError::Duplicate(_)) => duplicates += 1,
                Err(_) => refused += 1,
            }
        }
        add(&self.counters.admitted, admitted);
        add(&self.counters.duplicates, duplicates);
        add(&self.counters.refused, refused);
    }
}

impl Knowledge for Shared {
    fn keys(&self, transactions: &[&SignedTransaction]) -> Vec<Result<PublicKey, Inadmissible>> {
        self.view.admissible(transactions)
    }

    fn look(&self, transactions: &[&SignedTransaction]) -> Vec<Look> {
        let pool = self.pool();
        // How long it is would be known by encoding it: what a few bytes are lacking for is found out when it is inserted.
        let look = |transaction: &&SignedTransaction| match pool.find(transaction) {
            Some(waiting) => Look::Waits(waiting.clone()),
            None => pool.check_room(transaction.body.signer, 0).map_or_else(Look::NoRoom, |()| Look::Room),
        };
        transactions.iter().map(look).collect()
    }

    fn known(&self, transactions: &[&Verified]) -> Vec<bool> {
        let known = self.known();
        transactions.iter().map(|verified| known.contains(&verified.commitment(), &verified.key())).collect()
    }
}

struct Admitted {
    results: Answers,
    gossip: Vec<Verified>,
}

pub(super) async fn run(shared: Arc<Shared>, mut mailbox: mpsc::Receiver<Message>, outgoing: mpsc::Sender<Verified>) {
    let period = shared.config.repeat;
    let mut repeat = interval_at(Instant::now() + period, period);
    repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cursor = None;
    let mut gathering = Gathering::new(&shared.config);
    // Asked once: the answer is read from several files.
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
    loop {
        tokio::select! {
            message = mailbox.recv() => {
                let Some(first) = message else { return };
                let groups = gathering.gather(first, &mut mailbox).await;
                process(&shared, groups, cores, &outgoing).await;
            }
            _ = repeat.tick() => cursor = repeat_waiting(&shared, cursor, &outgoing),
        }
    }
}

/// Verifies all groups together, in as many jobs at a time as there are cores but for the one that consensus needs, and answers.
async fn process(shared: &Arc<Shared>, groups: Vec<Group>, cores: usize, outgoing: &mpsc::Sender<Verified>) {
    let (jobs, replies) = divide(groups, shared.config.batch);
    let mut answers: Vec<Answers> = replies.iter().map(|_| Vec::new()).collect();
    let mut done = stream::iter(jobs)
        .map(|Job { groups, shares }| {
            let shared = shared.clone();
            let counts: Vec<usize> = shares.iter().map(|(_, transactions)| transactions.len()).collect();
            let job = tokio::task::spawn_blocking(move || shared.admit(shares));
            async move { (groups, counts, job.await) }
        })
        .buffered(cores);
    while let Some((groups, counts, outcome)) = done.next().await {
        // A job only fails when the runtime stops, or by a panic that has been reported already.
        let stopped = |count| Admitted { results: vec![Err(AdmitError::Stopped); count], gossip: Vec::new() };
        let admitted = outcome.unwrap_or_else(|_| counts.into_iter().map(stopped).collect());
        for (group, Admitted { results, gossip }) in groups.into_iter().zip(admitted) {
            answers[group].extend(results);
            defer_or_send(shared, gossip, outgoing);
        }
    }
    drop(done);
    for (waiting, results) in replies.into_iter().zip(answers) {
        let mut results = results.into_iter();
        for (count, reply) in waiting {
            // Whoever asked may have gone; the pool has the transactions all the same.
            let _ = reply.send(results.by_ref().take(count).collect());
        }
    }
}

/// What is verified together, and of which group each share is.
#[derive(Default)]
struct Job {
    groups: Vec<usize>,
    shares: Vec<(Source, Vec<SignedTransaction>)>,
}

pub(super) type Waiting = Vec<(usize, oneshot::Sender<Answers>)>;

/// Jobs of about `batch` transactions, with who waits for the answers of each group. What a peer delivered stays in one job: whether it is
/// forwarded as it came is decided there.
fn divide(groups: Vec<Group>, batch: usize) -> (Vec<Job>, Vec<Waiting>) {
    let mut jobs = Vec::new();
    let mut replies = Vec::with_capacity(groups.len());
    let (mut job, mut count) = (Job::default(), 0);
    for (index, Group { source, mut transactions, replies: waiting }) in groups.into_iter().enumerate() {
        replies.push(waiting);
        while !transactions.is_empty() {
            let room = if source == Source::Peer { transactions.len() } else { batch.saturating_sub(count).max(1) };
            let rest = transactions.split_off(room.min(transactions.len()));
            count += transactions.len();
            job.groups.push(index);
            job.shares.push((source, std::mem::replace(&mut transactions, rest)));
            if count >= batch {
                jobs.push(std::mem::take(&mut job));
                count = 0;
            }
        }
    }
    if !job.groups.is_empty() {
        jobs.push(job);
    }
    (jobs, replies)
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
