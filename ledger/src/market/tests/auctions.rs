//! Auctions by hand.

use super::*;
use crate::transaction::{Constraints, Pricing};

#[test]
fn scenario_1_clears_at_the_sellers_price_and_frees_the_rest() {
    for rule in [PriceRule::Seller, PriceRule::Uniform] {
        let mut world = World::with_hubs(&["buyer", "seller"]);
        world.edit_params(|p| p.resources.compute.rule = rule);
        let seen = play(&mut world, &[("buyer", bid(10_000, 200_000)), ("seller", ask(10_000, 150_000))]);
        assert_eq!(trades(&world.state), [deal("buyer", "seller", &[(10_000, 150_000)])]);
        let account = world.account("buyer");
        assert_eq!((account.escrow.get(), account.reserved.get(), account.free.get()), (1_500_000, 0, 998_500_000));
        assert!(all_orders(&world.state).is_empty());
        let (price, quantity) = (Price::from_micro_chf(150_000), Quantity::new(10_000));
        assert!(seen.events.contains(&Event::Auction { market: Market::Compute, price, quantity }));
        assert_eq!(world.state.get::<Markets>(&Market::Compute).unwrap().last_price, Some(price));
        assert_eq!((seen.end(seen.id(0)), seen.end(seen.id(1))), (Some(OrderEnd::Filled), Some(OrderEnd::Filled)));
    }
}

#[test]
fn prices_that_do_not_cross_rest() {
    let mut world = World::with_hubs(&["a", "b"]);
    play(&mut world, &[("a", bid(10_000, 140_000)), ("b", ask(10_000, 140_100))]);
    assert!(trades(&world.state).is_empty());
    assert_eq!(best(&world.state, Market::Compute), (Some(Price::from_micro_chf(140_000)), Some(Price::from_micro_chf(140_100))));
}

#[test]
fn a_compute_bid_fills_at_one_seller_for_life_unless_it_may_split() {
    let asks = [("a", ask(4_000, 100_000)), ("b", ask(10_000, 110_000)), ("a", ask(1_000, 120_000))];
    let mut world = World::with_hubs(&["buyer", "a", "b"]);
    play(&mut world, &asks);
    play(&mut world, &[("buyer", bid(10_000, 200_000))]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(4_000, 100_000), (1_000, 120_000)])], "both asks of the first seller");
    play(&mut world, &[("b", ask(10_000, 90_000))]);
    assert_eq!(trades(&world.state).len(), 1, "the rest waits for the same seller");
    play(&mut world, &[("a", ask(5_000, 150_000))]);
    assert_eq!(trades(&world.state).len(), 2);
    assert!(world.account("buyer").reserved.is_zero());

    let mut world = World::with_hubs(&["buyer", "a", "b"]);
    play(&mut world, &asks);
    let split = PlaceOrder { split: true, ..bid(10_000, 200_000) };
    play(&mut world, &[("buyer", split)]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(4_000, 100_000)]), deal("buyer", "b", &[(6_000, 110_000)])]);
}

#[test]
fn fill_or_kill_takes_the_first_seller_that_fills_it_whole_or_nothing() {
    let fok = |wh| PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..bid(wh, 200_000) };
    let mut world = World::with_hubs(&["buyer", "a", "b"]);
    let asks = [("a", ask(4_000, 100_000)), ("b", ask(10_000, 110_000))];
    play(&mut world, &asks);
    let seen = play(&mut world, &[("buyer", fok(20_000)), ("buyer", fok(10_000))]);
    assert_eq!(trades(&world.state), [deal("buyer", "b", &[(10_000, 110_000)])]);
    assert_eq!(seen.end(seen.id(0)), Some(OrderEnd::Unfilled));
    assert_eq!(all_orders(&world.state).len(), 1, "a's ask is untouched");
    assert!(world.account("buyer").reserved.is_zero());
}

