use crate::limits::SLOT_RETENTION_MS;
use crate::receipt::Code;
use crate::state::{Registers, SlotReading, SlotReadings, View};
use crate::time::Slot;
use crate::trade::world::{SLOT, World, member, reading, slot, wh};
use crate::transaction::{Reading, Resource};

use Resource::{Compute, Energy, Heat};

fn increase(world: &World, register: Resource, of: Slot) -> u64 {
    world.state().get::<SlotReadings>(&(member("hub-1"), register, of)).map_or(0, |entry: &SlotReading| entry.increase.get())
}

#[test]
fn readings_follow_one_another() {
    // A world in slot 10, where the register stands at (sequence 5, slot 8, 1000 Wh).
    let back = |slots: u64| slot(10 - slots);
    let table: [(&str, Reading, Code); 16] = [
        ("next", reading(Compute, 6, back(1), 1_500), Code::Ok),
        ("in the running slot", reading(Compute, 6, back(0), 1_500), Code::Ok),
        ("in the same slot", reading(Heat, 6, back(2), 1_500), Code::Ok),
        ("unchanged", reading(Compute, 6, back(1), 1_000), Code::Ok),
        ("gap", reading(Compute, 7, back(1), 1_500), Code::BadReading),
        ("repeated", reading(Compute, 5, back(1), 1_500), Code::BadReading),
        ("reset", reading(Compute, 0, back(1), 1_500), Code::BadReading),
        ("rollback", reading(Compute, 6, back(1), 999), Code::BadReading),
        ("slot goes back", reading(Compute, 6, back(3), 1_500), Code::BadReading),
        ("slot ahead", reading(Compute, 6, slot(11), 1_500), Code::BadSlot),
        ("end of numbers", reading(Compute, 6, Slot::new(u64::MAX), 1_500), Code::BadSlot),
        ("energy", reading(Energy, 6, back(1), 1_500), Code::Ok),
        ("energy of the running slot", reading(Energy, 6, back(0), 1_500), Code::BadSlot),
        ("energy slot twice", reading(Energy, 6, back(2), 1_500), Code::BadReading),
        ("storage", reading(Resource::Storage, 6, back(1), 1_500), Code::BadReading),
        ("compute-hours", reading(Resource::ComputeHours, 6, back(1), 1_500), Code::Ok),
    ];
    for (name, next, want) in table {
        let mut world = World::new();
        world.at(slot(10), 0);
        for register in [Compute, Resource::ComputeHours, Heat, Energy] {
            for sequence in 1..=5 {
                assert_eq!(world.read("hub-1", &[reading(register, sequence, slot(3 + sequence), 200 * sequence)]), Code::Ok);
            }
        }
        let before = world.state().clone();
        assert_eq!(world.read("hub-1", &[next]), want, "{name}");
        if want == Code::Ok {
            let register = world.state().get::<Registers>(&(member("hub-1"), next.register)).unwrap();
            assert_eq!((register.sequence, register.slot, register.register_wh), (6, next.slot, next.register_wh), "{name}");
        } else {
            assert!(*world.state() == before, "{name}");
        }
    }
}

#[test]
fn the_first_reading_counts_from_zero_or_only_tells_the_stand() {
    for (sequence, want, counted) in [(0, Code::Ok, 0), (1, Code::Ok, 700), (2, Code::BadReading, 0)] {
        let mut world = World::new();
        assert_eq!(world.read("hub-1", &[reading(Compute, sequence, slot(0), 700)]), want);
        assert_eq!(increase(&world, Compute, slot(0)), counted, "sequence {sequence}");
    }
    let mut world = World::new();
    assert_eq!(world.read("hub-1", &[reading(Compute, 0, slot(0), 700), reading(Compute, 1, slot(0), 750)]), Code::Ok);
    assert_eq!(increase(&world, Compute, slot(0)), 50);
    assert_eq!(world.read("hub-1", &[]), Code::BadReading);
}

#[test]
fn an_increase_counts_for_the_slot_of_the_later_reading() {
    let mut world = World::new();
    world.at(slot(6), 0);
    let readings = [reading(Compute, 1, slot(1), 100), reading(Compute, 2, slot(1), 130), reading(Compute, 3, slot(5), 1_000)];
    assert_eq!(world.read("hub-1", &readings), Code::Ok);
    let by_slot: Vec<u64> = (0..6).map(|s| increase(&world, Compute, slot(s))).collect();
    assert_eq!(by_slot, [0, 130, 0, 0, 0, 870]);
}

#[test]
fn one_bad_reading_refuses_the_whole_action() {
    let mut world = World::new();
    let readings = [reading(Compute, 1, slot(0), 100), reading(Compute, 3, slot(0), 130)];
    assert_eq!(world.read("hub-1", &readings), Code::BadReading);
    assert_eq!(world.state().range::<Registers>(..).count(), 0);
}

#[test]
fn old_slots_are_refused_and_forgotten_at_the_same_instant() {
    let mut world = World::new();
    assert_eq!(world.read("hub-1", &[reading(Compute, 1, slot(0), 100)]), Code::Ok);
    world.at(slot(0), SLOT + SLOT_RETENTION_MS - 1);
    assert_eq!(world.read("hub-1", &[reading(Compute, 2, slot(0), 150)]), Code::Ok);
    assert_eq!(world.timers(10), 0);
    world.wait_ms(1);
    assert_eq!(world.read("hub-1", &[reading(Compute, 3, slot(0), 200)]), Code::BadSlot);
    assert_eq!(world.timers(10), 1);
    assert_eq!(increase(&world, Compute, slot(0)), 0);
    assert_eq!(world.state().get::<Registers>(&(member("hub-1"), Compute)).unwrap().register_wh, wh(150), "the register stays");
}
