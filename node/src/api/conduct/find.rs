//! Finding disputes: open ones in the state, decided ones in the history, right before the end of their trade.

use super::super::error::ApiError;
use super::super::ports::{ChainPort, read};
use leg_ledger::execute::HistoryRecord;
use leg_ledger::ids::{Height, TradeId};
use leg_ledger::receipt::Verdict;
use leg_ledger::state::{Dispute, Disputes, View};

/// A dispute with how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDispute {
    /// The dispute.
    pub dispute: Dispute,
    /// How it ended, and in which block.
    pub decided: Option<(Verdict, Height)>,
}

/// The dispute about a trade, open or decided.
///
/// # Errors
/// The store cannot answer.
pub fn find_dispute(chain: &dyn ChainPort, id: TradeId) -> Result<Option<FoundDispute>, ApiError> {
    if let Some(dispute) = read(chain, |ledger| ledger.state().get::<Disputes>(&id).cloned()).flatten() {
        return Ok(Some(FoundDispute { dispute, decided: None }));
    }
    let Some(end) = chain.finished_trade(id)? else { return Ok(None) };
    let Some(before) = end.leaf.checked_sub(1) else { return Ok(None) };
    Ok(match chain.record(before)? {
        Some(HistoryRecord::Dispute { dispute, verdict, height }) if dispute.trade == id => {
            Some(FoundDispute { dispute: *dispute, decided: Some((verdict, height)) })
        }
        _ => None,
    })
}
