//! Which markets the next block auctions although nobody sends an order (MARKET 5).
//!
//! Invariant: a market in which a pair may have become tradable since its last auction is auctioned in this block or is due in the next. Whoever
//! changes what decides over pairs adds the market to `changed_markets`: before the auctions it joins them, after them it is due.
//!
//! | what may make a resting pair tradable | who says so |
//! | --- | --- |
//! | an order comes, changes or ends (another uniform price, freed capacity) | `admission`, `ending`, `forecast` |
//! | an auction fills: another last price, minimum fills, a seller's second window, a bound | `clearing` |
//! | a trade is delivered or cancelled, a solar order of another market ends, a forecast changes: its seller's asks are backed anew | [`backing_freed`] |
//! | a storage contract ends: its seller has room again | `storage::end` |
//! | the reference price moves under dynamic asks | `reference` |
//! | a member's capacity, reputation, place or owner changes, the parameters change, a halt ends | [`expect_auctions`] |
//!
//! Bounded: a market is due only while its prices cross, and once for each change; an auction that fills nothing in an unchanged book is the last.

use super::{halt, query};
use crate::execute::Context;
use crate::ids::MemberId;
use crate::member::Member;
use crate::state::{AuctionRound, IndexKey, Markets, Members, Parameters, References, View};
use crate::transaction::{Market, Side};
use std::collections::BTreeSet;

/// What the next block does about a market's auction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    pub due: bool,
    pub round: Option<AuctionRound>,
}

/// Markets whose auction is due.
pub(super) fn markets(view: &impl View) -> Vec<Market> {
    let keys = view.index(IndexKey::AuctionDue { market: Market::Compute }..);
    keys.map_while(|key| if let IndexKey::AuctionDue { market } = key { Some(market) } else { None }).collect()
}

/// True if the market is not halted and its best limits cross. Effective prices are never below limits: otherwise no pair can trade.
pub(super) fn may_trade(view: &impl View, market: Market) -> bool {
    let best = |side| view.book(market, side).next().map(|(rank, _)| rank);
    // The rank of a bid is the distance of its limit from the largest.
    let crosses = |bid: u64, ask: u64| u64::MAX.saturating_sub(bid) >= ask;
    !halt::is_halted(view, market.resource()) && best(Side::Bid).zip(best(Side::Ask)).is_some_and(|(bid, ask)| crosses(bid, ask))
}

/// Less of what a seller owes, or more that serves it: its asks of compute or compute-hours may find more room. Energy asks are backed when they are admitted.
pub fn backing_freed(ctx: &mut Context<'_>, seller: MemberId) {
    for market in [Market::Compute, Market::ComputeHours] {
        if ctx.state.open_orders(seller, market) > 0 {
            ctx.changed_markets.insert(market);
        }
    }
}

/// The last step of a block: what it changed in the registry, the parameters and halts, which auctions read as after h-1, makes the markets
/// concerned due in the next block; so does what changed since the auctions.
pub fn expect_auctions(ctx: &mut Context<'_>) {
    let mut concerned: BTreeSet<Market> = BTreeSet::new();
    let before = ctx.state.base();
    for (id, after) in ctx.state.changed::<Members>() {
        if before.get::<Members>(id).zip(after).is_some_and(|(old, new)| decides_otherwise(old, new)) {
            concerned.extend(query::markets_of(&ctx.state, *id));
        }
    }
    let all = ctx.state.changed::<Parameters>().any(|(_, params)| params != before.get::<Parameters>(&()));
    let is_open = |market: &Market| !halt::is_halted(before, market.resource());
    if all || ctx.state.changed::<References>().next().is_some() {
        concerned.extend(query::markets(&ctx.state, Market::Compute).filter(|market| all || !is_open(market)));
    }
    concerned.into_iter().for_each(|market| ctx.changed_markets.insert(market));
    expect_changed(ctx);
}

/// True if pairs of the member may be decided otherwise.
fn decides_otherwise(old: &Member, new: &Member) -> bool {
    old.capacity != new.capacity || old.reputation != new.reputation || old.location != new.location || old.owner != new.owner
}

/// Has the next block hold the auctions of the changed markets over all bids, as far as their prices cross; a round that is under way ends first.
pub(super) fn expect_changed(ctx: &mut Context<'_>) {
    for market in std::mem::take(&mut ctx.changed_markets).iter() {
        let round = ctx.state.get::<Markets>(&market).and_then(|m| m.round);
        let next = Next { due: true, round: round.map(|round| AuctionRound { again: true, ..round }) };
        let next = if may_trade(&ctx.state, market) { next } else { Next::default() };
        remember(ctx, market, next);
    }
}

pub(super) fn remember(ctx: &mut Context<'_>, market: Market, next: Next) {
    let known = ctx.state.get::<Markets>(&market).map(|m| Next { due: m.auction_due, round: m.round });
    if known.unwrap_or_default() != next {
        let mut state = ctx.state.get::<Markets>(&market).cloned().unwrap_or_default();
        (state.auction_due, state.round) = (next.due, next.round);
        ctx.state.put::<Markets>(market, state);
    }
}
