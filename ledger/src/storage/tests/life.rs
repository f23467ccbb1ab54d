//! What ends, delays and cuts a contract.

use super::world::*;
use crate::amount::{MicroChf, Quantity};
use crate::execute::HistoryRecord;
use crate::receipt::{CancelReason, Code, Event};
use crate::state::{StorageContracts, StorageEnd, StorageStage, Trades, View};
use crate::testing::{START, id};
use crate::time::{DAY_MS, MarketTime};
use crate::transaction::Side;

const GB100: u64 = 100_000;
/// CHF 5.00: a month of 100 GB.
const MONTH: u64 = 5_000_000;

fn refunds(world: &World) -> Vec<CancelReason> {
    let cancelled = |event: &Event| if let Event::Cancelled { reason, .. } = event { Some(*reason) } else { None };
    world.events.iter().filter_map(cancelled).collect()
}

#[test]
fn missed_days_are_not_paid() {
    let mut world = World::new();
    let bytes = content(5_000);
    let id = world.stored(GB100, 2, &bytes);
    // START is in June: days 1 to 29 belong to the first month, 4 of them are missed.
    world.live(id, 1, &bytes, |day| day % 7 != 0);
    let paid = world.contract(id).paid[0];
    assert_eq!((paid.asked, paid.answered), (29, 25));
    let settled = world.settlements()[0];
    assert_eq!(settled.quantity, Quantity::new(GB100 * 25 / 29));
    // 86 206 MB-months at 0.05 per GB-month.
    assert_eq!((settled.gross.get(), settled.fee.get(), settled.seller.get()), (4_310_300, 215_515, 4_094_785));
    assert_eq!((settled.refund.get(), settled.penalty.get()), (MONTH - 4_310_300, 0));
    world.live(id, 9, &bytes, |_| true);
    assert_eq!(world.end(id), Some(StorageEnd::Completed));
    assert_eq!(world.settlements()[1].gross.get(), MONTH);
}

#[test]
fn a_seller_that_disappears_is_terminated_and_the_buyer_refunded() {
    let mut world = World::new();
    let bytes = content(5_000);
    let contract = world.stored(GB100, 12, &bytes);
    world.live(contract, 1, &bytes, |_| true);
    let before = world.account("buyer").money().unwrap();
    world.live(contract, 12, &bytes, |_| false);
    assert_eq!(world.end(contract), Some(StorageEnd::SellerMissing));
    assert_eq!(refunds(&world), [CancelReason::ProofsMissed]);
    assert_eq!((world.account("buyer").free, world.account("buyer").escrow), (before, MicroChf::ZERO), "the running month is refunded");
    assert_eq!(world.account("seller").free.get(), FUNDS + MONTH - MONTH / 20, "one month was paid");
    let missed = world.events.iter().filter(|e| matches!(e, Event::StorageMissed { .. })).count();
    assert_eq!(missed, 7);
    assert_eq!(crate::storage::held(world.state(), id("seller"), true).0, Quantity::ZERO, "its capacity is free again");
    assert!(world.state().range::<Trades>(..).next().is_none());
}

#[test]
fn one_answer_ends_a_run_of_missed_days() {
    let mut world = World::new();
    let bytes = content(5_000);
    let id = world.stored(GB100, 3, &bytes);
    world.live(id, 3, &bytes, |day| day % 7 == 0);
    assert_eq!(world.end(id), Some(StorageEnd::Completed), "six missed days in a row are no run of seven");
    assert_eq!(world.settlements().len(), 3);
}

#[test]
fn flipped_bytes_cost_the_seller_not_the_buyer() {
    let mut world = World::new();
    let bytes = content(5_000);
    let id = world.stored(GB100, 2, &bytes);
    world.at(world.contract(id).due);
    world.pass();
    // One bit of each chunk is damaged: no chunk can be proved any more.
    let damaged: Vec<u8> = bytes.iter().enumerate().map(|(place, byte)| byte ^ u8::from(place % 1_024 == 100)).collect();
    for proof in world.proofs(id, &damaged) {
        assert_eq!(world.prove("seller", &proof), Code::BadProof);
    }
    world.live(id, 9, &damaged, |_| false);
    assert_eq!(world.end(id), Some(StorageEnd::SellerMissing));
    assert_eq!((world.account("buyer").free.get(), world.account("seller").free.get()), (FUNDS, FUNDS));
}

