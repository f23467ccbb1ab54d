use crate::amount::MicroChf;
use crate::ids::TradeId;
use crate::receipt::{Code, Event};
use crate::state::{HeatLots, Owed, Registers, SlotReadings, SlotSales, View};
use crate::time::{DAY_MS, Slot};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, CorrectReading, Resource};

fn correction(register: Resource, of: Slot, increase: u64) -> CorrectReading {
    CorrectReading { member: member("hub-1"), register, slot: of, increase: wh(increase), stand: None }
}

/// Two trades of 10 kWh at 0.15 in slot 0, of which the second claims twice what was ordered; one more waits for its confirmation.
fn sold(world: &mut World) -> [TradeId; 3] {
    let ids = ["buyer", "hub-2", "hub-3"].map(|buyer| world.matched(buyer, "hub-1", &[(10_000, 150_000)], window(0, 4), false));
    assert_eq!(world.read("hub-1", &[reading(Resource::Compute, 1, slot(0), 40_000)]), Code::Ok);
    for (id, claimed) in ids.iter().zip([10_000, 20_000, 10_000]) {
        assert_eq!(world.start("hub-1", *id), Code::Ok);
        let delivered = vec![(slot(0), wh(claimed))];
        let done = CompleteTrade { trade: *id, delivered, heat: vec![], readings: vec![], result: None };
        assert_eq!(world.complete("hub-1", &done), Code::Ok);
    }
    assert_eq!((world.confirm("buyer", ids[0]), world.confirm("hub-2", ids[1])), (Code::Ok, Code::Ok));
    world.at(slot(1), 0);
    ids
}

#[test]
fn less_than_was_claimed_is_booked_back_pro_rata_and_cuts_what_is_not_settled() {
    let mut world = World::new();
    let ids = sold(&mut world);
    let seller = world.account("hub-1").free;
    // 30 of the 40 kWh: each claim keeps three quarters. The first buyer gets a quarter of 1.50 back, the second, who claimed 20, still has
    // its 10, and the third settles for 7.5.
    assert_eq!(world.correct("grid-1", correction(Resource::Compute, slot(0), 30_000)), Code::Ok);
    assert_eq!(world.account("buyer").free.get(), FUNDS - 1_500_000 + 375_000);
    assert_eq!(world.account("hub-2").free.get(), FUNDS - 1_500_000);
    assert_eq!(world.account("hub-1").free.get(), seller.get() - 375_000);
    let (slot_0, increase, booked) = (slot(0), wh(30_000), MicroChf::new(375_000));
    let event = Event::Corrected { member: member("hub-1"), register: Resource::Compute, slot: slot_0, increase, booked };
    assert!(world.events.contains(&event));
    world.check();
    assert_eq!(world.confirm("hub-3", ids[2]), Code::Ok);
    assert_eq!(world.settlement(ids[2]).unwrap().quantity, wh(7_500));
    world.check();
    world.check_index();
}

#[test]
fn what_the_seller_cannot_pay_back_is_debt_to_the_buyer_and_paid_before_penalties() {
    let mut world = World::new();
    let ids = sold(&mut world);
    let free = world.account("hub-1").free;
    world.run(|ctx| crate::execute::reserve(ctx, member("hub-1"), MicroChf::new(free.get() - 100_000)).unwrap());
    assert_eq!(world.correct("grid-1", correction(Resource::Compute, slot(0), 30_000)), Code::Ok);
    let owed = |world: &World| world.state().get::<Owed>(&(member("hub-1"), member("buyer"))).map(|o| o.get());
    assert_eq!((owed(&world), world.account("hub-1").debt.get()), (Some(275_000), 275_000));
    assert_eq!(world.account("buyer").free.get(), FUNDS - 1_400_000);
    world.check();
    // The next proceeds pay it: 7.5 kWh less fee and penalty.
    assert_eq!(world.confirm("hub-3", ids[2]), Code::Ok);
    assert_eq!((owed(&world), world.account("hub-1").debt.get()), (None, 0));
    assert_eq!(world.account("buyer").free.get(), FUNDS - 1_500_000 + 375_000);
    world.check();
}

