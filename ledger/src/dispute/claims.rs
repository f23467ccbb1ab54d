//! What a trade whose meter left a gap claims, and what the registers support of it.

use crate::amount::Quantity;
use crate::execute::Context;
use crate::meter;
use crate::receipt::Code;
use crate::state::{SlotReadings, Trade, View};
use crate::time::Slot;
use crate::trade;

/// Claims for the trade what its slots' increases leave of `claims`, at most `quantity` in all, beside what it claimed already. So what is
/// paid on the registers' account is not claimed by another trade too.
///
/// # Errors
/// [`Code::Overflow`], [`Code::OverClaimed`]: bugs, both.
pub(super) fn take(ctx: &mut Context<'_>, trade: &mut Trade, claims: &[(Slot, Quantity)], quantity: Quantity) -> Result<(), Code> {
    let before = trade::delivered(trade).ok_or(Code::Overflow)?;
    let (mut left, mut delivered) = (quantity.saturating_sub(before), Vec::new());
    for (slot, wanted) in claims {
        let had = claimed(trade, *slot);
        let more = available(ctx, trade, *slot).min(wanted.saturating_sub(had)).min(left);
        meter::claim(ctx, (trade.seller, trade.market.resource(), *slot), more)?;
        left = left.saturating_sub(more);
        let sum = had.checked_add(more).ok_or(Code::Overflow)?;
        if !sum.is_zero() {
            delivered.push((*slot, sum));
        }
    }
    trade.delivered = delivered;
    Ok(())
}

/// What the registers support of `claims`: what the trade claimed of them, and what it still could. `None` on overflow.
pub(super) fn supported(ctx: &Context<'_>, trade: &Trade, claims: &[(Slot, Quantity)]) -> Option<Quantity> {
    let of_slot = |slot: Slot, wanted: Quantity| claimed(trade, slot).checked_add(available(ctx, trade, slot)).map(|sum| sum.min(wanted));
    claims.iter().try_fold(Quantity::ZERO, |sum, (slot, wanted)| sum.checked_add(of_slot(*slot, *wanted)?))
}

fn claimed(trade: &Trade, slot: Slot) -> Quantity {
    trade.delivered.iter().find(|(s, _)| *s == slot).map_or(Quantity::ZERO, |(_, quantity)| *quantity)
}

/// What is left of a slot's increase to claim.
fn available(ctx: &Context<'_>, trade: &Trade, slot: Slot) -> Quantity {
    let entry = ctx.state.get::<SlotReadings>(&(trade.seller, trade.market.resource(), slot)).copied().unwrap_or_default();
    entry.increase.saturating_sub(entry.claimed)
}
