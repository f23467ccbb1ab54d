//! Whatever is placed: the auction is that of the naive model, and what must hold holds.

use super::*;
use crate::amount::BasisPoints;
use crate::ids::{OwnerId, PlaceId};
use crate::member::DistanceTier;
use crate::testing::START;
use crate::time::{HOUR_MS, MarketTime};
use crate::transaction::{Constraints, Pricing};
use proptest::prelude::*;

pub(super) const NAMES: [&str; 8] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];

/// Eight hubs: two of one owner, two reputations, three circuits, two cantons, capacity without end.
pub(super) fn community(compute: PriceRule, energy: PriceRule) -> World {
    let mut world = World::with_hubs(&NAMES);
    world.edit_params(|p| {
        p.resources.compute.rule = compute;
        p.resources.energy.rule = energy;
    });
    for (i, name) in NAMES.iter().enumerate() {
        world.edit_member(name, |m| {
            m.capacity.compute_watts = 1_000_000_000;
            m.reputation = BasisPoints::new(if i % 3 == 0 { 9_100 } else { 8_200 });
            m.location.transformer_circuit = PlaceId::parse(&format!("t{}", i % 3)).unwrap();
            m.location.canton = PlaceId::parse(if i == 7 { "be" } else { "zh" }).unwrap();
            if i == 1 {
                m.owner = OwnerId::parse("owner-h0").unwrap();
            }
        });
    }
    world
}

fn wishes() -> impl Strategy<Value = Constraints> {
    let tiers = prop_oneof![Just(DistanceTier::TransformerCircuit), Just(DistanceTier::Municipality), Just(DistanceTier::Canton)];
    let rare = |s| prop::option::weighted(0.15, s);
    (
        prop::option::weighted(0.25, 0..8_usize),
        prop::bool::weighted(0.3),
        rare((8_000..9_500_u32).boxed()),
        prop::option::weighted(0.15, tiers),
    )
        .prop_map(|(hub, require, reputation, max_distance)| Constraints {
            hub: hub.map(|h| id(NAMES[h])),
            require_hub: require && hub.is_some(),
            min_reputation: reputation.map(BasisPoints::new),
            max_distance,
            country: None,
        })
}

/// Orders of one market whose prices mostly cross, on few prices so that many are equal.
pub(super) fn orders(energy_market: bool, most: usize) -> impl Strategy<Value = Vec<(usize, PlaceOrder)>> {
    let one = (
        0..8_usize,
        any::<bool>(),
        (1_u64..60, 0_u64..8),
        prop::option::weighted(0.2, 1_u64..30),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.5), 0..10_u8, 0..3_u64),
        prop_oneof![3 => Just(Constraints::default()), 1 => wishes()],
    );
    prop::collection::vec(one, 0..most).prop_map(move |list| {
        list.into_iter()
            .map(|(member, is_bid, (lots, price), least, (dynamic, split, force, window), constraints)| {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                let at = |h: u64| MarketTime::from_ms(START + h * HOUR_MS);
                let product = Product::Compute { from: at(window), until: at(20 + window * 2) };
                let limit = 145_000 + price * 1_500 / 100 * 100;
                let mut terms = match energy_market {
                    true => energy(side, lots * 100, limit + 30_000),
                    false => order(side, product, lots * 100, limit),
                };
                terms.min_fill = Quantity::new(least.unwrap_or(0).min(lots) * 100);
                terms.split = split && is_bid;
                terms.pricing = if dynamic && !is_bid { Pricing::Dynamic } else { Pricing::Fixed };
                terms.time_in_force = match force {
                    0 => TimeInForce::ImmediateOrCancel,
                    1 if is_bid => TimeInForce::FillOrKill,
                    _ => TimeInForce::GoodTillCancelled,
                };
                if constraints.hub == Some(id(NAMES[member])) {
                    return (member, terms);
                }
                terms.constraints = constraints;
                (member, terms)
            })
            .collect()
    })
}

pub(super) fn rules() -> impl Strategy<Value = PriceRule> {
    prop_oneof![Just(PriceRule::Seller), Just(PriceRule::Uniform)]
}

