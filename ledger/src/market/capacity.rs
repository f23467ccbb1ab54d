//! Certified capacity: for every hub and time t, open and running Wh due by t <= certified watts x hours to t (MARKET 4); compute-hours likewise
//! with certified machines, of which each makes 1 000 milli-hours an hour. The two do not share anything: machines for sale by the hour are set
//! apart from the servers behind `compute_watts`.
//!
//! Checked when an ask is admitted, and again when a match makes a part of it due, since hours pass while an ask rests and a match may be due
//! earlier than its ask. A running trade counts in full until it is delivered. Storage: open asks and running contracts <= certified GB.

use crate::amount::Quantity;
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::member::Member;
use crate::state::{IndexKey, LoadSource, View};
use crate::time::{HOUR_MS, MarketTime};
use crate::transaction::Resource;
use std::collections::BTreeMap;

/// What is due at one time, Wh or milli-hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    open: u64,
    running: u64,
}

/// Everything that one hub's servers owe of one resource, by time. Needed only where [`View::load`], the sum of it all, does not fit by the
/// earliest time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Loads {
    dues: BTreeMap<MarketTime, Due>,
}

/// True if a new ask of `quantity` within [from, until) leaves the rule intact for every t from `until` on, and its own window alone is long
/// enough for it. The seller makes `rate` of the resource an hour.
pub(super) fn admits(
    view: &impl View,
    (seller, resource, rate): (MemberId, Resource, u64),
    now: MarketTime,
    (from, until): (MarketTime, MarketTime),
    quantity: Quantity,
) -> bool {
    if quantity.get() > energy(rate, from.max(now), until) {
        return false;
    }
    let fits = view.load(seller, resource).saturating_add(quantity.get()) <= energy(rate, now, until);
    fits || Loads::read(view, seller, resource).admit(rate, now, until, quantity)
}

/// Wh that `watts` make from `now` to `until`, rounded down; of compute-hours, milli-hours that so many make an hour.
pub(super) fn energy(watts: u64, now: MarketTime, until: MarketTime) -> u64 {
    let ms = until.ms_since(now);
    if let Some(product) = watts.checked_mul(ms) {
        return product.checked_div(HOUR_MS).unwrap_or(0);
    }
    let product = u128::from(watts).saturating_mul(u128::from(ms));
    let wh = product.checked_div(u128::from(HOUR_MS)).unwrap_or(0);
    u64::try_from(wh).unwrap_or(u64::MAX)
}

/// Certified storage of a hub, MB.
pub(super) fn certified_storage(member: &Member) -> Quantity {
    Quantity::new(member.capacity.storage_gb.saturating_mul(1_000))
}

impl Loads {
    /// Reads a hub's loads of a resource from the index.
    pub(super) fn read(view: &impl View, member: MemberId, resource: Resource) -> Loads {
        let mut loads = Loads::default();
        let source = LoadSource::Order(OrderId::from_hash(Hash::ZERO));
        let first = IndexKey::Load { member, resource, until: MarketTime::from_ms(0), source, energy: Quantity::ZERO };
        for key in view.index(first..) {
            let IndexKey::Load { member: m, resource: of, until, source, energy } = key else { break };
            if (m, of) != (member, resource) {
                break;
            }
            let due = loads.dues.entry(until).or_default();
            let field = match source {
                LoadSource::Order(_) => &mut due.open,
                LoadSource::Trade(_) => &mut due.running,
            };
            *field = field.saturating_add(energy.get());
        }
        loads
    }

    /// Entries that [`Loads::room`] goes through.
    pub(super) fn entries(&self) -> usize {
        self.dues.len()
    }

    /// True if `quantity` more by `until` leaves the rule intact for every t from then on.
    fn admit(&self, watts: u64, now: MarketTime, until: MarketTime, quantity: Quantity) -> bool {
        let mut due = quantity.get().saturating_add(self.sum(..=until, |d| d.open.saturating_add(d.running)));
        if due > energy(watts, now, until) {
            return false;
        }
        self.dues.range(later(until)).all(|(t, d)| {
            due = due.saturating_add(d.open).saturating_add(d.running);
            due <= energy(watts, now, *t)
        })
    }

