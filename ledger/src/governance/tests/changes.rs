//! What changes do when their height comes.

use super::*;
use crate::amount::Price;
use crate::params::{PriceRule, ProtocolVersion};

#[test]
fn prices_rules_and_versions_change_at_their_height() {
    let mut world = Community::new();
    let base = Price::from_micro_chf(200_000);
    assert_eq!(world.adopt(Change::BasePrice { resource: Resource::Compute, base }), ProposalEnd::Activated);
    assert_eq!(world.params().resources.compute.base, base);
    assert_eq!(world.adopt(Change::PriceRule { resource: Resource::Compute, rule: PriceRule::Uniform }), ProposalEnd::Activated);
    assert_eq!(world.params().resources.compute.rule, PriceRule::Uniform);

    let two = ProtocolVersion::new(2);
    let proposal = world.propose("hub-1", Change::Version { version: two }).unwrap();
    let activation = world.state.get::<Proposals>(&proposal).unwrap().activation;
    world.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
    assert!(world.events.contains(&Event::VersionAnnounced { version: two, height: activation }), "announced as soon as it has passed");
    assert_eq!(world.params().version_at(activation), two);
    assert_eq!(world.params().version_at(Height::new(activation.get() - 1)), ProtocolVersion::V1);
}

#[test]
fn a_member_joins_and_trades() {
    let mut world = Community::new();
    assert_eq!(world.act("hub-6", Action::Heartbeat), Code::MemberInactive, "not registered yet");
    assert_eq!(world.adopt(Change::Join(Box::new(newcomer("hub-6")))), ProposalEnd::Activated);
    let member = world.member("hub-6");
    assert_eq!((member.status, member.reputation.get()), (MemberStatus::Active, 8_000));
    assert_eq!(world.act("hub-6", order(Side::Ask, 1_000, 150_000)), Code::Ok);
    assert_eq!(world.act("buyer", order(Side::Bid, 1_000, 150_000)), Code::Ok);
    assert_eq!(world.state.range::<Trades>(..).count(), 1);
}

#[test]
fn suspension_ends_open_orders_and_is_lifted() {
    let mut world = Community::new();
    assert_eq!(world.act("hub-5", order(Side::Bid, 1_000, 100_000)), Code::Ok);
    assert_ne!(world.account("hub-5").reserved.get(), 0);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Suspended)), ProposalEnd::Activated);
    assert_eq!((world.account("hub-5").reserved.get(), world.account("hub-5").free.get()), (0, FUNDS));
    assert_eq!(world.act("hub-5", order(Side::Bid, 1_000, 100_000)), Code::MemberInactive);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Active)), ProposalEnd::Activated);
    assert_eq!(world.act("hub-5", order(Side::Bid, 1_000, 100_000)), Code::Ok);
}

#[test]
fn a_role_loses_the_keys_that_it_does_not_have() {
    let mut world = Community::new();
    assert_eq!(world.adopt(Change::Role { member: id("hub-5"), role: Role::Customer }), ProposalEnd::Activated);
    let keys = &world.member("hub-5").keys;
    assert_eq!((keys.meter, keys.consensus, keys.network.len()), (None, None, 1));
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::WrongRole);
}

#[test]
fn a_smaller_certificate_ends_the_orders_that_rest_on_the_old_one() {
    let mut world = Community::new();
    let mut capacity = world.member("hub-5").capacity;
    assert_eq!(world.act("hub-5", order(Side::Ask, 1_000, 150_000)), Code::Ok);
    capacity.storage_gb += 1;
    assert_eq!(world.adopt(Change::Capacity { member: id("hub-5"), capacity }), ProposalEnd::Activated);
    assert_eq!(world.state.range::<Orders>(..).count(), 1, "more ends nothing");
    capacity.compute_watts = 1;
    assert_eq!(world.adopt(Change::Capacity { member: id("hub-5"), capacity }), ProposalEnd::Activated);
    assert_eq!((world.state.range::<Orders>(..).count(), world.member("hub-5").capacity), (0, capacity));
}

#[test]
fn lost_keys_are_replaced_and_the_old_ones_forgotten() {
    let mut world = Community::new();
    let change = KeyChange {
        member: id("hub-5"),
        operator: Some(proven("hub-5", KeyRole::Operator, 1)),
        meter: Some(proven("hub-5", KeyRole::Meter, 1)),
        consensus: Some(proven("hub-5", KeyRole::Consensus, 1)),
        network: Some(vec![proven("hub-5", KeyRole::Network, 0), proven("hub-5", KeyRole::Network, 1)]),
    };
    assert_eq!(world.adopt(Change::Keys(Box::new(change))), ProposalEnd::Activated);
    let keys = world.member("hub-5").keys.clone();
    assert_eq!(keys.operator, secret("hub-5", KeyRole::Operator, 1).public());
    assert_eq!(keys.network.len(), 2);
    assert_eq!(world.state.get::<Keys>(&secret("hub-5", KeyRole::Operator, 0).public()), None);
    assert_eq!(world.seated(), SEATED, "who has no seat gets none with a key");
}

