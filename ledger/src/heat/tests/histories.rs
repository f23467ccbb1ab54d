//! Random histories of heat: whatever holders do, nothing appears or vanishes, and lots, accounts and asks agree.

use super::*;
use crate::heat::{retire, transfer};
use crate::market::cancel;
use crate::time::DAY_MS;
use crate::trade::world::TRADERS;
use crate::transaction::{Constraints, HeatPurpose, HeatSelection, RetireHeat, SettlementMethod, TimeInForce};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Give { to: usize, quantity: u64, days: u64 },
    Orders(Vec<(usize, bool, u64, u64, u8)>),
    Cancel(usize),
    Transfer { from: usize, to: usize, quantity: u64 },
    Retire { who: usize, quantity: u64 },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let order = (0_usize..4, any::<bool>(), 1_u64..200, 0_u64..6, 0_u8..10);
    prop_oneof![
        3 => (0_usize..3, 1_u64..2_000, 1_u64..40).prop_map(|(to, quantity, days)| Step::Give { to, quantity, days }),
        5 => prop::collection::vec(order, 1..8).prop_map(Step::Orders),
        1 => (0_usize..64).prop_map(Step::Cancel),
        1 => (0_usize..4, 0_usize..4, 1_u64..900).prop_map(|(from, to, quantity)| Step::Transfer { from, to, quantity }),
        1 => (0_usize..4, 1_u64..900).prop_map(|(who, quantity)| Step::Retire { who, quantity }),
        2 => (1_u64..5 * DAY_MS).prop_map(Step::Wait),
    ]
}

fn terms((who, is_bid, lots, price, kind): (usize, bool, u64, u64, u8)) -> PlaceOrder {
    let side = if is_bid { Side::Bid } else { Side::Ask };
    let mut terms = heat(side, lots * 10, 70_000 + price * 5_000);
    match kind {
        0 => terms.time_in_force = TimeInForce::ImmediateOrCancel,
        1 if is_bid => terms.time_in_force = TimeInForce::FillOrKill,
        2 => terms.min_fill = wh(lots.div_ceil(2) * 10),
        3..=5 => {
            terms.settlement = SettlementMethod::Heat.only();
            terms.limit = crate::amount::Price::from_micro_chf(0);
            let partner = Some(member(TRADERS[(who + 1 + usize::from(kind - 3)) % 4]));
            terms.constraints = Constraints { hub: partner, require_hub: true, ..Constraints::default() };
        }
        _ => {}
    }
    terms
}

fn apply(world: &mut World, number: u64, step: &Step) {
    let nonce = number * 100;
    match step {
        Step::Give { to, quantity, days } => {
            let days = world.now().ms_since(MarketTime::from_ms(testing::START)) / DAY_MS + days;
            give(world, TRADERS[*to], number, *quantity, days);
        }
        Step::Orders(list) => {
            let orders: Vec<_> = list.iter().map(|order| (TRADERS[order.0], terms(*order))).collect();
            block(world, nonce, &orders);
        }
        Step::Cancel(index) => {
            let orders: Vec<Order> = world.state().range::<Orders>(..).map(|(_, order)| order.clone()).collect();
            let Some(order) = orders.get(index % orders.len().max(1)) else { return };
            assert_eq!(world.act(|ctx| cancel(ctx, &envelope(order.member.as_str(), nonce), order.id)), Code::Ok);
        }
        Step::Transfer { from, to, quantity } => {
            let heat = HeatSelection::Earliest(wh(*quantity));
            world.act(|ctx| transfer(ctx, &envelope(TRADERS[*from], nonce), member(TRADERS[*to]), &heat));
        }
        Step::Retire { who, quantity } => {
            let heat = HeatSelection::Earliest(wh(*quantity));
            let action = RetireHeat { heat, used_by: member(TRADERS[*who]), purpose: HeatPurpose::Process, document: None };
            world.act(|ctx| retire(ctx, &envelope(TRADERS[*who], nonce), &action));
        }
        Step::Wait(ms) => {
            world.wait_ms(*ms);
            world.timers(10_000);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn heat_is_somewhere_until_it_is_retired_or_expires(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for (number, step) in (1..).zip(&steps) {
            apply(&mut world, number, step);
            world.check();
            world.check_index();
        }
        world.wait_ms(400 * DAY_MS);
        world.timers(100_000);
        world.check();
        let totals = world.totals();
        prop_assert_eq!(totals.heat_expired.checked_add(totals.heat_retired).unwrap(), totals.heat_issued, "in the end all of it is gone");
        let asks = world.state().range::<Orders>(..).filter(|(_, order)| order.terms.side == Side::Ask).count();
        prop_assert_eq!(asks, 0, "no ask stays without heat behind it");
    }
}
