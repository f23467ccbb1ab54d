//! Whatever may make a resting pair tradable has its market auctioned: each such event by hand, then histories of all of them.

use super::properties::{NAMES, community, orders, rules};
use super::*;
use crate::amount::BasisPoints;
use crate::execute::Context;
use crate::state::{Members, Overlay, Parameters, ReferenceState, References, TimerId};
use crate::testing::START;
use crate::time::{HOUR_MS, MarketTime, SLOT_MS, Slot};
use crate::trade;
use crate::transaction::{CompleteTrade, Constraints, Pricing, Resource};
use proptest::prelude::*;

fn is_due(world: &World) -> bool {
    world.state.get::<Markets>(&Market::Compute).is_some_and(|m| m.auction_due)
}

/// One block: `f`, the auctions, and the block's last step.
fn step(world: &mut World, f: impl FnOnce(&mut Context<'_>)) {
    world.block(|ctx| {
        f(ctx);
        run_auctions(ctx).unwrap();
        expect_auctions(ctx);
    });
    check_reservations(&world.state);
}

/// The pair that rested trades with the block `now`, or in the next one without anybody's doing.
fn trades_after(world: &mut World, now: bool, f: impl FnOnce(&mut Context<'_>)) {
    let before = world.state.range::<Trades>(..).map(|(id, _)| *id).collect::<Vec<_>>();
    let new = |world: &World| world.state.range::<Trades>(..).filter(|(id, _)| !before.contains(id)).count();
    assert!(!is_due(world), "it rests");
    step(world, f);
    assert_eq!((new(world), is_due(world)), if now { (1, false) } else { (0, true) });
    step(world, |_| ());
    assert_eq!((new(world), is_due(world)), (1, false));
}

fn hours(from: u64, until: u64) -> Product {
    let at = |h: u64| MarketTime::from_ms(START + h * HOUR_MS);
    Product::Compute { from: at(from), until: at(until) }
}

fn window(first: u64, last: u64) -> Product {
    let at = |n: u64| MarketTime::from_ms(START + n * SLOT_MS);
    Product::Compute { from: at(first), until: at(last + 1) }
}

fn solar(product: Product, wh: u64) -> PlaceOrder {
    PlaceOrder { solar: true, ..order(Side::Ask, product, wh, 150_000) }
}

fn immediate(terms: PlaceOrder) -> PlaceOrder {
    PlaceOrder { time_in_force: TimeInForce::ImmediateOrCancel, ..terms }
}

#[test]
fn an_immediate_order_that_ends_may_move_the_uniform_price() {
    let mut world = World::with_hubs(&["a", "b", "c", "buyer"]);
    world.edit_params(|p| p.resources.compute.rule = PriceRule::Uniform);
    // Nothing in U crosses, since the one bid has a minimum fill: the price is U's lowest ask, that of an order which ends with its block.
    let picky = PlaceOrder { min_fill: Quantity::new(200), ..bid(200, 146_500) };
    let asks = [("a", immediate(ask(100, 145_000))), ("b", ask(2_100, 146_500))];
    play(&mut world, &[asks[0].clone(), asks[1].clone(), ("buyer", picky)]);
    assert!(trades(&world.state).is_empty() && is_due(&world));
    play(&mut world, &[]);
    assert_eq!(trades(&world.state), [deal("buyer", "b", &[(200, 146_500)])]);
}

#[test]
fn fills_move_the_uniform_price_of_the_next_auction() {
    let mut world = World::with_hubs(&["a", "b", "buyer"]);
    world.edit_params(|p| p.resources.compute.rule = PriceRule::Uniform);
    let outside = PlaceOrder { min_fill: Quantity::new(100), ..ask(100, 146_500) };
    let bids = PlaceOrder { split: true, ..bid(200, 154_000) };
    play(&mut world, &[("a", ask(100, 145_000)), ("b", outside), ("buyer", bids)]);
    assert_eq!(trades(&world.state), [deal("buyer", "a", &[(100, 145_000)])], "the other ask is above the price");
    assert!(is_due(&world));
    play(&mut world, &[]);
    assert_eq!(trades(&world.state).len(), 2);
    assert!(!is_due(&world));
}

/// All that `busy` makes within ten hours is sold, an ask of its for the day and a bid for nine hours rest.
fn sold_out() -> (World, crate::ids::TradeId) {
    let mut world = World::with_hubs(&["busy", "first", "buyer"]);
    let sold = |side, limit| order(side, hours(0, 10), 99_990, limit);
    play(&mut world, &[("busy", sold(Side::Ask, 140_000)), ("first", sold(Side::Bid, 140_000))]);
    play(&mut world, &[("busy", order(Side::Ask, hours(0, 23), 50_000, 150_000))]);
    play(&mut world, &[("buyer", order(Side::Bid, hours(0, 9), 10_000, 200_000))]);
    let trade = *world.state.range::<Trades>(..).next().unwrap().0;
    (world, trade)
}

#[test]
fn a_trade_that_is_cancelled_delivered_or_overdue_frees_its_sellers_capacity() {
    let (mut world, trade) = sold_out();
    let env = world.envelope("busy");
    trades_after(&mut world, true, |ctx| trade::cancel(ctx, &env, trade).unwrap());
    let (mut world, trade) = sold_out();
    world.now = START + 2 * HOUR_MS;
    trades_after(&mut world, true, |ctx| trade::on_deadline(ctx, trade).unwrap());
    let (mut world, trade) = sold_out();
    let env = world.envelope("busy");
    step(&mut world, |ctx| trade::start(ctx, &env, trade).unwrap());
    let done = CompleteTrade { trade, delivered: Vec::new(), heat: Vec::new(), readings: Vec::new(), result: None };
    trades_after(&mut world, true, |ctx| trade::complete(ctx, &env, &done).unwrap());
}

#[test]
fn a_forecast_that_rises_backs_a_shorter_window() {
    let mut world = World::with_hubs(&["a", "buyer"]);
    let env = world.envelope("a");
    let slots = |list: &[(u64, u64)]| -> Vec<(Slot, Quantity)> {
        list.iter().map(|(ahead, wh)| (Slot::new(MarketTime::from_ms(START).slot().get() + ahead), Quantity::new(*wh))).collect()
    };
    step(&mut world, |ctx| forecast(ctx, &env, &slots(&[(6, 1_000)])).unwrap());
    play(&mut world, &[("a", solar(window(4, 6), 1_000))]);
    play(&mut world, &[("buyer", order(Side::Bid, window(4, 4), 500, 200_000))]);
    trades_after(&mut world, true, |ctx| forecast(ctx, &env, &slots(&[(4, 1_000)])).unwrap());
}

#[test]
fn a_solar_order_of_energy_that_ends_frees_the_forecast_behind_compute() {
    for at_once in [true, false] {
        let mut world = World::with_hubs(&["a", "buyer"]);
        let slot = |ahead: u64| Slot::new(MarketTime::from_ms(START).slot().get() + ahead);
        let env = world.envelope("a");
        step(&mut world, |ctx| forecast(ctx, &env, &[(slot(5), Quantity::new(1_000)), (slot(6), Quantity::new(1_000))]).unwrap());
        let energy = solar(Product::Energy { slot: slot(5) }, 1_000);
        let (compute, wanted) = (solar(window(5, 6), 1_000), order(Side::Bid, window(5, 5), 1_000, 200_000));
        if at_once {
            let seen = play(&mut world, &[("a", energy), ("a", compute)]);
            play(&mut world, &[("buyer", wanted)]);
            trades_after(&mut world, true, |ctx| cancel(ctx, &env, seen.id(0)).unwrap());
        } else {
            // It ends after the auction of its block.
            play(&mut world, &[("a", immediate(energy)), ("a", compute), ("buyer", wanted)]);
            assert!(trades(&world.state).is_empty() && is_due(&world));
            play(&mut world, &[]);
            assert_eq!(trades(&world.state).len(), 1);
        }
    }
}

#[test]
fn a_member_that_changes_is_another_counterparty_from_the_next_block_on() {
    let edit = |ctx: &mut Context<'_>, name: &str, f: &dyn Fn(&mut crate::member::Member)| {
        let mut member = ctx.state.get::<Members>(&id(name)).unwrap().clone();
        f(&mut member);
        ctx.state.put::<Members>(id(name), member);
    };
    let (mut world, _) = sold_out();
    trades_after(&mut world, false, |ctx| edit(ctx, "busy", &|m| m.capacity.compute_watts = 20_000));
    let picky = |constraints| PlaceOrder { constraints, ..bid(1_000, 200_000) };
    let good = Constraints { min_reputation: Some(BasisPoints::new(9_000)), ..Constraints::default() };
    let near = Constraints { max_distance: Some(crate::member::DistanceTier::Canton), ..Constraints::default() };
    let mut world = World::with_hubs(&["a", "buyer"]);
    play(&mut world, &[("a", ask(1_000, 150_000)), ("buyer", picky(good))]);
    trades_after(&mut world, false, |ctx| edit(ctx, "a", &|m| m.reputation = BasisPoints::new(9_000)));
    let mut world = World::with_hubs(&["a", "buyer"]);
    world.edit_member("a", |m| m.location.canton = crate::ids::PlaceId::parse("be").unwrap());
    play(&mut world, &[("a", ask(1_000, 150_000)), ("buyer", picky(near))]);
    trades_after(&mut world, false, |ctx| edit(ctx, "a", &|m| m.location = hub("a").location));
}

#[test]
fn new_parameters_and_the_end_of_a_halt_bring_all_markets_concerned_to_auction() {
    let mut world = World::with_hubs(&["a", "buyer"]);
    play(&mut world, &[("a", PlaceOrder { pricing: Pricing::Dynamic, ..ask(1_000, 100_000) }), ("buyer", bid(1_000, 130_000))]);
    trades_after(&mut world, false, |ctx| {
        let mut params = ctx.params.clone();
        params.resources.compute.base = Price::from_micro_chf(120_000);
        ctx.state.put::<Parameters>((), params);
    });
    let halt = |ctx: &mut Context<'_>, halted| {
        let state = ReferenceState { price: Price::from_micro_chf(150_000), halted, ..ReferenceState::default() };
        ctx.state.put::<References>((Resource::Compute, None), state);
    };
    let mut world = World::with_hubs(&["a", "buyer"]);
    let list = [(world.envelope("a"), ask(1_000, 150_000)), (world.envelope("buyer"), bid(1_000, 150_000))];
    step(&mut world, |ctx| {
        for (env, terms) in &list {
            place(ctx, env, terms).unwrap();
        }
        halt(ctx, true);
    });
    trades_after(&mut world, false, |ctx| halt(ctx, false));
}

