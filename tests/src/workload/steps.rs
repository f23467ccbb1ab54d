//! What follows a match: the parties' steps, and meters.

use super::generator::{Mood, Workload};
use leg_ledger::amount::Quantity;
use leg_ledger::governance::possession_message;
use leg_ledger::hash::Hash;
use leg_ledger::ids::{MemberId, TradeId};
use leg_ledger::member::{KeyRole, Role};
use leg_ledger::signature::SecretKey;
use leg_ledger::state::{Exchanges, Registers, State, Trade, TradeStatus, Trades, View};
use leg_ledger::time::{MarketTime, Slot};
use leg_ledger::transaction::{Action, CompleteTrade, Reading, ReadingQuality, Resource, RotateKey};
use rand::Rng;

/// The operator's steps of a member's trades, now and then one that is not its to take.
pub(super) fn trades(w: &mut Workload, state: &State, now: MarketTime, member: MemberId) -> Vec<Action> {
    let mut steps = Vec::new();
    for (id, trade) in state.range::<Trades>(..) {
        let (trade_id, stranger) = (*id, w.once_in(30));
        let open = trade.product.window().is_some_and(|(from, _)| from <= now) || w.once_in(10);
        let step = match trade.status {
            TradeStatus::Pending if trade.seller == member || stranger => match w.rng.gen_range(0..20) {
                0 => Some(Action::CancelTrade { trade: trade_id }),
                1.. if open => Some(Action::StartTrade { trade: trade_id }),
                _ => None,
            },
            TradeStatus::Delivered if trade.buyer == member || stranger => {
                w.rng.gen_bool(0.4).then_some(Action::ConfirmTrade { trade: trade_id })
            }
            _ => None,
        };
        steps.extend(step);
    }
    if w.once_in(60) {
        steps.push(Action::StartTrade { trade: TradeId::from_hash(Hash::MAX) });
    }
    steps
}

/// What a member's meter signs: the completion of a running trade, or readings of the energy that it fed in.
pub(super) fn meter(w: &mut Workload, state: &State, now: MarketTime, member: MemberId, role: Role) -> Option<Action> {
    if role != Role::Hub {
        return None;
    }
    let running = |t: &&Trade| t.seller == member && t.status == TradeStatus::Running && t.product.window().is_some();
    let running: Vec<Trade> = state.range::<Trades>(..).map(|(_, trade)| trade).filter(running).cloned().collect();
    match w.pick(&running) {
        Some(trade) if !w.once_in(8) => completion(w, state, now, &trade),
        _ => energy_readings(w, state, now, member),
    }
}

fn completion(w: &mut Workload, state: &State, now: MarketTime, trade: &Trade) -> Option<Action> {
    let (_, until) = trade.product.window()?;
    let last = Slot::new(MarketTime::from_ms(until.ms() - 1).slot().get());
    let slot = now.slot().min(last);
    let share = *[100, 100, 99, 80, 120, 0].get(w.rng.gen_range(0..6))?;
    let compute = trade.quantity.get() * share / 100;
    let heat = compute * w.rng.gen_range(50..=100) / 100;
    let claimed = if w.once_in(15) { compute + 1 } else { compute };
    let register = trade.product.resource();
    let broken = w.once_in(if w.mood == Mood::Quarrels { 5 } else { 20 });
    let mut readings = vec![next_reading(w, state, trade.seller, register, slot, compute)];
    if broken {
        // The meter left a gap, or went back.
        match w.once_in(3) {
            true => readings[0].register_wh = Quantity::ZERO,
            false => readings[0].sequence += 2,
        }
    }
    // Machine time makes no heat; now and then somebody claims some.
    let warms = register == Resource::Compute || w.once_in(12);
    if warms {
        readings.push(next_reading(w, state, trade.seller, Resource::Heat, slot, heat));
    }
    Some(Action::CompleteTrade(CompleteTrade {
        trade: trade.id,
        delivered: vec![(slot, Quantity::new(claimed))],
        heat: if warms { vec![(slot, Quantity::new(heat))] } else { Vec::new() },
        readings,
        result: w.once_in(2).then_some(Hash::MAX),
    }))
}

/// A reading at the end of a slot whose energy is traded and that has passed; else of the slot before this one.
fn energy_readings(w: &mut Workload, state: &State, now: MarketTime, member: MemberId) -> Option<Action> {
    let read = state.get::<Registers>(&(member, Resource::Energy)).map(|register| register.slot);
    let due = |slot: &Slot| *slot < now.slot() && read < Some(*slot);
    let waiting: Vec<Slot> = state.range::<Exchanges>(..).map(|((_, slot), _)| *slot).filter(due).collect();
    let slot = match waiting.first() {
        Some(slot) => *slot,
        None if w.once_in(12) => Slot::new(now.slot().get() - 1),
        None => return None,
    };
    let increase = w.rng.gen_range(0..=6_000);
    let mut readings = vec![next_reading(w, state, member, Resource::Energy, slot, increase)];
    if w.once_in(20) {
        readings[0].sequence += 1;
    }
    Some(Action::SubmitReadings { readings })
}

fn next_reading(w: &mut Workload, state: &State, member: MemberId, register: Resource, slot: Slot, increase: u64) -> Reading {
    let last = state.get::<Registers>(&(member, register));
    let (sequence, register_wh) = last.map_or((0, 0), |last| (last.sequence, last.register_wh.get()));
    let quality = if w.once_in(10) { ReadingQuality::Estimated } else { ReadingQuality::Measured };
    Reading { register, sequence: sequence + 1, slot, register_wh: Quantity::new(register_wh + increase), quality }
}

/// A rotation to `key`, with its proof of possession.
pub(super) fn rotation(member: MemberId, role: KeyRole, key: &SecretKey) -> Action {
    let possession = key.sign(&possession_message(member, role, &key.public()));
    Action::RotateKey(RotateKey { role, key: key.public(), possession })
}
