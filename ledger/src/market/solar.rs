//! Solar promises against the forecast: what solar orders and trades owe can always be made within their windows (MARKET 4).
//!
//! A promise is Wh within a span of slots. Slots serve promises like a machine serves jobs with deadlines: the earliest end first, which makes
//! as much of them as any plan could (Glover 1967). So "never exceed the forecast of their slots" is exact also for overlapping windows, and no
//! plan has to be stored.

use crate::amount::Quantity;
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::state::{Forecasts, IndexKey, LoadSource, View};
use crate::time::{MarketTime, Slot};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Wh within slots `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    pub first: Slot,
    pub last: Slot,
    pub energy: u64,
    /// The order or trade; `None` for a match of the present auction.
    pub source: Option<LoadSource>,
}

/// One hub's forecast and everything promised of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Promises {
    forecast: BTreeMap<Slot, u64>,
    list: Vec<Promise>,
}

impl Promises {
    /// Reads a hub's forecast and promises. Open asks count from the slot of `now` on, trades from their match on (their past slots serve them).
    pub(super) fn read(view: &impl View, member: MemberId, now: MarketTime) -> Promises {
        let zero = Slot::new(0);
        let source = LoadSource::Order(OrderId::from_hash(Hash::ZERO));
        let start = IndexKey::Solar { member, last: zero, first: zero, source, energy: Quantity::ZERO };
        let mut list = Vec::new();
        for key in view.index(start..) {
            let IndexKey::Solar { member: m, last, first, source, energy } = key else { break };
            if m != member {
                break;
            }
            let first = match source {
                LoadSource::Order(_) => first.max(now.slot()),
                LoadSource::Trade(_) => first,
            };
            list.push(Promise { first, last, energy: energy.get(), source: Some(source) });
        }
        let slots = (member, zero)..=(member, Slot::new(u64::MAX));
        let forecast = view.range::<Forecasts>(slots).map(|((_, slot), entry)| (*slot, entry.energy.get())).collect();
        Promises { forecast, list }
    }

    /// Number of promises.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// What of `wanted` within `first..=last` the forecast serves beside all other promises, Wh.
    pub(super) fn room(&self, first: Slot, last: Slot, wanted: Quantity) -> Quantity {
        let new = Promise { first, last, energy: wanted.get(), source: None };
        let mut group = self.connected(first, last);
        let others = self.served(&group);
        group.push(new);
        Quantity::new(self.served(&group).saturating_sub(others))
    }

    /// As [`Promises::room`] for a part of an open ask: the ask's own promise gives way to it.
    pub(super) fn room_of_ask(&self, ask: OrderId, first: Slot, last: Slot, open: Quantity) -> Quantity {
        let rest = Promises {
            forecast: self.forecast.clone(),
            list: self.list.iter().filter(|p| p.source != Some(LoadSource::Order(ask))).copied().collect(),
        };
        rest.room(first, last, open)
    }

    /// Books a fill: a part of the ask's promise becomes one of a trade. `undo` books back the last fill.
    pub(super) fn book(&mut self, ask: OrderId, first: Slot, last: Slot, quantity: u64, undo: bool) {
        let promise = self.list.iter_mut().find(|p| p.source == Some(LoadSource::Order(ask)));
        if let Some(promise) = promise {
            let (less, more) = (promise.energy.saturating_sub(quantity), promise.energy.saturating_add(quantity));
            promise.energy = if undo { more } else { less };
        }
        if undo {
            self.list.pop();
        } else {
            self.list.push(Promise { first, last, energy: quantity, source: None });
        }
    }

    /// Promises that share slots with the span, directly or through others: no promise outside can compete with it.
    pub(super) fn connected(&self, first: Slot, last: Slot) -> Vec<Promise> {
        let (mut low, mut high) = (first, last);
        let mut rest: Vec<Promise> = self.list.clone();
        let mut group = Vec::new();
        loop {
            let (near, far): (Vec<Promise>, Vec<Promise>) = rest.iter().partition(|p| p.first <= high && p.last >= low);
            if near.is_empty() {
                return group;
            }
            low = near.iter().map(|p| p.first).fold(low, Slot::min);
            high = near.iter().map(|p| p.last).fold(high, Slot::max);
            group.extend(near);
            rest = far;
        }
    }

    /// Wh of the promises that the forecast can serve at most.
    pub(super) fn served(&self, promises: &[Promise]) -> u64 {
        let mut by_start: Vec<&Promise> = promises.iter().collect();
        by_start.sort_unstable_by_key(|p| p.first);
        let Some(first) = by_start.first().map(|p| p.first) else { return 0 };
        let last = promises.iter().map(|p| p.last).fold(first, Slot::max);
        let mut waiting = by_start.into_iter().peekable();
        let mut begun: BinaryHeap<Reverse<(Slot, u64)>> = BinaryHeap::new();
        let mut served: u64 = 0;
        for (slot, energy) in self.forecast.range(first..=last) {
            while let Some(promise) = waiting.next_if(|p| p.first <= *slot) {
                begun.push(Reverse((promise.last, promise.energy)));
            }
            let mut left = *energy;
            while left > 0
                && let Some(Reverse((end, wanted))) = begun.pop()
            {
                if end < *slot {
                    continue;
                }
                let part = wanted.min(left);
                left = left.saturating_sub(part);
                served = served.saturating_add(part);
                if wanted > part {
                    begun.push(Reverse((end, wanted.saturating_sub(part))));
                }
            }
        }
        served
    }
}
