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

    /// Debt is paid as soon as something is free: to creditors in the order of their ids, then to `penalties`, then to
    /// `fee` what is owed to it.
    pub(super) fn pay_debt(&mut self, member: MemberId) {
        let purse = self.purse(member);
        let mut left = purse.debt.min(purse.free);
        purse.debt -= left;
        purse.free -= left;
        let creditors: Vec<MemberId> = self.owed.keys().filter(|(debtor, _)| *debtor == member).map(|(_, creditor)| *creditor).collect();
        for creditor in creditors {
            let owed = self.owed.get_mut(&(member, creditor)).expect("listed");
            let part = left.min(*owed);
            *owed -= part;
            left -= part;
            self.purse(creditor).free += part;
        }
        self.owed.retain(|_, amount| *amount > 0);
        let to_fee = self.arrears.get(&member).copied().unwrap_or(0);
        let to_penalties = left.min(self.purse(member).debt + left - to_fee);
        self.common.penalties += to_penalties;
        self.common.fee += left - to_penalties;
        if left > to_penalties {
            self.arrears.insert(member, to_fee - (left - to_penalties));
            self.arrears.retain(|_, amount| *amount > 0);
        }
    }
}
