//! How orders leave the book without a fill, and how a market of a past slot leaves the state.

use super::{due, reservation, terms};
use crate::amount::Quantity;
use crate::execute::{Context, Envelope, Fault, HistoryRecord};
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::receipt::{Code, Event, OrderEnd};
use crate::state::{IndexKey, Markets, Order, Orders, View};
use crate::transaction::Market;

/// Cancels an open order of the signer. Works in a halted market too.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn cancel(ctx: &mut Context<'_>, env: &Envelope, order: OrderId) -> Result<(), Code> {
    let order = own_order(ctx, env.signer, order)?;
    end(ctx, order, OrderEnd::Cancelled)
}

/// An open order of `member`.
pub(super) fn own_order(ctx: &Context<'_>, member: MemberId, order: OrderId) -> Result<Box<Order>, Code> {
    ctx.state.copy::<Orders>(&order).filter(|o| o.member == member).ok_or(Code::UnknownOrder)
}

/// Phase 1: an order whose time or window ended.
///
/// # Errors
/// [`Fault`]: the timer had no order, or its reservation is not there.
pub fn expire_order(ctx: &mut Context<'_>, order: OrderId) -> Result<(), Fault> {
    let order = ctx.state.copy::<Orders>(&order).ok_or(Fault::Missing("order of a timer"))?;
    Ok(end(ctx, order, OrderEnd::Expired)?)
}

/// Phase 1: an energy market closes with the start of its slot, when its last order has expired (their timers are due at the same time and
/// come first). Its last price is history then, so that past slots do not pile up in the state.
pub fn expire_market(ctx: &mut Context<'_>, market: Market) {
    ctx.state.remove::<Markets>(&market);
    ctx.changed_markets.remove(&market);
}

/// Cancels every open order of a member that was suspended or left (MARKET 2).
///
/// # Errors
/// [`Fault`]: a reservation is not there.
pub fn withdraw_member(ctx: &mut Context<'_>, member: MemberId) -> Result<(), Fault> {
    let orders: Vec<OrderId> = orders_of(&ctx.state, member).collect();
    for id in orders {
        let order = ctx.state.copy::<Orders>(&id).ok_or(Fault::Missing("order of the index"))?;
        end(ctx, order, OrderEnd::Withdrawn)?;
    }
    Ok(())
}

/// Ids of a member's open orders, by market and id.
pub(super) fn orders_of(view: &impl View, member: MemberId) -> impl Iterator<Item = OrderId> {
    let first = IndexKey::MemberOrder { member, market: Market::Compute, order: OrderId::from_hash(Hash::ZERO) };
    view.index(first..).map_while(move |key| match key {
        IndexKey::MemberOrder { member: m, order, .. } if m == member => Some(order),
        _ => None,
    })
}

/// Takes an order out of the book: frees what is reserved, writes event and history.
pub(super) fn end(ctx: &mut Context<'_>, order: Box<Order>, end: OrderEnd) -> Result<(), Code> {
    reservation::release_rest(ctx, &order)?;
    ctx.state.remove::<Orders>(&order.id);
    ctx.changed_markets.insert(order.market);
    if order.terms.solar {
        due::backing_freed(ctx, order.member);
    }
    ctx.events.push(Event::OrderEnded { order: order.id, end, open: order.open });
    ctx.finished.push(HistoryRecord::Order { order, end, height: ctx.facts.height });
    Ok(())
}

/// Leaves `open` of an ask whose backing fell away, or ends it where that is too little.
///
/// # Errors
/// As the end of an order: a bug.
pub fn shrink_order(ctx: &mut Context<'_>, order: &Order, open: Quantity) -> Result<(), Code> {
    if terms::is_remainder(&ctx.params, order, open) {
        return end(ctx, Box::new(order.clone()), OrderEnd::Shrunk);
    }
    let mut less = order.clone();
    let gone = order.open.checked_sub(open).ok_or(Code::Overflow)?;
    less.terms.quantity = less.terms.quantity.checked_sub(gone).ok_or(Code::Overflow)?;
    less.open = open;
    ctx.events.push(Event::Shrunk { order: less.id, open });
    ctx.changed_markets.insert(less.market);
    ctx.state.put::<Orders>(less.id, less);
    Ok(())
}
