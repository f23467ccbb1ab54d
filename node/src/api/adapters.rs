//! The ports on the node's own services.

use super::ports::{ChainPort, ClockPort, Followed, IdempotencyPort, Results, Unavailable};
use crate::chain::{ChainHandle, Committed};
use crate::clock::SystemClock;
use crate::storage::{Finished, FinishedTrade, IdempotencyKey, IdempotencyRecord, StoreError};
use futures::stream::{BoxStream, StreamExt, unfold};
use leg_ledger::block::{Block, Certificate};
use leg_ledger::execute::Ledger;
use leg_ledger::ids::{Height, MemberId, OrderId, TradeId, TransactionId};
use leg_ledger::time::BlockTime;
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
}

impl IdempotencyPort for ChainHandle {
    fn recall(&self, key: &IdempotencyKey, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        Ok(self.store().remembered(key).map_err(unavailable)?.filter(|record| record.expires > now))
    }

    fn remember(&self, key: &IdempotencyKey, record: &IdempotencyRecord, now: BlockTime) -> Result<Option<IdempotencyRecord>, Unavailable> {
        self.store().remember(key, record, now).map_err(unavailable)
    }
}

impl ClockPort for SystemClock {
    fn now(&self) -> BlockTime {
        SystemClock::now(self)
    }
}