/// Places orders in one block, compares its auction with the model, and returns the fills.
fn compare(world: &mut World, market: Market, list: &[(usize, PlaceOrder)]) -> Vec<(OrderId, model::Fills)> {
    let envelopes: Vec<_> = list.iter().map(|(member, _)| world.envelope(NAMES[*member])).collect();
    let (before, fills, events) = world.block(|ctx| {
        for (env, (_, terms)) in envelopes.iter().zip(list) {
            let _ = ctx.attempt(|ctx| place(ctx, env, terms));
        }
        let want = model::clear(&ctx.state, ctx.facts, &ctx.params, market);
        let cleared = auction::clear(&ctx.state, &ctx.facts, &ctx.params, market, whole()).unwrap();
        let mut got = Vec::new();
        for bid in &cleared.matches {
            // The model keeps fills in candidate order, deals group them by seller.
            let fills = (0..cleared.deals_of(bid).len()).flat_map(|deal| cleared.fills_of(bid, deal).unwrap());
            let fills: Vec<_> = fills.map(|f| (f.ask, f.quantity.get(), f.price.micro_chf())).collect();
            got.push((bid.bid, fills));
        }
        let sorted = |list: &[(OrderId, model::Fills)]| {
            let mut list = list.to_vec();
            list.iter_mut().for_each(|(_, fills)| fills.sort());
            list
        };
        assert_eq!(sorted(&got), sorted(&want));
        let before: Vec<Order> = ctx.state.range::<Orders>(..).map(|(_, o)| o.clone()).collect();
        ctx.changed_markets.insert(market);
        run_auctions(ctx).unwrap();
        (before, got, ctx.events.clone())
    });
    check_reservations(&world.state);
    check_fills(world, &before, &fills, &events);
    fills
}

/// Nobody pays above or sells below its limit, minimum fills hold, immediate orders are gone, fill-or-kill bids are whole or untouched.
fn check_fills(world: &World, before: &[Order], fills: &[(OrderId, model::Fills)], events: &[Event]) {
    let of = |id: &OrderId| before.iter().find(|o| o.id == *id).unwrap();
    for (bid, list) in fills {
        let bid = of(bid);
        assert!(list.len() <= 16);
        for (ask, quantity, price) in list {
            let ask = of(ask);
            assert!(ask.limit().micro_chf() <= *price && *price <= bid.limit().micro_chf());
            assert!(*quantity >= bid.terms.min_fill.max(ask.terms.min_fill).get() && quantity % 10 == 0 && *quantity > 0);
            assert_ne!(bid.owner, ask.owner);
        }
        let sum: u64 = list.iter().map(|f| f.1).sum();
        assert!(sum <= bid.open.get());
        assert!(bid.terms.time_in_force != TimeInForce::FillOrKill || sum == bid.open.get());
    }
    for order in all_orders(&world.state) {
        assert_eq!(order.terms.time_in_force, TimeInForce::GoodTillCancelled, "immediate orders end with their block");
        let was = before.iter().find(|o| o.id == order.id).unwrap();
        let filled: u64 = fills
            .iter()
            .flat_map(|(bid, list)| list.iter().map(move |f| (*bid, f)))
            .filter(|(bid, f)| *bid == order.id || f.0 == order.id)
            .map(|(_, f)| f.1)
            .sum();
        assert_eq!(order.open.get() + filled, was.open.get());
        assert!(order.open >= order.terms.min_fill);
    }
    for event in events {
        if let Event::OrderEnded { order, end: OrderEnd::Unfilled, open } = event
            && of(order).terms.time_in_force == TimeInForce::FillOrKill
        {
            assert_eq!(*open, of(order).open, "a killed bid has no fill");
        }
    }
}

