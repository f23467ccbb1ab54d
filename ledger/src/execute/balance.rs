//! Moves of money between the fields of accounts and the totals: the only code that changes them.
//!
//! Invariant: every function moves, none creates; what leaves one field arrives in another.

use super::Context;
use crate::amount::MicroChf;
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::{Account, Accounts, Totals, TotalsTable, View};

fn account(ctx: &Context<'_>, member: MemberId) -> Account {
    ctx.state.get::<Accounts>(&member).copied().unwrap_or_default()
}

fn put(ctx: &mut Context<'_>, member: MemberId, account: Account) {
    ctx.state.put::<Accounts>(member, account);
}

fn totals(ctx: &Context<'_>) -> Totals {
    ctx.state.get::<TotalsTable>(&()).copied().unwrap_or_default()
}

fn plus(a: MicroChf, b: MicroChf) -> Result<MicroChf, Code> {
    a.checked_add(b).ok_or(Code::Overflow)
}

fn minus(a: MicroChf, b: MicroChf) -> Result<MicroChf, Code> {
    a.checked_sub(b).ok_or(Code::InsufficientFunds)
}

/// free -> reserved: behind a bid.
///
/// # Errors
/// [`Code::InsufficientFunds`].
pub fn reserve(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.free = minus(a.free, amount)?;
    a.reserved = plus(a.reserved, amount)?;
    put(ctx, member, a);
    Ok(())
}

/// reserved -> free: an order ends or shrinks.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is reserved: a bug of the caller.
pub fn release(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.reserved = minus(a.reserved, amount)?;
    a.free = plus(a.free, amount)?;
    put(ctx, member, a);
    collect_debt(ctx, member)
}

/// reserved -> escrow at the match.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is reserved: a bug of the caller.
pub fn escrow_reserved(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.reserved = minus(a.reserved, amount)?;
    a.escrow = plus(a.escrow, amount)?;
    put(ctx, member, a);
    Ok(())
}

/// escrow -> free of the same member: a refund.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is in escrow: a bug of the caller.
pub fn refund_escrow(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.escrow = minus(a.escrow, amount)?;
    a.free = plus(a.free, amount)?;
    put(ctx, member, a);
    collect_debt(ctx, member)
}

/// The buyer's escrow pays: `gross - fee` becomes the seller's free balance, `fee` the network's.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is in escrow or the fee exceeds gross: a bug of the caller.
pub fn settle_escrow(ctx: &mut Context<'_>, buyer: MemberId, seller: MemberId, gross: MicroChf, fee: MicroChf) -> Result<(), Code> {
    let mut from = account(ctx, buyer);
    from.escrow = minus(from.escrow, gross)?;
    put(ctx, buyer, from);
    let mut sums = totals(ctx);
    sums.fee = plus(sums.fee, fee)?;
    ctx.state.put::<TotalsTable>((), sums);
    credit_free(ctx, seller, minus(gross, fee)?)
}

fn credit_free(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.free = plus(a.free, amount)?;
    put(ctx, member, a);
    Ok(())
}

/// penalties -> free of a member, at most what is there: a bonus. Returns what was paid.
///
/// # Errors
/// [`Code::Overflow`].
pub fn pay_bonus(ctx: &mut Context<'_>, member: MemberId, wanted: MicroChf) -> Result<MicroChf, Code> {
    let mut sums = totals(ctx);
    let paid = wanted.min(sums.penalties);
    sums.penalties = minus(sums.penalties, paid)?;
    ctx.state.put::<TotalsTable>((), sums);
    credit_free(ctx, member, paid)?;
    Ok(paid)
}

/// free -> penalties; what free does not cover becomes debt.
///
/// # Errors
/// [`Code::Overflow`].
pub fn collect_penalty(ctx: &mut Context<'_>, member: MemberId, penalty: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.debt = plus(a.debt, penalty)?;
    put(ctx, member, a);
    collect_debt(ctx, member)
}

/// free -> penalties, as far as there is debt and free balance. Called wherever a balance becomes free.
///
/// # Errors
/// [`Code::Overflow`].
pub fn collect_debt(ctx: &mut Context<'_>, member: MemberId) -> Result<(), Code> {
    let mut a = account(ctx, member);
    let paid = a.debt.min(a.free);
    if paid.is_zero() {
        return Ok(());
    }
    a.debt = minus(a.debt, paid)?;
    a.free = minus(a.free, paid)?;
    put(ctx, member, a);
    let mut sums = totals(ctx);
    sums.penalties = plus(sums.penalties, paid)?;
    ctx.state.put::<TotalsTable>((), sums);
    Ok(())
}
