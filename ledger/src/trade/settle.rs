//! Settlement in credits (MARKET 1, 6).
//!
//! * Paid quantity = min(payable, ordered); over-delivery is not paid. The fills are paid in their order, each
//!   `round_half_even(price x quantity / 1 000)`, in all never above the escrow. What remains of the escrow is refunded.
//! * Fee = floor(gross x fee rate of the match); the seller receives gross - fee.
//! * Penalty: let missing = ordered - min(metered, ordered) and tolerance = floor(ordered x tolerance rate). What is missing beyond the
//!   tolerance is valued at the fills it falls on, the last ones: value = gross(ordered) - gross(ordered - (missing - tolerance)).
//!   Penalty = floor(value x penalty rate), from the proceeds, then the seller's free balance, then as debt. For energy `metered` is what
//!   the seller's own meter gave: a seller does not answer for what its community did not take.
//! * Bonus: floor(gross x bonus rate) for a solar trade without penalty, as far as `penalties` holds it.

use super::{complete, conduct, end};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{self, Context};
use crate::heat;
use crate::ids::MemberId;
use crate::meter;
use crate::params::Params;
use crate::receipt::{Code, Settlement};
use crate::state::{Fill, Sale, Trade};
use crate::time::Slot;
use crate::transaction::Resource;

/// Pays for `payable`, penalises by what `metered` falls short, issues heat, refunds the rest, and ends the trade.
///
/// # Errors
/// [`Code::Overflow`], [`Code::InsufficientFunds`]: bugs, since the escrow covers it.
pub(super) fn settle(ctx: &mut Context<'_>, trade: Trade, payable: Quantity, metered: Quantity) -> Result<Settlement, Code> {
    conduct::disputes(ctx, &trade, None);
    pay(ctx, trade, &Settlement::default(), payable, metered)
}

/// Moves what a dispute leaves alone: pays for `undisputed` and refunds what lies beyond `at_most`. Returns what moved; the rest of the
/// escrow is frozen. `undisputed <= at_most <= ordered`.
///
/// # Errors
/// As [`settle`].
pub fn settle_undisputed(ctx: &mut Context<'_>, trade: &Trade, undisputed: Quantity, at_most: Quantity) -> Result<Settlement, Code> {
    let paid = gross(&trade.fills, undisputed).ok_or(Code::Overflow)?.min(trade.escrow);
    let kept = gross(&trade.fills, at_most).ok_or(Code::Overflow)?.min(trade.escrow);
    let fee = paid.share_floor(trade.fee).ok_or(Code::Overflow)?;
    let refund = trade.escrow.checked_sub(kept).ok_or(Code::Overflow)?;
    execute::settle_escrow(ctx, trade.buyer, trade.seller, paid, fee)?;
    execute::refund_escrow(ctx, trade.buyer, refund)?;
    execute::collect_debt(ctx, trade.seller)?;
    Ok(Settlement { quantity: undisputed, gross: paid, fee, refund, ..Settlement::default() })
}

/// Settles a disputed trade, as it was before the dispute, for `quantity`: what `already` moved is part of the whole. `lost` is who lost,
/// and over how much.
///
/// # Errors
/// As [`settle`]; [`Code::Overflow`] when `quantity` lies outside what was disputed: a bug of the caller.
pub fn settle_rest(
    ctx: &mut Context<'_>,
    trade: Trade,
    already: &Settlement,
    quantity: Quantity,
    lost: Option<(MemberId, MicroChf)>,
) -> Result<(), Code> {
    conduct::disputes(ctx, &trade, lost);
    pay(ctx, trade, already, quantity, quantity)?;
    Ok(())
}

fn pay(ctx: &mut Context<'_>, trade: Trade, already: &Settlement, payable: Quantity, metered: Quantity) -> Result<Settlement, Code> {
    let mut settlement = terms(&trade, payable, metered, &ctx.params).ok_or(Code::Overflow)?;
    let debt = conduct::debt(ctx, trade.seller);
    let rest = |whole: MicroChf, part: MicroChf| whole.checked_sub(part).ok_or(Code::Overflow);
    let (gross_now, fee_now) = (rest(settlement.gross, already.gross)?, rest(settlement.fee, already.fee)?);
    execute::settle_escrow(ctx, trade.buyer, trade.seller, gross_now, fee_now)?;
    execute::refund_escrow(ctx, trade.buyer, rest(settlement.refund, already.refund)?)?;
    execute::collect_penalty(ctx, trade.seller, settlement.penalty)?;
    settlement.bonus = execute::pay_bonus(ctx, trade.seller, settlement.bonus)?;
    execute::collect_debt(ctx, trade.seller)?;
    settlement.seller = proceeds(&settlement).ok_or(Code::Overflow)?;
    let kept = match trade.market.resource() {
        Resource::Storage => settlement.gross,
        _ if settlement.penalty.is_zero() => trade.escrow,
        _ => gross(&trade.fills, metered).ok_or(Code::Overflow)?,
    };
    let owed = conduct::debt(ctx, trade.seller).saturating_sub(debt);
    conduct::settled(ctx, &trade, kept, owed);
    // A correction took its part of each slot's claims: what is paid was made in what it left of them.
    let made = complete::supported_slots(&ctx.state, &trade).ok_or(Code::Overflow)?;
    book_sales(ctx, &trade, &made, settlement.quantity)?;
    if trade.market.resource() == Resource::Compute {
        settlement.heat = heat::issue(ctx, &trade, &made, settlement.quantity)?;
    }
    end::settled(ctx, trade, settlement);
    Ok(settlement)
}

