//! The steps of a trade (MARKET 6).

use super::reputation::{COMPLETION, SETTLEMENT};
use super::{Model, Origin, SLOT_MS, Trade};
use leg_ledger::ids::{LegId, MemberId, TradeId};
use leg_ledger::member::Role;
use leg_ledger::receipt::Code;
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{CompleteTrade, Market, Product, Resource};

impl Model {
    fn trade(&self, id: TradeId) -> Result<Trade, Code> {
        self.trades.get(&id).cloned().ok_or(Code::UnknownTrade)
    }

    fn in_time(&self, trade: &Trade) -> Result<(), Code> {
        if trade.deadline.is_some_and(|due| due <= self.now) { Err(Code::TooLate) } else { Ok(()) }
    }

    pub(super) fn start(&mut self, origin: &Origin, id: TradeId) -> Result<(), Code> {
        let mut trade = self.trade(id)?;
        if trade.seller != origin.signer {
            return Err(Code::NotParty);
        }
        let (Product::Compute { from, until } | Product::ComputeHours { from, until }) = trade.product else {
            return Err(Code::WrongState);
        };
        if trade.status != TradeStatus::Pending {
            return Err(Code::WrongState);
        }
        self.in_time(&trade)?;
        if self.now < from.ms() {
            return Err(Code::TooEarly);
        }
        trade.status = TradeStatus::Running;
        trade.deadline = Some(until.ms() + self.params.complete_window_ms);
        self.trades.insert(id, trade);
        Ok(())
    }

    pub(super) fn cancel_trade(&mut self, origin: &Origin, id: TradeId) -> Result<(), Code> {
        let trade = self.trade(id)?;
        if trade.seller != origin.signer {
            return Err(Code::NotParty);
        }
        if trade.status != TradeStatus::Pending || matches!(trade.product, Product::Storage { .. }) {
            return Err(Code::WrongState);
        }
        self.in_time(&trade)?;
        if let Product::Energy { slot } = trade.product
            && slot.get() * SLOT_MS <= self.now
        {
            return Err(Code::TooLate);
        }
        self.cancelled(id, Some(trade.seller));
        Ok(())
    }

    /// Refund, and the trade is over; it counts against who is to blame.
    pub(super) fn cancelled(&mut self, id: TradeId, blamed: Option<MemberId>) {
        let trade = self.trades.remove(&id).expect("an open trade");
        self.refund(trade.buyer, trade.escrow);
        if let Some(blamed) = blamed {
            let other = if blamed == trade.seller { trade.buyer } else { trade.seller };
            self.remark(blamed, COMPLETION, other, 0, trade.escrow);
        }
        if let Market::Energy { leg, slot } = trade.market {
            let mut exchange = self.exchange(leg, slot.get());
            exchange.waiting -= 1;
            self.put_exchange(leg, slot.get(), exchange);
        }
    }

    pub(super) fn complete(&mut self, origin: &Origin, done: &CompleteTrade) -> Result<(), Code> {
        let mut trade = self.trade(done.trade)?;
        if trade.seller != origin.signer {
            return Err(Code::NotParty);
        }
        let (Product::Compute { from, until } | Product::ComputeHours { from, until }) = trade.product else {
            return Err(Code::WrongState);
        };
        if trade.status != TradeStatus::Running {
            return Err(Code::WrongState);
        }
        self.in_time(&trade)?;
        let plain = |list: &[(leg_ledger::time::Slot, leg_ledger::amount::Quantity)]| -> Vec<(u64, u64)> {
            list.iter().map(|(slot, wh)| (slot.get(), wh.get())).collect()
        };
        let (delivered, heat) = (plain(&done.delivered), plain(&done.heat));
        for list in [&delivered, &heat] {
            let inside = |slot: u64| slot * SLOT_MS < until.ms() && (slot + 1) * SLOT_MS > from.ms();
            if list.windows(2).any(|w| w[0].0 >= w[1].0) || !list.iter().all(|(slot, _)| inside(*slot)) {
                return Err(Code::BadSlot);
            }
        }
        if trade.market != Market::Compute && !heat.is_empty() {
            return Err(Code::HeatNotDue);
        }
        let before = self.clone();
        match self.take_readings(trade.seller, &done.readings) {
            Err(Code::BadReading) if before.is_broken(trade.seller, &done.readings) => {
                *self = before;
                return self.dispute_meter(done.trade, trade, &delivered);
            }
            other => other?,
        }
        trade.delivered = self.claim_all(&trade, trade.market.resource(), &delivered)?;
        trade.heat = self.claim_all(&trade, Resource::Heat, &heat)?;
        trade.status = TradeStatus::Delivered;
        trade.deadline = Some(self.now + self.params.confirm_window_ms);
        self.trades.insert(done.trade, trade);
        Ok(())
    }

    fn claim_all(&mut self, trade: &Trade, register: Resource, claims: &[(u64, u64)]) -> Result<Vec<(u64, u64)>, Code> {
        let claims: Vec<(u64, u64)> = claims.iter().copied().filter(|(_, wh)| *wh > 0).collect();
        for (slot, wh) in &claims {
            self.claim(trade.seller, register, *slot, *wh)?;
        }
        Ok(claims)
    }

    pub(super) fn confirm(&mut self, origin: &Origin, id: TradeId) -> Result<(), Code> {
        let trade = self.trade(id)?;
        if trade.buyer != origin.signer {
            return Err(Code::NotParty);
        }
        if trade.status != TradeStatus::Delivered {
            return Err(Code::WrongState);
        }
        self.in_time(&trade)?;
        self.confirmed(id, false);
        Ok(())
    }

    /// Confirmed by the buyer or by silence: pays what was metered.
    pub(super) fn confirmed(&mut self, id: TradeId, silent: bool) {
        let trade = self.trades[&id].clone();
        let good = if silent { 0 } else { trade.escrow };
        self.remark(trade.buyer, SETTLEMENT, trade.seller, good, trade.escrow);
        let metered = self.supported(&trade);
        self.settle(id, trade, metered, metered);
    }

    pub(super) fn report_exchange(&mut self, origin: &Origin, leg: LegId, slot: u64, wh: u64) -> Result<(), Code> {
        if self.role(origin.signer) != Role::GridOperator {
            return Err(Code::WrongRole);
        }
        if self.now < (slot + 1) * SLOT_MS {
            return Err(Code::BadSlot);
        }
        let mut exchange = self.exchange(leg, slot);
        if exchange.reported.is_some() {
            return Err(Code::AlreadyReported);
        }
        if exchange.report_deadline <= self.now {
            return Err(Code::TooLate);
        }
        let grid = self.member(origin.signer).location.grid_operator;
        let trades = self.energy_trades(leg, slot);
        if trades.is_empty() || trades.iter().any(|id| self.member(self.trades[id].seller).location.grid_operator != grid) {
            return Err(Code::NotParty);
        }
        exchange.reported = Some(wh);
        self.put_exchange(leg, slot, exchange);
        Ok(())
    }

    /// Open trades of a community's slot, by id.
    pub(super) fn energy_trades(&self, leg: LegId, slot: u64) -> Vec<TradeId> {
        let of = |t: &Trade| matches!(t.market, Market::Energy { leg: l, slot: s } if l == leg && s.get() == slot);
        self.trades.iter().filter(|(_, t)| of(t)).map(|(id, _)| *id).collect()
    }
}
