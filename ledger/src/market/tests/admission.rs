//! What may stand in a book: tables of (order, code).

use super::*;
use crate::amount::BasisPoints;
use crate::hash::Hash;
use crate::member::{MemberStatus, Role};
use crate::testing::START;
use crate::time::{DAY_MS, HOUR_MS, MarketTime, SLOT_MS, Slot};
use crate::transaction::{Constraints, Pricing, Resource, SettlementMethod};

fn world() -> World {
    let mut world = World::with_hubs(&["a", "b"]);
    world.add(crate::member::Member { role: Role::Customer, ..hub("customer") }, 1_000_000_000);
    world.add(crate::member::Member { role: Role::Observer, ..hub("observer") }, 1_000_000_000);
    world.add(crate::member::Member { status: MemberStatus::Suspended, ..hub("suspended") }, 1_000_000_000);
    world.add(crate::member::Member { reputation: BasisPoints::new(1_999), ..hub("barred") }, 1_000_000_000);
    world.add(crate::member::Member { reputation: BasisPoints::new(3_999), ..hub("capped") }, 1_000_000_000);
    world.add(hub("poor"), 1_000_000);
    let mut plain = hub("plain");
    plain.capacity.machines = 0;
    world.add(plain, 1_000_000_000);
    let mut alone = hub("alone");
    alone.location.leg = None;
    world.add(alone, 1_000_000_000);
    world
}

fn place_one(world: &mut World, name: &str, terms: &PlaceOrder) -> Result<OrderId, Code> {
    let env = world.envelope(name);
    let result = world.block(|ctx| {
        let before = ctx.state.base().clone();
        let result = place(ctx, &env, terms);
        if result.is_err() {
            assert!(ctx.events.is_empty() && ctx.changed_markets.is_empty());
            assert_eq!(ctx.state.get::<Accounts>(&env.signer), before.get::<Accounts>(&env.signer), "a rejection changes nothing");
        }
        result
    });
    check_reservations(&world.state);
    result
}

fn window(from: u64, until: u64) -> Product {
    Product::Compute { from: MarketTime::from_ms(from), until: MarketTime::from_ms(until) }
}

/// Compute-hours within the 24 hours after the start.
fn hours() -> Product {
    Product::ComputeHours { from: MarketTime::from_ms(START), until: MarketTime::from_ms(START + DAY_MS) }
}

#[test]
fn compute_and_hours_load_their_own_capacity() {
    let mut world = world();
    place_one(&mut world, "a", &ask(240_000, 150_000)).unwrap();
    place_one(&mut world, "a", &order(Side::Ask, hours(), 60_000, 50_000)).unwrap();
    assert_eq!(place_one(&mut world, "a", &order(Side::Ask, hours(), 36_010, 50_000)), Err(Code::InsufficientCapacity));
    play(&mut world, &[("b", order(Side::Bid, hours(), 50_000, 50_000))]);
    assert_eq!(trades(&world.state).len(), 1);
    assert_eq!(place_one(&mut world, "a", &order(Side::Ask, hours(), 36_010, 50_000)), Err(Code::InsufficientCapacity));
    place_one(&mut world, "a", &order(Side::Ask, hours(), 35_990, 50_000)).unwrap();
}

