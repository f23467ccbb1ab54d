//! One call auction for every market, in every block (MARKET 5).

use super::backing::{Backing, energy};
use super::orders::common;
use super::{Model, Order, Trade, gross};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, OrderId, TradeId};
use leg_ledger::member::Location;
use leg_ledger::params::PriceRule;
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{Constraints, Market, Pricing, Product, Resource, Side, TimeInForce};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Fills of a bid in one auction.
const MAX_FILLS: usize = 16;

/// One fill as it was decided.
#[derive(Clone, Debug)]
struct Fill {
    ask: OrderId,
    seller: MemberId,
    quantity: u64,
    price: u64,
    product: Product,
    solar: bool,
}

/// The asks of one auction with what is left of them, and what their hubs owe.
#[derive(Clone, Debug)]
struct Desk {
    asks: BTreeMap<OrderId, Order>,
    backing: BTreeMap<MemberId, Backing>,
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

fn is_fill_or_kill(order: &Order) -> bool {
    order.terms.time_in_force == TimeInForce::FillOrKill
}

impl Model {
    pub(super) fn run_auctions(&mut self) {
        let markets: BTreeSet<Market> = self.orders.values().map(|o| o.market).collect();
        for market in markets {
            if !self.halted.contains(&market.resource()) {
                self.auction(market);
            }
            let ends = |o: &Order| matches!(o.terms.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
            let immediate: Vec<OrderId> = self.orders.iter().filter(|(_, o)| o.market == market && ends(o)).map(|(id, _)| *id).collect();
            immediate.into_iter().for_each(|id| self.end_order(id));
        }
    }

    fn side(&self, market: Market, side: Side) -> Vec<(OrderId, Order)> {
        let of = |o: &Order| o.market == market && o.terms.side == side && o.expires > self.now;
        self.orders.iter().filter(|(_, o)| of(o)).map(|(id, o)| (*id, o.clone())).collect()
    }

    fn bucket(&self, member: MemberId) -> u32 {
        self.member(member).reputation.get() / 500
    }

    /// `blake3(domain, parent, market, member)`.
    fn tie(&self, market: Market, member: MemberId) -> [u8; 32] {
        let mut bytes = self.parent.as_bytes().to_vec();
        let number = match market {
            Market::Compute => 0_u32,
            Market::ComputeHours => 1,
            Market::Storage => 2,
            Market::Heat => 3,
            Market::Energy { .. } => 4,
        };
        bytes.extend(number.to_le_bytes());
        if let Market::Energy { leg, slot } = market {
            let mut name = [0_u8; 32];
            name[..leg.as_str().len()].copy_from_slice(leg.as_str().as_bytes());
            bytes.extend(name);
            bytes.extend(slot.get().to_le_bytes());
        }
        bytes.extend(member.as_bytes());
        blake3::derive_key("leg ledger v1 tie break", &bytes)
    }

    /// Effective price of an ask: a dynamic one follows the reference after the parent.
    pub(super) fn price(&self, ask: &Order) -> u64 {
        let limit = ask.terms.limit.micro_chf();
        if ask.terms.pricing == Pricing::Fixed {
            return limit;
        }
        let rules = self.params.resources.of(ask.market.resource());
        let leg = if let Market::Energy { leg, .. } = ask.market { Some(leg) } else { None };
        let reference = self.references_before.get(&(ask.market.resource(), leg)).copied().unwrap_or(rules.base.micro_chf());
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
        let backing = asks.values().map(|a| (a.member, self.backing(a.member))).collect();
        let mut desk = Desk { asks, backing };
        let mut price = None;
        for (id, bid) in bids {
            let bound = uniform.unwrap_or(bid.terms.limit.micro_chf());
            if bid.terms.limit.micro_chf() < bound {
                continue;
            }
            let fills = self.fill(&mut desk, &bid, bound, uniform);
            price = fills.last().map(|f| f.price).or(price);
            self.open_trades(id, fills);
        }
        // What is left of the asks; those that are too small end.
        for (id, ask) in desk.asks {
            let order = self.orders.get_mut(&id).expect("open");
            let sold = std::mem::replace(&mut order.open, ask.open) > ask.open;
            if sold && self.is_remainder(&ask, ask.open) {
                self.end_order(id);
            }
        }
        if let Some(price) = price {
            self.last_price.insert(market, price);
        }
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
                let span = |p: &Product| match p {
                    Product::Compute { from, until } => (from.ms().max(self.now), until.ms()),
                    Product::Energy { slot } => (slot.get(), slot.get()),
                    _ => unreachable!("not traded here"),
                };
                if span(&both) != span(&first.product) {
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
        if let (Product::Compute { from, until }, Product::Compute { until: ask_until, .. }) = (product, ask.terms.product) {
            let sold: u64 = joined.iter().map(|f| f.quantity).sum();
            let window = energy(backing.watts, from.ms().max(self.now), until.ms()).saturating_sub(sold);
            room = room.min(window).min(backing.room(until.ms(), ask_until.ms()));
            if let Some((first, last)) = super::backing::slots(&product, self.now).filter(|_| ask.terms.solar) {
                room = room.min(backing.sun(Some(ask_id), first, last, ask.open));
            }
        }
        let room = room / 10 * 10;
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
                let part = |room: u64| u64::try_from(u128::from(wanted) * u128::from(room) / u128::from(total)).expect("smaller") / 10 * 10;
                let mut shares: Vec<u64> = group.iter().map(|g| part(g.2)).collect();
                let leftover = (wanted - shares.iter().sum::<u64>()) / 10;
                shares.iter_mut().take(usize::try_from(leftover).expect("few")).for_each(|s| *s += 10);
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

    /// Fills of one bid: money to escrow, one trade a seller, what is left of the bid (MARKET 6).
    fn open_trades(&mut self, id: OrderId, fills: Vec<Fill>) {
        if fills.is_empty() {
            return;
        }
        let bid = self.orders[&id].clone();
        let limit = bid.terms.limit.micro_chf();
        let mut sellers: Vec<MemberId> = Vec::new();
        for fill in &fills {
            if !sellers.contains(&fill.seller) {
                sellers.push(fill.seller);
            }
        }
        let mut open = bid.open;
        for seller in sellers {
            let own: Vec<&Fill> = fills.iter().filter(|f| f.seller == seller).collect();
            let quantity: u64 = own.iter().map(|f| f.quantity).sum();
            let cost: u64 = own.iter().map(|f| gross(f.price, f.quantity)).sum();
            let freed = gross(limit, open) - gross(limit, open - quantity);
            open -= quantity;
            self.escrow_reserved(bid.member, cost);
            self.release(bid.member, freed - cost);
            let order = self.orders.get_mut(&id).expect("open");
            order.open = open;
            order.reserved -= freed;
            if !bid.terms.split && bid.market.resource() == Resource::Compute {
                order.seller = Some(seller);
            }
            self.open_trade(id, &bid, seller, &own, quantity, cost);
        }
        if self.is_remainder(&bid, open) {
            self.end_order(id);
        }
    }

    fn open_trade(&mut self, id: OrderId, bid: &Order, seller: MemberId, fills: &[&Fill], quantity: u64, escrow: u64) {
        let product = fills[0].product;
        let deadline = match product {
            Product::Compute { from, .. } => self.now.max(from.ms()) + self.params.start_window_ms,
            Product::Energy { slot } => (slot.get() + 1) * super::SLOT_MS + self.params.readings_window_ms,
            _ => unreachable!("not traded here"),
        };
        if let Market::Energy { leg, slot } = bid.market {
            let mut exchange = self.exchange(leg, slot.get());
            exchange.waiting += 1;
            self.put_exchange(leg, slot.get(), exchange);
        }
        let trade = Trade {
            market: bid.market,
            buyer: bid.member,
            seller,
            fills: fills.iter().map(|f| (f.quantity, f.price)).collect(),
            quantity,
            product,
            solar: fills.iter().all(|f| f.solar),
            escrow,
            fee: u64::from(self.params.fee.get()),
            status: TradeStatus::Pending,
            matched_at: self.now,
            deadline: Some(deadline),
            delivered: Vec::new(),
            heat: Vec::new(),
        };
        let bytes = [id.hash().as_bytes().as_slice(), seller.as_bytes(), &self.height.to_le_bytes()].concat();
        let id = Hash::from_bytes(blake3::derive_key("leg ledger v1 trade", &bytes));
        self.trades.insert(TradeId::from_hash(id), trade);
    }
}
