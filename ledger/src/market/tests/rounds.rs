//! Auctions whose checks are used up go on in later blocks.

use super::properties::{NAMES, community, orders, rules};
use super::*;
use crate::amount::BasisPoints;
use crate::limits::{MAX_AUCTION_CHECKS, MAX_CANDIDATES};
use crate::state::AuctionRound;
use crate::testing::START;
use crate::time::{HOUR_MS, MarketTime};
use crate::transaction::Constraints;
use proptest::prelude::*;

/// Bids of which each looks at all the candidates that it may.
const BUSY: usize = 100;

/// Bids that the checks of one auction are enough for.
fn examined() -> usize {
    MAX_AUCTION_CHECKS.div_ceil(MAX_CANDIDATES as u64 + 1) as usize
}

fn hours(from: u64, until: u64) -> Product {
    let at = |h: u64| MarketTime::from_ms(START + h * HOUR_MS);
    Product::Compute { from: at(from), until: at(until) }
}

fn morning(side: Side, limit: u64) -> PlaceOrder {
    order(side, hours(0, 10), 100, limit)
}

fn evening(limit: u64) -> PlaceOrder {
    order(Side::Bid, hours(12, 20), 100, limit)
}

/// 1 100 asks of the morning; `BUSY` bids of the evening cross them and never pair.
fn crowd() -> (World, Seen) {
    let mut world = World::with_hubs(&["a", "x", "buyer"]);
    world.edit_member("a", |m| m.capacity.compute_watts = 1_000_000);
    let mut list = vec![("a", morning(Side::Ask, 100_000)); MAX_CANDIDATES + 76];
    list.extend(vec![("x", evening(200_000)); BUSY]);
    list.push(("buyer", morning(Side::Bid, 150_000)));
    let seen = play(&mut world, &list);
    (world, seen)
}

fn due(world: &World) -> (bool, Option<AuctionRound>) {
    world.state.get::<Markets>(&Market::Compute).map_or((false, None), |m| (m.auction_due, m.round))
}

#[test]
fn bids_that_pair_with_nothing_cost_a_block_a_bounded_number_of_checks() {
    let (mut world, seen) = crowd();
    assert!(seen.orders.iter().all(Result::is_ok) && trades(&world.state).is_empty());
    let (is_due, round) = due(&world);
    assert!(is_due && round.is_some_and(|r| r.member == id("x") && !r.again), "stopped among the bids of the evening");
    play(&mut world, &[]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(100, 100_000)])], "the next block comes to the last bid");
    // A round with fills is followed by another, which fills nothing and is the last.
    let mut auctions = 0;
    while due(&world).0 {
        play(&mut world, &[]);
        auctions += 1;
        assert!(auctions <= 2);
    }
    assert_eq!((auctions, due(&world)), (2, (false, None)));
}

#[test]
fn a_round_goes_on_after_the_bid_that_is_gone() {
    let (mut world, seen) = crowd();
    let next = due(&world).1.unwrap();
    // The bids of the evening are of one member and block: their order is that of their nonces.
    let place = (0..seen.orders.len()).find(|i| world.state.get::<Orders>(&seen.id(*i)).unwrap().nonce == next.nonce).unwrap();
    assert_eq!(place, MAX_CANDIDATES + 76 + examined());
    let order = seen.id(place);
    let envelope = world.envelope("x");
    world.block(|ctx| {
        cancel(ctx, &envelope, order).unwrap();
        run_auctions(ctx).unwrap();
    });
    assert_eq!(trades(&world.state).len(), 1);
    assert!(due(&world).0, "the book changed in the round: another follows");
}

#[test]
fn new_bids_do_not_wait_for_a_round_to_end() {
    let (mut world, _) = crowd();
    let ioc = PlaceOrder { time_in_force: TimeInForce::ImmediateOrCancel, ..morning(Side::Bid, 250_000) };
    let seen = play(&mut world, &[("buyer", ioc)]);
    assert_eq!(seen.end(seen.id(0)), Some(OrderEnd::Filled), "although the round is past its price");
    assert_eq!(trades(&world.state).len(), 2, "and the round went on in the same block");
}

