//! An auction written down naively from MARKET 5: everything read, everything sorted, for each bid anew. It shares no code with the room beyond
//! the types of the state. It leaves out bounds (16 fills apply, 1 024 candidates do not occur here), capacity and forecast.

use crate::amount::BasisPoints;
use crate::execute::BlockFacts;
use crate::member::Member;
use crate::params::{Params, PriceRule};
use crate::state::{Markets, Members, Order, Orders, View};
use crate::transaction::{Market, Pricing, Product, Resource, Side, TimeInForce};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// (ask, Wh, price) in the order of the fills.
pub(super) type Fills = Vec<(crate::ids::OrderId, u64, u64)>;

struct Model<'v> {
    members: BTreeMap<crate::ids::MemberId, &'v Member>,
    facts: BlockFacts,
    params: &'v Params,
    market: Market,
    asks: Vec<(&'v Order, u64)>,
}

/// Fills of each bid that has any, in bid order.
pub(super) fn clear(view: &impl View, facts: BlockFacts, params: &Params, market: Market) -> Vec<(crate::ids::OrderId, Fills)> {
    let orders = |side| view.range::<Orders>(..).map(|(_, o)| o).filter(move |o| o.market == market && o.terms.side == side);
    let mut model = Model {
        members: view.before_block().range::<Members>(..).map(|(id, m)| (*id, m)).collect(),
        facts,
        params,
        market,
        asks: orders(Side::Ask).map(|o| (o, o.open.get())).collect(),
    };
    let mut bids: Vec<&Order> = orders(Side::Bid).collect();
    bids.sort_by_key(|b| (Reverse(b.limit()), Reverse(model.bucket(b)), b.height, model.tie(b), b.nonce, b.action));
    let rules = params.resources.of(market.resource());
    let uniform = (rules.rule == PriceRule::Uniform).then(|| {
        let last = view.get::<Markets>(&market).and_then(|m| m.last_price).unwrap_or(rules.base).micro_chf();
        model.uniform(&bids, last)
    });
    let mut all = Vec::new();
    for bid in bids {
        let bound = uniform.unwrap_or(bid.limit().micro_chf());
        if bid.limit().micro_chf() < bound {
            continue;
        }
        let fills = model.fill(bid, bound, uniform);
        for (ask, quantity, _) in &fills {
            model.asks.iter_mut().find(|(o, _)| o.id == *ask).unwrap().1 -= quantity;
        }
        if !fills.is_empty() {
            all.push((bid.id, fills));
        }
    }
    all
}

