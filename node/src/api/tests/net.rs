//! A network in memory: one ledger, a block for each submitted transaction, and nodes that speak to it.

use crate::api::ports::{
    ChainPort, ClockPort, Followed, IdempotencyPort, MempoolPort, NetworkPort, PeerStatus, Refused, Results, Unavailable,
};
use crate::chain::{NotKept, Recent};
use crate::storage::{Finished, FinishedTrade, IdempotencyKey, IdempotencyRecord};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt, unfold};
use leg_genesis::{DevnetSpec, Genesis, MemberSecrets};
use leg_ledger::block::{Block, Body, Certificate, CommitSignature, precommit_bytes};
use leg_ledger::execute::{HistoryRecord, Ledger, Past, ProposalFacts};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, OrderId, ProposalId, Round, TradeId, TransactionId};
use leg_ledger::state::Trade;
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::ThreadId;
use tokio::sync::broadcast;

/// Genesis time: the start of a slot.
pub const START: u64 = 1_749_945_600_000;

/// The network.
pub struct Net {
    inner: Mutex<Inner>,
    blocks: broadcast::Sender<Arc<Results>>,
    /// The secret keys of every member.
    pub secrets: BTreeMap<MemberId, MemberSecrets>,
    /// Transactions wait until [`Net::produce`] is called.
    pub hold: AtomicBool,
    /// Durable writes of idempotency keys fail.
    pub disk_full: AtomicBool,
    /// The thread of the test, on which its runtime runs all tasks.
    test: ThreadId,
}

struct Inner {
    ledger: Ledger,
    recent: Recent,
    now: u64,
    blocks: Vec<(Block, Certificate)>,
    results: Vec<Arc<Results>>,
    heights: HashMap<TransactionId, Height>,
    history: Vec<HistoryRecord>,
    waiting: Vec<SignedTransaction>,
    remembered: Vec<(IdempotencyKey, IdempotencyRecord)>,
    submitted: usize,
}

/// What the network began with.
pub fn founding() -> Genesis {
    DevnetSpec { scale: 1, ..DevnetSpec::new("api tests", START) }.build().unwrap().0
}

