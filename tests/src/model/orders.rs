//! Orders: what may stand in a book, and how orders leave it (MARKET 1, 4). The first rule that is broken names the code.

use super::backing::slots;
use super::{Model, Order, Origin, SLOT_MS, gross};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::member::{Member, MemberStatus, Role};
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{Market, PlaceOrder, Pricing, Product, ReplaceOrder, Resource, SettlementMethod, Side, TimeInForce};

const MAX_QUANTITY: u64 = 1_000_000_000_000;
const MAX_WINDOW_MS: u64 = 7 * super::DAY_MS;
const MAX_AHEAD_MS: u64 = 30 * super::DAY_MS;
const MAX_PROMISES: usize = 1_024;

/// What of two products both sides can still serve.
pub(super) fn common(a: &Product, b: &Product, now: u64) -> Option<Product> {
    match (a, b) {
        (Product::Compute { from, until }, Product::Compute { from: f, until: u }) => {
            let (from, until) = (*from.max(f), *until.min(u));
            (from.ms().max(now) < until.ms()).then_some(Product::Compute { from, until })
        }
        _ => (a == b).then_some(*a),
    }
}

impl Model {
    pub(super) fn place_order(&mut self, origin: &Origin, terms: PlaceOrder, old: Option<&Order>) -> Result<(), Code> {
        let member = self.member(origin.signer).clone();
        let filled = old.map_or(0, |o| o.terms.quantity.get() - o.open);
        let (market, expires) = self.check_terms(&member, &terms, filled)?;
        if self.halted.contains(&market.resource()) {
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
        self.check_own_orders(&order)?;
        if order.terms.side == Side::Ask {
            self.check_backing(&order)?;
        } else {
            order.reserved = gross(order.terms.limit.micro_chf(), open);
            self.reserve(member.id, order.reserved)?;
        }
        let id = [origin.transaction.as_bytes().as_slice(), &origin.action.to_le_bytes()].concat();
        self.orders.insert(OrderId::from_hash(Hash::from_bytes(blake3::derive_key("leg ledger v1 order", &id))), order);
        Ok(())
    }

    fn check_terms(&self, member: &Member, terms: &PlaceOrder, filled: u64) -> Result<(Market, u64), Code> {
        if member.status != MemberStatus::Active {
            return Err(Code::MemberInactive);
        }
        if !(member.role == Role::Hub || (member.role == Role::Customer && terms.side == Side::Bid)) {
            return Err(Code::WrongRole);
        }
        let resource = terms.product.resource();
        if !matches!(resource, Resource::Compute | Resource::Energy) {
            return Err(Code::NotTraded);
        }
        let rules = self.params.resources.of(resource);
        let (lot, total) = (rules.lot.get(), terms.quantity.get());
        if total <= filled || total > MAX_QUANTITY || !total.is_multiple_of(lot) {
            return Err(Code::BadQuantity);
        }
        let open = total - filled;
        if terms.min_fill.get() > open || !terms.min_fill.get().is_multiple_of(lot) {
            return Err(Code::BadMinFill);
        }
        self.check_price(terms, resource)?;
        if gross(terms.limit.micro_chf(), open) < self.params.min_notional.get() {
            return Err(Code::MinNotional);
        }
        let market = match terms.product {
            Product::Energy { slot } => Market::Energy { leg: member.location.leg.ok_or(Code::NoCommunity)?, slot },
            _ => Market::Compute,
        };
        let expires = self.check_window(terms)?;
        if terms.settlement != [SettlementMethod::Credits] {
            return Err(Code::BadSettlement);
        }
        let for_asks = terms.pricing == Pricing::Dynamic || terms.solar;
        if (terms.side == Side::Bid && for_asks) || (terms.side == Side::Ask && terms.split) {
            return Err(Code::BadPricing);
        }
        let wishes = &terms.constraints;
        let hub = match wishes.hub {
            Some(hub) => hub != member.id && self.members.contains_key(&hub),
            None => !wishes.require_hub,
        };
        if !hub || wishes.min_reputation.is_some_and(|least| least.get() > 10_000) {
            return Err(Code::BadConstraints);
        }
        Ok((market, expires))
    }

    fn check_price(&self, terms: &PlaceOrder, resource: Resource) -> Result<(), Code> {
        let rules = self.params.resources.of(resource);
        let limit = terms.limit.micro_chf();
        if !limit.is_multiple_of(rules.tick.micro_chf()) {
            return Err(Code::BadTick);
        }
        let (limit, base, collar) = (u128::from(limit), u128::from(rules.base.micro_chf()), u128::from(self.params.price_collar.get()));
        if limit * 10_000 > base * collar || limit * collar < base * 10_000 {
            return Err(Code::PriceCollar);
        }
        Ok(())
    }

    /// When the order leaves the book by itself.
    fn check_window(&self, terms: &PlaceOrder) -> Result<u64, Code> {
        let closes = match terms.product {
            Product::Compute { from, until } => {
                let (from, until) = (from.ms(), until.ms());
                if until <= self.now || until <= from || until - from > MAX_WINDOW_MS || until > self.now + MAX_AHEAD_MS {
                    return Err(Code::BadWindow);
                }
                until
            }
            Product::Energy { slot } => {
                let start = slot.get() * SLOT_MS;
                if start <= self.now || start - self.now > self.params.energy_open_ms {
                    return Err(Code::SlotClosed);
                }
                start
            }
            _ => return Err(Code::NotTraded),
        };
        match terms.time_in_force {
            TimeInForce::GoodTillTime(t) if t.ms() <= self.now => Err(Code::BadTimeInForce),
            TimeInForce::GoodTillTime(t) => Ok(t.ms().min(closes)),
            TimeInForce::FillOrKill if terms.side == Side::Ask => Err(Code::BadTimeInForce),
            _ => Ok(closes),
        }
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
        let opposite =
            |o: &&Order| self.member(o.member).owner == owner && o.market == order.market && o.terms.side == order.terms.side.opposite();
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
        let backing = self.backing(order.member);
        if let Product::Compute { from, until } = order.terms.product
            && !backing.admits(from.ms(), until.ms(), order.open)
        {
            return Err(Code::InsufficientCapacity);
        }
        if !order.terms.solar {
            return Ok(());
        }
        if backing.promises.len() >= MAX_PROMISES {
            return Err(Code::TooManyOrders);
        }
        let (first, last) = slots(&order.terms.product, self.now).ok_or(Code::BadPricing)?;
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
    }

    /// What is too little to stay: nothing, under the minimum fill, or worth too little.
    pub(super) fn is_remainder(&self, order: &Order, open: u64) -> bool {
        open == 0 || open < order.terms.min_fill.get() || gross(order.terms.limit.micro_chf(), open) < self.params.min_notional.get()
    }

    /// A hub's forecast; where it falls, the newest open solar asks shrink first (MARKET 4).
    pub(super) fn forecast(&mut self, origin: &Origin, entries: &[(u64, u64)]) -> Result<(), Code> {
        let member = self.member(origin.signer);
        if member.role != Role::Hub {
            return Err(Code::WrongRole);
        }
        let peak = member.capacity.solar_peak_watts / 4;
        let (first, latest) = (self.now / SLOT_MS, (self.now + MAX_AHEAD_MS) / SLOT_MS);
        for (index, (slot, wh)) in entries.iter().enumerate() {
            let ascends = index == 0 || entries[index - 1].0 < *slot;
            if *slot < first || *slot > latest || !ascends {
                return Err(Code::BadSlot);
            }
            if *wh > peak {
                return Err(Code::ForecastAbovePeak);
            }
        }
        let mut fallen = Vec::new();
        for (slot, wh) in entries {
            if self.forecasts.insert((origin.signer, *slot), *wh).is_some_and(|old| *wh < old) {
                fallen.push(*slot);
            }
        }
        let mut done = None;
        for slot in fallen {
            if done.is_none_or(|d| slot > d) {
                done = self.shrink_around(origin.signer, slot);
            }
        }
        Ok(())
    }

    /// Trades keep all, then asks, the oldest first, as far as the sun still makes it. Returns the last slot that was looked at.
    fn shrink_around(&mut self, hub: MemberId, slot: u64) -> Option<u64> {
        let backing = self.backing(hub);
        let group = backing.around(slot);
        let mut kept: Vec<_> = group.iter().filter(|p| p.ask.is_none()).copied().collect();
        let mut asks: Vec<_> = group.iter().filter(|p| p.ask.is_some()).copied().collect();
        asks.sort_by_key(|p| {
            let order = &self.orders[&p.ask.expect("an ask's")];
            (order.height, order.nonce, order.action)
        });
        for ask in asks {
            let before = backing.served(&kept);
            kept.push(ask);
            let room = (backing.served(&kept) - before) / 10 * 10;
            if room >= ask.wh {
                continue;
            }
            kept.last_mut().expect("just pushed").wh = room;
            let id = ask.ask.expect("an ask's");
            let order = self.orders[&id].clone();
            if self.is_remainder(&order, room) {
                self.end_order(id);
            } else {
                let order = self.orders.get_mut(&id).expect("open");
                order.terms.quantity = leg_ledger::amount::Quantity::new(order.terms.quantity.get() - (order.open - room));
                order.open = room;
            }
        }
        group.iter().map(|p| p.last).max()
    }
}
