//! Explanations and reference prices.

use super::*;
use crate::amount::BasisPoints;
use crate::ids::OwnerId;
use crate::member::DistanceTier;
use crate::testing::START;
use crate::time::{HOUR_MS, MarketTime, SLOT_MS};
use crate::transaction::{Constraints, Pricing, Resource};

#[test]
fn every_candidate_is_explained_by_the_check_of_the_auction() {
    let names = ["buyer", "cheap", "dear", "sibling", "far", "poor", "picky", "strict", "late", "busy", "good"];
    let mut world = World::with_hubs(&names);
    world.edit_member("sibling", |m| m.owner = OwnerId::parse("owner-buyer").unwrap());
    world.edit_member("far", |m| m.location.canton = crate::ids::PlaceId::parse("be").unwrap());
    world.edit_member("poor", |m| m.reputation = BasisPoints::new(4_500));
    let limited = |constraints| PlaceOrder { constraints, ..ask(1_000, 150_000) };
    let none = Constraints::default();
    let hours = |from: u64, until: u64| {
        let at = |h: u64| MarketTime::from_ms(START + h * HOUR_MS);
        Product::Compute { from: at(from), until: at(until) }
    };
    let busy = order(Side::Ask, hours(0, 10), 99_990, 140_000);
    let asks = [
        ("dear", ask(1_000, 250_000), PassedOver::Price),
        ("sibling", order(Side::Ask, hours(30, 40), 1_000, 160_000), PassedOver::OwnOrder),
        ("far", ask(1_000, 150_000), PassedOver::Distance),
        ("poor", ask(1_000, 150_000), PassedOver::Reputation),
        ("picky", limited(Constraints { min_reputation: Some(BasisPoints::new(9_000)), ..none }), PassedOver::Reputation),
        ("strict", limited(Constraints { hub: Some(id("good")), require_hub: true, ..none }), PassedOver::Counterparty),
        ("late", order(Side::Ask, hours(30, 40), 1_000, 150_000), PassedOver::Window),
        ("good", PlaceOrder { min_fill: Quantity::new(20_000), ..ask(20_000, 150_000) }, PassedOver::MinFill),
    ];
    let list: Vec<_> = asks.iter().map(|(name, terms, _)| (*name, terms.clone())).collect();
    play(&mut world, &list);
    // A trade of all that 10 kW make in 10 hours leaves "busy" nothing before.
    play(&mut world, &[("busy", busy), ("cheap", order(Side::Bid, hours(0, 10), 99_990, 200_000))]);
    let all_day = order(Side::Ask, hours(0, 23), 50_000, 150_000);
    play(&mut world, &[("busy", all_day)]);
    let wishes = Constraints { max_distance: Some(DistanceTier::Canton), min_reputation: Some(BasisPoints::new(5_000)), ..none };
    let terms = PlaceOrder { constraints: wishes, ..order(Side::Bid, hours(0, 9), 10_000, 200_000) };
    let seen = play(&mut world, &[("buyer", terms)]);
    let told = explain(&world.state, &world.params(), world.time(), seen.id(0), 100);
    assert_eq!(told.len(), 9, "{:?}", trades(&world.state));
    for candidate in &told {
        let want = asks.iter().find(|(name, ..)| id(name) == candidate.member).map_or(PassedOver::Capacity, |(_, _, why)| *why);
        assert_eq!(candidate.outcome, Err(want), "{}", candidate.member);
    }
    let other_side = explain(&world.state, &world.params(), world.time(), told[0].order, 100);
    assert!(other_side.iter().any(|c| c.order == seen.id(0)));
    // What trades is explained by its terms.
    let fresh = world.block(|ctx| place(ctx, &envelope("buyer", 77), &bid(1_000, 160_000))).unwrap();
    let told = explain(&world.state, &world.params(), world.time(), fresh, 100);
    assert_eq!(told.iter().filter(|c| c.outcome.is_ok()).count(), 3, "far, poor and busy");
}

#[test]
fn the_reference_formula_by_hand() {
    let params = World::new().params().resources.compute;
    let price = |s, g, d| reference_formula(&params, s, g, d).unwrap().micro_chf();
    let table = [
        (0, 0, 0, 150_000),
        (1_500, 3_000, 2_000, 247_500),
        (1_500, 3_000, 9_000, 300_000),
        (-1_500, -1_000, -2_000, 82_500),
        (-1_500, -1_000, -5_000, 75_000),
        (0, 0, 333, 154_900),
        (0, 0, -333, 145_000),
        (0, 0, -20_000, 75_000),
    ];
    for (s, g, d, want) in table {
        assert_eq!(price(s, g, d), want, "{s} {g} {d}");
    }
    let table = [(0, 0, 0), (1, 0, 2_000), (0, 1, -2_000), (600, 400, 1_000), (400, 600, -1_000), (501, 499, 10), (3, 4, -714)];
    for (bids, asks, want) in table {
        assert_eq!(Demand { bids, asks }.adjustment(), want, "{bids} {asks}");
    }
}

