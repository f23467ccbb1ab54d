//! What was sold of a slot's increase, kept for the correction period: who paid what for how much.

use crate::amount::{MicroChf, Quantity};
use crate::execute::Context;
use crate::ids::MemberId;
use crate::limits::MAX_SLOT_BUYERS;
use crate::receipt::Code;
use crate::state::{Sale, SlotReadingKey, SlotReadings, SlotSales, View};

/// Books a settled sale on its slot; sales of one buyer add up. Beyond [`MAX_SLOT_BUYERS`] buyers the last entry stands for all others.
///
/// # Errors
/// [`Code::Overflow`].
pub fn book_sale(ctx: &mut Context<'_>, key: SlotReadingKey, buyer: MemberId, sale: &Sale) -> Result<(), Code> {
    // A slot is corrected once; what settles later has the correction in it already.
    let correctable = ctx.state.get::<SlotReadings>(&key).is_some_and(|entry| entry.corrected.is_none());
    if sale.gross.is_zero() || !correctable {
        return Ok(());
    }
    let mut sales = ctx.state.get::<SlotSales>(&key).cloned().unwrap_or_default();
    let full = sales.len() >= MAX_SLOT_BUYERS;
    let place = sales.iter().position(|s| s.buyer == Some(buyer) || (full && s.buyer.is_none()));
    match place.and_then(|place| sales.get_mut(place)) {
        Some(entry) => *entry = sum(entry, sale).ok_or(Code::Overflow)?,
        None => sales.push(Sale { buyer: if full { None } else { Some(buyer) }, ..*sale }),
    }
    ctx.state.put::<SlotSales>(key, sales);
    Ok(())
}

fn sum(a: &Sale, b: &Sale) -> Option<Sale> {
    let claimed = a.claimed.checked_add(b.claimed)?;
    Some(Sale { buyer: a.buyer, claimed, paid: a.paid.checked_add(b.paid)?, gross: a.gross.checked_add(b.gross)? })
}

/// What a sale was paid for more than a share `supported / all` of its claims, in money; `None` on overflow.
pub(super) fn overpaid(sale: &Sale, supported: Quantity, all: Quantity) -> Option<MicroChf> {
    let due = sale.claimed.mul_div_floor(supported.get(), all.get())?.min(sale.paid);
    let kept = Quantity::new(sale.gross.get()).mul_div_floor(due.get(), sale.paid.get())?;
    sale.gross.checked_sub(MicroChf::new(kept.get()))
}
