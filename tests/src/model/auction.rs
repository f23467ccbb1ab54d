//! One call auction for every market, in every block (MARKET 5).

use super::backing::{Backing, made};
use super::fills::Fill;
use super::orders::common;
use super::{Model, Order, hash};
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::member::Location;
use leg_ledger::params::PriceRule;
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{Constraints, Market, Pricing, Product, Resource, Side, TimeInForce};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Fills of a bid in one auction.
const MAX_FILLS: usize = 16;

/// The asks of one auction with what is left of them, and what their hubs owe.
#[derive(Clone, Debug)]
struct Desk {
    asks: BTreeMap<OrderId, Order>,
    backing: BTreeMap<MemberId, Backing>,
    lot: u64,
}

fn distance(a: &Location, b: &Location) -> u8 {
    let mut tier = 0;
    let equal = [
        a.country == b.country,
        a.canton == b.canton,
        a.municipality == b.municipality && a.grid_operator == b.grid_operator,
        a.transformer_circuit == b.transformer_circuit,
        a.building == b.building,
    ];
    // The first three must hold one within the other; the tier is how much is shared.
    for holds in equal {
        if !holds {
            break;
        }
        tier += 1;
    }
    5 - tier.max(1)
}

fn window(product: &Product) -> Option<(u64, u64)> {
    match product {
        Product::Compute { from, until } | Product::ComputeHours { from, until } => Some((from.ms(), until.ms())),
        _ => None,
    }
}

fn is_fill_or_kill(order: &Order) -> bool {
    order.terms.time_in_force == TimeInForce::FillOrKill
}

