//! Lots and the parts of them that an action takes.

use crate::amount::Quantity;
use crate::execute::Context;
use crate::hash::Hash;
use crate::ids::{MemberId, TradeId};
use crate::limits::MAX_HEAT_PARTS;
use crate::receipt::Code;
use crate::state::{Accounts, HeatLot, HeatLotKey, HeatLots, IndexKey, View};
use crate::time::{MarketTime, Slot};
use crate::transaction::{HeatPart, HeatSelection};
use std::ops::Bound;

/// All lots of a member after `after`, by producer, slot and trade.
pub fn lots_of(view: &impl View, member: MemberId, after: Option<HeatLotKey>) -> impl Iterator<Item = (&HeatLotKey, &HeatLot)> {
    let from = after.filter(|key| key.holder == member).map_or_else(
        || {
            Bound::Included(HeatLotKey {
                holder: member,
                producer: MemberId::FIRST,
                slot: Slot::new(0),
                trade: TradeId::from_hash(Hash::ZERO),
            })
        },
        Bound::Excluded,
    );
    view.range::<HeatLots>((from, Bound::Unbounded)).take_while(move |(key, _)| key.holder == member)
}

/// Lots of a member of which something is free and that have not expired at `now`, the earliest expiry first.
pub fn free_lots(view: &impl View, member: MemberId, now: MarketTime) -> impl Iterator<Item = (HeatLotKey, HeatLot)> + '_ {
    let lowest = HeatLotKey { holder: member, producer: MemberId::FIRST, slot: Slot::new(0), trade: TradeId::from_hash(Hash::ZERO) };
    let after = now.checked_add_ms(1).unwrap_or(now);
    let first = IndexKey::FreeHeat { holder: member, expires_at: after, lot: lowest };
    let keys = view.index(first..).map_while(move |key| match key {
        IndexKey::FreeHeat { holder, lot, .. } if holder == member => Some(lot),
        _ => None,
    });
    keys.filter_map(|key| view.get::<HeatLots>(&key).map(|lot| (key, *lot)))
}

/// The parts that make up `wanted`, the earliest expiry first.
///
/// # Errors
/// [`Code::InsufficientHeat`]; [`Code::TooManyLots`] when more than [`MAX_HEAT_PARTS`] would be needed.
pub(super) fn earliest(ctx: &Context<'_>, member: MemberId, wanted: Quantity) -> Result<Vec<(HeatLotKey, Quantity)>, Code> {
    let mut left = wanted;
    let mut parts = Vec::new();
    for (key, lot) in free_lots(&ctx.state, member, ctx.facts.market_time) {
        if parts.len() >= MAX_HEAT_PARTS {
            return Err(Code::TooManyLots);
        }
        let part = lot.free().min(left);
        left = left.saturating_sub(part);
        parts.push((key, part));
        if left.is_zero() {
            return Ok(parts);
        }
    }
    Err(Code::InsufficientHeat)
}

/// The parts that a signer selected, and their sum.
///
/// # Errors
/// [`Code::BadQuantity`] for nothing at all; [`Code::UnknownLot`]; [`Code::InsufficientHeat`]; [`Code::TooManyLots`]; [`Code::Overflow`].
pub(super) fn select(
    ctx: &Context<'_>,
    member: MemberId,
    selection: &HeatSelection,
) -> Result<(Vec<(HeatLotKey, Quantity)>, Quantity), Code> {
    match selection {
        HeatSelection::Earliest(quantity) if quantity.is_zero() => Err(Code::BadQuantity),
        HeatSelection::Earliest(quantity) => Ok((earliest(ctx, member, *quantity)?, *quantity)),
        HeatSelection::Parts(parts) if parts.is_empty() || parts.iter().any(|part| part.quantity.is_zero()) => Err(Code::BadQuantity),
        HeatSelection::Parts(parts) => {
            let parts = parts.iter().map(|part| named(ctx, member, part)).collect::<Result<Vec<_>, Code>>()?;
            let sum = parts.iter().try_fold(Quantity::ZERO, |sum, (_, quantity)| sum.checked_add(*quantity)).ok_or(Code::Overflow)?;
            Ok((parts, sum))
        }
    }
}

fn named(ctx: &Context<'_>, holder: MemberId, part: &HeatPart) -> Result<(HeatLotKey, Quantity), Code> {
    let key = HeatLotKey { holder, producer: part.producer, slot: part.slot, trade: part.trade };
    let known = ctx.state.get::<HeatLots>(&key).filter(|lot| lot.expires_at > ctx.facts.market_time);
    known.map(|_| (key, part.quantity)).ok_or(Code::UnknownLot)
}

/// Takes a part out of what is free of a lot and of its holder's account, and returns when it expires.
///
/// # Errors
/// [`Code::UnknownLot`]; [`Code::InsufficientHeat`].
pub(super) fn take_free(ctx: &mut Context<'_>, key: HeatLotKey, quantity: Quantity) -> Result<MarketTime, Code> {
    let lot = *ctx.state.get::<HeatLots>(&key).ok_or(Code::UnknownLot)?;
    if lot.free() < quantity {
        return Err(Code::InsufficientHeat);
    }
    let mut account = ctx.state.get::<Accounts>(&key.holder).copied().unwrap_or_default();
    account.heat_free = account.heat_free.checked_sub(quantity).ok_or(Code::InsufficientHeat)?;
    ctx.state.put::<Accounts>(key.holder, account);
    put_lot(ctx, key, HeatLot { quantity: lot.quantity.checked_sub(quantity).ok_or(Code::InsufficientHeat)?, ..lot });
    Ok(lot.expires_at)
}

/// Adds free heat to a lot, which begins with it where its holder had none of it, and to the holder's account.
///
/// # Errors
/// [`Code::Overflow`].
pub(super) fn add_free(ctx: &mut Context<'_>, key: HeatLotKey, quantity: Quantity, expires_at: MarketTime) -> Result<(), Code> {
    let none = HeatLot { quantity: Quantity::ZERO, reserved: Quantity::ZERO, expires_at };
    let lot = ctx.state.get::<HeatLots>(&key).copied().unwrap_or(none);
    let mut account = ctx.state.get::<Accounts>(&key.holder).copied().unwrap_or_default();
    account.heat_free = account.heat_free.checked_add(quantity).ok_or(Code::Overflow)?;
    ctx.state.put::<Accounts>(key.holder, account);
    put_lot(ctx, key, HeatLot { quantity: lot.quantity.checked_add(quantity).ok_or(Code::Overflow)?, ..lot });
    Ok(())
}

/// Writes a lot, or forgets it where nothing is left.
pub(super) fn put_lot(ctx: &mut Context<'_>, key: HeatLotKey, lot: HeatLot) {
    if lot.quantity.is_zero() {
        ctx.state.remove::<HeatLots>(&key);
    } else {
        ctx.state.put::<HeatLots>(key, lot);
    }
}
