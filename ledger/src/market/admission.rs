//! Placing and replacing orders: terms, standing of the member, own orders, capacity, forecast, reservation, in this order (MARKET 4).

use super::solar::Promises;
use super::{capacity, ending, halt, query, reference, reservation, swap, terms};
use crate::amount::{MicroChf, Quantity};
use crate::execute::{Context, Envelope};
use crate::hash::{Domain, Hash};
use crate::ids::{OrderId, TransactionId};
use crate::limits::MAX_SOLAR_PROMISES;
use crate::member::Member;
use crate::receipt::{Code, OrderEnd};
use crate::state::{Members, Order, Orders, View, window_slots};
use crate::storage;
use crate::transaction::{PlaceOrder, Pricing, Product, ReplaceOrder, Resource, Side};

/// Id of the order that an action places or replaces by.
pub fn order_id(transaction: TransactionId, action: u16) -> OrderId {
    OrderId::from_hash(Hash::of_parts(Domain::Order, &[transaction.hash().as_bytes(), &action.to_le_bytes()]))
}

/// Admits an order to its book, with its reservation.
///
/// # Errors
/// The code of the first rule that the order breaks; nothing has changed then.
pub fn place(ctx: &mut Context<'_>, env: &Envelope, order: &PlaceOrder) -> Result<OrderId, Code> {
    admit(ctx, env, order.clone(), None)
}

/// Cancels an open order and places it anew with another total or limit. What filled counts towards the new total. Age is kept only when
/// the price stays and the quantity falls.
///
/// # Errors
/// [`Code::UnknownOrder`]; [`Code::BadReplace`] when nothing changes or no more than what filled would be left; else as [`place`]. Nothing
/// has changed then.
pub fn replace(ctx: &mut Context<'_>, env: &Envelope, replace: &ReplaceOrder) -> Result<OrderId, Code> {
    let old = ending::own_order(ctx, env.signer, replace.order)?;
    let unchanged = replace.quantity == old.terms.quantity && replace.limit == old.limit();
    if unchanged || replace.quantity <= old.filled() {
        return Err(Code::BadReplace);
    }
    let mut terms = old.terms.clone();
    terms.quantity = replace.quantity;
    terms.limit = replace.limit;
    ctx.attempt(|ctx| {
        ending::end(ctx, old.clone(), OrderEnd::Replaced)?;
        admit(ctx, env, terms, Some(&old))
    })
}

fn admit(ctx: &mut Context<'_>, env: &Envelope, terms: PlaceOrder, old: Option<&Order>) -> Result<OrderId, Code> {
    let before = ctx.state.base();
    let member = before.get::<Members>(&env.signer).ok_or(Code::MemberInactive)?;
    let filled = old.map_or(Quantity::ZERO, Order::filled);
    let standing = terms::check_terms(before, &ctx.params, ctx.facts.market_time, member, &terms, filled)?;
    if halt::is_halted(&ctx.state, terms.product.resource()) {
        return Err(Code::MarketHalted);
    }
    if ctx.state.open_orders(member.id, standing.market) >= u64::from(ctx.params.max_open_orders) {
        return Err(Code::TooManyOrders);
    }
    let aged = old.filter(|old| terms.limit == old.limit() && terms.quantity < old.terms.quantity);
    let mut order = Order {
        id: order_id(env.transaction, env.action),
        member: member.id,
        owner: member.owner,
        market: standing.market,
        open: terms.quantity.checked_sub(filled).ok_or(Code::BadQuantity)?,
        reserved: MicroChf::ZERO,
        seller: old.and_then(|old| old.seller),
        height: aged.map_or(ctx.facts.height, |old| old.height),
        placed_at: aged.map_or(ctx.facts.market_time, |old| old.placed_at),
        nonce: aged.map_or(env.nonce, |old| old.nonce),
        action: aged.map_or(env.action, |old| old.action),
        expires_at: Some(standing.expires_at),
        terms,
    };
    check_reputation(ctx, member, &order)?;
    match order.swap_partner() {
        Some(partner) => swap::check_pair(ctx, &order, partner)?,
        None => check_self_trade(ctx, member, &order)?,
    }
    if order.terms.side == Side::Ask {
        check_backing(ctx, member, &order)?;
    }
    reservation::reserve_new(ctx, &mut order)?;
    let (id, market) = (order.id, order.market);
    ctx.state.put::<Orders>(id, order);
    ctx.changed_markets.insert(market);
    Ok(id)
}

