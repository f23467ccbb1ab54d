//! Heat against heat.

use super::*;
use crate::amount::MicroChf;
use crate::execute::HistoryRecord;
use crate::ids::OwnerId;
use crate::receipt::OrderEnd;
use crate::state::Markets;
use crate::trade::world::FUNDS;
use crate::transaction::{Constraints, Market, Pricing, SettlementMethod, TimeInForce};

fn swap(side: Side, wh: u64, partner: &str) -> PlaceOrder {
    let constraints = Constraints { hub: Some(member(partner)), require_hub: true, ..Constraints::default() };
    PlaceOrder { settlement: SettlementMethod::Heat.only(), constraints, ..heat(side, wh, 0) }
}

fn world() -> World {
    let mut world = World::new();
    for name in ["hub-1", "hub-2", "hub-3"] {
        give(&mut world, name, 1, 1_000, 10);
    }
    world.edit_member("hub-3", |m| m.owner = OwnerId::parse("owner-hub-1").unwrap());
    world
}

#[test]
fn every_refused_swap_has_its_code() {
    let plain = || swap(Side::Bid, 500, "hub-2");
    let wishes = |constraints| PlaceOrder { constraints, ..plain() };
    let named = plain().constraints;
    let methods = [SettlementMethod::Heat, SettlementMethod::Credits].into_iter().collect();
    let compute = PlaceOrder { settlement: SettlementMethod::Heat.only(), ..testing::bid(500, 150_000) };
    let table: Vec<(&str, &str, PlaceOrder, Code)> = vec![
        ("bid", "hub-1", plain(), Code::Ok),
        ("ask", "hub-1", swap(Side::Ask, 500, "hub-2"), Code::Ok),
        ("ask for a customer", "hub-1", swap(Side::Ask, 500, "buyer"), Code::Ok),
        ("bid of a customer", "buyer", swap(Side::Bid, 500, "hub-2"), Code::Ok),
        ("bid at a customer", "hub-1", swap(Side::Bid, 500, "buyer"), Code::SwapPartner),
        ("ask for a grid operator", "hub-1", swap(Side::Ask, 500, "grid-1"), Code::SwapPartner),
        ("a price", "hub-1", PlaceOrder { limit: crate::amount::Price::from_micro_chf(80_000), ..plain() }, Code::SwapPrice),
        ("credits too", "hub-1", PlaceOrder { settlement: methods, ..plain() }, Code::BadSettlement),
        ("compute", "hub-1", compute, Code::BadSettlement),
        ("nobody", "hub-1", wishes(Constraints::default()), Code::SwapPartner),
        ("not required", "hub-1", wishes(Constraints { require_hub: false, ..named }), Code::SwapPartner),
        (
            "a reputation",
            "hub-1",
            wishes(Constraints { min_reputation: Some(crate::amount::BasisPoints::ALL), ..named }),
            Code::SwapPartner,
        ),
        ("unknown", "hub-1", swap(Side::Bid, 500, "nobody"), Code::BadConstraints),
        ("itself", "hub-1", swap(Side::Bid, 500, "hub-1"), Code::BadConstraints),
        ("its owner's", "hub-1", swap(Side::Bid, 500, "hub-3"), Code::SelfTrade),
        ("minimum fill", "hub-1", PlaceOrder { min_fill: wh(100), ..plain() }, Code::BadMinFill),
        ("dynamic", "hub-1", PlaceOrder { pricing: Pricing::Dynamic, ..swap(Side::Ask, 500, "hub-2") }, Code::BadPricing),
        ("more than there is", "hub-1", swap(Side::Ask, 1_010, "hub-2"), Code::InsufficientHeat),
    ];
    for (name, who, terms, want) in table {
        let got = block(&mut world(), 1, &[(who, terms)]);
        assert_eq!(got[0].map_or_else(|code| code, |_| Code::Ok), want, "{name}");
    }
    let mut world = world();
    let many: Vec<_> = (0..17).map(|_| ("hub-1", swap(Side::Bid, 10, "hub-2"))).collect();
    let got = block(&mut world, 1, &many);
    assert_eq!((got[15].is_ok(), got[16]), (true, Err(Code::TooManyOrders)));
}

#[test]
fn a_pair_that_names_each_other_moves_heat_without_money_or_price() {
    let mut world = world();
    let bid = block(&mut world, 1, &[("hub-2", swap(Side::Bid, 500, "hub-1"))])[0].unwrap();
    block(&mut world, 2, &[("hub-2", swap(Side::Ask, 100, "hub-1")), ("hub-1", heat(Side::Ask, 100, 80_000))]);
    assert_eq!(open(&world, bid).unwrap().open, wh(500), "an ask of the book and one of its own do not meet it");
    block(&mut world, 4, &[("hub-1", swap(Side::Ask, 300, "hub-2"))]);
    assert_eq!(open(&world, bid).unwrap().open, wh(200));
    assert_eq!((world.account("hub-1").heat().unwrap(), world.account("hub-2").heat().unwrap()), (wh(700), wh(1_300)));
    assert_eq!((world.account("hub-1").free, world.totals().fee), (MicroChf::new(FUNDS), MicroChf::ZERO));
    assert_eq!(world.state().get::<Markets>(&Market::Heat).and_then(|m| m.last_price), None);
    let settled = world.finished.iter().find_map(|record| match record {
        HistoryRecord::Settled { trade, settlement, .. } => Some((trade.settlement, settlement.quantity, settlement.gross)),
        _ => None,
    });
    assert_eq!(settled, Some((SettlementMethod::Heat, wh(300), MicroChf::ZERO)));
}

#[test]
fn older_orders_of_a_pair_come_first_and_immediate_ones_end() {
    let mut world = world();
    let first = block(&mut world, 9, &[("hub-2", swap(Side::Bid, 300, "hub-1"))])[0].unwrap();
    let second = block(&mut world, 1, &[("hub-2", swap(Side::Bid, 300, "hub-1"))])[0].unwrap();
    let kill = PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..swap(Side::Bid, 400, "hub-1") };
    let take = PlaceOrder { time_in_force: TimeInForce::ImmediateOrCancel, ..swap(Side::Bid, 400, "hub-1") };
    let orders = [("hub-2", kill), ("hub-2", take), ("hub-1", swap(Side::Ask, 500, "hub-2")), ("hub-1", swap(Side::Ask, 200, "hub-2"))];
    block(&mut world, 10, &orders);
    assert_eq!((open(&world, first), open(&world, second)), (None, None));
    assert_eq!(world.account("hub-2").heat().unwrap(), wh(1_700), "300 + 300 + 100 of the immediate one, nothing of the killed one");
    let ends: Vec<OrderEnd> =
        world.finished.iter().filter_map(|r| if let HistoryRecord::Order { end, .. } = r { Some(*end) } else { None }).collect();
    assert_eq!(ends.iter().filter(|end| **end == OrderEnd::Unfilled).count(), 2);
    assert_eq!(world.state().range::<Orders>(..).count(), 0);
}