fn references(world: &mut World) -> Vec<(Market, u64)> {
    world.block(|ctx| {
        update_references(ctx).unwrap();
        expect_auctions(ctx);
        let price = |event: &Event| match event {
            Event::Reference { market, price, .. } => Some((*market, price.micro_chf())),
            _ => None,
        };
        ctx.events.iter().filter_map(price).collect()
    })
}

#[test]
fn references_follow_what_rested_through_the_last_full_slot() {
    let names = ["b0", "b1", "b2", "b3", "b4", "s0", "s1"];
    let mut world = World::with_hubs(&names);
    let first = references(&mut world);
    assert_eq!(first.len(), 5, "compute, compute-hours, storage, heat, and energy of the one community");
    assert!(references(&mut world).is_empty(), "once a slot");
    // Five owners bid 2 kWh each at the reference, one asks 10 kWh above it: B = 10 000, S = 0.
    let bids: Vec<_> = names[..5].iter().map(|n| (*n, bid(2_000, 150_000))).collect();
    play(&mut world, &bids);
    play(&mut world, &[("s0", ask(10_000, 160_000))]);
    world.now = START + SLOT_MS;
    assert_eq!(references(&mut world)[0], (Market::Compute, 150_000), "they did not rest through all of the last slot");
    world.now = START + 2 * SLOT_MS;
    assert_eq!(references(&mut world)[0], (Market::Compute, 180_000), "d = 2 000");
    assert_eq!(reference_price(&world.state, &world.params(), Resource::Compute, None).micro_chf(), 180_000);
    // Now the bids lie below the reference and the ask does too: one owner counts for a fifth.
    world.now = START + 3 * SLOT_MS;
    assert_eq!(references(&mut world)[0], (Market::Compute, 120_000), "d = -2 000, whatever the cap left");
    world.now = START + 4 * SLOT_MS;
    // Reference 120 000: B = 10 000 of five owners, S = 0.
    assert_eq!(references(&mut world)[0], (Market::Compute, 180_000));
}

#[test]
fn one_owner_counts_for_a_fifth_of_a_side() {
    let mut world = World::with_hubs(&["b", "s0", "s1", "s2", "s3", "s4"]);
    references(&mut world);
    // Asks with disjoint windows do not trade with the bid, but rest at the same prices.
    let later = |wh| {
        order(
            Side::Ask,
            Product::Compute { from: MarketTime::from_ms(START + 30 * HOUR_MS), until: MarketTime::from_ms(START + 40 * HOUR_MS) },
            wh,
            150_000,
        )
    };
    let mut orders = vec![("b", bid(10_000, 150_000))];
    orders.extend(["s0", "s1", "s2", "s3", "s4"].map(|n| (n, later(1_000))));
    play(&mut world, &orders);
    world.now = START + 2 * SLOT_MS;
    // B = 10 000 / 5 = 2 000, S = 5 000: d = 5 000 x -3 000 / 7 000 = -2 142, clamped to -2 000.
    assert_eq!(references(&mut world)[0].1, 120_000);
}

#[test]
fn a_moved_reference_price_brings_dynamic_asks_to_auction() {
    let mut world = World::with_hubs(&["b0", "b1", "b2", "b3", "b4", "s", "late"]);
    references(&mut world);
    let far = Product::Compute { from: MarketTime::from_ms(START + 30 * HOUR_MS), until: MarketTime::from_ms(START + 40 * HOUR_MS) };
    let supply: Vec<_> = ["b0", "b1", "b2", "b3", "b4"].map(|n| (n, order(Side::Ask, far, 10_000, 140_000))).into();
    play(&mut world, &supply);
    let dynamic = PlaceOrder { pricing: Pricing::Dynamic, ..ask(1_000, 100_000) };
    play(&mut world, &[("s", dynamic), ("late", bid(1_000, 130_000))]);
    assert!(trades(&world.state).is_empty(), "it asks 150 000");
    world.now = START + 2 * SLOT_MS;
    assert_eq!(references(&mut world)[0].1, 120_000);
    play(&mut world, &[]);
    assert_eq!(trades(&world.state), [("late".into(), "s".into(), vec![(1_000, 120_000)])]);
}
