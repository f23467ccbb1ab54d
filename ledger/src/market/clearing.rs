//! Phase 3: runs the auctions and makes their fills part of the state: money to escrow, trades, what is left of the orders (MARKET 3, 5).
//!
//! Money moves here: of what filled, limit x quantity leaves the buyer's reservation, price x quantity of it into escrow, the rest becomes free.
//! [`crate::trade::open`] then writes the trade.

use super::auction::{self, BidMatch, Cleared, Deal, Start};
use super::due::{self, Next};
use super::{ending, halt, reservation, swap, terms};
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::limits::MAX_AUCTION_CHECKS;
use crate::receipt::{Code, Event, OrderEnd};
use crate::state::{IndexKey, Markets, Order, Orders, View};
use crate::trade::{self, Match};
use crate::transaction::{Market, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// Matches heat against heat; then holds one auction for each market that changed, or whose auction is due, and whose prices cross; then ends what
/// may not outlive its first auction. A halted market holds none.
///
/// # Errors
/// [`Fault`]: our own bug.
pub fn run_auctions(ctx: &mut Context<'_>) -> Result<(), Fault> {
    run_auctions_within(ctx, MAX_AUCTION_CHECKS)
}

/// [`run_auctions`] with another bound on the checks of each.
pub(super) fn run_auctions_within(ctx: &mut Context<'_>, checks: u64) -> Result<(), Fault> {
    if ctx.changed_markets.contains(&Market::Heat) && !halt::is_halted(&ctx.state, Resource::Heat) {
        swap::run(ctx)?;
    }
    // What the auctions themselves change from here on is for the next block.
    let changed = std::mem::take(&mut ctx.changed_markets);
    let markets: BTreeSet<Market> = changed.iter().chain(due::markets(&ctx.state)).collect();
    for market in markets {
        let mut next = Next::default();
        // A halt that this block's votes lift ends with the next block, even where the book changed.
        let was_halted = halt::is_halted(ctx.state.base(), market.resource());
        if due::may_trade(&ctx.state, market) && !was_halted {
            next = hold(ctx, market, changed.contains(&market), checks)?;
        }
        end_immediate(ctx, market)?;
        due::remember(ctx, market, next);
    }
    due::expect_changed(ctx);
    Ok(())
}

/// Holds the auction.
fn hold(ctx: &mut Context<'_>, market: Market, changed: bool, checks: u64) -> Result<Next, Fault> {
    let round = ctx.state.get::<Markets>(&market).and_then(|m| m.round);
    let start = Start { round: round.as_ref(), changed, checks };
    let cleared = auction::clear(&ctx.state, &ctx.facts, &ctx.params, market, start)?;
    let next = Next { due: cleared.due, round: cleared.round };
    let Some(price) = cleared.price else { return Ok(next) };
    pay(ctx, &cleared)?;
    for found in &cleared.matches {
        apply_bid(ctx, &cleared, found)?;
    }
    for (id, filled) in &cleared.asks {
        let mut ask = get_order(ctx, *id)?;
        ask.open = ask.open.checked_sub(*filled).ok_or(Code::Overflow)?;
        store(ctx, ask)?;
    }
    let mut state = ctx.state.get::<Markets>(&market).cloned().unwrap_or_default();
    state.last_price = Some(price);
    state.last_height = ctx.facts.height;
    ctx.state.put::<Markets>(market, state);
    ctx.changed_markets.insert(market);
    ctx.events.push(Event::Auction { market, price, quantity: cleared.quantity });
    Ok(next)
}

fn get_order(ctx: &Context<'_>, id: OrderId) -> Result<Box<Order>, Fault> {
    ctx.state.copy::<Orders>(&id).ok_or(Fault::Missing("matched order"))
}

/// The money of all fills: one move a buyer, however many of its bids filled.
fn pay(ctx: &mut Context<'_>, cleared: &Cleared) -> Result<(), Fault> {
    let mut moves: BTreeMap<MemberId, reservation::Filled> = BTreeMap::new();
    for found in &cleared.matches {
        let buyer = moves.entry(found.buyer).or_default();
        for deal in cleared.deals_of(found) {
            buyer.add(found.limit, deal.quantity, deal.cost)?;
        }
    }
    for (buyer, filled) in moves {
        reservation::take_fills(ctx, buyer, filled)?;
    }
    Ok(())
}

/// Trades of a bid's deals, and what is left of it.
fn apply_bid(ctx: &mut Context<'_>, cleared: &Cleared, found: &BidMatch) -> Result<(), Fault> {
    let mut bid = get_order(ctx, found.bid)?;
    for (number, deal) in cleared.deals_of(found).iter().enumerate() {
        reservation::deduct(&mut bid, deal.quantity)?;
        if is_bound_to_seller(&bid) {
            bid.seller = Some(deal.seller);
        }
        let Deal { seller, product, settlement, solar, .. } = *deal;
        trade::open(ctx, Match { bid: &bid, seller, fills: cleared.fills_of(found, number)?, product, settlement, solar })?;
    }
    store(ctx, bid)
}

/// Compute, compute-hours and storage bids fill at one seller unless they may split (MARKET 5).
fn is_bound_to_seller(bid: &Order) -> bool {
    !bid.terms.split && !matches!(bid.market.resource(), Resource::Heat | Resource::Energy)
}

/// Writes an order back after fills; what is too little to stay ends.
pub(super) fn store(ctx: &mut Context<'_>, order: Box<Order>) -> Result<(), Fault> {
    if order.open.is_zero() {
        return Ok(ending::end(ctx, order, OrderEnd::Filled)?);
    }
    if terms::is_remainder(&ctx.params, &order, order.open) {
        return Ok(ending::end(ctx, order, OrderEnd::Remainder)?);
    }
    ctx.state.put_boxed::<Orders>(order.id, order);
    Ok(())
}

/// Ends immediate-or-cancel and fill-or-kill orders, whether an auction was held or not.
fn end_immediate(ctx: &mut Context<'_>, market: Market) -> Result<(), Fault> {
    let first = IndexKey::Immediate { market, order: OrderId::from_hash(Hash::ZERO) };
    let keys = ctx.state.index(first..);
    let orders: Vec<OrderId> = keys
        .map_while(|key| match key {
            IndexKey::Immediate { market: m, order } if m == market => Some(order),
            _ => None,
        })
        .collect();
    for id in orders {
        let order = get_order(ctx, id)?;
        ending::end(ctx, order, OrderEnd::Unfilled)?;
    }
    Ok(())
}
