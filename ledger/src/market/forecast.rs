//! A hub's forecast of its own solar energy, and what happens to solar asks when it falls (MARKET 4, 11).

use super::due;
use super::ending;
use super::solar::{Promise, Promises};
use crate::amount::Quantity;
use crate::execute::{Context, Envelope};
use crate::ids::MemberId;
use crate::limits::MAX_AHEAD_MS;
use crate::member::{Role, peak_slot_energy};
use crate::receipt::Code;
use crate::state::{ForecastEntry, Forecasts, LoadSource, Members, Order, Orders, View};
use crate::time::Slot;

/// Sets the signer's forecast for slots. Where it falls, the newest open solar asks shrink first.
///
/// # Errors
/// [`Code::WrongRole`]; [`Code::BadSlot`] for slots that have ended, lie too far ahead or do not ascend; [`Code::ForecastAbovePeak`].
pub fn forecast(ctx: &mut Context<'_>, env: &Envelope, slots: &[(Slot, Quantity)]) -> Result<(), Code> {
    let member = ctx.state.base().get::<Members>(&env.signer).ok_or(Code::MemberInactive)?;
    if member.role != Role::Hub {
        return Err(Code::WrongRole);
    }
    let now = ctx.facts.market_time;
    let latest = now.checked_add_ms(MAX_AHEAD_MS).ok_or(Code::Overflow)?.slot();
    let peak = peak_slot_energy(member.capacity.solar_peak_watts).ok_or(Code::Overflow)?;
    let mut previous = None;
    for (slot, energy) in slots {
        if *slot < now.slot() || *slot > latest || previous.is_some_and(|p| p >= *slot) {
            return Err(Code::BadSlot);
        }
        if *energy > peak {
            return Err(Code::ForecastAbovePeak);
        }
        previous = Some(*slot);
    }
    let mut fallen = Vec::new();
    for (slot, energy) in slots {
        let key = (env.signer, *slot);
        if ctx.state.get::<Forecasts>(&key).is_some_and(|old| *energy < old.energy) {
            fallen.push(*slot);
        }
        ctx.state.put::<Forecasts>(key, ForecastEntry { energy: *energy });
    }
    due::backing_freed(ctx, env.signer);
    shrink(ctx, env.signer, &fallen)
}

/// Cuts a hub's forecasts from now on to what its plant, as it is certified now, can make. The asks behind them ended with the old certificate.
///
/// # Errors
/// [`Code::BadConstraints`] for a stranger, [`Code::Overflow`]: bugs, both.
pub fn cap_forecast(ctx: &mut Context<'_>, member: MemberId) -> Result<(), Code> {
    let peak = peak_slot_energy(ctx.member(member)?.capacity.solar_peak_watts).ok_or(Code::Overflow)?;
    let (first, last) = (ctx.facts.market_time.slot(), Slot::new(u64::MAX));
    let known = ctx.state.range::<Forecasts>((member, first)..=(member, last));
    let above: Vec<(MemberId, Slot)> = known.filter(|(_, forecast)| forecast.energy > peak).map(|(key, _)| *key).collect();
    for key in above {
        ctx.state.put::<Forecasts>(key, ForecastEntry { energy: peak });
    }
    Ok(())
}

/// Shrinks the hub's open solar asks around slots whose forecast fell: trades and older asks keep what the forecast still serves.
fn shrink(ctx: &mut Context<'_>, member: MemberId, fallen: &[Slot]) -> Result<(), Code> {
    let mut done: Option<Slot> = None;
    for slot in fallen {
        if done.is_some_and(|d| *slot <= d) {
            continue;
        }
        let promises = Promises::read(&ctx.state, member, ctx.facts.market_time);
        let group = promises.connected(*slot, *slot);
        done = group.iter().map(|p| p.last).max();
        shrink_group(ctx, &promises, &group)?;
    }
    Ok(())
}

fn shrink_group(ctx: &mut Context<'_>, promises: &Promises, group: &[Promise]) -> Result<(), Code> {
    let (mut kept, mut asks): (Vec<Promise>, Vec<(Order, Promise)>) = (Vec::new(), Vec::new());
    for promise in group {
        match promise.source {
            Some(LoadSource::Order(id)) => asks.push((ctx.state.get::<Orders>(&id).ok_or(Code::UnknownOrder)?.clone(), *promise)),
            _ => kept.push(*promise),
        }
    }
    // Canonical order: by block, then the member's own nonce and action.
    asks.sort_by_key(|(order, _)| (order.height, order.nonce, order.action));
    let mut rest = asks.as_slice();
    loop {
        // The longest run of asks, oldest first, that keeps all it has; the one after it shrinks.
        let base = promises.served(&kept);
        let whole = partition(rest.len(), |count| {
            let head = rest.get(..count).unwrap_or(rest);
            let sum = head.iter().fold(base, |sum, (_, p)| sum.saturating_add(p.energy));
            let mut all = kept.clone();
            all.extend(head.iter().map(|(_, p)| *p));
            promises.served(&all) == sum
        });
        let (head, tail) = rest.split_at_checked(whole).unwrap_or((rest, &[]));
        kept.extend(head.iter().map(|(_, p)| *p));
        let Some(((order, promise), after)) = tail.split_first() else { return Ok(()) };
        let base = promises.served(&kept);
        kept.push(*promise);
        let room = Quantity::new(promises.served(&kept).saturating_sub(base));
        let lot = ctx.params.resources.of(order.market.resource()).lot;
        let room = room.floor_to(lot).ok_or(Code::Overflow)?;
        if let Some(last) = kept.last_mut() {
            last.energy = room.get();
        }
        ending::shrink_order(ctx, order, room)?;
        rest = after;
    }
}

/// The largest count in 0..=most for which `holds`, given that it holds for 0 and never again after it failed.
fn partition(most: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0_usize, most);
    while low < high {
        let middle = high.saturating_sub(high.saturating_sub(low).checked_div(2).unwrap_or(0));
        if holds(middle) {
            low = middle;
        } else {
            high = middle.saturating_sub(1);
        }
    }
    low
}