/// What happens in one block of a history; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Place(Vec<(usize, PlaceOrder)>),
    CancelOrder(usize),
    CancelTrade(usize),
    Deliver(usize),
    Forecast(usize, Vec<u64>),
    Reputation(usize, u32),
    Watts(usize, u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = |energy| {
        (orders(energy, 12), any::<u32>()).prop_map(|(mut list, bits)| {
            for (i, (_, terms)) in list.iter_mut().enumerate() {
                terms.solar = terms.side == Side::Ask && bits >> i & 1 == 1;
                if terms.time_in_force == TimeInForce::GoodTillCancelled && bits >> (i + 12) & 3 == 0 {
                    terms.time_in_force = TimeInForce::GoodTillTime(MarketTime::from_ms(START + 3 * HOUR_MS));
                }
            }
            Step::Place(list)
        })
    };
    let one = prop_oneof![
        6 => some(false),
        1 => some(true),
        1 => (0..40_usize).prop_map(Step::CancelOrder),
        1 => (0..40_usize).prop_map(Step::CancelTrade),
        1 => (0..40_usize).prop_map(Step::Deliver),
        2 => (0..8_usize, prop::collection::vec(0..300_u64, 96)).prop_map(|(n, list)| Step::Forecast(n, list)),
        1 => (0..8_usize, 8_000..9_600_u32).prop_map(|(n, r)| Step::Reputation(n, r)),
        1 => (0..8_usize, 200..2_000_u64).prop_map(|(n, w)| Step::Watts(n, w)),
        1 => (1..120_u64).prop_map(|minutes| Step::Wait(minutes * 60_000)),
    ];
    prop::collection::vec(one, 1..14)
}

