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
        let list = promises(view, member, now);
        let earliest = list.iter().map(|p| p.first).fold(now.slot(), Slot::min);
        Promises { forecast: forecast(view, member, earliest, Slot::new(u64::MAX)), list }
    }

    /// What decides over `first..=last` alone: all promises, but the forecast only of the slots that may serve those connected with the span.
    pub(super) fn around(view: &impl View, member: MemberId, now: MarketTime, first: Slot, last: Slot) -> Promises {
        let mut promises = Promises { forecast: BTreeMap::new(), list: promises(view, member, now) };
        let group = promises.connected(first, last);
        let (low, high) = group.iter().fold((first, last), |(low, high), p| (low.min(p.first), high.max(p.last)));
        promises.forecast = forecast(view, member, low, high);
        promises
    }

    /// Number of promises.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// What of `wanted` within `first..=last` the forecast serves beside all other promises, Wh. Of `ask`, a part of which is wanted, its own
    /// promise gives way.
    pub(super) fn room(&self, ask: Option<OrderId>, first: Slot, last: Slot, wanted: Quantity) -> Quantity {
        let own = ask.map(LoadSource::Order);
        let mut group = self.connected(first, last);
        group.retain(|p| own.is_none() || p.source != own);
        let others = self.served(&group);
        group.push(Promise { first, last, energy: wanted.get(), source: None });
        Quantity::new(self.served(&group).saturating_sub(others))
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
        // In the order of their starts, what is connected lies side by side: one pass finds the stretch of slots around the span.
        let mut spans: Vec<(Slot, Slot)> = self.list.iter().map(|p| (p.first, p.last)).collect();
        spans.push((first, last));
        spans.sort_unstable();
        let (mut low, mut high) = (first, last);
        let mut stretches = spans.into_iter();
        if let Some(span) = stretches.next() {
            (low, high) = span;
        }
        for (start, end) in stretches {
            if start <= high {
                high = high.max(end);
            } else if low <= first && first <= high {
                break;
            } else {
                (low, high) = (start, end);
            }
        }
        self.list.iter().filter(|p| p.first <= high && p.last >= low).copied().collect()
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

fn promises(view: &impl View, member: MemberId, now: MarketTime) -> Vec<Promise> {
    let zero = Slot::new(0);
    let source = LoadSource::Order(OrderId::from_hash(Hash::ZERO));
    let start = IndexKey::Solar { member, last: zero, first: zero, source, energy: Quantity::ZERO };
    let keys = view.index(start..).map_while(|key| match key {
        IndexKey::Solar { member: m, last, first, source, energy } if m == member => Some((first, last, source, energy)),
        _ => None,
    });
    keys.map(|(first, last, source, energy)| {
        let first = match source {
            LoadSource::Order(_) => first.max(now.slot()),
            LoadSource::Trade(_) => first,
        };
        Promise { first, last, energy: energy.get(), source: Some(source) }
    })
    .collect()
}

fn forecast(view: &impl View, member: MemberId, first: Slot, last: Slot) -> BTreeMap<Slot, u64> {
    let entries = view.range::<Forecasts>((member, first)..=(member, last));
    entries.map(|((_, slot), entry)| (*slot, entry.energy.get())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Hall's condition: all promises can be served if and only if every span of slots makes what must be made within it.
        #[test]
        fn serving_the_earliest_end_first_serves_all_that_can_be(
            forecast in prop::collection::vec(0_u64..20, 8),
            spans in prop::collection::vec((0_u64..8, 0_u64..8, 1_u64..30), 0..8),
        ) {
            let list: Vec<Promise> = spans
                .iter()
                .map(|(a, b, energy)| Promise { first: Slot::new(*a.min(b)), last: Slot::new(*a.max(b)), energy: *energy, source: None })
                .collect();
            let forecast: BTreeMap<Slot, u64> = forecast.into_iter().enumerate().map(|(i, wh)| (Slot::new(i as u64), wh)).collect();
            let fits = (0..8).all(|s| (s..8).all(|e| {
                let (s, e) = (Slot::new(s), Slot::new(e));
                let due: u64 = list.iter().filter(|p| p.first >= s && p.last <= e).map(|p| p.energy).sum();
                due <= forecast.range(s..=e).map(|(_, wh)| wh).sum()
            }));
            let total: u64 = list.iter().map(|p| p.energy).sum();
            let promises = Promises { forecast, list: list.clone() };
            prop_assert_eq!(promises.served(&list) == total, fits);
            let room = promises.room(None, Slot::new(2), Slot::new(4), Quantity::new(25)).get();
            let with = |energy| {
                let mut all = list.clone();
                all.push(Promise { first: Slot::new(2), last: Slot::new(4), energy, source: None });
                promises.served(&all) - promises.served(&list)
            };
            prop_assert_eq!(with(room), room, "what it says fits");
            prop_assert!(room == 25 || with(room + 1) == room, "and no more does");
        }
    }
}
