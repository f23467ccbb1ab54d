//! Increases by slot and what is claimed of them.

use crate::amount::Quantity;
use crate::execute::{Context, Fault};
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::{Forecasts, SlotReadingKey, SlotReadings, SlotSales, View};
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
    // What is read after a correction comes on top of it.
    entry.corrected = match entry.corrected {
        Some(corrected) => Some(corrected.checked_add(increase).ok_or(Code::Overflow)?),
        None => None,
    };
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

/// What a slot's increase, as it was corrected, leaves of a claim: all claims of a slot bear a correction pro rata. `None` on overflow.
pub fn supported(view: &impl View, key: SlotReadingKey, claim: Quantity) -> Option<Quantity> {
    // Forgotten slots are not corrected any more.
    let Some(entry) = view.get::<SlotReadings>(&key) else { return Some(claim) };
    match entry.corrected {
        Some(corrected) if corrected < entry.claimed => claim.mul_div_floor(corrected.get(), entry.claimed.get()),
        _ => Some(claim),
    }
}

/// Forgets a slot's increase and its sales (phase 1).
///
/// # Errors
/// None so far; the timers' common shape.
pub fn expire_slot_reading(ctx: &mut Context<'_>, key: SlotReadingKey) -> Result<(), Fault> {
    ctx.state.remove::<SlotReadings>(&key);
    ctx.state.remove::<SlotSales>(&key);
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
