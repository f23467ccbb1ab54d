//! The lots behind open asks (MARKET 4).

use super::lots::{add_free, earliest, put_lot};
use crate::amount::Quantity;
use crate::execute::Context;
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId, TradeId};
use crate::receipt::Code;
use crate::state::{Accounts, HeatLot, HeatLotKey, HeatLots, HeatReservationKey, HeatReservations, Order, View};
use crate::time::{MarketTime, Slot};
use std::collections::BTreeMap;

/// The place of an ask's first reservation that expires at `expires_at` or later.
fn first_of(order: OrderId, expires_at: MarketTime) -> HeatReservationKey {
    let lot = HeatLotKey { holder: MemberId::FIRST, producer: MemberId::FIRST, slot: Slot::new(0), trade: TradeId::from_hash(Hash::ZERO) };
    (order, expires_at, lot)
}

/// What an ask reserved, the earliest expiry first, from `expires_at` on.
fn behind(view: &impl View, order: OrderId, expires_at: MarketTime) -> Vec<(HeatReservationKey, Quantity)> {
    let from = view.range::<HeatReservations>(first_of(order, expires_at)..);
    from.take_while(|(key, _)| key.0 == order).map(|(key, quantity)| (*key, *quantity)).collect()
}

/// Puts lots behind a new ask, the earliest expiry first.
///
/// # Errors
/// [`Code::InsufficientHeat`]; [`Code::TooManyLots`]. Nothing has changed then.
pub fn reserve(ctx: &mut Context<'_>, order: OrderId, member: MemberId, quantity: Quantity) -> Result<(), Code> {
    for (key, part) in earliest(ctx, member, quantity)? {
        let lot = *ctx.state.get::<HeatLots>(&key).ok_or(Code::UnknownLot)?;
        let reserved = lot.reserved.checked_add(part).ok_or(Code::Overflow)?;
        ctx.state.put::<HeatLots>(key, HeatLot { reserved, ..lot });
        ctx.state.put::<HeatReservations>((order, lot.expires_at, key), part);
    }
    let mut account = ctx.state.get::<Accounts>(&member).copied().unwrap_or_default();
    account.heat_free = account.heat_free.checked_sub(quantity).ok_or(Code::InsufficientHeat)?;
    account.heat_reserved = account.heat_reserved.checked_add(quantity).ok_or(Code::Overflow)?;
    ctx.state.put::<Accounts>(member, account);
    Ok(())
}

/// Frees all that an ask still holds.
///
/// # Errors
/// [`Code::InsufficientHeat`] when its lots disagree: a bug.
pub fn release(ctx: &mut Context<'_>, order: OrderId) -> Result<(), Code> {
    for (key, part) in behind(&ctx.state, order, MarketTime::from_ms(0)) {
        free(ctx, key, part, part)?;
    }
    Ok(())
}

/// Frees `quantity` of what an ask holds, the latest expiry first.
///
/// # Errors
/// [`Code::InsufficientHeat`] when its lots disagree: a bug.
pub(super) fn release_latest(ctx: &mut Context<'_>, order: OrderId, quantity: Quantity) -> Result<(), Code> {
    let mut left = quantity;
    for (key, part) in behind(&ctx.state, order, MarketTime::from_ms(0)).into_iter().rev() {
        if left.is_zero() {
            break;
        }
        let less = part.min(left);
        left = left.saturating_sub(less);
        free(ctx, key, part, less)?;
    }
    if left.is_zero() { Ok(()) } else { Err(Code::InsufficientHeat) }
}

/// Makes `less` of a reservation of `part` free.
pub(super) fn free(ctx: &mut Context<'_>, key: HeatReservationKey, part: Quantity, less: Quantity) -> Result<(), Code> {
    let lot = unreserve(ctx, key, part, less)?;
    put_lot(ctx, key.2, lot);
    let mut account = ctx.state.get::<Accounts>(&key.2.holder).copied().unwrap_or_default();
    account.heat_free = account.heat_free.checked_add(less).ok_or(Code::Overflow)?;
    ctx.state.put::<Accounts>(key.2.holder, account);
    Ok(())
}

/// Takes `less` out of a reservation of `part` and out of its holder's reserved heat; returns the lot as it has to be written.
fn unreserve(ctx: &mut Context<'_>, key: HeatReservationKey, part: Quantity, less: Quantity) -> Result<HeatLot, Code> {
    let left = part.checked_sub(less).ok_or(Code::InsufficientHeat)?;
    if left.is_zero() {
        ctx.state.remove::<HeatReservations>(&key);
    } else {
        ctx.state.put::<HeatReservations>(key, left);
    }
    let lot = *ctx.state.get::<HeatLots>(&key.2).ok_or(Code::UnknownLot)?;
    let reserved = lot.reserved.checked_sub(less).ok_or(Code::InsufficientHeat)?;
    let mut account = ctx.state.get::<Accounts>(&key.2.holder).copied().unwrap_or_default();
    account.heat_reserved = account.heat_reserved.checked_sub(less).ok_or(Code::InsufficientHeat)?;
    ctx.state.put::<Accounts>(key.2.holder, account);
    Ok(HeatLot { reserved, ..lot })
}

/// Moves what filled from the lots behind an ask to the buyer, the earliest expiry first, and adds it to `moved` by the slot in which the heat was
/// made.
///
/// # Errors
/// [`Code::InsufficientHeat`] when the ask holds less than that: a bug of the caller.
pub fn deliver(
    ctx: &mut Context<'_>,
    ask: OrderId,
    buyer: MemberId,
    quantity: Quantity,
    moved: &mut BTreeMap<Slot, Quantity>,
) -> Result<(), Code> {
    let after = ctx.facts.market_time.checked_add_ms(1).ok_or(Code::Overflow)?;
    let mut left = quantity;
    for (key, part) in behind(&ctx.state, ask, after) {
        if left.is_zero() {
            break;
        }
        let sold = part.min(left);
        left = left.saturating_sub(sold);
        let lot = unreserve(ctx, key, part, sold)?;
        let rest = lot.quantity.checked_sub(sold).ok_or(Code::InsufficientHeat)?;
        put_lot(ctx, key.2, HeatLot { quantity: rest, ..lot });
        add_free(ctx, key.2.held_by(buyer), sold, lot.expires_at)?;
        let made = moved.entry(key.2.slot).or_default();
        *made = made.checked_add(sold).ok_or(Code::Overflow)?;
    }
    if left.is_zero() { Ok(()) } else { Err(Code::InsufficientHeat) }
}

/// What of a heat ask can be matched: what is open, less what is overdue and waits for its timer, in whole trading lots.
pub fn sellable(view: &impl View, ask: &Order, now: MarketTime, lot: Quantity) -> Quantity {
    let after = now.checked_add_ms(1).unwrap_or(now);
    let overdue = view.range::<HeatReservations>(first_of(ask.id, MarketTime::from_ms(0))..first_of(ask.id, after));
    let overdue = overdue.fold(Quantity::ZERO, |sum, (_, part)| sum.checked_add(*part).unwrap_or(sum));
    ask.open.saturating_sub(overdue).floor_to(lot).unwrap_or(Quantity::ZERO)
}