#[test]
fn immediate_or_cancel_ends_with_its_block_even_without_an_auction() {
    let ioc = |side, wh, limit| PlaceOrder { time_in_force: TimeInForce::ImmediateOrCancel, ..order(side, day(), wh, limit) };
    let mut world = World::with_hubs(&["buyer", "a"]);
    let seen = play(&mut world, &[("a", ioc(Side::Ask, 1_000, 100_000))]);
    assert_eq!(seen.end(seen.id(0)), Some(OrderEnd::Unfilled), "no other side, no auction");
    play(&mut world, &[("a", ask(1_000, 100_000))]);
    let seen = play(&mut world, &[("buyer", ioc(Side::Bid, 5_000, 100_000))]);
    assert_eq!(seen.end(seen.id(0)), Some(OrderEnd::Unfilled));
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(1_000, 100_000)])]);
    assert!(all_orders(&world.state).is_empty() && world.account("buyer").reserved.is_zero());
}

#[test]
fn candidates_come_by_preference_price_reputation_distance_age() {
    let near = |name: &str, world: &mut World, circuit: &str| {
        world.edit_member(name, |m| m.location.transformer_circuit = crate::ids::PlaceId::parse(circuit).unwrap());
    };
    // Each pair of asks: what is changed, and who then sells.
    let first_seller = |change: &dyn Fn(&mut World), a: PlaceOrder, b: PlaceOrder, buyer: PlaceOrder| {
        let mut world = World::with_hubs(&["buyer", "a", "b"]);
        change(&mut world);
        play(&mut world, &[("a", a), ("b", b)]);
        play(&mut world, &[("buyer", buyer)]);
        trades(&world.state)[0].1.clone()
    };
    let plain = |_: &mut World| {};
    let prefers = PlaceOrder { constraints: Constraints { hub: Some(id("b")), ..Constraints::default() }, ..bid(1_000, 200_000) };
    let at = |limit| ask(1_000, limit);
    assert_eq!(first_seller(&plain, at(100_000), at(100_100), bid(1_000, 200_000)), "a", "the lower price");
    assert_eq!(first_seller(&plain, at(100_000), at(100_100), prefers), "b", "the preferred hub");
    let reputation = |world: &mut World| world.edit_member("b", |m| m.reputation = crate::amount::BasisPoints::new(8_500));
    assert_eq!(first_seller(&reputation, at(100_000), at(100_000), bid(1_000, 200_000)), "b", "the higher bucket");
    let far = |world: &mut World| near("a", world, "t2");
    assert_eq!(first_seller(&far, at(100_000), at(100_000), bid(1_000, 200_000)), "b", "the nearer one");
    let far = |world: &mut World| near("b", world, "t2");
    assert_eq!(first_seller(&far, at(100_000), at(100_000), bid(1_000, 200_000)), "a", "the nearer one");
    // Age beats the tie-break, whichever that is.
    for (older, newer) in [("a", "b"), ("b", "a")] {
        let mut world = World::with_hubs(&["buyer", "a", "b"]);
        play(&mut world, &[(older, at(100_000))]);
        play(&mut world, &[(newer, at(100_000))]);
        play(&mut world, &[("buyer", bid(1_000, 200_000))]);
        assert_eq!(trades(&world.state)[0].1, older);
    }
}

#[test]
fn bids_come_by_limit_then_reputation_then_age() {
    let mut world = World::with_hubs(&["x", "y", "z", "seller"]);
    world.edit_member("z", |m| m.reputation = crate::amount::BasisPoints::new(8_500));
    play(&mut world, &[("x", bid(1_000, 150_000))]);
    play(&mut world, &[("y", bid(1_000, 160_000)), ("z", bid(1_000, 150_000))]);
    play(&mut world, &[("seller", ask(1_000, 100_000))]);
    assert_eq!(trades(&world.state)[0].0, "y", "the higher limit");
    play(&mut world, &[("seller", ask(1_000, 100_000))]);
    assert!(trades(&world.state).iter().any(|t| t.0 == "z"), "the higher bucket before the older");
}

