//! What is due by itself (MARKET 3, phase 1).

use super::meters::{forgotten, running_share};
use super::{DAY_MS, Model, SLOT_MS};
use leg_ledger::ids::{LegId, MemberId, OrderId, PlaceId, ProposalId, TradeId};
use leg_ledger::state::{HeatLotKey, OracleInput, TradeStatus};
use leg_ledger::transaction::{Market, Resource};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Reports of a slot are kept so long after it.
const REPORTS_KEPT_MS: u64 = 8 * DAY_MS;
/// Energy trades that one due time settles.
const SETTLED_AT_ONCE: usize = 64;

/// What is due, in the order in which equal times run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Order(OrderId),
    Trade(TradeId),
    Lot(HeatLotKey),
    Exchange(LegId, u64),
    Reading(MemberId, Resource, u64),
    Forecast(MemberId, u64),
    Market(Market),
    Storage(TradeId),
    Reports(OracleInput, PlaceId, u64),
    Dispute(TradeId),
    Proposal(ProposalId),
    Departure(MemberId),
    Charges,
}

impl Model {
    fn timers(&self) -> BTreeSet<(u64, Timer)> {
        let mut all = BTreeSet::new();
        all.extend(self.orders.iter().map(|(id, o)| (o.expires, Timer::Order(*id))));
        all.extend(self.trades.iter().filter_map(|(id, t)| Some((t.deadline?, Timer::Trade(*id)))));
        all.extend(self.lots.iter().map(|(key, lot)| (lot.expires, Timer::Lot(*key))));
        all.extend(self.exchanges.iter().filter_map(|((leg, slot), e)| Some((e.due?, Timer::Exchange(*leg, *slot)))));
        all.extend(self.readings.keys().map(|(m, r, slot)| (forgotten(*slot), Timer::Reading(*m, *r, *slot))));
        all.extend(self.forecasts.keys().map(|(m, slot)| (forgotten(*slot), Timer::Forecast(*m, *slot))));
        all.extend(self.last_price.keys().filter_map(|market| match market {
            Market::Energy { slot, .. } => Some((slot.get() * SLOT_MS, Timer::Market(*market))),
            _ => None,
        }));
        all.extend(self.contracts.iter().map(|(id, c)| (c.due(), Timer::Storage(*id))));
        all.extend(self.disputes.iter().map(|(id, d)| (d.verdict_until, Timer::Dispute(*id))));
        all.extend(self.proposals.iter().filter(|(_, p)| p.due.is_none()).map(|(id, p)| (p.deadline, Timer::Proposal(*id))));
        all.extend(self.departures.iter().map(|(id, (_, due))| (*due, Timer::Departure(*id))));
        all.extend(self.charges_due().map(|due| (due, Timer::Charges)));
        let kept = |slot: u64| (slot + 1) * SLOT_MS + REPORTS_KEPT_MS;
        all.extend(self.reports.keys().map(|(input, zone, slot)| (kept(*slot), Timer::Reports(*input, *zone, *slot))));
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
                _ => self.cancelled(id, Some(self.trades[&id].seller)),
            },
            Timer::Lot(key) => self.expire_heat(key),
            Timer::Exchange(leg, slot) => self.settle_exchange(leg, slot),
            Timer::Reading(member, register, slot) => {
                self.readings.remove(&(member, register, slot));
                self.sales.remove(&(member, register, slot));
            }
            Timer::Dispute(id) => self.end_dispute(id),
            Timer::Proposal(id) => drop(self.proposals.remove(&id)),
            Timer::Departure(member) => self.depart(member),
            Timer::Charges => self.charge(),
            Timer::Forecast(member, slot) => drop(self.forecasts.remove(&(member, slot))),
            Timer::Market(market) => drop(self.last_price.remove(&market)),
            Timer::Storage(id) => self.step_contract(id),
            Timer::Reports(input, zone, slot) => drop(Rc::make_mut(&mut self.reports).remove(&(input, zone, slot))),
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
            let trade = self.trades[&id].clone();
            let metered = trade.delivered[0].1;
            let upto = |parts| running_share(parts, limit, exchange.metered);
            let paid = upto(exchange.settled + metered) - upto(exchange.settled);
            self.settle(id, trade, paid, metered);
            exchange.settled += metered;
            exchange.ready -= 1;
        }
        self.put_exchange(leg, slot, exchange);
    }
}
