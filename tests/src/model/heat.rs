//! Heat credits (MARKET 8): issue, lots behind asks, transfer, retirement, expiry.

use super::settle::months_later;
use super::state::{Lot, Order, Origin, Trade};
use super::{Model, share};
use leg_ledger::ids::{MemberId, OrderId, TradeId};
use leg_ledger::member::{MemberStatus, Role};
use leg_ledger::receipt::Code;
use leg_ledger::state::HeatLotKey;
use leg_ledger::time::Slot;
use leg_ledger::transaction::{HeatSelection, Resource, RetireHeat};

/// Parts of lots that one action takes.
const MAX_PARTS: usize = 256;
const LOT: u64 = 10;

type Parts = Vec<(HeatLotKey, u64)>;

impl Model {
    /// Per (meter, slot): floor(settled x factor / 10 000), less what was issued, at most the thermal claim.
    pub(super) fn issue_heat(&mut self, id: TradeId, trade: &Trade, made: &[(u64, u64)], paid: u64) {
        let factor = u64::from(self.member(trade.seller).capacity.heat_factor.get());
        let mut left = paid;
        for (slot, wh) in made {
            let settled = left.min(*wh);
            left -= settled;
            let claim = trade.heat.iter().find(|(s, _)| s == slot).map_or(0, |(_, heat)| *heat);
            let claimed = self.left_of(trade.seller, Resource::Heat, *slot, claim);
            let Some(entry) = self.readings.get_mut(&(trade.seller, Resource::Compute, *slot)) else { continue };
            entry.settled += settled;
            let heat = share(entry.settled, factor).saturating_sub(entry.issued).min(claimed);
            entry.issued += heat;
            let key = HeatLotKey { holder: trade.seller, producer: trade.seller, slot: Slot::new(*slot), trade: id };
            self.common.heat_issued += heat;
            self.add_heat(key, heat, months_later(self.now, self.params.heat_expiry_months));
        }
    }

    fn add_heat(&mut self, key: HeatLotKey, wh: u64, expires: u64) {
        if wh > 0 {
            self.lots.entry(key).or_insert(Lot { quantity: 0, reserved: 0, expires }).quantity += wh;
            self.purse(key.holder).heat_free += wh;
        }
    }

    /// Takes free heat out of a lot, which goes with the last of it; returns when it expires.
    fn take_heat(&mut self, key: HeatLotKey, wh: u64) -> Result<u64, Code> {
        let lot = self.lots.get_mut(&key).ok_or(Code::UnknownLot)?;
        if lot.quantity - lot.reserved < wh {
            return Err(Code::InsufficientHeat);
        }
        lot.quantity -= wh;
        let Lot { quantity, expires, .. } = *lot;
        if quantity == 0 {
            self.lots.remove(&key);
        }
        self.purse(key.holder).heat_free -= wh;
        Ok(expires)
    }

    /// What is free of a member's lots and not overdue, the earliest expiry first, up to `wanted`.
    fn earliest(&self, holder: MemberId, wanted: u64) -> Result<Parts, Code> {
        let usable = |key: &HeatLotKey, lot: &Lot| key.holder == holder && lot.expires > self.now && lot.quantity > lot.reserved;
        let mut lots: Vec<(u64, HeatLotKey, u64)> =
            self.lots.iter().filter(|(key, lot)| usable(key, lot)).map(|(key, l)| (l.expires, *key, l.quantity - l.reserved)).collect();
        lots.sort();
        let (mut parts, mut left) = (Vec::new(), wanted);
        for (_, key, free) in lots {
            if parts.len() == MAX_PARTS {
                return Err(Code::TooManyLots);
            }
            parts.push((key, free.min(left)));
            left -= free.min(left);
            if left == 0 {
                return Ok(parts);
            }
        }
        Err(Code::InsufficientHeat)
    }

    fn select(&self, holder: MemberId, selection: &HeatSelection) -> Result<Parts, Code> {
        let parts = match selection {
            HeatSelection::Earliest(wh) if wh.get() == 0 => return Err(Code::BadQuantity),
            HeatSelection::Earliest(wh) => return self.earliest(holder, wh.get()),
            HeatSelection::Parts(parts) => parts,
        };
        if parts.is_empty() || parts.iter().any(|p| p.quantity.get() == 0) {
            return Err(Code::BadQuantity);
        }
        let named = parts.iter().map(|p| {
            let key = HeatLotKey { holder, producer: p.producer, slot: p.slot, trade: p.trade };
            let known = self.lots.get(&key).is_some_and(|lot| lot.expires > self.now);
            known.then_some((key, p.quantity.get())).ok_or(Code::UnknownLot)
        });
        named.collect()
    }

