//! Registers that only grow, and what trades claim of them (MARKET 6).

use super::state::{Exchange, Origin, Register};
use super::{DAY_MS, Model, SLOT_MS};
use leg_ledger::ids::{LegId, MemberId, TradeId};
use leg_ledger::receipt::Code;
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{Market, Reading, Resource};
use std::collections::BTreeMap;

/// What is known by slot is forgotten so long after it.
pub(super) const KEPT_MS: u64 = 31 * DAY_MS;

/// When what is known of a slot leaves the state.
pub(super) fn forgotten(slot: u64) -> u64 {
    (slot + 1) * SLOT_MS + KEPT_MS
}

impl Model {
    pub(super) fn submit_readings(&mut self, origin: &Origin, readings: &[Reading]) -> Result<(), Code> {
        if readings.is_empty() {
            return Err(Code::BadReading);
        }
        self.take_readings(origin.signer, readings)
    }

    pub(super) fn take_readings(&mut self, member: MemberId, readings: &[Reading]) -> Result<(), Code> {
        for reading in readings {
            let increase = self.accept(member, reading)?;
            if reading.register == Resource::Energy {
                self.deliver_energy(member, reading.slot.get(), increase)?;
            } else {
                self.record(member, reading.register, reading.slot.get(), increase);
            }
        }
        Ok(())
    }

    fn accept(&mut self, member: MemberId, reading: &Reading) -> Result<u64, Code> {
        let (slot, wh) = (reading.slot.get(), reading.register_wh.get());
        let readable = match reading.register {
            Resource::Compute | Resource::ComputeHours | Resource::Heat => slot * SLOT_MS,
            Resource::Energy => (slot + 1) * SLOT_MS,
            _ => return Err(Code::BadReading),
        };
        if readable > self.now || self.now >= forgotten(slot) {
            return Err(Code::BadSlot);
        }
        let increase = match self.registers.get(&(member, reading.register)) {
            None if reading.sequence == 0 => 0,
            None if reading.sequence == 1 => wh,
            None => return Err(Code::BadReading),
            Some(last) => {
                let back = slot < last.slot || (reading.register == Resource::Energy && slot == last.slot);
                if back || reading.sequence != last.sequence + 1 || wh < last.wh {
                    return Err(Code::BadReading);
                }
                wh - last.wh
            }
        };
        self.registers.insert((member, reading.register), Register { sequence: reading.sequence, slot, wh });
        Ok(increase)
    }

    /// A gap in the sequence of a register, or a fall: what no meter in order shows, unlike a reading that is sent twice.
    pub(super) fn is_broken(&self, member: MemberId, readings: &[Reading]) -> bool {
        let mut last: BTreeMap<Resource, (u64, u64)> = BTreeMap::new();
        readings.iter().any(|reading| {
            let register = self.registers.get(&(member, reading.register)).copied().unwrap_or_default();
            let known = last.entry(reading.register).or_insert((register.sequence, register.wh));
            let (sequence, wh) = std::mem::replace(known, (reading.sequence, reading.register_wh.get()));
            reading.sequence > sequence + 1 || (reading.sequence == sequence + 1 && reading.register_wh.get() < wh)
        })
    }

    fn record(&mut self, member: MemberId, register: Resource, slot: u64, increase: u64) {
        if increase > 0 {
            let entry = self.readings.entry((member, register, slot)).or_default();
            entry.increase += increase;
            // What is read after a correction comes on top of it.
            entry.corrected = entry.corrected.map(|corrected| corrected + increase);
        }
    }

    pub(super) fn claim(&mut self, member: MemberId, register: Resource, slot: u64, wh: u64) -> Result<(), Code> {
        if wh == 0 {
            return Ok(());
        }
        let entry = self.readings.get_mut(&(member, register, slot)).ok_or(Code::OverClaimed)?;
        entry.claimed += wh;
        if entry.claimed > entry.increase { Err(Code::OverClaimed) } else { Ok(()) }
    }

    /// The metered surplus of a seller's slot, shared pro rata over its trades in the order of their ids.
    fn deliver_energy(&mut self, seller: MemberId, slot: u64, surplus: u64) -> Result<(), Code> {
        let in_time = |due: Option<u64>| due.is_none_or(|due| due > self.now);
        let waiting: Vec<(TradeId, LegId)> = self
            .trades
            .iter()
            .filter(|(_, t)| t.seller == seller && t.status == TradeStatus::Pending && in_time(t.deadline))
            .filter_map(|(id, t)| match t.market {
                Market::Energy { leg, slot: s } if s.get() == slot => Some((*id, leg)),
                _ => None,
            })
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let sold: u64 = waiting.iter().map(|(id, _)| self.trades[id].quantity).sum();
        self.record(seller, Resource::Energy, slot, surplus);
        self.claim(seller, Resource::Energy, slot, surplus.min(sold))?;
        let mut before = 0;
        for (id, leg) in waiting {
            let quantity = self.trades[&id].quantity;
            let wh = running_share(before + quantity, surplus, sold) - running_share(before, surplus, sold);
            before += quantity;
            let mut exchange = self.exchange(leg, slot);
            exchange.waiting -= 1;
            exchange.ready += 1;
            exchange.metered += wh;
            self.put_exchange(leg, slot, exchange);
            let trade = self.trades.get_mut(&id).expect("open");
            trade.delivered = vec![(slot, wh)];
            trade.status = TradeStatus::Settling;
            trade.deadline = None;
        }
        Ok(())
    }

    pub(super) fn exchange(&self, leg: LegId, slot: u64) -> Exchange {
        self.exchanges.get(&(leg, slot)).copied().unwrap_or(Exchange {
            reported: None,
            report_deadline: (slot + 1) * SLOT_MS + self.params.exchange_window_ms,
            waiting: 0,
            ready: 0,
            metered: 0,
            settled: 0,
            due: None,
        })
    }

    pub(super) fn put_exchange(&mut self, leg: LegId, slot: u64, mut exchange: Exchange) {
        exchange.due = match (exchange.waiting, exchange.ready, exchange.reported) {
            (0, 0, _) => Some(forgotten(slot)),
            (0, _, Some(_)) => Some(self.now),
            (0, _, None) => Some(exchange.report_deadline),
            _ => None,
        };
        self.exchanges.insert((leg, slot), exchange);
    }
}

/// `floor(parts x min(limit, total) / total)`: what the first `parts` of a total get of a limit.
pub(super) fn running_share(parts: u64, limit: u64, total: u64) -> u64 {
    if total == 0 {
        return 0;
    }
    u64::try_from(u128::from(parts) * u128::from(limit.min(total)) / u128::from(total)).expect("at most the parts")
}
