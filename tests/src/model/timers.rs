//! What is due by itself (MARKET 3, phase 1), and the reference prices of phase 4 (MARKET 5).

use super::meters::{forgotten, running_share};
use super::{LotKey, Model, SLOT_MS};
use leg_ledger::ids::{LegId, MemberId, OrderId, OwnerId, TradeId};
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{Market, Resource, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Energy trades that one due time settles.
const SETTLED_AT_ONCE: usize = 64;

/// What is due, in the order in which equal times run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Order(OrderId),
    Trade(TradeId),
    Lot(LotKey),
    Exchange(LegId, u64),
    Reading(MemberId, Resource, u64),
    Forecast(MemberId, u64),
    Market(Market),
}

impl Model {
    fn timers(&self) -> BTreeSet<(u64, Timer)> {
        let mut all = BTreeSet::new();
        all.extend(self.orders.iter().map(|(id, o)| (o.expires, Timer::Order(*id))));
        all.extend(self.trades.iter().filter_map(|(id, t)| Some((t.deadline?, Timer::Trade(*id)))));
        all.extend(self.lots.iter().map(|(key, (_, expires))| (*expires, Timer::Lot(*key))));
        all.extend(self.exchanges.iter().filter_map(|((leg, slot), e)| Some((e.due?, Timer::Exchange(*leg, *slot)))));
        all.extend(self.readings.keys().map(|(m, r, slot)| (forgotten(*slot), Timer::Reading(*m, *r, *slot))));
        all.extend(self.forecasts.keys().map(|(m, slot)| (forgotten(*slot), Timer::Forecast(*m, *slot))));
        all.extend(self.last_price.keys().filter_map(|market| match market {
            Market::Energy { slot, .. } => Some((slot.get() * SLOT_MS, Timer::Market(*market))),
            _ => None,
        }));
        all
    }

    pub(super) fn run_timers(&mut self) {
        let due: Vec<(u64, Timer)> = self.timers().into_iter().take_while(|(due, _)| *due <= self.now).collect();
        for timer in due {
            // Something before it in this block may have ended or moved it.
            if self.timers().contains(&timer) {
                self.fire(timer.1);
            }
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Order(id) => self.end_order(id),
            Timer::Trade(id) => match self.trades[&id].status {
                TradeStatus::Delivered => self.confirmed(id, true),
                _ => self.cancelled(id),
            },
            Timer::Lot(key) => {
                let (wh, _) = self.lots.remove(&key).expect("it is due");
                self.purse(key.0).heat -= wh;
                self.common.heat_expired += wh;
            }
            Timer::Exchange(leg, slot) => self.settle_exchange(leg, slot),
            Timer::Reading(member, register, slot) => drop(self.readings.remove(&(member, register, slot))),
            Timer::Forecast(member, slot) => drop(self.forecasts.remove(&(member, slot))),
            Timer::Market(market) => drop(self.last_price.remove(&market)),
        }
    }

    /// The report, or the meters alone, limit what a community's slot pays.
    fn settle_exchange(&mut self, leg: LegId, slot: u64) {
        let mut exchange = self.exchanges[&(leg, slot)];
        if exchange.ready == 0 {
            self.exchanges.remove(&(leg, slot));
            return;
        }
        let limit = exchange.reported.unwrap_or(exchange.metered);
        for id in self.energy_trades(leg, slot).into_iter().take(SETTLED_AT_ONCE) {
            let metered = self.trades[&id].delivered[0].1;
            let upto = |parts| running_share(parts, limit, exchange.metered);
            let paid = upto(exchange.settled + metered) - upto(exchange.settled);
            self.settle(id, paid, metered);
            exchange.settled += metered;
            exchange.ready -= 1;
        }
        self.put_exchange(leg, slot, exchange);
    }

    /// Once a slot, for compute and for each community's energy.
    pub(super) fn update_references(&mut self) {
        let slot = self.now / SLOT_MS;
        if self.reference_slot >= slot {
            return;
        }
        self.reference_slot = slot;
        let legs: BTreeSet<LegId> = self.members.values().filter_map(|m| m.location.leg).collect();
        self.update_reference(Resource::Compute, None, slot);
        for leg in legs {
            self.update_reference(Resource::Energy, Some(leg), slot);
        }
    }

    fn update_reference(&mut self, resource: Resource, leg: Option<LegId>, slot: u64) {
        let rules = self.params.resources.of(resource);
        let (base, tick) = (rules.base.micro_chf(), rules.tick.micro_chf());
        let before = self.references.get(&(resource, leg)).copied().unwrap_or(base);
        let since = (slot - 1) * SLOT_MS;
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for order in self.orders.values() {
            let own_leg = if let Market::Energy { leg, .. } = order.market { Some(leg) } else { None };
            let limit = order.terms.limit.micro_chf();
            let (side, counts) = match order.terms.side {
                Side::Bid => (0, limit >= before),
                Side::Ask => (1, limit <= before),
            };
            if order.market.resource() == resource && own_leg == leg && counts && order.placed_at <= since {
                let owner: OwnerId = self.member(order.member).owner;
                *sides[side].entry(owner).or_insert(0_u64) += order.open;
            }
        }
        let [bids, asks] = sides.map(|side| {
            let total: u64 = side.values().sum();
            side.values().map(|wh| i128::from((*wh).min(total / 5))).sum::<i128>()
        });
        let demand = if bids + asks == 0 { 0 } else { (5_000 * (bids - asks) / (bids + asks)).clamp(-2_000, 2_000) };
        let scaled = i128::from(base) * (10_000 + demand) / 10_000;
        let price = u64::try_from(scaled).expect("positive").clamp(base / 2, base * 2);
        self.references.insert((resource, leg), price / tick * tick);
    }
}
