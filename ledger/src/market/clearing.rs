//! Phase 3: runs the auctions and makes their fills part of the state: money to escrow, trades, what is left of the orders (MARKET 3, 5).
//!
//! Money moves here: of what filled, limit x quantity leaves the buyer's reservation, price x quantity of it into escrow, the rest becomes free.
//! [`crate::trade::open`] then writes the trade.

use super::auction::{self, BidMatch, Cleared, Deal, Start};
use super::due::{self, Next};
use super::{ending, reservation, terms};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::OrderId;
use crate::limits::MAX_AUCTION_CHECKS;
use crate::receipt::{Code, Event, OrderEnd};
use crate::state::{IndexKey, Markets, Order, Orders, View};
use crate::trade::{self, Match};
use crate::transaction::{Market, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// Holds one auction for each market that changed, or whose auction is due, and whose prices cross; then ends what may not outlive its first
/// auction. A halted market holds none.
///
/// # Errors
/// [`Fault`]: our own bug.
pub fn run_auctions(ctx: &mut Context<'_>) -> Result<(), Fault> {
    run_auctions_within(ctx, MAX_AUCTION_CHECKS)
}

/// [`run_auctions`] with another bound on the checks of each.
pub(super) fn run_auctions_within(ctx: &mut Context<'_>, checks: u64) -> Result<(), Fault> {
    // What the auctions themselves change from here on is for the next block.
    let changed = std::mem::take(&mut ctx.changed_markets);
    let markets: BTreeSet<Market> = changed.iter().chain(due::markets(&ctx.state)).collect();
    for market in markets {
        let mut next = Next::default();
        if due::may_trade(&ctx.state, market) {
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
    let Cleared { matches, price, quantity, due, round } = auction::clear(&ctx.state, &ctx.facts, &ctx.params, market, start)?;
    let next = Next { due, round };
    let Some(price) = price else { return Ok(next) };
    let mut asks: BTreeMap<OrderId, Quantity> = BTreeMap::new();
    for bid in matches {
        apply_bid(ctx, bid, &mut asks)?;
    }
    for (id, filled) in asks {
        let mut ask = get_order(ctx, id)?;
        ask.open = ask.open.checked_sub(filled).ok_or(Code::Overflow)?;
        store(ctx, ask)?;
    }
    let mut state = ctx.state.get::<Markets>(&market).cloned().unwrap_or_default();
    state.last_price = Some(price);
    state.last_height = ctx.facts.height;
    ctx.state.put::<Markets>(market, state);
    ctx.changed_markets.insert(market);
    ctx.events.push(Event::Auction { market, price, quantity });
    Ok(next)
}

fn get_order(ctx: &Context<'_>, id: OrderId) -> Result<Order, Fault> {
    ctx.state.get::<Orders>(&id).cloned().ok_or(Fault::Missing("matched order"))
}

fn apply_bid(ctx: &mut Context<'_>, found: BidMatch, asks: &mut BTreeMap<OrderId, Quantity>) -> Result<(), Fault> {
    let before = get_order(ctx, found.bid)?;
    let mut bid = before.clone();
    for deal in found.deals {
        let (mut quantity, mut cost) = (Quantity::ZERO, MicroChf::ZERO);
        for fill in &deal.fills {
            quantity = quantity.checked_add(fill.quantity).ok_or(Code::Overflow)?;
            cost = cost.checked_add(fill.price.gross(fill.quantity).ok_or(Code::Overflow)?).ok_or(Code::Overflow)?;
            let taken = asks.entry(fill.ask).or_default();
            *taken = taken.checked_add(fill.quantity).ok_or(Code::Overflow)?;
        }
        reservation::take_fill(ctx, &mut bid, quantity, cost)?;
        if is_bound_to_seller(&bid) {
            bid.seller = Some(deal.seller);
        }
        let Deal { seller, product, settlement, solar, fills } = deal;
        trade::open(ctx, Match { bid: before.clone(), seller, fills, product, settlement, solar })?;
    }
    store(ctx, bid)
}

/// Compute, compute-hours and storage bids fill at one seller unless they may split (MARKET 5).
fn is_bound_to_seller(bid: &Order) -> bool {
    !bid.terms.split && !matches!(bid.market.resource(), Resource::Heat | Resource::Energy)
}

/// Writes an order back after fills; what is too little to stay ends.
fn store(ctx: &mut Context<'_>, order: Order) -> Result<(), Fault> {
    if order.open.is_zero() {
        return Ok(ending::end(ctx, &order, OrderEnd::Filled)?);
    }
    if terms::is_remainder(&ctx.params, &order, order.open) {
        return Ok(ending::end(ctx, &order, OrderEnd::Remainder)?);
    }
    ctx.state.put::<Orders>(order.id, order);
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
        ending::end(ctx, &order, OrderEnd::Unfilled)?;
    }
    Ok(())
}
