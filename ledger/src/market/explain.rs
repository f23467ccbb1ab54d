//! Why an order traded or did not: every candidate with what the auction's own check says of it (MARKET 5).
//!
//! Pure: on the state and the facts of a block (its transactions executed, its auctions not yet), the answer is what that auction saw.

use super::backing::Backing;
use super::pair::{Pair, PairTerms, PassedOver, check_pair, is_plain, offered, whole_lots};
use super::price::effective_price;
use super::{query, reference, swap};
use crate::amount::Price;
use crate::ids::{MemberId, OrderId};
use crate::params::Params;
use crate::state::{Members, Order, Orders, View};
use crate::time::MarketTime;
use crate::transaction::Side;
use std::collections::BTreeMap;

/// One order of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The order.
    pub order: OrderId,
    /// Who placed it.
    pub member: MemberId,
    /// Effective price of the ask of the pair.
    pub price: Price,
    /// On which terms the pair may trade, or why it is passed over.
    pub outcome: Result<PairTerms, PassedOver>,
}

/// Every candidate of an open order, at most `limit` of them, best limit first, each as if it were the first to be looked at. Empty for an order
/// that is not open.
pub fn explain(view: &impl View, params: &Params, now: MarketTime, order: OrderId, limit: usize) -> Vec<Candidate> {
    let Some(order) = view.get::<Orders>(&order) else { return Vec::new() };
    let mut backing = Backing::new(view, now, params.resources.of(order.market.resource()).lot);
    let others: Vec<&Order> = match order.swap_partner() {
        Some(_) => swap::counterparts(view, order).take(limit).collect(),
        None => query::side(view, order.market, order.terms.side.opposite()).take(limit).collect(),
    };
    let mut numbers = BTreeMap::new();
    others.into_iter().filter_map(|other| candidate(view, params, (&mut backing, &mut numbers), order, other)).collect()
}

fn candidate<V: View>(
    view: &V,
    params: &Params,
    (backing, numbers): (&mut Backing<'_, V>, &mut BTreeMap<MemberId, usize>),
    order: &Order,
    other: &Order,
) -> Option<Candidate> {
    let (bid, ask) = match order.terms.side {
        Side::Bid => (order, other),
        Side::Ask => (other, order),
    };
    let registry = view.before_block();
    let (buyer, seller) = (registry.get::<Members>(&bid.member)?, registry.get::<Members>(&ask.member)?);
    let reference = reference::of_market(registry, params, &order.market);
    let price = effective_price(ask, reference, seller.reputation, params.resources.of(order.market.resource()));
    let lot = params.resources.of(order.market.resource()).lot;
    let open = offered(view, ask, backing.now(), lot);
    let next = numbers.len();
    let number = *numbers.entry(ask.member).or_insert(next);
    let plain = is_plain(bid, backing.now()) && is_plain(ask, backing.now());
    let pair = Pair {
        bid,
        buyer,
        ask,
        same_owner: bid.owner == ask.owner,
        seller,
        number,
        price,
        bound: bid.limit(),
        wanted: bid.open,
        offered: open,
        whole: whole_lots(open, lot),
        agreed: None,
        plain,
    };
    Some(Candidate { order: other.id, member: other.member, price, outcome: check_pair(&pair, backing) })
}