#[test]
fn the_uniform_price_is_the_lowest_that_trades_most() {
    let mut world = World::with_hubs(&["b1", "b2", "b3", "s1", "s2", "s3"]);
    play(
        &mut world,
        &[
            ("b1", energy(Side::Bid, 3_000, 250_000)),
            ("b2", energy(Side::Bid, 3_000, 200_000)),
            ("b3", energy(Side::Bid, 3_000, 150_000)),
            ("s1", energy(Side::Ask, 4_000, 120_000)),
            ("s2", energy(Side::Ask, 1_500, 180_000)),
            ("s3", energy(Side::Ask, 4_000, 240_000)),
        ],
    );
    // 5 500 Wh trade at 180 000..200 000; the lowest such price is 180 000.
    assert_eq!(
        trades(&world.state),
        [deal("b1", "s1", &[(3_000, 180_000)]), deal("b2", "s1", &[(1_000, 180_000)]), deal("b2", "s2", &[(1_500, 180_000)]),]
    );
    assert_eq!(world.state.get::<Markets>(&energy_market()).unwrap().last_price, Some(Price::from_micro_chf(180_000)));
}

#[test]
fn orders_outside_u_take_the_price_and_never_make_it() {
    let picky = |terms: PlaceOrder| PlaceOrder { min_fill: Quantity::new(10), ..terms };
    // Base 180 000. (bids, asks, price): a picky one has a minimum fill.
    let price_of = |orders: &[(&str, PlaceOrder)]| {
        let mut world = World::with_hubs(&["b1", "b2", "s1", "s2"]);
        play(&mut world, orders);
        world.state.get::<Markets>(&energy_market()).and_then(|m| m.last_price).map(Price::micro_chf)
    };
    let (b, s) = (|limit| energy(Side::Bid, 1_000, limit), |limit| energy(Side::Ask, 1_000, limit));
    assert_eq!(price_of(&[("b1", picky(b(300_000))), ("s1", picky(s(100_000)))]), Some(180_000), "nothing in U: the base");
    assert_eq!(price_of(&[("b1", b(300_000)), ("s1", picky(s(100_000)))]), Some(300_000), "raised to U's highest bid");
    assert_eq!(price_of(&[("b1", picky(b(300_000))), ("s1", s(100_000))]), Some(100_000), "lowered to U's lowest ask");
    assert_eq!(price_of(&[("b1", picky(b(170_000))), ("s1", picky(s(100_000)))]), None, "no bid reaches the base");
    let crossing = [("b1", b(200_000)), ("s1", s(190_000)), ("b2", picky(b(300_000))), ("s2", picky(s(100_000)))];
    assert_eq!(price_of(&crossing), Some(190_000), "U crosses at 190 000");
}

#[test]
fn equal_energy_asks_share_pro_rata() {
    let mut world = World::with_hubs(&["buyer", "a", "b", "c"]);
    play(
        &mut world,
        &[
            ("a", energy(Side::Ask, 6_000, 150_000)),
            ("b", energy(Side::Ask, 3_000, 150_000)),
            ("c", energy(Side::Ask, 3_000, 150_000)),
            ("buyer", energy(Side::Bid, 4_000, 200_000)),
        ],
    );
    assert_eq!(
        trades(&world.state),
        [deal("buyer", "a", &[(2_000, 150_000)]), deal("buyer", "b", &[(1_000, 150_000)]), deal("buyer", "c", &[(1_000, 150_000)]),]
    );
}

#[test]
fn an_older_ask_does_not_share_with_a_newer_one() {
    let mut world = World::with_hubs(&["buyer", "a", "b"]);
    play(&mut world, &[("a", energy(Side::Ask, 3_000, 150_000))]);
    play(&mut world, &[("b", energy(Side::Ask, 3_000, 150_000)), ("buyer", energy(Side::Bid, 4_000, 200_000))]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(3_000, 150_000)]), deal("buyer", "b", &[(1_000, 150_000)])]);
}

#[test]
fn min_fill_bounds_fills_of_both_sides_and_ends_small_remainders() {
    let with = |terms: PlaceOrder, min: u64| PlaceOrder { min_fill: Quantity::new(min), ..terms };
    let mut world = World::with_hubs(&["buyer", "a"]);
    play(&mut world, &[("a", with(ask(5_000, 100_000), 2_000)), ("buyer", bid(1_000, 200_000))]);
    assert!(trades(&world.state).is_empty(), "under the ask's minimum");
    let seen = play(&mut world, &[("buyer", with(bid(4_000, 300_000), 3_000))]);
    assert_eq!(trades(&world.state).len(), 1);
    assert!(seen.events.iter().any(|e| matches!(e, Event::OrderEnded { end: OrderEnd::Remainder, open, .. } if open.get() == 1_000)));
    // A remainder under the minimum notional of CHF 0.001: 10 Wh at 0.09 are CHF 0.0009.
    let mut world = World::with_hubs(&["buyer", "a"]);
    let seen = play(&mut world, &[("a", ask(1_000, 90_000)), ("buyer", bid(990, 200_000))]);
    assert_eq!(seen.end(seen.id(0)), Some(OrderEnd::Remainder));
    assert!(all_orders(&world.state).is_empty());
}

