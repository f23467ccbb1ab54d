//! What the inputs do to reference prices.

use super::super::adjust::supply;
use super::super::adjustments;
use super::*;
use crate::market::update_references;
use crate::receipt::Event;
use crate::state::{OracleInput, ReferenceHistory, References, View};
use crate::testing::leg;
use crate::time::{DAY_MS, SLOT_MS};
use crate::transaction::Resource;

#[test]
fn the_supply_part_truncates_toward_zero_and_is_clamped() {
    // (F, N, s)
    let table =
        [(0, 0, 0), (100, 0, 0), (0, 100, 1_500), (100, 100, 0), (200, 100, -1_500), (1_000, 100, -1_500), (2, 3, 500), (99, 100, 15)];
    for (forecast, mean, want) in table {
        assert_eq!(supply(forecast, mean), want, "{forecast} {mean}");
    }
    assert_eq!((supply(1_001, 1_000), supply(999, 1_000)), (-1, 1), "1.5 toward zero on both sides");
}

/// Three oracles report the same for a slot, some time before it.
fn agree(world: &mut World, at: &str, slot: Slot, wh: u64) {
    for name in ["o-1", "o-2", "o-3"] {
        assert_eq!(solar(world, name, at, &[(slot, wh)]), Code::Ok);
    }
}

fn update(world: &mut World) -> Vec<Event> {
    world.block(|ctx| {
        update_references(ctx).unwrap();
        ctx.events.clone()
    })
}

#[test]
fn references_follow_the_forecast_against_its_mean_and_the_grid() {
    let mut world = world();
    let first = world.slot(1);
    // Seven days of 1 000, 1 100, .. 1 600 Wh at this time of day in Zurich: N = 1 300. On the eighth day F = 650.
    for day in 0..8 {
        world.now = first.start().unwrap().ms() + day * DAY_MS - SLOT_MS / 2;
        let of_day = Slot::new(first.get() + day * 96);
        agree(&mut world, "zh", of_day, if day == 7 { 650 } else { 1_000 + day * 100 });
    }
    let slot = Slot::new(first.get() + 7 * 96);
    for (name, value) in [("o-1", 1), ("o-2", 2), ("o-3", 1)] {
        level(&mut world, name, "zh", &[(slot, value)]);
    }
    world.now = slot.start().unwrap().ms();
    let events = update(&mut world);
    // s = 1 500 x 650 / 1 300 = 750, g = 1 000: base x 1.175.
    let price = |resource, leg| world.state.get::<References>(&(resource, leg)).map(|r| (r.price.micro_chf(), r.supply, r.grid, r.demand));
    assert_eq!(price(Resource::Compute, None), Some((176_200, 750, 1_000, 0)), "176 250 down to the tick");
    assert_eq!(price(Resource::ComputeHours, None), Some((58_700, 750, 1_000, 0)));
    assert_eq!(price(Resource::Energy, Some(leg())), Some((211_500, 750, 1_000, 0)));
    assert_eq!(price(Resource::Heat, None), Some((80_000, 0, 0, 0)), "heat does not follow the sun");
    let point = world.state.get::<ReferenceHistory>(&(Resource::Compute, None, slot)).unwrap();
    assert_eq!((point.price.micro_chf(), point.parts.supply, point.parts.grid), (176_200, 750, 1_000));
    // Berne has no report at all: told, and nothing stops.
    let missing =
        |at: &str| events.iter().filter(|e| matches!(e, Event::InputMissing { zone: z, sources: 0, .. } if *z == zone(at))).count();
    assert_eq!((missing("be"), missing("zh")), (2, 0));
}

#[test]
fn a_network_follows_the_sum_of_its_zones_and_their_lower_median_level() {
    let mut world = world();
    let first = world.slot(1);
    for day in 0..2 {
        world.now = first.start().unwrap().ms() + day * DAY_MS - SLOT_MS / 2;
        let of_day = Slot::new(first.get() + day * 96);
        agree(&mut world, "zh", of_day, [3_000, 1_000][usize::try_from(day).unwrap()]);
        agree(&mut world, "be", of_day, [1_000, 2_000][usize::try_from(day).unwrap()]);
    }
    let slot = Slot::new(first.get() + 96);
    for name in ["o-1", "o-2", "o-3"] {
        level(&mut world, name, "zh", &[(slot, 3)]);
        level(&mut world, name, "be", &[(slot, 1)]);
    }
    let adjustment = world.block(|ctx| adjustments(ctx, slot));
    assert_eq!(adjustment.of(Some(zone("zh"))), (1_000, 3_000));
    assert_eq!(adjustment.of(Some(zone("be"))), (-1_500, 1_000));
    assert_eq!(adjustment.of(None), (375, 1_000), "1 500 x (4 000 - 3 000) / 4 000, the lower of 1 and 3");
    assert_eq!(adjustment.of(Some(zone("vd"))), (0, 0));
}

#[test]
fn without_enough_fresh_sources_the_adjustment_is_zero_and_told() {
    let mut world = world();
    let slot = world.slot(0);
    for name in ["o-1", "o-2"] {
        level(&mut world, name, "zh", &[(slot, 3)]);
    }
    let events = update(&mut world);
    let told = events.iter().any(|e| {
        matches!(e, Event::InputMissing { input: OracleInput::GridLevel, zone: z, slot: s, sources: 2 } if *z == zone("zh") && *s == slot)
    });
    assert!(told, "{events:?}");
    assert_eq!(world.state.get::<References>(&(Resource::Compute, None)).unwrap().price.micro_chf(), 150_000);
    // A network that has no oracles expects none.
    let mut plain = World::with_hubs(&["a"]);
    assert!(!update(&mut plain).iter().any(|e| matches!(e, Event::InputMissing { .. })));
}

#[test]
fn the_history_of_references_keeps_a_week() {
    let mut world = World::with_hubs(&["a"]);
    let first = world.slot(0);
    for _ in 0..680 {
        update(&mut world);
        world.now += SLOT_MS - 1_000;
    }
    let kept: Vec<u64> =
        world.state.range::<ReferenceHistory>(..).filter(|((r, ..), _)| *r == Resource::Compute).map(|((_, _, s), _)| s.get()).collect();
    assert_eq!((kept.len(), kept.first().copied()), (672, Some(first.get() + 8)));
}
