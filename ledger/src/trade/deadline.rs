//! What silence does when a trade's deadline passes (phase 1).

use super::{confirm, end, is_late};
use crate::execute::{Context, Fault};
use crate::ids::TradeId;
use crate::receipt::{CancelReason, Code};
use crate::state::{TradeStatus, Trades, View};
use crate::transaction::Product;

/// Acts for whoever was silent: cancels what was not started or not completed, confirms what was delivered. A trade that is gone already,
/// or not due (any more), is left alone: something overtook the timer in this block.
///
/// # Errors
/// [`Fault`]: a move of money that fails, a bug.
pub fn on_deadline(ctx: &mut Context<'_>, id: TradeId) -> Result<(), Fault> {
    let Some(trade) = ctx.state.get::<Trades>(&id).cloned() else { return Ok(()) };
    if !is_late(ctx, &trade) {
        return Ok(());
    }
    match (trade.status, trade.product) {
        (TradeStatus::Pending, Product::Energy { .. }) => end::cancelled(ctx, trade, CancelReason::NotCompleted)?,
        (TradeStatus::Pending, _) => end::cancelled(ctx, trade, CancelReason::NotStarted)?,
        (TradeStatus::Running, _) => end::cancelled(ctx, trade, CancelReason::NotCompleted)?,
        (TradeStatus::Delivered, _) => confirm::confirmed(ctx, trade, true)?,
        // None of these waits for a party.
        (TradeStatus::Confirmed | TradeStatus::Settling | TradeStatus::Settled | TradeStatus::Cancelled | TradeStatus::Disputed, _) => {
            return Err(Fault::Rejected(Code::WrongState));
        }
    }
    Ok(())
}
