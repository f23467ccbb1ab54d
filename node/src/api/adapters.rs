//! The ports on the node's own services.

use super::ports::{ChainPort, ClockPort, Followed, IdempotencyPort, MempoolPort, NetworkPort, PeerStatus, Refused, Results, Unavailable};
use crate::chain::{ChainHandle, Committed};
use crate::clock::SystemClock;
use crate::mempool::{AdmitError, Mempool, Source};
use crate::network::{Network, NodeId, PeerInfo};
use crate::storage::{Finished, FinishedTrade, IdempotencyKey, IdempotencyRecord, StoreError};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt, unfold};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::{HistoryRecord, Ledger};
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId, TransactionId};
use leg_ledger::time::BlockTime;
use leg_ledger::transaction::SignedTransaction;
use std::sync::Arc;
use tokio::sync::broadcast;

fn unavailable(error: StoreError) -> Unavailable {
    Unavailable(error.to_string())
}

fn results(committed: &Committed) -> Results {
    Results { height: committed.tip.height, receipts: committed.receipts.clone(), events: committed.events.clone() }
}

impl ChainPort for ChainHandle {
    fn read(&self, reader: &mut dyn FnMut(&Ledger)) {
        ChainHandle::read(self, reader);
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
        Ok(receipts.zip(events).map(|(receipts, events)| Results { height, receipts, events }))
    }

    fn height_of(&self, transaction: TransactionId) -> Result<Option<Height>, Unavailable> {
        Ok(self.store().transaction(transaction).map_err(unavailable)?.map(|place| place.height))
    }

    fn finished_order(&self, id: OrderId) -> Result<Option<Finished>, Unavailable> {
        self.store().finished_order(id).map_err(unavailable)
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

#[async_trait]
impl MempoolPort for Mempool {
    async fn submit(&self, transaction: SignedTransaction) -> Result<(), Refused> {
        match Mempool::submit(self, transaction, Source::Local).await {
            Ok(_) => Ok(()),
            Err(AdmitError::Inadmissible(cause)) => Err(Refused::Inadmissible(cause)),
            Err(AdmitError::Duplicate(_)) => Err(Refused::Waiting),
            Err(AdmitError::NonceWaits(_)) => Err(Refused::NonceWaits),
            Err(AdmitError::MemberQuota { .. }) => Err(Refused::Quota),
            Err(AdmitError::Stopped) => Err(Refused::Stopped),
            // Bytes were decoded before, and nothing of an own client is dropped unseen: what is left is that the node has no room.
            Err(AdmitError::Full { .. } | AdmitError::Busy | AdmitError::Unseen | AdmitError::Malformed(_)) => Err(Refused::Full),
        }
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

impl ClockPort for SystemClock {
    fn now(&self) -> BlockTime {
        SystemClock::now(self)
    }
}
