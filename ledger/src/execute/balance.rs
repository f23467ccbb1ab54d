//! Moves of money between the fields of accounts and the totals: the only code that changes them.
//!
//! Invariant: every function moves, none creates; what leaves one field arrives in another.

use super::Context;
use crate::amount::MicroChf;
use crate::ids::MemberId;
use crate::receipt::Code;
use crate::state::{Account, Accounts, ArrearsTable, Owed, Totals, TotalsTable, View};

/// Micro-CHF of a Rappen, the least amount that leaves the ledger (MARKET 1).
const MICRO_CHF_PER_RAPPEN: u64 = 10_000;

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

/// free -> bond: behind a dispute.
///
/// # Errors
/// [`Code::InsufficientFunds`].
pub fn post_bond(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.free = minus(a.free, amount)?;
    a.bond = plus(a.bond, amount)?;
    put(ctx, member, a);
    Ok(())
}

/// bond -> free of the same member.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is in bond: a bug of the caller.
pub fn return_bond(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.bond = minus(a.bond, amount)?;
    a.free = plus(a.free, amount)?;
    put(ctx, member, a);
    collect_debt(ctx, member)
}

/// bond -> penalties.
///
/// # Errors
/// [`Code::InsufficientFunds`] when less is in bond: a bug of the caller.
pub fn forfeit_bond(ctx: &mut Context<'_>, member: MemberId, amount: MicroChf) -> Result<(), Code> {
    let mut a = account(ctx, member);
    a.bond = minus(a.bond, amount)?;
    put(ctx, member, a);
    let mut sums = totals(ctx);
    sums.penalties = plus(sums.penalties, amount)?;
    ctx.state.put::<TotalsTable>((), sums);
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

/// free of a seller -> free of a buyer (`None`: penalties); what free does not cover becomes debt to it. Returns how much did.
///
/// # Errors
/// [`Code::Overflow`].
pub fn pay_back(ctx: &mut Context<'_>, seller: MemberId, buyer: Option<MemberId>, amount: MicroChf) -> Result<MicroChf, Code> {
    let mut a = account(ctx, seller);
    let before = a.debt;
    a.debt = plus(a.debt, amount)?;
    put(ctx, seller, a);
    if let Some(buyer) = buyer.filter(|_| !amount.is_zero()) {
        let owed = ctx.state.get::<Owed>(&(seller, buyer)).copied().unwrap_or_default();
        ctx.state.put::<Owed>((seller, buyer), plus(owed, amount)?);
    }
    collect_debt(ctx, seller)?;
    Ok(account(ctx, seller).debt.saturating_sub(before))
}

/// free -> fee: a charge of the network (MARKET 11). What free does not cover becomes debt that is owed to fee; returns it.
///
/// # Errors
/// [`Code::Overflow`].
pub fn collect_charge(ctx: &mut Context<'_>, member: MemberId, charge: MicroChf) -> Result<MicroChf, Code> {
    let mut a = account(ctx, member);
    let paid = charge.min(a.free);
    let rest = minus(charge, paid)?;
    a.free = minus(a.free, paid)?;
    a.debt = plus(a.debt, rest)?;
    put(ctx, member, a);
    if !rest.is_zero() {
        let owed = plus(arrears(ctx, member), rest)?;
        ctx.state.put::<ArrearsTable>(member, owed);
    }
    pay_fee(ctx, paid)?;
    Ok(rest)
}

fn pay_fee(ctx: &mut Context<'_>, amount: MicroChf) -> Result<(), Code> {
    let mut sums = totals(ctx);
    sums.fee = plus(sums.fee, amount)?;
    ctx.state.put::<TotalsTable>((), sums);
    Ok(())
}

/// The part of a member's debt that is owed to fee; the rest is owed to penalties.
fn arrears(ctx: &Context<'_>, member: MemberId) -> MicroChf {
    ctx.state.get::<ArrearsTable>(&member).copied().unwrap_or_default()
}

/// free -> out of the ledger, in whole Rappen; the residue stays. Returns what left.
///
/// # Errors
/// [`Code::Overflow`].
pub fn withdraw_rappen(ctx: &mut Context<'_>, member: MemberId) -> Result<MicroChf, Code> {
    let mut a = account(ctx, member);
    let residue = a.free.get().checked_rem(MICRO_CHF_PER_RAPPEN).ok_or(Code::Overflow)?;
    let paid = minus(a.free, MicroChf::new(residue))?;
    if paid.is_zero() {
        return Ok(paid);
    }
    a.free = MicroChf::new(residue);
    put(ctx, member, a);
    let mut sums = totals(ctx);
    sums.withdrawn = plus(sums.withdrawn, paid)?;
    ctx.state.put::<TotalsTable>((), sums);
    Ok(paid)
}

/// free -> creditors, then penalties, then fee for what is owed to it, as far as there is debt and free balance. Called wherever a balance
/// becomes free. What a creditor gets pays its own debt when next something of it becomes free.
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
    let rest = pay_creditors(ctx, member, paid)?;
    if rest.is_zero() {
        return Ok(());
    }
    // Creditors have all theirs: what is left of the debt is owed to penalties and fee.
    let owed_to_fee = arrears(ctx, member);
    let penalty = rest.min(minus(plus(a.debt, rest)?, owed_to_fee)?);
    let charge = minus(rest, penalty)?;
    let mut sums = totals(ctx);
    sums.penalties = plus(sums.penalties, penalty)?;
    ctx.state.put::<TotalsTable>((), sums);
    if charge.is_zero() {
        return Ok(());
    }
    let left = minus(owed_to_fee, charge)?;
    if left.is_zero() {
        ctx.state.remove::<ArrearsTable>(&member);
    } else {
        ctx.state.put::<ArrearsTable>(member, left);
    }
    pay_fee(ctx, charge)
}

/// Pays creditors in the order of their ids, each in full before the next; returns what is left for the network. The loop ends with the
/// money or with the creditors.
fn pay_creditors(ctx: &mut Context<'_>, debtor: MemberId, mut left: MicroChf) -> Result<MicroChf, Code> {
    while !left.is_zero() {
        let owed = ctx.state.range::<Owed>((debtor, MemberId::FIRST)..).next().map(|(key, amount)| (*key, *amount));
        let Some(((_, creditor), amount)) = owed.filter(|((of, _), _)| *of == debtor) else { break };
        let part = amount.min(left);
        left = minus(left, part)?;
        credit_free(ctx, creditor, part)?;
        let key = (debtor, creditor);
        match minus(amount, part)? {
            MicroChf::ZERO => ctx.state.remove::<Owed>(&key),
            rest => ctx.state.put::<Owed>(key, rest),
        }
    }
    Ok(left)
}
