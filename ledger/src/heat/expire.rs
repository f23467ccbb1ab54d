//! Expiry of lots.

use super::reserve::{free, release_latest};
use crate::amount::Quantity;
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::OrderId;
use crate::limits::MAX_SHRUNK_ASKS;
use crate::market;
use crate::receipt::{Code, Event};
use crate::state::{Accounts, HeatLotKey, HeatLots, HeatReservations, IndexKey, Orders, TotalsTable, View};

/// Ends a lot whose time has come (phase 1): the asks that hold of it shrink, then what is left of it leaves its holder's free heat. A lot that
/// is gone already, or not due yet, is left alone: something overtook the timer in this block. Of more than [`MAX_SHRUNK_ASKS`] asks, the
/// others shrink with the timer's next turn; what is overdue is not sold meanwhile.
///
/// # Errors
/// [`Fault::Conservation`] when the holder has less free heat than the lot: lots and account disagree. [`Fault`]: a bug.
pub fn expire_heat_lot(ctx: &mut Context<'_>, key: HeatLotKey) -> Result<(), Fault> {
    let Some(lot) = ctx.state.get::<HeatLots>(&key).copied() else { return Ok(()) };
    if lot.expires_at > ctx.facts.market_time {
        return Ok(());
    }
    for order in holders(ctx, key) {
        shrink(ctx, order, key)?;
    }
    let Some(lot) = ctx.state.get::<HeatLots>(&key).copied().filter(|lot| lot.reserved.is_zero()) else { return Ok(()) };
    let mut account = ctx.state.get::<Accounts>(&key.holder).copied().unwrap_or_default();
    let mut totals = ctx.state.get::<TotalsTable>(&()).copied().unwrap_or_default();
    let free = account.heat_free.checked_sub(lot.quantity);
    account.heat_free = free.ok_or_else(|| Fault::Conservation(format!("{} holds less heat than its lots", key.holder)))?;
    let expired = totals.heat_expired.checked_add(lot.quantity);
    totals.heat_expired = expired.ok_or_else(|| Fault::Conservation("expired heat overflows".to_owned()))?;
    ctx.state.put::<Accounts>(key.holder, account);
    ctx.state.put::<TotalsTable>((), totals);
    ctx.state.remove::<HeatLots>(&key);
    ctx.events.push(Event::HeatExpired { lot: key, quantity: lot.quantity });
    Ok(())
}

/// Asks that hold of a lot, in the order of their ids.
fn holders(ctx: &Context<'_>, lot: HeatLotKey) -> Vec<OrderId> {
    let keys = ctx.state.index(IndexKey::HeatBehind { lot, order: OrderId::from_hash(Hash::ZERO) }..);
    let orders = keys.map_while(|key| match key {
        IndexKey::HeatBehind { lot: of, order } if of == lot => Some(order),
        _ => None,
    });
    orders.take(MAX_SHRUNK_ASKS).collect()
}

/// Takes a lot from behind an ask; what is left of the ask is whole trading lots again.
fn shrink(ctx: &mut Context<'_>, id: OrderId, key: HeatLotKey) -> Result<(), Fault> {
    let order = ctx.state.get::<Orders>(&id).cloned().ok_or(Fault::Missing("ask behind a reservation"))?;
    let expires_at = ctx.state.get::<HeatLots>(&key).ok_or(Fault::Missing("reserved heat lot"))?.expires_at;
    let reservation = (id, expires_at, key);
    let part = *ctx.state.get::<HeatReservations>(&reservation).ok_or(Fault::Missing("heat reservation"))?;
    free(ctx, reservation, part, part)?;
    let rest = order.open.checked_sub(part).ok_or(Code::Overflow)?;
    let open = rest.floor_to(ctx.params.resources.heat.lot).ok_or(Code::Overflow)?;
    release_latest(ctx, id, rest.checked_sub(open).unwrap_or(Quantity::ZERO))?;
    Ok(market::shrink_order(ctx, &order, open)?)
}
