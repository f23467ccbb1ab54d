//! Corrections by the grid operator (MARKET 6): what they leave of claims, and what is booked back.

use super::reputation::{COMPLETION, SETTLEMENT};
use super::state::{Origin, Register, Sale, Trade};
use super::{Model, SLOT_MS, fraction};
use leg_ledger::ids::MemberId;
use leg_ledger::member::Role;
use leg_ledger::receipt::Code;
use leg_ledger::transaction::{CorrectReading, Resource};

/// Buyers of a slot that are kept apart.
const MAX_BUYERS: usize = 64;

impl Model {
    pub(super) fn correct(&mut self, origin: &Origin, correction: &CorrectReading) -> Result<(), Code> {
        let operator = self.member(origin.signer);
        if operator.role != Role::GridOperator {
            return Err(Code::WrongRole);
        }
        let grid = operator.location.grid_operator;
        let Some(member) = self.registry.get(&correction.member).filter(|m| m.location.grid_operator == grid) else {
            return Err(Code::NotParty);
        };
        let (register, slot, increase) = (correction.register, correction.slot.get(), correction.increase.get());
        if register == Resource::Storage {
            return Err(Code::BadReading);
        }
        let end = (slot + 1) * SLOT_MS;
        if end > self.now {
            return Err(Code::BadSlot);
        }
        if end + self.params.disputes.correction_window_ms <= self.now {
            return Err(Code::TooLate);
        }
        let exchange = member.location.leg.and_then(|leg| self.exchanges.get(&(leg, slot)));
        if register == Resource::Energy && exchange.is_some_and(|e| e.waiting + e.ready > 0) {
            return Err(Code::TooEarly);
        }
        if let Some((sequence, stand)) = correction.stand {
            if self.registers.get(&(correction.member, register)).is_some_and(|last| slot < last.slot) {
                return Err(Code::BadSlot);
            }
            self.registers.insert((correction.member, register), Register { sequence, slot, wh: stand.get() });
        }
        let key = (correction.member, register, slot);
        let entry = self.readings.entry(key).or_default();
        if entry.corrected.is_some() {
            return Err(Code::AlreadyReported);
        }
        entry.corrected = Some(increase);
        entry.increase = increase.max(entry.claimed);
        let claimed = entry.claimed;
        let sales = self.sales.get(&key).cloned().unwrap_or_default();
        // What a community did not take of a seller's surplus was nobody's claim.
        let all = if register == Resource::Energy { sales.iter().map(|s| s.claimed).sum() } else { claimed };
        if increase < all {
            sales.iter().for_each(|sale| self.book_back(correction.member, sale, increase, all));
        }
        Ok(())
    }

    /// A sale of which only `supported` of `all` claims stands.
    fn book_back(&mut self, seller: MemberId, sale: &Sale, supported: u64, all: u64) {
        let due = fraction(sale.claimed, supported, all).min(sale.paid);
        let back = sale.gross - fraction(sale.gross, due, sale.paid);
        let debt = self.purse(seller).debt;
        self.purse(seller).debt += back;
        if let Some(buyer) = sale.buyer.filter(|_| back > 0) {
            *self.owed.entry((seller, buyer)).or_default() += back;
        }
        self.pay_debt(seller);
        let owed = self.purse(seller).debt.saturating_sub(debt);
        if let Some(buyer) = sale.buyer {
            self.remark(seller, COMPLETION, buyer, 0, back);
            self.remark(seller, SETTLEMENT, buyer, back.saturating_sub(owed), back);
        }
    }

    /// What a register, as corrected, leaves of a claim of a slot: all claims of the slot bear it pro rata.
    pub(super) fn left_of(&self, member: MemberId, register: Resource, slot: u64, claim: u64) -> u64 {
        let entry = self.readings.get(&(member, register, slot)).copied().unwrap_or_default();
        match entry.corrected {
            Some(corrected) if corrected < entry.claimed => fraction(claim, corrected, entry.claimed),
            _ => claim,
        }
    }

    /// What is left of what a trade claimed, by slot.
    pub(super) fn made(&self, trade: &Trade) -> Vec<(u64, u64)> {
        let register = trade.market.resource();
        trade.delivered.iter().map(|(slot, wh)| (*slot, self.left_of(trade.seller, register, *slot, *wh))).collect()
    }

    pub(super) fn supported(&self, trade: &Trade) -> u64 {
        self.made(trade).iter().map(|(_, wh)| wh).sum()
    }

    /// Who paid what for how much of a slot, as long as it was not corrected. What is paid counts against what was made, in the order of
    /// slots.
    pub(super) fn book_sales(&mut self, trade: &Trade, made: &[(u64, u64)], paid: u64) {
        let register = trade.market.resource();
        if !matches!(register, Resource::Compute | Resource::ComputeHours | Resource::Energy) {
            return;
        }
        let mut before = 0;
        for (slot, delivered) in made {
            let part = (paid - before).min(*delivered);
            let gross = trade.value(before + part) - trade.value(before);
            let claimed = if register == Resource::Energy { part } else { *delivered };
            before += part;
            let key = (trade.seller, register, *slot);
            if gross == 0 || self.readings.get(&key).is_none_or(|entry| entry.corrected.is_some()) {
                continue;
            }
            let sales = self.sales.entry(key).or_default();
            let full = sales.len() >= MAX_BUYERS;
            let known = sales.iter().position(|s| s.buyer == Some(trade.buyer) || (full && s.buyer.is_none()));
            let place = known.unwrap_or(sales.len());
            if place == sales.len() {
                sales.push(Sale { buyer: Some(trade.buyer).filter(|_| !full), claimed: 0, paid: 0, gross: 0 });
            }
            let sale = &mut sales[place];
            (sale.claimed, sale.paid, sale.gross) = (sale.claimed + claimed, sale.paid + part, sale.gross + gross);
        }
    }
}