#[test]
fn a_match_within_a_short_window_takes_what_can_be_made_there() {
    let mut world = World::with_hubs(&["buyer", "a"]);
    let hours = |from: u64, until: u64| {
        let at = |h: u64| crate::time::MarketTime::from_ms(crate::testing::START + h * crate::time::HOUR_MS);
        Product::Compute { from: at(from), until: at(until) }
    };
    play(&mut world, &[("a", ask(240_000, 100_000))]);
    play(&mut world, &[("buyer", order(Side::Bid, hours(2, 4), 100_000, 200_000))]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(20_000, 100_000)])], "10 kW for two hours");
    let trade = world.state.range::<Trades>(..).next().unwrap().1.clone();
    assert_eq!(trade.product, hours(2, 4));
}

#[test]
fn a_bid_with_many_sellers_fills_sixteen_in_a_block_and_goes_on_in_the_next() {
    let names: Vec<String> = (0..20).map(|i| format!("s{i:02}")).collect();
    let mut world = World::with_hubs(&names.iter().map(String::as_str).chain(["buyer"]).collect::<Vec<_>>());
    let mut orders: Vec<(&str, PlaceOrder)> = names.iter().map(|n| (n.as_str(), ask(1_000, 100_000))).collect();
    orders.push(("buyer", PlaceOrder { split: true, ..bid(20_000, 200_000) }));
    play(&mut world, &orders);
    assert_eq!(trades(&world.state).len(), 16);
    assert!(world.state.get::<Markets>(&Market::Compute).unwrap().auction_due);
    play(&mut world, &[]);
    assert_eq!(trades(&world.state).len(), 20, "the next block goes on although nothing was signed");
    play(&mut world, &[]);
    assert!(!world.state.get::<Markets>(&Market::Compute).unwrap().auction_due);
}

#[test]
fn dynamic_asks_trade_at_the_reference_price() {
    let mut world = World::with_hubs(&["buyer", "a", "b"]);
    let dynamic = |floor| PlaceOrder { pricing: Pricing::Dynamic, ..ask(1_000, floor) };
    play(&mut world, &[("a", dynamic(100_000)), ("b", ask(1_000, 149_900))]);
    assert_eq!(best(&world.state, Market::Compute).1, Some(Price::from_micro_chf(149_900)));
    play(&mut world, &[("buyer", PlaceOrder { split: true, ..bid(2_000, 150_000) })]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(1_000, 150_000)]), deal("buyer", "b", &[(1_000, 149_900)])]);
}

#[test]
fn a_bid_looks_at_1024_candidates_and_no_further() {
    let play_with = |in_the_way: usize| {
        let mut world = World::with_hubs(&["a", "b", "buyer"]);
        let hard = PlaceOrder { min_fill: Quantity::new(200), ..ask(200, 100_000) };
        let mut orders = vec![("a", hard); in_the_way];
        orders.push(("b", ask(100, 110_000)));
        orders.push(("buyer", PlaceOrder { split: true, ..bid(100, 200_000) }));
        play(&mut world, &orders);
        trades(&world.state).len()
    };
    assert_eq!(play_with(1_023), 1);
    assert_eq!(play_with(1_024), 0);
}

#[test]
fn what_is_overdue_is_inactive_before_it_is_removed() {
    let mut world = World::with_hubs(&["a", "buyer"]);
    let until = crate::time::MarketTime::from_ms(crate::testing::START + 500);
    play(&mut world, &[("a", PlaceOrder { time_in_force: TimeInForce::GoodTillTime(until), ..ask(1_000, 100_000) })]);
    play(&mut world, &[("buyer", bid(1_000, 200_000))]);
    assert!(trades(&world.state).is_empty());
}
