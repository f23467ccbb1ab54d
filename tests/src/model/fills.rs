//! From what an auction decided to money and trades (MARKET 6).

use super::state::{Order, Trade};
use super::{Model, SLOT_MS, gross, hash};
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, OrderId, TradeId};
use leg_ledger::state::TradeStatus;
use leg_ledger::transaction::{Market, Product, Resource};
use std::collections::BTreeMap;

/// One fill as it was decided.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    pub ask: OrderId,
    pub seller: MemberId,
    pub quantity: u64,
    pub price: u64,
    pub product: Product,
    pub solar: bool,
}

fn cost(fills: &[&Fill]) -> u64 {
    fills.iter().map(|f| gross(f.price, f.quantity)).sum()
}

fn quantity(fills: &[&Fill]) -> u64 {
    fills.iter().map(|f| f.quantity).sum()
}

/// Fills by seller, in the order in which they were found.
fn by_seller(fills: &[Fill]) -> Vec<(MemberId, Vec<&Fill>)> {
    let mut parts: Vec<(MemberId, Vec<&Fill>)> = Vec::new();
    for fill in fills {
        match parts.iter_mut().find(|(seller, _)| *seller == fill.seller) {
            Some((_, part)) => part.push(fill),
            None => parts.push((fill.seller, vec![fill])),
        }
    }
    parts
}

impl Model {
    /// First the money of all fills, buyer by buyer: what they cost into escrow, what they save becomes free. Then the trades, bid by bid.
    pub(super) fn take_fills(&mut self, matches: &[(OrderId, Vec<Fill>)]) {
        let mut buyers: BTreeMap<MemberId, (u64, u64)> = BTreeMap::new();
        for (id, fills) in matches {
            let bid = &self.orders[id];
            let (paid, saved) = buyers.entry(bid.member).or_default();
            for (_, part) in by_seller(fills) {
                *paid += cost(&part);
                *saved += gross(bid.terms.limit.micro_chf(), quantity(&part)) - cost(&part);
            }
        }
        for (buyer, (paid, saved)) in buyers {
            self.escrow_reserved(buyer, paid);
            self.release(buyer, saved);
        }
        for (id, fills) in matches {
            let bid = self.orders[id].clone();
            let keeps_seller = !bid.terms.split && !matches!(bid.market.resource(), Resource::Heat | Resource::Energy);
            let mut filled = 0;
            for (seller, part) in by_seller(fills) {
                filled += quantity(&part);
                let order = self.orders.get_mut(id).expect("open");
                order.reserved = gross(bid.terms.limit.micro_chf(), bid.open - filled);
                order.seller = if keeps_seller { Some(seller) } else { order.seller };
                self.open_trade(*id, &bid, seller, &part);
            }
            self.fill_order(*id, filled);
        }
    }

    pub(super) fn open_trade(&mut self, bid_id: OrderId, bid: &Order, seller: MemberId, fills: &[&Fill]) {
        let product = fills[0].product;
        let id = hash("trade", &[bid_id.hash().as_bytes(), seller.as_bytes(), &self.height.to_le_bytes()]);
        let id = TradeId::from_hash(Hash::from_bytes(id));
        let mut trade = Trade {
            market: bid.market,
            buyer: bid.member,
            seller,
            fills: fills.iter().map(|f| (f.quantity, f.price)).collect(),
            quantity: quantity(fills),
            product,
            solar: fills.iter().all(|f| f.solar),
            escrow: cost(fills),
            fee: u64::from(self.params.fee.get()),
            status: TradeStatus::Pending,
            matched_at: self.now,
            deadline: None,
            delivered: Vec::new(),
            heat: Vec::new(),
        };
        match product {
            Product::Compute { from, .. } | Product::ComputeHours { from, .. } => {
                trade.deadline = Some(self.now.max(from.ms()) + self.params.start_window_ms);
            }
            Product::Energy { slot } => trade.deadline = Some((slot.get() + 1) * SLOT_MS + self.params.readings_window_ms),
            Product::Storage { months } => return self.open_contract(id, trade, months),
            Product::Heat => {
                for fill in fills {
                    self.deliver_heat(fill.ask, bid.member, fill.quantity);
                }
                let quantity = trade.quantity;
                return self.settle(id, trade, quantity, quantity);
            }
        }
        if let Market::Energy { leg, slot } = bid.market {
            let mut exchange = self.exchange(leg, slot.get());
            exchange.waiting += 1;
            self.put_exchange(leg, slot.get(), exchange);
        }
        self.trades.insert(id, trade);
    }
}