#[test]
fn every_broken_rule_has_its_code() {
    let compute = |from, until| order(Side::Bid, window(from, until), 1_000, 150_000);
    let slot = |ahead: u64| {
        let slot = Slot::new(MarketTime::from_ms(START).slot().get() + ahead);
        order(Side::Bid, Product::Energy { slot }, 1_000, 150_000)
    };
    let wishes = |constraints| PlaceOrder { constraints, ..bid(1_000, 150_000) };
    let none = Constraints::default();
    let tif = |time_in_force| PlaceOrder { time_in_force, ..bid(1_000, 150_000) };
    let methods = |settlement: &[SettlementMethod]| PlaceOrder { settlement: settlement.iter().copied().collect(), ..bid(1_000, 150_000) };
    let table: Vec<(&str, &str, PlaceOrder, Result<(), Code>)> = vec![
        ("a", "plain bid", bid(1_000, 150_000), Ok(())),
        ("a", "plain ask", ask(1_000, 150_000), Ok(())),
        ("customer", "customers buy", bid(1_000, 150_000), Ok(())),
        ("customer", "customers do not sell", ask(1_000, 150_000), Err(Code::WrongRole)),
        ("observer", "observers do not trade", bid(1_000, 150_000), Err(Code::WrongRole)),
        ("suspended", "suspended", bid(1_000, 150_000), Err(Code::MemberInactive)),
        ("nobody", "unknown", bid(1_000, 150_000), Err(Code::MemberInactive)),
        ("a", "zero", bid(0, 150_000), Err(Code::BadQuantity)),
        ("a", "off the lot", bid(1_005, 150_000), Err(Code::BadQuantity)),
        ("a", "too much", bid(1_000_000_000_010, 150_000), Err(Code::BadQuantity)),
        ("a", "off the tick", bid(1_000, 150_050), Err(Code::BadTick)),
        ("a", "centimes", bid(1_000, 15_000_000), Err(Code::PriceCollar)),
        ("a", "ten times the base", bid(1_000, 1_500_000), Ok(())),
        ("a", "above ten times the base", bid(1_000, 1_500_100), Err(Code::PriceCollar)),
        ("a", "a tenth of the base", bid(1_000, 15_000), Ok(())),
        ("a", "below a tenth of the base", bid(1_000, 14_900), Err(Code::PriceCollar)),
        ("a", "free", bid(1_000, 0), Err(Code::PriceCollar)),
        ("a", "CHF 0.00099", bid(10, 99_000), Err(Code::MinNotional)),
        ("a", "CHF 0.001", bid(10, 100_000), Ok(())),
        ("a", "empty window", compute(START + HOUR_MS, START + HOUR_MS), Err(Code::BadWindow)),
        ("a", "reversed window", compute(START + HOUR_MS, START), Err(Code::BadWindow)),
        ("a", "past window", compute(START - HOUR_MS, START), Err(Code::BadWindow)),
        ("a", "begun window", compute(START - HOUR_MS, START + HOUR_MS), Ok(())),
        ("a", "week", compute(START, START + 7 * DAY_MS), Ok(())),
        ("a", "longer than a week", compute(START, START + 7 * DAY_MS + 1), Err(Code::BadWindow)),
        ("a", "far ahead", compute(START + 30 * DAY_MS, START + 31 * DAY_MS), Err(Code::BadWindow)),
        ("a", "running slot", slot(0), Err(Code::SlotClosed)),
        ("a", "next slot", slot(1), Ok(())),
        ("a", "seven days ahead", slot(7 * 96), Ok(())),
        ("a", "further ahead", slot(7 * 96 + 1), Err(Code::SlotClosed)),
        ("alone", "no community", slot(1), Err(Code::NoCommunity)),
        ("a", "minimum above the quantity", PlaceOrder { min_fill: Quantity::new(1_010), ..bid(1_000, 150_000) }, Err(Code::BadMinFill)),
        ("a", "minimum off the lot", PlaceOrder { min_fill: Quantity::new(15), ..bid(1_000, 150_000) }, Err(Code::BadMinFill)),
        ("a", "no method", methods(&[]), Err(Code::BadSettlement)),
        ("a", "francs", methods(&[SettlementMethod::Chf]), Err(Code::BadSettlement)),
        ("a", "heat for compute", methods(&[SettlementMethod::Heat]), Err(Code::BadSettlement)),
        ("a", "twice", methods(&[SettlementMethod::Credits, SettlementMethod::Credits]), Err(Code::BadSettlement)),
        ("a", "until now", tif(TimeInForce::GoodTillTime(MarketTime::from_ms(START))), Err(Code::BadTimeInForce)),
        ("a", "until later", tif(TimeInForce::GoodTillTime(MarketTime::from_ms(START + 1))), Ok(())),
        ("a", "ask or kill", PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..ask(1_000, 150_000) }, Err(Code::BadTimeInForce)),
        ("a", "dynamic bid", PlaceOrder { pricing: Pricing::Dynamic, ..bid(1_000, 150_000) }, Err(Code::BadPricing)),
        ("a", "solar bid", PlaceOrder { solar: true, ..bid(1_000, 150_000) }, Err(Code::BadPricing)),
        ("a", "split ask", PlaceOrder { split: true, ..ask(1_000, 150_000) }, Err(Code::BadPricing)),
        ("a", "nobody required", wishes(Constraints { require_hub: true, ..none }), Err(Code::BadConstraints)),
        ("a", "itself", wishes(Constraints { hub: Some(id("a")), ..none }), Err(Code::BadConstraints)),
        ("a", "unknown hub", wishes(Constraints { hub: Some(id("nobody")), ..none }), Err(Code::BadConstraints)),
        ("a", "known hub", wishes(Constraints { hub: Some(id("b")), require_hub: true, ..none }), Ok(())),
        ("a", "more than all", wishes(Constraints { min_reputation: Some(BasisPoints::new(10_001)), ..none }), Err(Code::BadConstraints)),
        ("barred", "barred", bid(1_000, 150_000), Err(Code::Reputation)),
        ("capped", "value within the cap", bid(500_000, 200_000), Ok(())),
        ("capped", "value above the cap", bid(500_010, 200_000), Err(Code::Reputation)),
        ("poor", "covered", bid(5_000, 200_000), Ok(())),
        ("poor", "not covered", bid(5_010, 200_000), Err(Code::InsufficientFunds)),
        ("a", "10 kW for a day", ask(240_000, 150_000), Ok(())),
        ("a", "more than that", ask(240_010, 150_000), Err(Code::InsufficientCapacity)),
        ("a", "4 machines for a day", order(Side::Ask, hours(), 96_000, 50_000), Ok(())),
        ("a", "more hours than that", order(Side::Ask, hours(), 96_010, 50_000), Err(Code::InsufficientCapacity)),
        ("plain", "no machines", order(Side::Ask, hours(), 1_000, 50_000), Err(Code::NoMachines)),
        ("plain", "buys hours", order(Side::Bid, hours(), 1_000, 50_000), Ok(())),
        ("a", "solar hours", PlaceOrder { solar: true, ..order(Side::Ask, hours(), 1_000, 50_000) }, Err(Code::BadPricing)),
        ("a", "a job", PlaceOrder { job: Some(Hash::MAX), ..bid(1_000, 150_000) }, Ok(())),
        ("a", "a job by the hour", PlaceOrder { job: Some(Hash::MAX), ..order(Side::Bid, hours(), 1_000, 50_000) }, Ok(())),
        ("a", "a job of an ask", PlaceOrder { job: Some(Hash::MAX), ..ask(1_000, 150_000) }, Err(Code::JobNotDue)),
        ("a", "a job of energy", PlaceOrder { job: Some(Hash::MAX), ..slot(1) }, Err(Code::JobNotDue)),
        ("a", "no forecast", PlaceOrder { solar: true, ..ask(1_000, 150_000) }, Err(Code::InsufficientForecast)),
    ];
    let base = world();
    for (name, what, terms, want) in table {
        let mut world = base.clone();
        assert_eq!(place_one(&mut world, name, &terms).map(|_| ()), want, "{what}");
    }
}

