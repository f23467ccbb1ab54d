//! The markets that a block changed so far.

use crate::transaction::Market;
use std::collections::BTreeSet;

/// A set of markets that is brought back to a mark in as many steps as changed it since, so that an action costs nothing for those that earlier
/// ones changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedMarkets {
    set: BTreeSet<Market>,
    journal: Vec<(Market, Change)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
}

impl ChangedMarkets {
    /// Adds a market.
    pub fn insert(&mut self, market: Market) {
        if self.set.insert(market) {
            self.journal.push((market, Change::Added));
        }
    }

    /// Takes a market out.
    pub fn remove(&mut self, market: &Market) {
        if self.set.remove(market) {
            self.journal.push((*market, Change::Removed));
        }
    }

    /// The markets in it, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Market> {
        self.set.iter().copied()
    }

    /// True if the market is in it.
    pub fn contains(&self, market: &Market) -> bool {
        self.set.contains(market)
    }

    /// True without any market.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// A mark for [`ChangedMarkets::rollback`].
    pub(super) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Undoes what changed since `mark`.
    pub(super) fn rollback(&mut self, mark: usize) {
        while self.journal.len() > mark {
            match self.journal.pop() {
                Some((market, Change::Added)) => drop(self.set.remove(&market)),
                Some((market, Change::Removed)) => drop(self.set.insert(market)),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::leg;
    use crate::time::Slot;
    use proptest::prelude::*;

    fn change(markets: &mut ChangedMarkets, (slot, add): (u64, bool)) {
        let market = Market::Energy { leg: leg(), slot: Slot::new(slot) };
        if add { markets.insert(market) } else { markets.remove(&market) }
    }

    proptest! {
        #[test]
        fn a_rollback_restores_what_a_copy_would(before in prop::collection::vec((0..5_u64, any::<bool>()), 0..20), after in prop::collection::vec((0..5_u64, any::<bool>()), 0..20)) {
            let mut markets = ChangedMarkets::default();
            before.into_iter().for_each(|c| change(&mut markets, c));
            let (copy, mark) = (markets.clone(), markets.mark());
            after.into_iter().for_each(|c| change(&mut markets, c));
            markets.rollback(mark);
            prop_assert_eq!(markets, copy);
        }
    }
}
