//! Paying for a trade (MARKET 1, 6).

use super::state::Trade;
use super::{Model, gross, share};
use leg_ledger::ids::TradeId;
use leg_ledger::transaction::Resource;

impl Trade {
    /// Value of the first `quantity` of the fills, in their order.
    pub(super) fn value(&self, quantity: u64) -> u64 {
        let (mut left, mut sum) = (quantity, 0);
        for (wh, price) in &self.fills {
            let part = left.min(*wh);
            left -= part;
            sum += gross(*price, part);
        }
        sum
    }
}

/// What a dispute left alone moved at its opening.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    pub gross: u64,
    pub fee: u64,
    pub refund: u64,
}

impl Model {
    /// Pays `payable`, punishes by what `metered` lacks, and ends the trade.
    pub(super) fn settle(&mut self, id: TradeId, trade: Trade, payable: u64, metered: u64) {
        self.remark_disputes(&trade, None);
        self.pay(id, trade, Moved::default(), payable, metered);
    }

    /// As [`Model::settle`], where a part of the money has moved already.
    pub(super) fn pay(&mut self, id: TradeId, trade: Trade, moved: Moved, payable: u64, metered: u64) {
        self.trades.remove(&id);
        let paid = payable.min(trade.quantity);
        let price = trade.value(paid).min(trade.escrow);
        let fee = share(price, trade.fee);
        let missing = trade.quantity.saturating_sub(metered);
        let beyond = missing.saturating_sub(share(trade.quantity, u64::from(self.params.under_delivery_tolerance.get())));
        let lost = trade.value(trade.quantity) - trade.value(trade.quantity - beyond);
        let penalty = share(lost, u64::from(self.params.under_delivery_penalty.get()));
        let debt = self.purse(trade.seller).debt;
        self.pay_seller(&trade, price - moved.gross, fee - moved.fee);
        self.refund(trade.buyer, trade.escrow - price - moved.refund);
        self.purse(trade.seller).debt += penalty;
        self.pay_debt(trade.seller);
        if trade.solar && penalty == 0 {
            let bonus = share(price, u64::from(self.params.solar_bonus.get())).min(self.common.penalties);
            self.common.penalties -= bonus;
            self.purse(trade.seller).free += bonus;
        }
        self.pay_debt(trade.seller);
        let kept = match trade.market.resource() {
            Resource::Storage => price,
            _ if penalty == 0 => trade.escrow,
            _ => trade.value(metered),
        };
        let owed = self.purse(trade.seller).debt.saturating_sub(debt);
        self.remark_settled(&trade, kept, owed);
        let made = self.made(&trade);
        self.book_sales(&trade, &made, paid);
        if trade.market.resource() == Resource::Compute {
            self.issue_heat(id, &trade, &made, paid);
        }
    }

    fn pay_seller(&mut self, trade: &Trade, price: u64, fee: u64) {
        self.purse(trade.buyer).escrow -= price;
        self.common.fee += fee;
        self.purse(trade.seller).free += price - fee;
    }

    /// What both sides agree on is paid, what neither claims is refunded.
    pub(super) fn settle_undisputed(&mut self, trade: &Trade, low: u64, high: u64) -> Moved {
        let gross = trade.value(low).min(trade.escrow);
        let moved = Moved { gross, fee: share(gross, trade.fee), refund: trade.escrow - trade.value(high).min(trade.escrow) };
        self.pay_seller(trade, moved.gross, moved.fee);
        self.refund(trade.buyer, moved.refund);
        self.pay_debt(trade.seller);
        moved
    }
}

/// The same UTC day and time some calendar months later, the day clamped to the month's last (MARKET 1).
pub(super) fn months_later(ms: u64, months: u32) -> u64 {
    let is_leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
    let length = |y: u64, m: u64| match m {
        1 => 28 + u64::from(is_leap(y)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let (mut day, mut year, mut month) = (ms / super::DAY_MS, 1970, 0);
    while day >= length(year, month) {
        day -= length(year, month);
        month += 1;
        (year, month) = (year + month / 12, month % 12);
    }
    let index = month + u64::from(months);
    let (target_year, target_month) = (year + index / 12, index % 12);
    let day = day.min(length(target_year, target_month) - 1);
    let mut days = day;
    for y in 1970..target_year {
        days += if is_leap(y) { 366 } else { 365 };
    }
    days += (0..target_month).map(|m| length(target_year, m)).sum::<u64>();
    days * super::DAY_MS + ms % super::DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_at_its_last_day() {
        let day = super::super::DAY_MS;
        // 2025-01-31 is day 20 119 of the Unix calendar; 2024-02-29 is day 19 782.
        let table = [(20_119, 1, 20_147), (20_119, 12, 20_484), (19_782, 12, 20_147), (20_119, 2, 20_178)];
        for (from, months, to) in table {
            assert_eq!(months_later(from * day + 5, months), to * day + 5, "{months} months after day {from}");
        }
    }

    #[test]
    fn halves_go_to_the_even() {
        assert_eq!([gross(1, 500), gross(3, 500), gross(1, 501), gross(150_000, 10_000)], [0, 2, 1, 1_500_000]);
    }
}