impl Model {
    pub(super) fn run_auctions(&mut self) {
        // A halt holds at once, its end from the next block on.
        let halted: BTreeSet<Resource> = self.halted.union(&self.halted_before).copied().collect();
        if !halted.contains(&Resource::Heat) {
            self.run_swaps();
        }
        let markets: BTreeSet<Market> = self.orders.values().map(|o| o.market).collect();
        for market in markets {
            if !halted.contains(&market.resource()) {
                self.auction(market);
            }
            let ends = |o: &Order| matches!(o.terms.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
            let immediate: Vec<OrderId> = self.orders.iter().filter(|(_, o)| o.market == market && ends(o)).map(|(id, _)| *id).collect();
            immediate.into_iter().for_each(|id| self.end_order(id));
        }
    }

    fn side(&self, market: Market, side: Side) -> Vec<(OrderId, Order)> {
        let of = |o: &Order| o.market == market && o.terms.side == side && o.expires > self.now && o.partner().is_none();
        self.orders.iter().filter(|(_, o)| of(o)).map(|(id, o)| (*id, o.clone())).collect()
    }

    fn bucket(&self, member: MemberId) -> u32 {
        self.member(member).reputation.get() / 500
    }

    /// `blake3(domain, parent, market, member)`.
    fn tie(&self, market: Market, member: MemberId) -> [u8; 32] {
        let number = match market {
            Market::Compute => 0_u32,
            Market::ComputeHours => 1,
            Market::Storage => 2,
            Market::Heat => 3,
            Market::Energy { .. } => 4,
        };
        let mut bytes = number.to_le_bytes().to_vec();
        if let Market::Energy { leg, slot } = market {
            bytes.extend(leg.as_bytes());
            bytes.extend(slot.get().to_le_bytes());
        }
        hash("tie break", &[self.facts.parent.as_bytes(), &bytes, member.as_bytes()])
    }

    /// Effective price of an ask: a dynamic one follows the reference after the parent.
    pub(super) fn price(&self, ask: &Order) -> u64 {
        let limit = ask.terms.limit.micro_chf();
        if ask.terms.pricing == Pricing::Fixed {
            return limit;
        }
        let rules = self.params.resources.of(ask.market.resource());
        let leg = if let Market::Energy { leg, .. } = ask.market { Some(leg) } else { None };
        let reference = self.reference(ask.market.resource(), leg).price;
        let premium = (self.member(ask.member).reputation.get().saturating_sub(8_000) / 4).min(500);
        let (exact, tick) = (reference * (10_000 + u64::from(premium)) / 10_000, rules.tick.micro_chf());
        limit.max(exact.div_ceil(tick) * tick)
    }

    fn auction(&mut self, market: Market) {
        let mut bids = self.side(market, Side::Bid);
        bids.sort_by_key(|(_, b)| {
            (Reverse(b.terms.limit), Reverse(self.bucket(b.member)), b.height, self.tie(market, b.member), b.nonce, b.action)
        });
        let asks: BTreeMap<OrderId, Order> = self.side(market, Side::Ask).into_iter().collect();
        if bids.is_empty() || asks.is_empty() {
            return;
        }
        let uniform =
            (self.params.resources.of(market.resource()).rule == PriceRule::Uniform).then(|| self.uniform(market, &bids, asks.values()));
        let backing = asks.values().map(|a| (a.member, self.backing(a.member, market.resource()))).collect();
        let lot = self.params.resources.of(market.resource()).lot.get();
        let mut desk = Desk { asks, backing, lot };
        let mut matches = Vec::new();
        for (id, bid) in bids {
            let bound = uniform.unwrap_or(bid.terms.limit.micro_chf());
            let fills = if bid.terms.limit.micro_chf() < bound { Vec::new() } else { self.fill(&mut desk, &bid, bound, uniform) };
            if !fills.is_empty() {
                matches.push((id, fills));
            }
        }
        let Some(price) = matches.iter().flat_map(|(_, fills)| fills).map(|f| f.price).next_back() else { return };
        self.take_fills(&matches);
        for (id, ask) in desk.asks {
            let filled = self.orders[&id].open - ask.open;
            if filled > 0 {
                self.fill_order(id, filled);
            }
        }
        self.last_price.insert(market, price);
    }

    /// By its definition: every price of the orders that make the price is tried.
    fn uniform<'o>(&self, market: Market, bids: &[(OrderId, Order)], asks: impl Iterator<Item = &'o Order>) -> u64 {
        let makes = |o: &Order| {
            let w: &Constraints = &o.terms.constraints;
            let picky = w.require_hub || w.min_reputation.is_some() || w.max_distance.is_some();
            !picky && o.terms.min_fill.get() == 0 && !is_fill_or_kill(o)
        };
        let bids: Vec<(u64, u64)> = bids.iter().filter(|(_, o)| makes(o)).map(|(_, o)| (o.terms.limit.micro_chf(), o.open)).collect();
        let asks: Vec<(u64, u64)> = asks.filter(|o| makes(o)).map(|o| (self.price(o), o.open)).collect();
        let volume = |p: u64| {
            let demand: u64 = bids.iter().filter(|b| b.0 >= p).map(|b| b.1).sum();
            let supply: u64 = asks.iter().filter(|a| a.0 <= p).map(|a| a.1).sum();
            demand.min(supply)
        };
        let mut prices: Vec<u64> = bids.iter().chain(&asks).map(|o| o.0).collect();
        prices.sort_unstable();
        let most = prices.iter().map(|p| volume(*p)).max().unwrap_or(0);
        if most > 0 {
            return prices.into_iter().find(|p| volume(*p) == most).expect("the maximum is at one of them");
        }
        let base = self.params.resources.of(market.resource()).base.micro_chf();
        let last = self.last_price.get(&market).copied().unwrap_or(base);
        let raised = bids.iter().map(|b| b.0).max().map_or(last, |p| p.max(last));
        asks.iter().map(|a| a.0).min().map_or(raised, |p| p.min(raised))
    }

    /// What `order` of `own` asks of the other side.
    fn wishes(&self, order: &Order, other: MemberId) -> bool {
        let (own, their, w) = (self.member(order.member), self.member(other), &order.terms.constraints);
        let near = |most| distance(&own.location, &their.location) <= most as u8;
        (!w.require_hub || w.hub == Some(other))
            && w.min_reputation.is_none_or(|least| their.reputation >= least)
            && w.max_distance.is_none_or(near)
            && w.country.is_none_or(|country| their.location.country == country)
    }

