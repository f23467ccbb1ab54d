//! Completion of compute and compute-hours by the seller's meter.

use super::{check_in_time, readings, trade};
use crate::amount::Quantity;
use crate::dispute;
use crate::execute::{Context, Envelope};
use crate::market;
use crate::meter;
use crate::receipt::{Code, Event};
use crate::state::{Trade, TradeStatus, Trades, View};
use crate::time::{MarketTime, Slot};
use crate::transaction::{CompleteTrade, Market, Resource};

/// The seller's meter completes a running trade: takes the readings, then claims Wh (of compute-hours milli-hours) of their slots for it. The
/// buyer may confirm from then on. More than the ordered quantity may be claimed; it is not paid. Claims of zero are dropped. Readings that
/// show that the meter left a gap or went back are not taken: they open a dispute about what is claimed, with the seller's bond.
///
/// # Errors
/// [`Code::UnknownTrade`], [`Code::NotParty`], [`Code::WrongState`] (not running, or energy), [`Code::TooLate`]; [`Code::BadReading`] and
/// [`Code::BadSlot`] of the readings ([`meter::accept`]); [`Code::BadSlot`] for claims that do not ascend strictly or whose slot does not
/// overlap the trade's window; [`Code::HeatNotDue`] for heat of compute-hours; [`Code::OverClaimed`]; [`Code::Overflow`]; of the dispute
/// [`Code::InsufficientFunds`] and [`Code::BadClaim`].
pub fn complete(ctx: &mut Context<'_>, envelope: &Envelope, done: &CompleteTrade) -> Result<(), Code> {
    let mut trade = trade(ctx, done.trade)?;
    if envelope.signer != trade.seller {
        return Err(Code::NotParty);
    }
    let (from, until) = trade.product.window().ok_or(Code::WrongState)?;
    if trade.status != TradeStatus::Running {
        return Err(Code::WrongState);
    }
    check_in_time(ctx, &trade)?;
    check_slots(&done.delivered, from, until)?;
    check_slots(&done.heat, from, until)?;
    if trade.market != Market::Compute && !done.heat.is_empty() {
        return Err(Code::HeatNotDue);
    }
    match ctx.attempt(|ctx| readings::take(ctx, trade.seller, &done.readings)) {
        Err(Code::BadReading) if meter::is_broken(&ctx.state, trade.seller, &done.readings) => {
            trade.result = done.result;
            market::backing_freed(ctx, trade.seller);
            return dispute::open_for_meter(ctx, trade, &done.delivered);
        }
        other => other?,
    }
    trade.delivered = claim_all(ctx, &trade, trade.market.resource(), &done.delivered)?;
    trade.heat = claim_all(ctx, &trade, Resource::Heat, &done.heat)?;
    let quantity = delivered(&trade).ok_or(Code::Overflow)?;
    trade.result = done.result;
    trade.status = TradeStatus::Delivered;
    trade.deadline = Some(ctx.facts.market_time.checked_add_ms(ctx.params.confirm_window_ms).ok_or(Code::Overflow)?);
    ctx.events.push(Event::Delivered { trade: trade.id, quantity });
    market::backing_freed(ctx, trade.seller);
    ctx.state.put::<Trades>(trade.id, trade);
    Ok(())
}

/// What was delivered in all slots; `None` on overflow.
pub fn delivered(trade: &Trade) -> Option<Quantity> {
    trade.delivered.iter().try_fold(Quantity::ZERO, |sum, (_, quantity)| sum.checked_add(*quantity))
}

/// What the registers, as they were corrected, leave of what was delivered; `None` on overflow.
pub fn supported(view: &impl View, trade: &Trade) -> Option<Quantity> {
    supported_slots(view, trade)?.iter().try_fold(Quantity::ZERO, |sum, (_, part)| sum.checked_add(*part))
}

/// The same by slot: what is paid counts against it, in the order of the slots.
pub(super) fn supported_slots(view: &impl View, trade: &Trade) -> Option<Vec<(Slot, Quantity)>> {
    let key = |slot: Slot| (trade.seller, trade.market.resource(), slot);
    let parts = trade.delivered.iter().map(|(slot, claim)| Some((*slot, meter::supported(view, key(*slot), *claim)?)));
    parts.collect()
}

fn check_slots(claims: &[(Slot, Quantity)], from: MarketTime, until: MarketTime) -> Result<(), Code> {
    let overlaps = |slot: Slot| slot.start().is_some_and(|s| s < until) && slot.end().is_some_and(|e| e > from);
    let ascending = claims.is_sorted_by(|a, b| a.0 < b.0);
    if ascending && claims.iter().all(|(slot, _)| overlaps(*slot)) { Ok(()) } else { Err(Code::BadSlot) }
}

fn claim_all(ctx: &mut Context<'_>, trade: &Trade, register: Resource, claims: &[(Slot, Quantity)]) -> Result<Vec<(Slot, Quantity)>, Code> {
    let claims: Vec<_> = claims.iter().copied().filter(|(_, quantity)| !quantity.is_zero()).collect();
    for (slot, quantity) in &claims {
        meter::claim(ctx, (trade.seller, register, *slot), *quantity)?;
    }
    Ok(claims)
}