#[test]
fn a_uniform_price_is_that_of_the_whole_book_in_each_auction_of_a_round() {
    let mut world = World::with_hubs(&["a", "x", "buyer", "late"]);
    let picky = Constraints { min_reputation: Some(BasisPoints::new(9_999)), ..Constraints::default() };
    let mut list = vec![("a", energy(Side::Ask, 10, 120_000)); MAX_CANDIDATES];
    list.extend(vec![("x", PlaceOrder { constraints: picky, ..energy(Side::Bid, 10, 300_000) }); BUSY]);
    list.push(("buyer", energy(Side::Bid, 10, 200_000)));
    list.push(("late", energy(Side::Bid, 10, 119_000)));
    let seen = play(&mut world, &list);
    assert!(seen.orders.iter().all(Result::is_ok) && trades(&world.state).is_empty());
    play(&mut world, &[]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(10, 120_000)])], "who is under the price takes no part");
}

#[test]
fn what_a_seller_owes_counts_where_it_must_be_gone_through() {
    let mut world = World::with_hubs(&["a", "x"]);
    let until = |minute: u64| MarketTime::from_ms(START + HOUR_MS + minute * 60_000);
    let one = |i: u64| order(Side::Ask, Product::Compute { from: MarketTime::from_ms(START), until: until(i) }, 20, 100_000);
    let list: Vec<_> = (0..160).map(|i| ("a", one(i))).collect();
    let seen = play(&mut world, &list);
    // 3 200 Wh are owed in all: ten kW make them by any of the times, one does not.
    for (watts, checks) in [(10_000, 0), (1_000, 10)] {
        world.edit_member("a", |m| m.capacity.compute_watts = watts);
        let member = |name| world.state.get::<crate::state::Members>(&id(name)).unwrap();
        let (ask, lot, offered) = (world.state.get::<Orders>(&seen.id(0)).unwrap(), Quantity::new(10), Quantity::new(20));
        let (price, bound) = (ask.limit(), ask.limit());
        let pair = pair::Pair {
            bid: ask,
            buyer: member("x"),
            ask,
            same_owner: true,
            seller: member("a"),
            number: 0,
            price,
            bound,
            wanted: offered,
            offered,
            whole: offered,
            agreed: None,
            plain: false,
        };
        let mut backing = backing::Backing::new(&world.state, world.time(), lot);
        backing.room(&pair, &ask.terms.product);
        assert_eq!(backing.checks(), checks, "{watts} W");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However few checks an auction has: rounds come to an end, and then not even an auction over all bids finds a fill.
    #[test]
    fn rounds_end_and_miss_nothing(list in orders(false, 40), more in orders(false, 8), rule in rules(), checks in 1..12_u64) {
        let mut world = community(rule, PriceRule::Uniform);
        let hold = |world: &mut World, list: &[(usize, PlaceOrder)]| {
            let envelopes: Vec<_> = list.iter().map(|(member, _)| world.envelope(NAMES[*member])).collect();
            world.block(|ctx| {
                for (env, (_, terms)) in envelopes.iter().zip(list) {
                    let _ = ctx.attempt(|ctx| place(ctx, env, terms));
                }
                clearing::run_auctions_within(ctx, checks).unwrap();
            });
        };
        hold(&mut world, &list);
        hold(&mut world, &more);
        let mut blocks = 0;
        while due(&world).0 {
            hold(&mut world, &[]);
            blocks += 1;
            prop_assert!(blocks < 2_000);
        }
        check_reservations(&world.state);
        prop_assert_eq!(due(&world).1, None);
        let facts = world.facts();
        let ctx = crate::execute::Context::new(crate::state::Overlay::new(&world.state), facts, world.params());
        let again = auction::clear(&ctx.state, &ctx.facts, &ctx.params, Market::Compute, whole()).unwrap();
        prop_assert!(again.matches.is_empty());
    }
}