/// Phase 1: orders and trades whose time is over.
fn timers(ctx: &mut Context<'_>) {
    let now = ctx.facts.market_time;
    let due: Vec<_> = ctx.state.index(..).take_while(|key| matches!(key, IndexKey::Timer { due, .. } if *due <= now)).collect();
    for key in due {
        match key {
            IndexKey::Timer { id: TimerId::Order(order), .. } => expire_order(ctx, order).unwrap(),
            IndexKey::Timer { id: TimerId::Trade(trade), .. } => trade::on_deadline(ctx, trade).unwrap(),
            _ => {}
        }
    }
}

fn act(ctx: &mut Context<'_>, step: &Step, nonce: u64) {
    let pick = |len: usize, n: usize| n.checked_rem(len);
    let trade_of = |ctx: &Context<'_>, n: usize| {
        let list: Vec<Trade> = ctx.state.range::<Trades>(..).map(|(_, t)| t.clone()).collect();
        pick(list.len(), n).map(|n| list[n].clone())
    };
    match step {
        Step::Place(list) => {
            for (i, (member, terms)) in list.iter().enumerate() {
                let env = envelope(NAMES[*member], nonce * 1_000 + i as u64);
                let _ = ctx.attempt(|ctx| place(ctx, &env, terms));
            }
        }
        Step::CancelOrder(n) => {
            let list: Vec<Order> = ctx.state.range::<Orders>(..).map(|(_, o)| o.clone()).collect();
            if let Some(n) = pick(list.len(), *n) {
                cancel(ctx, &envelope(list[n].member.as_str(), nonce * 1_000), list[n].id).unwrap();
            }
        }
        Step::CancelTrade(n) => {
            if let Some(trade) = trade_of(ctx, *n) {
                let _ = ctx.attempt(|ctx| trade::cancel(ctx, &envelope(trade.seller.as_str(), nonce * 1_000), trade.id));
            }
        }
        Step::Deliver(n) => {
            if let Some(trade) = trade_of(ctx, *n) {
                let env = envelope(trade.seller.as_str(), nonce * 1_000);
                let done = CompleteTrade { trade: trade.id, delivered: vec![], heat: vec![], readings: vec![], result: None };
                let _ = ctx.attempt(|ctx| trade::start(ctx, &env, trade.id).and_then(|()| trade::complete(ctx, &env, &done)));
            }
        }
        Step::Forecast(n, list) => {
            let first = ctx.facts.market_time.slot().get();
            let slots: Vec<_> = list.iter().zip(first..).map(|(wh, slot)| (Slot::new(slot), Quantity::new(*wh))).collect();
            forecast(ctx, &envelope(NAMES[*n], nonce * 1_000), &slots).unwrap();
        }
        Step::Reputation(n, reputation) => change(ctx, *n, |m| m.reputation = BasisPoints::new(*reputation)),
        Step::Watts(n, watts) => change(ctx, *n, |m| m.capacity.compute_watts = *watts),
        Step::Wait(_) => {}
    }
}

