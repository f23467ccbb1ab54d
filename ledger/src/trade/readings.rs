//! Readings of a member's meter.

use super::energy;
use crate::execute::{Context, Envelope};
use crate::ids::MemberId;
use crate::meter;
use crate::receipt::Code;
use crate::transaction::{Reading, Resource};

/// Takes readings of the signer's meter, in their order; those of energy deliver the signer's sales of their slots.
///
/// # Errors
/// [`Code::BadReading`] for none at all, and as [`meter::accept`]; [`Code::BadSlot`]; [`Code::Overflow`].
pub fn submit_readings(ctx: &mut Context<'_>, envelope: &Envelope, readings: &[Reading]) -> Result<(), Code> {
    if readings.is_empty() {
        return Err(Code::BadReading);
    }
    take(ctx, envelope.signer, readings)
}

/// As [`submit_readings`], and takes an empty list.
pub(super) fn take(ctx: &mut Context<'_>, member: MemberId, readings: &[Reading]) -> Result<(), Code> {
    for reading in readings {
        let increase = meter::accept(ctx, member, reading)?;
        match reading.register {
            // Kept only where a trade needs it: energy can be sold up to the slot's start, never after.
            Resource::Energy => energy::deliver(ctx, member, reading.slot, increase)?,
            _ => meter::record(ctx, (member, reading.register, reading.slot), increase)?,
        }
    }
    Ok(())
}
