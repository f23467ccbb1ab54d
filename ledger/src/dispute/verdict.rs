//! The end of a dispute.

use super::claims;
use super::vote::majority_of_votes;
use crate::amount::Quantity;
use crate::execute::{self, Context, Fault, HistoryRecord};
use crate::ids::TradeId;
use crate::receipt::{Code, Event, Verdict, VerdictBasis};
use crate::state::{Dispute, Disputes, Ground, Trade, Trades, View};
use crate::trade;

/// The verdict is due (phase 1). A dispute that is gone or not due is left alone: something overtook the timer in this block.
///
/// # Errors
/// [`Fault`]: a move of money that fails, a bug.
pub fn on_due(ctx: &mut Context<'_>, id: TradeId) -> Result<(), Fault> {
    let Some(dispute) = ctx.state.get::<Disputes>(&id).filter(|d| d.verdict_until <= ctx.facts.market_time).cloned() else { return Ok(()) };
    let side = majority_of_votes(&dispute);
    Ok(close_for(ctx, dispute, side)?)
}

/// Ends a dispute for a side of the vote (true: the opener's), or without one. Registers that have come to differ since the opening come first.
///
/// # Errors
/// A move of money that fails: a bug.
pub(super) fn close_for(ctx: &mut Context<'_>, dispute: Dispute, side: Option<bool>) -> Result<(), Code> {
    let trade = disputed_trade(ctx, &dispute)?;
    let verdict = match (registers_differ(ctx, &dispute, &trade)?, side) {
        (Some(quantity), _) => by_registers(&dispute, quantity),
        (None, Some(true)) => Verdict { quantity: dispute.claimed, basis: VerdictBasis::Vote, loser: Some(dispute.respondent) },
        (None, Some(false)) => Verdict { quantity: dispute.metered, basis: VerdictBasis::Vote, loser: Some(dispute.opener) },
        (None, None) => Verdict { quantity: dispute.metered, basis: VerdictBasis::Undecided, loser: Some(dispute.opener) },
    };
    decide(ctx, dispute, trade, verdict)
}

/// Ends a dispute with a verdict.
///
/// # Errors
/// As [`close_for`].
pub(super) fn close(ctx: &mut Context<'_>, dispute: Dispute, verdict: Verdict) -> Result<(), Code> {
    let trade = disputed_trade(ctx, &dispute)?;
    decide(ctx, dispute, trade, verdict)
}

/// The trade as it was before the dispute.
fn disputed_trade(ctx: &Context<'_>, dispute: &Dispute) -> Result<Trade, Code> {
    let trade = ctx.state.get::<Trades>(&dispute.trade).cloned().ok_or(Code::UnknownTrade)?;
    Ok(Trade { escrow: dispute.escrow, ..trade })
}

/// Moves bonds and the frozen share, and ends dispute and trade. `trade` has its whole escrow.
///
/// # Errors
/// As [`close_for`].
pub(super) fn decide(ctx: &mut Context<'_>, dispute: Dispute, mut trade: Trade, verdict: Verdict) -> Result<(), Code> {
    for (party, bond) in [(dispute.opener, dispute.opener_bond), (dispute.respondent, dispute.respondent_bond)] {
        if verdict.loser == Some(party) {
            execute::forfeit_bond(ctx, party, bond)?;
        } else {
            execute::return_bond(ctx, party, bond)?;
        }
    }
    ctx.state.remove::<Disputes>(&dispute.trade);
    ctx.events.push(Event::Decided { trade: trade.id, verdict });
    ctx.finished.push(HistoryRecord::Dispute { dispute: Box::new(dispute.clone()), verdict, height: ctx.facts.height });
    if dispute.ground == Ground::Meter {
        claims::take(ctx, &mut trade, &dispute.claims, verdict.quantity)?;
    }
    let judged = matches!(verdict.basis, VerdictBasis::Vote | VerdictBasis::Registers);
    let lost = verdict.loser.filter(|_| judged).map(|loser| (loser, dispute.value));
    if verdict.quantity.is_zero() {
        // Only where nothing was out of dispute: what was paid already is never taken back.
        trade::cancelled_by_verdict(ctx, trade, dispute.settled.refund, lost)
    } else {
        trade::settle_rest(ctx, trade, &dispute.settled, verdict.quantity, lost)
    }
}

/// What the registers show of what the trade claims, where that differs by more than the tolerance; within what is disputed.
///
/// # Errors
/// [`Code::Overflow`].
pub(super) fn registers_differ(ctx: &Context<'_>, dispute: &Dispute, trade: &Trade) -> Result<Option<Quantity>, Code> {
    let shown = match dispute.ground {
        Ground::Quantity => trade.quantity.min(trade::supported(&ctx.state, trade).ok_or(Code::Overflow)?),
        Ground::Meter => claims::supported(ctx, trade, &dispute.claims).ok_or(Code::Overflow)?.min(dispute.claimed),
    };
    let differs = u128::from(shown.get().abs_diff(dispute.metered.get())).saturating_mul(10_000);
    let tolerated = u128::from(dispute.metered.get()).saturating_mul(u128::from(ctx.params.disputes.metered_tolerance.get()));
    let (low, high) = (dispute.claimed.min(dispute.metered), dispute.claimed.max(dispute.metered));
    // Before the opening nothing is paid, so that registers may also show less than either side claims.
    let low = if dispute.settled.gross.is_zero() { Quantity::ZERO } else { low };
    Ok((differs > tolerated).then_some(shown.clamp(low, high)))
}

/// Registers decide; the loser is whose amount is further off.
pub(super) fn by_registers(dispute: &Dispute, quantity: Quantity) -> Verdict {
    let off = |amount: Quantity| amount.get().abs_diff(quantity.get());
    let loser = if off(dispute.claimed) < off(dispute.metered) { dispute.respondent } else { dispute.opener };
    Verdict { quantity, basis: VerdictBasis::Registers, loser: Some(loser) }
}