fn change(ctx: &mut Context<'_>, member: usize, f: impl FnOnce(&mut crate::member::Member)) {
    let mut member = ctx.state.get::<Members>(&id(NAMES[member])).unwrap().clone();
    f(&mut member);
    ctx.state.put::<Members>(member.id, member);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens, and however few checks an auction has: where no auction is due, none over all bids would fill anything.
    #[test]
    fn markets_at_rest_have_nothing_to_trade(list in steps(), rule in rules(), energy in rules(), checks in prop_oneof![1..12_u64, Just(65_536)]) {
        let mut world = community(rule, energy);
        for name in NAMES {
            world.edit_member(name, |m| m.capacity.compute_watts = 500);
        }
        for (nonce, step) in list.iter().enumerate() {
            if let Step::Wait(ms) = step {
                world.now += ms;
            }
            let mut blocks = 0;
            loop {
                world.block(|ctx| {
                    timers(ctx);
                    if blocks == 0 {
                        act(ctx, step, nonce as u64 + 1);
                    }
                    clearing::run_auctions_within(ctx, checks).unwrap();
                    update_references(ctx).unwrap();
                    expect_auctions(ctx);
                });
                blocks += 1;
                prop_assert!(blocks < 2_000, "auctions come to an end");
                if due::markets(&world.state).is_empty() {
                    break;
                }
            }
            check_reservations(&world.state);
            let ctx = Context::new(Overlay::new(&world.state), world.facts(), world.params());
            for market in [Market::Compute, energy_market()] {
                let again = auction::clear(&ctx.state, &ctx.facts, &ctx.params, market, whole()).unwrap();
                prop_assert_eq!(again.matches, vec![], "{:?} after step {}", market, nonce);
            }
        }
    }
}