#[test]
fn a_buyer_without_funds_ends_it_at_the_months_end() {
    let mut world = World::new();
    let bytes = content(5_000);
    let contract = world.stored(GB100, 12, &bytes);
    // What is left for later months is one centime short.
    world.base.edit(|overlay| {
        let mut account = *overlay.get::<crate::state::Accounts>(&id("buyer")).unwrap();
        let mut totals = *overlay.get::<crate::state::TotalsTable>(&()).unwrap();
        let spent = MicroChf::new(account.free.get() - (MONTH - 10_000));
        account.free = account.free.checked_sub(spent).unwrap();
        totals.withdrawn = spent;
        overlay.put::<crate::state::Accounts>(id("buyer"), account);
        overlay.put::<crate::state::TotalsTable>((), totals);
    });
    world.live(contract, 12, &bytes, |_| true);
    assert_eq!(world.end(contract), Some(StorageEnd::BuyerFunds));
    assert_eq!(world.settlements().len(), 1, "the month that ran was paid");
    assert_eq!(world.account("buyer").money().unwrap().get(), MONTH - 10_000);
    assert!(refunds(&world).is_empty());
}

#[test]
fn notice_ends_a_contract_with_the_running_month() {
    for (party, end) in [("buyer", StorageEnd::BuyerNotice), ("seller", StorageEnd::SellerNotice)] {
        let mut world = World::new();
        let bytes = content(5_000);
        let id = world.stored(GB100, 12, &bytes);
        world.live(id, 1, &bytes, |_| true);
        assert_eq!(world.terminate(party, id), Code::Ok);
        world.live(id, 12, &bytes, |_| true);
        assert_eq!(world.end(id), Some(end));
        assert_eq!(world.settlements().len(), 2, "the running month is stored and paid to its end");
    }
}