#[test]
fn more_than_was_recorded_can_be_claimed_and_moves_nothing() {
    let mut world = World::new();
    sold(&mut world);
    let state = world.state().clone();
    assert_eq!(world.correct("grid-1", correction(Resource::Compute, slot(0), 50_000)), Code::Ok);
    let entry = world.state().get::<SlotReadings>(&(member("hub-1"), Resource::Compute, slot(0))).unwrap();
    assert_eq!((entry.increase, entry.claimed), (wh(50_000), wh(40_000)));
    assert_eq!(state.get::<crate::state::Accounts>(&member("hub-1")), world.state().get::<crate::state::Accounts>(&member("hub-1")));
    world.check();
}

#[test]
fn energy_is_corrected_once_its_trades_are_settled() {
    let mut world = World::new();
    let id = world.matched("buyer", "hub-1", &[(10_000, 180_000)], energy(1), false);
    world.at(slot(2), 0);
    assert_eq!(world.correct("grid-1", correction(Resource::Energy, slot(1), 5_000)), Code::TooEarly, "waits for readings");
    assert_eq!(world.read("hub-1", &[reading(Resource::Energy, 1, slot(1), 12_000)]), Code::Ok);
    assert_eq!(world.correct("grid-1", correction(Resource::Energy, slot(1), 5_000)), Code::TooEarly, "settles");
    assert_eq!(world.report("grid-1", slot(1), 8_000), Code::Ok);
    world.timers(10);
    assert_eq!(world.settlement(id).unwrap().gross.get(), 1_440_000);
    // The community's 8 kWh were paid; 6 metered take a quarter of them back.
    assert_eq!(world.correct("grid-1", correction(Resource::Energy, slot(1), 6_000)), Code::Ok);
    assert_eq!(world.account("buyer").free.get(), FUNDS - 1_440_000 + 360_000);
    world.check();
}

#[test]
fn a_stand_takes_a_meter_out_of_a_gap() {
    let mut world = World::new();
    world.at(slot(2), 0);
    assert_eq!(world.read("hub-1", &[reading(Resource::Compute, 1, slot(0), 1_000)]), Code::Ok);
    assert_eq!(world.read("hub-1", &[reading(Resource::Compute, 8, slot(2), 9_000)]), Code::BadReading);
    let resume = CorrectReading { stand: Some((7, wh(8_000))), ..correction(Resource::Compute, slot(1), 7_000) };
    assert_eq!(world.correct("grid-1", resume), Code::Ok);
    assert_eq!(world.state().get::<Registers>(&(member("hub-1"), Resource::Compute)).unwrap().sequence, 7);
    assert_eq!(world.read("hub-1", &[reading(Resource::Compute, 8, slot(2), 9_000)]), Code::Ok);
    world.check();
}

