//! What the book shows to those who ask.

use super::{ending, price, reference};
use crate::amount::{Price, Quantity};
use crate::hash::Hash;
use crate::ids::{Height, MemberId, OrderId};
use crate::state::{IndexKey, Members, Order, Orders, Parameters, View};
use crate::transaction::{Market, Side};
use std::collections::BTreeMap;
use std::ops::Bound;

/// All open orders of one side at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthLevel {
    /// Bids or asks.
    pub side: Side,
    /// Limit of the bids, effective price of the asks.
    pub price: Price,
    /// Open quantity together.
    pub quantity: Quantity,
    /// Number of orders.
    pub orders: u64,
}

/// Orders of one side of a book, best limit first (dynamic asks by their floor).
pub(super) fn side<'v>(view: &'v impl View, market: Market, side: Side) -> impl Iterator<Item = &'v Order> + 'v {
    view.book(market, side).map_while(move |(_, order)| view.get::<Orders>(&order))
}

/// The highest limit of the bids and the lowest effective price of the asks.
pub fn best(view: &impl View, market: Market) -> (Option<Price>, Option<Price>) {
    let bid = side(view, market, Side::Bid).next().map(Order::limit);
    let mut ask: Option<Price> = None;
    for order in side(view, market, Side::Ask) {
        // Effective prices are at least the limit, by which this side is sorted.
        if ask.is_some_and(|best| order.limit() >= best) {
            break;
        }
        let price = shown_price(view, order);
        ask = Some(ask.map_or(price, |best| best.min(price)));
    }
    (bid, ask)
}

/// Every price of a book with what is open at it: bids from the highest, then asks from the lowest effective price.
pub fn depth(view: &impl View, market: Market) -> Vec<DepthLevel> {
    let mut levels = Vec::new();
    for which in [Side::Bid, Side::Ask] {
        let mut prices: BTreeMap<Price, (Quantity, u64)> = BTreeMap::new();
        for order in side(view, market, which) {
            let (quantity, orders) = prices.entry(shown_price(view, order)).or_default();
            *quantity = quantity.checked_add(order.open).unwrap_or(*quantity);
            *orders = orders.saturating_add(1);
        }
        let level = |(price, (quantity, orders))| DepthLevel { side: which, price, quantity, orders };
        match which {
            Side::Bid => levels.extend(prices.into_iter().rev().map(level)),
            Side::Ask => levels.extend(prices.into_iter().map(level)),
        }
    }
    levels
}

/// Open orders of a member, by market and id.
pub fn open_orders_of(view: &impl View, member: MemberId) -> Vec<&Order> {
    ending::orders_of(view, member).filter_map(|id| view.get::<Orders>(&id)).collect()
}

/// Markets of a member's open orders.
pub(super) fn markets_of(view: &impl View, member: MemberId) -> impl Iterator<Item = Market> {
    let none = OrderId::from_hash(Hash::ZERO);
    let mut from = Bound::Included(IndexKey::MemberOrder { member, market: Market::Compute, order: none });
    std::iter::from_fn(move || match view.index((from, Bound::Unbounded)).next()? {
        IndexKey::MemberOrder { member: m, market, .. } if m == member => {
            from = Bound::Excluded(IndexKey::MemberOrder { member, market, order: OrderId::from_hash(Hash::MAX) });
            Some(market)
        }
        _ => None,
    })
}

/// Markets that have orders, in their order, from `first` on.
pub(super) fn markets(view: &impl View, first: Market) -> impl Iterator<Item = Market> {
    let key = |market, side, rank, height, hash| IndexKey::Book { market, side, rank, height, order: OrderId::from_hash(hash) };
    let mut from = Bound::Included(key(first, Side::Bid, 0, Height::GENESIS, Hash::ZERO));
    std::iter::from_fn(move || match view.index((from, Bound::Unbounded)).next()? {
        IndexKey::Book { market, .. } => {
            from = Bound::Excluded(key(market, Side::Ask, u64::MAX, Height::new(u64::MAX), Hash::MAX));
            Some(market)
        }
        _ => None,
    })
}

/// The price at which an order shows in the book: an ask at its effective price.
pub(super) fn shown_price(view: &impl View, order: &Order) -> Price {
    let known = view.get::<Parameters>(&()).zip(view.get::<Members>(&order.member));
    match (order.terms.side, known) {
        (Side::Ask, Some((params, seller))) => {
            let reference = reference::of_market(view, params, &order.market);
            price::effective_price(order, reference, seller.reputation, params.resources.of(order.market.resource()))
        }
        _ => order.limit(),
    }
}
