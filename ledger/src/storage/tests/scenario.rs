//! Scenario 2 of MARKET 6.

use super::world::*;
use crate::amount::{BasisPoints, MicroChf};
use crate::execute::HistoryRecord;
use crate::receipt::Code;
use crate::state::{StorageContracts, StorageEnd, StorageStage, View};
use crate::transaction::Side;

#[test]
fn scenario_2_pays_twelve_months_to_the_micro_franc() {
    let mut world = World::new();
    let bytes = content(100_000);
    assert_eq!(world.place("seller", Side::Ask, TB, 24, PRICE), Code::Ok);
    assert_eq!(world.place("buyer", Side::Bid, TB, 12, PRICE + 10_000), Code::Ok);
    let id = *world.state().range::<StorageContracts>(..).next().unwrap().0;
    let escrow = MicroChf::new(50_000_000);
    assert_eq!((world.account("buyer").escrow, world.account("buyer").reserved), (escrow, MicroChf::ZERO), "one month, at the ask's price");

    assert_eq!(world.announce("buyer", id, manifest(&bytes)), Code::Ok);
    world.pass();
    world.answer(id, &bytes);
    let StorageStage::Stored { since } = world.contract(id).stage else { panic!("not stored") };
    // The fee of the match holds for the term.
    world.base.edit_params(|params| params.fee = BasisPoints::new(200));

    for month in 1..=12_u64 {
        assert_eq!(world.account("buyer").escrow, escrow, "month {month} is set aside before it starts");
        world.live(id, usize::try_from(month).unwrap(), &bytes, |_| true);
        let settled = *world.settlements().last().unwrap();
        assert_eq!((settled.gross.get(), settled.fee.get(), settled.seller.get()), (50_000_000, 2_500_000, 47_500_000), "month {month}");
        assert_eq!((settled.refund.get(), settled.penalty.get(), settled.bonus.get()), (0, 0, 0), "month {month}");
        assert_eq!(world.account("seller").free.get(), FUNDS + month * 47_500_000, "month {month}");
        assert_eq!(world.account("buyer").money().unwrap().get(), FUNDS - month * 50_000_000, "month {month}");
        assert_eq!(world.totals().fee.get(), month * 2_500_000, "month {month}");
        assert_eq!(world.now(), since.checked_add_months(u32::try_from(month).unwrap()).unwrap(), "month {month}");
    }
    assert_eq!(world.end(id), Some(StorageEnd::Completed));
    assert_eq!((world.account("buyer").free.get(), world.account("buyer").escrow), (FUNDS - 600_000_000, MicroChf::ZERO));
    let HistoryRecord::Storage { contract, .. } = world.finished.last().unwrap() else { panic!("not recorded") };
    // 364 days of challenges: the day that would begin with the end of the term is none.
    assert_eq!(contract.paid.iter().map(|month| month.asked).sum::<u32>(), 364);
    assert!(contract.paid.iter().all(|month| month.asked == month.answered));
}
