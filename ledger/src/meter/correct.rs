//! Corrections by the grid operator (MARKET 6).

use super::sales::overpaid;
use crate::amount::{MicroChf, Quantity};
use crate::execute::{self, Context, Envelope};
use crate::ids::MemberId;
use crate::member::Role;
use crate::receipt::{Code, Event};
use crate::reputation::{Note, Part, note};
use crate::state::{Exchanges, Register, Registers, Sale, SlotReading, SlotReadings, SlotSales, View};
use crate::time::{MarketTime, Slot};
use crate::transaction::{CorrectReading, Resource};

/// The grid operator of a member's connection says what a register truly increased in a slot, once; with `stand` also where the register
/// stands since, which takes a meter out of a gap.
///
/// More than was recorded can be claimed from then on. Less cuts all claims of the slot pro rata: trades that are not settled yet settle for
/// what is left of them; of settled ones the difference is booked back from the seller to each buyer, as debt where the seller's free
/// balance does not cover it. Fee, penalty, bonus and heat stay as they were.
///
/// # Errors
/// [`Code::WrongRole`]; [`Code::NotParty`] for a member of another grid; [`Code::BadReading`] for what no meter measures; [`Code::BadSlot`]
/// before the slot's end, or for a stand older than the register's; [`Code::TooLate`] after the correction window; [`Code::AlreadyReported`]
/// when the slot was corrected; [`Code::TooEarly`] while energy trades of the slot settle; [`Code::Overflow`].
pub fn correct(ctx: &mut Context<'_>, envelope: &Envelope, correction: &CorrectReading) -> Result<(), Code> {
    check_signer(ctx, envelope.signer, correction.member)?;
    check_slot(ctx, correction)?;
    set_stand(ctx, correction)?;
    let key = (correction.member, correction.register, correction.slot);
    let mut entry = ctx.state.get::<SlotReadings>(&key).copied().unwrap_or_default();
    if entry.corrected.is_some() {
        return Err(Code::AlreadyReported);
    }
    entry.corrected = Some(correction.increase);
    entry.increase = correction.increase.max(entry.claimed);
    ctx.state.put::<SlotReadings>(key, entry);
    let sales = ctx.state.get::<SlotSales>(&key).cloned().unwrap_or_default();
    let booked = book_back(ctx, correction, &entry, &sales)?;
    let (member, register, slot, increase) = (correction.member, correction.register, correction.slot, correction.increase);
    ctx.events.push(Event::Corrected { member, register, slot, increase, booked });
    Ok(())
}

fn check_signer(ctx: &Context<'_>, signer: MemberId, member: MemberId) -> Result<(), Code> {
    let operator = ctx.member(signer).map_err(|_| Code::WrongRole)?;
    if operator.role != Role::GridOperator {
        return Err(Code::WrongRole);
    }
    let own = ctx.member(member).is_ok_and(|m| m.location.grid_operator == operator.location.grid_operator);
    if own { Ok(()) } else { Err(Code::NotParty) }
}

fn check_slot(ctx: &Context<'_>, correction: &CorrectReading) -> Result<(), Code> {
    if !matches!(correction.register, Resource::Compute | Resource::ComputeHours | Resource::Heat | Resource::Energy) {
        return Err(Code::BadReading);
    }
    let now: MarketTime = ctx.facts.market_time;
    let end = correction.slot.end().filter(|end| *end <= now).ok_or(Code::BadSlot)?;
    if end.checked_add_ms(ctx.params.disputes.correction_window_ms).is_none_or(|until| until <= now) {
        return Err(Code::TooLate);
    }
    if correction.register == Resource::Energy && is_settling(ctx, correction.member, correction.slot) {
        return Err(Code::TooEarly);
    }
    Ok(())
}

/// True while the community's slot has trades whose shares are final but not paid, or still wait for readings.
fn is_settling(ctx: &Context<'_>, member: MemberId, slot: Slot) -> bool {
    let leg = ctx.member(member).ok().and_then(|m| m.location.leg);
    let exchange = leg.and_then(|leg| ctx.state.get::<Exchanges>(&(leg, slot)));
    exchange.is_some_and(|exchange| exchange.waiting > 0 || exchange.ready > 0)
}

fn set_stand(ctx: &mut Context<'_>, correction: &CorrectReading) -> Result<(), Code> {
    let Some((sequence, register_wh)) = correction.stand else { return Ok(()) };
    let key = (correction.member, correction.register);
    if ctx.state.get::<Registers>(&key).is_some_and(|last| correction.slot < last.slot) {
        return Err(Code::BadSlot);
    }
    ctx.state.put::<Registers>(key, Register { sequence, slot: correction.slot, register_wh });
    Ok(())
}

/// Moves what settled sales were paid too much, and returns it.
fn book_back(ctx: &mut Context<'_>, correction: &CorrectReading, entry: &SlotReading, sales: &[Sale]) -> Result<MicroChf, Code> {
    let all = match correction.register {
        // Energy claims are bounded by the community's exchange afterwards: what was paid is what counts.
        Resource::Energy => sales.iter().try_fold(Quantity::ZERO, |sum, s| sum.checked_add(s.claimed)).ok_or(Code::Overflow)?,
        _ => entry.claimed,
    };
    let mut booked = MicroChf::ZERO;
    if correction.increase >= all {
        return Ok(booked);
    }
    for sale in sales {
        let back = overpaid(sale, correction.increase, all).ok_or(Code::Overflow)?;
        let owed = execute::pay_back(ctx, correction.member, sale.buyer, back)?;
        if let Some(buyer) = sale.buyer {
            note(ctx, correction.member, Note::failed(Part::Completion, buyer, back));
            note(ctx, correction.member, Note::partly(Part::Settlement, buyer, back.saturating_sub(owed), back));
        }
        booked = booked.checked_add(back).ok_or(Code::Overflow)?;
    }
    Ok(booked)
}