#[test]
fn a_vote_reopens_halted_markets_and_what_waited_is_auctioned() {
    let mut world = Community::new();
    let resource = Resource::Compute;
    // Halted in the block in which a pair crosses: its auction is not held.
    let actions = vec![
        ("hub-1", Action::HaltMarket { resource }),
        ("hub-2", Action::HaltMarket { resource }),
        ("hub-5", order(Side::Ask, 1_000, 150_000)),
        ("buyer", order(Side::Bid, 1_000, 150_000)),
    ];
    world.block(actions);
    let open = world.state.range::<Orders>(..).count();
    assert_eq!(world.state.range::<Trades>(..).count(), 0);
    assert_eq!(world.act("buyer", order(Side::Bid, 1_000, 140_000)), Code::MarketHalted);
    assert_eq!(world.adopt(Change::Reopen { resource }), ProposalEnd::Activated);
    assert!(world.state.range::<References>(..).all(|(_, r)| !r.halted && r.halt_votes.is_empty()));
    world.idle(1);
    assert_eq!(world.state.range::<Trades>(..).count(), usize::from(open == 2));
    assert_eq!(world.act("buyer", order(Side::Bid, 1_000, 140_000)), Code::Ok);
}

#[test]
fn a_reopened_market_trades_from_its_height_on_whatever_happens_in_the_block_before() {
    let mut world = Community::new();
    let resource = Resource::Compute;
    assert_eq!(world.act("hub-1", Action::HaltMarket { resource }), Code::Ok);
    assert_eq!(world.act("hub-5", order(Side::Ask, 1_000, 150_000)), Code::Ok);
    let far = world.block(vec![("hub-4", order(Side::Bid, 1_000, 100_000))]);
    // A member's own transactions keep their order: the bid crosses, and the halt keeps its auction from being held.
    let receipts = world.block(vec![("hub-2", order(Side::Bid, 1_000, 150_000)), ("hub-2", Action::HaltMarket { resource })]);
    assert!(receipts.iter().all(|receipt| receipt.code == Code::Ok));
    let proposal = world.propose("hub-1", Change::Reopen { resource }).unwrap();
    let activation = world.state.get::<Proposals>(&proposal).unwrap().activation.get();
    world.vote(proposal, &["hub-1", "hub-2", "hub-3"], true);
    world.idle(activation - 1 - world.height);
    // The block that makes the change has a changed book.
    let cancel = Action::CancelOrder { order: far.first().unwrap().order.unwrap() };
    assert_eq!(world.act("hub-4", cancel), Code::Ok);
    assert_eq!(world.end(proposal), Some(ProposalEnd::Activated));
    assert_eq!(world.state.range::<Trades>(..).count(), 0, "halted until its height");
    world.idle(1);
    assert_eq!(world.state.range::<Trades>(..).count(), 1);
}

/// What counts of a hub's attendance: (there, all), periods.
fn attended(world: &Community, name: &str) -> Option<(u64, u64)> {
    let presence = world.state.get::<Standings>(&id(name))?.uptime?;
    Some((presence.pair.good / 1_000_000, presence.pair.total / 1_000_000))
}

#[test]
fn periods_of_a_suspension_do_not_count_and_those_before_it_do() {
    let mut world = Community::new();
    let pass = |world: &mut Community, periods: u64| {
        for _ in 0..periods {
            world.wait_ms(crate::time::HOUR_MS);
            world.idle(9);
        }
    };
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    pass(&mut world, 2);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Suspended)), ProposalEnd::Activated);
    assert_eq!(attended(&world, "hub-5"), Some((0, 1)), "one was missed, the running one is not over");
    pass(&mut world, 3);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Active)), ProposalEnd::Activated);
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    assert_eq!(attended(&world, "hub-5"), Some((1, 2)));
}

#[test]
fn who_is_no_hub_any_more_keeps_eight_tenths_of_uptime() {
    let mut world = Community::new();
    assert_eq!(world.act("hub-5", Action::Heartbeat), Code::Ok);
    assert_eq!(world.adopt(Change::Role { member: id("hub-5"), role: Role::Customer }), ProposalEnd::Activated);
    assert_eq!(attended(&world, "hub-5"), None);
    for _ in 0..30 {
        world.wait_ms(crate::time::HOUR_MS);
        world.idle(9);
    }
    assert_eq!(world.member("hub-5").reputation.get(), 8_000);
}

#[test]
fn forecasts_shrink_with_the_plant_that_is_certified() {
    let mut world = Community::new();
    let peak = world.member("hub-5").capacity.solar_peak_watts / 4;
    let slot = |ahead: u64| crate::time::Slot::new(world.time().slot().get() + ahead);
    let (low, high) = (slot(40), slot(41));
    let wh = crate::amount::Quantity::new;
    assert_eq!(world.act("hub-5", Action::ForecastSolar { slots: vec![(low, wh(peak / 4)), (high, wh(peak))] }), Code::Ok);
    let capacity = Capacity { solar_peak_watts: peak * 2, ..world.member("hub-5").capacity };
    assert_eq!(world.adopt(Change::Capacity { member: id("hub-5"), capacity }), ProposalEnd::Activated);
    let forecast = |slot| world.state.get::<Forecasts>(&(id("hub-5"), slot)).unwrap().energy;
    assert_eq!((forecast(low), forecast(high)), (wh(peak / 4), wh(peak / 2)));
}
