//! Each refused step with its code; a refused step changes nothing.

use crate::amount::Quantity;
use crate::ids::TradeId;
use crate::receipt::Code;
use crate::time::{DAY_MS, HOUR_MS};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, Resource};

/// A step on the trade of [`World::compute`].
type Step = fn(&mut World, TradeId) -> Code;

fn pending(_: &mut World, _: TradeId) -> Code {
    Code::Ok
}

fn running(world: &mut World, id: TradeId) -> Code {
    world.start("hub-1", id)
}

fn delivered(world: &mut World, id: TradeId) -> Code {
    world.start("hub-1", id);
    done(world, id)
}

fn done(world: &mut World, id: TradeId) -> Code {
    world.complete("hub-1", &completion(id, slot(0), 10_000, 9_000))
}

fn changed(world: &mut World, id: TradeId, change: impl FnOnce(&mut CompleteTrade)) -> Code {
    let mut done = completion(id, slot(0), 10_000, 9_000);
    change(&mut done);
    world.complete("hub-1", &done)
}

fn unknown() -> TradeId {
    TradeId::from_hash(crate::hash::Hash::MAX)
}

#[test]
fn every_step_of_compute_has_its_codes() {
    let table: [(&str, Step, Step, Code); 33] = [
        ("start", pending, |w, id| w.start("hub-1", id), Code::Ok),
        ("start of nothing", pending, |w, _| w.start("hub-1", unknown()), Code::UnknownTrade),
        ("start by the buyer", pending, |w, id| w.start("buyer", id), Code::NotParty),
        ("start twice", running, |w, id| w.start("hub-1", id), Code::WrongState),
        ("late start", pending, |w, id| (w.wait_ms(HOUR_MS), w.start("hub-1", id)).1, Code::TooLate),
        ("cancel", pending, |w, id| w.cancel("hub-1", id), Code::Ok),
        ("cancel of nothing", pending, |w, _| w.cancel("hub-1", unknown()), Code::UnknownTrade),
        ("cancel by the buyer", pending, |w, id| w.cancel("buyer", id), Code::NotParty),
        ("cancel when running", running, |w, id| w.cancel("hub-1", id), Code::WrongState),
        ("late cancel", pending, |w, id| (w.wait_ms(HOUR_MS), w.cancel("hub-1", id)).1, Code::TooLate),
        ("complete", running, done, Code::Ok),
        ("complete of nothing", running, |w, _| done(w, unknown()), Code::UnknownTrade),
        ("complete by another meter", running, |w, id| w.complete("hub-2", &completion(id, slot(0), 1, 1)), Code::NotParty),
        ("complete before the start", pending, done, Code::WrongState),
        ("complete twice", delivered, done, Code::WrongState),
        ("late complete", running, |w, id| (w.wait_ms(2 * HOUR_MS), done(w, id)).1, Code::TooLate),
        ("nothing delivered", running, |w, id| changed(w, id, |d| d.delivered.clear()), Code::Ok),
        ("zero delivered", running, |w, id| changed(w, id, |d| d.delivered[0].1 = Quantity::ZERO), Code::Ok),
        ("more than read", running, |w, id| changed(w, id, |d| d.delivered[0].1 = wh(10_001)), Code::OverClaimed),
        ("more heat than read", running, |w, id| changed(w, id, |d| d.heat[0].1 = wh(9_001)), Code::OverClaimed),
        ("nothing read", running, |w, id| changed(w, id, |d| d.readings.clear()), Code::OverClaimed),
        (
            "slot before the window",
            running,
            |w, id| changed(w, id, |d| d.delivered[0].0 = crate::time::Slot::new(slot(0).get() - 1)),
            Code::BadSlot,
        ),
        ("slot after the window", running, |w, id| changed(w, id, |d| d.heat[0].0 = slot(4)), Code::BadSlot),
        ("a slot twice", running, |w, id| changed(w, id, |d| d.delivered = vec![(slot(0), wh(1)); 2]), Code::BadSlot),
        ("slots descend", running, |w, id| changed(w, id, |d| d.delivered = vec![(slot(1), wh(1)), (slot(0), wh(1))]), Code::BadSlot),
        ("a gap in the readings", running, |w, id| changed(w, id, |d| d.readings[0].sequence = 2), Code::Ok),
        ("a reading out of place", running, |w, id| changed(w, id, |d| d.readings[0].register = Resource::Storage), Code::BadReading),
        ("a reading ahead", running, |w, id| changed(w, id, |d| d.readings[0].slot = slot(1)), Code::BadSlot),
        ("confirm", delivered, |w, id| w.confirm("buyer", id), Code::Ok),
        ("confirm by the seller", delivered, |w, id| w.confirm("hub-1", id), Code::NotParty),
        ("confirm of nothing", delivered, |w, _| w.confirm("buyer", unknown()), Code::UnknownTrade),
        ("confirm when running", running, |w, id| w.confirm("buyer", id), Code::WrongState),
        ("late confirm", delivered, |w, id| (w.wait_ms(DAY_MS), w.confirm("buyer", id)).1, Code::TooLate),
    ];
    for (name, before, step, want) in table {
        let mut world = World::new();
        let id = world.compute(&[(10_000, 150_000)]);
        assert_eq!(before(&mut world, id), Code::Ok, "{name}");
        let (state, events) = (world.state().clone(), world.events.len());
        assert_eq!(step(&mut world, id), want, "{name}");
        if want == Code::Ok {
            world.check();
        } else {
            assert!(*world.state() == state && world.events.len() == events, "{name}: a refused step changes nothing");
        }
    }
}

