//! Disputes about what was delivered, and the grid operator's corrections.

use super::generator::{Mood, Workload};
use leg_ledger::amount::Quantity;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::state::{Dispute, Disputes, Registers, SlotReadings, State, Trade, TradeStatus, Trades, View};
use leg_ledger::time::MarketTime;
use leg_ledger::transaction::{Action, CorrectReading, Resource};
use rand::Rng;

/// What a party, or a hub that is entitled to vote, does about delivered and disputed trades.
pub(super) fn steps(w: &mut Workload, state: &State, now: MarketTime, member: MemberId) -> Vec<Action> {
    let mut actions = Vec::new();
    let often = if w.mood == Mood::Quarrels { 2 } else { 12 };
    for (id, trade) in state.range::<Trades>(..) {
        let is_party = trade.buyer == member || trade.seller == member || w.once_in(100);
        if is_party && trade.status == TradeStatus::Delivered && w.once_in(often) {
            actions.push(Action::DisputeTrade { trade: *id, claimed: claim(w, member, trade) });
        }
    }
    for (id, dispute) in state.range::<Disputes>(..) {
        actions.extend(step(w, now, member, *id, dispute));
    }
    if w.once_in(200) {
        actions.push(Action::ConcedeDispute { trade: TradeId::from_hash(Hash::MAX) });
    }
    actions
}

/// Less than the meter shows for a buyer, more for a seller, mostly.
fn claim(w: &mut Workload, member: MemberId, trade: &Trade) -> Quantity {
    let metered: u64 = trade.delivered.iter().map(|(_, quantity)| quantity.get()).sum();
    let (least, most) = if trade.buyer == member { (0, metered) } else { (metered, trade.quantity.get().max(metered)) };
    Quantity::new(if w.once_in(4) { 0 } else { w.rng.gen_range(least..=most) })
}

fn step(w: &mut Workload, now: MarketTime, member: MemberId, trade: TradeId, dispute: &Dispute) -> Option<Action> {
    let is_party = dispute.opener == member || dispute.respondent == member;
    let votes = dispute.evidence_until <= now || w.once_in(20);
    let [first, ..] = *trade.hash().as_bytes();
    // Most are of one mind about a dispute; about some nobody votes.
    let for_opener = first.is_multiple_of(2) != w.once_in(5);
    match w.rng.gen_range(0..100) {
        0..=2 if is_party => Some(Action::ConcedeDispute { trade }),
        3..=30 if is_party || w.once_in(40) => {
            let hashes = (0..w.rng.gen_range(0..=9)).map(|_| Hash::from_bytes([w.rng.gen_range(0..40); 32])).collect();
            Some(Action::SubmitEvidence { trade, hashes })
        }
        31..=90 if votes && !first.is_multiple_of(5) && (dispute.entitled.contains(&member) || w.once_in(20)) => {
            Some(Action::VoteDispute { trade, for_opener })
        }
        _ => None,
    }
}

/// What a meter truly increased in a slot, by the grid operator or somebody who is not.
pub(super) fn correction(w: &mut Workload, state: &State, now: MarketTime) -> Option<Action> {
    let read: Vec<(MemberId, Resource, leg_ledger::time::Slot)> = state
        .range::<SlotReadings>(..)
        .filter(|(key, entry)| entry.corrected.is_none() && key.2 < now.slot())
        .map(|(key, _)| *key)
        .collect();
    let any: Vec<_> = state.range::<SlotReadings>(..).map(|(key, _)| *key).collect();
    let (member, register, slot) = if w.once_in(10) { w.pick(&any)? } else { w.pick(&read)? };
    let before = state.get::<SlotReadings>(&(member, register, slot)).map_or(0, |entry| entry.increase.get());
    let percent = *[0, 50, 90, 97, 99, 100, 130].get(w.rng.gen_range(0..7))?;
    let last = state.get::<Registers>(&(member, register)).filter(|_| w.once_in(3));
    let stand = last.map(|r| (r.sequence + 3, Quantity::new(r.register_wh.get() + 1_000)));
    Some(Action::CorrectReading(CorrectReading { member, register, slot, increase: Quantity::new(before * percent / 100), stand }))
}