impl Model<'_> {
    fn member(&self, order: &Order) -> &Member {
        self.members[&order.member]
    }

    fn bucket(&self, order: &Order) -> u32 {
        self.member(order).reputation.get() / 500
    }

    fn tie(&self, order: &Order) -> [u8; 32] {
        let mut bytes = self.facts.parent.hash().as_bytes().to_vec();
        bytes.extend(crate::codec::encode(&self.market));
        bytes.extend(order.member.as_bytes());
        blake3::derive_key("leg ledger v1 tie break", &bytes)
    }

    /// The reference price is the base in these tests.
    fn price(&self, ask: &Order) -> u64 {
        let rules = self.params.resources.of(self.market.resource());
        let limit = ask.limit().micro_chf();
        if ask.terms.pricing == Pricing::Fixed {
            return limit;
        }
        let premium = ((i64::from(self.member(ask).reputation.get()) - 8_000) / 4).clamp(0, 500) as u64;
        let price = rules.base.micro_chf() * (10_000 + premium) / 10_000;
        limit.max(price.div_ceil(rules.tick.micro_chf()) * rules.tick.micro_chf())
    }

    /// By the definition: every distinct price of U is tried.
    fn uniform(&self, bids: &[&Order], last: u64) -> u64 {
        let in_u = |o: &Order| {
            let c = &o.terms.constraints;
            !(c.require_hub || c.min_reputation.is_some() || c.max_distance.is_some())
                && o.terms.min_fill.is_zero()
                && o.terms.time_in_force != TimeInForce::FillOrKill
        };
        let bids: Vec<(u64, u64)> = bids.iter().filter(|o| in_u(o)).map(|o| (o.limit().micro_chf(), o.open.get())).collect();
        let asks: Vec<(u64, u64)> = self.asks.iter().filter(|(o, _)| in_u(o)).map(|(o, open)| (self.price(o), *open)).collect();
        let mut prices: Vec<u64> = bids.iter().chain(&asks).map(|(p, _)| *p).collect();
        prices.sort();
        let volume = |p: u64| {
            let demand: u64 = bids.iter().filter(|(limit, _)| *limit >= p).map(|(_, q)| q).sum();
            let supply: u64 = asks.iter().filter(|(price, _)| *price <= p).map(|(_, q)| q).sum();
            demand.min(supply)
        };
        let most = prices.iter().map(|p| volume(*p)).max().unwrap_or(0);
        if most > 0 {
            return *prices.iter().find(|p| volume(**p) == most).unwrap();
        }
        let raised = bids.iter().map(|(limit, _)| *limit).max().map_or(last, |p| last.max(p));
        asks.iter().map(|(price, _)| *price).min().map_or(raised, |p| raised.min(p))
    }

    fn wishes(&self, order: &Order, other: &Order) -> bool {
        let (own, their) = (self.member(order), self.member(other));
        let c = &order.terms.constraints;
        (!c.require_hub || c.hub == Some(their.id))
            && c.min_reputation.unwrap_or(BasisPoints::new(0)) <= their.reputation
            && c.max_distance.is_none_or(|most| own.location.distance(&their.location) <= most)
            && c.country.is_none_or(|country| their.location.country == country)
    }

    /// Candidates with their keys; the key without its last three parts is what pro-rata groups share.
    fn candidates(&self, bid: &Order, bound: u64) -> Vec<(&Order, u64)> {
        let mut list: Vec<(&Order, u64)> = self.asks.iter().filter(|(o, open)| *open > 0 && self.price(o) <= bound).copied().collect();
        list.sort_by_key(|(o, _)| (self.key(bid, o), self.tie(o), o.nonce, o.action));
        list.retain(|(o, _)| o.owner != bid.owner && self.wishes(bid, o) && self.wishes(o, bid));
        list.retain(|(o, _)| bid.seller.is_none_or(|seller| seller == o.member));
        list
    }

    fn key(&self, bid: &Order, ask: &Order) -> impl Ord + use<> {
        // A bid that is bound to a seller has candidates of that seller only: nobody is preferred among them.
        let preferred = bid.seller.or(bid.terms.constraints.hub) == Some(ask.member);
        let distance = self.member(bid).location.distance(&self.member(ask).location);
        (Reverse(preferred), self.price(ask), Reverse(self.bucket(ask)), distance, ask.height)
    }

    fn fill(&self, bid: &Order, bound: u64, uniform: Option<u64>) -> Fills {
        let candidates = self.candidates(bid, bound);
        let fok = bid.terms.time_in_force == TimeInForce::FillOrKill;
        let whole = |fills: &Fills| fills.iter().map(|f| f.1).sum::<u64>() == bid.open.get();
        if matches!(self.market.resource(), Resource::Energy | Resource::Heat) {
            let fills = self.share(bid, &candidates, uniform);
            return if fok && !whole(&fills) { Vec::new() } else { fills };
        }
        if bid.terms.split {
            let fills = self.walk(bid, &candidates, uniform);
            return if fok && !whole(&fills) { Vec::new() } else { fills };
        }
        let mut sellers = Vec::new();
        for (ask, open) in &candidates {
            let could_fill = !self.walk(bid, &[(ask, *open)], uniform).is_empty();
            if could_fill && !sellers.contains(&ask.member) {
                sellers.push(ask.member);
            }
        }
        for seller in sellers {
            let own: Vec<_> = candidates.iter().filter(|(o, _)| o.member == seller).copied().collect();
            let fills = self.walk(bid, &own, uniform);
            if !fills.is_empty() && (!fok || whole(&fills)) {
                return fills;
            }
        }
        Vec::new()
    }

    /// One candidate after the other; windows as agreed with each seller.
    fn walk(&self, bid: &Order, candidates: &[(&Order, u64)], uniform: Option<u64>) -> Fills {
        let mut fills = Fills::new();
        let mut left = bid.open.get();
        let mut agreed = BTreeMap::new();
        let now = self.facts.market_time.ms();
        let span = |o: &Order| match o.terms.product {
            Product::Compute { from, until } => (from.ms().max(now), until.ms()),
            _ => unreachable!(),
        };
        for (ask, open) in candidates {
            let window = agreed.get(&ask.member).copied();
            let (from, until) = window.unwrap_or(span(bid));
            let (f, u) = span(ask);
            let common = (from.max(f), until.min(u));
            let quantity = left.min(*open);
            let fits = common.0 < common.1 && window.is_none_or(|w| w == common);
            let least = bid.terms.min_fill.max(ask.terms.min_fill).get();
            if fits && quantity > 0 && quantity >= least && fills.len() < 16 {
                agreed.insert(ask.member, common);
                fills.push((ask.id, quantity, uniform.unwrap_or(self.price(ask))));
                left -= quantity;
            }
        }
        fills
    }

    fn share(&self, bid: &Order, candidates: &[(&Order, u64)], uniform: Option<u64>) -> Fills {
        let mut fills = Fills::new();
        let mut left = bid.open.get();
        let least = |o: &Order| bid.terms.min_fill.max(o.terms.min_fill).get();
        let mut rest: Vec<(&Order, u64)> = candidates.to_vec();
        while !rest.is_empty() && fills.len() < 16 {
            // As many of equal key as there are fills left; those that could not give the least are passed over.
            let mut group: Vec<(&Order, u64)> = Vec::new();
            let key = |o: &Order| self.key(bid, o);
            let first = key(rest[0].0);
            while !rest.is_empty() && key(rest[0].0) == first && group.len() < 16 - fills.len() {
                let (ask, open) = rest.remove(0);
                if left.min(open) >= least(ask) {
                    group.push((ask, open));
                }
            }
            let shares = loop {
                let total: u64 = group.iter().map(|(_, open)| open).sum();
                let wanted = left.min(total);
                let mut shares: Vec<u64> = group.iter().map(|(_, open)| wanted * open / total / 10 * 10).collect();
                let leftover = (wanted - shares.iter().sum::<u64>()) / 10;
                shares.iter_mut().take(leftover as usize).for_each(|s| *s += 10);
                match (0..group.len()).rev().find(|i| shares[*i] < least(group[*i].0)) {
                    Some(under) => drop(group.remove(under)),
                    None => break shares,
                }
            };
            for ((ask, _), share) in group.iter().zip(shares).filter(|(_, share)| *share > 0) {
                fills.push((ask.id, share, uniform.unwrap_or(self.price(ask))));
                left -= share;
            }
        }
        fills
    }
}