/// Barred below one bound, capped in open value (limit x open over all markets) below another.
fn check_reputation(ctx: &Context<'_>, member: &Member, order: &Order) -> Result<(), Code> {
    if member.reputation < ctx.params.barred_reputation {
        return Err(Code::Reputation);
    }
    if member.reputation >= ctx.params.capped_reputation {
        return Ok(());
    }
    let mut value = order.limit().gross(order.open).ok_or(Code::Overflow)?;
    for other in query::open_orders_of(&ctx.state, member.id) {
        let more = other.limit().gross(other.open).ok_or(Code::Overflow)?;
        value = value.checked_add(more).ok_or(Code::Overflow)?;
        if value > ctx.params.capped_open_value {
            return Err(Code::Reputation);
        }
    }
    if value > ctx.params.capped_open_value { Err(Code::Reputation) } else { Ok(()) }
}

/// Refuses an order that would trade with an open one of its owner: prices cross now, and the windows have a time in common.
fn check_self_trade(ctx: &Context<'_>, member: &Member, order: &Order) -> Result<(), Code> {
    let rules = ctx.params.resources.of(order.market.resource());
    let reference = reference::of_market(ctx.state.base(), &ctx.params, &order.market);
    let price = |ask: &Order| {
        // Several members may have one owner; only a dynamic ask asks for the reputation of its own.
        let other = (ask.member != member.id && ask.terms.pricing == Pricing::Dynamic).then_some(ask.member);
        let seller = other.and_then(|id| ctx.state.base().get::<Members>(&id));
        super::effective_price(ask, reference, seller.map_or(member.reputation, |s| s.reputation), rules)
    };
    let own_price = price(order);
    for other in own_opposite(ctx, order) {
        let (bid, ask, ask_price) = match order.terms.side {
            Side::Bid => (order, other, price(other)),
            Side::Ask => (other, order, own_price),
        };
        // Sorted by limit, which an effective price never falls below: nothing behind crosses either.
        if ask.limit() > bid.limit() {
            break;
        }
        if ask_price <= bid.limit() && super::pair::common_window(&bid.terms.product, &ask.terms.product, ctx.facts.market_time).is_some() {
            return Err(Code::SelfTrade);
        }
    }
    Ok(())
}

fn own_opposite<'c>(ctx: &'c Context<'_>, order: &Order) -> impl Iterator<Item = &'c Order> {
    let opposite = ctx.state.owner_book(order.owner, order.market, order.terms.side.opposite());
    opposite.map_while(|(_, order)| ctx.state.get::<Orders>(&order))
}

/// Certified capacity behind compute, compute-hours and storage, forecast behind solar.
fn check_backing(ctx: &Context<'_>, member: &Member, order: &Order) -> Result<(), Code> {
    let now = ctx.facts.market_time;
    if let Some(window) = order.terms.product.window() {
        let resource = order.market.resource();
        let rate = member.capacity.per_hour(resource).ok_or(Code::Overflow)?;
        if rate == 0 && resource == Resource::ComputeHours {
            return Err(Code::NoMachines);
        }
        if !capacity::admits(&ctx.state, (member.id, resource, rate), now, window, order.open) {
            return Err(Code::InsufficientCapacity);
        }
    }
    if let Product::Storage { .. } = order.terms.product {
        let (owed, _) = storage::held(&ctx.state, member.id, true);
        let sum = owed.checked_add(order.open).ok_or(Code::Overflow)?;
        if sum > capacity::certified_storage(member) {
            return Err(Code::InsufficientCapacity);
        }
    }
    if !order.terms.solar {
        return Ok(());
    }
    let (first, last) = window_slots(&order.terms.product, Some(now)).ok_or(Code::BadPricing)?;
    let promises = Promises::around(&ctx.state, member.id, now, first, last);
    if promises.len() >= MAX_SOLAR_PROMISES {
        return Err(Code::TooManyOrders);
    }
    if promises.room(None, first, last, order.open) < order.open { Err(Code::InsufficientForecast) } else { Ok(()) }
}