#[test]
fn what_is_not_stored_in_time_is_refunded() {
    // (announced?, challenged?, party that withdraws, reason, end)
    type Row = (bool, bool, Option<&'static str>, CancelReason, StorageEnd);
    let table: [Row; 8] = [
        (false, false, None, CancelReason::NotAnnounced, StorageEnd::NotAnnounced),
        (false, false, Some("buyer"), CancelReason::ByBuyer, StorageEnd::Withdrawn),
        (false, false, Some("seller"), CancelReason::BySeller, StorageEnd::Withdrawn),
        (true, true, None, CancelReason::NotStarted, StorageEnd::NotStored),
        (true, true, Some("buyer"), CancelReason::ByBuyer, StorageEnd::Withdrawn),
        (true, true, Some("seller"), CancelReason::ContentMissing, StorageEnd::Withdrawn),
        (true, false, None, CancelReason::ContentMissing, StorageEnd::NotStored),
        (true, false, Some("seller"), CancelReason::ContentMissing, StorageEnd::Withdrawn),
    ];
    for (announced, challenged, party, reason, end) in table {
        let mut world = World::new();
        let contract = world.matched("seller", GB100, 12);
        if announced {
            assert_eq!(world.announce("buyer", contract, manifest(&content(5_000))), Code::Ok);
        }
        if !challenged {
            world.proposer = id("seller");
        }
        world.pass();
        match party {
            Some(party) => assert_eq!(world.terminate(party, contract), Code::Ok),
            None => {
                let wait = if announced { 3 * DAY_MS } else { DAY_MS };
                world.wait_ms(wait - 1);
                world.pass();
                assert!(world.find(contract).is_some(), "{reason:?} comes early");
                world.wait_ms(1);
                assert_eq!(world.terminate("buyer", contract), Code::UnknownContract, "an action at the deadline is late");
            }
        }
        assert_eq!((world.end(contract), refunds(&world)), (Some(end), vec![reason]));
        assert_eq!((world.account("buyer").free.get(), world.account("seller").free.get()), (FUNDS, FUNDS));
        assert!(matches!(world.finished.last(), Some(HistoryRecord::Storage { .. })));
    }
}

#[test]
fn months_end_with_the_calendar() {
    let mut world = World::new();
    let bytes = content(100);
    // 2026-01-31 10:00 UTC.
    let start = MarketTime::from_ms(1_769_853_600_000);
    world.at(start);
    let id = world.stored(GB100, 3, &bytes);
    let days = |ms: u64| MarketTime::from_ms(start.ms() + ms * DAY_MS);
    for (month, (end, asked)) in [(days(28), 27), (days(59), 31), (days(89), 30)].into_iter().enumerate() {
        world.live(id, month + 1, &bytes, |_| true);
        assert_eq!(world.now(), end, "28 February, 31 March, 30 April");
        let recorded = world.find(id).map(|c| c.paid).or_else(|| match world.finished.last() {
            Some(HistoryRecord::Storage { contract, .. }) => Some(contract.paid.clone()),
            _ => None,
        });
        assert_eq!(recorded.unwrap()[month].asked, asked, "the day that begins with a month's end is the next month's");
    }
}

#[test]
fn challenges_wait_for_a_block_of_another_owner() {
    let mut world = World::new();
    let bytes = content(5_000);
    let contract = world.stored(GB100, 1, &bytes);
    for own in ["seller", "sister", "nobody"] {
        world.at(world.contract(contract).due);
        world.proposer = id(own);
        world.pass();
        assert_eq!(world.contract(contract).challenge, None, "{own}");
    }
    world.proposer = id("other");
    world.pass();
    assert_eq!(world.contract(contract).challenge.map(|c| c.day), Some(1));
    world.answer(contract, &bytes);
    // A seller whose owner proposes every block cannot be asked: it is paid, and nothing hangs.
    world.proposer = id("sister");
    world.at(MarketTime::from_ms(START + 30 * DAY_MS));
    world.pass();
    assert_eq!(world.end(contract), Some(StorageEnd::Completed));
    assert_eq!(world.settlements()[0].gross.get(), MONTH);
}

#[test]
fn days_without_a_block_have_no_challenge() {
    let mut world = World::new();
    let bytes = content(5_000);
    let id = world.stored(GB100, 1, &bytes);
    world.wait_ms(10 * DAY_MS + 5);
    world.pass();
    assert_eq!(world.contract(id).challenge.map(|c| c.day), Some(1), "one challenge, of the day that was due");
    world.answer(id, &bytes);
    let next = world.contract(id);
    assert_eq!((next.next_day, next.due), (11, MarketTime::from_ms(START + 11 * DAY_MS)));
    assert_eq!((next.asked, next.missed_in_row), (1, 0));
}

#[test]
fn terms_of_bid_and_ask_meet_in_one_contract() {
    // (months of the ask, months of the bid, term of the contract)
    for (ask, bid, term) in [(12, 12, Some(12)), (24, 12, Some(12)), (6, 12, None)] {
        let mut world = World::new();
        assert_eq!(world.place("seller", Side::Ask, GB100, ask, PRICE), Code::Ok);
        assert_eq!(world.place("buyer", Side::Bid, GB100, bid, PRICE), Code::Ok);
        let found = world.state().range::<StorageContracts>(..).next().map(|(_, c)| c.months);
        assert_eq!(found, term, "ask {ask}, bid {bid}");
    }
}

#[test]
fn an_unsplit_bid_stays_with_one_seller() {
    let mut world = World::new();
    assert_eq!(world.place("seller", Side::Ask, GB100, 12, PRICE), Code::Ok);
    assert_eq!(world.place("other", Side::Ask, GB100, 12, PRICE + 1), Code::Ok);
    assert_eq!(world.place("buyer", Side::Bid, 2 * GB100, 12, 2 * PRICE), Code::Ok);
    let sellers: Vec<_> = world.state().range::<StorageContracts>(..).map(|(_, c)| c.seller).collect();
    assert_eq!(sellers, [id("seller")], "the rest waits for the same seller");
    assert_eq!(world.account("buyer").reserved.get(), 2 * MONTH, "one month of the rest, at the limit");
}

#[test]
fn months_that_run_keep_the_stage() {
    let mut world = World::new();
    let bytes = content(100);
    let contract = world.stored(GB100, 2, &bytes);
    let StorageStage::Stored { since } = world.contract(contract).stage else { panic!("not stored") };
    world.live(contract, 1, &bytes, |_| true);
    let after = world.contract(contract);
    assert_eq!((after.stage, after.month), (StorageStage::Stored { since }, 2));
    assert_ne!(after.trade, contract, "each month is a trade of its own");
    assert_eq!(world.state().get::<Trades>(&after.trade).map(|t| t.escrow.get()), Some(MONTH));
}
