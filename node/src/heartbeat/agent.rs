//! Sends heartbeats for the hub whose node this is.

use super::due::due;
use crate::api::{ChainPort, ClockPort, MempoolPort, Moment, Signer, read_away};
use leg_ledger::ids::Height;
use leg_ledger::member::KeyRole;
use leg_ledger::transaction::Action;
use std::sync::Arc;
use tokio::sync::watch;

/// Blocks after which a heartbeat that the mempool did not take is tried again.
const PATIENCE: u64 = 40;

/// The agent of one hub.
pub struct Agent {
    chain: Arc<dyn ChainPort>,
    mempool: Arc<dyn MempoolPort>,
    clock: Arc<dyn ClockPort>,
    signer: Arc<Signer>,
    /// For which period the last one was sent, and until which height nothing more is sent for it.
    sent: Option<(u64, Height)>,
}

impl Agent {
    /// An agent that signs with the hub's operator key, which MUST be among the signer's.
    pub fn new(chain: Arc<dyn ChainPort>, mempool: Arc<dyn MempoolPort>, clock: Arc<dyn ClockPort>, signer: Arc<Signer>) -> Self {
        Agent { chain, mempool, clock, signer, sent: None }
    }

    /// Looks after each block until the chain ends.
    pub async fn run<T: Clone + Send + Sync + 'static>(mut self, mut blocks: watch::Receiver<T>) {
        loop {
            self.on_block().await;
            if blocks.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends the heartbeat that is due, if one is and none is on its way.
    pub async fn on_block(&mut self) {
        let (now, member) = (self.clock.now(), self.signer.member());
        let wanted = read_away(&self.chain, move |ledger| due(ledger, member, now).map(|period| (period, Moment::of(ledger, now))));
        let Some((period, moment)) = wanted.await.flatten() else { return };
        if self.sent.is_some_and(|(of, until)| of == period && moment.tip <= until) {
            return;
        }
        let transaction = match self.signer.sign(moment, KeyRole::Operator, false, vec![Action::Heartbeat]) {
            Ok(transaction) => transaction,
            Err(error) => {
                tracing::warn!(code = error.code(), "a heartbeat cannot be signed");
                return;
            }
        };
        let expires = transaction.body.last_valid;
        let until = match self.mempool.submit(transaction).await {
            Ok(()) => expires,
            Err(error) => {
                tracing::warn!(%error, "a heartbeat is not sent; it is tried again");
                moment.tip.checked_add(PATIENCE).unwrap_or(moment.tip)
            }
        };
        self.sent = Some((period, until));
    }
}
