//! The market for heat: what asks reserve, what a match moves, what expiry does to an ask.

use super::*;
use crate::amount::MicroChf;
use crate::execute::HistoryRecord;
use crate::market::cancel;
use crate::receipt::{Event, OrderEnd};
use crate::state::HeatReservations;
use crate::time::DAY_MS;
use crate::trade::world::FUNDS;

#[test]
fn every_refused_ask_of_heat_has_its_code() {
    let table: [(&str, &str, PlaceOrder, Code); 9] = [
        ("plain", "hub-1", heat(Side::Ask, 1_000, 80_000), Code::Ok),
        ("all of it", "hub-1", heat(Side::Ask, 1_250, 80_000), Code::Ok),
        ("more than there is", "hub-1", heat(Side::Ask, 1_260, 80_000), Code::InsufficientHeat),
        ("nothing there", "hub-2", heat(Side::Ask, 10, 100_000), Code::InsufficientHeat),
        ("off the lot", "hub-1", heat(Side::Ask, 1_005, 80_000), Code::BadQuantity),
        ("a customer", "buyer", heat(Side::Ask, 1_000, 80_000), Code::WrongRole),
        ("solar", "hub-1", PlaceOrder { solar: true, ..heat(Side::Ask, 1_000, 80_000) }, Code::BadPricing),
        ("from 256 lots", "hub-3", heat(Side::Ask, 2_560, 80_000), Code::Ok),
        ("from 257 lots", "hub-3", heat(Side::Ask, 2_570, 80_000), Code::TooManyLots),
    ];
    for (name, seller, terms, want) in table {
        let mut world = World::new();
        give(&mut world, "hub-1", 1, 500, 10);
        give(&mut world, "hub-1", 2, 753, 5);
        for number in 0..258 {
            give(&mut world, "hub-3", number, 10, 10);
        }
        let got = block(&mut world, 1, &[(seller, terms)]);
        assert_eq!(got[0].map_or_else(|code| code, |_| Code::Ok), want, "{name}");
    }
}

#[test]
fn an_ask_reserves_the_lots_that_expire_first_and_a_cancel_frees_them() {
    let mut world = World::new();
    let (late, early) = (give(&mut world, "hub-1", 1, 500, 10), give(&mut world, "hub-1", 2, 753, 5));
    let ask = block(&mut world, 1, &[("hub-1", heat(Side::Ask, 1_000, 80_000))])[0].unwrap();
    assert_eq!((lot(&world, early).unwrap().reserved, lot(&world, late).unwrap().reserved), (wh(753), wh(247)));
    assert_eq!((world.account("hub-1").heat_free, world.account("hub-1").heat_reserved), (wh(253), wh(1_000)));
    assert_eq!(world.act(|ctx| cancel(ctx, &envelope("hub-1", 2), ask)), Code::Ok);
    world.check();
    assert_eq!((world.account("hub-1").heat_free, world.state().range::<HeatReservations>(..).count()), (wh(1_253), 0));
}

#[test]
fn heat_moves_and_is_paid_at_the_match() {
    let mut world = World::new();
    let (late, early) = (give(&mut world, "hub-1", 1, 500, 10), give(&mut world, "hub-1", 2, 753, 5));
    let orders = [("hub-1", heat(Side::Ask, 1_000, 80_000)), ("buyer", heat(Side::Bid, 800, 90_000))];
    let placed = block(&mut world, 1, &orders);
    let (ask, bid) = (placed[0].unwrap(), placed[1].unwrap());
    assert_eq!(open(&world, ask).unwrap().open, wh(200));
    assert!(open(&world, bid).is_none());
    // p* is the ask's price: 0.8 kWh x 0.08 = 0.064, of which 5 % are the fee.
    assert_eq!(world.account("buyer").free, MicroChf::new(FUNDS - 64_000));
    assert_eq!(world.account("hub-1").free, MicroChf::new(FUNDS + 60_800));
    assert_eq!(world.totals().fee, MicroChf::new(3_200));
    // The lot that expires first goes first, its rest and what it was made of stay known.
    assert_eq!(lot(&world, early), None);
    assert_eq!(lot(&world, early.held_by(member("buyer"))).unwrap().quantity, wh(753));
    assert_eq!(lot(&world, late.held_by(member("buyer"))).unwrap().free(), wh(47));
    assert_eq!((lot(&world, late).unwrap().quantity, lot(&world, late).unwrap().reserved), (wh(453), wh(200)));
    let settled = world.finished.iter().filter(|r| matches!(r, HistoryRecord::Settled { .. })).count();
    assert_eq!((settled, world.account("buyer").escrow), (1, MicroChf::ZERO));
}

