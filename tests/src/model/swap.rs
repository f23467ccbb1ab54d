//! Heat against heat (MARKET 8): before the auction, between two members that name each other, older orders first.

use super::Model;
use super::fills::Fill;
use super::state::Order;
use leg_ledger::ids::{MemberId, OrderId};
use leg_ledger::transaction::{Product, Side, TimeInForce};
use std::collections::BTreeSet;

/// Open orders of a pair on a side.
pub(super) const MAX_SWAPS: usize = 16;

fn parties(order: &Order) -> Option<(MemberId, MemberId)> {
    let partner = order.partner()?;
    Some(if order.terms.side == Side::Bid { (order.member, partner) } else { (partner, order.member) })
}

impl Model {
    /// Every pair with an order of this block meets.
    pub(super) fn run_swaps(&mut self) {
        let new = self.orders.values().filter(|o| o.height == self.height);
        let pairs: BTreeSet<(MemberId, MemberId)> = new.filter_map(parties).collect();
        for pair in pairs {
            for (id, bid) in self.swaps(pair, Side::Bid) {
                self.swap(pair, id, &bid);
            }
        }
    }

    fn swaps(&self, pair: (MemberId, MemberId), side: Side) -> Vec<(OrderId, Order)> {
        let of = |o: &Order| parties(o) == Some(pair) && o.terms.side == side && o.expires > self.now;
        let mut list: Vec<(OrderId, Order)> = self.orders.iter().filter(|(_, o)| of(o)).map(|(id, o)| (*id, o.clone())).collect();
        list.sort_by_key(|(_, o)| (o.height, o.nonce, o.action));
        list
    }

    fn swap(&mut self, pair: (MemberId, MemberId), id: OrderId, bid: &Order) {
        let asks = self.swaps(pair, Side::Ask);
        let there: u64 = asks.iter().map(|(_, a)| a.open).sum();
        if there == 0 || (there < bid.open && bid.terms.time_in_force == TimeInForce::FillOrKill) {
            return;
        }
        let (mut left, mut fills) = (bid.open, Vec::new());
        for (ask, order) in asks {
            let quantity = left.min(order.open);
            left -= quantity;
            if quantity > 0 {
                fills.push(Fill { ask, seller: pair.1, quantity, price: 0, product: Product::Heat, solar: false });
            }
        }
        self.open_trade(id, bid, pair.1, &fills.iter().collect::<Vec<_>>());
        for fill in &fills {
            self.fill_order(fill.ask, fill.quantity);
        }
        self.fill_order(id, bid.open - left);
    }

    /// What is left of an order after a fill stays, or ends.
    pub(super) fn fill_order(&mut self, id: OrderId, filled: u64) {
        let order = self.orders.get_mut(&id).expect("open");
        order.open -= filled;
        let (order, open) = (order.clone(), order.open);
        if self.is_remainder(&order, open) {
            self.end_order(id);
        }
    }
}