/// A completion by the hours of machines.
fn by_the_hour(id: TradeId, hours: u64) -> CompleteTrade {
    let mut done = completion(id, slot(0), hours, 0);
    done.heat.clear();
    done.readings = vec![reading(Resource::ComputeHours, 1, slot(0), hours)];
    done
}

#[test]
fn every_step_of_compute_hours_has_its_codes() {
    let run = |w: &mut World, id| w.start("hub-1", id);
    let table: [(&str, Step, Code); 6] = [
        ("complete", |w, id| w.complete("hub-1", &by_the_hour(id, 1_000)), Code::Ok),
        ("nothing", |w, id| w.complete("hub-1", &by_the_hour(id, 0)), Code::Ok),
        ("with heat", |w, id| changed(w, id, |d| d.delivered.clear()), Code::HeatNotDue),
        ("what compute measured", |w, id| changed(w, id, |d| d.heat.clear()), Code::OverClaimed),
        ("confirm before", |w, id| w.confirm("buyer", id), Code::WrongState),
        ("start twice", |w, id| w.start("hub-1", id), Code::WrongState),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        let id = world.matched("buyer", "hub-1", &[(1_000, 50_000)], hours(0, 4), false);
        assert_eq!(run(&mut world, id), Code::Ok, "{name}");
        assert_eq!(step(&mut world, id), want, "{name}");
        world.check();
    }
}

#[test]
fn hours_of_machines_are_paid_and_issue_no_heat() {
    let mut world = World::new();
    let id = world.matched("buyer", "hub-1", &[(1_000, 50_000)], hours(0, 4), false);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.complete("hub-1", &by_the_hour(id, 990)), Code::Ok);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let settlement = world.settlement(id).unwrap();
    // 0.99 h at CHF 0.05: half a per mille above the tolerance of 2 % costs nothing.
    assert_eq!((settlement.quantity, settlement.gross.get(), settlement.fee.get()), (wh(990), 49_500, 2_475));
    assert_eq!((settlement.heat, settlement.penalty.get(), world.totals().heat_issued), (Quantity::ZERO, 0, Quantity::ZERO));
    world.check();
}

#[test]
fn every_step_of_energy_has_its_codes() {
    let table: [(&str, Step, Code); 14] = [
        ("start", |w, id| w.start("hub-1", id), Code::WrongState),
        ("complete", done, Code::WrongState),
        ("confirm", |w, id| w.confirm("buyer", id), Code::WrongState),
        ("cancel before the slot", |w, id| w.cancel("hub-1", id), Code::Ok),
        ("cancel in the slot", |w, id| (w.at(slot(1), 0), w.cancel("hub-1", id)).1, Code::TooLate),
        ("cancel after readings", |w, id| (w.at(slot(2), 0), read(w, slot(1)), w.cancel("hub-1", id)).2, Code::WrongState),
        ("readings before the slot's end", |w, _| (w.at(slot(1), SLOT - 1), read(w, slot(1))).1, Code::BadSlot),
        ("readings at the slot's end", |w, _| (w.at(slot(2), 0), read(w, slot(1))).1, Code::Ok),
        ("report by a hub", |w, _| (w.at(slot(2), 0), w.report("hub-2", slot(1), 1)).1, Code::WrongRole),
        ("report by another grid", |w, _| (w.at(slot(2), 0), w.report("grid-2", slot(1), 1)).1, Code::NotParty),
        ("report before the slot's end", |w, _| (w.at(slot(1), SLOT - 1), w.report("grid-1", slot(1), 1)).1, Code::BadSlot),
        ("report", |w, _| (w.at(slot(2), 0), w.report("grid-1", slot(1), 1)).1, Code::Ok),
        ("late report", |w, _| (w.at(slot(2), 5 * DAY_MS), w.report("grid-1", slot(1), 1)).1, Code::TooLate),
        ("two reports", |w, _| (w.at(slot(2), 0), w.report("grid-1", slot(1), 1), w.report("grid-1", slot(1), 1)).2, Code::AlreadyReported),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        let id = world.matched("buyer", "hub-1", &[(10_000, 180_000)], energy(1), false);
        assert_eq!(step(&mut world, id), want, "{name}");
        world.check();
    }
}

fn read(world: &mut World, slot: crate::time::Slot) -> Code {
    world.read("hub-1", &[reading(Resource::Energy, 1, slot, 10_000)])
}
