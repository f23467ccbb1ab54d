//! Which sources count, and what their median is.

use super::super::evaluate::lower_median;
use super::super::{Evaluation, evaluate};
use super::*;
use crate::member::MemberStatus;
use crate::state::OracleInput;
use crate::testing::id;
use crate::time::{DAY_MS, SLOT_MS};

fn evaluated(world: &World, input: OracleInput, slot: Slot) -> Evaluation {
    evaluate(&world.state, &world.params().oracle, input, zone("zh"), slot)
}

fn forecast(world: &World, slot: Slot) -> (Option<i64>, usize) {
    let found = evaluated(world, OracleInput::SolarForecast, slot);
    (found.value, found.counted())
}

#[test]
fn the_median_of_an_even_count_is_the_lower_of_the_middle() {
    let table: [(&[i64], Option<i64>); 6] =
        [(&[], None), (&[7], Some(7)), (&[9, 7], Some(7)), (&[3, 1, 2], Some(2)), (&[4, 1, 3, 2], Some(2)), (&[-1, 3, -1], Some(-1))];
    for (values, want) in table {
        assert_eq!(lower_median(values.to_vec()), want, "{values:?}");
    }
}

#[test]
fn three_owners_make_a_value_and_an_owner_counts_once() {
    let mut world = world();
    let slot = world.slot(4);
    for (name, wh, want) in [("o-4", 100, (None, 1)), ("o-5", 900, (None, 1)), ("o-1", 200, (None, 2)), ("o-2", 300, (Some(300), 3))] {
        assert_eq!(solar(&mut world, name, "zh", &[(slot, wh)]), Code::Ok);
        assert_eq!(forecast(&world, slot), want, "{name}");
    }
    // o-5 reported after o-4 of the same owner: 900 counts, not 100. The fourth source makes the count even.
    assert_eq!(solar(&mut world, "o-3", "zh", &[(slot, 800)]), Code::Ok);
    assert_eq!(forecast(&world, slot), (Some(300), 4));
    let found = evaluated(&world, OracleInput::SolarForecast, slot);
    let counted: Vec<(&str, bool)> = found.sources.iter().map(|s| (s.member.as_str(), s.counted)).collect();
    assert_eq!(counted, [("o-1", true), ("o-2", true), ("o-3", true), ("o-4", false), ("o-5", true)]);
    world.edit_member("o-3", |m| m.status = MemberStatus::Suspended);
    world.edit_member("o-2", |m| m.role = Role::Hub);
    assert_eq!(forecast(&world, slot), (None, 2), "who is no source any more does not count");
    assert_eq!(evaluate(&world.state, &world.params().oracle, OracleInput::SolarForecast, zone("be"), slot), Evaluation::default());
}

#[test]
fn a_forecast_older_than_a_day_before_its_slot_is_stale() {
    let mut world = world();
    let slot = world.slot(97);
    for name in ["o-1", "o-2"] {
        solar(&mut world, name, "zh", &[(slot, 500)]);
    }
    world.now = slot.start().unwrap().ms() - DAY_MS - 1;
    solar(&mut world, "o-3", "zh", &[(slot, 500)]);
    assert_eq!(forecast(&world, slot), (None, 0), "a day and a millisecond before");
    for name in ["o-1", "o-2", "o-3"] {
        world.now = slot.start().unwrap().ms() - DAY_MS;
        solar(&mut world, name, "zh", &[(slot, 500)]);
    }
    assert_eq!(forecast(&world, slot), (Some(500), 3));
}

#[test]
fn of_a_grid_level_the_latest_slot_of_each_source_counts_for_an_hour() {
    let mut world = world();
    let slot = world.slot(0);
    for (name, value) in [("o-1", 1), ("o-2", 3), ("grid", -1)] {
        assert_eq!(level(&mut world, name, "zh", &[(slot, value)]), Code::Ok);
    }
    let read = |world: &World, ahead: u64| {
        let found = evaluated(world, OracleInput::GridLevel, Slot::new(slot.get() + ahead));
        (found.value, found.counted())
    };
    assert_eq!(read(&world, 0), (Some(1), 3), "the grid operator is a source of the level");
    assert_eq!(read(&world, 4), (Some(1), 3));
    assert_eq!(read(&world, 5), (None, 0), "an hour before the slot is the limit");
    world.now += SLOT_MS;
    assert_eq!(level(&mut world, "o-1", "zh", &[(Slot::new(slot.get() + 1), 3)]), Code::Ok);
    assert_eq!(read(&world, 4), (Some(3), 3), "3, 3, -1");
    let found = evaluated(&world, OracleInput::GridLevel, Slot::new(slot.get() + 4));
    assert_eq!(found.sources.iter().find(|s| s.member == id("o-1")).map(|s| s.slot.get()), Some(slot.get() + 1));
}