#[test]
fn equal_asks_of_heat_share_pro_rata_at_one_price() {
    let mut world = World::new();
    for name in ["hub-1", "hub-2"] {
        give(&mut world, name, 1, 9_000, 10);
    }
    let asks = [("hub-1", heat(Side::Ask, 9_000, 80_000)), ("hub-2", heat(Side::Ask, 3_000, 80_000))];
    let placed = block(&mut world, 1, &asks);
    block(&mut world, 10, &[("buyer", heat(Side::Bid, 1_200, 90_000))]);
    assert_eq!([open(&world, placed[0].unwrap()).unwrap().open, open(&world, placed[1].unwrap()).unwrap().open], [wh(8_100), wh(2_700)]);
    assert_eq!(world.account("buyer").heat_free, wh(1_200));
}

#[test]
fn a_lot_that_expires_shrinks_the_ask_to_whole_lots() {
    let mut world = World::new();
    give(&mut world, "hub-1", 1, 500, 10);
    give(&mut world, "hub-1", 2, 753, 5);
    let ask = block(&mut world, 1, &[("hub-1", heat(Side::Ask, 1_250, 80_000))])[0].unwrap();
    world.wait_ms(5 * DAY_MS);
    // Overdue but not removed yet: only what is left can be bought, in whole lots.
    block(&mut world, 10, &[("buyer", heat(Side::Bid, 1_250, 90_000))]);
    assert_eq!(world.account("buyer").heat_free, wh(490), "497 Wh are behind the ask that have not expired");
    world.timers(10);
    world.check();
    assert!(open(&world, ask).is_none(), "7 Wh make no trading lot");
    assert_eq!((world.account("hub-1").heat_free, world.totals().heat_expired), (wh(10), wh(753)));
    assert!(world.events.iter().any(|e| matches!(e, Event::OrderEnded { order, end: OrderEnd::Shrunk, .. } if *order == ask)));
}

#[test]
fn an_ask_keeps_what_has_not_expired() {
    let mut world = World::new();
    give(&mut world, "hub-1", 1, 500, 10);
    give(&mut world, "hub-1", 2, 753, 5);
    let ask = block(&mut world, 1, &[("hub-1", heat(Side::Ask, 1_250, 80_000))])[0].unwrap();
    world.wait_ms(5 * DAY_MS);
    world.timers(10);
    world.check();
    world.check_index();
    let left = open(&world, ask).unwrap();
    assert_eq!((left.open, left.terms.quantity, world.account("hub-1").heat_free), (wh(490), wh(490), wh(10)));
}

#[test]
fn many_asks_behind_one_lot_shrink_over_several_turns() {
    let mut world = World::new();
    give(&mut world, "hub-1", 1, 1_000, 5);
    let asks: Vec<_> = (0..100).map(|_| ("hub-1", heat(Side::Ask, 10, 100_000))).collect();
    block(&mut world, 1, &asks);
    world.wait_ms(5 * DAY_MS);
    for left in [36, 0] {
        world.timers(1);
        world.check();
        assert_eq!(world.state().range::<Orders>(..).count(), left);
    }
    assert_eq!(world.totals().heat_expired, wh(1_000));
}