impl Net {
    /// Hubs `hub-01`..`hub-12`, four of them the committee, in real time from [`START`] on.
    pub fn new() -> Arc<Net> {
        let spec = DevnetSpec { scale: 1, ..DevnetSpec::new("api tests", START) };
        let (genesis, secrets) = spec.build().unwrap();
        let ledger = Ledger::genesis(genesis.chain_id(), genesis.state()).unwrap();
        let inner = Inner {
            ledger,
            recent: Recent::default(),
            now: START + 1_000,
            blocks: Vec::new(),
            results: Vec::new(),
            heights: HashMap::new(),
            history: Vec::new(),
            waiting: Vec::new(),
            remembered: Vec::new(),
            submitted: 0,
        };
        let (blocks, _) = broadcast::channel(64);
        let flag = || AtomicBool::new(false);
        Arc::new(Net { inner: Mutex::new(inner), blocks, secrets, hold: flag(), disk_full: flag(), test: std::thread::current().id() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// What a call of the chain sees. In a node it may wait for the disk, which a task of the runtime must not.
    fn chain(&self) -> MutexGuard<'_, Inner> {
        assert_ne!(std::thread::current().id(), self.test, "the chain is read on the runtime's own thread");
        self.lock()
    }

    /// The keys of a member.
    pub fn keys(&self, member: &str) -> &MemberSecrets {
        &self.secrets[&MemberId::parse(member).unwrap()]
    }

    /// Moves the clock.
    pub fn advance_ms(&self, ms: u64) {
        self.lock().now += ms;
    }

    /// Forgets what waits, as a crash of every node does.
    pub fn lose_waiting(&self) {
        self.lock().waiting.clear();
    }

    /// Transactions that a mempool accepted so far.
    pub fn submitted(&self) -> usize {
        self.lock().submitted
    }

    /// A block of what waits.
    pub fn produce(&self) {
        let results = self.lock().produce(&self.secrets);
        // Nobody may be following.
        let _ = self.blocks.send(results);
    }

    /// A block.
    pub fn committed(&self, height: Height) -> Block {
        self.lock().blocks[height.previous().unwrap().get() as usize].0.clone()
    }

    /// Reads the ledger.
    pub fn ledger<T>(&self, reader: impl FnOnce(&Ledger) -> T) -> T {
        reader(&self.lock().ledger)
    }
}

impl Inner {
    fn produce(&mut self, secrets: &BTreeMap<MemberId, MemberSecrets>) -> Arc<Results> {
        let tip = *self.ledger.tip();
        self.now = self.now.max(tip.time.ms() + 1);
        let transactions = std::mem::take(&mut self.waiting);
        let verified = self.ledger.verify_transactions(&transactions, &|_, _| false).unwrap();
        let parent_certificate = self.blocks.last().map(|(_, certificate)| certificate.clone());
        let height = self.ledger.next_height();
        let committee = self.ledger.committee(height).unwrap().clone();
        let header = self.ledger.header(&ProposalFacts {
            time: BlockTime::from_ms(self.now),
            creation_round: Round::new(0),
            proposer: committee.proposer(height, Round::new(0)).unwrap().member,
            parent_certificate: parent_certificate.as_ref().map_or(Hash::ZERO, Certificate::hash),
            commitments: verified.iter().map(|v| v.commitment()).collect(),
        });
        let block = Block { header, body: Body { parent_certificate, transactions: transactions.clone() } };
        self.ledger.check_block(&block, &verified).unwrap();
        let message = precommit_bytes(self.ledger.chain(), height, Round::new(0), Some(block.id()));
        let sign = |member: MemberId| CommitSignature { member, signature: secrets[&member].consensus.sign(&message) };
        let signatures = committee.members().iter().take(3).map(|m| sign(m.member)).collect();
        let certificate = Certificate { height, round: Round::new(0), block: block.id(), signatures };
        let executed = self.ledger.execute(&block, verified).unwrap();
        let results =
            Arc::new(Results { height, receipts: Arc::new(executed.receipts.clone()), events: Arc::new(executed.events.clone()) });
        assert_eq!(executed.first_record, self.history.len() as u64);
        self.history.extend(executed.records.iter().cloned());
        self.heights.extend(transactions.iter().map(|t| (t.id(), height)));
        self.recent.push(self.ledger.commit_reversibly(executed.advance, executed.peaks).unwrap());
        self.blocks.push((block, certificate));
        self.results.push(Arc::clone(&results));
        results
    }

    fn admit(&mut self, transaction: SignedTransaction) -> Result<(), Refused> {
        self.ledger.verify_transactions(std::slice::from_ref(&transaction), &|_, _| false).map_err(|error| match error {
            leg_ledger::execute::Invalid::Transaction { cause, .. } => Refused::Inadmissible(cause),
            other => panic!("{other}"),
        })?;
        if self.waiting.iter().any(|waiting| waiting.id() == transaction.id()) {
            return Err(Refused::Waiting);
        }
        self.waiting.push(transaction);
        self.submitted += 1;
        Ok(())
    }

    fn recall(&self, key: &IdempotencyKey, now: BlockTime) -> Option<IdempotencyRecord> {
        let found = self.remembered.iter().rev().find(|(known, record)| known == key && record.expires > now);
        found.map(|(_, record)| record.clone())
    }

    fn finished(&self, wanted: impl Fn(&HistoryRecord) -> bool, below: u64, limit: usize) -> Vec<Finished> {
        let all = self.history.iter().enumerate().rev().map(|(leaf, record)| Finished { leaf: leaf as u64, record: record.clone() });
        all.filter(|f| f.leaf < below && wanted(&f.record)).take(limit).collect()
    }
}

fn ended_trade(record: &HistoryRecord) -> Option<(&Trade, FinishedTrade)> {
    match record {
        HistoryRecord::Settled { trade, .. } => Some((trade, FinishedTrade::Settled)),
        HistoryRecord::Cancelled { trade, .. } => Some((trade, FinishedTrade::Cancelled)),
        _ => None,
    }
}

impl ChainPort for Net {
    fn read(&self, reader: &mut dyn FnMut(&Ledger)) {
        reader(&self.chain().ledger);
    }

    fn past(&self, height: Height) -> Result<Past, NotKept> {
        let inner = self.chain();
        inner.recent.past(&inner.ledger, height)
    }

    fn follow(&self) -> BoxStream<'static, Followed> {
        let steps = unfold(self.blocks.subscribe(), |mut blocks| async move {
            match blocks.recv().await {
                Ok(results) => Some((Followed::Block(results), blocks)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((Followed::Lagged, blocks)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        steps.boxed()
    }

    fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>, Unavailable> {
        Ok(height.previous().and_then(|index| self.chain().blocks.get(index.get() as usize).cloned()))
    }

    fn results(&self, height: Height) -> Result<Option<Results>, Unavailable> {
        Ok(height.previous().and_then(|index| self.chain().results.get(index.get() as usize).map(|r| Results::clone(r))))
    }

    fn height_of(&self, transaction: TransactionId) -> Result<Option<Height>, Unavailable> {
        Ok(self.chain().heights.get(&transaction).copied())
    }

    fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, Unavailable> {
        let wanted = |record: &HistoryRecord| matches!(record, HistoryRecord::Order { order, .. } if order.id == id);
        Ok(self.chain().finished(wanted, u64::MAX, 1).pop())
    }

    fn finished_contract(&self, id: TradeId) -> Result<Option<Finished>, Unavailable> {
        let wanted = |record: &HistoryRecord| matches!(record, HistoryRecord::Storage { contract, .. } if contract.id == id);
        Ok(self.chain().finished(wanted, u64::MAX, 1).pop())
    }

    fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, Unavailable> {
        Ok(self.chain().finished(|record| ended_trade(record).is_some_and(|(trade, _)| trade.id == id), u64::MAX, 1).pop())
    }

    fn record(&self, leaf: u64) -> Result<Option<HistoryRecord>, Unavailable> {
        let index = usize::try_from(leaf).unwrap();
        Ok(self.chain().history.get(index).cloned())
    }

    fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        let wanted = |record: &HistoryRecord| matches!(record, HistoryRecord::Order { order, .. } if order.member == member);
        Ok(self.chain().finished(wanted, below, limit))
    }

    fn finished_trades(
        &self,
        member: Option<MemberId>,
        end: Option<FinishedTrade>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, Unavailable> {
        let of = |trade: &Trade| member.is_none_or(|member| trade.buyer == member || trade.seller == member);
        let wanted = |r: &HistoryRecord| ended_trade(r).is_some_and(|(trade, how)| of(trade) && end.is_none_or(|end| end == how));
        Ok(self.chain().finished(wanted, below, limit))
    }

    fn finished_proposal(&self, id: ProposalId) -> Result<Option<Finished>, Unavailable> {
        let wanted = |record: &HistoryRecord| matches!(record, HistoryRecord::Proposal { proposal, .. } if proposal.id == id);
        Ok(self.chain().finished(wanted, u64::MAX, 1).pop())
    }

    fn ended_proposals(&self, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        Ok(self.chain().finished(|record| matches!(record, HistoryRecord::Proposal { .. }), below, limit))
    }

    fn heat_certificates(&self, member: Option<MemberId>, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        let of = |by: MemberId| member.is_none_or(|member| by == member);
        let wanted = |r: &HistoryRecord| matches!(r, HistoryRecord::HeatRetired { certificate, .. } if of(certificate.member));
        Ok(self.chain().finished(wanted, below, limit))
    }
}

#[async_trait]
impl MempoolPort for Net {
    async fn submit(&self, transaction: SignedTransaction) -> Result<(), Refused> {
        self.lock().admit(transaction)?;
        if !self.hold.load(Ordering::SeqCst) {
            self.produce();
        }
        Ok(())
    }

    async fn submit_all(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<(), Refused>> {
        let results = transactions.into_iter().map(|transaction| self.lock().admit(transaction)).collect();
        if !self.hold.load(Ordering::SeqCst) {
            self.produce();
        }
        results
    }

    fn is_waiting(&self, id: TransactionId) -> bool {
        self.lock().waiting.iter().any(|waiting| waiting.id() == id)
    }

    fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }
}

impl IdempotencyPort for Net {
    fn recall(&self, key: &IdempotencyKey, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        Ok(self.lock().recall(key, now))
    }

    fn remember(&self, key: &IdempotencyKey, record: &IdempotencyRecord, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        if self.disk_full.load(Ordering::SeqCst) {
            return Err(Unavailable("no space left on device".into()));
        }
        let mut inner = self.lock();
        let earlier = inner.recall(key, now);
        if earlier.is_none() {
            inner.remembered.push((key.clone(), record.clone()));
        }
        Ok(earlier)
    }
}

impl NetworkPort for Net {
    fn peers(&self) -> Vec<PeerStatus> {
        let root = self.ledger(|ledger| ledger.tip().state_root);
        vec![PeerStatus {
            peer: "12D3KooWexample".into(),
            member: MemberId::parse("hub-02"),
            connected: true,
            height: Some(Height::new(7)),
            root: Some((Height::new(6), root)),
            diverged: None,
            muted: false,
        }]
    }
}

impl ClockPort for Net {
    fn now(&self) -> BlockTime {
        BlockTime::from_ms(self.lock().now)
    }
}
