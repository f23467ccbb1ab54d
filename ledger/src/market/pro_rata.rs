//! Sharing a quantity among asks of equal key, as energy and heat do (MARKET 5).

use crate::amount::Quantity;
use crate::transaction::SettlementMethod;

/// One ask of a group, in the order of the tie-break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Number of the ask.
    pub ask: usize,
    /// How it would be paid.
    pub settlement: SettlementMethod,
    /// What it can give, in whole lots.
    pub room: Quantity,
    /// Least that a fill of it may be.
    least: Quantity,
    /// What it gives; zero once it has dropped out.
    pub given: Quantity,
    out: bool,
}

impl Share {
    #[inline]
    pub(super) fn new(ask: usize, settlement: SettlementMethod, room: Quantity, least: Quantity) -> Self {
        Share { ask, settlement, room, least, given: Quantity::ZERO, out: false }
    }
}

/// Shares `wanted` (whole lots) among the asks of a group: floor(q x room / total room) in whole lots, leftovers one lot each in the order of
/// the group. A share under its least drops out, the last one first, and the rest is shared anew. `None` on overflow.
pub(super) fn pro_rata(wanted: Quantity, group: &mut [Share], lot: Quantity) -> Option<()> {
    loop {
        share_out(wanted, group, lot)?;
        let Some(last) = group.iter_mut().rfind(|share| !share.out && share.given < share.least) else { return Some(()) };
        last.out = true;
        last.given = Quantity::ZERO;
    }
}

fn share_out(wanted: Quantity, group: &mut [Share], lot: Quantity) -> Option<()> {
    let total = group.iter().filter(|share| !share.out).try_fold(Quantity::ZERO, |sum, share| sum.checked_add(share.room))?;
    if total <= wanted {
        // Everyone gives all.
        group.iter_mut().filter(|share| !share.out).for_each(|share| share.given = share.room);
        return Some(());
    }
    let mut left = wanted;
    let lots_unit = total.get().checked_mul(lot.get());
    for share in group.iter_mut().filter(|share| !share.out && !share.room.is_zero()) {
        share.given = match lots_unit {
            // floor(floor(q x room / total) / lot) = floor(q x room / (total x lot)): one division instead of two.
            Some(unit) => Quantity::new(wanted.mul_div_floor(share.room.get(), unit)?.get().checked_mul(lot.get())?),
            None => wanted.mul_div_floor(share.room.get(), total.get())?.floor_to(lot)?,
        };
        left = left.checked_sub(share.given)?;
    }
    for share in group.iter_mut().filter(|share| !share.out) {
        if left < lot {
            break;
        }
        share.given = share.given.checked_add(lot)?;
        left = left.checked_sub(lot)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(room: u64, least: u64) -> Share {
        Share::new(0, SettlementMethod::Credits, Quantity::new(room), Quantity::new(least))
    }

    fn shares(wanted: u64, group: &[(u64, u64)]) -> Vec<u64> {
        let mut group: Vec<Share> = group.iter().map(|(room, least)| share(*room, *least)).collect();
        pro_rata(Quantity::new(wanted), &mut group, Quantity::new(10)).unwrap();
        group.iter().map(|share| share.given.get()).collect()
    }

    #[test]
    fn shares_by_hand() {
        assert_eq!(shares(100, &[(100, 0), (100, 0)]), [50, 50]);
        assert_eq!(shares(100, &[(100, 0), (100, 0), (100, 0)]), [40, 30, 30], "the leftover lot goes to the first in tie-break");
        assert_eq!(shares(1_000, &[(100, 0), (300, 0)]), [100, 300], "no more than there is");
        assert_eq!(shares(100, &[(900, 0), (100, 0)]), [90, 10]);
        assert_eq!(shares(10, &[(100, 0), (100, 0)]), [10, 0]);
        assert_eq!(shares(100, &[(100, 60), (100, 60)]), [100, 0], "the last under its least drops out, the other takes its part");
        assert_eq!(shares(100, &[(100, 60), (100, 0)]), [0, 100], "even the first, when it alone is under its least");
        assert_eq!(shares(100, &[(50, 60), (40, 60)]), [0, 0]);
    }

    #[test]
    fn lots_beyond_what_one_division_can_take() {
        let lot = Quantity::new(1 << 40);
        let rooms = [3, 2, 1].map(|lots| share(lots << 40, 0));
        let given = |wanted: u64| {
            let mut group = rooms;
            pro_rata(Quantity::new(wanted << 40), &mut group, lot).unwrap();
            group.map(|share| share.given.get() >> 40)
        };
        assert_eq!(given(3), [2, 1, 0]);
        assert_eq!(given(5), [3, 2, 0]);
        assert_eq!(given(6), [3, 2, 1]);
    }

    proptest! {
        #[test]
        fn everyone_is_within_a_lot_of_its_part(wanted in 1_u64..5_000, rooms in proptest::collection::vec(1_u64..2_000, 1..16)) {
            let wanted = wanted * 10;
            let group: Vec<(u64, u64)> = rooms.iter().map(|r| (r * 10, 0)).collect();
            let total: u64 = group.iter().map(|g| g.0).sum();
            let got = shares(wanted, &group);
            let q = wanted.min(total);
            prop_assert_eq!(got.iter().sum::<u64>(), q, "nothing is lost");
            for (share, (room, _)) in got.iter().zip(&group) {
                prop_assert!(share <= room && share % 10 == 0);
                let exact = q as f64 * *room as f64 / total as f64;
                prop_assert!((*share as f64 - exact).abs() < 20.0, "{} of {}", share, exact);
                prop_assert!(*share as f64 > exact - 10.0 - 1e-6);
            }
        }
    }
}