/// Pays for `payable` of a storage month. What was not proved is not paid, and costs no more than that (MARKET 7).
///
/// # Errors
/// As [`settle`].
pub(crate) fn settle_month(ctx: &mut Context<'_>, trade: Trade, payable: Quantity) -> Result<Settlement, Code> {
    let ordered = trade.quantity;
    settle(ctx, trade, payable, ordered)
}

/// Keeps what was paid for each slot as long as the slot can be corrected. Paid quantity counts against what was `made`, in the order of slots.
fn book_sales(ctx: &mut Context<'_>, trade: &Trade, made: &[(Slot, Quantity)], quantity: Quantity) -> Result<(), Code> {
    let register = trade.market.resource();
    if !matches!(register, Resource::Compute | Resource::ComputeHours | Resource::Energy) {
        return Ok(());
    }
    let value = |upto: Quantity| gross(&trade.fills, upto).ok_or(Code::Overflow);
    let mut before = Quantity::ZERO;
    for (slot, delivered) in made {
        let paid = quantity.saturating_sub(before).min(*delivered);
        let upto = before.checked_add(paid).ok_or(Code::Overflow)?;
        let gross = value(upto)?.saturating_sub(value(before)?);
        // What a seller delivered beyond its community's exchange is nobody's claim.
        let claimed = if register == Resource::Energy { paid } else { *delivered };
        meter::book_sale(ctx, (trade.seller, register, *slot), trade.buyer, &Sale { buyer: None, claimed, paid, gross })?;
        before = upto;
    }
    Ok(())
}

/// gross - fee - penalty + bonus, at least zero: a larger penalty is taken from elsewhere.
fn proceeds(settlement: &Settlement) -> Option<MicroChf> {
    settlement.gross.checked_sub(settlement.fee)?.saturating_sub(settlement.penalty).checked_add(settlement.bonus)
}

/// What a settlement is to move; `bonus` is what is due, before `penalties` limits it, `heat` and `seller` are not known yet.
pub(super) fn terms(trade: &Trade, payable: Quantity, metered: Quantity, params: &Params) -> Option<Settlement> {
    let quantity = payable.min(trade.quantity);
    let gross = gross(&trade.fills, quantity)?.min(trade.escrow);
    let fee = gross.share_floor(trade.fee)?;
    let penalty = penalty(trade, metered, params)?;
    let bonus = if trade.solar && penalty.is_zero() { gross.share_floor(params.solar_bonus)? } else { MicroChf::ZERO };
    let refund = trade.escrow.checked_sub(gross)?;
    Some(Settlement { quantity, gross, fee, penalty, bonus, refund, ..Settlement::default() })
}

/// Value of the first `quantity` of the fills; `None` on overflow.
pub fn gross(fills: &[Fill], quantity: Quantity) -> Option<MicroChf> {
    let (mut left, mut sum) = (quantity, MicroChf::ZERO);
    for fill in fills {
        let taken = left.min(fill.quantity);
        left = left.saturating_sub(taken);
        sum = sum.checked_add(fill.price.gross(taken)?)?;
    }
    Some(sum)
}

fn penalty(trade: &Trade, metered: Quantity, params: &Params) -> Option<MicroChf> {
    let missing = trade.quantity.saturating_sub(metered);
    let tolerance = trade.quantity.mul_div_floor(u64::from(params.under_delivery_tolerance.get()), 10_000)?;
    let beyond = missing.saturating_sub(tolerance);
    let kept = gross(&trade.fills, trade.quantity.checked_sub(beyond)?)?;
    gross(&trade.fills, trade.quantity)?.checked_sub(kept)?.share_floor(params.under_delivery_penalty)
}
