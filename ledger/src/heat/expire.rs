//! Expiry of lots.

use crate::execute::{Context, Fault};
use crate::state::{Accounts, HeatLotKey, HeatLots, TotalsTable, View};

/// Ends a lot whose time has come (phase 1): what is left of it leaves its holder's free heat. A lot that is gone already, or not due yet,
/// is left alone: something overtook the timer in this block.
///
/// # Errors
/// [`Fault::Conservation`] when the holder has less free heat than the lot: lots and account disagree.
pub fn expire_heat_lot(ctx: &mut Context<'_>, key: HeatLotKey) -> Result<(), Fault> {
    let Some(lot) = ctx.state.get::<HeatLots>(&key).copied() else { return Ok(()) };
    if lot.expires_at > ctx.facts.market_time {
        return Ok(());
    }
    let mut account = ctx.state.get::<Accounts>(&key.holder).copied().unwrap_or_default();
    let mut totals = ctx.state.get::<TotalsTable>(&()).copied().unwrap_or_default();
    let free = account.heat_free.checked_sub(lot.quantity);
    account.heat_free = free.ok_or_else(|| Fault::Conservation(format!("{} holds less heat than its lots", key.holder)))?;
    let expired = totals.heat_expired.checked_add(lot.quantity);
    totals.heat_expired = expired.ok_or_else(|| Fault::Conservation("expired heat overflows".to_owned()))?;
    ctx.state.put::<Accounts>(key.holder, account);
    ctx.state.put::<TotalsTable>((), totals);
    ctx.state.remove::<HeatLots>(&key);
    Ok(())
}
