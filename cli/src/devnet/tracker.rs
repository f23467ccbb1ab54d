//! What was sent and is not final yet, which slots closed in time, and what went wrong.

use super::jobs::Job;
use leg_ledger::ids::{OrderId, TransactionId};
use leg_ledger::receipt::{Code, Receipt};
use leg_ledger::time::BlockTime;
use std::collections::{BTreeMap, BTreeSet};

/// What a transaction was for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Orders of a member; `slot` is the slot of the run whose energy they trade.
    Orders {
        /// The slot, if energy is among them.
        slot: Option<usize>,
        /// Jobs that are bid for, by action.
        jobs: BTreeMap<usize, Job>,
    },
    /// A hub's meter.
    Meter {
        /// The hub.
        hub: usize,
    },
    /// Inputs that oracles and the grid operator report, at this slot of the run.
    Report {
        /// The slot.
        slot: usize,
    },
    /// A step of trades: start, confirm.
    Step,
}

#[derive(Clone, Debug)]
struct Sent {
    who: String,
    purpose: Purpose,
    at: BlockTime,
}

/// Keeps account of the driver's transactions.
#[derive(Debug, Default)]
pub struct Tracker {
    sent: BTreeMap<TransactionId, Sent>,
    meters: BTreeSet<usize>,
    jobs: BTreeMap<OrderId, Job>,
    latencies_ms: Vec<u64>,
    late: BTreeSet<usize>,
    failures: Vec<String>,
    open_slots: BTreeMap<usize, usize>,
}

impl Tracker {
    /// A transaction is on its way. `at` MUST be before it was sent.
    pub fn on_sent(&mut self, id: TransactionId, who: String, purpose: Purpose, at: BlockTime) {
        match &purpose {
            Purpose::Meter { hub } => drop(self.meters.insert(*hub)),
            Purpose::Orders { slot: Some(slot), .. } => *self.open_slots.entry(*slot).or_default() += 1,
            _ => {}
        }
        self.sent.insert(id, Sent { who, purpose, at });
    }

    /// A transaction is final. `closes` says when a slot of the run closes.
    pub fn on_final(&mut self, id: TransactionId, receipts: &[Receipt], now: BlockTime, closes: impl Fn(usize) -> BlockTime) {
        let Some(sent) = self.sent.remove(&id) else { return };
        self.latencies_ms.push(now.ms().saturating_sub(sent.at.ms()));
        let mut refused_late = false;
        for receipt in receipts.iter().filter(|r| r.transaction == id) {
            match receipt.code {
                Code::Ok => {}
                // Energy after its slot's start, compute after its offer's end: the network was too slow for this market time.
                Code::SlotClosed | Code::BadTimeInForce => refused_late = true,
                // Likewise what is reported of a slot that has ended.
                Code::BadSlot if matches!(sent.purpose, Purpose::Report { .. }) => refused_late = true,
                code => {
                    let text = format!("{}: action {} was rejected: {} ({})", sent.who, receipt.action, code.name(), code.message().trim());
                    self.failures.push(text);
                }
            }
        }
        match sent.purpose {
            Purpose::Meter { hub } => drop(self.meters.remove(&hub)),
            Purpose::Orders { slot, jobs } => {
                let of = |receipt: &Receipt| Some((receipt.order?, jobs.get(&usize::from(receipt.action))?.clone()));
                self.jobs.extend(receipts.iter().filter(|r| r.transaction == id).filter_map(of));
                if let Some(slot) = slot {
                    self.on_slot_final(slot, refused_late || now >= closes(slot));
                }
            }
            Purpose::Report { slot } if refused_late => drop(self.late.insert(slot)),
            Purpose::Report { .. } | Purpose::Step => {}
        }
    }

    fn on_slot_final(&mut self, slot: usize, late: bool) {
        if late {
            self.late.insert(slot);
        }
        if let Some(open) = self.open_slots.get_mut(&slot) {
            *open -= 1;
            if *open == 0 {
                self.open_slots.remove(&slot);
            }
        }
    }

