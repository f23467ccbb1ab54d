//! The ports on the node's own services.

use super::ports::{ChainPort, ClockPort, Followed, IdempotencyPort, MempoolPort, NetworkPort, PeerStatus, Refused, Results, Unavailable};
use crate::chain::{ChainHandle, Committed, NotKept};
use crate::clock::SystemClock;
use crate::content::{SliceRequest, Slices};
use crate::mempool::{AdmitError, Mempool, Source};
use crate::network::{Network, NodeId, PeerInfo};
use crate::storage::{Finished, FinishedTrade, IdempotencyKey, IdempotencyRecord, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, unfold};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::{HistoryRecord, Ledger, Past};
use leg_ledger::ids::{Height, MemberId, OrderId, ProposalId, TradeId, TransactionId};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;
use tokio::sync::broadcast;

fn unavailable(error: StoreError) -> Unavailable {
    Unavailable(error.to_string())
}

fn results(committed: &Committed) -> Results {
    Results { height: committed.tip.height, receipts: Arc::clone(&committed.receipts), events: Arc::clone(&committed.events) }
}

impl ChainPort for ChainHandle {
    fn read(&self, reader: &mut dyn FnMut(&Ledger)) {
        ChainHandle::read(self, reader);
    }

    fn past(&self, height: Height) -> Result<Past, NotKept> {
        ChainHandle::past(self, height)
    }

    fn follow(&self) -> BoxStream<'static, Followed> {
        let steps = unfold(self.subscribe(), |mut blocks| async move {
            match blocks.recv().await {
                Ok(committed) => Some((Followed::Block(Arc::new(results(&committed))), blocks)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((Followed::Lagged, blocks)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        steps.boxed()
    }

    fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>, Unavailable> {
        let stored = self.store().block(height).map_err(unavailable)?;
        Ok(stored.map(|stored| (stored.block, stored.certificate)))
    }

    fn results(&self, height: Height) -> Result<Option<Results>, Unavailable> {
        let receipts = self.store().receipts(height).map_err(unavailable)?;
        let events = self.store().events(height).map_err(unavailable)?;
        Ok(receipts.zip(events).map(|(receipts, events)| Results { height, receipts: Arc::new(receipts), events: Arc::new(events) }))
    }

    fn height_of(&self, transaction: TransactionId) -> Result<Option<Height>, Unavailable> {
        Ok(self.store().transaction(transaction).map_err(unavailable)?.map(|place| place.height))
    }

    fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, Unavailable> {
        self.store().finished_order(id).map_err(unavailable)
    }

    fn finished_contract(&self, id: TradeId) -> Result<Option<Finished>, Unavailable> {
        self.store().finished_contract(id).map_err(unavailable)
    }

    fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, Unavailable> {
        self.store().finished_trade(id).map_err(unavailable)
    }

    fn record(&self, leaf: u64) -> Result<Option<HistoryRecord>, Unavailable> {
        self.store().record(leaf).map_err(unavailable)
    }

    fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        self.store().finished_orders(member, below, limit).map_err(unavailable)
    }

    fn finished_trades(
        &self,
        member: Option<MemberId>,
        end: Option<FinishedTrade>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, Unavailable> {
        self.store().finished_trades(member, end, below, limit).map_err(unavailable)
    }

    fn finished_proposal(&self, id: ProposalId) -> Result<Option<Finished>, Unavailable> {
        self.store().finished_proposal(id).map_err(unavailable)
    }

    fn ended_proposals(&self, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        self.store().ended_proposals(below, limit).map_err(unavailable)
    }

    fn heat_certificates(&self, member: Option<MemberId>, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        self.store().heat_certificates(member, below, limit).map_err(unavailable)
    }
}

impl IdempotencyPort for ChainHandle {
    fn recall(&self, key: &IdempotencyKey, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        Ok(self.store().remembered(key).map_err(unavailable)?.filter(|record| record.expires > now))
    }

    fn remember(&self, key: &IdempotencyKey, record: &IdempotencyRecord, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        self.store().remember(key, record, now).map_err(unavailable)
    }
}

fn refused(error: AdmitError) -> Refused {
    match error {
        AdmitError::Inadmissible(cause) => Refused::Inadmissible(cause),
        AdmitError::Duplicate(_) => Refused::Waiting,
        AdmitError::NonceWaits(_) => Refused::NonceWaits,
        AdmitError::MemberQuota { .. } => Refused::Quota,
        AdmitError::Stopped => Refused::Stopped,
        // Bytes were decoded before, and nothing of an own client is dropped unseen: what is left is that the node has no room.
        AdmitError::Full { .. } | AdmitError::Busy | AdmitError::Unseen | AdmitError::Malformed(_) => Refused::Full,
    }
}

#[async_trait]
impl MempoolPort for Mempool {
    async fn submit(&self, transaction: SignedTransaction) -> Result<(), Refused> {
        Mempool::submit(self, transaction, Source::Local).await.map(drop).map_err(refused)
    }

    async fn submit_all(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<(), Refused>> {
        let results = Mempool::submit_all(self, transactions, Source::Local).await;
        results.into_iter().map(|result| result.map(drop).map_err(refused)).collect()
    }

    fn is_waiting(&self, id: TransactionId) -> bool {
        self.contains(&id)
    }

    fn waiting(&self) -> usize {
        Mempool::waiting(self)
    }
}

impl NetworkPort for Network {
    fn peers(&self) -> Vec<PeerStatus> {
        let status = |(node, info): (NodeId, PeerInfo)| PeerStatus {
            peer: node.to_string(),
            member: info.standing.member(),
            connected: info.connected,
            height: info.tip,
            root: info.root,
            diverged: info.diverged,
            muted: info.muted,
        };
        Network::peers(self).into_iter().map(status).collect()
    }
}

#[async_trait]
impl Slices for Network {
    async fn slice(&self, of: MemberId, request: SliceRequest) -> Option<Bytes> {
        self.want(of, request.encode()).await
    }
}

impl ClockPort for SystemClock {
    fn now(&self) -> BlockTime {
        SystemClock::now(self)
    }
}
