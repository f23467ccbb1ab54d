//! Readings of registers.

use crate::amount::Quantity;
use crate::execute::Context;
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::{Register, Registers, View, forgotten_at};
use crate::time::{MarketTime, Slot};
use crate::transaction::{Reading, Resource};
use std::collections::BTreeMap;

/// Takes the next reading of a member's register and returns its increase, which counts for the reading's slot.
///
/// # Errors
/// [`Code::BadReading`]: not a register of a meter, a gap in the sequence, a register or a slot that goes back, an energy slot read twice.
/// [`Code::BadSlot`]: the slot lies ahead (energy: has not ended), or is older than what the state keeps.
pub fn accept(ctx: &mut Context<'_>, member: MemberId, reading: &Reading) -> Result<Quantity, Code> {
    check_slot(reading.register, reading.slot, ctx.facts.market_time)?;
    let key = (member, reading.register);
    let increase = match ctx.state.get::<Registers>(&key) {
        Some(last) => increase(last, reading),
        None => first_increase(reading),
    };
    let increase = increase.ok_or(Code::BadReading)?;
    let register = Register { sequence: reading.sequence, slot: reading.slot, register_wh: reading.register_wh };
    ctx.state.put::<Registers>(key, register);
    Ok(increase)
}

/// True if readings leave a gap in the sequence of a register, or show less than the one before: what no meter in order does, unlike a
/// reading that is sent twice or out of place.
pub fn is_broken(view: &impl View, member: MemberId, readings: &[Reading]) -> bool {
    let mut last: BTreeMap<Resource, (u64, Quantity)> = BTreeMap::new();
    for reading in readings {
        let known = last.get(&reading.register).copied();
        let stored = || view.get::<Registers>(&(member, reading.register)).map(|r| (r.sequence, r.register_wh));
        let (sequence, register_wh) = known.or_else(stored).unwrap_or_default();
        let next = sequence.checked_add(1);
        let gap = next.is_some_and(|next| reading.sequence > next);
        let fell = next == Some(reading.sequence) && reading.register_wh < register_wh;
        if gap || fell {
            return true;
        }
        last.insert(reading.register, (reading.sequence, reading.register_wh));
    }
    false
}

fn check_slot(register: Resource, slot: Slot, now: MarketTime) -> Result<(), Code> {
    let readable = match register {
        Resource::Compute | Resource::ComputeHours | Resource::Heat => slot.start(),
        Resource::Energy => slot.end(),
        Resource::Storage => return Err(Code::BadReading),
    };
    let open = readable.is_some_and(|from| from <= now) && forgotten_at(slot).is_some_and(|until| now < until);
    if open { Ok(()) } else { Err(Code::BadSlot) }
}

fn first_increase(reading: &Reading) -> Option<Quantity> {
    match reading.sequence {
        0 => Some(Quantity::ZERO),
        1 => Some(reading.register_wh),
        _ => None,
    }
}

fn increase(last: &Register, reading: &Reading) -> Option<Quantity> {
    let ascends = match reading.register {
        Resource::Energy => reading.slot > last.slot,
        _ => reading.slot >= last.slot,
    };
    let follows = last.sequence.checked_add(1) == Some(reading.sequence);
    if ascends && follows { reading.register_wh.checked_sub(last.register_wh) } else { None }
}
