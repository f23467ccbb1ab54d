//! The seller's steps before anything is delivered.

use super::{check_in_time, end, trade};
use crate::execute::{Context, Envelope};
use crate::ids::TradeId;
use crate::receipt::{CancelReason, Code, Event};
use crate::state::{TradeStatus, Trades};
use crate::transaction::Product;

/// The seller starts a trade of compute or compute-hours; its completion is due after the window's end.
///
/// # Errors
/// [`Code::UnknownTrade`], [`Code::NotParty`], [`Code::WrongState`] (not pending, or energy, which nobody starts), [`Code::TooLate`],
/// [`Code::TooEarly`] before the window.
pub fn start(ctx: &mut Context<'_>, envelope: &Envelope, id: TradeId) -> Result<(), Code> {
    let mut trade = trade(ctx, id)?;
    if envelope.signer != trade.seller {
        return Err(Code::NotParty);
    }
    let (from, until) = trade.product.window().ok_or(Code::WrongState)?;
    if trade.status != TradeStatus::Pending {
        return Err(Code::WrongState);
    }
    check_in_time(ctx, &trade)?;
    if ctx.facts.market_time < from {
        return Err(Code::TooEarly);
    }
    trade.status = TradeStatus::Running;
    trade.deadline = Some(until.checked_add_ms(ctx.params.complete_window_ms).ok_or(Code::Overflow)?);
    ctx.state.put::<Trades>(id, trade);
    ctx.events.push(Event::Started { trade: id });
    Ok(())
}

/// The seller gives up before the start (energy: before the slot); the buyer is refunded and it counts against the seller.
///
/// # Errors
/// [`Code::UnknownTrade`], [`Code::NotParty`], [`Code::WrongState`] once started and for storage, whose contracts are terminated,
/// [`Code::TooLate`].
pub fn cancel(ctx: &mut Context<'_>, envelope: &Envelope, id: TradeId) -> Result<(), Code> {
    let trade = trade(ctx, id)?;
    if envelope.signer != trade.seller {
        return Err(Code::NotParty);
    }
    if trade.status != TradeStatus::Pending || matches!(trade.product, Product::Storage { .. }) {
        return Err(Code::WrongState);
    }
    check_in_time(ctx, &trade)?;
    if let Product::Energy { slot } = trade.product
        && slot.start().is_none_or(|start| start <= ctx.facts.market_time)
    {
        return Err(Code::TooLate);
    }
    end::cancelled(ctx, trade, CancelReason::BySeller)
}