#[test]
fn open_value_is_capped_over_all_markets() {
    let mut world = world();
    place_one(&mut world, "capped", &bid(250_000, 200_000)).unwrap();
    place_one(&mut world, "capped", &energy(Side::Ask, 250_000, 200_000)).unwrap();
    assert_eq!(place_one(&mut world, "capped", &bid(10, 200_000)), Err(Code::Reputation));
}

#[test]
fn the_number_of_open_orders_is_bounded_per_member_and_market() {
    let mut world = world();
    world.edit_params(|p| p.max_open_orders = 2);
    for _ in 0..2 {
        place_one(&mut world, "a", &bid(1_000, 150_000)).unwrap();
    }
    assert_eq!(place_one(&mut world, "a", &bid(1_000, 150_000)), Err(Code::TooManyOrders));
    place_one(&mut world, "a", &energy(Side::Bid, 1_000, 150_000)).unwrap();
    place_one(&mut world, "b", &bid(1_000, 150_000)).unwrap();
}

#[test]
fn an_order_that_would_cross_one_of_its_owner_is_rejected() {
    let mut world = world();
    world.edit_member("b", |m| m.owner = crate::ids::OwnerId::parse("owner-a").unwrap());
    place_one(&mut world, "a", &bid(1_000, 150_000)).unwrap();
    assert_eq!(place_one(&mut world, "b", &ask(1_000, 150_000)), Err(Code::SelfTrade), "another member of the same owner");
    place_one(&mut world, "b", &ask(1_000, 150_100)).unwrap();
    assert_eq!(place_one(&mut world, "a", &bid(1_000, 160_000)), Err(Code::SelfTrade));
    let dynamic = PlaceOrder { pricing: Pricing::Dynamic, ..ask(1_000, 100_000) };
    assert_eq!(place_one(&mut world, "b", &dynamic), Err(Code::SelfTrade), "its effective price is the reference, 150 000");
    place_one(&mut world, "customer", &bid(1_000, 160_000)).unwrap();
    let later = order(Side::Ask, window(START + 2 * DAY_MS, START + 3 * DAY_MS), 1_000, 100_000);
    place_one(&mut world, "b", &later).unwrap();
}

