use super::super::{expire_heat_lot, issue::entitle};
use crate::amount::Quantity;
use crate::execute::Fault;
use crate::receipt::Code;
use crate::state::{Accounts, HeatLots, SlotReading, View};
use crate::time::DAY_MS;
use crate::trade::world::{World, completion, member, slot, wh};
use proptest::prelude::*;

/// A world where hub-1 earned 9 kWh of heat.
fn earned() -> World {
    let mut world = World::new();
    let id = world.compute(&[(10_000, 150_000)]);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.complete("hub-1", &completion(id, slot(0), 10_000, 9_500)), Code::Ok);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    world
}

#[test]
fn a_lot_names_its_origin_and_expires_after_twelve_calendar_months() {
    let mut world = earned();
    let (key, lot) = world.state().range::<HeatLots>(..).map(|(k, l)| (*k, *l)).next().unwrap();
    assert_eq!((key.holder, key.producer, key.slot, lot.quantity), (member("hub-1"), member("hub-1"), slot(0), wh(9_000)));
    // Tests start on 2025-06-15; a year of 365 days follows.
    assert_eq!(lot.expires_at.ms_since(world.now()), 365 * DAY_MS);
    world.wait_ms(365 * DAY_MS - 1);
    world.timers(10);
    assert_eq!(world.account("hub-1").heat_free, wh(9_000));
    world.wait_ms(1);
    assert_eq!(world.timers(10), 1);
    assert_eq!((world.account("hub-1").heat_free, world.totals().heat_expired), (wh(0), wh(9_000)));
    assert_eq!(world.state().range::<HeatLots>(..).count(), 0);
    world.check();
}

#[test]
fn a_lot_without_its_heat_is_a_fault_and_an_overtaken_timer_is_not() {
    let mut world = earned();
    let key = world.state().range::<HeatLots>(..).map(|(k, _)| *k).next().unwrap();
    assert_eq!(world.run(|ctx| expire_heat_lot(ctx, key)), Ok(()), "not due yet");
    assert_eq!(world.account("hub-1").heat_free, wh(9_000));
    world.wait_ms(366 * DAY_MS);
    let result = world.run(|ctx| {
        let account = ctx.state.get::<Accounts>(&member("hub-1")).copied().unwrap();
        ctx.state.put::<Accounts>(member("hub-1"), crate::state::Account { heat_free: Quantity::ZERO, ..account });
        ctx.attempt(|ctx| expire_heat_lot(ctx, key))
    });
    assert!(matches!(result, Err(Fault::Conservation(_))));
    world.run(|ctx| ctx.state.remove::<HeatLots>(&key));
    assert_eq!(world.run(|ctx| expire_heat_lot(ctx, key)), Ok(()), "gone already");
}

proptest! {
    #[test]
    fn splitting_a_slot_into_trades_issues_the_same_heat(parts in prop::collection::vec(0_u64..10_000, 1..20), factor in 0_u32..20_000) {
        let (mut entry, mut sum) = (SlotReading::default(), 0);
        for part in &parts {
            let (after, heat) = entitle(entry, wh(*part), factor, wh(u64::MAX)).unwrap();
            entry = after;
            sum += heat.get();
        }
        let total: u64 = parts.iter().sum();
        prop_assert_eq!(sum, total * u64::from(factor) / 10_000);
    }

    #[test]
    fn a_trade_issues_at_most_the_thermal_energy_it_claimed(settled in 0_u64..10_000, claimed in 0_u64..10_000, factor in 0_u32..20_000) {
        let (entry, heat) = entitle(SlotReading::default(), wh(settled), factor, wh(claimed)).unwrap();
        prop_assert_eq!(heat.get(), claimed.min(settled * u64::from(factor) / 10_000));
        prop_assert_eq!(entry.issued, heat);
    }
}
