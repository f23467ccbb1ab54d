//! Opening a dispute.

use super::claims;
use super::verdict::{self, registers_differ};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{self, Context, Envelope};
use crate::ids::{MemberId, OwnerId, TradeId};
use crate::receipt::{Code, Event, Settlement, Verdict, VerdictBasis};
use crate::state::{Committees, Dispute, Disputes, Ground, Members, Trade, TradeStatus, Trades, View};
use crate::time::Slot;
use crate::trade;
use std::collections::BTreeMap;

/// A party disputes how much was delivered.
///
/// # Errors
/// [`Code::UnknownTrade`], [`Code::NotParty`], [`Code::WrongState`] (nothing delivered to dispute; energy), [`Code::TooLate`] once silence has
/// confirmed, [`Code::BadClaim`], [`Code::InsufficientFunds`] for the bond, [`Code::Overflow`].
pub fn open(ctx: &mut Context<'_>, envelope: &Envelope, id: TradeId, claimed: Quantity) -> Result<(), Code> {
    let trade = ctx.state.get::<Trades>(&id).cloned().ok_or(Code::UnknownTrade)?;
    let opener = envelope.signer;
    if opener != trade.buyer && opener != trade.seller {
        return Err(Code::NotParty);
    }
    if trade.status != TradeStatus::Delivered {
        return Err(Code::WrongState);
    }
    if trade.deadline.is_none_or(|due| due <= ctx.facts.market_time) {
        return Err(Code::TooLate);
    }
    let metered = trade::delivered(&trade).ok_or(Code::Overflow)?.min(trade.quantity);
    let fits = if opener == trade.buyer { claimed < metered } else { claimed > metered && claimed <= trade.quantity };
    if !fits {
        return Err(Code::BadClaim);
    }
    begin(ctx, trade, Opening { opener, ground: Ground::Quantity, claimed, metered, claims: Vec::new() })
}

/// The seller's meter completed a running trade with readings that leave a gap or go back.
///
/// # Errors
/// [`Code::BadClaim`] when it claims nothing beyond what its earlier readings support, [`Code::InsufficientFunds`] for the bond, [`Code::Overflow`].
pub fn open_for_meter(ctx: &mut Context<'_>, mut trade: Trade, claims: &[(Slot, Quantity)]) -> Result<(), Code> {
    let sum = claims.iter().try_fold(Quantity::ZERO, |sum, (_, q)| sum.checked_add(*q)).ok_or(Code::Overflow)?;
    let (opener, claimed) = (trade.seller, sum.min(trade.quantity));
    claims::take(ctx, &mut trade, claims, claimed)?;
    let metered = trade::delivered(&trade).ok_or(Code::Overflow)?;
    begin(ctx, trade, Opening { opener, ground: Ground::Meter, claimed, metered, claims: claims.to_vec() })
}

struct Opening {
    opener: MemberId,
    ground: Ground,
    claimed: Quantity,
    metered: Quantity,
    claims: Vec<(Slot, Quantity)>,
}

fn begin(ctx: &mut Context<'_>, mut trade: Trade, opening: Opening) -> Result<(), Code> {
    let mut dispute = describe(ctx, &trade, opening)?;
    let value = dispute.value;
    ctx.events.push(Event::Disputed { trade: trade.id, opener: dispute.opener, claimed: dispute.claimed, value });
    if let Some(quantity) = registers_differ(ctx, &dispute, &trade)? {
        let verdict = verdict::by_registers(&dispute, quantity);
        return verdict::decide(ctx, dispute, trade, verdict);
    }
    if dispute.entitled.len() < 2 {
        let verdict = Verdict { quantity: dispute.metered, basis: VerdictBasis::Undecided, loser: None };
        return verdict::decide(ctx, dispute, trade, verdict);
    }
    execute::post_bond(ctx, dispute.opener, bond(ctx, value)?)?;
    dispute.opener_bond = bond(ctx, value)?;
    let (low, high) = (dispute.claimed.min(dispute.metered), dispute.claimed.max(dispute.metered));
    dispute.settled = trade::settle_undisputed(ctx, &trade, low, high)?;
    trade.status = TradeStatus::Disputed;
    trade.deadline = None;
    trade.escrow = value;
    ctx.state.put::<Trades>(trade.id, trade);
    ctx.state.put::<Disputes>(dispute.trade, dispute);
    Ok(())
}

/// The dispute as it enters, before any money moves.
fn describe(ctx: &Context<'_>, trade: &Trade, opening: Opening) -> Result<Dispute, Code> {
    let Opening { opener, ground, claimed, metered, claims } = opening;
    let worth = |quantity| trade::gross(&trade.fills, quantity).map(|gross| gross.min(trade.escrow)).ok_or(Code::Overflow);
    let value = worth(claimed.max(metered))?.saturating_sub(worth(claimed.min(metered))?);
    if value.is_zero() {
        return Err(Code::BadClaim);
    }
    let (now, rules) = (ctx.facts.market_time, &ctx.params.disputes);
    Ok(Dispute {
        trade: trade.id,
        opener,
        respondent: if opener == trade.buyer { trade.seller } else { trade.buyer },
        ground,
        claimed,
        metered,
        claims,
        escrow: trade.escrow,
        settled: Settlement::default(),
        value,
        opener_bond: MicroChf::ZERO,
        respondent_bond: MicroChf::ZERO,
        opened_at: now,
        evidence_until: now.checked_add_ms(rules.evidence_window_ms).ok_or(Code::Overflow)?,
        verdict_until: now.checked_add_ms(rules.verdict_window_ms).ok_or(Code::Overflow)?,
        entitled: entitled(ctx, trade),
        votes: BTreeMap::new(),
        evidence: Vec::new(),
    })
}

/// Bond of a party: a share of the disputed value, at least the minimum.
pub(super) fn bond(ctx: &Context<'_>, value: MicroChf) -> Result<MicroChf, Code> {
    let rules = &ctx.params.disputes;
    Ok(value.share_floor(rules.bond).ok_or(Code::Overflow)?.max(rules.min_bond))
}

/// Hubs of the committee that decides the next height after the parent, those of the parties' owners left out.
fn entitled(ctx: &Context<'_>, trade: &Trade) -> Vec<MemberId> {
    let owner = |member: MemberId| -> Option<OwnerId> { ctx.state.get::<Members>(&member).map(|m| m.owner) };
    let parties = [owner(trade.buyer), owner(trade.seller)];
    let committee = ctx.state.before_block().get::<Committees>(&()).map(|c| c.current.members()).unwrap_or_default();
    committee.iter().map(|m| m.member).filter(|member| owner(*member).is_some_and(|o| !parties.contains(&Some(o)))).collect()
}
