//! The node as its API sees it.

use crate::api::ports::{
    ChainPort, ClockPort, Finished, Followed, IdempotencyPort, MempoolPort, NetworkPort, PeerStatus, Refused, Remembered, Results, TradeEnd,
    Unavailable,
};
use crate::chain::{ChainHandle, Committed};
use crate::clock::SystemClock;
use crate::mempool::{AdmitError, Mempool, Source};
use crate::network::Network;
use crate::shutdown::Shutdown;
use crate::storage::{self, FinishedTrade, IdempotencyKey, IdempotencyRecord, StoreError};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId, TransactionId};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// The chain for the API, until the node stops.
pub(super) struct ApiChain {
    pub chain: ChainHandle,
    pub shutdown: Shutdown,
}

fn unavailable(error: StoreError) -> Unavailable {
    tracing::error!(%error, "a query failed");
    Unavailable(error.to_string())
}

fn finished(found: storage::Finished) -> Finished {
    Finished { leaf: found.leaf, record: found.record }
}

fn results(committed: &Committed) -> Results {
    Results { height: committed.tip.height, receipts: committed.receipts.clone(), events: committed.events.clone() }
}

impl ChainPort for ApiChain {
    fn read(&self, reader: &mut dyn FnMut(&Ledger)) {
        self.chain.read(reader);
    }

    fn follow(&self) -> BoxStream<'static, Followed> {
        let steps = stream::unfold(self.chain.subscribe(), |mut blocks| async {
            match blocks.recv().await {
                Ok(committed) => Some((Followed::Block(Arc::new(results(&committed))), blocks)),
                Err(RecvError::Lagged(_)) => Some((Followed::Lagged, blocks)),
                Err(RecvError::Closed) => None,
            }
        });
        let shutdown = self.shutdown.clone();
        steps.take_until(Box::pin(async move { shutdown.wait().await })).boxed()
    }

    fn block(&self, height: Height) -> Result<Option<(Block, Certificate)>, Unavailable> {
        let stored = self.chain.store().block(height).map_err(unavailable)?;
        Ok(stored.map(|stored| (stored.block, stored.certificate)))
    }

    fn results(&self, height: Height) -> Result<Option<Results>, Unavailable> {
        let store = self.chain.store();
        let receipts = store.receipts(height).map_err(unavailable)?;
        let events = store.events(height).map_err(unavailable)?;
        Ok(receipts.zip(events).map(|(receipts, events)| Results { height, receipts, events }))
    }

    fn height_of(&self, transaction: TransactionId) -> Result<Option<Height>, Unavailable> {
        let place = self.chain.store().transaction(transaction).map_err(unavailable)?;
        Ok(place.map(|place| place.height))
    }

    fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, Unavailable> {
        Ok(self.chain.store().finished_order(id).map_err(unavailable)?.map(finished))
    }

    fn finished_trade(&self, id: TradeId) -> Result<Option<Finished>, Unavailable> {
        Ok(self.chain.store().finished_trade(id).map_err(unavailable)?.map(finished))
    }

    fn finished_orders(&self, member: MemberId, below: u64, limit: usize) -> Result<Vec<Finished>, Unavailable> {
        let found = self.chain.store().finished_orders(member, below, limit).map_err(unavailable)?;
        Ok(found.into_iter().map(finished).collect())
    }

    fn finished_trades(
        &self,
        member: Option<MemberId>,
        end: Option<TradeEnd>,
        below: u64,
        limit: usize,
    ) -> Result<Vec<Finished>, Unavailable> {
        let kind = end.map(|end| match end {
            TradeEnd::Settled => FinishedTrade::Settled,
            TradeEnd::Cancelled => FinishedTrade::Cancelled,
        });
        let found = self.chain.store().finished_trades(member, kind, below, limit).map_err(unavailable)?;
        Ok(found.into_iter().map(finished).collect())
    }
}

impl IdempotencyPort for ApiChain {
    fn recall(&self, member: MemberId, key: &str, now: BlockTime) -> Result<Option<Remembered>, Unavailable> {
        let found = self.chain.store().remembered(&parse(member, key)?).map_err(unavailable)?;
        Ok(found.filter(|record| record.expires > now).map(remembered))
    }

    fn remember(
        &self,
        member: MemberId,
        key: &str,
        record: &Remembered,
        expires: BlockTime,
        now: BlockTime,
    ) -> Result<Option<Remembered>, Unavailable> {
        let record = IdempotencyRecord { request: record.request.clone(), transaction: record.transaction.clone(), expires };
        let earlier = self.chain.store().remember(&parse(member, key)?, &record, now);
        match earlier {
            Ok(earlier) => Ok(earlier.map(remembered)),
            Err(error) => {
                // A durable write failed: the node must not go on.
                self.shutdown.fatal(&error);
                Err(unavailable(error))
            }
        }
    }
}

fn parse(member: MemberId, key: &str) -> Result<IdempotencyKey, Unavailable> {
    IdempotencyKey::parse(member, key).ok_or_else(|| Unavailable("the idempotency key is not 1 to 128 visible ASCII characters".to_owned()))
}

fn remembered(record: IdempotencyRecord) -> Remembered {
    Remembered { request: record.request, transaction: record.transaction }
}

#[async_trait]
impl MempoolPort for Mempool {
    async fn submit(&self, transaction: SignedTransaction) -> Result<(), Refused> {
        Mempool::submit(self, transaction, Source::Local).await.map(drop).map_err(refused)
    }

    fn is_waiting(&self, id: TransactionId) -> bool {
        self.contains(&id)
    }

    fn waiting(&self) -> usize {
        Mempool::waiting(self)
    }
}

fn refused(error: AdmitError) -> Refused {
    match error {
        AdmitError::Inadmissible(cause) => Refused::Inadmissible(cause),
        AdmitError::Duplicate(_) => Refused::Waiting,
        AdmitError::NonceWaits(_) => Refused::NonceWaits,
        AdmitError::MemberQuota { .. } => Refused::Quota,
        AdmitError::Full { .. } | AdmitError::Busy => Refused::Full,
        // The first two are of bytes and of peers' batches, which the API does not submit.
        AdmitError::Malformed(_) | AdmitError::Unseen | AdmitError::Stopped => Refused::Stopped,
    }
}

impl NetworkPort for Network {
    fn peers(&self) -> Vec<PeerStatus> {
        let status = |(node, info): (crate::network::NodeId, crate::network::PeerInfo)| PeerStatus {
            peer: node.to_string(),
            member: info.standing.member(),
            connected: info.connected,
            height: info.tip,
            state_root: info.root.map(|(_, root)| root),
        };
        Network::peers(self).into_iter().map(status).collect()
    }
}

impl ClockPort for SystemClock {
    fn now(&self) -> BlockTime {
        SystemClock::now(self)
    }
}
