//! Confirmation by the buyer, or by its silence.

use super::{check_in_time, complete, conduct, settle, trade};
use crate::execute::{Context, Envelope};
use crate::ids::TradeId;
use crate::receipt::{Code, Event};
use crate::state::{Trade, TradeStatus};

/// The buyer confirms what was delivered; credits settle at once.
///
/// # Errors
/// [`Code::UnknownTrade`], [`Code::NotParty`], [`Code::WrongState`] (nothing to confirm; energy is confirmed by rule), [`Code::TooLate`]:
/// silence has confirmed.
pub fn confirm(ctx: &mut Context<'_>, envelope: &Envelope, id: TradeId) -> Result<(), Code> {
    let trade = trade(ctx, id)?;
    if envelope.signer != trade.buyer {
        return Err(Code::NotParty);
    }
    if trade.status != TradeStatus::Delivered {
        return Err(Code::WrongState);
    }
    check_in_time(ctx, &trade)?;
    confirmed(ctx, trade, false)
}

/// Confirms a delivered compute trade and settles it.
///
/// # Errors
/// A settlement that fails: a bug.
pub(super) fn confirmed(ctx: &mut Context<'_>, mut trade: Trade, silent: bool) -> Result<(), Code> {
    trade.status = TradeStatus::Confirmed;
    ctx.events.push(Event::Confirmed { trade: trade.id, silent });
    conduct::confirmed(ctx, &trade, silent);
    let metered = complete::supported(&ctx.state, &trade).ok_or(Code::Overflow)?;
    settle::settle(ctx, trade, metered, metered)?;
    Ok(())
}