    pub(super) fn transfer_heat(&mut self, origin: &Origin, to: MemberId, heat: &HeatSelection) -> Result<(), Code> {
        let holds = |id| {
            let member = self.registry.get(&id)?;
            (member.status == MemberStatus::Active && matches!(member.role, Role::Hub | Role::Customer)).then_some(())
        };
        if to == origin.signer || holds(to).is_none() {
            return Err(Code::BadRecipient);
        }
        for (key, wh) in self.select(origin.signer, heat)? {
            let expires = self.take_heat(key, wh)?;
            self.add_heat(HeatLotKey { holder: to, ..key }, wh, expires);
        }
        Ok(())
    }

    pub(super) fn retire_heat(&mut self, origin: &Origin, retire: &RetireHeat) -> Result<(), Code> {
        if !self.registry.contains_key(&retire.used_by) {
            return Err(Code::BadRecipient);
        }
        for (key, wh) in self.select(origin.signer, &retire.heat)? {
            self.take_heat(key, wh)?;
            self.common.heat_retired += wh;
        }
        Ok(())
    }

    /// Puts lots behind a new ask, the earliest expiry first.
    pub(super) fn reserve_heat(&mut self, order: OrderId, member: MemberId, wanted: u64) -> Result<(), Code> {
        for (key, wh) in self.earliest(member, wanted)? {
            let lot = self.lots.get_mut(&key).expect("just found");
            lot.reserved += wh;
            self.behind.insert((order, lot.expires, key), wh);
        }
        let purse = self.purse(member);
        purse.heat_free -= wanted;
        purse.heat_reserved += wanted;
        Ok(())
    }

    fn behind(&self, order: OrderId) -> Vec<(u64, HeatLotKey, u64)> {
        self.behind.iter().filter(|(key, _)| key.0 == order).map(|((_, expires, lot), wh)| (*expires, *lot, *wh)).collect()
    }

    /// Takes a part of what an ask holds of a lot from behind it.
    fn unreserve(&mut self, order: OrderId, (expires, key, held): (u64, HeatLotKey, u64), wh: u64) {
        if wh < held {
            self.behind.insert((order, expires, key), held - wh);
        } else {
            self.behind.remove(&(order, expires, key));
        }
        self.lots.get_mut(&key).expect("reserved").reserved -= wh;
        let purse = self.purse(key.holder);
        purse.heat_reserved -= wh;
        purse.heat_free += wh;
    }

    /// Frees up to `most` of what an ask holds, the latest expiry first.
    pub(super) fn release_heat(&mut self, order: OrderId, most: u64) {
        let mut left = most;
        for part in self.behind(order).into_iter().rev() {
            let wh = part.2.min(left);
            left -= wh;
            if wh > 0 {
                self.unreserve(order, part, wh);
            }
        }
    }

    /// What fills of an ask goes to the buyer, the earliest expiry first.
    pub(super) fn deliver_heat(&mut self, ask: OrderId, buyer: MemberId, sold: u64) {
        let mut left = sold;
        for part in self.behind(ask) {
            let wh = part.2.min(left);
            left -= wh;
            if wh > 0 {
                self.unreserve(ask, part, wh);
                let expires = self.take_heat(part.1, wh).expect("just freed");
                self.add_heat(HeatLotKey { holder: buyer, ..part.1 }, wh, expires);
            }
        }
        assert_eq!(left, 0, "an ask holds what is open of it");
    }

    /// A lot expires: the asks that hold of it shrink to whole trading lots, the rest of it is gone.
    pub(super) fn expire_heat(&mut self, key: HeatLotKey) {
        let held: Vec<(OrderId, u64, u64)> =
            self.behind.iter().filter(|(k, _)| k.2 == key).map(|((order, expires, _), wh)| (*order, *expires, *wh)).collect();
        for (order, expires, wh) in held {
            self.unreserve(order, (expires, key, wh), wh);
            let rest = self.orders[&order].open - wh;
            let open = rest / LOT * LOT;
            self.release_heat(order, rest - open);
            self.shrink_order(order, open);
        }
        let lot = self.lots.remove(&key).expect("it is due");
        self.purse(key.holder).heat_free -= lot.quantity;
        self.common.heat_expired += lot.quantity;
    }

    /// Whether a pair may exchange heat against heat.
    pub(super) fn check_partner(&self, order: &Order, partner: MemberId) -> Result<(), Code> {
        let (own, other) = (self.member(order.member), self.member(partner));
        if own.owner == other.owner {
            return Err(Code::SelfTrade);
        }
        let buys = order.terms.side == leg_ledger::transaction::Side::Bid;
        if !(other.role == Role::Hub || (!buys && other.role == Role::Customer)) {
            return Err(Code::SwapPartner);
        }
        let same = |o: &&Order| o.member == order.member && o.terms.side == order.terms.side && o.partner() == Some(partner);
        if self.orders.values().filter(same).count() >= super::swap::MAX_SWAPS { Err(Code::TooManyOrders) } else { Ok(()) }
    }
}
