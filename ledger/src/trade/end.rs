//! The two ends of a trade: it leaves the state for the history log.

use super::exchange;
use crate::execute::{self, Context, HistoryRecord};
use crate::market;
use crate::receipt::{CancelReason, Code, Event, Settlement};
use crate::state::{Trade, TradeStatus, Trades};
use crate::transaction::Market;

/// Refunds the buyer and ends the trade.
///
/// # Errors
/// A move of money that fails: a bug.
pub(crate) fn cancelled(ctx: &mut Context<'_>, mut trade: Trade, reason: CancelReason) -> Result<(), Code> {
    execute::refund_escrow(ctx, trade.buyer, trade.escrow)?;
    if let Market::Energy { leg, slot } = trade.market {
        exchange::withdraw(ctx, leg, slot)?;
    }
    ctx.state.remove::<Trades>(&trade.id);
    market::backing_freed(ctx, trade.seller);
    trade.status = TradeStatus::Cancelled;
    trade.deadline = None;
    ctx.events.push(Event::Cancelled { trade: trade.id, reason });
    ctx.finished.push(HistoryRecord::Cancelled { trade, reason, height: ctx.facts.height });
    Ok(())
}

/// Records a settlement whose money has moved and ends the trade.
pub(super) fn settled(ctx: &mut Context<'_>, mut trade: Trade, settlement: Settlement) {
    ctx.state.remove::<Trades>(&trade.id);
    trade.status = TradeStatus::Settled;
    trade.deadline = None;
    ctx.events.push(Event::Settled { trade: trade.id, settlement });
    ctx.finished.push(HistoryRecord::Settled { trade, settlement, height: ctx.facts.height });
}
