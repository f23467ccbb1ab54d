use super::super::index_changes::Change;
use super::*;
use crate::testing::{id, leg};
use crate::time::Slot;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 32])
}

/// Keys of several kinds, many of which differ in their last field alone.
fn pool() -> Vec<IndexKey> {
    let (order, trade) = (|n| OrderId::from_hash(hash(n)), |n| TradeId::from_hash(hash(n)));
    let energy = |slot| Market::Energy { leg: leg(), slot: Slot::new(slot) };
    let lot = HeatLotKey { holder: id("a"), producer: id("b"), slot: Slot::new(1), trade: trade(1) };
    let mut keys = Vec::new();
    for n in 0..3 {
        let due = MarketTime::from_ms(u64::from(n) / 2);
        for id in [TimerId::Order(order(n)), TimerId::Trade(trade(n)), TimerId::HeatLot(lot), TimerId::Charges, TimerId::Dispute(trade(n))]
        {
            keys.push(IndexKey::Timer { due, id });
        }
        for (side, market) in [(Side::Bid, energy(1)), (Side::Ask, energy(1)), (Side::Bid, energy(2)), (Side::Bid, Market::Compute)] {
            keys.push(IndexKey::Book { market, side, rank: 7, height: Height::new(1), order: order(n) });
            keys.push(IndexKey::MemberOrder { member: id("a"), market, order: order(n) });
            keys.push(IndexKey::AuctionDue { market });
        }
        keys.push(IndexKey::MemberTrade { member: id("a"), height: Height::new(u64::from(n) / 2), trade: trade(n) });
        keys.push(IndexKey::HeatBehind { lot, order: order(n) });
        keys.push(IndexKey::Activation { due: Height::new(2), proposal: ProposalId::from_hash(hash(n)) });
    }
    keys
}

fn bound(key: IndexKey, how: u8) -> Bound<IndexKey> {
    match how {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(key),
        _ => Bound::Included(key),
    }
}

/// The bounds that a set takes: in order, and not both open at one key.
fn bounds(keys: &[IndexKey], (from, to): (usize, usize), (how, to_how): (u8, u8)) -> Bounds<IndexKey> {
    let (a, b) = (keys[from % keys.len()], keys[to % keys.len()]);
    let to_how = if a == b { 2 } else { to_how };
    (bound(a.min(b), how), bound(a.max(b), to_how))
}

proptest! {
    /// Whatever came and went, and whenever somebody looked: the sets by kind hold what one ordered set of all keys would.
    #[test]
    fn the_index_by_kind_is_one_ordered_set(
        before in prop::collection::vec(any::<usize>(), 0..30),
        steps in prop::collection::vec((any::<usize>(), prop::option::weighted(0.3, ((any::<usize>(), any::<usize>()), (0..4_u8, 0..4_u8)))), 0..80),
    ) {
        let keys = pool();
        let (mut loaded, mut changes, mut model) = (IndexLists::default(), IndexChanges::default(), BTreeSet::new());
        for key in before.iter().map(|n| keys[n % keys.len()]) {
            loaded.push(&key);
            model.insert(key);
        }
        let mut index = loaded.into_index();
        for (number, look) in steps {
            let key = keys[number % keys.len()];
            if model.insert(key) {
                changes.record(&key, Change::Added);
            } else {
                model.remove(&key);
                changes.record(&key, Change::Removed);
            }
            if let Some((places, how)) = look {
                let range = bounds(&keys, places, how);
                let seen: Vec<IndexKey> = IndexRange::new(&index, Some(&changes), range).collect();
                let wanted: Vec<IndexKey> = model.range(range).copied().collect();
                prop_assert_eq!(seen, wanted);
            }
        }
        index.apply(changes.into_net());
        let seen: Vec<IndexKey> = IndexRange::new(&index, None, (Bound::Unbounded, Bound::Unbounded)).collect();
        prop_assert_eq!(seen, model.into_iter().collect::<Vec<_>>());
    }
}
