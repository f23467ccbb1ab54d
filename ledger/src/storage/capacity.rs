//! Certified storage: open asks and running contracts of a hub never exceed it (MARKET 4).

use crate::amount::Quantity;
use crate::hash::Hash;
use crate::ids::{MemberId, OrderId};
use crate::state::{IndexKey, LoadSource, View};

/// What a member's disks owe, MB: what its running contracts hold, and with `asks` what its open asks offer. With the number of entries read.
pub fn held(view: &impl View, member: MemberId, asks: bool) -> (Quantity, usize) {
    let first = IndexKey::Held { member, source: LoadSource::Order(OrderId::from_hash(Hash::ZERO)), quantity: Quantity::ZERO };
    let (mut sum, mut entries) = (0_u64, 0_usize);
    for key in view.index(first..) {
        match key {
            IndexKey::Held { member: m, source, quantity } if m == member => {
                entries = entries.saturating_add(1);
                if asks || matches!(source, LoadSource::Trade(_)) {
                    sum = sum.saturating_add(quantity.get());
                }
            }
            _ => break,
        }
    }
    (Quantity::new(sum), entries)
}