    fn key(&self, bid: &Order, ask: &Order) -> impl Ord + Clone + use<> {
        let preferred = bid.seller.or(bid.terms.constraints.hub) == Some(ask.member);
        let far = distance(&self.member(bid.member).location, &self.member(ask.member).location);
        (Reverse(preferred), self.price(ask), Reverse(self.bucket(ask.member)), far, ask.height)
    }

    /// Asks that the bid may trade with, in candidate order.
    fn candidates(&self, desk: &Desk, bid: &Order, bound: u64) -> Vec<OrderId> {
        let owner = |m| self.member(m).owner;
        let fits = |a: &Order| {
            a.open > 0
                && self.price(a) <= bound
                && owner(a.member) != owner(bid.member)
                && self.wishes(bid, a.member)
                && self.wishes(a, bid.member)
                && bid.seller.is_none_or(|s| s == a.member)
        };
        let mut list: Vec<(&OrderId, &Order)> = desk.asks.iter().filter(|(_, a)| fits(a)).collect();
        list.sort_by_key(|(_, a)| (self.key(bid, a), self.tie(bid.market, a.member), a.nonce, a.action));
        list.into_iter().map(|(id, _)| *id).collect()
    }

    fn fill(&self, desk: &mut Desk, bid: &Order, bound: u64, uniform: Option<u64>) -> Vec<Fill> {
        let candidates = self.candidates(desk, bid, bound);
        let shared = matches!(bid.market.resource(), Resource::Heat | Resource::Energy);
        let whole = |fills: &[Fill]| fills.iter().map(|f| f.quantity).sum::<u64>() == bid.open;
        let groups: Vec<Vec<OrderId>> = if shared || bid.terms.split {
            vec![candidates]
        } else {
            // Seller by seller, in the order of their first candidate.
            let mut sellers: Vec<MemberId> = Vec::new();
            for id in &candidates {
                if !sellers.contains(&desk.asks[id].member) {
                    sellers.push(desk.asks[id].member);
                }
            }
            sellers.iter().map(|s| candidates.iter().filter(|id| desk.asks[*id].member == *s).copied().collect()).collect()
        };
        // A seller is chosen by the first of its candidates that can fill, not by the first that it has.
        let mut options: Vec<(usize, Desk, Vec<Fill>)> = Vec::new();
        for group in groups {
            let mut after = desk.clone();
            let fills = if shared { self.share(&mut after, bid, &group, uniform) } else { self.walk(&mut after, bid, &group, uniform) };
            let Some(first) = fills.first() else { continue };
            if is_fill_or_kill(bid) && !whole(&fills) {
                continue;
            }
            let candidates = self.candidates(desk, bid, bound);
            let place = candidates.iter().position(|id| *id == first.ask).expect("a fill is of a candidate");
            options.push((place, after, fills));
        }
        let Some((_, after, fills)) = options.into_iter().min_by_key(|(place, _, _)| *place) else { return Vec::new() };
        *desk = after;
        fills
    }

    /// Terms on which a pair can trade now: product and most Wh, in whole lots.
    fn terms(&self, desk: &Desk, bid: &Order, ask: OrderId, fills: &[Fill], left: u64) -> Option<(Product, u64)> {
        let ask_id = ask;
        let ask = &desk.asks[&ask];
        let joined: Vec<&Fill> = fills.iter().filter(|f| f.seller == ask.member).collect();
        let product = match joined.first() {
            None => common(&bid.terms.product, &ask.terms.product, self.now)?,
            Some(first) => {
                let both = common(&first.product, &ask.terms.product, self.now)?;
                let left = |p: &Product| match *p {
                    Product::Compute { from, until } => Product::Compute { from: from.max(MarketTime::from_ms(self.now)), until },
                    Product::ComputeHours { from, until } => Product::ComputeHours { from: from.max(MarketTime::from_ms(self.now)), until },
                    other => other,
                };
                if left(&both) != left(&first.product) {
                    return None;
                }
                first.product
            }
        };
        let least = bid.terms.min_fill.max(ask.terms.min_fill).get();
        if left.min(ask.open) < least {
            return None;
        }
        let backing = &desk.backing[&ask.member];
        let mut room = ask.open;
        if let (Some((from, until)), Some((_, ask_until))) = (window(&product), window(&ask.terms.product)) {
            let sold: u64 = joined.iter().map(|f| f.quantity).sum();
            let within = made(backing.rate, from.max(self.now), until).saturating_sub(sold);
            room = room.min(within).min(backing.room(until, ask_until));
        }
        if bid.market == Market::Storage {
            room = room.min(backing.certified.saturating_sub(backing.held));
        }
        if ask.terms.solar && bid.market == Market::Compute {
            let (first, last) = super::backing::slots(&product, self.now).expect("a window");
            room = room.min(backing.sun(Some(ask_id), first, last, ask.open));
        }
        let room = room / desk.lot * desk.lot;
        let most = room.min(left);
        (most > 0 && most >= least).then_some((product, room))
    }