    /// Marks slots as late that closed before all their orders were final.
    pub fn close_slots(&mut self, before: usize) {
        let open: Vec<usize> = self.open_slots.range(..before).map(|(slot, _)| *slot).collect();
        self.late.extend(open);
    }

    /// Something went wrong.
    pub fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    /// True while a meter's last transaction is not final.
    pub fn meter_is_busy(&self, hub: usize) -> bool {
        self.meters.contains(&hub)
    }

    /// The job that an order bids for.
    pub fn job(&self, bid: &OrderId) -> Option<&Job> {
        self.jobs.get(bid)
    }

    /// Transactions that are not final yet.
    pub fn waiting(&self) -> usize {
        self.sent.len()
    }

    /// Who waits longest, and since when.
    pub fn oldest(&self) -> Option<(&str, BlockTime)> {
        self.sent.values().map(|s| (s.who.as_str(), s.at)).min_by_key(|(_, at)| *at)
    }

    /// Slots that closed before all their orders were final.
    pub fn late(&self) -> &BTreeSet<usize> {
        &self.late
    }

    /// What went wrong.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// From sending to finality, ms, in the order of finality.
    pub fn latencies_ms(&self) -> &[u64] {
        &self.latencies_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leg_ledger::hash::Hash;

    fn id(n: u8) -> TransactionId {
        TransactionId::from_hash(Hash::from_bytes([n; 32]))
    }

    fn orders(slot: usize) -> Purpose {
        Purpose::Orders { slot: Some(slot), jobs: BTreeMap::new() }
    }

    fn receipt(n: u8, code: Code) -> Receipt {
        Receipt { transaction: id(n), action: 0, code, order: None }
    }

    #[test]
    fn a_slot_is_late_when_orders_are_final_after_it_closed_or_not_at_all() {
        let mut tracker = Tracker::default();
        let at = BlockTime::from_ms(100);
        for (n, slot) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
            tracker.on_sent(id(n), "hub-01".into(), orders(slot), at);
        }
        let closes = |slot: usize| BlockTime::from_ms(1_000 * slot as u64);
        tracker.on_final(id(1), &[receipt(1, Code::Ok)], BlockTime::from_ms(999), closes);
        tracker.on_final(id(2), &[receipt(2, Code::Ok)], BlockTime::from_ms(2_000), closes);
        tracker.on_final(id(3), &[receipt(3, Code::SlotClosed)], BlockTime::from_ms(2_500), closes);
        tracker.close_slots(5);
        assert_eq!(tracker.late().iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(tracker.latencies_ms(), [899, 1_900, 2_400]);
        assert!(tracker.failures().is_empty());
    }

    #[test]
    fn an_input_of_a_slot_that_has_ended_is_late_and_another_rejection_of_it_a_failure() {
        let mut tracker = Tracker::default();
        for (n, code) in [(1, Code::BadSlot), (2, Code::UnknownZone)] {
            tracker.on_sent(id(n), "oracle-01".into(), Purpose::Report { slot: 7 }, BlockTime::from_ms(0));
            tracker.on_final(id(n), &[receipt(n, code)], BlockTime::from_ms(1), |_| BlockTime::from_ms(0));
        }
        assert_eq!(tracker.late().iter().copied().collect::<Vec<_>>(), [7]);
        assert!(tracker.failures().len() == 1 && tracker.failures()[0].contains("unknown_zone"));
    }

    #[test]
    fn a_rejection_is_a_failure_with_its_code_and_a_meter_is_busy_until_final() {
        let mut tracker = Tracker::default();
        tracker.on_sent(id(1), "hub-03".into(), Purpose::Meter { hub: 2 }, BlockTime::from_ms(0));
        assert!(tracker.meter_is_busy(2));
        tracker.on_final(id(1), &[receipt(1, Code::BadReading)], BlockTime::from_ms(1), |_| BlockTime::from_ms(0));
        assert!(!tracker.meter_is_busy(2) && tracker.waiting() == 0);
        assert!(tracker.failures()[0].contains("bad_reading") && tracker.failures()[0].starts_with("hub-03"));
    }
}
