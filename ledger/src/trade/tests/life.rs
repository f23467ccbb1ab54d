use crate::amount::{BasisPoints, MicroChf};
use crate::execute::HistoryRecord;
use crate::receipt::{CancelReason, Code, Event};
use crate::state::TradeStatus;
use crate::time::{DAY_MS, HOUR_MS};
use crate::trade::world::*;
use crate::transaction::{CompleteTrade, Resource};

const KWH_15_RAPPEN: (u64, u64) = (10_000, 150_000);

/// Starts and completes a trade of hub-1 with what its meter shows.
fn deliver(world: &mut World, fills: &[(u64, u64)], solar: bool, compute: u64, heat: u64) -> crate::ids::TradeId {
    let id = world.matched("buyer", "hub-1", fills, window(0, 4), solar);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.complete("hub-1", &completion(id, slot(0), compute, heat)), Code::Ok);
    assert_eq!(world.status(id), Some(TradeStatus::Delivered));
    id
}

#[test]
fn scenario_1_settles_to_the_micro_franc() {
    let mut world = World::new();
    let id = deliver(&mut world, &[KWH_15_RAPPEN], false, 10_000, 9_500);
    assert_eq!(world.account("buyer").escrow, MicroChf::new(1_500_000));
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let settled = world.settlement(id).unwrap();
    assert_eq!((settled.gross.get(), settled.fee.get(), settled.seller.get()), (1_500_000, 75_000, 1_425_000));
    assert_eq!((settled.refund.get(), settled.penalty.get(), settled.bonus.get()), (0, 0, 0));
    assert_eq!(world.account("buyer").money(), Some(MicroChf::new(FUNDS - 1_500_000)));
    assert_eq!(world.account("hub-1").free, MicroChf::new(FUNDS + 1_425_000));
    assert_eq!(world.totals().fee, MicroChf::new(75_000));
    // 10 kWh x 0.9, below the 9.5 kWh that the thermal meter showed.
    assert_eq!((settled.heat, world.account("hub-1").heat_free), (wh(9_000), wh(9_000)));
    assert_eq!(world.status(id), None, "what is settled leaves the state");
    assert!(world.events.contains(&Event::Confirmed { trade: id, silent: false }));
    world.check();
}

#[test]
fn silence_confirms_after_a_day() {
    let mut world = World::new();
    let id = deliver(&mut world, &[KWH_15_RAPPEN], false, 10_000, 0);
    world.wait_ms(DAY_MS - 1);
    assert_eq!(world.timers(10), 0);
    world.wait_ms(1);
    assert_eq!(world.confirm("buyer", id), Code::TooLate, "an action at its deadline is late, although the timer has not run");
    assert_eq!(world.timers(10), 1);
    assert!(world.events.contains(&Event::Confirmed { trade: id, silent: true }));
    assert_eq!(world.settlement(id).unwrap().seller, MicroChf::new(1_425_000));
    world.check();
}

#[test]
fn missed_deadlines_refund_the_buyer() {
    // (start it?, time after the start of the test at which the timer is due, reason): until is an hour ahead.
    let table = [(false, HOUR_MS, CancelReason::NotStarted), (true, 2 * HOUR_MS, CancelReason::NotCompleted)];
    for (starts, due, reason) in table {
        let mut world = World::new();
        let id = world.compute(&[KWH_15_RAPPEN]);
        if starts {
            assert_eq!(world.start("hub-1", id), Code::Ok);
        }
        world.wait_ms(due - 1);
        assert_eq!(world.timers(10), 0);
        world.wait_ms(1);
        assert_eq!(world.timers(10), 1);
        assert_eq!(world.account("buyer").free, MicroChf::new(FUNDS));
        assert!(world.events.contains(&Event::Cancelled { trade: id, reason }));
        assert!(matches!(world.finished.last(), Some(HistoryRecord::Cancelled { trade, .. }) if trade.status == TradeStatus::Cancelled));
        world.check();
    }
}

#[test]
fn the_start_is_due_an_hour_after_a_later_window() {
    let mut world = World::new();
    let id = world.matched("buyer", "hub-1", &[KWH_15_RAPPEN], window(8, 12), false);
    assert_eq!(world.start("hub-1", id), Code::TooEarly);
    world.at(slot(12), 0);
    assert_eq!(world.start("hub-1", id), Code::TooLate);
    world.at(slot(11), SLOT - 1);
    assert_eq!(world.start("hub-1", id), Code::Ok);
}

#[test]
fn the_seller_may_cancel_before_the_start_only() {
    let mut world = World::new();
    let id = world.compute(&[KWH_15_RAPPEN]);
    assert_eq!(world.cancel("hub-1", id), Code::Ok);
    assert!(world.events.contains(&Event::Cancelled { trade: id, reason: CancelReason::BySeller }));
    assert_eq!(world.account("buyer").free, MicroChf::new(FUNDS));
    let id = world.compute(&[KWH_15_RAPPEN]);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    assert_eq!(world.cancel("hub-1", id), Code::WrongState);
    world.check();
}

#[test]
fn partial_delivery_pays_the_fills_in_order_and_refunds_the_rest() {
    let mut world = World::new();
    let id = deliver(&mut world, &[(4_000, 100_000), (6_000, 200_000)], false, 5_000, 0);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let settled = world.settlement(id).unwrap();
    // 4 kWh at 0.10 and 1 kWh at 0.20; 5 kWh are missing, 0.2 of them tolerated, the rest valued at the last fill: 4.8 x 0.20 x 10 %.
    assert_eq!((settled.gross.get(), settled.fee.get(), settled.refund.get()), (600_000, 30_000, 1_000_000));
    assert_eq!((settled.penalty.get(), settled.seller.get()), (96_000, 474_000));
    assert_eq!(world.totals().penalties, MicroChf::new(96_000));
    world.check();
}

