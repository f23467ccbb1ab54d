//! Heat against heat (MARKET 8): two members name each other and move heat at price 0, matched before the auction.
//!
//! Such orders stand in no book, so that they make no price and are in no reference price. A pair that is left open cannot match later by itself, for
//! quantities only fall while orders rest: only pairs of which this block admitted an order are looked at. A pair that a halt kept apart in the
//! block of its orders meets with its next order. Of a pair at most
//! [`MAX_SWAPS`] orders rest on each side, so one look matches all of it.

use super::clearing;
use super::pair::{is_active, offered};
use crate::amount::Quantity;
use crate::execute::{Context, Fault};
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::limits::MAX_SWAPS;
use crate::member::Role;
use crate::receipt::Code;
use crate::state::{Fill, IndexKey, Members, Order, Orders, View};
use crate::trade::{self, Match};
use crate::transaction::{Constraints, PlaceOrder, Pricing, Product, SettlementMethod, Side, TimeInForce};
use std::collections::BTreeSet;

/// What the terms of such an order have to be.
///
/// # Errors
/// [`Code::SwapPrice`]; [`Code::SwapPartner`] unless it requires the member that it names and asks nothing else of it; [`Code::BadMinFill`],
/// [`Code::BadPricing`], [`Code::BadSettlement`] for another method beside heat.
pub(super) fn check_terms(terms: &PlaceOrder) -> Result<(), Code> {
    if terms.settlement.as_slice() != [SettlementMethod::Heat] {
        return Err(Code::BadSettlement);
    }
    if terms.limit.micro_chf() != 0 {
        return Err(Code::SwapPrice);
    }
    let wanted = Constraints { hub: terms.constraints.hub, require_hub: true, ..Constraints::default() };
    if terms.constraints.hub.is_none() || terms.constraints != wanted {
        return Err(Code::SwapPartner);
    }
    if !terms.min_fill.is_zero() {
        return Err(Code::BadMinFill);
    }
    if terms.pricing == Pricing::Fixed { Ok(()) } else { Err(Code::BadPricing) }
}

/// Whether the pair may exchange.
///
/// # Errors
/// [`Code::SelfTrade`] for members of one owner, who transfer instead; [`Code::SwapPartner`] for a partner that cannot take the other side;
/// [`Code::TooManyOrders`].
pub(super) fn check_pair(ctx: &Context<'_>, order: &Order, partner: MemberId) -> Result<(), Code> {
    let partner = ctx.state.base().get::<Members>(&partner).ok_or(Code::BadConstraints)?;
    if partner.owner == order.owner {
        return Err(Code::SelfTrade);
    }
    let able = match order.terms.side {
        Side::Bid => partner.role == Role::Hub,
        Side::Ask => matches!(partner.role, Role::Hub | Role::Customer),
    };
    if !able {
        return Err(Code::SwapPartner);
    }
    let (buyer, seller) = parties(order, partner.id);
    if orders(&ctx.state, buyer, seller, order.terms.side).count() >= MAX_SWAPS { Err(Code::TooManyOrders) } else { Ok(()) }
}

/// (buyer, seller).
fn parties(order: &Order, partner: MemberId) -> (MemberId, MemberId) {
    match order.terms.side {
        Side::Bid => (order.member, partner),
        Side::Ask => (partner, order.member),
    }
}

/// Open orders of a pair on one side, by id.
fn orders(view: &impl View, buyer: MemberId, seller: MemberId, side: Side) -> impl Iterator<Item = &Order> {
    let first = IndexKey::Swap { buyer, seller, side, order: OrderId::from_hash(Hash::ZERO) };
    view.index(first..).map_while(move |key| match key {
        IndexKey::Swap { buyer: b, seller: s, side: of, order } if (b, s, of) == (buyer, seller, side) => view.get::<Orders>(&order),
        _ => None,
    })
}

/// The open orders that an order of heat against heat can meet; none for any other.
pub(super) fn counterparts<'v>(view: &'v impl View, order: &Order) -> impl Iterator<Item = &'v Order> {
    let partner = order.swap_partner().unwrap_or(order.member);
    let (buyer, seller) = parties(order, partner);
    orders(view, buyer, seller, order.terms.side.opposite())
}

/// Phase 3, before the auctions: matches every pair of which this block admitted an order.
///
/// # Errors
/// [`Fault`]: our own bug.
pub(super) fn run(ctx: &mut Context<'_>) -> Result<(), Fault> {
    let height = ctx.facts.height;
    let keys = ctx.state.index(IndexKey::SwapAge { height, order: OrderId::from_hash(Hash::ZERO) }..);
    let new = keys.map_while(|key| match key {
        IndexKey::SwapAge { height: of, order } if of == height => ctx.state.get::<Orders>(&order),
        _ => None,
    });
    let pairs: BTreeSet<(MemberId, MemberId)> = new.filter_map(|order| Some(parties(order, order.swap_partner()?))).collect();
    for (buyer, seller) in pairs {
        match_pair(ctx, buyer, seller)?;
    }
    Ok(())
}

/// The active orders of a side, older first: by block, then the member's own nonce and action.
fn by_age(ctx: &Context<'_>, buyer: MemberId, seller: MemberId, side: Side) -> Vec<Order> {
    let active = |order: &&Order| is_active(order, ctx.facts.market_time);
    let mut list: Vec<Order> = orders(&ctx.state, buyer, seller, side).filter(active).cloned().collect();
    list.sort_by_key(|order| (order.height, order.nonce, order.action));
    list
}

fn match_pair(ctx: &mut Context<'_>, buyer: MemberId, seller: MemberId) -> Result<(), Fault> {
    let (now, lot) = (ctx.facts.market_time, ctx.params.resources.heat.lot);
    let mut asks: Vec<(Order, Quantity)> = Vec::new();
    for ask in by_age(ctx, buyer, seller, Side::Ask) {
        let open = offered(&ctx.state, &ask, now, lot);
        asks.push((ask, open));
    }
    for bid in by_age(ctx, buyer, seller, Side::Bid) {
        let there = asks.iter().try_fold(Quantity::ZERO, |sum, (_, open)| sum.checked_add(*open)).ok_or(Code::Overflow)?;
        if there.is_zero() {
            break;
        }
        if there < bid.open && bid.terms.time_in_force == TimeInForce::FillOrKill {
            continue;
        }
        match_bid(ctx, bid, seller, &mut asks)?;
    }
    Ok(())
}

fn match_bid(ctx: &mut Context<'_>, mut bid: Order, seller: MemberId, asks: &mut [(Order, Quantity)]) -> Result<(), Fault> {
    let mut fills = Vec::new();
    let mut filled = Vec::new();
    for (ask, open) in asks.iter_mut() {
        let quantity = bid.open.min(*open);
        if quantity.is_zero() {
            continue;
        }
        *open = open.checked_sub(quantity).ok_or(Code::Overflow)?;
        ask.open = ask.open.checked_sub(quantity).ok_or(Code::Overflow)?;
        bid.open = bid.open.checked_sub(quantity).ok_or(Code::Overflow)?;
        fills.push(Fill { ask: ask.id, quantity, price: ask.limit() });
        filled.push(ask.clone());
    }
    trade::open(ctx, Match { bid: &bid, seller, fills, product: Product::Heat, settlement: SettlementMethod::Heat, solar: false })?;
    for order in filled.into_iter().chain([bid]) {
        clearing::store(ctx, Box::new(order))?;
    }
    Ok(())
}
