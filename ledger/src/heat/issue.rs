//! Issue at the settlement of compute.

use super::lots::add_free;
use crate::amount::Quantity;
use crate::execute::Context;
use crate::meter;
use crate::receipt::Code;
use crate::state::{HeatLotKey, SlotReading, SlotReadings, TotalsTable, Trade, View};
use crate::time::{MarketTime, Slot};
use crate::transaction::Resource;

/// Issues the heat of a compute trade that is paid for `paid` Wh, credits it to the seller, and returns how much it was.
///
/// `paid` counts against `made`, what was delivered as corrections left it, in ascending order of slots; over-delivery issues nothing. So does
/// a thermal claim beyond what a correction of the thermal register left of it.
///
/// # Errors
/// [`Code::UnknownTrade`] when the seller is not in the registry, [`Code::Overflow`]: bugs, both.
pub fn issue(ctx: &mut Context<'_>, trade: &Trade, made: &[(Slot, Quantity)], paid: Quantity) -> Result<Quantity, Code> {
    let factor = ctx.member(trade.seller).map_err(|_| Code::UnknownTrade)?.capacity.heat_factor;
    let months = ctx.params.heat_expiry_months;
    let expires_at = ctx.facts.market_time.checked_add_months(months).ok_or(Code::Overflow)?;
    let (mut left, mut issued) = (paid, Quantity::ZERO);
    for (slot, delivered) in made {
        let settled = left.min(*delivered);
        left = left.saturating_sub(settled);
        let key = (trade.seller, Resource::Compute, *slot);
        // Forgotten slots issue nothing: windows and deadlines end long before.
        let Some(entry) = ctx.state.get::<SlotReadings>(&key) else { continue };
        let claimed = claimed_heat(&ctx.state, trade, *slot).ok_or(Code::Overflow)?;
        let (entry, heat) = entitle(*entry, settled, factor.get(), claimed).ok_or(Code::Overflow)?;
        ctx.state.put::<SlotReadings>(key, entry);
        credit(ctx, trade, *slot, heat, expires_at)?;
        issued = issued.checked_add(heat).ok_or(Code::Overflow)?;
    }
    Ok(issued)
}

/// What the thermal register, as it was corrected, leaves of a trade's claim; `None` on overflow.
fn claimed_heat(view: &impl View, trade: &Trade, slot: Slot) -> Option<Quantity> {
    let claim = trade.heat.iter().find(|(s, _)| *s == slot).map_or(Quantity::ZERO, |(_, heat)| *heat);
    meter::supported(view, (trade.seller, Resource::Heat, slot), claim)
}

/// Books `settled` Wh on a slot and what they issue, at most `claimed`; `None` on overflow.
pub(super) fn entitle(mut entry: SlotReading, settled: Quantity, factor_bp: u32, claimed: Quantity) -> Option<(SlotReading, Quantity)> {
    entry.settled = entry.settled.checked_add(settled)?;
    let entitled = entry.settled.mul_div_floor(u64::from(factor_bp), 10_000)?;
    let heat = entitled.saturating_sub(entry.issued).min(claimed);
    entry.issued = entry.issued.checked_add(heat)?;
    Some((entry, heat))
}

fn credit(ctx: &mut Context<'_>, trade: &Trade, slot: Slot, heat: Quantity, expires_at: MarketTime) -> Result<(), Code> {
    if heat.is_zero() {
        return Ok(());
    }
    let mut totals = ctx.state.get::<TotalsTable>(&()).copied().unwrap_or_default();
    totals.heat_issued = totals.heat_issued.checked_add(heat).ok_or(Code::Overflow)?;
    ctx.state.put::<TotalsTable>((), totals);
    let key = HeatLotKey { holder: trade.seller, producer: trade.seller, slot, trade: trade.id };
    add_free(ctx, key, heat, expires_at)
}
