//! Charges and payouts.

use super::*;
use crate::params::Parameter;

const MONTH: u64 = 31 * DAY_MS;

fn charge(world: &mut Community, parameter: Parameter, value: u64) {
    assert_eq!(world.adopt(Change::Parameter { parameter, value }), ProposalEnd::Activated);
}

#[test]
fn each_month_active_members_pay_what_applies_to_them() {
    let mut world = Community::new();
    charge(&mut world, Parameter::ApiAccess, 1_000_000);
    charge(&mut world, Parameter::Certification, 2_000_000);
    charge(&mut world, Parameter::Support, 4_000_000);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Suspended)), ProposalEnd::Activated);
    let fee = |world: &Community| world.state.get::<TotalsTable>(&()).unwrap().fee.get();
    assert_eq!(fee(&world), 0, "the month is not over");
    // The network began on 15 June; its first month ends on 15 July at the same time.
    world.now = START + 30 * DAY_MS - 1_000;
    world.idle(1);
    assert_eq!(fee(&world), 0);
    world.idle(1);
    assert_eq!(world.account("hub-1").free.get(), FUNDS - 7_000_000);
    assert_eq!(world.account("buyer").free.get(), FUNDS - 1_000_000);
    assert_eq!(world.account("hub-5").free.get(), FUNDS, "suspended");
    assert_eq!(fee(&world), 4 * 7_000_000 + 1_000_000);
    world.wait_ms(MONTH);
    world.idle(3);
    assert_eq!(world.account("hub-1").free.get(), FUNDS - 14_000_000, "once a month");
}

#[test]
fn what_a_balance_does_not_cover_is_paid_from_later_proceeds() {
    let mut world = Community::new();
    charge(&mut world, Parameter::ApiAccess, FUNDS + 5_000_000);
    world.wait_ms(MONTH);
    world.idle(1);
    let buyer = world.account("buyer");
    assert_eq!((buyer.free.get(), buyer.debt.get()), (0, 5_000_000));
    assert_eq!(world.state.get::<ArrearsTable>(&id("buyer")).unwrap().get(), 5_000_000);
    let fee = world.state.get::<TotalsTable>(&()).unwrap().fee.get();
    let mut ctx = execute::Context::new(Overlay::new(&world.state), world.facts(), world.params().clone());
    execute::collect_penalty(&mut ctx, id("buyer"), crate::amount::MicroChf::new(1_000_000)).unwrap();
    // Proceeds come in from another account.
    let mut account = ctx.state.get::<Accounts>(&id("buyer")).copied().unwrap();
    account.free = crate::amount::MicroChf::new(3_000_000);
    ctx.state.put::<Accounts>(id("buyer"), account);
    execute::collect_debt(&mut ctx, id("buyer")).unwrap();
    let account = ctx.state.get::<Accounts>(&id("buyer")).copied().unwrap();
    let totals = *ctx.state.get::<TotalsTable>(&()).unwrap();
    assert_eq!((account.free.get(), account.debt.get()), (0, 3_000_000));
    assert_eq!((totals.penalties.get(), totals.fee.get() - fee), (1_000_000, 2_000_000), "penalties first");
    assert_eq!(ctx.state.get::<ArrearsTable>(&id("buyer")).unwrap().get(), 3_000_000);
}

#[test]
fn a_run_over_many_members_takes_several_blocks_and_charges_each_once() {
    let mut world = Community::new();
    let mut overlay = Overlay::new(&world.state);
    let extra = 2 * crate::limits::MAX_CHARGES as u64 + 3;
    for index in 0..extra {
        let name = format!("customer-{index:04}");
        let mut member = Member { role: Role::Customer, ..hub(&name) };
        member.keys.meter = None;
        overlay.put::<Keys>(member.keys.operator, (member.id, KeyRole::Operator));
        overlay.put::<Members>(member.id, member);
    }
    let changes = overlay.into_changes();
    world.state.apply(changes);
    charge(&mut world, Parameter::ApiAccess, 1_000);
    world.wait_ms(MONTH);
    let mut charged = 0;
    for _ in 0..4 {
        world.idle(1);
        let now = world.events.iter().filter(|e| matches!(e, Event::Charged { .. })).count();
        assert!(now <= crate::limits::MAX_CHARGES);
        charged += now as u64;
    }
    assert_eq!(charged, extra + 6);
}

#[test]
fn charges_that_are_lifted_end_their_run() {
    let mut world = Community::new();
    charge(&mut world, Parameter::Support, 1_000);
    assert_eq!(world.state.range::<ChargeRuns>(..).count(), 1);
    charge(&mut world, Parameter::Support, 0);
    world.wait_ms(MONTH);
    world.idle(1);
    assert_eq!((world.state.range::<ChargeRuns>(..).count(), world.account("hub-1").free.get()), (0, FUNDS));
}

#[test]
fn who_leaves_is_paid_out_when_its_trades_are_over() {
    let mut world = Community::new();
    let total = money(&world.state);
    world.block(vec![("hub-5", order(Side::Ask, 1_000, 150_000)), ("buyer", order(Side::Bid, 1_000, 150_000))]);
    assert_eq!(world.act("buyer", order(Side::Bid, 1_000, 100_000)), Code::Ok);
    assert_eq!(world.adopt(status("buyer", MemberStatus::Left)), ProposalEnd::Activated);
    world.idle(1);
    let buyer = world.account("buyer");
    assert_eq!((buyer.reserved.get(), buyer.escrow.get()), (0, 150_000), "its trade runs");
    assert_eq!(money(&world.state), total, "nothing is paid out yet");
    // The seller does not start in time: the trade is cancelled, and an hour later the balance leaves.
    world.wait_ms(3 * crate::time::HOUR_MS);
    world.idle(1);
    world.wait_ms(crate::time::HOUR_MS);
    world.idle(1);
    assert_eq!(world.account("buyer").free.get(), 0);
    assert_eq!(money(&world.state), total - FUNDS);
    assert_eq!(world.state.get::<TotalsTable>(&()).unwrap().withdrawn.get(), FUNDS);
    world.wait_ms(32 * DAY_MS);
    world.idle(1);
    assert_eq!(world.state.range::<Departures>(..).count(), 0, "it is not looked at any more");
}

#[test]
fn a_payout_is_in_whole_rappen_and_takes_the_nodes_keys_along() {
    let mut world = Community::new();
    let mut overlay = Overlay::new(&world.state);
    overlay.put::<Accounts>(id("hub-5"), Account { free: crate::amount::MicroChf::new(FUNDS + 9_999), ..Account::default() });
    let mut totals = *overlay.get::<TotalsTable>(&()).unwrap();
    totals.deposited = totals.deposited.checked_add(crate::amount::MicroChf::new(9_999)).unwrap();
    overlay.put::<TotalsTable>((), totals);
    let changes = overlay.into_changes();
    world.state.apply(changes);
    assert_eq!(world.adopt(status("hub-5", MemberStatus::Left)), ProposalEnd::Activated);
    world.idle(1);
    assert!(world.events.iter().any(|e| matches!(e, Event::PaidOut { amount, .. } if amount.get() == FUNDS)));
    assert_eq!(world.account("hub-5").free.get(), 9_999);
    let keys = &world.member("hub-5").keys;
    assert_eq!((keys.consensus, keys.network.len()), (None, 0));
}
