//! Orders: how they enter a book and leave it (MARKET 4). The first rule that is broken names the code.

use super::backing::slots;
use super::{Model, Order, Origin, gross, hash};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::member::Member;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{PlaceOrder, Product, ReplaceOrder, Resource, Side};

/// Windows end, and forecasts lie, at most so far ahead.
pub(super) const MAX_AHEAD_MS: u64 = 30 * super::DAY_MS;
const MAX_PROMISES: usize = 1_024;

/// What of two products both sides can still serve.
pub(super) fn common(bid: &Product, ask: &Product, now: u64) -> Option<Product> {
    match (bid, ask) {
        (Product::Compute { from, until }, Product::Compute { from: f, until: u }) => {
            let (from, until) = (*from.max(f), *until.min(u));
            (from.ms().max(now) < until.ms()).then_some(Product::Compute { from, until })
        }
        (Product::ComputeHours { from, until }, Product::ComputeHours { from: f, until: u }) => {
            let (from, until) = (*from.max(f), *until.min(u));
            (from.ms().max(now) < until.ms()).then_some(Product::ComputeHours { from, until })
        }
        (Product::Storage { months: term }, Product::Storage { months: longest }) => (term <= longest).then_some(*bid),
        _ => (bid == ask).then_some(*bid),
    }
}

impl Model {
    pub(super) fn place_order(&mut self, origin: &Origin, terms: PlaceOrder, old: Option<&Order>) -> Result<(), Code> {
        let member = self.member(origin.signer).clone();
        let filled = old.map_or(0, |o| o.terms.quantity.get() - o.open);
        let (market, expires) = self.check_terms(&member, &terms, filled)?;
        let resource = market.resource();
        if self.halted.contains(&resource) {
            return Err(Code::MarketHalted);
        }
        let open_orders = self.orders.values().filter(|o| o.member == member.id && o.market == market).count();
        if open_orders >= self.params.max_open_orders as usize {
            return Err(Code::TooManyOrders);
        }
        let open = terms.quantity.get() - filled;
        let aged = old.filter(|o| o.terms.limit == terms.limit && terms.quantity < o.terms.quantity);
        let mut order = Order {
            member: member.id,
            market,
            open,
            reserved: 0,
            seller: old.and_then(|o| o.seller),
            height: aged.map_or(self.height, |o| o.height),
            placed_at: aged.map_or(self.now, |o| o.placed_at),
            nonce: aged.map_or(origin.nonce, |o| o.nonce),
            action: aged.map_or(origin.action, |o| o.action),
            expires,
            terms,
        };
        self.check_reputation(&member, &order)?;
        match order.partner() {
            Some(partner) => self.check_partner(&order, partner)?,
            None => self.check_own_orders(&order)?,
        }
        let id = hash("order", &[origin.transaction.as_bytes(), &origin.action.to_le_bytes()]);
        let id = OrderId::from_hash(Hash::from_bytes(id));
        if order.terms.side == Side::Bid {
            order.reserved = gross(order.terms.limit.micro_chf(), open);
            self.reserve(member.id, order.reserved)?;
        } else {
            self.check_backing(&order)?;
            if resource == Resource::Heat {
                self.reserve_heat(id, member.id, open)?;
            }
        }
        self.orders.insert(id, order);
        Ok(())
    }

    fn check_reputation(&self, member: &Member, order: &Order) -> Result<(), Code> {
        if member.reputation < self.params.barred_reputation {
            return Err(Code::Reputation);
        }
        let own = self.orders.values().filter(|o| o.member == member.id).chain([order]);
        let value: u64 = own.map(|o| gross(o.terms.limit.micro_chf(), o.open)).sum();
        let capped = member.reputation < self.params.capped_reputation;
        if capped && value > self.params.capped_open_value.get() { Err(Code::Reputation) } else { Ok(()) }
    }

