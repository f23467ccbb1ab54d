//! Monthly charges, and what becomes of who left (MARKET 2, 11). Left out: more than 64 members charged in a block.

use super::settle::months_later;
use super::{DAY_MS, Member, Model};
use leg_ledger::ids::MemberId;
use leg_ledger::member::{MemberStatus, Role};
use leg_ledger::params::Charges;
use std::rc::Rc;

const HOUR_MS: u64 = 3_600_000;
/// After that nothing that comes in is paid out any more.
const SETTLED_MS: u64 = 31 * DAY_MS;
const RAPPEN: u64 = 10_000;

fn owed(member: &Member, charges: &Charges) -> u64 {
    if member.status != MemberStatus::Active {
        return 0;
    }
    let (hub, capacity) = (member.role == Role::Hub, member.capacity);
    let certified = hub && (capacity.compute_watts > 0 || capacity.storage_gb > 0 || capacity.machines > 0);
    let access = if hub || member.role == Role::Customer { charges.api_access.get() } else { 0 };
    let certification = if certified { charges.certification.get() } else { 0 };
    let support = if hub { charges.support.get() } else { 0 };
    access + certification + support
}

impl Model {
    fn month_end(&self, months: u32) -> u64 {
        months_later(self.params.clock.origin.ms(), months)
    }

    /// Charges begin with the month that is going on.
    pub(super) fn begin_charges(&mut self) {
        let ends = (1..).find(|months| self.month_end(*months) > self.now).expect("months go on");
        self.charged_months.get_or_insert(ends);
    }

    pub(super) fn charges_due(&self) -> Option<u64> {
        self.charged_months.map(|month| self.month_end(month))
    }

    pub(super) fn charge(&mut self) {
        let charges = self.params.charges;
        if charges == Charges::default() {
            self.charged_months = None;
            return;
        }
        let amounts: Vec<(MemberId, u64)> = self.members.iter().map(|(id, m)| (*id, owed(m, &charges))).collect();
        for (member, amount) in amounts.into_iter().filter(|(_, amount)| *amount > 0) {
            let purse = self.purse(member);
            let paid = amount.min(purse.free);
            purse.free -= paid;
            purse.debt += amount - paid;
            self.common.fee += paid;
            if amount > paid {
                *self.arrears.entry(member).or_default() += amount - paid;
            }
        }
        self.charged_months = self.charged_months.map(|month| month + 1);
    }

    /// Each hour: once nothing runs, the balance leaves in whole Rappen, and the node's keys leave the registry.
    pub(super) fn depart(&mut self, id: MemberId) {
        let (since, _) = self.departures[&id];
        let trades = self.trades.values().any(|t| t.buyer == id || t.seller == id);
        let contracts = self.contracts.values().any(|c| c.buyer == id || c.seller == id);
        let purse = *self.purse(id);
        let runs = trades || contracts || purse.reserved + purse.escrow + purse.bond > 0;
        if !runs {
            self.pay_debt(id);
            let purse = self.purse(id);
            let out = purse.free / RAPPEN * RAPPEN;
            purse.free -= out;
            self.common.withdrawn += out;
            let keys = &mut Rc::make_mut(&mut self.members).get_mut(&id).expect("registered").keys;
            (keys.consensus, keys.network) = (None, Vec::new());
        }
        if !runs && self.now - since >= SETTLED_MS {
            self.departures.remove(&id);
        } else {
            self.departures.insert(id, (since, self.now + HOUR_MS));
        }
    }
}