#[test]
fn capacity_counts_open_asks_and_trades_alike() {
    let mut world = world();
    place_one(&mut world, "a", &ask(200_000, 150_000)).unwrap();
    assert_eq!(place_one(&mut world, "a", &ask(40_010, 150_000)), Err(Code::InsufficientCapacity));
    play(&mut world, &[("b", bid(100_000, 150_000))]);
    assert_eq!(trades(&world.state).len(), 1);
    assert_eq!(place_one(&mut world, "a", &ask(40_010, 150_000)), Err(Code::InsufficientCapacity), "the trade counts as the ask did");
    place_one(&mut world, "a", &ask(39_980, 150_000)).unwrap();
}

#[test]
fn replace_keeps_age_only_when_the_price_stays_and_the_quantity_falls() {
    let mut world = world();
    let first = place_one(&mut world, "a", &bid(2_000, 150_000)).unwrap();
    let change = |world: &mut World, order, wh, limit| {
        let env = world.envelope("a");
        let change = ReplaceOrder { order, quantity: Quantity::new(wh), limit: Price::from_micro_chf(limit) };
        let result = world.block(|ctx| ctx.attempt(|ctx| replace(ctx, &env, &change)));
        check_reservations(&world.state);
        result
    };
    let age = |world: &World, order: OrderId| world.state.get::<Orders>(&order).unwrap().height.get();
    assert_eq!(change(&mut world, first, 2_000, 150_000), Err(Code::BadReplace));
    assert_eq!(change(&mut world, first, 0, 150_000), Err(Code::BadReplace));
    assert_eq!(change(&mut world, first, 1_500, 15_000_000), Err(Code::PriceCollar));
    assert_eq!(change(&mut world, first, 10_000_000_000, 1_500_000), Err(Code::InsufficientFunds));
    assert_eq!(all_orders(&world.state).len(), 1, "a failed replacement leaves the old order");
    let second = change(&mut world, first, 1_500, 150_000).unwrap();
    assert_eq!((age(&world, second), all_orders(&world.state).len()), (1, 1));
    let third = change(&mut world, second, 1_500, 150_100).unwrap();
    assert!(age(&world, third) > 1, "another price loses age");
    let height = age(&world, third);
    let fourth = change(&mut world, third, 1_600, 150_100).unwrap();
    assert!(age(&world, fourth) > height, "more loses age");
    assert_eq!(change(&mut world, third, 1_000, 150_100), Err(Code::UnknownOrder));
}

#[test]
fn a_replacement_counts_what_filled() {
    let mut world = world();
    let order = place_one(&mut world, "a", &bid(2_000, 150_000)).unwrap();
    play(&mut world, &[("b", ask(500, 150_000))]);
    let env = world.envelope("a");
    let change = |wh| ReplaceOrder { order, quantity: Quantity::new(wh), limit: Price::from_micro_chf(150_000) };
    assert_eq!(world.block(|ctx| replace(ctx, &env, &change(500))), Err(Code::BadReplace), "nothing would be left");
    let new = world.block(|ctx| replace(ctx, &env, &change(800))).unwrap();
    let order = world.state.get::<Orders>(&new).unwrap();
    assert_eq!((order.open.get(), order.filled().get(), order.reserved.get()), (300, 500, 45_000));
    assert_eq!(order.seller, Some(id("b")), "and stays with its seller");
}

#[test]
fn only_its_owner_cancels_an_order_and_all_is_free_then() {
    let mut world = world();
    let order = place_one(&mut world, "a", &bid(2_000, 150_000)).unwrap();
    assert_eq!(world.block(|ctx| cancel(ctx, &envelope("b", 900), order)), Err(Code::UnknownOrder));
    world.block(|ctx| cancel(ctx, &envelope("a", 901), order)).unwrap();
    assert_eq!(world.block(|ctx| cancel(ctx, &envelope("a", 902), order)), Err(Code::UnknownOrder));
    assert_eq!(world.account("a").free, MicroChf::new(1_000_000_000));
    assert!(all_orders(&world.state).is_empty());
}

