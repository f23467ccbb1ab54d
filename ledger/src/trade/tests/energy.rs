use crate::amount::MicroChf;
use crate::ids::TradeId;
use crate::limits::{MAX_SLOT_SETTLEMENTS, SLOT_RETENTION_MS};
use crate::receipt::{CancelReason, Code, Event};
use crate::state::{Exchanges, SlotReadings, TradeStatus, View};
use crate::time::DAY_MS;
use crate::trade::report_exchange;
use crate::trade::world::*;
use crate::transaction::Resource;

const PRICE: u64 = 200_000;

/// Sells Wh of slot 1, each to a trade of its own.
fn sell(world: &mut World, seller: &str, parts: &[u64]) -> Vec<TradeId> {
    let mut ids: Vec<_> = parts.iter().map(|q| world.matched("buyer", seller, &[(*q, PRICE)], energy(1), false)).collect();
    ids.sort_unstable();
    ids
}

fn surplus(world: &mut World, seller: &str, wh: u64) {
    assert_eq!(world.read(seller, &[reading(Resource::Energy, 1, slot(1), wh)]), Code::Ok);
}

fn paid(world: &World, ids: &[TradeId]) -> u64 {
    ids.iter().map(|id| world.settlement(*id).unwrap().quantity.get()).sum()
}

#[test]
fn energy_settles_at_once_when_readings_and_report_are_in() {
    for report_first in [true, false] {
        let mut world = World::new();
        let id = sell(&mut world, "hub-1", &[1_000])[0];
        world.at(slot(2), 0);
        if report_first {
            assert_eq!(world.report("grid-1", slot(1), 5_000), Code::Ok);
            surplus(&mut world, "hub-1", 1_200);
        } else {
            surplus(&mut world, "hub-1", 1_200);
            assert_eq!(world.status(id), Some(TradeStatus::Settling));
            assert_eq!(world.report("grid-1", slot(1), 5_000), Code::Ok);
        }
        assert_eq!(world.timers(10), 1);
        let settled = world.settlement(id).unwrap();
        assert_eq!((settled.gross.get(), settled.fee.get(), settled.seller.get()), (200_000, 10_000, 190_000));
        assert_eq!(settled.heat, wh(0), "energy makes no heat credits");
        world.check();
    }
}

#[test]
fn a_sellers_surplus_is_shared_over_its_trades() {
    let mut world = World::new();
    let ids = sell(&mut world, "hub-1", &[1_000, 1_000, 1_000]);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 1_000);
    assert_eq!(world.report("grid-1", slot(1), 9_000), Code::Ok);
    world.timers(10);
    let shares: Vec<u64> = ids.iter().map(|id| world.settlement(*id).unwrap().quantity.get()).collect();
    assert_eq!(shares, [333, 333, 334], "in the order of their ids");
    // 667 Wh are missing of the first, 20 tolerated: 647 Wh at 0.20 x 10 %.
    assert_eq!(world.settlement(ids[0]).unwrap().penalty, MicroChf::new(12_940));
    world.check();
}

#[test]
fn the_reported_exchange_limits_the_community_without_penalty() {
    let mut world = World::new();
    let mut ids = sell(&mut world, "hub-1", &[3_000, 1_000]);
    ids.extend(sell(&mut world, "hub-2", &[2_000]));
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 9_000);
    assert_eq!(world.report("grid-1", slot(1), 3_001), Code::Ok);
    assert_eq!(world.timers(10), 0, "hub-2's readings are still waited for");
    surplus(&mut world, "hub-2", 2_000);
    world.timers(10);
    assert_eq!(paid(&world, &ids), 3_001);
    for id in &ids {
        let settled = world.settlement(*id).unwrap();
        assert_eq!(settled.penalty, MicroChf::ZERO, "the seller delivered");
        assert!(settled.refund > MicroChf::ZERO);
    }
    world.check();
}

#[test]
fn without_a_report_the_readings_stand_alone_after_five_days() {
    let mut world = World::new();
    let ids = sell(&mut world, "hub-1", &[1_000, 2_000]);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 3_000);
    world.at(slot(2), 5 * DAY_MS - 1);
    assert_eq!(world.timers(10), 0);
    world.wait_ms(1);
    assert_eq!(world.report("grid-1", slot(1), 0), Code::TooLate);
    assert_eq!(world.timers(10), 1);
    assert_eq!(paid(&world, &ids), 3_000);
    world.check();
}

