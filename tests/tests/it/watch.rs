//! What must hold of every block of a history, whoever acts: watched from outside, without the ledger's own checks.

use leg_ledger::block::Block;
use leg_ledger::execute::{HistoryRecord, Ledger};
use leg_ledger::ids::OrderId;
use leg_ledger::receipt::{Event, Receipt};
use leg_ledger::state::{Accounts, ArrearsTable, Disputes, Owed, StorageContracts, Trade, TradeStatus, Trades, View};
use leg_ledger::transaction::{Action, Pricing, Side, TimeInForce};
use leg_tests::workload::Outcome;
use std::collections::BTreeMap;

/// What an order asked for.
#[derive(Clone, Copy)]
struct Asked {
    side: Side,
    limit: u64,
    quantity: u64,
    time_in_force: TimeInForce,
}

/// Orders and disputes of a history so far.
#[derive(Default)]
pub(crate) struct Watch {
    orders: BTreeMap<OrderId, Asked>,
    pub(crate) disputed: usize,
    pub(crate) decided: usize,
    pub(crate) filled_or_killed: [usize; 2],
}

impl Watch {
    /// Looks at a block and at the ledger after it.
    pub(crate) fn see(&mut self, block: &Block, outcome: &Outcome, ledger: &Ledger, seed: u64) {
        let height = block.header.height;
        let new = self.note_orders(block, outcome);
        self.check_limits(outcome, ledger, seed);
        for id in new {
            let Asked { quantity, time_in_force, .. } = self.orders[&id];
            if time_in_force == TimeInForce::FillOrKill {
                let filled = filled(outcome, id);
                assert!(filled == 0 || filled == quantity, "{id} filled {filled} of {quantity}, seed {seed}, height {height}");
                self.filled_or_killed[usize::from(filled > 0)] += 1;
            }
        }
        self.check_disputes(outcome, ledger, seed);
        check_debts(ledger, seed);
    }

    fn note_orders(&mut self, block: &Block, outcome: &Outcome) -> Vec<OrderId> {
        let mut new = Vec::new();
        for Receipt { transaction, action, order, .. } in &outcome.receipts {
            let Some(id) = *order else { continue };
            let signed = block.body.transactions.iter().find(|t| t.id() == *transaction).unwrap();
            let asked = match &signed.body.actions[usize::from(*action)] {
                Action::PlaceOrder(o) => {
                    assert!(o.pricing == Pricing::Fixed || o.side == Side::Ask);
                    Asked { side: o.side, limit: o.limit.micro_chf(), quantity: o.quantity.get(), time_in_force: o.time_in_force }
                }
                Action::ReplaceOrder(r) => Asked { limit: r.limit.micro_chf(), quantity: r.quantity.get(), ..self.orders[&r.order] },
                other => panic!("{other:?} places no order"),
            };
            self.orders.insert(id, asked);
            new.push(id);
        }
        new
    }

    /// No bid pays over its limit, no ask sells under it.
    fn check_limits(&self, outcome: &Outcome, ledger: &Ledger, seed: u64) {
        let ended = outcome.records.iter().filter_map(|record| match record {
            HistoryRecord::Settled { trade, .. } | HistoryRecord::Cancelled { trade, .. } => Some(trade.as_ref()),
            _ => None,
        });
        for trade in ended.chain(ledger.state().range::<Trades>(..).map(|(_, trade)| trade)) {
            let Trade { id, bid, fills, .. } = trade;
            for fill in fills {
                let (bid, ask) = (self.orders[bid], self.orders[&fill.ask]);
                assert_eq!((bid.side, ask.side), (Side::Bid, Side::Ask), "{id}, seed {seed}");
                let price = fill.price.micro_chf();
                assert!(ask.limit <= price && price <= bid.limit, "{id}: {} <= {price} <= {}, seed {seed}", ask.limit, bid.limit);
            }
        }
    }

    /// A dispute is decided once, by its time at the latest, and its bonds are what accounts hold as bonds.
    fn check_disputes(&mut self, outcome: &Outcome, ledger: &Ledger, seed: u64) {
        let count = |wanted: fn(&Event) -> bool| outcome.events.iter().filter(|event| wanted(event)).count();
        self.disputed += count(|e| matches!(e, Event::Disputed { .. }));
        self.decided += count(|e| matches!(e, Event::Decided { .. }));
        let (state, now) = (ledger.state(), ledger.market_time(ledger.tip().time));
        let open = state.range::<Disputes>(..).count();
        assert_eq!(self.disputed - self.decided, open, "seed {seed}");
        let mut bonds = 0;
        for (id, dispute) in state.range::<Disputes>(..) {
            assert!(now < dispute.verdict_until, "the verdict on {id} is overdue, seed {seed}");
            let trade = state.get::<Trades>(id).expect("a disputed trade is open");
            assert_eq!((trade.status, trade.escrow), (TradeStatus::Disputed, dispute.value), "{id}, seed {seed}");
            bonds += dispute.opener_bond.get() + dispute.respondent_bond.get();
        }
        let held: u64 = state.range::<Accounts>(..).map(|(_, account)| account.bond.get()).sum();
        assert_eq!(bonds, held, "bonds behind disputes, seed {seed}");
    }
}

fn filled(outcome: &Outcome, order: OrderId) -> u64 {
    let matched = outcome.events.iter().map(|event| match event {
        Event::Matched { bid, quantity, .. } if *bid == order => quantity.get(),
        _ => 0,
    });
    matched.sum()
}

/// What is owed to creditors and to `fee` is a part of the debt; each running month of storage has its trade.
fn check_debts(ledger: &Ledger, seed: u64) {
    let state = ledger.state();
    for (member, account) in state.range::<Accounts>(..) {
        let owed: u64 = state.range::<Owed>(..).filter(|((debtor, _), _)| debtor == member).map(|(_, amount)| amount.get()).sum();
        let arrears = state.get::<ArrearsTable>(member).map_or(0, |amount| amount.get());
        assert!(owed + arrears <= account.debt.get(), "{member} owes more than its debt, seed {seed}");
    }
    for (id, contract) in state.range::<StorageContracts>(..) {
        assert!(state.get::<Trades>(&contract.trade).is_some(), "the month of {id} has no trade, seed {seed}");
    }
}