    fn take(&self, desk: &mut Desk, id: OrderId, product: Product, quantity: u64, uniform: Option<u64>, fills: &mut Vec<Fill>) {
        let ask = desk.asks.get_mut(&id).expect("a candidate");
        let (seller, solar, price) = (ask.member, ask.terms.solar, uniform.unwrap_or_else(|| self.price(ask)));
        ask.open -= quantity;
        desk.backing.get_mut(&seller).expect("read before").sell(id, &product, solar, quantity);
        fills.push(Fill { ask: id, seller, quantity, price, product, solar });
    }

    /// One candidate after the other.
    fn walk(&self, desk: &mut Desk, bid: &Order, candidates: &[OrderId], uniform: Option<u64>) -> Vec<Fill> {
        let (mut fills, mut left) = (Vec::new(), bid.open);
        for id in candidates {
            if left == 0 || fills.len() == MAX_FILLS {
                break;
            }
            if let Some((product, room)) = self.terms(desk, bid, *id, &fills, left) {
                let quantity = room.min(left);
                self.take(desk, *id, product, quantity, uniform, &mut fills);
                left -= quantity;
            }
        }
        fills
    }

    /// Asks of equal key share pro rata (MARKET 5).
    fn share(&self, desk: &mut Desk, bid: &Order, candidates: &[OrderId], uniform: Option<u64>) -> Vec<Fill> {
        let (mut fills, mut left) = (Vec::new(), bid.open);
        let mut rest = candidates.to_vec();
        while !rest.is_empty() && left > 0 && fills.len() < MAX_FILLS {
            let first = self.key(bid, &desk.asks[&rest[0]]);
            let mut group: Vec<(OrderId, Product, u64)> = Vec::new();
            while !rest.is_empty() && self.key(bid, &desk.asks[&rest[0]]) == first && group.len() < MAX_FILLS - fills.len() {
                let id = rest.remove(0);
                if let Some((product, room)) = self.terms(desk, bid, id, &fills, left) {
                    group.push((id, product, room));
                }
            }
            let least = |id: &OrderId| bid.terms.min_fill.max(desk.asks[id].terms.min_fill).get();
            let shares = loop {
                let total: u64 = group.iter().map(|g| g.2).sum();
                let wanted = left.min(total);
                let part = |room: u64| {
                    u64::try_from(u128::from(wanted) * u128::from(room) / u128::from(total)).expect("smaller") / desk.lot * desk.lot
                };
                let mut shares: Vec<u64> = group.iter().map(|g| part(g.2)).collect();
                let leftover = (wanted - shares.iter().sum::<u64>()) / desk.lot;
                shares.iter_mut().take(usize::try_from(leftover).expect("few")).for_each(|s| *s += desk.lot);
                match (0..group.len()).rev().find(|i| shares[*i] < least(&group[*i].0)) {
                    Some(under) => drop(group.remove(under)),
                    None => break shares,
                }
            };
            for ((id, product, _), quantity) in group.into_iter().zip(shares).filter(|(_, share)| *share > 0) {
                self.take(desk, id, product, quantity, uniform, &mut fills);
                left -= quantity;
            }
        }
        fills
    }
}
