//! The two ends of a trade: it leaves the state for the history log.

use super::{conduct, exchange};
use crate::amount::MicroChf;
use crate::execute::{self, Context, HistoryRecord};
use crate::ids::MemberId;
use crate::market;
use crate::receipt::{CancelReason, Code, Event, Settlement};
use crate::state::{Trade, TradeStatus, Trades};
use crate::transaction::Market;

/// Refunds the buyer and ends the trade.
///
/// # Errors
/// A move of money that fails: a bug.
pub(crate) fn cancelled(ctx: &mut Context<'_>, trade: Trade, reason: CancelReason) -> Result<(), Code> {
    let refund = trade.escrow;
    unpaid(ctx, trade, reason, refund)
}

/// Ends a disputed trade, as it was before the dispute, for which nothing is to be paid: refunds what was not refunded `already`. `lost` is who
/// lost the dispute, and over how much.
///
/// # Errors
/// A move of money that fails: a bug.
pub fn cancelled_by_verdict(
    ctx: &mut Context<'_>,
    trade: Trade,
    already: MicroChf,
    lost: Option<(MemberId, MicroChf)>,
) -> Result<(), Code> {
    conduct::disputes(ctx, &trade, lost);
    let refund = trade.escrow.checked_sub(already).ok_or(Code::Overflow)?;
    unpaid(ctx, trade, CancelReason::Disputed, refund)
}

fn unpaid(ctx: &mut Context<'_>, mut trade: Trade, reason: CancelReason, refund: MicroChf) -> Result<(), Code> {
    execute::refund_escrow(ctx, trade.buyer, refund)?;
    conduct::cancelled(ctx, &trade, reason);
    if let Market::Energy { leg, slot } = trade.market {
        exchange::withdraw(ctx, leg, slot)?;
    }
    ctx.state.remove::<Trades>(&trade.id);
    market::backing_freed(ctx, trade.seller);
    trade.status = TradeStatus::Cancelled;
    trade.deadline = None;
    ctx.events.push(Event::Cancelled { trade: trade.id, reason });
    ctx.finished.push(HistoryRecord::Cancelled { trade: Box::new(trade), reason, height: ctx.facts.height });
    Ok(())
}

/// Records a settlement whose money has moved and ends the trade.
pub(super) fn settled(ctx: &mut Context<'_>, mut trade: Trade, settlement: Settlement) {
    ctx.state.remove::<Trades>(&trade.id);
    trade.status = TradeStatus::Settled;
    trade.deadline = None;
    ctx.events.push(Event::Settled { trade: trade.id, settlement });
    ctx.finished.push(HistoryRecord::Settled { trade: Box::new(trade), settlement, height: ctx.facts.height });
}
