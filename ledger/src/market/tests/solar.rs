//! Solar asks against the forecast.

use super::*;
use crate::market::solar::Promises;
use crate::member::Role;
use crate::testing::START;
use crate::time::{DAY_MS, MarketTime, SLOT_MS, Slot};

fn slot(ahead: u64) -> Slot {
    Slot::new(MarketTime::from_ms(START).slot().get() + ahead)
}

fn window(first: u64, last: u64) -> Product {
    let at = |n: u64| MarketTime::from_ms(START + n * SLOT_MS);
    Product::Compute { from: at(first), until: at(last + 1) }
}

fn solar(product: Product, wh: u64) -> PlaceOrder {
    PlaceOrder { solar: true, ..order(Side::Ask, product, wh, 150_000) }
}

fn set(world: &mut World, name: &str, slots: &[(u64, u64)]) -> Result<(), Code> {
    let env = world.envelope(name);
    let slots: Vec<_> = slots.iter().map(|(ahead, wh)| (slot(*ahead), Quantity::new(*wh))).collect();
    let result = world.block(|ctx| ctx.attempt(|ctx| forecast(ctx, &env, &slots)));
    check_reservations(&world.state);
    result
}

fn offer(world: &mut World, terms: &PlaceOrder) -> Result<OrderId, Code> {
    play(world, &[("a", terms.clone())]).orders[0]
}

fn open(world: &World) -> Vec<u64> {
    let mut list: Vec<_> = all_orders(&world.state).iter().map(|o| (o.height, o.open.get())).collect();
    list.sort();
    list.into_iter().map(|(_, open)| open).collect()
}

#[test]
fn forecasts_are_checked() {
    let mut world = World::with_hubs(&["a"]);
    world.add(crate::member::Member { role: Role::Customer, ..hub("customer") }, 0);
    assert_eq!(set(&mut world, "customer", &[(4, 100)]), Err(Code::WrongRole));
    assert_eq!(set(&mut world, "a", &[(4, 10_010)]), Err(Code::ForecastAbovePeak), "40 kW make 10 kWh in a slot");
    assert_eq!(set(&mut world, "a", &[(5, 100), (4, 100)]), Err(Code::BadSlot));
    assert_eq!(set(&mut world, "a", &[(4, 100), (4, 100)]), Err(Code::BadSlot));
    assert_eq!(set(&mut world, "a", &[(31 * DAY_MS / SLOT_MS, 100)]), Err(Code::BadSlot));
    world.now = START + SLOT_MS;
    assert_eq!(set(&mut world, "a", &[(0, 100)]), Err(Code::BadSlot), "that slot has ended");
    assert_eq!(set(&mut world, "a", &[(1, 100), (2, 10_000)]), Ok(()));
}

#[test]
fn solar_asks_of_compute_and_energy_together_stay_within_the_forecast() {
    let mut world = World::with_hubs(&["a"]);
    set(&mut world, "a", &[(4, 1_000), (5, 1_000), (6, 1_000)]).unwrap();
    let energy = |n: u64, wh| solar(Product::Energy { slot: slot(n) }, wh);
    offer(&mut world, &energy(5, 600)).unwrap();
    assert_eq!(offer(&mut world, &energy(5, 410)), Err(Code::InsufficientForecast));
    assert_eq!(offer(&mut world, &solar(window(5, 5), 410)), Err(Code::InsufficientForecast));
    offer(&mut world, &solar(window(4, 5), 1_400)).unwrap();
    assert_eq!(offer(&mut world, &energy(4, 10)), Err(Code::InsufficientForecast), "both slots are promised whole");
    offer(&mut world, &energy(6, 1_000)).unwrap();
    assert_eq!(offer(&mut world, &solar(window(4, 6), 10)), Err(Code::InsufficientForecast));
    offer(&mut world, &order(Side::Ask, Product::Energy { slot: slot(4) }, 5_000, 150_000)).expect("others are not bounded by it");
    for (first, last) in (3..8).flat_map(|first| (first..8).map(move |last| (slot(first), slot(last)))) {
        let (now, wanted) = (world.time(), Quantity::new(5_000));
        let room = |promises: &Promises| promises.room(None, first, last, wanted);
        let (all, few) = (Promises::read(&world.state, id("a"), now), Promises::around(&world.state, id("a"), now, first, last));
        assert_eq!(room(&all), room(&few), "no other slots decide over it");
    }
}

#[test]
fn when_the_forecast_falls_the_newest_open_asks_shrink_first() {
    let mut world = World::with_hubs(&["a", "b"]);
    set(&mut world, "a", &[(4, 1_000), (5, 1_000)]).unwrap();
    for wh in [500, 400, 300] {
        offer(&mut world, &solar(window(4, 5), wh)).unwrap();
    }
    play(&mut world, &[("b", order(Side::Bid, window(4, 5), 200, 200_000))]);
    assert_eq!(open(&world), [300, 400, 300], "a trade of 200 Wh is promised too");
    set(&mut world, "a", &[(5, 800)]).unwrap();
    assert_eq!(open(&world), [300, 400, 300], "there was room");
    set(&mut world, "a", &[(5, 0)]).unwrap();
    assert_eq!(open(&world), [300, 400, 100]);
    set(&mut world, "a", &[(4, 555)]).unwrap();
    assert_eq!(open(&world), [300, 50]);
    set(&mut world, "a", &[(4, 0)]).unwrap();
    assert_eq!(open(&world), [] as [u64; 0]);
    assert_eq!(world.state.range::<Trades>(..).count(), 1, "trades stand");
}

#[test]
fn asks_elsewhere_do_not_shrink() {
    let mut world = World::with_hubs(&["a"]);
    set(&mut world, "a", &[(4, 1_000), (8, 1_000)]).unwrap();
    offer(&mut world, &solar(Product::Energy { slot: slot(4) }, 1_000)).unwrap();
    offer(&mut world, &solar(Product::Energy { slot: slot(8) }, 1_000)).unwrap();
    set(&mut world, "a", &[(4, 500)]).unwrap();
    assert_eq!(open(&world), [500, 1_000]);
    let env = world.envelope("a");
    let order = all_orders(&world.state)[0].clone();
    let change = ReplaceOrder { order: order.id, quantity: Quantity::new(order.open.get() + 10), limit: order.limit() };
    assert_eq!(world.block(|ctx| ctx.attempt(|ctx| replace(ctx, &env, &change))), Err(Code::InsufficientForecast));
}

#[test]
fn a_match_in_a_shorter_window_takes_what_the_sun_makes_there() {
    let mut world = World::with_hubs(&["a", "b"]);
    set(&mut world, "a", &[(4, 1_000), (5, 1_000), (6, 1_000)]).unwrap();
    offer(&mut world, &solar(window(4, 6), 2_500)).unwrap();
    play(&mut world, &[("b", order(Side::Bid, window(5, 5), 2_500, 200_000))]);
    assert_eq!(trades(&world.state), [("b".into(), "a".into(), vec![(1_000, 150_000)])]);
    assert!(world.state.range::<Trades>(..).next().unwrap().1.solar);
    assert_eq!(offer(&mut world, &solar(window(4, 6), 510)), Err(Code::InsufficientForecast));
    offer(&mut world, &solar(window(4, 6), 500)).unwrap();
}