#[test]
fn two_percent_missing_cost_nothing_and_more_is_penalised_beyond_them() {
    for (delivered, penalty) in [(9_800, 0), (9_799, 15), (9_790, 150), (0, 147_000)] {
        let mut world = World::new();
        let id = deliver(&mut world, &[KWH_15_RAPPEN], false, delivered, 0);
        assert_eq!(world.confirm("buyer", id), Code::Ok);
        assert_eq!(world.settlement(id).unwrap().penalty.get(), penalty, "{delivered} Wh");
        world.check();
    }
}

#[test]
fn a_penalty_beyond_proceeds_and_free_balance_becomes_debt_paid_by_later_proceeds() {
    let mut world = World::new();
    world.run(|ctx| {
        crate::execute::reserve(ctx, member("hub-1"), MicroChf::new(FUNDS - 50_000)).unwrap();
    });
    let id = deliver(&mut world, &[KWH_15_RAPPEN], false, 0, 0);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let account = world.account("hub-1");
    assert_eq!((account.free.get(), account.debt.get(), world.totals().penalties.get()), (0, 97_000, 50_000));
    world.check();
    let id = world.compute(&[KWH_15_RAPPEN]);
    assert_eq!(world.start("hub-1", id), Code::Ok);
    let mut done = completion(id, slot(0), 10_000, 0);
    done.readings[0].sequence = 2;
    done.readings[1].sequence = 2;
    assert_eq!(world.complete("hub-1", &done), Code::Ok);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let account = world.account("hub-1");
    assert_eq!((account.free.get(), account.debt.get(), world.totals().penalties.get()), (1_425_000 - 97_000, 0, 147_000));
    world.check();
}

#[test]
fn over_delivery_is_neither_paid_nor_turned_into_heat() {
    let mut world = World::new();
    let id = deliver(&mut world, &[KWH_15_RAPPEN], false, 25_000, 25_000);
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    let settled = world.settlement(id).unwrap();
    assert_eq!((settled.quantity, settled.gross.get(), settled.heat), (wh(10_000), 1_500_000, wh(9_000)));
    world.check();
}

#[test]
fn the_solar_bonus_is_paid_from_penalties_only() {
    // (penalties before, delivered, bonus): 1 % of 1.50 is 0.015; none with a penalty of its own.
    for (pot, delivered, bonus) in [(0, 10_000, 0), (9_000, 10_000, 9_000), (50_000, 10_000, 15_000), (50_000, 5_000, 0)] {
        let mut world = World::new();
        world.run(|ctx| crate::execute::collect_penalty(ctx, member("hub-3"), MicroChf::new(pot)).unwrap());
        let id = deliver(&mut world, &[KWH_15_RAPPEN], true, delivered, 0);
        assert_eq!(world.confirm("buyer", id), Code::Ok);
        let settled = world.settlement(id).unwrap();
        assert_eq!(settled.bonus.get(), bonus, "{pot} in penalties");
        assert_eq!(settled.seller.get(), settled.gross.get() - settled.fee.get() - settled.penalty.get() + bonus);
        world.check();
    }
}

#[test]
fn the_fee_rate_is_frozen_at_the_match() {
    let mut world = World::new();
    let id = deliver(&mut world, &[KWH_15_RAPPEN], false, 10_000, 0);
    world.edit_params(|params| params.fee = BasisPoints::new(200));
    assert_eq!(world.confirm("buyer", id), Code::Ok);
    assert_eq!(world.settlement(id).unwrap().fee, MicroChf::new(75_000));
}

#[test]
fn two_trades_share_a_slots_increase_and_never_claim_more() {
    let mut world = World::new();
    let (a, b) = (world.compute(&[KWH_15_RAPPEN]), world.compute(&[KWH_15_RAPPEN]));
    assert_eq!((world.start("hub-1", a), world.start("hub-1", b)), (Code::Ok, Code::Ok));
    let readings = [reading(Resource::Compute, 1, slot(0), 15_000), reading(Resource::Heat, 1, slot(0), 13_000)];
    assert_eq!(world.read("hub-1", &readings), Code::Ok);
    let claim = |trade, compute, heat| CompleteTrade {
        trade,
        delivered: vec![(slot(0), wh(compute))],
        heat: vec![(slot(0), wh(heat))],
        readings: Vec::new(),
        result: None,
    };
    assert_eq!(world.complete("hub-1", &claim(a, 9_999, 9_000)), Code::Ok);
    assert_eq!(world.complete("hub-1", &claim(b, 5_002, 4_000)), Code::OverClaimed);
    assert_eq!(world.complete("hub-1", &claim(b, 5_001, 4_001)), Code::OverClaimed, "heat too");
    world.check();
    assert_eq!(world.complete("hub-1", &claim(b, 5_001, 4_000)), Code::Ok);
    assert_eq!((world.confirm("buyer", a), world.confirm("buyer", b)), (Code::Ok, Code::Ok));
    // floor(9999 x 0.9) = 8999; then 13500 in all are due, of which b claimed 4000.
    assert_eq!((world.settlement(a).unwrap().heat, world.settlement(b).unwrap().heat), (wh(8_999), wh(4_000)));
    world.check();
}