fn cancel_all(world: &mut World) {
    world.block(|ctx| {
        for name in NAMES {
            withdraw_member(ctx, id(name)).unwrap();
        }
    });
    check_reservations(&world.state);
    for name in NAMES {
        assert!(world.account(name).reserved.is_zero(), "nothing open, nothing reserved");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn compute_auctions_are_the_models(rule in rules(), first in orders(false, 60), second in orders(false, 30)) {
        let mut world = community(rule, PriceRule::Uniform);
        compare(&mut world, Market::Compute, &first);
        compare(&mut world, Market::Compute, &second);
        cancel_all(&mut world);
    }

    #[test]
    fn energy_auctions_are_the_models(rule in rules(), first in orders(true, 60), second in orders(true, 30)) {
        let mut world = community(PriceRule::Seller, rule);
        compare(&mut world, energy_market(), &first);
        compare(&mut world, energy_market(), &second);
        cancel_all(&mut world);
    }

    /// Levels of many asks, which are sorted by place.
    #[test]
    fn auctions_with_many_asks_at_a_price_are_the_models(rule in rules(), energy in any::<bool>(), mut list in orders(true, 150), mut other in orders(false, 150)) {
        let two = |list: &mut Vec<(usize, PlaceOrder)>| list.iter_mut().for_each(|(member, terms)| {
            let base = if matches!(terms.product, Product::Energy { .. }) { 180_000 } else { 150_000 };
            terms.limit = Price::from_micro_chf(base + if *member % 2 == 0 { 0 } else { 1_000 });
        });
        two(&mut list);
        two(&mut other);
        let mut world = community(rule, rule);
        match energy {
            true => compare(&mut world, energy_market(), &list),
            false => compare(&mut world, Market::Compute, &other),
        };
        cancel_all(&mut world);
    }

    /// What is left out for plain orders could not have failed.
    #[test]
    fn a_check_of_plain_orders_is_the_whole_check(energy in any::<bool>(), list in orders(true, 30), other in orders(false, 30)) {
        let mut world = community(PriceRule::Seller, PriceRule::Uniform);
        let list = if energy { list } else { other };
        for (member, terms) in &list {
            let env = world.envelope(NAMES[*member]);
            world.block(|ctx| ctx.attempt(|ctx| place(ctx, &env, terms)).ok());
        }
        let (now, lot) = (world.time(), Quantity::new(10));
        let all = all_orders(&world.state);
        let member = |order: &Order| world.state.get::<crate::state::Members>(&order.member).unwrap();
        let (bids, asks): (Vec<_>, Vec<_>) = all.iter().partition(|order| order.terms.side == Side::Bid);
        for (bid, ask) in bids.iter().flat_map(|bid| asks.iter().map(move |ask| (bid, ask))) {
            let number = NAMES.iter().position(|name| id(name) == ask.member).unwrap();
            let check = |plain| {
                let (price, bound, wanted, offered) = (ask.limit(), bid.limit(), bid.open, ask.open);
                let (buyer, seller, same_owner) = (member(bid), member(ask), bid.owner == ask.owner);
                let whole = pair::whole_lots(offered, lot);
                let pair =
                    pair::Pair { bid, buyer, ask, same_owner, seller, number, price, bound, wanted, offered, whole, agreed: None, plain };
                pair::check_pair(&pair, &mut backing::Backing::new(&world.state, now, lot))
            };
            if pair::is_plain(bid, now) && pair::is_plain(ask, now) {
                prop_assert_eq!(check(true), check(false));
                if energy {
                    let whole = pair::whole_lots(ask.open, lot);
                    let room = pair::plain_room(bid.owner == ask.owner, ask.limit(), bid.limit(), whole);
                    prop_assert_eq!(room, check(false).ok().map(|terms| terms.room));
                }
            }
        }
    }

    #[test]
    fn the_order_of_admission_within_a_block_does_not_matter(
        energy in any::<bool>(),
        list in orders(true, 40).prop_union(orders(false, 40)),
        seed in any::<u64>(),
    ) {
        // One order a member and nonce; which of two own orders is rejected as self-trade does depend on their order, so owners buy or sell.
        let list: Vec<_> = list.into_iter().filter(|(member, terms)| (member / 2 % 2 == 0) == (terms.side == Side::Bid)).collect();
        let mut shuffled: Vec<usize> = (0..list.len()).collect();
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let _ = energy;
        let run = |order: &[usize]| {
            let mut world = community(PriceRule::Seller, PriceRule::Uniform);
            world.block(|ctx| {
                for i in order {
                    let (member, terms) = &list[*i];
                    let _ = ctx.attempt(|ctx| place(ctx, &envelope(NAMES[*member], *i as u64), terms));
                }
                run_auctions(ctx).unwrap();
            });
            world.state
        };
        let straight: Vec<usize> = (0..list.len()).collect();
        prop_assert!(run(&straight) == run(&shuffled));
    }
}