#[test]
fn a_seller_without_readings_is_cancelled_and_the_others_settle() {
    let mut world = World::new();
    let (missed, kept) = (sell(&mut world, "hub-1", &[1_000])[0], sell(&mut world, "hub-2", &[1_000])[0]);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-2", 1_000);
    assert_eq!(world.report("grid-1", slot(1), 800), Code::Ok);
    world.at(slot(2), DAY_MS);
    surplus(&mut world, "hub-1", 1_000);
    assert_eq!(world.status(missed), Some(TradeStatus::Pending), "a reading at the deadline is taken, and late for the trade");
    assert_eq!(world.timers(10), 2);
    assert!(world.events.contains(&Event::Cancelled { trade: missed, reason: CancelReason::NotCompleted }));
    assert_eq!(paid(&world, &[kept]), 800, "the limit is shared by those who delivered");
    world.check();
}

#[test]
fn a_cancelled_sale_leaves_the_slot_to_the_others() {
    let mut world = World::new();
    let (gone, kept) = (sell(&mut world, "hub-1", &[1_000])[0], sell(&mut world, "hub-2", &[1_000])[0]);
    assert_eq!(world.cancel("hub-1", gone), Code::Ok);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-2", 1_000);
    assert_eq!(world.report("grid-1", slot(1), 1_000), Code::Ok);
    world.timers(10);
    assert_eq!(paid(&world, &[kept]), 1_000);
    world.check();
}

#[test]
fn a_crowded_slot_settles_in_turns_with_the_same_sum() {
    let mut world = World::new();
    let parts: Vec<u64> = (0..100).map(|i| 10 + 10 * (i % 7)).collect();
    let ids = sell(&mut world, "hub-1", &parts);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 100_000);
    assert_eq!(world.report("grid-1", slot(1), 1_777), Code::Ok);
    assert_eq!(world.timers(1), 1);
    let settled = ids.iter().filter(|id| world.settlement(**id).is_some()).count();
    assert_eq!(settled, MAX_SLOT_SETTLEMENTS);
    world.check();
    world.wait_ms(50);
    assert_eq!(world.timers(10), 1);
    assert_eq!(paid(&world, &ids), 1_777);
    world.check();
}

#[test]
fn what_is_kept_by_slot_is_forgotten_after_a_month() {
    let mut world = World::new();
    sell(&mut world, "hub-1", &[1_000]);
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 1_000);
    assert_eq!(world.report("grid-1", slot(1), 1_000), Code::Ok);
    world.timers(10);
    assert_eq!((world.state().range::<Exchanges>(..).count(), world.state().range::<SlotReadings>(..).count()), (1, 1));
    world.at(slot(2), SLOT_RETENTION_MS - 1);
    assert_eq!(world.timers(10), 0);
    world.wait_ms(1);
    assert_eq!(world.timers(10), 2);
    assert_eq!((world.state().range::<Exchanges>(..).count(), world.state().range::<SlotReadings>(..).count()), (0, 0));
}

#[test]
fn a_report_needs_open_trades_all_of_the_operators_grid() {
    let mut world = World::new();
    sell(&mut world, "hub-1", &[1_000]);
    world.at(slot(3), 0);
    assert_eq!(world.report("grid-1", slot(2), 5_000), Code::NotParty, "nobody sold in that slot");
    let elsewhere = crate::ids::LegId::parse("leg-9").unwrap();
    let report = world.act(|ctx| report_exchange(ctx, &envelope(member("grid-1")), elsewhere, slot(1), wh(5_000)));
    assert_eq!(report, Code::NotParty, "nor in that community");
    assert_eq!(world.state().range::<Exchanges>(..).count(), 1, "no entry but that of the trade");
    assert_eq!(world.report("grid-1", slot(1), 5_000), Code::Ok);
}

#[test]
fn no_operator_reports_a_slot_with_a_seller_of_another_grid() {
    // Whichever of the two trades comes first.
    for (own, foreign) in [("hub-1", "hub-2"), ("hub-2", "hub-1")] {
        let mut world = World::new();
        world.edit_member(foreign, |m| m.location.grid_operator = crate::ids::PlaceId::parse("other").unwrap());
        sell(&mut world, own, &[1_000]);
        sell(&mut world, foreign, &[1_000]);
        world.at(slot(2), 0);
        for operator in ["grid-1", "grid-2"] {
            assert_eq!(world.report(operator, slot(1), 5_000), Code::NotParty);
        }
    }
}

#[test]
fn energy_that_nobody_sold_leaves_no_entry() {
    let mut world = World::new();
    world.at(slot(2), 0);
    surplus(&mut world, "hub-1", 1_000);
    assert_eq!(world.state().range::<SlotReadings>(..).count(), 0);
}
