//! What holders do with heat beside selling it: transfer, retirement, exchange against heat.

use super::generator::Workload;
use leg_ledger::amount::{Price, Quantity};
use leg_ledger::hash::Hash;
use leg_ledger::ids::MemberId;
use leg_ledger::member::Role;
use leg_ledger::state::{Accounts, HeatLots, State, View};
use leg_ledger::transaction::{
    Action, Constraints, HeatPart, HeatPurpose, HeatSelection, PlaceOrder, Pricing, Product, RetireHeat, SettlementMethod, Side,
    TimeInForce,
};
use rand::Rng;

/// One of them, mostly within what the member has.
pub(super) fn action(w: &mut Workload, state: &State, member: MemberId) -> Action {
    let other = if w.once_in(15) { customer(w).unwrap_or(member) } else { w.other_hub(member) };
    match w.rng.gen_range(0..4) {
        0 => Action::TransferHeat { to: other, heat: selection(w, state, member) },
        1 => {
            let purpose = if w.once_in(2) { HeatPurpose::SpaceHeating } else { HeatPurpose::Other };
            let heat = selection(w, state, member);
            Action::RetireHeat(RetireHeat { heat, used_by: other, purpose, document: w.once_in(2).then_some(Hash::MAX) })
        }
        _ => Action::PlaceOrder(swap(w, state, member, other)),
    }
}

fn customer(w: &Workload) -> Option<MemberId> {
    w.members.iter().find(|(_, role)| *role == Role::Customer).map(|(id, _)| *id)
}

fn selection(w: &mut Workload, state: &State, member: MemberId) -> HeatSelection {
    let lots: Vec<HeatPart> = state
        .range::<HeatLots>(..)
        .filter(|(key, _)| key.holder == member)
        .map(|(key, lot)| HeatPart { producer: key.producer, slot: key.slot, trade: key.trade, quantity: lot.quantity })
        .collect();
    match w.pick(&lots) {
        Some(part) if w.once_in(2) => HeatSelection::Parts(vec![part]),
        _ => {
            let free = state.get::<Accounts>(&member).map_or(0, |account| account.heat_free.get());
            HeatSelection::Earliest(Quantity::new(w.rng.gen_range(0..=free / 2 + 1)))
        }
    }
}

/// Heat against heat, one of a few sizes so that both sides often meet.
fn swap(w: &mut Workload, state: &State, member: MemberId, partner: MemberId) -> PlaceOrder {
    let free = state.get::<Accounts>(&member).map_or(0, |account| account.heat_free.get());
    let side = if free >= 100 && w.once_in(2) { Side::Ask } else { Side::Bid };
    let time_in_force = match w.rng.gen_range(0..8) {
        0 => TimeInForce::ImmediateOrCancel,
        1 => TimeInForce::FillOrKill,
        _ => TimeInForce::GoodTillCancelled,
    };
    let wrong = if w.once_in(12) { w.rng.gen_range(1..=6) } else { 0 };
    let methods = [SettlementMethod::Heat, SettlementMethod::Credits];
    PlaceOrder {
        side,
        product: Product::Heat,
        quantity: Quantity::new(w.rng.gen_range(1..=10) * 10),
        limit: Price::from_micro_chf(if wrong == 1 { 100 } else { 0 }),
        time_in_force,
        min_fill: Quantity::new(if wrong == 2 { 10 } else { 0 }),
        settlement: if wrong == 3 { methods.into_iter().collect() } else { SettlementMethod::Heat.only() },
        pricing: if wrong == 4 { Pricing::Dynamic } else { Pricing::Fixed },
        split: false,
        solar: false,
        constraints: Constraints { hub: Some(partner), require_hub: wrong != 5, ..Constraints::default() },
        job: None,
    }
}
