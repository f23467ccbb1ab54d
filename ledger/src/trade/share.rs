//! A limit shared pro rata in Wh.

use crate::amount::Quantity;

/// Shares a limit over parts in their given order, each in proportion to its size.
///
/// After the parts p1..pn of a total T, under a limit L, exactly floor((p1 + .. + pn) x min(L, T) / T) were given out. So each share is the
/// exact one rounded down or up to a Wh, never above its part, and all of them together are min(L, T): nothing is lost and no second pass
/// hands out leftovers. Who gets an odd Wh follows from the order alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProRata {
    total: Quantity,
    limit: Quantity,
    before: Quantity,
}

impl ProRata {
    /// Shares `limit` over parts that sum up to `total`, of which `before` have had their share.
    pub(super) fn resume(total: Quantity, limit: Quantity, before: Quantity) -> Self {
        ProRata { total, limit: limit.min(total), before }
    }

    /// Share of the next part; `None` when the parts exceed the total.
    pub(super) fn next(&mut self, part: Quantity) -> Option<Quantity> {
        let after = self.before.checked_add(part).filter(|sum| *sum <= self.total)?;
        let given = self.given(self.before)?;
        self.before = after;
        self.given(after)?.checked_sub(given)
    }

    fn given(&self, parts: Quantity) -> Option<Quantity> {
        if self.total.is_zero() { Some(Quantity::ZERO) } else { parts.mul_div_floor(self.limit.get(), self.total.get()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_sum_up_to_the_limit_and_stay_near_the_exact_ratio(
            parts in prop::collection::vec(0_u64..1_000_000, 0..40), limit in 0_u64..30_000_000, cut in 0_usize..40,
        ) {
            let total: u64 = parts.iter().sum();
            let (total, limit) = (Quantity::new(total), Quantity::new(limit));
            let mut sharing = ProRata::resume(total, limit, Quantity::ZERO);
            let mut sum = 0;
            for (index, part) in parts.iter().enumerate() {
                if index == cut {
                    sharing = ProRata::resume(total, limit, sharing.before);
                }
                let share = sharing.next(Quantity::new(*part)).unwrap().get();
                let exact = u128::from(*part) * u128::from(limit.min(total).get());
                prop_assert!(share <= *part);
                prop_assert!(u128::from(share).abs_diff(exact / u128::from(total.get().max(1))) <= 1);
                sum += share;
            }
            prop_assert_eq!(sum, limit.min(total).get());
            prop_assert_eq!(sharing.next(Quantity::new(1)), None);
        }
    }
}