    /// What of an ask due by `ask_until` can be matched due by `until` (at most that): for every t from `until` on, running Wh and the fill
    /// fit; where the fill is due before its ask was, all other open asks due by t fit too.
    pub(super) fn room(&self, watts: u64, now: MarketTime, until: MarketTime, ask_until: MarketTime) -> u64 {
        let (mut open, mut running) = (self.sum(..=until, |d| d.open), self.sum(..=until, |d| d.running));
        let room = |t: MarketTime, open: u64, running: u64| {
            let left = energy(watts, now, t).saturating_sub(running);
            if t < ask_until { left.saturating_sub(open) } else { left }
        };
        let mut least = room(until, open, running);
        for (t, due) in self.dues.range(later(until)) {
            open = open.saturating_add(due.open);
            running = running.saturating_add(due.running);
            least = least.min(room(*t, open, running));
        }
        least
    }

    /// Books a fill: open at the ask's time becomes running at the trade's. `undo` books it back.
    pub(super) fn book(&mut self, ask_until: MarketTime, until: MarketTime, quantity: u64, undo: bool) {
        let signed = |value: u64, up: bool| if up { value.saturating_add(quantity) } else { value.saturating_sub(quantity) };
        let ask = self.dues.entry(ask_until).or_default();
        ask.open = signed(ask.open, undo);
        let trade = self.dues.entry(until).or_default();
        trade.running = signed(trade.running, !undo);
    }

    fn sum(&self, range: impl std::ops::RangeBounds<MarketTime>, of: impl Fn(&Due) -> u64) -> u64 {
        self.dues.range(range).fold(0, |sum, (_, due)| of(due).saturating_add(sum))
    }
}

fn later(than: MarketTime) -> (std::ops::Bound<MarketTime>, std::ops::Bound<MarketTime>) {
    (std::ops::Bound::Excluded(than), std::ops::Bound::Unbounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{START, World, id};

    fn hours(h: u64) -> MarketTime {
        MarketTime::from_ms(h * HOUR_MS)
    }

    fn loads(list: &[(u64, u64, u64)]) -> Loads {
        let mut loads = Loads::default();
        for (hour, open, running) in list {
            loads.dues.insert(hours(*hour), Due { open: *open, running: *running });
        }
        loads
    }

    #[test]
    fn an_ask_fits_when_everything_due_by_each_later_time_fits() {
        // 1 kW from time 0 on: (loads, until, quantity, admitted)
        type Case<'a> = (&'a [(u64, u64, u64)], u64, u64, bool);
        let cases: [Case; 8] = [
            (&[], 10, 10_000, true),
            (&[], 10, 10_010, false),
            (&[(10, 6_000, 0)], 10, 4_000, true),
            (&[(10, 6_000, 0)], 10, 4_010, false),
            (&[(20, 15_000, 0)], 10, 5_000, true),
            (&[(20, 15_000, 0)], 10, 5_010, false),
            (&[(5, 0, 5_000), (10, 5_000, 0)], 12, 2_000, true),
            (&[(5, 0, 5_000), (10, 5_000, 0)], 12, 2_010, false),
        ];
        for (list, until, quantity, want) in cases {
            let got = loads(list).admit(1_000, hours(0), hours(until), Quantity::new(quantity));
            assert_eq!(got, want, "{list:?} {until} {quantity}");
        }
        let world = World::with_hubs(&["a"]);
        let now = MarketTime::from_ms(START);
        let hour = (now.checked_add_ms(9 * HOUR_MS).unwrap(), now.checked_add_ms(10 * HOUR_MS).unwrap());
        let admitted = |wh| admits(&world.state, (id("a"), Resource::Compute, 10_000), now, hour, Quantity::new(wh));
        assert!(admitted(10_000) && !admitted(10_010), "one hour of 10 kW makes 10 kWh");
    }

    #[test]
    fn a_match_due_earlier_than_its_ask_respects_what_others_have_due_by_then() {
        // Ask of 20 kWh due at 20 h, another ask of 6 kWh due at 10 h, a trade of 2 kWh due at 10 h.
        let loads = loads(&[(10, 6_000, 2_000), (20, 20_000, 0)]);
        assert_eq!(loads.room(1_000, hours(0), hours(10), hours(20)), 2_000);
        assert_eq!(loads.room(1_000, hours(0), hours(20), hours(20)), 18_000, "at its own time only running trades are ahead of it");
        assert_eq!(loads.room(1_000, hours(15), hours(20), hours(20)), 3_000, "hours pass while an ask rests");
    }

    #[test]
    fn booking_is_undone_exactly() {
        let before = loads(&[(10, 6_000, 2_000), (20, 20_000, 0)]);
        let mut after = before.clone();
        after.book(hours(20), hours(10), 1_000, false);
        assert_eq!(after.dues.get(&hours(10)), Some(&Due { open: 6_000, running: 3_000 }));
        after.book(hours(20), hours(10), 1_000, true);
        assert_eq!(after, before);
    }
}
