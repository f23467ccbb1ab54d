//! What a hub can make and keep: certified capacity and solar forecast (MARKET 4), everything gone through for each question.

use super::{Model, SLOT_MS};
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{Product, Resource, Side};
use std::collections::BTreeMap;

/// Compute or compute-hours owed at a time: of an open ask, or of a running trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub until: u64,
    pub wh: u64,
    pub running: bool,
    pub ask: Option<OrderId>,
}

/// Wh that must come out of slots `first..=last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub first: u64,
    pub last: u64,
    pub wh: u64,
    pub ask: Option<OrderId>,
}

/// What one hub owes of a resource, and its forecast.
#[derive(Clone, Debug)]
pub(super) struct Backing {
    /// What it makes an hour: watts, or milli-hours of its machines.
    pub rate: u64,
    /// MB that it is certified for, that its contracts hold, and that its asks offer.
    pub certified: u64,
    pub held: u64,
    pub offered: u64,
    pub now: u64,
    pub dues: Vec<Due>,
    pub promises: Vec<Promise>,
    pub forecast: BTreeMap<u64, u64>,
}

/// What `rate` makes from `now` to `until`.
pub(super) fn made(rate: u64, now: u64, until: u64) -> u64 {
    u64::try_from(u128::from(rate) * u128::from(until.saturating_sub(now)) / 3_600_000).unwrap_or(u64::MAX)
}

/// Slots of a window from `earliest` on.
pub(super) fn slots(product: &Product, earliest: u64) -> Option<(u64, u64)> {
    match product {
        Product::Compute { from, until } => {
            let first = from.ms().max(earliest) / SLOT_MS;
            Some((first, ((until.ms() - 1) / SLOT_MS).max(first)))
        }
        Product::Energy { slot } => Some((slot.get(), slot.get())),
        _ => None,
    }
}

/// When compute or compute-hours are due.
pub(super) fn due(product: &Product) -> Option<u64> {
    match product {
        Product::Compute { until, .. } | Product::ComputeHours { until, .. } => Some(until.ms()),
        _ => None,
    }
}

impl Model {
    pub(super) fn backing(&self, hub: MemberId, resource: Resource) -> Backing {
        let (mut dues, mut promises, mut offered) = (Vec::new(), Vec::new(), 0);
        for (id, order) in self.orders.iter().filter(|(_, o)| o.member == hub && o.terms.side == Side::Ask) {
            if let Some(until) = due(&order.terms.product).filter(|_| order.market.resource() == resource) {
                dues.push(Due { until, wh: order.open, running: false, ask: Some(*id) });
            }
            if let Some((first, last)) = slots(&order.terms.product, 0).filter(|_| order.terms.solar) {
                promises.push(Promise { first: first.max(self.now / SLOT_MS), last, wh: order.open, ask: Some(*id) });
            }
            if order.market.resource() == Resource::Storage {
                offered += order.open;
            }
        }
        let runs = |status| matches!(status, TradeStatus::Pending | TradeStatus::Running);
        for trade in self.trades.values().filter(|t| t.seller == hub && runs(t.status)) {
            if let Some(until) = due(&trade.product).filter(|_| trade.market.resource() == resource) {
                dues.push(Due { until, wh: trade.quantity, running: true, ask: None });
            }
            if let Some((first, last)) = slots(&trade.product, trade.matched_at).filter(|_| trade.solar) {
                promises.push(Promise { first, last, wh: trade.quantity, ask: None });
            }
        }
        let capacity = self.member(hub).capacity;
        let rate = if resource == Resource::ComputeHours { u64::from(capacity.machines) * 1_000 } else { capacity.compute_watts };
        let held = self.contracts.values().filter(|c| c.seller == hub).map(|c| c.quantity).sum();
        let forecast = self.forecasts.iter().filter(|((m, _), _)| *m == hub).map(|((_, slot), wh)| (*slot, *wh)).collect();
        Backing { rate, certified: capacity.storage_gb * 1_000, held, offered, now: self.now, dues, promises, forecast }
    }
}

impl Backing {
    fn by(&self, t: u64, running: bool) -> u64 {
        self.dues.iter().filter(|d| d.until <= t && d.running == running).map(|d| d.wh).sum()
    }

    /// `until` and every later time at which something is due.
    fn times(&self, until: u64) -> Vec<u64> {
        self.dues.iter().map(|d| d.until).filter(|t| *t > until).chain([until]).collect()
    }

    /// For every time: what is open and running by then, and the new ask, is made by then.
    pub(super) fn admits(&self, from: u64, until: u64, wh: u64) -> bool {
        wh <= made(self.rate, from.max(self.now), until)
            && self.times(until).iter().all(|t| self.by(*t, false) + self.by(*t, true) + wh <= made(self.rate, self.now, *t))
    }

    /// What of an ask due by `ask_until` can be sold due by `until`.
    pub(super) fn room(&self, until: u64, ask_until: u64) -> u64 {
        let at = |t: &u64| {
            let left = made(self.rate, self.now, *t).saturating_sub(self.by(*t, true));
            if *t < ask_until { left.saturating_sub(self.by(*t, false)) } else { left }
        };
        self.times(until).iter().map(at).min().expect("at least one time")
    }

    /// What of `wh` within a span the sun makes beside all other promises; the own one of `ask` gives way.
    pub(super) fn sun(&self, ask: Option<OrderId>, first: u64, last: u64, wh: u64) -> u64 {
        let mut others: Vec<Promise> = self.promises.iter().filter(|p| ask.is_none() || p.ask != ask).copied().collect();
        let without = self.served(&others);
        others.push(Promise { first, last, wh, ask: None });
        self.served(&others) - without
    }

    /// Slot by slot, each to the promise that ends first.
    pub(super) fn served(&self, promises: &[Promise]) -> u64 {
        let mut wanted: Vec<Promise> = promises.to_vec();
        wanted.sort_by_key(|p| p.last);
        let mut served = 0;
        for (slot, wh) in &self.forecast {
            let mut left = *wh;
            for promise in wanted.iter_mut().filter(|p| p.first <= *slot && *slot <= p.last) {
                let part = promise.wh.min(left);
                promise.wh -= part;
                left -= part;
                served += part;
            }
        }
        served
    }

    /// Promises that share slots with `slot`, directly or through others.
    pub(super) fn around(&self, slot: u64) -> Vec<Promise> {
        let (mut low, mut high) = (slot, slot);
        loop {
            let touching = self.promises.iter().filter(|p| p.first <= high && p.last >= low);
            let (l, h) = touching.fold((low, high), |(l, h), p| (l.min(p.first), h.max(p.last)));
            if (l, h) == (low, high) {
                return self.promises.iter().filter(|p| p.first <= high && p.last >= low).copied().collect();
            }
            (low, high) = (l, h);
        }
    }

    /// Sells a part of an ask: what was open is running.
    pub(super) fn sell(&mut self, ask: OrderId, product: &Product, solar: bool, quantity: u64) {
        for due in self.dues.iter_mut().filter(|d| d.ask == Some(ask)) {
            due.wh -= quantity;
        }
        if let Some(until) = due(product) {
            self.dues.push(Due { until, wh: quantity, running: true, ask: None });
        }
        if let Product::Storage { .. } = product {
            self.held += quantity;
        }
        if let Some((first, last)) = slots(product, self.now).filter(|_| solar) {
            for promise in self.promises.iter_mut().filter(|p| p.ask == Some(ask)) {
                promise.wh -= quantity;
            }
            self.promises.push(Promise { first, last, wh: quantity, ask: None });
        }
    }
}