    /// An order that would trade with one of its own owner is rejected.
    fn check_own_orders(&self, order: &Order) -> Result<(), Code> {
        let owner = self.member(order.member).owner;
        let opposite = |o: &&Order| {
            let other_side = o.market == order.market && o.terms.side == order.terms.side.opposite() && o.partner().is_none();
            other_side && self.member(o.member).owner == owner
        };
        for other in self.orders.values().filter(opposite) {
            let (bid, ask) = if order.terms.side == Side::Bid { (order, other) } else { (other, order) };
            let crosses = self.price(ask) <= bid.terms.limit.micro_chf();
            if crosses && common(&bid.terms.product, &ask.terms.product, self.now).is_some() {
                return Err(Code::SelfTrade);
            }
        }
        Ok(())
    }

    fn check_backing(&self, order: &Order) -> Result<(), Code> {
        let backing = self.backing(order.member, order.market.resource());
        match order.terms.product {
            Product::Compute { from, until } | Product::ComputeHours { from, until } => {
                if backing.rate == 0 && order.market.resource() == Resource::ComputeHours {
                    return Err(Code::NoMachines);
                }
                if !backing.admits(from.ms(), until.ms(), order.open) {
                    return Err(Code::InsufficientCapacity);
                }
            }
            Product::Storage { .. } if backing.offered + backing.held + order.open > backing.certified => {
                return Err(Code::InsufficientCapacity);
            }
            _ => {}
        }
        if !order.terms.solar {
            return Ok(());
        }
        let (first, last) = slots(&order.terms.product, self.now).ok_or(Code::BadPricing)?;
        if backing.promises.len() >= MAX_PROMISES {
            return Err(Code::TooManyOrders);
        }
        if backing.sun(None, first, last, order.open) < order.open { Err(Code::InsufficientForecast) } else { Ok(()) }
    }

    pub(super) fn replace_order(&mut self, origin: &Origin, replace: &ReplaceOrder) -> Result<(), Code> {
        let old = self.own(origin.signer, replace.order)?;
        let unchanged = replace.quantity == old.terms.quantity && replace.limit == old.terms.limit;
        if unchanged || replace.quantity.get() <= old.terms.quantity.get() - old.open {
            return Err(Code::BadReplace);
        }
        self.end_order(replace.order);
        let terms = PlaceOrder { quantity: replace.quantity, limit: replace.limit, ..old.terms.clone() };
        self.place_order(origin, terms, Some(&old))
    }

    pub(super) fn cancel_order(&mut self, origin: &Origin, order: OrderId) -> Result<(), Code> {
        self.own(origin.signer, order)?;
        self.end_order(order);
        Ok(())
    }

    fn own(&self, member: MemberId, order: OrderId) -> Result<Order, Code> {
        self.orders.get(&order).filter(|o| o.member == member).cloned().ok_or(Code::UnknownOrder)
    }

    /// Takes an order out of its book and frees what is behind it.
    pub(super) fn end_order(&mut self, id: OrderId) {
        let order = self.orders.remove(&id).expect("an open order");
        self.release(order.member, order.reserved);
        self.release_heat(id, u64::MAX);
    }

    /// Leaves `open` of an order, or ends it where that is too little.
    pub(super) fn shrink_order(&mut self, id: OrderId, open: u64) {
        let order = &self.orders[&id];
        if self.is_remainder(order, open) {
            return self.end_order(id);
        }
        let order = self.orders.get_mut(&id).expect("open");
        order.terms.quantity = leg_ledger::amount::Quantity::new(order.terms.quantity.get() - (order.open - open));
        order.open = open;
    }

    /// What is too little to stay: nothing, under the minimum fill, or worth too little.
    pub(super) fn is_remainder(&self, order: &Order, open: u64) -> bool {
        let worthless = gross(order.terms.limit.micro_chf(), open) < self.params.min_notional.get();
        open == 0 || open < order.terms.min_fill.get() || (worthless && order.partner().is_none())
    }
}