#[test]
fn every_correction_has_its_code() {
    type Step = fn(&mut World) -> Code;
    let table: [(&str, Step, Code); 11] = [
        ("right", |w| w.correct("grid-1", correction(Resource::Compute, slot(0), 30_000)), Code::Ok),
        ("by a hub", |w| w.correct("hub-2", correction(Resource::Compute, slot(0), 30_000)), Code::WrongRole),
        ("by another grid", |w| w.correct("grid-2", correction(Resource::Compute, slot(0), 30_000)), Code::NotParty),
        (
            "of a stranger",
            |w| w.correct("grid-1", CorrectReading { member: member("nobody"), ..correction(Resource::Compute, slot(0), 1) }),
            Code::NotParty,
        ),
        ("of storage", |w| w.correct("grid-1", correction(Resource::Storage, slot(0), 30_000)), Code::BadReading),
        ("of the running slot", |w| w.correct("grid-1", correction(Resource::Compute, slot(1), 30_000)), Code::BadSlot),
        (
            "in time",
            |w| (w.at(slot(0), SLOT + 30 * DAY_MS - 1), w.correct("grid-1", correction(Resource::Compute, slot(0), 30_000))).1,
            Code::Ok,
        ),
        (
            "late",
            |w| (w.at(slot(0), SLOT + 30 * DAY_MS), w.correct("grid-1", correction(Resource::Compute, slot(0), 30_000))).1,
            Code::TooLate,
        ),
        (
            "twice",
            |w| {
                w.correct("grid-1", correction(Resource::Compute, slot(0), 35_000));
                w.correct("grid-1", correction(Resource::Compute, slot(0), 30_000))
            },
            Code::AlreadyReported,
        ),
        (
            "a stand before the register's",
            |w| {
                w.at(slot(3), 0);
                w.read("hub-1", &[reading(Resource::Compute, 2, slot(2), 41_000)]);
                w.correct("grid-1", CorrectReading { stand: Some((1, wh(1))), ..correction(Resource::Compute, slot(0), 30_000) })
            },
            Code::BadSlot,
        ),
        ("of a slot without readings", |w| (w.at(slot(2), 0), w.correct("grid-1", correction(Resource::Heat, slot(1), 7))).1, Code::Ok),
    ];
    for (name, step, want) in table {
        let mut world = World::new();
        sold(&mut world);
        assert_eq!(step(&mut world), want, "{name}");
        world.check();
        world.check_index();
    }
}

#[test]
fn sales_leave_the_state_with_their_slot() {
    let mut world = World::new();
    sold(&mut world);
    assert_eq!(world.state().range::<SlotSales>(..).count(), 1);
    world.wait_ms(40 * DAY_MS);
    world.timers(100);
    assert_eq!(world.state().range::<SlotSales>(..).count(), 0);
    world.check();
}

/// A trade of 20 kWh, 10 of each of two slots with 9 kWh of heat, that waits for its confirmation.
fn delivered_in_two_slots(world: &mut World) -> TradeId {
    let id = world.matched("buyer", "hub-1", &[(20_000, 150_000)], window(0, 4), false);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    world.at(slot(1), 0);
    let readings = [(Resource::Compute, 10_000), (Resource::Heat, 9_000)]
        .into_iter()
        .flat_map(|(register, each)| [reading(register, 1, slot(0), each), reading(register, 2, slot(1), 2 * each)]);
    let in_both = |each: u64| vec![(slot(0), wh(each)), (slot(1), wh(each))];
    let done = CompleteTrade { trade: id, delivered: in_both(10_000), heat: in_both(9_000), readings: readings.collect(), result: None };
    assert_eq!(world.complete("hub-1", &done), Code::Ok);
    world.at(slot(2), 0);
    id
}

/// (slot, Wh) of the seller's lots of heat.
fn lots(world: &World) -> Vec<(Slot, u64)> {
    world.state().range::<HeatLots>(..).map(|(key, lot)| (key.slot, lot.quantity.get())).collect()
}

#[test]
fn what_is_paid_after_a_correction_was_made_in_what_it_left_of_each_slot() {
    let mut world = World::new();
    let id = delivered_in_two_slots(&mut world);
    assert_eq!(world.correct("grid-1", correction(Resource::Compute, slot(0), 0)), Code::Ok);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    assert_eq!(world.settlement(id).unwrap().quantity, wh(10_000));
    assert_eq!(lots(&world), [(slot(1), 9_000)], "nothing was made in the first slot");
    // So half of the second slot is half of what was paid.
    let free = world.account("buyer").free.get();
    assert_eq!(world.correct("grid-1", correction(Resource::Compute, slot(1), 5_000)), Code::Ok);
    assert_eq!(world.account("buyer").free.get(), free + 750_000);
    world.check();
    world.check_index();
}

#[test]
fn heat_is_issued_for_what_a_correction_leaves_of_its_claim() {
    let mut world = World::new();
    let id = delivered_in_two_slots(&mut world);
    assert_eq!(world.correct("grid-1", correction(Resource::Heat, slot(0), 4_500)), Code::Ok);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    assert_eq!(lots(&world), [(slot(0), 4_500), (slot(1), 9_000)]);
    world.check();
}