#[test]
fn orders_and_markets_leave_with_their_time() {
    let mut world = world();
    let gtt = PlaceOrder { time_in_force: TimeInForce::GoodTillTime(MarketTime::from_ms(START + HOUR_MS)), ..bid(1_000, 150_000) };
    let first = place_one(&mut world, "a", &gtt).unwrap();
    play(&mut world, &[("a", energy(Side::Bid, 2_000, 150_000)), ("b", energy(Side::Ask, 1_000, 150_000))]);
    assert!(world.state.get::<Markets>(&energy_market()).is_some());
    let timers = |world: &World| {
        let due = |key: &IndexKey| matches!(key, IndexKey::Timer { due, .. } if due.ms() <= world.now);
        world.state.index(..).filter(due).collect::<Vec<_>>()
    };
    assert!(timers(&world).is_empty());
    world.now = START + HOUR_MS;
    assert_eq!(timers(&world).len(), 1);
    world.block(|ctx| expire_order(ctx, first)).unwrap();
    world.now = START + 16 * SLOT_MS;
    let due = timers(&world);
    assert_eq!(due.len(), 2, "the rest of the bid, then its market");
    world.block(|ctx| {
        for key in due {
            match key {
                IndexKey::Timer { id: crate::state::TimerId::Order(order), .. } => expire_order(ctx, order).unwrap(),
                IndexKey::Timer { id: crate::state::TimerId::Market(market), .. } => expire_market(ctx, market),
                other => panic!("{other:?}"),
            }
        }
        run_auctions(ctx).unwrap();
    });
    assert!(all_orders(&world.state).is_empty() && world.state.range::<Markets>(..).next().is_none());
    assert!(world.account("a").reserved.is_zero());
}

#[test]
fn a_member_that_leaves_takes_its_orders_along() {
    let mut world = world();
    for terms in [bid(1_000, 140_000), ask(1_000, 150_000), energy(Side::Bid, 1_000, 150_000)] {
        place_one(&mut world, "a", &terms).unwrap();
    }
    place_one(&mut world, "b", &bid(1_000, 140_000)).unwrap();
    world.block(|ctx| withdraw_member(ctx, id("a"))).unwrap();
    assert_eq!(all_orders(&world.state).len(), 1);
    check_reservations(&world.state);
}

#[test]
fn half_of_the_committee_halts_a_market() {
    let mut world = world();
    let names = ["a", "b", "poor", "alone"];
    let seats = names.iter().map(|name| crate::block::CommitteeMember { member: id(name), key: crate::testing::meter_key(name).public() });
    let committee = crate::block::Committee::new(seats.collect()).unwrap();
    let state = crate::state::CommitteeState { previous: committee.clone(), current: committee.clone(), next: committee };
    world.edit(|overlay| overlay.put::<crate::state::Committees>((), state));
    let order = place_one(&mut world, "a", &bid(1_000, 150_000)).unwrap();
    let wish = |world: &mut World, name: &str| {
        let env = world.envelope(name);
        world.block(|ctx| halt(ctx, &env, Resource::Compute))
    };
    assert_eq!(wish(&mut world, "customer"), Err(Code::NotCommittee));
    assert_eq!(wish(&mut world, "a"), Ok(()));
    assert_eq!(wish(&mut world, "a"), Err(Code::AlreadyReported));
    place_one(&mut world, "b", &bid(1_000, 150_000)).unwrap();
    assert_eq!(wish(&mut world, "b"), Ok(()));
    assert_eq!(wish(&mut world, "poor"), Err(Code::MarketHalted));
    assert_eq!(place_one(&mut world, "b", &ask(1_000, 150_000)), Err(Code::MarketHalted));
    let env = world.envelope("a");
    let change = ReplaceOrder { order, quantity: Quantity::new(500), limit: Price::from_micro_chf(150_000) };
    assert_eq!(world.block(|ctx| replace(ctx, &env, &change)), Err(Code::MarketHalted));
    place_one(&mut world, "b", &energy(Side::Bid, 1_000, 150_000)).expect("other resources go on");
    world.block(|ctx| cancel(ctx, &env, order)).expect("cancels go on");
    assert_eq!(reference_price(&world.state, &world.params(), Resource::Compute, None).micro_chf(), 150_000);
}
