//! Finding trades: running ones in the state, ended ones in the history.

use super::super::error::ApiError;
use super::super::ports::{ChainPort, read};
use crate::storage::Finished;
use leg_ledger::execute::HistoryRecord;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{Height, MemberId, TradeId};
use leg_ledger::receipt::{CancelReason, Settlement};
use leg_ledger::state::{IndexKey, State, Trade, TradeStatus, Trades, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Ended trades of a member that are looked through for one order.
const MAX_ENDED: usize = 500;

/// The API's four names for where a trade is (MARKET 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusName {
    /// Matched or running.
    Pending,
    /// Delivered, confirmed, settling or disputed.
    Confirmed,
    /// Paid.
    Settled,
    /// Refunded.
    Cancelled,
}

impl StatusName {
    /// The name of a status.
    pub fn of(status: TradeStatus) -> Self {
        match status {
            TradeStatus::Pending | TradeStatus::Running => StatusName::Pending,
            TradeStatus::Delivered | TradeStatus::Confirmed | TradeStatus::Settling | TradeStatus::Disputed => StatusName::Confirmed,
            TradeStatus::Settled => StatusName::Settled,
            TradeStatus::Cancelled => StatusName::Cancelled,
        }
    }
}

/// A trade with how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTrade {
    /// The trade.
    pub trade: Trade,
    /// What its settlement moved.
    pub settlement: Option<Settlement>,
    /// Why it was cancelled.
    pub reason: Option<CancelReason>,
    /// Height at which it ended.
    pub ended: Option<Height>,
}

impl FoundTrade {
    /// A running trade.
    pub fn running(trade: Trade) -> Self {
        FoundTrade { trade, settlement: None, reason: None, ended: None }
    }

    /// An ended trade; `None` for another record.
    pub fn ended(finished: Finished) -> Option<Self> {
        match finished.record {
            HistoryRecord::Settled { trade, settlement, height } => {
                Some(FoundTrade { trade: *trade, settlement: Some(settlement), reason: None, ended: Some(height) })
            }
            HistoryRecord::Cancelled { trade, reason, height } => {
                Some(FoundTrade { trade: *trade, settlement: None, reason: Some(reason), ended: Some(height) })
            }
            _ => None,
        }
    }

    /// The API's name for where it is.
    pub fn status(&self) -> StatusName {
        match (self.settlement, self.reason) {
            (Some(_), _) => StatusName::Settled,
            (_, Some(_)) => StatusName::Cancelled,
            _ => StatusName::of(self.trade.status),
        }
    }
}

/// A trade wherever it is.
///
/// # Errors
/// The store cannot answer.
pub fn find_trade(chain: &dyn ChainPort, id: TradeId) -> Result<Option<FoundTrade>, ApiError> {
    if let Some(trade) = read(chain, |ledger| ledger.state().get::<Trades>(&id).cloned()).flatten() {
        return Ok(Some(FoundTrade::running(trade)));
    }
    Ok(chain.finished_trade(id)?.and_then(FoundTrade::ended))
}

/// Ids of a member's running trades after `after` (block of the match and id), older first.
pub fn running_ids(state: &State, member: MemberId, after: Option<(Height, TradeId)>) -> impl Iterator<Item = TradeId> + '_ {
    let (height, trade) = after.unwrap_or((Height::GENESIS, TradeId::from_hash(Hash::ZERO)));
    let keys = state.index(IndexKey::MemberTrade { member, height, trade }..);
    let ids = keys.map_while(move |key| match key {
        IndexKey::MemberTrade { member: of, trade, .. } if of == member => Some(trade),
        _ => None,
    });
    ids.filter(move |id| after.is_none_or(|(_, last)| *id != last))
}

/// Trades of a member that `wanted` accepts: all running ones, and of the ended ones the newest 500 are looked through. Older first.
///
/// # Errors
/// The store cannot answer.
pub fn trades_of_member(chain: &dyn ChainPort, member: MemberId, wanted: &dyn Fn(&Trade) -> bool) -> Result<Vec<Trade>, ApiError> {
    let running = read(chain, |ledger| {
        let state = ledger.state();
        let trades = running_ids(state, member, None).filter_map(|id| state.get::<Trades>(&id));
        trades.filter(|trade| wanted(trade)).cloned().collect::<Vec<Trade>>()
    });
    let ended = chain.finished_trades(Some(member), None, u64::MAX, MAX_ENDED)?;
    let mut trades: Vec<Trade> = ended.into_iter().filter_map(FoundTrade::ended).map(|found| found.trade).filter(|t| wanted(t)).collect();
    // A trade that ended between the two looks is in both.
    let running = running.unwrap_or_default();
    trades.extend(running.into_iter().filter(|trade| !trades.iter().any(|t| t.id == trade.id)).collect::<Vec<_>>());
    trades.sort_by_key(|trade| (trade.height, trade.id));
    Ok(trades)
}
