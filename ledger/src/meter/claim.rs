//! Increases by slot and what is claimed of them.

use crate::amount::Quantity;
use crate::execute::{Context, Fault};
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::{Forecasts, SlotReadingKey, SlotReadings, View};
use crate::time::Slot;

/// Adds to a slot's increase.
///
/// # Errors
/// [`Code::Overflow`].
pub fn record(ctx: &mut Context<'_>, key: SlotReadingKey, increase: Quantity) -> Result<(), Code> {
    if increase.is_zero() {
        return Ok(());
    }
    let mut entry = ctx.state.get::<SlotReadings>(&key).copied().unwrap_or_default();
    entry.increase = entry.increase.checked_add(increase).ok_or(Code::Overflow)?;
    ctx.state.put::<SlotReadings>(key, entry);
    Ok(())
}

/// Claims a part of a slot's increase for one trade.
///
/// # Errors
/// [`Code::OverClaimed`] when all trades together would claim more than the increase.
pub fn claim(ctx: &mut Context<'_>, key: SlotReadingKey, quantity: Quantity) -> Result<(), Code> {
    if quantity.is_zero() {
        return Ok(());
    }
    let mut entry = *ctx.state.get::<SlotReadings>(&key).ok_or(Code::OverClaimed)?;
    entry.claimed = entry.claimed.checked_add(quantity).filter(|sum| *sum <= entry.increase).ok_or(Code::OverClaimed)?;
    ctx.state.put::<SlotReadings>(key, entry);
    Ok(())
}

/// Forgets a slot's increase (phase 1).
///
/// # Errors
/// None so far; the timers' common shape.
pub fn expire_slot_reading(ctx: &mut Context<'_>, key: SlotReadingKey) -> Result<(), Fault> {
    ctx.state.remove::<SlotReadings>(&key);
    Ok(())
}

/// Forgets a slot's forecast (phase 1).
///
/// # Errors
/// None so far; the timers' common shape.
pub fn expire_forecast(ctx: &mut Context<'_>, member: MemberId, slot: Slot) -> Result<(), Fault> {
    ctx.state.remove::<Forecasts>(&(member, slot));
    Ok(())
}
