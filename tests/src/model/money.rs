//! Where money goes (MARKET 1): nothing here makes any.

use super::Model;
use leg_ledger::ids::MemberId;
use leg_ledger::receipt::Code;

impl Model {
    pub(super) fn purse(&mut self, member: MemberId) -> &mut super::Purse {
        self.purses.entry(member).or_default()
    }

    pub(super) fn reserve(&mut self, member: MemberId, amount: u64) -> Result<(), Code> {
        let purse = self.purse(member);
        purse.free = purse.free.checked_sub(amount).ok_or(Code::InsufficientFunds)?;
        purse.reserved += amount;
        Ok(())
    }

    pub(super) fn release(&mut self, member: MemberId, amount: u64) {
        if amount == 0 {
            return;
        }
        let purse = self.purse(member);
        purse.reserved -= amount;
        purse.free += amount;
        self.pay_debt(member);
    }

    pub(super) fn escrow_reserved(&mut self, member: MemberId, amount: u64) {
        let purse = self.purse(member);
        purse.reserved -= amount;
        purse.escrow += amount;
    }

    pub(super) fn refund(&mut self, member: MemberId, amount: u64) {
        let purse = self.purse(member);
        purse.escrow -= amount;
        purse.free += amount;
        self.pay_debt(member);
    }

    /// Debt is paid to `penalties` as soon as something is free.
    pub(super) fn pay_debt(&mut self, member: MemberId) {
        let purse = self.purse(member);
        let paid = purse.debt.min(purse.free);
        purse.debt -= paid;
        purse.free -= paid;
        self.common.penalties += paid;
    }
}
